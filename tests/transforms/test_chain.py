"""Transforms made of others: in turn, and made again of other parts."""

import pytest
import torch
from torch import nn

from skaug.influence import Policy
from skaug.transforms import PerSample, SameClassInterpolation, Scaling
from skaug.transforms.calling import parts_of
from skaug.transforms.chain import Chain, with_parts
from skaug.transforms.torchvision import v2

X = torch.rand(12, 3, 4, 4)


def test_a_chain_passes_labels_on():
    y = torch.arange(12) % 2
    chain = Chain([SameClassInterpolation(), Scaling(0.0)])
    new_X, new_y = chain(X, y)
    assert new_X.shape == X.shape and new_y is y


@pytest.mark.parametrize(
    ("of", "factor"),
    [
        (lambda *parts: nn.Sequential(*parts), 6),
        (lambda *parts: v2.Compose(parts), 6),
        (lambda *parts: v2.RandomApply(parts, p=1.0), 6),
        (lambda *parts: v2.RandomApply(nn.ModuleList(parts), p=1.0), 6),
        (lambda *parts: v2.RandomOrder(parts), 6),
        (lambda *parts: v2.RandomChoice(parts, p=[0.0, 1.0]), 3),
        (lambda *parts: Chain(parts), 6),
        (lambda *parts: Policy(parts, [0.0, 1.0], 1, 1.0), 3),
        (lambda *parts: PerSample(parts[0]), 2),
    ],
    ids=[
        "Sequential",
        "Compose",
        "Apply",
        "ModuleList",
        "Order",
        "Choice",
        "Chain",
        "Policy",
        "Row",
    ],
)
def test_other_parts_do_what_they_do(of, factor):
    given = of(nn.Identity(), nn.Identity())
    parts = [lambda X: 2 * X, lambda X: 3 * X][: len(parts_of(given))]
    torch.testing.assert_close(with_parts(given, parts)(X), factor * X)
    assert torch.equal(given(X), X)  # it stays as it is


def test_what_is_not_known_is_not_made():
    class Other:
        transforms = [nn.Identity()]

    assert with_parts(Other(), [torch.sin]) is None
