"""
What a batch looks like after mixup and cutout
==============================================

:class:`~skaug.BatchAugmentation` calls a function on each training batch. Some of these
functions are shown at work here, and what training with each of them does.
"""  # noqa: D400

# %%
# Rows of a batch
# ---------------
#
# scikit-learn's digits as images of 8 x 8 pixels, as a batch of tensors.
# :class:`~skaug.TableMixup` lays a second row over each one and returns shares of the
# classes in place of labels. :class:`~skaug.Cutout` covers a square, and leaves the
# label. Any function of a batch will do: the last one shifts images.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skaug import (
    BatchAugmentation,
    Cutout,
    ManifoldMixup,
    NetClassifier,
    TableMixup,
    expected_calibration_error,
    plain_twin,
)

X, y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)


def shift(X):
    """Each image moved by a pixel, or not, along either axis."""
    padded = torch.nn.functional.pad(X, (1, 1, 1, 1))
    down, right = torch.randint(3, (2, len(X)))
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1)  # (n, 1, 3, 3, 8, 8)
    return windows[torch.arange(len(X)), :, down, right]


rows, codes = torch.from_numpy(X[:8]), torch.from_numpy(y[:8])
torch.manual_seed(1)
mixed, shares = TableMixup()(rows, codes, n_classes=10)
batches = {"given": rows, "TableMixup": mixed, "Cutout(3)": Cutout(3)(rows)}
batches["shift"] = shift(rows)

figure, axes = plt.subplots(4, 8, figsize=(8, 4.6), layout="constrained")
for line, (name, batch) in zip(axes, batches.items()):
    for ax, image, digit, share in zip(line, batch, codes, shares):
        ax.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        title = str(int(digit))
        if name == "TableMixup":
            title = ", ".join(f"{k}: {share[k]:.1f}" for k in share.nonzero()[:, 0])
        ax.set_title(title, fontsize=8)
    line[0].set_ylabel(name)
plt.show()

# %%
# Above an image is its class, or the shares of two. A row that is mixed with itself, as
# the first one, keeps its class whole. :class:`~skaug.ManifoldMixup` mixes alike, but
# what a layer of the network makes of the rows, so that there is no image to show.
#
# What training makes of it
# -------------------------
#
# 300 digits to train on, the default network for images, and three splits. The nets of
# a split share rows, initial weights and the order of batches. The last three of
# 15 epochs are left to clean batches.

ways = {
    "TableMixup": TableMixup(),
    "ManifoldMixup": ManifoldMixup(),
    "Cutout(3)": Cutout(3),
    "shift": shift,
}
scores = {name: [] for name in [*ways, "plain twin"]}
for seed in range(3):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=300, stratify=y, random_state=seed
    )
    for name, of_way in scores.items():
        if name in ways:
            augment = ("augment", BatchAugmentation(ways[name], refine_epochs=3))
            net = NetClassifier(max_epochs=15, callbacks=[augment], random_state=seed)
        else:
            net = plain_twin(net)  # the last one, without its callback
        proba = net.fit(X_train, y_train).predict_proba(X_test)
        accuracy = 100 * np.mean(net.classes_[proba.argmax(axis=1)] == y_test)
        calibration = 100 * expected_calibration_error(y_test, proba)
        of_way.append([accuracy, log_loss(y_test, proba), calibration])

heads = "accuracy %", "- plain twin", "log-loss", "- twin", "calibration error %"
print(f"{'':14}{heads[0]}{heads[1]:>16}{heads[2]:>10}{heads[3]:>17}{heads[4]:>21}")
for name, of_way in scores.items():
    of_way = np.array(of_way)
    gain = of_way - scores["plain twin"]
    error = gain.std(axis=0, ddof=1) / len(gain) ** 0.5
    mean, gain = of_way.mean(axis=0), gain.mean(axis=0)
    print(f"{name:14}{mean[0]:10.2f}{gain[0]:+9.2f} ± {error[0]:.2f}", end="")
    print(f"{mean[1]:10.3f}{gain[1]:+9.3f} ± {error[1]:.3f}{mean[2]:21.1f}")

# %%
# Nothing helps here. The mixups gain no accuracy beyond doubt and leave the network far
# less sure of itself than it is right, which costs log-loss: three clean epochs,
# fifteen steps, do not make up for it. A square of nine pixels is too much of an image
# of 64. With few rows and few epochs the plain twin is hard to beat; the guide on
# refined augmentation has figures of longer training. The three splits share most of
# their test rows.
