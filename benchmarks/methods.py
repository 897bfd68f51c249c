"""The methods that bench_methods.py compares, each with its grid and its plain twin.

A twin is the same without augmentation, networks with as many gradient steps. It
chooses among three settings of its own training: weight decay, or the rate of
fine-tuning. A network that is augmented takes what its twin has chosen on the same rows
and chooses among three strengths of the augmentation: all else is equal, but for a
policy, whose twin trains longer. Classical classifiers choose the same parameter with
and without new rows. Names of methods are those of the tables.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from imblearn.over_sampling import SMOTE, BorderlineSMOTE
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    BatchAugmentation,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    ManifoldMixup,
    NetClassifier,
    ResampledClassifier,
    TableMixup,
    TransformPolicy,
)
from skaug.signals import MagnitudeSpectrum
from skaug.transforms.torchvision import v2


class Setup(NamedTuple):
    """What a method is made for."""

    shape: tuple  # of a row: (features,), (channels, times), (channels, height, width)
    n_rows: int
    n_classes: int
    n_fewest: int  # rows of the smallest class in the choice of a setting
    epochs: int
    seed: int


@dataclass(frozen=True)
class Method:
    """An estimator, the settings that it chooses from, and what it is compared to."""

    make: Callable  # of a Setup: the estimator
    parameter: str
    settings: tuple
    twin: str | None = None
    from_twin: str | None = None  # parameter that is set to what the twin has chosen
    images_only: bool = False


class PolicyClassifier(ClassifierMixin, BaseEstimator):
    """The classifier that an InfluenceAugmenter trains in the end, on all rows."""

    def __init__(self, augmenter):
        self.augmenter = augmenter

    def fit(self, X, y, groups=None):
        self.augmenter_ = clone(self.augmenter).fit(X, y, groups=groups)
        self.classes_ = self.augmenter_.classes_
        return self

    def predict_proba(self, X):
        return self.augmenter_.estimator_.predict_proba(X)


def net(setup, augmentation=None, factor=1, kind=NetClassifier):
    """A default network; augmentation is off for the last quarter of the epochs."""
    callbacks = []
    if augmentation is not None:
        callbacks = [("augment", BatchAugmentation(augmentation, setup.epochs // 4))]
    epochs = factor * setup.epochs
    return kind(max_epochs=epochs, callbacks=callbacks, random_state=setup.seed)


def finetuned(base, setup, **parameters):
    """A network of a kind with fine-tuning behind it."""
    return IHDAFinetuner(base, random_state=setup.seed, **parameters)


def with_policy(base, setup):
    """A classifier trained with a policy, whose scores are from one network."""
    policy = TransformPolicy(n_networks=1)
    return PolicyClassifier(
        InfluenceAugmenter(base, augmentation=policy, random_state=setup.seed)
    )


def classical(classifier, setup, sampler=None):
    """A classifier on features that are made without learning, oversampled or not."""
    if sampler is not None:
        classifier = ResampledClassifier(sampler, classifier)
    steps = [StandardScaler(), classifier]
    if len(setup.shape) == 2:
        channels = {str(i): [i] for i in range(setup.shape[0])}
        sensors = channels if setup.shape[0] % 3 else None
        steps.insert(0, MagnitudeSpectrum(sensors=sensors, log=True))
    if len(setup.shape) == 3:
        n_components = min(50, setup.n_rows // 2, int(np.prod(setup.shape)))
        steps[:1] = [Flatten(), PCA(n_components, random_state=setup.seed)]
    return make_pipeline(*steps)


class Flatten(BaseEstimator):
    """Rows of any shape as a table."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.reshape(X, (len(X), -1))

    def __sklearn_is_fitted__(self):
        return True


def twice(y):
    """Sampling strategy: each class twice as often."""
    labels, counts = np.unique(y, return_counts=True)
    return dict(zip(labels.tolist(), (2 * counts).tolist()))


def logistic(setup):
    return LogisticRegression(max_iter=2000)


def forest(setup):
    return RandomForestClassifier(random_state=setup.seed)


