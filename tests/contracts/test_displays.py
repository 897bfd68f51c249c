"""What holds for every display."""

import sys
from inspect import signature

import pytest
from helpers import refuses

import skaug


@pytest.mark.parametrize("name", [n for n in skaug.__all__ if n.endswith("Display")])
def test_without_matplotlib_the_way_out_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = getattr(skaug, name)
    for method in (m for m in vars(display) if m.startswith(("from_", "plot"))):
        function = getattr(display, method)
        parameters = signature(function).parameters.values()
        required = [None for p in parameters if p.default is p.empty]
        with refuses("pip install matplotlib", ImportError):
            function(*required)
