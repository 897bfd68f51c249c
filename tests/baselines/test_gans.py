"""GANs: what they learn, and that they are estimators."""

import pickle
from copy import copy

import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skaug import load, save
from skaug._random import draw_seed, new_generator
from skaug.baselines import (
    AuxiliaryClassifierGAN,
    ConditionalGAN,
    InfoGAN,
    WassersteinGAN,
)

KINDS = [AuxiliaryClassifierGAN, ConditionalGAN, InfoGAN, WassersteinGAN]
each_kind = pytest.mark.parametrize("kind", KINDS)
TINY = {"steps": 2, "width": 2, "latent_dim": 3, "batch_size": 4, "random_state": 0}
NAMES = np.array(["left", "right"])


def halves(n=100):
    """Images of 8 x 8 that are bright on the left or on the right."""
    generator = np.random.default_rng(0)
    codes = np.arange(n) % 2
    X = np.where((np.arange(8) < 4) == (codes[:, None] == 0), 0.9, 0.1)
    X = np.broadcast_to(X[:, None, None], (n, 1, 8, 8))
    return X + generator.normal(0, 0.03, X.shape), NAMES[codes]


def states():
    return np.random.get_state()[1].copy(), torch.get_rng_state()


@each_kind
def test_planted_modes_are_learned_and_labels_go_with_them(kind):
    means, codes = np.array([[-1, 2], [1, -2]]), np.arange(100) % 2
    noise = np.random.default_rng(0).normal(0, 0.1, (100, 2))
    few = {"critic_steps": 3, "steps": 60} if kind is WassersteinGAN else {"steps": 100}
    gan = kind(latent_dim=8, width=8, lr=4e-3, random_state=0, **few)
    gan.fit(means[codes] + noise, NAMES[codes])
    labels = np.repeat(NAMES, 50)
    new_X, new_y = gan.sample(labels, random_state=0)
    assert (new_y == labels).all()
    gaps = np.linalg.norm(new_X[:, None] - means, axis=2)  # (100, 2)
    assert (NAMES[gaps.argmin(axis=1)] == labels).all()
    assert gaps.min(axis=1).mean() < 0.4  # the modes are 4.5 apart
    assert (new_X.std(axis=0) > 0).all()


def test_modes_of_images_are_learned():
    X, y = halves()
    gan = ConditionalGAN(latent_dim=8, width=8, steps=150, lr=2e-3, random_state=0)
    labels = np.repeat(NAMES, 50)
    new_X, _ = gan.fit(X, y).sample(labels, random_state=0)
    means = np.stack([X[y == name].mean(axis=0) for name in NAMES])
    gaps = np.abs(new_X[:, None] - means).mean(axis=(2, 3, 4))  # (100, 2)
    assert (NAMES[gaps.argmin(axis=1)] == labels).all()
    assert gaps.min(axis=1).mean() < 0.15  # the modes are 0.8 apart


@pytest.mark.parametrize(
    "shape", [(1, 14, 14), (3, 16, 16), (1, 28, 20), (2, 3, 1), (6,), (1,), (3, 10)]
)
def test_rows_of_any_shape(shape):
    X = np.random.default_rng(0).normal(size=(6, *shape))
    new_X, _ = InfoGAN(**TINY).fit(X, [0, 1] * 3).sample(5, random_state=0)
    assert new_X.shape == (5, *shape) and np.isfinite(new_X).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_rows_are_of_the_type_and_in_the_range_of_those_in_fit(dtype):
    X = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4)).astype(dtype)
    X[:, 1] = 7
    new_X, _ = ConditionalGAN(**TINY).fit(X, [0, 1] * 10).sample(9, random_state=0)
    assert new_X.dtype == dtype and (new_X[:, 1] == 7).all()
    axes = (0, 2, 3)
    assert (X.min(axes) <= new_X.min(axes)).all()
    assert (new_X.max(axes) <= X.max(axes)).all()


def test_units_do_not_matter():
    X, y = halves(20)
    expected, _ = ConditionalGAN(**TINY).fit(X, y).sample(4, random_state=0)
    for unit, zero in ((2.0**40, 0.0), (2.0**-40, 0.0), (1.0, 1024.0)):
        gan = ConditionalGAN(**TINY).fit(unit * X + zero, y)
        found, _ = gan.sample(4, random_state=0)
        np.testing.assert_allclose((found - zero) / unit, expected, atol=1e-4)


def test_a_wasserstein_gan_is_one_for_each_class():
    X, y = halves()
    X[:2, 0, 0, 0], X[2:4, 0, 0, 0] = -1, 2  # the same range in each class
    rows = y == "left"
    whole, alone = (
        WassersteinGAN(**TINY).fit(X[chosen], y[chosen])
        for chosen in (slice(None), rows)
    )
    assert [len(gan.generators_) for gan in (whole, alone)] == [2, 1]
    found = [gan.sample(["left"] * 3, random_state=0)[0] for gan in (whole, alone)]
    np.testing.assert_array_equal(*found)
    of_both = whole.sample(["left", "right", "left", "left"], random_state=1)[0]
    assert not np.array_equal(of_both[0], of_both[1])
    for code, name in enumerate(whole.classes_):
        one = copy(whole)
        one.generators_ = [whole.generators_[code]] * 2
        labels = np.array(["left", "right", "left", "left"])
        same = one.sample(labels, random_state=1)[0]
        of_class = labels == name
        np.testing.assert_allclose(same[of_class], of_both[of_class], atol=1e-5)


