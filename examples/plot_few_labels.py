"""
Five labelled windows per activity
==================================

Ten people have labelled five windows of each of six activities, all of them together.
A network that was trained on twenty others turns windows into features, on which a
linear classifier needs no more. :class:`~skaug.PretrainedFeatures` freezes the network.
For images, ``PretrainedFeatures()`` brings weights of ImageNet, see :ref:`few_labels`.
"""  # noqa: D400

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import ISDALogisticRegression, NetClassifier, PretrainedFeatures
from skaug.datasets import load_har
from skaug.signals import MagnitudeSpectrum

har = load_har()
X, y, people = har.data, har.target, har.subject
others = np.isin(people, np.unique(people)[:20])
net = NetClassifier(random_state=0).fit(X[others], y[others])

# %%
# Four classifiers see the same thirty labelled windows, in eight draws.
# ``ISDALogisticRegression`` chooses its penalty and its temperature on held-out
# windows, and keeps those of a person together.

spectra = make_pipeline(MagnitudeSpectrum(log=True), StandardScaler()).fit(X[others])
features = PretrainedFeatures(net).fit(X[others])
tables = {"spectra": spectra.transform(X), "features": features.transform(X)}
heads = {
    "spectra, logistic regression": ("spectra", 0),
    "spectra, pooled ISDA": ("spectra", "auto"),
    "features, logistic regression": ("features", 0),
    "features, pooled ISDA": ("features", "auto"),
}
accuracy = {name: [] for name in heads}
for seed in range(8):
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~others))
    few = [order[y[order] == activity][:5] for activity in np.unique(y)]
    rows = np.concatenate(few)
    test = np.setdiff1d(order, rows)
    for name, (table, strength) in heads.items():
        head = ISDALogisticRegression(strength)
        head.fit(tables[table][rows], y[rows], groups=people[rows])
        accuracy[name].append(100 * head.score(tables[table][test], y[test]))

# %%
# A point is the mean, its line one standard error over the draws. On the network's
# features thirty windows suffice, and augmentation has nothing left to do: within its
# error, ISDA changes nothing there.

figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for place, (name, values) in enumerate(accuracy.items()):
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    ax.errorbar(np.mean(values), place, xerr=error, fmt="o", color="C0")
    print(f"{name}: {np.mean(values):.1f} ± {error:.1f} %")
ax.set_yticks(range(len(accuracy)), list(accuracy))
ax.invert_yaxis()
ax.set_xlabel("Accuracy on the other windows of the ten people (%)")
plt.show()
