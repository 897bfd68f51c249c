"""
Is the influence true?
======================

:class:`~skaug.LastLayerInfluence` predicts what the validation loss would be without a
training row. A prediction can be checked: leave the row out and fit the layer again.
:class:`~skaug.LeaveOneOutDisplay` does so for some rows.
"""  # noqa: D400

# %%
# Rows of a table
# ---------------
#
# 300 of scikit-learn's digits, with 300 others for validation. The model is the softmax
# regression that ``LastLayerInfluence()`` fits itself, with more and with less damping.
# Of the 18 rows left out six are predicted to help most and six to harm most.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skaug import LastLayerInfluence, LeaveOneOutDisplay, NetClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
X, y, X_val, y_val = X[:300], y[:300], X[300:600], y[300:600]


def compare(X, X_val, dampings):
    """Predicted and actual changes, one figure for each damping."""
    axes = plt.subplots(1, len(dampings), figsize=(8, 3.8), layout="constrained")[1]
    for ax, damping in zip(axes, dampings):
        influence = LastLayerInfluence(damping=damping)
        display = LeaveOneOutDisplay.from_estimator(
            influence, X, y, X_val, y_val, n_rows=18, ax=ax, random_state=0
        )
        ax.set_title(f"damping {damping:g}")
        print(f"damping {damping:<8g}r {display.r:.3f}, slope {display.slope:.2f}")
    plt.show()


compare(X, X_val, [0.1, 0.001])

# %%
# With a damping of 0.1 predictions are right, in order and in size: the points lie on
# the line. With 0.001 the order is right still, and changes are twice what they were
# predicted to be. With little damping a single row bends the loss more than a
# prediction of first order can know.
#
# Features of a network
# ---------------------
#
# The input of a network's last layer, with the layers below as they are. The network
# has fitted its training rows.

net = NetClassifier(random_state=0).fit(X, y)
features, features_val = (
    LastLayerInfluence(net).fit(rows, labels).features_[:, :-1].numpy()
    for rows, labels in [(X, y), (X_val, y_val)]
)
compare(features, features_val, [0.1, 0.001])

# %%
# Sizes are a little off with much damping and a third with little. The order is right
# in both. So look at ranks, and take a damping of 0.1 where the size matters. What the
# row taught the layers below is not in either number.
