"""The arms of the comparison: how each is made, and among what it chooses.

Budgets are gradient steps. ``plain`` networks choose among several budgets and weight
decays, ``augmented`` arms among budgets and strengths, each with the weight decay that
the plain network of as many steps has chosen on the same rows. An arm that is put *on
top* of another takes budget, weight decay and setting from that one. Classical
classifiers choose the same parameter with and without new rows.

To add an arm, write a function of a :class:`Setup` and a value that makes its
estimator, and a line in ``METHODS``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skaug._checks import Number, Rule, Whole, check_value
from skaug._rows import as_table
from skaug.hard_regions.resample import ResampledClassifier
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.influence.augmenter import InfluenceAugmenter
from skaug.influence.policy import TransformPolicy
from skaug.isda.classifier import ISDAClassifier
from skaug.net.classifier import NetClassifier
from skaug.refined.callback import BatchAugmentation
from skaug.refined.mixing import TableMixup
from skaug.signals.spectrum import MagnitudeSpectrum
from skaug.transforms.chain import Chain
from skaug.transforms.geometry import RandomAffine, RandomCropFlip
from skaug.transforms.rand_augment import RandAugment, TrivialAugment
from skaug.transforms.rows import Jitter, Scaling, SensorRotation, TimeWarp

__all__ = [
    "BEST",
    "HEURISTICS",
    "METHODS",
    "PLAIN",
    "Budgets",
    "Method",
    "Setup",
    "epochs_of",
    "heuristics_for",
    "methods_for",
    "of_steps",
    "plain_net",
]

PLAIN = "plain networks"  # the cell of all plain networks of a draw
BEST = "best plain"  # the arm that chose its budget
BATCH_SIZE = 64
REFINED = 0.15  # share of the epochs that is clean, where an arm is refined


@dataclass(frozen=True)
class Budgets:
    """Gradient steps and weight decays to choose from.

    Attributes
    ----------
    plain : tuple of int, default=(100, 200, 600)
        Steps that the best plain network chooses among.
    augmented : tuple of int, default=(300, 600)
        Steps that augmented arms choose among. Each is also trained without
        augmentation, as the twin of equal steps.
    decays : tuple of float, default=(0.0, 0.01, 0.1, 0.5)
        Weight decays that plain networks choose among.
    refused : int, default=200
        Steps of the plain network that is left where a guard refuses an augmentation:
        those of a plain :class:`~skaug.NetClassifier` by default. One of `plain`.

    Raises
    ------
    ValueError
        If there is nothing to choose from, or a number is out of range.
    """

    plain: tuple = (100, 200, 600)
    augmented: tuple = (300, 600)
    decays: tuple = (0.0, 0.01, 0.1, 0.5)
    refused: int = 200

    def __post_init__(self):
        steps, decays = Whole(1), Number(0)
        for name, rule in ("plain", steps), ("augmented", steps), ("decays", decays):
            check_value("Budgets", name, getattr(self, name), _several(rule))
        check_value("Budgets", "refused", self.refused, steps)

    @property
    def twins(self):
        """Steps of the plain networks that arms of equal steps are compared to."""
        return sorted({*self.augmented, self.refused})

    def shorter(self, factor):
        """Divide all steps by a factor, for a trial."""

        def divided(steps):
            return max(1, round(steps / factor))

        plain, augmented = (
            tuple(map(divided, budget)) for budget in (self.plain, self.augmented)
        )
        return Budgets(plain, augmented, self.decays, divided(self.refused))


def _several(rule):
    """Rule of a sequence with one value or more."""
    return Rule(
        lambda values: (
            isinstance(values, (list, tuple))
            and len(values) > 0
            and all(map(rule.allows, values))
        ),
        f"a tuple of one or more, each {rule.words}",
    )


def of_steps(steps):
    """Name of the plain network that is trained for so many steps."""
    return f"plain, {steps} steps"


class Setup(NamedTuple):
    """What an estimator is made for."""

    shape: tuple  # of a row: (features,), (channels, times), (channels, height, width)
    n_rows: int  # that it is fitted to
    n_classes: int
    n_fewest: int  # rows of the smallest class in the choice of a setting
    seed: int
    heuristic: str | None = None  # augmentation by hand, if that is known
    steps: int = 0
    refused: int = 0  # steps of what is left where a guard refuses an augmentation
    decay: float = 0.0
    below: object = None  # setting of the arm that this one is put on top of
    memory: str | None = None  # folder for what several settings share


@dataclass(frozen=True)
class Method:
    """An arm: its estimator, its settings, and what it is compared to.

    Attributes
    ----------
    make : callable
        Of a Setup and a value: the estimator.
    values : tuple or callable, default=(None,)
        Strengths or the like to choose from; a callable gets a Setup.
    on_top_of : str, default=None
        The arm that this one adds something to, or ``BEST``, the best plain network.
    is_network : bool, default=True
        Whether the arm is a network, which is compared to the plain ones.
    longest : bool, default=False
        Whether the arm takes the largest budget in place of choosing one.
    kinds : tuple of str
        Kinds of rows that the arm is for. "colours" are images of 1 or 3 channels with
        numbers from 0 to 1 or to 255, which transforms of colour need.
    needs : str, default=None
        Package that the arm needs and skaug does not.
    """

    make: Callable
    values: tuple | Callable = (None,)
    on_top_of: str | None = None
    is_network: bool = True
    longest: bool = False
    kinds: tuple = ("table", "signals", "images")
    needs: str | None = None

    def values_for(self, setup):
        """List the values to choose from."""
        return list(self.values(setup) if callable(self.values) else self.values)


def epochs_of(steps, n_rows):
    """Epochs that are as many steps, or a few more: the last one is not cut off."""
    batches = math.ceil(n_rows / BATCH_SIZE)
    # A last batch of one row joins the batch before.
    batches -= n_rows > BATCH_SIZE and n_rows % BATCH_SIZE == 1
    return math.ceil(steps / batches)


def plain_net(setup, kind=NetClassifier, **parameters):
    """Make a default network for the steps and the weight decay of a setup."""
    return kind(
        max_epochs=epochs_of(setup.steps, setup.n_rows),
        batch_size=BATCH_SIZE,
        optimizer__weight_decay=setup.decay,
        random_state=setup.seed,
        **parameters,
    )


def augmented_net(setup, transform, refined=0, probability=1.0, **parameters):
    """Make a network that trains on transformed batches, clean ones at the end."""
    augment = BatchAugmentation(transform, refined, probability=probability)
    return plain_net(setup, callbacks=[("augment", augment)], **parameters)


class GuardedPolicy(ClassifierMixin, BaseEstimator):
    """The network that an augmenter trains, or a plain one if its guard refuses.

    This is what InfluenceAugmenter gives by default, ``max_epochs="auto"``, with
    budgets that are given: many steps with a policy, and fewer without.

    Parameters
    ----------
    augmenter : InfluenceAugmenter
        With the network of many steps.
    plain : NetClassifier
        The network of fewer steps.
    """

    def __init__(self, augmenter, plain):
        self.augmenter = augmenter
        self.plain = plain

    def fit(self, X, y, groups=None):
        """Fit the augmenter, and the plain network if it is needed."""
        self.augmenter_ = clone(self.augmenter).fit(X, y, groups=groups)
        self.accepted_ = self.augmenter_.accepted_
        self.estimator_ = self.augmenter_.estimator_
        if not self.accepted_:
            self.estimator_ = clone(self.plain).fit(X, y, groups=groups)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        """Predict probabilities."""
        return self.estimator_.predict_proba(X)


def with_policy(setup, on_scores, **parameters):
    """Make a network with a policy behind its guard."""
    augmenter = InfluenceAugmenter(
        plain_net(setup, **parameters),
        augmentation=TransformPolicy(strength=on_scores),
        memory=setup.memory,
        random_state=setup.seed,
    )
    plain = plain_net(setup._replace(steps=setup.refused), **parameters)
    return GuardedPolicy(augmenter, plain)


def finetuned(setup, base, tune_lr):
    """Make a network with fine-tuning behind it."""
    return IHDAFinetuner(base, tune_lr=tune_lr, random_state=setup.seed)


def warps(setup):
    """Chain the transforms of signals; sensors of three axes are rotated, too."""
    chain = [TimeWarp(), Scaling(), Jitter()]
    if setup.shape[0] % 3 == 0:
        chain.insert(2, SensorRotation())
    return Chain(chain)


def crop_and_flip(setup):
    """Shift images by an eighth of their sides at most, and flip half of them."""
    return RandomCropFlip(padding=max(1, setup.shape[-1] // 8))


# Augmentation by hand, by name.
HEURISTICS = {
    "crop and flip": crop_and_flip,
    "affine": lambda s: RandomAffine(degrees=15, translate=0.1, scale=0.1, shear=10),
    "small affine and flip": lambda s: RandomAffine(
        translate=0.05, scale=0.05, flip=0.5
    ),
    "warps": warps,
    "jitter": lambda s: Jitter(),
}


def heuristics_for(kind):
    """Names of the heuristics that take rows of a kind."""
    own = {"table": ("jitter",), "signals": ("warps", "jitter")}
    return own.get(kind, tuple(name for name in HEURISTICS if name != "warps"))


def heuristics_of(setup):
    """Names of the heuristics to choose from: those known to suit, or all that may."""
    if setup.heuristic is not None:
        return [setup.heuristic]
    return [["jitter"], ["warps"], ["crop and flip", "affine"]][len(setup.shape) - 1]


def heuristic(setup, name):
    """Make a transform by its name."""
    return HEURISTICS[name](setup)


def cutmix(setup):
    """Make torchvision's CutMix, which takes whole batches."""
    from skaug.transforms.torchvision import v2

    return v2.CutMix(num_classes=setup.n_classes)


