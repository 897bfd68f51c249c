"""Samples of a level: provenance, pieces, batches."""

import numpy as np
import pytest
import torch

from skaug import NoiseGenerator, VAEGenerator
from skaug.ihda.synthetic import SyntheticSet


def two_classes(n=120):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 5, generator=generator), torch.arange(n) % 2


def samples(size, sources=None, spread=1.0):
    X, codes = two_classes()
    sources = np.repeat(np.arange(len(X)), 3) if sources is None else sources
    made = SyntheticSet(NoiseGenerator(spread).fit(X, codes), X, codes, sources, seed=5)
    made._size = size
    return made, X, codes, sources


@pytest.mark.parametrize("piece", [64, 100, 1000])
def test_a_synthetic_set_is_the_same_at_every_pass(piece):
    made, _, codes, sources = samples(piece)
    first, second = ([torch.cat(part) for part in zip(*made.pieces())] for _ in "ab")
    assert first[0].equal(second[0]) and len(first[0]) == len(sources)
    assert first[1].equal(codes[torch.as_tensor(sources)])
    assert max(len(new) for new, _ in made.pieces()) <= piece


@pytest.mark.parametrize("piece", [64, 1000])
def test_every_sample_comes_once_per_pass_in_batches_of_one_size(piece):
    made, _, _, sources = samples(piece)
    batches = made.batches(32)
    taken = [next(batches) for _ in range(3 * len(sources) // 32)]
    assert {len(codes) for _, codes in taken} == {32}
    rows = torch.cat([new for new, _ in taken])
    number_of, counts = rows.unique(dim=0, return_counts=True)
    assert len(number_of) == len(sources)
    assert counts.min() >= 2 and counts.max() <= 3


def test_batches_larger_than_the_set_go_through_it_again():
    made, X, codes, _ = samples(1000, sources=np.array([3, 8]), spread=0.0)
    new, of_class = next(made.batches(5))
    assert set(map(tuple, new.tolist())) == set(map(tuple, X[[3, 8]].tolist()))
    assert set(of_class.tolist()) == set(codes[[3, 8]].tolist()) and len(new) == 5


def test_samples_of_activations_behind_a_relu_are_never_negative():
    X, codes = two_classes()
    for h, floor in [(X.relu(), 0.0), (X, X.min() - 10)]:
        noise = NoiseGenerator(3.0).fit(h, codes)
        made = SyntheticSet(noise, h, codes, np.arange(len(h)))
        new = torch.cat([new for new, _ in made.pieces()])
        assert new.min() >= floor
        assert (new < 0).any() == bool((h < 0).any())


def test_samples_are_left_as_decoded_on_request():
    X, codes = two_classes()
    h = X.relu()
    sets = {
        clamp: SyntheticSet(
            VAEGenerator(2, steps=5, clamp=clamp).fit(h, codes), h, codes, np.arange(60)
        )
        for clamp in (True, False)
    }
    clamped, as_decoded = (torch.cat([x for x, _ in s.pieces()]) for s in sets.values())
    assert (as_decoded < 0).any() and clamped.equal(as_decoded.relu())
