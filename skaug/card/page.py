"""What templates of pages need: numbers as text, tables as cells."""

import math
from numbers import Integral, Real
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from skaug.card.doubts import NEAREST
from skaug.card.sides import SCORES, reading

__all__ = ["cells", "page", "render", "shown"]

HERE = Path(__file__).parent

# Longer tables are cut.
MOST_LINES = 40
# Columns of names, which are no quantities even if they are numbers.
NAMES = ("class", "value")


def page(card):
    """The page of a model card: one HTML document that loads nothing."""
    return render("card.html.jinja", card=card)


def render(name, folder=HERE, **values):
    """Fill in a template of a folder, which can include those of the model card."""
    templates = Environment(
        loader=FileSystemLoader([folder, HERE]),
        autoescape=True,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {"cells": cells, "lowest": _lowest, "shown": shown}
    templates.globals |= {"SCORES": SCORES, "reading": reading, "most": MOST_LINES}
    templates.globals |= {"nearest": NEAREST}
    return templates.get_template(name).render(**values)


def shown(value, form, times=1, unit=""):
    """A number as text by a format such as ".2f"; of what is not known, "n/a"."""
    return "n/a" if math.isnan(value) else f"{times * value:{form}}{unit}"


def cells(records):
    """Lines of a table, the headings first: (text, in a column of numbers?) by cell."""
    numeric = {
        name: name not in NAMES and all(isinstance(row[name], Real) for row in records)
        for name in records[0]
    }
    lines = [{name: name.replace("_", " ") for name in numeric}]
    lines += [
        {k: str(v) if k in NAMES else _text(v) for k, v in row.items()}
        for row in records
    ]
    return [[(line[name], right) for name, right in numeric.items()] for line in lines]


def _text(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, Real):
        return str(value)
    return shown(value, "," if isinstance(value, Integral) else ".4g")


def _lowest(records, by):
    """Records sorted by a value; those whose value is not known come last."""
    return sorted(records, key=lambda row: (math.isnan(row[by]), row[by]))
