"""Policies: weights and draws."""

import numpy as np
import pytest
import torch
from helpers import refuses

from skaug import InfluenceAugmenter, NetClassifier, TransformPolicy
from skaug.influence import Policy
from skaug.influence.policy import softmax_of_scores
from skaug.transforms import (
    Brightness,
    ChannelDropout,
    Cutout,
    HorizontalFlip,
    Jitter,
    RandomAffine,
    RandomCropFlip,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
    VerticalFlip,
)
from skaug.transforms.chain import Chain
from skaug.transforms.families import family_of, of_rows
from skaug.transforms.ranges import InUnits
from skaug.transforms.torchvision import v2


def rows(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_weights_follow_scores():
    scores = np.array([0.3, -0.1, 0.0, 0.25])
    assert softmax_of_scores(scores, 0.0) == pytest.approx(0.25)
    weights = softmax_of_scores(scores)
    assert weights.sum() == pytest.approx(1)
    assert (np.argsort(weights) == np.argsort(scores)).all()
    # Neither size nor origin of the scores matters,
    assert softmax_of_scores(100 * scores + 5) == pytest.approx(weights)
    # and none is more than e^4 times another.
    extreme = softmax_of_scores(np.r_[1e6, -1e6, np.zeros(50)])
    assert extreme.max() / extreme.min() == pytest.approx(np.exp(4))
    # Differences in the last digits are no evidence.
    close = softmax_of_scores(np.array([0.1, 0.1 + 1e-8]))
    assert close == pytest.approx(0.5, abs=1e-4)
    assert softmax_of_scores(np.zeros(3)) == pytest.approx(1 / 3)


def test_draws_come_as_often_as_weighted():
    torch.manual_seed(0)
    X = torch.zeros(20_000, 1)
    policy = Policy([lambda X: X + 1, lambda X: X + 2], [0.8, 0.2], 1, 0.6)
    counts = policy(X).unique(return_counts=True)[1] / len(X)
    assert counts.numpy() == pytest.approx([0.4, 0.6 * 0.8, 0.6 * 0.2], abs=0.02)


def test_limiting_cases():
    X, y = rows(10, 3), torch.arange(10)
    twice = [lambda X: 2 * X]
    assert torch.equal(Policy(twice, [1.0], 3, 0.0)(X), X)
    assert torch.equal(Policy(twice, [1.0], 3, 1.0)(X), 8 * X)
    never = [lambda X: 2 * X, lambda X: X / 0]
    new_X, new_y = Policy(never, [1.0, 0.0], 1, 1.0)(X, y)
    assert torch.equal(new_X, 2 * X) and new_y is y


def test_the_batch_itself_is_left_alone():
    X = rows(10, 3)
    before = X.clone()
    Policy([lambda X: X.zero_()], [1.0], 1, 1.0)(X)
    Chain([lambda X: X.zero_()])(X)
    assert torch.equal(X, before)


def test_interpolation_has_partners_in_the_whole_batch():
    torch.manual_seed(0)
    X, y = torch.arange(200.0)[:, None], torch.arange(200) % 2
    policy = Policy([SameClassInterpolation(1.0), lambda X: X], [0.1, 0.9], 1, 1.0)
    new_X, _ = policy(X, y)
    moved = (new_X != X)[:, 0]
    assert 8 < moved.sum() < 40  # a tenth; alone among themselves they would do too
    alone = Policy([SameClassInterpolation(1.0)], [1.0], 1, 1.0)
    assert (alone(X, y)[0] != X).float().mean() > 0.9
    with refuses("needs labels for SameClassInterpolation"):
        alone(X)


def test_all_that_moves_pixels_is_one_matrix():
    torch.manual_seed(0)
    X = rows(30, 2, 9, 9)
    # Flips in both directions, one after the other, are half a turn.
    both = [HorizontalFlip(1.0), VerticalFlip(1.0)]
    seen = {
        tuple(new.flatten().tolist())
        for new in Policy(both, [0.5, 0.5], 2, 1.0)(X[:1].expand(60, 2, 9, 9))
    }
    turned = X[0].flip(1, 2)
    assert seen == {tuple(x.flatten().tolist()) for x in (X[0], turned)}


def test_two_turns_are_interpolated_once():
    # Shifts beyond the border and back: one after the other would lose the pixels.
    torch.manual_seed(0)
    X = rows(3000, 1, 3, 3)
    new_X = Policy([RandomCropFlip(2, 0.0)], [1.0], 2, 1.0)(X)
    kept = (new_X == X).flatten(1).all(dim=1).float().mean()
    # The sum of two draws from -2 to 2 is 0 in one of five cases, for each axis.
    assert float(kept) == pytest.approx(1 / 25, abs=0.015)


def test_moved_rows_are_those_of_the_transforms():
    torch.manual_seed(0)
    X = rows(4000, 1, 6, 6)
    policy = Policy([RandomCropFlip(1, 0.0), HorizontalFlip(1.0)], [0.3, 0.7], 1, 0.5)
    new_X = policy(X)
    same = (new_X == X).flatten(1).all(dim=1)
    flipped = (new_X == X.flip(3)).flatten(1).all(dim=1)
    assert flipped.float().mean() == pytest.approx(0.35, abs=0.03)
    # One crop in nine is at the old place.
    assert same.float().mean() == pytest.approx(0.5 + 0.15 / 9, abs=0.03)


ALIKE = {
    "table": [Jitter(0.0), Jitter(0.5)],
    "signals": [TimeWarp(0.0), TimeWarp(0.5)],
    "sensors": [SensorRotation(0.0), SensorRotation(50.0)],
    "channels": [ChannelDropout(0.0), ChannelDropout(1.0)],
    "scaling": [Scaling(0.0), Scaling(0.5)],
    "images": [Cutout(1), Cutout(9)],
    "colours": [InUnits(Brightness(0.0), 255.0), InUnits(Brightness(1.0), 255.0)],
}


@pytest.mark.parametrize("alike", ALIKE.values(), ids=ALIKE)
def test_rows_of_a_family_have_their_own_strengths(alike):
    torch.manual_seed(0)
    images = isinstance(alike[0], (Cutout, InUnits))
    X = rows(2000, 3, 9, 9) + 1 if images else rows(2000, 3, 30) + 1
    assert family_of(alike[0]) == family_of(alike[1]) is not None
    weak = torch.arange(2000) % 3 > 0
    both = of_rows([alike[0] if one else alike[1] for one in weak], X)
    change = (both(X) - X).abs().flatten(1).mean(dim=1)
    alone = (alike[1](X) - X).abs().flatten(1).mean(dim=1)
    assert change[~weak].mean() == pytest.approx(float(alone.mean()), rel=0.2)
    assert change[weak].mean() < 0.2 * change[~weak].mean()


def test_families_differ_in_one_number_only():
    scale = torch.ones(3)
    policy = Policy(
        [
            Jitter(0.1, scale),
            Jitter(0.2, scale),
            Jitter(0.2, scale.clone()),
            torch.sin,
            torch.sin,
            TimeWarp(0.1, 4),
            TimeWarp(0.2, 5),
            InUnits(Brightness(0.1)),
            InUnits(Brightness(0.2)),
            Brightness(0.2),
            HorizontalFlip(),
        ],
        torch.ones(11),
    )
    assert policy.families.tolist() == [0, 0, 2, 3, 4, 5, 6, 7, 7, 9, -1, -1]


def test_what_has_no_family_is_checked():
    with refuses("Policy needs .*finite numbers"):
        Policy([Jitter(), lambda X: X / 0], [0.5, 0.5], 1, 1.0)(rows(50, 3))
    with refuses("RandomAffine needs degrees"):
        Policy([RandomAffine(degrees=-1)], [1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([Jitter()], [0.5, 0.5]), r"one weight for each .* got shape \(2,\)"),
        (([Jitter()], 1.0), r"one weight for each .* got shape \(\)"),
        (([Jitter()], [0.0]), r"finite weights from 0 on, .* got \[0.0\]"),
        (([Jitter(), Scaling()], [2.0, -1.0]), "finite weights from 0 on"),
        (([Jitter()], [np.nan]), "finite weights from 0 on"),
        (([], []), "one transform or more; got an empty list"),
        (([Brightness], [1.0]), "keep its labels; got <class .*Brightness"),
        (([v2.CutMix(num_classes=2)], [1.0]), "keep its labels; got CutMix"),
        (([Jitter()], [1.0], 0), "n_transforms to be a whole number >= 1; got 0"),
        (([Jitter()], [1.0], 1, 1.1), "probability to be a number from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with refuses(f"Policy needs .*{message}"):
        Policy(*arguments)


@pytest.mark.parametrize("transform", [Brightness, v2.CutMix(num_classes=2)])
def test_a_policy_to_be_learned_has_functions_that_keep_labels(transform):
    X, y = np.random.default_rng(0).random((200, 1, 8, 8)), np.arange(200) % 2
    for transforms in ([transform], [("name", 1.0, transform)]):
        learner = TransformPolicy(transforms, n_networks=1)
        with refuses("TransformPolicy needs transforms that are functions .* keep its"):
            InfluenceAugmenter(augmentation=learner).fit(X, y)


def test_no_rows_are_no_rows():
    X, y = torch.zeros(0, 1, 8, 8), torch.zeros(0)
    new_X, new_y = Policy([RandomAffine(10), Jitter()], [0.5, 0.5])(X, y)
    assert new_X.shape == X.shape and new_y is y


def test_torchvisions_choices_are_made_for_each_row():
    X = torch.arange(8.0).expand(64, 1, 8, 8) / 8
    with pytest.warns(UserWarning, match="Policy needs a choice for each row") as w:
        policy = Policy([v2.RandomHorizontalFlip()], [1.0], 1, 1.0)
    assert len(w) == 1 and w[0].filename == __file__
    torch.manual_seed(0)
    assert len(policy(X).flatten(1).unique(dim=0)) == 2


def test_policies_of_bytes_are_those_of_numbers_from_0_to_1():
    X, y = (
        np.random.default_rng(0).integers(256, size=(260, 3, 8, 8)),
        np.arange(260) % 2,
    )
    X[y == 1, :, :4] //= 2

    def learned(X):
        policy = TransformPolicy(n_networks=1, n_draws=1)
        net = NetClassifier(max_epochs=3)
        augmenter = InfluenceAugmenter(
            net, augmentation=policy, refit=False, random_state=0
        )
        return {
            (row.transform, row.strength): row.weight
            for row in augmenter.fit(X, y).policy_
        }

    weights = learned(np.float32(X / 255))
    of_bytes = learned(np.uint8(X))
    assert of_bytes == learned(np.float32(X))
    assert of_bytes == pytest.approx(weights, abs=0.01)
    assert max(weights.values()) - min(weights.values()) > 0.03
    with refuses(
        "needs images with numbers from 0 to 1, .* Augment before you standard"
    ):
        learned(np.float32(X / 60 - 2))
