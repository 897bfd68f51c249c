"""Conjugate gradients: solve a system that is known by its products alone."""

import warnings

__all__ = ["conjugate_gradient"]


def conjugate_gradient(
    product, right, tol, *, precondition=None, max_iter=2000, owner="LastLayerInfluence"
):
    """Solve H v = right for a positive definite H.

    Parameters
    ----------
    product : callable
        Returns H times an array of the shape of `right`.
    right : torch.Tensor
        Right side, of any shape.
    tol : float
        Largest residual, relative to `right`.
    precondition : callable, default=None
        Returns an approximation of the inverse of H times an array.
    max_iter : int, default=2000
        Largest number of products.
    owner : str, default="LastLayerInfluence"
        Who asks, for messages.

    Returns
    -------
    v : torch.Tensor of the shape of right
        The solution.

    Raises
    ------
    ValueError
        If H has a direction of negative curvature.

    Warns
    -----
    UserWarning
        If the residual is larger than `tol` in the end.
    """
    v, residual = right.new_zeros(right.shape), right.clone()
    z = residual if precondition is None else precondition(residual)
    step, fit = z.clone(), (residual * z).sum()
    goal = tol * right.norm()
    for _ in range(max_iter):
        if residual.norm() <= goal:
            return v
        of_step = product(step)
        curvature = (step * of_step).sum()
        if not curvature > 0:
            raise ValueError(
                f"{owner} needs a damped Hessian without negative curvature; got "
                f"{float(curvature / step.square().sum()):.3g} along a direction. "
                "Raise damping."
            )
        length = fit / curvature
        v += length * step
        residual = residual - length * of_step
        z = residual if precondition is None else precondition(residual)
        fit, before = (residual * z).sum(), fit
        step = z + (fit / before) * step
    warnings.warn(
        f"{owner} needs its solver to converge; got a relative residual of "
        f"{float(residual.norm() / right.norm()):.1e} after {max_iter} products. Raise "
        "damping or tol.",
        stacklevel=4,
    )
    return v
