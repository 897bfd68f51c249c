"""What the potential costs, in units of the matrix product of all pairs.

The product of X with its own transpose in float32, by blocks and without keeping it, is
what any exact method through all pairs computes; it is timed just before and just after
each call. Ratios are of CPU time on two threads, the median over calls. Every case runs
in a process of its own: its peak of memory is taken over what was there before the call
and one copy of X.

The data: 6 classes of 40 to 4 % of the points, 24 clusters in a latent space of
dimension 8, mapped to d features behind a ReLU. The radius is set to hold the given
share of all pairs. scikit-learn's side builds the same sums from the lists of
``radius_neighbors`` with cosine distances.

    python benchmarks/bench_potential.py [--shl]

``--shl`` times the size of the SHL table of the IHDA paper instead, 375,130 rows of 753
features, on two threads, or on a GPU if there is one. 400 rows are compared with sums
in float64.
"""

import os

# Threads that wait should not be counted as work; read when torch starts.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import time

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from costs import (
    cpu_seconds,
    in_own_process,
    peak_mib,
    print_line,
    run,
    shown,
)
from runs import check, claim, parser_of
from skaug import potential, potential_grid

SHARES = [0.40, 0.25, 0.15, 0.10, 0.06, 0.04]
# (n, features, share of pairs in the radius): the most it may cost.
GOALS = {
    (10_000, 561, 0.02): 0.65,
    (30_000, 561, 0.02): 0.65,
    (10_000, 64, 0.02): 1.25,
    (30_000, 64, 0.02): 1.25,
    (10_000, 64, 0.20): 3.0,
}
MEMORY_GOAL = 32  # MiB, with 30,000 points
GRID_GOAL = 2.0  # times one call, for ten pairs of a radius and a gamma
SKLEARN_GOAL = 5.0  # times the CPU time, with 10,000 points


