"""Do views beside the rows harm a classical classifier? Digits, 400 rows, 4 splits.

A split draws 400 training rows of scikit-learn's digits, with all classes in their
shares, and tests on the other 1,397. The rows are a table of 64 columns, or images of 8
x 8 pixels that become a table behind the augmenter. The augmenter has its defaults, and
classifiers get what it makes of the training rows:

- clean: the rows. resampled: ``fit_resample``, the rows and a view of each, or the rows
  alone if the guard refuses the policy. 3 views: the same with three views of each.
- own guard: the same as resampled, where the classifier itself is the guard.
- unguarded: rows and a view of each, whatever the guard says. in place: a view in the
  place of each row, whatever the guard says, as from ``fit_transform``.

Classifiers are logistic regression, a random forest of 200 trees and an SVC, with
scikit-learn's defaults. Differences are paired, means ± standard error over splits, [95
% t interval], with * where that excludes 0. Splits share most of their test rows.

    python benchmarks/bench_resample.py [--sets table ...] [--seeds 0 ...]
        [--output FILE.json]
    python benchmarks/bench_resample.py --summary FILE.json ...
"""

import tempfile
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from runs import (
    by_set,
    claim,
    differences,
    half_width,
    levels,
    list_of_claims,
    mean_and_error,
    origins,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import InfluenceAugmenter
from skaug._rows import as_table

N_ROWS = 400
SETS = {"table": (N_ROWS, (64,)), "images": (N_ROWS, (1, 8, 8))}
SEEDS = [0, 1, 2, 3]
ARMS = ["resampled", "3 views", "own guard", "unguarded", "in place"]
DECIMALS = {"accuracy": 2}


def classifiers(seed):
    """Name and classifier, as scikit-learn has them."""
    return {
        "logistic regression": LogisticRegression(max_iter=5000),
        "forest": RandomForestClassifier(200, random_state=seed),
        "SVC": SVC(),
    }


def rows_of(name, seed):
    """Training rows and labels, then those to test on."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).reshape(len(X), *SETS[name][1])
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=N_ROWS, stratify=y, random_state=seed
    )
    return X, y, X_test, y_test


def made_of(X, y, seed):
    """What classifiers get, by arm, and what the guard saw."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*the held-out loss", UserWarning)
        augmenter = InfluenceAugmenter(memory=folder, random_state=seed)
        start = time.process_time()
        rows = {"clean": (X, y), "resampled": augmenter.fit_resample(X, y)}
        seconds = time.process_time() - start
        known = {**augmenter.held_out_loss_, "accepted": augmenter.accepted_}
        loss = getattr(augmenter, "classifier_loss_", None)
        known["linear"] = None if loss is None else [loss.plain, loss.augmented]
        rows["3 views"] = augmenter.set_params(n_views=3).fit_resample(X, y)
        augmenter.set_params(n_views=1)
        rows["unguarded"] = augmenter.set_params(guard=False).fit_resample(X, y)
        of_kind = {}
        for kind, classifier in classifiers(seed).items():
            guard = make_pipeline(FunctionTransformer(as_table), classifier)
            of_kind[kind] = augmenter.set_params(guard=guard).fit_resample(X, y)
            known[kind] = augmenter.accepted_
    rows["in place"] = tuple(part[len(y) :] for part in rows["unguarded"])
    return rows, of_kind, {**known, "seconds": round(seconds, 1)}


def run_seed(name, seed):
    """Accuracy of each classifier on what each arm makes of a split."""
    torch.set_num_threads(1)
    X, y, X_test, y_test = rows_of(name, seed)
    rows, of_kind, known = made_of(X, y, seed)
    arms = {}
    for kind, classifier in classifiers(seed).items():
        for arm, (X_of_arm, y_of_arm) in {**rows, "own guard": of_kind[kind]}.items():
            classifier.fit(as_table(X_of_arm), y_of_arm)
            right = classifier.score(as_table(X_test), y_test)
            arms[f"{kind}, {arm}"] = {"accuracy": round(100 * right, 4)}
    say(name, seed, known)
    return {"arms": arms, "guard": known}


def pairs():
    """What is compared: label, arm and the same classifier on clean rows."""
    return {
        f"{kind}: {arm} - clean": (f"{kind}, {arm}", f"{kind}, clean")
        for kind in classifiers(0)
        for arm in ARMS
    }


def guards(runs):
    """Lines of the table of what the guard saw and decided in each split."""
    heads = ["split", "held-out loss, plain", "augmented", "se", "linear, with views"]
    yield [*heads, "accepted", *(f"own guard, {kind}" for kind in classifiers(0))]
    for run in runs:
        guard = run["guard"]
        losses = [f"{guard[key]:.3f}" for key in ("plain", "augmented", "se")]
        linear = guard["linear"]
        linear = "" if linear is None else "{:.3f} to {:.3f}".format(*linear)
        said = ["yes" if guard[key] else "no" for key in ("accepted", *classifiers(0))]
        yield [str(run["seed"]), *losses, linear, *said]
    seconds = [run["guard"]["seconds"] for run in runs]
    say(f"CPU seconds of fit_resample: {min(seconds):.0f} to {max(seconds):.0f}")


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        heading = f"{name}: {N_ROWS} rows, {len(runs)} splits"
        gaps = differences(runs, pairs(), DECIMALS)
        tables = guards(runs), levels(runs, DECIMALS), gaps
        lines += section(heading, origins(runs), *tables)
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    for name, runs in by_set(results, SETS).items():
        for kind in classifiers(0):
            clean = values(runs, f"{kind}, clean", "accuracy")
            for arm in ("resampled", "own guard"):
                gaps = values(runs, f"{kind}, {arm}", "accuracy") - clean
                mean, error = mean_and_error(gaps)
                high = mean + half_width(error, len(runs))
                text = f"{name}: {kind}, {arm} not below clean beyond doubt"
                seen = f"{mean:+.2f} ± {error:.2f}"
                yield claim(text, seen, np.isnan(high) or high >= 0)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, SEEDS, n_jobs=1).parse_args()
    study(__file__, options, SETS, run_seed, summary, claims, "fit_resample")
