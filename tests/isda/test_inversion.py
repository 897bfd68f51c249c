"""From features back to rows, where the noise of the rows is known."""

import numpy as np
import pytest
import torch
from helpers import refuses, weights
from sklearn.linear_model import LogisticRegression
from torch import nn

from skaug import NetClassifier
from skaug.isda import FeatureInversion

DIM = 6


def normalised(z):
    return (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def planted():
    """A generator of images of 8 x 8, a net, and rows that the generator made."""
    torch.manual_seed(0)
    layers = [nn.Linear(DIM, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 64)]
    generator = nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    with torch.no_grad():
        generator(torch.randn(200, DIM))  # statistics of the batch normalisation
        noise = normalised(torch.randn(30, DIM).numpy())
        X = generator.eval()(torch.from_numpy(noise)).numpy()
    generator.train()
    y = np.arange(30) % 2
    net = NetClassifier(max_epochs=3, module__widths=(8, 16), random_state=0)
    return generator, net.fit(X, y), X, noise


@pytest.fixture(scope="module")
def recovered(planted):
    generator, net, X, _ = planted
    inversion = FeatureInversion(generator, DIM, random_state=0)
    return inversion, inversion.recover(net, X[:8])


def test_step_one_recovers_pixels_and_features_of_planted_noise(planted, recovered):
    _, net, X, noise = planted
    found = recovered[1]
    wanted = features_of(net, X[:8])
    # Of the distance to another row made at random, less than a hundredth is left.
    apart = np.linalg.norm((X[:8] - X[8:16]).reshape(8, -1), axis=1).mean()
    left = np.linalg.norm((found.rows - X[:8]).reshape(8, -1), axis=1)
    assert (left < 0.01 * apart).all()
    apart = np.linalg.norm(wanted - features_of(net, X[8:16]), axis=1).mean()
    assert (np.linalg.norm(found.features - wanted, axis=1) < 0.01 * apart).all()
    np.testing.assert_allclose(found.noise, noise[:8], atol=0.02)


def test_step_two_reaches_features_of_planted_noise(planted, recovered):
    generator, net, _, noise = planted
    inversion, found = recovered
    moved = normalised(noise[:8] + 0.4 * noise[8:16])
    with torch.no_grad():
        rows = generator.eval()(torch.from_numpy(moved)).numpy()
    generator.train()
    wanted = features_of(net, rows)
    reached = inversion.reach(net, found.noise, wanted)
    np.testing.assert_allclose(
        reached.features, features_of(net, reached.rows), atol=1e-5
    )
    before, after = (
        np.linalg.norm(one.features - wanted, axis=1) for one in (found, reached)
    )
    assert (after < 0.02 * before).all()  # 98 % of the way


def test_features_that_are_reached_already_stay(planted, recovered):
    found = recovered[1]
    inversion = FeatureInversion(planted[0], DIM, steps=5)
    moved = inversion.reach(planted[1], found.noise, found.features)
    np.testing.assert_allclose(moved.noise, found.noise, atol=1e-5)


def test_rows_are_recovered_each_by_itself(planted):
    generator, net, X, _ = planted
    inversion = FeatureInversion(generator, DIM, steps=10, random_state=0)
    alone, beside = (inversion.recover(net, X[:n]) for n in (1, 3))
    np.testing.assert_allclose(alone.noise, beside.noise[:1], atol=1e-4)


def test_neither_network_is_changed(planted):
    generator, net, X, _ = planted
    inversion = FeatureInversion(generator, DIM, steps=2, n_starts=1)
    before = weights(net), [*generator.state_dict().values()]
    before = [part.clone() for part in (before[0], *before[1])]
    modes = [part.training for part in (*generator.modules(), *net.module_.modules())]
    assert True in modes
    state = torch.get_rng_state()
    inversion.recover(net, X[:2])
    after = [weights(net), *generator.state_dict().values()]
    assert all(map(torch.equal, before, after))
    parts = *generator.modules(), *net.module_.modules()
    assert modes == [part.training for part in parts]
    assert torch.equal(state, torch.get_rng_state())
    assert all(weight.grad is None for weight in generator.parameters())


@pytest.mark.parametrize(
    "params",
    [{"latent_dim": 1}, {"pixel_weight": -1}, {"steps": 0}, {"lr": 0}, {"n_starts": 0}],
)
def test_parameters_out_of_range(planted, params):
    inversion = FeatureInversion(planted[0], **{"latent_dim": DIM, **params})
    with refuses(f"FeatureInversion needs {next(iter(params))} to be"):
        inversion.recover(*planted[1:3])


def test_what_does_not_fit_together(planted):
    generator, net, X, noise = planted
    inversion = FeatureInversion(generator, DIM, steps=1)
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        inversion.recover(LogisticRegression(), X)
    with refuses(r"X of shape \(n, 1, 8, 8\), as in fit; got \(30, 64\)"):
        inversion.recover(net, X.reshape(30, 64))
    smaller = FeatureInversion(lambda noise: generator(noise)[..., :7], DIM)
    with refuses(r"makes rows of shape \(30, 1, 8, 8\); got \(30, 1, 8, 7\)"):
        smaller.recover(net, X)
    with refuses(r"needs features of shape \(2, 16\); got \(2, 3\)"):
        inversion.reach(net, noise[:2], np.ones((2, 3)))
    with refuses(r"needs noise of shape \(2, 6\); got \(2, 5\)"):
        inversion.reach(net, noise[:2, :5], np.ones((2, 16)))
    with refuses("Input contains NaN"):
        inversion.recover(net, X * np.nan)
    assert generator.training  # restored after errors too
    with refuses("got NaN or infinity"):
        inversion.reach(net, 0 * noise[:2], np.ones((2, 16)))


def features_of(net, X):
    """Input of the last layer, by skorch's own way to run a network."""
    seen = []
    head = [part for part in net.module_.modules() if isinstance(part, nn.Linear)][-1]
    handle = head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    net.predict(X)
    handle.remove()
    return torch.cat(seen).numpy()
