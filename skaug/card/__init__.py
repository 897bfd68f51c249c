"""The model card: a fitted classifier beside its plain twin, on one page.

:func:`report` compares the two on rows that neither was trained on, and
:class:`ModelCard` holds what is found, as numbers and as a page.
"""

from skaug.card.model_card import ModelCard
from skaug.card.parts import augmentation_tables, changed_parameters, fitted_parts
from skaug.card.report import report
from skaug.card.scores import (
    confidence_bins,
    expected_calibration_error,
    group_means,
    scores_and_contributions,
    standard_error,
    worst_group_accuracy,
)
from skaug.card.sides import class_scores, compare_scores, group_scores
from skaug.card.twin import plain_twin

__all__ = [
    "ModelCard",
    "augmentation_tables",
    "changed_parameters",
    "class_scores",
    "compare_scores",
    "confidence_bins",
    "expected_calibration_error",
    "fitted_parts",
    "group_means",
    "group_scores",
    "plain_twin",
    "report",
    "scores_and_contributions",
    "standard_error",
    "worst_group_accuracy",
]
