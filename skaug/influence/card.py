"""What influence tells the model card; ``skaug/card/methods.py`` explains the rest."""

from skaug._table import table
from skaug.influence.views_display import AugmentationGridDisplay

__all__ = ["figures", "plain", "tables"]


def plain(augmenter):
    """An augmenter is left out: what comes after it gets the rows as they are."""
    return None, f"without {type(augmenter).__name__}"


def tables(part):
    """What was learned, and what the guard saw and decided."""
    augmenter = part.object
    loss = getattr(augmenter, "held_out_loss_", None)
    guard = "There was no guard." if loss is None else _of_guard(augmenter)
    if hasattr(augmenter, "policy_"):
        note = (
            "The cosine to the validation gradient is a mean over networks, and the "
            f"weight is a share of draws. {guard}"
        )
        return [table("Transforms by influence", augmenter.policy_, note)]
    records = [] if loss is None else [loss]
    return [table("Augmentation network", records, guard)]


def _of_guard(augmenter):
    loss = augmenter.held_out_loss_
    used = "is used" if augmenter.accepted_ else "is not used: rows stay as they are"
    if augmenter.accepted_ and getattr(augmenter.augmentation_, "network", 0) is None:
        used = "is the baseline alone"
    return (
        f"The augmentation {used}. The held-out loss is {loss.augmented:.3f} with it "
        f"and {loss.plain:.3f} without, ± {loss.se:.3f}."
    )


def figures(part, X, y):
    """Test rows that are signals or images, each with a view and the difference."""
    if len(part.object.input_shape_) < 2:
        return {}

    def draw(figure):
        figure.set_size_inches(7, 4)
        rows, labels = part.some_rows(X, y, 6)
        AugmentationGridDisplay.from_estimator(part.object, rows, labels, figure=figure)

    return {"Test rows, a view of each, and the difference": draw}
