"""A finetuner fitted again with other settings, on one base training.

What was chosen by validation is kept, and nothing is chosen a second time. A fit with
the seed of the first one then ends at the same network.
"""

import math
import warnings
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Whole, check_value
from skaug.ihda.level import level_skip_probability

__all__ = [
    "Refits",
    "ablation",
    "as_chosen",
    "check_finetuner",
    "first_seed",
    "mean_and_error",
    "name_of_score",
    "refits_of_seeds",
]

ERROR = "share of errors"
BEFORE, FITTED = "before fine-tuning", "as fitted"


def ablation(
    finetuner,
    X,
    y,
    X_test,
    y_test,
    *,
    groups=None,
    scoring=None,
    n_repeats=1,
    random_state=None,
):
    """Score a finetuner without one of its parts after the other (Table 4 of IHDA).

    All settings of a repeat start from one base training, and every level that is
    trained takes the same number of steps. What the finetuner chose by validation is
    kept.

    ======================  ============================================================
    setting                 what is different
    ======================  ============================================================
    before fine-tuning      the base training only
    real rows only          no samples in the batches; it is not in the paper's table
    p = 0                   no level is skipped
    p = 1                   levels are skipped with probability 1 / (1 + log l)
    predictor only          ``trainable="head"``
    same p for each level   levels are skipped with p, not with p / (1 + log l)
    random sources          as many sources as are hard, drawn from all points
    as fitted               nothing
    ======================  ============================================================

    Parameters
    ----------
    finetuner : IHDAFinetuner
        The fitted finetuner; it is not changed. With its p at 0, three settings are the
        same.
    X, y : array-like
        Training rows and labels, as given to its ``fit``.
    X_test, y_test : array-like
        Rows and labels to score on.
    groups : array-like of shape (n,), default=None
        As given to its ``fit``.
    scoring : str or callable, default=None
        As in scikit-learn, such as "neg_log_loss"; ``None`` is the share of errors, as
        in the paper.
    n_repeats : int, default=1
        Number of base trainings, with consecutive seeds; one seed for all if the
        finetuner's `estimator` is frozen or has a ``random_state``. Each skips other
        levels.
    random_state : int, default=None
        Seed of the first repeat. The default is the seed of the finetuner, or 0 if the
        finetuner has no integer as seed.

    Returns
    -------
    found : Bunch
        ``settings`` (list of str); ``scores``, ``n_levels`` (how many were trained) and
        ``n_steps`` (of all of them together), arrays of shape (n_repeats, n_settings);
        ``score_name``.

    Raises
    ------
    TypeError, NotFittedError
        If `finetuner` is no IHDAFinetuner, or is not fitted.
    KeyboardInterrupt
        If Ctrl-C ends one of the fits.

    See Also
    --------
    skaug.LevelAblationDisplay : The same as a figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import IHDAFinetuner, NetClassifier
    >>> from skaug.ihda import ablation
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), generator="noise")
    >>> ihda = ihda.set_params(random_state=0).fit(X[::2], y[::2])
    >>> found = ablation(ihda, X[::2], y[::2], X[1::2], y[1::2])
    >>> dict(zip(found.settings, found.n_levels[0].tolist()))["p = 0"]
    3
    """
    test = X_test, y_test
    settings = {
        "real rows only": {"synthetic_share": 0.0},
        "p = 0": {"skip_probability": 0.0},
        "p = 1": {"skip_probability": 1.0},
        "predictor only": {"trainable": "head"},
        "same p for each level": {"same_for_all": True},
        "random sources": {"rule": "random"},
        FITTED: {},
    }
    of_seeds = finetuner, (X, y, groups), test, scoring, n_repeats, random_state
    repeats = [
        [refits.base, *(refits.fit(**params) for params in settings.values())]
        for refits in refits_of_seeds("ablation", *of_seeds)
    ]
    found = Bunch(settings=[BEFORE, *settings])
    for name in ("score", "n_levels", "n_steps"):
        values = [[one[name] for one in of_repeat] for of_repeat in repeats]
        found["scores" if name == "score" else name] = np.array(values)
    found.score_name = name_of_score(scoring, plain=ERROR)
    return found


def refits_of_seeds(name, finetuner, data, test, scoring, n_repeats, random_state):
    """Check the arguments, and yield the fits of one seed after the other."""
    check_finetuner(name, finetuner)
    check_is_fitted(finetuner)
    one_or_more = Whole(1, hint="Give the number of fits.")
    check_value(name, "n_repeats", n_repeats, one_or_more)
    first = first_seed(name, finetuner, random_state)
    for seed in range(first, first + n_repeats):
        yield Refits(finetuner, seed, data, test, scoring)


