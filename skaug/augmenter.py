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
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skaug.augmentation_network import (
    AugmentationNetwork,
    Discriminator,
    relativistic_losses,
)
from skaug.batch_augmentation import BatchAugmentation
from skaug.finetuning import own_generators
from skaug.influence import LastLayerInfluence
from skaug.net import NetClassifier
from skaug.policy import (
    Policy,
    apply,
    baseline_transform,
    default_transforms,
    softmax_of_scores,
)
from skaug.splits import all_splits
from skaug.transforms import name_of

__all__ = ["InfluenceAugmenter", "NetworkAugmentation"]

# With fewer held-out rows the scores say little: the rank correlation with trainings
# was .3 at 25 rows, .6 at 100 and .7 at 500 on MNIST.
FEWEST_HELD_OUT = 100

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
        ``None`` takes a :class:`NetClassifier`.
    method : {"policy", "network"}, default="policy"
        A list of transforms with weights, or the paper's augmentation network.
    transforms : "auto" or list, default="auto"
        For "policy". Functions of a batch X, or of X and y, that keep its shape, or
        ``(name, strength, function)``; ``"auto"``, also as an element of the list, is
        the list of :func:`~skaug.policy.default_transforms` for this kind of rows.
    strength : float, default=1.0
        How much influence counts. For "policy" a factor on the z-scores whose softmax
        are the weights: 0 is the uniform list. For "network" the weight of the
        objective beside that of the GAN.
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
        "auto" is :func:`~skaug.policy.baseline_transform`.
    objective : {"cosine", "influence", "newton"}, default="cosine"
        For "network": the cosine of "policy" for each batch; the paper's influence,
        which has no bound; or the validation loss after a Newton step of the last layer
        on the batch.
    branches, combination, bound, code_dim
        For "network": see :class:`~skaug.augmentation_network.AugmentationNetwork`.
    mix : float, default=0.5
        For "network": share of rows that it leaves to the baseline alone.
    pretrain_steps : int, default=100
        For "network": steps in which only the GAN is trained; 0 without a baseline.
    gan_weight : float, default=1.0
        For "network": weight of the GAN's loss afterwards.
    steps : int, default=150
        For "network": steps of a round.
    rounds : int, default=1
        For "network": how often F is trained, with what there is, and E and G with it.
    guard : bool, default=True
        For "network": whether to train F with and without it and to fall back to the
        baseline if the held-out loss is not lower.
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
        For "network": whether it lowered the held-out loss. True without `guard`.
    held_out_loss_ : Bunch
        For "network" with `guard`: ``without`` and ``with_network``, in nats.
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
        pretrain_steps=100,
        gan_weight=1.0,
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
        self._random = check_random_state(self.random_state)
        self.n_trainings_ = 0
        if (X_val is None) != (y_val is None):
            raise ValueError(
                "InfluenceAugmenter needs X_val and y_val together; got one of them. "
                "Give both, or none to hold out part of X."
            )
        if X_val is None:
            seed = self._draw_seed()
            parts = [
                ((X[train], y[train]), (X[held_out], y[held_out]))
                for train, held_out in all_splits(self.cv, y, groups, random_state=seed)
            ]
            everything = X, y
        else:
            X_val = validate_data(
                self, X_val, dtype=np.float32, allow_nd=True, reset=False
            )
            y_val = np.asarray(y_val)
            parts = [((X, y), (X_val, y_val))]
            everything = np.concatenate([X, X_val]), np.concatenate([y, y_val])
        for part in parts:
            self._check_part(*part)
        with own_generators(self._device(), self._draw_seed()):
            if self.method == "policy":
                self._fit_policy(parts)
            else:
                self._fit_network(*parts[0])
            if self.refit:
                self.estimator_ = self._trained(*everything, self.augmentation_)
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
        check_is_fitted(self)
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
        check_is_fitted(self)
        X = self._rows(X)
        if not isinstance(n_views, Integral) or n_views < 1:
            raise ValueError(
                "InfluenceAugmenter needs n_views to be a whole number >= 1; got "
                f"{n_views!r}."
            )
        codes = None if y is None else torch.from_numpy(self._codes(np.asarray(y)))
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rows = torch.tensor(X, dtype=torch.float32)
        with own_generators("cpu", int(seed)), torch.no_grad():
            views = [self(rows, codes) for _ in range(n_views)]
        views = [view if codes is None else view[0] for view in views]
        return torch.cat(views).numpy().astype(X.dtype, copy=False)

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
            msg="InfluenceAugmenter needs to be fitted before it is called; clones of "
            "a net hold one that is not. Give BatchAugmentation its augmentation_.",
        )
        return self.augmentation_(X, y)

    def _rows(self, X):
        dtype = [np.float32, np.float64]
        return validate_data(self, X, dtype=dtype, allow_nd=True, reset=False)

    def _check_parameters(self):
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
                    f"{getattr(self, name)!r}."
                )
        numbers = {"n_transforms": 1, "n_networks": 1, "n_draws": 1, "rounds": 1}
        for name, least in {**numbers, "steps": 0, "pretrain_steps": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(
                    f"InfluenceAugmenter needs {name} to be a whole number >= {least}; "
                    f"got {value!r}."
                )
        for name in ("probability", "share", "mix", "strength", "gan_weight", "bound"):
            value = getattr(self, name)
            most = 1 if name in ("probability", "share", "mix") else np.inf
            if not isinstance(value, Real) or not 0 <= value <= most:
                limits = "from 0 to 1" if most == 1 else ">= 0"
                raise ValueError(
                    f"InfluenceAugmenter needs {name} {limits}; got {value!r}."
                )
        baseline = self.baseline
        if not (baseline is None or callable(baseline)) and baseline != "auto":
            raise ValueError(
                "InfluenceAugmenter needs baseline to be 'auto', a function of a batch "
                f"or None; got {baseline!r}."
            )

    def _check_part(self, train, held_out):
        missing = np.setdiff1d(self.classes_, train[1])
        if len(missing):
            raise ValueError(
                "InfluenceAugmenter needs rows of every class to train on; got none of "
                f"{missing.tolist()} outside of what is held out. Give more rows of "
                "these, or X_val and y_val."
            )
        n = len(held_out[1])
        if n < FEWEST_HELD_OUT:
            warnings.warn(
                f"InfluenceAugmenter needs {FEWEST_HELD_OUT} held-out rows or more for "
                f"scores that mean something; got {n}. Below that the ranks of "
                "transforms are mostly chance: hold out more.",
                stacklevel=3,
            )
        missing = np.setdiff1d(self.classes_, held_out[1])
        if len(missing):
            warnings.warn(
                "InfluenceAugmenter needs every class among the held-out rows; got "
                f"none of {missing.tolist()}. Nothing is learned for these.",
                stacklevel=3,
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

    def _trained(self, X, y, augmentation=None, seed=None):
        """F, trained from new weights, with an augmentation if there is one."""
        net = NetClassifier() if self.estimator is None else clone(self.estimator)
        seed = self._draw_seed() if seed is None else seed
        if "random_state" in net.get_params():
            net.set_params(random_state=seed)
        if augmentation is not None:
            own = BatchAugmentation(augmentation, random_state=seed)
            net.set_params(callbacks=[*(net.callbacks or []), ("influence", own)])
        net.fit(X, y)
        self.n_trainings_ += 1
        self._say(f"InfluenceAugmenter, training {self.n_trainings_} on {len(X)} rows")
        return net

    def _influence(self, net, X, y):
        influence = LastLayerInfluence(
            FrozenEstimator(net), damping=self.damping, calibrate=self.calibrate
        )
        return influence.fit(X, y)

    def _fit_policy(self, parts):
        candidates = self._candidates(torch.from_numpy(parts[0][0][0]))
        scores = []
        for train, held_out in parts:
            influences = [
                self._influence(self._trained(*train), *train)
                for _ in range(self.n_networks)
            ]
            gradients = self._gradients(influences, candidates, *train)
            scores += [
                influence.gradient_cosine(of_groups, *held_out)
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
                candidates.append((name_of(one), strength, one))
            elif isinstance(one, tuple) and len(one) == 3 and callable(one[2]):
                candidates.append(one)
            else:
                raise ValueError(
                    "InfluenceAugmenter needs transforms that are functions of a batch "
                    f"or (name, strength, function); got {one!r}."
                )
        if not candidates:
            raise ValueError(
                "InfluenceAugmenter needs one transform or more; got an empty list. "
                "Set transforms='auto'."
            )
        return candidates

    def _gradients(self, influences, candidates, X, y):
        """Mean gradients under each transform, one tensor for each network."""
        rows = np.arange(len(X))
        if len(X) > MOST_SCORED:
            rows = self._random.permutation(len(X))[:MOST_SCORED]
        X, y = torch.from_numpy(X[rows]), y[rows]
        codes = torch.from_numpy(self._codes(y))
        gradients = [[] for _ in influences]
        for name, strength, transform in candidates:
            views = [apply(transform, X, codes).numpy() for _ in range(self.n_draws)]
            views = np.concatenate(views)
            for influence, of_groups in zip(influences, gradients):
                of_groups.append(
                    influence.mean_gradient(views, np.tile(y, self.n_draws))
                )
            self._say(f"InfluenceAugmenter, {name} {strength}")
        return [torch.stack(of_groups) for of_groups in gradients]

    def _fit_network(self, train, held_out):
        X = torch.from_numpy(train[0])
        baseline = self.baseline
        if isinstance(baseline, str):
            baseline = baseline_transform(X)
        device = self._device()
        self.network_ = AugmentationNetwork(
            X,
            branches=self.branches,
            combination=self.combination,
            bound=self.bound,
            code_dim=self.code_dim,
        ).to(device)
        learned = NetworkAugmentation(self.network_, baseline, self.mix)
        self.losses_ = {"objective": [], "generator": [], "discriminator": []}
        seed = self._draw_seed()
        net = without = self._trained(*train, baseline, seed)
        for number in range(self.rounds):
            if number > 0:
                net = self._trained(*train, learned, seed)
            self._train_network(net, baseline, train, held_out, first=number == 0)
        self.network_.requires_grad_(False)
        self.augmentation_, self.accepted_ = learned, True
        if not self.guard:
            return
        nets = {
            "without": without,
            "with_network": self._trained(*train, learned, seed),
        }
        X_val, y_val = held_out
        self.held_out_loss_ = Bunch(
            **{
                name: float(
                    log_loss(y_val, net.predict_proba(X_val), labels=self.classes_)
                )
                for name, net in nets.items()
            }
        )
        self.accepted_ = self.held_out_loss_.with_network < self.held_out_loss_.without
        if not self.accepted_:
            warnings.warn(
                "InfluenceAugmenter needs the network to lower the held-out loss; got "
                f"{self.held_out_loss_.with_network:.3f} with it and "
                f"{self.held_out_loss_.without:.3f} without. The baseline alone is "
                "used.",
                stacklevel=3,
            )
            self.augmentation_ = NetworkAugmentation(None, baseline)

    def _train_network(self, net, baseline, train, held_out, *, first):
        """Steps of the GAN alone, then with the objective; F is not changed."""
        module = net.module_
        was_trained = [p.requires_grad for p in module.parameters()]
        module.requires_grad_(False)
        influence = self._influence(net, *train)
        score = OBJECTIVES[self.objective](influence, *held_out)
        rows, labels = torch.from_numpy(train[0]).to(self._device()), train[1]
        codes = torch.from_numpy(self._codes(labels)).to(rows.device)
        judge = Discriminator(rows, influence.features_.shape[1]).to(rows.device)
        optimizers = [
            torch.optim.Adam(part.parameters(), lr=2e-3, betas=(0.5, 0.99))
            for part in (self.network_, judge)
        ]
        n_pretrain = self.pretrain_steps if first and baseline is not None else 0
        gan = baseline is not None and (self.gan_weight > 0 or n_pretrain > 0)
        for step in range(n_pretrain + self.steps):
            pretraining = step < n_pretrain
            batch = torch.randint(len(rows), (min(64, len(rows)),)).to(rows.device)
            X, y = rows[batch], labels[batch.cpu().numpy()]
            real = X if baseline is None else apply(baseline, X, codes[batch])
            # The paper's GAN turns clean rows into what the baseline makes of them;
            # afterwards the network comes on top of the baseline.
            fake = self.network_(X if pretraining else real)
            loss = torch.zeros((), dtype=torch.float64, device=rows.device)
            if not pretraining:
                objective = score(fake, y)
                loss = loss - self.strength * objective
                self.losses_["objective"].append(float(objective.detach()))
            if gan:
                features = influence.features_of(torch.cat([real, fake])).float()
                of_real, of_fake = features[: len(real)], features[len(real) :]
                judged = judge(real, of_real), judge(fake, of_fake)
                pairs = [relativistic_losses(*pair) for pair in zip(*judged)]
                of_generator = sum(generator for _, generator in pairs)
                weight = 1.0 if pretraining else self.gan_weight
                loss = loss + weight * of_generator
                self.losses_["generator"].append(float(of_generator.detach()))
            optimizers[0].zero_grad()
            # Those of the discriminator would be a part of the work for nothing.
            loss.backward(inputs=list(self.network_.parameters()))
            optimizers[0].step()
            if gan:
                of_real, of_fake = of_real.detach(), of_fake.detach()
                judged = judge(real, of_real), judge(fake.detach(), of_fake)
                pairs = [relativistic_losses(*pair) for pair in zip(*judged)]
                loss = sum(discriminator for discriminator, _ in pairs)
                optimizers[1].zero_grad()
                loss.backward()
                optimizers[1].step()
                self.losses_["discriminator"].append(float(loss.detach()))
        for p, trained in zip(module.parameters(), was_trained):
            p.requires_grad_(trained)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        # fit_transform augments and transform does not.
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class NetworkAugmentation:
    """A baseline, and then an augmentation network for part of the rows.

    Parameters
    ----------
    network : AugmentationNetwork or None
        ``None`` leaves the baseline alone.
    baseline : callable or None
        Function of a batch.
    mix : float, default=0.5
        Share of rows without the network.
    """

    def __init__(self, network, baseline, mix=0.5):
        self.network = network
        self.baseline = baseline
        self.mix = mix

    def __call__(self, X, y=None):
        """Draw a view of each row of a batch, from torch's global generators."""
        new_X = X if self.baseline is None else apply(self.baseline, X, y)
        if self.network is not None:
            with torch.no_grad():
                views = self.network(new_X)
            kept = (torch.rand(len(X)) < self.mix).to(X.device)
            new_X = torch.where(kept.view(-1, *[1] * (X.ndim - 1)), new_X, views)
        return new_X if y is None else (new_X, y)


def _cosine(influence, X_val, y_val):
    """Cosine of the batch's mean gradient and the validation gradient."""
    direction = influence.validation_direction(X_val, y_val)
    # Their scalar product is the squared length of the validation gradient.
    length = (direction * influence.validation_gradient(X_val, y_val)).sum()

    def score(X, y):
        gradient = influence.mean_gradient(X, y)
        own = gradient.detach()
        solved = influence.inverse_hessian_product(own[None])[0]
        # own' H^-1 own, with its derivative, and without going through the solver
        squared = 2 * (gradient * solved).sum() - (own * solved).sum()
        return (gradient * direction).sum() / (squared * length).sqrt()

    return score


def _influence(influence, X_val, y_val):
    """The paper's: minus the predicted change of the validation loss, times n."""
    direction = influence.validation_direction(X_val, y_val)
    return lambda X, y: (influence.mean_gradient(X, y) * direction).sum()


def _newton(influence, X_val, y_val):
    """Minus the validation loss after a Newton step of the last layer on the batch."""
    weight = torch.as_tensor(influence.coef_)
    features = influence.features_of(X_val)
    codes = torch.from_numpy(np.searchsorted(influence.classes_, y_val))
    codes, weight = codes.to(features.device), weight.to(features)

    def score(X, y):
        gradient = influence.mean_gradient(X, y)
        step = influence.inverse_hessian_product(gradient.detach()[None])[0]
        moved = (weight - step).requires_grad_()
        loss = torch.nn.functional.cross_entropy(features @ moved.T, codes)
        (slope,) = torch.autograd.grad(loss, moved)
        solved = influence.inverse_hessian_product(slope[None])[0]
        # The value is that of the loss, the derivative that through the step.
        through = (gradient * solved).sum()
        return through - through.detach() - loss.detach()

    return score


OBJECTIVES = {"cosine": _cosine, "influence": _influence, "newton": _newton}
