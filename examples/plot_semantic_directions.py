"""
What ISDA moves features towards
================================

ISDA moves the features of a row along the directions in which those of its class vary.
What are these directions? Rows along them show it: real ones that come nearest, and
images that a generator makes, as in the paper's Figures 3 and 5.
"""  # noqa: D400

# %%
# A network for three kinds of handwritten digits is trained with ISDA.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skaug import ISDAClassifier
from skaug.baselines import WassersteinGAN
from skaug.datasets import load_har
from skaug.isda import FeatureInversion, SemanticDirectionsDisplay

X, y = load_digits(return_X_y=True)
chosen = np.isin(y, [3, 5, 9])
X, y = X[chosen].reshape(-1, 1, 8, 8) / 16, y[chosen]
net = ISDAClassifier(strength=1, max_epochs=15, random_state=0).fit(X, y)

# %%
# Along a direction
# -----------------
#
# The middle column is the digit whose features are nearest to the mean of the class.
# From there each line goes two standard deviations along one of the leading directions.
# Read off what changes from left to right: this is what ISDA varies.

display = SemanticDirectionsDisplay.from_estimator(net, X, y, label=3)
plt.show()

# %%
# The numbers are attributes: shares of the variance, and which rows they are.

for number, share in enumerate(display.variance_shares, start=1):
    print(f"direction {number}: {100 * share:.0f} % of the variance of the class")
print(display.nearest)

# %%
# From one row
# ------------
#
# ISDA moves single rows, not means. Here one row is moved, and the others that come
# nearest are shown. Read off how the row would change. The nearest of some 180 rows are
# not very near, which ``distances`` tells: they differ in other directions, too.

row = int(np.flatnonzero(y == 3)[3])
display = SemanticDirectionsDisplay.from_estimator(net, X, y, row=row)
plt.show()
print("one standard deviation is", (display.variances[0] ** 0.5).round(1))
print("distances along direction 1:", display.distances[0].round(1))

# %%
# From features to pixels
# -----------------------
#
# A generator makes rows that are not there. First, noise is looked for of which it
# makes the row, with the row's features. From there the noise is moved, until the
# features are those that ISDA moved. Read off what changes, now that all else may stay.

gan = WassersteinGAN(latent_dim=16, width=16, steps=200, random_state=0)
gan.fit(X[y == 3], y[y == 3])
inversion = FeatureInversion(gan.generator(3), latent_dim=16, random_state=0)
display = SemanticDirectionsDisplay.from_estimator(
    net, X, y, row=row, inversion=inversion
)
plt.show()
print("distances along direction 1:", display.distances[0].round(1))

# %%
# The generator does not make quite this row, which 0 tells, and comes closer to the
# features at either end than real rows do.
#
# Signals
# -------
#
# Two and a half seconds of three ways of walking, from an accelerometer. Where a row
# that comes near is of another class, the class is named below it: read off where the
# directions lead to.

har = load_har()
names = np.array(har.target_names)[har.target]
walks = np.char.startswith(names, "walking")
X, y = har.data[walks, 6:9], names[walks]  # acceleration along three axes
net = ISDAClassifier(strength=1, max_epochs=8, random_state=0).fit(X, y)
SemanticDirectionsDisplay.from_estimator(net, X, y, label=y[0], n_directions=2)
plt.show()
