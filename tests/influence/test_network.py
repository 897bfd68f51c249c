"""The augmentation network: identity, affine limit, conventions, losses of the GAN."""

import itertools
import math

import numpy as np
import pytest
import torch
from helpers import refuses
from torch import nn
from torch.nn import functional

from skaug.influence import AugmentationNetwork
from skaug.influence.adversary import relativistic_losses
from skaug.influence.network import own_positions, warp

SHAPES = [
    (4, 3, 32, 32),
    (4, 1, 14, 14),
    (4, 2, 7, 9),
    (4, 9, 128),
    (4, 5, 37),
    (4, 20),
]


@pytest.fixture(autouse=True)
def seeded():
    """Networks start from the same weights, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def rows(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shaken(network, std=0.3):
    """The same network with last layers that are not 0."""
    for stage in network.stages:
        for parameter in stage.fields.last.parameters():
            nn.init.normal_(parameter, std=std)
    return network


@pytest.mark.parametrize("combination", ["parallel", "serial"])
@pytest.mark.parametrize("depth", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_starts_as_the_identity_exactly(shape, depth, combination):
    X = rows(*shape)
    network = AugmentationNetwork(X, combination=combination, depth=depth, width=4)
    with torch.no_grad():
        assert torch.equal(network(X), X)
    torch.testing.assert_close(network(X), X, atol=1e-5, rtol=0)
    # and is able to leave it
    network(X).square().sum().backward()
    for stage in network.stages:
        assert stage.fields.last.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_float64_keep_their_type(shape):
    X = rows(*shape)
    single, double = AugmentationNetwork(X), AugmentationNetwork(X.double())
    double.load_state_dict(shaken(single).state_dict())
    for network in (single, double):
        network.dropout = 0.0
    with torch.no_grad():
        views = double(X.double())
        torch.testing.assert_close(views, single(X).double(), rtol=1e-4, atol=1e-4)


def test_pooled_over_all_positions_it_is_affine():
    X = rows(4, 3, 16, 20)
    network = AugmentationNetwork(X, branches="spatial", pooling="global", bound=0.3)
    shaken(network)
    with torch.no_grad():
        code = network.encode(X)
        A, b = network.stages[0].fields(code)["spatial"]
        A, b = (0.3 * field.mean(dim=(2, 3)).tanh() for field in (A, b))
        # Our axes are row, column; affine_grid's are column, row.
        A = (torch.eye(2) + A.view(4, 2, 2)).flip(1, 2)
        theta = torch.cat([A, b.flip(1)[..., None]], dim=2)
        grid = functional.affine_grid(theta, X.shape, align_corners=False)
        expected = functional.grid_sample(
            X, grid, padding_mode="border", align_corners=False
        )
        moved = network.parts(X, code).view
    assert (moved - X).abs().max() > 0.5
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(2, 3, 12, 15), (2, 5, 40)])
def test_a_shift_by_whole_pixels_is_exact(shape):
    X = rows(*shape)
    for axis, length in enumerate(shape[2:]):
        positions = own_positions(X).expand(len(X), *shape[2:], -1).clone()
        positions[..., axis] += 2 * 3 / length
        moved = warp(X, positions)
        kept, source = (
            part.narrow(axis + 2, start, length - 3)
            for part, start in ((moved, 0), (X, 3))
        )
        torch.testing.assert_close(kept, source, atol=1e-4, rtol=0)
        # Beyond the edge is the edge.
        last = X.narrow(axis + 2, length - 1, 1)
        beyond = moved.narrow(axis + 2, length - 3, 3)
        torch.testing.assert_close(beyond, last.expand_as(beyond), atol=1e-4, rtol=0)


def test_own_positions_are_those_of_affine_grid():
    X = rows(1, 1, 5, 8)
    grid = functional.affine_grid(torch.eye(2, 3)[None], X.shape, align_corners=False)
    torch.testing.assert_close(own_positions(X).flip(-1), grid)


def test_smoothing_is_the_mean_of_a_window_and_keeps_shapes_and_constants():
    for shape in SHAPES[:-1]:
        for pooling in (1, 3, 4):
            network = AugmentationNetwork(rows(*shape), pooling=pooling)
            field = torch.full((2, 6, *shape[2:]), 0.7)
            torch.testing.assert_close(network._smooth(field), field)
    network, field = AugmentationNetwork(rows(4, 2, 30), pooling=4), rows(1, 1, 30)
    smooth = network._smooth(field)
    image = rows(2, 6, 28, 21)
    window = image[1, 2, 6:15, 4:13].mean()  # 9 positions, a third of the longest axis
    smooth_image = AugmentationNetwork(rows(4, 1, 28, 21))._smooth(image)
    assert smooth_image[1, 2, 10, 8] == pytest.approx(float(window), abs=1e-6)
    assert smooth[0, 0, 10] == pytest.approx(float(field[0, 0, 9:13].mean()), abs=1e-6)


def test_appearance_is_a_filter_of_size_one():
    X = 3 * rows(50, 3, 8, 8) + 5
    network = AugmentationNetwork(X, branches="appearance", bound=0.2)
    W, c = rows(3, 3, seed=1), rows(3, seed=2)
    network.stages[0].fields.last.bias.data = torch.cat([W.ravel(), c])
    mean, scale = X.mean(dim=(0, 2, 3)), X.std(dim=(0, 2, 3), correction=0)
    x = (X - mean.view(3, 1, 1)) / scale.view(3, 1, 1)
    filtered = functional.conv2d(x, 0.2 * W.tanh()[..., None, None], 0.2 * c.tanh())
    with torch.no_grad():
        expected = X + scale.view(3, 1, 1) * filtered
        torch.testing.assert_close(network(X), expected, atol=1e-4, rtol=1e-4)


def test_a_table_is_changed_feature_by_feature_within_the_bound():
    X = 10 * rows(100, 6) + 3
    network = shaken(AugmentationNetwork(X, bound=0.1), std=5.0)
    with torch.no_grad():
        change = (network(X) - X).abs() / X.std(dim=0, correction=0)
    x = ((X - X.mean(dim=0)) / X.std(dim=0, correction=0)).abs()
    assert (change <= 0.1 * (x + 1) + 1e-4).all()
    assert (change > 0.09 * x).float().mean() > 0.2


def test_what_has_no_colour_and_what_has_no_axes():
    grey = rows(4, 1, 8, 8)
    assert AugmentationNetwork(grey).branches == ["spatial"]
    contrast = AugmentationNetwork(grey, branches="appearance")
    assert contrast.branches == ["appearance"]
    assert AugmentationNetwork(rows(4, 8)).branches == ["appearance"]
    assert AugmentationNetwork(rows(4, 3, 8, 8)).branches == ["spatial", "appearance"]
    with refuses("branches='both' .* got 'spatial'"):
        AugmentationNetwork(rows(4, 8), branches="spatial")


@pytest.mark.parametrize("shape", SHAPES)
def test_codes_are_standardised_so_that_what_is_dropped_matters(shape):
    network = AugmentationNetwork(rows(*shape), dropout=0.0)
    with torch.no_grad():
        code = network.encode(100 * rows(*shape, seed=1))
    torch.testing.assert_close(code.mean(dim=1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        code.square().mean(dim=1), torch.ones(4), rtol=1e-4, atol=0
    )
    networks = [shaken(AugmentationNetwork(rows(*shape)), std=0.05) for _ in range(6)]
    with torch.no_grad():
        X = rows(*shape)
        of_draws = [(one(X) - one(X)).std() for one in networks]
        of_networks = [
            (one(X) - other(X)).std() for one, other in itertools.pairwise(networks)
        ]
    assert np.mean(of_draws) > 0.1 * np.mean(of_networks)


def test_deeper_layers_keep_the_axes_that_are_short():
    network = AugmentationNetwork(rows(2, 1, 28, 28), depth=8, width=2)
    (stage,) = network.stages
    encoder, _ = stage.encoder
    sizes = [rows(2, 1, 28, 28)]
    for layer in encoder[:-2]:
        sizes.append(layer(sizes[-1]))
    lengths = [tuple(X.shape[1:]) for X in sizes[2::2]]
    assert lengths[:3] == [(2, 14, 14), (4, 7, 7), (8, 4, 4)]
    assert lengths[3:] == [(8, 4, 4)] * 5


def test_dropped_codes_are_the_only_difference_between_views():
    X = rows(4, 3, 16, 16)
    network = shaken(AugmentationNetwork(X))
    assert not torch.equal(network(X), network(X))
    assert not torch.equal(network.eval()(X), network(X))  # when augmenting, too
    still = shaken(AugmentationNetwork(X, dropout=0.0))
    assert torch.equal(still(X), still(X))


@torch.no_grad()
def test_serial_filters_what_has_been_warped():
    X = rows(4, 3, 16, 16)
    network = shaken(AugmentationNetwork(X, combination="serial", dropout=0.0))
    spatial, appearance = network.stages
    warped = network.parts(X, network.encode(X, spatial), spatial).view
    code = network.encode(warped, appearance)
    assert torch.equal(network(X), network.parts(warped, code, appearance).view)


def test_relativistic_losses():
    same = torch.full((5,), 0.3)
    for loss in relativistic_losses(same, same):
        assert float(loss) == pytest.approx(2 * math.log(2))
    real, fake = rows(6), rows(7, seed=1)
    of_discriminator, of_generator = relativistic_losses(real, fake)
    assert torch.equal(relativistic_losses(fake, real)[0], of_generator)
    a, b = real - fake.mean(), fake - real.mean()
    cross_entropy = functional.binary_cross_entropy_with_logits
    expected = cross_entropy(a, torch.ones(6)) + cross_entropy(b, torch.zeros(7))
    torch.testing.assert_close(of_discriminator, expected)
    # Telling them apart is good for the one and bad for the other.
    told = relativistic_losses(real + 5, fake)
    assert told[0] < of_discriminator and told[1] > of_generator
