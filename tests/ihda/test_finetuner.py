"""IHDA: levels in order, sources, samples, twins, and what is left alone."""

import copy
import math
import pickle
from pkgutil import resolve_name

import numpy as np
import pandas as pd
import pytest
import torch
from shl_folder import write_shl
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
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
    params = {"generator": VAEGenerator(latent_dim=4), "random_state": 0, **params}
    return IHDAFinetuner(clone(estimator)).set_params(**params)


def weights(model):
    return [p.detach().clone() for p in model.estimator_.module_.state_dict().values()]


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(weights(a), weights(b), strict=True))


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


@pytest.mark.parametrize("p", [0.0, 0.35, 1.0])
def test_levels_are_skipped_as_often_as_that(table, p, fitted_net):
    X, y = table
    model = IHDAFinetuner(
        FrozenEstimator(fitted_net),
        skip_probability=p,
        tune_share=0,
        generator="noise",
        random_state=np.random.RandomState(0),
    )
    n = 80
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


def test_samples_without_spread_are_copies(table, fitted_net):
    X, y = table
    model = ihda(FrozenEstimator(fitted_net), generator__spread=0.0, n_samples=2)
    model.fit(X, y)
    real, synthetic, rows = model.sample(X, y, "blocks.0", n_samples=3)
    np.testing.assert_array_equal(synthetic, real[rows])
    np.testing.assert_array_equal(rows, np.repeat(np.arange(len(X)), 3))


def test_samples_have_activations_of_the_fitted_network(table):
    X, y = table
    model = ihda(generator=VAEGenerator(4, decoder_noise=0.0, keep_residual=False)).fit(
        X, y
    )
    module = model.estimator_.module_.eval()
    with torch.no_grad():
        first = module.blocks[0](module.input_norm(torch.tensor(X).float()))
    real, synthetic, _ = model.sample(X, y, "blocks.0")
    np.testing.assert_allclose(real, first, rtol=1e-5, atol=1e-6)
    assert (synthetic >= 0).all() and not np.allclose(real, synthetic)
    again = model.sample(X, y, "blocks.0")[1]
    np.testing.assert_array_equal(synthetic, again)
    assert model.sample(X, y)[0].shape == (len(X), 8)  # the last level


def test_layers_up_to_the_level_are_left_alone(table, fitted_net):
    X, y = table
    before = copy.deepcopy(fitted_net.module_.state_dict())
    model = IHDAFinetuner(
        FrozenEstimator(fitted_net), levels=["blocks.0"], random_state=0
    ).fit(X, y)
    after = model.estimator_.module_.state_dict()
    moved = {key for key in before if not after[key].equal(before[key])}
    assert moved == {k for k in before if k.startswith(("blocks.1", "head"))}


def test_losses_on_record_are_those_of_the_network(table):
    X, y = table
    stages = [log_loss(y, model.predict_proba(X)) for model in ihda().staged_fit(X, y)]
    records = ihda().fit(X, y).levels_
    assert len(stages) == 1 + len(records)
    before, after = (
        [r[f"loss_{side}"] for r in records] for side in ("before", "after")
    )
    np.testing.assert_allclose(before, stages[:-1], rtol=1e-5)
    np.testing.assert_allclose(after, stages[1:], rtol=1e-5)


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
    model = ihda(
        sources=HardPoints(sources, share=0.3), generator=generator, n_samples=2
    )
    model.fit(X, y, groups=subject)
    for record in model.levels_:
        # Two per source, but no more than batches of 64 have room for.
        n_samples = min(2 * sum(record.n_sources.values()), 32 * record.steps)
        assert sum(record.n_samples.values()) == n_samples
        assert set(record.n_sources) == set(np.unique(y).tolist())
        assert math.isnan(record.r2) == (generator == "noise")
        known = sources not in ("all", "random")
        assert (record.hard_share >= 0) == known == (record.radius > 0)
    if sources in ("all", "random"):
        n = {"all": 300, "random": 90}[sources]
        assert all(sum(r.n_sources.values()) == n for r in model.levels_)
    assert len(pd.DataFrame(model.levels_)) == 3


