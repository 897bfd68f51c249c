"""Checks of parameters as declarations, and the words of their messages.

A class declares beside its constructor what each parameter may be::

    RULES = {
        "n_samples": Whole(1),
        "spread": Number(0),
        "share": Number(0, 1, open_low=True) | OneOf(None),
        "metric": OneOf("cosine", "euclidean"),
    }

and ``check_parameters(self, RULES)`` refuses what is something else, in one sentence
on who needs what and what came, and one on what to do.
"""

import math
from numbers import Integral, Real

import numpy as np
from sklearn.utils import column_or_1d

__all__ = [
    "Instance",
    "Number",
    "OneOf",
    "Rule",
    "Whole",
    "check_groups",
    "check_parameters",
    "check_shape_of_fit",
    "check_two_classes",
    "check_value",
    "is_number",
    "is_whole",
]


def is_number(value):
    """Whether it is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def is_whole(value):
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


class Rule:
    """What a parameter may be.

    Parameters
    ----------
    allows : callable
        Function of a value that says whether it is allowed.
    words : str
        What is allowed, to be read after "to be".
    hint : str, default=None
        A sentence on what to do, in place of "Leave it out for the default."
    """

    def __init__(self, allows, words, hint=None):
        self.allows = allows
        self.words = words
        self.hint = hint

    def __or__(self, other):
        """Join two rules: a value has to follow one of them."""
        return Rule(
            lambda value: self.allows(value) or other.allows(value),
            f"{self.words} or {other.words}",
            self.hint or other.hint,
        )


class OneOf(Rule):
    """One of some values, such as names.

    Parameters
    ----------
    *values : object
        The values.
    hint : str, default=None
        As for :class:`Rule`.
    """

    def __init__(self, *values, hint=None):
        *first, last = map(repr, values)
        words = f"{', '.join(first)} or {last}" if first else last
        super().__init__(lambda value: _is_among(value, values), words, hint)


def _is_among(value, values):
    # An array would be compared element by element, and True is equal to 1.
    return any(type(value) is type(one) and value == one for one in values)


class Whole(Rule):
    """A whole number within limits.

    Parameters
    ----------
    low : int
        The least.
    high : int, default=None
        The largest, if there is one.
    hint : str, default=None
        As for :class:`Rule`.
    """

    def __init__(self, low, high=None, hint=None):
        most = math.inf if high is None else high
        limits = f">= {low}" if high is None else f"from {low} to {high}"
        super().__init__(
            lambda value: is_whole(value) and low <= value <= most,
            f"a whole number {limits}",
            hint,
        )


class Number(Rule):
    """A finite number within limits.

    Parameters
    ----------
    low : float
        The least.
    high : float, default=None
        The largest, if there is one.
    open_low, open_high : bool, default=False
        Whether the limit itself is not allowed.
    hint : str, default=None
        As for :class:`Rule`.
    """

    def __init__(self, low, high=None, *, open_low=False, open_high=False, hint=None):
        most = math.inf if high is None else high

        def allows(value):
            if not is_number(value) or not math.isfinite(value):
                return False
            above = value > low if open_low else value >= low
            return above and (value < most if open_high else value <= most)

        if high is None:
            words = f"a finite number {'>' if open_low else '>='} {low:g}"
        else:
            start = f"above {low:g}" if open_low else f"from {low:g}"
            words = f"a number {start} to {'below ' if open_high else ''}{high:g}"
        super().__init__(allows, words, hint)


class Instance(Rule):
    """An object of a kind.

    Parameters
    ----------
    kind : type or tuple of type
        Its class.
    words : str
        What to call it.
    hint : str, default=None
        As for :class:`Rule`.
    """

    def __init__(self, kind, words, hint=None):
        super().__init__(lambda value: isinstance(value, kind), words, hint)


def check_parameters(owner, rules):
    """Refuse a parameter that does not follow its rule.

    Parameters
    ----------
    owner : object
        What has the parameters as attributes.
    rules : dict of str to Rule
        Rules by the name of the parameter.

    Raises
    ------
    ValueError
        For the first one that does not.
    """
    for name, rule in rules.items():
        check_value(type(owner).__name__, name, getattr(owner, name), rule)


def check_value(owner, name, value, rule):
    """Refuse the argument ``name`` of ``owner`` if it does not follow its rule."""
    if not rule.allows(value):
        raise ValueError(
            f"{owner} needs {name} to be {rule.words}; got {value!r}. "
            f"{rule.hint or 'Leave it out for the default.'}"
        )


def check_groups(groups, n, name):
    """One group per row, as an array that can be sorted.

    Parameters
    ----------
    groups : array-like of shape (n,) or None
        Names or numbers; ``None`` comes back as it is.
    n : int
        Number of rows.
    name : str
        Who needs them, for messages.

    Returns
    -------
    groups : ndarray of shape (n,) or None
        The same.

    Raises
    ------
    ValueError
        If their number is another one, or they are of several types.
    """
    if groups is None:
        return None
    if np.shape(groups) not in ((n,), (n, 1)):
        raise ValueError(
            f"{name} needs one group per row, shape ({n},); got groups of shape "
            f"{np.shape(groups)}. Give as many groups as rows."
        )
    groups = column_or_1d(groups)
    try:
        np.unique(groups)
    except TypeError:
        kinds = sorted({type(group).__name__ for group in groups.tolist()})
        raise ValueError(
            f"{name} needs groups of one type; got {kinds}. Make all strings, say."
        ) from None
    return groups


def check_shape_of_fit(X, input_shape, name, advice):
    """Refuse rows of another shape than `input_shape`, the shape of a row in fit."""
    if X.shape[1:] != input_shape:
        expected = ", ".join(map(str, ("n", *input_shape)))
        raise ValueError(
            f"{name} needs X of shape ({expected}), as in fit; got {X.shape}. {advice}"
        )


def check_two_classes(classes, name):
    """Refuse labels of one class.

    Parameters
    ----------
    classes : ndarray
        The labels that there are.
    name : str
        Who needs them, for the message.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    if len(classes) < 2:
        raise ValueError(
            f"{name} needs two classes or more; got one class, {classes.tolist()}. "
            "Give rows of another class too."
        )
