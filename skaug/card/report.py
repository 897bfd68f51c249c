"""Make a model card, which tells whether augmentation helped, and for which rows."""

import platform

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.validation import _num_samples
from skorch import NeuralNet

from skaug._labels import check_groups, check_labels
from skaug._random import everything_kept
from skaug._versions import installed
from skaug.card.doubts import doubt_scores
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

# Up to a tolerance, the result of these does not depend on their random_state.
SETTLED = (LogisticRegression, LinearSVC, SVC, PCA)
NO_FIGURES = "The card has no figures, because matplotlib is not installed."
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
) -> ModelCard:
    """Write the model card of a fitted classifier.

    The classifier predicts the rows as they are. Neither the classifier is changed nor
    the global random states of NumPy and torch, on all devices in use.

    Parameters
    ----------
    estimator : classifier
        Fitted: a :class:`NetClassifier`, :class:`ISDAClassifier`,
        :class:`IHDAFinetuner` or :class:`ResampledClassifier`, a Pipeline or a search
        that ends in one, or any classifier of scikit-learn.
    X : array-like of shape (n, ...)
        Rows that were used neither for training nor to choose a parameter.
    y : array-like of shape (n,)
        Their labels.
    groups : array-like of shape (n,), default=None
        Subject, segment or the like of each row, for scores by group. Rows of a group
        then count together in the errors.
    twin : classifier, default=None
        What to compare with, fitted; such as ``plain_twin(estimator)``, fitted on the
        same training rows.
    X_train, y_train : array-like, default=None
        Training rows and labels. If they are given, the plain twin is made and trained
        on them, which takes as long as the training of the estimator. If the rows are
        a table of numbers, the card also tells how well their neighbours in training
        find the wrong test rows.
    groups_train : array-like, default=None
        Groups of the training rows, for a twin that holds out rows by itself. With
        `groups`, rows of one group are no neighbours.
    title : str, default=None
        Title of the page; by default the names of the estimator's parts.
    date : object, default=None
        A date to put on the card. Without a date, the same models and rows give the
        same page.

    Returns
    -------
    card : ModelCard
        The numbers are attributes, ``card.save("card.html")`` writes the page, and a
        notebook shows it.

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
    The two classifiers predict the same rows. The standard error of a difference is
    that of paired rows, or of paired groups, see ``skaug.card.scores``. It tells what
    other test rows would change. Training again with another seed would change the
    difference too; one pair of trainings cannot tell by how much.

    Much of what augmentation does to log-loss is done by a temperature as well, a
    number by which the logits are divided. The card has the log-loss at a temperature,
    on both sides, too: see ``skaug.card.scores.losses_at_temperature``.

    With few rows, the calibration error of both sides is biased upwards, and the
    interval of its difference is wider than 95 % would need.

    Without matplotlib, the card has no figures and says so.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier, report
    >>> X, y = load_iris(return_X_y=True)
    >>> train, test = slice(0, None, 2), slice(1, None, 2)
    >>> net = ISDAClassifier(max_epochs=10, random_state=0).fit(X[train], y[train])
    >>> card = report(net, X[test], y[test], X_train=X[train], y_train=y[train])
    >>> sorted(card.scores)
    ['accuracy', ..., 'log_loss', 'log_loss_at_temperature']
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
        doubts = []
        if X_train is not None:
            doubts = doubt_scores(X, y, sides, X_train, y_train, groups, groups_train)
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
        doubts=doubts,
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
    if not _num_samples(X):
        raise ValueError(
            "report needs rows to report on; got none. Give rows that the estimator "
            "was not trained on, and their labels."
        )
    y = check_labels(y, _num_samples(X), "report")
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
    versions = {package: installed(package) for package in PACKAGES}
    return about | {name: found for name, found in versions.items() if found}


def _verdict_without_twin(was_tried, unseen):
    if was_tried and unseen:
        return (
            f"There is no plain twin: the card does not look inside {unseen}. Fit a "
            "twin by hand, and give it as twin."
        )
    if was_tried:
        return "There is no plain twin: the card knows no augmentation here."
    return (
        "There is no plain twin to compare with, so this card cannot tell whether "
        "augmentation helped."
    )


def _verdict(scores):
    by_reading = {}
    for name in ("accuracy", "log_loss", "log_loss_at_temperature"):
        if name in scores:
            words = reading(name, scores[name])
            by_reading.setdefault(words, []).append(SCORES[name][0])
    phrases = []
    for words, names in by_reading.items():
        listed = " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])
        is_order = words in ("better", "worse")
        phrases.append(f"{listed} {words}" if is_order else f"{words} in {listed}")
    return f"Against its plain twin: {'; '.join(phrases)}."


def _of_seeds(twin):
    """A warning if a part of the twin draws random numbers without a seed."""
    for part in fitted_parts(twin):
        name = _unseeded(part.object) if part.net is None else None
        if name is not None:
            return (
                f" But random_state is None in {name}, so the two trainings drew "
                "different random numbers, which may explain the whole difference."
            )
    return ""


def _unseeded(estimator):
    """Name of the estimator, or of the one inside, that has no seed; else None."""
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
            f"The card did not look inside {unseen}: if there is augmentation, a twin "
            "that the card made has it as well."
        )
    if changes:
        notes.append(
            "The plain twin was trained on the same rows, with these changes: "
            f"{', '.join(changes)}. All else is as in the estimator, including what a "
            "search chose."
        )
    over = "test rows" if groups is None else f"{len(set(groups.tolist()))} groups"
    notes.append(
        "Where scores are in %, differences are in points. Errors are standard errors "
        f"of paired differences over the {over}. They do not tell what training again "
        "with another seed would change."
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
        notes.append(
            "The estimator has no predict_proba, so the card has neither log-loss nor "
            "calibration error."
        )
    else:
        half = "test rows" if groups is None else "groups"
        notes.append(
            f"Log-loss at temperature: half of the {half} choose the number that the "
            "logits of the other half are divided by, and the other way round. "
            "A difference that is gone there was one of confidence."
        )
    if groups is None:
        return notes
    notes.append(
        "The worst group's accuracy has no error, because the worst group of the twin "
        "may be another one."
    )
    if groups_train is not None:
        shared = set(groups.tolist()) & set(np.asarray(groups_train).tolist())
        if shared:
            notes.append(
                f"{len(shared)} of the groups are among the training rows too, so the "
                "scores are too good for new groups."
            )
    return notes