def test_radius_per_level(table):
    X, y = table
    radii = {"input": 0.2, "blocks.0": ("knn", 5), "blocks.1": "auto"}
    by_name = ihda(sources=HardPoints(radius=radii)).fit(X, y)
    in_order = ihda(sources=HardPoints(radius=list(radii.values()))).fit(X, y)
    found = [r.radius for r in by_name.levels_]
    assert found == [r.radius for r in in_order.levels_] and found[0] == 0.2
    assert by_name.levels_[0].gamma == 0.1


def test_only_the_head(table, fitted_net):
    model = IHDAFinetuner(
        FrozenEstimator(fitted_net), trainable="head", random_state=0
    ).fit(*table)
    before, after = (net.module_.state_dict() for net in (fitted_net, model.estimator_))
    assert {k for k in before if not before[k].equal(after[k])} == {
        "head.weight",
        "head.bias",
    }


def test_batch_norm(table, fitted_net):
    X, y = table
    statistics = {}
    for mode in ("train", "frozen", "recalibrate"):
        model = IHDAFinetuner(
            FrozenEstimator(fitted_net),
            levels=["input"],
            batch_norm=mode,
            random_state=0,
        ).fit(X, y)
        statistics[mode] = model.estimator_.module_.input_norm.running_mean
    start = fitted_net.module_.input_norm.running_mean
    assert statistics["frozen"].equal(start) and not statistics["train"].equal(start)
    np.testing.assert_allclose(statistics["recalibrate"], X.mean(0), rtol=1e-4)


def test_balance_lifts_a_rare_class():
    X, y = make_classification(
        600,
        n_features=8,
        n_informative=5,
        weights=[0.95],
        class_sep=0.6,
        random_state=0,
    )
    recall = {}
    for balance in (False, True):
        model = ihda(balance=balance, generator="noise", tune_lr=1.0, tune_share=1.0)
        predicted = model.fit(X, y).predict(X)
        recall[balance] = (predicted[y == 1] == 1).mean()
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
    literal = IHDAFinetuner.paper(NET, radius=0.3)
    sources, generator = literal.sources, literal.generator
    assert (sources.rule, sources.gamma, sources.radius) == ("hard", 0.05, 0.3)
    assert literal.synthetic_share == 1.0 and literal.estimator is NET
    assert not generator.keep_residual and generator.decoder_noise == 0


# Behaviour


def test_a_fitted_net_is_copied_and_trained_on_from(table, fitted_net):
    X, y = table
    before = pickle.dumps(fitted_net.module_.state_dict())
    proba, history = fitted_net.predict_proba(X), len(fitted_net.history)
    frozen = clone(IHDAFinetuner(FrozenEstimator(fitted_net), random_state=0)).fit(X, y)
    assert pickle.dumps(fitted_net.module_.state_dict()) == before
    np.testing.assert_array_equal(fitted_net.predict_proba(X), proba)
    assert len(fitted_net.history) == history == len(frozen.estimator_.history)
    # The same as training it here.
    assert same(frozen, IHDAFinetuner(NET, random_state=0).fit(X, y))
    assert not hasattr(NET, "classes_")


def test_the_same_seed_gives_the_same_weights(table):
    X, y = table
    torch.manual_seed(3)
    np.random.seed(3)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    model = ihda(skip_probability=0.3).fit(X, y)
    np.testing.assert_array_equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    torch.rand(3)
    assert same(model, clone(model).fit(X[:60], y[:60]).fit(X, y))
    assert not same(model, ihda(random_state=1).fit(X, y))
    # The seed is also the estimator's, if it has none.
    first, second = (
        IHDAFinetuner(NetClassifier(max_epochs=2), random_state=4).fit(X, y)
        for _ in range(2)
    )
    assert same(first, second)


@pytest.mark.parametrize("when", ["vae", "inside the vae", "steps", "loss"])
def test_after_an_interrupt_the_estimator_is_usable(table, monkeypatch, when):
    X, y = table
    calls = []

    def interrupt(original, at):
        def stop(*args, **kwargs):
            calls.append(0)
            if len(calls) == at:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        return stop

    if when == "vae":
        target, name, at = "skaug.VAEGenerator", "fit", 2
    elif when == "inside the vae":
        target, name, at = "skaug.hard_regions.VAE", "loss", 40
    elif when == "loss":
        target, name, at = "skaug.ihda.LevelRows", "loss", 4
    else:
        target, name, at = "skaug.net.NetClassifier", "train_step", 30 + 5
    monkeypatch.setattr(
        f"{target}.{name}", interrupt(resolve_name(f"{target}.{name}"), at)
    )
    model = ihda().fit(X, y)
    assert len(model.levels_) < 3
    assert [r.interrupted for r in model.levels_][-1]
    module = model.estimator_.module_
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    assert all(p.requires_grad for p in module.parameters())
    assert model.score(X, y) > 0.7
    pickle.loads(pickle.dumps(model)).predict(X)
    model.estimator_.partial_fit(X, y, epochs=1)


