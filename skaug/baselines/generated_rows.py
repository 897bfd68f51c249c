"""Generated rows in training batches, as ISDA's Table 4 has them."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Number, Rule, check_parameters

__all__ = ["GeneratedRows"]

RULES = {
    "generator": Rule(
        lambda value: (
            hasattr(value, "fit")
            and hasattr(value, "sample")
            and not isinstance(value, type)
        ),
        "an object with fit and sample",
        "Give one such as ConditionalGAN().",
    ),
    "share": Number(0, 1, hint="0 generates nothing."),
}


class GeneratedRows(BaseEstimator):
    """Replace a share of each batch by generated rows of the same labels.

    A :class:`~skaug.BatchAugmentation` fits a copy of the generator to the training
    rows before the first batch: no held-out row is seen. Rows are generated anew for
    each batch. A generated row takes the place, the label and the weight of a real one,
    so that classes stay as common as they are.

    Parameters
    ----------
    generator : object
        Such as :class:`AuxiliaryClassifierGAN`: with ``fit(X, y)``, and with
        ``sample(labels, random_state)``, which returns rows and labels. To fit it once
        and for all, give ``FrozenEstimator(generator.fit(X, y))``.
    share : float, default=1/6
        Share of the rows of a batch that are replaced. The default is that of ISDA's
        Table 4. Where the share is no whole number of rows, it is one or the other of
        the two next to it, so that the share is right on average.

    Attributes
    ----------
    generator_ : object
        The fitted generator.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of class codes.

    Raises
    ------
    ValueError
        If a parameter is not such, labels are no class codes, or the generator makes
        rows of another shape.

    See Also
    --------
    skaug.BatchAugmentation : Puts it into the training of a net.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier
    >>> from skaug.baselines import ConditionalGAN, GeneratedRows
    >>> X, y = load_iris(return_X_y=True)
    >>> generated = BatchAugmentation(GeneratedRows(ConditionalGAN(steps=100)))
    >>> net = NetClassifier(callbacks=[("generated", generated)], random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    learns = True  # is fitted before the first batch

    def __init__(self, generator, share=1 / 6):
        self.generator = generator
        self.share = share

    def fit(self, X, y, classes=None, random_state=None):
        """Fit a copy of the generator.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.
        y : array-like of shape (n,)
            Class codes.
        classes : array-like of shape (n_classes,), default=None
            Labels of the codes. By default the codes are the labels.
        random_state : int, default=None
            Seed of a generator that has none of its own.

        Returns
        -------
        self : GeneratedRows
            The fitted transform.
        """
        check_parameters(self, RULES)
        y = np.asarray(y)
        if y.ndim != 1 or y.dtype.kind not in "iu":
            raise ValueError(_needs_codes(y))
        self.classes_ = np.arange(y.max() + 1) if classes is None else classes
        self.generator_ = clone(self.generator)
        own = self.generator_.get_params(deep=False)
        if random_state is not None and own.get("random_state", 0) is None:
            self.generator_.set_params(random_state=random_state)
        self.generator_.fit(X, self.classes_[y])
        return self

    def __call__(self, X, y):
        """Replace rows of a batch.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor of shape (n,)
            Class codes.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Rows, some of them generated.
        """
        check_is_fitted(self)
        if y.ndim != 1 or y.is_floating_point():
            raise ValueError(_needs_codes(y))
        n = int(self.share * len(X) + torch.rand(()))  # right on average
        if n == 0:
            return X
        places = torch.randperm(len(X))[:n].to(y.device)
        labels = self.classes_[y[places].cpu().numpy()]
        seed = int(torch.randint(2**31, ()))
        rows, _ = self.generator_.sample(labels, random_state=seed)
        if rows.shape[1:] != X.shape[1:]:
            raise ValueError(
                "GeneratedRows needs a generator of rows of shape "
                f"{tuple(X.shape[1:])}; got {rows.shape[1:]}. Fit it to rows such as "
                "those of the net."
            )
        return X.index_copy(0, places.to(X.device), torch.as_tensor(rows).to(X))


def _needs_codes(y):
    return (
        f"GeneratedRows needs class codes of shape (n,); got {y.dtype} of shape "
        f"{tuple(y.shape)}. Put it before what mixes labels, in a BatchAugmentation of "
        "its own."
    )
