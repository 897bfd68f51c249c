"""
Which transforms harm? A policy by influence
============================================

A list of transforms is easily made, and some of them will harm: which ones depends on
the data. To train with each of them takes a training each.
:class:`~skaug.InfluenceAugmenter` trains three networks without any, and scores all
transforms by what the last layers of these say about rows that were held out.

The data are read by ``benchmarks/data.py``, so this script needs that folder on the
path: ``PYTHONPATH=benchmarks python examples/plot_influence_policy.py``.
"""  # noqa: D400

# %%
# Scores and weights
# ------------------
#
# 500 images of Fashion-MNIST, of which two fifths are held out for the scores. Images
# are pooled to 14 x 14 pixels for speed. Two transforms that nobody would want are
# planted in the default list: another image in the place of each one, and noise.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import log_loss

from data import load, take
from skaug import (
    BatchAugmentation,
    InfluenceAugmenter,
    NetClassifier,
    TransformPolicy,
)
from skaug.transforms import baseline_transform

data = load("fashion_mnist")


def pooled(X):
    """Means of squares of four pixels."""
    return X.reshape(len(X), 1, 14, 2, 14, 2).mean(axis=(3, 5))


def rows_of(seed):
    """Images and labels of a seed."""
    rows = take(data.y_train, 500, seed)
    return pooled(data.X_train[rows]), data.y_train[rows]


def network(seed, callbacks=()):
    """The default network for images; for the size of the data few epochs do."""
    return NetClassifier(max_epochs=15, callbacks=list(callbacks), random_state=seed)


def another(X):
    """Another image of the batch."""
    return X[torch.randperm(len(X))]


def noise(X):
    """Noise of the spread of the pixels."""
    return X.mean() + X.std() * torch.randn_like(X)


planted = [("ANOTHER IMAGE", "", another), ("NOISE", "", noise)]
X, y = rows_of(seed=0)


def learned(seed, X, y, transforms):
    """An augmenter with the scores of transforms; one view of each row is faster."""
    policy = TransformPolicy(transforms, n_draws=1)
    augmenter = InfluenceAugmenter(
        network(seed),
        augmentation=policy,
        guard=False,
        refit=False,
        random_state=seed,
    )
    return augmenter.fit(X, y)


augmenter = learned(0, X, y, ["auto", *planted])

table = pd.DataFrame(augmenter.policy_)
print(table.head(5).to_string(index=False), "\n...")
print(table.tail(5).to_string(index=False))

names = [f"{row.transform} {row.strength}" for row in augmenter.policy_]
colours = ["C3" if name.isupper() else "C0" for name in map(str.strip, names)]
figure, axes = plt.subplots(1, 2, figsize=(9, 7), sharey=True, layout="constrained")
axes[0].barh(names, table["score"], xerr=table["std"], color=colours)
axes[0].set(xlabel="score: mean cosine, and its spread over networks")
axes[0].invert_yaxis()
axes[1].barh(names, table["weight"], color=colours)
axes[1].axvline(1 / len(table), color="0.3", linestyle="--", label="all alike")
axes[1].set(xlabel="weight")
axes[1].legend()
plt.show()

# %%
# Both planted transforms are in the lower third, with a third or less of the weight
# that they would have if all were alike. They are not the last: added noise, which
# leaves the image readable, gets less. A score says what the held-out rows want of
# these networks, not what a transform looks like. Close neighbours in the list have
# scores that differ by less than their spread over networks, and nothing is to be read
# from their order.
#
# Does it help?
# -------------
#
# Four ways to augment, each with the same rows, weights and order of batches, on three
# draws of 500 images: none, the fixed baseline, the default list with all transforms
# alike (``strength=0`` is the same), and the policy. It is learned from scratch for
# each draw, without the two planted ones. All are trained on all 500 rows in the end,
# and tested on 2,000 images that nothing else was done with.

X_test, y_test = pooled(data.X_test[:2000]), data.y_test[:2000]
METRICS = "accuracy", "log loss"
scores = {"none": [], "baseline": [], "list": [], "policy": []}
for seed in range(3):
    X, y = rows_of(seed)
    policy = learned(seed, X, y, "auto").augmentation_
    alike = type(policy)(policy.transforms, np.ones(len(policy.transforms)))
    ways = [None, baseline_transform(torch.from_numpy(X)), alike, policy]
    for way, of_way in zip(ways, scores.values()):
        own = [] if way is None else [BatchAugmentation(way, random_state=seed)]
        net = network(seed, own).fit(X, y)
        proba = net.predict_proba(X_test)
        accuracy = 100 * np.mean(net.classes_[proba.argmax(axis=1)] == y_test)
        of_way.append([accuracy, log_loss(y_test, proba)])
scores = {name: np.array(of_way) for name, of_way in scores.items()}

print(f"{'mean':20}" + "".join(f"{metric:>18}" for metric in METRICS))
for name, of_way in scores.items():
    print(f"{name:20}" + "".join(f"{mean:18.3f}" for mean in of_way.mean(axis=0)))
print("\npolicy minus")
for name in ("none", "baseline", "list"):
    gains = scores["policy"] - scores[name]
    errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    cells = [f"{mean:+.3f} ± {e:.3f}" for mean, e in zip(gains.mean(axis=0), errors)]
    print(f"  {name:18}" + "".join(f"{cell:>18}" for cell in cells))

# %%
# The policy is better than the fixed baseline, by several standard errors in both
# scores, and better than the list with all transforms alike: in log-loss by more than
# two standard errors, in accuracy by little more than one. It is not better than none:
# with 500 images and fifteen epochs, networks trained without any augmentation are the
# best of all. Weights within a list cannot say whether to augment at all. That takes
# one training with the policy and one without, and rows held out from both: the guard
# of the augmenter does this, and is switched off here.
#
# The three draws share their test images: the errors speak for other training images
# and weights, and not for other test images.
