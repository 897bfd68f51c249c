"""Rows whose channels seem to come last are refused, and moved where that is said."""

import re

import numpy as np
import pytest
from helpers import refuses

from skaug._axes import channels_first

FIRST = [
    (5, 8),  # a table
    (5, 9, 128),
    (5, 3, 2),  # few inputs are channels
    (5, 64, 64),
    (5, 1, 28, 28),
    (5, 3, 4, 4),
    (5, 64, 4, 4),  # activations
    (5, 16, 32, 8),
    (0, 128, 9),  # no rows
]
LAST = [(5, 128, 9), (5, 200, 3), (5, 6, 5), (5, 28, 28, 1), (5, 32, 32, 3)]
LAST += [(5, 32, 48, 4), (5, 64, 64, 13), (5, 9, 128, 1)]


@pytest.mark.parametrize("shape", FIRST)
def test_channels_first_pass(shape):
    X = np.zeros(shape)
    assert channels_first(X, None, "fit") is X


@pytest.mark.parametrize("shape", LAST)
def test_the_line_in_the_message_is_the_right_one(shape):
    X = np.arange(np.prod(shape)).reshape(shape)
    with pytest.raises(ValueError) as error:
        channels_first(X, None, "fit")
    line = re.search(r"X\.transpose\(.*?\)", str(error.value))[0]
    typed = eval(line)
    assert typed.shape == (5, shape[-1], *shape[1:-1])
    np.testing.assert_array_equal(channels_first(X, True, "fit"), typed)
    assert channels_first(typed, None, "fit") is typed
    assert "or set channels_last=True" in str(error.value)
    assert channels_first(X, False, "fit") is X
    assert str(error.value).endswith("set channels_last=False.")


def test_a_table_has_no_channels_to_move():
    with refuses(r"fit needs signals or images.*got X of shape \(5, 8\)"):
        channels_first(np.zeros((5, 8)), True, "fit")
