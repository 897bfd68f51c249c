"""The best method in its setting: made, fitted to all rows, and shown on a fold."""

from functools import partial

from sklearn.pipeline import Pipeline

from skaug.card.report import report
from skaug.card.twin import fit_with_groups
from skaug.comparison.cell import one_thread, setup_of
from skaug.comparison.setup import BEST, PLAIN, chosen_steps
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
    model = make(setup_of(whole, budgets))
    with chosen_steps():
        fit_with_groups(model, whole.train.X, whole.train.y, whole.train.groups)
    if whole.head is None:
        return model
    steps = whole.head.steps if isinstance(whole.head, Pipeline) else None
    return Pipeline([*(steps or [("columns", whole.head)]), ("classifier", model)])


def card_of(task, make_plain, make_best, best, budgets):
    """Make the model card of the best method on the first fold.

    Parameters
    ----------
    task : Folds
        The rows.
    make_plain, make_best : callable
        Of a Setup: the plain network, or None, and the best method. Both are fitted to
        the training rows of the fold, and shown on its test rows.
    best : str
        Name of the best method.
    budgets : Budgets
        Those of the search.

    Returns
    -------
    card : ModelCard
        Without a twin if the best method is plain training.
    """
    drawn = task.draw(0)
    setup, train, test = setup_of(drawn, budgets), drawn.train, drawn.test
    makers = [make_best, *([make_plain] if make_plain and best != BEST else [])]
    with one_thread(), chosen_steps():
        model, *twin = [
            fit_with_groups(make(setup), train.X, train.y, train.groups)
            for make in makers
        ]
        return report(
            model,
            test.X,
            test.y,
            test.groups,
            twin=twin[0] if twin else None,
            title=f"Model card: {best}",
        )
