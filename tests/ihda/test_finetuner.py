"""IHDA: levels in order, sources, samples, twins, and what is left alone."""

import copy
import math
import pickle
from pkgutil import resolve_name

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import refuses, scoring_with_weights
from shl_folder import write_shl
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skaug import (
    HardPoints,
    IHDAFinetuner,
    ISDAClassifier,
    NetClassifier,
    NoiseGenerator,
    VAEGenerator,
)
from skaug.ihda import level, level_skip_probability
from skaug.net import MLP
from skaug.signals import MagnitudeSpectrum, frame_segments, load_shl

pytestmark = [
    pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning"),
    pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning"),
]

NET = NetClassifier(module__hidden=(16, 8), max_epochs=10, random_state=0)


def ihda(estimator=NET, **params):
    """A finetuner with a small autoencoder; parameters of components by their names."""
    generator = VAEGenerator(latent_dim=4, steps=100)
    params = {"generator": generator, "random_state": 0, **params}
    return IHDAFinetuner(clone(estimator)).set_params(**params)


def frozen(net, **params):
    return IHDAFinetuner(FrozenEstimator(net), **{"random_state": 0, **params})


def changed(before, after):
    """Names of the weights and statistics that differ between two nets."""
    before, after = (net.module_.state_dict() for net in (before, after))
    return {key for key in before if not before[key].equal(after[key])}


def same(a, b):
    return not changed(a.estimator_, b.estimator_)


@pytest.fixture
def fitted_net(table):
    return clone(NET).fit(*table)


# Mathematics


def test_skip_probabilities():
    assert level_skip_probability(1, 0.35) == 0.35
    for number in (1, 2, 15):
        expected = 0.35 / (1 + math.log(number))
        assert level_skip_probability(number, 0.35) == expected
        # As printed, p = 0 would skip every level, and p = 1 is the same.
        assert level_skip_probability(number, 0.0) == 0.0
        printed = 1 / (1 + math.log(number))
        assert level_skip_probability(number, 1.0) == printed
    expected = sum(1 - level_skip_probability(number, 0.35) for number in range(1, 16))
    assert expected == pytest.approx(12.9, abs=0.05)
    for wrong in ((0, 0.35), (1.5, 0.35), (1, 2), (1, "validated")):
        with refuses("level_skip_probability needs (number|probability) to be"):
            level_skip_probability(*wrong)


@pytest.mark.parametrize("p, n", [(0.0, 5), (0.35, 40), (1.0, 20)])
def test_levels_are_skipped_as_often_as_that(table, p, n, fitted_net):
    X, y = (part[:30] for part in table)
    state = np.random.RandomState(0)
    params = {"tune_share": 0, "generator": "noise", "random_state": state}
    model = frozen(fitted_net, skip_probability=p, **params)
    skipped = [[r.skipped for r in model.fit(X, y).levels_] for _ in range(n)]
    expected = np.array([level_skip_probability(i, p) for i in (1, 2, 3)])
    error = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(np.mean(skipped, axis=0) - expected) <= 4 * error).all()


def test_without_a_synthetic_share_it_is_the_twin_of_equal_compute(table):
    twin, augmented = ihda(synthetic_share=0.0).fit(*table), ihda().fit(*table)
    assert [r.steps for r in twin.levels_] == [r.steps for r in augmented.levels_]
    assert not same(twin, augmented) and not twin.generators_
    # No source is looked for, so that none can be missing.
    assert same(twin, ihda(synthetic_share=0.0, sources="hard").fit(*table))


def test_a_short_form_is_its_object(table):
    names = ihda(generator="noise", sources="region").fit(*table)
    objects = ihda(generator=NoiseGenerator(), sources=HardPoints("region"))
    assert same(names, objects.fit(*table))


@pytest.mark.parametrize("generator", ["neighbors", "interpolation", "gaussian"])
@pytest.mark.parametrize("sources", ["all", "supported"])
def test_generators_without_training_at_every_level(generator, sources, table):
    model = ihda(generator=generator, sources=sources).fit(*table)
    assert list(model.generators_) == [record.level for record in model.levels_]
    assert not same(model, ihda(synthetic_share=0.0).fit(*table))
    again = ihda(generator=generator, sources=sources).fit(*table)
    assert same(model, again)


def test_samples_without_spread_are_copies(table, fitted_net):
    X, y = table
    model = frozen(fitted_net, generator=VAEGenerator(4, spread=0.0)).fit(X, y)
    real, synthetic, rows = model.sample(X, y, "blocks.0", n_samples=3)
    np.testing.assert_array_equal(synthetic, real[rows])
    np.testing.assert_array_equal(rows, np.repeat(np.arange(len(X)), 3))


