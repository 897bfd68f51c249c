"""InputNorm: the input of a network, standardised by its training rows.

Units of sensors differ by powers of ten: microvolts, pascals, seconds since 1970. No
number of the size of the data is squared here, so that no unit overflows or underflows,
and means are taken relative to a row, so that small differences of large numbers stay.
"""

from functools import reduce

import torch
from torch import nn

__all__ = ["InputNorm", "merged", "moments_of"]

# Numbers whose moments are computed at once.
CHUNK = 2**22
# A column that hardly varied in training may be thousands of deviations away later, and
# would outweigh all others.
FARTHEST = 10.0


class InputNorm(nn.Module):
    r"""Standardise each column, or each channel, by its mean and deviation in training.

    The output is :math:`(x - m) / s`, where :math:`m` and :math:`s` are the mean and
    the standard deviation over the training rows and over all axes after the second.
    Values farther than 10 deviations from the mean count as 10. A column that did not
    vary in training has the output 0 for any input: the network has learned nothing
    about it, so what it becomes later has no say.

    :meth:`learn` takes the statistics from rows, as :class:`~skaug.NetClassifier` does
    before the first step; other rows that are learned later count as well. Without
    that, the statistics are those of all rows seen in training so far.

    Parameters
    ----------
    n_inputs : int
        Number of columns or channels, the size of the second axis.

    Attributes
    ----------
    mean, deviation : torch.Tensor of shape (n_inputs,)
        The statistics, 0 and 1 at first; the deviation of a column that has not varied
        is 0.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import InputNorm
    >>> X = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> norm = InputNorm(2)
    >>> norm.learn(X)
    >>> norm(torch.tensor([[3.0, 80.0]]))
    tensor([[1., 0.]])
    """

    def __init__(self, n_inputs):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("mean_rest", torch.zeros(n_inputs))
        self.register_buffer("deviation", torch.ones(n_inputs))
        self.n_rows, self.learned = 0, False

    def extra_repr(self):
        """Number of columns, for the text of the module."""
        return str(len(self.mean))

    def learn(self, X, sample_weight=None):
        """Take the statistics of rows (n, n_inputs, ...), computed in float64."""
        # Weights (n,) are above 0, and say how many times each row counts.
        n_at_once = max(1, CHUNK // max(1, X[0].numel()))
        parts = (moments_of(rows.double()) for rows in X.split(n_at_once))
        if sample_weight is not None:
            weight = torch.as_tensor(sample_weight, dtype=torch.float64)
            pairs = zip(X.split(n_at_once), weight.to(X.device).split(n_at_once))
            parts = (_weighted_moments(rows.double(), w) for rows, w in pairs)
        moments, precision = reduce(merged, parts), self._precision(X)
        if not self._knows(moments, precision):
            self._keep(self._with_own(moments), precision)
        self.learned = True

    def forward(self, X):
        """Standardise a batch; the result has the type of the network's weights."""
        if self.training and not self.learned:
            self._keep(self._with_own(moments_of(X.detach())), self._precision(X))
        by_column = (-1, *[1] * (X.ndim - 2))
        mean, rest = self.mean.view(by_column), self.mean_rest.view(by_column)
        # A difference first: rows in float64 are told apart before they are rounded.
        centred = (X - mean - rest).to(self.mean.dtype)
        scaled = centred * self._factor().view(by_column)
        # Infinity becomes NaN: a bound must not hide what a transform has broken.
        return scaled.clamp(-FARTHEST, FARTHEST) + (0 * X).to(scaled.dtype)

    def get_extra_state(self):
        """What ``state_dict`` holds beside the statistics."""
        is_sum = isinstance(self.n_rows, float)  # of weights
        state = [self.n_rows, self.learned]
        return torch.tensor(state, dtype=torch.float64 if is_sum else None)

    def set_extra_state(self, state):
        """Go on from what a ``state_dict`` held."""
        self.n_rows, self.learned = state[0].item(), bool(state[1])

    def _factor(self):
        """Inverse of the deviation, 0 for a column that has not varied."""
        varies = self.deviation > 0
        factor = torch.where(varies, self.deviation, 1).reciprocal()
        return torch.where(varies, factor.clamp(max=torch.finfo(factor.dtype).max), 0)

    def _precision(self, X):
        """Rounding error of rows, and of statistics in two parts, each of float32."""
        return max(torch.finfo(X.dtype).eps, torch.finfo(self.mean.dtype).eps ** 2)

    def _own(self, like):
        """What is known so far, in the type of a tensor."""
        mean = self.mean.to(like) + self.mean_rest.to(like)
        return self.n_rows, mean, self.deviation.to(like)

    def _with_own(self, moments):
        """Moments of some rows and of those that are known together."""
        return merged(self._own(moments[1]), moments) if self.n_rows else moments

    def _knows(self, moments, precision):
        """Whether the statistics are those of these rows, as when training goes on."""
        n_rows, mean, deviation = self._own(moments[1])
        gaps = torch.stack([moments[1] - mean, moments[2] - deviation]).abs()
        rounding = 1e-6 * deviation + precision * mean.abs()
        return n_rows == moments[0] and bool((gaps <= rounding).all())

    def _keep(self, moments, precision):
        """Keep a number of rows, a mean and a deviation."""
        self.n_rows, mean, deviation = moments
        # Differences of the size of rounding errors are no variation.
        varies = deviation > precision * mean.abs()
        self.mean.copy_(mean)
        # What float32 leaves of a mean matters if it is large beside the deviation.
        self.mean_rest.copy_(mean - mean.to(self.mean.dtype).to(mean.dtype))
        self.deviation.copy_(torch.where(varies, deviation, 0))


def moments_of(X):
    """Number of rows, and mean and standard deviation of the columns of X."""
    X, axes, first, size = _scaled(X)
    deviation = X.std(dim=axes, correction=0) if X.numel() else 0 * size
    return len(X), first + size * X.mean(dim=axes), size * deviation


def _weighted_moments(X, weight):
    """Sum of the weights, and mean and deviation as of rows that are repeated."""
    X, axes, first, size = _scaled(X)
    share = weight / weight.sum() / max(1, X[0, 0].numel())
    share = share.view(-1, *[1] * (X.ndim - 1))
    mean = (share * X).sum(dim=axes, keepdim=True)
    deviation = (share * (X - mean).square()).sum(dim=axes).sqrt()
    return float(weight.sum()), first + size * mean.flatten(), size * deviation


def _scaled(X):
    """X without its first numbers and by its largest, its axes, and these two."""
    axes = [axis for axis in range(X.ndim) if axis != 1]
    first = X[:1].select(0, 0).reshape(X.shape[1], -1)[:, 0]
    by_column = (-1, *[1] * (X.ndim - 2))
    X = X - first.view(by_column)  # exactly 0 in a column that is constant
    size = X.abs().amax(dim=axes).clamp(min=torch.finfo(X.dtype).tiny)
    return X / size.view(by_column), axes, first, size


def merged(one, other):
    """Moments of two sets of rows together, from those of each."""
    n = one[0] + other[0]
    shares = one[0] / n, other[0] / n
    gap = other[1] - one[1]
    within = torch.hypot(shares[0] ** 0.5 * one[2], shares[1] ** 0.5 * other[2])
    deviation = torch.hypot(within, (shares[0] * shares[1]) ** 0.5 * gap)
    return n, one[1] + shares[1] * gap, deviation
