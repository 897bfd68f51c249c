"""What IHDA tells the model card; ``skaug/card/methods.py`` explains the functions."""

from skaug._checks import is_number
from skaug._table import table
from skaug.ihda.activation_display import ActivationDisplay
from skaug.ihda.refits import as_chosen
from skaug.net.classifier import NetClassifier

__all__ = ["figures", "plain", "tables"]

# More points would hide each other.
MOST_ROWS = 300


def plain(finetuner):
    """The same finetuner with real rows only, at the same levels, steps and rates."""
    twin = as_chosen(finetuner)
    if finetuner.estimator is None:
        # The default is written out: who trains the twin may have to set its epochs.
        twin.set_params(estimator=NetClassifier())
    share = finetuner.synthetic_share
    if is_number(share) and share == 0:
        return twin, ""
    words = "synthetic_share=0, no samples in fine-tuning"
    return twin.set_params(synthetic_share=0), words


def tables(part):
    """What was done at each level, and how many samples each class got."""
    finetuner = part.object
    names = ("level", "skipped", "radius", "hard_share", "steps")
    losses = ("loss_before", "loss_after", "accepted")
    levels = [
        {
            **{name: record[name] for name in names},
            "sources": sum(record.n_sources.values()),
            "samples": sum(record.n_samples.values()),
            **{name: record[name] for name in losses},
        }
        for record in finetuner.levels_
    ]
    note = (
        "Losses are on the real training rows. Radius and hard share are known only if "
        "sources are chosen by potential."
    )
    found = [table("IHDA: levels of the network, in order", levels, note)]
    augmented = [record for record in finetuner.levels_ if record.n_samples]
    if augmented:
        by_class = [
            {"class": c, **{f"at {r.level}": r.n_samples[c] for r in augmented}}
            for c in finetuner.classes_.tolist()
        ]
        found.append(table("IHDA: samples made of each class", by_class))
    return found


def figures(part, X, y):
    """Test rows at the last level that was augmented, beside samples made from them."""
    if not part.object.generators_ or len(y) < 2:
        return {}

    def draw(figure):
        rows, labels = part.some_rows(X, y, MOST_ROWS)
        ActivationDisplay.from_estimator(
            part.object,
            rows,
            labels,
            ax=figure.subplots(),
            scatter_kw={"rasterized": True},
        )

    return {"IHDA: test rows at the last level, and samples made from them": draw}
