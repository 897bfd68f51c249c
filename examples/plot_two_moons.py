"""
Where two moons mix
===================

:class:`~skaug.HardRegionSampler` looks for points that lie among other classes and
makes new samples of them. Two moons with noise show what it finds and what it makes.
"""  # noqa: D400

# %%
# What is hard
# ------------
#
# Neighbours of other classes within a radius raise the potential of a point, those of
# its own class lower it. A point with a positive potential is hard. A point without
# any neighbour of its own class is noisy: it may be an outlier or have a wrong label,
# and nothing is made of it. The columns are coordinates in a plane, so the distance is
# the Euclidean one.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skaug import HardRegionDisplay, HardRegionSampler, PotentialHistogramDisplay

X, y = make_moons(500, noise=0.3, random_state=0)
y = np.array(["upper", "lower"])[y]
sampler = HardRegionSampler(
    metric="euclidean", output="potentials", latent_dim=2, random_state=0
).fit(X, y)

HardRegionDisplay.from_estimator(sampler, X, y)
print(
    f"{len(sampler.hard_indices_)} hard and {sampler.noisy_.sum()} noisy points "
    f"of {len(X)}, with radius {sampler.radius_:.2f}"
)
plt.show()

# %%
# Hard points, with a dark edge, have strayed into the other moon. They are not all
# points of the zone between the moons: where one class outnumbers the other, only
# points of the smaller number are hard. Noisy points, hollow, lie on the rim or alone
# in the other moon.
#
# How much of each class is hard is told by a histogram.

PotentialHistogramDisplay.from_estimator(sampler, y, bins=30)
plt.show()

# %%
# What is made of it
# ------------------
#
# Every hard point is the source of five new samples, which have its label. They are
# drawn from a variational autoencoder. How far they go from their source depends on
# how well it knows the points: see ``reconstruction_r2_``.

sampler.set_params(output="samples")
colours = {"lower": "tab:blue", "upper": "tab:orange"}
figure, axes = plt.subplots(
    1, 3, figsize=(9, 3.3), sharex=True, sharey=True, layout="constrained"
)
for label, colour in colours.items():
    axes[0].scatter(*X[y == label].T, s=8, color=colour, label=label)
axes[0].set_title("given")
axes[0].legend()

for ax, kl_weight in zip(axes[1:], (1.0, 0.1)):
    sampler.set_params(kl_weight=kl_weight)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    new = sampler.is_synthetic_
    moves = np.stack([X[sampler.source_index_[new]], X_resampled[new]])
    for label, colour in colours.items():
        ax.scatter(*X[y == label].T, s=8, color=colour, alpha=0.15, linewidths=0)
        start, end = moves[:, y_resampled[new] == label]
        ax.plot(*np.stack([start.T, end.T], axis=1), color=colour, linewidth=0.5)
        ax.scatter(*end.T, s=8, color=colour)
    ax.set_title(f"made with kl_weight={kl_weight:g}")

    distance = np.median(np.linalg.norm(moves[1] - moves[0], axis=1))
    print(
        f"kl_weight={kl_weight:g}: {new.sum()} samples, "
        f"R2 {sampler.reconstruction_r2_:.2f}, median distance {distance:.2f}"
    )
plt.show()

# %%
# A line joins each sample to its source. With the default weight of 1 the autoencoder
# knows the points roughly, and samples fly across both moons: twice the radius and
# more. With 0.1 it knows them well, and samples stay among the neighbours of their
# source.
#
# They are samples of one class in the territory of the other. They make a classifier
# less sure there; whether that is worth the points that it then gets wrong is a
# question for cross-validation, with the sampler inside a
# :class:`~skaug.ResampledClassifier`.
