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
border. If a rival raises an error in a split, its line leaves that split out.

Scaling and PCA are fitted on the training rows. The support vector machines, one per
class, become probabilities by CalibratedClassifierCV, which resamples inside its folds,
in the same proportions. For UCI HAR the folds are made of whole subjects, and subjects
are the groups whose points are no neighbours.

    python benchmarks/bench_hard_region_gain.py [--seeds 10] [--output FILE.json]
    python benchmarks/bench_hard_region_gain.py --summary FILE.json ...

Each seed is a split. Levels are means; differences are paired, mean ± standard error.
The second form writes the tables to results/hard_region_gain.md, below what stands
there before its first heading.
"""

import warnings
from functools import partial

import numpy as np
import torch
from imblearn import FunctionSampler
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from data import har_features, load, take
from runs import (
    by_set,
    chosen_counts,
    claim,
    markdown,
    mean_and_error,
    plus_minus,
    rounded,
    scores_of,
    study,
    study_parser,
)
from skaug import HardPoints, HardRegionSampler, ResampledClassifier, auto_radius

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
# Decimals that are printed.
METRICS = {"accuracy": 2, "balanced accuracy": 2, "log-loss": 3}


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


def hard_sampler(**params):
    """The sampler with the paper's sources, generator and numbers of rows."""
    paper = {"sources": "hard", "generator": "vae", "sampling_strategy": "hard"}
    return HardRegionSampler(**{**paper, **params})


def folds_of(X, y, groups, seed):
    splitter = StratifiedKFold if groups is None else GroupKFold
    return list(splitter(3, shuffle=True, random_state=seed).split(X, y, groups))


