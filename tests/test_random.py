"""Generators of one's own, and the global ones left as they were."""

from pathlib import Path

import numpy as np
import pytest
import torch

import skaug
from skaug._random import (
    draw_seed,
    everything_kept,
    new_generator,
    own_generators,
    seed_from_torch,
)


@pytest.fixture(autouse=True)
def global_generators_untouched():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    yield
    torch.testing.assert_close(torch.get_rng_state(), before[0], rtol=0, atol=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


def test_a_seed_decides_on_what_is_drawn():
    draws = []
    for seed in (0, 0, 1):
        with own_generators(seed=seed):
            draws.append(torch.rand(5))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert torch.equal(draws[0], torch.rand(5, generator=new_generator(0)))


def test_runs_with_states_are_one_run_in_pieces():
    with own_generators(seed=3):
        whole = torch.rand(10)
    states, pieces = {}, []
    for _ in range(5):
        with own_generators(seed=3, states=states):
            pieces.append(torch.rand(2))
    assert torch.equal(torch.cat(pieces), whole)
    assert set(states) == {"cpu"}


def test_an_error_inside_keeps_the_state_and_sets_back():
    states = {}
    with pytest.raises(ZeroDivisionError), own_generators(seed=0, states=states):
        first = torch.rand(())
        raise ZeroDivisionError
    with own_generators(states=states):
        second = torch.rand(())
    with own_generators(seed=0):
        assert torch.equal(torch.rand(2), torch.stack([first, second]))


def test_without_a_seed_it_goes_on_from_where_it_is():
    with own_generators(seed=0):
        with own_generators():
            inner = torch.rand(())
        assert inner == torch.rand(())
        assert seed_from_torch() == seed_from_torch()


def test_everything_is_kept():
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    with everything_kept():
        np.random.rand(3), torch.rand(3)
        assert not torch.equal(torch.get_rng_state(), states[1])
    np.testing.assert_array_equal(np.random.get_state()[1], states[0])
    assert torch.equal(torch.get_rng_state(), states[1])


def test_seeds_are_those_of_scikit_learn():
    assert draw_seed(5) == np.random.RandomState(5).randint(2**31 - 1)
    state = np.random.RandomState(5)
    assert draw_seed(state) != draw_seed(state)


def test_no_other_file_touches_the_global_generators():
    words = ("fork_rng", "manual_seed", "set_rng_state", "default_generator")
    folder = Path(skaug.__file__).parent
    touching = {
        path.name
        for path in folder.rglob("*.py")
        if any(word in path.read_text() for word in words)
    }
    assert touching == {"_random.py"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_generators_of_all_gpus_are_set_back():
    torch.cuda.init()
    before = torch.cuda.get_rng_state_all()
    with own_generators("cpu", seed=0):
        for number in range(torch.cuda.device_count()):
            torch.rand(3, device=f"cuda:{number}")
    for old, new in zip(before, torch.cuda.get_rng_state_all()):
        assert torch.equal(old, new)
