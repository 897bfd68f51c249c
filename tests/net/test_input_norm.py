"""Standardised input: moments against NumPy's, units, columns that do not vary."""

import copy

import numpy as np
import pytest
import torch

from skaug.net import MLP, ConvNet, InputNorm, SignalNet

UNITS = [1e-30, 1e-7, 1.0, 1e12, 1e30]


def learned(X):
    norm = InputNorm(X.shape[1])
    norm.learn(torch.as_tensor(X))
    return norm.eval()


def seen(batches):
    """A norm that has seen batches in training, and was given no rows to learn from."""
    norm = InputNorm(batches[0].shape[1]).train()
    for batch in batches:
        norm(torch.as_tensor(batch))
    return norm.eval()


@pytest.mark.parametrize("shape", [(300, 4), (50, 4, 30), (40, 4, 6, 5)])
def test_moments_are_those_of_numpy(shape):
    X = np.random.default_rng(0).gamma(2.0, size=shape) * 5 + 100
    axes = tuple(axis for axis in range(X.ndim) if axis != 1)
    norm = learned(X)
    np.testing.assert_allclose(norm.mean + norm.mean_rest, X.mean(axes), rtol=1e-6)
    np.testing.assert_allclose(norm.deviation, X.std(axes), rtol=1e-6)
    scaled = norm(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(scaled.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axes), 1, rtol=1e-5)


def test_batches_of_any_size_add_up_to_all_rows():
    X = np.random.default_rng(1).normal(size=(500, 3)) * [1, 10, 0.1] + [0, 50, 1]
    parts = np.split(X, [1, 40, 41, 300])
    for name in ("mean", "deviation"):
        np.testing.assert_allclose(
            getattr(seen(parts), name), getattr(learned(X), name), rtol=1e-5, atol=1e-5
        )
    many = np.tile(X, (20, 1))  # more rows than are taken at once
    np.testing.assert_allclose(learned(many).deviation, X.std(0), rtol=1e-5)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("route", [learned, lambda X: seen(np.split(X, 5))])
def test_units_do_not_matter(unit, route):
    X = np.random.default_rng(0).normal(size=(200, 3, 8)).astype(np.float32)
    in_unit = X * np.float32(unit)
    expected = route(X)(torch.from_numpy(X))
    torch.testing.assert_close(
        route(in_unit)(torch.from_numpy(in_unit)), expected, rtol=1e-4, atol=1e-5
    )


def test_small_differences_of_large_numbers_are_kept_in_float64():
    seconds = np.random.default_rng(0).uniform(0, 100, size=(200, 1))
    X = 1.7e9 + seconds
    expected = (seconds - seconds.mean()) / seconds.std()
    scaled = learned(X)(torch.from_numpy(X))
    assert scaled.dtype == torch.float32  # that of the layers behind it
    np.testing.assert_allclose(scaled, expected, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e20, 1e-25])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_that_did_not_vary_is_ignored_later(value, dtype):
    X = np.random.default_rng(0).normal(size=(100, 2)).astype(dtype)
    X[:, 1] = value
    for norm in (learned(X), seen(np.split(X, 4))):
        later = X.copy()
        later[:, 1] += np.linspace(-5, 5, 100)
        same = norm(torch.from_numpy(X)), norm(torch.from_numpy(later))
        assert torch.equal(*same) and not same[0][:, 1].any()


def test_a_column_that_hardly_varied_does_not_outweigh_the_others():
    X = np.zeros((200, 1))
    X[0] = 0.001
    far = learned(X)(torch.tensor([[1.0], [-1.0], [0.0005]], dtype=torch.float64))
    assert far[0] == 10 and far[1] == -10 and 6 < far[2] < 8
    assert learned(X)(torch.tensor([[torch.inf]])).isnan()


def test_rounding_errors_are_no_variation():
    X = np.full((100, 1), 0.3)
    X[::2] = 0.1 + 0.2
    assert learned(X).deviation.item() == 0


def test_what_was_learned_is_not_changed_by_training():
    X = torch.randn(50, 2)
    norm = learned(X).train()
    before = norm(X)
    norm(100 * X)
    assert torch.equal(norm(X), before)


def test_rows_that_come_later_count_as_well():
    first, later = np.zeros((50, 2)), np.random.default_rng(0).normal(size=(80, 2))
    norm = learned(first)
    norm.learn(torch.from_numpy(later))
    both = learned(np.concatenate([first, later]))
    torch.testing.assert_close(norm.deviation, both.deviation)
    before = norm.state_dict()
    norm.learn(torch.from_numpy(np.concatenate([later, first])))  # the same, again
    torch.testing.assert_close(norm.state_dict(), before, rtol=0, atol=0)


def test_a_state_dict_holds_all_of_it():
    batches = torch.randn(60, 2).split(20)
    norm, other = seen(batches), InputNorm(2)
    other.load_state_dict(norm.state_dict())
    for one in (norm, other):
        one.train()(batches[0] + 1)
    assert torch.equal(norm.mean, other.mean) and other.n_rows == 80
    copy = InputNorm(2)
    copy.load_state_dict(learned(batches[0]).state_dict())
    assert copy.learned and torch.equal(copy.mean, learned(batches[0]).mean)


NETS = [(MLP(7, 3), (7,)), (SignalNet(9, 3), (9, 32)), (ConvNet(1, 3), (1, 8, 8))]


@pytest.mark.parametrize("net, shape", NETS)
def test_scale_and_offset_do_not_matter_to_a_network(net, shape):
    X = torch.randn(64, *shape)
    logits = []
    for rows in (X, 1000 * X + 500, 1e-20 * X):
        one = copy.deepcopy(net).eval()
        one.input_norm.learn(rows)
        with torch.no_grad():
            logits.append(one(rows))
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(logits[2], logits[0], rtol=1e-3, atol=1e-4)
