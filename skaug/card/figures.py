"""Figures of a model card, as SVG to be put into a page.

They are the displays of this package that apply to the estimator, and three of the
card's own: calibration, confusion and groups. What is black in a figure takes the
colour of the page's text, light or dark.
"""

import io
import re
from html import escape

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.utils import _safe_indexing
from skorch import NeuralNet

from skaug.card.parts import fitted_parts
from skaug.card.scores import confidence_bins, group_means
from skaug.hard_regions.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.ihda.display import ActivationDisplay
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.influence.augmenter import InfluenceAugmenter
from skaug.influence.views_display import AugmentationGridDisplay
from skaug.refined.display import RefineCurveDisplay

__all__ = ["card_figures"]

INK = "#010203"
STYLE = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor"), "none"),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "skaug",
    "text.parse_math": False,  # names may have dollars
    "savefig.dpi": 200,  # of points, which are too many for a path each
}
SIDES = {"twin": ("0.5", "s", "plain twin"), "estimator": ("C0", "o", "estimator")}
# More would be too small to read.
MOST_CLASSES, MOST_GROUPS, MOST_ROWS = 20, 40, 300


def card_figures(estimator, X, y, sides, groups=None):
    """Draw what there is to draw.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier.
    X, y : array-like
        Test rows and their labels.
    sides : dict of str to Bunch
        "estimator" and, if there is one, "twin": each with ``predicted``, ``proba``
        (or None) and ``classes``.
    groups : ndarray of shape (n,), default=None
        Groups of the rows.

    Returns
    -------
    figures : dict of str to str
        By caption, ``<svg>`` elements without anything that is loaded.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figures = {}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)

        def add(caption, draw, size=(5, 3.6)):
            figure = Figure(figsize=size, layout="constrained")
            draw(figure)
            same = sum(one.split(" #")[0] == caption for one in figures)
            caption += f" #{same + 1}" * (same > 0)
            figures[caption] = _svg(figure, caption, f"f{len(figures)}-")

        if sides["estimator"].proba is not None:
            add(
                "Calibration: confidence and accuracy",
                lambda f: _reliability(f, y, sides),
            )
        classes = sides["estimator"].classes
        if len(classes) <= MOST_CLASSES:
            size = max(3.6, 1.6 + 0.3 * len(classes))
            add(
                "Confusion: share of each true class, in %",
                lambda f: _confusion(f, y, sides["estimator"].predicted, classes),
                (size + 0.4, size),
            )
        if groups is not None and len(np.unique(groups)) <= MOST_GROUPS:
            height = 1.2 + 0.22 * len(np.unique(groups))
            add(
                "Accuracy by group", lambda f: _groups(f, y, sides, groups), (5, height)
            )
        for part in fitted_parts(estimator):
            _add_displays(add, part, X, y)
    return figures


def _add_displays(add, part, X, y):
    """The displays that apply to one part of an estimator."""
    one = part.object
    if isinstance(one, NeuralNet) and "train_loss" in (one.history or [{}])[-1]:
        name = type(one).__name__
        add(
            f"Training of {name}: loss over epochs",
            lambda f: RefineCurveDisplay.from_history(one.history, ax=f.subplots()),
        )
    if isinstance(one, HardRegionSampler):
        labels = one.classes_[one._codes]
        add(
            "Potentials of the training rows",
            lambda f: PotentialHistogramDisplay.from_estimator(
                one, labels, ax=f.subplots()
            ),
        )
        if one._X.shape[1] > 1:
            add(
                "Hard regions: the training rows, coloured by potential",
                lambda f: HardRegionDisplay.from_estimator(
                    one,
                    one._X,
                    labels,
                    ax=f.subplots(),
                    scatter_kw={"rasterized": True},
                ),
            )
    if isinstance(one, IHDAFinetuner) and one.generators_ and len(y) > 1:
        rows = _spread(len(y), MOST_ROWS)
        add(
            "IHDA: test rows at the last level, and samples made from them",
            lambda f: ActivationDisplay.from_estimator(
                one,
                _rows_at(part, X, rows),
                y[rows],
                ax=f.subplots(),
                scatter_kw={"rasterized": True},
            ),
        )
    if isinstance(one, InfluenceAugmenter) and len(one.input_shape_) > 1:
        rows = _spread(len(y), 6)
        add(
            "Test rows, a view of each, and the difference",
            lambda f: AugmentationGridDisplay.from_estimator(
                one, _rows_at(part, X, rows), y[rows], figure=f
            ),
            (7, 4),
        )


def _rows_at(part, X, rows):
    """Some of the rows, as they come to a part of the estimator."""
    X = _safe_indexing(X, rows)  # first: all of Frames would be copied
    X = X if hasattr(X, "iloc") or hasattr(X, "toarray") else np.asarray(X)
    for transformer in part.before:
        X = transformer.transform(X)
    return X


def _spread(n, most):
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def _reliability(figure, y, sides):
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color="0.3", linewidth=1, linestyle="--")
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


def _confusion(figure, y, predicted, classes):
    from matplotlib.colors import ListedColormap, to_rgba_array

    labels = [str(label) for label in classes.tolist()]
    display = ConfusionMatrixDisplay.from_predictions(
        y,
        predicted,
        labels=classes,
        display_labels=labels,
        normalize="true",
        values_format=".2f",
        cmap=ListedColormap(to_rgba_array(["C0"] * 256, np.linspace(0, 0.8, 256))),
        colorbar=False,
        ax=figure.subplots(),
        xticks_rotation=45 if max(map(len, labels)) > 3 else 0,
        text_kw={"fontsize": "small", "color": INK},
        im_kw={"vmin": 0, "vmax": 1},
    )
    display.ax_.spines[:].set_visible(False)
    for text, share in zip(display.text_.ravel(), display.confusion_matrix.ravel()):
        text.set_text(f"{100 * share:.0f}" if share > 0 else "")


def _groups(figure, y, sides, groups):
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


def _svg(figure, caption, prefix):
    """The figure as an element of a page: no metadata, names of its own."""
    file = io.StringIO()
    none = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=none)
    svg = file.getvalue()
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg[svg.index("<svg") :])
    svg = svg.replace("xlink:href", "href")
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\1{prefix}", svg)
    # Text, axes and the lines that are dark grey in our displays.
    svg = re.sub(f"{INK}|#4[cd]4[cd]4[cd]|#000000", "currentColor", svg)
    size = re.search(r'width="([\d.]+)pt" height="[\d.]+pt"', svg)
    width = f'style="width: {float(size[1]):.0f}pt"'
    label = f'role="img" aria-label="{escape(caption)}"'
    return svg.replace(size[0], f"{width} {label}", 1)
