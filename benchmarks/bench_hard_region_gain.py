"""Does oversampling hard regions help? Three real sets, three classifiers, 10 splits.

In a split, HardRegionSampler finds the hard points of the training rows and so fixes
the number of rows to add to each class. Its rivals are to add as many: itself with all
points as sources and with noise for a VAE, and three samplers of imbalanced-learn at
their defaults. The radius is chosen inside each split among multiples of the "auto" one
by log-loss of a logistic regression on a third of the training rows. Scores are of rows
that are drawn from for nothing else: of the other digits, of nine other subjects (UCI
HAR), of the official test part (Fashion-MNIST).

What is asserted: hard points, random sources and SMOTE add exactly as many rows, and
hard points cost less than 4 points of accuracy and 0.1 of log-loss. That they help is
not asserted. ADASYN adds about as many rows, BorderlineSMOTE none to a class without a
border; a split in which a rival raises is missing from its line.

Scaling and PCA are fitted on the training rows. The support vector machines, one per
class, become probabilities by CalibratedClassifierCV, which resamples inside its folds,
in the same proportions. For UCI HAR the folds are made of whole subjects, and subjects
are the groups whose points are no neighbours.

    python benchmarks/bench_hard_region_gain.py [--splits 10] [--output FILE.json]
"""

import argparse
import json
import warnings

import imblearn
import numpy as np
import sklearn
import torch
from imblearn import FunctionSampler
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from tqdm import tqdm

from data import har_features, load, take
from runs import markdown
from skaug import HardRegionSampler, ResampledClassifier, auto_radius

N_TRAIN = {"digits": 300, "har": 1000, "fashion_mnist": 2000}
PREPARE = {
    "digits": FunctionTransformer(lambda X: X / 16),
    "har": StandardScaler(),
    "fashion_mnist": PCA(50, random_state=0),
}
MULTIPLES = [1.0, 1.5, 2.0]
CLASSIFIERS = ["LogisticRegression", "SVC", "HistGradientBoosting"]
ARMS = [
    "nothing",
    "hard sources",
    "hard sources, noise",
    "random sources",
    "SMOTE",
    "BorderlineSMOTE",
    "ADASYN",
]
EXACT = ["hard sources", "hard sources, noise", "random sources", "SMOTE"]
METRICS = ["accuracy", "balanced accuracy", "log-loss"]


def split(name, seed):
    """Training rows of a split with their groups, and test rows; labels from 0."""
    data = load(name)
    if name == "fashion_mnist":
        rows = take(data.y_train, N_TRAIN[name], seed)
        X, X_test = (x.reshape(len(x), -1) for x in (data.X_train[rows], data.X_test))
        return X, data.y_train[rows], None, X_test, data.y_test
    X, y = (np.concatenate([data[f"{k}_train"], data[f"{k}_test"]]) for k in "Xy")
    if name == "digits":
        rows = take(y, N_TRAIN[name], seed)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        return X[rows], y[rows], None, X[rest], y[rest]
    X, y = har_features(X), y - 1
    subjects = np.concatenate([data.subject_train, data.subject_test])
    tested = np.random.RandomState(seed).permutation(np.unique(subjects))[:9]
    test = np.isin(subjects, tested)
    pool = np.flatnonzero(~test)
    rows = pool[take(y[pool], N_TRAIN[name], seed)]
    return X[rows], y[rows], subjects[rows], X[test], y[test]


def folds_of(X, y, groups, seed):
    splitter = StratifiedKFold if groups is None else GroupKFold
    return list(splitter(3, shuffle=True, random_state=seed).split(X, y, groups))


def chosen_multiple(X, y, groups, folds, unit, n_samples, seed):
    """Multiple of the "auto" radius with the least log-loss on the first fold."""
    sampler = HardRegionSampler(n_samples=n_samples, random_state=seed)
    model = ResampledClassifier(sampler, LogisticRegression(max_iter=2000))
    radii = [multiple * unit for multiple in MULTIPLES]
    search = GridSearchCV(
        model,
        {"sampler__radius": radii},
        scoring="neg_log_loss",
        cv=folds[:1],
        refit=False,
    ).fit(X, y, groups=groups)
    return MULTIPLES[search.best_index_]


