"""Display of rows that one classifier gets right and another one wrong."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Whole, check_value
from skaug._grids import check_shape, draw_line, range_of
from skaug._labels import check_labels
from skaug._printing import Printed

__all__ = ["CorrectedRowsDisplay"]


class CorrectedRowsDisplay(Printed):
    """Draw rows that only the classifier trained with augmentation gets right.

    Beside them stand rows that only the other classifier gets right: without them, what
    was corrected by chance would look like a gain. :meth:`from_estimators` makes a
    display.

    Parameters
    ----------
    corrected, spoiled : ndarray of shape (n, channels, ...)
        Rows that only the augmented classifier, or only the plain one, gets right.
    corrected_labels, spoiled_labels : sequence of (str, str)
        The true label of each row, and the wrong prediction.
    n_corrected, n_spoiled : int
        How many such rows there are, drawn or not.

    Attributes
    ----------
    corrected, spoiled, corrected_labels, spoiled_labels : objects
        As given.
    n_corrected, n_spoiled : int
        As given.
    axes_ : ndarray of shape (2, n_columns), of matplotlib Axes
        After ``plot``: the axes drawn on; those without a row are empty.
    figure_ : matplotlib Figure
        The figure of the axes.

    References
    ----------
    .. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020, Figure 5.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import BatchAugmentation, NetClassifier
    >>> from skaug.influence import CorrectedRowsDisplay
    >>> from skaug.transforms import RandomAffine
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 1, 8, 8) / 16
    >>> plain = NetClassifier(max_epochs=5, random_state=0).fit(X[:200], y[:200])
    >>> moved = BatchAugmentation(RandomAffine(10, translate=0.1), random_state=0)
    >>> augmented = NetClassifier(callbacks=[moved], random_state=0)
    >>> augmented = augmented.fit(X[:200], y[:200])
    >>> display = CorrectedRowsDisplay.from_estimators(
    ...     augmented, plain, X[200:], y[200:]
    ... )
    >>> display.n_corrected > display.n_spoiled
    True
    """

    def __init__(
        self,
        corrected,
        spoiled,
        *,
        corrected_labels,
        spoiled_labels,
        n_corrected,
        n_spoiled,
    ):
        self.corrected = corrected
        self.spoiled = spoiled
        self.corrected_labels = corrected_labels
        self.spoiled_labels = spoiled_labels
        self.n_corrected = n_corrected
        self.n_spoiled = n_spoiled

    @classmethod
    def from_estimators(
        cls, augmented, plain, X, y, *, n_rows=10, figure=None, cmap="gray"
    ):
        """Predict rows by two fitted classifiers, and draw where they differ.

        Parameters
        ----------
        augmented, plain : classifier
            Fitted ones, trained with and without augmentation.
        X : array-like of shape (n, channels, height, width) or (n, channels, time)
            Rows that neither has seen.
        y : array-like of shape (n,)
            Labels.
        n_rows : int, default=10
            How many rows of each kind to draw, those that the classifier which is wrong
            is surest of.
        figure, cmap : objects
            As for :meth:`plot`.

        Returns
        -------
        display : CorrectedRowsDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If X is a table, or `n_rows` is no whole number of 1 or more.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimators")
        check_value(
            name, "n_rows", n_rows, Whole(1, hint="Give the number of columns.")
        )
        X = np.asarray(X)
        check_shape(name, X)
        y = check_labels(y, len(X), name)
        sides = {}
        for kind, right, wrong in [
            ("corrected", augmented, plain),
            ("spoiled", plain, augmented),
        ]:
            found = (right.predict(X) == y) & (wrong.predict(X) != y)
            sure = wrong.predict_proba(X).max(axis=1)
            rows = np.flatnonzero(found)
            rows = rows[np.argsort(-sure[rows], kind="stable")][:n_rows]
            predicted = wrong.predict(X)[rows]
            sides[kind] = X[rows]
            sides[f"{kind}_labels"] = [*zip(map(str, y[rows]), map(str, predicted))]
            sides[f"n_{kind}"] = int(found.sum())
        return cls(**sides).plot(figure, cmap=cmap)

    def plot(self, figure=None, *, cmap="gray"):
        """Draw the rows, with the true label and the wrong prediction above each.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; by default a new figure.
        cmap : str or matplotlib Colormap
            Colours of images of one channel.

        Returns
        -------
        display : CorrectedRowsDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        lines = [
            (self.corrected, self.corrected_labels, f"corrected\n{self.n_corrected}"),
            (self.spoiled, self.spoiled_labels, f"spoiled\n{self.n_spoiled}"),
        ]
        n = max(1, len(self.corrected), len(self.spoiled))
        if figure is None:
            width = 1.1 if self.corrected.ndim == 4 else 1.7
            figure = plt.figure(figsize=(width * n + 0.6, 3.2), layout="constrained")
        self.figure_ = figure.figure
        self.axes_ = figure.subplots(2, n, squeeze=False)
        shown = [rows for rows, *_ in lines if len(rows)]
        limits = range_of(np.concatenate(shown), shown) if shown else (0.0, 1.0)
        for (rows, labels, heading), axes in zip(lines, self.axes_):
            if len(rows):
                draw_line(axes, rows, limits, cmap)
            for ax, (true, wrong) in zip(axes, labels):
                ax.set_title(f"{true}, not {wrong}", fontsize="small")
            for ax in axes[len(rows) :]:
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
            axes[0].set_ylabel(heading)
        return self
