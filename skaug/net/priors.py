r"""Shares of the classes: those of the training rows, and others in their place.

A classifier that is trained on few rows of a class predicts this class rarely. It is
right to do so where the class is as rare as in training. If the classes matter equally,
or have other shares where the classifier is used, two ways lead from the training prior
:math:`\pi` to another one. ``PriorShift`` multiplies the probabilities of a fitted
classifier. The parameter ``logit_adjustment`` of the nets adds :math:`\tau \log \pi` to
the logits in the training loss, so that the net learns without it.

References
----------
.. [1] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a Classifier
   to New a Priori Probabilities", Neural Computation 2002.
.. [2] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
"""

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
)
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _num_samples,
    check_is_fitted,
    has_fit_parameter,
)

from skaug._checks import is_classifying
from skaug._components import InnerEstimatorMixin, inner_has
from skaug._labels import check_labels
from skaug.net.interrupts import interrupts_raised
from skaug.net.weighted_rows import check_weights

__all__ = ["PriorShift", "log_prior", "reweighted"]

# Parameters by which other estimators give the classes other shares.
BALANCING = {
    "class_prior",
    "class_weight",
    "logit_adjustment",
    "priors",
    "sampling_strategy",
}


def log_prior(counts):
    """Logarithms of the shares of the classes.

    Parameters
    ----------
    counts : array-like of shape (n_classes,)
        Number or total weight of the rows of each class. A class without rows counts
        like the most frequent one: nothing is known of it, and it is not to be raised
        above any other.

    Returns
    -------
    log_shares : ndarray of shape (n_classes,)
        Finite; their exponentials add up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.net import log_prior
    >>> np.exp(log_prior([6, 2, 0])).round(3)
    array([0.429, 0.143, 0.429])
    """
    counts = np.asarray(counts, dtype=float)
    counts = np.where(counts > 0, counts, counts.max())
    return np.log(counts) - np.log(counts.sum())


def reweighted(proba, log_weight):
    """Multiply probabilities (n, n_classes) by weights, and let them add up to 1."""
    with np.errstate(divide="ignore"):
        score = np.log(np.asarray(proba, dtype=float)) + log_weight
    largest = score.max(axis=1, keepdims=True)
    # Where only classes of weight 0 were possible, the weights alone are left.
    score = np.where(np.isneginf(largest), log_weight, score)
    score -= score.max(axis=1, keepdims=True)
    shifted = np.exp(score)
    return shifted / shifted.sum(axis=1, keepdims=True)


