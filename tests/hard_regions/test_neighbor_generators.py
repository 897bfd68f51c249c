"""New vectors from the nearest ones of a class: closed forms, whom they come from."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE

from skaug import InterpolationGenerator, NeighborGenerator
from skaug.hard_regions.generators import factors, normal
from skaug.hard_regions.neighbor_generators import row_numbers

KINDS = [NeighborGenerator, InterpolationGenerator]
each_kind = pytest.mark.parametrize("kind", KINDS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def toy(n=60, d=3, seed=0):
    """Rows of two classes, in no order."""
    X = torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)
    return X, torch.arange(n) % 2


def nearest_of_class(X, codes, i, k):
    """Rows of the k nearest of the class, by a loop."""
    others = [j for j in range(len(X)) if j != i and codes[j] == codes[i]]
    return sorted(others, key=lambda j: float((X[j] - X[i]).norm()))[:k]


def wide(X):
    """The same rows and, of a class of its own, some that are far out on all sides."""
    d = X.shape[1]
    ends = torch.tensor([-1e3, 1e3], dtype=X.dtype)[:, None].expand(2, d)
    return torch.cat([X, ends])


def test_two_points_by_hand():
    # Each is the other's only neighbour: x + beta (x_1 - x), and w times as much.
    X, codes = wide(torch.tensor([[0.0], [2.0]])), torch.tensor([0, 0, 1, 1])
    spreads = factors(2, 1.0, seeded())
    after = seeded()
    factors(2, 1.0, after)
    weights = normal((2, 1), after)
    gaps = torch.tensor([[2.0], [-2.0]])
    between = InterpolationGenerator().fit(X, codes)
    new, found = between.draw(X[:2], codes[:2], seeded())
    torch.testing.assert_close(found, spreads.float())
    torch.testing.assert_close(new, X[:2] + found * gaps)
    around = NeighborGenerator().fit(X, codes)
    new, found = around.draw(X[:2], codes[:2], seeded())
    torch.testing.assert_close(new, X[:2] + found * weights.float() * gaps)


def test_covariance_around_a_source_is_that_of_its_neighbours():
    X, codes = toy()
    around = wide(X), torch.cat([codes, torch.tensor([2, 2])])
    generator = NeighborGenerator(n_neighbors=4).fit(*around)
    rows = torch.full((60_000,), 7)
    new, spreads = generator.draw(X[rows], codes[rows], seeded())
    moves = (new - X[7]) / spreads
    gaps = X[nearest_of_class(X, codes, 7, 4)] - X[7]
    expected = gaps.T @ gaps / 4
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.05, atol=0.03)
    torch.testing.assert_close(
        moves.mean(0), torch.zeros(3).double(), rtol=0, atol=0.03
    )


def test_interpolation_goes_to_each_neighbour_equally_often():
    X, codes = toy()
    rows = torch.full((20_000,), 11)
    generator = InterpolationGenerator(n_neighbors=5).fit(X, codes)
    new, spreads = generator.draw(X[rows], codes[rows], seeded())
    ends = X[11] + (new - X[11]) / spreads
    gaps = torch.cdist(ends, X)
    assert gaps.min(1).values.max() < 1e-6
    counts = gaps.argmin(1).bincount(minlength=len(X))
    neighbors = nearest_of_class(X, codes, 11, 5)
    assert counts[neighbors].sum() == 20_000
    torch.testing.assert_close(
        counts[neighbors] / 4000, torch.ones(5), rtol=0, atol=0.1
    )


def test_neighbours_are_those_of_smote():
    X, _ = toy(80)
    y = np.where(np.arange(80) < 20, 1, 0)
    smote = SMOTE(random_state=0)
    smote.fit_resample(X.numpy(), y)
    of_class = X[y == 1]
    theirs = smote.nn_k_.kneighbors(of_class.numpy(), return_distance=False)[:, 1:]
    generator = InterpolationGenerator().fit(X, torch.as_tensor(y))
    _, ours = generator._neighbors(1, of_class)
    assert (np.sort(ours.numpy()) == np.sort(theirs)).all()


@each_kind
def test_a_source_is_no_neighbour_of_its_own_but_its_double_is(kind):
    X = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [9.0, 9.0]])
    codes = torch.tensor([0, 0, 0, 1])
    nearest = kind(n_neighbors=1).fit(X, codes)
    new, _ = nearest.draw(X[:2], codes[:2], seeded())
    assert new.equal(X[:2])  # the double is the nearest
    new, _ = nearest.draw(X[2:3], codes[2:3], seeded())
    assert new[0, 0] != 1 and new[0, 1] == 0
    # A source that was not fitted may have any vector as its neighbour.
    strange = torch.tensor([[1.1, 0.0]])
    _, neighbors = nearest._neighbors(0, strange)
    assert neighbors.tolist() == [[2]]


@each_kind
def test_a_class_of_one_vector_is_copied_and_an_unknown_class_too(kind):
    X, codes = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1])
    generator = kind().fit(X, codes)
    assert generator.draw(X[2:], codes[2:], seeded())[0].equal(X[2:])
    assert generator.draw(X[:1], codes[:1] + 7, seeded())[0].equal(X[:1])


@each_kind
def test_neighbours_of_other_groups_on_request(kind):
    X, codes = toy()
    groups = (np.arange(60) // 6).astype(str)
    generator = kind(other_groups=True).fit(X, codes, groups)
    for code in (0, 1):
        of_class = np.flatnonzero(codes.numpy() == code)
        _, neighbors = generator._neighbors(code, X[of_class])
        found = groups[of_class][neighbors.numpy()]
        assert (found != groups[of_class][:, None]).all()
    one = kind(other_groups=True).fit(X, codes, np.zeros(60))
    assert one.draw(X, codes, seeded())[0].equal(X)  # nobody is of another group
    # A group that has fewer others than neighbours are asked for.
    few = np.where(np.arange(60) < 56, 0, 1)
    new, _ = kind(other_groups=True).fit(X, codes, few).draw(X, codes, seeded())
    assert torch.isfinite(new).all() and (new != X).any(1).all()
    with pytest.raises(ValueError, match=f"{kind.__name__} needs groups for other_gr"):
        kind(other_groups=True).fit(X, codes)


@each_kind
def test_units_and_places_do_not_matter(kind):
    X, codes = toy()
    factor, shift = 4.0, torch.tensor([1.0, -2.0, 0.5]).double()
    new, _ = kind().fit(X, codes).draw(X, codes, seeded())
    scaled = factor * X + shift
    again, _ = kind().fit(scaled, codes).draw(scaled, codes, seeded())
    torch.testing.assert_close(again, factor * new + shift)


@each_kind
@settings(max_examples=60)
@given(st.data())
def test_no_feature_leaves_its_range(kind, data):
    n, d = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 4))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    cell = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 0.1, 7.0])
    rows = data.draw(st.lists(st.lists(cell, min_size=d, max_size=d), min_size=n))
    X = torch.as_tensor(np.array(rows, dtype=dtype))
    codes = torch.arange(len(X)) % 2
    new, _ = kind(spread=3.0).fit(X, codes).draw(X, codes, seeded())
    assert new.dtype == X.dtype
    assert ((new >= X.amin(0)) & (new <= X.amax(0))).all()
    constant = X.amin(0) == X.amax(0)
    assert new[:, constant].equal(X[:, constant])


def test_equal_rows_of_two_groups_have_neighbours_of_their_own():
    X, codes = torch.tensor([[0.0], [0.0], [1.0], [5.0]]), torch.zeros(4, dtype=int)
    groups = np.array(["a", "b", "b", "a"])
    generator = InterpolationGenerator(2, other_groups=True).fit(X, codes, groups)
    _, neighbors = generator._neighbors(0, X, np.searchsorted(["a", "b"], groups))
    found = [sorted(of_row) for of_row in neighbors.tolist()]
    assert found == [[1, 2], [0, 3], [0, 3], [1, 2]]
    new, _ = generator.draw(X[1:2], codes[:1], seeded(), groups=["b"])
    assert 0 <= new < 5


@each_kind
def test_what_all_neighbours_share_is_kept_to_the_last_bit(kind):
    X, codes = toy(d=3)
    X[codes == 0, 1] = 0.7
    X[:, 2] = (X[:, 2] > 0).double()
    new, _ = kind().fit(X, codes).draw(X, codes, seeded())
    assert new[codes == 0, 1].equal(X[codes == 0, 1])
    for i in range(len(X)):
        of_neighbors = X[nearest_of_class(X, codes, i, 5), 2]
        if (of_neighbors == X[i, 2]).all():
            assert new[i, 2] == X[i, 2]


def test_rows_are_found_bit_for_bit():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        known = rng.normal(size=(500, 7)).astype(dtype)
        order = rng.permutation(500)
        assert (row_numbers(known[order], known) == order).all()
        assert (row_numbers(np.nextafter(known, np.inf), known) == -1).all()
        twice = np.vstack([known, known])
        assert (twice[row_numbers(known, twice)] == known).all()


def test_parameters_are_checked():
    X, codes = toy()
    for params in ({"n_neighbors": 0}, {"other_groups": 1}, {"spread": -1}):
        for kind in KINDS:
            with pytest.raises(ValueError, match=f"{kind.__name__} needs"):
                kind(**params).fit(X, codes)
