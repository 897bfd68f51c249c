"""What the template of a card's page needs: numbers as text, and tables as cells.

The page is ``card.html.jinja``. It escapes every text; only figures are put in as they
are.
"""

import math
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sklearn.utils import Bunch

from skaug.card.sides import SCORES, reading

__all__ = ["cells", "page"]

# Longer tables are cut on the page.
MOST_LINES = 40
# Columns of names, which are no quantities even if they are numbers.
NAMES = ("class", "label", "group", "value")
CLASS_COLUMNS = {
    **{"label": "class", "rows": "rows", "precision": "precision", "recall": "recall"},
    **{"f1": "F1", "twin_recall": "twin's recall", "difference": "difference"},
    "error": "error",
}
GROUP_COLUMNS = {
    **{"group": "group", "rows": "rows", "accuracy": "accuracy"},
    **{"twin": "plain twin", "difference": "difference"},
}
OF_TWIN = ("twin", "twin_recall", "difference", "error")
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


def page(card):
    """The page of a model card: one HTML document that loads nothing.

    Parameters
    ----------
    card : ModelCard
        What the page shows.

    Returns
    -------
    html : str
        The document.
    """
    has_twin = card.twin is not None
    lowest = [
        _lowest("class", "recall", card.class_scores, CLASS_COLUMNS, has_twin),
        _lowest("group", "accuracy", card.group_scores, GROUP_COLUMNS, has_twin),
    ]
    scores = [_score_in_words(name, one, has_twin) for name, one in card.scores.items()]
    augmentation = [
        Bunch(
            title=one.title,
            cells=cells(one.records[:MOST_LINES]),
            more=len(one.records) - MOST_LINES,
            note=one.note,
        )
        for one in card.augmentation
    ]
    return TEMPLATES.get_template("card.html.jinja").render(
        card=card,
        scores=cells(scores, numbers=tuple(scores[0])[1:6]),
        lowest=[one for one in lowest if one is not None],
        augmentation=augmentation,
        parameters=cells(card.parameters),
    )


def cells(records, columns=None, formats=None, numbers=()):
    """Write the cells of a table.

    Parameters
    ----------
    records : list of dict
        Lines of the table, all with the same keys.
    columns : dict of str to str, default=None
        Headings of the keys to show, in order; by default all keys, as they are.
    formats : dict of str to callable, default=None
        How the numbers of a column are written.
    numbers : sequence of str, default=()
        Columns of text that are to be aligned as numbers are.

    Returns
    -------
    lines : list of list of (str, str)
        Text and kind of each cell, the headings first; empty without records. The kind
        is "number" in columns of numbers, "better" or "worse" for these words in the
        column "reading", and "" elsewhere.
    """
    if not records:
        return []
    if columns is None:
        columns = {name: name.replace("_", " ") for name in records[0]}
    formats = (formats or {}) | dict.fromkeys(NAMES, str)
    kinds = {
        name: "number"
        if name in numbers
        or (name not in NAMES and all(isinstance(row[name], Real) for row in records))
        else ""
        for name in columns
    }
    lines = [[(heading, kinds[name]) for name, heading in columns.items()]]
    for row in records:
        texts = {name: _text(row[name], formats.get(name)) for name in columns}
        lines.append(
            [
                (text, kinds[name] or _stands_out(name, text))
                for name, text in texts.items()
            ]
        )
    return lines


def _stands_out(column, text):
    return text if column == "reading" and text in ("better", "worse") else ""


def _text(value, written=None):
    if isinstance(value, bool) and written is None:
        return "yes" if value else "no"
    if isinstance(value, Real) and math.isnan(value):
        return "n/a"
    if written is not None:
        return written(value)
    if not isinstance(value, Real):
        return str(value)
    return f"{value:,}" if isinstance(value, Integral) else f"{value:.4g}"


def _score_in_words(name, score, has_twin):
    """A score as a line of the first table."""
    label, _, percent = SCORES[name]
    record = {"score": label, "estimator": _number(score.estimator, percent)}
    if has_twin:
        low, high = (_number(end, percent, sign=True) for end in score.interval)
        record |= {
            "plain twin": _number(score.twin, percent),
            "difference": _number(score.difference, percent, sign=True),
            "error": _number(score.error, percent).removesuffix(" %"),
            "95 % interval": f"{low} to {high}".replace("n/a to n/a", "n/a"),
            "reading": reading(name, score),
        }
    return record


def _number(value, percent, sign=False):
    """A score in percent, or a difference in points of it."""
    if np.isnan(value):
        return "n/a"
    value, decimals = (100 * value, 2) if percent else (value, 4)
    return f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}{' %' * percent}"


def _lowest(what, by, records, columns, has_twin):
    """A table in %, lowest first, without the twin's columns if there is no twin."""
    if not records:
        return None
    if not has_twin:
        columns = {k: v for k, v in columns.items() if k not in OF_TWIN}
    records = sorted(records, key=lambda row: np.nan_to_num(row[by], nan=2.0))
    text = f"In %, lowest {by} first."
    if len(records) > MOST_LINES:
        text += f" {MOST_LINES} of {len(records)}."
    formats = dict.fromkeys(columns, lambda value: f"{100 * value:.1f}")
    formats |= {"rows": "{:,}".format, "difference": lambda v: f"{100 * v:+.1f}"}
    lines = cells(records[:MOST_LINES], columns, formats)
    return Bunch(heading=f"By {what}", text=text, cells=lines)
