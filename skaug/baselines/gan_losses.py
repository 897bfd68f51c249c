r"""Losses of generative adversarial networks, as functions of what networks put out.

Logits are those of "this row is real". With D for their sigmoid,
:func:`discriminator_loss` is the negative of the GAN's value [1]_, and is :math:`2 \log
2` where no one can tell rows apart. :func:`generator_loss` is the one that does not
saturate, which Goodfellow et al. advise; it is :math:`\log 2` there.

References
----------
.. [1] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.
"""

import math

import torch
from torch.nn.functional import cross_entropy, softplus

__all__ = [
    "code_information",
    "discriminator_loss",
    "generator_loss",
    "gradient_penalty",
    "label_information",
]


def discriminator_loss(real, fake):
    r"""Return :math:`-E \log D(x) - E \log(1 - D(G(z)))` from logits (n,)."""
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(fake):
    r"""Return :math:`-E \log D(G(z))` from logits (n,)."""
    return softplus(-fake).mean()


def gradient_penalty(critic, real, fake, shares):
    """Return how far slopes of a critic between real and generated rows are from 1.

    Parameters
    ----------
    critic : callable
        Maps rows to numbers (n, 1).
    real, fake : torch.Tensor of shape (n, ...)
        Rows.
    shares : torch.Tensor of shape (n,)
        From 0 to 1: where between the two the slope is measured.

    Returns
    -------
    penalty : torch.Tensor of shape ()
        Mean of (slope - 1) squared, with a gradient.
    """
    shares = shares.view(-1, *[1] * (real.ndim - 1))
    between = (shares * real + (1 - shares) * fake).requires_grad_()
    (slopes,) = torch.autograd.grad(
        critic(between).sum(), between, create_graph=True, retain_graph=True
    )
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


# Both are bounds H(c) + E log q(c | x) of the information between what a generator was
# told and the rows that it made, for a recogniser q.
def label_information(logits, labels):
    """Return the least information of rows about their labels, if all are as common.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        What a recogniser makes of the rows.
    labels : torch.Tensor of shape (n, n_classes)
        Ones for the labels, and zeros.

    Returns
    -------
    information : torch.Tensor of shape ()
        At most the logarithm of the number of classes.
    """
    return math.log(logits.shape[1]) - cross_entropy(logits, labels)


def code_information(means, codes):
    """Return the least information of rows about codes from U[-1, 1].

    Parameters
    ----------
    means : torch.Tensor of shape (n, n_codes)
        Recognised codes: means of normal distributions of variance 1, as in the
        published code of InfoGAN.
    codes : torch.Tensor of shape (n, n_codes)
        The codes.

    Returns
    -------
    information : torch.Tensor of shape ()
        The sum over codes.
    """
    entropy = math.log(2) - math.log(2 * math.pi) / 2
    return (entropy - (codes - means).square() / 2).sum(dim=1).mean()
