"""Objects that hold transforms as parameters, torchvision's among them.

Many of torchvision's transforms have a function ``get_params``, which draws what a call
needs. scikit-learn would take these transforms for estimators.
"""

import copy

from sklearn.base import clone

from skaug._printing import EstimatorRepr
from skaug.transforms.calling import is_torchvisions, parts_of

__all__ = ["HoldsTransforms", "ReadThroughTheDoor"]


class ReadThroughTheDoor:
    """Mixin for objects that may hold transforms of torchvision's, in pickles too.

    Reading such a pickle in another process must import torchvision as skaug does,
    before anything else.
    """

    def __reduce_ex__(self, protocol):
        function, arguments, *state = super().__reduce_ex__(protocol)
        first = None
        if any(map(_holds_torchvisions, vars(self).values())):
            from skaug.transforms.torchvision import imported as first
        return _rebuilt, (first, function, arguments), *state


def _rebuilt(first, function, arguments):
    return function(*arguments)


def _holds_torchvisions(value):
    inside = value if isinstance(value, (list, tuple)) else parts_of(value)
    return is_torchvisions(value) or any(map(_holds_torchvisions, inside))


class HoldsTransforms(ReadThroughTheDoor):
    """Mixin, left of ``BaseEstimator``, that copies torchvision's transforms whole."""

    __repr__ = EstimatorRepr()  # transforms may be functions of the user

    def get_params(self, deep=True):
        """Get the parameters by name and, if `deep`, those of the transforms."""
        params = super().get_params(deep=False)
        for name, value in list(params.items()) if deep else []:
            is_object = hasattr(value, "get_params") and not isinstance(value, type)
            if is_object and not is_torchvisions(value):
                inner = value.get_params()
                params |= {f"{name}__{key}": inner[key] for key in inner}
        return params

    def __sklearn_clone__(self):
        params = self.get_params(deep=False)
        return type(self)(**{name: _copied(params[name]) for name in params})


def _copied(value):
    if isinstance(value, (list, tuple)):
        copies = map(_copied, value)
        return tuple(copies) if isinstance(value, tuple) else list(copies)
    return copy.deepcopy(value) if is_torchvisions(value) else clone(value, safe=False)