def classical(setup, classifier, sampler=None):
    """Make a classifier on features that nothing learned, oversampled or not."""
    if sampler is not None:
        classifier = ResampledClassifier(sampler, classifier)
    steps = [StandardScaler(), classifier]
    if len(setup.shape) == 2:
        channels = {str(i): [i] for i in range(setup.shape[0])}
        sensors = channels if setup.shape[0] % 3 else None
        steps.insert(0, MagnitudeSpectrum(sensors=sensors, log=True))
    if len(setup.shape) == 3:
        n_components = min(50, setup.n_rows // 2, int(np.prod(setup.shape)))
        steps[:1] = [
            FunctionTransformer(as_table),
            PCA(n_components, random_state=setup.seed),
        ]
    return make_pipeline(*steps)


def logistic(setup, C):
    """Make a logistic regression."""
    return LogisticRegression(C=C, max_iter=2000)


def forest(setup, min_samples_leaf):
    """Make a random forest."""
    return RandomForestClassifier(
        min_samples_leaf=min_samples_leaf, random_state=setup.seed
    )


def twice(y):
    """Sampling strategy: each class twice as often."""
    labels, counts = np.unique(y, return_counts=True)
    return dict(zip(labels.tolist(), (2 * counts).tolist()))


def hard_regions(setup):
    """Make skaug's sampler with its defaults."""
    return HardRegionSampler(random_state=setup.seed)


def imbalanced(kind):
    """Make a function of a Setup that makes a sampler of imbalanced-learn."""

    def make(setup):
        from imblearn import over_sampling

        # A row is no neighbour of its own.
        return getattr(over_sampling, kind)(
            sampling_strategy=twice,
            k_neighbors=min(5, setup.n_fewest - 1),
            random_state=setup.seed,
        )

    return make


SAMPLERS = {
    "hard regions": (hard_regions, None),
    "SMOTE": (imbalanced("SMOTE"), "imblearn"),
    "BorderlineSMOTE": (imbalanced("BorderlineSMOTE"), "imblearn"),
}
CLASSIFIERS = {
    "logistic regression": (logistic, (0.01, 0.1, 1.0)),
    "random forest": (forest, (1, 2, 5)),
}


def classical_methods():
    """List the classical classifiers, and each of them behind each sampler."""
    methods = {}
    for name, (classifier, values) in CLASSIFIERS.items():
        methods[name] = Method(
            lambda s, v, c=classifier: classical(s, c(s, v)), values, is_network=False
        )
        for sampler_name, (sampler, needs) in SAMPLERS.items():
            methods[f"{sampler_name}, {name}"] = Method(
                lambda s, v, c=classifier, r=sampler: classical(s, c(s, v), r(s)),
                values,
                on_top_of=name,
                is_network=False,
                needs=needs,
            )
    return methods


STRENGTHS = (0.25, 1.0, 4.0)
RATES = (0.1, 0.4)
of_images = {"kinds": ("images",)}
ISDA1 = {"kind": ISDAClassifier, "strength": 1.0}

METHODS = {
    "ISDA": Method(
        lambda s, v: plain_net(s, kind=ISDAClassifier, strength=v), STRENGTHS
    ),
    "heuristics": Method(lambda s, v: augmented_net(s, heuristic(s, v)), heuristics_of),
    "heuristics + ISDA 1": Method(
        lambda s, v: augmented_net(s, heuristic(s, s.below), **ISDA1),
        on_top_of="heuristics",
    ),
    "refined heuristics": Method(
        lambda s, v: augmented_net(s, heuristic(s, s.below), REFINED),
        on_top_of="heuristics",
    ),
    "policy by influence": Method(with_policy, (0.5, 1.0), longest=True),
    "policy + ISDA 1": Method(
        lambda s, v: with_policy(s, s.below, **ISDA1), on_top_of="policy by influence"
    ),
    "refined mixup": Method(
        lambda s, v: augmented_net(s, TableMixup(v), REFINED), (0.2, 1.0)
    ),
    "refined CutMix": Method(
        lambda s, v: augmented_net(s, cutmix(s), REFINED, v), (0.5, 1.0), **of_images
    ),
    "IHDA": Method(lambda s, v: finetuned(s, plain_net(s), v), RATES, on_top_of=BEST),
    "IHDA over heuristics": Method(
        lambda s, v: finetuned(s, augmented_net(s, heuristic(s, s.below)), v),
        RATES,
        on_top_of="heuristics",
    ),
    "TrivialAugment": Method(
        lambda s, v: augmented_net(s, TrivialAugment()),
        kinds=("colours",),
    ),
    "RandAugment": Method(
        lambda s, v: augmented_net(s, RandAugment(magnitude=v)),
        (5, 9),
        kinds=("colours",),
    ),
} | classical_methods()


def methods_for(kind, names=None):
    """Names of the methods for a kind of rows, among those named, with what they need.

    Parameters
    ----------
    kind : {"table", "signals", "images", "colours"}
        Kind of the rows; "colours" are images with numbers from 0 to 1 or to 255.
    names : list of str, default=None
        Which methods; all by default, without those whose package is not installed.

    Returns
    -------
    names : list of str
        In the order of ``METHODS``, with the arms that they are put on top of.

    Raises
    ------
    ValueError
        If a method is unknown, or named and its package is not installed.

    Examples
    --------
    >>> from skaug.comparison import methods_for
    >>> methods_for("table", ["heuristics + ISDA 1", "refined CutMix"])
    ['heuristics', 'heuristics + ISDA 1']
    """
    unknown = sorted(set(names or ()) - set(METHODS))
    if unknown:
        raise ValueError(
            f"methods_for needs methods among {', '.join(METHODS)}; got {unknown}. "
            "Name others, or none for all."
        )
    wanted = {*(METHODS if names is None else names)}
    wanted |= {METHODS[name].on_top_of for name in wanted} - {None, BEST}
    absent = [name for name in METHODS if name in wanted and _lacks(METHODS[name])]
    if absent and names is not None:
        raise ValueError(
            f"methods_for needs {METHODS[absent[0]].needs} for {absent}; got none "
            "installed. Run: pip install imbalanced-learn."
        )
    kinds = {kind, "images" if kind == "colours" else kind}
    return [
        name
        for name, method in METHODS.items()
        if name in wanted and name not in absent and kinds & set(method.kinds)
    ]


def _lacks(method):
    return method.needs is not None and find_spec(method.needs) is None
