r"""InfluenceAugmenter: which augmentation lowers the validation loss, by influence.

To train with each of thirty transforms and to look at the validation loss takes thirty
trainings. An influence function predicts what a training row does to the validation
loss, and so what its augmented copies would do, from one network that was trained
without any (Section 3 of the paper [1]_). There are two ways to use it.

- ``method="policy"`` scores each transform of a list as a whole, by the cosine between
  the mean gradient of the rows under it and the validation gradient, in the metric of
  the inverse Hessian, and draws the better ones more often. This is not in the paper.
- ``method="network"`` is the paper's: encoder and generator of
  :mod:`~skaug.augmentation_network`, trained through the influence of what they make.
  As printed its objective ruins accuracy on small data. Here it comes after a fixed
  baseline augmentation, with bounds, and with a guard that compares two trainings.

======================================  ===========================================
paper                                   here
======================================  ===========================================
F, z^tr, z^val                          ``estimator``, ``X``, ``X_val``
:math:`s_{val}` by conjugate gradients  ``LastLayerInfluence.validation_direction``
:math:`I_{aug}` (Eq. 15)                ``objective="influence"``
:math:`\tau`, E, G                      ``AugmentationNetwork``
RaGAN pretraining                       ``pretrain_steps``
"baseline augmented image"              ``baseline``
F is retrained                          ``estimator_``, on all rows
======================================  ===========================================

References
----------
.. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via Influence
   Functions", CVPR 2020.
"""

import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch import NeuralNetClassifier

from skaug._random import own_generators
from skaug.influence.last_layer import FEWEST_VALIDATION_ROWS, LastLayerInfluence
from skaug.influence.network import AugmentationNetwork
from skaug.influence.network_training import (
    OBJECTIVES,
    NetworkAugmentation,
    train_network,
)
from skaug.influence.policy import Policy, softmax_of_scores
from skaug.net.classifier import NetClassifier
from skaug.net.splits import all_splits
from skaug.refined.callback import BatchAugmentation
from skaug.transforms.calling import apply, name_of
from skaug.transforms.images import row_by_row
from skaug.transforms.lists import baseline_transform, default_transforms

__all__ = ["InfluenceAugmenter"]

# What a fit leaves behind, and the next one starts without.
LEARNED = (
    "augmentation_",
    "policy_",
    "network_",
    "losses_",
    "accepted_",
    "held_out_loss_",
    "estimator_",
)

# Rows that a transform is scored on, at most; a mean over more is no better.
MOST_SCORED = 2000


