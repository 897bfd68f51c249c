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
# The rows are scikit-learn's digits as images of 8 x 8 pixels, in a batch of tensors.
# :class:`~skaug.TableMixup` lays a second row over each one and returns shares of the
# classes in place of labels. :class:`~skaug.Cutout` covers a square and leaves the
# label. :class:`~skaug.transforms.RandomAffine` turns, shifts and slants each image by
# another amount. Any function of a batch will do: the last one makes strokes paler.

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
from skaug.transforms import RandomAffine

X, y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)


def pale(X):
    """Each image with a part of its ink, between a third and all."""
    return X * (1 / 3 + 2 / 3 * torch.rand(len(X), 1, 1, 1))


affine = RandomAffine(15, translate=0.1, shear=10)
rows, codes = torch.from_numpy(X[:8]), torch.from_numpy(y[:8])
torch.manual_seed(1)
mixed, shares = TableMixup()(rows, codes, n_classes=10)
batches = {"given": rows, "TableMixup": mixed, "Cutout(3)": Cutout(3)(rows)}
batches |= {"RandomAffine": affine(rows), "pale": pale(rows)}

figure, axes = plt.subplots(5, 8, figsize=(8, 5.7), layout="constrained")
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
# The default network for images is trained on 300 digits, in three splits. It trains
# for about 600 gradient steps if its rows are augmented, and for 200 if they are not.
# The last 15 % of the epochs are left to clean batches. The plain twin of an augmented
# network has no callback, and as many steps. The nets of a split share rows and initial
# weights.

ways = {
    "TableMixup": TableMixup(),
    "ManifoldMixup": ManifoldMixup(),
    "Cutout(3)": Cutout(3),
    "RandomAffine": affine,
}
scores = {name: [] for name in [*ways, "plain twin", "plain, 200 steps"]}
for seed in range(3):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=300, stratify=y, random_state=seed
    )
    for name, of_way in scores.items():
        if name in ways:
            augment = ("augment", BatchAugmentation(ways[name], refine_epochs=0.15))
            net = NetClassifier(callbacks=[augment], random_state=seed)
        elif name == "plain twin":
            net = plain_twin(net)  # the last one, without its callback
        else:
            net = NetClassifier(random_state=seed)
        proba = net.fit(X_train, y_train).predict_proba(X_test)
        accuracy = 100 * np.mean(net.classes_[proba.argmax(axis=1)] == y_test)
        calibration = 100 * expected_calibration_error(y_test, proba)
        of_way.append([accuracy, log_loss(y_test, proba), calibration])

heads = "accuracy %", "- twin", "log-loss", "- twin", "calibration error %"
print(f"{'':17}{heads[0]}{heads[1]:>16}{heads[2]:>10}{heads[3]:>17}{heads[4]:>21}")
for name, of_way in scores.items():
    of_way = np.array(of_way)
    gain = of_way - scores["plain twin"]
    error = gain.std(axis=0, ddof=1) / len(gain) ** 0.5
    mean, gain = of_way.mean(axis=0), gain.mean(axis=0)
    print(f"{name:17}{mean[0]:10.2f}{gain[0]:+9.2f} ± {error[0]:.2f}", end="")
    print(f"{mean[1]:10.3f}{gain[1]:+9.3f} ± {error[1]:.3f}{mean[2]:21.1f}")

# %%
# What the digits look like decides. Small turns, shifts and slants are what other hands
# would do: RandomAffine lowers the log-loss by more than a third, three times its
# error, and gains three quarters of a point of accuracy, not quite twice its error. A
# covered square of nine pixels is too much of an image of 64, and Cutout costs almost
# two points. The mixups are a little less accurate than the twin and far less sure than
# they are right, which costs log-loss; the clean epochs at the end do not make up for
# it. The plain twin gains a little by training longer than a plain network does by
# default.
#
# Three splits are few, and they share most of their test rows. The errors do not speak
# for other digits.
