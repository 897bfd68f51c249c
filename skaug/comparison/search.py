"""A search over methods: which augmentation helps on these rows, and a fitted model."""

import warnings
from functools import partial
from numbers import Integral
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skaug._axes import channels_first
from skaug._checks import (
    BOOL,
    CHANNELS_LAST,
    Instance,
    OneOf,
    Rule,
    check_parameters,
    check_two_classes,
    is_function,
    is_whole,
)
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels
from skaug.card.twin import plain_twin_and_changes
from skaug.comparison.comparison import Comparison
from skaug.comparison.data import checked_frame, columns_as_numbers, folds_that_fit
from skaug.comparison.differences import Differences
from skaug.comparison.digests import installed
from skaug.comparison.exchange import learning_curves
from skaug.comparison.folds import Folds
from skaug.comparison.methods import METHODS, Method, methods_for
from skaug.comparison.setup import BEST, PLAIN, Budgets
from skaug.comparison.study import run_study
from skaug.comparison.verdict import best_method, network_to_show, records
from skaug.comparison.winner import card_of, maker, refitted
from skaug.net.classifier import NetClassifier

__all__ = ["AugmentationSearchCV"]

FEWEST = 4  # rows or groups
NAME = "rows"  # what cells call the rows of a search
METRIC_OF = {
    "neg_log_loss": "log-loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
}
BUDGETS = {
    "quick": Budgets(
        plain=(100, 300), augmented=(300,), decays=(0.01, 0.1), refused=100
    ),
    "normal": Budgets(),
    "thorough": Budgets(plain=(100, 200, 600, 1200), augmented=(300, 600, 1200)),
}
METHODS_OF = {
    "quick": ["ISDA", "heuristics", "heuristics + ISDA 1", "refined heuristics"],
    "normal": [name for name, one in METHODS.items() if one.is_network],
}  # and all that can be imported by the thorough one


def _are_methods(value):
    return isinstance(value, (list, tuple)) and all(
        isinstance(one, (str, Method)) for one in value
    )


