r"""Influence of training rows on the validation loss, through the last layer, exactly.

What would the validation loss be without this training row, or with an augmented copy
in its place? For the last linear layer under cross-entropy the answer to first order
has a closed form, which needs no autograd and no further approximation. With features
:math:`a` (a 1 appended for the bias), probabilities p, errors :math:`e = p -
onehot(y)`, the damped Hessian H of the mean training loss and the gradient of the mean
validation loss,

.. math::
    S = H^{-1} g_{val}, \qquad g_{val} = \frac1m \sum_j e_j a_j^T.

Removing row i changes the mean validation loss by :math:`\frac1n e_i^T S a_i`, to
first order. Positive: the row helps, and the loss would rise without it. Replacing it
by :math:`\tilde z` changes it by :math:`\frac1n (e_i^T S a_i - \tilde e^T S \tilde a)`,
the paper's :math:`\frac1n I_{aug}` (Eq. 15).

"Removing" leaves the weight of every other row at 1/n. scikit-learn's classifiers do
the same if they are fitted again with the same C; there :math:`\delta` is 1/(nC).
``softmax_hessian.py`` has H and the solvers.

References
----------
.. [1] P. W. Koh, P. Liang, "Understanding Black-box Predictions via Influence
   Functions", ICML 2017.
"""

import math

import numpy as np
import torch
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils.validation import (
    _num_samples,
    check_is_fitted,
)

from skaug._checks import (
    BOOL,
    Number,
    OneOf,
    Whole,
    check_parameters,
    check_two_classes,
)
from skaug._input import as_numbers, checked_rows
from skaug._labels import check_labels
from skaug._random import draw_seed, new_generator
from skaug.influence.nets import checked_net, codes_of, warn_of_few
from skaug.influence.row_influence import RowInfluence
from skaug.influence.softmax_hessian import (
    factorised,
    flat_gradients,
    hessian,
    row_blocks,
    softmax_errors,
    softmax_regression,
    softmax_solution,
    span_of_rows,
    stochastic_solution,
    sum_zero_basis,
)
from skaug.net.apart import apart
from skaug.net.head import capture_input, check_head, linear_head
from skaug.net.temperature import best_temperature

__all__ = ["LastLayerInfluence"]

# Squares of features have to be numbers too.
LARGEST = 1e150
# If the last layer has more parameters, "auto" does not factorise the Hessian. The
# factor would fill 0.3 GB and take as long as hundreds of products.
LARGEST_FACTOR = 6000
RULES = {
    "damping": Number(
        0,
        open_low=True,
        hint="Without damping the Hessian of a softmax cannot be inverted, because a "
        "shift of all logits changes no loss.",
    ),
    "solver": OneOf(
        "auto", "cholesky", "cg", "stochastic", hint="'auto' chooses by size."
    ),
    "calibrate": BOOL,
    "tol": Number(0, open_low=True),
    "batch_size": Whole(1),
}

# torch takes arrays that lie forwards in memory and may be written to.
FOR_TORCH = {"dtype": np.float64, "order": "C", "force_writeable": True}


def _checked(features):
    """Return features, and refuse what cannot be computed with."""
    largest = float(features.detach().abs().max()) if features.numel() else 0.0
    if not largest <= LARGEST:  # NaN is neither larger nor smaller
        raise ValueError(
            "LastLayerInfluence needs features whose squares are finite; got "
            f"{largest:.3g}. Look for extreme values in X, and for weights of the "
            "network that are not finite."
        )
    return features


def _with_ones(features):
    return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)


def _weight_of(head):
    """Weight of a linear layer in float64, the bias as its last column."""
    weight = head.weight.detach().double()
    if head.bias is None:
        return weight
    return torch.cat([weight, head.bias.detach().double()[:, None]], dim=1)


def _loss_without(row, features, codes, weight, held_out, target, damping, scale):
    """Mean loss of the rows held out, if the last layer is fitted without a row."""
    features, codes, weight, held_out, target = (
        torch.as_tensor(np.array(one) if isinstance(one, np.ndarray) else one)
        for one in (features, codes, weight, held_out, target)
    )
    n = len(features)
    others = torch.ones(n, dtype=torch.bool, device=features.device)
    others[row] = False
    # The others keep a weight of 1/n each: the mean has n - 1.
    without = softmax_regression(
        features[others], codes[others], damping * n / (n - 1), start=weight
    )
    logits = scale * held_out @ without.T
    return float(torch.nn.functional.cross_entropy(logits, target))


