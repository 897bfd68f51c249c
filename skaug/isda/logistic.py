"""ISDALogisticRegression: a linear classifier on features augmented by ISDA."""

import warnings

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import compute_class_weight
from sklearn.utils.validation import (
    check_is_fitted,
)

from skaug._checks import (
    BOOL,
    Number,
    OneOf,
    Rule,
    Whole,
    check_parameters,
    check_two_classes,
    check_value,
    is_number,
)
from skaug._input import checked_rows
from skaug._labels import check_groups, check_labels
from skaug.isda.given import covariance_array
from skaug.isda.linear_cv import candidates, choose
from skaug.isda.linear_fit import Problem, principal_axes, solve
from skaug.net.adjustment import check_one_correction
from skaug.net.priors import log_prior
from skaug.net.splits import folds_of_few
from skaug.net.weighted_rows import check_weights

__all__ = ["ISDALogisticRegression"]

# Rows or features up to which principal axes take less time than they save, in many
# fits of cross-validation and in a single one.
FEW, FEW_FOR_ONE_FIT = 2048, 512


# Beyond these sizes of the largest number, squares of float64 are infinite or 0.
SMALLEST, LARGEST = 1e-150, 1e150


class ISDALogisticRegression(ClassifierMixin, BaseEstimator):
    r"""Logistic regression on features that vary as ISDA says, in closed form.

    Each training row stands for infinitely many, moved along the directions in which
    the features of its class vary. For a linear classifier the loss of ISDA is convex,
    and a fit takes about as long as one of scikit-learn's ``LogisticRegression``. It is
    made for few labelled rows with many features, such as those of a pre-trained
    network.

    Parameters
    ----------
    strength : float or "auto", default="auto"
        The paper's :math:`\lambda`: variance of the augmentation as a multiple of the
        covariance. 0 is logistic regression; the larger it is, the closer are the
        directions of ``coef_`` to those of linear discriminant analysis with the same
        penalty. "auto" is min(0.5, 4 n_features / n), much where rows are few for so
        many features, if that lowers the loss of held-out rows by more than a standard
        error, and 0 if it does not. If `C` and `temperature` are numbers, no row is
        held out, and it is taken without this proof.
    covariance : {"pooled", "full"}, ClassCovariance or array-like, default="pooled"
        How features vary. "pooled" is the covariance within the classes, the same for
        all; "full" is one of each class, which takes more rows to be known.
        Covariances that are known from other rows are given: a fitted
        :class:`ClassCovariance`, or an array of shape (n_features, n_features) for all
        classes, (n_classes, n_features, n_features), or (n_classes, n_features) for
        variances only. Take them from labelled rows of related classes: those of rows
        without labels have the differences between the classes in them, and do harm.
    C : float, array-like or "cv", default="cv"
        Inverse of the penalty, as in LogisticRegression. "cv" chooses by the log-loss
        of held-out rows, among 11 values that follow the variance of the features; an
        array has values to choose from.
    temperature : float or "cv", default="cv"
        By what the logits are divided after training. "cv" finds the one of the
        lowest log-loss on the rows held out: without it, augmented training may be too
        sure or not sure enough of what it predicts.
    cv : int, splitter or iterable, default=5
        How rows are held out. A number of folds is stratified, keeps `groups` apart
        and is lowered if no class has so many rows. No row is held out if `C` and
        `temperature` are numbers.
    logit_adjustment : float, default=0.0
        Multiple of the log-shares of the classes that is added to the logits in
        training and left out in prediction, as in :class:`NetClassifier`. 1 predicts
        as if all classes were equally frequent.
    class_weight : dict or "balanced", default=None
        As in LogisticRegression; refused beside `logit_adjustment`, which makes up for
        the same.
    fit_intercept : bool, default=True
        Whether there is a constant term, which is not penalised.
    max_iter : int, default=1000
        Steps of L-BFGS at most.
    tol : float, default=1e-4
        The solver stops when no derivative of the mean loss is larger.
    warm_start : bool, default=False
        Whether ``fit`` starts from the coefficients of the ``fit`` before.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, divided by the temperature; one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Constant terms, divided by the temperature.
    C_, temperature_, strength_ : float
        What was used.
    n_iter_ : int
        Steps of the last solver.
    n_features_in_, feature_names_in_ : int, ndarray
        Number and names of the columns seen in fit.

    Raises
    ------
    ValueError
        If a parameter is out of range, a covariance does not fit the data, there is
        only one class, or no row can be held out.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` was reached.

    See Also
    --------
    skaug.ISDAClassifier : The same loss in a network whose features are trained, too.

    Notes
    -----
    No covariance of features is formed. With the logits P (n, n_classes) about their
    class means, :math:`G = P^T P / n`, the form of Eq. 4 of [1]_ is
    :math:`(w_j - w_y)^T \Sigma (w_j - w_y) = G_{jj} + G_{yy} - 2 G_{jy}`. With few
    rows or features, the problem is solved in coordinates along their principal axes.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skaug import ISDALogisticRegression
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, train_size=100, random_state=0)
    >>> model = ISDALogisticRegression().fit(X, y)
    >>> model.score(X_test, y_test) > 0.85
    True
    """

    _rules = {
        "strength": Number(0) | OneOf("auto", hint="0 turns the augmentation off."),
        "C": Number(0, open_low=True)
        | OneOf("cv", hint="Give an array to choose among values of your own."),
        "temperature": Number(0, open_low=True)
        | OneOf("cv", hint="1 leaves the logits as they are."),
        "logit_adjustment": Number(0, hint="0 leaves the logits as they are."),
        "fit_intercept": BOOL,
        "max_iter": Whole(1),
        "tol": Number(0, open_low=True),
        "warm_start": BOOL,
    }

    def __init__(
        self,
        strength="auto",
        *,
        covariance="pooled",
        C="cv",
        temperature="cv",
        cv=5,
        logit_adjustment=0.0,
        class_weight=None,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-4,
        warm_start=False,
    ):
        self.strength = strength
        self.covariance = covariance
        self.C = C
        self.temperature = temperature
        self.cv = cv
        self.logit_adjustment = logit_adjustment
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start

    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the classifier.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Training rows; sparse matrices are refused.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows; 2 counts a row twice, in `strength` "auto" as well.
        groups : array-like of shape (n,), default=None
            Groups of rows that are held out together.

        Returns
        -------
        self : ISDALogisticRegression
            The fitted classifier.
        """
        check_parameters(self, self._rules_for_fit())
        name = type(self).__name__
        check_one_correction(name, self.class_weight, self.logit_adjustment)
        X = checked_rows(self, X, dtype=np.float64)
        _check_size(X)
        y = check_labels(y, len(X), name)
        classes, codes = np.unique(y, return_inverse=True)
        check_two_classes(classes, name)
        groups = check_groups(groups, len(y), name)
        weights = check_weights(sample_weight, len(X), name)
        weights = np.ones(len(X)) if weights is None else weights.copy()
        offset = self.logit_adjustment * log_prior(np.bincount(codes, weights))
        weights *= compute_class_weight(
            self.class_weight, classes=classes, y=y, sample_weight=weights
        )[codes]
        start = self._start(X, classes)
        self.classes_ = classes
        self.strength_ = self._strength(X, weights)
        covariance = self._covariance(X)
        axes, mean, squares = None, None, None
        is_fixed = is_number(self.C) and is_number(self.temperature)
        few = FEW_FOR_ONE_FIT if is_fixed else FEW
        if isinstance(covariance, str) and min(X.shape) <= few:
            # The solver needs fewer steps there. The best weights are combinations of
            # the rows, so that axes on which no row differs may be left out.
            X, axes, mean, squares = principal_axes(X, weights, self.fit_intercept)
        problem = Problem(
            X,
            codes,
            weights,
            offset,
            covariance,
            self.strength_,
            self.fit_intercept,
            squares,
        )
        self._choose(problem, groups)
        self._solve(problem, axes, mean, start)
        return self

    def _rules_for_fit(self):
        """Rules of the parameters; values of C in an array are checked one by one."""
        if np.ndim(self.C) != 1:
            return self._rules
        each = self._rules["C"].allows
        several = Rule(
            lambda values: (
                len(values) > 0 and all(is_number(one) and each(one) for one in values)
            ),
            "an array of finite numbers > 0",
        )
        return {**self._rules, "C": several}

    def _start(self, X, classes):
        """Coefficients to start from, or None."""
        known = self.warm_start and hasattr(self, "coef_")
        if not known or not np.array_equal(self.classes_, classes):
            return None
        if self.coef_.shape[1] != X.shape[1]:
            return None
        return self.coef_ * self.temperature_, self.intercept_ * self.temperature_

    def _strength(self, X, weights):
        """The strength; by the rule if it is "auto", before held-out rows judge it."""
        if self.strength != "auto":
            return float(self.strength)
        return min(0.5, 4 * X.shape[1] / weights.sum())

    def _covariance(self, X):
        """The kind of covariance, or those given as an array."""
        if isinstance(self.covariance, str):
            rule = OneOf("pooled", "full", hint="Or give an array or ClassCovariance.")
            check_value(type(self).__name__, "covariance", self.covariance, rule)
            return self.covariance
        sizes = len(self.classes_), X.shape[1]
        return covariance_array(self.covariance, *sizes, type(self).__name__)

    def _choose(self, problem, groups):
        """Set C_ and temperature_, by held-out rows where that is asked for."""
        C, temperature = self.C, self.temperature
        if is_number(C) and is_number(temperature):
            self.C_, self.temperature_ = float(C), float(temperature)
            return
        if isinstance(C, str):
            C = candidates(problem.X, problem.weights)
        folds = folds_of_few(self.cv, problem.codes, groups, name=type(self).__name__)
        values = np.sort(np.atleast_1d(C).astype(float))
        settings = folds, values, temperature, self.max_iter, self.tol
        choice = choose(problem, *settings)
        if self.strength == "auto":
            plain = choose(problem.without_augmentation(), *settings)
            if not choice.is_better_than(plain, groups):
                choice, problem.strength, self.strength_ = plain, 0.0, 0.0
        self.C_, self.temperature_ = choice.C, choice.temperature

    def _solve(self, problem, axes, mean, start):
        """Fit to all rows, and set the coefficients."""
        if start is not None:
            weight, intercept = start
            if axes is not None:
                weight, intercept = weight @ axes, intercept + weight @ mean
            start = np.hstack([weight.ravel(), intercept])
        found, self.n_iter_, message = solve(
            problem, self.C_, start, self.max_iter, self.tol
        )
        if message is not None:
            warnings.warn(
                "ISDALogisticRegression needs a solver that converges; got "
                f"{message!r} after {self.n_iter_} steps. Increase max_iter, or scale "
                "the features.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if not np.isfinite(found).all():
            raise ValueError(
                "ISDALogisticRegression needs a loss that stays finite; got "
                f"coefficients that are not after {self.n_iter_} steps. Scale the "
                "features, or set a smaller C."
            )
        weight, intercept = problem.split(found)
        if axes is not None:
            weight = weight @ axes.T
            intercept = intercept - weight @ mean
        self.coef_ = weight / self.temperature_
        self.intercept_ = intercept / self.temperature_

    def decision_function(self, X):
        """Compute logits, divided by the temperature.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        logits : ndarray of shape (n,) or (n, n_classes)
            For two classes, the logit of the second.
        """
        check_is_fitted(self)
        X = checked_rows(self, X, dtype=np.float64, reset=False)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = X @ self.coef_.T + self.intercept_
        if not np.isfinite(logits).all():
            raise ValueError(
                "ISDALogisticRegression needs rows whose logits float64 can hold; got "
                f"numbers of up to {np.abs(X).max():.2g}. Take the unit of fit."
            )
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n, n_classes)
            In the order of ``classes_``.
        """
        return softmax(self._all_logits(X), axis=1)

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        log_proba : ndarray of shape (n, n_classes)
            In the order of ``classes_``.
        """
        return log_softmax(self._all_logits(X), axis=1)

    def _all_logits(self, X):
        """Logits of all classes, 0 for the first of two."""
        logits = self.decision_function(X)
        if logits.ndim == 1:
            logits = np.column_stack([np.zeros_like(logits), logits])
        return logits

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n,)
            Labels.
        """
        logits = self.decision_function(X)
        codes = logits.argmax(1) if logits.ndim == 2 else (logits > 0).astype(int)
        return self.classes_[codes]


def _check_size(X):
    """Refuse rows in whose squares float64 overflows or vanishes."""
    largest = np.abs(X).max()
    if largest and not SMALLEST <= largest <= LARGEST:
        raise ValueError(
            "ISDALogisticRegression needs rows whose squares float64 can hold; got "
            f"numbers of at most {largest:.2g}. Take another unit."
        )