def test_samples_have_activations_of_the_fitted_network(table):
    X, y = table
    literal = VAEGenerator(4, decoder_noise=0.0, keep_residual=False)
    model = ihda(generator=literal).fit(X, y)
    module = model.estimator_.module_.eval()
    with torch.no_grad():
        first = module.blocks[0](module.input_norm(torch.tensor(X).float()))
    real, synthetic, _ = model.sample(X, y, "blocks.0")
    np.testing.assert_allclose(real, first, rtol=1e-5, atol=1e-6)
    assert (synthetic >= 0).all() and not np.allclose(real, synthetic)
    again = model.sample(X, y, "blocks.0")[1]
    np.testing.assert_array_equal(synthetic, again)
    assert model.sample(X, y)[0].shape == (len(X), 8)  # the last level


@pytest.mark.parametrize(
    "params, parts",
    [
        ({"levels": ["blocks.0"], "batch_norm": "train"}, ("blocks.1", "head")),
        ({"trainable": "head"}, "head"),
    ],
)
def test_what_is_not_trained_is_left_alone(table, fitted_net, params, parts):
    model = frozen(fitted_net, **params).fit(*table)
    trained = {key for key in fitted_net.module_.state_dict() if key.startswith(parts)}
    assert changed(fitted_net, model.estimator_) == trained


def test_losses_on_record_are_those_of_the_network(table):
    X, y = table
    stages = [log_loss(y, model.predict_proba(X)) for model in ihda().staged_fit(X, y)]
    records = ihda().fit(X, y).levels_
    assert len(stages) == 1 + len(records)
    before, after = zip(*((r.loss_before, r.loss_after) for r in records))
    np.testing.assert_allclose(before, stages[:-1], rtol=1e-5)
    np.testing.assert_allclose(after, stages[1:], rtol=1e-5)


# Weights


