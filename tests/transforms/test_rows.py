"""Transforms of rows of any kind."""

import pytest
import torch
from helpers import refuses
from sklearn.base import clone

from skaug import Cutout
from skaug.transforms import (
    ChannelDropout,
    Jitter,
    PerSample,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
    default_transforms,
)


def test_jitter_is_white_noise_in_units_of_the_channel_or_as_given():
    X = torch.randn(400, 3, 50) * torch.tensor([1.0, 10.0, 0.1])[:, None] + 5
    noise = Jitter(0.2)(X) - X
    spread = noise.std(dim=(0, 2)) / X.std(dim=(0, 2))
    torch.testing.assert_close(spread, torch.full((3,), 0.2), rtol=0.03, atol=0)
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean(dim=(0, 2))
    assert (neighbours.abs() < 0.03 * noise.var(dim=(0, 2))).all()
    table = torch.randn(4000, 2) * torch.tensor([1.0, 100.0])
    spread = (Jitter(0.5)(table) - table).std(dim=0)
    torch.testing.assert_close(spread, 0.5 * table.std(dim=0), rtol=0.05, atol=0)
    moved = Jitter(0.5, torch.tensor([1.0, 10.0]))(torch.zeros(2000, 2, 5))
    assert moved.std(dim=(0, 2)).tolist() == pytest.approx([0.5, 5.0], rel=0.05)


def test_scaling_is_one_factor_per_channel_of_a_row():
    X = torch.rand(3000, 2, 20) + 1
    factors = Scaling(0.3)(X) / X
    torch.testing.assert_close(factors, factors[..., :1].expand_as(X))
    assert abs(factors.mean() - 1) < 0.02 and abs(factors.std() - 0.3) < 0.02


def test_time_warp_of_a_straight_line_is_monotone_and_keeps_the_ends():
    X = torch.linspace(0, 1, 60).expand(500, 2, 60)
    warped = TimeWarp(0.5)(X)
    assert (warped.diff(dim=2) > 0).all()
    assert (warped[..., 0] == 0).all() and (warped[..., -1] == 1).all()
    assert torch.equal(warped[:, 0], warped[:, 1])  # channels together
    assert warped[:, 0, 30].std() > 0.02  # rows apart


def test_time_warp_shows_the_same_signal_at_other_times():
    # A function of time alone: where the line is warped to, the sine is read off.
    time = torch.linspace(0, 1, 2000, dtype=torch.float64)
    X = torch.stack([time, torch.sin(20 * time)]).expand(5, 2, 2000)
    line, sine = TimeWarp(0.4)(X).unbind(dim=1)
    torch.testing.assert_close(sine, torch.sin(20 * line), atol=1e-4, rtol=0)


def test_speed_changes_by_its_strength():
    X = torch.linspace(0, 1, 101).expand(4000, 1, 101)
    speed = TimeWarp(0.2, n_knots=2)(X)[:, 0].diff(dim=1)
    ratio = (speed[:, -1] / speed[:, 0]).log()  # of two independent knots
    assert abs(ratio.std() / (0.2 * 2**0.5) - 1) < 0.05 and abs(ratio.mean()) < 0.02


def test_strength_0_is_the_identity():
    X = torch.rand(4, 2, 30)
    for transform in (Jitter(0), Scaling(0), TimeWarp(0), ChannelDropout(0)):
        torch.testing.assert_close(transform(X), X, atol=1e-6, rtol=0)
    for shape in ((3, 2, 1), (3, 2, 2)):
        assert TimeWarp()(torch.ones(shape)).shape == shape


def test_rotation_is_one_of_space_for_all_sensors_of_a_row():
    X = torch.randn(200, 6, 30)
    turned = SensorRotation(20.0)(X)
    sensors, turned_sensors = (rows.view(200, 2, 3, 30) for rows in (X, turned))
    for row in (0, 57):
        # The matrix that explains the first sensor explains the second.
        R = turned_sensors[row, 0] @ torch.linalg.pinv(sensors[row, 0])
        torch.testing.assert_close(R @ R.T, torch.eye(3), atol=1e-4, rtol=0)
        assert torch.linalg.det(R) == pytest.approx(1, abs=1e-4)
        other = turned_sensors[row, 1]
        torch.testing.assert_close(R @ sensors[row, 1], other, atol=1e-3, rtol=0)
    gram = torch.linalg.pinv(sensors[:, 0])
    trace = (turned_sensors[:, 0] @ gram).diagonal(dim1=1, dim2=2).sum(dim=1)
    angles = ((trace - 1) / 2).clamp(-1, 1).arccos().rad2deg()
    assert angles.square().mean().sqrt() == pytest.approx(20, rel=0.15)


def test_channels_are_blanked_as_often_as_asked():
    fill = torch.tensor([5.0, 6.0, 7.0])
    X = torch.randn(4000, 3, 2)
    blanked = ChannelDropout(0.2, fill)(X)
    gone = (blanked == fill[:, None]).all(dim=2)
    assert gone.float().mean(dim=0).tolist() == pytest.approx([0.2] * 3, abs=0.03)
    assert torch.equal(blanked[~gone], X[~gone])


