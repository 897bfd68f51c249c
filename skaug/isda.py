r"""Implicit semantic data augmentation (ISDA): augmentation as a loss.

Directions in which a network's features vary within a class tend to carry meaning
(a background, a way of walking). ISDA imagines every training sample moved along all
of them: features :math:`\tilde a \sim N(a, \lambda \Sigma_y)` with the covariance
:math:`\Sigma_y` of the sample's class. Nothing is sampled: the expected cross-entropy
over infinitely many such copies has the closed-form upper bound (Eq. 4)

.. math::
    -\log \frac{e^{z_y}}{\sum_j e^{z_j + \frac{\lambda}{2} (w_j - w_y)^T \Sigma_y
    (w_j - w_y)}}, \qquad z = W a + b,

which is minimised in place of cross-entropy. Predictions are made without it.

======================================  ===========================================
paper                                   here
======================================  ===========================================
:math:`a`, the deep feature             input of the last linear layer
:math:`w_j`                             row j of that layer's ``weight``
:math:`\lambda_0`                       ``strength``
:math:`\lambda = (t/T) \lambda_0`       ``schedule="iteration"``
:math:`\Sigma_j, \mu_j, n_j` (App. A)   :class:`~skaug.covariance.ClassCovariance`
Table 5's variants                      ``covariance="identity" | "diagonal" |
                                        "shared"``, ``schedule="constant"``
======================================  ===========================================

References
----------
.. [1] Y. Wang, X. Pan, S. Song, H. Zhang, C. Wu, G. Huang, "Implicit Semantic Data
   Augmentation for Deep Networks", NeurIPS 2019.
"""

import math
import warnings
from numbers import Real

import numpy as np
import torch
from skorch.utils import is_dataset, to_tensor
from torch import nn

from skaug.covariance import ClassCovariance
from skaug.layers import capture_input, check_head, linear_head
from skaug.net import NetClassifier
from skaug.quadratic_form import class_quadratic_form

__all__ = ["ISDAClassifier", "ISDALoss", "augmented_logits"]


def augmented_logits(logits, target, weight, covariance, strength):
    r"""Logits whose cross-entropy is ISDA's upper bound (Eq. 4 of [1]_).

    Adds ``strength / 2 * (w_j - w_y)' S_y (w_j - w_y)`` to logit j of a sample of
    class y. The form depends on the label only: it is computed once per class present
    and never per sample. The weight gets a gradient through it, the covariance none.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        Output of the last linear layer.
    target : torch.Tensor of shape (n,)
        Class codes.
    weight : torch.Tensor of shape (n_classes, n_features)
        Weight of the last linear layer.
    covariance : ClassCovariance or torch.Tensor
        Covariance of the features: an estimate, or a tensor of shape (n_classes,
        n_features, n_features), or (n_classes, n_features) for variances only.
    strength : float
        The paper's :math:`\lambda`; 0 returns `logits` as they are.

    Returns
    -------
    augmented : torch.Tensor of shape (n, n_classes)
        What to put into cross-entropy.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from skaug.isda import augmented_logits
    >>> logits, weight = torch.zeros(1, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> covariance = torch.eye(2).expand(2, 2, 2)
    >>> augmented_logits(logits, torch.tensor([0]), weight, covariance, strength=0.5)
    tensor([[0.0000, 0.5000]])
    """
    if strength == 0:
        return logits
    classes, place = torch.unique(target, return_inverse=True)
    # In half precision, differences between rows of the weight would be lost.
    with torch.autocast(logits.device.type, enabled=False):
        weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
        if isinstance(covariance, ClassCovariance):
            table = covariance.quadratic_form(weight, classes)
        else:
            table = class_quadratic_form(weight, classes, covariance)
        return logits + (strength / 2) * table[place]


