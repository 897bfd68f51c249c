r"""The convex problem of a linear classifier with ISDA, and its solution.

For logits :math:`z_i = W x_i + b` and weights :math:`v_i` of sum 1 the loss is

.. math::
    -\sum_i v_i \log\frac{e^{z_{iy} + o_y}}
    {\sum_j e^{z_{ij} + o_j + \frac{\lambda}{2} q_{yj}}} + \frac{c}{2} \|W\|^2,

with the form q of ``linear_forms`` and an offset o for the shares of the classes. The
form is convex in W, and so is the loss. A step of L-BFGS takes two products of the rows
with n_classes vectors, as logistic regression does.
"""

from copy import copy

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from skaug.isda.linear_forms import form_of

__all__ = ["Problem", "principal_axes", "solve"]

EPS = np.finfo(float).eps
CURVATURE = 0.1  # p (1 - p) of a probability between a tenth and nine tenths
# What is put before the logit (n, 1) and the weight (1, n_features) of two classes.
PADDING = ((0, 0), (1, 0)), ((1, 0), (0, 0))


class Problem:
    """Rows, and the loss that is to be minimised on them.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        The rows.
    codes : ndarray of shape (n,)
        Class codes.
    weights : ndarray of shape (n,)
        Weights of the rows; only their ratios matter.
    offset : ndarray of shape (n_classes,)
        What is added to the logits in the loss.
    covariance : {"pooled", "full"} or ndarray
        As for :func:`~skaug.isda.linear_forms.form_of`.
    strength : float
        The paper's lambda.
    fit_intercept : bool
        Whether there is a b.
    squares : ndarray of shape (n_features,), default=None
        Mean squares of the columns, if these are not correlated.
    """

    def __init__(
        self,
        X,
        codes,
        weights,
        offset,
        covariance,
        strength,
        fit_intercept,
        squares=None,
    ):
        self.squares = squares
        self.X, self.codes, self.weights, self.offset = X, codes, weights, offset
        self.covariance = covariance
        self.strength, self.fit_intercept = strength, fit_intercept
        self.n_rows = 1 if len(offset) == 2 else len(offset)  # of W
        self.in_class = np.eye(len(offset))[codes]  # (n, n_classes)
        self.share = (weights / weights.sum())[:, None]  # (n, 1)
        self.member = self.share * self.in_class
        self.form = form_of(covariance, self.member, codes)

    @property
    def has_class(self):
        """Whether each class has rows of any weight."""
        return self.member.any(axis=0)

    def part(self, rows):
        """Make the problem of some rows."""
        return type(self)(
            self.X[rows],
            self.codes[rows],
            self.weights[rows],
            self.offset,
            self.covariance,
            self.strength,
            self.fit_intercept,
            self.squares,
        )

    def without_augmentation(self):
        """Make the same problem with strength 0."""
        plain = copy(self)
        plain.strength = 0.0
        return plain

    def units(self, penalty):
        """Steps of W and b that change the loss about equally, as one vector."""
        # The curvature along a column is about the penalty and CURVATURE times the mean
        # square of the column, if the columns are not correlated. Otherwise units would
        # do harm, and all are 1.
        size = self.n_rows * (self.X.shape[1] + 1)
        if self.squares is None:
            return np.ones(size)
        of_column = 1 / np.sqrt(CURVATURE * self.squares + penalty)
        return np.hstack(
            [np.tile(of_column, self.n_rows), np.full(self.n_rows, CURVATURE**-0.5)]
        )

    def logits(self, parameters, X):
        """Compute logits of rows (n, n_classes), of 0 for the first of two classes."""
        weight, intercept = self.split(parameters)
        logits = X @ weight.T + intercept
        return np.pad(logits, PADDING[0]) if self.n_rows == 1 else logits

    def value_and_gradient(self, parameters, penalty):
        """The loss and its derivative by W and b, both as one vector."""
        weight, _ = self.split(parameters)
        logits = self.logits(parameters, self.X)
        if self.n_rows == 1:
            weight = np.pad(weight, PADDING[1])
        added = self.offset
        if self.strength:
            table = self.strength / 2 * self.form.table(logits, weight)
            added = added + table[self.codes]
        log_p = logits + added
        log_p -= logsumexp(log_p, axis=1, keepdims=True)
        loss = -np.vdot(self.member, log_p) + penalty / 2 * np.vdot(weight, weight)
        by_logits = self.share * np.exp(log_p) - self.member
        by_intercept = by_logits.sum(0) * self.fit_intercept  # not through the form
        by_weight = penalty * weight
        if self.strength:
            by_table = self.strength / 2 * (self.in_class.T @ by_logits)
            of_logits, of_weight = self.form.gradients(by_table)
            by_logits, by_weight = by_logits + of_logits, by_weight + of_weight
        by_weight = by_weight[-self.n_rows :]
        by_weight += by_logits[:, -self.n_rows :].T @ self.X
        return loss, np.hstack([by_weight.ravel(), by_intercept[-self.n_rows :]])

    def split(self, parameters):
        """W and b of one vector."""
        weight, intercept = np.split(parameters, [-self.n_rows])
        return weight.reshape(self.n_rows, -1), intercept


def principal_axes(X, weights, centre):
    """Turn rows so that their columns are not correlated.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Rows.
    weights : ndarray of shape (n,)
        Their weights.
    centre : bool
        Whether the mean of the rows is subtracted.

    Returns
    -------
    rows : ndarray of shape (n, n_axes)
        With at most n and at most n_features axes.
    axes : ndarray of shape (n_features, n_axes)
        Orthonormal; the rows are ``(X - mean) @ axes``.
    mean : ndarray of shape (n_features,)
        What was subtracted.
    squares : ndarray of shape (n_axes,)
        Mean squares of the columns of `rows`.
    """
    share = weights / weights.sum()
    mean = share @ X if centre else np.zeros(X.shape[1])
    X = X - mean
    scaled = np.sqrt(share)[:, None] * X
    wide = len(X) < X.shape[1]
    squares, vectors = np.linalg.eigh(scaled @ scaled.T if wide else scaled.T @ scaled)
    known = squares > squares[-1] * len(squares) * EPS
    squares, axes = squares[known], vectors[:, known]
    if wide:
        axes = scaled.T @ (axes / np.sqrt(squares))
    return X @ axes, axes, mean, squares


def solve(problem, C, start=None, max_iter=1000, tol=1e-4):
    """Minimise the loss with L-BFGS.

    Parameters
    ----------
    problem : Problem
        What is to be minimised.
    C : float
        As for LogisticRegression: the penalty of the mean loss is 1 over C and the sum
        of the weights.
    start : ndarray, default=None
        W and b as one vector; zeros by default.
    max_iter, tol : int and float
        As for LogisticRegression.

    Returns
    -------
    parameters : ndarray
        W and b as one vector.
    n_iter : int
        Iterations.
    message : str or None
        Why the solver stopped early, if it did.
    """
    penalty = 1 / C / problem.weights.sum()  # their product may be too large
    unit = problem.units(penalty)
    if start is None:
        start = np.zeros_like(unit)

    def scaled(x):
        loss, gradient = problem.value_and_gradient(unit * x, penalty)
        return loss, unit * gradient

    options = {"maxiter": max_iter, "maxls": 50, "gtol": tol, "ftol": 64 * EPS}
    found = minimize(scaled, start / unit, method="L-BFGS-B", jac=True, options=options)
    message = None if found.success else str(found.message)
    return unit * found.x, max(found.nit, 1), message
