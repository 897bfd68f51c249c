"""Methods put together: which pairs compose, and what the others say."""

import pickle

import numpy as np
import pytest
import torch
from helpers import refuses
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    BatchAugmentation,
    Cutout,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    LastLayerInfluence,
    ManifoldMixup,
    NetClassifier,
    NetworkAugmentation,
    PriorShift,
    ResampledClassifier,
    TableMixup,
    TransformPolicy,
    VAEGenerator,
)
from skaug.influence import Policy
from skaug.signals import MagnitudeSpectrum
from skaug.transforms import Jitter, SameClassInterpolation, Scaling

# Few rows and few epochs: what the methods warn of then is tested with them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:HardRegionSampler:UserWarning"),
    pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning"),
    pytest.mark.filterwarnings("ignore:InfluenceAugmenter needs:UserWarning"),
    pytest.mark.filterwarnings("ignore:LastLayerInfluence needs:UserWarning"),
    pytest.mark.filterwarnings("ignore:PriorShift needs:UserWarning"),
    pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning"),
]

LABELS = np.array(["walk", "run", "sit"])  # not in sorted order


# The methods, on short trainings


def net(*transforms, kind=NetClassifier, **params):
    """A net with a callback for each transform; some batches are never mixed."""
    callbacks = [
        (f"augment{i}", BatchAugmentation(transform, refine_epochs=2, probability=0.5))
        for i, transform in enumerate(transforms)
    ]
    params = {"max_epochs": 5, "batch_size": 24, "lr": 0.02, **params}
    return kind(callbacks=callbacks, random_state=0, **params)


def isda(*transforms):
    return net(*transforms, kind=ISDAClassifier)


def policy():
    return Policy([Jitter(0.1), Scaling(0.1)], weights=[0.5, 0.5])


def ihda(estimator, **params):
    params = {"generator": "noise", "n_samples": 1, **params}
    return IHDAFinetuner(estimator, random_state=0, **params)


def samples(**params):
    counts = {"sampling_strategy": "hard", "n_samples": 1}
    return HardRegionSampler(
        **{"generator": "noise", "random_state": 0, **counts, **params}
    )


def potentials():
    return HardRegionSampler(
        output="potentials", sources=HardPoints(metric="euclidean")
    )


def resampled(estimator):
    return ResampledClassifier(samples(), estimator)


def learned(estimator=None, **params):
    """An augmenter in front of others, trained through a net of its own."""
    transforms = [Jitter(0.1), SameClassInterpolation(0.2)]
    params = {"transforms": transforms, "n_networks": 1, "n_draws": 1, **params}
    return augmenter(estimator, TransformPolicy(**params))


def network(estimator=None):
    return augmenter(
        estimator, NetworkAugmentation(steps=2, pretrain_steps=2, bound=0.05)
    )


def augmenter(estimator, learner):
    estimator = net(max_epochs=2) if estimator is None else estimator
    return InfluenceAugmenter(
        estimator, augmentation=learner, output="views", guard=False, random_state=0
    )


def more_rows():
    """An augmenter that adds views to the rows."""
    return learned().set_params(output="samples", n_views=2)


# What composes. A pair is "first, second": the first is in front of the second, or
# around it. Whatever takes a net is tried with each of these.

NETS = {
    "net": net(),
    "ISDA": isda(),
    "mixup": net(TableMixup()),
    "manifold mixup": net(ManifoldMixup()),
    "policy": net(policy()),
}
CLASSIFIERS = {**NETS, "IHDA": ihda(net())}


def some(*names):
    """Two classifiers: behind rows of an array, none of them knows who made it."""
    return {name: CLASSIFIERS[name] for name in names}


def each(first, make, models):
    """The first method with each of some models."""
    return {f"{first}, {name}": make(model) for name, model in models.items()}


def in_front(*steps):
    return lambda model: make_pipeline(*steps, model)


