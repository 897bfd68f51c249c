"""Figure 2: the losses around a network, on clean and on augmented rows.

The class follows scikit-learn's displays: ``from_estimators`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import copy

import numpy as np
import torch
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Whole, check_value
from skaug._plots import colours_between, foreground, legend_beside, panels_of
from skaug._printing import Printed
from skaug._random import draw_seed, new_generator
from skaug.net.trained import check_net, data_set, undisturbed
from skaug.refined.losses import mean_loss

__all__ = ["LossLandscapeDisplay"]


class LossLandscapeDisplay(Printed):
    """Contours of two losses on a plane through two networks (Figure 2).

    The first network is at (0, 0), the other at (1, 0). The second axis is a random
    direction whose filters have the sizes of the first network's [2]_, made orthogonal
    to the first axis and as long. What to read off: the minimum of the loss on
    augmented rows lies elsewhere than that on clean rows, and refinement goes from one
    towards the other [1]_. Make the display with :meth:`from_estimators`. The
    parameters are kept as attributes.

    Parameters
    ----------
    x, y : ndarray of shape (n_points,)
        Places along both axes.
    clean : ndarray of shape (n_points, n_points)
        Mean loss on clean rows, by y and x.
    augmented : ndarray of shape (n_points, n_points), default=None
        The same on augmented rows, with equal draws at all places.
    names : tuple of two str, default=("net", "other")
        Names of the networks.

    Attributes
    ----------
    axes_, figure_ : ndarray of matplotlib Axes and Figure
        Where ``plot`` drew.

    See Also
    --------
    skaug.RefineCurveDisplay : The two losses over the epochs.

    References
    ----------
    .. [1] Z. He et al., "Data Augmentation Revisited: Rethinking the Distribution Gap
       between Clean and Augmented Data", arXiv:1909.09148, Figure 2.
    .. [2] H. Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018.

    Examples
    --------
    >>> import copy
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier, TableMixup, refine
    >>> from skaug.refined import LossLandscapeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> mixup = BatchAugmentation(TableMixup())
    >>> net = NetClassifier(callbacks=[mixup], max_epochs=200, random_state=0).fit(X, y)
    >>> refined = refine(copy.deepcopy(net), X, y, epochs=25)
    >>> display = LossLandscapeDisplay.from_estimators(
    ...     net, refined, X, y, transform=TableMixup(), n_points=4, random_state=0
    ... )
    >>> display.clean.shape
    (4, 4)
    """

    def __init__(self, x, y, clean, augmented=None, *, names=("net", "other")):
        self.x = x
        self.y = y
        self.clean = clean
        self.augmented = augmented
        self.names = names

    @classmethod
    def from_estimators(
        cls,
        net,
        other,
        X,
        y,
        *,
        transform=None,
        n_points=13,
        names=("net", "other"),
        random_state=None,
        axes=None,
    ):
        """Compute losses on the plane through two fitted nets, and draw.

        Parameters
        ----------
        net, other : NetClassifier or other nets of skorch
            Fitted nets of the same layers; they are not changed.
        X, y : array-like
            Rows and labels, mostly those of the training.
        transform : callable, default=None
            The augmentation, a function of a batch. ``None`` leaves the panel of the
            augmented rows out.
        n_points : int, default=13
            Places along each axis, from -1 to 2 and from -1.5 to 1.5. There are as many
            passes over the rows as their square, and twice as many with a transform.
        names : tuple of two str, default=("net", "other")
            Names of the networks.
        random_state : int, RandomState instance or None, default=None
            Seed of the second axis and of the draws.
        axes : array of matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : LossLandscapeDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If they are no nets of skorch.
        ValueError
            If their weights have other names or shapes, or are the same.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimators")
        check_value(name, "n_points", n_points, Whole(2))
        _check_pair(net, other, name)
        seed = draw_seed(random_state)
        plane = _Plane(net.module_, other.module_, new_generator(seed))
        walker, losses = copy.deepcopy(net), []
        x, ordinate = np.linspace(-1, 2, n_points), np.linspace(-1.5, 1.5, n_points)
        rows = data_set(net, X, y)
        for way in [None] if transform is None else [None, transform]:
            of_way = np.empty((n_points, n_points))
            for place in np.ndindex(of_way.shape):
                plane.move(walker.module_, x[place[1]], ordinate[place[0]])
                with undisturbed(walker, seed):
                    of_way[place] = mean_loss(walker, rows, way, name)
            losses.append(of_way)
        return cls(x, ordinate, *losses, names=tuple(names)).plot(axes)

    def plot(self, axes=None, *, n_levels=12, contour_kw=None):
        """Draw the contours.

        Parameters
        ----------
        axes : array of matplotlib Axes, default=None
            Where to draw, one for each loss; by default a new figure.
        n_levels : int, default=12
            Number of levels, in equal ratios.
        contour_kw : dict, default=None
            More arguments for ``Axes.contour``.

        Returns
        -------
        display : LossLandscapeDisplay
            The display itself.
        """
        losses = {"clean rows": self.clean, "augmented rows": self.augmented}
        losses = {name: loss for name, loss in losses.items() if loss is not None}
        self.axes_ = panels_of(axes, len(losses), "LossLandscapeDisplay.plot")
        self.figure_ = self.axes_[0].figure
        for ax, (title, loss) in zip(self.axes_, losses.items()):
            low, high = max(loss.min(), 1e-12), max(loss.max(), 1e-11)
            levels = np.geomspace(low, high, n_levels)
            style = {"cmap": colours_between(), **(contour_kw or {})}
            lines = ax.contour(self.x, self.y, loss, levels=levels, **style)
            ax.clabel(lines, fontsize="x-small", fmt="%.2g")
            best = np.unravel_index(loss.argmin(), loss.shape)
            # Whole, also where it is on the edge.
            cross = {"color": "C3", "label": "lowest", "clip_on": False, "zorder": 3}
            ax.plot(self.x[best[1]], self.y[best[0]], "x", **cross)
            for place, marker, name in zip((0, 1), "os", self.names):
                ax.plot(place, 0, marker, color=foreground(), label=name)
            ax.set(
                title=f"loss on {title}", xlabel=f"{self.names[0]} to {self.names[1]}"
            )
        self.axes_[0].set_ylabel("random direction")
        legend_beside(self.axes_[-1], fontsize="small")
        return self


