"""NetworkAugmentation: the paper's augmentation network, behind a baseline and a guard.

The network is that of :mod:`skaug.influence.network`, trained through the influence of
what the network makes. The objective as printed in the paper ruins accuracy on small
data. Here the network comes after a fixed baseline augmentation, its changes have
bounds, and a guard compares trainings with the network, with the baseline alone and
with neither.
"""

import warnings

import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from skaug._checks import Number, OneOf, Whole, check_parameters
from skaug._random import generator_states, set_generators
from skaug.influence.guard import (
    LOWER,
    PLAIN,
    HeldOutLosses,
    Unchanged,
    is_lower,
    warn_of_refusal,
)
from skaug.influence.network import AugmentationNetwork
from skaug.influence.network_training import (
    TrainedNetwork,
    share_of_draws,
    train_network,
)
from skaug.influence.objectives import OBJECTIVES
from skaug.transforms.calling import FUNCTION
from skaug.transforms.cloning import HoldsTransforms
from skaug.transforms.lists import baseline_transform
from skaug.transforms.ranges import fitted_to

__all__ = ["NetworkAugmentation"]

ADVICE = "Give more rows, raise steps or strength"
# Share of the baseline's differences that two draws of a row should have at least.
FEWEST_DRAWS = 0.3


class NetworkAugmentation(HoldsTransforms, BaseEstimator):
    r"""Learn the paper's augmentation network (D. Lee et al. [1]_).

    A part of :class:`~skaug.InfluenceAugmenter`, whose short form is "network". The
    network looks at a row and computes how to change it, such that training on the
    changed rows should lower the validation loss by the influence
    :math:`I_{aug}(z, \tilde z)` (Eq. 15).

    Parameters
    ----------
    baseline : "auto", callable or None, default="auto"
        What is done to rows before the network, and what the GAN takes for real rows;
        "auto" is :func:`~skaug.transforms.baseline_transform`.
    strength : float, default=1.0
        Factor on `bound`; 0 leaves the baseline alone.
    objective : {"cosine", "influence", "newton"}, default="cosine"
        What training raises. "cosine" is the cosine of :class:`~skaug.TransformPolicy`
        for each batch. "influence" is the paper's, a mean over the batch, which has no
        bound. "newton" is minus the validation loss after a Newton step of the last
        layer on the batch.
    branches : {"both", "spatial", "appearance"}, default="both"
        What the network changes. This and the next six are parameters of
        :class:`~skaug.influence.AugmentationNetwork`.
    combination : {"parallel", "serial"}, default="parallel"
        Whether appearance is made from the row, or from the warped row.
    bound : float, default=0.3
        How far the network goes at most.
    code_dim : int, default=128
        Length of the code.
    dropout : float, default=0.5
        Share of the code that is dropped.
    depth : int, default=4
        Layers of encoder and generator each.
    width : int, default=16
        Channels of the first layer.
    mix : float, default=0.5
        Share of rows that the network leaves to the baseline alone.
    pretrain_steps : int, default=300
        Steps in which only the GAN is trained, if there is a baseline: the network
        learns to make of clean rows what the baseline makes of them. With ``steps=0``
        and ``guard=False`` of the augmenter this is all of it. Without these steps, two
        draws of a row differ by a tenth of what the baseline does.
    gan_weight : float, default=1.0
        Weight of the GAN's loss beside the objective afterwards. The paper does not say
        whether the loss stays. At 0, draws become alike on signals.
    steps : int, default=150
        Gradient steps of a round, after those of pretraining.
    rounds : int, default=1
        How often F is trained with the network so far, and the network through that F.

    Attributes
    ----------
    augmentation_ : TrainedNetwork or object
        Baseline and network. With a guard, it is the baseline alone if the network does
        not improve on the baseline, and a function that leaves rows as they are if
        what is left does not improve on plain training.
    network_ : AugmentationNetwork
        The trained encoder and generator, also if they were not accepted.
    losses_ : dict of str to list of float
        ``objective``, ``generator`` and ``discriminator`` by step. The last two are
        near 4 log 2 = 2.77 if real and made rows cannot be told apart: 2 log 2 for rows
        and for their features each.
    draws_ : float or None
        How far two draws of a row differ by the network, relative to two draws by the
        baseline: root mean squares in standard units. ``None`` without a baseline.
    accepted_ : bool
        Whether the network, or else the baseline, lowered the held-out loss of plain
        training. True without a guard.
    held_out_loss_ : Bunch
        With a guard: the losses ``plain`` and ``augmented`` of the held-out rows, in
        nats, and ``se``, the standard error of their difference.
    loss_over_baseline_ : Bunch
        With a guard and a baseline: the same, where ``plain`` is the baseline alone and
        ``augmented`` the network behind it.

    See Also
    --------
    skaug.TransformPolicy : A list of transforms with weights instead.

    References
    ----------
    .. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import InfluenceAugmenter, NetClassifier, NetworkAugmentation
    >>> X, y = load_digits(return_X_y=True)
    >>> augmenter = InfluenceAugmenter(
    ...     NetClassifier(max_epochs=3),
    ...     augmentation=NetworkAugmentation(steps=10, pretrain_steps=50),
    ...     guard=False,
    ...     random_state=0,
    ... )
    >>> augmenter.fit(X[:600], y[:600]).augment(X[:600]).shape
    (600, 64)
    """

    _rules = {
        "baseline": OneOf("auto", None, hint="'auto' suits the kind of rows.")
        | FUNCTION,
        "strength": Number(0),
        "objective": OneOf(*OBJECTIVES),
        "branches": OneOf("both", "spatial", "appearance"),
        "combination": OneOf("parallel", "serial"),
        "bound": Number(0),
        "code_dim": Whole(2),
        "dropout": Number(0, 1, open_high=True),
        "depth": Whole(1),
        "width": Whole(1),
        "mix": Number(0, 1),
        "pretrain_steps": Whole(0),
        "gan_weight": Number(0),
        "steps": Whole(0),
        "rounds": Whole(1),
    }

    def __init__(
        self,
        baseline="auto",
        strength=1.0,
        objective="cosine",
        branches="both",
        combination="parallel",
        bound=0.3,
        code_dim=128,
        dropout=0.5,
        depth=4,
        width=16,
        mix=0.5,
        pretrain_steps=300,
        gan_weight=1.0,
        steps=150,
        rounds=1,
    ):
        self.baseline = baseline
        self.strength = strength
        self.objective = objective
        self.branches = branches
        self.combination = combination
        self.bound = bound
        self.code_dim = code_dim
        self.dropout = dropout
        self.depth = depth
        self.width = width
        self.mix = mix
        self.pretrain_steps = pretrain_steps
        self.gan_weight = gan_weight
        self.steps = steps
        self.rounds = rounds

    def learn(self, trainings, splits, *, guard=True):
        """Train the network, round by round, on the first split only."""
        check_parameters(self, self._rules)
        train, held_out = next(iter(splits))
        X = torch.from_numpy(train.X)
        baseline = self._baseline(X)
        self.network_ = AugmentationNetwork(
            X,
            branches=self.branches,
            combination=self.combination,
            bound=self.strength * self.bound,
            code_dim=self.code_dim,
            dropout=self.dropout,
            depth=self.depth,
            width=self.width,
        )
        self.losses_ = {}
        learned = TrainedNetwork(self.network_, baseline, self.mix)
        alone = None if baseline is None else TrainedNetwork(None, baseline)
        n_compared = 2 if alone is None else 3
        trainings.progress.expect(self.rounds + n_compared * guard)
        seed = trainings.new_seed()
        for number in range(self.rounds):
            before = learned if number else alone
            self._train_round(trainings, (train, held_out), before, baseline, seed)
        self.network_.requires_grad_(False)
        self.augmentation_, self.accepted_ = learned, True
        if guard:
            self._guard(HeldOutLosses(trainings, (train, held_out)), alone)
        self._compare_draws(baseline, X, trainings.codes(train.y))
        return self

    def _guard(self, held_out, alone):
        """Keep the network if it improves on the baseline, and both if on nothing."""
        augmented = held_out.of(self.augmentation_)
        if alone is not None:
            of_baseline = held_out.of(alone)
            loss = held_out.compared(of_baseline, augmented)
            self.loss_over_baseline_ = loss
            if not is_lower(loss):
                self.augmentation_, augmented = alone, of_baseline
        loss = held_out.compared(held_out.of(None), augmented)
        self.held_out_loss_, self.accepted_ = loss, is_lower(loss)
        has_network = self.augmentation_ is not alone
        if not self.accepted_:
            self.augmentation_ = Unchanged()
            what = "the network" if has_network else "the baseline"
            warn_of_refusal(f"{what} {LOWER}", loss, PLAIN, ADVICE)
        elif not has_network:
            loss = self.loss_over_baseline_
            result = "the baseline without it"
            warn_of_refusal(f"the network {LOWER}", loss, result, ADVICE)

    def _compare_draws(self, baseline, X, codes):
        """Warn of a network that makes one and the same view of a row each time."""
        self.draws_ = None
        if baseline is not None:
            some = slice(256)
            rows = X[some], torch.from_numpy(codes[some])
            self.draws_ = share_of_draws(self.network_, baseline, *rows)
        is_used = getattr(self.augmentation_, "network", None) is not None
        draws_many = self.dropout > 0 and self.strength > 0
        if is_used and draws_many and (self.draws_ or 1) < FEWEST_DRAWS:
            warnings.warn(
                "InfluenceAugmenter needs a network whose draws of a row differ, by "
                f"{FEWEST_DRAWS} of what two draws by the baseline do; got "
                f"{self.draws_:.2g}. Raise pretrain_steps or gan_weight of the "
                "NetworkAugmentation, or set dropout=0 for one view of each row.",
                stacklevel=5,
            )

    def _baseline(self, X):
        """The function of a batch that comes before the network, or None."""
        if isinstance(self.baseline, str):
            return baseline_transform(X)
        if self.baseline is None:
            return None
        return fitted_to(X, self.baseline, type(self).__name__)

    def _train_round(self, trainings, split, before, baseline, seed):
        """Train the network through an F that is trained with what was before."""
        settings = {
            "objective": self.objective,
            "gan_weight": self.gan_weight,
            "pretrain_steps": 0 if self.losses_ else self.pretrain_steps,
            "steps": self.steps,
        }
        states = generator_states(trainings.device)
        of_round = self.network_, split, before, baseline, seed, settings, states
        found = trainings.remembered(train_round, *of_round)
        # If it was read from the memory, as if it had been trained here.
        self.network_.load_state_dict(found.weights)
        set_generators(found.states, trainings.device)
        for name, of_name in found.losses.items():
            self.losses_.setdefault(name, []).extend(of_name)


def train_round(trainings, network, split, before, baseline, seed, settings, states):
    """Train F, and the network in place through F; what came of it as a Bunch."""
    # The draws are those of torch's generators, which are at ``states``.
    train, held_out = split
    net = trainings.trained(train, before, seed)
    net.module_.requires_grad_(False)
    with trainings.progress.around():
        losses = train_network(
            network.to(trainings.device),
            trainings.influence(net, train),
            (train.X, train.y),
            (held_out.X, held_out.y),
            baseline,
            **settings,
        )
    weights, states = network.cpu().state_dict(), generator_states(trainings.device)
    return Bunch(weights=weights, losses=losses, states=states)