class Unnormalised(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features, 6), nn.Tanh())
        self.head = nn.Linear(6, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


FULL = NetClassifier(Unnormalised, batch_size=-1, max_epochs=10, random_state=0)


def test_losses_on_record_are_weighted(table):
    X, y = table
    w = np.random.default_rng(0).uniform(0.1, 3, len(X)) ** 2

    def losses_of(stages):
        proba = [model.predict_proba(X) for model in stages]
        return [log_loss(y, p, sample_weight=w) for p in proba]

    stages = losses_of(ihda().staged_fit(X, y, sample_weight=w))
    records = ihda().fit(X, y, sample_weight=w).levels_
    np.testing.assert_allclose([r.loss_before for r in records], stages[:-1], rtol=1e-5)
    np.testing.assert_allclose([r.loss_after for r in records], stages[1:], rtol=1e-5)


def test_the_guard_weighs_what_is_held_out(table):
    X, y = table
    w = np.random.default_rng(0).uniform(0.1, 3, len(X)) ** 2
    kept = []

    class Keeps(NetClassifier):
        def fit(self, X, y, **params):
            kept.append(X)
            return super().fit(X, y, **params)

    net = Keeps(module__hidden=(16, 8), max_epochs=10, random_state=0)
    model = ihda(net, validation=0.4, levels=["blocks.0"], tune_share=0.0)
    model.fit(X, y, sample_weight=w)
    held = ~np.isin(X[:, 0], kept[0][:, 0])
    proba = model.estimator_.predict_proba(X[held])
    expected = log_loss(y[held], proba, sample_weight=w[held])
    assert model.levels_[0].held_out_before == pytest.approx(expected, rel=1e-5)


def test_finetuning_on_weighted_rows_is_that_on_repeated_rows(table):
    # All rows in each batch, and no samples: what is random plays no part.
    X, y = table
    w = np.random.default_rng(0).integers(1, 4, len(X))
    copies = np.repeat(np.arange(len(X)), w)
    params = {"synthetic_share": 0.0, "tune_share": 1.0, "levels": ["input", "body"]}
    sgd = clone(FULL).set_params(optimizer=torch.optim.SGD, lr=0.1)
    weighted = ihda(sgd, **params).fit(X, y, sample_weight=w)
    repeated = ihda(sgd, **params).fit(X[copies], y[copies])
    for a, b in zip(*(m.estimator_.module_.parameters() for m in (weighted, repeated))):
        assert (a - b).abs().max() < 1e-6
    for one, other in zip(weighted.levels_, repeated.levels_, strict=True):
        assert one.loss_after == pytest.approx(other.loss_after, rel=1e-5)


def test_rows_of_weight_0_and_equal_weights(table):
    X, y = table
    w = (np.arange(len(X)) % 4).astype(float)
    groups, kept = np.arange(len(X)) // 5, w > 0
    for params in ({}, {"validation": 3, "generator": "noise"}):
        one = ihda(**params).fit(X, y, groups, sample_weight=w)
        other = ihda(**params).fit(X[kept], y[kept], groups[kept], w[kept])
        assert same(one, other)
    # Shares of all rows in a batch differ from means by rounding.
    one = ihda(FULL, generator="noise").fit(X, y, sample_weight=np.full(len(X), 2.0))
    other = ihda(FULL, generator="noise").fit(X, y)
    for a, b in zip(*(m.estimator_.module_.parameters() for m in (one, other))):
        assert (a - b).abs().max() < 1e-5


def test_samples_have_the_weight_of_their_source(table, monkeypatch):
    X, y = table
    w = np.random.default_rng(0).uniform(0.1, 3, len(X))
    batches = []

    def finetune(rows, given, n_steps, **_):
        batches.append((rows, [next(given) for _ in range(3)]))

    monkeypatch.setattr(level, "finetune", finetune)
    still = NoiseGenerator(spread=0.0)  # a sample is its source
    ihda(generator=still, levels=["input"]).fit(X, y, sample_weight=w)
    ((rows, three),) = batches
    for h, codes, weight in three:
        places = (h[:, None] == rows.h[:]).all(2).double().argmax(1)
        assert torch.equal(weight, torch.tensor(w)[places])
        assert torch.equal(codes, rows.codes[places])


def test_class_weight_of_the_net_is_kept(table, fitted_net):
    X, y = table
    factors = np.array([0.5, 1.0, 3.0])
    by_class = dict(enumerate(factors.tolist()))
    one = ihda(clone(NET).set_params(class_weight=by_class)).fit(X, y)
    assert same(one, ihda().fit(X, y, sample_weight=factors[y]))
    fitted_net.set_params(class_weight=by_class).fit(X, y)
    assert same(
        frozen(fitted_net, generator="noise").fit(X, y),
        ihda(clone(NET).set_params(class_weight=by_class), generator="noise").fit(X, y),
    )
    no_zeros = ihda(clone(NET).set_params(class_weight={2: 0.0})).fit(X, y)
    assert no_zeros.levels_[0].n_sources[2] == 0
    with refuses("needs balance=False for a net with class_weight; got balance=True"):
        ihda(clone(NET).set_params(class_weight="balanced"), balance=True).fit(X, y)


def test_weights_that_cannot_be_used(table):
    X, y = table
    with refuses(r"IHDAFinetuner needs sample_weight .* shape \(150,\); got shape"):
        ihda().fit(X, y, sample_weight=np.ones(3))
    other = NeuralNetClassifier(MLP, module__n_features=8, module__n_classes=3)
    with refuses("needs a NetClassifier for sample_weight; got a Neural", TypeError):
        ihda(other).fit(X, y, sample_weight=np.ones(len(X)))


def test_weights_are_routed(table):
    X, y = table
    w = 1.0 + y
    expected = ihda(generator="noise").fit(X, y, sample_weight=w)
    with config_context(enable_metadata_routing=True):
        asking = ihda(generator="noise").set_fit_request(sample_weight=True)
        asking.set_score_request(sample_weight=True)
        pipe = make_pipeline(FunctionTransformer(), asking)
        grid = {"ihdafinetuner__n_samples": [3]}
        search = GridSearchCV(pipe, grid, scoring=scoring_with_weights(), cv=2)
        search.fit(X, y, sample_weight=w)
    assert same(search.best_estimator_[-1], expected) and search.best_score_ > 0.5


def test_steps_are_a_share_of_the_base_training(table):
    X, y = table
    # 150 rows in batches of 64 are three steps, ten times.
    for share in (0.3, 1.0):
        records = ihda(tune_share=share, synthetic_share=0.0).fit(X, y).levels_
        assert [r.steps for r in records] == [round(share * 30 / 3)] * 3


# Choices


@pytest.mark.parametrize("sources", ["all", "hard", "region", "top", "random"])
@pytest.mark.parametrize("generator", ["vae", "noise"])
def test_sources_and_generators(har_features, sources, generator):
    X, y, subject = (part[:300] for part in har_features)
    y = np.array([f"activity {code}" for code in y])
    points = HardPoints(sources, share=0.3)
    model = ihda(sources=points, generator=generator, n_samples=2)
    model.fit(X, y, groups=subject)
    for record in model.levels_:
        # Two per source, but no more than batches of 64 have room for.
        n_samples = min(2 * sum(record.n_sources.values()), 32 * record.steps)
        assert sum(record.n_samples.values()) == n_samples
        assert list(record.n_sources) == np.unique(y).tolist()
        assert math.isnan(record.r2) == (generator == "noise")
        known = sources not in ("all", "random")
        assert (record.hard_share >= 0) == known == (record.radius > 0)
        if not known:
            n = {"all": 300, "random": 90}[sources]
            assert sum(record.n_sources.values()) == n
    assert len(pd.DataFrame(model.levels_)) == 3


def test_radius_per_level(table):
    X, y = table
    radii = {"input": 0.2, "blocks.0": ("knn", 5), "blocks.1": "auto"}
    by_name = ihda(sources=HardPoints(radius=radii)).fit(X, y)
    in_order = ihda(sources=HardPoints(radius=list(radii.values()))).fit(X, y)
    found = [r.radius for r in by_name.levels_]
    assert found == [r.radius for r in in_order.levels_] and found[0] == 0.2
    assert by_name.levels_[0].gamma == 0.1


def test_batch_norm(table, fitted_net):
    X, y = table

    def mean(**params):
        model = frozen(fitted_net, levels=["input"], **params).fit(X, y)
        return model.estimator_.module_.blocks[0][1].running_mean

    start = fitted_net.module_.blocks[0][1].running_mean
    assert mean(batch_norm="frozen").equal(start)
    assert not mean(batch_norm="train").equal(start)
    # Recalibrated from the real rows, whose standardised columns have the mean 0.
    np.testing.assert_allclose(mean(batch_norm="recalibrate"), 0, atol=1e-4)


def test_balance_lifts_a_rare_class():
    X, y = make_classification(
        n_samples=600,
        n_features=8,
        n_informative=5,
        weights=[0.95],
        class_sep=0.6,
        random_state=0,
    )
    recall = {}
    for balance in (False, True):
        much = {"tune_lr": 1.0, "tune_share": 1.0, "validation": None}
        model = ihda(balance=balance, generator="noise", **much)
        recall[balance] = (model.fit(X, y).predict(X)[y == 1] == 1).mean()
    assert recall[True] > recall[False]


def test_a_level_that_makes_things_worse_is_undone(har_features):
    X, y, subject = (part[:400] for part in har_features)
    # The literal reading at a high rate: bad on purpose.
    bad = {"tune_lr": 30.0, "synthetic_share": 1.0, "tune_share": 1.0}
    guarded = ihda(**bad, generator__spread=5.0, validation=0.3)
    guarded.set_params(estimator__max_epochs=40).fit(X, y, groups=subject)
    undone = [r for r in guarded.levels_ if not r.accepted]
    assert undone and all(r.held_out_after > r.held_out_before for r in undone)
    # After a level is undone, the next starts where it started.
    for first, second in zip(guarded.levels_, guarded.levels_[1:]):
        start = first.held_out_after if first.accepted else first.held_out_before
        assert second.held_out_before == pytest.approx(start, rel=1e-5)
        if not first.accepted:
            assert first.loss_after == pytest.approx(first.loss_before, rel=1e-5)


def test_the_held_out_part_has_subjects_of_its_own(har_features, monkeypatch):
    X, y, subject = (part[:300] for part in har_features)
    seen = []
    fit = NetClassifier.fit

    def watched(self, X, y, groups=None):
        seen.append(set(groups))
        return fit(self, X, y, groups=groups)

    monkeypatch.setattr(NetClassifier, "fit", watched)
    ihda(validation=3).fit(X, y, groups=subject)
    (trained_on,) = seen
    assert trained_on and trained_on < set(subject)


def test_the_papers_reading_by_one_name():
    paper = IHDAFinetuner.paper(NET)
    sources, generator = paper.sources, paper.generator
    assert (sources.rule, sources.gamma, sources.metric) == ("hard", 0.05, "cosine")
    chosen = sources.radius, paper.tune_lr, paper.skip_probability, paper.batch_norm
    assert set(chosen) == {"validated"}
    assert paper.synthetic_share == 1.0 and paper.estimator is NET
    assert not generator.keep_residual and generator.decoder_noise == 0
    given = IHDAFinetuner.paper(radius=[0.3, 0.2], tune_lr=0.1)
    assert given.sources.radius == [0.3, 0.2] and given.tune_lr == 0.1


# Behaviour


def test_a_fitted_net_is_copied_and_trained_on_from(table, fitted_net):
    X, y = table
    before = copy.deepcopy(fitted_net.module_.state_dict())
    history = len(fitted_net.history)
    model = clone(frozen(fitted_net)).fit(X, y)
    torch.testing.assert_close(fitted_net.module_.state_dict(), before, rtol=0, atol=0)
    assert len(fitted_net.history) == history == len(model.estimator_.history)
    # The same as training it here.
    assert same(model, IHDAFinetuner(NET, random_state=0).fit(X, y))
    assert not hasattr(NET, "classes_")


def test_the_seed_is_also_the_estimators_if_it_has_none(table):
    params = {"skip_probability": 0.3, "generator": "noise"}
    first, second, other = (
        ihda(NetClassifier(max_epochs=2), random_state=seed, **params).fit(*table)
        for seed in (4, 4, 5)
    )
    assert same(first, second) and not same(first, other)


@pytest.mark.parametrize(
    "function, at",
    [
        ("VAEGenerator.fit", 2),
        ("hard_regions.VAE.loss", 40),
        ("ihda.finetuning.LevelRows.loss", 4),
        ("net.NetClassifier.train_step", 30 + 5),
    ],
)
def test_after_an_interrupt_the_estimator_is_usable(table, monkeypatch, function, at):
    X, y = table
    original, calls = resolve_name(f"skaug.{function}"), []

    def stop(*args, **kwargs):
        calls.append(0)
        if len(calls) == at:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(f"skaug.{function}", stop)
    model = ihda().fit(X, y)
    assert len(model.levels_) < 3 and model.levels_[-1].interrupted
    module = model.estimator_.module_
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    assert all(p.requires_grad for p in module.parameters())
    assert model.score(X, y) > 0.7
    pickle.loads(pickle.dumps(model)).predict(X)
    model.estimator_.partial_fit(X, y, epochs=1)


def test_grid_search_over_two_levels_of_nesting(table):
    X, y = table
    net = ISDAClassifier(max_epochs=5, random_state=0)
    pipe = make_pipeline(StandardScaler(), ihda(net))
    grid = [
        {
            "ihdafinetuner__sources__radius": [0.3],
            "ihdafinetuner__generator__latent_dim": [2, 4],
        },
        {
            "ihdafinetuner__synthetic_share": [0.0],
            "ihdafinetuner__estimator__strength": [0.0, 1.0],
        },
    ]
    search = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise")
    search.fit(X, y, groups=np.arange(len(y)) // 2)
    assert search.best_score_ > 0.7
    assert isinstance(search.best_estimator_[-1].estimator_, ISDAClassifier)


@pytest.mark.parametrize("shape", [(2, 32), (1, 16, 16)])
def test_images_and_signals_take_the_last_two_blocks(shape):
    y = np.repeat([0, 1], 30)
    X = np.random.default_rng(0).normal(size=(60, *shape))
    net = NetClassifier(max_epochs=3, random_state=0)
    model = ihda(net, generator__steps=20).fit((X.T + y).T, y)
    assert [r.level for r in model.levels_] == ["blocks.1", "blocks.2"]
    real, synthetic, _ = model.sample(X, y, "blocks.1", n_samples=2)
    assert real.shape[1:] == synthetic.shape[1:] and len(synthetic) == 120
    model.set_params(levels="hidden", tune_share=0.1, generator="noise").fit(X, y)
    assert [r.level for r in model.levels_] == [f"blocks.{i}" for i in range(3)]


def test_a_plain_net_of_skorch_in_a_residual_network(table):
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Linear(8, 6), nn.ReLU())
            self.inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU())
            self.head = nn.Linear(6, 3)

        def forward(self, X):
            h = self.stem(X)
            return self.head(h + self.inner(h))

    X, y = table[0].astype(np.float32), table[1]
    params = {"optimizer": torch.optim.Adam, "lr": 0.02, "max_epochs": 60}
    net = NeuralNetClassifier(Skip, criterion=nn.CrossEntropyLoss, verbose=0, **params)
    torch.manual_seed(0)
    model = IHDAFinetuner(net, random_state=0, levels=["input", "stem"]).fit(X, y)
    assert model.score(X, y) > 0.8
    with refuses("got 'inner': its activations alone do not"):
        IHDAFinetuner(net, levels=["inner"]).fit(X, y)
    with refuses(r"needs labels 0 ... n_classes - 1"):
        frozen(model.estimator_).fit(X, y + 1)


