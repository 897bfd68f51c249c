"""Do rows of a GAN help a classifier? The generators of ISDA's Table 4, small, paired.

One sixth of each batch is generated, as in the paper. A GAN is trained on the rows that
the network is trained on: images of 16 x 16 or 14 x 14, of which a class has 50 or 40.
The paper's have 32 x 32, and 5,000 of a class. This shows what such generators do where
rows are few; it is no reproduction of the paper's figures.

Default networks are trained on the draws of bench_methods.py, with the augmentation by
hand that suits the set, as all rows of the paper's table are. It comes after the
generated rows, and moves them as well. Arms of a draw share its rows, the first weights
and the batches; each trains for the gradient steps of STEPS.

- cross-entropy: also for the other steps of BUDGETS. "best" is the number of steps with
  the best mean over the test rows of all draws, for each metric by itself, which is in
  its favour. "equal" is that of as many steps as the others have.
- WGAN (with gradient penalty, one for each class), CGAN, ACGAN, InfoGAN: each with the
  steps of GANS and otherwise its defaults.
- ISDA: its strength is chosen for each draw, among STRENGTHS, by the log-loss on a
  third of the training rows.

"named as told": of 1,000 generated rows, those of which a judge says that they are of
their label, in percent. It is a network that was trained on JUDGE other rows; it also
judges the test rows, for comparison. "seconds of GAN" is the CPU time of its training.

    python benchmarks/bench_gans.py [--sets cifar10] [--seeds 5] [--output FILE.json]
    python benchmarks/bench_gans.py --summary FILE.json
    python benchmarks/bench_gans.py --sets cifar10 --seeds 1 --shorter 50

What is in the output file already, from the same source and settings, is not run again.
The second writes the tables to results/gans.md. The third tries all of it with a
fiftieth of all steps.
"""

import time
from functools import cache, partial

import numpy as np
from sklearn.frozen import FrozenEstimator

