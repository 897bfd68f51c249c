r"""Mixup for rows of any shape, at the input or between the layers of a network.

A mixed row is :math:`\lambda h + (1 - \lambda) h'`, where h is the row itself or the
output of a layer for the row, and h' is the same of another row of the batch. The
target is mixed alike (Eq. 1 of He et al.). The cross-entropy with a mixed target is
:math:`\lambda` times the one with the first label plus :math:`1 - \lambda` times the
one with the second. One :math:`\lambda \sim Beta(\alpha, \alpha)` is drawn for a batch,
as in the published code of both papers.

For images there are ``torchvision.transforms.v2.MixUp`` and ``CutMix``, which refuse
tables and signals.

References
----------
.. [1] H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk
   Minimization", ICLR 2018.
.. [2] V. Verma et al., "Manifold Mixup: Better Representations by Interpolating Hidden
   States", ICML 2019.
"""

import math
from weakref import WeakKeyDictionary

import torch
from sklearn.base import BaseEstimator

from skaug._checks import Number, check_parameters
from skaug.net.levels import INPUT, Levels

__all__ = ["ManifoldMixup", "TableMixup", "unmix"]

ALPHA = Number(0, hint="1 draws shares uniformly, 0 turns it off.")

# Names of the layers to choose from, by network and by what was asked for. To find the
# names takes several passes through the network.
_names_of = WeakKeyDictionary()


class TableMixup(BaseEstimator):
    r"""Replace rows by mixtures of two, and labels by their shares.

    For tables and signals; it takes images just as well.

    Parameters
    ----------
    alpha : float, default=1.0
        Shares are drawn from a Beta distribution with both parameters `alpha`. 1, the
        paper's value, is uniform; small values keep one of the two rows almost whole; 0
        does nothing.

    See Also
    --------
    BatchAugmentation : Puts it into the training of a net.

    Examples
    --------
    >>> import torch
    >>> from skaug import TableMixup
    >>> X, y = torch.eye(3), torch.tensor([0, 1, 2])
    >>> mixed, shares = TableMixup()(X, y, n_classes=3)
    >>> bool((mixed == shares).all())
    True
    """

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def __call__(self, X, y, n_classes=None, progress=0.0):
        """Mix a batch.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor of shape (n,) or (n, n_outputs)
            Class codes; or numbers, such as shares of classes or targets of a
            regression.
        n_classes : int, default=None
            Number of classes; needed for class codes.
        progress : float, default=0.0
            How far to weaken: `alpha` is taken times ``1 - progress``.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Mixed rows.
        y : torch.Tensor of shape (n, n_classes) or as it was
            Mixed targets.

        Raises
        ------
        ValueError
            If alpha is negative or n_classes is missing.
        """
        mix = _draw_mixture(self, X, progress)
        return (X, y) if mix is None else (mix(X), mix(_shares(self, y, n_classes)))


