"""Lists of transforms for each kind of rows."""

import pytest
import torch

from skaug.transforms import (
    baseline_transform,
    default_transforms,
)
from skaug.transforms.calling import apply


def rows(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


KINDS = {
    "table": rows(40, 7),
    "signals": rows(40, 6, 30),
    "two channels": rows(40, 2, 30),
    "grey images": rows(40, 1, 14, 14),
    "colour images": rows(40, 3, 16, 12),
}
each_kind = pytest.mark.parametrize("X", KINDS.values(), ids=KINDS)


@each_kind
def test_the_lists_keep_shapes(X):
    torch.manual_seed(0)
    y = torch.arange(len(X)) % 3
    candidates = default_transforms(X)
    assert len(candidates) >= 12
    for name, _, transform in candidates:
        new_X = apply(transform, X, y, name="Policy")
        assert new_X.shape == X.shape, name
        assert not torch.equal(new_X, X), name
    assert apply(baseline_transform(X), X, y, name="Policy").shape == X.shape
    # Higher strengths change more.
    changes = {}
    for name, strength, transform in candidates:
        change = (apply(transform, X, y, name="Policy") - X).abs().mean()
        changes.setdefault(name, []).append((strength, float(change)))
    for name, of_name in changes.items():
        assert [c for _, c in of_name] == sorted(c for _, c in of_name), name


def test_lists_follow_the_rows():
    def names(X):
        return {name for name, *_ in default_transforms(X)}

    assert "rotation" not in names(KINDS["two channels"])
    assert "colour" not in names(KINDS["grey images"])
    # Colour needs one or three channels.
    assert not {"brightness", "contrast"} & names(rows(10, 4, 8, 8))
    assert names(255 * KINDS["colour images"]) == names(KINDS["colour images"])
    assert {"colour", "inversion"} < names(KINDS["colour images"])
