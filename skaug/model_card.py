"""Model card: what a classifier is, whether augmentation helped, and for whom.

One page on a fitted classifier and rows that it was not trained on: its scores beside
those of its plain twin with the error of the difference, scores by class and by group,
what was augmented, and figures of it.
"""

import platform
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _num_samples
from skorch import NeuralNet

from skaug.card_display import card_figures
from skaug.card_page import as_frame, figure_grid, page, paragraph, subheading, table
from skaug.comparison import (
    SCORES,
    class_scores,
    compare_scores,
    group_scores,
    predictions,
    reading,
)
from skaug.ihda import IHDAFinetuner
from skaug.records import augmentation_tables, changed_parameters, fitted_parts
from skaug.twin import fit_with_groups, plain_twin_and_changes

__all__ = ["ModelCard", "report"]

PACKAGES = ("skaug", "scikit-learn", "skorch", "torch", "numpy")
# Longer tables are cut on the page.
MOST_LINES = 40


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
            return [paragraph("Nothing that is known here.")]
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


def report(
    estimator,
    X,
    y,
    groups=None,
    *,
    twin=None,
    X_train=None,
    y_train=None,
    groups_train=None,
    title=None,
    date=None,
):
    """Write the model card of a fitted classifier.

    Predictions are made on the rows as they are. The classifier is not changed, nor are
    NumPy's and torch's global random states.

    Parameters
    ----------
    estimator : classifier
        Fitted: a :class:`NetClassifier`, :class:`ISDAClassifier`,
        :class:`IHDAFinetuner` or :class:`ResampledClassifier`, a Pipeline or a search
        that ends in one, or any classifier of scikit-learn.
    X : array-like of shape (n, ...)
        Rows that it was not trained on, and that chose nothing.
    y : array-like of shape (n,)
        Their labels.
    groups : array-like of shape (n,), default=None
        Subject, segment or the like of each row, for scores by group. Errors are then
        over groups: rows of one group count together.
    twin : classifier, default=None
        What to compare with, fitted; such as ``plain_twin(estimator)``, fitted on the
        same training rows.
    X_train, y_train : array-like, default=None
        Training rows and labels. If they are given the plain twin is made and trained
        on them, which takes as long as the estimator took.
    groups_train : array-like, default=None
        Their groups, for a twin that holds out data by itself.
    title : str, default=None
        Title of the page; by default the names of the estimator's parts.
    date : object, default=None
        A date to put on the card. Without one the same models and rows give the same
        page.

    Returns
    -------
    card : ModelCard
        Numbers in its attributes, ``card.save("card.html")`` for the page. In a
        notebook it shows itself.

    Raises
    ------
    TypeError
        If the estimator or the twin is no fitted classifier.
    ValueError
        If rows, labels and groups do not belong together, or both a twin and training
        rows are given.

    See Also
    --------
    plain_twin : What is compared with.

    Notes
    -----
    A score's difference is over the same rows and its standard error that of paired
    rows, or groups, see :mod:`skaug.scores`. It tells what other test rows would
    change. Training again with another seed changes the difference too, which one
    pair of trainings cannot tell.

    Figures need matplotlib; without it the card has none and says so.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier, report
    >>> X, y = load_iris(return_X_y=True)
    >>> train, test = slice(0, None, 2), slice(1, None, 2)
    >>> net = ISDAClassifier(max_epochs=10, random_state=0).fit(X[train], y[train])
    >>> card = report(net, X[test], y[test], X_train=X[train], y_train=y[train])
    >>> sorted(card.scores)
    ['accuracy', 'balanced_accuracy', 'calibration_error', 'log_loss']
    >>> print(card.verdict)
    Against its plain twin: ...
    """
    y = _checked(estimator, X, y, groups, "estimator")
    groups = None if groups is None else column_or_1d(groups)
    _check_training(twin, X_train, y_train)
    with _global_generators_kept():
        made, changes = None, []
        if X_train is not None:
            made, changes = plain_twin_and_changes(estimator)
            if changes:
                twin = fit_with_groups(made, X_train, y_train, groups_train)
        elif twin is not None:
            _checked(twin, X, y, groups, "twin")
        models = {"estimator": estimator} | ({} if twin is None else {"twin": twin})
        sides = {name: predictions(model, X) for name, model in models.items()}
        if twin is not None:
            _check_classes(sides)
        tables, notes = augmentation_tables(estimator), []
        try:
            figures = card_figures(estimator, X, y, sides, groups)
        except ImportError as error:
            if error.name is None or not error.name.startswith("matplotlib"):
                raise
            figures = {}
            notes.append("There are no figures, because matplotlib is not installed.")
    scores = compare_scores(y, sides, groups)
    parameters = changed_parameters(estimator)
    names = list(dict.fromkeys(row.part for row in parameters))
    return ModelCard(
        title=" · ".join(names) if title is None else str(title),
        about=_about(y, sides["estimator"].classes, groups, date),
        scores=scores,
        class_scores=class_scores(y, sides, groups),
        group_scores=[] if groups is None else group_scores(y, sides, groups),
        augmentation=tables,
        parameters=parameters,
        twin=twin,
        verdict=_verdict(scores, twin, made),
        notes=_notes(sides, groups, groups_train, changes) + notes,
        figures=figures,
    )


