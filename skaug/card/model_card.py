"""ModelCard: what is known of a classifier, as numbers and as one page."""

from dataclasses import dataclass
from functools import cached_property
from html import escape

from skaug._files import atomic_writing
from skaug.card.page import page

__all__ = ["ModelCard"]


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
        By ``accuracy``, ``balanced_accuracy``, ``worst_group_accuracy``, ``log_loss``,
        ``log_loss_at_temperature`` and ``calibration_error``, those that there are:
        ``estimator``, ``twin``, ``difference``, its standard ``error`` and
        ``interval``, that of 95 %. Without a twin all but the first are NaN; of the
        worst group the errors are NaN, because it may be another one for each.
    class_scores : list of Bunch
        ``label``, ``rows``, ``precision``, ``recall``, ``f1``, ``twin_recall``,
        ``difference`` and ``error`` of the recall.
    group_scores : list of Bunch
        ``group``, ``rows``, ``accuracy``, ``twin`` and ``difference``; empty without
        groups.
    doubts : list of Bunch
        How well wrong test rows are told from right ones, of each side that has both:
        ``side``, ``rows``, ``training_rows``, ``wrong``, the number of wrong rows, and
        AUROCs from 0 to 1 of 1 - the highest probability, ``by_probability``, of the
        hardness under the class that is predicted, ``by_hardness``, and of
        :func:`error_doubts`, ``by_both``. Empty without training rows, and if rows are
        no table of numbers.
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
    doubts: list
    augmentation: list
    parameters: list
    twin: object
    verdict: str
    notes: list
    figures: dict

    def __repr__(self):
        return f"ModelCard({self.title!r}: {self.verdict})"

    def _repr_html_(self):
        # A frame keeps the styles of the page and of a notebook apart.
        return (
            '<iframe sandbox title="model card" style="width: 100%; height: 42rem; '
            'border: 1px solid #8886; border-radius: 6px" '
            f'srcdoc="{escape(self.html)}"></iframe>'
        )

    def save(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Where to, such as ``"card.html"``.
        """
        html = self.html.encode()
        with atomic_writing(path) as file:
            file.write(html)

    @cached_property
    def html(self):
        """The page: one document that loads nothing."""
        return page(self)
