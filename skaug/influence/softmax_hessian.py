r"""Cross-entropy of a linear layer in closed form: errors, Hessian, solvers.

With features :math:`a` (a 1 appended for the bias), probabilities p and errors
:math:`e = p - onehot(y)`, a row's gradient and the Hessian of the mean loss,
damped by :math:`\delta`, are

.. math::
    g = e\, a^T, \qquad H = \frac1n \sum_i (diag\, p_i - p_i p_i^T) \otimes a_i a_i^T
    + \delta I.

Every g sums to 0 over the classes, and so does every product with H. An orthonormal
basis of one dimension less therefore leaves out the null space of the softmax exactly.
Systems with H are solved by a factor of H, or by products with H alone, over all rows
or over batches.
"""

import math

import torch

from skaug.influence.conjugate_gradient import conjugate_gradient

__all__ = ["hessian", "hessian_product", "softmax_errors"]

# Bytes of the temporary arrays of a block of rows: few beside the Hessian.
BLOCK_BYTES = 2 * 2**20


def row_blocks(n, bytes_per_row):
    """Slices of n rows, one for each block."""
    step = max(1, BLOCK_BYTES // bytes_per_row)
    return [slice(start, start + step) for start in range(0, n, step)]


def softmax_errors(logits, target):
    """Derivative of cross-entropy by the logits: probabilities minus the labels.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        Logits.
    target : torch.Tensor of shape (n,)
        Class codes.

    Returns
    -------
    errors : torch.Tensor of shape (n, n_classes)
        Each row sums to 0.
    """
    p = logits.softmax(dim=1)
    return p - torch.nn.functional.one_hot(target, logits.shape[1]).to(p.dtype)


def hessian_product(features, p, V, damping):
    """Product of the Hessian of the mean cross-entropy with some weights.

    Parameters
    ----------
    features : torch.Tensor of shape (n, n_features)
        Input of the last layer, with a column of ones if it has a bias.
    p : torch.Tensor of shape (n, n_classes)
        Probabilities.
    V : torch.Tensor of shape (n_classes, n_features)
        Weights.
    damping : float
        Added to the diagonal of the Hessian.

    Returns
    -------
    product : torch.Tensor of shape (n_classes, n_features)
        Two products with the features; the Hessian is not formed.
    """
    product = damping * V
    n, d = features.shape
    for block in row_blocks(n, 8 * d):  # stays in the cache for its second product
        a, p_a = features[block], p[block]
        u = a @ V.T
        u = p_a * (u - (p_a * u).sum(dim=1, keepdim=True))
        product.addmm_(u.T, a, alpha=1 / n)
    return product


def sum_zero_basis(n_classes, **kwargs):
    """Orthonormal basis of the vectors that sum to 0, (n_classes, n_classes - 1)."""
    # Householder's reflection of the constant vector onto the first axis.
    v = torch.full((n_classes,), 1 / math.sqrt(n_classes), **kwargs)
    v[0] -= 1
    return (torch.eye(n_classes, **kwargs) - 2 * torch.outer(v, v) / v.dot(v))[:, 1:]


def hessian(features, p, damping):
    """Hessian of the mean cross-entropy in the basis without the softmax's null space.

    Parameters
    ----------
    features : torch.Tensor of shape (n, n_features)
        Input of the last layer, with a column of ones if it has a bias.
    p : torch.Tensor of shape (n, n_classes)
        Probabilities.
    damping : float
        Added to the diagonal.

    Returns
    -------
    H : torch.Tensor of shape (m, m), m = (n_classes - 1) * n_features
        Symmetric.
    """
    n, d = features.shape
    basis = sum_zero_basis(p.shape[1], dtype=p.dtype, device=p.device)
    k = basis.shape[1]
    H = features.new_zeros(k, d, k, d)
    for block in row_blocks(n, 8 * d):  # small enough to stay in the cache
        a, p_a = features[block], p[block]
        mean = p_a @ basis
        for i in range(k):
            # basis' (diag p - p p') basis, its row i for each row of the block
            weights = ((p_a * basis[:, i]) @ basis - mean[:, i : i + 1] * mean) / n
            for j in range(i, k):
                left = (a * weights[:, j : j + 1]).T
                # H[i, :, j] is symmetric itself, so that a staircase of it is enough.
                for start in range(0, d, 64):
                    step = slice(start, start + 64)
                    H[i, step, j, start:].addmm_(left[step], a[:, start:])
    for i in range(k):
        for j in range(i, k):
            whole = H[i, :, j].triu()
            whole += whole.triu(1).T
            H[i, :, j] = H[j, :, i] = whole
    H = H.reshape(k * d, k * d)
    H.diagonal().add_(damping)
    return H


def flat_gradients(errors, features):
    """Outer products of the rows of two matrices, flattened: (n, k * d)."""
    return (errors[:, :, None] * features[:, None]).flatten(1)


def factorised(matrix, damping, out=None):
    """Cholesky factor of a damped matrix; says what to do if rounding leaves none."""
    try:
        return torch.linalg.cholesky(matrix, out=out)
    except torch.linalg.LinAlgError as error:
        raise ValueError(
            "LastLayerInfluence needs a damping that is not lost beside the squares of "
            f"the features; got {damping:g}, and no Cholesky factor. Scale the "
            "features, or raise damping."
        ) from error


def span_of_rows(features):
    """Orthonormal basis of the span of the rows, and the rows in it.

    Parameters
    ----------
    features : torch.Tensor of shape (n, n_features)
        Rows.

    Returns
    -------
    span : torch.Tensor of shape (n_features, n) or None
        The basis in columns; ``None`` if there are as many rows as features.
    rows : torch.Tensor of shape (n, n)
        Coordinates; without a basis, the features themselves.
    """
    n, d = features.shape
    if n >= d:
        return None, features
    span, coordinates = torch.linalg.qr(features.T)
    return span, coordinates.T.contiguous()


def _preconditioner(features, p, damping):
    """Inverse of an average over the classes of the diagonal blocks of the Hessian."""
    spread = (p * (1 - p)).mean(dim=1, keepdim=True) * p.shape[1] / (p.shape[1] - 1)
    block = (features * spread).T @ features / len(features)
    block.diagonal().add_(damping)
    return factorised(block, damping)


def softmax_solution(features, p, right, damping, tol, max_iter=2000):
    """Solve H V = right with products only; right sums to 0 over the classes."""
    factor = _preconditioner(features, p, damping)
    return conjugate_gradient(
        lambda V: hessian_product(features, p, V, damping),
        right,
        tol,
        precondition=lambda residual: torch.cholesky_solve(residual.T, factor).T,
        max_iter=max_iter,
    )


def stochastic_solution(
    features, p, right, damping, batch_size, generator, n_passes=30
):
    """Solve H V = right with products on batches; the mean of the later iterates."""
    factor = _preconditioner(features, p, damping)
    n = len(features)

    def preconditioned(V, batch):
        product = hessian_product(features[batch], p[batch], V, damping)
        return torch.cholesky_solve(product.T, factor).T

    def draw_batch():
        return torch.randint(n, (min(batch_size, n),), generator=generator)

    # The steps must not overshoot along any direction of a batch.
    V = torch.randn(right.shape, generator=generator, dtype=right.dtype)
    V = V.to(right.device)
    for _ in range(10):
        V = preconditioned(V / V.norm(), draw_batch())
    rate = 0.5 / float(V.norm())
    start = torch.cholesky_solve(right.T, factor).T
    V, mean = torch.zeros_like(right), torch.zeros_like(right)
    n_steps = max(200, n_passes * n // min(batch_size, n))
    for step in range(n_steps):
        V = V + rate * (start - preconditioned(V, draw_batch()))
        if step >= n_steps // 2:
            mean += (V - mean) / (step - n_steps // 2 + 1)
    return mean


def softmax_regression(features, target, damping, start=None):
    """Minimum of mean cross-entropy + damping / 2 |W|^2, by Newton's method."""
    W = start
    if start is None:
        W = features.new_zeros(int(target.max()) + 1, features.shape[1])

    def objective(W):
        loss = torch.nn.functional.cross_entropy(features @ W.T, target)
        return float(loss + damping / 2 * W.square().sum())

    value = objective(W)
    for _ in range(100):
        logits = features @ W.T
        errors = softmax_errors(logits, target)
        gradient = errors.T @ features / len(features) + damping * W
        # Below this the objective's rounding hides which way is down.
        if gradient.norm() <= 1e-11 * (1 + W.norm()):
            break
        # Far from the minimum an exact step would be wasted.
        tol = float(gradient.norm().clamp(1e-5, 1e-2))
        step = softmax_solution(features, logits.softmax(dim=1), gradient, damping, tol)
        size = 1.0
        while size > 1e-8:
            new_value = objective(W - size * step)
            if new_value <= value - 1e-4 * size * float((gradient * step).sum()):
                break
            size /= 2
        else:
            break
        W, value = W - size * step, new_value
    return W
