"""Estimators made of objects, with strings as short forms of their defaults.

A search reaches into both by name, ``generator__latent_dim``: a string becomes its
object first.
"""

from sklearn.base import clone

__all__ = ["ComponentsMixin"]


class ComponentsMixin:
    """Mixin for estimators that take objects, or short forms of them, as parameters.

    To be put left of ``BaseEstimator``. ``_short_forms`` of the class has, for each
    such parameter, the objects by their short form.
    """

    _short_forms = {}

    def set_params(self, **params):
        """Set parameters, also those of components that are given as short forms.

        Parameters
        ----------
        **params
            Names and values; ``generator__latent_dim`` is a parameter of a component.

        Returns
        -------
        self : object
            The estimator itself.
        """
        for name, objects in self._short_forms.items():
            value = params.get(name, getattr(self, name))
            reaches_in = any(key.startswith(f"{name}__") for key in params)
            if reaches_in and isinstance(value, str) and value in objects:
                params[name] = clone(objects[value])
        return super().set_params(**params)

    def component(self, name):
        """Make a fresh copy of a component; the parameter itself is never changed.

        Raises a ValueError if the parameter is neither a short form nor an object.
        """
        value, objects = getattr(self, name), self._short_forms[name]
        if isinstance(value, str) and value in objects:
            return clone(objects[value])
        kind = type(next(iter(objects.values())))
        if isinstance(value, (str, type)) or not hasattr(value, "get_params"):
            raise ValueError(
                f"{type(self).__name__} needs {name} to be one of "
                f"{', '.join(map(repr, objects))} or an object such as "
                f"{kind.__name__}(); got {value!r}. Leave it out for the default."
            )
        return clone(value)
