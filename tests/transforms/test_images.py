"""Transforms of images, and torchvision's for each row by itself."""

import pytest
import torch

from skaug import Cutout
from skaug.transforms import PerSample
from skaug.transforms.torchvision import v2


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_squares_are_uniform_and_clipped_at_the_border(size):
    height, width = 6, 9
    X = torch.ones(20_000, 1, height, width)
    holes = (Cutout(size)(X) == 0)[:, 0].double()

    def chance(length, pixel):
        # Centres whose square has the pixel, counted one by one.
        starts = [centre - size // 2 for centre in range(length)]
        return sum(start <= pixel < start + size for start in starts) / length

    rows = torch.tensor([chance(height, i) for i in range(height)]).double()
    columns = torch.tensor([chance(width, j) for j in range(width)]).double()
    expected = rows[:, None] * columns
    error = (expected * (1 - expected) / len(X)).sqrt()
    assert ((holes.mean(dim=0) - expected).abs() <= 5 * error + 1e-12).all()


def test_each_hole_is_one_square_over_all_channels():
    size = 4
    X = torch.rand(200, 3, 10, 10) + 1
    holes = Cutout(size)(X) == 0
    assert torch.equal(holes[:, 0], holes[:, 1])
    for hole in holes[:, 0]:
        rows, columns = hole.any(dim=1), hole.any(dim=0)
        assert torch.equal(hole, rows[:, None] & columns)
        assert 2 <= rows.sum() <= size and 2 <= columns.sum() <= size


def test_what_is_not_cut_out_stays_and_the_fill_is_given():
    X = torch.rand(50, 2, 8, 8) + 1
    filled = Cutout(3, fill=-7.0)(X)
    hole = filled == -7
    assert hole.any() and torch.equal(filled[~hole], X[~hole])
    assert (X > 0).all()  # the batch itself is as it was


def test_torchvision_on_a_batch_is_one_choice_and_per_sample_is_many():
    X = torch.arange(8.0).expand(64, 1, 8, 8).contiguous()
    flip = v2.RandomHorizontalFlip(0.5)
    flipped = [(flip(X)[:, 0, 0, 0] > 0).float().mean() for _ in range(20)]
    assert set(map(float, flipped)) == {0.0, 1.0}
    each = (PerSample(flip)(X)[:, 0, 0, 0] > 0).float().mean()
    assert 0.2 < each < 0.8


def test_they_stand_in_torchvisions_compose():
    X, y = torch.rand(6, 3, 8, 8), torch.arange(6)
    both = v2.Compose([v2.RandomHorizontalFlip(1.0), Cutout(20)])
    new_X, new_y = both(X, y)
    assert (new_X == 0).any() and torch.equal(new_y, y)