def targets(added, n):
    """Sampling strategy that adds rows in the proportions of `added` to n."""

    def strategy(y):
        labels, counts = np.unique(y, return_counts=True)
        return {
            label: count + round(added[label] * len(y) / n)
            for label, count in zip(labels.tolist(), counts.tolist())
        }

    return strategy


def samplers(radius, strategy, seed):
    hard = HardRegionSampler(
        radius=radius, sampling_strategy=strategy, random_state=seed
    )
    options = {"sampling_strategy": strategy, "random_state": seed}
    return {
        "nothing": FunctionSampler(),
        "hard sources": hard,
        "hard sources, noise": clone(hard).set_params(generator="noise"),
        "random sources": clone(hard).set_params(sources="all"),
        "SMOTE": SMOTE(**options),
        "BorderlineSMOTE": BorderlineSMOTE(**options),
        "ADASYN": ADASYN(**options),
    }


def scores(model, X, y):
    proba = model.predict_proba(X)
    labels = model.classes_[proba.argmax(1)]
    accuracy, balanced = np.mean(labels == y), balanced_accuracy_score(y, labels)
    loss = log_loss(y, proba, labels=model.classes_)
    return [round(float(v), 5) for v in (100 * accuracy, 100 * balanced, loss)]


def run_arm(sampler, X, y, groups, folds, X_test, y_test, seed):
    """Rows added by class and scores by classifier; no scores where a peer gives up."""
    result = {"added": None, "scores": {}}
    groups_for = {"groups": groups} if isinstance(sampler, HardRegionSampler) else {}
    try:
        X_new, y_new = clone(sampler).fit_resample(X, y, **groups_for)
    except (RuntimeError, ValueError) as error:
        if not type(sampler).__module__.startswith("imblearn"):
            raise
        return {**result, "error": str(error)}
    result["added"] = {
        k: int(np.sum(y_new[len(y) :] == k)) for k in np.unique(y).tolist()
    }
    for name, classifier in [
        ("LogisticRegression", LogisticRegression(max_iter=2000)),
        ("HistGradientBoosting", HistGradientBoostingClassifier(random_state=seed)),
    ]:
        result["scores"][name] = scores(classifier.fit(X_new, y_new), X_test, y_test)
    machines = CalibratedClassifierCV(
        ResampledClassifier(sampler, OneVsRestClassifier(SVC())),
        cv=folds,
        ensemble=False,
    )
    try:
        machines.fit(X, y, **groups_for)
    except (RuntimeError, ValueError) as error:
        if not type(sampler).__module__.startswith("imblearn"):
            raise
        return {**result, "error": str(error)}
    result["scores"]["SVC"] = scores(machines, X_test, y_test)
    return result


