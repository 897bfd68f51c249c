"""A sampler and a classifier as one classifier, for scikit-learn's Pipeline.

A step of scikit-learn's Pipeline cannot change the number of rows. Therefore
``ResampledClassifier`` joins a sampler to a classifier. It resamples the rows given to
``fit``, and predicts without resampling.
"""

from inspect import signature

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
)
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted, has_fit_parameter

from skaug._checks import is_classifying
from skaug._components import InnerEstimatorMixin, inner_has
from skaug._labels import check_labels
from skaug.net.interrupts import interrupts_raised
from skaug.net.priors import PriorShift

__all__ = ["ResampledClassifier", "is_search", "takes_groups"]


def _tell_of_small_classes(sampler, y, error):
    """Say which classes are too small for the neighbours that a sampler asks for."""
    labels, counts = np.unique(y, return_counts=True)
    if "n_neighbors <= n_samples_fit" not in str(error):
        return
    fewest = counts.min()
    raise ValueError(
        f"ResampledClassifier needs more rows of each class than {sampler} looks for "
        f"as neighbours; got {fewest} of {labels[counts.argmin()]!s}. Lower its "
        "k_neighbors, or take HardRegionSampler, which needs one row."
    ) from error


def is_search(estimator):
    """Whether the estimator is a search over parameters, as in scikit-learn."""
    return hasattr(estimator, "error_score") and hasattr(estimator, "refit")


def takes_groups(estimator):
    """Whether ``fit`` of the estimator takes groups without metadata routing."""
    if isinstance(estimator, ResampledClassifier):
        return _samples_with_groups(estimator.sampler) or takes_groups(
            estimator.estimator
        )
    if isinstance(estimator, PriorShift):
        return takes_groups(estimator.estimator)
    # A search takes groups for its folds, but its signature does not say so.
    return is_search(estimator) or has_fit_parameter(estimator, "groups")


def _samples_with_groups(sampler):
    return "groups" in signature(sampler.fit_resample).parameters


class ResampledClassifier(
    InnerEstimatorMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Classifier that is fitted on resampled rows.

    Cross-validation and grid search resample the training part of each fold only.
    Rows to predict are not resampled.

    Parameters
    ----------
    sampler : object with ``fit_resample``
        A :class:`HardRegionSampler` or any sampler of imbalanced-learn. A clone is
        fitted.
    estimator : classifier
        Classifier for the resampled rows. A clone is fitted.

    Attributes
    ----------
    sampler_ : object
        The fitted sampler. Pickles, files of :func:`skaug.save` and copies are without
        it, because samplers hold the training rows and prediction does not need them.
        An :class:`~skaug.InfluenceAugmenter` holds none, and stays.
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of the columns of ``predict_proba``.
    n_features_in_, feature_names_in_ : int, ndarray
        Number and names of the columns seen in fit.

    Raises
    ------
    TypeError
        If `sampler` cannot resample or `estimator` is no classifier. If ``fit`` gets
        one value per row for the estimator, such as weights, and the sampler does not
        record the sources of its rows.

    Notes
    -----
    ``fit`` passes ``groups`` to the sampler and to the estimator, as far as they take
    groups. It passes all other parameters, such as ``sample_weight``, to the estimator;
    a new row gets the value of its source. If metadata routing is enabled, the sampler
    and the estimator request parameters by ``set_fit_request``. A meta-estimator around
    this classifier passes weights on only with metadata routing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skaug import HardRegionSampler, ResampledClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> X, y = X[:120], y[:120]  # 50, 50 and 20 flowers
    >>> sampler = HardRegionSampler(random_state=0)
    >>> pipe = make_pipeline(
    ...     StandardScaler(), ResampledClassifier(sampler, LogisticRegression())
    ... )
    >>> grid = {"resampledclassifier__sampler__generator__spread": [0.5, 1]}
    >>> search = GridSearchCV(pipe, grid, scoring="balanced_accuracy").fit(X, y)
    >>> search.best_score_ > 0.9
    np.True_
    """

    def __init__(self, sampler, estimator):
        self.sampler = sampler
        self.estimator = estimator

    # Weights are not in the signature: for a sampler, a weight of 2 is not two rows.
    def fit(self, X, y, **fit_params):
        """Resample and fit.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Training rows.
        y : array-like of shape (n,)
            Labels.
        **fit_params
            ``groups``, ``sample_weight`` and other parameters, see Notes.

        Returns
        -------
        self : ResampledClassifier
            The fitted classifier.
        """
        if not hasattr(self.sampler, "fit_resample"):
            raise TypeError(
                "ResampledClassifier needs a sampler with fit_resample; got "
                f"a {type(self.sampler).__name__}. skaug's samplers have it with "
                "output='samples'."
            )
        if not is_classifying(self.estimator):
            raise TypeError(
                "ResampledClassifier needs an estimator that classifies; got "
                f"a {type(self.estimator).__name__}. Give a classifier, or a Pipeline "
                "that ends in one."
            )
        y = check_labels(y, _num_samples(X), "ResampledClassifier")
        params = self._routed(fit_params)
        self.sampler_ = clone(self.sampler)
        try:
            X_new, y_new = self.sampler_.fit_resample(X, y, **params.sampler)
        except ValueError as error:
            _tell_of_small_classes(self.sampler_, y, error)
            raise
        for_estimator = {
            name: self._resampled(name, values, len(X_new))
            if np.ndim(values) and len(values) == len(y)
            else values
            for name, values in params.estimator.items()
        }
        with interrupts_raised():
            self.estimator_ = clone(self.estimator).fit(X_new, y_new, **for_estimator)
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())
        if getattr(state.get("sampler_"), "_holds_rows", True):
            state.pop("sampler_", None)
        return state

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
                    f"{type(self.estimator).__name__}. Leave the groups out."
                )
        return params

    def _resampled(self, name, values, n_resampled):
        sampler = self.sampler_
        rows = getattr(sampler, "source_index_", None)
        rows = getattr(sampler, "sample_indices_", None) if rows is None else rows
        if rows is None or len(rows) != n_resampled:
            raise TypeError(
                f"ResampledClassifier needs to know the rows that {name} belongs to; "
                f"got a {type(sampler).__name__}, which has no source_index_. Leave "
                f"{name} out, or use a HardRegionSampler."
            )
        return np.asarray(values)[rows]

    @available_if(inner_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Logarithms of class probabilities, from the fitted classifier."""
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(inner_has("decision_function"))
    def decision_function(self, X):
        """Decision values of the fitted classifier, as it gives them."""
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def get_metadata_routing(self):
        """Describe for scikit-learn which parameters go to sampler and estimator."""
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