class LastLayerInfluence(RowInfluence, BaseEstimator):
    r"""Compute what training rows do to the validation loss, through the last layer.

    A fitted object holds what the last layer gets of the training rows, and so do its
    pickles and files of :func:`skaug.save`. Without a net, that is the rows themselves.

    Parameters
    ----------
    estimator : NetClassifier or another net of skorch, default=None
        A fitted net that ends in an ``nn.Linear``; the net is not changed. The losses
        of training and validation rows are then those of the net, its
        ``logit_adjustment`` included. Rows count alike, so train the net without
        ``class_weight`` and ``sample_weight``. ``None`` takes the rows for features and
        fits a softmax regression to them, with the mean cross-entropy plus
        ``damping / 2`` times the squared weights (bias included).
    damping : float, default=0.1
        Added to the diagonal of the Hessian: the weight of the squared weights in the
        objective. If a network fits its training rows perfectly, small values make
        numbers large and wrong: trust sizes from 0.1 on, ranks from 0.01 on.
    solver : {"auto", "cholesky", "cg", "stochastic"}, default="auto"
        "cholesky" forms and factorises the Hessian; the factor serves any number of
        validation rows. "cg" takes preconditioned products with the Hessian only.
        "stochastic" takes products on batches, for features that do not fit into the
        fast memory, and is accurate to a few percent. "auto" is "cg" for means over
        validation rows; for methods that need many solutions "auto" is "cholesky", if
        the layer is small enough.
    calibrate : bool, default=False
        Whether to divide the validation logits by the temperature that lowers their
        loss most. Without calibration the validation gradient of an overfitted network
        says mostly "be less confident".
    tol : float, default=1e-10
        Relative residual at which "cg" ends.
    batch_size : int, default=512
        Rows per step of "stochastic".
    random_state : int, RandomState instance or None, default=None
        Draws the batches of "stochastic".
    n_jobs : int, default=None
        Fits of :meth:`refitted_loss_change` at a time. ``None`` is 1, unless
        ``joblib.parallel_config`` says otherwise, which may also name a cluster; -1
        takes all processors. All else is a few products of matrices, which a process
        does with all its threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    coef_ : ndarray of shape (n_classes, n_features)
        Weight of the last layer; its last column is the bias, if there is one. Of a net
        with ``logit_adjustment``, the bias includes what the loss adds to the logits.
    features_ : torch.Tensor of shape (n, n_features)
        Input of the last layer for the training rows, in float64, with a column of
        ones if there is a bias.
    errors_ : torch.Tensor of shape (n, n_classes)
        Probabilities minus labels of the training rows.
    probabilities_ : torch.Tensor of shape (n, n_classes)
        Probabilities of the training rows.
    factor_ : torch.Tensor or None
        Cholesky factor of the Hessian, once a method that needs many solutions, or
        ``solver="cholesky"``, has made it. If there are fewer rows than features, it is
        that of the Hessian in the span of the rows.
    n_features_in_ : int
        Size of the second axis of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skaug import LastLayerInfluence
    >>> X, y = load_iris(return_X_y=True)
    >>> val = np.arange(150) % 3 > 0
    >>> influence = LastLayerInfluence().fit(X[~val], y[~val])
    >>> change = influence.predicted_loss_change(X[val], y[val])
    >>> change.shape
    (50,)
    >>> X_new = X[~val] + 0.1  # a copy of each row
    >>> direction = influence.validation_direction(X[val], y[val])
    >>> influence.of_replacement(X_new, y[~val], direction).shape
    torch.Size([50])
    """

    def __init__(
        self,
        estimator=None,
        *,
        damping=0.1,
        solver="auto",
        calibrate=False,
        tol=1e-10,
        batch_size=512,
        random_state=None,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.damping = damping
        self.solver = solver
        self.calibrate = calibrate
        self.tol = tol
        self.batch_size = batch_size
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X, y):
        """Compute features and errors of the training rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows that the estimator was trained on; features if there is none.
        y : array-like of shape (n,)
            Labels.

        Returns
        -------
        self : LastLayerInfluence
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, the estimator has no plain linear layer
            at its end, or the labels are numbers of a regression.
        TypeError
            If the estimator is no net of skorch that classifies.
        NotFittedError
            If the estimator is not fitted.
        """
        check_parameters(self, RULES)
        if self.estimator is None:
            X = checked_rows(self, X, **FOR_TORCH)
            y = check_labels(y, len(X), "LastLayerInfluence")
            self.classes_ = np.unique(y)
            check_two_classes(self.classes_, "LastLayerInfluence")
            features = _checked(_with_ones(torch.from_numpy(X)))
            target = torch.from_numpy(np.searchsorted(self.classes_, y))
            weight = softmax_regression(features, target, self.damping)
        else:
            net = self._net()
            X = as_numbers(X, type(self).__name__)
            self.classes_ = net.classes_
            self.n_features_in_ = getattr(net, "n_features_in_", np.shape(X)[1])
            name, head = self._head()
            self._check_head(name, X)
            weight = self._as_trained(_weight_of(head))
            features, target = self._features_and_codes(X, y)
        if not math.isfinite(features.sum() + weight.sum()):
            raise ValueError(
                "LastLayerInfluence needs features and a last layer that are finite; "
                "got others of the estimator. Train it again, with a lower learning "
                "rate or scaled rows."
            )
        self.features_ = features
        self.coef_ = weight.cpu().numpy()
        self.probabilities_ = (features @ weight.T).softmax(dim=1)
        self.errors_ = softmax_errors(features @ weight.T, target)
        self._span, self._in_span = span_of_rows(features)
        self.factor_ = None
        return self

    def refitted_loss_change(self, X_val, y_val, rows):
        """Change of the mean validation loss when rows are left out one by one.

        The last layer is fitted again to the minimum without each of the rows. This is
        what :meth:`predicted_loss_change` predicts, at the price of a fit per row.

        Parameters
        ----------
        X_val, y_val : array-like
            Validation rows and labels.
        rows : array-like of shape (m,)
            Numbers of the training rows to leave out.

        Returns
        -------
        change : ndarray of shape (m,)
            Nats per validation row.

        Raises
        ------
        ValueError
            If the last layer is not at the minimum of the mean cross-entropy plus
            ``damping / 2`` times its squared weights. The last layer of a trained
            network is not there, and would move even if no row was left out.
        """
        features, target = self._features_and_codes(X_val, y_val)
        n, weight, codes = self._n(), self._weight(), self.errors_.argmin(dim=1)
        gradient = self.errors_.T @ self.features_ / n + self.damping * weight
        if gradient.norm() > 1e-6 * (1 + weight.norm()):
            raise ValueError(
                "LastLayerInfluence needs a last layer at the minimum of its objective "
                f"to fit it again; got a gradient of size {float(gradient.norm()):.1e} "
                "there. Give the network's features as X, and no estimator."
            )
        logits = features @ weight.T
        scale = self._scale(logits, target)
        loss = float(torch.nn.functional.cross_entropy(scale * logits, target))
        of_all = self.features_, codes, weight, features, target
        if effective_n_jobs(self.n_jobs) > 1:  # joblib keeps large arrays once
            of_all = [tensor.cpu().numpy() for tensor in of_all]
        losses = Parallel(self.n_jobs)(
            delayed(_loss_without)(row, *of_all, self.damping, scale) for row in rows
        )
        return np.array(losses) - loss

    def pairwise(self, X_val, y_val):
        """Change of the loss of each validation row when a training row is removed.

        Parameters
        ----------
        X_val, y_val : array-like
            Validation rows and labels.

        Returns
        -------
        change : ndarray of shape (n_train, n_val)
            Nats. Its mean over validation rows is :meth:`predicted_loss_change`.

        Warns
        -----
        UserWarning
            With ``calibrate=True``, if there are fewer than 100 validation rows to
            take the temperature from. The change itself concerns one row only.
        """
        if self.calibrate:
            warn_of_few(y_val, type(self).__name__)
        features, errors, _ = self._validation(X_val, y_val)
        basis = self._basis()
        k, d = basis.shape[1], features.shape[1]
        change = features.new_empty(self._n(), len(features))
        reduced = errors @ basis
        left = self.errors_ @ basis / self._n()
        for held_out in row_blocks(len(features), 8 * k * d):
            solved = self._solve_reduced(
                flat_gradients(reduced[held_out], features[held_out]).T
            )
            for train in row_blocks(self._n(), 8 * k * d * 4):
                gradients = flat_gradients(left[train], self.features_[train])
                torch.mm(gradients, solved, out=change[train, held_out])
            del solved  # before the next one is made
        return change.cpu().numpy()

    def validation_gradient(self, X_val, y_val):
        """Gradient of the mean validation loss by the last weight, of its shape."""
        features, errors, _ = self._validation(X_val, y_val)
        return errors.T @ features / len(features)

    def self_influence(self):
        """Change of a row's own loss when it is removed.

        Returns
        -------
        change : ndarray of shape (n_train,)
            Nats; never negative. The change is large for rows that the network would
            get wrong without them in training: outliers and wrong labels.
        """
        check_is_fitted(self)
        basis = self._basis()
        k, d = basis.shape[1], self.features_.shape[1]
        change = self.features_.new_empty(self._n())
        for block in row_blocks(self._n(), 8 * k * d * 2):
            errors = self.errors_[block] @ basis
            right = flat_gradients(errors, self.features_[block]).T
            solved = self._solve_reduced(right.clone())
            change[block] = (right * solved).sum(dim=0) / self._n()
        return change.cpu().numpy()

    def group_cosine(self, groups, X_val, y_val):
        """Cosine between the gradients of groups of rows and of the validation rows.

        Parameters
        ----------
        groups : sequence of (X, y)
            Rows and labels of each group, such as the training rows under one
            transform each.
        X_val, y_val : array-like
            Validation rows and labels.

        Returns
        -------
        cosine : ndarray of shape (n_groups,)
            Between -1 and 1, in the metric of the inverse Hessian. Positive: a step on
            the group's mean gradient lowers the validation loss.

        Warns
        -----
        UserWarning
            If there are fewer than 100 validation rows.
        """
        warn_of_few(y_val, type(self).__name__)
        gradients = torch.stack([self.mean_gradient(X, y) for X, y in groups])
        return self.gradient_cosine(gradients, X_val, y_val)

    def mean_gradient(self, X, y):
        """Gradient of the mean loss of rows by the last weight; X may require one."""
        features, target = self._features_and_codes(X, y)
        errors = softmax_errors(features @ self._weight().T, target)
        return errors.T @ features / len(features)

    def gradient_cosine(self, gradients, X_val, y_val):
        """Compute :meth:`group_cosine` from mean gradients, stacked; 0 for one of 0."""
        gradient = self.validation_gradient(X_val, y_val)
        gradients = torch.cat([gradients, gradient[None]]).detach()
        # The cosine does not depend on sizes, whose squares could be too small.
        size = gradients.abs().amax(dim=(1, 2), keepdim=True)
        gradients = gradients / torch.where(size > 0, size, 1.0)
        solved = self.inverse_hessian_product(gradients)
        direction = solved[-1]
        lengths = (gradients * solved).sum((1, 2)).sqrt()
        cosine = (gradients * direction).sum((1, 2)) / (lengths * lengths[-1])
        return torch.nan_to_num(cosine[:-1]).clamp(-1, 1).cpu().numpy()

    def features_of(self, X):
        """Input of the last layer, with the ones; a tensor X may require a gradient."""
        keep = isinstance(X, torch.Tensor) and X.requires_grad
        if self.estimator is None:
            if not keep:
                X = checked_rows(self, X, reset=False, **FOR_TORCH)
            return _checked(_with_ones(torch.as_tensor(X, dtype=torch.float64)))
        name, head = self._head()
        net = apart(self._net(), name)
        watched = net.module_.get_submodule(name)
        with capture_input(watched) as inputs, torch.set_grad_enabled(keep):
            if keep:
                net.module_.eval()
                net.infer(X)
            else:
                for _ in net.forward_iter(X, training=False, device=net.device):
                    pass
        features = _checked(torch.cat(inputs).double())
        return features if head.bias is None else _with_ones(features)

    def inverse_hessian_product(self, gradients):
        """Inverse Hessian times gradients (m, n_classes, n_features) of losses."""
        # The gradients of a loss sum to 0 over the classes, so the basis loses nothing.
        basis = self._basis()
        k, d = basis.shape[1], gradients.shape[2]
        right = torch.einsum("ck,mcd->kdm", basis, gradients).reshape(k * d, -1)
        solved = self._solve_reduced(right).reshape(k, d, -1)
        return torch.einsum("ck,kdm->mcd", basis, solved)

    def _net(self):
        return checked_net(self.estimator, type(self).__name__)

    def _head(self):
        net = self._net()
        return linear_head(net.module_, getattr(net, "classifier_layer_", None))

    def _as_trained(self, weight):
        """Move logit adjustment, which the net's loss adds to logits, into the bias."""
        net = self._net()
        if not getattr(net, "logit_adjustment", 0):
            return weight
        if self._head()[1].bias is None:
            raise ValueError(
                "LastLayerInfluence needs a last layer with a bias for a net with "
                f"logit_adjustment; got none, and {net.logit_adjustment}. Set bias="
                "True, or logit_adjustment=0."
            )
        weight[:, -1] += torch.as_tensor(net.logit_offset_).to(weight)
        return weight

    def _check_head(self, name, X):
        """Check on two rows that the net's output is that of its last layer."""
        net = apart(self._net(), name)
        with capture_input(net.module_) as inputs:
            for _ in net.forward_iter(X[:2], training=False, device=net.device):
                pass
        with torch.no_grad():
            check_head(net.module_, name, inputs[0])

    def _n(self):
        return len(self.features_)

    def _weight(self):
        return torch.as_tensor(self.coef_, device=self.features_.device)

    def _basis(self):
        kwargs = {"dtype": self.features_.dtype, "device": self.features_.device}
        return sum_zero_basis(len(self.classes_), **kwargs)

    def _of_training_rows(self, direction, rows=slice(None)):
        return self._score(self.features_[rows], self.errors_[rows], direction)

    def _of_rows(self, X, y, direction):
        features, target = self._features_and_codes(X, y)
        errors = softmax_errors(features @ self._weight().T, target)
        return self._score(features, errors, direction)

    def _score(self, features, errors, direction):
        return ((features @ direction.T) * errors).sum(dim=1)

    def _validation(self, X_val, y_val):
        """Features, derivatives by the logits, and mean loss of validation rows."""
        features, target = self._features_and_codes(X_val, y_val)
        logits = features @ self._weight().T
        scale = self._scale(logits, target)
        loss = float(torch.nn.functional.cross_entropy(scale * logits, target))
        return features, scale * softmax_errors(scale * logits, target), loss

    def _scale(self, logits, target):
        return 1 / best_temperature(logits, target) if self.calibrate else 1.0

    def _direction_and_loss(self, X_val, y_val):
        features, errors, loss = self._validation(X_val, y_val)
        return self._solve(errors.T @ features / len(features)), loss

    def _features_and_codes(self, X, y):
        """Input of the last layer in float64, with ones, and class codes."""
        check_is_fitted(self)
        codes = codes_of(y, _num_samples(X), self.classes_, type(self).__name__)
        features = self.features_of(X)
        return features, torch.from_numpy(codes).to(features.device)

    def _solve(self, gradient):
        """Inverse Hessian times one gradient (n_classes, n_features)."""
        # Not the factor if there is one: results would depend on earlier calls.
        solver = "cg" if self.solver == "auto" else self.solver
        if solver == "cholesky":
            basis = self._basis()
            right = (basis.T @ gradient).reshape(-1, 1)
            return basis @ self._solve_reduced(right).reshape(basis.shape[1], -1)
        of_rows = self._in_span, self.probabilities_
        if solver == "cg":
            return self._within_span(
                lambda right: softmax_solution(*of_rows, right, self.damping, self.tol),
                gradient,
            )
        generator = new_generator(draw_seed(self.random_state))
        return self._within_span(
            lambda right: stochastic_solution(
                *of_rows, right, self.damping, self.batch_size, generator
            ),
            gradient,
        )

    def _within_span(self, solve, gradients):
        """Solve for gradients (..., n_features) in the span of the training features.

        Where no training row has a feature, the Hessian is the damping alone.
        """
        if self._span is None:
            return solve(gradients)
        inside = gradients @ self._span
        outside = gradients - inside @ self._span.T
        return solve(inside) @ self._span.T + outside / self.damping

    def _solve_reduced(self, right):
        """Inverse Hessian times columns in its basis, maybe in their place."""
        basis = self._basis()
        k, d = basis.shape[1], self.features_.shape[1]
        n_parameters = k * self._in_span.shape[1]
        if self.solver == "cholesky" or (
            self.solver == "auto" and n_parameters <= LARGEST_FACTOR
        ):
            if self._span is None:
                return self._solve_by_factor(right)
            solved = self._within_span(
                lambda inside: self._solve_by_factor(inside.flatten(1).T).T.unflatten(
                    1, (k, -1)
                ),
                right.T.unflatten(1, (k, d)),
            )
            return solved.flatten(1).T
        columns = [
            basis.T @ self._solve(basis @ column.reshape(-1, d)) for column in right.T
        ]
        return torch.stack([column.reshape(-1) for column in columns], dim=1)

    def _solve_by_factor(self, right):
        """Inverse Hessian within the span times columns, in their place."""
        if self.factor_ is None:
            H = hessian(self._in_span, self.probabilities_, self.damping)
            # In place: the transpose is laid out as LAPACK wants it.
            self.factor_ = factorised(H.mT, self.damping, out=H.mT)
        # torch.cholesky_solve would copy the factor at each call.
        L = self.factor_
        torch.linalg.solve_triangular(L, right, upper=False, out=right)
        torch.linalg.solve_triangular(L.mT, right, upper=True, out=right)
        return right
