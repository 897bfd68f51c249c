"""Figure 3: how many directions the features of networks use.

The class follows scikit-learn's displays: ``from_estimators`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import numpy as np
import torch
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._plots import legend_beside, panels_of
from skaug._printing import Printed
from skaug.net.trained import check_net, features_and_codes

__all__ = ["FeatureSpectrumDisplay"]


class FeatureSpectrumDisplay(Printed):
    """Singular values of the covariances of features, for several networks (Figure 3).

    Left, the covariance within classes: how many directions a class spreads along.
    Right, that of all rows: values up to the number of classes minus one are mostly
    distances between classes. What to read off: a curve that falls early uses few
    directions; refinement draws the curves of an augmented network back to those of the
    plain one [1]_. Make the display with :meth:`from_estimators`. The parameters are
    kept as attributes.

    Parameters
    ----------
    within, overall : dict of str to ndarray of shape (n_features,)
        Singular values of the covariance within classes and of all rows, descending, by
        the name of the network.
    n_classes : int, default=None
        Number of classes; the right panel then has a line at as many values.

    Attributes
    ----------
    axes_, figure_ : ndarray of matplotlib Axes and Figure
        Where ``plot`` drew.
    lines_ : dict of str to tuple of two matplotlib Line2D
        The curves by name.

    See Also
    --------
    skaug.RefineCurveDisplay : Losses over the epochs.

    References
    ----------
    .. [1] Z. He et al., "Data Augmentation Revisited: Rethinking the Distribution Gap
       between Clean and Augmented Data", arXiv:1909.09148, Figure 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier, TableMixup
    >>> from skaug.refined import FeatureSpectrumDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> plain = NetClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> mixup = BatchAugmentation(TableMixup())
    >>> mixed = NetClassifier(callbacks=[mixup], max_epochs=200).fit(X, y)
    >>> nets = {"plain": plain, "mixup": mixed}
    >>> display = FeatureSpectrumDisplay.from_estimators(nets, X, y)
    >>> display.within["mixup"].shape
    (128,)
    """

    def __init__(self, within, overall, *, n_classes=None):
        self.within = within
        self.overall = overall
        self.n_classes = n_classes

    @classmethod
    def from_estimators(cls, nets, X, y, *, axes=None):
        """Compute the features of fitted nets for the same rows, and draw.

        Parameters
        ----------
        nets : dict of str to net of skorch
            Fitted nets by name, which end in an ``nn.Linear``; they are not changed.
        X, y : array-like
            Rows and labels.
        axes : array of two matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : FeatureSpectrumDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If something else than nets of skorch is in the dictionary.
        ValueError
            If a net has no plain linear layer at its end.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimators")
        within, overall = {}, {}
        for name, net in nets.items():
            check_net(net, cls.__name__)
            features, codes = features_and_codes(net, X, y)
            overall[name] = _singular_values(features - features.mean(dim=0))
            means = torch.stack(
                [features[codes == code].mean(dim=0) for code in codes.unique()]
            )
            _, places = codes.unique(return_inverse=True)
            within[name] = _singular_values(features - means[places])
        n_classes = len(codes.unique()) if nets else None
        return cls(within, overall, n_classes=n_classes).plot(axes)

    def plot(self, axes=None, *, line_kw=None):
        """Draw the curves.

        Parameters
        ----------
        axes : array of two matplotlib Axes, default=None
            Where to draw; by default a new figure.
        line_kw : dict, default=None
            More arguments for ``Axes.plot``.

        Returns
        -------
        display : FeatureSpectrumDisplay
            The display itself.
        """
        self.axes_ = panels_of(axes, 2, "FeatureSpectrumDisplay.plot", sharey=True)
        self.figure_ = self.axes_[0].figure
        self.lines_ = {}
        for number, name in enumerate(self.within):
            style = {"color": f"C{number}", "label": name} | (line_kw or {})
            self.lines_[name] = tuple(
                ax.plot(np.arange(1, len(of_net[name]) + 1), of_net[name], **style)[0]
                for ax, of_net in zip(self.axes_, (self.within, self.overall))
            )
        titles = "within classes", "all rows"
        for ax, title in zip(self.axes_, titles):
            ax.set(title=title, xlabel="number of the singular value", yscale="log")
        self.axes_[0].set_ylabel("singular value of the covariance")
        if self.n_classes is not None:
            self.axes_[1].axvline(
                self.n_classes - 1, color="0.5", linewidth=1, linestyle=":"
            )
        values = [*self.within.values(), *self.overall.values()]
        largest = max((float(one.max()) for one in values), default=1.0)
        least = min((float(one[one > 0].min()) for one in values), default=1.0)
        # What is below a millionth is rounding.
        self.axes_[0].set_ylim(bottom=max(least, 1e-6 * largest) / 2)
        legend_beside(self.axes_[1])
        return self


def _singular_values(centred):
    """Of the covariance: squared singular values of the rows over their number."""
    values = torch.linalg.svdvals(centred).square() / len(centred)
    missing = max(0, centred.shape[1] - len(values))
    return torch.cat([values, values.new_zeros(missing)]).numpy()
