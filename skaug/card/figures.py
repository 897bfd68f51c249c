"""Figures of a model card, as SVG elements of its page."""

from functools import partial

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay
from skorch import NeuralNet

from skaug._plots import DASHED
from skaug.card.methods import RefineCurveDisplay, card_of
from skaug.card.parts import fitted_parts
from skaug.card.scores import confidence_bins, group_means
from skaug.card.svg import INK, as_svg

__all__ = ["card_figures", "part_figures"]

SIDES = {"twin": ("0.5", "s", "plain twin"), "estimator": ("C0", "o", "estimator")}
# Figures of more than these would be too small to read.
MOST_CLASSES, MOST_GROUPS = 20, 40
LONGEST = 30  # characters of a label


def card_figures(estimator, X, y, sides, groups=None):
    """Draw figures as ``<svg>`` elements by caption; ImportError without matplotlib."""
    draws = [*_of_sides(y, sides, groups), *_of_parts(estimator, X, y)]
    return as_svg(draws)


def part_figures(estimator, X, y):
    """Draw the figures of the parts alone, for a page that has others already."""
    return as_svg(_of_parts(estimator, X, y), prefix="p")


def _of_sides(y, sides, groups):
    """Captions and functions that draw the predictions."""
    if sides["estimator"].proba is not None:
        caption = "Calibration: confidence and accuracy"
        yield caption, partial(_reliability, y=y, sides=sides)
    if len(sides["estimator"].classes) <= MOST_CLASSES:
        caption = "Confusion: share of each true class, in %"
        yield caption, partial(_confusion, y=y, side=sides["estimator"])
    if groups is not None and len(np.unique(groups)) <= MOST_GROUPS:
        yield "Accuracy by group", partial(_groups, y=y, sides=sides, groups=groups)


def _of_parts(estimator, X, y):
    """Captions and functions that draw the parts of the estimator."""
    for part in fitted_parts(estimator):
        net = part.object
        if isinstance(net, NeuralNet) and "train_loss" in (net.history or [{}])[-1]:
            caption = f"Training of {type(net).__name__}: loss over epochs"
            yield caption, partial(_loss, history=net.history)
        card = card_of(part.object)
        if card is not None:
            yield from card.figures(part, X, y).items()


def _loss(figure, history):
    RefineCurveDisplay.from_history(history, ax=figure.subplots())


def _reliability(figure, y, sides):
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], **DASHED)
    for name, (colour, marker, label) in SIDES.items():
        side = sides.get(name)
        if side is None or side.proba is None:
            continue
        right = side.classes[side.proba.argmax(axis=1)] == y
        bins = confidence_bins(side.proba.max(axis=1), right)
        full = bins.count > 0
        sure, true = (v[full] / bins.count[full] for v in (bins.confidence, bins.right))
        style = {"color": colour, "label": label}
        above.plot(sure, true, marker=marker, markersize=4, linewidth=1.2, **style)
        edges = np.linspace(0, 1, len(bins.count) + 1)
        below.stairs(bins.count, edges, linewidth=1.2, **style)
    lowest = 1 / len(sides["estimator"].classes)
    above.set(ylabel="accuracy", xlim=(0.9 * lowest, 1.01), ylim=(-0.02, 1.02))
    above.legend(loc="lower right")
    below.set(xlabel="confidence", ylabel="rows")


def _confusion(figure, y, side):
    from matplotlib.colors import ListedColormap, to_rgba_array

    labels = [_short(str(label)) for label in side.classes.tolist()]
    longest = max(map(len, labels))
    size = max(3.6, 1.6 + 0.3 * len(side.classes) + 0.07 * longest)
    figure.set_size_inches(size + 0.4, size)
    display = ConfusionMatrixDisplay.from_predictions(
        y,
        side.predicted,
        labels=side.classes,
        display_labels=labels,
        normalize="true",
        values_format=".2f",
        cmap=ListedColormap(to_rgba_array(["C0"] * 256, np.linspace(0, 0.8, 256))),
        colorbar=False,
        ax=figure.subplots(),
        text_kw={"fontsize": "small", "color": INK},
        im_kw={"vmin": 0, "vmax": 1},
    )
    display.ax_.spines[:].set_visible(False)
    if longest > 3:
        ends = {"ha": "right", "rotation_mode": "anchor"}
        display.ax_.set_xticks(range(len(labels)), labels, rotation=45, **ends)
    for text, share in zip(display.text_.ravel(), display.confusion_matrix.ravel()):
        text.set_text(f"{100 * share:.0f}" if share > 0 else "")


def _short(label):
    """A label that a figure has room for."""
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 3]}..."


def _groups(figure, y, sides, groups):
    figure.set_size_inches(5, 1.2 + 0.22 * len(np.unique(groups)))
    ax = figure.subplots()
    accuracy = {}
    for name, side in sides.items():
        names, means = group_means(side.predicted == y, groups)
        accuracy[name] = 100 * means
    order = np.argsort(-accuracy["estimator"], kind="stable")
    lines = np.arange(len(names))
    if "twin" in sides:
        ends = accuracy["twin"][order], accuracy["estimator"][order]
        ax.hlines(lines, *ends, color="0.5", linewidth=1)
    for name, (colour, marker, label) in SIDES.items():
        if name in sides:
            style = {"color": colour, "marker": marker, "label": label}
            ax.plot(
                accuracy[name][order], lines, linestyle="none", markersize=5, **style
            )
    ax.set_yticks(lines, [str(name) for name in names[order].tolist()])
    ax.set(xlabel="accuracy, %", ylabel="group")
    ax.margins(y=0.5 / len(names))
    if "twin" in sides:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
