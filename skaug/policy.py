"""A list of transforms with weights, drawn from row by row, as RandAugment does.

RandAugment draws from its list uniformly. Here each transform, at each of a few
strengths, has a weight, and harmful ones are to be found out and drawn less often:
:class:`~skaug.InfluenceAugmenter` does so. The lists take in too much on purpose.
"""

from importlib import import_module

import torch

from skaug.transforms import (
    ChannelDropout,
    Cutout,
    Jitter,
    PerSample,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
    check_is_for_images,
    how_to_call,
    name_of,
)

__all__ = ["Policy", "baseline_transform", "default_transforms", "softmax_of_scores"]


class Policy:
    """Transform each row of a batch by a few transforms drawn from a list.

    Parameters
    ----------
    transforms : list of callable
        Functions of a batch X, or of X and y, that keep the shape and the labels.
    weights : array-like of shape (n_transforms,)
        Probability of each to be drawn.
    n_transforms : int, default=2
        How many are drawn for a row, one after the other.
    probability : float, default=0.7
        Of each of these draws to be applied.

    Examples
    --------
    >>> import torch
    >>> from skaug.policy import Policy
    >>> from skaug.transforms import Jitter, Scaling
    >>> Policy([Jitter(), Scaling()], weights=[0.9, 0.1])(torch.randn(8, 3)).shape
    torch.Size([8, 3])
    """

    def __init__(self, transforms, weights, n_transforms=2, probability=0.7):
        self.transforms = transforms
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        self.n_transforms = n_transforms
        self.probability = probability

    def __call__(self, X, y=None):
        """Transform a batch, drawing from torch's global generators.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor of shape (n,), default=None
            Labels, for transforms that need some.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Transformed rows, new memory.
        y : torch.Tensor
            Labels as they came; only if they were given.
        """
        new_X = X.clone()
        for _ in range(self.n_transforms):
            chosen = torch.multinomial(self.weights, len(X), replacement=True)
            chosen[torch.rand(len(X)) >= self.probability] = -1
            for number in chosen.unique().tolist():
                if number >= 0:
                    rows = (chosen == number).nonzero()[:, 0].to(X.device)
                    transform = self.transforms[number]
                    new_X[rows] = apply(transform, new_X, y, rows, name="Policy")
        return new_X if y is None else (new_X, y)


def apply(transform, X, y=None, rows=slice(None), *, name="InfluenceAugmenter"):
    """Some rows of a batch under a transform.

    Parameters
    ----------
    transform : callable
        Function of a batch.
    X : torch.Tensor of shape (n, ...)
        The batch.
    y : torch.Tensor of shape (n,), default=None
        Its labels.
    rows : index, default=slice(None)
        Which rows are wanted.
    name : str, default="InfluenceAugmenter"
        Who is asking, for messages.

    Returns
    -------
    X : torch.Tensor of shape (n_rows, ...)
        Transformed rows.

    Raises
    ------
    ValueError
        If the transform fails, changes shape or labels, returns numbers that are not
        finite, or needs labels and there are none.
    """
    what = name_of(transform)
    whole = getattr(transform, "whole_batch", False)
    if y is None and whole:
        raise ValueError(f"{name} needs labels for {what}; got none. Give y.")
    part = slice(None) if whole else rows
    # A slice is a view, and a transform may work in place.
    part_X = X[part].clone() if isinstance(part, slice) else X[part]
    with_labels, mixes = how_to_call(transform, ("n_classes", "module"))
    arguments = (part_X,) if y is None or not with_labels else (part_X, y[part])
    check_is_for_images(transform, X, name)
    try:
        result = transform(*arguments)
    except Exception as error:
        if mixes:  # what is given to nobody who keeps the labels
            raise ValueError(_changes_labels(name, what)) from error
        raise ValueError(
            f"{name} needs transforms that take batches of shape "
            f"{tuple(part_X.shape)}; got {type(error).__name__} from {what}: {error}"
        ) from error
    if isinstance(result, (tuple, list)) and len(result) == 2:
        result, new_y = result
        if len(arguments) == 2 and new_y is not arguments[1]:
            same = torch.is_tensor(new_y) and new_y.shape == arguments[1].shape
            if not same or not torch.equal(new_y, arguments[1]):
                raise ValueError(_changes_labels(name, what))
    shape = tuple(part_X.shape)
    if not isinstance(result, torch.Tensor) or tuple(result.shape) != shape:
        got = tuple(getattr(result, "shape", ())) or type(result).__name__
        raise ValueError(
            f"{name} needs transforms that keep the shape {shape}; got "
            f"{got} from {what}. Crop, pad or resize inside it."
        )
    if not torch.isfinite(result).all():
        raise ValueError(
            f"{name} needs transforms that return finite numbers; got NaN "
            f"or infinity from {what}. Look for a division by 0 in it."
        )
    if not result.is_floating_point():
        raise ValueError(
            f"{name} needs transforms that keep rows {X.dtype}; got "
            f"{result.dtype} from {what}. Convert and scale them back at its end."
        )
    return (result[rows] if whole else result).to(X.dtype)


