r"""ISDA's quadratic form for a linear classifier, without a covariance of features.

The form is a variance of differences of logits, and a linear classifier has the logits
of all its training rows at hand. With :math:`P` the logits (n, n_classes) about the
means of their classes and weights :math:`v` of sum 1, :math:`G = P^T v P` is the
covariance of the logits, and the form of the pooled covariance is

.. math::  q_{yj} = G_{jj} + G_{yy} - 2 G_{jy}.

For a covariance of each class it is the variance of :math:`z_j - z_y` over the rows of
class y. A form gives the table q (n_classes, n_classes) for some logits or weights, and
the derivative of a loss by these from its derivative by the table.
"""

import numpy as np

__all__ = ["ClassRowsForm", "MatrixForm", "PooledRowsForm", "form_of"]


def form_of(covariance, member, codes):
    """Choose the form.

    Parameters
    ----------
    covariance : {"pooled", "full"} or ndarray
        Of the rows, all together or by class; or given, in a shape of MatrixForm.
    member : ndarray of shape (n, n_classes)
        The weight of each row in the column of its class, of sum 1.
    codes : ndarray of shape (n,)
        Class codes.

    Returns
    -------
    form : PooledRowsForm, ClassRowsForm or MatrixForm
        An object with ``table`` and ``gradients``.
    """
    if isinstance(covariance, str):
        kind = {"pooled": PooledRowsForm, "full": ClassRowsForm}[covariance]
        return kind(member, codes)
    return MatrixForm(covariance)


def within_classes(member):
    """Share of each row in the weight of its class, (n, n_classes)."""
    return member / np.maximum(member.sum(0), np.finfo(float).tiny)


class PooledRowsForm:
    """The form of the pooled within-class covariance of the training rows."""

    def __init__(self, member, codes):
        self.within, self.codes = within_classes(member), codes
        self.share = member.sum(1, keepdims=True)  # (n, 1)

    def table(self, logits, weight):
        """Compute the table of the logits (n, n_classes)."""
        self.centred = logits - (self.within.T @ logits)[self.codes]
        return table_of(self.centred.T @ (self.share * self.centred))

    def gradients(self, by_table):
        """Derivatives by the logits and by the weight, which has none of its own."""
        by_form = form_gradient(by_table)
        return 2 * self.share * (self.centred @ by_form), 0.0


class ClassRowsForm:
    """The form of each class's own covariance of its training rows."""

    def __init__(self, member, codes):
        self.within, self.codes = within_classes(member), codes
        self.share = self.within.sum(1, keepdims=True)

    def table(self, logits, weight):
        """Compute the table of the logits (n, n_classes)."""
        centred = logits - (self.within.T @ logits)[self.codes]
        own = np.take_along_axis(centred, self.codes[:, None], 1)
        self.differences = centred - own
        return self.within.T @ self.differences**2

    def gradients(self, by_table):
        """Derivatives by the logits and by the weight, which has none of its own."""
        by_logits = 2 * self.share * self.differences * by_table[self.codes]
        rows = np.arange(len(by_logits))
        by_logits[rows, self.codes] -= by_logits.sum(1)
        return by_logits, 0.0


class MatrixForm:
    """The form of covariances that are given."""

    # One of all classes is of shape (1, n_features, n_features). One of each class is
    # of shape (n_classes, n_features, n_features), or (n_classes, n_features) for
    # variances.
    def __init__(self, covariance):
        self.is_shared = covariance.ndim == 3 and len(covariance) == 1
        self.covariance = covariance[0] if self.is_shared else covariance

    def table(self, logits, weight):
        """Compute the table of the weight (n_classes, n_features)."""
        if self.is_shared:
            self.products = weight @ self.covariance
            return table_of(self.products @ weight.T)
        differences = weight - weight[:, None]  # (n_classes, n_classes, n_features)
        if self.covariance.ndim == 3:
            self.products = differences @ self.covariance
        else:
            self.products = differences * self.covariance[:, None]
        return (self.products * differences).sum(-1)

    def gradients(self, by_table):
        """Derivatives by the logits, which has none of its own, and by the weight."""
        if self.is_shared:
            return 0.0, 2 * form_gradient(by_table) @ self.products
        scaled = 2 * by_table[..., None] * self.products
        return 0.0, scaled.sum(0) - scaled.sum(1)


def table_of(form):
    """Variances of differences from a covariance of logits (n_classes, n_classes)."""
    own = form.diagonal()
    return own + own[:, None] - 2 * form


def form_gradient(by_table):
    """Derivative by the covariance of the logits from that by the table; symmetric."""
    both = by_table + by_table.T
    return np.diag(both.sum(0)) - both
