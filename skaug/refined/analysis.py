r"""What an augmentation does to risks, and which directions it regularises.

Section 3.2 of the paper compares the mean loss on clean rows, the risk
:math:`\hat R(f|P)`, with that on augmented ones, :math:`\hat R(f|P_{aug})`. What they
differ by is :math:`\varepsilon_2` on training rows and :math:`\varepsilon_1` on others.

Section 3.3 expands the loss of the last layer, with weights W, around the mean
:math:`\bar h` of the features of all views of a row (Eq. 7):

.. math::
    E_g\, \ell(W h(g(x)), y) \approx \ell(W \bar h, y)
    + \tfrac12 E_g\, \Delta^T H \Delta, \qquad \Delta = W (h(g(x)) - \bar h),

with :math:`H = diag(p) - p p^T`, whatever the label is. The second term penalises
weights along directions in which views vary.
"""

import torch
from sklearn.utils import Bunch
from torch.nn.functional import cross_entropy

from skaug._checks import Whole, check_value
from skaug._random import draw_seed
from skaug.net.trained import (
    check_net,
    data_set,
    features_of,
    head_of,
    undisturbed,
)
from skaug.refined.losses import mean_loss
from skaug.transforms.calling import apply, how_to_call, name_of

__all__ = ["augmentation_risks", "variance_regularization"]


def augmentation_risks(
    net, X, y, transform, *, X_val=None, y_val=None, n_views=10, random_state=None
):
    """Compare the losses of a net on clean and on augmented rows (Eqs. 3 to 5).

    Parameters
    ----------
    net : NetClassifier or another net of skorch
        A fitted net; it is not changed.
    X, y : array-like
        Training rows and labels.
    transform : callable
        The augmentation, a function of a batch as for
        :class:`~skaug.BatchAugmentation`.
    X_val, y_val : array-like, default=None
        Rows and labels that the net was not trained on.
    n_views : int, default=10
        Draws of each row.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    risks : Bunch
        ``clean`` and ``augmented``, mean losses in nats, and ``gap``, what they differ
        by: the paper's epsilon 2. With validation rows also ``clean_val``,
        ``augmented_val`` and ``gap_val``, its epsilon 1, ``epsilon``, the gap minus
        that one, and ``generalization_gap``, the loss on clean validation rows minus
        that on clean training rows.

    Raises
    ------
    TypeError
        If it is no net of skorch.
    ValueError
        If the transform works inside the network, as hidden layers are mixed in
        training only, or if it fails.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier, TableMixup
    >>> from skaug.refined import augmentation_risks
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(random_state=0).fit(X, y)
    >>> risks = augmentation_risks(net, X, y, TableMixup(), random_state=0)
    >>> bool(risks.gap > 0)
    True
    """
    name = "augmentation_risks"
    _check(net, transform, n_views, name)
    risks = Bunch()
    with undisturbed(net, draw_seed(random_state)):
        risks.clean, risks.augmented = _both(net, X, y, transform, n_views, name)
        risks.gap = risks.augmented - risks.clean
        if X_val is not None:
            both = _both(net, X_val, y_val, transform, n_views, name)
            risks.clean_val, risks.augmented_val = both
            risks.gap_val = risks.augmented_val - risks.clean_val
            risks.epsilon = risks.gap - risks.gap_val
            risks.generalization_gap = risks.clean_val - risks.clean
    return risks


def variance_regularization(net, X, y, transform, *, n_views=20, random_state=None):
    """Split what an augmentation regularises by direction of the features (Eq. 7).

    Parameters
    ----------
    net : NetClassifier or another net of skorch
        A fitted net that ends in an ``nn.Linear``; it is not changed.
    X, y : array-like
        Rows and labels.
    transform : callable
        An augmentation that keeps the labels, a function of a batch.
    n_views : int, default=20
        Draws of each row.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    terms : Bunch
        ``second_order``, the second term of Eq. 7 as a mean over rows, in nats, and
        ``monte_carlo``, what it approximates: the mean loss over views minus that at
        the mean features. ``directions`` (n_features, n_features) has in its columns
        the principal directions in which views of a row vary, ``variance``
        (n_features,) how much, descending, and ``contribution`` (n_features,) what each
        direction has of ``second_order``.

    Raises
    ------
    TypeError
        If it is no net of skorch.
    ValueError
        If the net has no plain linear layer at its end, or the transform changes
        labels or shapes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.refined import variance_regularization
    >>> from skaug.transforms import Jitter
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(random_state=0).fit(X, y)
    >>> terms = variance_regularization(net, X, y, Jitter(0.05), random_state=0)
    >>> bool(abs(terms.contribution.sum() / terms.second_order - 1) < 1e-6)
    True
    """
    name = "variance_regularization"
    _check(net, transform, n_views, name)
    head = head_of(net)
    weight = head.weight.detach().double()
    bias = 0.0 if head.bias is None else head.bias.detach().double()
    gaps, slopes, terms = [], [], Bunch(second_order=0.0, monte_carlo=0.0)
    n = 0
    with undisturbed(net, draw_seed(random_state)), torch.no_grad():
        for rows, codes in net.get_iterator(data_set(net, X, y), training=False):
            rows, codes = rows.to(net.device), codes.to(net.device)
            views = torch.stack(
                [
                    features_of(net, head, apply(transform, rows, codes, name=name))
                    for _ in range(n_views)
                ]
            )  # (n_views, n_rows, n_features)
            mean = views.mean(dim=0)
            logits = mean @ weight.T + bias
            p = logits.softmax(dim=1)
            gap = views - mean
            delta = gap @ weight.T
            slope = p * delta
            slope = slope - p * slope.sum(dim=2, keepdim=True)  # H times delta
            terms.second_order += float((delta * slope).sum()) / (2 * n_views)
            of_views = (views @ weight.T + bias).flatten(0, 1)
            loss = cross_entropy(of_views, codes.repeat(n_views), reduction="sum")
            of_mean = cross_entropy(logits, codes, reduction="sum")
            terms.monte_carlo += float(loss / n_views - of_mean)
            gaps.append(gap.flatten(0, 1))
            slopes.append((slope @ weight).flatten(0, 1))
            n += len(rows)
    terms.second_order, terms.monte_carlo = (
        terms.second_order / n,
        terms.monte_carlo / n,
    )
    gaps, slopes = torch.cat(gaps), torch.cat(slopes)
    variance, directions = torch.linalg.eigh(gaps.T @ gaps / len(gaps))
    directions = directions.flip(1)
    along = (gaps @ directions) * (slopes @ directions)
    terms.update(
        directions=directions.cpu().numpy(),
        variance=variance.flip(0).clamp(min=0).cpu().numpy(),
        contribution=along.mean(dim=0).cpu().numpy() / 2,
    )
    return terms


def _check(net, transform, n_views, name):
    check_net(net, name)
    check_value(name, "n_views", n_views, Whole(1))
    if "module" in how_to_call(transform)[1]:
        raise ValueError(
            f"{name} needs a transform of rows; got {name_of(transform)}, which works "
            "inside the network and in training only. Take TableMixup."
        )


def _both(net, X, y, transform, n_views, name):
    """Mean losses on clean rows and over views."""
    rows = data_set(net, X, y)
    losses = [mean_loss(net, rows, transform, name) for _ in range(n_views)]
    return mean_loss(net, rows), sum(losses) / n_views
