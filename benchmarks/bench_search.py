"""Does a search do harm? AugmentationSearchCV minus plain training, on five sets.

On each draw of bench_methods.py the search chooses on the training rows alone, in three
folds with the quick budget. What it chose and the plain network in its own best setting
are fitted to all training rows, and scored once on the test rows. Differences are
paired over the draws, ± one standard error. Where the search chose the plain network,
the difference is 0.

    python benchmarks/bench_search.py [--seeds 5] [--output FILE.json]
    python benchmarks/bench_search.py --summary FILE.json
"""

import numpy as np
from scipy.stats import t as student

from data import SETS, task
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
from skaug.comparison import AugmentationSearchCV, log_probabilities, scores
from skaug.comparison.cell import one_thread
from skaug.comparison.differences import holm, mean_and_error

METRICS = {"accuracy": 2, "log-loss": 3}
PAIRS = {"search - plain": ("search", "plain")}
FOLDS = 3


def run_seed(name, seed):
    """Scores of both on the test rows of one draw, and what was chosen."""
    drawn = task(name).draw(seed)
    train = drawn.train
    search = AugmentationSearchCV(cv=FOLDS, budget="quick", random_state=seed)
    with one_thread():
        search.fit(train.X, train.y, groups=train.groups)
        models = {"search": search.best_estimator_, "plain": search.plain_estimator_}
        arms = {key: scored(model, drawn) for key, model in models.items()}
    return {"arms": arms, "chosen": search.best_method_}


def scored(model, drawn):
    """Metrics on the test rows."""
    log_p = log_probabilities(model, drawn.test.X, drawn.classes)
    found = scores(log_p, drawn.test, drawn.classes)
    return rounded({metric: found[metric] for metric in METRICS}, 6)


def summary(results):
    """Tables of all sets, and what was chosen there."""
    lines = [f"{origins(results)}.\n"]
    for name, runs in by_set(results, SETS).items():
        lines.append(f"## {name}: {SETS[name][0]} training rows, {len(runs)} draws\n")
        lines += [*markdown(list(levels(runs, METRICS))), ""]
        lines += [*markdown(list(differences(runs, PAIRS, METRICS))), ""]
        chosen = [run["chosen"] for run in runs]
        counts = ", ".join(f"{one}: {chosen.count(one)}" for one in sorted(set(chosen)))
        lines.append(f"Chosen: {counts}.\n")
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """The search gains in the mean of all sets, and harms none beyond doubt."""
    gaps = {
        name: values(runs, "search", "log-loss") - values(runs, "plain", "log-loss")
        for name, runs in by_set(results, SETS).items()
    }
    mean = np.mean([gap.mean() for gap in gaps.values()])
    yield claim(
        "mean of the sets: log-loss of search - plain < 0", f"{mean:+.4f}", mean < 0
    )
    worse = {}
    for name, gap in gaps.items():
        center, error = mean_and_error(gap)
        if center > 0 and error > 0:
            worse[name] = 2 * student.sf(center / error, len(gap) - 1)
    harmed = holm(worse)
    seen = ", ".join(f"{name} {gap.mean():+.3f}" for name, gap in gaps.items())
    yield claim("no set is worse beyond doubt in log-loss", seen, not harmed)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=5).parse_args()
    settings = {name: [*setting, FOLDS] for name, setting in SETS.items()}
    study(
        __file__,
        options,
        settings,
        run_seed,
        summary,
        claims,
        "A search and plain training",
    )