# Warnings and errors


def warns(match):
    return pytest.warns(UserWarning, match=match)


def test_warnings(table):
    X, y = table
    nowhere = HardPoints(radius=1e-6)
    with warns("level 'input': no point is a source. Increase radius"):
        model = ihda(sources=nowhere, levels=["input"]).fit(X, y)
    # Real rows only are left to train on.
    twin = ihda(synthetic_share=0.0, levels=["input"]).fit(X, y)
    assert model.levels_[0].steps and same(model, twin)
    for params, text in [
        ({"sources": nowhere}, "0.0% of the points have positive potential.*Increase"),
        ({"synthetic_share": 1.0}, "batches are synthetic only"),
        (
            {"generator__kl_weight": 1e4},
            "the autoencoder collapsed: .* Decrease kl_weight, increase steps",
        ),
    ]:
        with warns(text):
            ihda(**params).fit(X, y)
    noise = np.random.default_rng(0).integers(0, 3, len(y))
    with warns("have positive potential within radius .* Decrease"):
        ihda(sources="hard").fit(X, noise)
    given = {"radius": 1e-6, "tune_lr": 0.4, "skip_probability": 0.0}
    given["batch_norm"] = "train"
    with warns("no point is a source"):
        model = IHDAFinetuner.paper(NET, **given).fit(X, y)
    assert all(r.skipped and not r.steps for r in model.levels_)


