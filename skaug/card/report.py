"""Making a model card: whether augmentation helps this classifier, and whom.

A fitted classifier is compared with its plain twin on rows that neither was trained
on. Where the answer is not there, for want of a twin, of groups or of a seed, the card
says so.
"""

import platform
from importlib import metadata

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _num_samples
from skorch import NeuralNet

from skaug._checks import check_groups
from skaug._random import everything_kept
from skaug.card.figures import card_figures
from skaug.card.model_card import ModelCard
from skaug.card.parts import (
    augmentation_tables,
    changed_parameters,
    fitted_parts,
    unseen_parts,
)
from skaug.card.sides import (
    SCORES,
    class_scores,
    compare_scores,
    group_scores,
    predictions,
    reading,
)
from skaug.card.twin import fit_with_groups, plain_twin_and_changes

__all__ = ["report"]

# What these find does not depend on their random_state, up to a tolerance.
SETTLED = (LogisticRegression, LinearSVC, SVC, PCA)
NO_FIGURES = "There are no figures, because matplotlib is not installed."
PACKAGES = ("skaug", "scikit-learn", "skorch", "torch", "numpy")


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
    NumPy's and torch's global random states, those of GPUs in use included.

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
        If rows, labels and groups do not belong together, groups cannot be sorted, or
        both a twin and training rows are given.

    See Also
    --------
    plain_twin : What is compared with.

    Notes
    -----
    A score's difference is over the same rows and its standard error that of paired
    rows, or groups, see ``skaug.scores``. It tells what other test rows would
    change. Training again with another seed changes the difference too, which one
    pair of trainings cannot tell.

    The calibration error is biased upwards with few rows, for both sides, and the
    interval of its difference is conservative: wider than 95 % needs.

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
    groups = check_groups(groups, len(y), "report")
    _check_training(twin, X_train, y_train)
    with everything_kept():
        changes = []
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
        tables = augmentation_tables(estimator)
        figures = _figures_if_possible(estimator, X, y, sides, groups)
    scores = compare_scores(y, sides, groups)
    unseen = " and ".join(unseen_parts(estimator))
    parameters = changed_parameters(estimator)
    if twin is None:
        verdict = _verdict_without_twin(X_train is not None, unseen)
    else:
        verdict = _verdict(scores) + _of_seeds(twin)
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
        verdict=verdict,
        notes=[
            *_notes_on_twin(sides, groups, changes, unseen),
            *_notes_on_rows(sides, groups, groups_train),
            *([NO_FIGURES] if figures is None else []),
        ],
        figures=figures or {},
    )


def _figures_if_possible(*arguments):
    """The figures, or None without matplotlib."""
    try:
        return card_figures(*arguments)
    except ImportError as error:
        if error.name is None or not error.name.startswith("matplotlib"):
            raise
        return None


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


def _verdict_without_twin(was_tried, unseen):
    if was_tried and unseen:
        return (
            f"There is no plain twin: what is within {unseen} is not looked into. Fit "
            "one by hand, and give it as twin."
        )
    if was_tried:
        return "Nothing was augmented that is known here, so that there is no twin."
    return (
        "There is no plain twin to compare with: whether augmentation helped, this "
        "card does not tell."
    )


def _verdict(scores):
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
    return f"Against its plain twin: {', '.join(phrases)}."


def _of_seeds(twin):
    """A warning if a part of the twin draws random numbers without a seed."""
    for part in fitted_parts(twin):
        name = _unseeded(part.object) if part.net is None else None
        if name is not None:
            return (
                f" But random_state is None in {name}, so the two trainings drew other "
                "random numbers, which may be all of it."
            )
    return ""


def _unseeded(estimator):
    """Name of what draws without a seed, itself or what it wraps; None if all have."""
    params = (
        estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    )
    if "random_state" in params or isinstance(estimator, NeuralNet):
        unseeded = params.get("random_state") is None
        draws = not isinstance(estimator, SETTLED)
        return type(estimator).__name__ if unseeded and draws else None
    inner = params.get("estimator")
    return _unseeded(inner) if hasattr(inner, "fit") else None


def _notes_on_twin(sides, groups, changes, unseen):
    """What to keep in mind when reading the differences."""
    if "twin" not in sides:
        return []
    notes = []
    if unseen:
        notes.append(
            f"What is within {unseen} was not looked into: if there is augmentation in "
            "it, a twin that was made here has it as well."
        )
    if changes:
        notes.append(
            f"The plain twin was trained on the same rows: {', '.join(changes)}. All "
            "else is as in the estimator, also what a search chose for it."
        )
    over = "test rows" if groups is None else f"{len(set(groups.tolist()))} groups"
    notes.append(
        "Differences are in points where scores are in %. Errors are standard "
        f"errors of paired differences over the {over}: they do not tell what "
        "training again with another seed would change."
    )
    if sides["estimator"].proba is not None:
        notes.append(
            "The calibration error is biased upwards with few rows, and the interval "
            "of its difference is conservative."
        )
    return notes


def _notes_on_rows(sides, groups, groups_train):
    """Which scores are missing, and what groups mean for the others."""
    notes = []
    if sides["estimator"].proba is None:
        notes.append("It has no predict_proba, hence no log-loss and no calibration.")
    if groups is None:
        return notes
    notes.append("Of the worst group no error is given: it may be another for each.")
    if groups_train is not None:
        shared = set(groups.tolist()) & set(np.asarray(groups_train).tolist())
        if shared:
            notes.append(
                f"{len(shared)} of the groups are among the training rows too, so the "
                "scores promise more than new groups would get."
            )
    return notes
