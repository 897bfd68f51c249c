"""How transforms are called, and what they may return."""

import pytest
import torch
from helpers import refuses

from skaug import Cutout, TableMixup
from skaug.transforms import PerSample
from skaug.transforms.calling import apply, how_to_call, name_of


def test_how_to_call():
    def with_label(X, label=None):
        return X

    def with_option(X, size=3):
        return X

    def with_network(X, y, module):
        return X

    class Module(torch.nn.Module):
        def forward(self, X, y):
            return X, y

    assert how_to_call(with_label) == (True, ())
    assert how_to_call(with_option) == (False, ())
    assert how_to_call(with_network) == (True, ("module",))
    assert how_to_call(Cutout(2)) == how_to_call(Module()) == (True, ())
    assert how_to_call(lambda *args: args) == (True, ())
    assert how_to_call(torch.sin) == (False, ())  # built in: it has no signature
    assert name_of(PerSample(torch.sin)) == "PerSample(sin)"


def shuffled_labels(X, y):
    return X, y.flip(0)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda X: X[:, :2], r"keeps the shape \(8, 3\); got \(8, 2\) from <lambda>"),
        (lambda X: X.numpy(), "returns a tensor X, or X and y; got a ndarray"),
        (lambda X: X / 0, "finite numbers; got NaN or infinity from <lambda>"),
        (lambda X: (9 * X).long(), "keeps rows torch.float32; got torch.int64"),
        (lambda X: X @ X, "takes batches of shape .8, 3.; got RuntimeError"),
        (TableMixup(), "keep the labels; got TableMixup"),
        (shuffled_labels, "keep the labels; got shuffled_labels"),
    ],
)
def test_bad_transforms(transform, message):
    with refuses(f"Policy needs .*{message}", (TypeError, ValueError)):
        apply(transform, torch.rand(8, 3), torch.arange(8), name="Policy")
