"""
Level by level: does it help?
=============================

:class:`~skaug.IHDAFinetuner` trains a network, makes samples in the activations of a
level, fine-tunes all that lies above on them, and goes on to the next level. Training
on has an effect of its own, so every score is set beside that of a twin: the same base
training, levels, steps, batches and rates, with real rows only.

The data are read by ``benchmarks/data.py``, so this script needs that folder on the
path: ``PYTHONPATH=benchmarks python examples/plot_ihda.py``.
"""  # noqa: D400

# %%
# What is made
# ------------
#
# The network is the default one for tables, with two blocks, and the data are 300 of
# scikit-learn's digits. Samples keep the class of their source.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import accuracy_score, log_loss, recall_score

from data import har_table, load, take
from skaug import ActivationDisplay, IHDAFinetuner, LevelGainDisplay, NetClassifier

digits = load("digits")
rows = take(digits.y_train, 300, seed=0)
X, y = digits.X_train[rows], digits.y_train[rows]

finetuner = IHDAFinetuner(random_state=0).fit(X, y)
print(f"{'level':10}{'samples':>9}{'R2':>7}{'active units':>14}{'steps':>7}")
for record in finetuner.levels_:
    n_samples = sum(record.n_samples.values())
    print(
        f"{record.level:10}{n_samples:9}{record.r2:7.2f}"
        f"{record.active_units:14}{record.steps:7}"
    )

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for ax, level in zip(axes, ["input", "blocks.1"]):
    ActivationDisplay.from_estimator(
        finetuner, X, y, level, ax=ax, legend=level != "input"
    )
plt.show()

# %%
# TEXT

test = digits.X_test, digits.y_test
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
for ax, scoring in zip(axes, [None, "neg_log_loss"]):
    display = LevelGainDisplay.from_estimator(
        IHDAFinetuner(), X, y, *test, scoring=scoring, n_repeats=5, ax=ax
    )
    print(
        f"{display.score_name:18} base {display.scores[:, 0].mean():.3f}, "
        f"twin {display.scores_real[:, -1].mean():.3f}, "
        f"IHDA {display.scores[:, -1].mean():.3f}, "
        f"gain {display.gain[-1]:+.3f} ± {display.gain_error[-1]:.3f}"
    )
plt.show()

# %%
# People never seen
# -----------------

N_REPEATS = 5
METRICS = ("accuracy", "negative log loss", "recall of the worst class")


def metrics(model, X, y):
    proba = model.predict_proba(X)
    predicted = model.classes_[proba.argmax(axis=1)]
    recalls = recall_score(y, predicted, average=None)
    return accuracy_score(y, predicted), -log_loss(y, proba), recalls.min()


har = load("har")
rows = take(har.y_train, 1000, seed=0)
X, y, subject = har_table(har.X_train[rows]), har.y_train[rows], har.subject_train[rows]
test = har_table(har.X_test), har.y_test
print(f"{len(set(subject))} people to train on, {len(set(har.subject_test))} others")

scores = {None: [], "real": []}
for seed in range(N_REPEATS):
    net = NetClassifier(random_state=seed).fit(X, y)
    for control in scores:
        finetuner = IHDAFinetuner(
            net, prefit=True, control=control, random_state=seed
        )
        stages = finetuner.staged_fit(X, y, subject)
        scores[control].append([metrics(stage, *test) for stage in stages])

levels = [record.level for record in finetuner.levels_]
skipped = np.zeros((N_REPEATS, len(levels)), dtype=bool)
figure, axes = plt.subplots(2, 3, figsize=(11, 6.5), layout="constrained")
print(f"{'':27}{'base':>8}{'twin':>8}{'IHDA':>8}{'gain':>10}")
for number, (name, (above, below)) in enumerate(zip(METRICS, axes.T)):
    ihda, real = (np.array(of_side)[..., number] for of_side in scores.values())
    display = LevelGainDisplay(ihda, real, levels, skipped, score_name=name)
    display.plot(above).plot(below, kind="gain")
    base, last = ihda[:, 0].mean(), (real[:, -1].mean(), ihda[:, -1].mean())
    print(f"{name:27}{base:8.3f}" + "".join(f"{value:8.3f}" for value in last), end="")
    print(f"{display.gain[-1]:+10.3f} ± {display.gain_error[-1]:.3f}")
plt.show()