from bench_losses import (
    BEST,
    BUDGETS,
    DECAY,
    EQUAL,
    PLAIN,
    STRENGTHS,
    with_twins,
)
from data import SETS, take, task
from runs import (
    by_set,
    claim,
    differences,
    levels,
    list_of_claims,
    origins,
    rounded,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import BatchAugmentation, ISDAClassifier, NetClassifier
from skaug.baselines import (
    AuxiliaryClassifierGAN,
    ConditionalGAN,
    GeneratedRows,
    InfoGAN,
    WassersteinGAN,
)
from skaug.comparison import Budgets, log_probabilities, scores
from skaug.comparison.cell import fitted, lowest, one_thread, setup_of, tried, warm_up
from skaug.comparison.heuristics import heuristic
from skaug.comparison.setup import comparing, epochs_of

# Crops and flips are learned in 300 steps, affine changes in 600.
STEPS = {"cifar10": 300, "fashion_mnist": 600}
SHARE = 1 / 6
# Kind, steps of each generator, rows of a step.
GANS = {
    "WGAN": (WassersteinGAN, 80, 32),
    "CGAN": (ConditionalGAN, 1000, 64),
    "ACGAN": (AuxiliaryClassifierGAN, 1000, 64),
    "InfoGAN": (InfoGAN, 1000, 64),
}
JUDGE = 5000
N_GENERATED = 1000
METRICS = {"accuracy": 2, "log-loss": 3, "calibration error": 2}
OF_GANS = {"named as told": 1, "seconds of GAN": 0}
REAL = "test rows"


def shorter(steps, factor):
    """Fewer steps, for a trial."""
    return max(1, round(steps / factor))


@cache
def judge_of(name, factor):
    """A network trained on many rows, and how often it names test rows rightly."""
    rows = take(task(name).y, JUDGE, seed=10**6)
    X, y, test = task(name).X[rows], task(name).y[rows], task(name).test
    epochs = epochs_of(shorter(1000, factor), JUDGE)
    net = NetClassifier(max_epochs=epochs, random_state=0).fit(X, y)
    return net, 100 * net.score(test.X[:N_GENERATED], test.y[:N_GENERATED])


def gan_of(arm, drawn, factor):
    """A fitted GAN, and what is known of it."""
    kind, steps, batch_size = GANS[arm]
    start = time.process_time()
    gan = kind(
        steps=shorter(steps, factor),
        batch_size=batch_size,
        random_state=drawn.seed,
    ).fit(drawn.train.X, drawn.train.y)
    return gan, time.process_time() - start


def make_isda(drawn):
    """Make networks with ISDA, of a setup and a strength."""

    def make(setup, value):
        return setup.net(ISDAClassifier, [by_hand(setup, drawn)], strength=value)

    return make


def by_hand(setup, drawn):
    """The callback of the augmentation by hand."""
    return "augment", BatchAugmentation(heuristic(setup, drawn.heuristic))


def generated(gan):
    """The callback that replaces rows by those of a fitted GAN."""
    rows = GeneratedRows(FrozenEstimator(gan), SHARE)
    return "generated", BatchAugmentation(rows)


def run_seed(name, seed, factor=1.0):
    """Scores of all arms on one draw."""
    drawn, arms = task(name).draw(seed), {}
    steps = shorter(STEPS[name], factor)
    setup = setup_of(drawn, Budgets())._replace(steps=steps, decay=DECAY)

    def add(arm, model, **known):
        start = time.process_time()
        found = scores_of_model(fitted(model, drawn.train), drawn)
        spent = round(time.process_time() - start, 2)
        arms[arm] = {**found, **known, "seconds": spent}
        say(name, seed, arm, arms[arm])

    with one_thread(), comparing():
        warm_up()
        for budget in BUDGETS:
            plain = setup._replace(steps=shorter(budget, factor))
            model = plain.net(callbacks=[by_hand(plain, drawn)])
            add(f"{PLAIN}, {budget} steps", model)
        inner = [tried(make_isda(drawn), setup, drawn, one) for one in STRENGTHS]
        strength = lowest(inner)["value"]
        add("ISDA", make_isda(drawn)(setup, strength), value=strength)
        judge, of_real = judge_of(name, factor)
        arms[REAL] = {"named as told": of_real}
        for arm in GANS:
            gan, spent = gan_of(arm, drawn, factor)
            X, y = gan.sample(N_GENERATED, random_state=seed)
            known = {"named as told": 100 * judge.score(X, y), "seconds of GAN": spent}
            callbacks = [generated(gan), by_hand(setup, drawn)]
            add(arm, setup.net(callbacks=callbacks), **rounded(known, 2))
    return {"arms": arms}


def scores_of_model(model, drawn):
    """Metrics of a fitted network on the test rows."""
    log_p = log_probabilities(model, drawn.test.X, drawn.classes)
    found = scores(log_p, drawn.test, drawn.classes)
    return rounded({metric: found[metric] for metric in METRICS}, 6)


def pairs():
    """What is compared: label, arm and other arm."""
    compared = [(arm, twin) for twin in (EQUAL, BEST) for arm in (*GANS, "ISDA")]
    compared += [(arm, "ISDA") for arm in GANS]
    return {f"{arm} - {other}": (arm, other) for arm, other in compared}


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = [f"{origins(results)}.\n"]
    for name, runs in by_set(results, STEPS).items():
        runs = with_twins(runs, STEPS[name], METRICS)
        n_rows = SETS[name][0]
        heading = f"{name}: {n_rows} training rows, {len(runs)} draws"
        about = f"{STEPS[name]} gradient steps, {SHARE:.0%} of each batch generated."
        of_arms = levels(runs, {**METRICS, **OF_GANS})
        lines += section(heading, about, of_arms, differences(runs, pairs(), METRICS))
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    for name, runs in by_set(results, STEPS).items():
        runs = with_twins(runs, STEPS[name], METRICS)
        for arm in GANS:
            told = values(runs, arm, "named as told")
            text = f"{name}: rows of {arm} are named as told more often than by chance"
            chance = 100 / len(np.unique(task(name).y))
            yield claim(text, f"{told.mean():.1f} %", told.min() > chance)


if __name__ == "__main__":
    parser = study_parser(__doc__, STEPS, seeds=5)
    parser.add_argument("--shorter", type=float, default=1.0, help="divides all steps")
    options = parser.parse_args()
    fixed = {arm: [kind.__name__, *rest] for arm, (kind, *rest) in GANS.items()}
    fixed = [BUDGETS, STRENGTHS, SHARE, fixed, JUDGE, options.shorter]
    study(
        __file__,
        options,
        {name: [*SETS[name], STEPS[name], *fixed] for name in STEPS},
        partial(run_seed, factor=options.shorter),
        summary,
        claims if options.shorter == 1 else None,  # nothing is claimed of a trial
        "Generators that rival ISDA",
    )
