"""The order of axes: channels come second, as torch has them.

Signals are (n, channels, time), images (n, channels, height, width). Many tools write
(n, time, channels) and (n, height, width, channels). A network trains on either and
learns much less from the wrong one, so rows that look like these are refused.
"""

import numpy as np

__all__ = ["channels_first"]

COLOURS = (1, 3, 4)  # channels of grey images, of colours, and of colours with alpha
SHORT = 4  # A second axis of at most this length is taken for the channels.
RATIO = 4  # A last axis this many times shorter than height and width looks like them.
SETTINGS = ("channels_last=True", "channels_last=False")


def channels_first(X, channels_last, owner, *, settings=SETTINGS):
    """Return rows X with channels on the second axis.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Rows; a table is returned as it is.
    channels_last : bool or None
        True moves the last axis to the second place. False leaves X as it is. None
        does so too, but refuses rows that look as if channels came last.
    owner : str
        Who needs the rows, for messages.
    settings : pair of str, default=("channels_last=True", "channels_last=False")
        What the user can set if channels are last and if they are not, for messages.

    Raises
    ------
    ValueError
        If ``channels_last`` is None and channels seem to be last.
    """
    if channels_last:
        _check_axes(X, owner)
        return np.ascontiguousarray(np.moveaxis(X, -1, 1))
    if channels_last is None and _looks_last(X.shape):
        _refuse(X.shape, owner, *settings)
    return X


def _check_axes(X, owner):
    """Refuse a table, which has no channels to move."""
    if X.ndim < 3:
        raise ValueError(
            f"{owner} needs signals or images for channels_last=True; got X of shape "
            f"{X.shape}. Leave channels_last out."
        )


def _looks_last(shape):
    """Whether rows of this shape look as if their last axis were the channels."""
    if len(shape) not in (3, 4) or shape[1] <= SHORT or 0 in shape:
        return False
    *others, last = shape[1:]
    if len(shape) == 3:
        return last < others[0]
    shortest = min(others)
    return last < shortest and (last in COLOURS or RATIO * last <= shortest)


def _refuse(shape, owner, if_last, if_first):
    if len(shape) == 3:
        needed, axes = "(n, channels, time)", "(0, 2, 1)"
        got = f"more channels, {shape[1]}, than samples in time, {shape[2]}"
    else:
        needed, axes = "(n, channels, height, width)", "(0, 3, 1, 2)"
        got = f"images of {shape[2]} x {shape[3]} pixels with {shape[1]} channels"
    raise ValueError(
        f"{owner} needs X of shape {needed}; got {shape}, which would be {got}. If "
        f"channels come last, give X.transpose{axes}"
        f"{if_last and f', or set {if_last}'}. If the axes are right as they are, set "
        f"{if_first}."
    )
