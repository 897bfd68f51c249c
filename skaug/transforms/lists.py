"""Lists of transforms to choose from, and a mild transform, for each kind of rows."""

from skaug.transforms.chain import Chain
from skaug.transforms.colour import Brightness, Colour, Contrast, Invert
from skaug.transforms.geometry import HorizontalFlip, RandomAffine, VerticalFlip
from skaug.transforms.images import Cutout
from skaug.transforms.ranges import in_units, largest_value
from skaug.transforms.rows import (
    ChannelDropout,
    Jitter,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
    spread,
)

__all__ = ["baseline_transform", "default_transforms"]


def default_transforms(X):
    """Make the list of transforms that suits rows like these.

    For images and signals the list includes :func:`baseline_transform`, in which the
    mild transforms come together. If that suits the data, a policy can find it.

    Parameters
    ----------
    X : torch.Tensor of shape (n, ...)
        Training rows: a table, signals or images.

    Returns
    -------
    transforms : list of (str, float, callable)
        Name, strength, transform. Images of 1 or 3 channels have transforms of colour.
        If the images go from 0 to 255, they are scaled for these transforms, and back.

    Raises
    ------
    ValueError
        If images of 1 or 3 channels have numbers that are neither from 0 to 1 nor from
        0 to 255, as standardised ones have. What is black is then unknown.
    """
    makers = {2: _for_tables, 3: _for_signals, 4: _for_images}[X.ndim](X)
    return [
        (name, strength, make(strength))
        for name, (make, strengths) in makers.items()
        for strength in strengths
    ]


def baseline_transform(X, strength=1.0):
    """Make a mild augmentation that is not learned.

    This augmentation needs about 300 gradient steps. With half as many the accuracy of
    the default network on 500 images of Fashion-MNIST fell by 5 points.

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
        return RandomAffine(10, translate=0.1, scale=0.1, magnitude=strength)
    scale = spread(X)
    if X.ndim == 2:
        return Jitter(0.1 * strength, scale)
    rotation = [SensorRotation(10 * strength)] if X.shape[1] % 3 == 0 else []
    mild = [TimeWarp(0.2 * strength), Scaling(0.1 * strength), *rotation]
    return Chain([*mild, Jitter(0.05 * strength, scale)])


def _for_tables(X):
    scale, mean = spread(X), X.mean(dim=0)
    return {
        "noise": (lambda s: Jitter(s, scale), (0.05, 0.15, 0.5)),
        "scaling": (Scaling, (0.05, 0.15, 0.5)),
        "interpolation": (SameClassInterpolation, (0.1, 0.3, 0.6)),
        "dropout": (lambda s: ChannelDropout(s, mean), (0.05, 0.15, 0.4)),
    }


def _for_signals(X):
    scale = spread(X)
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
    height, scale = X.shape[2], spread(X)
    makers = {
        "rotation": (lambda s: RandomAffine(degrees=s), (10.0, 30.0, 90.0)),
        "shift": (lambda s: RandomAffine(translate=s), (0.05, 0.15, 0.4)),
        "scale": (lambda s: RandomAffine(scale=s), (0.1, 0.25, 0.5)),
        "shear": (lambda s: RandomAffine(shear=s), (10.0, 20.0, 45.0)),
        "horizontal flip": (HorizontalFlip, (0.5,)),
        "vertical flip": (VerticalFlip, (0.5,)),
        "noise": (lambda s: Jitter(s, scale), (0.05, 0.2, 0.5)),
        "erasing": (lambda s: Cutout(max(1, round(s * height))), (0.2, 0.4, 0.7)),
        "baseline": (lambda s: baseline_transform(X, s), (1.0,)),
    }
    return makers | _for_colours(X)


def _for_colours(X):
    if X.shape[1] not in (1, 3):
        return {}
    makers = {
        "brightness": (Brightness, (0.2, 0.5, 0.9)),
        "contrast": (Contrast, (0.2, 0.5, 0.9)),
        "inversion": (Invert, (0.5,)),
    }
    if X.shape[1] == 3:
        makers["colour"] = (Colour, (0.2, 0.5, 0.9))
    largest = largest_value(X, "its transforms of colour", "default_transforms")
    return {
        name: (lambda s, make=make: in_units(make(s), largest), strengths)
        for name, (make, strengths) in makers.items()
    }
