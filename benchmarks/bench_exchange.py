"""Is the exchange rate true? Plain networks really trained on more rows, on MNIST.

A draw has 200 training rows. A search with one method, augmentation by hand, estimates
from these alone how many times as many rows plain training needs for the same log-loss,
with a 95 % interval. It has five folds, so that it trains on 160 rows, and on a half
and a quarter of them. All its networks train for 300 steps.

The truth is from rows that the search does not have. The method, fitted to the 200
rows, has a log-loss on 3,000 test rows. Plain networks train on 200 rows, on 400, and
if need be on 800 and 1,600; the larger sets contain the smaller ones. The true factor
is where their log-loss, linear in the logarithm of the rows between these sizes, is
that of the method. At each size a third of the rows is held out, and chooses the weight
decay of the plain network. Plain of equal steps trains for 300 steps, best plain for
300 or 600, as is best on the rows held out. Log-losses are means of three networks.

    python benchmarks/bench_exchange.py [--seeds 5 6 ...] [--output FILE.json]
    python benchmarks/bench_exchange.py --summary FILE.json
"""

from dataclasses import replace
from itertools import product

import numpy as np
from sklearn.base import clone

from data import SETS, task
from runs import (
    claim,
    list_of_claims,
    origins,
    section,
    study,
    study_parser,
)
from skaug.comparison import (
    AugmentationSearchCV,
    Budgets,
    Method,
    log_probabilities,
    scores,
)
from skaug.comparison.cell import lowest, make_plain, one_thread, setup_of, tried
from skaug.comparison.exchange import LearningCurves, exchange_rate
from skaug.comparison.heuristics import heuristic
from skaug.comparison.setup import BEST

NAME = "mnist"
N_ROWS = SETS[NAME][0]
SEEDS = [5, 6, 7, 8, 9]  # the estimator was chosen with draws 0 to 4
FACTORS = (1, 2, 4, 8)
STEPS = 300
DECAYS = (0.01, 0.1)
SEARCH = Budgets((STEPS,), (STEPS,), DECAYS, refused=STEPS)
# Steps that plain networks of more rows choose among.
TRUTHS = {BEST: (STEPS, 2 * STEPS), "plain, equal steps": (STEPS,)}
N_NETWORKS = 3  # from one to the next, the log-loss differs by a third of the gain
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
        curves = search.comparison_.curves
        if curves is None:  # there is no gain to exchange
            return {"chosen": search.best_method_}
        reached = mean_loss(search.best_estimator_, drawn)
        plain = plain_losses(name, seed, reached)
    kept = {key: np.round(value, 6).tolist() for key, value in arrays(curves).items()}
    return {
        "chosen": search.best_method_,
        "curves": {**curves._asdict(), **kept},
        "reached": round(reached, 6),
        "plain": plain,
    }


def mean_loss(model, drawn):
    """Log-loss on the test rows, the mean of several networks."""
    losses = []
    for i in range(N_NETWORKS):
        one = clone(model).set_params(random_state=N_NETWORKS * drawn.seed + i)
        one.fit(drawn.train.X, drawn.train.y)
        log_p = log_probabilities(one, drawn.test.X, drawn.classes)
        losses.append(scores(log_p, drawn.test, drawn.classes)["log-loss"])
    return float(np.mean(losses))


def plain_losses(name, seed, reached):
    """Log-losses of plain networks by arm and size, until all are as low as reached."""
    losses = {arm: [] for arm in TRUTHS}
    for factor in FACTORS:
        drawn = replace(task(name), n_rows=factor * N_ROWS).draw(seed)
        base, known = setup_of(drawn, SEARCH), {}
        setups = [
            base._replace(steps=steps, decay=decay)
            for steps, decay in product(TRUTHS[BEST], DECAYS)
        ]
        inner = [tried(make_plain, setup, drawn) for setup in setups]
        for arm, steps in TRUTHS.items():
            chosen = lowest([one for one in inner if one["steps"] in steps])
            place = inner.index(chosen)
            if place not in known:
                known[place] = mean_loss(setups[place].net(), drawn)
            losses[arm].append(round(known[place], 6))
        if all(of_arm[-1] <= reached for of_arm in losses.values()):
            break
    return losses


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


def holds(run, arm=BEST):
    """Whether the interval holds the truth."""
    rate = estimate(run)
    return rate.low <= true_factor(run, arm) <= rate.high


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
    of_arms = [text for arm in TRUTHS for text in (f"truth, {arm}", "inside")]
    yield ["draw", "chosen", "estimate", "interval", *of_arms]
    for run in results:
        line = [str(run["seed"]), run["chosen"]]
        if "curves" in run:
            rate = estimate(run)
            line += [times(rate.factor), f"{times(rate.low)} to {times(rate.high)}"]
            for arm in TRUTHS:
                inside = "yes" if holds(run, arm) else "no"
                line += [times(true_factor(run, arm)), inside]
        yield line + [""] * (4 + len(of_arms) - len(line))


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
    text = "the estimate can be told in four draws of five"
    yield claim(text, f"{len(known)} of {n}", len(known) >= 0.8 * n)
    for arm in TRUTHS:
        held = sum(holds(run, arm) for run in known)
        text = f"{arm}: the interval holds the truth in four of five that are told"
        yield claim(text, f"{held} of {len(known)}", held >= 0.8 * len(known) > 0)
        pairs = [(estimate(run).factor, true_factor(run, arm)) for run in known]
        ratios = np.diff(np.log(np.minimum(pairs, FACTORS[-1])), axis=1)
        ratio = np.exp(-ratios.mean()) if known else np.nan
        text = f"{arm}: geometric mean of estimate / truth between 1 / 1.5 and 1.5"
        yield claim(text, f"{ratio:.2f}", 1 / 1.5 <= ratio <= 1.5)


if __name__ == "__main__":
    options = study_parser(__doc__, [NAME], SEEDS, n_jobs=1).parse_args()
    settings = {NAME: [*SETS[NAME], STEPS, DECAYS, FACTORS, N_NETWORKS]}
    study(__file__, options, settings, run_seed, summary, claims, "The exchange rate")
