r"""The quadratic form that ISDA adds to logits, computed per class.

For every class k present in a batch, the variance that the features of class k give to
the difference between two logits:

.. math::  q_{kj} = (w_j - w_k)^T \Sigma_k (w_j - w_k).

It is a function of the class, not of the sample. Everything here works on the classes
present, in blocks that fit a fixed working memory, and gives a gradient to the weight.
"""

import torch

__all__ = ["class_quadratic_form", "factor_form", "shared_form"]

# Working memory of one step through the classes: small covariances are batched up to
# it, large ones are taken one by one, as views.
BLOCK_BYTES = 2**21
# Products kept for the backward pass, which otherwise makes them anew.
KEPT_BYTES = 2**25


def class_quadratic_form(weight, classes, covariance):
    """(w_j - w_k)' S_k (w_j - w_k) for the classes k asked for and every class j.

    Parameters
    ----------
    weight : torch.Tensor of shape (n_classes, n_features)
        One row per class; the only argument that gets a gradient.
    classes : torch.Tensor of shape (n_present,)
        Distinct class codes k.
    covariance : torch.Tensor
        Covariances of shape (n_classes, n_features, n_features), or variances of
        shape (n_classes, n_features).

    Returns
    -------
    table : torch.Tensor of shape (n_present, n_classes)
        Non-negative, and exactly 0 where j = k.

    Examples
    --------
    >>> import torch
    >>> from skaug.isda import class_quadratic_form
    >>> weight = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> class_quadratic_form(weight, torch.tensor([0]), torch.ones(2, 2))
    tensor([[0., 5.]])
    """
    form = _FullForm.apply if covariance.ndim == 3 else _diagonal_form
    return form(weight, classes, covariance)


class _FullForm(torch.autograd.Function):
    """The form for covariances written out.

    Its derivative is made of the same products as its value. They are kept while
    they are small: one n_classes x n_features array per class present adds up.
    """

    @staticmethod
    def forward(ctx, weight, classes, matrices):
        ctx.save_for_backward(weight, classes, matrices)
        cuts, n = _FullForm.cuts(weight, classes), len(classes)
        n_bytes = weight.element_size() * weight.numel() * n
        keep = ctx.needs_input_grad[0] and n_bytes <= KEPT_BYTES
        # One set of arrays for all blocks: fresh memory costs as much as the products.
        size = cuts[0].stop if cuts else 0
        differences = weight.new_empty(size, *weight.shape)
        products = weight.new_empty(n if keep else size, *weight.shape)
        copies = matrices.new_empty(size, *matrices.shape[1:]) if size > 1 else None
        table = weight.new_empty(n, len(weight))
        for rows in cuts:
            block = classes[rows]
            d = torch.sub(weight, weight[block, None], out=differences[: len(block)])
            p = products[rows] if keep else products[: len(block)]
            out = None if copies is None else copies[: len(block)]
            torch.bmm(d, take(matrices, block, out), out=p)
            torch.sum(d.mul_(p), -1, out=table[rows])
        ctx.products = products if keep else None
        return table

    @staticmethod
    def backward(ctx, grad):
        weight, classes, matrices = ctx.saved_tensors
        cuts, kept = _FullForm.cuts(weight, classes), ctx.products
        if torch.is_grad_enabled():  # second derivatives need the products' graph
            kept = None
        elif kept is not None:
            cuts = [slice(None)]
        grad_weight = torch.zeros_like(weight)
        for rows in cuts:
            block, g = classes[rows], 2 * grad[rows]
            with torch.autocast(weight.device.type, enabled=False):
                products = kept
                if kept is None:
                    products = (weight - weight[block, None]) @ take(matrices, block)
                products = products * g[..., None]
            grad_weight = grad_weight + products.sum(0)
            grad_weight = grad_weight.index_add(0, block, products.sum(1), alpha=-1)
        return grad_weight, None, None

    @staticmethod
    def cuts(weight, classes):
        n_bytes = weight.element_size() * weight.shape[1] * max(weight.shape)
        return blocks(len(classes), n_bytes)


