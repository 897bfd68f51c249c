"""Which points samples are made from."""

import numpy as np
import pytest
from sklearn.datasets import make_moons

from skaug import HardRegionSampler, auto_radius
from skaug.ihda import choose_sources


@pytest.fixture
def moons():
    X, y = make_moons(300, noise=0.35, random_state=0)
    return X, y


def test_potential_takes_what_the_sampler_calls_hard(moons):
    X, y = moons
    groups = np.arange(len(y)) // 2
    for given in (None, groups):
        sampler = HardRegionSampler(metric="euclidean", output="potentials")
        hard = sampler.fit(X, y, groups=given).hard_indices_
        sources, report = choose_sources("potential", X, y, given, metric="euclidean")
        np.testing.assert_array_equal(sources, hard)
        assert report["hard_share"] == len(hard) / len(X)
        assert report["radius"] == sampler.radius_ == 2 * report["gamma"]


def test_region_takes_both_or_neither_of_two_points_at_one_spot(moons):
    X, y = moons
    twice, both = np.repeat(X, 2, axis=0), np.tile([0, 1], len(X))
    sources, _ = choose_sources("region", twice, both, metric="euclidean")
    assert len(sources) and np.isin(sources ^ 1, sources).all()
    spot = np.vstack([X, X[:5]])
    classes = np.r_[y, 1 - y[:5]]
    region, _ = choose_sources("region", spot, classes, metric="euclidean", radius=0.5)
    for i in range(5):
        assert (i in region) == (len(X) + i in region)


def test_region_needs_fifteen_percent_on_each_side():
    # Around the first point, it and n others of its class are against one.
    for n, chosen in [(4, True), (5, False)]:
        X = np.zeros((n + 2, 1))
        y = np.r_[np.zeros(n + 1), 1]
        sources, _ = choose_sources(
            "region", X, y, metric="euclidean", radius=1.0, gamma=1.0
        )
        assert (0 in sources) == chosen  # 1/6 > 0.15 > 1/7
        assert n + 1 not in sources  # noisy: no neighbour of its own class


def test_random_takes_as_many_as_are_hard_or_a_share(moons):
    X, y = moons
    hard, _ = choose_sources("potential", X, y, metric="euclidean")
    few, report = choose_sources("random", X, y, metric="euclidean")
    assert len(few) == len(hard) and report["hard_share"] == len(hard) / len(X)
    first, nothing = choose_sources("random", X, y, share=0.25, random_state=1)
    assert len(np.unique(first)) == 75 and nothing == {}
    second, _ = choose_sources("random", X, y, share=0.25, random_state=2)
    assert not np.array_equal(first, second)


def test_top_takes_a_share_of_each_class_by_rank(moons):
    X, y = moons
    sampler = HardRegionSampler(metric="euclidean", output="potentials").fit(X, y)
    top, _ = choose_sources("top", X, y, metric="euclidean", share=0.1)
    for c in (0, 1):
        of_class = np.flatnonzero(y == c)
        inside = np.isin(of_class, top)
        assert inside.sum() == 15
        potentials = sampler.potentials_[of_class]
        assert potentials[inside].min() >= potentials[~inside].max()


def test_neighbour_rule_and_all(moons):
    X, y = moons
    for k in (3, 10):
        _, report = choose_sources(
            "potential", X, y, metric="euclidean", radius=("knn", k)
        )
        expected = auto_radius(X, metric="euclidean", n_neighbors=k)
        assert report["radius"] == expected
    rows, report = choose_sources("all", X, y)
    np.testing.assert_array_equal(rows, np.arange(len(X)))
    assert report == {}