def _changes_labels(name, what):
    return (
        f"{name} needs transforms that keep the labels; got {what}, which changes "
        "them. Give it a BatchAugmentation of its own."
    )


class Chain:
    """One transform after the other; labels are passed on.

    Parameters
    ----------
    transforms : list of callable
        Functions of a batch X, or of X and y.
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, X, y=None):
        """Transform a batch."""
        for transform in self.transforms:
            X = apply(transform, X, y)
        return X if y is None else (X, y)


def row_by_row(transform):
    """The transform; one of torchvision's in a PerSample, to draw for each row."""
    if type(transform).__module__.startswith("torchvision."):
        return PerSample(transform)
    return transform


def softmax_of_scores(scores, strength=1.0):
    """Weights that go with scores: the softmax of their z-scores, clipped at 2.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Cosines, the higher the better. Spreads below 0.001 count as that.
    strength : float, default=1.0
        Factor on the z-scores; 0 gives equal weights.

    Returns
    -------
    weights : ndarray of shape (n,)
        They add up to 1.
    """
    scores = torch.as_tensor(scores, dtype=torch.float64)
    # Differences in the last digits are no reason to prefer one.
    spread = scores.std(correction=0).clamp(min=1e-3)
    z = (scores - scores.mean()) / spread
    return (strength * z.clamp(-2, 2)).softmax(dim=0).numpy()


def default_transforms(X):
    """What to choose from, for rows like these.

    For images and signals the mild ones come together as well, as in
    :func:`baseline_transform`: where that suits, a policy should be able to find it.

    Parameters
    ----------
    X : torch.Tensor of shape (n, ...)
        Training rows: a table, signals or images. Transforms of colour are for images
        with numbers between 0 and 1.

    Returns
    -------
    transforms : list of (str, float, callable)
        Name, strength, transform.
    """
    makers = {2: _for_tables, 3: _for_signals, 4: _for_images}[X.ndim](X)
    return [
        (name, strength, make(strength))
        for name, (make, strengths) in makers.items()
        for strength in strengths
    ]


def baseline_transform(X, strength=1.0):
    """A mild, fixed augmentation.

    It can still harm: on 500 images of Fashion-MNIST it costs 5 points of accuracy.

    Parameters
    ----------
    X : torch.Tensor of shape (n, ...)
        Training rows.
    strength : float, default=1.0
        Factor on all limits.

    Returns
    -------
    transform : callable
        Images: rotation by 10 degrees, shift by a tenth, scale by a tenth, at most.
        Signals: time warp, scaling, jitter and, if the number of channels is a multiple
        of three, which is taken for sensors of three axes, rotation. Tables: jitter of
        a tenth of the standard deviation.
    """
    if X.ndim == 4:
        s = 0.1 * strength
        return _affine(10 * strength, translate=(s, s), scale=(1 - s, 1 + s))
    scale = _scale_of(X)
    if X.ndim == 2:
        return Jitter(0.1 * strength, scale)
    rotation = [SensorRotation(10 * strength)] if X.shape[1] % 3 == 0 else []
    mild = [TimeWarp(0.2 * strength), Scaling(0.1 * strength), *rotation]
    return Chain([*mild, Jitter(0.05 * strength, scale)])


