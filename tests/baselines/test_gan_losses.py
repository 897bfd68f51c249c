"""Losses of GANs: closed forms and limits."""

import math

import pytest
import torch

from skaug.baselines.gan_losses import (
    code_information,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    label_information,
)


def test_where_no_one_tells_rows_apart_losses_are_log_2():
    logits = torch.zeros(7)
    assert float(discriminator_loss(logits, logits)) == pytest.approx(2 * math.log(2))
    assert float(generator_loss(logits)) == pytest.approx(math.log(2))


def test_the_best_discriminator_measures_the_jensen_shannon_divergence():
    # Real rows are 0 three times in four, generated rows 1 three times in four.
    p, q = torch.tensor([3.0, 1.0]) / 4, torch.tensor([1.0, 3.0]) / 4
    best = (p / q).log()  # its logits for the rows 0 and 1
    real, fake = best[[0, 0, 0, 1]], best[[0, 1, 1, 1]]
    mean = (p + q) / 2
    divergence = (p * (p / mean).log() + q * (q / mean).log()).sum() / 2
    expected = 2 * math.log(2) - 2 * float(divergence)
    assert float(discriminator_loss(real, fake)) == pytest.approx(expected)
    for shift in (-0.3, 0.3):
        assert discriminator_loss(real + shift, fake + shift) > expected


def test_a_generator_that_is_seen_through_goes_on_learning():
    logits = torch.full((5,), -30.0, requires_grad=True)
    generator_loss(logits).backward()
    torch.testing.assert_close(logits.grad, torch.full((5,), -1 / 5))


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("shape", [(4,), (2, 3, 3)])
def test_penalty_of_a_linear_critic(slope, shape):
    torch.manual_seed(0)
    real, fake = torch.randn(2, 6, *shape, dtype=torch.float64)
    direction = torch.randn(real[0].numel(), 1, dtype=torch.float64)
    direction *= slope / direction.norm()

    def critic(rows):
        return rows.flatten(1) @ direction

    penalty = gradient_penalty(critic, real, fake, torch.rand(6, dtype=torch.float64))
    assert float(penalty) == pytest.approx((slope - 1) ** 2)


def test_slopes_are_measured_between_the_rows():
    # The slope of half of the squared norm at a row is the row.
    torch.manual_seed(0)
    real, fake = torch.randn(2, 5, 3, dtype=torch.float64)
    shares = torch.rand(5, dtype=torch.float64)
    weight = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    penalty = gradient_penalty(
        lambda rows: weight * rows.square().sum(dim=1) / 2, real, fake, shares
    )
    between = shares[:, None] * real + (1 - shares[:, None]) * fake
    sizes = between.norm(dim=1)
    torch.testing.assert_close(penalty.detach(), (sizes - 1).square().mean())
    penalty.backward()
    slope = float((2 * (sizes - 1) * sizes).mean())
    assert float(weight.grad) == pytest.approx(slope)


def test_the_information_of_labels_is_at_most_the_logarithm_of_their_number():
    labels = torch.eye(5, dtype=torch.float64)
    perfect = label_information(1000 * labels, labels)
    assert float(perfect) == pytest.approx(math.log(5), abs=1e-12)
    assert float(label_information(0 * labels, labels)) == pytest.approx(0, abs=1e-12)
    for scale in (0.1, 1.0, 5.0):
        assert label_information(scale * labels, labels) < perfect


def test_the_information_of_the_best_recogniser_is_the_mutual_information():
    # A label is made into a row of the same number in seven cases of eight.
    made, labels = [0] * 7 + [1] + [1] * 7 + [0], [0] * 8 + [1] * 8
    labels = torch.eye(2, dtype=torch.float64)[labels]
    p = torch.tensor([7 / 8, 1 / 8], dtype=torch.float64)
    best = torch.stack([p.log(), p.log().flip(0)])[made]
    information = math.log(2) + float((p * p.log()).sum())
    assert float(label_information(best, labels)) == pytest.approx(information)
    for scale in (0.5, 2.0):
        assert label_information(scale * best, labels) < information


def test_the_information_of_codes_falls_by_half_of_the_squared_error():
    torch.manual_seed(0)
    codes, errors = torch.rand(6, 2) * 2 - 1, torch.randn(6, 2)
    perfect = float(code_information(codes, codes))
    assert perfect == pytest.approx(2 * math.log(2) - math.log(2 * math.pi), rel=1e-6)
    loss = float(errors.square().sum(dim=1).mean()) / 2
    found = float(code_information(codes + errors, codes))
    assert found == pytest.approx(perfect - loss, rel=1e-5)