TABLES = {
    # Two ways to train a net
    "mixup, ISDA": isda(TableMixup()),
    "manifold mixup, ISDA": isda(ManifoldMixup()),
    "policy, ISDA": isda(policy()),
    "policy, mixup": net(policy(), TableMixup()),
    "mixup, policy": net(TableMixup(), policy()),
    "policy, manifold mixup": net(policy(), ManifoldMixup()),
    "mixup, manifold mixup": net(TableMixup(), ManifoldMixup()),
    # Other shares of the classes, in the loss and afterwards
    "adjusted, mixup, ISDA": isda(TableMixup()).set_params(logit_adjustment=1),
    "IHDA, adjusted": ihda(net(logit_adjustment=1)),
    "influence through, adjusted": make_pipeline(
        learned(net(logit_adjustment=1)), net()
    ),
    "shifted, resampled": PriorShift(resampled(net())),
    "shifted, manifold mixup": PriorShift(net(ManifoldMixup())),
    "shifted, IHDA, ISDA": PriorShift(ihda(isda())),
    # IHDA around a net
    **each("IHDA", ihda, NETS),
    "IHDA, mixup, ISDA": ihda(isda(TableMixup())),
    "IHDA by autoencoder, ISDA": ihda(isda(), generator=VAEGenerator(steps=5)),
    # Samples of hard regions, in a pipeline of imbalanced-learn or around a classifier
    **each(
        "samples",
        lambda m: make_resampling_pipeline(samples(), m),
        some("ISDA", "mixup"),
    ),
    **each("resampled", resampled, some("policy", "IHDA")),
    "resampled, pipeline with ISDA": resampled(in_front(StandardScaler())(isda())),
    # Potentials as features
    **each("potentials", in_front(potentials()), some("manifold mixup", "IHDA")),
    "potentials beside columns, ISDA": make_pipeline(
        FeatureUnion([("columns", "passthrough"), ("potentials", potentials())]), isda()
    ),
    "potentials, resampled": make_pipeline(potentials(), resampled(net())),
    "potentials, samples": make_resampling_pipeline(potentials(), samples(), net()),
    "samples, potentials": make_resampling_pipeline(samples(), potentials(), net()),
    # Augmentation by influence, in front and through
    **each("influence", in_front(learned()), some("mixup", "policy")),
    **each("influence through", lambda m: make_pipeline(learned(m), net()), NETS),
    "network through ISDA": make_pipeline(network(isda()), net()),
    "network, IHDA": make_pipeline(network(), ihda(net())),
    "influence, resampled": make_pipeline(learned(), resampled(net())),
    "influence, samples": make_resampling_pipeline(learned(), samples(), net()),
    "samples, influence": make_resampling_pipeline(samples(), learned(), net()),
    "influence, potentials": make_pipeline(learned(), potentials(), net()),
    "potentials, influence": make_pipeline(potentials(), learned(), net()),
    "influence, network": make_pipeline(learned(), network(), net()),
    # Views of influence beside the rows
    "influence's rows, ISDA": make_resampling_pipeline(more_rows(), isda()),
    "influence's rows, IHDA": ResampledClassifier(more_rows(), ihda(net())),
    "influence's rows, samples": make_resampling_pipeline(
        more_rows(), samples(), net()
    ),
}
SIGNALS = {
    # The net of a table behind a spectrum, and that of signals without it
    **each(
        "spectrum",
        in_front(MagnitudeSpectrum(), StandardScaler()),
        some("manifold mixup", "IHDA"),
    ),
    "spectrum, resampled": in_front(MagnitudeSpectrum())(resampled(net())),
    "spectrum, potentials": in_front(MagnitudeSpectrum(), potentials())(net()),
    "spectrum, influence": in_front(MagnitudeSpectrum(), learned())(net()),
    "influence, spectrum": in_front(learned(), MagnitudeSpectrum())(net()),
    "mixup, ISDA": isda(TableMixup()),
    "IHDA, ISDA": ihda(isda()),
    "IHDA, manifold mixup": ihda(net(ManifoldMixup())),
    "influence, ISDA": in_front(learned())(isda()),
    "influence's rows, ISDA": ResampledClassifier(more_rows(), isda()),
    "network, ISDA": in_front(network())(isda()),
}
IMAGES = {
    "cutout, ISDA": isda(Cutout(2)),
    "cutout, manifold mixup": net(Cutout(2), ManifoldMixup()),
    "IHDA, ISDA": ihda(isda()),
    "IHDA, cutout": ihda(net(Cutout(2))),
    "influence, ISDA": in_front(learned())(isda()),
    "network, ISDA": in_front(network())(isda()),
}
PAIRS = [
    pytest.param(kind, model, id=f"{kind}: {name}")
    for kind, models in [("table", TABLES), ("signals", SIGNALS), ("images", IMAGES)]
    for name, model in models.items()
]

