"""
Wrong labels and wrong predictions, found by neighbours
=======================================================

The neighbours of a row know something of its label. :func:`~skaug.hardness` is the
share of other classes among them, from 0 to 1. Here some labels are made wrong on
purpose, and :func:`~skaug.suspicious_labels` looks for them, by hardness alone and
together with a classifier. Then :func:`~skaug.error_doubts` looks for predictions that
are wrong. :ref:`Another example <sphx_glr_auto_examples_plot_mislabelled_rows.py>` asks
the influence of a row instead.
"""  # noqa: D400

# %%
# Windows with wrong labels
# -------------------------
#
# UCI HAR has windows of a phone on the waist during six activities, 40 of each of 30
# people. One label in twenty is made wrong. The features are mean, deviation and
# quartiles of each channel, which tell posture, and spectra, which tell movement.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    LabelDoubtsDisplay,
    class_potentials,
    error_doubts,
    hardness,
    suspicious_labels,
)
from skaug.datasets import load_har
from skaug.signals import MagnitudeSpectrum

SHARE, N_DRAWS = 0.05, 5

har = load_har()
spectra = MagnitudeSpectrum(har.sensors, log=True).fit_transform(har.data)
mean, deviation = har.data.mean(axis=-1), har.data.std(axis=-1)
quartiles = np.quantile(har.data, [0.25, 0.5, 0.75], axis=-1)
X = np.hstack([mean, deviation, *quartiles, spectra])
X = StandardScaler().fit_transform(X)
names = np.array(["walk", "up", "down", "sit", "stand", "lie"])
y, person = names[har.target], har.subject


def with_wrong_labels(y, rng):
    """Give some rows the name of another activity."""
    codes = np.searchsorted(np.sort(names), y)
    wrong = rng.random(len(y)) < SHARE
    codes[wrong] = (codes[wrong] + rng.integers(1, 6, wrong.sum())) % 6
    return np.sort(names)[codes]


given = with_wrong_labels(y, np.random.default_rng(0))

# %%
# The most suspicious rows
# ------------------------
#
# ``groups`` keep windows of one person from being neighbours: they resemble each other,
# and what one of them says of the next is worth less. No classifier is trained.

doubts = suspicious_labels(X, given, groups=person)
captions = [
    f"person {p} (wrong)" if a != b else f"person {p}"
    for p, a, b in zip(person, given, y)
]
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
LabelDoubtsDisplay.from_doubts(doubts, names=captions, n_rows=15, ax=ax)
plt.show()

# %%
# All neighbours of these rows are of other classes, and ties stand in the order of the
# rows. A classifier breaks the ties.
#
# Hardness, a classifier, and both
# --------------------------------
#
# The probabilities come from folds of people that the classifier has not seen. From the
# rows that it was trained on, it would have learned the wrong labels.

model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
RANKINGS = ("hardness alone", "probability alone", "both")


def by_row(doubts):
    """Scores in the order of the rows."""
    scores = np.empty(len(doubts.rows))
    scores[doubts.rows] = doubts.scores
    return scores


aucs = {name: [] for name in RANKINGS}
for seed in range(N_DRAWS):
    given = with_wrong_labels(y, np.random.default_rng(seed))
    wrong = given != y
    folds = {"groups": person, "cv": GroupKFold(5)}
    p = cross_val_predict(model, X, given, method="predict_proba", **folds)
    of_given = p[np.arange(len(y)), np.unique(given, return_inverse=True)[1]]
    both = suspicious_labels(X, given, groups=person, probabilities=p)
    scores = hardness(X, given, groups=person), -of_given, by_row(both)
    for name, score in zip(RANKINGS, scores):
        aucs[name].append(roc_auc_score(wrong, score))


def mean_and_error(values):
    """Mean over draws and its standard error, in %."""
    values = 100 * np.array(values)
    return f"{values.mean():.1f} ± {values.std(ddof=1) / len(values) ** 0.5:.1f}"


print("AUROC of wrong labels, %")
for name in RANKINGS:
    print(f"{name:18} {mean_and_error(aucs[name])}")

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
captions = [f"{i} (wrong)" if bad else str(i) for i, bad in enumerate(wrong)]
LabelDoubtsDisplay.from_doubts(both, names=captions, n_rows=15, ax=ax)
plt.show()

# %%
# An AUROC is the share of pairs of a wrong row and a right one in which the wrong row
# is ranked higher. Hardness alone finds as much as five trainings of a classifier, and
# both together find more. All fifteen rows at the top now have a wrong label. Such rows
# are to be looked at, and corrected by someone who knows: a row among other classes is
# not always a row with a wrong label.
#
# Which predictions not to trust
# ------------------------------
#
# Ten people train, with their labels as they are, and the other twenty are predicted.
# A prediction is doubtful if its probability is low, or if few of the nearest training
# windows have the class that is predicted: ``class_potentials`` with the radius
# ``("knn", 10)`` is the hardness that a row would have under each class.

aucs = {name: [] for name in RANKINGS}
for seed in range(N_DRAWS):
    people = np.random.default_rng(seed).permutation(30) + 1
    train = np.isin(person, people[:10])
    model.fit(X[train], y[train])
    p = model.predict_proba(X[~train])
    nearby = class_potentials(
        X[~train], X[train], y[train], radius=("knn", 10), metric="euclidean"
    )
    wrong = model.predict(X[~train]) != y[~train]
    own = nearby[np.arange(len(p)), p.argmax(axis=1)]
    scores = own, -p.max(axis=1), error_doubts(p, nearby)
    for name, score in zip(RANKINGS, scores):
        aucs[name].append(roc_auc_score(wrong, score))

print(f"AUROC of wrong predictions, %; the last model is wrong on {wrong.mean():.0%}")
for name in RANKINGS:
    print(f"{name:18} {mean_and_error(aucs[name])}")

order = np.argsort(-scores[-1], kind="stable")
kept = np.arange(1, len(order) + 1) / len(order)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, score in zip(RANKINGS, scores):
    right = ~wrong[np.argsort(score, kind="stable")]
    ax.plot(kept, 100 * np.cumsum(right) / np.arange(1, len(right) + 1), label=name)
ax.set(
    xlabel="share of predictions kept, the least doubtful first",
    ylabel="of these right, %",
    xlim=(0.2, 1),
    ylim=(83, 100.5),
)
ax.legend(loc="lower left")
plt.show()

# %%
# Both together rank wrong predictions better than the probability of the classifier
# does. It is the neighbours who know the predictions that are surely right: if a third
# is kept, fewer of them are wrong by hardness than by probability. It is the classifier
# who knows more of the rest.
#
# These activities are easy for neighbours in such columns. On images as pixels, where
# neighbours mean little, hardness finds less: see :ref:`wrong_labels`.