class ISDALoss(nn.CrossEntropyLoss):
    """Cross-entropy on features augmented in all semantic directions at once.

    Each call with features first takes them into the class statistics, then adds the
    augmentation to the logits, as in Algorithm 1 of the paper. Without features, or
    outside training, it is plain cross-entropy.

    Parameters
    ----------
    n_classes, n_features : int
        Shape of the last linear layer's weight.
    covariance : {"full", "diagonal", "shared", "identity", "low_rank"}, default="full"
        What is kept of the covariances, see :class:`ClassCovariance`.
    rank : int, default=16
        Directions per class for "low_rank".
    forgetting : float, default=0.0
        Share of a class's statistics forgotten per batch that contains it.
    device : torch.device or str, default=None
        Where the statistics are kept; by default where torch puts new tensors.
    dtype : torch.dtype, default=None
        That of the statistics; by default torch's own.
    **kwargs
        Passed to ``torch.nn.CrossEntropyLoss``: ``weight``, ``label_smoothing`` ...

    Attributes
    ----------
    covariance : ClassCovariance
        The statistics; buffers, so they follow ``to(device)`` and ``state_dict``.

    Examples
    --------
    A training step in plain PyTorch:

    >>> import torch
    >>> from skaug import ISDALoss
    >>> backbone, head = torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)
    >>> loss_function = ISDALoss(n_classes=3, n_features=4)
    >>> X, y = torch.randn(16, 5), torch.randint(3, (16,))
    >>> features = backbone(X)
    >>> loss = loss_function(head(features), y, features, head.weight, strength=0.5)
    >>> loss.backward()
    """

    def __init__(
        self,
        n_classes,
        n_features,
        covariance="full",
        *,
        rank=16,
        forgetting=0.0,
        device=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.covariance = ClassCovariance(
            n_classes,
            n_features,
            covariance,
            rank=rank,
            forgetting=forgetting,
            device=device,
            dtype=dtype,
        )

    def forward(self, logits, target, features=None, weight=None, strength=0.0):
        """Compute the loss, and update the statistics when features are given.

        Parameters
        ----------
        logits : torch.Tensor of shape (n, n_classes)
            Output of the last linear layer.
        target : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes; or shares of the classes, for which the loss is that share of
            the loss with each class. They leave the statistics as they are: rows mixed
            of two do not tell how a class varies.
        features : torch.Tensor of shape (n, n_features), default=None
            Input of the last linear layer.
        weight : torch.Tensor of shape (n_classes, n_features), default=None
            Its weight; needed with features.
        strength : float, default=0.0
            The paper's lambda at this step.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Mean over the batch, or what ``reduction`` says.
        """
        if features is None or not self.training:
            return super().forward(logits, target)
        if target.is_floating_point():
            return self._mixed(logits, target, weight, strength)
        self.covariance.update(features, target)
        logits = augmented_logits(logits, target, weight, self.covariance, strength)
        return super().forward(logits, target)

    def _mixed(self, logits, shares, weight, strength):
        losses = torch.zeros_like(logits[:, 0])
        # The most of each row, then the second most, ... as far as there are any.
        n_mixed = int((shares > 0).sum(dim=1).max())
        for share, target in zip(*(part.t() for part in shares.topk(n_mixed, dim=1))):
            losses = losses + share * nn.functional.cross_entropy(
                augmented_logits(logits, target, weight, self.covariance, strength),
                target,
                self.weight,
                label_smoothing=self.label_smoothing,
                reduction="none",
            )
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()


class ISDAClassifier(NetClassifier):
    r"""Neural network classifier trained with implicit semantic data augmentation.

    Any network whose last layer is an ``nn.Linear`` is trained as if each sample came
    with infinitely many copies, moved along the directions in which the features of
    its class vary. It costs a few percent of a training step of a network for images,
    more of a small one, and nothing afterwards.

    Parameters
    ----------
    module : torch.nn.Module class, callable or instance, default=None
        The network, see :class:`NetClassifier`.
    strength : float, default=0.5
        The paper's :math:`\lambda_0`: variance of the augmentation as a multiple of
        the class covariance; 0 is plain cross-entropy. The paper's values are
        0.25 to 0.5 on CIFAR and 1 to 7.5 with "diagonal" on ImageNet. Search over it
        first.
    covariance : {"full", "diagonal", "shared", "identity", "low_rank"}, default="full"
        What is kept of the class covariances, see :class:`ClassCovariance`. "full" is
        the paper's; "low_rank" is for many classes with many features.
    rank : int, default=16
        Directions per class for "low_rank".
    schedule : {"iteration", "epoch", "constant"}, default="iteration"
        How the strength grows to `strength` over `max_epochs`, while the features
        become meaningful: linearly with each step (as in the paper), with each epoch
        (as in its published code), or not at all. Training beyond `max_epochs` keeps
        the full strength.
    forgetting : float, default=0.0
        Share of a class's statistics forgotten per batch that contains it. 0 is the
        paper's; something like 0.01 keeps them recent in long training.
    classifier_layer : str, default=None
        Dotted name of the last linear layer, if it is not the last ``nn.Linear`` of
        ``module.named_modules()``.
    criterion : torch.nn.Module class, default=ISDALoss
        :class:`ISDALoss` or a class derived from it.
    random_state : int, RandomState instance or None, default=None
        As for :class:`NetClassifier`. With ``strength=0`` the fit is that of a
        NetClassifier with the same `random_state`, bit for bit.
    **kwargs
        All other parameters of :class:`NetClassifier`.

    Attributes
    ----------
    class_covariance_ : ClassCovariance
        The statistics at the end of training: ``count``, ``mean``, ``dense()`` ...
    covariance_ : ndarray of shape (n_classes, n_features, n_features)
        The covariance of the features of each class, written out: of the features seen
        in training, dropout and earlier weights included.
    classifier_layer_ : str
        Dotted name of the layer whose input was augmented.
    classes_, n_features_in_, module_, history : objects
        As for :class:`NetClassifier`.

    Raises
    ------
    ValueError
        If a parameter is out of range or the network does not end in a plain
        ``nn.Linear``; the message lists the candidates.
    MemoryError
        If the statistics would not fit; the message gives their size.

    Warns
    -----
    UserWarning
        If a class has a single sample, which says nothing about how the class varies.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skaug import ISDAClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> pipe = make_pipeline(StandardScaler(), ISDAClassifier(random_state=0))
    >>> search = GridSearchCV(pipe, {"isdaclassifier__strength": [0, 0.5]}, cv=3)
    >>> round(search.fit(X, y).best_score_, 1)
    np.float64(1.0)
    """

    def __init__(
        self,
        module=None,
        *,
        strength=0.5,
        covariance="full",
        rank=16,
        schedule="iteration",
        forgetting=0.0,
        classifier_layer=None,
        criterion=ISDALoss,
        random_state=None,
        **kwargs,
    ):
        super().__init__(
            module, criterion=criterion, random_state=random_state, **kwargs
        )
        self.strength = strength
        self.covariance = covariance
        self.rank = rank
        self.schedule = schedule
        self.forgetting = forgetting
        self.classifier_layer = classifier_layer

    def _check_parameters(self):
        super()._check_parameters()
        if not isinstance(self.criterion, type) or not issubclass(
            self.criterion, ISDALoss
        ):
            raise ValueError(
                "ISDAClassifier needs a criterion class derived from ISDALoss; got "
                f"{self.criterion!r}. criterion__weight and the like are passed on."
            )
        if not isinstance(self.strength, Real) or not 0 <= self.strength < math.inf:
            raise ValueError(
                f"ISDAClassifier needs strength >= 0; got {self.strength!r}. 0 turns "
                "the augmentation off."
            )
        if self.schedule not in ("iteration", "epoch", "constant"):
            raise ValueError(
                "ISDAClassifier needs schedule to be 'iteration', 'epoch' or "
                f"'constant'; got {self.schedule!r}. 'iteration' is that of the paper."
            )

    def initialize_criterion(self):
        """Create the loss for the shape of the last linear layer."""
        self.classifier_layer_, head = linear_head(self.module_, self.classifier_layer)
        kwargs = {
            "n_classes": head.out_features,
            "n_features": head.in_features,
            "covariance": self.covariance,
            "rank": self.rank,
            "forgetting": self.forgetting,
            "device": head.weight.device,
            "dtype": torch.promote_types(head.weight.dtype, torch.float32),
            **self.get_params_for("criterion"),
        }
        self.criterion_ = self.criterion(**kwargs)
        return self

    def _logits_of(self, rows, **forward_params):
        # The check on real rows that the head found is the head.
        rows = rows.to(self.device)
        return check_head(self.module_, self.classifier_layer_, rows, **forward_params)

    def _check_training_data(self, X, y, classes, *, reset):
        X, codes = super()._check_training_data(X, y, classes, reset=reset)
        by_class = self.covariance not in ("shared", "identity")
        if reset and by_class and self.strength and not is_dataset(X):
            counts = np.bincount(codes, minlength=len(self.classes_))
            single = self.classes_[counts == 1]
            if len(single):
                warnings.warn(
                    "ISDAClassifier needs two samples of a class to see it vary; got "
                    f"one of {single.tolist()}, whose covariance can only reflect how "
                    "its features move in training. Add samples, or merge classes.",
                    stacklevel=4,
                )
        return X, codes

    def train_step_single(self, batch, **fit_params):
        """Run forward and backward once, watching the features."""
        try:
            with capture_input(self._head()) as self._features:
                return super().train_step_single(batch, **fit_params)
        finally:
            del self._features

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """ISDA's bound in training, plain cross-entropy in validation."""
        if not training:
            return super().get_loss(y_pred, y_true, X=X, training=training)
        (features,) = self._features
        target = to_tensor(y_true, device=self.device)
        strength = self.current_strength()
        return self.criterion_(y_pred, target, features, self._head().weight, strength)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Warn if there was nothing to learn statistics from."""
        super().on_train_end(net, X=X, y=y, **kwargs)
        statistics = self.class_covariance_
        trained = any(epoch["batches"] for epoch in self.history)
        counts = statistics.kind != "identity"
        if trained and self.strength and counts and not statistics.count.any():
            warnings.warn(
                "ISDAClassifier needs batches of one label per row for statistics; "
                "got mixed labels in all batches, and ISDA changed nothing. Set the "
                "probability of the mixing BatchAugmentation below 1, or its "
                "refine_epochs.",
                stacklevel=2,
            )

    def _head(self):
        return self.module_.get_submodule(self.classifier_layer_)

    def current_strength(self):
        """Strength at this point of training, by `schedule`.

        Returns
        -------
        strength : float
            Between 0 and `strength`.
        """
        epochs = self.epochs_done()
        if self.schedule == "epoch":
            epochs = math.floor(epochs)
        share = 1.0 if self.schedule == "constant" else epochs / self.max_epochs
        return self.strength * min(share, 1.0)

    def set_params(self, **params):
        """Set parameters; on a fitted net, new statistics where they concern them.

        Parameters
        ----------
        **params
            As for :class:`NetClassifier`.

        Returns
        -------
        self : ISDAClassifier
            The net itself.
        """
        super().set_params(**params)
        shape_of_statistics = {"covariance", "rank", "forgetting", "classifier_layer"}
        if self.initialized_ and shape_of_statistics & set(params):
            self._check_parameters()
            self._initialize_criterion()
        return self

    def torch_compile(self, module, name):
        """Compile the network only: the loss takes a new strength at every step."""
        return module if name == "criterion" else super().torch_compile(module, name)

    @property
    def class_covariance_(self):
        """The statistics at the end of training."""
        return self.criterion_.covariance

    @property
    def covariance_(self):
        """The covariance of the features of each class, written out."""
        return self.class_covariance_.dense().cpu().numpy()
