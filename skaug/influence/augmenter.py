"""InfluenceAugmenter: which augmentation lowers the validation loss, by influence.

To train with each of thirty transforms and to look at the validation loss takes thirty
trainings. An influence function predicts the effect of augmented copies from one
network that was trained without any (Section 3 of the paper). This file has what both
kinds of augmentation share: rows to hold out, trainings of F, views, the last training.
"""

import warnings

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch import NeuralNetClassifier

from skaug._checks import (
    Rule,
    Whole,
    check_groups,
    check_parameters,
    check_two_classes,
    check_value,
)
from skaug._components import ComponentsMixin
from skaug._random import draw_seed, own_generators
from skaug.influence.last_layer import FEWEST_VALIDATION_ROWS
from skaug.influence.network_augmentation import NetworkAugmentation
from skaug.influence.policy import TransformPolicy
from skaug.influence.trainings import Trainings
from skaug.net.splits import all_splits

__all__ = ["InfluenceAugmenter"]


class InfluenceAugmenter(
    ComponentsMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Learn an augmentation that lowers the loss on held-out rows.

    ``fit_transform`` augments the training rows, and ``transform`` returns rows as they
    are: in a Pipeline the next step is trained on augmented rows and predicts from real
    ones. A callback draws fresh views in every epoch,
    ``BatchAugmentation(augmenter.augmentation_)``. The augmenter's own last training
    uses that callback, too.

    Parameters
    ----------
    estimator : NetClassifier or another net of skorch, default=None
        The network F, which ends in an ``nn.Linear``; it is cloned and never changed.
        ``None`` takes a :class:`NetClassifier`. skorch's own nets need codes from 0 on
        for labels.
    augmentation : {"policy", "network"} or object, default="policy"
        What is learned: "policy" is short for :class:`~skaug.TransformPolicy`, a list
        of transforms with weights, and "network" for
        :class:`~skaug.NetworkAugmentation`, the paper's network. A search reaches into
        both, ``augmentation__strength``.
    cv : "holdout", float, int or splitter, default="holdout"
        What is held out of X when no `X_val` is given: two fifths, a share, one of so
        many folds at a time, or what a splitter says. Never rows of groups that are
        trained on. The policy averages its scores over all splits, and the network
        takes the first one.
    damping : float, default=0.01
        Damping of the Hessian, see :class:`LastLayerInfluence`. Scores are ranks; sizes
        of influence would need 0.1.
    calibrate : bool, default=True
        Whether validation logits are divided by their best temperature first. Without
        this the validation gradient of an overfitted network says "be less confident".
    guard : bool, default=True
        For the network: whether to train F with and without the network, and to fall
        back to the baseline unless the held-out loss is lower by more than its standard
        error.
    refit : bool, default=True
        Whether to train ``estimator_`` in the end, with what was learned, on training
        and held-out rows. The held-out rows are worth more than any augmentation.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. With an int, ``augment`` returns the same each time.
    verbose : int, default=0
        1 prints a line per training and per transform.

    Attributes
    ----------
    augmentation_ : callable
        What was learned, a function of a batch for :class:`BatchAugmentation`: a
        :class:`~skaug.influence.Policy` or a :class:`~skaug.influence.TrainedNetwork`.
    policy_ : list of Bunch
        Of the policy: transforms with scores and weights, best first.
    network_, losses_, accepted_, held_out_loss_ : objects
        Of the network: as those of :class:`~skaug.NetworkAugmentation`.
    estimator_ : skorch.NeuralNetClassifier
        With `refit`: F trained on all rows with the augmentation.
    n_trainings_ : int
        How often F was trained, the last time included.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    input_shape_ : tuple of int
        Shape of a row.
    n_features_in_, feature_names_in_ : int, ndarray
        As in all of scikit-learn.

    Raises
    ------
    ValueError
        If a parameter is out of range, a transform changes shape or labels, or a class
        is held out as a whole; says what to do.
    TypeError
        If the estimator is no net of skorch that classifies.

    Warns
    -----
    UserWarning
        If fewer than 100 rows are held out, some class is not among them, or the
        network is not accepted.

    See Also
    --------
    skaug.LastLayerInfluence : The numbers behind it.
    skaug.BatchAugmentation : Draws fresh views in every epoch.

    References
    ----------
    .. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import InfluenceAugmenter, NetClassifier, TransformPolicy
    >>> X, y = load_digits(return_X_y=True)
    >>> net, policy = NetClassifier(max_epochs=5), TransformPolicy(n_networks=1)
    >>> augmenter = InfluenceAugmenter(net, augmentation=policy, random_state=0)
    >>> views = augmenter.fit(X[:600], y[:600]).augment(X[:600], n_views=2, y=y[:600])
    >>> views.shape
    (1200, 64)
    >>> augmenter.estimator_.score(X[600:], y[600:]) > 0.8
    True
    """

    _short_forms = {
        "augmentation": {"policy": TransformPolicy(), "network": NetworkAugmentation()}
    }
    _needed_methods = {"augmentation": ("learn",)}
    _rules = {
        "augmentation": Rule(
            # Strings are looked up among the short forms.
            lambda value: isinstance(value, str) or hasattr(value, "learn"),
            "'policy', 'network' or an object that learns one",
            "Give TransformPolicy() or NetworkAugmentation(), say.",
        )
    }

    def __init__(
        self,
        estimator=None,
        *,
        augmentation="policy",
        cv="holdout",
        damping=0.01,
        calibrate=True,
        guard=True,
        refit=True,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.augmentation = augmentation
        self.cv = cv
        self.damping = damping
        self.calibrate = calibrate
        self.guard = guard
        self.refit = refit
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, groups=None, X_val=None, y_val=None):
        """Learn the augmentation, then train with it on all rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows of a table, signals (n, channels, time) or images (n, channels, height,
            width).
        y : array-like of shape (n,)
            Labels.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each row; none is on both sides of a split.
        X_val, y_val : array-like, default=None
            Held-out rows and labels; then nothing of X is held out.

        Returns
        -------
        self : InfluenceAugmenter
            Itself.
        """
        self._check_parameters()
        learner = self.component("augmentation")
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        data = self._checked_data(X, y, groups)
        random = check_random_state(self.random_state)
        if X_val is None and y_val is None:
            splits = all_splits(
                self.cv,
                data.y,
                data.groups,
                random_state=draw_seed(random),
                name="InfluenceAugmenter",
            )
        else:
            data, splits = self._with_held_out(data, X_val, y_val)
        self._check_splits(data.y, splits)
        trainings = Trainings(
            self.estimator,
            self.classes_,
            damping=self.damping,
            calibrate=self.calibrate,
            random_state=random,
            verbose=self.verbose,
        )
        with own_generators(trainings.device, draw_seed(random)):
            learner.learn(trainings, _taken(data, splits), guard=self.guard)
            for name, value in vars(learner).items():
                if name.endswith("_"):
                    setattr(self, name, value)
            if self.refit:
                self.estimator_ = trainings.train(data, self.augmentation_)
        self.n_trainings_ = trainings.n_trainings
        return self

    def fit_transform(self, X, y, groups=None, X_val=None, y_val=None):
        """Learn the augmentation and return a view of each training row.

        Parameters
        ----------
        X, y, groups, X_val, y_val : array-like
            As for :meth:`fit`.

        Returns
        -------
        X : ndarray of shape (n, ...)
            One view of each row, in order.
        """
        self.fit(X, y, groups, X_val, y_val)
        return self.augment(X, y=y)

    def transform(self, X):
        """Return rows as they are: predictions are made on real rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.

        Returns
        -------
        X : ndarray of shape (n, ...)
            The same.
        """
        check_is_fitted(self, "augmentation_")
        return self._checked_rows(X)

    def augment(self, X, n_views=1, y=None):
        """Draw views of rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.
        n_views : int, default=1
            Views of each.
        y : array-like of shape (n,), default=None
            Labels; needed if the policy has transforms that look at them.

        Returns
        -------
        X : ndarray of shape (n_views * n, ...)
            One view of each row, then another; labels are ``np.tile(y, n_views)``.
        """
        check_is_fitted(self, "augmentation_")
        X = self._checked_rows(X)
        if X.shape[1:] != self.input_shape_:
            raise ValueError(
                f"InfluenceAugmenter needs rows of shape {self.input_shape_}, as in "
                f"fit; got {X.shape[1:]}. Reshape X."
            )
        rule = Whole(1, hint="1 is a view of each row.")
        check_value("InfluenceAugmenter", "n_views", n_views, rule)
        codes = None
        if y is not None:
            y = self._checked_labels(y, len(X))
            codes = torch.from_numpy(np.searchsorted(self.classes_, y))
        single = torch.tensor(X, dtype=torch.float32)
        with own_generators("cpu", draw_seed(self.random_state)), torch.no_grad():
            views = [self(single, codes) for _ in range(n_views)]
        views = torch.cat([view if codes is None else view[0] for view in views])
        # Rows that are left alone keep all of their digits.
        copies = n_views, *[1] * (X.ndim - 1)
        changed = (views != single.repeat(copies)).numpy()
        return np.where(changed, views.numpy(), np.tile(X, copies))

    def __call__(self, X, y=None):
        """Return a view of each row of a batch, and codes as they came if given."""
        check_is_fitted(
            self,
            "augmentation_",
            msg="InfluenceAugmenter needs to be fitted before it is called; clones of "
            "a net hold one that is not. Give BatchAugmentation its augmentation_.",
        )
        return self.augmentation_(X, y)

    def _checked_rows(self, X):
        dtype = [np.float64, np.float32]
        return validate_data(self, X, dtype=dtype, allow_nd=True, reset=False)

    def _check_parameters(self):
        net = self.estimator
        if net is not None and not isinstance(net, NeuralNetClassifier):
            raise TypeError(
                "InfluenceAugmenter needs a NetClassifier or another "
                f"NeuralNetClassifier of skorch; got a {type(net).__name__}. Give the "
                "net; whatever is to go with it comes after the augmenter."
            )
        check_parameters(self, self._rules)

    def _checked_data(self, X, y, groups):
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        if X.ndim > 4:
            raise ValueError(
                "InfluenceAugmenter needs a table (n, features), signals (n, channels, "
                f"time) or images (n, channels, height, width); got {X.shape}. Reshape "
                "X."
            )
        self.classes_, self.input_shape_ = np.unique(y), X.shape[1:]
        check_two_classes(self.classes_, "InfluenceAugmenter")
        groups = check_groups(groups, len(y), "InfluenceAugmenter")
        return Bunch(X=X, y=y, groups=groups)

    def _with_held_out(self, data, X_val, y_val):
        """All rows together, and the one split of them."""
        if X_val is None or y_val is None:
            raise ValueError(
                "InfluenceAugmenter needs X_val and y_val together; got one of them. "
                "Give both, or none to hold out part of X."
            )
        X_val = validate_data(self, X_val, dtype=np.float32, allow_nd=True, reset=False)
        if X_val.shape[1:] != self.input_shape_:
            raise ValueError(
                f"InfluenceAugmenter needs X_val of rows of shape {self.input_shape_}, "
                f"as X; got {X_val.shape[1:]}. Reshape it."
            )
        y_val = self._checked_labels(y_val, len(X_val))
        X, y = np.concatenate([data.X, X_val]), np.concatenate([data.y, y_val])
        split = np.split(np.arange(len(X)), [len(data.X)])
        return Bunch(X=X, y=y, groups=None), [split]

    def _checked_labels(self, y, n):
        y = np.asarray(y)
        if y.shape != (n,):
            raise ValueError(
                f"InfluenceAugmenter needs one label per row, shape ({n},); got shape "
                f"{y.shape}. Give as many labels as rows."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"InfluenceAugmenter needs labels among {self.classes_.tolist()}; got "
                f"{unknown.tolist()}. Leave these rows out."
            )
        return y

    def _check_splits(self, y, splits):
        """Refuse splits that nothing can be learned from, and warn of poor ones."""
        fewest = min(len(held_out) for _, held_out in splits)
        if fewest < FEWEST_VALIDATION_ROWS:
            warnings.warn(
                f"InfluenceAugmenter needs {FEWEST_VALIDATION_ROWS} held-out rows or "
                f"more for scores that mean something; got {fewest}. Hold out more: "
                "below that the ranks of transforms are mostly chance.",
                stacklevel=3,
            )
        for train, held_out in splits:
            missing = np.setdiff1d(self.classes_, y[train])
            if len(missing):
                raise ValueError(
                    "InfluenceAugmenter needs rows of every class to train on; got "
                    f"none of {missing.tolist()} outside of what is held out. Give "
                    "more rows of these, or X_val and y_val."
                )
            missing = np.setdiff1d(self.classes_, y[held_out])
            if len(missing):
                warnings.warn(
                    "InfluenceAugmenter needs every class among the held-out rows; got "
                    f"none of {missing.tolist()}. Nothing is learned for these; give "
                    "more rows of them.",
                    stacklevel=3,
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        # fit_transform augments and transform does not.
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _taken(data, splits):
    """Rows to train on and rows held out, split by split."""
    for split in splits:
        yield tuple(
            Bunch(**{name: None if v is None else v[one] for name, v in data.items()})
            for one in split
        )