class InfluenceAugmenter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Learn an augmentation that lowers the loss on held-out rows.

    ``fit_transform`` augments the training rows, ``transform`` returns rows as they
    are: in a Pipeline the next step is trained on augmented rows and predicts from real
    ones. Fresh views in every epoch come from a callback,
    ``BatchAugmentation(augmenter.augmentation_)``, which is how ``estimator_`` has been
    trained.

    Parameters
    ----------
    estimator : NetClassifier or another net of skorch, default=None
        The network F, which ends in an ``nn.Linear``; it is cloned and never changed.
        ``None`` takes a :class:`NetClassifier`. skorch's own nets need codes from 0 on
        for labels.
    method : {"policy", "network"}, default="policy"
        A list of transforms with weights, or the paper's augmentation network.
    transforms : "auto" or list, default="auto"
        For "policy". Functions of a batch X, or of X and y, that keep its shape, or
        ``(name, strength, function)``; ``"auto"``, also as an element of the list, is
        the list of :func:`~skaug.transforms.default_transforms` for this kind of rows.
        torchvision's are put into a :class:`~skaug.transforms.PerSample`.
    strength : float, default=1.0
        How much influence counts. For "policy" a factor on the z-scores whose softmax
        are the weights: 0 is the uniform list. For "network" a factor on `bound`: 0 is
        the baseline alone.
    weighting : {"soft", "top"}, default="soft"
        Whether all transforms have weights by their scores, or the best `share` equal
        ones and the others none.
    share : float, default=1/3
        For "top".
    n_transforms : int, default=2
        For "policy": transforms that are drawn for a row.
    probability : float, default=0.7
        For "policy": of each of them to be applied.
    n_networks : int, default=3
        For "policy": networks that the scores are a mean over. One says less.
    n_draws : int, default=2
        For "policy": views of each row that a transform is scored on.
    damping : float, default=0.01
        Of the Hessian, see :class:`LastLayerInfluence`. Scores are ranks; sizes of
        influence would need 0.1.
    calibrate : bool, default=True
        Whether validation logits are divided by their best temperature first. Without
        it the validation gradient of an overfitted network says "be less confident".
    cv : "holdout", float, int or splitter, default="holdout"
        What is held out of X when no `X_val` is given: two fifths, a share, one of so
        many folds at a time (scores are averaged), or what a splitter says. Never rows
        of groups that are trained on. "network" takes the first split.
    refit : bool, default=True
        Whether to train ``estimator_`` in the end, with what was learned, on training
        and held-out rows. These are worth more than any augmentation.
    baseline : "auto", callable or None, default="auto"
        For "network": what is done to rows before it, and what the GAN takes for real;
        "auto" is :func:`~skaug.transforms.baseline_transform`.
    objective : {"cosine", "influence", "newton"}, default="cosine"
        For "network": the cosine of "policy" for each batch; the paper's influence, a
        mean over the batch, which has no bound; or minus the validation loss after a
        Newton step of the last layer on the batch.
    branches : {"both", "spatial", "appearance"}, default="both"
        For "network": what it changes. This and the next three are those of
        :class:`~skaug.influence.AugmentationNetwork`.
    combination : {"parallel", "serial"}, default="parallel"
        For "network": whether appearance is made from the row, or from the warped row.
    bound : float, default=0.05
        For "network": how far it goes at most, a factor beside `strength`.
    code_dim : int, default=128
        For "network": length of the code.
    mix : float, default=0.5
        For "network": share of rows that it leaves to the baseline alone.
    pretrain_steps : int, default=0
        For "network": steps in which only the GAN is trained, with a baseline. The
        paper finds them of no use for accuracy; 100 of them took fields to their bound,
        where they stayed, since the baseline moves farther than that.
    gan_weight : float, default=0.0
        For "network": weight of the GAN's loss beside the objective afterwards; the
        paper does not say whether it stays. 1 kept the network near the identity.
    steps : int, default=150
        For "network": steps of a round.
    rounds : int, default=1
        For "network": how often F is trained, with what there is, and E and G with it.
    guard : bool, default=True
        For "network": whether to train F with and without it and to fall back to the
        baseline unless the held-out loss is lower by more than its standard error.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. With an int, ``augment`` returns the same each time.
    verbose : int, default=0
        1 prints a line per training and per transform.

    Attributes
    ----------
    augmentation_ : callable
        What was learned, a function of a batch for :class:`BatchAugmentation`.
    policy_ : list of Bunch
        For "policy": ``transform``, ``strength``, ``score`` (mean cosine), ``std`` (of
        the scores over networks) and ``weight``, best first, ready for
        ``pandas.DataFrame(policy_)``.
    network_ : AugmentationNetwork
        For "network": the trained encoder and generator, also if not accepted.
    losses_ : dict of str to list of float
        For "network": ``objective``, ``generator`` and ``discriminator`` by step.
    accepted_ : bool
        For "network": whether it lowered the held-out loss, on the rows that E and G
        were trained through. True without `guard`.
    held_out_loss_ : Bunch
        For "network" with `guard`: ``without`` and ``with_network``, in nats, and
        ``se``, the standard error of the difference over rows.
    estimator_ : skorch.NeuralNetClassifier
        With `refit`: F trained on all rows with the augmentation.
    n_trainings_ : int
        How often F was trained, the last time included.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_, feature_names_in_ : int, ndarray
        As in all of scikit-learn.

    Raises
    ------
    ValueError
        If a parameter is out of range, a transform changes shape or labels, or a class
        is held out as a whole; says what to do.

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
    >>> from skaug import InfluenceAugmenter, NetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NetClassifier(max_epochs=5)
    >>> augmenter = InfluenceAugmenter(net, n_networks=1, random_state=0)
    >>> views = augmenter.fit(X[:600], y[:600]).augment(X[:600], n_views=2, y=y[:600])
    >>> views.shape
    (1200, 64)
    >>> augmenter.estimator_.score(X[600:], y[600:]) > 0.8
    True
    """

    def __init__(
        self,
        estimator=None,
        *,
        method="policy",
        transforms="auto",
        strength=1.0,
        weighting="soft",
        share=1 / 3,
        n_transforms=2,
        probability=0.7,
        n_networks=3,
        n_draws=2,
        damping=0.01,
        calibrate=True,
        cv="holdout",
        refit=True,
        baseline="auto",
        objective="cosine",
        branches="both",
        combination="parallel",
        bound=0.05,
        code_dim=128,
        mix=0.5,
        pretrain_steps=0,
        gan_weight=0.0,
        steps=150,
        rounds=1,
        guard=True,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.method = method
        self.transforms = transforms
        self.strength = strength
        self.weighting = weighting
        self.share = share
        self.n_transforms = n_transforms
        self.probability = probability
        self.n_networks = n_networks
        self.n_draws = n_draws
        self.damping = damping
        self.calibrate = calibrate
        self.cv = cv
        self.refit = refit
        self.baseline = baseline
        self.objective = objective
        self.branches = branches
        self.combination = combination
        self.bound = bound
        self.code_dim = code_dim
        self.mix = mix
        self.pretrain_steps = pretrain_steps
        self.gan_weight = gan_weight
        self.steps = steps
        self.rounds = rounds
        self.guard = guard
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
        for name in LEARNED:
            if hasattr(self, name):
                delattr(self, name)
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        if X.ndim > 4:
            raise ValueError(
                "InfluenceAugmenter needs a table (n, features), signals (n, channels, "
                f"time) or images (n, channels, height, width); got {X.shape}. Reshape "
                "X."
            )
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                "InfluenceAugmenter needs two classes or more; got one class, "
                f"{self.classes_.tolist()}. Give rows of another class too."
            )
        if (X_val is None) != (y_val is None):
            raise ValueError(
                "InfluenceAugmenter needs X_val and y_val together; got one of them. "
                "Give both, or none to hold out part of X."
            )
        self.n_trainings_, self.input_shape_ = 0, X.shape[1:]
        self._random = check_random_state(self.random_state)
        try:
            if X_val is None:
                seed = self._draw_seed()
                splits = all_splits(
                    self.cv, y, groups, random_state=seed, name="InfluenceAugmenter"
                )
            else:
                X_val, y_val = self._checked_held_out(X_val, y_val)
                splits = [(np.arange(len(X)), np.arange(len(X), len(X) + len(X_val)))]
                X, y = np.concatenate([X, X_val]), np.concatenate([y, y_val])
                groups = None
            parts = self._parts(splits, X, y, groups)
            with own_generators(self._device(), self._draw_seed()):
                if self.method == "policy":
                    self._fit_policy(parts)
                else:
                    self._fit_network(*next(parts))
                if self.refit:
                    rows = Bunch(X=X, y=y, groups=groups)
                    self.estimator_ = self._trained(rows, self.augmentation_)
        finally:
            del self._random
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
        return self._rows(X)

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
        X = self._rows(X)
        if X.shape[1:] != self.input_shape_:
            raise ValueError(
                f"InfluenceAugmenter needs rows of shape {self.input_shape_}, as in "
                f"fit; got {X.shape[1:]}. Reshape X."
            )
        if not isinstance(n_views, Integral) or n_views < 1:
            raise ValueError(
                "InfluenceAugmenter needs n_views to be a whole number >= 1; got "
                f"{n_views!r}. 1 is a view of each row."
            )
        codes = None
        if y is not None:
            codes = torch.from_numpy(self._codes(self._checked_labels(y, len(X))))
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rows = torch.tensor(X, dtype=torch.float32)
        with own_generators("cpu", int(seed)), torch.no_grad():
            views = [self(rows, codes) for _ in range(n_views)]
        views = torch.cat([view if codes is None else view[0] for view in views])
        # Rows that are left alone keep all of their digits.
        changed = (views != rows.repeat(n_views, *[1] * (X.ndim - 1))).numpy()
        return np.where(
            changed, views.numpy(), np.tile(X, (n_views, *[1] * (X.ndim - 1)))
        )

    def __call__(self, X, y=None):
        """Draw a view of each row of a batch, from torch's global generators.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor of shape (n,), default=None
            Class codes.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Views.
        y : torch.Tensor
            As it came; only if it was given.
        """
        check_is_fitted(
            self,
            "augmentation_",
            msg="InfluenceAugmenter needs to be fitted before it is called; clones of "
            "a net hold one that is not. Give BatchAugmentation its augmentation_.",
        )
        return self.augmentation_(X, y)

    def _rows(self, X):
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
        allowed = {
            "method": ("policy", "network"),
            "weighting": ("soft", "top"),
            "objective": tuple(OBJECTIVES),
            "branches": ("both", "spatial", "appearance"),
            "combination": ("parallel", "serial"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"InfluenceAugmenter needs {name} to be one of {values}; got "
                    f"{getattr(self, name)!r}. Leave it out for {values[0]!r}."
                )
        counts = ("n_transforms", "n_networks", "n_draws", "rounds", "code_dim")
        for name in (*counts, "steps", "pretrain_steps"):
            value, least = getattr(self, name), int(name in counts)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(
                    f"InfluenceAugmenter needs {name} to be a whole number >= {least}; "
                    f"got {value!r}. Leave it out for the default."
                )
        for name in ("probability", "share", "mix", "strength", "gan_weight", "bound"):
            value = getattr(self, name)
            most = 1.0 if name in ("probability", "share", "mix") else np.inf
            if not isinstance(value, Real) or not (
                0 <= value <= most and value < np.inf
            ):
                limits = "from 0 to 1" if most == 1 else ">= 0"
                raise ValueError(
                    f"InfluenceAugmenter needs {name} {limits}; got {value!r}. Leave "
                    "it out for the default."
                )
        given = self.transforms
        if not isinstance(given, (list, tuple)) and not (
            isinstance(given, str) and given == "auto"
        ):
            raise ValueError(
                f"InfluenceAugmenter needs transforms to be 'auto' or a list; got "
                f"{given!r}. Put a single function into a list."
            )
        baseline = self.baseline
        if not (
            baseline is None
            or callable(baseline)
            or (isinstance(baseline, str) and baseline == "auto")
        ):
            raise ValueError(
                "InfluenceAugmenter needs baseline to be 'auto', a function of a batch "
                f"or None; got {baseline!r}. 'auto' suits the kind of rows."
            )

    def _checked_held_out(self, X_val, y_val):
        X_val = validate_data(self, X_val, dtype=np.float32, allow_nd=True, reset=False)
        if X_val.shape[1:] != self.input_shape_:
            raise ValueError(
                f"InfluenceAugmenter needs X_val of rows of shape {self.input_shape_}, "
                f"as X; got {X_val.shape[1:]}. Reshape it."
            )
        return X_val, self._checked_labels(y_val, len(X_val))

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

    def _parts(self, splits, X, y, groups):
        """Rows to train on and rows held out, split by split."""
        fewest = min(len(held_out) for _, held_out in splits)
        if fewest < FEWEST_VALIDATION_ROWS:
            warnings.warn(
                f"InfluenceAugmenter needs {FEWEST_VALIDATION_ROWS} held-out rows or "
                f"more for scores that mean something; got {fewest}. Hold out more: "
                "below that the ranks of transforms are mostly chance.",
                stacklevel=4,
            )
        for part in splits:
            self._check_classes(*(y[rows] for rows in part))
        for part in splits:
            yield tuple(
                Bunch(X=X[i], y=y[i], groups=None if groups is None else groups[i])
                for i in part
            )

    def _check_classes(self, train, held_out):
        missing = np.setdiff1d(self.classes_, train)
        if len(missing):
            raise ValueError(
                "InfluenceAugmenter needs rows of every class to train on; got none of "
                f"{missing.tolist()} outside of what is held out. Give more rows of "
                "these, or X_val and y_val."
            )
        missing = np.setdiff1d(self.classes_, held_out)
        if len(missing):
            warnings.warn(
                "InfluenceAugmenter needs every class among the held-out rows; got "
                f"none of {missing.tolist()}. Nothing is learned for these; give more "
                "rows of them.",
                stacklevel=5,
            )

    def _draw_seed(self):
        return int(self._random.randint(2**31 - 1))

    def _device(self):
        return getattr(self.estimator, "device", None) or "cpu"

    def _codes(self, y):
        return np.searchsorted(self.classes_, y)

    def _say(self, text):
        if self.verbose:
            print(text, flush=True)

    def _trained(self, rows, augmentation=None, seed=None):
        """F, trained from new weights, with an augmentation if there is one."""
        net = NetClassifier() if self.estimator is None else clone(self.estimator)
        seed = self._draw_seed() if seed is None else seed
        if "random_state" in net.get_params():
            net.set_params(random_state=seed)
        if augmentation is not None:
            own = BatchAugmentation(augmentation, random_state=seed)
            others = net.callbacks if isinstance(net.callbacks, list) else []
            # Those of the net may mix labels, and what is learned needs them whole.
            net.set_params(callbacks=[own, *others])
        # What F holds out by itself is not to share a group either.
        ours = isinstance(net, NetClassifier)
        groups = {"groups": rows.groups} if ours and rows.groups is not None else {}
        # A net without a random state draws from torch's generators.
        with own_generators(self._device(), seed):
            net.fit(rows.X, rows.y, **groups)
        self.n_trainings_ += 1
        self._say(
            f"InfluenceAugmenter, training {self.n_trainings_} on {len(rows.X)} rows"
        )
        return net

    def _influence(self, net, rows):
        influence = LastLayerInfluence(
            net, damping=self.damping, calibrate=self.calibrate, tol=1e-6
        )
        return influence.fit(rows.X, rows.y)

    def _fit_policy(self, parts):
        candidates, scores = None, []
        for train, held_out in parts:
            if candidates is None:
                candidates = self._candidates(torch.from_numpy(train.X))
            influences = [
                self._influence(self._trained(train), train)
                for _ in range(self.n_networks)
            ]
            gradients = self._gradients(influences, candidates, train)
            scores += [
                influence.gradient_cosine(of_groups, held_out.X, held_out.y)
                for influence, of_groups in zip(influences, gradients)
            ]
        score = np.mean(scores, axis=0)
        if self.weighting == "soft":
            weight = softmax_of_scores(score, self.strength)
        else:
            n_kept = max(1, round(self.share * len(score)))
            weight = np.zeros(len(score))
            weight[np.argsort(-score)[:n_kept]] = 1 / n_kept
        self.augmentation_ = Policy(
            [transform for *_, transform in candidates],
            weight,
            self.n_transforms,
            self.probability,
        )
        names = ("transform", "strength", "score", "std", "weight")
        columns = zip(candidates, score, np.std(scores, axis=0), weight)
        self.policy_ = [
            Bunch(**dict(zip(names, (name, strength, *map(float, numbers)))))
            for (name, strength, _), *numbers in columns
        ]
        self.policy_.sort(key=lambda row: -row.score)

    def _candidates(self, X):
        """Name, strength and function of all transforms of the list."""
        given = [self.transforms] if self.transforms == "auto" else self.transforms
        candidates = []
        for one in given:
            if isinstance(one, str) and one == "auto":
                candidates += default_transforms(X)
            elif callable(one):
                strength = getattr(one, "strength", None)
                candidates.append((name_of(one), strength, row_by_row(one)))
            elif isinstance(one, tuple) and len(one) == 3 and callable(one[2]):
                candidates.append((*one[:2], row_by_row(one[2])))
            else:
                raise ValueError(
                    "InfluenceAugmenter needs transforms that are functions of a batch "
                    f"or (name, strength, function); got {one!r}. 'auto' is the list "
                    "for this kind of rows."
                )
        if not candidates:
            raise ValueError(
                "InfluenceAugmenter needs one transform or more; got an empty list. "
                "Set transforms='auto'."
            )
        return candidates

    def _gradients(self, influences, candidates, train):
        """Mean gradients under each transform, one tensor for each network."""
        rows = np.arange(len(train.X))
        if len(rows) > MOST_SCORED:
            rows = self._random.permutation(rows)[:MOST_SCORED]
        X, y = torch.from_numpy(train.X[rows]), train.y[rows]
        codes = torch.from_numpy(self._codes(y))
        gradients = [[] for _ in influences]
        for name, strength, transform in candidates:
            sums = [0.0] * len(influences)
            for _ in range(self.n_draws):
                with torch.no_grad():
                    views = apply(transform, X, codes).numpy()
                for number, influence in enumerate(influences):
                    sums[number] += influence.mean_gradient(views, y) / self.n_draws
            for of_groups, mean in zip(gradients, sums):
                of_groups.append(mean)
            self._say(f"InfluenceAugmenter, {name} {strength}")
        return [torch.stack(of_groups) for of_groups in gradients]

    def _fit_network(self, train, held_out):
        X = torch.from_numpy(train.X)
        baseline = self.baseline
        if isinstance(baseline, str):
            baseline = baseline_transform(X)
        baseline = None if baseline is None else row_by_row(baseline)
        self.network_ = AugmentationNetwork(
            X,
            branches=self.branches,
            combination=self.combination,
            bound=self.strength * self.bound,
            code_dim=self.code_dim,
        )
        self.losses_ = {}
        learned = NetworkAugmentation(self.network_, baseline, self.mix)
        alone = None if baseline is None else NetworkAugmentation(None, baseline)
        seed = self._draw_seed()
        net = without = self._trained(train, alone, seed)
        for number in range(self.rounds):
            if number > 0:
                net = self._trained(train, learned, seed)
            self._train_network(net, baseline, train, held_out, first=number == 0)
        self.network_.requires_grad_(False)
        self.augmentation_, self.accepted_ = learned, True
        if self.guard:
            self._compare(without, self._trained(train, learned, seed), held_out)
        if not self.accepted_:
            self.augmentation_ = NetworkAugmentation(None, baseline)

    def _compare(self, without, with_network, held_out):
        """Accept the network if the held-out loss is lower beyond doubt."""
        codes = self._codes(held_out.y)
        losses = [
            -np.log(net.predict_proba(held_out.X)[np.arange(len(codes)), codes] + 1e-12)
            for net in (with_network, without)
        ]
        difference = losses[0] - losses[1]
        se = float(difference.std() / np.sqrt(max(1, len(codes) - 1)))
        self.held_out_loss_ = Bunch(
            with_network=float(losses[0].mean()),
            without=float(losses[1].mean()),
            se=se,
        )
        self.accepted_ = bool(difference.mean() < -se)
        if not self.accepted_:
            warnings.warn(
                "InfluenceAugmenter needs the network to lower the held-out loss by "
                f"more than its standard error; got {losses[0].mean():.3f} with it and "
                f"{losses[1].mean():.3f} without, ± {se:.3f}. The baseline is used "
                "without it. Raise steps or strength, or set guard=False.",
                stacklevel=4,
            )

    def _train_network(self, net, baseline, train, held_out, *, first):
        """A round: through an F of its own, which is not changed."""
        net.module_.requires_grad_(False)
        losses = train_network(
            self.network_.to(self._device()),
            self._influence(net, train),
            (train.X, train.y),
            (held_out.X, held_out.y),
            baseline,
            objective=self.objective,
            gan_weight=self.gan_weight,
            pretrain_steps=self.pretrain_steps if first else 0,
            steps=self.steps,
        )
        for name, of_name in losses.items():
            self.losses_.setdefault(name, []).extend(of_name)
        self.network_.cpu()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        # fit_transform augments and transform does not.
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
