"""DisturbLabel: some labels of each training batch are replaced by chance."""

import torch
from sklearn.base import BaseEstimator

from skaug._checks import Number, check_parameters

__all__ = ["DisturbLabel"]

RULES = {"noise_rate": Number(0, 1, hint="0 leaves all labels as they are.")}


class DisturbLabel(BaseEstimator):
    r"""Replace a share of the labels by labels drawn uniformly (Xie et al. [1]_).

    Each label is replaced with probability :math:`\alpha` by one of all C classes, the
    own included, anew in each batch. The expected label is
    :math:`(1 - \alpha) y + \alpha / C`, which is that of label smoothing.

    Parameters
    ----------
    noise_rate : float, default=0.05
        The paper's :math:`\alpha`. The default is that of ISDA's Table 4, where
        ResNet-110 on CIFAR-100 takes 0.1.

    See Also
    --------
    skaug.BatchAugmentation : Puts it into the training of a net.

    Notes
    -----
    Rows keep their weights: with ``class_weight``, a row weighs what its true class
    does.

    References
    ----------
    .. [1] L. Xie, J. Wang, Z. Wei, M. Wang, Q. Tian, "DisturbLabel: Regularizing CNN on
       the Loss Layer", CVPR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier
    >>> from skaug.baselines import DisturbLabel
    >>> X, y = load_iris(return_X_y=True)
    >>> disturb = BatchAugmentation(DisturbLabel(0.1))
    >>> net = NetClassifier(callbacks=[("disturb", disturb)], random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    mild = True  # Rows are as they were, and learned as soon.
    keeps_rows = True  # With labels replaced, the weights are still those of the rows.

    def __init__(self, noise_rate=0.05):
        self.noise_rate = noise_rate

    def __call__(self, X, y, n_classes=None):
        """Disturb the labels of a batch.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows, which are returned as they are.
        y : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes, or shares of the classes.
        n_classes : int, default=None
            Number of classes; needed for class codes.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            The rows.
        y : torch.Tensor of the shape of y
            Targets, some of them replaced.

        Raises
        ------
        ValueError
            If noise_rate is out of range or n_classes is missing.
        """
        check_parameters(self, RULES)
        if y.ndim == 2:
            n_classes = y.shape[1]
        if n_classes is None:
            raise ValueError(
                "DisturbLabel needs n_classes to draw class codes; got codes alone. "
                "Give n_classes= or shares of the classes."
            )
        # Drawn on the CPU, so that all devices draw alike.
        chosen = (torch.rand(len(y)) < self.noise_rate).to(y.device)
        drawn = torch.randint(n_classes, (len(y),)).to(y.device)
        if y.ndim == 1:
            return X, torch.where(chosen, drawn.to(y.dtype), y)
        labels = torch.nn.functional.one_hot(drawn, n_classes).to(y.dtype)
        # Shares that were multiplied with weights keep their sums.
        labels = labels * y.sum(dim=1, keepdim=True)
        return X, torch.where(chosen[:, None], labels, y)
