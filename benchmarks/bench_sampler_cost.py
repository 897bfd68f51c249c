"""What over-sampling costs: HardRegionSampler beside SMOTE, CPU time and memory.

Tables have 40 normal columns in float64, with two classes 10 : 1 or with five from 8 to
1. All classes are filled up, in one thread. Ratios are to SMOTE of imbalanced-learn
with its defaults: the median over calls, each divided by the mean of the calls of SMOTE
just before and just after it. The peak of memory is what a call takes beyond what was
there, with the new table: the median of three, in a process of its own. Claims are
about the defaults of HardRegionSampler.

    python benchmarks/bench_sampler_cost.py
"""

import numpy as np
import torch
from imblearn.over_sampling import SMOTE, BorderlineSMOTE

from costs import cpu_seconds, in_own_process, peak_mib, print_line, run, shown
from runs import check, claim, origin, parser_of
from skaug import HardRegionSampler

SIZES = (1_000, 5_000, 20_000)
SHARES = {"10 : 1": [10, 1], "8 : 5 : 3 : 2 : 1": [8, 5, 3, 2, 1]}
N_FEATURES = 40
REPEATS, PEAKS = 7, 3
TIME_GOAL, MEMORY_GOAL = 2.0, 1.5
THEIRS = "SMOTE"
SAMPLERS = {
    "default": lambda: HardRegionSampler(random_state=0),
    "neighbors": lambda: HardRegionSampler(generator="neighbors", random_state=0),
    "interpolation": lambda: HardRegionSampler(
        generator="interpolation", random_state=0
    ),
    "gaussian": lambda: HardRegionSampler(generator="gaussian", random_state=0),
    "supported": lambda: HardRegionSampler(sources="supported", random_state=0),
    "BorderlineSMOTE": lambda: BorderlineSMOTE(random_state=0),
}


def make_table(n, shares, seed=0):
    """Rows whose classes differ in their means, and their labels."""
    rng = np.random.default_rng(seed)
    counts = np.array(shares) * n // sum(shares)
    counts[0] += n - counts.sum()
    y = rng.permutation(np.repeat(np.arange(len(shares)), counts))
    means = rng.normal(scale=0.5, size=(len(shares), N_FEATURES))
    return rng.normal(size=(n, N_FEATURES)) + means[y], y


def measure(n, kind, name, what):
    """Peak of memory in MiB; or ratio of CPU time to that of SMOTE, and the latter."""
    torch.set_num_threads(1)
    X, y = make_table(n, SHARES[kind])
    ours = SAMPLERS.get(name, smote)
    for make in smote, ours:
        make().fit_resample(*make_table(300, SHARES[kind]))
    if what == "memory":
        peaks = [peak_mib(lambda: ours().fit_resample(X, y)) for _ in range(PEAKS)]
        return None if None in peaks else float(np.median(peaks))
    before, _ = cpu_seconds(smote().fit_resample, X, y)
    ratios, of_theirs = [], [before]
    for _ in range(REPEATS):
        seconds, _ = cpu_seconds(ours().fit_resample, X, y)
        after, _ = cpu_seconds(smote().fit_resample, X, y)
        ratios.append(2 * seconds / (before + after))
        of_theirs.append(before := after)
    return float(np.median(ratios)), float(np.median(of_theirs))


def smote():
    """SMOTE of imbalanced-learn."""
    return SMOTE(random_state=0)


def main(options):
    """Print a line for every case and sampler, and check the claims."""
    print(f"{origin('imbalanced-learn')}; ratios to {THEIRS}")
    widths = 42, 18, 10, 10, 12, 10
    heads = "classes", "CPU time", "memory", f"{THEIRS}, ms", "MiB"
    print_line(widths, ["rows, sampler", *heads])
    claims = []
    cases = [(n, kind) for kind in SHARES for n in SIZES]
    for n, kind in cases:
        theirs = peak_of(n, kind, THEIRS)
        for name in SAMPLERS:
            ratio, seconds = in_own_process(__file__, n, kind, name, "time")
            peak = peak_of(n, kind, name)
            memory = peak / theirs if theirs else None
            cells = [kind, f"{ratio:.2f}", shown(memory, ".2f")]
            cells += [f"{1000 * seconds:.1f}", shown(peak, ".1f")]
            print_line(widths, [f"{n:,} x {N_FEATURES}, {name}", *cells])
            if name == "default":
                claims += claims_of(f"{n:,} rows, {kind}", ratio, memory)
    check(claims)


def peak_of(n, kind, name):
    """Peak of memory of a sampler in MiB."""
    # What is freed goes back at once. Otherwise the peak of small tables depends on the
    # pieces that the allocator keeps, and is up to twice as high by chance.
    back = {"MALLOC_MMAP_THRESHOLD_": "32768"}
    return in_own_process(__file__, n, kind, name, "memory", **back)


def claims_of(case, ratio, memory):
    """What is claimed of the default in a case."""
    text = f"{case}: CPU time at most {TIME_GOAL:g} x {THEIRS}"
    yield claim(text, f"{ratio:.2f}", ratio <= TIME_GOAL)
    if memory is not None:
        text = f"{case}: memory at most {MEMORY_GOAL:g} x {THEIRS}"
        yield claim(text, f"{memory:.2f}", memory <= MEMORY_GOAL)


if __name__ == "__main__":
    run(parser_of(__doc__), main, measure)
