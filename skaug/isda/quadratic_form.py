r"""The quadratic form that ISDA adds to logits, computed per class.

The features of a class k vary, and so does the difference between its logits j and k.
The variance of this difference is

.. math::  q_{kj} = (w_j - w_k)^T \Sigma_k (w_j - w_k).

The form depends on the class of a sample only. It is computed for the classes present
in a batch, in blocks of classes that fit a fixed working memory, and gives a gradient
to the weight.
"""

import torch

__all__ = ["class_quadratic_form", "factor_form", "shared_form"]

# Working memory of one block of classes. Small covariances are batched up to this size;
# large ones are taken one by one, as views.
BLOCK_BYTES = 2**21
# Products up to this size are kept for the backward pass; larger ones are made again.
KEPT_BYTES = 2**25


def class_quadratic_form(weight, classes, covariance):
    """Compute (w_j - w_k)' S_k (w_j - w_k) for some classes k and every class j.

    Parameters
    ----------
    weight : torch.Tensor of shape (n_classes, n_features)
        One row per class. No other argument gets a gradient.
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
    """The form for full covariances.

    Value and derivative consist of the same products, n_classes x n_features numbers
    for each class present. Small products are kept for the backward pass.
    """

    @staticmethod
    def forward(ctx, weight, classes, matrices):
        ctx.save_for_backward(weight, classes, matrices)
        spans, n = _FullForm.spans(weight, classes), len(classes)
        n_bytes = weight.element_size() * weight.numel() * n
        keep = ctx.needs_input_grad[0] and n_bytes <= KEPT_BYTES
        # All blocks share their arrays: new memory takes as long as the products.
        size = spans[0].stop if spans else 0
        differences = weight.new_empty(size, *weight.shape)
        products = weight.new_empty(n if keep else size, *weight.shape)
        copies = matrices.new_empty(size, *matrices.shape[1:]) if size > 1 else None
        table = weight.new_empty(n, len(weight))
        for span in spans:
            block = classes[span]
            d = torch.sub(weight, weight[block, None], out=differences[: len(block)])
            p = products[span] if keep else products[: len(block)]
            out = None if copies is None else copies[: len(block)]
            torch.bmm(d, _tensors_of(block, matrices, out), out=p)
            torch.sum(d.mul_(p), -1, out=table[span])
        ctx.products = products if keep else None
        return table

    @staticmethod
    def backward(ctx, grad):
        weight, classes, matrices = ctx.saved_tensors
        spans, kept = _FullForm.spans(weight, classes), ctx.products
        if torch.is_grad_enabled():  # Second derivatives need the products' graph.
            kept = None
        elif kept is not None:
            spans = [slice(None)]
        grad_weight = torch.zeros_like(weight)
        for span in spans:
            block, g = classes[span], 2 * grad[span]
            with torch.autocast(weight.device.type, enabled=False):
                products = kept
                if kept is None:
                    differences = weight - weight[block, None]
                    products = differences @ _tensors_of(block, matrices)
                products = products * g[..., None]
            grad_weight = grad_weight + products.sum(0)
            grad_weight = grad_weight.index_add(0, block, products.sum(1), alpha=-1)
        return grad_weight, None, None

    @staticmethod
    def spans(weight, classes):
        n_bytes = weight.element_size() * weight.shape[1] * max(weight.shape)
        return spans_in_memory(len(classes), n_bytes)


class _FactorForm(torch.autograd.Function):
    """The form for S_k = F_k F_k', through rank-sized projections of the weight."""

    @staticmethod
    def forward(ctx, weight, classes, factors):
        ctx.save_for_backward(weight, classes, factors)
        table = weight.new_empty(len(classes), len(weight))
        for span, _, _, projections in _FactorForm.blocks(weight, classes, factors):
            table[span] = projections.square().sum(-1)
        return table

    @staticmethod
    def backward(ctx, grad):
        weight, classes, factors = ctx.saved_tensors
        grad_weight = torch.zeros_like(weight)
        blocks = _FactorForm.blocks(weight, classes, factors)
        for span, block, factor, projections in blocks:
            with torch.autocast(weight.device.type, enabled=False):
                # (block, n_classes, n_features)
                by_class = (projections * (2 * grad[span, :, None])) @ factor.mT
            grad_weight = grad_weight + by_class.sum(0)
            grad_weight = grad_weight.index_add(0, block, by_class.sum(1), alpha=-1)
        return grad_weight, None, None

    @staticmethod
    def blocks(weight, classes, factors):
        n_bytes = weight.element_size() * weight.numel()
        for span in spans_in_memory(len(classes), n_bytes):
            block = classes[span]
            factor = _tensors_of(block, factors)  # (block, n_features, rank)
            with torch.autocast(weight.device.type, enabled=False):
                projections = weight @ factor  # (block, n_classes, rank)
            own = torch.take_along_dim(projections, block[:, None, None], 1)
            yield span, block, factor, projections - own


def _diagonal_form(weight, classes, variances):
    """The form for diagonal covariances, expanded into products of matrices."""
    weight = weight - weight.mean(0)  # A common offset would only cost precision.
    variances, own = variances[classes], weight[classes]  # (n_present, n_features)
    scaled = variances * own
    crossed = variances @ weight.square().T - 2 * scaled @ weight.T
    return _mend_rounding(crossed + (scaled * own).sum(-1, keepdim=True), classes)


def factor_form(weight, classes, factors):
    """Compute the form for covariances S_k = F_k F_k', with factors[k] = F_k."""
    return _FactorForm.apply(weight, classes, factors)


def shared_form(weight, classes, matrix):
    """Compute the form for one covariance of all classes; None is the identity."""
    weight = weight - weight.mean(0)
    projected = weight if matrix is None else weight @ matrix
    variances = (projected * weight).sum(-1)
    crossed = projected[classes] @ weight.T
    return _mend_rounding(variances - 2 * crossed + variances[classes, None], classes)


def _mend_rounding(table, classes):
    """Set what rounding may change: no negative numbers, 0 for the class itself."""
    return table.clamp_min(0).scatter(1, classes[:, None], 0.0)


def spans_in_memory(n, bytes_each):
    """Slices of range(n) whose blocks fit the working memory."""
    size = BLOCK_BYTES // bytes_each
    if size < 4:
        size = 1  # Copying a few tensors costs more than batching them saves.
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _tensors_of(classes, tensors, out=None):
    """Select the tensors of some classes: a view of one, a copy of several."""
    if len(classes) == 1:
        return tensors[int(classes[0])][None]
    return torch.index_select(tensors, 0, classes, out=out)