class PriorShift(
    InnerEstimatorMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Give a classifier's probabilities another prior than that of its training rows.

    If only the shares of the classes differ between training and use, and not how the
    rows of a class look, Bayes' rule gives the probabilities of use [1]_:

    .. math::
        p'(y \mid x) \propto p(y \mid x) \, \frac{\pi'_y}{\pi_y}

    with the prior :math:`\pi` of training and :math:`\pi'` of use. A uniform
    :math:`\pi'` maximises the mean recall of the classes, the balanced accuracy [2]_.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        A clone is fitted. A fitted one inside a ``sklearn.frozen.FrozenEstimator`` is
        used as it is; ``fit`` then needs its training rows, only to count the labels.
    prior : "uniform", array-like of shape (n_classes,) or dict, default="uniform"
        Shares of the classes where the classifier is used: an array in the order of
        ``classes_``, or a dictionary from label to share. They are divided by their
        sum, so that counts will do. A class of share 0 is never predicted.
    train_prior : array-like of shape (n_classes,) or dict, default=None
        Shares of the classes that the probabilities of `estimator` are made for, all
        above 0. By default they are counted in the labels given to ``fit``, with the
        sample weights if there are any. Set them if `estimator` balances the classes
        itself, as by ``class_weight`` or a sampler.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of the columns of ``predict_proba``.
    prior_, train_prior_ : ndarray of shape (n_classes,)
        Shares of the classes in use and in training. A class that has no row in
        training counts like the most frequent one, see
        :func:`~skaug.net.log_prior`.
    n_features_in_, feature_names_in_ : int, ndarray
        Number and names of the columns seen in fit.

    Raises
    ------
    TypeError
        If `estimator` is no classifier with ``predict_proba``, or takes no weights and
        gets some.
    ValueError
        If the shares cannot be used, or the rows for a frozen classifier lack a class.

    Warns
    -----
    UserWarning
        If `estimator` has a parameter set that balances the classes, and `train_prior`
        is not given.

    See Also
    --------
    skaug.NetClassifier : ``logit_adjustment`` does the same in the training of a net.

    Notes
    -----
    The shift relies on calibrated probabilities: it cannot repair a classifier that is
    overconfident. ``fit`` passes ``groups`` and other parameters on to `estimator`.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a
       Classifier to New a Priori Probabilities", Neural Computation 2002.
    .. [2] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.metrics import balanced_accuracy_score
    >>> from skaug import PriorShift
    >>> X, y = make_classification(
    ...     4000, weights=[0.95], class_sep=0.5, flip_y=0, random_state=0
    ... )
    >>> plain = LogisticRegression().fit(X[::2], y[::2])
    >>> shifted = PriorShift(LogisticRegression()).fit(X[::2], y[::2])
    >>> for model in plain, shifted:
    ...     predicted = model.predict(X[1::2])
    ...     print(round(balanced_accuracy_score(y[1::2], predicted), 2))
    0.51
    0.72
    """

    def __init__(self, estimator, prior="uniform", *, train_prior=None):
        self.estimator = estimator
        self.prior = prior
        self.train_prior = train_prior

    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the estimator, unless it is frozen, and count the labels.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Training rows.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights for the estimator. The prior of training is then the share of each
            class in the total weight.
        **fit_params
            Passed to ``fit`` of the estimator, such as ``groups``.

        Returns
        -------
        self : PriorShift
            The fitted classifier.
        """
        self._check_estimator()
        name = type(self).__name__
        if self.train_prior is None or y is not None:
            y = check_labels(y, _num_samples(X), name)
        if self.train_prior is None:
            weights = check_weights(sample_weight, len(y), name)
        fit_params = {k: v for k, v in fit_params.items() if v is not None}
        fit_params = self._routed(sample_weight, fit_params)
        with interrupts_raised():
            self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        classes = self.estimator_.classes_
        if self.train_prior is None:
            self._warn_if_balanced()
            counts = self._counted(y, weights)
            self.train_prior_ = np.exp(log_prior(counts))
        else:
            self.train_prior_ = _shares("train_prior", self.train_prior, classes)
        self.prior_ = _shares("prior", self.prior, classes)
        return self

    def _check_estimator(self):
        has_proba = hasattr(self.estimator, "predict_proba")
        if not has_proba or not is_classifying(self.estimator):
            raise TypeError(
                "PriorShift needs a classifier with predict_proba; got "
                f"{self.estimator!r}. Put a CalibratedClassifierCV around "
                "a classifier that only decides."
            )

    def _routed(self, sample_weight, fit_params):
        """What ``fit`` of the estimator gets."""
        if sample_weight is not None:
            fit_params = {"sample_weight": sample_weight, **fit_params}
        if _routing_enabled():
            return process_routing(self, "fit", **fit_params).estimator.fit
        is_frozen = isinstance(self.estimator, FrozenEstimator)
        takes_weights = is_frozen or has_fit_parameter(self.estimator, "sample_weight")
        if sample_weight is not None and not takes_weights:
            raise TypeError(
                "PriorShift needs an estimator that takes sample_weight to pass it on; "
                f"got a {type(self.estimator).__name__}. Leave the weights out, or "
                "name the step of a pipeline, as step__sample_weight."
            )
        return fit_params

    def _counted(self, y, weights):
        """Total weight of the rows of each class."""
        labels, place = np.unique(y, return_inverse=True)
        sums = np.bincount(place, weights)
        weight_of = dict(zip(labels.tolist(), sums.tolist()))
        classes = self.classes_.tolist()
        missing = [label for label in classes if label not in weight_of]
        if set(weight_of) - set(classes) or (
            missing and isinstance(self.estimator, FrozenEstimator)
        ):
            raise ValueError(
                "PriorShift needs the rows that a frozen estimator was trained on, "
                f"with labels {classes}; got labels {list(weight_of)}. Give these "
                "rows, or train_prior=."
            )
        return [weight_of.get(label, 0.0) for label in classes]

    def _warn_if_balanced(self):
        estimator = self.estimator_
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        estimator = getattr(estimator, "best_estimator_", estimator)
        for name, value in estimator.get_params().items():
            if name.rpartition("__")[2] not in BALANCING:
                continue
            if value.any() if hasattr(value, "any") else value:
                warnings.warn(
                    "PriorShift needs an estimator that keeps the shares of the "
                    f"classes as they are in y; got {name}={value!r}, which changes "
                    "them, so that the classes are shifted twice. Leave it out, or "
                    "give train_prior=.",
                    stacklevel=3,
                )
                return

    @available_if(inner_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities under `prior`.

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
        with np.errstate(divide="ignore"):  # a share may be 0
            log_weight = np.log(self.prior_) - np.log(self.train_prior_)
        return reweighted(self.estimator_.predict_proba(X), log_weight)

    @available_if(inner_has("predict_proba"))
    def predict(self, X):
        """Labels of the highest probability under `prior`.

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
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def get_metadata_routing(self):
        """Describe for scikit-learn which parameters go to the estimator."""
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(estimator=self.estimator, method_mapping=to_fit)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags or tags.classifier_tags
        tags.input_tags = inner.input_tags
        return tags


def _shares(name, value, classes):
    """Shares (n_classes,) that add up to 1, as a user gives them."""
    if isinstance(value, str) and value == "uniform" and name == "prior":
        return np.full(len(classes), 1 / len(classes))
    given = value
    if isinstance(value, Mapping):
        is_complete = set(value) == set(classes.tolist())
        value = [value[label] for label in classes.tolist()] if is_complete else []
    try:
        shares = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        shares = np.empty(0)
    is_one_each = shares.shape == classes.shape and np.isfinite(shares).all()
    least = shares.min(initial=np.inf)
    is_in_range = least > 0 if name == "train_prior" else least >= 0 and shares.any()
    if not is_one_each or not is_in_range:
        words = "a number above 0" if name == "train_prior" else "a number >= 0"
        raise ValueError(
            f"PriorShift needs {name} to have {words} for each of the classes "
            f"{classes.tolist()}; got {given!r}. Give an array in this order, or a "
            "dictionary from label to share."
        )
    return shares / shares.sum()
