"""InfluenceAugmenter: which augmentation lowers the validation loss, by influence.

To train with each of thirty transforms and to look at the validation loss takes thirty
trainings. An influence function predicts the effect of augmented copies from one
network that was trained without any (Section 3 of the paper). This file has what both
kinds of augmentation share: rows to hold out, trainings of F, views, the last training.
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch, check_random_state
from skorch import NeuralNetClassifier

from skaug._axes import channels_first
from skaug._checks import (
    BOOL,
    MEMORY,
    OneOf,
    Rule,
    check_parameters,
    check_two_classes,
    is_classifying,
)
from skaug._components import ComponentsMixin
from skaug._input import checked_rows
from skaug._labels import check_groups, check_labels
from skaug._memory import warn_without_seed
from skaug._random import draw_seed, own_generators
from skaug.influence.held_out import check_splits, joined, taken
from skaug.influence.last_layer import RULES
from skaug.influence.network_augmentation import NetworkAugmentation
from skaug.influence.policy import TransformPolicy
from skaug.influence.trainings import Trainings
from skaug.influence.views import N_VIEWS, ViewsMixin
from skaug.net.classifier import NetClassifier
from skaug.net.rows import type_of_rows
from skaug.net.splits import all_splits

__all__ = ["InfluenceAugmenter"]


SETTINGS = ("", "channels_last=False of the estimator, a NetClassifier")


class InfluenceAugmenter(ViewsMixin, ComponentsMixin, BaseEstimator):
    """Learn an augmentation that lowers the loss on held-out rows.

    What was learned is put to use in one of three ways. ``fit_resample`` returns the
    rows given and views of them, for any classifier: in imbalanced-learn's Pipeline, or
    in scikit-learn's inside a :class:`ResampledClassifier`. A callback draws fresh
    views in every epoch of a network, ``BatchAugmentation(augmenter.augmentation_)``.
    And ``estimator_`` is a network that was trained in this way on all rows.

    A guard compares trainings with and without the augmentation on held-out rows. If
    the loss is not lower beyond its standard error, the augmentation is left out: the
    rows stay as they are, and ``estimator_`` is the plain training.

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
    output : {"samples", "views"}, default="samples"
        "samples" is a sampler, whose ``fit_resample`` adds views to the rows. "views"
        is a transformer, whose ``fit_transform`` puts one view in the place of each
        row: what comes after it never sees the clean rows, which costs accuracy. An
        object never has both methods, because pipelines refuse such a step.
    n_views : int, default=1
        Views of each row that ``fit_resample`` adds.
    cv : "holdout", float, int or splitter, default="holdout"
        What is held out of X when no `X_val` is given: two fifths, a share, one of so
        many folds at a time, or what a splitter says. Never rows of groups that are
        trained on. The policy averages its scores over all splits; the network and the
        guard take the first one.
    damping : float, default=0.01
        Damping of the Hessian, see :class:`LastLayerInfluence`. Scores are ranks; sizes
        of influence would need 0.1.
    solver : {"auto", "cholesky", "cg", "stochastic"}, default="auto"
        How systems with the Hessian are solved, see :class:`LastLayerInfluence`.
        "stochastic" is for more rows than fit into the fast memory.
    calibrate : bool, default=True
        Whether validation logits are divided by their best temperature first. Without
        this the validation gradient of an overfitted network says "be less confident".
    guard : bool or classifier, default=True
        Whether to train F with and without the augmentation, equally long, on the
        training part of the first split, and to keep the augmentation only if the
        held-out loss is lower by more than its standard error. With groups, the error
        is over groups. ``fit_resample`` also asks a logistic regression whether views
        harm it; a classifier given here, such as the one that comes after, decides
        there alone. It gets rows in the container that X has.
    refit : bool, default=True
        Whether ``fit`` trains ``estimator_`` in the end, with what was learned, on
        training and held-out rows. ``fit_resample`` and ``fit_transform`` train none,
        because something else is trained on what they return.
    memory : str, path or joblib.Memory, default=None
        Where to keep each training as it ends. A fit that was killed, or broken off by
        Ctrl-C, goes on from there when the same ``fit`` is called again, and a search
        trains once what its candidates share, such as the networks that score the
        transforms. The results are the same without it. `random_state` must be an int:
        otherwise each fit draws other seeds, and nothing is found again. Trainings are
        known by the rows, the parameters of the net and the transforms, not by the code
        of your own functions. With other rows or parameters they are new ones, and the
        old ones stay in the folder.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. With an int, ``augment`` returns the same each time.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts trainings, and 2 prints lines
        instead, one for each training and each transform.

    Attributes
    ----------
    augmentation_ : callable
        What was learned, a function of a batch for :class:`BatchAugmentation`: a
        :class:`~skaug.influence.Policy` or a :class:`~skaug.influence.TrainedNetwork`.
        If it was not accepted, the function leaves rows as they are.
    accepted_ : bool
        Whether what was learned is used. True without a guard.
    held_out_loss_ : Bunch
        With a guard: the losses ``plain`` and ``augmented`` of the first split's
        held-out rows, in nats, and ``se``, the standard error of their difference.
    classifier_loss_ : Bunch
        With a guard, after ``fit_resample``: the same losses of a classifier, trained
        on rows alone and on rows with views.
    policy_ : list of Bunch
        Of the policy: transforms with scores and weights, best first.
    network_, losses_, loss_over_baseline_ : objects
        Of the network: as those of :class:`~skaug.NetworkAugmentation`.
    estimator_ : skorch.NeuralNetClassifier
        With `refit`, after ``fit``: F trained on all rows with the augmentation. If the
        random state of `estimator` is an int, it is the seed of this training; so if
        nothing was accepted, predictions are those of ``clone(estimator).fit(X, y)``,
        bit for bit.
    n_trainings_ : int
        How often F was trained, the last time included. What came from the memory was
        not trained.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    input_shape_ : tuple of int
        Shape of a row.
    input_dtype_ : type
        Type of the rows that networks and transforms get: ``numpy.float32``, or
        ``numpy.float64`` if float32 would not tell the values of a column apart.
    n_features_in_, feature_names_in_ : int, ndarray
        As in all of scikit-learn.
    source_index_ : ndarray of shape (n_resampled,)
        After ``fit_resample``: the row of X that each row comes from. A row of X comes
        from itself.
    is_synthetic_ : ndarray of shape (n_resampled,), bool
        After ``fit_resample``: which rows are views.
    sampling_strategy_ : dict
        After ``fit_resample``: number of views by class.
    groups_ : ndarray of shape (n_resampled,)
        After ``fit_resample`` with groups: the group of each row. A view has the group
        of its row.

    Raises
    ------
    ValueError
        If a parameter is out of range, a transform changes shape or labels, or a class
        is held out as a whole; says what to do.
    TypeError
        If the estimator is no net of skorch that classifies.
    OSError
        If `memory` cannot be written, such as on a full disk. What it has stays.
    KeyboardInterrupt
        If Ctrl-C ends a training. No augmentation is learned from a part of one.

    Warns
    -----
    UserWarning
        If fewer than 100 rows are held out, some class is not among them, the guard
        refuses what was learned, ``fit_transform`` takes the clean rows away, or there
        is a memory and no seed.

    See Also
    --------
    skaug.LastLayerInfluence : The numbers behind it.
    skaug.BatchAugmentation : Draws fresh views in every epoch.
    skaug.ResampledClassifier : A sampler and a classifier as one classifier.

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
    >>> augmenter = InfluenceAugmenter(
    ...     net, augmentation=policy, guard=False, random_state=0
    ... )
    >>> views = augmenter.fit(X[:600], y[:600]).augment(X[:600], n_views=2, y=y[:600])
    >>> views.shape
    (1200, 64)
    >>> augmenter.estimator_.score(X[600:], y[600:]) > 0.8
    True
    >>> augmenter.fit_resample(X[:600], y[:600])[0].shape
    (1200, 64)
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
        ),
        "damping": RULES["damping"],
        "solver": RULES["solver"],
        "output": OneOf("samples", "views"),
        "n_views": N_VIEWS,
        "calibrate": BOOL,
        "refit": BOOL,
        "guard": OneOf(True, False)
        | Rule(
            is_classifying,
            "a classifier",
            "Give an object such as LogisticRegression(), or True, which asks one for "
            "fit_resample.",
        ),
        "memory": MEMORY,
    }
    _holds_rows = False  # so that a ResampledClassifier keeps what was learned

    def __init__(
        self,
        estimator=None,
        *,
        augmentation="policy",
        output="samples",
        n_views=1,
        cv="holdout",
        damping=0.01,
        solver="auto",
        calibrate=True,
        guard=True,
        refit=True,
        memory=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.augmentation = augmentation
        self.output = output
        self.n_views = n_views
        self.cv = cv
        self.damping = damping
        self.solver = solver
        self.calibrate = calibrate
        self.guard = guard
        self.refit = refit
        self.memory = memory
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
        guard = self._guard_given is not False
        self._fit(X, y, groups, X_val, y_val, guard=guard, refit=self.refit)
        return self

    def _fit(self, X, y, groups=None, X_val=None, y_val=None, *, guard, refit=False):
        """Learn, train ``estimator_`` if asked to, and return all rows and labels."""
        self._check_parameters()
        learner = self.component("augmentation")
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        data = self._checked_data(X, y, groups)
        random = check_random_state(self.random_state)
        name = type(self).__name__
        if X_val is None and y_val is None:
            seed = draw_seed(random)
            splits = all_splits(
                self.cv, data.y, data.groups, random_state=seed, name=name
            )
        else:
            data, splits = joined(data, *self._checked_held_out(X_val, y_val))
        check_splits(data.y, self.classes_, splits)
        trainings = Trainings(
            self.estimator,
            self.classes_,
            damping=self.damping,
            solver=self.solver,
            calibrate=self.calibrate,
            random_state=random,
            memory=self.memory,
            verbose=self.verbose,
        )
        with trainings.progress, own_generators(trainings.device, draw_seed(random)):
            trainings.progress.expect(int(refit))
            learner.learn(trainings, taken(data, splits), guard=guard)
            for name, value in vars(learner).items():
                if name.endswith("_"):
                    setattr(self, name, value)
            if refit:
                used = self.augmentation_ if self.accepted_ else None
                self.estimator_ = trainings.train_last(data, used)
        self.n_trainings_ = trainings.n_trainings
        data.first_split = splits[0]
        return data

    def _checked_rows(self, X, *, reset=False):
        dtype = [np.float64, np.float32]
        X = checked_rows(self, X, dtype=dtype, allow_nd=True, reset=reset)
        last = self._channels_last()
        return self._questioned(X) if last is None or last else X

    @property
    def _guard_given(self):
        """`guard`, with NumPy's True and False, as searches set them, as Python's."""
        return bool(self.guard) if isinstance(self.guard, np.bool_) else self.guard

    def _channels_last(self):
        return getattr(self.estimator, "channels_last", None)

    def _questioned(self, X):
        """Refuse rows that may have channels last: transforms need them first."""
        name = type(self).__name__
        if self._channels_last():
            raise ValueError(
                f"{name} needs an estimator that takes channels first; got one with "
                "channels_last=True. Leave it out, and give X.transpose(0, 2, 1) of "
                "signals, or X.transpose(0, 3, 1, 2) of images."
            )
        return channels_first(X, None, name, settings=SETTINGS)

    def _type_of_rows(self, X):
        # Other nets of skorch do not convert rows to the type of their weights.
        ours = self.estimator is None or isinstance(self.estimator, NetClassifier)
        return type_of_rows(X) if ours else np.float32

    def _for_networks(self, X):
        """Rows in the type that networks and transforms get."""
        with np.errstate(over="ignore"):
            rows = X.astype(self.input_dtype_, copy=False)
        if not np.isfinite(rows).all():
            largest = max(X.max(), -X.min())
            raise ValueError(
                "InfluenceAugmenter needs numbers that float32 can hold; got "
                f"{largest:.3g}. Take another unit."
            )
        return rows

    def _check_parameters(self):
        net = self.estimator
        if net is not None and not isinstance(net, NeuralNetClassifier):
            raise TypeError(
                "InfluenceAugmenter needs a NetClassifier or another "
                f"NeuralNetClassifier of skorch; got a {type(net).__name__}. Give the "
                "net; whatever is to go with it comes after the augmenter."
            )
        if getattr(net, "class_weight", None) is not None:
            raise ValueError(
                "InfluenceAugmenter needs a net that is trained on rows of equal "
                f"weight; got class_weight={net.class_weight!r}. Take "
                "logit_adjustment=1 for classes of unequal size."
            )
        if isinstance(net, NetClassifier):
            net._check_parameters()
        check_parameters(self, self._rules)
        warn_without_seed(self)

    def _checked_data(self, X, y, groups):
        X = self._checked_rows(X, reset=True)
        y = check_labels(y, len(X), "InfluenceAugmenter", one_hot=True)
        if X.ndim > 4:
            raise ValueError(
                "InfluenceAugmenter needs a table (n, features), signals (n, channels, "
                f"time) or images (n, channels, height, width); got {X.shape}. Reshape "
                "X."
            )
        self.classes_, self.input_shape_ = np.unique(y), X.shape[1:]
        check_two_classes(self.classes_, "InfluenceAugmenter")
        groups = check_groups(groups, len(y), "InfluenceAugmenter")
        self.input_dtype_ = self._type_of_rows(X)
        return Bunch(X=self._for_networks(X), y=y, groups=groups)

    def _checked_held_out(self, X_val, y_val):
        if X_val is None or y_val is None:
            raise ValueError(
                "InfluenceAugmenter needs X_val and y_val together; got one of them. "
                "Give both, or none to hold out part of X."
            )
        if not len(X_val):
            raise ValueError(
                "InfluenceAugmenter needs one row or more in X_val; got none. Leave it "
                "out to hold out part of X."
            )
        X_val = self._checked_rows(X_val)
        if X_val.shape[1:] != self.input_shape_:
            raise ValueError(
                f"InfluenceAugmenter needs X_val of rows of shape {self.input_shape_}, "
                f"as X; got {X_val.shape[1:]}. Reshape it."
            )
        return self._for_networks(X_val), self._known(y_val, len(X_val))

    def _known(self, y, n):
        """Labels (n,), all of them classes of the fit."""
        y = check_labels(y, n, "InfluenceAugmenter", "y_val", one_hot=True)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"InfluenceAugmenter needs labels among {self.classes_.tolist()}; got "
                f"{unknown.tolist()}. Leave these rows out."
            )
        return y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        if self.output == "samples":
            tags.transformer_tags = None
        else:
            # fit_transform augments and transform does not.
            tags.non_deterministic = True
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
