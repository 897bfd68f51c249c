"""Vectors that are read in parts: moments, bounds and choices as of whole tensors."""

import numpy as np
import pytest
import torch

from skaug import NoiseGenerator, VAEGenerator
from skaug.hard_regions import parts
from skaug.hard_regions.parts import Chosen, InParts, moments


class Held(InParts):
    """Rows of a tensor that are told apart from a tensor, and count what is read."""

    def __init__(self, X):
        super().__init__(X.shape, X.dtype, X.device)
        self._X, self.most = X, 0

    def read(self, key):
        rows = self._X[key]
        self.most = max(self.most, len(rows))
        return rows


@pytest.fixture
def X():
    X = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    X[:, 1], X[:, 2] = 3.0, 1000 + X[:, 2]
    return X


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "BYTES_AT_ONCE", 1000)  # 41 rows of six numbers


@pytest.mark.parametrize("unit", [1.0, 1e-30, 1e30])
def test_of_one_part_the_moments_are_those_of_torch_in_any_unit(X, unit):
    mean, deviation, constant = moments(Held(X * unit))
    torch.testing.assert_close(mean / unit, X.mean(0))
    torch.testing.assert_close(deviation / unit, X.std(0, correction=0))
    assert constant.tolist() == [False, True, *[False] * 4]


def test_of_many_parts_the_moments_are_those_of_all_rows(X, small_parts):
    held = Held(X)
    mean, deviation, constant = moments(held)
    exact = X.double().numpy()
    np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(deviation, exact.std(0), rtol=1e-4)
    assert constant.tolist() == [False, True, *[False] * 4] and mean[1] == 3
    assert held.most == 41 and deviation[1] == 0
    bounds = [(part.start, part.stop) for part in parts.parts(X)]
    assert bounds[0] == (0, 41) and bounds[-1] == (287, 300)
    assert [stop for _, stop in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert [part.stop for part in parts.parts(X, most=150)] == [
        part.stop for part in parts.parts(X)
    ]


def test_rows_of_many_axes_and_chosen_rows():
    X = torch.arange(60.0).view(5, 3, 4)
    numbers = torch.tensor([4, 0, 4, 2])
    chosen = Chosen(Held(X), numbers)
    assert chosen.shape == (4, 3, 4) and chosen.ndim == 3 and len(chosen) == 4
    assert chosen[1:3].equal(X[numbers[1:3]])
    assert chosen[torch.tensor([3, 3])].equal(X[[2, 2]])
    assert chosen.flatten(1)[:].equal(X[numbers].flatten(1))
    assert chosen.flatten(2).shape == (4, 3, 4)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("generator", [NoiseGenerator(), VAEGenerator(2, steps=20)])
def test_generators_that_read_in_parts_are_those_of_a_tensor(
    generator, several, X, monkeypatch
):
    codes = torch.arange(len(X)) % 2
    if several:
        monkeypatch.setattr(parts, "BYTES_AT_ONCE", 1000)
    first = generator.fit(X, codes).draw(X, codes, torch.Generator().manual_seed(0))
    told = {key: value for key, value in vars(generator).items() if key[-1] == "_"}
    held = Held(X)
    second = generator.fit(held, codes).draw(X, codes, torch.Generator().manual_seed(0))
    assert all(a.equal(b) for a, b in zip(first, second))
    assert told.get("r2_") == getattr(generator, "r2_", None)
    assert told.get("r2_held_out_") == getattr(generator, "r2_held_out_", None)
    if several:
        assert held.most <= 128  # rows of a training batch
