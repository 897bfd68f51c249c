"""
What mixup does to a network, and refinement after it
=====================================================

Figures 2 to 4 of the paper of refined augmentation, for your own network and rows:
risks on clean and augmented rows, the directions that an augmentation regularises, the
spectra of features, the losses around a network, when to switch, and the errors over
the epochs.
"""  # noqa: D400

# %%
# Three networks are trained on 600 of scikit-learn's digits: a plain one, one with
# mixup to the end, and one whose last quarter is refined.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skaug import BatchAugmentation, NetClassifier, TableMixup
from skaug.refined import (
    ErrorCurveDisplay,
    FeatureSpectrumDisplay,
    HeldOutAccuracy,
    LossLandscapeDisplay,
    RefineSweepDisplay,
    augmentation_risks,
    variance_regularization,
)
from skaug.transforms import Jitter

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)


def network(*callbacks, seed=0):
    """A trained net; all with the same seed start alike."""
    return NetClassifier(callbacks=list(callbacks), random_state=seed).fit(X, y)


ways = {
    "plain": [],
    "mixup": [BatchAugmentation(TableMixup())],
    "refined mixup": [BatchAugmentation(TableMixup(), refine_epochs=0.25)],
}
nets = {name: network(*augment) for name, augment in ways.items()}

# %%
# Risks
# -----
#
# Equation 5 of the paper says that the loss on *clean* training rows matters, and not
# that on augmented ones. The gap is what they differ by. Epsilon is the gap on training
# rows minus that on test rows, which the paper takes to be small.

print(f"{'':15}{'clean':>8}{'mixed':>8}{'gap':>8}{'epsilon':>9}{'clean test':>12}")
for name, net in nets.items():
    risks = augmentation_risks(
        net, X, y, TableMixup(), X_val=X_test, y_val=y_test, random_state=0
    )
    print(
        f"{name:15}{risks.clean:8.3f}{risks.augmented:8.3f}{risks.gap:8.3f}"
        f"{risks.epsilon:9.3f}{risks.clean_val:12.3f}"
    )

# %%
# Refinement brings the loss on clean rows down, and that on mixed rows goes up.
#
# Directions
# ----------
#
# An augmentation that keeps labels works like a penalty on the last layer, along the
# directions in which the features of its views vary (Eq. 7). For small noise, the
# penalty is what the loss rises by.

noise = Jitter(0.1)
for name, net in nets.items():
    terms = variance_regularization(net, X, y, noise, random_state=0)
    share = terms.contribution[:9].sum() / terms.second_order
    print(
        f"{name:15}penalty {terms.second_order:.5f}, rise of the loss "
        f"{terms.monte_carlo:.5f}, of it by nine directions {100 * share:.0f} %"
    )

# %%
# With ten classes, nine directions of the features decide between them.
#
# Spectra
# -------
#
# How many directions do the features use? Read off how early the curves fall.

FeatureSpectrumDisplay.from_estimators(nets, X, y)
plt.show()

# %%
# Mixup makes classes spread along more directions, and distances between classes
# smaller: the first nine values, left of the dotted line. Refinement draws both back
# towards the plain network, as in the paper.
#
# Around the networks
# -------------------
#
# A plane through the network with mixup and the refined one. Read off where the lowest
# loss is: that on mixed rows is near the first network, that on clean rows beyond the
# second one.

LossLandscapeDisplay.from_estimators(
    nets["mixup"],
    nets["refined mixup"],
    X[:300],
    y[:300],
    transform=TableMixup(),
    names=("mixup", "refined"),
    random_state=0,
)
plt.show()

# %%
# When to switch
# --------------
#
# The number of epochs is fixed, and mixup is switched off at different ones. Refinement
# helps where the curve lies below its right end.

RefineSweepDisplay.from_estimator(
    nets["mixup"], X, y, X_test, y_test, refine_epochs=(0, 0.1, 0.3, 0.6, 1.0),
    n_repeats=3, random_state=0,
)  # fmt: skip
plt.show()

# %%
# Over the epochs
# ---------------
#
# Papers report the mean or the median of the last ten epochs, the last epoch and the
# best one. A callback records the accuracy after each epoch. Read off whether the
# errors fall after the star, at which refinement begins.

accuracy = HeldOutAccuracy(X_test, y_test)
repeats = {
    name: [network(*augment, accuracy, seed=seed) for seed in range(3)]
    for name, augment in ways.items()
}
ErrorCurveDisplay.from_estimators(repeats)
plt.show()

# %%
# Here they do, from 2.8 to 2.4 %, while mixup to the end stays where it was. The best
# epoch of the plain network is as low, but it is chosen by the rows it is scored on.
