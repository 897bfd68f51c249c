"""New vectors near given ones: moments, copies, provenance, pieces."""

import math

import pytest
import torch
from helpers import refuses
from sklearn.base import clone

from skaug import (
    CVAEGenerator,
    GaussianGenerator,
    InterpolationGenerator,
    NeighborGenerator,
    NoiseGenerator,
    VAEGenerator,
)
from skaug.hard_regions import sample_latent
from skaug.hard_regions.latent_generators import MOST_STEPS, collapse

GENERATORS = [
    NoiseGenerator,
    GaussianGenerator,
    NeighborGenerator,
    InterpolationGenerator,
    VAEGenerator,
    CVAEGenerator,
]


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
    moves, spreads = draws(NoiseGenerator(spread=2.0).fit(X, codes), X, codes)
    expected = torch.cov(X.T, correction=0).diagonal().diag()
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.05, atol=0.1)
    assert spreads.min() >= 0 and 1.9 < spreads.max() <= 2


@pytest.mark.parametrize("code", [0, 1])
def test_gaussian_has_the_covariance_of_the_class(code):
    X, codes = toy()
    order = torch.argsort((codes != code).int(), stable=True)
    X, codes = X[order], codes[order]
    moves, _ = draws(GaussianGenerator(shrinkage=0).fit(X, codes), X, codes)
    expected = torch.cov(X[codes == code].T, correction=0)
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.06, atol=0.15)


def test_gaussian_of_classes_mixed_in_one_batch_is_that_of_each():
    X, codes = toy()
    gaussian = GaussianGenerator(shrinkage=0).fit(X, codes)
    new, _ = gaussian.draw(X, codes, torch.Generator().manual_seed(0))
    # The last feature of class 1 never varies, so that it never moves.
    moved = (new - X)[:, 4] != 0
    assert moved[codes == 0].all() and not moved[codes == 1].any()
    # It keeps no more than the features need.
    assert {len(factor) for factor in gaussian.factors_.values()} == {5}
    new, _ = gaussian.draw(X, codes + 1, torch.Generator().manual_seed(0))
    assert new[codes == 1].equal(X[codes == 1])  # of a class that it never saw
    alone = GaussianGenerator().fit(X[:1], codes[:1])
    assert alone.draw(X[:1], codes[:1], torch.Generator())[0].equal(X[:1])


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0, "auto"])
def test_gaussian_is_shrunk_to_the_pooled_covariance(shrinkage):
    X, codes = toy()
    X, codes = X[:90], codes[:90]
    X[:45] -= X[:45].mean(0)
    few = torch.cat([X[codes == 0], X[codes == 1][:15]])
    of_few = torch.arange(60).ge(45).long()
    gaussian = GaussianGenerator(shrinkage=shrinkage).fit(few, of_few)
    of_class = [torch.cov(few[of_few == code].T, correction=0) for code in range(2)]
    pooled = (45 * of_class[0] + 15 * of_class[1]) / 60
    weight = 5 / (5 + 15) if shrinkage == "auto" else shrinkage
    assert gaussian.shrinkage_[1] == weight
    order = torch.arange(60).flip(0)  # a source of class 1 is first
    moves, _ = draws(gaussian, few[order], of_few[order])
    expected = (1 - weight) * of_class[1] + weight * pooled
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.06, atol=0.15)


def test_a_class_of_one_vector_moves_with_the_pooled_covariance():
    X, codes = toy()
    codes[5] = 2
    gaussian = GaussianGenerator().fit(X, codes)
    assert gaussian.shrinkage_[2] == 5 / 6
    new, _ = gaussian.draw(X[5:6], codes[5:6], torch.Generator().manual_seed(0))
    assert (new != X[5]).all()


@pytest.mark.parametrize("kind", GENERATORS)
def test_without_spread_sources_come_back_exactly(kind):
    X, codes = toy()
    generator = kind(spread=0.0).fit(X, codes)
    new, spreads = generator.draw(X, codes, torch.Generator().manual_seed(0))
    assert new.equal(X) and (spreads == 0).all()


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_fixed_spread_is_a_factor_of_one(kind):
    X, codes = toy()
    steps = {"steps": 5} if issubclass(kind, VAEGenerator) else {}
    generator = kind(spread="fixed", **steps).fit(X, codes)
    new, spreads = generator.draw(X, codes, torch.Generator().manual_seed(0))
    assert spreads.shape == (120, 1) and (spreads == 1).all()
    assert (new != X).any(1).all()


