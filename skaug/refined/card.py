"""What refined augmentation tells the model card; see ``skaug/card/methods.py``."""

from skaug._table import table
from skaug.net.steps import planned_epochs
from skaug.transforms.calling import name_of

__all__ = ["figures", "plain", "tables"]


def plain(callback):
    """A callback that augments batches is left out of the twin's callbacks."""
    return None, f"without {type(callback).__name__}"


def tables(part):
    """Which epochs were augmented, and by which transform."""
    callback, net = part.object, part.net
    # By the callback's own rule: the net's history mixes all of its callbacks.
    first = getattr(net, "first_epoch_", 0)
    n_epochs = planned_epochs(net)
    switch, _ = callback.phases(n_epochs)
    refining = [(i - first) % n_epochs >= switch for i in range(len(net.history))]
    transforms = {"augmented": callback.transform, "clean": callback.refine_transform}
    records = []
    for phase, transform in transforms.items():
        epochs = [
            number
            for number, refines in enumerate(refining, 1)
            if refines == (phase == "clean")
        ]
        if epochs:
            records.append(
                {
                    "phase": phase,
                    "first_epoch": epochs[0],
                    "last_epoch": epochs[-1],
                    "transform": "none" if transform is None else name_of(transform),
                }
            )
    note = f"An augmented epoch augments {callback.probability:.0%} of its batches."
    return [table("Batches augmented in training", records, note)]


def figures(part, X, y):
    """The callback has no figure of its own: the card draws the loss of every net."""
    return {}
