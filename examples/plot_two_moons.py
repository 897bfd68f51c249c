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

from skaug import (
    CVAEGenerator,
    GaussianGenerator,
    HardPoints,
    HardRegionDisplay,
    HardRegionSampler,
    InterpolationGenerator,
    NeighborGenerator,
    NoiseGenerator,
    PotentialHistogramDisplay,
    VAEGenerator,
    auto_radius,
    class_potentials,
    potential,
    potential_grid,
)

X, y = make_moons(500, noise=0.3, random_state=0)
y = np.array(["upper", "lower"])[y]
sampler = HardRegionSampler(
    sources=HardPoints(metric="euclidean"), output="potentials", random_state=0
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
# Which radius?
# -------------
#
# The sampler took its radius from :func:`~skaug.auto_radius`, the median distance to
# the tenth neighbour. :func:`~skaug.potential_grid` computes the potentials for many
# radii at the cost of about one.

radii = np.geomspace(0.05, 2, 40)
grid = potential_grid(X, y, radius=radii, gamma=[sampler.gamma_], metric="euclidean")
noisy = [
    potential(X, y, radius=radius, metric="euclidean", return_noisy=True)[1].mean()
    for radius in radii
]
figure, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
ax.semilogx(radii, 100 * (grid[:, 0] > 0).mean(axis=1), label="hard")
ax.semilogx(radii, 100 * np.array(noisy), label="noisy")
auto = auto_radius(X, metric="euclidean")
ax.axvline(auto, color="0.5", linewidth=1, linestyle="--", label='"auto"')
ax.set(xlabel="radius", ylabel="% of the points")
ax.legend()
plt.show()

# %%
# Below a third of the automatic radius most points have no neighbour of their class and
# count as noisy. Beyond it the share of hard points hardly changes here, since gamma is
# held and distant neighbours weigh next to nothing.
#
# Potentials of points without a label
# ------------------------------------
#
# :func:`~skaug.class_potentials` says what the potential of any point would be if it
# were of one class or the other, here of all points of the plane if they were "upper".

plane = np.stack(np.meshgrid(np.linspace(-2, 3, 120), np.linspace(-1.8, 2, 100)), -1)
own = class_potentials(plane.reshape(-1, 2), X, y, radius=0.4, metric="euclidean")
field = own[:, list(sampler.classes_).index("upper")].reshape(plane.shape[:2])
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
mesh = ax.pcolormesh(*plane.transpose(2, 0, 1), field, cmap="coolwarm", vmin=-9, vmax=9)
figure.colorbar(mesh, ax=ax, label='potential as "upper"')
for label, marker in [("upper", "^"), ("lower", "o")]:
    style = {"s": 14, "color": "black", "edgecolor": "white", "linewidth": 0.4}
    ax.scatter(*X[y == label].T, marker=marker, label=label, **style)
ax.legend()
plt.show()

# %%
# Where nobody lives, and where no "upper" is within reach, it is -1 by definition, as
# for noisy points. As features for a classifier they come from a sampler with
# ``output="potentials"``, which leaves each training point out of its own count.
#
# What is made of it
# ------------------
#
# In the paper, every hard point is the source of five new samples, which have its
# label. They are drawn from a variational autoencoder. How far they go from their
# source depends on how well the autoencoder knows the points, which its ``r2_`` says.

sampler.set_params(
    output="samples",
    generator=VAEGenerator(latent_dim=2, steps=1000),
    sampling_strategy="hard",
)
colours = {"lower": "tab:blue", "upper": "tab:orange"}
figure, axes = plt.subplots(
    1, 3, figsize=(9, 3.3), sharex=True, sharey=True, layout="constrained"
)
for label, colour in colours.items():
    axes[0].scatter(*X[y == label].T, s=8, color=colour, label=label)
axes[0].set_title("given")
axes[0].legend()

for ax, kl_weight in zip(axes[1:], (1.0, 0.1)):
    sampler.set_params(generator__kl_weight=kl_weight)
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
        f"R2 {sampler.generator_.r2_:.2f}, median distance {distance:.2f}"
    )
plt.show()

# %%
# A line joins each sample to its source. With the default weight of 1 the autoencoder
# knows the points roughly, and samples fly across both moons: twice the radius and
# more. With 0.1 it knows them well, and samples stay among the neighbours of their
# source.
#
# They are samples of one class in the territory of the other. They make a classifier
# less sure there, and were mostly worse than samples of all points where both were
# measured. By default the sampler therefore takes all rows as sources, to fill up rare
# classes.
#
# Other generators
# ----------------
#
# The autoencoder of :class:`~skaug.CVAEGenerator` is told the class of each point. Four
# generators have no network. :class:`~skaug.NeighborGenerator`, the default, follows
# the nearest points of the class, and :class:`~skaug.InterpolationGenerator` goes to
# one of them, as SMOTE does. :class:`~skaug.GaussianGenerator` draws with the
# covariance of the class, :class:`~skaug.NoiseGenerator` with the variance of each
# column. ``spread`` says how far the samples of any of them go.

for generator in (
    NeighborGenerator(),
    InterpolationGenerator(),
    CVAEGenerator(latent_dim=2, steps=1000, kl_weight=0.1),
    GaussianGenerator(spread=0.3),
    NoiseGenerator(spread=0.3),
):
    X_resampled, _ = sampler.set_params(generator=generator).fit_resample(X, y)
    new = sampler.is_synthetic_
    moves = X_resampled[new] - X[sampler.source_index_[new]]
    distance = np.median(np.linalg.norm(moves, axis=1))
    print(f"{generator}: median distance {distance:.2f}")
