"""The best method in its setting: made, fitted to all rows, and shown."""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skaug.card.figures import part_figures
from skaug.card.parts import augmentation_tables, changed_parameters
from skaug.card.report import report
from skaug.comparison.cell import fitted, one_thread, setup_of
from skaug.comparison.data import dense, some
from skaug.comparison.setup import BEST, PLAIN, comparing
from skaug.comparison.verdict import setting_of

__all__ = ["card_of", "maker", "refitted"]


def maker(arm, cells, methods, budgets):
    """What makes an arm in its setting for all rows, or None without its cells.

    Parameters
    ----------
    arm : str
        Name of the arm.
    cells : list of dict
        Of all methods and folds.
    methods : dict
        Method by name.
    budgets : Budgets
        What the cells chose from.

    Returns
    -------
    make : callable or None
        Of a Setup: the estimator, not fitted.
    """
    if arm == BEST and not any(cell["method"] == PLAIN for cell in cells):
        return None
    setting = setting_of(arm, cells, methods, budgets)
    return partial(_made, method=methods.get(arm), setting=setting)


def _made(setup, method, setting):
    """Make a method, or the plain network, in a setting."""
    place = {key: setting[key] for key in ("steps", "decay", "below")}
    setup = setup._replace(**place)
    return setup.net() if method is None else method.make(setup, setting["value"])


def refitted(task, make, budgets):
    """Fit what is made to all rows, behind the head.

    Parameters
    ----------
    task : Folds
        The rows.
    make : callable
        Of a Setup: the estimator.
    budgets : Budgets
        Those of the search.

    Returns
    -------
    model : estimator
        A Pipeline if the rows have a head.
    """
    whole = task.whole()
    with comparing():
        model = fitted(make(setup_of(whole, budgets)), whole.train)
    if whole.head is None:
        return model
    if not isinstance(whole.head, Pipeline):
        return Pipeline([("columns", whole.head), ("classifier", model)])
    # The network takes arrays; a step of the user's may give sparse rows.
    as_array = ("dense", FunctionTransformer(dense, accept_sparse=True))
    return Pipeline([*whole.head.steps, as_array, ("classifier", model)])


class Predicted(ClassifierMixin, BaseEstimator):
    """Predictions that are known, as those of a fitted classifier.

    Parameters
    ----------
    log_p : ndarray of shape (n, n_classes)
        Logarithms of probabilities of the rows.
    classes : ndarray of shape (n_classes,)
        Labels in the order of the columns.
    """

    def __init__(self, log_p, classes):
        self.log_p = log_p
        self.classes = classes

    @property
    def classes_(self):
        """Labels in the order of the columns."""
        return self.classes

    def predict(self, X):
        """Give the most probable labels (n,)."""
        return self.classes[self.log_p.argmax(axis=1)]

    def predict_proba(self, X):
        """Give the probabilities (n, n_classes)."""
        return softmax(self.log_p, axis=1)


def card_of(task, make, best, found, budgets):
    """Make the model card of the best method.

    Scores are those of all folds: each row is predicted by the model that was not
    trained on it. What was augmented, and how the training went, is told of a model
    that is fitted to the training rows of the first fold.

    Parameters
    ----------
    task : Folds
        The rows.
    make : callable
        Of a Setup: the best method.
    best : str
        Name of the best method.
    found : Differences
        Of the cells.
    budgets : Budgets
        Those of the search.

    Returns
    -------
    card : ModelCard
        Beside the twin of the method, if it has one.
    """
    title, classes = f"Model card: {best}", np.unique(task.y)
    # A row that several folds test is taken from the first of them.
    rows = np.concatenate([test for _, test in task.parts])
    rows, first = np.unique(rows, return_index=True)
    sides = [
        Predicted(
            np.concatenate(
                [found.figures[task.name, arm, fold]["log_p"] for fold in found.seeds]
            )[first],
            classes,
        )
        for arm in (best, found.first_twin_of(best))
        if arm is not None
    ]
    tested = some(task, rows)
    twin = sides[1] if len(sides) > 1 else None
    card = report(sides[0], rows, tested.y, tested.groups, twin=twin, title=title)
    drawn = task.draw(0)
    train, test = drawn.train, drawn.test
    with one_thread(), comparing():
        model = fitted(make(setup_of(drawn, budgets)), train)
    return replace(
        card,
        augmentation=augmentation_tables(model),
        parameters=changed_parameters(model),
        # Without matplotlib there are no figures.
        figures=card.figures and card.figures | part_figures(model, test.X, test.y),
    )