def _checked(model, X, y, groups, what):
    name = type(model).__name__
    if not hasattr(model, "predict") or not hasattr(model, "classes_"):
        raise TypeError(
            f"report needs a fitted classifier as {what}; got {name} without predict "
            "or classes_. Fit it, or give the classifier that it belongs to."
        )
    y = column_or_1d(y)
    if not len(y) or _num_samples(X) != len(y):
        raise ValueError(
            f"report needs one label for each row; got {len(y)} for {_num_samples(X)} "
            "rows. Give rows that the estimator was not trained on, and their labels."
        )
    if groups is not None and len(groups) != len(y):
        raise ValueError(
            f"report needs one group for each row; got {len(groups)} for {len(y)} "
            "rows. Give as many groups as rows."
        )
    unknown = sorted(set(y.tolist()) - set(model.classes_.tolist()), key=str)
    if unknown:
        raise ValueError(
            f"report needs labels that the {what} knows, {model.classes_.tolist()}; "
            f"got {unknown}. Leave these rows out, or train with them."
        )
    return y


def _check_training(twin, X_train, y_train):
    if (X_train is None) != (y_train is None):
        raise ValueError(
            "report needs X_train and y_train together; got one of them. Give both to "
            "have the plain twin trained, or none."
        )
    if twin is not None and X_train is not None:
        raise ValueError(
            "report needs a twin, or training rows to make it from; got both. Leave "
            "one of them out."
        )


def _check_classes(sides):
    ours, theirs = (set(sides[name].classes.tolist()) for name in ("estimator", "twin"))
    if ours != theirs:
        raise ValueError(
            f"report needs a twin with the estimator's classes {sorted(ours, key=str)};"
            f" got {sorted(theirs, key=str)}. Train it on the same rows."
        )


@contextmanager
def _global_generators_kept():
    numpy_state = check_random_state(None).get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        check_random_state(None).set_state(numpy_state)


def _about(y, classes, groups, date):
    about = {"test rows": f"{len(y):,}", "classes": str(len(classes))}
    if groups is not None:
        about["groups"] = str(len(np.unique(groups)))
    if date is not None:
        about["date"] = str(date)
    about["Python"] = platform.python_version()
    for package in PACKAGES:
        try:
            about[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # used from its folder
            continue
    return about


def _verdict(scores, twin, made):
    if twin is None and made is not None:
        return "Nothing was augmented that is known here, so that there is no twin."
    if twin is None:
        return (
            "There is no plain twin to compare with: whether augmentation helped, this "
            "card does not tell."
        )
    by_reading = {}
    for name in ("accuracy", "log_loss"):
        if name in scores:
            words = reading(name, scores[name])
            by_reading.setdefault(words, []).append(SCORES[name][0])
    phrases = [
        f"{' and '.join(names)} {words}"
        if words in ("better", "worse")
        else f"{words} in {' and '.join(names)}"
        for words, names in by_reading.items()
    ]
    return f"Against its plain twin: {', '.join(phrases)}.{_of_seeds(twin)}"


def _of_seeds(twin):
    """What is to be said where the twin began at another place."""
    for part in fitted_parts(twin):
        of_nets = isinstance(part.object, (NeuralNet, IHDAFinetuner))
        if of_nets and getattr(part.object, "random_state", None) is None:
            return (
                " But random_state is None, so the two trainings began with different "
                "weights, which may be all of it."
            )
    return ""


def _notes(sides, groups, groups_train, changes):
    notes = []
    if changes:
        notes.append(
            f"The plain twin was trained on the same rows: {', '.join(changes)}. All "
            "else is as in the estimator, also what a search chose for it."
        )
    if "twin" in sides:
        n = "rows" if groups is None else "groups"
        notes.append(
            f"Differences are in points where scores are in %. Errors are standard "
            f"errors of paired differences over the test {n}: they do not tell what "
            "training again with another seed would change."
        )
    if sides["estimator"].proba is None:
        notes.append("It has no predict_proba, hence no log-loss and no calibration.")
    if groups is not None:
        notes.append(
            "Of the worst group no error is given: it may be another for each."
        )
    if groups is not None and groups_train is not None:
        shared = set(np.asarray(groups).tolist()) & set(
            np.asarray(groups_train).tolist()
        )
        if shared:
            notes.append(
                f"{len(shared)} of the groups are among the training rows too, so the "
                "scores promise more than new groups would get."
            )
    return notes


def _number(value, percent, sign=False):
    """Scores in percent, differences in points of it."""
    if np.isnan(value):
        return "n/a"
    value, decimals = (100 * value, 2) if percent else (value, 4)
    return f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}{' %' * percent}"
