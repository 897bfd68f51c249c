"""
Augmentation computed from the row
==================================

The network of the paper looks at a row and says how to change it: where to look, by a
field of small shifts, and for colours how to mix them. It is trained through influence,
so that training on what it makes should lower the loss on held-out rows.
:class:`~skaug.InfluenceAugmenter` with ``method="network"`` trains it behind a fixed
baseline and asks a guard whether it helped.
"""  # noqa: D400

# %%
# What it makes
# -------------
#
# 400 of scikit-learn's digits as images of 8 x 8 pixels; two fifths of them are held
# out. The baseline turns, shifts and scales images a little. The network comes on top.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skaug import (
    AugmentationGridDisplay,
    BatchAugmentation,
    InfluenceAugmenter,
    NetClassifier,
)

X, y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)


def split(seed):
    """Images and labels to train on, then those to test on."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=400, stratify=y, random_state=seed
    )
    return X_train, y_train, X_test, y_test


def learned(seed):
    """The augmenter of a seed, on its training rows."""
    augmenter = InfluenceAugmenter(
        NetClassifier(max_epochs=20), method="network", refit=False, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a network not accepted
        return augmenter.fit(*split(seed)[:2])


augmenter = learned(seed=0)
display = AugmentationGridDisplay.from_estimator(augmenter, X, y, n_rows=10)
plt.show()

# %%
# Above, what the augmenter makes of ten digits: baseline, and network for half of them.
# Below, the network alone on the first digit. Half of the code that it computes from a
# row is dropped at random. Ten codes on the way from one draw to another give ten
# images, and the differences are those to the digit itself.
#
# Training
# --------
#
# For a hundred steps the network learns to look like the baseline, judged by
# discriminators on the images and on the features of the classifier; then comes the
# objective, the cosine between what a batch would do to the last layer and what the
# held-out rows want.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for name in ("generator", "discriminator"):
    axes[0].plot(augmenter.losses_[name], label=name)
axes[0].axvline(augmenter.pretrain_steps, color="0.3", linestyle="--", linewidth=1)
axes[0].set(xlabel="step", ylabel="losses of the GAN")
axes[0].legend()
axes[1].plot(augmenter.losses_["objective"], color="C2")
axes[1].set(xlabel="step after pretraining", ylabel="cosine")
plt.show()

# %%
# Does it help?
# -------------
#
# The guard trains the classifier with and without the network, from the same weights,
# and compares losses on the held-out rows. Where these are not lower it falls back to
# the baseline. Then both are trained on all 400 rows and looked at on the other 1,397,
# for five splits.

print("seed   held-out loss: without   with   accepted   test loss, accuracy: change")
changes = []
for seed in range(5):
    augmenter = learned(seed)
    loss, (X_train, y_train, *test) = augmenter.held_out_loss_, split(seed)
    scores = []
    for way in (augmenter.augmentation_.baseline, augmenter.augmentation_):
        own = BatchAugmentation(way, random_state=seed)
        net = NetClassifier(max_epochs=20, callbacks=[own], random_state=seed)
        net.fit(X_train, y_train)
        accuracy = 100 * net.score(*test)
        scores.append([log_loss(test[1], net.predict_proba(test[0])), accuracy])
    changes.append(np.subtract(*reversed(scores)))
    print(
        f"{seed:4}{loss.without:25.3f}{loss.with_network:7.3f}"
        f"{'yes' if augmenter.accepted_ else 'no':>11}"
        f"{changes[-1][0]:+20.3f}{changes[-1][1]:+9.2f}"
    )
errors = np.std(changes, axis=0, ddof=1) / np.sqrt(len(changes))
(loss, accuracy), (loss_error, accuracy_error) = np.mean(changes, axis=0), errors
print(f"mean{loss:+52.3f} ± {loss_error:.3f}{accuracy:+9.2f} ± {accuracy_error:.2f}")

# %%
# WORDS