class ManifoldMixup(BaseEstimator):
    """Mix the output of a randomly chosen layer, and the labels.

    For each batch one of the layers is drawn, and a hook mixes its output in training
    mode. :class:`BatchAugmentation` removes the hook after the step.

    Parameters
    ----------
    alpha : float, default=1.0
        As for :class:`TableMixup`.
    layers : sequence of str, default=None
        Dotted names of modules whose output is mixed; "input" is the input of the
        network. By default "input" and the first half of the network's blocks (see
        :class:`skaug.net.Levels`): the published code takes the input and the first
        two of four stages.

    See Also
    --------
    BatchAugmentation : Puts it into the training of a net.

    Notes
    -----
    With ``layers=["input"]`` this is :class:`TableMixup`, for any network. Hidden
    layers are those at which :class:`skaug.net.Levels` can cut the network. If several
    callbacks augment, this one has to come last: others would move rows or labels after
    it. The published code minimises binary cross-entropies of the softmax outputs; here
    the net's own loss is minimised.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, ManifoldMixup, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> mixup = ManifoldMixup(layers=["input", "blocks.0", "blocks.1"])
    >>> net = NetClassifier(callbacks=[BatchAugmentation(mixup)], random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(self, alpha=1.0, layers=None):
        self.alpha = alpha
        self.layers = layers

    def __call__(self, X, y, module, n_classes=None, progress=0.0):
        """Mix a batch, at the input or when the network sees it next.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor of shape (n,) or (n, n_outputs)
            Targets, as for :class:`TableMixup`.
        module : torch.nn.Module
            The network.
        n_classes : int, default=None
            Number of classes; needed for class codes.
        progress : float, default=0.0
            As for :class:`TableMixup`.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Mixed rows, or the rows as they are for a hidden layer. Until the next call
            of this object or of ``skaug.refined.unmix(module)``, the network then mixes
            its hidden activations in training mode.
        y : torch.Tensor of shape (n, n_classes) or as it was
            Mixed targets.

        Raises
        ------
        ValueError
            If alpha is negative, n_classes is missing, or a layer cannot be mixed at;
            says why and lists the blocks.
        """
        unmix(module)
        names = self._names(module, X)
        # Without a choice there is no draw: then this is TableMixup, bit for bit.
        name = names[torch.randint(len(names), ()) if len(names) > 1 else 0]
        mix = _draw_mixture(self, X, progress)
        if mix is None:
            return X, y
        if name == INPUT:
            X = mix(X)
        else:
            hook = _MixOutput(module, mix)
            module.get_submodule(name).register_forward_hook(hook)
        return X, mix(_shares(self, y, n_classes))

    def _names(self, module, X):
        asked = None if self.layers is None else tuple(self.layers)
        if asked is not None and (isinstance(self.layers, str) or not asked):
            raise ValueError(
                "ManifoldMixup needs layers to be a list of names; got "
                f"{self.layers!r}. Give ['input'] or names of modules."
            )
        if asked == (INPUT,):
            return asked
        names_of = _names_of.setdefault(module, {})
        if asked not in names_of:
            modes = [(layer, layer.training) for layer in module.modules()]
            try:
                names = Levels(module, X[:8], asked).names
            except ValueError as error:
                raise ValueError(
                    f"ManifoldMixup needs layers at which {type(module).__name__} can "
                    f"be cut; got {self.layers!r}: {error} Without any, give "
                    "layers=['input']."
                ) from error
            finally:
                for layer, training in modes:
                    layer.training = training
            half = names[: math.ceil(len(names) / 2)]
            names_of[asked] = (INPUT, *half) if asked is None else tuple(names)
        return names_of[asked]


def unmix(module):
    """Remove the hooks of :class:`~skaug.ManifoldMixup` from a network."""
    for layer in module.modules():
        for key, hook in list(layer._forward_hooks.items()):
            if isinstance(hook, _MixOutput):
                del layer._forward_hooks[key]


class _MixOutput:
    """Forward hook; a class, so that a network that has it can be pickled."""

    def __init__(self, module, mix):
        self.module = module
        self.mix = mix

    def __call__(self, _, args, output):
        # Predictions between two steps are not to be mixed.
        return self.mix(output) if self.module.training else output


class _Mixture:
    """Mixes a tensor that has as many rows as partners were drawn."""

    def __init__(self, share, partners):
        self.share = share
        self.partners = partners

    def __call__(self, h):
        return self.share * h + (1 - self.share) * h[self.partners]


def _draw_mixture(mixup, X, progress):
    """A mixture of the rows of X, or None for alpha = 0."""
    check_parameters(mixup, {"alpha": ALPHA})
    alpha = mixup.alpha * (1 - progress)
    if alpha == 0:
        return None
    # Two gamma variables of shape alpha, as logarithms: they would underflow for small
    # alpha. Gamma(a) is Gamma(a + 1) times the a-th root of a uniform variable.
    gamma = torch.distributions.Gamma(alpha + 1.0, 1.0).sample((2,))
    first, second = gamma.log() + torch.rand(2).log() / alpha
    share = float(torch.sigmoid(first - second))
    return _Mixture(share, torch.randperm(len(X)).to(X.device))


def _shares(mixup, y, n_classes):
    """Targets as numbers that can be mixed."""
    if y.is_floating_point():
        return y
    if n_classes is None:
        raise ValueError(
            f"{type(mixup).__name__} needs n_classes to mix class codes; got "
            f"{y.dtype} targets alone. Give n_classes= or shares of the classes; to "
            "combine it with others, give each transform its own BatchAugmentation."
        )
    return torch.nn.functional.one_hot(y.long(), n_classes).float()