def test_string_labels_frames_and_round_trips(table):
    X, y = table
    frame = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(X.shape[1])])
    labels = pd.Series(np.array(["run", "sit", "walk"])[y])
    model = ihda(sources=HardPoints("top", share=0.3))
    model.fit(frame, labels, groups=np.arange(150) // 2)
    assert model.classes_.tolist() == ["run", "sit", "walk"]
    assert list(model.levels_[0].n_sources) == ["run", "sit", "walk"]
    assert model.feature_names_in_.tolist() == list(frame.columns)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    assert model.score(frame, labels) > 0.8


def test_grid_search_over_two_levels_of_nesting(table):
    X, y = table
    pipe = make_pipeline(
        StandardScaler(),
        IHDAFinetuner(ISDAClassifier(max_epochs=5, random_state=0), random_state=0),
    )
    grid = {
        "ihdafinetuner__sources__radius": ["auto", 0.3],
        "ihdafinetuner__generator__latent_dim": [2, 4],
        "ihdafinetuner__synthetic_share": [0.0, 0.5],
        "ihdafinetuner__estimator__strength": [0.0, 1.0],
    }
    groups = np.arange(len(y)) // 2
    search = GridSearchCV(pipe, grid, cv=GroupKFold(2), n_jobs=2, error_score="raise")
    search.fit(X, y, groups=groups)
    assert search.best_score_ > 0.7
    assert isinstance(search.best_estimator_[-1].estimator_, ISDAClassifier)


def test_images_and_signals_take_the_last_two_blocks():
    rng = np.random.default_rng(0)
    for shape in [(2, 32), (1, 16, 16)]:
        y = np.repeat([0, 1], 30)
        X = rng.normal(size=(60, *shape)) + y.reshape(-1, *[1] * len(shape))
        net = NetClassifier(max_epochs=3, random_state=0)
        model = IHDAFinetuner(net, random_state=0).fit(X, y)
        assert [r.level for r in model.levels_] == ["blocks.1", "blocks.2"]
        real, synthetic, _ = model.sample(X, y, "blocks.1", n_samples=2)
        assert real.shape[1:] == synthetic.shape[1:] and len(synthetic) == 120
        hidden = clone(model).set_params(levels="hidden", tune_share=0.1).fit(X, y)
        assert [r.level for r in hidden.levels_] == [f"blocks.{i}" for i in range(3)]


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
    net = NeuralNetClassifier(
        Skip,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.02,
        max_epochs=60,
        verbose=0,
    )
    torch.manual_seed(0)
    model = IHDAFinetuner(net, random_state=0, levels=["input", "stem"]).fit(X, y)
    assert model.score(X, y) > 0.8
    with pytest.raises(ValueError, match="got 'inner': its activations alone do not"):
        IHDAFinetuner(net, levels=["inner"]).fit(X, y)
    with pytest.raises(ValueError, match=r"needs labels 0 ... n_classes - 1"):
        IHDAFinetuner(FrozenEstimator(model.estimator_)).fit(X, y + 1)


# Warnings and errors


def message(match):
    return pytest.warns(UserWarning, match=match)


def test_warnings(table):
    X, y = table
    with message("level 'input': no point is a source. Increase radius"):
        model = ihda(sources=HardPoints(radius=1e-6), levels=["input"]).fit(X, y)
    # Real rows only are left to train on.
    assert model.levels_[0].steps and same(
        model, ihda(synthetic_share=0.0, levels=["input"]).fit(X, y)
    )
    with message("0.0% of the points have positive potential.*Increase"):
        ihda(sources=HardPoints(radius=1e-6)).fit(X, y)
    with message("batches are synthetic only"):
        ihda(synthetic_share=1.0).fit(X, y)
    with message("the autoencoder collapsed: .* Decrease kl_weight, increase steps"):
        ihda(generator__kl_weight=1e4).fit(X, y)
    noise = np.random.default_rng(0).integers(0, 3, len(y))
    with message("have positive potential within radius .* Decrease"):
        ihda(sources="hard").fit(X, noise)


def test_training_that_diverges_is_undone(table, fitted_net):
    X, y = table
    with message("training diverged and is undone. Decrease tune_lr"):
        model = IHDAFinetuner(
            FrozenEstimator(fitted_net), tune_lr=1e30, tune_share=1.0, random_state=0
        ).fit(X, y)
    assert not any(r.accepted for r in model.levels_)
    np.testing.assert_array_equal(model.predict_proba(X), fitted_net.predict_proba(X))


def test_a_share_is_never_rounded_away(table):
    X, y = table
    few = ihda(synthetic_share=1e-6, levels=["input"]).fit(X, y).levels_[0]
    assert sum(few.n_samples.values()) == few.steps
    most = ihda(synthetic_share=1 - 1e-6, levels=["input"]).fit(X, y).levels_[0]
    assert sum(most.n_samples.values()) == min(63 * most.steps, 3 * len(y))
    net = NetClassifier(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)))
    net.set_params(batch_size=1, max_epochs=1)
    with pytest.raises(ValueError, match="needs batches of two or more"):
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
            *(nn.Linear(8, 6), nn.LeakyReLU(inplace=True), nn.Linear(6, 6)),
            *(nn.ReLU(inplace=True), nn.Linear(6, 3)),
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
    IHDAFinetuner(FrozenEstimator(net), levels=["body"], random_state=0).fit(X, y)

    class Awake(Asleep):
        def forward(self, X):
            extra = (X[:, 0] == self.waking).float()[:, None]
            return super().forward(X) * (1 - extra)

    net.module_.__class__ = Awake
    net.module_.waking = float(X[77, 0])
    with pytest.raises(ValueError, match=r"from its activations .* Name other levels"):
        IHDAFinetuner(FrozenEstimator(net), levels=["body"], random_state=0).fit(X, y)


