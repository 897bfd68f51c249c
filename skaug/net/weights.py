r"""Weights of rows: a row of weight w counts like w copies of it.

The loss of a batch is :math:`\sum_i w_i \ell_i / \sum_i w_i`, which is the mean loss of
the batch with each row repeated :math:`w_i` times. Whatever is learned of rows before
or beside the gradient (the statistics of the first layer, the counts of the classes,
the covariances of ISDA) is that of the repeated rows as well. Rows of weight 0 are left
out before anything is done. Batch normalisation is the exception: it takes the rows of
a batch as they are.
"""

import inspect
from contextlib import closing, contextmanager
from functools import cache

import numpy as np
import torch
from sklearn.utils import compute_class_weight
from sklearn.utils.validation import _num_samples
from skorch.callbacks import PassthroughScoring
from skorch.utils import is_dataset, to_tensor
from torch import nn
from torch.utils.data import Subset

from skaug._checks import Number, Rule, check_value
from skaug._labels import check_groups, check_labels
from skaug.net.adjustment import check_one_correction, codes_of
from skaug.net.weighted_rows import RowWeights, check_weights, without_zeros

__all__ = [
    "CLASS_WEIGHT",
    "WeighsRows",
    "all_rows_given",
    "counts_of",
    "forward_takes",
    "losses_of_shares",
    "mean_loss",
]

CLASS_WEIGHT = Rule(
    lambda value: (
        value is None
        or isinstance(value, dict)
        or (isinstance(value, str) and value == "balanced")
    ),
    "None, 'balanced' or a dict",
    "A dict goes from labels to weights; labels that it lacks have weight 1.",
)


# The mean is sum w l / sum w c. ``counts`` are the c: how much a row counts in the mean
# of the loss itself, 1 by default.
def mean_loss(losses, weight, reduction="mean", counts=None):
    """Reduce the losses of rows (n,) or (n, ...) as if each row came `weight` times."""
    if losses.ndim > 1:
        losses = losses.flatten(1).mean(1)
    if not weight.is_floating_point():
        weight = weight.double()
    if reduction == "none":
        return losses * weight.to(losses)
    if reduction == "sum":
        return torch.dot(losses, weight.to(losses))
    share = (weight / weight.sum()).to(losses)
    loss = torch.dot(losses, share)
    return loss if counts is None else loss / torch.dot(counts.to(losses), share)


# ``losses_with`` is called as often as the most mixed row has classes.
def losses_of_shares(losses_with, shares):
    """Mix the losses (n,) with class codes (n,) by shares (n, n_classes)."""
    losses = torch.zeros_like(shares[:, 0])
    n_mixed = int((shares > 0).sum(dim=1).max())
    largest, classes = shares.topk(n_mixed, dim=1)
    for share, codes in zip(largest.t(), classes.t()):
        losses = losses + share * losses_with(codes)
    return losses


def counts_of(criterion, target):
    """How much each row counts in the mean of torch's cross-entropy; None is 1."""
    if target.is_floating_point():
        return None
    ignored = target == criterion.ignore_index
    if criterion.weight is None:
        return (~ignored).double() if ignored.any() else None
    return criterion.weight[target.masked_fill(ignored, 0)].masked_fill(ignored, 0.0)


class MeanLoss(PassthroughScoring):
    """The mean loss of an epoch: batches count by the sum of their weights."""

    def get_avg_score(self, history):
        """Average over batches; by the number of rows where there are no weights."""
        key = f"{'train' if self.on_train else 'valid'}_batch_weight"
        try:
            sums, losses = zip(*history[-1, "batches", :, [key, self.name]])
        except KeyError:
            return super().get_avg_score(history)
        return np.average(losses, weights=sums)


@contextmanager
def all_rows_given(net):
    """Let ``partial_fit`` of a net balance the classes of its rows, as ``fit`` does."""
    if isinstance(net, WeighsRows):
        net._has_all_rows = True
    try:
        yield
    finally:
        vars(net).pop("_has_all_rows", None)