def test_an_interpolation_of_fixed_spread_is_a_neighbour():
    X, codes = toy()
    generator = InterpolationGenerator(spread="fixed").fit(X, codes)
    new, _ = generator.draw(X, codes, torch.Generator().manual_seed(0))
    for code in (0, 1):
        distances = torch.cdist(new[codes == code], X[codes == code])
        assert distances.amin(1).max() < 1e-6


def test_fixed_noise_has_the_whole_variance():
    X, codes = toy()
    moves, _ = draws(NoiseGenerator(spread="fixed").fit(X, codes), X, codes)
    expected = torch.cov(X.T, correction=0).diagonal().diag()
    torch.testing.assert_close(torch.cov(moves.T), expected, rtol=0.05, atol=0.1)


def test_it_trains_until_the_held_out_tenth_does_not_improve():
    X, codes = toy(60)
    generator = VAEGenerator(2, kl_weight=3, steps="converged").fit(X, codes)
    # Looks are at every 20th step, and the last ten found nothing better.
    assert 400 <= generator.n_steps_ < MOST_STEPS and generator.n_steps_ % 20 == 0
    best = clone(generator).set_params(steps=generator.n_steps_ - 200).fit(X, codes)
    for name, weights in generator.vae_.state_dict().items():
        assert weights.equal(best.vae_.state_dict()[name])
    # A tenth of nine rows is none, and there is nothing to look at.
    assert clone(generator).fit(X[:9], codes[:9]).n_steps_ == 100


def test_the_papers_samples_are_decoded_latent_draws():
    X, codes = toy()
    small = VAEGenerator(latent_dim=3, steps=20, decoder_noise=0.0).fit(X, codes)
    moved, _ = small.draw(X, codes, torch.Generator().manual_seed(0))
    literal = small.set_params(keep_residual=False)
    new, _ = literal.draw(X, codes, torch.Generator().manual_seed(0))
    decoded = small.vae_.decode(small.vae_.encode(X)[0])
    torch.testing.assert_close(moved - X, new - decoded)


def test_a_conditional_autoencoder_is_told_the_class():
    X, codes = toy(400)
    told = CVAEGenerator(latent_dim=2, steps=200).fit(X, codes)
    z = torch.zeros(1, 2, dtype=X.dtype)
    first, second = (told.vae_.decode(z, torch.tensor([code])) for code in (0, 1))
    # Class 1 lies around 1, class 0 around 0.
    assert (second - first).mean() > 0.5
    assert told.r2_ > 0.3 and told.active_units_ == 2
    untold = VAEGenerator(latent_dim=2, steps=20).fit(X, codes)
    assert untold.vae_.n_classes == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_class_is_never_held_out_as_a_whole(seed):
    X, codes = toy(20)
    codes = torch.arange(20) // 10  # of two groups, the one that is held out is a class
    told = CVAEGenerator(latent_dim=2, steps=2).fit(X, codes, codes, random_state=seed)
    assert math.isnan(told.r2_held_out_)
    mixed = torch.arange(20) % 2
    told.fit(X, codes, mixed, random_state=seed)
    assert not math.isnan(told.r2_held_out_)


def test_the_report_is_of_all_rows_and_of_rows_held_out():
    X, codes = toy(400)
    generator = VAEGenerator(latent_dim=5, steps=300).fit(X, codes)
    assert (generator.r2_, generator.active_units_) == generator.vae_.report(X)
    assert 0.3 < generator.r2_held_out_ < generator.r2_ + 0.1
    assert collapse(generator, least_r2=0.1) is None
    assert collapse(NoiseGenerator().fit(X, codes), least_r2=0.1) is None
    generator.r2_ = -0.2
    assert "explains 0% of the variance with 5 active" in collapse(generator, 0.1)
    generator.set_params(steps="converged", standardise=False)
    ways = "Decrease kl_weight, set standardise=True, or set generator='noise'"
    assert ways in collapse(generator, 0.1)


def test_parameters_are_checked():
    X, codes = toy()
    wrong = [NoiseGenerator(-1), GaussianGenerator("a"), VAEGenerator(0)]
    wrong += [NoiseGenerator("fix"), VAEGenerator(standardise=1)]
    wrong += [CVAEGenerator(clamp=None), VAEGenerator(steps="convergd")]
    for generator in wrong:
        with pytest.raises(ValueError, match=f"{type(generator).__name__} needs"):
            generator.fit(X, codes)
    with refuses("sample_latent needs spread to be .*; got 'fix'"):
        sample_latent(X, X, spread="fix")
