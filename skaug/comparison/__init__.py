"""Which method helps on my data? Arms beside their plain twins, on many draws.

A :class:`Task` is what methods are compared on (``data``). A draw of its rows is
divided once more, and the smaller part chooses settings. ``methods`` has the arms, and
``cell`` fits one arm to one draw. :func:`run_study` runs all cells and keeps them as
files (``study``). ``differences``, ``tables`` and ``figures`` say what came out.

:class:`AugmentationSearchCV` (``search``) asks this of given rows, whose folds are its
draws (``folds``). ``verdict`` finds the best method, :class:`Comparison` tells what was
found, and ``cli`` is the command ``skaug compare``.

Augmented networks need more gradient steps than plain ones. So budgets are steps, and
each arm has two twins: the best plain network, which chose its own steps and weight
decay, and the plain network of equal steps. Each log-loss is also taken at the
temperature that the held-out rows choose, on both sides of a difference, because much
of what augmentation does to log-loss is done by a temperature as well.
"""

from skaug.comparison.cell import log_probabilities, run_cell, scores
from skaug.comparison.comparison import Comparison
from skaug.comparison.data import Task
from skaug.comparison.differences import Differences, holm
from skaug.comparison.figures import heat_map
from skaug.comparison.methods import METHODS, Method, methods_for
from skaug.comparison.search import AugmentationSearchCV
from skaug.comparison.setup import Budgets, Setup
from skaug.comparison.study import run_study
from skaug.comparison.tables import summary

__all__ = [
    "METHODS",
    "AugmentationSearchCV",
    "Budgets",
    "Comparison",
    "Differences",
    "Method",
    "Setup",
    "Task",
    "heat_map",
    "holm",
    "log_probabilities",
    "methods_for",
    "run_cell",
    "run_study",
    "scores",
    "summary",
]