class WeighsRows:
    """What ``sample_weight`` and ``class_weight`` do in :class:`NetClassifier`."""

    batch_weight_ = None
    _row_weights = None

    def _check_class_weight(self, method):
        """Refuse two corrections at once, and "balanced" in ``partial_fit``."""
        # What a callback pickles in training must not allow it to a later call.
        has_all_rows = vars(self).pop("_has_all_rows", False)
        if self.class_weight is None:
            return
        name = type(self).__name__
        check_one_correction(name, self.class_weight, self.logit_adjustment)
        counts = method != "partial_fit" or has_all_rows
        if self.class_weight == "balanced" and not counts:
            raise ValueError(
                f"{name} needs class_weight to be a dict for partial_fit; got "
                "'balanced', which counts all training rows. Count them yourself: "
                "sklearn.utils.compute_class_weight('balanced', classes=..., y=...)."
            )
        if isinstance(self.class_weight, dict):
            for label, factor in self.class_weight.items():
                check_value(name, f"class_weight[{label!r}]", factor, Number(0))

    def _drop_zero_weights(self, X, y, groups, sample_weight):
        """Check weights, and leave out the rows of weight 0."""
        if sample_weight is None:
            return X, y, groups, None
        name = type(self).__name__
        try:
            n = len(X) if is_dataset(X) else _num_samples(X)
        except TypeError:
            raise ValueError(
                f"{name} needs rows that can be counted for sample_weight; got a "
                f"{type(X).__name__}. Give arrays, or a data set with a length."
            ) from None
        weights = check_weights(sample_weight, n, name)
        if not is_dataset(X):
            y = check_labels(y, n, name)
        return without_zeros(weights, X, y, check_groups(groups, n, name))

    def _with_class_weights(self, X, codes, groups, weights):
        """Multiply the weights by those of the classes; X and codes are checked."""
        vars(self).pop("class_weight_", None)
        if self.class_weight is None:
            return X, codes, groups, weights
        of_rows = codes
        if is_dataset(X) and codes is None:
            of_rows = codes_of(X)
        if of_rows is None:
            raise ValueError(
                f"{type(self).__name__} needs class codes for class_weight; got a "
                f"{type(X).__name__} without X and y as arrays. Give arrays, or "
                "class_weight=None."
            )
        self.class_weight_ = self._class_weights(of_rows, weights)
        weights = self.row_weights(of_rows, weights)
        if not weights.any():
            raise ValueError(
                f"{type(self).__name__} needs a class_weight above 0 for a class with "
                f"rows; got {self.class_weight}. Give a class of the rows a weight."
            )
        return without_zeros(weights, X, codes, groups)

    def _class_weights(self, codes, weights):
        """What the weights of rows are multiplied with, by class (n_classes,)."""
        labels = self.classes_.tolist()
        factors = np.ones(len(labels))
        if self.class_weight == "balanced":
            present = np.unique(codes)
            factors[present] = compute_class_weight(
                "balanced", classes=present, y=codes, sample_weight=weights
            )
            return factors
        given = dict(self.class_weight)
        for code, label in enumerate(labels):
            factors[code] = given.get(label, 1.0)
        unknown = [label for label in given if label not in labels]
        # A fold may lack a class that the dict names. If the dict also lacks a class of
        # the fold, its labels are probably wrong.
        if unknown and not all(label in given for label in labels):
            raise ValueError(
                f"{type(self).__name__} needs class_weight to have labels among its "
                f"classes {labels}; got {unknown}. Name each by its "
                "label in y, or all labels with classes=."
            )
        return factors

    def row_weights(self, codes, sample_weight=None):
        """Multiply weights of rows by those of their classes.

        Parameters
        ----------
        codes : ndarray of shape (n,)
            Class codes.
        sample_weight : ndarray of shape (n,), default=None
            Weights; 1 by default.

        Returns
        -------
        weights : ndarray of shape (n,) or None
            None if there are no weights of either kind.
        """
        of_class = getattr(self, "class_weight_", None)
        if of_class is None:
            return sample_weight
        of_class = of_class[codes]
        return of_class if sample_weight is None else of_class * sample_weight

    def _remember_weights(self, dataset):
        """Note the weights of a data set that is about to be split, and trained on."""
        weights = getattr(self, "_weights", None)
        if weights is None:
            return
        if type(dataset) is Subset:
            places = np.asarray(dataset.indices)
            if len(np.unique(places)) == len(places):
                of_all = np.zeros(len(dataset.dataset))
                of_all[places] = weights
                dataset, weights = dataset.dataset, of_all
        self._row_weights = RowWeights(dataset, weights)

    def _forget_weights(self):
        """Leave nothing of the weights of rows once they have been trained on."""
        vars(self).pop("_row_weights", None)

    def _check_weights_of_split(self, rows):
        """Refuse to train on rows whose weights are not known."""
        if self._row_weights is not None and self._row_weights.of(rows) is None:
            raise ValueError(
                f"{type(self).__name__} needs a train_split that returns parts of the "
                "data set it is given, whose weights are known; got a "
                f"{type(rows).__name__} of other rows. Return "
                "torch.utils.data.Subset(dataset, numbers)."
            )

    def weights_of(self, rows):
        """Weights of a data set in training (n,); None without any."""
        return None if self._row_weights is None else self._row_weights.of(rows)

    def _with_weights(self, dataset):
        """The data set, with weights if it is one of those in training."""
        if self._row_weights is None:
            return dataset
        weighted = self._row_weights.beside(dataset)
        return dataset if weighted is None else weighted

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch; weights are taken off the batches before a step sees them."""
        split = getattr(self, "_split", None)
        rows = split and split[0 if training else 1]
        if iterator is None or self.weights_of(rows) is None:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        # Closed, since after an error the traceback would keep the batch's weights set.
        with closing(self._without_weights(iterator, prefix)) as batches:
            super().run_single_epoch(batches, training, prefix, step_fn, **fit_params)

    def _without_weights(self, iterator, prefix):
        """Yield batches [X, y], and keep the weights meanwhile."""
        for batch in iterator:
            if not isinstance(batch, (list, tuple)) or len(batch) != 3:
                got = type(batch).__name__
                if isinstance(batch, (list, tuple)):
                    got = f"{got} of {len(batch)}"
                raise ValueError(
                    f"{type(self).__name__} needs batches [X, y, weight] for "
                    f"sample_weight and class_weight; got a {got}. Let collate_fn keep "
                    "the third entry of each row, or use the default iterators."
                )
            *batch, weight = batch
            with self.weighing(torch.as_tensor(weight, dtype=torch.float64)):
                yield batch
                total = float(self.batch_weight_.sum())
            self.history.record_batch(f"{prefix}_batch_weight", total)

    @contextmanager
    def weighing(self, weight):
        """Weigh the rows of the losses that are computed inside; None counts alike.

        Parameters
        ----------
        weight : torch.Tensor of shape (n,) or None
            Weights of the rows of the batch.

        Yields
        ------
        None
        """
        if weight is None:
            yield
            return
        self.batch_weight_, self._weight_was_used = weight, False
        try:
            yield
            if not self._weight_was_used:
                raise ValueError(
                    f"{type(self).__name__} needs a get_loss that weighs rows for "
                    "sample_weight and class_weight; got one that does not look at "
                    "them. Call super().get_loss in it, or use batch_weight()."
                )
        finally:
            vars(self).pop("batch_weight_", None)
            vars(self).pop("_weight_was_used", None)

    def batch_weight(self, n):
        """Weights of the rows of the current batch.

        Parameters
        ----------
        n : int
            Rows of the batch.

        Returns
        -------
        weight : torch.Tensor of shape (n,) or None
            On the device of the net, in float64 where the device has it. None if there
            are no weights.
        """
        weight = self.batch_weight_
        if weight is None:
            return None
        if len(weight) != n:
            raise ValueError(
                f"{type(self).__name__} needs one weight per row of a batch; got "
                f"{len(weight)} for {n} rows. Let nothing add rows to a batch or take "
                "some away."
            )
        self._weight_was_used = True
        if torch.device(self.device or "cpu").type == "mps":
            weight = weight.float()
        return to_tensor(weight, device=self.device)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch, weighted if its rows have weights."""
        if self.batch_weight_ is None:
            return super().get_loss(y_pred, y_true, X=X, training=training)
        weight = self.batch_weight(len(y_true))
        criterion = getattr(self.criterion_, "_orig_mod", self.criterion_)  # compiled
        target = to_tensor(y_true, device=self.device)
        if forward_takes(type(criterion), "sample_weight"):
            if isinstance(criterion, nn.NLLLoss):  # skorch takes the logarithm for it
                y_pred = (y_pred + torch.finfo(y_pred.dtype).eps).log()
            return criterion(y_pred, target, sample_weight=weight)
        reduction = self._check_reduction(criterion)
        criterion.reduction = "none"
        try:
            losses = super().get_loss(y_pred, target, X=X, training=training)
        finally:
            criterion.reduction = reduction
        self._check_losses(losses, len(target), criterion)
        of_torch = type(criterion).forward in (
            nn.CrossEntropyLoss.forward,
            nn.NLLLoss.forward,
        )
        counts = counts_of(criterion, target) if of_torch else None
        return mean_loss(losses, weight, reduction, counts)

    def _check_reduction(self, criterion):
        reduction = getattr(criterion, "reduction", None)
        if reduction not in ("mean", "sum"):
            self._refuse_criterion(criterion, "one without reduction='mean'")
        return reduction

    def _check_losses(self, losses, n, criterion):
        if losses.ndim == 0 or len(losses) != n:
            shape = tuple(losses.shape)
            self._refuse_criterion(criterion, f"a loss of shape {shape} for {n} rows")

    def _refuse_criterion(self, criterion, got):
        raise ValueError(
            f"{type(self).__name__} needs a criterion with a loss for each row, at "
            f"reduction='none', to weigh rows; got {type(criterion).__name__}, {got}. "
            "Give its forward an argument sample_weight, or leave weights out."
        )

    @property
    def _default_callbacks(self):
        return [
            (name, _weighted(callback) if _is_mean(callback) else callback)
            for name, callback in super()._default_callbacks
        ]


@cache
def forward_takes(kind, argument):
    """Whether the ``forward`` of a class has an argument; a function has no forward."""
    forward = getattr(kind, "forward", None)
    return forward is not None and argument in inspect.signature(forward).parameters


def _is_mean(callback):
    return type(callback) is PassthroughScoring


def _weighted(callback):
    return MeanLoss(callback.name, callback.lower_is_better, callback.on_train)