class AugmentationSearchCV(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Compare methods of augmentation with plain training, and fit the best.

    Every method is fitted in the same folds as its plain twin, which trains without
    augmentation. Settings are chosen inside each fold, for plain networks too: their
    gradient steps and their weight decay. The plain network is the answer unless a
    method is better by more than one standard error of the paired differences.

    Parameters
    ----------
    estimator : NetClassifier or Pipeline, default=None
        The network, or a Pipeline that ends in one; the other steps are fitted inside
        each fold. The search sets `max_epochs`, the weight decay and `random_state`.
        ``None`` is the default network. If X is a frame and there are no other steps,
        columns are turned into numbers: medians are imputed, and texts are coded
        one-hot.
    methods : "auto" or list of str or Method, default="auto"
        What is compared: names of ``skaug.comparison.METHODS``, and methods of your
        own. "auto" takes those of the `budget` that suit the rows.
    cv : int, splitter or iterable, default=5
        Folds, as in scikit-learn. A number of folds keeps groups together if `fit` is
        given groups, and is lowered if a class has fewer rows or groups.
    scoring : str or callable, default="neg_log_loss"
        What methods and settings are judged by, as in scikit-learn.
    budget : {"quick", "normal", "thorough"} or Budgets, default="normal"
        Gradient steps and weight decays to choose from. "quick" compares four methods,
        trained for 300 steps. "normal" compares all networks, with 300 and 600 steps
        and four weight decays, as the study of five sets did. "thorough" has up to 1200
        steps, and classical classifiers and their over-samplers as well.
    rule : {"one_standard_error", "best"}, default="one_standard_error"
        Which method is the best one. "one_standard_error" demands that it be better
        than the plain network, and than its twin if that is another one, by more than
        the standard error. "best" takes the best mean score, whatever its error.
    refit : bool, default=True
        Whether the best method is fitted to all rows.
    channels_last : bool, default=None
        Where the channels of signals and images are, see :class:`NetClassifier`; what
        `estimator` says, if it is a network. `best_estimator_` takes rows with channels
        on the second axis.
    n_jobs : int, default=None
        Cells of a method and a fold at a time, as in joblib.
    cache : path, default=None
        Folder where each cell is kept as it ends. If `fit` is broken off, it goes on
        from there, provided that `random_state` is an int.
    random_state : int, RandomState instance or None, default=None
        Decides about folds, inner splits and networks.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts cells of a method and a fold,
        and 2 prints lines instead, one for each cell. Both begin with the time that is
        expected.

    Attributes
    ----------
    results_ : list of dict
        One record for each method and fold, ready for ``pandas.DataFrame``: score,
        difference to the twin, setting, metrics, seconds.
    best_method_ : str
        Name of the best method; "best plain" if none is better.
    best_setting_ : dict
        Its ``steps``, ``decay``, ``value``, and ``below``, the value of the method that
        it is put on top of: those with the lowest mean loss over all inner splits.
    best_estimator_ : estimator
        The best method, fitted to all rows; there is none if `refit` is False.
    plain_estimator_ : estimator
        The plain network in its best setting, fitted to all rows: the twin to show
        beside the best method in a :func:`~skaug.report`. None if no network was
        compared.
    comparison_ : Comparison
        What was found, as a sentence, a table, a picture and a page.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of the columns of ``predict_proba``.
    scorer_ : callable
        Of `scoring`.
    n_features_in_, feature_names_in_ : int, ndarray
        Number and names of the columns seen in fit.

    Raises
    ------
    ValueError
        If a parameter or the rows cannot be used; says what to do.
    OSError
        If `cache` cannot be written, such as on a full disk. Its cells stay.

    Warns
    -----
    UserWarning
        If a method failed in some fold; it is then left out.

    Notes
    -----
    Folds share training rows, so that their scores are not independent. Standard errors
    are widened for that [1]_.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine
       Learning 52, 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import AugmentationSearchCV
    >>> from skaug.comparison import Budgets
    >>> X, y = load_iris(return_X_y=True)
    >>> few = Budgets(plain=(20,), augmented=(40,), decays=(0.01,), refused=20)
    >>> search = AugmentationSearchCV(
    ...     methods=["ISDA"], cv=3, budget=few, random_state=0
    ... )
    >>> search.fit(X, y).predict(X[:1])
    array([0])
    >>> len(search.results_)  # the plain network and ISDA in each fold
    6
    """

    _rules = {
        "cv": Rule(
            lambda cv: not isinstance(cv, Integral) or cv > 1,  # True is 1
            "2 folds or more, or a splitter",
        ),
        "methods": OneOf("auto") | Rule(_are_methods, "a list of names or methods"),
        "budget": OneOf(*BUDGETS) | Instance(Budgets, "a Budgets object"),
        "rule": OneOf("one_standard_error", "best"),
        "scoring": Rule(
            lambda scoring: isinstance(scoring, str) or is_function(scoring),
            "the name of a scorer, or a function",
        ),
        "refit": BOOL,
        "channels_last": CHANNELS_LAST,
        "cache": OneOf(None) | Instance((str, PathLike), "the path of a folder"),
    }

    def __init__(
        self,
        estimator=None,
        methods="auto",
        *,
        cv=5,
        scoring="neg_log_loss",
        budget="normal",
        rule="one_standard_error",
        refit=True,
        channels_last=None,
        n_jobs=None,
        cache=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.methods = methods
        self.cv = cv
        self.scoring = scoring
        self.budget = budget
        self.rule = rule
        self.refit = refit
        self.channels_last = channels_last
        self.n_jobs = n_jobs
        self.cache = cache
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, groups=None):
        """Compare the methods, and fit the best one to all rows.

        Parameters
        ----------
        X : array-like of shape (n, ...) or frame
            A table, signals or images; with a Pipeline, what its first step takes.
        y : array-like of shape (n,)
            Labels.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each row. No group is on both sides of a
            fold or of an inner split.

        Returns
        -------
        self : AugmentationSearchCV
            The fitted search.
        """
        check_parameters(self, self._rules)
        base, head = _network_and_head(self.estimator, X)
        if base is not None:
            check_parameters(base, base._rules)
        given = self.channels_last
        if given is None:
            given = getattr(base, "channels_last", None)
        X, y, groups = self._checked(X, y, groups, head, given)
        if base is not None:
            # Without a head, rows have channels first now.
            last = False if head is None else given
            base = clone(base).set_params(channels_last=last)
        self.scorer_ = check_scoring(base or NetClassifier(), self.scoring)
        task = self._folds(X, y, groups, base, head)
        methods, budgets = self._what_is_compared(task.kind)
        cells = self._cells(task, methods, budgets)
        metric = METRIC_OF.get(self.scoring, "score")
        found = Differences(cells, {NAME: task.overlap}, methods, judged=metric)
        self.results_ = records(found, NAME, metric)
        best = self.best_method_ = best_method(found, NAME, metric, self.rule)
        plain, make = (
            maker(arm, cells, found.methods, budgets) for arm in (BEST, best)
        )
        self.best_setting_ = make.keywords["setting"]
        make_curves, network = None, network_to_show(found, NAME, metric, best)
        if network is not None:
            augmented = maker(network, cells, found.methods, budgets)
            sides = plain, augmented, network, budgets, metric
            jobs = self.n_jobs, self.verbose
            make_curves = partial(learning_curves, task, *sides, *jobs)
        make_card = partial(card_of, task, make, best, found, budgets)
        about = _about(task, self.budget)
        self.comparison_ = Comparison(
            found, NAME, metric, best, about, make_curves, make_card
        )
        if self.refit:
            self.best_estimator_ = refitted(task, make, budgets)
            self.plain_estimator_ = self.best_estimator_
            if best != BEST:
                self.plain_estimator_ = plain and refitted(task, plain, budgets)
        return self

    def _checked(self, X, y, groups, head, channels_last):
        """Rows, labels and groups that belong together."""
        name = type(self).__name__
        if head is None:
            self._moves = bool(channels_last)
            X = self._numbers(X, reset=True)
            if channels_last is None:
                channels_first(X, None, name)
        else:
            if not isinstance(self.estimator, Pipeline):
                X = checked_frame(X, name)
            X = X if hasattr(X, "iloc") else np.asarray(X)
            validate_data(self, X, skip_check_array=True)
        y = check_labels(y, len(X), name)
        self.classes_ = np.unique(y)
        check_two_classes(self.classes_, name)
        groups = check_groups(groups, len(X), name)
        # Two folds, and two parts of a training part to choose settings by.
        what, counted = "rows of some class", np.unique(y, return_counts=True)[1].max()
        if groups is not None:
            what, counted = "groups", len(np.unique(groups))
        if counted < FEWEST:
            raise ValueError(
                f"{name} needs {FEWEST} {what} or more; got {counted}. Add some, or "
                "leave groups out."
            )
        return X, y, groups

    def _folds(self, X, y, groups, base, head):
        """Folds of the rows, as draws of a study."""
        random, cv = check_random_state(self.random_state), self.cv
        if is_whole(cv):
            cv = folds_that_fit(cv, y, groups, random.randint(2**31 - 1))
            if cv.n_splits < self.cv:
                self._warn_of_few(cv.n_splits, groups)
        parts = _pairs(check_cv(cv, y, classifier=True).split(X, y, groups), cv)
        if groups is not None:
            self._check_apart(parts, groups)
        seeds = random.randint(2**31 - 1, size=1 + len(parts)).tolist()
        scorer = None if self.scoring == "neg_log_loss" else self.scorer_
        return Folds(NAME, X, y, groups, parts, seeds, head, base, scorer)

    def _warn_of_few(self, n_folds, groups):
        """Say that there are fewer folds than were asked for."""
        units = "rows" if groups is None else "groups"
        warnings.warn(
            f"{type(self).__name__} needs {self.cv} {units} of each class for "
            f"{self.cv} folds; got fewer. It makes {n_folds} folds.",
            stacklevel=4,
        )

    def _check_apart(self, parts, groups):
        """Refuse folds with a group on both sides."""
        for train, test in parts:
            both = np.intersect1d(groups[train], groups[test]).tolist()
            if both:
                raise ValueError(
                    f"{type(self).__name__} needs cv to keep groups together; got "
                    f"{both[:5]} on both sides of a fold. Use GroupKFold, or a number "
                    "of folds."
                )

    def _what_is_compared(self, kind):
        """Methods for the kind of rows, and budgets."""
        budget, names = self.budget, self.methods
        is_name = isinstance(budget, str)
        if isinstance(names, str):
            names = METHODS_OF.get(budget if is_name else "normal")
        return methods_for(kind, names), BUDGETS[budget] if is_name else budget

    def _cells(self, task, methods, budgets):
        """Cells of all methods and folds; a method that failed in one is left out."""
        name = type(self).__name__
        cells = run_study(
            [task], self.cache, methods, budgets, self.n_jobs, self.verbose
        )
        failed = {cell["method"]: cell["error"] for cell in cells if "error" in cell}
        if PLAIN in failed or len(failed) == len(methods):
            error = failed.get(PLAIN) or next(iter(failed.values()))
            raise ValueError(
                f"{name} needs rows and an estimator that can be fitted; got {error}. "
                "Change one of them."
            )
        for method, error in failed.items():
            warnings.warn(
                f"{name} needs every method to be fitted in every fold; got {error} by "
                f"{method}. That method is left out.",
                stacklevel=3,
            )
        return [cell for cell in cells if cell["method"] not in failed]

    def predict(self, X):
        """Predict labels (n,) by the best method."""
        return self._best().predict(self._rows(X))

    def predict_proba(self, X):
        """Predict probabilities (n, n_classes) by the best method."""
        return self._best().predict_proba(self._rows(X))

    def score(self, X, y):
        """Score the best method on rows by `scoring`."""
        return self.scorer_(self._best(), self._rows(X), y)

    def _numbers(self, X, *, reset):
        """Rows as an array of numbers, with channels on the second axis."""
        X = as_numbers(X, type(self).__name__)
        if self._moves:
            X = channels_first(np.asarray(X), True, type(self).__name__)
        return validate_data(self, X, allow_nd=True, dtype="numeric", reset=reset)

    def _best(self):
        """The fitted best estimator."""
        check_is_fitted(self)
        if not self.refit:
            raise AttributeError(
                f"{type(self).__name__} needs refit=True to predict; got refit=False. "
                "Fit a method by hand, or set refit."
            )
        return self.best_estimator_

    def _rows(self, X):
        """Rows to predict, of as many columns as in fit."""
        if isinstance(self._best(), Pipeline):
            validate_data(self, X, reset=False, skip_check_array=True)
            is_head_ours = not isinstance(self.estimator, Pipeline)
            if is_head_ours and not hasattr(X, "columns"):
                raise ValueError(
                    f"{type(self).__name__} needs a frame, as in fit; got a "
                    f"{type(X).__name__}. Give one with the columns in "
                    "feature_names_in_."
                )
            return X
        # There is no first step that takes anything but arrays of numbers.
        return self._numbers(X, reset=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _network_and_head(estimator, X):
    """The network to start from, and what comes before it in a Pipeline."""
    head, network = None, estimator
    if isinstance(estimator, Pipeline):
        network = estimator.steps[-1][1]
        head = clone(estimator[:-1]) if len(estimator) > 1 else None
    if network is not None and not isinstance(network, NetClassifier):
        raise ValueError(
            "AugmentationSearchCV needs estimator to be a NetClassifier, or a Pipeline "
            f"that ends in one; got {estimator!r}. None is the default network."
        )
    if network is not None and plain_twin_and_changes(network)[1]:
        raise ValueError(
            "AugmentationSearchCV needs estimator to train plainly; got "
            f"{type(network).__name__}, which augments. Take the augmentation away: "
            "the search adds its own."
        )
    if head is None and hasattr(X, "columns"):
        head = columns_as_numbers()
    return network, head


def _about(task, budget):
    """Lines on the rows and the folds, for the page."""
    labels, counts = np.unique(task.y, return_counts=True)
    about = {"rows": f"{len(task.y):,}", "classes": f"{len(labels)}"}
    about["smallest class"] = f"{counts.min()} rows"
    if task.groups is not None:
        about["groups"] = str(len(np.unique(task.groups)))
    about["folds"] = str(task.n_seeds)
    if isinstance(budget, str):
        about["budget"] = budget
    return about | {"skaug": installed("skaug"), "torch": installed("torch")}


def _pairs(parts, cv):
    """Training and test rows of each fold."""
    try:
        return [(train, test) for train, test in parts]
    except TypeError as error:  # scikit-learn takes any iterable
        raise ValueError(
            f"{NAME} needs cv to give pairs of training and test rows; got {cv!r}. "
            "Give a number of folds, or a splitter such as StratifiedKFold()."
        ) from error
