r"""Influence of training rows through all layers of a small network.

:class:`LastLayerInfluence` asks what a row does to the last layer, as if the layers
below would not change. Here all weights :math:`\theta` may move. With the objective

.. math::
    \frac1n \sum_i l_i(\theta) + \frac\delta2 |\theta|^2,

its Hessian H and the gradient of the mean validation loss, removing row i changes the
validation loss by :math:`\frac1n \nabla l_i^T H^{-1} g_{val}`, to first order. Products
with H are those of automatic differentiation, conjugate gradients give
:math:`H^{-1} g_{val}`, and a single pass in forward mode gives :math:`\nabla l_i^T v`
of all rows.
"""

import copy

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _num_samples, check_is_fitted
from torch import func
from torch.nn.functional import cross_entropy

from skaug._checks import Number, OneOf, check_parameters
from skaug._input import as_numbers
from skaug.influence.conjugate_gradient import conjugate_gradient
from skaug.influence.nets import checked_net, codes_of
from skaug.influence.row_influence import RowInfluence
from skaug.net.apart import apart
from skaug.net.head import capture_input, linear_head

__all__ = ["WholeNetworkInfluence"]

# Rows whose activations are held at once.
BLOCK = 512


class WholeNetworkInfluence(RowInfluence, BaseEstimator):
    r"""Compute what training rows do to the validation loss, through all layers.

    For small networks, and to see whether :class:`~skaug.LastLayerInfluence` is enough:
    that costs a fraction, and :meth:`last_layer_correlation` says how well the two
    agree. Weights that require no gradient stay where they are. A fitted object holds
    the training rows, and so do its pickles.

    Parameters
    ----------
    estimator : NetClassifier or another net of skorch
        A fitted net whose outputs are logits; the net is not changed. It is looked at
        as when it predicts, without dropout and in float64. Train it without
        ``class_weight`` and ``sample_weight``.
    damping : float, default=0.1
        Added to the diagonal of the Hessian: the weight of the squared weights in the
        objective.
    converge : bool, default=False
        Whether to move a copy of the network to the minimum of the objective near its
        weights first, by L-BFGS, as the theory assumes. There the Hessian is taken as
        it is. At the weights of a trained network it may have negative curvature, and
        the Gauss-Newton matrix takes its place, that of a network which is linear
        around its weights.
    tol : float, default=1e-8
        Relative residual at which conjugate gradients end.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    weights_ : torch.Tensor of shape (n_weights,)
        All weights that may move, in the order of the network's parameters, float64.
    module_ : torch.nn.Module
        A copy of the network in float64.
    rows_ : torch.Tensor of shape (n, ...)
        Training rows as the network gets them, float64.
    codes_ : torch.Tensor of shape (n,)
        Class codes.

    See Also
    --------
    skaug.LastLayerInfluence : Exact for the last layer, and fast.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.influence import WholeNetworkInfluence
    >>> X, y = load_iris(return_X_y=True)
    >>> val = np.arange(150) % 3 > 0
    >>> net = NetClassifier(module__hidden=(8,), random_state=0).fit(X[~val], y[~val])
    >>> influence = WholeNetworkInfluence(net).fit(X[~val], y[~val])
    >>> influence.predicted_loss_change(X[val], y[val]).shape
    (50,)
    >>> influence.last_layer_correlation(X[val], y[val]) > 0
    True
    """

    _rules = {
        "damping": Number(0, open_low=True),
        "converge": OneOf(True, False),
        "tol": Number(0, open_low=True),
    }

    def __init__(
        self,
        estimator,
        *,
        damping=0.1,
        converge=False,
        tol=1e-8,
    ):
        self.estimator = estimator
        self.damping = damping
        self.converge = converge
        self.tol = tol

    def fit(self, X, y):
        """Copy the network and keep the training rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows that the estimator was trained on.
        y : array-like of shape (n,)
            Labels.

        Returns
        -------
        self : WholeNetworkInfluence
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the network's outputs are no logits.
        TypeError
            If the estimator is no net of skorch that classifies.
        NotFittedError
            If the estimator is not fitted.
        """
        check_parameters(self, self._rules)
        net = self._net()
        if getattr(net, "outputs_", "logits") != "logits":
            raise ValueError(
                "WholeNetworkInfluence needs a network whose outputs are logits; got "
                f"{net.outputs_}. Leave out the softmax at its end."
            )
        self.classes_ = net.classes_
        self.module_ = copy.deepcopy(net.module_).double().eval()
        moving = self._moving()
        self.weights_ = torch.cat([p.detach().flatten() for p in moving.values()])
        self.rows_, self.codes_ = self._rows_and_codes(X, y)
        if self.converge:
            self.weights_ = self._minimum(self.weights_)
        return self

    def refitted_loss_change(self, X_val, y_val, rows):
        """Change of the mean validation loss when rows are left out one by one.

        All weights are fitted again without each of the rows, from where they are.

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
            If the weights are not at a minimum: set ``converge=True``.
        """
        held_out, codes = self._rows_and_codes(X_val, y_val)
        size = float(self._gradient(self.weights_).norm())
        if size > 1e-5 * (1 + float(self.weights_.norm())):
            raise ValueError(
                "WholeNetworkInfluence needs weights at a minimum of the objective to "
                f"fit them again; got a gradient of size {size:.1e} there. Set "
                "converge=True."
            )
        before = float(self._losses(self.weights_, held_out, codes).mean())
        change = []
        for row in rows:
            without = self._minimum(self.weights_, leave_out=int(row))
            loss = float(self._losses(without, held_out, codes).mean())
            change.append(loss - before)
        return np.array(change)

    def self_influence(self):
        """Change of a row's own loss when it is removed.

        Returns
        -------
        change : ndarray of shape (n_train,)
            Nats, at the price of a system for each row.
        """
        check_is_fitted(self)
        change = []
        for row, code in zip(self.rows_.split(1), self.codes_.split(1)):
            gradient = self._mean_gradient(row, code)
            change.append(float(gradient @ self._solve(gradient)) / len(self.rows_))
        return np.array(change)

    def last_layer_correlation(self, X_val, y_val):
        """Tell how well influence through the last layer alone agrees with this one.

        Parameters
        ----------
        X_val, y_val : array-like
            Validation rows and labels.

        Returns
        -------
        correlation : float
            Spearman's, over the training rows. From about 0.9 on, the last layer ranks
            rows and transforms as all layers do, and
            :class:`~skaug.LastLayerInfluence` is enough.
        """
        gradient = self._mean_gradient(*self._rows_and_codes(X_val, y_val))
        changes = [
            self._along(self._solve(gradient, among), self.rows_, self.codes_)
            for among in (None, self._of_last_layer())
        ]
        return float(spearmanr(*(change.cpu().numpy() for change in changes))[0])

    def _n(self):
        return len(self.rows_)

    def _direction_and_loss(self, X_val, y_val):
        rows, codes = self._rows_and_codes(X_val, y_val)
        loss = float(self._losses(self.weights_, rows, codes).mean())
        return self._solve(self._mean_gradient(rows, codes)), loss

    def _of_training_rows(self, direction, rows=slice(None)):
        return self._along(direction, self.rows_[rows], self.codes_[rows])

    def _of_rows(self, X, y, direction):
        return self._along(direction, *self._rows_and_codes(X, y))

    def _net(self):
        return checked_net(self.estimator, type(self).__name__)

    def _moving(self):
        """Parameters that may move, by name."""
        parameters = self.module_.named_parameters()
        return {name: p for name, p in parameters if p.requires_grad}

    def _of_last_layer(self):
        """Which weights are those of the last layer, (n_weights,), as 0 and 1."""
        name, _ = linear_head(
            self.module_, getattr(self._net(), "classifier_layer_", None)
        )
        inside = {f"{name}.weight", f"{name}.bias"}
        parts = [
            torch.full_like(p, float(key in inside)).flatten()
            for key, p in self._moving().items()
        ]
        return torch.cat(parts).detach()

    def _rows_and_codes(self, X, y):
        """Rows as the network gets them, in float64, and class codes."""
        check_is_fitted(self)
        codes = codes_of(y, _num_samples(X), self.classes_, type(self).__name__)
        codes = torch.from_numpy(codes)
        if isinstance(X, torch.Tensor) and X.requires_grad:
            return X.double(), codes.to(X.device)
        net = apart(self._net())
        with capture_input(net.module_) as inputs:
            for _ in net.forward_iter(
                as_numbers(X, type(self).__name__), training=False, device=net.device
            ):
                pass
        rows = torch.cat(inputs)
        rows = rows.double() if rows.is_floating_point() else rows
        return rows, codes.to(rows.device)

    def _logits(self, weights, X):
        moving = self._moving()
        parts = weights.split([p.numel() for p in moving.values()])
        parts = {
            name: part.view_as(p) for (name, p), part in zip(moving.items(), parts)
        }
        logits = func.functional_call(self.module_, parts, (X,))
        net = self._net()
        if getattr(net, "logit_adjustment", 0):
            logits = logits + torch.as_tensor(net.logit_offset_).to(logits)
        return logits

    def _losses(self, weights, X, codes):
        return cross_entropy(self._logits(weights, X), codes, reduction="none")

    def _mean_gradient(self, X, codes):
        def loss(weights):
            return self._losses(weights, X, codes).mean()

        return func.grad(loss)(self.weights_)

    def _along(self, direction, X, codes):
        """Derivative of each row's loss along a direction, (n,)."""

        def losses(weights):
            return self._losses(weights, X, codes)

        return func.jvp(losses, (self.weights_,), (direction,))[1]

    def _product(self, v):
        """Damped Hessian, or Gauss-Newton matrix, times v."""
        of = self._of_hessian if self.converge else self._of_gauss_newton
        blocks = zip(self.rows_.split(BLOCK), self.codes_.split(BLOCK))
        return self.damping * v + sum(of(v, *block) for block in blocks)

    def _of_hessian(self, v, X, codes):
        def loss(weights):
            return self._losses(weights, X, codes).sum() / len(self.rows_)

        return func.jvp(func.grad(loss), (self.weights_,), (v,))[1]

    def _of_gauss_newton(self, v, X, codes):
        def logits(weights):
            return self._logits(weights, X)

        found, back = func.vjp(logits, self.weights_)
        p = found.softmax(dim=1)
        u = func.jvp(logits, (self.weights_,), (v,))[1]
        u = p * (u - (p * u).sum(dim=1, keepdim=True)) / len(self.rows_)
        return back(u)[0]

    def _solve(self, gradient, among=None):
        """Inverse Hessian times a gradient, of some of the weights or of all."""

        def product(v):
            return self._product(v) if among is None else among * self._product(v)

        right = gradient if among is None else among * gradient
        name = type(self).__name__
        return conjugate_gradient(product, right, self.tol, owner=name).detach()

    def _objective(self, weights, leave_out=None):
        losses = self._losses(weights, self.rows_, self.codes_)
        total = losses.sum() if leave_out is None else losses.sum() - losses[leave_out]
        return total / len(losses) + self.damping / 2 * weights.square().sum()

    def _gradient(self, weights):
        return func.grad(self._objective)(weights)

    def _minimum(self, start, leave_out=None):
        """Minimum of the objective near given weights."""
        weights = start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS(
            [weights],
            max_iter=2000,
            tolerance_grad=1e-9,
            tolerance_change=1e-14,
            history_size=50,
            line_search_fn="strong_wolfe",
        )

        def closure():
            optimizer.zero_grad()
            value = self._objective(weights, leave_out)
            value.backward()
            return value

        optimizer.step(closure)
        return weights.detach()