def test_plain_nets_of_skorch_are_reproducible(table):
    X, y = table[0].astype(np.float32), table[1]
    module = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    net = NeuralNetClassifier(
        lambda: copy.deepcopy(module), criterion=nn.CrossEntropyLoss, verbose=0
    )
    state = torch.get_rng_state()
    first, second = (IHDAFinetuner(net, random_state=0).fit(X, y) for _ in range(2))
    assert same(first, second)
    np.testing.assert_array_equal(torch.get_rng_state(), state)
    # A fifth is held out by skorch, so that an epoch has one step of 120 rows.
    steps = sum(r.steps for r in first.levels_)
    assert steps == 2 * round(0.3 * 10 / 2)


def test_validation_with_rare_classes(table):
    X, y = table
    y = np.array(["a", "b", "c"])[y]
    rare = np.r_[np.flatnonzero(y != "c"), np.flatnonzero(y == "c")[:1]]
    for seed in range(3):
        model = ihda(validation=0.3, random_state=seed, generator="noise")
        model.fit(X[rare], y[rare], groups=np.arange(len(rare)) // 5)
        assert model.classes_.tolist() == ["a", "b", "c"]
        assert model.predict_proba(X).shape == (150, 3)


def test_the_papers_reading_without_sources_skips_the_level(table):
    with message("no point is a source"):
        model = IHDAFinetuner.paper(NET, radius=1e-6).fit(*table)
    assert all(r.skipped and not r.steps for r in model.levels_)


def test_a_dead_level_is_left_alone(table, fitted_net):
    X, y = table
    nn.init.constant_(fitted_net.module_.blocks[1][1].bias, -100.0)
    with message("level 'blocks.1': it is left alone, because all activations are 0"):
        model = IHDAFinetuner(
            FrozenEstimator(fitted_net), levels=["blocks.1"], random_state=0
        ).fit(X, y)
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
        ({"generator": "gan"}, "needs generator to be one of 'vae'"),
        ({"generator": None}, "an object such as VAEGenerator.*; got None"),
        ({"trainable": "all"}, "needs trainable"),
        ({"batch_norm": "eval"}, "needs batch_norm"),
        ({"synthetic_share": 1.5}, "synthetic_share to be .* from 0 to 1; got 1.5"),
        ({"skip_probability": -0.1}, "skip_probability to be .* from 0 to 1; got -0.1"),
        ({"tune_share": math.inf}, "needs tune_share to be .* >= 0; got inf"),
        ({"tune_lr": "fast"}, "needs tune_lr to be .* >= 0; got 'fast'"),
        ({"n_samples": 0}, "needs n_samples to be .* >= 1; got 0"),
        ({"generator__steps": 1.5}, "VAEGenerator needs steps to be .* >= 1 or 'auto'"),
        ({"sources__share": 0}, "HardPoints needs share to be .* above 0 .*; got 0"),
        ({"validation": 1.0}, "needs validation to be .*; got 1.0. It is a share"),
        ({"sources__radius": -1.0}, "0 < radius <= 2"),
        ({"sources__radius": ("quantile", 3)}, r"or \('knn', number of neighbours\)"),
        ({"sources__radius": ("knn",)}, r"or \('knn', number of neighbours\)"),
        ({"sources__metric": "chebyshev"}, "needs metric to be one of"),
        ({"sources__gamma": -3}, "finite gamma > 0"),
        (
            {"levels": None},
            "levels to be 'auto', 'hidden' or a list of one name or more; got None",
        ),
        ({"validation": 2.5}, "needs validation to be .* It is a share"),
        (
            {"sources__radius": [0.1]},
            r"a radius for every level \[.*; got \[0.1\]",
        ),
        (
            {"sources__radius": {"input": 0.1}},
            "a radius for every level",
        ),
    ],
)
def test_wrong_parameters(table, params, text):
    with pytest.raises(ValueError, match=text):
        ihda(**params).fit(*table)