def test_interpolation_stays_between_rows_of_the_class():
    y = torch.randint(3, (300,))
    X = torch.randn(300, 4) + 10 * y[:, None]
    moved, same = SameClassInterpolation(1.0)(X, y)
    assert same is y
    assert ((moved - X).norm(dim=1) > 0).float().mean() > 0.9
    for label in range(3):
        rows = y == label
        assert (moved[rows] >= X[rows].amin(dim=0) - 1e-5).all()
        assert (moved[rows] <= X[rows].amax(dim=0) + 1e-5).all()
    half, _ = SameClassInterpolation(0.5)(X, y)
    assert (half - X).norm(dim=1).mean() < (moved - X).norm(dim=1).mean()


@pytest.mark.parametrize(
    "transform", [Cutout(3), Jitter(), Scaling(), TimeWarp(), PerSample(torch.sin)]
)
def test_labels_pass_through_and_parameters_clone(transform):
    X = torch.rand(6, 2, 8, 8) if isinstance(transform, Cutout) else torch.rand(6, 2, 8)
    y = torch.arange(6)
    kept = X.clone()
    torch.manual_seed(1)
    alone = transform(X)
    torch.manual_seed(1)
    new_X, new_y = transform(X, y)
    assert new_y is y and torch.equal(new_X, alone) and torch.equal(X, kept)
    torch.manual_seed(1)
    assert torch.equal(clone(transform)(X), alone)


@pytest.mark.parametrize(
    "transform, shape, message",
    [
        (Cutout(0), (2, 1, 4, 4), "needs size to be a whole number >= 1; got 0"),
        (Cutout(1.5), (2, 1, 4, 4), "needs size to be a whole number >= 1; got 1.5"),
        (Cutout(2), (2, 4), r"needs images of shape .* got \(2, 4\)"),
        (Jitter(-1), (2, 4), "Jitter needs strength .* >= 0; got -1"),
        (Scaling(float("nan")), (2, 4), "Scaling needs strength .* >= 0; got nan"),
        (TimeWarp(), (2, 4), r"needs signals of shape .* got \(2, 4\)"),
        (SensorRotation(), (2, 4, 9), r"three channels to a sensor; got \(2, 4, 9\)"),
        (SensorRotation(), (2, 3), "needs signals of shape"),
        (ChannelDropout(-1), (2, 4), "ChannelDropout needs strength .* >= 0; got -1"),
        (PerSample(3), (2, 1, 4, 4), "transform to be a function of a batch; got 3"),
        (
            PerSample(len),
            (2, 1, 4, 4),
            "tensors of one shape; got int from len",
        ),
        (Cutout(2, fill="black"), (2, 1, 4, 4), "fill to be a finite .* got 'black'"),
        (ChannelDropout(fill=object), (2, 4), "fill to be .* got <class 'object'>"),
        (ChannelDropout(fill=float("nan")), (2, 4), "to be a finite number.* got nan"),
        (Jitter(scale=torch.ones(3)), (2, 4), "one for each of 4 channels; got tensor"),
        (TimeWarp(n_knots=1), (2, 4, 9), "n_knots to be a whole number >= 2; got 1"),
    ],
)
def test_bad_input(transform, shape, message):
    with refuses(message):
        transform(torch.zeros(shape))


def test_rows_of_several_shapes_are_refused():
    X = torch.arange(1.0, 3).view(2, 1, 1, 1).expand(2, 1, 3, 3)
    cut = PerSample(lambda image: image[:, : int(image[0, 0, 0])])
    with refuses(r"tensors of one shape; got \(1, 1, 3\), \(1, 2, 3\) from"):
        cut(X)


def test_time_that_jumps_shows_the_samples_there_are():
    X = torch.randn(8, 2, 30)
    warped = TimeWarp(1e12)(X)
    assert warped.isfinite().all()
    assert (warped.amax(dim=2) <= X.amax(dim=2) + 1e-5).all()


@pytest.mark.parametrize("unit", [1e-30, 1e30])
@pytest.mark.parametrize(
    "transform", [Jitter(0.3), Scaling(0.3), TimeWarp(0.3), SensorRotation(30.0)]
)
def test_any_unit_is_transformed_alike(transform, unit):
    X = torch.randn(6, 3, 20)
    torch.manual_seed(1)
    expected = transform(X)
    torch.manual_seed(1)
    new_X = transform(X * unit)
    assert new_X.dtype == X.dtype
    torch.testing.assert_close(new_X / unit, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
@pytest.mark.parametrize("shape", [(9, 3), (9, 3, 20)])
def test_noise_of_the_lists_has_the_unit_of_the_rows(unit, shape):
    X = torch.randn(shape) * unit
    for name, strength, transform in default_transforms(X):
        new_X, _ = transform(X, torch.zeros(len(X)))
        assert torch.isfinite(new_X).all() and not torch.equal(new_X, X), name
        if name in ("noise", "jitter"):
            noise = (new_X - X).std(dim=0) / strength / unit
            assert 0.2 < float(noise.mean()) < 2
