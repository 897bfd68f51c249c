"""A finetuner fitted again with other settings, on one base training.

What was chosen by validation is kept, and nothing is chosen a second time. A fit with
the seed of the first one then ends at the same network.
"""

import math
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch

__all__ = [
    "Refits",
    "as_chosen",
    "base_of",
    "check_finetuner",
    "first_seed",
    "mean_and_error",
    "score_name",
]


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
        self.finetuner = as_chosen(finetuner).set_params(random_state=seed)
        model, stages = base_of(self.finetuner, data)
        stages.close()
        self.finetuner.set_params(estimator=FrozenEstimator(model.estimator_))
        self._draws, self._known = None, {}
        self.base = Bunch(score=self._score(model), n_levels=0, n_steps=0)

    def fit(self, setting=None, **params):
        """Fit with some parameters, and score; what was fitted before is not again.

        Parameters
        ----------
        setting : str, default=None
            Name of the parameters other than ``skip_probability``.
        **params
            Parameters to set otherwise.

        Returns
        -------
        found : Bunch
            The ``score``, the number of levels that were trained, ``n_levels``, and the
            steps of all of them together, ``n_steps``.
        """
        probability = params.get("skip_probability", self.finetuner.skip_probability)
        key = setting, self.skipped(probability)
        if key not in self._known:
            model = clone(self.finetuner).set_params(**params).fit(*self._data)
            self._draws = model._draws
            steps = [record.steps for record in model.levels_]
            found = Bunch(score=self._score(model), n_steps=sum(steps))
            found.n_levels = int(np.count_nonzero(steps))
            self._known[setting, self.skipped(probability)] = found
        return self._known[key]