def test_wrong_input(table):
    X, y = table
    with pytest.raises(NotFittedError, match=r"an unfitted NetClassifier\. Fit it, or"):
        IHDAFinetuner(FrozenEstimator(NET)).fit(X, y)
    with pytest.raises(NotFittedError):
        IHDAFinetuner(NET).predict(X)
    with pytest.raises(TypeError, match="needs a NetClassifier or another"):
        IHDAFinetuner(StandardScaler()).fit(X, y)
    with pytest.raises(TypeError, match="needs X as an array; got a Dataset"):
        IHDAFinetuner(NET).fit(Dataset(X, y), None)
    with pytest.raises(TypeError, match="needs X as an array; got a dict"):
        IHDAFinetuner(NET).fit({"X": X}, y)
    with pytest.raises(ValueError, match="none: nothing was augmented in this fit"):
        ihda(synthetic_share=0.0).fit(X, y).sample(X, y)
    with pytest.raises(
        ValueError, match=r"one group per row, .*; got groups of shape \(3,"
    ):
        IHDAFinetuner(NET).fit(X, y, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="needs at least two classes"):
        IHDAFinetuner(NET).fit(X, np.zeros(len(y)))
    fitted = clone(NET).fit(X, y)
    with pytest.raises(ValueError, match="IHDAFinetuner needs two classes or more"):
        IHDAFinetuner(FrozenEstimator(fitted)).fit(X, np.zeros(len(y), int))
    with pytest.raises(ValueError, match=r"needs a plain nn\.Linear as its last layer"):
        IHDAFinetuner(NetClassifier(NoHead)).fit(X, y)
    with pytest.raises(
        ValueError, match="needs a level that was augmented; got 'head'"
    ):
        ihda().fit(X, y).sample(X, y, "head")


class NoHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 3))

    def forward(self, X):
        return X @ self.weight


def test_verbose_tells_a_line_per_level(table, capsys):
    ihda(verbose=1, skip_probability=1.0).fit(*table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "IHDA, level input: skipped" and len(lines) == 3


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
    net = NetClassifier(batch_size=16, random_state=0)
    model = IHDAFinetuner(
        net, sources="region", generator=VAEGenerator(latent_dim=4), random_state=0
    )
    pipe = make_pipeline(MagnitudeSpectrum(), StandardScaler(), model)
    grid = {"ihdafinetuner__generator": ["vae", "noise"]}
    search = GridSearchCV(pipe, grid, cv=GroupKFold(3), error_score="raise")
    assert search.fit(frames.X, frames.y, groups=frames.groups).best_score_ > 0.9