def run_split(name, seed, n_samples):
    """Radius, hard points and what every arm scores."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="HardRegionSampler: class")
    X, y, groups, X_test, y_test = split(name, seed)
    prepare = clone(PREPARE[name]).fit(X)
    X, X_test = prepare.transform(X), prepare.transform(X_test)
    folds, unit = folds_of(X, y, groups, seed), auto_radius(X, groups=groups)
    multiple = chosen_multiple(X, y, groups, folds, unit, n_samples, seed)
    # The generator is not needed to count.
    finder = HardRegionSampler(
        radius=multiple * unit, n_samples=n_samples, generator="noise"
    )
    finder.fit(X, y, groups=groups)
    added = finder.sampling_strategy_
    arms = {
        arm: run_arm(sampler, X, y, groups, folds, X_test, y_test, seed)
        for arm, sampler in samplers(
            finder.radius_, targets(added, len(y)), seed
        ).items()
    }
    assert all(arms[arm]["added"] == added for arm in EXACT), (name, seed)
    return {
        "set": name,
        "seed": seed,
        "multiple": multiple,
        "radius": round(finder.radius_, 5),
        "hard": len(finder.hard_indices_) / len(y),
        "noisy": float(finder.noisy_.mean()),
        "arms": arms,
    }


def table_of(runs, classifier, arm):
    """Scores of an arm by split, NaN where it has none."""
    missing = [np.nan] * len(METRICS)
    return np.array(
        [run["arms"][arm]["scores"].get(classifier, missing) for run in runs]
    )


def difference(runs, classifier, arm, other):
    """Mean of the paired differences and its standard error, by metric."""
    pairs = table_of(runs, classifier, arm) - table_of(runs, classifier, other)
    pairs = pairs[~np.isnan(pairs[:, 0])]
    if len(pairs) < 2:
        return np.full((2, len(METRICS)), np.nan)
    return np.array([pairs.mean(0), pairs.std(0, ddof=1) / len(pairs) ** 0.5])


def summary(results):
    """A table per set and classifier, with a line on the hard points of the set."""
    lines = []
    for name, n in N_TRAIN.items():
        runs = [run for run in results if run["set"] == name]
        hard, noisy = (
            100 * np.mean([run[k] for run in runs]) for k in ("hard", "noisy")
        )
        chosen = [run["multiple"] for run in runs]
        counts = ", ".join(f"{m:g}: {chosen.count(m)}" for m in MULTIPLES)
        lines += [
            f"## {name}, {n} training rows\n",
            f"Hard: {hard:.1f} % of the rows, noisy: {noisy:.1f} %; multiples of the "
            f'"auto" radius chosen: {counts}.\n',
        ]
        for classifier in CLASSIFIERS:
            rows = rows_of(runs, classifier)
            lines += [f"### {name}, {classifier}\n", *markdown(rows), ""]
    return "\n".join(lines)


def rows_of(runs, classifier):
    columns = ["arm", "splits", "rows added"]
    for metric in METRICS:
        columns += [metric, "- nothing", "- random"]
    yield columns
    for arm in ARMS:
        levels = table_of(runs, classifier, arm)
        left = ~np.isnan(levels[:, 0])
        added = [
            sum(run["arms"][arm]["added"].values()) for run in np.array(runs)[left]
        ]
        cells = [arm, str(left.sum()), f"{np.mean(added):.0f}" if added else ""]
        others = [difference(runs, classifier, arm, o) for o in ("nothing", ARMS[3])]
        for j, metric in enumerate(METRICS):
            digits = 3 if metric == "log-loss" else 2
            cells.append(f"{levels[left, j].mean():.{digits}f}" if added else "")
            for other, (mean, error) in zip(("nothing", ARMS[3]), others):
                known = arm != other and not np.isnan(mean[j])
                text = f"{mean[j]:+.{digits}f} ± {error[j]:.{digits}f}"
                cells.append(text if known else "")
        yield cells


def check(results):
    """Hard sources need not help; what they may cost has bounds."""
    for name in N_TRAIN:
        runs = [run for run in results if run["set"] == name]
        for classifier in CLASSIFIERS:
            nothing = table_of(runs, classifier, "nothing")
            for arm in ("hard sources", "hard sources, noise"):
                gap = (table_of(runs, classifier, arm) - nothing).mean(0)
                assert gap[0] > -4 and gap[2] < 0.1, (name, classifier, arm, gap)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--n-samples", type=int, default=5, help="per hard point")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--output", help="where to keep the figures of every split")
    options = parser.parse_args()
    jobs = [(name, seed) for name in N_TRAIN for seed in range(options.splits)]
    runs = Parallel(options.n_jobs, return_as="generator")(
        delayed(run_split)(*job, options.n_samples) for job in jobs
    )
    results = list(tqdm(runs, total=len(jobs), smoothing=0))
    print(f"{options.splits} splits, {options.n_samples} rows per hard point")
    print("Levels are means; differences are paired, mean ± standard error\n")
    print(summary(results))
    if options.output:
        versions = {m.__name__: m.__version__ for m in (torch, sklearn, imblearn)}
        with open(options.output, "w") as file:
            json.dump(
                {**versions, "n_samples": options.n_samples, "results": results},
                file,
                indent=1,
            )
    check(results)


if __name__ == "__main__":
    main()