def test_labels_that_are_not_given_are_as_common_as_in_fit():
    X, y = np.zeros((100, 2)), np.repeat([3, 5], [90, 10])
    _, new_y = ConditionalGAN(**TINY).fit(X, y).sample(2000, random_state=0)
    # Three standard errors.
    assert np.mean(new_y == 3) == pytest.approx(0.9, abs=0.02)


@each_kind
def test_a_seed_is_all_that_counts(kind, tmp_path):
    X, y = halves(12)
    before = states()
    gan = kind(**TINY).fit(X, y)
    first = gan.sample(NAMES, random_state=1)[0]
    for one, two in zip(before, states()):
        np.testing.assert_array_equal(one, two)
    save(gan, tmp_path / "gan")
    for same in (
        clone(gan).fit(X, y),
        gan.fit(X, y),
        pickle.loads(pickle.dumps(gan)),
        load(tmp_path / "gan"),
    ):
        np.testing.assert_array_equal(same.sample(NAMES, random_state=1)[0], first)
    assert not np.array_equal(gan.sample(NAMES, random_state=2)[0], first)
    other = clone(gan).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.sample(NAMES, random_state=1)[0], first)


def test_many_rows_are_generated_piece_by_piece(monkeypatch):
    gan = ConditionalGAN(**TINY).fit(*halves(12))
    monkeypatch.setattr("skaug.baselines.gans.AT_ONCE", 3)
    new_X, new_y = gan.sample(np.tile(NAMES, 4), random_state=0)
    assert new_X.shape == (8, 1, 8, 8) and (new_y == np.tile(NAMES, 4)).all()
    assert len(np.unique(new_X.reshape(8, -1), axis=0)) == 8


def test_losses_are_kept():
    X, y = halves(12)
    for gan, shape in ((WassersteinGAN(**TINY), (2, 2)), (InfoGAN(**TINY), (1, 2))):
        losses = gan.fit(X, y).losses_
        assert losses.keys() == {"generator", "discriminator"}
        assert all(one.shape == shape for one in losses.values())


def test_progress_is_told(capsys, monkeypatch):
    monkeypatch.setattr("skaug.baselines.gans.LINES", 2)
    gan = ConditionalGAN(**TINY).set_params(steps=5, verbose=2).fit(*halves(12))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("ConditionalGAN, step 2: loss of generator ")
    shown = gan.losses_["discriminator"][0, 3]  # of the fourth step
    assert second.endswith(f", discriminator {shown:.4g}")
    gan.set_params(verbose=1).fit(*halves(12))
    assert "5/5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (ConditionalGAN, {"steps": 0}, "ConditionalGAN needs steps to be a whole"),
        (ConditionalGAN, {"batch_size": 1}, "needs batch_size .* >= 2; got 1"),
        (InfoGAN, {"n_codes": 0}, "InfoGAN needs n_codes to be a whole number >= 1"),
        (WassersteinGAN, {"penalty_weight": -1}, "needs penalty_weight to be a finite"),
        (WassersteinGAN, {"critic_steps": 0}, "needs critic_steps to be a whole"),
        (ConditionalGAN, {"lr": 1e38}, "needs a training that does not diverge; got"),
    ],
)
def test_what_cannot_be_trained_is_refused(kind, parameters, message):
    with refuses(message):
        kind(**{**TINY, "steps": 5, **parameters}).fit(*halves(12))


@pytest.mark.parametrize("labels", [["up"], -1, 2.5, [["left"]], ["left", "up"]])
def test_unknown_labels_are_refused(labels):
    gan = ConditionalGAN(**TINY).fit(*halves(12))
    with refuses("ConditionalGAN needs labels of fit, or a number of rows; got"):
        gan.sample(labels)


@parametrize_with_checks([ConditionalGAN(**TINY)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@each_kind
@pytest.mark.parametrize("shape", [(2, 8, 8), (5,), (2, 7)])
def test_the_generator_of_a_class_makes_what_is_sampled(kind, shape):
    X = np.random.default_rng(0).uniform(-3, 7, (20, *shape)).astype(np.float32)
    gan = kind(**TINY).fit(X, NAMES[np.arange(20) % 2])
    noise = torch.randn(4, 3, generator=new_generator(draw_seed(1))).requires_grad_()
    rows = gan.generator("right")(noise)
    assert rows.shape == (4, *shape)
    rows.sum().backward()
    assert noise.grad.abs().sum() > 0
    if kind is not InfoGAN:  # whose samples have codes
        expected, _ = gan.sample(["right"] * 4, random_state=1)
        np.testing.assert_allclose(rows.detach(), expected, rtol=1e-5, atol=1e-5)
    with refuses("needs labels of fit"):
        gan.generator("up")
    with refuses(r"needs noise of shape \(n, 3\); got \(4, 2\). Set latent_dim=3"):
        gan.generator("right")(noise[:, :2])