# What does not compose, and why. Messages of others are those of the pipelines.

IMAGES_FIRST = "HardRegionSampler needs a table"  # distances are those of a table
NO_NET = "needs a NetClassifier or another NeuralNetClassifier"
TRANSFORMERS = "should be transformers"
KEEP = "needs transforms that keep the labels; got"
OF_TABLES = {
    # A scikit-learn pipeline cannot change the number of rows, nor hold a callback
    "samples, net": (make_pipeline(samples(), net()), TRANSFORMERS),
    "callback, net": (
        make_pipeline(BatchAugmentation(TableMixup()), net()),
        TRANSFORMERS,
    ),
    # Only a sampler makes samples
    "resampled by potentials": (
        ResampledClassifier(potentials(), net()),
        "sampler with fit_resample; got a HardRegionSampler.*output='samples'",
    ),
    "resampled by views": (
        ResampledClassifier(learned(), net()),
        "sampler with fit_resample; got a InfluenceAugmenter.*output='samples'",
    ),
    "influence's rows, net": (make_pipeline(more_rows(), net()), TRANSFORMERS),
    # What looks inside a network takes a net, not what goes around one
    "IHDA, resampled": (ihda(resampled(net())), f"{NO_NET}.*Resampled"),
    "IHDA, pipeline": (ihda(in_front(potentials())(net())), NO_NET),
    "IHDA, IHDA": (ihda(ihda(net())), NO_NET),
    "influence through IHDA": (in_front(learned(ihda(net())))(net()), NO_NET),
    "network through IHDA": (in_front(network(ihda(net())))(net()), NO_NET),
    "influence through resampled": (
        in_front(learned(resampled(net())))(net()),
        f"{NO_NET}.*got a Resampled",
    ),
    # Mixtures are scored by no class, and are made of whole batches
    **{
        f"influence of {type(mixup).__name__}": (
            in_front(learned(transforms=[mixup]))(net()),
            f"InfluenceAugmenter {KEEP} {type(mixup).__name__}",
        )
        for mixup in (TableMixup(), ManifoldMixup())
    },
    "policy of mixup": (
        net(Policy([TableMixup()], weights=[1.0])),
        f"Policy {KEEP} TableMixup",
    ),
    # The network mixes the rows that it sees, so that nothing may move them before
    "manifold mixup, mixup": (
        net(ManifoldMixup(), TableMixup()),
        "ManifoldMixup to be in the last one of several; got TableMixup after it",
    ),
    "manifold mixup, manifold mixup": (
        net(ManifoldMixup(), ManifoldMixup()),
        "ManifoldMixup to be in the last one",
    ),
    # Another row of the same class is found by its code
    "mixup, interpolation": (
        net(TableMixup(), SameClassInterpolation()),
        "SameClassInterpolation needs a class code for each row",
    ),
    # A clone of a net holds a clone of the augmenter, which is not fitted
    "augmenter as callback": (net(learned()), "Give .* its augmentation_"),
    "cutout": (net(Cutout(2)), "Cutout needs images"),
}
OF_SIGNALS = {
    "samples": (resampled(net()), IMAGES_FIRST),
    "potentials": (in_front(potentials())(net()), IMAGES_FIRST),
    "cutout": (net(Cutout(2)), "Cutout needs images"),
}
OF_IMAGES = {
    "samples": (resampled(net()), IMAGES_FIRST),
    "influence, samples": (
        make_resampling_pipeline(learned(), samples(), net()),
        IMAGES_FIRST,
    ),
    "spectrum": (
        in_front(MagnitudeSpectrum())(net()),
        r"MagnitudeSpectrum needs X of shape \(n, n_channels, n_times\)",
    ),
}
REFUSED = [
    pytest.param(kind, *pair, id=f"{kind}: {name}")
    for kind, pairs in [
        ("table", OF_TABLES),
        ("signals", OF_SIGNALS),
        ("images", OF_IMAGES),
    ]
    for name, pair in pairs.items()
]


