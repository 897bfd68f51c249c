"""Objects printed as the expressions that make them."""

from functools import partial
from inspect import Parameter, isroutine, signature

from sklearn.base import BaseEstimator
from torch import nn

__all__ = ["ADDRESS", "EstimatorRepr", "Printed", "expression", "shown"]

ADDRESS = " at 0x"  # what Python prints of objects that do not say more
MOST = 3  # elements of a list that are printed


class EstimatorRepr:
    """A ``__repr__`` like scikit-learn's, without addresses of objects."""

    def __get__(self, estimator, kind=None):
        if estimator is None:  # scikit-learn breaks the lines of its own method only
            return BaseEstimator.__repr__
        return partial(_text, estimator)


def _text(estimator, N_CHAR_MAX=700):
    text = BaseEstimator.__repr__(estimator, N_CHAR_MAX)
    for value in _inside(estimator) if ADDRESS in text else ():
        text = text.replace(repr(value), shown(value))
    return text


def _inside(value):
    """Values in a value that are printed by their address."""
    if isinstance(value, BaseEstimator):
        value = list(value.get_params(deep=False).values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _inside(one)
    elif ADDRESS in repr(value):
        yield value


class Printed:
    """Mixin that prints an object with the parameters that differ from the defaults."""

    def __repr__(self):
        return expression(self)


def expression(thing):
    """Write a call that makes an object, from attributes that are named as parameters.

    An array is shown by its shape, and a network by its name.
    """
    parts = []
    try:
        parameters = signature(type(thing)).parameters
    except ValueError:  # as for some classes that are not written in Python
        return f"{type(thing).__name__}(...)"
    for name, parameter in parameters.items():
        value = getattr(thing, name, parameter.default)
        default = parameter.default
        is_method = getattr(value, "__self__", None) is thing
        if value is Parameter.empty or is_method or parameter.kind in _MANY:
            continue
        if default is Parameter.empty or shown(value) != shown(default):
            parts.append(f"{name}={shown(value)}")
    return f"{type(thing).__name__}({', '.join(parts)})"


_MANY = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD


def shown(value):
    """Write a value in few words."""
    name = type(value).__name__
    if getattr(value, "shape", ()) != () and hasattr(value, "dtype"):
        # torch's types are names, those of NumPy are texts.
        dtype = str(value.dtype)
        dtype = dtype if dtype.startswith("torch.") else repr(dtype)
        return f"{name}(shape={tuple(value.shape)}, dtype={dtype})"
    if isinstance(value, nn.Module):
        return f"{name}(...)"
    if isinstance(value, partial):
        return f"partial({shown(value.func)}, ...)"
    if isroutine(value) or isinstance(value, type):
        is_named = "<" not in value.__qualname__
        return value.__qualname__ if is_named else "lambda *args: ..."
    if type(value) in (list, tuple):
        parts = [*map(shown, value[:MOST]), *["..."] * (len(value) > MOST)]
        if type(value) is list:
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    if isinstance(value, dict):
        parts = [f"{key!r}: {shown(one)}" for key, one in value.items()]
        parts = [*parts[:MOST], *["**..."] * (len(parts) > MOST)]
        return f"{{{', '.join(parts)}}}"
    return expression(value) if ADDRESS in repr(value) else repr(value)
