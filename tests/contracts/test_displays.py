"""What holds for every display."""

import sys
from inspect import signature

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import refuses
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.text import Text

import skaug
from skaug.influence import CodeWalkDisplay
from skaug.isda import SemanticDirectionsDisplay
from skaug.refined import LossLandscapeDisplay


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


CURVE = np.array([-2.0, 1.0, 3.0])
PLACES = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 2.0]])
NAMES = ("first", "second")
SURFACE = 1 + CURVE[:, None] ** 2 + CURVE**2
IMAGES = np.arange(48.0).reshape(3, 1, 4, 4)
# Displays that draw more than lines in the colours of the style.
DRAWN = {
    "activations": lambda: skaug.ActivationDisplay(
        PLACES, PLACES[:1], [0], [0, 1, 0],
        level="input", axis_labels=NAMES, potentials=CURVE,
    ),
    "change": lambda: skaug.InfluenceRankingDisplay(CURVE),
    "code walk": lambda: CodeWalkDisplay(
        IMAGES[0], IMAGES, shifts=np.ones((3, 4, 4, 2))
    ),
    "directions": lambda: SemanticDirectionsDisplay(
        PLACES[None], label=0, deviations=CURVE, directions=PLACES, variances=[1.0],
        variance_shares=[1.0], distances=CURVE[None], labels=np.array([[0, 1, 0]]),
    ),
    "gain": lambda: skaug.LevelGainDisplay(PLACES, PLACES, ["head"], np.zeros((3, 1))),
    "hard regions": lambda: skaug.HardRegionDisplay(
        PLACES, CURVE, CURVE == 1, np.array([0, 1, 0]), axis_labels=NAMES
    ),
    "landscape": lambda: LossLandscapeDisplay(CURVE, CURVE, SURFACE),
    "leave one out": lambda: skaug.LeaveOneOutDisplay(CURVE, CURVE, CURVE),
    "skip": lambda: skaug.SkipCurveDisplay(
        CURVE, CURVE, CURVE**2, reference=1.0, reference_name="none", chosen=1.0
    ),
}  # fmt: skip


def contrast(colours, ground):
    """Ratios of luminances between colours and their ground, as WCAG has them."""

    def luminance(colours):
        rgb = to_rgba_array(colours)[:, :3]
        linear = np.where(rgb > 0.04, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
        return linear @ [0.2126, 0.7152, 0.0722] + 0.05

    ratio = luminance(colours) / luminance(ground)
    return np.maximum(ratio, 1 / ratio)


def colours_of(artist):
    """Colours of lines and texts, of edges, or of faces that have no edge."""
    if isinstance(artist, (Line2D, Text)):
        return to_rgba_array(artist.get_color())
    edges = to_rgba_array(artist.get_edgecolor())
    has_edge = len(edges) and edges[:, 3].all()
    return edges if has_edge else to_rgba_array(artist.get_facecolor())


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_can_be_seen_on_light_and_on_dark(name, style):
    with plt.style.context(style):
        figure = DRAWN[name]().plot().figure_
        for ax in figure.axes:
            drawn = [*ax.lines, *ax.collections, *ax.patches, *ax.texts]
            legend = ax.get_legend()
            drawn += legend.legend_handles if legend else []
            for artist in drawn:
                if isinstance(artist, Collection):
                    artist.update_scalarmappable()
                if not isinstance(artist, QuadMesh):  # the colours of a colour bar
                    found = contrast(colours_of(artist), ax.get_facecolor())
                    assert (found > 2).all(), artist
