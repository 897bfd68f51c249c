"""An over-sampler of imbalanced-learn's kind inside a plain scikit-learn Pipeline.

A step of scikit-learn's Pipeline cannot change the number of rows.
``ResampledClassifier`` joins a sampler and a classifier to one classifier, which
resamples what it is fitted on and predicts on rows as they are.
"""

from inspect import signature

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

__all__ = ["ResampledClassifier", "is_search", "takes_groups"]


def is_search(estimator):
    """Whether it is a search over parameters, of scikit-learn or in its manner."""
    return hasattr(estimator, "error_score") and hasattr(estimator, "refit")


def takes_groups(estimator):
    """Whether fit can be given groups, without metadata routing."""
    if isinstance(estimator, ResampledClassifier):
        return _samples_with_groups(estimator.sampler) or takes_groups(
            estimator.estimator
        )
    # A search takes them for its folds, though its signature does not say so.
    return is_search(estimator) or has_fit_parameter(estimator, "groups")


def _samples_with_groups(sampler):
    return "groups" in signature(sampler.fit_resample).parameters


def _estimator_has(method):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


class ResampledClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier that is fitted on resampled rows.

    Cross-validation and grid search resample the training part of each fold only, and
    nothing is resampled to predict.

    Parameters
    ----------
    sampler : object with ``fit_resample``
        A :class:`HardRegionSampler` or any sampler of imbalanced-learn; cloned.
    estimator : classifier
        What is fitted on its output; cloned.

    Attributes
    ----------
    sampler_ : object
        The sampler used.
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Those of `estimator_`.
    n_features_in_, feature_names_in_ : int, ndarray
        Those of `estimator_`.

    Raises
    ------
    TypeError
        If the sampler cannot resample or the estimator cannot classify, or the
        estimator is given values per row and the sampler does not tell where its rows
        come from.

    Notes
    -----
    ``fit`` takes ``groups``, for whichever of the two takes them, and ``sample_weight``
    and others for the estimator; new rows inherit from their source. With metadata
    routing enabled, what goes where is requested by ``set_fit_request`` of the sampler
    and of the estimator; meta-estimators around it need that to pass weights on.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skaug import HardRegionSampler, ResampledClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = HardRegionSampler(generator="noise", random_state=0)
    >>> pipe = make_pipeline(
    ...     StandardScaler(), ResampledClassifier(sampler, LogisticRegression())
    ... )
    >>> grid = {"resampledclassifier__sampler__n_samples": [1, 5]}
    >>> round(GridSearchCV(pipe, grid).fit(X, y).best_score_, 2)
    np.float64(0.97)
    """

    def __init__(self, sampler, estimator):
        self.sampler = sampler
        self.estimator = estimator

    # Weights are not in the signature: a weight of 2 is not two rows to a sampler.
    def fit(self, X, y, **fit_params):
        """Resample and fit.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Training rows.
        y : array-like of shape (n,)
            Labels.
        **fit_params
            ``groups``, ``sample_weight`` and other parameters of the two, see Notes.

        Returns
        -------
        self : ResampledClassifier
            The fitted classifier.
        """
        if not hasattr(self.sampler, "fit_resample"):
            raise TypeError(
                "ResampledClassifier needs a sampler with fit_resample; got "
                f"a {type(self.sampler).__name__}. A HardRegionSampler has it with "
                "output='samples'."
            )
        if not is_classifier(self.estimator):
            raise TypeError(
                "ResampledClassifier needs an estimator that classifies; got "
                f"a {type(self.estimator).__name__}. Give a classifier, or a Pipeline "
                "that ends in one."
            )
        params = self._routed(fit_params)
        self.sampler_ = clone(self.sampler)
        X_new, y_new = self.sampler_.fit_resample(X, y, **params.sampler)
        for_estimator = {
            name: self._resampled(name, values, len(X_new))
            if np.ndim(values) and len(values) == len(y)
            else values
            for name, values in params.estimator.items()
        }
        self.estimator_ = clone(self.estimator).fit(X_new, y_new, **for_estimator)
        return self

    def _routed(self, fit_params):
        fit_params = {k: v for k, v in fit_params.items() if v is not None}
        if _routing_enabled():
            routed = process_routing(self, "fit", **fit_params)
            return Bunch(sampler=routed.sampler.fit, estimator=routed.estimator.fit)
        params = Bunch(sampler={}, estimator=dict(fit_params))
        if "groups" in fit_params:
            if _samples_with_groups(self.sampler):
                params.sampler["groups"] = fit_params["groups"]
            if not takes_groups(self.estimator):
                del params.estimator["groups"]
            if not params.sampler and "groups" not in params.estimator:
                raise TypeError(
                    "ResampledClassifier needs a sampler or an estimator that takes "
                    f"groups; got a {type(self.sampler).__name__} and a "
                    f"{type(self.estimator).__name__}. Leave them out."
                )
        return params

    def _resampled(self, name, values, n_resampled):
        sampler = self.sampler_
        rows = getattr(sampler, "source_index_", None)
        rows = getattr(sampler, "sample_indices_", None) if rows is None else rows
        if rows is None or len(rows) != n_resampled:
            raise TypeError(
                f"ResampledClassifier needs to know the rows that {name} belongs to; "
                f"got a {type(sampler).__name__}, which tells no source_index_. Leave "
                f"{name} out, or use a HardRegionSampler."
            )
        return np.asarray(values)[rows]

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

    @available_if(_estimator_has("predict"))
    def predict(self, X):
        """Predict labels with the fitted classifier, without resampling.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n,)
            Labels.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities from the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Logarithms of class probabilities from the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        log_probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Decision values of the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        decision : ndarray of shape (n,) or (n, n_classes)
            As the classifier gives them.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def get_metadata_routing(self):
        """What goes to the sampler and to the estimator.

        Returns
        -------
        routing : MetadataRouter
            scikit-learn's description.
        """
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)  # score takes weights
            .add(sampler=self.sampler, method_mapping=to_fit)
            .add(estimator=self.estimator, method_mapping=to_fit)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        both = [get_tags(self.sampler), get_tags(self.estimator)]
        tags.classifier_tags = both[1].classifier_tags or tags.classifier_tags
        tags.input_tags.sparse = all(part.input_tags.sparse for part in both)
        tags.input_tags.allow_nan = all(part.input_tags.allow_nan for part in both)
        return tags
