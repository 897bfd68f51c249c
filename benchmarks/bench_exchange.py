"""Is the exchange rate true? Plain networks really trained on more rows, on MNIST.

A draw has 200 training rows. A search with one method, augmentation by hand, estimates
from these alone how many times as many rows plain training would need for the same
log-loss, with a 95 % interval. It has five folds, so that it trains on 160 rows, and
on a half and a quarter of them. The truth is from rows that the search does not have.
The method, fitted to the 200 rows, has a log-loss on 3,000 test rows. Plain networks
are trained on 200, 400, 800 and perhaps 1,600 rows, where the larger sets contain the
smaller ones. The true factor is where their log-loss, linear between these sizes in the
logarithm of the rows, is that of the method. At each size a third of the rows is held
out, and chooses the weight decay, and for the best plain network also its steps, 300 as
in the search or 600.

    python benchmarks/bench_exchange.py [--seeds 5] [--output FILE.json]
    python benchmarks/bench_exchange.py --summary FILE.json
"""

from dataclasses import replace

import numpy as np

from data import SETS, task
from runs import (
    claim,
    list_of_claims,
    origins,
    rounded,
    section,
    study,
    study_parser,
)
from skaug.comparison import (
    AugmentationSearchCV,
    Budgets,
    Method,
    log_probabilities,
    run_cell,
    scores,
)
from skaug.comparison.cell import one_thread
from skaug.comparison.exchange import LearningCurves, exchange_rate
from skaug.comparison.heuristics import heuristic
from skaug.comparison.setup import BEST, PLAIN, of_steps

NAME = "mnist"
N_ROWS = SETS[NAME][0]
FACTORS = (1, 2, 4, 8)
STEPS = 300
DECAYS = (0.01, 0.1)
SEARCH = Budgets((STEPS,), (STEPS,), DECAYS, refused=STEPS)
TRUTH = Budgets((STEPS, 2 * STEPS), (STEPS,), DECAYS, refused=STEPS)
TRUTHS = {BEST: BEST, "plain, equal steps": of_steps(STEPS)}
BY_HAND = Method(
    "by hand",
    lambda setup, value: setup.augmented(heuristic(setup, value)),
    grid=(SETS[NAME][3],),
)


def run_seed(name, seed):
    """What a search estimates from a draw, and the log-losses that tell the truth."""
    drawn = task(name).draw(seed)
    search = AugmentationSearchCV(
        methods=[BY_HAND], cv=5, budget=SEARCH, random_state=seed
    )
    with one_thread():
        search.fit(drawn.train.X, drawn.train.y)
        found = {"chosen": search.best_method_}
        curves = search.comparison_.curves
        if curves is None:  # there is no gain to exchange
            return found
        log_p = log_probabilities(search.best_estimator_, drawn.test.X, drawn.classes)
        reached = scores(log_p, drawn.test, drawn.classes)["log-loss"]
        plain = {arm: [] for arm in TRUTHS}
        for factor in FACTORS:
            more = replace(task(name), n_rows=factor * N_ROWS).draw(seed)
            arms = run_cell(PLAIN, more, TRUTH)["arms"]
            for arm, of_cell in TRUTHS.items():
                plain[arm].append(arms[of_cell]["log-loss"])
            if all(losses[-1] <= reached for losses in plain.values()):
                break
    kept = {key: np.round(value, 6).tolist() for key, value in arrays(curves).items()}
    return {
        **found,
        "curves": {**curves._asdict(), **kept},
        "plain": plain,
        **rounded({"reached": reached}, 6),
    }


def arrays(curves):
    """The arrays of learning curves, by name."""
    return {key: getattr(curves, key) for key in ("n_rows", "plain", "augmented")}


def estimate(run):
    """What the search says, from the kept curves of its folds."""
    curves = LearningCurves(**run["curves"])
    known = {key: np.array(value) for key, value in arrays(curves).items()}
    return exchange_rate(curves._replace(**known))


