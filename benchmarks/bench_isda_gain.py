"""Does ISDA help? Paired differences to the plain twin, 10 seeds, three real sets.

A seed draws the training rows, the initial weights and the order of batches, which
both sides share; both take the same number of steps. The strength is chosen inside each
seed by log-loss on a quarter of its training rows (whole subjects for UCI HAR), then
both sides are fitted on all of them and scored once on the official test rows (digits:
rows never drawn from; UCI HAR: nine other subjects). Differences are means ± standard
error over seeds.

    python benchmarks/bench_isda_gain.py [--seeds 10] [--output FILE.json]
"""

import numpy as np
import torch
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    StratifiedShuffleSplit,
)

from data import drawn
from runs import (
    by_set,
    chosen_counts,
    markdown,
    mean_and_error,
    plus_minus,
    scores_of,
    study,
    study_parser,
)
from skaug import ISDAClassifier, NetClassifier

STRENGTHS = [0.25, 1.0, 4.0]
N_TRAIN = {"digits": 300, "har": 1000, "fashion_mnist": 2000}
# Decimals that are printed.
METRICS = {"accuracy": 2, "balanced accuracy": 2, "log-loss": 3}


def run_seed(name, seed):
    """Scores of the twin and of ISDA, and the strength chosen."""
    torch.set_num_threads(1)
    rows = drawn(name, N_TRAIN[name], seed)
    splitter = StratifiedShuffleSplit if rows.groups is None else GroupShuffleSplit
    search = GridSearchCV(
        ISDAClassifier(random_state=seed),
        {"strength": STRENGTHS},
        scoring="neg_log_loss",
        cv=splitter(1, test_size=0.25, random_state=seed),
    ).fit(rows.X, rows.y, groups=rows.groups)
    figures = {"strength": search.best_params_["strength"]}
    twin = NetClassifier(random_state=seed).fit(rows.X, rows.y)
    for side, model in {"twin": twin, "isda": search}.items():
        proba = model.predict_proba(rows.X_test)
        scores = scores_of(rows.y_test, proba, model.classes_)
        figures[side] = [float(scores[metric]) for metric in METRICS]
    return figures


def lines_of(results):
    """One line per set: mean of the twin, paired difference and its standard error."""
    columns = [c for metric in METRICS for c in (f"twin, {metric}", "ISDA - twin")]
    yield ["set (training rows)", *columns, "strengths chosen"]
    for name, runs in by_set(results, N_TRAIN).items():
        twin, isda = (
            np.array([run[side] for run in runs]) for side in ("twin", "isda")
        )
        line = [f"{name} ({N_TRAIN[name]})"]
        figures = twin.mean(0), *mean_and_error(isda - twin), METRICS.values()
        for level, mean, error, digits in zip(*figures):
            line += [f"{level:.{digits}f}", plus_minus(mean, error, digits)]
        yield [*line, chosen_counts([run["strength"] for run in runs], STRENGTHS)]


def summary(results):
    """The table of all sets."""
    return "\n".join(markdown(lines_of(results)))


if __name__ == "__main__":
    options = study_parser(__doc__, N_TRAIN, seeds=10).parse_args()
    study(__file__, options, N_TRAIN, run_seed, summary)
