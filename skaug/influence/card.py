"""What influence tells the model card; ``skaug/card/methods.py`` explains the rest."""

from skaug._table import table
from skaug.influence.views_display import AugmentationGridDisplay

__all__ = ["figures", "plain", "tables"]


def plain(augmenter):
    """An augmenter is left out: a pipeline passes the rows on as they are."""
    return None, f"without {type(augmenter).__name__}"


def tables(part):
    """The transforms with their influence, or whether the network was accepted."""
    augmenter = part.object
    if hasattr(augmenter, "policy_"):
        note = (
            "The cosine to the validation gradient is a mean over networks, and the "
            "weight is a share of draws. Each training row has one view."
        )
        return [table("Transforms by influence", augmenter.policy_, note)]
    used = "used" if augmenter.accepted_ else "not used: the baseline works alone"
    loss = getattr(augmenter, "held_out_loss_", None)
    records = [] if loss is None else [loss]
    return [table("Augmentation network", records, f"The network is {used}.")]


def figures(part, X, y):
    """Test rows that are signals or images, each with a view and the difference."""
    if len(part.object.input_shape_) < 2:
        return {}

    def draw(figure):
        figure.set_size_inches(7, 4)
        rows, labels = part.some_rows(X, y, 6)
        AugmentationGridDisplay.from_estimator(part.object, rows, labels, figure=figure)

    return {"Test rows, a view of each, and the difference": draw}
