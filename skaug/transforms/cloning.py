"""Objects that hold transforms as parameters, torchvision's among them.

Many of torchvision's transforms have a function ``get_params``, which draws what a call
needs. scikit-learn would take these transforms for estimators.
"""

import copy

from sklearn.base import clone

from skaug.transforms.calling import is_torchvisions

__all__ = ["HoldsTransforms"]


class HoldsTransforms:
    """Mixin, left of ``BaseEstimator``, that copies torchvision's transforms whole."""

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
