"""The VAE: its loss, its training, its report."""

import numpy as np
import pytest
import torch
from helpers import refuses
from torch.distributions import Normal, kl_divergence

from skaug.hard_regions import VAE, fit_vae


def toy(n=400):
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    mixing = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    return latent @ mixing * torch.tensor([1e-3, 1, 1, 1, 1, 1e3]).double() + 5


@pytest.mark.parametrize("standardise", [True, False])
def test_the_loss_is_summed_error_plus_divergence(standardise):
    X = toy(20)
    vae = VAE(6, latent_dim=3).double()
    units = 1.0
    if standardise:
        vae.standardise_by(X)
        units = X.std(0, correction=0)
    noise = torch.randn(20, 3, dtype=torch.float64)
    mean, deviation = vae.encode(X)
    decoded = vae.decode(mean + deviation * noise)
    error = (((decoded - X) / units) ** 2).sum(1)
    divergence = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(1)
    for kl_weight in (0.0, 1.0, 3.0):
        torch.testing.assert_close(
            vae.loss(X, noise, kl_weight), (error + kl_weight * divergence).mean()
        )


def test_it_learns_in_units_of_the_features():
    X = toy()
    vae = fit_vae(X[:350], X[350:], latent_dim=4)
    X = X[:350]  # whose deviations are its units
    r2, active_units = vae.report(X)
    assert r2 > 0.8 and 1 <= active_units <= 4
    decoded = vae.decode(vae.encode(X)[0])
    variance = X.var(0, correction=0)
    shares = ((decoded - X) ** 2).mean(0) / variance
    assert (shares < 0.3).all() and not any(p.requires_grad for p in vae.parameters())
    assert r2 == pytest.approx(1 - float(shares.mean()))


def test_it_learns_features_as_they_are_on_request():
    X = toy().clip(-3, 9)  # the widest feature would rule
    vae = fit_vae(X, latent_dim=4, standardise=False, max_steps=400)
    assert (vae.centre == 0).all() and (vae.scale == 1).all()
    residual = X - vae.decode(vae.encode(X)[0])
    torch.testing.assert_close(vae.error(X), residual.std(0, correction=0))
    r2, _ = vae.report(X)
    lost = residual.square().mean(0).sum() / X.var(0, correction=0).sum()
    assert r2 == pytest.approx(1 - float(lost)) and r2 > 0.5
    # The narrow feature is not worth a bit, and the same vectors in other units are
    # others to the loss.
    assert residual[:, 0].std() > 0.9 * X[:, 0].std()
    assert fit_vae(X / 1e3, standardise=False, max_steps=60).report(X / 1e3)[0] < 0.1


def test_of_standardised_features_both_ways_are_one():
    X = toy(60)
    X = (X - X.mean(0)) / X.std(0, correction=0)
    one, other = (fit_vae(X, standardise=s, max_steps=30) for s in (True, False))
    new = torch.randn(9, 32, dtype=torch.float64)
    for found, expected in [
        (one.decode(new), other.decode(new)),
        (one.encode(X), other.encode(X)),
        (one.error(X), other.error(X)),
    ]:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert one.report(X)[0] == pytest.approx(other.report(X)[0], abs=1e-5)


def test_a_collapse_is_reported():
    X = toy()
    r2, active_units = fit_vae(X, latent_dim=4, kl_weight=1e4, max_steps=60).report(X)
    assert r2 < 0.1 and active_units == 0


def test_it_returns_to_the_best_epoch():
    X = toy()
    # The noise that held-out losses are compared under is drawn first.
    noise = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0)).double()
    losses = []
    for max_steps in (200, 250, 600):
        vae = fit_vae(X[:40], X[40:60], latent_dim=4, lr=0.05, max_steps=max_steps)
        losses.append(float(vae.loss(X[40:60].repeat(50, 1), noise)))
    assert losses == sorted(losses, reverse=True) and losses[0] > losses[-1]


def test_it_takes_constant_features():
    X = toy(40)
    constant = torch.cat([X, torch.ones(40, 1)], dim=1)
    vae = fit_vae(constant, max_steps=2)
    assert (vae.decode(torch.randn(9, 32).double())[:, -1] == 1).all()
    assert all(np.isfinite(vae.report(constant)))


def test_it_takes_as_many_steps_as_it_is_given(monkeypatch):
    steps, step = [], torch.optim.Adam.step
    counted = lambda self: steps.append(1) or step(self)  # noqa: E731
    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    vae = fit_vae(toy(1000), latent_dim=2, max_steps=3)
    assert len(steps) == vae.n_steps == 3


@pytest.mark.parametrize(
    "wrong", [{"latent_dim": 0}, {"kl_weight": -1}, {"lr": 0}, {"batch_size": 1.5}]
)
def test_parameters_are_checked(wrong):
    (name,) = wrong
    with refuses(f"fit_vae needs {name} to be .*; got {wrong[name]}"):
        fit_vae(toy(), **wrong)


def test_training_that_diverges_is_an_error():
    with refuses("training diverged"):
        fit_vae(toy(), latent_dim=2, lr=1e12, max_steps=50)
    # Weights after a single step are finite, and what they decode is not.
    with refuses("got decoded rows that are not, .* Decrease lr, which is 1e\\+20"):
        fit_vae(toy(), latent_dim=2, lr=1e20, max_steps=1)
    with refuses("look for extreme values in X"):
        fit_vae(toy().float() * 1e38, latent_dim=2, max_steps=5)


def test_it_can_be_interrupted_and_repeated(monkeypatch):
    X = toy(100)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, second = (fit_vae(X, latent_dim=2, max_steps=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for mine, yours in zip(first.state_dict().values(), second.state_dict().values()):
        assert torch.equal(mine, yours)
    calls = []

    def loss_until_ctrl_c(self, *args):
        calls.append(args)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return real_loss(self, *args)

    real_loss = VAE.loss
    monkeypatch.setattr(VAE, "loss", loss_until_ctrl_c)
    decoded = fit_vae(X, latent_dim=2).decode(torch.zeros(1, 2).double())
    assert torch.isfinite(decoded).all() and len(calls) == 6


def test_it_reports_progress(capsys):
    X = toy(60)
    fit_vae(X[:50], X[50:], latent_dim=2, patience=600, verbose=2)
    assert "VAE, step 500: loss " in capsys.readouterr().out


def test_a_number_of_numpys_is_a_batch_size():
    vae, same = (
        fit_vae(toy(), batch_size=size, max_steps=2) for size in (32, np.int64(32))
    )
    torch.testing.assert_close(vae.state_dict(), same.state_dict(), rtol=0, atol=0)