def make_points(n, n_features, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(len(SHARES), n, p=SHARES)
    centres = rng.normal(size=(24, 8))
    latent = centres[4 * y + rng.integers(4, size=n)] + 0.7 * rng.normal(size=(n, 8))
    X = latent @ rng.normal(size=(8, n_features))
    X += 0.3 * rng.normal(size=(n, n_features))
    return np.maximum(X, 0).astype(np.float32), y


def radius_holding(share, X):
    some = X[:: max(1, len(X) // 2000)]
    some = some / np.linalg.norm(some, axis=1, keepdims=True)
    return float(1 - np.quantile(some @ some.T, 1 - share))


def product_of_all_pairs(X, block=1024):
    X = torch.from_numpy(X)
    out = torch.empty(block * block)
    for i in range(0, len(X), block):
        for j in range(0, len(X), block):
            left, right = X[i : i + block], X[j : j + block]
            shape = len(left), len(right)
            torch.mm(left, right.T, out=out[: shape[0] * shape[1]].view(shape))


def ratios_to_product(X, functions, repeats):
    """CPU time of each function over that of the product beside it, by repeat."""
    ratios = {name: [] for name in functions}
    before, _ = cpu_seconds(product_of_all_pairs, X)
    for _ in range(repeats):
        for name, function in functions.items():
            seconds, _ = cpu_seconds(function)
            after, _ = cpu_seconds(product_of_all_pairs, X)
            ratios[name].append(2 * seconds / (before + after))
            before = after
    return {name: float(np.median(values)) for name, values in ratios.items()}


def sums_from_radius_neighbors(X, y, radius):
    neighbours = NearestNeighbors(radius=radius, metric="cosine", algorithm="brute")
    distances, rows = neighbours.fit(X).radius_neighbors(X)
    values = np.empty(len(X))
    for i, (distance, row) in enumerate(zip(distances, rows)):
        weights = np.exp(-((distance / (radius / 2)) ** 2))
        same = y[row] == y[i]
        # The point itself is in the list, with distance 0.
        values[i] = weights[~same].sum() - (weights[same].sum() - 1)
        if same.sum() == 1:
            values[i] = -1
    return values


def measure(n, n_features, share):
    torch.set_num_threads(2)
    X, y = make_points(n, n_features)
    radius = radius_holding(share, X)
    grid = {
        "radius": radius * np.linspace(0.2, 1, 5),
        "gamma": [radius / 2, radius / 4],
    }
    functions = {"potential": lambda: potential(X, y, radius=radius)}
    small = n <= 10_000
    if small:
        functions["grid of 10"] = lambda: potential_grid(X, y, **grid)
        if share < 0.1:
            functions["scikit-learn"] = lambda: sums_from_radius_neighbors(X, y, radius)
    potential(X[:600], y[:600], radius=radius)
    peak = peak_mib(functions["potential"])
    values = potential(X, y, radius=radius)
    result = ratios_to_product(X, functions, repeats=5 if small else 3)
    result["peak"] = None if peak is None else peak - X.nbytes / 2**20
    result["hard"] = float((values > 0).mean())
    if "scikit-learn" in functions:
        theirs = sums_from_radius_neighbors(X, y, radius)
        # Single pairs at the very border may fall on either side in float32.
        result["agree"] = float((np.sign(values) == np.sign(theirs)).mean())
    return result


def main(options):
    if options.shl:
        shl_table()
        return
    print(f"2 threads, torch {torch.__version__}; CPU time / that of the full product")
    columns = "pairs", "potential", "goal", "grid of 10", "scikit-learn", "MiB", "hard"
    widths = 20, 6, 11, 6, 12, 14, 7, 7
    print_line(widths, ["points x features", *columns])
    claims = []
    for case, goal in GOALS.items():
        found = in_own_process(__file__, *case)
        n, n_features, share = case
        ours, grid = found["potential"], found.get("grid of 10")
        sklearn, peak = found.get("scikit-learn"), found["peak"]
        ratios = f"{ours:.2f}", goal, shown(grid, ".2f"), shown(sklearn, ".2f")
        hard = f"{found['hard']:.1%}"
        line = (
            f"{n:,} x {n_features}",
            f"{share:.0%}",
            *ratios,
            shown(peak, ".0f"),
            hard,
        )
        print_line(widths, line)
        name = f"{n:,} x {n_features}, {share:.0%}"
        claims.append(claim(f"{name}: at most {goal}", f"{ours:.2f}", ours <= goal))
        if grid:
            text, ratio = f"{name}: the grid at most {GRID_GOAL} x a call", grid / ours
            claims.append(claim(text, f"{ratio:.2f}", ratio <= GRID_GOAL))
        if sklearn:
            text, ratio = (
                f"{name}: scikit-learn {SKLEARN_GOAL} x or more",
                sklearn / ours,
            )
            claims.append(claim(text, f"{ratio:.2f}", ratio >= SKLEARN_GOAL))
        if n == 30_000 and peak is not None:
            text = f"{name}: at most {MEMORY_GOAL} MiB"
            claims.append(claim(text, f"{peak:.0f}", peak <= MEMORY_GOAL))
        assert found.get("agree", 1) > 0.999, "the two sides disagree"
    check(claims)


def shl_table(n=375_130, n_features=753, n_checked=400):
    """One exact call at the size of the paper's table, checked in float64."""
    torch.set_num_threads(2)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    X, y = make_points(n, n_features)
    radius = radius_holding(0.02, X)
    potential(X[:20_000], y[:20_000], radius=radius, device=device)
    found = {}

    def call():
        start = time.perf_counter()
        found["values"] = potential(X, y, radius=radius, device=device, verbose=2)
        found["seconds"] = time.perf_counter() - start

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        call()
        peak = torch.cuda.max_memory_allocated() / 2**20 - X.nbytes / 2**20
    else:
        peak = peak_mib(call)
        if peak is None:  # where the peak cannot be read, nothing was called
            call()
    values, minutes = found["values"], found["seconds"] / 60
    rows = np.random.default_rng(0).choice(n, n_checked, replace=False)
    expected = sums_in_float64(X, y, radius, rows)
    error = np.abs(expected - values[rows]).max() / np.abs(expected).max()
    differ = int((np.sign(expected) != np.sign(values[rows])).sum())
    place = torch.cuda.get_device_name() if device == "cuda" else "CPU, 2 threads"
    print(
        f"{place}, torch {torch.__version__}: {n:,} x {n_features} in {minutes:.1f} "
        f"minutes, {(values > 0).mean():.1%} of the points hard"
    )
    check(
        [
            claim("at most 20 minutes", f"{minutes:.1f}", minutes <= 20),
            claim(
                "at most 1024 MiB beyond X",
                shown(peak, ".0f") or "not measured",
                peak is None or peak <= 1024,
            ),
            claim("error at most 1e-4 of the largest", f"{error:.1e}", error <= 1e-4),
            claim(f"signs of {n_checked} rows as in float64", differ, differ == 0),
        ]
    )


def sums_in_float64(X, y, radius, rows, at_once=8192):
    """Potentials of some rows among all, in double precision and without skaug."""
    lengths = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=float))
    asked = X[rows] / lengths[rows, None]
    values, own = np.zeros(len(rows)), np.zeros(len(rows))
    for start in range(0, len(X), at_once):
        part = slice(start, start + at_once)
        distances = 1 - asked @ (X[part] / lengths[part, None]).T
        weights = np.exp(-((distances / (radius / 2)) ** 2)) * (distances <= radius)
        weights[rows[:, None] == np.arange(len(X))[part]] = 0
        same = y[rows, None] == y[part]
        values += np.where(same, -weights, weights).sum(1)
        own += np.where(same, weights, 0).sum(1)
    return np.where(own == 0, -1.0, values)


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--shl", action="store_true", help="time the SHL table's size")
    run(parser, main, measure)