def _v2():
    # Not before it is needed: the import takes longer than that of skaug.
    from skaug._torchvision import torchvision  # noqa: F401

    return import_module("torchvision.transforms.v2")


def _affine(degrees, **ranges):
    # By default torchvision takes the nearest pixel, which is coarse in small images.
    v2 = _v2()
    bilinear = v2.InterpolationMode.BILINEAR
    return PerSample(v2.RandomAffine(degrees, interpolation=bilinear, **ranges))


def _scale_of(X):
    return X.std(dim=[axis for axis in range(X.ndim) if axis != 1], correction=0)


def _for_tables(X):
    scale, mean = _scale_of(X), X.mean(dim=0)
    return {
        "noise": (lambda s: Jitter(s, scale), (0.05, 0.15, 0.5)),
        "scaling": (Scaling, (0.05, 0.15, 0.5)),
        "interpolation": (SameClassInterpolation, (0.1, 0.3, 0.6)),
        "dropout": (lambda s: ChannelDropout(s, mean), (0.05, 0.15, 0.4)),
    }


def _for_signals(X):
    scale = _scale_of(X)
    makers = {
        "jitter": (lambda s: Jitter(s, scale), (0.05, 0.2, 0.5)),
        "scaling": (Scaling, (0.1, 0.25, 0.5)),
        "time warp": (TimeWarp, (0.1, 0.3, 0.6)),
        "channel dropout": (ChannelDropout, (0.05, 0.15, 0.4)),
        "baseline": (lambda s: baseline_transform(X, s), (1.0,)),
    }
    if X.shape[1] % 3 == 0:
        makers["rotation"] = (SensorRotation, (10.0, 30.0, 90.0))
    return makers


def _for_images(X):
    v2 = _v2()
    height, scale = X.shape[2], _scale_of(X)

    def each(make):
        return lambda strength: PerSample(make(strength))

    makers = {
        "rotation": (_affine, (10.0, 30.0, 90.0)),
        "shift": (lambda s: _affine(0, translate=(s, s)), (0.05, 0.15, 0.4)),
        "scale": (lambda s: _affine(0, scale=(1 - s, 1 + s)), (0.1, 0.25, 0.5)),
        "shear": (lambda s: _affine(0, shear=(-s, s, -s, s)), (10.0, 20.0, 45.0)),
        "horizontal flip": (each(lambda s: v2.RandomHorizontalFlip(s)), (0.5,)),
        "vertical flip": (each(lambda s: v2.RandomVerticalFlip(s)), (0.5,)),
        "noise": (lambda s: Jitter(s, scale), (0.05, 0.2, 0.5)),
        "erasing": (
            lambda s: Cutout(max(1, round(s * height))),
            (0.2, 0.4, 0.7),
        ),
        "baseline": (lambda s: baseline_transform(X, s), (1.0,)),
    }
    if X.shape[1] in (1, 3) and X.min() >= 0 and X.max() <= 1:
        makers["brightness"] = (
            each(lambda s: v2.ColorJitter(brightness=s)),
            (0.2, 0.5, 0.9),
        )
        makers["contrast"] = (
            each(lambda s: v2.ColorJitter(contrast=s)),
            (0.2, 0.5, 0.9),
        )
        makers["inversion"] = (each(lambda s: v2.RandomInvert(s)), (0.5,))
        if X.shape[1] == 3:
            makers["colour"] = (
                each(lambda s: v2.ColorJitter(saturation=s, hue=s / 2)),
                (0.2, 0.5, 0.9),
            )
    return makers
