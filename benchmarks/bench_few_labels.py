"""Which convex head for few labels? Logistic regression, LDA, ISDA and others.

Features of CIFAR-10 and Fashion-MNIST are those of a frozen network that was trained on
ImageNet; digits, UCI HAR (other people in the test), MNIST and breast cancer are
tables. Each head chooses its penalty and one temperature on rows held out of the
training rows. ISDA has strength "auto", which is min(0.5, 4 d / n) if that lowers their
loss by more than a standard error, and 0 if not; unguarded it is always the first.
Differences are paired over the draws, ± one standard error. The long tail has 100 to 5
rows per class in training, and as many of each class in the test.

    python benchmarks/bench_few_labels.py [--seeds 10] [--output FILE.json]
    python benchmarks/bench_few_labels.py --summary FILE.json
"""

import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Bunch

from few_labels import HEADS, OF_LONG_TAILS, draw
from runs import (
    by_set,
    claim,
    differences,
    levels,
    list_of_claims,
    markdown,
    origins,
    rounded,
    study,
    study_parser,
    values,
)
from skaug import ISDALogisticRegression
from skaug.comparison import scores
from skaug.comparison.cell import one_thread
from skaug.comparison.differences import mean_and_error

SIZES = (5, 10, 20, 50)
TAIL = "cifar10, long tail"
SETS = {
    "cifar10": (*SIZES, 200),
    "fashion_mnist": (*SIZES, 200),
    "digits": (*SIZES, 100),
    "har": (*SIZES, 200),
    "mnist": (*SIZES, 200),
    "breast_cancer": (*SIZES, 100),
    TAIL: tuple(np.geomspace(100, 5, 10).round().astype(int).tolist()),
}
METRICS = {
    "accuracy": 2,
    "log-loss": 3,
    "calibration error": 2,
    "worst class": 1,
    "seconds": 2,
}
TIMED = (50, 200)  # rows per class of CIFAR-10: 500 and 2,000 x 1280
ISDA, BASE = "pooled ISDA", "LR"


def run_seed(name, seed):
    """Figures of all heads on all sizes of one draw."""
    arms, ratios = {}, {}
    with one_thread():
        if name == TAIL:
            drawn = draw("cifar10", SETS[TAIL], seed)
            return {"arms": scores_of_heads(drawn, OF_LONG_TAILS)}
        for n in SETS[name]:
            drawn = draw(name, n, seed)
            arms |= scores_of_heads(drawn, HEADS, f"{n} per class, ")
            if name == "cifar10" and n in TIMED:
                ratios[str(n)] = ratio_of_times(drawn)
    return {"arms": arms, "ratios": ratios}


def scores_of_heads(drawn, heads, prefix=""):
    """Fit heads, and score them on the test rows."""
    arms = {}
    for head, fit in heads.items():
        start = time.perf_counter()
        log_p = fit(drawn)
        seconds = time.perf_counter() - start
        test = Bunch(y=drawn.y_test, groups=None)
        found = scores(log_p, test, np.arange(log_p.shape[1]))
        found["seconds"] = seconds
        arms[prefix + head] = rounded({m: found[m] for m in METRICS}, 6)
    return arms


def ratio_of_times(drawn, repeats=3):
    """Time of a fit over that of scikit-learn's, at one penalty, side by side."""
    X, y = drawn.X_as_it_is, drawn.y
    C = ISDALogisticRegression().fit(drawn.X, y).C_
    ours = ISDALogisticRegression(C=C, temperature=1.0)
    theirs = LogisticRegression(C=C, max_iter=1000)
    seconds = {ours: [], theirs: []}
    for _ in range(repeats):
        for model, times in seconds.items():
            start = time.perf_counter()
            model.fit(X, y)
            times.append(time.perf_counter() - start)
    return round(min(seconds[ours]) / min(seconds[theirs]), 3)


def sizes_of(name):
    """Beginnings of the names of the arms."""
    return [""] if name == TAIL else [f"{n} per class, " for n in SETS[name]]


def summary(results):
    """Means and differences to logistic regression, by set."""
    lines = [f"{origins(results)}.\n"]
    for name, runs in by_set(results, SETS).items():
        heads = OF_LONG_TAILS if name == TAIL else HEADS
        pairs = {
            f"{size}{head} - {BASE}": (size + head, size + BASE)
            for size in sizes_of(name)
            for head in heads
            if head != BASE
        }
        lines.append(f"## {name}: {len(runs)} draws\n")
        if name == TAIL:
            counts = ", ".join(map(str, SETS[TAIL]))
            lines.append(f"Rows of the classes: {counts}.\n")
        lines += [*markdown(list(levels(runs, METRICS))), ""]
        lines += [*markdown(list(differences(runs, pairs, METRICS))), ""]
    return "\n".join([*lines, *list_of_claims(claims(results))])


def gap(runs, metric, size, ours=ISDA, twin=BASE):
    """Mean difference of two heads, and its standard error."""
    gaps = values(runs, size + ours, metric) - values(runs, size + twin, metric)
    return map(float, mean_and_error(gaps))


def claims(results):
    """What is claimed of pooled ISDA, of logit adjustment, and of the time."""
    sets = by_set(results, SETS)
    for name, n, metric, sign in (
        ("cifar10", 50, "accuracy", 1),
        ("cifar10", 200, "accuracy", 1),
        ("fashion_mnist", 50, "log-loss", -1),
    ):
        if name in sets:
            mean, error = gap(sets[name], metric, f"{n} per class, ")
            text = f"{name}, {n} per class: {metric} of pooled ISDA - LR is better"
            digits = METRICS[metric]
            seen = f"{mean:+.{digits}f} ± {error:.{digits}f}"
            yield claim(f"{text} by two errors or more", seen, sign * mean > 2 * error)
    yield claim("no cell is worse by more than two errors", *worse_cells(sets))
    if TAIL in sets:
        mean, error = gap(sets[TAIL], "accuracy", "", "logit adjustment")
        text = "long tail: accuracy of logit adjustment - LR is 5 points or more"
        yield claim(text, f"{mean:+.2f} ± {error:.2f}", mean >= 5)
    for n in TIMED if "cifar10" in sets else ():
        ratio = float(np.median([run["ratios"][str(n)] for run in sets["cifar10"]]))
        text = f"{10 * n} x 1280: a fit takes 1.5 times scikit-learn's or less"
        yield claim(text, f"{ratio:.2f} (median of the draws)", ratio <= 1.5)


def worse_cells(sets):
    """Cells where pooled ISDA is worse than LR by two errors, and whether none is."""
    worse, n_cells = [], 0
    for name, runs in sets.items():
        for size in sizes_of(name):
            for metric, sign in ("accuracy", 1), ("log-loss", -1):
                mean, error = gap(runs, metric, size)
                n_cells += 1
                if -sign * mean > 2 * error:
                    digits = METRICS[metric]
                    figures = f"{mean:+.{digits}f} ± {error:.{digits}f}"
                    worse.append(f"{name}, {size}{metric} {figures}")
    return f"{len(worse)} of {n_cells}: {'; '.join(worse) or 'none'}", not worse


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=10).parse_args()
    title = "Heads for few labels"
    study(__file__, options, SETS, run_seed, summary, claims, title)
