"""The model card: a fitted classifier beside its plain twin, on one page.

:func:`report` compares the two on rows that neither was trained on, and
:class:`ModelCard` holds what is found, as numbers and as a page.
"""

from skaug.card.model_card import ModelCard
from skaug.card.report import report
from skaug.card.scores import expected_calibration_error, worst_group_accuracy
from skaug.card.twin import plain_twin

__all__ = [
    "ModelCard",
    "expected_calibration_error",
    "plain_twin",
    "report",
    "worst_group_accuracy",
]