def chosen_multiple(X, y, groups, folds, unit, n_samples, seed):
    """Multiple of the "auto" radius with the least log-loss on the first fold."""
    sampler = hard_sampler(n_samples=n_samples, random_state=seed)
    model = ResampledClassifier(sampler, LogisticRegression(max_iter=2000))
    radii = [multiple * unit for multiple in MULTIPLES]
    search = GridSearchCV(
        model,
        {"sampler__sources__radius": radii},
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
    hard = hard_sampler(
        sources=HardPoints(radius=radius),
        sampling_strategy=strategy,
        random_state=seed,
    )
    options = {"sampling_strategy": strategy, "random_state": seed}
    return {
        "nothing": FunctionSampler(),
        "hard sources": hard,
        "hard sources, noise": clone(hard).set_params(generator="noise"),
        "random sources": clone(hard).set_params(sources__rule="all"),
        "SMOTE": SMOTE(**options),
        "BorderlineSMOTE": BorderlineSMOTE(**options),
        "ADASYN": ADASYN(**options),
    }


def scores(model, X, y):
    found = scores_of(y, model.predict_proba(X), model.classes_)
    return [rounded(found, 5)[metric] for metric in METRICS]


def run_arm(sampler, rows, folds, seed):
    """Rows added by class and scores by classifier; no scores where a peer gives up."""
    X, y, groups, *test = rows
    result = {"added": None, "scores": {}}
    ours = isinstance(sampler, HardRegionSampler)
    groups_for = {"groups": groups} if ours else {}
    try:
        X_new, y_new = clone(sampler).fit_resample(X, y, **groups_for)
        added = y_new[len(y) :]
        result["added"] = {k: int(np.sum(added == k)) for k in np.unique(y).tolist()}
        for name, classifier in [
            ("LogisticRegression", LogisticRegression(max_iter=2000)),
            ("HistGradientBoosting", HistGradientBoostingClassifier(random_state=seed)),
        ]:
            result["scores"][name] = scores(classifier.fit(X_new, y_new), *test)
        machines = CalibratedClassifierCV(
            ResampledClassifier(sampler, OneVsRestClassifier(SVC())),
            cv=folds,
            ensemble=False,
        ).fit(X, y, **groups_for)
        result["scores"]["SVC"] = scores(machines, *test)
    except (RuntimeError, ValueError) as error:
        if not type(sampler).__module__.startswith("imblearn"):
            raise
        result["error"] = str(error)
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
    finder = hard_sampler(
        sources=HardPoints(radius=multiple * unit),
        n_samples=n_samples,
        generator="noise",
    )
    finder.fit(X, y, groups=groups)
    added = finder.sampling_strategy_
    rows = X, y, groups, X_test, y_test
    of_arms = samplers(finder.radius_, targets(added, len(y)), seed)
    arms = {arm: run_arm(of_arms[arm], rows, folds, seed) for arm in ARMS}
    assert all(arms[arm]["added"] == added for arm in EXACT), (name, seed)
    return {
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
    gaps = table_of(runs, classifier, arm) - table_of(runs, classifier, other)
    gaps = gaps[~np.isnan(gaps[:, 0])]
    if len(gaps) < 2:
        return np.full((2, len(METRICS)), np.nan)
    return mean_and_error(gaps)


def summary(results):
    """A table per set and classifier, with a line on the hard points of the set."""
    lines = []
    for name, runs in by_set(results, N_TRAIN).items():
        hard, noisy = (
            100 * np.mean([run[k] for run in runs]) for k in ("hard", "noisy")
        )
        counts = chosen_counts([run["multiple"] for run in runs], MULTIPLES)
        lines += [
            f"## {name}, {N_TRAIN[name]} training rows\n",
            f"Hard: {hard:.1f} % of the rows, noisy: {noisy:.1f} %; multiples of the "
            f'"auto" radius chosen: {counts}.\n',
        ]
        for classifier in CLASSIFIERS:
            of_arms = markdown(lines_of(runs, classifier))
            lines += [f"### {name}, {classifier}\n", *of_arms, ""]
    return "\n".join(lines)


def lines_of(runs, classifier):
    """Lines of a table of all arms."""
    others = {"nothing": "- nothing", "random sources": "- random"}
    columns = [c for metric in METRICS for c in (metric, *others.values())]
    yield ["arm", "splits", "rows added", *columns]
    for arm in ARMS:
        levels = table_of(runs, classifier, arm)
        left = ~np.isnan(levels[:, 0])
        added = [
            sum(run["arms"][arm]["added"].values()) for run in np.array(runs)[left]
        ]
        line = [arm, str(left.sum()), f"{np.mean(added):.0f}" if added else ""]
        gaps = {other: difference(runs, classifier, arm, other) for other in others}
        for j, digits in enumerate(METRICS.values()):
            line.append(f"{levels[left, j].mean():.{digits}f}" if added else "")
            for other, (mean, error) in gaps.items():
                known = arm != other and not np.isnan(mean[j])
                line.append(plus_minus(mean[j], error[j], digits) if known else "")
        yield line


def claims(results):
    """Hard sources need not help; what they may cost has bounds."""
    for name, runs in by_set(results, N_TRAIN).items():
        for classifier in CLASSIFIERS:
            nothing = table_of(runs, classifier, "nothing")
            for arm in ("hard sources", "hard sources, noise"):
                gap = (table_of(runs, classifier, arm) - nothing).mean(0)
                text = f"{name}, {classifier}: {arm} - nothing > -4 points, < 0.1 nats"
                held = gap[0] > -4 and gap[2] < 0.1
                yield claim(text, f"{gap[0]:+.2f}, {gap[2]:+.3f}", held)


def main():
    parser = study_parser(__doc__, N_TRAIN, seeds=10)
    parser.add_argument("--n-samples", type=int, default=5, help="per hard point")
    options = parser.parse_args()
    settings = {name: [n, options.n_samples] for name, n in N_TRAIN.items()}
    run = partial(run_split, n_samples=options.n_samples)
    title = "Over-sampling in hard regions"
    study(__file__, options, settings, run, summary, claims, title)


if __name__ == "__main__":
    main()