def test_training_that_diverges_is_undone(table, fitted_net):
    X, y = table
    with warns("training diverged and is undone. Decrease tune_lr"):
        model = frozen(fitted_net, tune_lr=1e30, tune_share=1.0).fit(X, y)
    assert not any(r.accepted for r in model.levels_)
    np.testing.assert_array_equal(model.predict_proba(X), fitted_net.predict_proba(X))


@pytest.mark.parametrize("kind", [NetClassifier, NeuralNetClassifier])
def test_a_base_training_in_vain_is_not_fine_tuned(table, kind):
    X, y = np.float32(table[0]), table[1]
    net = kind(MLP, lr=1e30, max_epochs=3, train_split=None, verbose=0)
    net.set_params(criterion=nn.CrossEntropyLoss)
    if kind is NeuralNetClassifier:
        net.set_params(module__n_features=8, module__n_classes=3)
    with refuses(f"{kind.__name__} needs a training loss that stays finite; got nan"):
        IHDAFinetuner(net, generator="noise", random_state=0).fit(X, y)


def test_a_trained_net_with_weights_that_are_not_finite_is_refused(table, fitted_net):
    broken = copy.deepcopy(fitted_net)
    with torch.no_grad():
        broken.module_.head.bias[0] = math.nan
    with refuses("network of finite weights; got others in 'head.bias' of the Frozen"):
        frozen(broken).fit(*table)