class _FactorForm(torch.autograd.Function):
    """The form for S_k = F_k F_k', through rank-sized projections of the weight."""

    @staticmethod
    def forward(ctx, weight, classes, factors):
        ctx.save_for_backward(weight, classes, factors)
        table = weight.new_empty(len(classes), len(weight))
        for rows, _, _, projections in _FactorForm.parts(weight, classes, factors):
            table[rows] = projections.square().sum(-1)
        return table

    @staticmethod
    def backward(ctx, grad):
        weight, classes, factors = ctx.saved_tensors
        grad_weight = torch.zeros_like(weight)
        for rows, block, factor, projections in _FactorForm.parts(
            weight, classes, factors
        ):
            with torch.autocast(weight.device.type, enabled=False):
                # (block, n_classes, n_features)
                by_class = (projections * (2 * grad[rows, :, None])) @ factor.mT
            grad_weight = grad_weight + by_class.sum(0)
            grad_weight = grad_weight.index_add(0, block, by_class.sum(1), alpha=-1)
        return grad_weight, None, None

    @staticmethod
    def parts(weight, classes, factors):
        row_bytes = weight.element_size() * weight.numel()
        for rows in blocks(len(classes), row_bytes):
            block = classes[rows]
            factor = take(factors, block)  # (block, n_features, rank)
            with torch.autocast(weight.device.type, enabled=False):
                projections = weight @ factor  # (block, n_classes, rank)
            own = torch.take_along_dim(projections, block[:, None, None], 1)
            yield rows, block, factor, projections - own


def _diagonal_form(weight, classes, variances):
    """The form for diagonal covariances, expanded into products of matrices."""
    weight = weight - weight.mean(0)  # a common offset would only cost precision
    variances, own = variances[classes], weight[classes]  # (n_present, n_features)
    scaled = variances * own
    crossed = variances @ weight.square().T - 2 * scaled @ weight.T
    return _tidy(crossed + (scaled * own).sum(-1, keepdim=True), classes)


def factor_form(weight, classes, factors):
    """:func:`class_quadratic_form` for covariances given by factors.

    Parameters
    ----------
    weight, classes : torch.Tensor
        As there.
    factors : torch.Tensor of shape (n_classes, n_features, rank)
        The covariance of class k is ``factors[k] @ factors[k].T``.

    Returns
    -------
    table : torch.Tensor of shape (n_present, n_classes)
        As there.
    """
    return _FactorForm.apply(weight, classes, factors)


def shared_form(weight, classes, matrix):
    """:func:`class_quadratic_form` for one covariance of all classes.

    Parameters
    ----------
    weight, classes : torch.Tensor
        As there.
    matrix : torch.Tensor of shape (n_features, n_features) or None
        The covariance; ``None`` is the identity.

    Returns
    -------
    table : torch.Tensor of shape (n_present, n_classes)
        As there.
    """
    weight = weight - weight.mean(0)
    projected = weight if matrix is None else weight @ matrix
    variances = (projected * weight).sum(-1)
    crossed = projected[classes] @ weight.T
    return _tidy(variances - 2 * crossed + variances[classes, None], classes)


def _tidy(table, classes):
    """Undo the rounding of an expanded form: no negatives, 0 for the class itself."""
    return table.clamp_min(0).scatter(1, classes[:, None], 0.0)


def blocks(n, bytes_each):
    """Slices of range(n) that stay within the working memory."""
    size = BLOCK_BYTES // bytes_each
    size = size if size >= 4 else 1  # copying a few costs more than batching them saves
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def take(tensors, classes, out=None):
    """The tensors of some classes: a view of one, a copy of several."""
    if len(classes) == 1:
        return tensors[int(classes[0])][None]
    return torch.index_select(tensors, 0, classes, out=out)
