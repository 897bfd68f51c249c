"""New vectors near given ones: moments, copies, provenance, pieces."""

import math

import numpy as np
import pytest
import torch

from skaug.hard_regions import (
    ClassGaussian,
    FeatureNoise,
    LatentVariation,
    SyntheticSet,
    fit_generator,
    fit_vae,
)
from skaug.hard_regions.generators import GENERATORS


def toy(n=120, seed=0):
    """Two classes of different covariance."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    codes = torch.arange(n) % 2
    X[codes == 1] = X[codes == 1] * torch.tensor([3, 1, 1, 1, 0]) + 1
    return X, codes


def draws(variation, X, codes, n=40_000):
    rows = torch.zeros(n, dtype=torch.long)
    generator = torch.Generator().manual_seed(1)
    new, spreads = variation.draw(X[rows], codes[rows], generator)
    return (new - X[0]) / spreads, spreads


def test_noise_has_the_variance_of_each_feature():
    X, codes = toy()
    moves, spreads = draws(FeatureNoise(X, spread=2.0), X, codes)
    expected = torch.cov(X.T, correction=0).diagonal().diag()
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.05, atol=0.1)
    assert spreads.min() >= 0 and 1.9 < spreads.max() <= 2


@pytest.mark.parametrize("code", [0, 1])
def test_gaussian_has_the_covariance_of_the_class(code):
    X, codes = toy()
    order = torch.argsort((codes != code).int(), stable=True)
    X, codes = X[order], codes[order]
    moves, _ = draws(ClassGaussian(X, codes), X, codes)
    expected = torch.cov(X[codes == code].T, correction=0)
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.06, atol=0.15)


def test_gaussian_of_classes_mixed_in_one_batch_is_that_of_each():
    X, codes = toy()
    gaussian = ClassGaussian(X, codes)
    new, _ = gaussian.draw(X, codes, torch.Generator().manual_seed(0))
    # The last feature of class 1 never varies, so that it never moves.
    moved = (new - X)[:, 4] != 0
    assert moved[codes == 0].all() and not moved[codes == 1].any()
    # It keeps no more than the features need.
    assert {len(factor) for factor in gaussian.factor.values()} == {5}
    new, _ = gaussian.draw(X, codes + 1, torch.Generator().manual_seed(0))
    assert new[codes == 1].equal(X[codes == 1])  # of a class that it never saw
    alone = ClassGaussian(X[:1], codes[:1])
    assert alone.draw(X[:1], codes[:1], torch.Generator())[0].equal(X[:1])


@pytest.mark.parametrize("kind", GENERATORS)
def test_without_spread_sources_come_back_exactly(kind):
    X, codes = toy()
    generator, _ = fit_generator(kind, X, codes, spread=0.0, latent_dim=3, max_steps=20)
    new, spreads = generator.draw(X, codes, torch.Generator().manual_seed(0))
    assert new.equal(X) and (spreads == 0).all()


def test_the_papers_samples_are_decoded_latent_draws():
    X, codes = toy()
    vae = fit_vae(X, latent_dim=3, max_steps=20)
    literal = LatentVariation(vae, X, keep_residual=False, decoder_noise=0.0)
    new, _ = literal.draw(X, codes, torch.Generator().manual_seed(0))
    kept = LatentVariation(vae, X, keep_residual=True, decoder_noise=0.0)
    moved, _ = kept.draw(X, codes, torch.Generator().manual_seed(0))
    decoded = vae.decode(vae.encode(X)[0])
    torch.testing.assert_close(moved - X, new - decoded)


def test_a_conditional_autoencoder_is_told_the_class():
    X, codes = toy(400)
    told, report = fit_generator("cvae", X, codes, latent_dim=2, max_steps=200)
    z = torch.zeros(1, 2, dtype=X.dtype)
    first, second = (told.vae.decode(z, torch.tensor([code])) for code in (0, 1))
    # Class 1 lies around 1, class 0 around 0.
    assert (second - first).mean() > 0.5
    assert report["r2"] > 0.3 and report["active_units"] == 2
    untold, _ = fit_generator("vae", X, codes, latent_dim=2, max_steps=20)
    assert untold.vae.n_classes == 0


def test_the_report_is_of_all_rows_and_of_rows_held_out():
    X, codes = toy(400)
    generator, report = fit_generator("vae", X, codes, latent_dim=5, max_steps=300)
    assert (report["r2"], report["active_units"]) == generator.vae.report(X)
    assert 0.3 < report["r2_held_out"] < report["r2"] + 0.1
    _, report = fit_generator("noise", X, codes)
    assert math.isnan(report["r2"]) and report["active_units"] == 0


def samples(size, sources=None, spread=1.0):
    X, codes = toy()
    sources = np.repeat(np.arange(len(X)), 3) if sources is None else sources
    made = SyntheticSet(FeatureNoise(X, spread), X, codes, sources, seed=5)
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
    assert {tuple(row) for row in new.tolist()} == {
        tuple(X[i].tolist()) for i in (3, 8)
    }
    assert set(of_class.tolist()) == set(codes[[3, 8]].tolist()) and len(new) == 5


def test_what_was_never_negative_stays_so():
    X, codes = toy()
    for h, floor in [(X.relu(), 0.0), (X, X.min() - 10)]:
        made = SyntheticSet(FeatureNoise(h, 3.0), h, codes, np.arange(len(h)))
        new = torch.cat([new for new, _ in made.pieces()])
        assert new.min() >= floor
        assert (new < 0).any() == bool((h < 0).any())
