"""Estimators made of objects, with strings as short forms of their defaults.

A search reaches into both by name, ``generator__latent_dim``: a string becomes its
object first.
"""

from copy import copy

from sklearn.base import clone
from sklearn.utils._metadata_requests import RequestMethod
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

__all__ = [
    "ComponentsMixin",
    "InnerEstimatorMixin",
    "SamplerMixin",
    "inner_has",
    "makes_samples",
    "transforms_unless_samples",
]


class ComponentsMixin:
    """Mixin for estimators that take objects, or short forms of them, as parameters.

    To be put left of ``BaseEstimator``. ``_short_forms`` of the class has, for each
    such parameter, the objects by their short form, and ``_needed_methods`` the names
    of the methods that an object needs.
    """

    _short_forms = {}
    _needed_methods = {}

    def set_params(self, **params):
        """Set parameters, also of components, such as ``generator__latent_dim``."""
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
            return copy(objects[value])  # never fitted itself, and faster than a clone
        kind = type(next(iter(objects.values())))
        needed = ("get_params", *self._needed_methods.get(name, ()))
        if isinstance(value, type) or not all(hasattr(value, one) for one in needed):
            raise ValueError(
                f"{type(self).__name__} needs {name} to be one of "
                f"{', '.join(map(repr, objects))} or an object such as "
                f"{kind.__name__}(); got {value!r}. Leave it out for the default."
            )
        return clone(value)


def inner_has(method):
    """Make a check, for ``available_if``, that the inner estimator has a method."""

    def check(self):
        inner = getattr(self, "estimator_", self.estimator)
        if inner is not None:  # None stands for a default that has the method
            getattr(inner, method)  # raises an error that tells the reason
        return True

    return check


class SamplerMixin:
    """Mixin for samplers whose parameter ``output`` can make transformers of them."""

    # imbalanced-learn teaches scikit-learn to route to fit_resample, but only classes
    # that are defined afterwards.
    set_fit_resample_request = RequestMethod("fit_resample", ["groups"])


def makes_samples(estimator):
    """Whether an estimator is a sampler; a check for ``available_if``."""
    return isinstance(estimator.output, str) and estimator.output == "samples"


def transforms_unless_samples(kind):
    """Let objects of a class be transformers only while they are no samplers.

    To be called after the class is made: TransformerMixin wraps methods while it is
    made, and a wrapped method is there whatever a guard says. imbalanced-learn asks
    with hasattr.
    """
    guard = available_if(lambda estimator: not makes_samples(estimator))
    for name in ("transform", "fit_transform", "set_output"):
        setattr(kind, name, guard(getattr(kind, name)))


class InnerEstimatorMixin:
    """Mixin for classifiers that predict with the fitted ``estimator_`` inside them."""

    @property
    def classes_(self):
        """Labels in the order of the columns of ``predict_proba``."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self):
        """Number of columns seen in fit."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of columns seen in fit, if they had names."""
        return self.estimator_.feature_names_in_

    @available_if(inner_has("predict"))
    def predict(self, X):
        """Predict labels with `estimator_`; nothing is augmented.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.

        Returns
        -------
        y : ndarray of shape (n,)
            Labels.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(inner_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities from `estimator_`; nothing is augmented.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)