def test_averages_that_are_not_finite_are_undone(table, fitted_net, monkeypatch):
    X, y = table

    def overflows(rows, *args, **kwargs):
        norm = rows.net.module_.blocks[0][1]
        norm.running_var.fill_(math.inf)  # by which the loss stays finite

    monkeypatch.setattr(level, "finetune", overflows)
    with warns("training diverged and is undone"):
        model = frozen(fitted_net, generator="noise", levels=["input"]).fit(X, y)
    assert not model.levels_[0].accepted
    np.testing.assert_array_equal(model.predict_proba(X), fitted_net.predict_proba(X))


@pytest.mark.parametrize(
    "rows, labels, message",
    [
        (slice(None), None, "labels .* the target y is None; got None"),
        (slice(1), slice(1), "two rows or more to hold one out .* got 1"),
        (slice(0), slice(0), "two rows or more to hold one out .* got 0"),
    ],
)
def test_rows_and_labels_that_are_not_there_are_named(table, rows, labels, message):
    X, y = table
    y = None if labels is None else y[labels]
    with refuses(f"IHDAFinetuner needs {message}"):
        ihda(validation=0.2).fit(X[rows], y, groups=np.arange(len(X[rows])))


def test_a_share_is_never_rounded_away(table):
    X, y = table
    few = ihda(synthetic_share=1e-6, levels=["input"]).fit(X, y).levels_[0]
    assert sum(few.n_samples.values()) == few.steps
    most = ihda(synthetic_share=1 - 1e-6, levels=["input"]).fit(X, y).levels_[0]
    assert sum(most.n_samples.values()) == min(63 * most.steps, 3 * len(y))
    net = NetClassifier(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)))
    net.set_params(batch_size=1, max_epochs=1)
    with refuses("needs batches of two or more"):
        IHDAFinetuner(net).fit(X, y)


def test_random_sources_are_not_the_rows_of_the_batches(table, monkeypatch):
    X, y = table
    seen = {"rows": []}
    choose, batches = HardPoints.fit, level.batches_of_rows

    def watched_choice(*args, **kwargs):
        seen["sources"] = choose(*args, **kwargs)
        return seen["sources"]

    def watched_batches(*args):
        for rows in batches(*args):
            seen["rows"].extend(rows)
            yield rows

    monkeypatch.setattr(HardPoints, "fit", watched_choice)
    monkeypatch.setattr(level, "batches_of_rows", watched_batches)
    ihda(sources=HardPoints("random", share=0.3), levels=["input"]).fit(X, y)
    among = np.isin(seen["rows"][:45], seen["sources"].indices_).mean()
    assert 0.05 < among < 0.6


