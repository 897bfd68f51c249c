"""ISDAClassifier: a network trained on the loss of ISDA."""

import math
import warnings

import numpy as np
import torch
from skorch.utils import is_dataset

from skaug._checks import Instance, Number, OneOf, Rule
from skaug.isda.loss import ISDALoss
from skaug.net.classifier import NetClassifier

__all__ = ["ISDAClassifier"]

BY_CLASS = ("full", "diagonal", "low_rank")  # covariances that each class has alone


class ISDAClassifier(NetClassifier):
    r"""Neural network classifier trained with implicit semantic data augmentation.

    Any network whose last layer is an ``nn.Linear`` is trained as if each sample came
    with infinitely many copies, moved along the directions in which the features of
    its class vary. A training step takes a few percent longer in a network for images,
    more in a small network. Predictions cost nothing extra.

    Parameters
    ----------
    module : torch.nn.Module class, callable or instance, default=None
        The network, see :class:`NetClassifier`.
    strength : float, default=0.5
        The paper's :math:`\lambda_0`: variance of the augmentation as a multiple of
        the class covariance. 0 is plain cross-entropy. The paper's values are
        0.25 to 0.5 on CIFAR and 1 to 7.5 with "diagonal" on ImageNet. Of all parameters
        search over this one first.
    covariance : str, ClassCovariance or array-like, default="full"
        What is kept of the class covariances: "full", "pooled", "diagonal", "shared",
        "identity" or "low_rank", see :class:`ClassCovariance`. "full" is
        the paper's choice; "low_rank" is for many classes with many features. Or
        covariances that are known from other rows, see :class:`ISDALoss`.
    rank : int, default=16
        Directions per class for "low_rank".
    schedule : {"iteration", "epoch", "constant"}, default="iteration"
        How the strength grows to `strength` over ``n_epochs_``, while the features
        become meaningful: linearly with each step (as in the paper), with each epoch
        (as in the paper's published code), or not at all. Training beyond these
        epochs keeps the full strength.
    forgetting : float, default=0.0
        Share of a class's statistics that is forgotten with each batch that contains
        the class. 0 is the paper's choice; in long training, something like 0.01 keeps
        the statistics recent.
    classifier_layer : str, default=None
        Dotted name of the last linear layer; by default the last ``nn.Linear`` of
        ``module.named_modules()``.
    criterion : torch.nn.Module class, default=ISDALoss
        :class:`ISDALoss` or a class derived from it.
    random_state : int, RandomState instance or None, default=None
        As for :class:`NetClassifier`. With ``strength=0`` the fit equals that of a
        NetClassifier with the same `random_state`, bit for bit.
    **kwargs
        All other parameters of :class:`NetClassifier`. With ``class_weight``, and with
        ``fit(sample_weight=...)``, a row of weight w enters the covariances like w
        copies of it.

    Attributes
    ----------
    class_covariance_ : ClassCovariance or GivenCovariance
        The statistics at the end of training: ``count``, ``mean``, ``dense()`` ...; or
        the covariances that were given.
    covariance_ : ndarray of shape (n_classes, n_features, n_features)
        The covariance of the features of each class, written out. The features are
        those that training saw, with dropout and with the weights of earlier steps.
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
        If a class has a single sample, which does not show how the class varies.

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
    >>> net = ISDAClassifier(max_epochs=40, random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), net)
    >>> search = GridSearchCV(pipe, {"isdaclassifier__strength": [0, 0.5]}, cv=3)
    >>> round(search.fit(X, y).best_score_, 1)
    np.float64(1.0)
    """

    _modules_given = ("module", "covariance")

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

    _rules = {
        **NetClassifier._rules,
        "criterion": Rule(
            lambda kind: isinstance(kind, type) and issubclass(kind, ISDALoss),
            "a class derived from ISDALoss",
            "criterion__weight and the like are passed on.",
        ),
        "strength": Number(0, hint="0 turns the augmentation off."),
        "classifier_layer": Instance(str, "the name of a layer")
        | OneOf(None, hint="None takes the last plain nn.Linear."),
        "schedule": OneOf(
            "iteration",
            "epoch",
            "constant",
            hint="'iteration' is the paper's choice.",
        ),
    }

    def initialize_criterion(self):
        """Create the loss for the shape of the last linear layer."""
        head = self._find_head(self.classifier_layer)
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

    def _more_for_loss(self):
        return {"strength": self.current_strength()}

    def current_strength(self):
        """Compute the strength that `schedule` sets at this point of training."""
        epochs = self.epochs_done()
        if self.schedule == "epoch":
            epochs = math.floor(epochs)
        share = 1.0 if self.schedule == "constant" else epochs / self.n_epochs_
        return self.strength * min(share, 1.0)

    @property
    def class_covariance_(self):
        """The statistics at the end of training."""
        return self.criterion_.covariance

    @property
    def covariance_(self):
        """The covariance of the features of each class, written out."""
        return self.class_covariance_.dense().cpu().numpy()

    def set_params(self, **params):
        """Set parameters; those that shape the statistics start new statistics."""
        super().set_params(**params)
        shape_of_statistics = {"covariance", "rank", "forgetting", "classifier_layer"}
        if self.initialized_ and shape_of_statistics & set(params):
            self._check_parameters()
            self._initialize_criterion()
        return self

    def _check_training_data(self, X, y, classes, *, reset):
        """Check the data, and warn about classes of one sample."""
        X, codes = super()._check_training_data(X, y, classes, reset=reset)
        by_class = isinstance(self.covariance, str) and self.covariance in BY_CLASS
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

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Warn if no batch served to learn statistics from."""
        super().on_train_end(net, X=X, y=y, **kwargs)
        statistics = self.class_covariance_
        trained = any(epoch["batches"] for epoch in self.history)
        counts = statistics.kind not in ("identity", "given")
        if trained and self.strength and counts and not statistics.count.any():
            warnings.warn(
                "ISDAClassifier needs batches of one label per row for statistics; "
                "got mixed labels in all batches, and ISDA changed nothing. Set the "
                "probability of the mixing BatchAugmentation below 1, or its "
                "refine_epochs.",
                stacklevel=2,
            )