def rows(kind, seed=0):
    """Three classes in turn, each with a raised place or a frequency of its own."""
    shape = {"table": (6,), "signals": (3, 12), "images": (1, 8, 8)}[kind]
    codes = np.arange(48) % 3
    X = np.random.default_rng(seed).normal(size=(48, *shape))
    if kind == "signals":
        time = 2 * np.pi * np.arange(12) / 12
        X = 0.3 * X + np.sin(np.outer(codes + 1, time))[:, None]
    else:
        for code in range(3):
            X[codes == code, ..., 2 * code : 2 * code + 2] += 3
    return X, LABELS[codes]


@pytest.mark.parametrize("kind, model", PAIRS)
def test_pairs_compose(kind, model):
    X, y = rows(kind)
    given = X.copy()
    generators = torch.get_rng_state(), np.random.get_state()[1].copy()
    fitted = clone(model).fit(X, y)
    new_X, new_y = rows(kind, seed=1)
    proba = fitted.predict_proba(new_X)
    assert fitted.classes_.tolist() == ["run", "sit", "walk"]
    labels = fitted.classes_[proba.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(new_X), labels)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert fitted.score(new_X, new_y) > 0.5  # by chance a third
    # Rows are predicted one by one and as they are: nothing is drawn or mixed.
    backwards = fitted.predict_proba(new_X[::-1])
    np.testing.assert_allclose(backwards[::-1], proba, rtol=1e-4, atol=1e-5)
    kept = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(kept.predict_proba(new_X), proba)
    again = clone(fitted).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(new_X), proba)
    # Nothing of the user's is changed.
    np.testing.assert_array_equal(X, given)
    np.testing.assert_array_equal(torch.get_rng_state(), generators[0])
    np.testing.assert_array_equal(np.random.get_state()[1], generators[1])


@pytest.mark.parametrize("kind, model, message", REFUSED)
def test_other_pairs_say_why_not(kind, model, message):
    with refuses(message, (TypeError, ValueError)):
        clone(model).fit(*rows(kind))


def test_isda_that_sees_nothing_but_mixtures_warns():
    augment = ("augment", BatchAugmentation(TableMixup()))
    with pytest.warns(UserWarning, match="ISDAClassifier needs batches of one label"):
        ISDAClassifier(max_epochs=2, callbacks=[augment]).fit(*rows("table"))


def test_what_was_learned_by_influence_goes_on():
    X, y = rows("table")
    augmenter = learned().fit(X, y)
    augmented = net(augmenter.augmentation_, kind=ISDAClassifier).fit(X, y)
    tuned = ihda(FrozenEstimator(augmented)).fit(X, y)
    again = ihda(FrozenEstimator(augmenter.estimator_)).fit(X, y)
    new_X, new_y = rows("table", seed=1)
    assert min(model.score(new_X, new_y) for model in (augmented, tuned, again)) > 0.6


@pytest.mark.parametrize("model", [*NETS.values(), ihda(isda())])
def test_influence_of_rows_is_read_off_any_net(model):
    X, y = rows("table")
    fitted = clone(model).fit(X, y)
    fitted = getattr(fitted, "estimator_", fitted)
    influence = LastLayerInfluence(FrozenEstimator(fitted)).fit(X, y)
    change = influence.predicted_loss_change(*rows("table", seed=1))
    assert change.shape == (len(X),) and np.isfinite(change).all()