def test_modules_that_work_in_place_leave_activations_alone(table):
    X, y = table
    net = NetClassifier(
        nn.Sequential(
            nn.Linear(8, 6),
            nn.LeakyReLU(inplace=True),
            nn.Linear(6, 6),
            nn.ReLU(inplace=True),
            nn.Linear(6, 3),
        ),
        max_epochs=5,
        random_state=0,
    )
    X = X.astype(np.float32)
    before = X.copy()
    model = IHDAFinetuner(net, levels=["input", "0", "2"], random_state=0).fit(X, y)
    np.testing.assert_array_equal(X, before)
    real, _, _ = model.sample(X, y, "0")
    assert (real < 0).any()


def test_a_connection_that_sleeps_on_most_rows_is_found(table):
    class Asleep(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(8, 4), nn.Linear(4, 3)

        def forward(self, X):
            return self.head(self.body(X)) + 100 * (X[:, :1] > X.amax() + 1).float()

    X, y = table
    X = X.astype(np.float32)
    net = NetClassifier(Asleep, max_epochs=2, random_state=0).fit(X, y)
    frozen(net, levels=["body"]).fit(X, y)

    class Awake(Asleep):
        def forward(self, X):
            extra = (X[:, 0] == self.waking).float()[:, None]
            return super().forward(X) * (1 - extra)

    net.module_.__class__ = Awake
    net.module_.waking = float(X[77, 0])
    with refuses(r"from its activations .* Name other levels"):
        frozen(net, levels=["body"]).fit(X, y)


def test_plain_nets_of_skorch_are_reproducible(table):
    X, y = table[0].astype(np.float32), table[1]
    module = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    make, loss = lambda: copy.deepcopy(module), nn.CrossEntropyLoss
    net, state = NeuralNetClassifier(make, criterion=loss), torch.get_rng_state()
    net.set_params(verbose=0)
    first, second = (IHDAFinetuner(net, random_state=0).fit(X, y) for _ in range(2))
    assert same(first, second)
    np.testing.assert_array_equal(torch.get_rng_state(), state)
    # A fifth is held out by skorch, so that an epoch has one step of 120 rows.
    assert sum(r.steps for r in first.levels_) == 2 * round(0.3 * 10 / 2)


def test_validation_with_rare_classes(table):
    X, y = table
    y = np.array(["a", "b", "c"])[y]
    rare = np.r_[np.flatnonzero(y != "c"), np.flatnonzero(y == "c")[:1]]
    for seed in range(3):
        model = ihda(validation=0.3, random_state=seed, generator="noise")
        model.fit(X[rare], y[rare], groups=np.arange(len(rare)) // 5)
        assert model.classes_.tolist() == ["a", "b", "c"]
        assert model.predict_proba(X).shape == (150, 3)


def test_a_dead_level_is_left_alone(table, fitted_net):
    nn.init.constant_(fitted_net.module_.blocks[1][1].bias, -100.0)
    with warns("level 'blocks.1': it is left alone, because all activations are 0"):
        model = frozen(fitted_net, levels=["blocks.1"]).fit(*table)
    assert model.levels_[0].skipped


@pytest.mark.parametrize(
    "params, text",
    [
        ({"levels": "all"}, "levels to be 'auto', 'hidden' or a list of one name"),
        ({"levels": []}, "a list of one name or more; got"),
        ({"levels": ["block"]}, r"no module of that name.*\['input', 'blocks.0'"),
        ({"levels": ["head"]}, "no trainable weight comes after it"),
        ({"levels": ["blocks.2"]}, "there is no module of that name"),
        ({"sources": "some"}, "needs sources to be one of 'hard', 'all'"),
        ({"generator": "gan"}, "needs generator to be one of 'neighbors'"),
        ({"generator": None}, "an object such as NeighborGenerator.*; got None"),
        ({"trainable": "all"}, "needs trainable"),
        ({"batch_norm": "eval"}, "needs batch_norm"),
        ({"synthetic_share": 1.5}, "synthetic_share to be .* from 0 to 1; got 1.5"),
        ({"balance": "yes"}, "balance to be True or False; got 'yes'"),
        (
            {"estimator__class_weight": np.ones(2), "balance": True},
            "NetClassifier needs class_weight to be None, 'balanced' or a dict; got",
        ),
        ({"skip_probability": -0.1}, "to be .* from 0 to 1 or 'validated'; got -0.1"),
        ({"tune_share": math.inf}, "needs tune_share to be .* >= 0; got inf"),
        ({"tune_lr": "fast"}, "needs tune_lr to be .* >= 0 .*; got 'fast'"),
        ({"n_samples": 0}, "needs n_samples to be .* >= 1; got 0"),
        ({"generator__steps": 1.5}, "VAEGenerator needs steps to be .* >= 1 or 'auto'"),
        ({"sources__share": 0}, "HardPoints needs share to be .* above 0 .*; got 0"),
        ({"validation": 1.0}, "needs validation to be .*; got 1.0. It is a share"),
        ({"sources__radius": -1.0}, "0 < radius <= 2"),
        ({"sources__radius": ("quantile", 3)}, r"or \('knn', number of neighbours\)"),
        ({"sources__radius": ("knn",)}, r"or \('knn', number of neighbours\)"),
        ({"sources__metric": "chebyshev"}, "needs metric to be one of"),
        ({"sources__gamma": -3}, "finite gamma > 0"),
        ({"levels": None}, "'auto', 'hidden' or a list of one name or more; got None"),
        ({"validation": 2.5}, "needs validation to be .* It is a share"),
        ({"sources__radius": [0.1]}, r"a radius for every level \[.*; got \[0.1\]"),
        ({"sources__radius": {"input": 0.1}}, "a radius for every level"),
    ],
)
def test_wrong_parameters(table, params, text):
    with refuses(text):
        ihda(**params).fit(*table)


def test_wrong_input(table, fitted_net):
    X, y = table
    model, no_head = IHDAFinetuner(NET), IHDAFinetuner(NetClassifier(NoHead))
    for finetuner, data, error, message in [
        (frozen(NET), table, NotFittedError, r"an unfitted NetClassifier\. Fit it, or"),
        (IHDAFinetuner(StandardScaler()), table, TypeError, "NetClassifier or another"),
        (model, ({"X": X}, y), TypeError, "X as an array or a data set .* got a dict"),
        (
            model,
            (X, y, [1, 2, 3]),
            ValueError,
            r"per row, .*; got groups of shape .3,",
        ),
        (model, (X, 0.0 * y), ValueError, "needs at least two classes"),
        (frozen(fitted_net), (X, 0 * y), ValueError, "needs two classes or more"),
        (no_head, table, ValueError, r"needs a plain nn\.Linear as its last layer"),
    ]:
        with refuses(message, error):
            finetuner.fit(*data)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with refuses("none: nothing was augmented in this fit"):
        ihda(synthetic_share=0.0).fit(X, y).sample(X, y)
    with refuses("needs a level that was augmented; got 'head'"):
        ihda().fit(X, y).sample(X, y, "head")


class NoHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 3))

    def forward(self, X):
        return X @ self.weight


