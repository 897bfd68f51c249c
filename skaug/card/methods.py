"""The one list of methods that the model card knows.

Every method describes itself in a module of its own folder, its card, and a line of
``METHODS`` leads from the class to the card. To add a method, write a card and add a
line, also from outside of skaug: ``METHODS[MyMethod] = my_card``. The line serves
subclasses too, unless they have one of their own. A card is a module, or any object,
with three functions:

``plain(estimator)``
    What the estimator becomes in the plain twin, and the change in words ("" if there
    was nothing to change). The first is a copy with the augmentation switched off. Or
    it is an estimator that the given one holds and that takes its place, such as the
    classifier of a ResampledClassifier; the twin of this one is made in turn. Or it is
    None: the estimator is left out, of a pipeline or of a net's callbacks. If the copy
    has a parameter ``estimator``, the card replaces its value by the twin of that.
``tables(part)``
    List of tables on what was augmented, made by :func:`skaug._table.table`. The
    ``part`` is a :class:`skaug.card.parts.Part`, whose ``object`` is the fitted
    estimator.
``figures(part, X, y)``
    Dictionary of caption to ``draw``. The card calls ``draw(figure)`` with an empty
    figure of matplotlib, 5 by 3.6 inches, whose size ``draw`` may change. X and y are
    the test rows of the whole card and their labels; ``part.some_rows`` gives some of
    them as they come to the part.

No other file of ``skaug.card`` imports from the folders of methods.
"""

from skaug.hard_regions import card as hard_regions
from skaug.hard_regions.counts import rows_added
from skaug.hard_regions.labels import mean_rank
from skaug.hard_regions.potential import class_potentials
from skaug.hard_regions.resample import ResampledClassifier, is_search, takes_groups
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.ihda import card as ihda
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.influence import card as influence
from skaug.influence.augmenter import InfluenceAugmenter
from skaug.isda import card as isda
from skaug.isda import logistic_card
from skaug.isda.classifier import ISDAClassifier
from skaug.isda.logistic import ISDALogisticRegression
from skaug.refined import card as refined
from skaug.refined.callback import BatchAugmentation
from skaug.refined.display import RefineCurveDisplay

__all__ = [
    "METHODS",
    "RefineCurveDisplay",
    "card_of",
    "class_potentials",
    "is_search",
    "mean_rank",
    "rows_added",
    "takes_groups",
]

METHODS = {
    ISDAClassifier: isda,
    ISDALogisticRegression: logistic_card,
    HardRegionSampler: hard_regions,
    ResampledClassifier: hard_regions,
    IHDAFinetuner: ihda,
    BatchAugmentation: refined,
    InfluenceAugmenter: influence,
}


def card_of(estimator):
    """Card of an estimator's nearest class or None; other samplers share one card."""
    for kind in type(estimator).__mro__:
        if kind in METHODS:
            return METHODS[kind]
    return hard_regions if hasattr(estimator, "fit_resample") else None
