"""HardRegionSampler: the draws, whom they come from, and imbalanced-learn's checks."""

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from helpers import refuses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imblearn import pipeline as imblearn_pipeline
from imblearn.utils import check_sampling_strategy
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skaug import (
    HardPoints,
    HardRegionSampler,
    NeighborGenerator,
    NoiseGenerator,
    ResampledClassifier,
    VAEGenerator,
    auto_radius,
    class_potentials,
    hardness,
    potential,
)
from skaug.hard_regions import fit_vae, sample_latent


@pytest.fixture
def mixed():
    """Three classes of unequal size that overlap."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [90, 60, 30])
    centres = np.array([[0, 0, 2, 0], [1.5, 0, 2, 0], [0, 1.5, 2, 0]])
    return rng.normal(size=(180, 4)) * [1, 1, 0.5, 0.1] + centres[y], y


def sampler(**params):
    """A sampler with a small autoencoder; parameters of components by their names."""
    generator = VAEGenerator(latent_dim=4, steps=200)
    defaults = {
        "sources": HardPoints(radius=0.3),
        "sampling_strategy": "hard",
        "random_state": 0,
    }
    defaults |= {} if params.get("output") == "potentials" else {"generator": generator}
    return HardRegionSampler().set_params(**{**defaults, **params})


def noise(**params):
    return sampler(generator="noise", **params)


def warns(message):
    return pytest.warns(UserWarning, match=message)


NAMES = np.array(["run", "sit", "walk"])


def test_variance_of_latent_draws():
    # Var(mu + beta sigma eps) is sigma^2 E[beta^2]: a third of sigma^2 for U[0, 1], and
    # sigma^2 without beta.
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([1.0, -2.0, 0.0]).expand(200_000, 3)
    deviation = torch.tensor([0.5, 1.0, 3.0]).expand(200_000, 3)
    for spread, share in [(1.0, 1 / 3), (2.0, 4 / 3), (0.0, 0.0), ("fixed", 1.0)]:
        z, spreads = sample_latent(mean, deviation, spread, generator=generator)
        torch.testing.assert_close(z.mean(0), mean[0], rtol=0, atol=0.03)
        expected = share * deviation[0] ** 2
        torch.testing.assert_close(z.var(0), expected, rtol=0.02, atol=0)
        if spread == "fixed":
            assert (spreads == 1).all()
        else:
            assert spreads.min() >= 0 and spreads.max() <= spread
        # Given beta, it is normal with variance (beta sigma)^2.
        if spread:
            variance = ((z - mean) / (spreads * deviation)).var(0)
            torch.testing.assert_close(variance, torch.ones(3), rtol=0.02, atol=0)
    assert spreads.shape == (200_000, 1)


def test_without_spread_the_paper_gives_the_decoded_mean(mixed):
    X, y = mixed
    literal = {"spread": 0.0, "keep_residual": False, "decoder_noise": 0.0}
    hard = sampler(generator=VAEGenerator(4, steps=50, **literal))
    X_new, _ = hard.fit_resample(X, y)
    sources = torch.tensor(X[hard.source_index_[hard.is_synthetic_]])
    vae = hard.generator_.vae_
    decoded = vae.decode(vae.encode(sources)[0]).numpy()
    np.testing.assert_array_equal(X_new[hard.is_synthetic_], decoded)


@pytest.mark.parametrize("generator", [VAEGenerator(steps=50), "noise"])
def test_without_spread_the_default_gives_copies(mixed, generator):
    hard = sampler(generator=generator, generator__spread=0.0)
    X_new, _ = hard.fit_resample(*mixed)
    np.testing.assert_allclose(X_new, mixed[0][hard.source_index_], rtol=0, atol=1e-12)
    assert (hard.spread_ == 0).all()


def test_noise_has_the_deviation_of_each_feature(mixed):
    X, y = mixed
    hard = noise(n_samples=2000)
    X_new, _ = hard.fit_resample(X, y)
    new = hard.is_synthetic_
    moves = (X_new - X[hard.source_index_])[new] / hard.spread_[new, None]
    np.testing.assert_allclose(moves.std(0), X.std(0), rtol=0.02)


def test_decoder_noise_has_the_deviation_of_the_residual(mixed):
    X, y = mixed
    kept, noisy = (
        sampler(n_samples=2000, generator__decoder_noise=noise).fit(X, y)
        for noise in (0.0, 3.0)
    )
    rows = np.resize(kept.hard_indices_, 20_000)
    # The same draws but for the noise added last.
    without, _ = kept._draw(rows, seed=0)
    with_noise, spread = noisy._draw(rows, seed=0)
    moves = (with_noise - without) / spread[:, None]
    vae = noisy.generator_.vae_
    decoded = vae.decode(vae.encode(torch.tensor(X))[0]).numpy()
    np.testing.assert_allclose(moves.std(0), 3 * (X - decoded).std(0), rtol=0.03)


def test_provenance_row_by_row(mixed):
    X, y = mixed
    names = NAMES[y]
    groups = np.arange(len(y)) // 3
    hard = sampler(n_samples=3)
    X_new, y_new = hard.fit_resample(X, names, groups=groups)
    potentials = potential(X, y, radius=0.3, groups=groups)
    np.testing.assert_array_equal(hard.potentials_, potentials)
    np.testing.assert_array_equal(hard.hard_indices_, np.flatnonzero(potentials > 0))
    # The given rows come first, and in order.
    np.testing.assert_array_equal(X_new[: len(X)], X)
    np.testing.assert_array_equal(hard.source_index_[: len(X)], np.arange(len(X)))
    np.testing.assert_array_equal(hard.is_synthetic_, np.arange(len(X_new)) >= len(X))
    new = hard.source_index_[hard.is_synthetic_]
    assert sorted(new) == sorted(np.repeat(hard.hard_indices_, 3))
    np.testing.assert_array_equal(y_new, names[hard.source_index_])
    np.testing.assert_array_equal(hard.groups_, groups[hard.source_index_])
    of_sources = potentials[hard.source_index_]
    np.testing.assert_array_equal(hard.source_potential_, of_sources)
    # Each new row is nearer to its source than a random row is, in every class.
    moved = np.linalg.norm(X_new - X[hard.source_index_], axis=1)[len(X) :]
    by_chance = np.linalg.norm(X_new[len(X) :] - X[new[::-1]], axis=1)
    assert 0 < np.median(moved) < np.median(by_chance)
    assert ((hard.spread_[len(X) :] > 0) & (hard.spread_[len(X) :] < 1)).all()


def test_a_second_fit_starts_from_nothing(mixed):
    X, y = mixed
    hard = noise()
    hard.fit_resample(X, y, groups=np.arange(len(y)) // 3)
    fresh = noise().fit(X[60:], y[60:])
    assert sorted(vars(hard.fit(X[60:], y[60:]))) == sorted(vars(fresh))
    hard.set_params(output="potentials").fit(X, y)
    assert not hasattr(hard.set_params(output="samples"), "sampling_strategy_")
    with pytest.raises(NotFittedError):
        hard.sample(3)


def test_other_draws_give_other_samples(mixed):
    X, y = mixed
    hard = noise()
    X_new, _ = hard.fit_resample(X, y)
    later, _ = hard.sample(hard.is_synthetic_.sum())
    assert not {row.tobytes() for row in later} & {row.tobytes() for row in X_new}
    other, _ = noise(random_state=1).fit_resample(X, y)
    assert len(other) == len(X_new) and not np.array_equal(other, X_new)


@pytest.mark.parametrize(
    "strategy, numbers",
    [
        ("auto", {1: 30, 2: 60}),
        ("not majority", {1: 30, 2: 60}),
        ("minority", {2: 60}),
        ("not minority", {0: 0, 1: 30}),
        ("all", {0: 0, 1: 30, 2: 60}),
        ({2: 41}, {2: 11}),
        ({}, {}),
        (lambda y: {0: 100, 2: int((y == 0).sum())}, {0: 10, 2: 60}),
    ],
)
def test_sampling_strategy_means_what_it_does_in_imbalanced_learn(
    mixed, strategy, numbers
):
    X, y = mixed
    hard = noise(sampling_strategy=strategy)
    _, y_new = hard.fit_resample(X, y)
    assert hard.sampling_strategy_ == numbers
    # But for classes that get nothing, which it leaves out or lists with 0.
    theirs = check_sampling_strategy(strategy, y, "over-sampling")
    assert Counter(numbers) == Counter(theirs)
    added = np.bincount(y_new, minlength=3) - np.bincount(y)
    assert added.tolist() == [numbers.get(label, 0) for label in range(3)]
    # All sources of a class are used equally often, up to one.
    for label, number in numbers.items():
        sources = hard.source_index_[hard.is_synthetic_ & (y_new == label)]
        uses = np.bincount(sources, minlength=len(X))[hard.hard_indices_]
        uses = uses[y[hard.hard_indices_] == label]
        assert uses.sum() == number and np.ptp(uses) <= 1


def test_a_ratio_of_two_classes(mixed):
    X, y = mixed
    X, y = X[y < 2], np.array(["big", "small"])[y[y < 2]]
    _, y_new = noise(sampling_strategy=0.8).fit_resample(X, y)
    assert (y_new == "small").sum() == 72 and (y_new == "big").sum() == 90


def test_all_points_as_sources(mixed):
    X, y = mixed
    every = noise(sources="all", n_samples=1)
    _, y_new = every.fit_resample(X, y)
    assert sorted(every.source_index_[len(X) :]) == list(range(len(X)))
    np.testing.assert_array_equal(np.bincount(y_new), 2 * np.bincount(y))


def test_sample_draws_of_the_hard_points(mixed):
    X, y = mixed
    hard = sampler(generator__spread=0.0).fit(X, NAMES[y])
    X_new, y_new = hard.sample(2 * len(hard.hard_indices_))
    twice = np.repeat(X[hard.hard_indices_], 2, axis=0)
    np.testing.assert_allclose(np.sort(X_new, 0), np.sort(twice, 0), atol=1e-12)
    nearest = np.linalg.norm(X_new[:, None] - X, axis=2).argmin(1)
    np.testing.assert_array_equal(y_new, NAMES[y[nearest]])
    np.testing.assert_array_equal(hard.sample(5)[0], hard.sample(5)[0])
    with refuses(r"n_samples to be .* >= 1; got 0"):
        hard.sample(0)


def test_potentials_as_features(mixed):
    X, y = mixed
    names, groups, row = NAMES[y], np.arange(len(y)) // 3, np.arange(len(y))
    features = sampler(output="potentials").set_output(transform="pandas")
    left_out = features.fit_transform(X, names)
    assert left_out.columns.tolist() == [f"potential_{name}" for name in NAMES]
    own = left_out.to_numpy()[row, y]
    np.testing.assert_allclose(own, features.potentials_, rtol=0, atol=1e-10)
    expected = class_potentials(X + 0.1, X, names, radius=0.3)
    np.testing.assert_array_equal(features.transform(X + 0.1), expected)
    own = features.fit_transform(X, names, groups=groups).to_numpy()[row, y]
    np.testing.assert_allclose(own, potential(X, y, radius=0.3, groups=groups))


def test_whole_numbers_stay_in_the_range_of_their_dtype(mixed):
    X, y = mixed
    rows = np.clip(100 * X + 128, 0, 255).astype(np.uint8)
    sources, generator = HardPoints(metric="euclidean"), NoiseGenerator(spread=5.0)
    hard = sampler(sources=sources, generator=generator, n_samples=50)
    X_new, _ = hard.fit_resample(rows, y)
    exact, _ = hard._draw(hard.source_index_[len(X) :], hard._seeds[1])
    assert exact.min() < 0 and exact.max() > 255
    np.testing.assert_array_equal(X_new[len(X) :], np.rint(exact).clip(0, 255))
    flags = np.column_stack([X > 0, X > 1])
    flags_new, _ = hard.fit_resample(flags, y)
    assert flags_new.dtype == bool and 0 < flags_new[len(X) :].mean() < 1


def test_constant_columns_stay_constant(mixed):
    X, y = mixed
    X = np.column_stack([X, np.zeros(len(X)), np.full(len(X), 0.1)])
    for generator in (VAEGenerator(steps=50), "noise"):
        X_new, _ = sampler(generator=generator, n_samples=2).fit_resample(X, y)
        np.testing.assert_allclose(X_new[:, 4:], np.tile([0, 0.1], (len(X_new), 1)))


def test_either_output_in_either_pipeline(mixed):
    X, y = mixed
    frame, names = pd.DataFrame(X, columns=list("abcd")), NAMES[y]
    regions = sampler(output="potentials")
    union = FeatureUnion([("rows", "passthrough"), ("regions", regions)])
    joined = make_pipeline(StandardScaler(), union, LogisticRegression())
    grid = {"featureunion__regions__sources__radius": [0.2, 0.5]}
    search = GridSearchCV(joined, grid, cv=3, error_score="raise")
    assert search.fit(frame, names).best_score_ > 0.6
    assert search.best_estimator_[-1].n_features_in_ == 4 + 3
    wide = noise(sources=HardPoints("hard", 5.0, metric="euclidean"))
    both = imblearn_pipeline.make_pipeline(regions, wide, SVC())
    grid = {
        "hardregionsampler-2__sources__gamma": [1.0, "scale"],
        "hardregionsampler-2__n_samples": [1, 3],
    }
    search = GridSearchCV(both, grid, cv=3, error_score="raise")
    assert search.fit(frame, names).best_score_ > 0.6


def test_potentials_of_a_training_row_do_not_hold_its_label():
    # With labels drawn at random nothing can be learnt from them.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)) + 3, rng.integers(2, size=400)
    regions = sampler(output="potentials", sources=HardPoints(metric="euclidean"))
    pipe = make_pipeline(regions, LogisticRegression())
    assert pipe.fit(X, y)[:-1].fit_transform(X, y).shape == (400, 2)
    assert (cross_val_predict(pipe, X, y, cv=5) == y).mean() < 0.56
    learnt = pipe[-1].fit(pipe[:-1].fit_transform(X, y), y)
    assert learnt.score(pipe[:-1].fit_transform(X, y), y) < 0.6


def test_groups_go_to_the_sampler_in_imbalanced_learns_pipeline(mixed):
    X, y = mixed
    groups = np.arange(len(y)) // 3
    with sklearn.config_context(enable_metadata_routing=True):
        hard = noise().set_fit_request(groups=True)
        hard.set_fit_resample_request(groups=True)
        pipe = imblearn_pipeline.make_pipeline(hard, SVC())
        pipe.fit(X, y, groups=groups)
    np.testing.assert_array_equal(pipe[0].groups_, groups[pipe[0].source_index_])


def test_the_vaes_held_out_part_has_groups_of_its_own(mixed, monkeypatch):
    X, y = mixed
    X[:, 0] = np.arange(len(y)) // 30
    seen = []

    def watched(rows, held_out, **kwargs):
        seen.append((rows, held_out))
        return fit_vae(rows, held_out, **kwargs)

    monkeypatch.setattr("skaug.hard_regions.latent_generators.fit_vae", watched)
    sampler().fit(X, y, groups=X[:, 0])
    ((rows, held_out),) = seen
    assert len(rows) + len(held_out) == len(X)
    train, valid = (set(part[:, 0].tolist()) for part in (rows, held_out))
    assert valid and not train & valid


@pytest.mark.parametrize(
    "params, message",
    [
        ({"sources__radius": 1e-6}, "180 of 180 points have no neigh.*Increase radius"),
        ({"sources__gamma": 1e-4}, "most .*vanish with gamma 0.0001. Increase gamma"),
        ({"generator__kl_weight": 1e6}, "explains .* 0 active.*Decrease kl_weight"),
    ],
)
def test_warnings_say_what_to_change(mixed, params, message):
    with warns(message):
        sampler(generator__steps=50).set_params(**params).fit(*mixed)


def test_warnings_where_classes_do_not_mix():
    rng = np.random.default_rng(0)
    X = np.repeat([[10.0, 1.0], [1.0, 10.0]], 40, 0) + 0.1 * rng.normal(size=(80, 2))
    y = np.repeat(["a", "b"], 40)
    narrow = noise(sources__radius=0.1)
    with warns("no point is in a hard region.*sources='all'"):
        X_new, _ = narrow.fit_resample(X, y)
    assert len(X_new) == len(X)
    with refuses("needs a source to sample from; got none. Increase radius, or"):
        narrow.sample(3)


@pytest.mark.parametrize("of_one, n", [("row", 1), ("group", 3)])
def test_a_class_of_one_row_or_one_group_is_named(mixed, of_one, n):
    X, y = mixed
    labels = NAMES[y].astype(object)
    labels[-n:] = "fall"
    groups = np.arange(len(y)) // 3 if of_one == "group" else None
    with warns(rf"\['fall'\] have one {of_one}.*Add rows"):
        noise().fit(X, labels, groups=groups)


def test_a_class_that_is_all_noise_is_named(mixed):
    X, y = mixed
    X = np.vstack([X, [[50.0, -40.0, 0.0, 0.0], [-60.0, 3.0, 0.0, 0.0]]])
    with warns(r"no point of \['fall'\] has a neighbour"):
        sources = HardPoints("hard", 3.0, metric="euclidean")
        noise(sources=sources).fit(X, [*NAMES[y], "fall", "fall"])


def test_a_good_fit_does_not_warn(mixed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hard = sampler(generator=VAEGenerator(8, steps=1000)).fit(*mixed)
    assert hard.generator_.r2_ > 0.3 and hard.generator_.active_units_ >= 1
    assert 0 < len(hard.hard_indices_) < 90


@pytest.mark.parametrize(
    "params, message",
    [
        ({"output": "both"}, "output to be 'samples' or 'potentials'; got 'both'"),
        ({"output": np.ones(2)}, "output to be 'samples' or 'potentials'; got array"),
        ({"sources__rule": np.ones(2)}, r"rule to be .*; got array\(\[1., 1.\]\)"),
        ({"sources": "some"}, "sources to be one of 'hard', .*; got 'some'"),
        ({"generator": "gan"}, "generator to be one of 'neighbors', .*; got 'gan'"),
        ({"n_samples": 0}, "n_samples to be .* >= 1; got 0"),
        ({"generator__latent_dim": 2.5}, "latent_dim to be .* >= 1; got 2.5"),
        ({"generator__spread": -1}, "spread to be .* >= 0 or 'fixed'; got -1"),
        ({"sources__radius": 3}, "0 < radius <= 2"),
        ({"sources__radius": "aut"}, "'auto'; got 'aut'"),
        ({"sources__radius": None}, "got None"),
        ({"sources__gamma": 0}, "gamma > 0"),
        ({"sources__metric": "l1"}, "'cosine', 'euclidean', 'manhattan'"),
        ({"sampling_strategy": "most"}, "to be 'hard', 'auto', .*; got 'most'"),
        ({"sampling_strategy": dict}, "to be 'hard', 'auto', .*; got <class 'dict'>"),
        ({"sampling_strategy": 0.5}, "two classes, .* got 0.5 and 3 classes"),
        ({"sampling_strategy": {7: 50}}, r"labels of y; got \[7\]"),
        ({"sampling_strategy": {0: 5}}, "got 5 for class 0, which has 90"),
        ({"sampling_strategy": {0: 95.5}}, "whole numbers of rows.*got 95.5"),
        ({"sampling_strategy": lambda y: None}, "returns a dict; got None"),
    ],
)
def test_messages_about_parameters(mixed, params, message):
    with refuses(message):
        sampler().set_params(**params).fit(*mixed)


def test_messages_about_data(mixed):
    X, y = mixed
    with refuses("Sparse data was passed", TypeError):
        sampler().fit(csr_array(X), y)
    with refuses(r"removes no rows; got 0.1,"):
        sampler(sampling_strategy=0.1).fit(X[y < 2], y[y < 2])
    for data, message in [
        ((np.where(X > 2, np.nan, X), y), "contains NaN"),
        ((X, np.zeros(len(X))), "two classes or more; got one class"),
        ((X, y, [1, 2]), "one group per row"),
        ((X, y[:12]), r"one label per row, shape \(180,\); got y of shape \(12,\)"),
        ((X, X[:, 0]), "Unknown label type"),
        ((X, np.ones((180, 2), dtype=int)), "Multilabel"),
    ]:
        with refuses(message):
            sampler().fit(*data)


def test_by_default_all_classes_become_as_large_as_the_largest(mixed):
    X, y = mixed
    default = HardRegionSampler(random_state=0)
    X_new, y_new = default.fit_resample(X, NAMES[y])
    assert Counter(y_new.tolist()) == dict.fromkeys(NAMES.tolist(), 90)
    assert sorted(default.source_index_[:180]) == list(range(180))
    for label, n_uses in [("sit", 1), ("walk", 2)]:
        uses = np.bincount(default.source_index_[180:], minlength=180)
        uses = uses[NAMES[y] == label]
        assert np.ptp(uses) <= 1 and uses.max() == n_uses
    again, _ = HardRegionSampler(random_state=0).fit_resample(X, NAMES[y])
    np.testing.assert_array_equal(X_new, again)


def test_the_defaults_sources_are_all_rows_or_those_with_support(mixed):
    X, y = mixed
    supported = HardRegionSampler(sources="supported", random_state=0)
    supported.fit_resample(X, y)
    new = supported.source_index_[supported.is_synthetic_]
    assert np.isin(new, HardPoints("supported").fit(X, y).indices_).all()


def test_potentials_are_computed_only_where_something_asks_for_them(mixed):
    X, y = mixed
    groups = np.arange(len(y)) // 3
    default = HardRegionSampler(random_state=0)
    default.fit_resample(X, y, groups=groups)
    assert default.sources_.potentials_ is None and "_measured" not in vars(default)
    values, noisy = potential(X, y, groups=groups, return_noisy=True)
    np.testing.assert_array_equal(default.potentials_, values)
    np.testing.assert_array_equal(default.noisy_, noisy)
    np.testing.assert_array_equal(default.hard_indices_, np.flatnonzero(values > 0))
    of_sources = values[default.source_index_]
    np.testing.assert_array_equal(default.source_potential_, of_sources)
    assert default.radius_ == 2 * default.gamma_ == auto_radius(X, groups=groups)
    default.fit(X[60:], y[60:])
    assert len(default.potentials_) == 120
    with pytest.raises(NotFittedError):
        HardRegionSampler().potentials_  # noqa: B018


def test_classes_of_one_size_need_no_row_and_the_sampler_says_so(mixed):
    X, y = mixed
    rows = np.r_[0:30, 90:120, 150:180]
    with warns("classes are of one size, so that no row is added. Give numbers"):
        X_new, _ = HardRegionSampler(random_state=0).fit_resample(X[rows], y[rows])
    np.testing.assert_array_equal(X_new, X[rows])


def test_a_class_without_a_source_gets_some_where_classes_are_filled_up():
    rng = np.random.default_rng(0)
    X = np.repeat([[10.0, 1.0], [1.0, 10.0]], [40, 20], 0)
    X += 0.1 * rng.normal(size=(60, 2))
    y = np.repeat(["a", "b"], [40, 20])
    narrow = HardRegionSampler(sources=HardPoints("hard", radius=0.1), random_state=0)
    with warns("no point is in a hard region"):
        _, y_new = narrow.fit_resample(X, y)
    assert Counter(y_new.tolist()) == {"a": 40, "b": 40}
    with warns(r"\['c'\] have one row each and no neighbours, .* copies"):
        alone = HardRegionSampler(random_state=0)
        X_new, _ = alone.fit_resample(np.vstack([X, [[0, 0]]]), [*y, "c"])
    assert (X_new[alone.source_index_ == 60] == 0).all()


def test_the_papers_choices_by_name(mixed):
    literal = HardRegionSampler.paper(radius=0.3, random_state=0)
    assert (
        literal.sources.get_params()
        == HardPoints("hard", radius=0.3, gamma=0.05, metric="cosine").get_params()
    )
    vae = literal.generator
    assert not vae.keep_residual and vae.decoder_noise == 0
    literal.set_params(generator__steps=50, generator__latent_dim=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        X_new, _ = literal.fit_resample(*mixed)
    assert len(X_new) == 180 + 5 * len(literal.hard_indices_) > 180
    assert HardRegionSampler.paper(n_samples=3).n_samples == 3


def test_categories_are_drawn_as_a_whole(mixed):
    X, y = mixed
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["place"] = pd.Categorical(np.where(X[:, 0] > 0, "bag", "belt"))
    frame["day"] = np.array(["Mon", "Tue", "Wed"])[np.arange(180) % 3]
    for generator in ("neighbors", "interpolation", "gaussian", "noise"):
        model = HardRegionSampler(
            generator=generator,
            categorical_features=["place", "day"],
            random_state=0,
        )
        frame_new, _ = model.fit_resample(frame, NAMES[y])
        assert frame_new.dtypes.tolist() == frame.dtypes.tolist()
        new = frame_new[180:]
        assert set(new["day"]) == {"Mon", "Tue", "Wed"} and len(new) == 90
        assert set(new["place"]) == {"bag", "belt"}
        pd.testing.assert_frame_equal(frame_new[:180], frame)
    from_array, _ = model.set_params(categorical_features=[4, 5]).fit_resample(
        frame.to_numpy(dtype=object), y
    )
    assert from_array.dtype == object
    assert set(from_array[180:, 5]) == {"Mon", "Tue", "Wed"}
    sampled, labels = model.sample(4)
    assert sampled.shape == (4, 6) and len(labels) == 4


def test_a_new_category_is_that_of_the_source_or_of_a_neighbour():
    # In class 1 nobody is red, in class 2 nobody is anything else.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 20, 10])
    colour = np.where(y == 2, "red", np.where(y == 1, "blue", "green"))
    colour[60:65] = "grey"
    table = np.empty((90, 2), dtype=object)
    table[:, 0], table[:, 1] = rng.normal(size=90), colour
    for generator in ("neighbors", "interpolation"):
        model = HardRegionSampler(
            generator=generator, categorical_features=[1], random_state=0
        )
        new, y_new = (values[90:] for values in model.fit_resample(table, y))
        assert set(new[y_new == 1, 1]) == {"blue", "grey"}
        assert set(new[y_new == 2, 1]) == {"red"}


def test_categories_and_weights_in_a_search(mixed):
    X, y = mixed
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["place"] = np.where(X[:, 0] > 0, "bag", "belt")
    encode = make_column_transformer(
        (OneHotEncoder(), ["place"]), remainder=StandardScaler()
    )
    model = ResampledClassifier(
        HardRegionSampler(categorical_features=["place"], random_state=0),
        make_pipeline(encode, LogisticRegression()),
    )
    grid = {"sampler__sources": ["all", "supported"], "sampler__generator": ["noise"]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise")
    assert search.fit(frame, NAMES[y]).best_score_ > 0.6
    # A weight of 0 takes a row out, and the new rows of which it is the source.
    weighted = ResampledClassifier(
        HardRegionSampler(random_state=0), LogisticRegression(C=1e3)
    )
    weights = (y != 2).astype(float)
    weighted.fit(X, NAMES[y], sample_weight=weights)
    assert not (weighted.predict(X) == "walk").any()


def test_containers_of_categories_keep_what_they_hold():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [40, 20])
    place = np.where(rng.random(60) < 0.5, "bag", "belt")
    number = rng.normal(size=60)
    listed = [[a, int(i), b] for a, i, b in zip(number.tolist(), y, place.tolist())]
    model = HardRegionSampler(categorical_features=[2], random_state=0)
    rows, _ = model.fit_resample(listed, y)
    assert rows[:60] == listed and {type(row[0]) for row in rows} == {float}
    words = np.column_stack([number, place])
    model.set_params(categorical_features=[1])
    rows, _ = model.fit_resample(words, y)
    assert rows.dtype.kind == "U" and (rows[:60] == words).all()
    assert set(rows[60:, 1]) == {"bag", "belt"}
    keys = 2**53 + 1 + 2 * rng.integers(3, size=60)
    frame = pd.DataFrame({"x": number, "key": keys})
    frame_new, _ = model.fit_resample(frame, y)
    assert set(frame_new["key"][60:]) <= set(keys)
    # Without a categorical column, "auto" finds columns of numbers only.
    model.set_params(categorical_features="auto")
    assert len(model.fit_resample(frame, y)[0]) == 80
    with refuses("name it in categorical_features, or leave it out"):
        model.fit_resample(frame.assign(place=place), y)


def test_groups_in_any_container(mixed):
    X, y = mixed
    groups = np.arange(len(y)) // 3
    for sources in ("supported", "hard", "all"):
        for generator in ("neighbors", NeighborGenerator(other_groups=True)):
            default = HardRegionSampler(
                sources=sources, generator=generator, random_state=0
            )
            expected, _ = default.fit_resample(X, y, groups=groups)
            for of_rows in (groups.tolist(), pd.Series(groups), groups[:, None]):
                found, _ = default.fit_resample(X, y, groups=of_rows)
                np.testing.assert_array_equal(found, expected)
                assert default.groups_.shape == (len(found),)
    with refuses(r"one group per row, shape \(180,\); got groups of shape \(10,\)"):
        HardRegionSampler().fit(X, y, groups=groups[:10])


def test_a_class_in_one_group_is_copied_if_neighbours_are_of_other_groups(mixed):
    X, y = mixed
    groups = np.where(y == 2, 999, np.arange(len(y)))
    apart = HardRegionSampler(
        generator=NeighborGenerator(other_groups=True), random_state=0
    )
    with warns(r"\[2\] have one group each and no neighbours"):
        X_new, y_new = apart.fit_resample(X, y, groups=groups)
    of_last = apart.is_synthetic_ & (y_new == 2)
    np.testing.assert_array_equal(X_new[of_last], X[apart.source_index_[of_last]])


def test_rows_of_zeros_are_told_where_support_is_looked_for(mixed):
    X, y = mixed
    X[::7] = 0
    with warns("Rows of zeros only: 26 of 180"):
        HardRegionSampler(sources="supported", random_state=0).fit(X, y)


def test_polars_frames_keep_columns_and_dtypes(mixed):
    X, y = mixed
    frame = pl.DataFrame(
        {"a": X[:, 0], "b": X[:, 1].astype(np.float32), "n": np.arange(180), "f": y > 0}
    )
    labels = pl.Series("activity", NAMES[y])
    default = HardRegionSampler(random_state=0)
    frame_new, labels_new = default.fit_resample(frame, labels)
    assert frame_new.schema == frame.schema and frame_new[:180].equals(frame)
    assert labels_new.name == "activity" and len(labels_new) == len(frame_new) == 270
    same = pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})
    of_pandas, _ = default.fit_resample(same, NAMES[y])
    np.testing.assert_array_equal(frame_new["b"].to_numpy(), of_pandas["b"])
    assert default.feature_names_in_.tolist() == ["a", "b", "n", "f"]
    words = frame.with_columns(day=pl.Series(["Mon", "Tue"] * 90))
    with refuses(
        "needs columns of numbers; got column 'day' of dtype String, with 'Mon' in it"
    ):
        default.fit_resample(words, labels)
    default.set_params(categorical_features=["day", "f"])
    frame_new, _ = default.fit_resample(words, labels)
    assert frame_new.schema == words.schema
    assert set(frame_new["day"][180:]) == {"Mon", "Tue"}


def test_hardness_as_features(mixed):
    X, y = mixed
    features = HardRegionSampler(
        output="potentials", sources=HardPoints(radius=("knn", 10), metric="euclidean")
    ).set_output(transform="pandas")
    found = features.fit_transform(X, NAMES[y])
    assert found.columns.tolist() == [f"hardness_{name}" for name in NAMES]
    own = found.to_numpy()[np.arange(180), y]
    np.testing.assert_allclose(own, hardness(X, y), atol=1e-12)
    expected = class_potentials(X + 1, X, y, radius=("knn", 10), metric="euclidean")
    np.testing.assert_array_equal(features.transform(X + 1), expected)


def test_several_labels_are_resampled_one_by_one(mixed):
    X, y = mixed
    both = np.column_stack([y == 2, X[:, 1] > 1.8]).astype(int)
    with refuses("several or none.* one of them at a time"):
        HardRegionSampler().fit_resample(X, both)
    one = ResampledClassifier(HardRegionSampler(random_state=0), LogisticRegression())
    plain = OneVsRestClassifier(LogisticRegression()).fit(X, both)
    balanced = OneVsRestClassifier(one).fit(X, both)
    assert (balanced.predict(X).sum(0) > plain.predict(X).sum(0)).all()


def test_sitting_is_hard_in_har_and_laying_is_not(har):
    # Sitting and standing are known to be what is confused on this set.
    X, y, subject = har
    means = np.concatenate([X.mean(2), X.std(2)], axis=1)
    hard = HardRegionSampler(generator="noise", random_state=0)
    hard.fit(StandardScaler().fit_transform(means), y, groups=subject)
    shares = np.bincount(y[hard.hard_indices_], minlength=6) / np.bincount(y)
    assert shares.argmax() == 3 and shares[5] == 0


@st.composite
def tables(draw):
    n, d = draw(st.integers(4, 20)), draw(st.integers(1, 3))
    cell = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, 2.0])
    row = st.lists(cell, min_size=d, max_size=d)
    X = np.array(draw(st.lists(row, min_size=n, max_size=n)))
    X = X.astype(draw(st.sampled_from([np.float32, np.float64])))
    y = draw(st.lists(st.sampled_from("abc"), min_size=n - 2, max_size=n - 2))
    groups = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return X, ["a", "b", *y], draw(st.sampled_from([None, groups]))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    tables(),
    st.sampled_from(["cosine", "euclidean", "manhattan"]),
    st.sampled_from(["hard", "all"]),
)
def test_random_tables_give_finite_samples(table, metric, sources):
    X, y, groups = table
    hard = noise(sources=HardPoints(sources, metric=metric))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        X_new, y_new = hard.fit_resample(X, y, groups=groups)
        features = hard.set_params(output="potentials").fit_transform(X, y, groups)
    assert np.isfinite(X_new).all() and np.isfinite(features).all()
    assert len(X_new) == len(y_new) >= len(X)


def test_new_rows_that_are_not_finite_are_refused(mixed):
    class Broken(NoiseGenerator):
        def draw(self, X, codes, generator):
            new, spreads = super().draw(X, codes, generator)
            return new / 0, spreads

    with refuses("new rows that are finite; got NaN or infinity from Broken"):
        sampler(generator=Broken()).fit_resample(*mixed)