def test_verbose_tells_a_line_per_level(table, capsys):
    ihda(verbose=2, skip_probability=1.0).fit(*table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("IHDA, activations: blocks.")
    assert lines[1] == "IHDA, level input: skipped" and len(lines) == 4


def test_rows_of_a_frame_are_taken_without_a_warning_of_torch(table, recwarn):
    X, y = table[0].astype(np.float32), table[1]
    given = X.copy()
    given.flags.writeable = False
    frame = pd.DataFrame(given)
    assert not frame.to_numpy().flags.writeable  # since pandas 3 always
    torch.set_warn_always(True)  # not only once per process
    try:
        model = ihda(generator="noise").fit(frame, y)
    finally:
        torch.set_warn_always(False)
    assert not recwarn.list
    expected = ihda(generator="noise").fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(frame), expected)


def test_default_estimator(table):
    model = IHDAFinetuner(random_state=0).fit(*table)
    assert isinstance(model.estimator_.module_, MLP)


def test_from_a_folder_of_recordings_to_ihda(tmp_path):
    # Text as in the SHL challenge, frames, spectra, scaling, IHDA; blocks held out.
    rng = np.random.default_rng(0)
    y = np.tile([1, 2], 12)
    times = np.arange(200) / 100
    pace = np.where(y == 1, 2.0, 7.0) + rng.normal(0, 0.3, len(y))
    X = rng.normal(0, 0.5, (len(y), 3, 200))
    X += np.sin(2 * np.pi * pace[:, None] * times)[:, None] + 2
    channels = [f"Acc_{axis}" for axis in "xyz"]
    data = load_shl(write_shl(tmp_path / "train", X, channels, y), channels)
    frames = frame_segments(
        data.X, data.y, np.arange(len(y)) // 4, frame_length=100, frame_step=50
    )
    model = ihda(NetClassifier(batch_size=16, random_state=0), sources="region")
    pipe = make_pipeline(MagnitudeSpectrum(), StandardScaler(), model)
    grid = {"ihdafinetuner__generator": ["vae", "noise"]}
    search = GridSearchCV(pipe, grid, cv=GroupKFold(3), error_score="raise")
    assert search.fit(frames.X, frames.y, groups=frames.groups).best_score_ > 0.9


def test_samples_that_are_not_finite_are_refused(table):
    model = ihda(generator="noise").fit(*table)
    model.generators_["input"].deviation_[0] = math.inf
    with refuses("samples that are finite; got NaN or infinity at level 'input'"):
        model.sample(*table, level="input")
