"""Which points samples are made from."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons

from skaug import (
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    NoiseGenerator,
    VAEGenerator,
    auto_radius,
    hardness,
    potential,
)
from skaug.hard_regions.latent_generators import _a_tenth_held_out


@pytest.fixture
def moons():
    X, y = make_moons(300, noise=0.35, random_state=0)
    return X, y


def sources_of(rule, X, y, groups=None, *, random_state=0, **params):
    """A fitted HardPoints; distances are euclidean."""
    points = HardPoints(rule, metric="euclidean", **params)
    return points.fit(X, y, groups, random_state=random_state)


def test_hard_points_are_those_of_positive_potential(moons):
    X, y = moons
    for groups in (None, np.arange(len(y)) // 2):
        radius = auto_radius(X, metric="euclidean", groups=groups)
        settings = {"radius": radius, "metric": "euclidean", "groups": groups}
        potentials, noisy = potential(X, y, return_noisy=True, **settings)
        points = sources_of("hard", X, y, groups)
        np.testing.assert_array_equal(points.indices_, np.flatnonzero(potentials > 0))
        np.testing.assert_array_equal(points.potentials_, potentials)
        np.testing.assert_array_equal(points.noisy_, noisy)
        assert points.hard_share_ == np.mean(potentials > 0)
        assert points.radius_ == radius == 2 * points.gamma_


def test_region_takes_both_or_neither_of_two_points_at_one_spot(moons):
    X, y = moons
    twice, both = np.repeat(X, 2, axis=0), np.tile([0, 1], len(X))
    region = sources_of("region", twice, both).indices_
    assert len(region) and np.isin(region ^ 1, region).all()
    spot = np.vstack([X, X[:5]])
    region = sources_of("region", spot, np.r_[y, 1 - y[:5]], radius=0.5).indices_
    for i in range(5):
        assert (i in region) == (len(X) + i in region)


def test_region_needs_fifteen_percent_on_each_side():
    # Around the first point, it and n others of its class are against one.
    for n, chosen in [(4, True), (5, False)]:
        X = np.zeros((n + 2, 1))
        y = np.r_[np.zeros(n + 1), 1]
        region = sources_of("region", X, y, radius=1.0, gamma=1.0).indices_
        assert (0 in region) == chosen  # 1/6 > 0.15 > 1/7
        assert n + 1 not in region  # noisy: no neighbour of its own class


def test_random_takes_as_many_as_are_hard_or_a_share(moons):
    X, y = moons
    hard, few = sources_of("hard", X, y), sources_of("random", X, y)
    assert len(few.indices_) == len(hard.indices_)
    assert few.hard_share_ == hard.hard_share_ == len(hard.indices_) / len(X)
    first, second = (
        sources_of("random", X, y, share=0.25, random_state=seed) for seed in (1, 2)
    )
    assert len(np.unique(first.indices_)) == 75
    assert first.potentials_ is None and np.isnan(first.hard_share_)
    assert not np.array_equal(first.indices_, second.indices_)


def test_top_takes_a_share_of_each_class_by_rank(moons):
    X, y = moons
    top = sources_of("top", X, y, share=0.1)
    for c in (0, 1):
        of_class = np.flatnonzero(y == c)
        inside = np.isin(of_class, top.indices_)
        assert inside.sum() == 15
        potentials = top.potentials_[of_class]
        assert potentials[inside].min() >= potentials[~inside].max()


def test_supported_points_have_a_share_of_their_class_around_them(moons):
    X, y = moons
    gaps = np.linalg.norm(X[:, None] - X, axis=2) + np.diag(np.full(len(X), np.inf))
    for groups in (None, np.arange(len(y)) // 3):
        for share, k, least in [(None, 10, 2), (0.5, 10, 5), (1.0, 4, 4), (0.01, 4, 1)]:
            of_others = gaps.copy()
            if groups is not None:
                of_others[groups[:, None] == groups] = np.inf
            nearest = np.argsort(of_others, axis=1)[:, :k]
            expected = (y[nearest] == y[:, None]).sum(axis=1) >= least
            params = {"share": share, "radius": ("knn", k) if k != 10 else "auto"}
            found = sources_of("supported", X, y, groups, **params)
            np.testing.assert_array_equal(found.indices_, np.flatnonzero(expected))
            assert found.potentials_ is None


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan"])
def test_sources_of_some_classes_are_those_among_all(metric, moons):
    X, y = moons
    X, y = np.vstack([X, X[:30], X[:30]]), np.r_[y, y[:30], 1 - y[:30]]  # doubles
    y[:5] = 2
    for groups in (None, np.arange(len(y)) // 3):
        points = HardPoints("supported", metric=metric)
        every = points.fit(X, y, groups).indices_
        for needed in ([1], [0, 2], []):
            some = points.fit(X, y, groups, needed=needed).indices_
            np.testing.assert_array_equal(some, every[np.isin(y[every], needed)])
            some = points.fit(X, y, groups, needed=needed, every_class=True).indices_
            assert set(y[some]) == set(needed)


def test_supported_leaves_out_most_wrong_labels():
    X, y = make_moons(300, noise=0.1, random_state=0)
    wrong = np.arange(len(y)) % 20 == 0
    found = sources_of("supported", X, np.where(wrong, 1 - y, y)).indices_
    assert np.isin(np.flatnonzero(wrong), found).mean() < 0.2
    assert np.isin(np.flatnonzero(~wrong), found).mean() > 0.98


def test_a_radius_of_ones_own_makes_hard_what_hardness_says(moons):
    X, y = moons
    for groups in (None, np.arange(len(y)) // 2):
        points = sources_of("hard", X, y, groups, radius=("knn", 7))
        shares = hardness(X, y, groups=groups, n_neighbors=7)
        np.testing.assert_array_equal(points.noisy_, shares == 1)
        hard = np.flatnonzero((shares > 0.5) & (shares < 1))
        np.testing.assert_array_equal(points.indices_, hard)


def test_every_class_gets_a_source_if_asked():
    # Class 1 is sparse and amidst class 0; class 2 is sparse and far from all.
    rng = np.random.default_rng(0)
    X = np.vstack(
        [
            rng.normal(size=(300, 2)),
            3 * rng.normal(size=(12, 2)),
            [[60, 60], [66, 60], [60, 66], [66, 66]],
        ]
    )
    y = np.repeat([0, 1, 2], [300, 12, 4])
    params = {"radius": 0.05, "metric": "euclidean"}
    lacking = HardPoints("hard", **params).fit(X, y)
    found = HardPoints("hard", **params).fit(X, y, every_class=True).indices_
    assert set(y[lacking.indices_]) < set(y[found]) == {0, 1, 2}
    assert set(lacking.indices_) <= set(found)
    own = HardPoints("hard", radius=("knn", 10), metric="euclidean").fit(X, y)
    of_first = own.indices_[y[own.indices_] == 1]
    np.testing.assert_array_equal(found[y[found] == 1], of_first)
    np.testing.assert_array_equal(found[y[found] == 2], np.flatnonzero(y == 2))


def test_neighbour_rule_and_all(moons):
    X, y = moons
    for k in (3, 10):
        expected = auto_radius(X, metric="euclidean", n_neighbors=k)
        assert sources_of("hard", X, y, radius=("knn", k)).radius_ == expected
    points = sources_of("all", X, y)
    np.testing.assert_array_equal(points.indices_, np.arange(len(X)))
    assert points.potentials_ is None
    asked = HardPoints("all").fit(X, y, with_potentials=True)
    assert asked.hard_share_ > 0 and len(asked.indices_) == len(X)


def test_random_sources_are_not_the_rows_that_the_generator_holds_out():
    X, y = make_moons(200, noise=0.3, random_state=0)
    seen = []
    for seed in range(10):
        sampler = HardRegionSampler(
            sources=HardPoints("random", share=0.3),
            generator=VAEGenerator(steps=1),
            random_state=seed,
        ).fit(X, y)
        codes = torch.as_tensor(y)
        _, held_out = _a_tenth_held_out(
            X=torch.as_tensor(X), codes=codes, groups=None, seed=int(sampler._seeds[0])
        )
        seen.append(np.isin(held_out, sampler.sources_.indices_).mean())
    assert 0.15 < np.mean(seen) < 0.45  # a share of 0.3 by chance


@pytest.mark.parametrize(
    "sources, hint",
    [
        ("region", "radius"),
        (HardPoints("random", share=0.001), "share"),
        (HardPoints("random"), "radius"),
    ],
)
def test_a_sampler_without_sources_says_so(sources, hint):
    X = np.repeat([[10.0, 1.0], [1.0, 10.0]], 40, 0)
    X += 0.1 * np.random.default_rng(0).normal(size=X.shape)
    sampler = HardRegionSampler(
        sources=sources, generator="noise", sampling_strategy="hard", random_state=0
    )
    with pytest.warns(UserWarning, match=f"no point is a source. Increase {hint}"):
        sampler.fit_resample(X, np.repeat([0, 1], 40))


@pytest.mark.parametrize(
    "params", [{"sources": NoiseGenerator()}, {"generator": HardPoints()}]
)
def test_a_component_of_another_kind_is_refused(params, moons):
    for model in (HardRegionSampler(**params), IHDAFinetuner(**params)):
        with pytest.raises(ValueError, match="or an object such as"):
            model.fit(*moons)