def true_factor(run, arm=BEST):
    """Times the rows at which the plain curve first reaches the method's log-loss."""
    losses, reached = np.array(run["plain"][arm]), run["reached"]
    as_good = np.flatnonzero(losses <= reached)
    if not len(as_good):
        return np.inf
    last = as_good[0]
    if last == 0:
        return 1.0
    before, after = losses[last - 1], losses[last]
    return 2.0 ** (last - 1 + (before - reached) / (before - after))


def holds(run):
    """Whether the interval holds the truth."""
    rate = estimate(run)
    return rate.low <= true_factor(run) <= rate.high


def told(results):
    """Runs in which a method won, and the estimate can be told."""
    exchanged = [run for run in results if "curves" in run]
    return [run for run in exchanged if not np.isnan(estimate(run).factor)]


def times(factor):
    """A factor as it is printed."""
    if np.isnan(factor):
        return "not told"
    return f"{factor:.2f}" if factor <= FACTORS[-1] else f"> {FACTORS[-1]}"


def factors(results):
    """Lines of the table of estimates and truths."""
    yield ["draw", "chosen", "estimate", "interval", *TRUTHS, "interval holds it"]
    for run in results:
        line = [str(run["seed"]), run["chosen"]]
        if "curves" in run:
            rate = estimate(run)
            low, high = times(rate.low), times(rate.high)
            line += [times(rate.factor), f"{low} to {high}"]
            line += [times(true_factor(run, arm)) for arm in TRUTHS]
            line.append("yes" if holds(run) else "no")
        yield line + [""] * (5 + len(TRUTHS) - len(line))


def losses(results):
    """Lines of the table of log-losses on the test rows."""
    sizes = [f"{factor * N_ROWS}" for factor in FACTORS]
    yield ["draw", f"method, {N_ROWS} rows", "network", *sizes]
    for run in results:
        for arm, values in run.get("plain", {}).items():
            line = [str(run["seed"]), f"{run['reached']:.3f}", arm]
            line += [f"{value:.3f}" for value in values]
            yield line + [""] * (3 + len(sizes) - len(line))


def curves_of(results):
    """Lines of the table of log-losses in the folds of the search."""
    yield ["draw", "network", "a quarter", "a half", "all rows of a fold"]
    for run in results:
        for arm in ("plain", "augmented") if "curves" in run else ():
            means = np.mean(run["curves"][arm], axis=0)
            yield [str(run["seed"]), arm, *(f"{mean:.3f}" for mean in means)]


def summary(results):
    """Estimates beside truths, and what both are made of."""
    lines = section(
        f"{len(results)} draws of {N_ROWS} rows",
        f"{origins(results)}.",
        factors(results),
    )
    lines += section(
        "What the truth is from", "Log-loss on test rows.", losses(results)
    )
    about = "Mean log-loss over the folds of the search."
    lines += section("What the estimate is from", about, curves_of(results))
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """The estimate can be told, its interval holds the truth, and it is not biased."""
    known, n = told(results), len(results)
    enough = 0.8 * n
    text = "the estimate can be told in four draws of five"
    yield claim(text, f"{len(known)} of {n}", len(known) >= enough)
    held = sum(map(holds, known))
    text = "the interval holds the truth in four of five that are told"
    yield claim(text, f"{held} of {len(known)}", held >= 0.8 * len(known) > 0)
    pairs = [(estimate(run).factor, true_factor(run)) for run in known]
    ratios = np.diff(np.log(np.minimum(pairs, FACTORS[-1])), axis=1)
    ratio = np.exp(-ratios.mean()) if known else np.nan
    text = "geometric mean of estimate / truth between 1 / 1.5 and 1.5"
    yield claim(text, f"{ratio:.2f}", 1 / 1.5 <= ratio <= 1.5)


if __name__ == "__main__":
    options = study_parser(__doc__, [NAME], seeds=5, n_jobs=1).parse_args()
    settings = {NAME: [*SETS[NAME], STEPS, DECAYS, FACTORS]}
    study(__file__, options, settings, run_seed, summary, claims, "The exchange rate")
