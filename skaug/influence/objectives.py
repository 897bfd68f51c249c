"""Objectives: differentiable scores of a batch of views, of which more is better."""

import numpy as np
import torch

__all__ = ["OBJECTIVES"]


def _cosine(influence, X_val, y_val):
    """Cosine of the batch's mean gradient and the validation gradient."""
    direction, length = _direction(influence, X_val, y_val)

    def score(X, y):
        gradient = influence.mean_gradient(X, y)
        own = gradient.detach()
        solved = influence.inverse_hessian_product(own[None])[0]
        # own' H^-1 own, with its derivative, and without going through the solver
        squared = 2 * (gradient * solved).sum() - (own * solved).sum()
        return (gradient * direction).sum() / (squared.sqrt() * length)

    return score


def _direction(influence, X_val, y_val):
    """Inverse Hessian times the validation gradient, and its length, of any size."""
    gradient = influence.validation_gradient(X_val, y_val)
    size = gradient.abs().max()
    if not size > 0:
        raise ValueError(
            "InfluenceAugmenter needs a validation loss that can be lowered; got a "
            "gradient of 0. Hold out rows that are harder, or train for fewer epochs."
        )
    gradient = gradient / size
    direction = influence.inverse_hessian_product(gradient[None])[0]
    return direction, (gradient * direction).sum().sqrt()


def _influence(influence, X_val, y_val):
    """The paper's influence (Eq. 15), without the part of the rows themselves.

    This is the mean over the batch of minus n times the change of the validation loss
    that adding a row would make.
    """
    gradient = influence.validation_gradient(X_val, y_val)
    direction = influence.inverse_hessian_product(gradient[None])[0]
    return lambda X, y: (influence.mean_gradient(X, y) * direction).sum()


def _newton(influence, X_val, y_val):
    """Minus the validation loss after a Newton step of the last layer on the batch."""
    weight = torch.as_tensor(influence.coef_)
    features = influence.features_of(X_val)
    codes = torch.from_numpy(np.searchsorted(influence.classes_, y_val))
    codes, weight = codes.to(features.device), weight.to(features)

    def score(X, y):
        gradient = influence.mean_gradient(X, y)
        step = influence.inverse_hessian_product(gradient.detach()[None])[0]
        moved = (weight - step).requires_grad_()
        loss = torch.nn.functional.cross_entropy(features @ moved.T, codes)
        (slope,) = torch.autograd.grad(loss, moved)
        solved = influence.inverse_hessian_product(slope[None])[0]
        # The value is that of the loss, the derivative that through the step.
        through = (gradient * solved).sum()
        return through - through.detach() - loss.detach()

    return score


OBJECTIVES = {"cosine": _cosine, "influence": _influence, "newton": _newton}
