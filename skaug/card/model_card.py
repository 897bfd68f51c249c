"""Model card: what is known of a classifier, as numbers and as one page.

The page has its scores beside those of its plain twin with the error of the difference,
scores by class and by group, what was augmented, and figures.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from skaug.card.page import as_frame, figure_grid, page, paragraph, subheading, table
from skaug.card.sides import SCORES, reading

__all__ = ["ModelCard"]

# Longer tables are cut on the page.
MOST_LINES = 40
NOTHING = (
    "Nothing that is known here. What is within ensembles and wrappers, such as "
    "CalibratedClassifierCV, has no tables."
)


@dataclass(repr=False, eq=False)
class ModelCard:
    """What :func:`report` has found, as numbers and as a page.

    Attributes
    ----------
    title : str
        Title of the page.
    about : dict of str to str
        Rows, classes, groups, versions, and the date if one was given.
    scores : dict of str to Bunch
        By ``accuracy``, ``balanced_accuracy``, ``log_loss``, ``calibration_error`` and
        ``worst_group_accuracy``, those that there are: ``estimator``, ``twin``,
        ``difference``, its standard ``error`` and ``interval``, that of 95 %. Without a
        twin all but the first are NaN; of the worst group the errors are NaN, because
        it may be another one for each.
    class_scores : list of Bunch
        ``label``, ``rows``, ``precision``, ``recall``, ``f1``, ``twin_recall``,
        ``difference`` and ``error`` of the recall.
    group_scores : list of Bunch
        ``group``, ``rows``, ``accuracy``, ``twin`` and ``difference``; empty without
        groups.
    augmentation : list of Bunch
        ``title``, ``records`` and ``note`` of each table on what was augmented. All
        lists of records are ready for ``pandas.DataFrame``.
    parameters : list of Bunch
        ``part``, ``parameter`` and ``value`` where it is not the default.
    twin : estimator or None
        The fitted twin.
    verdict : str
        What the comparison says.
    notes : list of str
        What to keep in mind when reading it.
    figures : dict of str to str
        ``<svg>`` elements by caption.

    See Also
    --------
    report : Makes one.
    """

    title: str
    about: dict
    scores: dict
    class_scores: list
    group_scores: list
    augmentation: list
    parameters: list
    twin: object
    verdict: str
    notes: list
    figures: dict

    def __repr__(self):
        return f"ModelCard({self.title!r}: {self.verdict})"

    def _repr_html_(self):
        return as_frame(self.html)

    def save(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Where to, such as ``"card.html"``.
        """
        Path(path).write_text(self.html, encoding="utf-8")

    @cached_property
    def html(self):
        """The page: one document that loads nothing."""
        about = ", ".join(f"{name}: {text}" for name, text in self.about.items())
        sections = {
            "": [paragraph(about, "soft"), paragraph(self.verdict, "verdict")],
            "Scores": [self._scores(), *(paragraph(n, "soft") for n in self.notes)],
            "Figures": [figure_grid(self.figures)] if self.figures else [],
            "By class": self._lowest("recall", self.class_scores, CLASS_COLUMNS),
            "By group": self._lowest("accuracy", self.group_scores, GROUP_COLUMNS),
            "What was augmented": self._augmented(),
            "What it is": [
                table(self.parameters),
                paragraph(
                    "Parameters that are not listed have their defaults.", "soft"
                ),
            ],
        }
        return page(self.title, sections)

    def _scores(self):
        records = []
        for name, one in self.scores.items():
            label, _, percent = SCORES[name]
            record = {"score": label, "estimator": _number(one.estimator, percent)}
            if self.twin is not None:
                low, high = (_number(end, percent, sign=True) for end in one.interval)
                record |= {
                    "plain twin": _number(one.twin, percent),
                    "difference": _number(one.difference, percent, sign=True),
                    "error": _number(one.error, percent).removesuffix(" %"),
                    "95 % interval": f"{low} to {high}".replace("n/a to n/a", "n/a"),
                    "reading": reading(name, one),
                }
            records.append(record)
        return table(records, numbers=tuple(records[0])[1:6])

    def _lowest(self, by, records, columns):
        """A table in %, lowest first, without a twin's columns if there is none."""
        if not records:
            return []
        if self.twin is None:
            columns = {k: v for k, v in columns.items() if k not in OF_TWIN}
        records = sorted(records, key=lambda row: np.nan_to_num(row[by], nan=2.0))
        text = f"In %, lowest {by} first."
        if len(records) > MOST_LINES:
            text += f" {MOST_LINES} of {len(records)}."
        shares = dict.fromkeys(columns, lambda value: f"{100 * value:.1f}")
        shares |= {"rows": "{:,}".format, "difference": lambda v: f"{100 * v:+.1f}"}
        return [paragraph(text, "soft"), table(records[:MOST_LINES], columns, shares)]

    def _augmented(self):
        if not self.augmentation:
            return [paragraph(NOTHING)]
        elements = []
        for one in self.augmentation:
            shown, more = one.records[:MOST_LINES], len(one.records) - MOST_LINES
            elements.append(subheading(one.title))
            elements += [table(shown)] if shown else []
            elements += [paragraph(f"And {more} more.")] if more > 0 else []
            elements += [paragraph(one.note, "soft")] if one.note else []
        return elements


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


def _number(value, percent, sign=False):
    """Scores in percent, differences in points of it."""
    if np.isnan(value):
        return "n/a"
    value, decimals = (100 * value, 2) if percent else (value, 4)
    return f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}{' %' * percent}"