class Refits:
    """A finetuner's fits with other settings, all from the base training of one seed.

    Parameters
    ----------
    finetuner : IHDAFinetuner
        Fitted, so that what it chooses by validation is known.
    seed : int
        Seed of the base training and of all fits.
    data : tuple
        Arguments of ``fit``.
    test : tuple of two array-like
        Rows and labels to score on.
    scoring : str or callable, default=None
        As in scikit-learn; None is the share of errors.

    Attributes
    ----------
    base : Bunch
        What :meth:`fit` returns, of the network before fine-tuning.
    """

    def __init__(self, finetuner, seed, data, test, scoring=None):
        self._data, self._test, self._scoring = data, test, scoring
        model = as_chosen(finetuner).set_params(random_state=seed)
        stages = model.staged_fit(*data)
        next(stages)
        stages.close()
        self.base = Bunch(score=self._score(model), n_levels=0, n_steps=0)
        # Fits draw the same numbers whether they train the estimator or are given it.
        self._start = clone(model)
        self._start.set_params(estimator=FrozenEstimator(model.estimator_))
        self._radii = model._chosen.radii
        self._probability = model._chosen.skip_probability
        self._draws, self._known = model._plan.draws, {}

    def fit(self, skip_probability=None, *, same_for_all=False, rule=None, **params):
        """Fit and score; what is known from a fit of the same levels is not fitted.

        Parameters
        ----------
        skip_probability : float, default=None
            The paper's p; None is that of the finetuner.
        same_for_all : bool, default=False
            Whether all levels are skipped with p itself.
        rule : str, default=None
            Rule of the sources; None is that of the finetuner.
        **params
            Other parameters of the finetuner.

        Returns
        -------
        found : Bunch
            The ``score``; ``n_levels``, how many were trained; ``n_steps``, of all of
            them together.
        """
        given = self._probability if skip_probability is None else skip_probability
        # A radius of 0 leaves a level alone: no other way to name those to skip.
        radii = {
            name: 0.0 if draw < _chance(number, given, same_for_all) else radius
            for number, (draw, (name, radius)) in enumerate(
                zip(self._draws, self._radii.items()), start=1
            )
        }
        key = repr((radii, rule, params))
        if key not in self._known:
            sources = self._start.component("sources").set_params(radius=radii)
            if rule is not None:
                sources.set_params(rule=rule, share=None)
            model = clone(self._start).set_params(
                sources=sources, skip_probability=0.0, **params
            )
            self._known[key] = self._fitted(model)
        return self._known[key]

    def _fitted(self, model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the first fit has warned
            model.fit(*self._data)
        steps = [record.steps for record in model.levels_]
        n_levels = int(np.count_nonzero(steps))
        return Bunch(score=self._score(model), n_levels=n_levels, n_steps=sum(steps))

    def _score(self, model):
        score = check_scoring(model, self._scoring)(model, *self._test)
        return 1 - score if self._scoring is None else score


def _chance(number, probability, same_for_all):
    if same_for_all:
        return probability
    return level_skip_probability(number, probability)


def as_chosen(finetuner):
    """An unfitted copy, with what its fit chose by validation written out."""
    model = clone(finetuner)
    if getattr(finetuner, "tuning_", None) is None:
        return model
    chosen = finetuner._chosen
    return model.set_params(
        sources=model.component("sources").set_params(radius=chosen.radii),
        tune_lr=chosen.rates,
        skip_probability=chosen.skip_probability,
        batch_norm=chosen.batch_norm,
        # A part that is held out has served its end, and no level is undone.
        validation="shrink" if finetuner.shrinks else None,
    )


def mean_and_error(values):
    """Mean over the first axis and its standard error."""
    n = len(values)
    if n == 1:
        return values[0], np.full(values.shape[1], math.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(n)


def name_of_score(scoring, plain="accuracy"):
    """Name a score, `plain` if there is none."""
    if scoring is None:
        return plain
    if isinstance(scoring, str):
        negative = scoring.startswith("neg_")
        words = scoring.removeprefix("neg_").replace("_", " ")
        return f"negative {words}" if negative else words
    function = getattr(scoring, "_score_func", scoring)
    return getattr(function, "__name__", "score").strip("_").replace("_", " ")


def check_finetuner(name, finetuner):
    """Refuse what is no finetuner."""
    if not (hasattr(finetuner, "staged_fit") and hasattr(finetuner, "sample")):
        raise TypeError(
            f"{name} needs an IHDAFinetuner; got a {type(finetuner).__name__}. Of a "
            "pipeline, give that step."
        )


def first_seed(name, finetuner, random_state):
    """The seed of the first repeat."""
    if random_state is None:
        own = finetuner.random_state
        return int(own) if isinstance(own, Integral) else 0
    if not isinstance(random_state, Integral):
        raise TypeError(
            f"{name} needs random_state to be an integer or None; got "
            f"{random_state!r}. Give the seed of the first repeat."
        )
    return random_state