def hard_regions(setup):
    return HardRegionSampler(random_state=setup.seed)


def smote(setup, kind=SMOTE):
    k = min(5, setup.n_fewest - 1)  # a row is no neighbour of its own
    return kind(sampling_strategy=twice, k_neighbors=k, random_state=setup.seed)


def borderline_smote(setup):
    return smote(setup, BorderlineSMOTE)


ALPHAS = (0.2, 0.5, 1.0)
STRENGTHS = (0.25, 1.0, 4.0)
DECAY = "optimizer__weight_decay"
DECAYS = (0.0, 0.01, 0.1)
ALPHA = "callbacks__augment__transform__alpha"
of_network = partial(Method, twin="network", from_twin=DECAY)
of_finetuned = partial(Method, twin="network, fine-tuned", from_twin="tune_lr")

METHODS = {
    "network": Method(net, DECAY, DECAYS),
    "ISDA": of_network(lambda s: net(s, kind=ISDAClassifier), "strength", STRENGTHS),
    "refined mixup": of_network(lambda s: net(s, TableMixup()), ALPHA, ALPHAS),
    "refined manifold mixup": of_network(
        lambda s: net(s, ManifoldMixup()), ALPHA, ALPHAS
    ),
    "refined CutMix": of_network(
        lambda s: net(s, v2.CutMix(num_classes=s.n_classes)),
        "callbacks__augment__probability",
        (0.25, 0.5, 1.0),
        images_only=True,
    ),
    "network, fine-tuned": Method(
        lambda s: finetuned(net(s), s, synthetic_share=0), "tune_lr", (0.2, 0.4, 0.8)
    ),
    "IHDA": of_finetuned(
        lambda s: finetuned(net(s), s), "synthetic_share", (0.25, 0.5, 0.75)
    ),
    "IHDA over ISDA": of_finetuned(
        lambda s: finetuned(net(s, kind=ISDAClassifier), s),
        "estimator__strength",
        STRENGTHS,
    ),
    "IHDA over refined mixup": of_finetuned(
        lambda s: finetuned(net(s, TableMixup()), s), f"estimator__{ALPHA}", ALPHAS
    ),
    "network, twice as long": Method(lambda s: net(s, factor=2), DECAY, DECAYS),
    "policy by influence": Method(
        lambda s: with_policy(net(s), s),
        "augmenter__augmentation__strength",
        (0.5, 1.0, 2.0),
        "network, twice as long",
        f"augmenter__estimator__{DECAY}",
    ),
    "policy and ISDA": Method(
        lambda s: with_policy(net(s, kind=ISDAClassifier), s),
        "augmenter__estimator__strength",
        STRENGTHS,
        "network, twice as long",
        f"augmenter__estimator__{DECAY}",
    ),
}


def with_samplers(name, classifier, step, parameter, settings):
    """A classifier, and the same behind each sampler."""
    plain = f"{step}__{parameter}"
    resampled = f"resampledclassifier__estimator__{parameter}"
    methods = {name: Method(lambda s: classical(classifier(s), s), plain, settings)}
    for sampler_name, sampler in [
        ("hard regions", hard_regions),
        ("SMOTE", smote),
        ("BorderlineSMOTE", borderline_smote),
    ]:
        methods[f"{sampler_name}, {name}"] = Method(
            lambda s, r=sampler: classical(classifier(s), s, r(s)),
            resampled,
            settings,
            name,
        )
    return methods


for name, classifier, step, parameter, settings in [
    ("logistic regression", logistic, "logisticregression", "C", (0.01, 0.1, 1.0)),
    ("random forest", forest, "randomforestclassifier", "min_samples_leaf", (1, 2, 5)),
]:
    METHODS |= with_samplers(name, classifier, step, parameter, settings)


def methods_for(shape, wanted):
    """Names of the methods for rows of a shape, among those wanted, and their twins."""
    named = {*wanted, *(METHODS[name].twin for name in wanted)}
    return [
        name
        for name, method in METHODS.items()
        if name in named and (len(shape) == 3 or not method.images_only)
    ]
