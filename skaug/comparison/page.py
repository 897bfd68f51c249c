"""The page of a comparison: one HTML document that loads nothing."""

from functools import partial
from pathlib import Path

from skaug.card.page import render
from skaug.card.svg import as_svg

__all__ = ["page"]


def page(comparison):
    """Fill in the page of a :class:`~skaug.comparison.Comparison`."""
    try:
        figures = as_svg(list(_draws(comparison)), size=(7, 3.4), prefix="c")
    except ImportError:  # Without matplotlib there are no figures.
        figures = {}
    lines = list(comparison.lines())
    return render(
        "comparison.html.jinja",
        Path(__file__).parent,
        comparison=comparison,
        figures=figures,
        head=lines[0],
        lines=lines[1:],
        card=comparison.card,
    )


def _draws(comparison):
    """Captions of figures, with functions that draw them."""
    caption = (
        f"{comparison.metric}: difference to the twin, one standard error and 95 %"
    )
    yield caption, partial(_drawn, draw=comparison.plot)
    if comparison.has_curves:
        caption = f"{comparison.metric} by the number of training rows"
        yield caption, partial(_drawn, draw=comparison.learning_curves)


def _drawn(figure, draw):
    draw(figure.subplots())
