"""A validated radius where the right one is known from the geometry."""

import math

import numpy as np
import pytest

from planted_rings import FLAT, PARTS, draw_rings, finetuner, window
from skaug import class_potentials

pytestmark = pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")


def test_the_window_begins_where_a_disc_holds_as_much_of_both_rings():
    # In the middle of a band of half-width t that is k times as dense as its
    # surroundings, a disc holds 4 t w k of the band and pi w^2 of the surroundings.
    (inner, outer, _, of_wide), (low, high, _, of_narrow), _ = PARTS
    densities = of_wide / (outer**2 - inner**2), of_narrow / (high**2 - low**2)
    straight = 2 * (high - low) * densities[1] / densities[0] / math.pi
    # The circle is no straight band, but w is small beside its radius.
    assert window(gamma=1e9)[0] == pytest.approx(straight, rel=0.01)


def test_the_window_is_that_of_the_potential_in_a_large_sample():
    X, y = draw_rings(20_000, 0)
    angles = np.arange(100) * 2 * np.pi / 100
    middle = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    least, largest = window()

    def mean_potential(radius):
        found = class_potentials(
            middle, X, y, radius=radius, gamma=FLAT, metric="euclidean"
        )
        return found[:, 1].mean()

    assert mean_potential(0.95 * least) < 0 < mean_potential(1.05 * least)
    assert mean_potential(1.05 * largest) < 0 < mean_potential(0.95 * largest)


def test_the_validated_radius_is_within_a_factor_of_one_and_a_half():
    known = math.sqrt(math.prod(window()))
    radii = []
    for seed in range(10):
        tuned = finetuner(seed).fit(*draw_rings(2000, seed)).tuning_
        radii.append(tuned.levels[0].radius)
    near = [known / 1.5 <= radius <= 1.5 * known for radius in radii]
    assert sum(near) >= 9, radii
