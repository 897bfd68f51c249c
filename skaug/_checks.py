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
import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier

__all__ = [
    "BOOL",
    "CHANNELS_LAST",
    "MEMORY",
    "Instance",
    "Number",
    "OneOf",
    "Rule",
    "Whole",
    "check_parameters",
    "check_shape_of_fit",
    "check_two_classes",
    "check_value",
    "is_classifying",
    "is_function",
    "is_number",
    "is_whole",
]


def is_number(value):
    """Whether it is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def is_whole(value):
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_classifying(value):
    """Whether it is a classifier; the class of one cannot be cloned."""
    is_object = hasattr(value, "__sklearn_tags__") and not isinstance(value, type)
    return is_object and is_classifier(value)


def is_function(value):
    """Whether it can be called; a class is not meant where a function is."""
    return callable(value) and not isinstance(value, type)


class Rule:
    """What a parameter may be.

    `allows` tests a value, `words` say what is allowed, to be read after "to be", and
    `hint` says what to do, in place of "Leave it out for the default."
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
    """One of some values, such as names."""

    def __init__(self, *values, hint=None):
        *first, last = map(repr, values)
        words = f"{', '.join(first)} or {last}" if first else last
        super().__init__(lambda value: _is_among(value, values), words, hint)


def _is_among(value, values):
    # Grids of arrays give scalars of NumPy. An array of several values would be
    # compared element by element, and True is equal to 1.
    value = value.item() if isinstance(value, np.generic) else value
    return any(type(value) is type(one) and value == one for one in values)


BOOL = OneOf(True, False)

MEMORY = Rule(
    lambda value: (
        value is None
        or isinstance(value, (str, os.PathLike))
        or hasattr(value, "cache")
    ),
    "None, a folder or a joblib.Memory",
    "None keeps nothing.",
)

CHANNELS_LAST = OneOf(
    True, False, None, hint="None asks about rows that look as if channels came last."
)


class Whole(Rule):
    """A whole number from `low` to `high`; None is no limit."""

    def __init__(self, low, high=None, hint=None):
        most = math.inf if high is None else high
        limits = f">= {low}" if high is None else f"from {low} to {high}"
        super().__init__(
            lambda value: is_whole(value) and low <= value <= most,
            f"a whole number {limits}",
            hint,
        )


class Number(Rule):
    """A finite number from `low` to `high`; an open limit itself is not allowed."""

    def __init__(self, low, high=None, *, open_low=False, open_high=False, hint=None):
        most = math.inf if high is None else high

        def allows(value):
            if not is_number(value) or not math.isfinite(value):
                return False
            above = value > low if open_low else value >= low
            return above and (value < most if open_high else value <= most)

        if high is None:
            words = f"a finite number {'>' if open_low else '>='} {low:g}"
        elif open_low:
            words = f"a number above {low:g} and {'below' if open_high else 'at most'}"
            words = f"{words} {high:g}"
        else:
            words = f"a number from {low:g} to {'below ' if open_high else ''}{high:g}"
        super().__init__(allows, words, hint)


class Instance(Rule):
    """An object of a class, or of one of a tuple of classes; `words` name it."""

    def __init__(self, kind, words, hint=None):
        super().__init__(lambda value: isinstance(value, kind), words, hint)


def check_parameters(owner, rules):
    """Raise a ValueError for the first parameter of `owner` that breaks its rule."""
    for name, rule in rules.items():
        check_value(type(owner).__name__, name, getattr(owner, name), rule)


def check_value(owner, name, value, rule):
    """Refuse the argument ``name`` of ``owner`` if it does not follow its rule."""
    if not rule.allows(value):
        raise ValueError(
            f"{owner} needs {name} to be {rule.words}; got {value!r}. "
            f"{rule.hint or 'Leave it out for the default.'}"
        )


def check_shape_of_fit(X, input_shape, name, advice):
    """Refuse rows of another shape than `input_shape`, the shape of a row in fit."""
    if X.shape[1:] != input_shape:
        expected = ", ".join(map(str, ("n", *input_shape)))
        shape = tuple(X.shape)
        raise ValueError(
            f"{name} needs X of shape ({expected}), as in fit; got {shape}. {advice}"
        )


def check_two_classes(classes, name):
    """Raise a ValueError if there are fewer than two classes."""
    if len(classes) < 2:
        raise ValueError(
            f"{name} needs two classes or more; got one class, {classes.tolist()}. "
            "Give rows of another class too."
        )
