"""Lists of transforms to choose from, and a mild transform, for each kind of rows."""

from importlib import import_module

from skaug.transforms.calling import apply
from skaug.transforms.images import Cutout, PerSample
from skaug.transforms.rows import (
    ChannelDropout,
    Jitter,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
)

__all__ = ["baseline_transform", "default_transforms"]


class Chain:
    """One transform of a list after the other; labels are passed on."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, X, y=None):
        """Transform a batch."""
        for transform in self.transforms:
            X = apply(transform, X, y, name="Chain")
        return X if y is None else (X, y)


def default_transforms(X):
    """Make the list of transforms that suits rows like these.

    For images and signals the list includes :func:`baseline_transform`, in which the
    mild transforms come together. If that suits the data, a policy can find it.

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
    """Make a mild augmentation that is not learned.

    This augmentation can still harm: on 500 images of Fashion-MNIST the accuracy falls
    by 5 points.

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
    from skaug.transforms.torchvision import torchvision  # noqa: F401

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

    def each(kind, *names):
        """A transform of torchvision for each image, with strength as a parameter."""
        return lambda s: PerSample(kind(**dict.fromkeys(names, s)))

    makers = {
        "rotation": (_affine, (10.0, 30.0, 90.0)),
        "shift": (lambda s: _affine(0, translate=(s, s)), (0.05, 0.15, 0.4)),
        "scale": (lambda s: _affine(0, scale=(1 - s, 1 + s)), (0.1, 0.25, 0.5)),
        "shear": (lambda s: _affine(0, shear=(-s, s, -s, s)), (10.0, 20.0, 45.0)),
        "horizontal flip": (each(v2.RandomHorizontalFlip, "p"), (0.5,)),
        "vertical flip": (each(v2.RandomVerticalFlip, "p"), (0.5,)),
        "noise": (lambda s: Jitter(s, scale), (0.05, 0.2, 0.5)),
        "erasing": (lambda s: Cutout(max(1, round(s * height))), (0.2, 0.4, 0.7)),
        "baseline": (lambda s: baseline_transform(X, s), (1.0,)),
    }
    if X.shape[1] in (1, 3) and X.min() >= 0 and X.max() <= 1:
        for name in ("brightness", "contrast"):
            makers[name] = (each(v2.ColorJitter, name), (0.2, 0.5, 0.9))
        makers["inversion"] = (each(v2.RandomInvert, "p"), (0.5,))
        if X.shape[1] == 3:
            makers["colour"] = (
                lambda s: PerSample(v2.ColorJitter(saturation=s, hue=s / 2)),
                (0.2, 0.5, 0.9),
            )
    return makers
