"""
Augmentation computed from the row
==================================

The network of the paper looks at a row and computes how to change it: where to look, by
a field of small shifts, and for colours how to mix them. It is trained through
influence, so that training on what it makes should lower the loss on held-out rows.
:class:`~skaug.NetworkAugmentation`, a part of :class:`~skaug.InfluenceAugmenter`,
trains the network behind a fixed baseline, and a guard finds out whether it helped.
"""  # noqa: D400

# %%
# What it makes
# -------------
#
# 400 of scikit-learn's digits as images of 8 x 8 pixels; two fifths of them are held
# out. The baseline turns, shifts and scales images a little. A GAN first teaches the
# network to make such images of clean ones; then the network comes on top of the
# baseline, and is trained for its objective, with the GAN beside it.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skaug import (
    AugmentationGridDisplay,
    BatchAugmentation,
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
)
from skaug.influence import CodeWalkDisplay, TrainedNetwork
from skaug.transforms import baseline_transform

X, y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)


def split(seed):
    """Images and labels to train on, then those to test on."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=400, stratify=y, random_state=seed
    )
    return X_train, y_train, X_test, y_test


def classifier(**parameters):
    """A network for images, half as wide as the default one to be quick."""
    return NetClassifier(module__widths=(16, 32, 64), **parameters)


def learned(seed, guard=False):
    """The augmenter of a seed, on its training rows."""
    augmenter = InfluenceAugmenter(
        classifier(),
        augmentation=NetworkAugmentation(),
        guard=guard,
        refit=False,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a network that is refused
        return augmenter.fit(*split(seed)[:2])


augmenter = learned(seed=0)
display = AugmentationGridDisplay.from_estimator(augmenter, X, y, n_draws=3)
plt.show()

# %%
# Each digit has three views, of baseline and, for half of them, network. Half of the
# code that the network computes from a row is dropped at random, so that each draw is
# another view. What the network alone does along the way from one draw to another is
# seen in five lines, three for grey images: where each position looks, and what comes
# of it.

display = CodeWalkDisplay.from_estimator(augmenter, X[0])
plt.show()
share = augmenter.draws_
print(f"Two draws by the network differ by {share:.2f} of what two by the baseline do.")

# %%
# Training
# --------
#
# The objective is the cosine between what a batch would do to the last layer and what
# the held-out rows want. It rises, so that the network does learn what it is asked to.

values = np.array(augmenter.losses_["objective"])
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(values, color="0.7", label="batch")
ax.plot(np.arange(5, 146), np.convolve(values, np.ones(10) / 10, "valid"), label="mean")
ax.set(xlabel="step", ylabel="cosine")
ax.legend()
plt.show()

# %%
# Does it help?
# -------------
#
# Each of four splits has three networks, trained on all 400 rows and looked at on the
# other 1,397: a plain one, one with the baseline alone, and one with the network behind
# it. The two that are augmented train for 600 steps, the plain one for 200.

METRICS = "accuracy %", "log loss"
scores = {"plain": [], "baseline": [], "network": []}
for seed in range(4):
    augmenter = augmenter if seed == 0 else learned(seed)
    X_train, y_train, X_test, y_test = split(seed)
    baseline = baseline_transform(torch.from_numpy(X_train))
    behind = TrainedNetwork(augmenter.network_, baseline)
    for way, of_way in zip((None, baseline, behind), scores.values()):
        own = [] if way is None else [BatchAugmentation(way, random_state=seed)]
        net = classifier(callbacks=own, random_state=seed).fit(X_train, y_train)
        loss = log_loss(y_test, net.predict_proba(X_test))
        of_way.append([100 * net.score(X_test, y_test), loss])
scores = {name: np.array(of_way) for name, of_way in scores.items()}

print(f"{'mean':22}" + "".join(f"{metric:>18}" for metric in METRICS))
for name, of_way in scores.items():
    print(f"{name:22}" + "".join(f"{mean:18.3f}" for mean in of_way.mean(axis=0)))
for of, over in [("baseline", "plain"), ("network", "baseline")]:
    gains = scores[of] - scores[over]
    errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    cells = [f"{mean:+.3f} ± {e:.3f}" for mean, e in zip(gains.mean(axis=0), errors)]
    print(f"{of + ' - ' + over:22}" + "".join(f"{cell:>18}" for cell in cells))

# %%
# The baseline lowers the log-loss by four times its error, and leaves the accuracy as
# it is. The network behind it adds nothing to that here. The splits share most of their
# test rows.
#
# What the guard says
# -------------------
#
# The augmenters above have no guard. A guard trains with the network, with the
# baseline alone and with neither, from the same weights, and compares losses on the
# held-out rows. If the network does not clearly improve on the baseline, the baseline
# is left. If that does not clearly improve on plain training, rows stay as they are.

guarded = learned(0, guard=True)
over_baseline, over_plain = guarded.loss_over_baseline_, guarded.held_out_loss_
print("held-out loss        without   with   difference")
for name, loss in [("network", over_baseline), ("baseline", over_plain)]:
    gain = f"{loss.augmented - loss.plain:+.3f} ± {loss.se:.3f}"
    print(f"{name:20}{loss.plain:8.3f}{loss.augmented:7.3f}   {gain}")
print(f"accepted: {guarded.accepted_}")

# %%
# On the rows of the first split the guard refuses the network, and the baseline too:
# neither difference is as large as its error. With 160 rows held out the error is 0.03,
# more than the baseline gains above. A guard keeps out what does harm, and lets small
# gains go.
#
# A cosine that rises says that the last layer, with the features as they are, would
# like these rows. It does not say what a network trained on these rows will do. So take
# the network with its guard, and a policy or the baseline first.