class _Plane:
    """The plane through two networks: sets the weights of a third one."""

    def __init__(self, module, other, generator):
        self.origin = module.state_dict()
        self.first, self.second = {}, {}
        target, trained = other.state_dict(), dict(module.named_parameters())
        for name, value in self.origin.items():
            if not value.is_floating_point():
                continue
            self.first[name] = target[name] - value
            if name in trained:
                drawn = torch.randn(value.shape, generator=generator).to(value)
                self.second[name] = _like_filters(drawn, value)
        inner = sum((self.first[k] * d).sum() for k, d in self.second.items())
        length = sum(self.first[k].square().sum() for k in self.second)
        for name, direction in self.second.items():
            direction -= inner / length * self.first[name]
        own = sum(direction.square().sum() for direction in self.second.values())
        for direction in self.second.values():
            direction *= (length / own).sqrt()

    def move(self, module, x, y):
        """Set the weights at a place; averages of normalisations go along the line."""
        weights = {}
        for name, value in self.origin.items():
            if name in self.first:
                value = value + x * self.first[name]
            if name in self.second:
                value = value + y * self.second[name]
            weights[name] = value
        module.load_state_dict(weights)


def _like_filters(drawn, value):
    """A draw whose filters are as long as those of a weight."""
    axes = tuple(range(1, value.ndim)) or (0,)
    sizes = (t.square().sum(dim=axes, keepdim=True).sqrt() for t in (value, drawn))
    wanted, own = sizes
    return drawn * wanted / own.clamp(min=1e-12)


def _check_pair(net, other, name):
    for one in (net, other):
        check_net(one, name)
    shapes, other_shapes = (
        {key: tuple(value.shape) for key, value in one.module_.state_dict().items()}
        for one in (net, other)
    )
    if shapes != other_shapes:
        raise ValueError(
            f"{name} needs two networks of the same layers; got weights of other names "
            "or shapes. Train the second one from a copy of the first, or alike."
        )
    pairs = zip(net.module_.parameters(), other.module_.parameters())
    if all(torch.equal(one, of_other) for one, of_other in pairs):
        raise ValueError(
            f"{name} needs two networks to put a plane through; got the same weights "
            "twice. Give a net from before and one from after refinement."
        )
