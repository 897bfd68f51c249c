"""All pairs of points within a radius, exactly and in bounded memory.

Distances are computed in blocks that stay in the caches, half of them where they are
symmetric, from one matrix product each. Only what lies within the radius goes on from
there, as lists of pairs that never leave the block.
"""

import math
import time
import warnings
from numbers import Integral

import numpy as np
import torch

__all__ = ["METRICS", "MetricSpace", "at"]

# Largest meaningful radius of each metric.
METRICS = {"cosine": 2.0, "euclidean": math.inf, "manhattan": math.inf}


class MetricSpace:
    """Points made ready for a metric, and the pairs of neighbours among them.

    Blocks of distances are kept as *closeness*, what a matrix product gives most
    directly: the cosine similarity, or minus half the squared euclidean distance, or
    minus the manhattan distance.

    Parameters
    ----------
    metric : {"cosine", "euclidean", "manhattan"}
        The distance.
    arrays : list of ndarray of shape (n, n_features)
        One set of points or several, of one dtype.
    device : str or torch.device
        Where to keep them.
    reach : float, default=None
        Smallest distance that matters. Where rounding in float32 would show against
        it, points are kept in float64.

    Attributes
    ----------
    points : list of torch.Tensor
        The points: directions, or centred, or scaled.
    scale : float
        Distances between `points` are as many times smaller.
    """

    def __init__(self, metric, arrays, device, reach=None):
        self.metric, self.scale = metric, 1.0
        if metric != "cosine":
            # A power of two, so that nothing overflows and nothing is rounded.
            largest = max(float(np.abs(X).max()) for X in arrays)
            self.scale = 2.0 ** math.floor(math.log2(largest)) if largest else 1.0
        self.points = self._made_ready(arrays, device)
        if reach is not None and self.rounding_shows(reach):
            self.points = self._made_ready([X.astype(float) for X in arrays], device)

    def _made_ready(self, arrays, device):
        # torch warns of arrays that are read-only, as those of pandas are.
        arrays = [np.require(X, requirements="W") for X in arrays]
        points = [torch.as_tensor(X, device=device) for X in arrays]
        if self.metric == "cosine":
            return [_directions(X) for X in points]
        points = [X / self.scale for X in points]
        if self.metric == "euclidean":
            centre = points[-1].mean(0)
            points = [X - centre for X in points]
        return points

    def rounding_shows(self, reach):
        """Whether products in float32 are too coarse for kernels of that width."""
        if self.points[0].dtype == torch.float64 or self.metric == "manhattan":
            return False
        rounding = self._rounding()
        reach = reach / self.scale
        return rounding > 1e-3 * (reach if self.metric == "cosine" else reach**2)

    def _rounding(self):
        """Rounding of a distance (cosine) or squared distance (euclidean) near 0."""
        eps = torch.finfo(self.points[0].dtype).eps
        if self.metric == "cosine":
            return 8 * eps
        return 8 * eps * max(float(X.square().sum(1).max()) for X in self.points)

    def closeness(self, A, B, out):
        """Write the closeness of all rows of A to all rows of B to `out`."""
        if self.metric == "manhattan":
            return torch.neg(torch.cdist(A, B, p=1), out=out)
        torch.mm(A, B.T, out=out)
        if self.metric == "euclidean":
            out -= A.square().sum(1)[:, None] / 2
            out -= B.square().sum(1) / 2
        return out

    def distance(self, closeness):
        """Distances between `points` from their closeness."""
        if self.metric == "cosine":
            return 1 - closeness
        if self.metric == "euclidean":
            return (-2 * closeness).clamp_(min=0).sqrt_()
        return -closeness

    def least_closeness(self, radius):
        """Closeness at a radius given in the user's units."""
        radius = radius / self.scale
        if self.metric == "cosine":
            return 1 - radius if radius < 2 else -math.inf
        return -(radius**2) / 2 if self.metric == "euclidean" else -radius

    def pairs(
        self,
        radius,
        A,
        B=None,
        groups_A=None,
        groups_B=None,
        block_size=None,
        verbose=0,
    ):
        """Pairs of neighbours by blocks: (rows of A, rows of B, row, column, distance).

        The first two are slices, row and column count from their starts. Without B, the
        pairs of different points of A, each once.
        """
        step = _default_block_size(A) if block_size is None else block_size
        if not isinstance(step, Integral) or not 1 <= step <= 2**15:
            raise ValueError(
                "The potential needs a block_size from 1 to 32768, since places in a "
                f"block are 32-bit numbers; got {block_size!r}."
            )
        step = min(step, len(A))
        limit = self.least_closeness(radius)
        symmetric = B is None
        if symmetric:
            B, groups_B = A, groups_A
        # Fresh memory for every block would cost as much as what is done with it.
        buffer = A.new_empty(step * min(step, len(B)))
        mask = torch.empty_like(buffer, dtype=torch.bool)
        start = told = time.monotonic()
        for i in range(0, len(A), step):
            if verbose and time.monotonic() > told + 5:
                left = 1 - i / len(A)
                done, told = 1 - left**2 if symmetric else 1 - left, time.monotonic()
                print(f"potential: {done:.0%} of all pairs in {told - start:.0f} s")
            for j in range(i if symmetric else 0, len(B), step):
                of_A, of_B = slice(i, i + step), slice(j, j + step)
                left, right = A[of_A], B[of_B]
                block = buffer[: len(left) * len(right)].view(len(left), len(right))
                self.closeness(left, right, out=block)
                place = _where_at_least(block, limit, mask[: block.numel()])
                # Beyond products, all is in double precision: it concerns few pairs.
                closeness = block.view(-1).index_select(0, place).double()
                place = place.int()
                rows = _divide(place, len(right))
                columns = place.sub_(rows, alpha=len(right))
                keep = rows < columns if symmetric and i == j else None
                if groups_A is not None:
                    apart = at(groups_A[of_A], rows) != at(groups_B[of_B], columns)
                    keep = apart if keep is None else keep & apart
                found = rows, columns, self.distance(closeness)
                if keep is not None:
                    found = (values[keep] for values in found)
                yield of_A, of_B, *found

    def typical_distance(self, n_neighbors, groups=None, n_queries=1000):
        """Median distance to the nth neighbour in the user's units."""
        (X,) = self.points
        k = min(n_neighbors, len(X) - 1)
        rows = torch.linspace(0, len(X) - 1, min(len(X), n_queries)).long()
        # Without groups, every point is one of its own.
        groups = np.arange(len(X)) if groups is None else groups
        groups = torch.as_tensor(groups, device=X.device)
        nearest = X.new_full((len(rows), k), -math.inf)
        step = _default_block_size(X)
        for start in range(0, len(X), step):
            part = X[start : start + step]
            block = self.closeness(X[rows], part, X.new_empty(len(rows), len(part)))
            own = groups[rows, None] == groups[start : start + step]
            block.masked_fill_(own.logical_or_(block.isnan()), -math.inf)
            nearest = torch.cat([nearest, block], dim=1).topk(k, dim=1).values
        distances = self.distance(nearest.double())
        nth = distances[:, -1] if k else distances.new_empty(0)
        nth = nth[nth.isfinite()]
        zero = 0.0 if self.metric == "manhattan" else self._rounding()
        zero = math.sqrt(zero) if self.metric == "euclidean" else zero
        if len(nth) and nth.median() > zero:
            return float(nth.median()) * self.scale
        some = distances[(distances > zero) & distances.isfinite()]
        return float(some.min()) * self.scale if len(some) else 1.0


def _directions(X):
    length = torch.linalg.vector_norm(X, dim=1, keepdim=True)
    safe = torch.finfo(X.dtype).tiny ** 0.25
    if len(X) and not safe < length.min() <= length.max() < 1 / safe:
        # Squares leave the range of the dtype, or rows are zero.
        largest = X.abs().amax(1, keepdim=True)
        zero = (largest == 0).squeeze(1).nonzero().squeeze(1).tolist()
        if zero:
            rows = ", ".join(map(str, zero[:5])) + (", ..." if len(zero) > 5 else "")
            warnings.warn(
                f"{len(zero)} rows are all zeros (row {rows}). They have no direction "
                "and so no neighbours under the cosine metric; set metric='euclidean' "
                "if zeros mean something.",
                stacklevel=6,
            )
        # 0 / 0 is NaN, which is near nothing.
        X = X / largest
        length = torch.linalg.vector_norm(X, dim=1, keepdim=True)
    return X / length


def _default_block_size(X):
    # Scratch memory that stays in a CPU's caches; enough work for a GPU.
    return 1024 if X.device.type == "cpu" else 8192


def _where_at_least(block, limit, mask):
    """Places in the flattened block where it reaches the limit."""
    block = block.view(-1)
    if block.device.type != "cpu":
        return torch.ge(block, limit, out=mask).nonzero().squeeze(1)
    # NumPy does this several times as fast as torch.
    np.greater_equal(block.numpy(), limit, out=mask.numpy())
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def _divide(place, width):
    power_of_two = width & (width - 1) == 0
    # Ten times as fast, and the usual case.
    return place >> (width.bit_length() - 1) if power_of_two else place // width


def at(values, places):
    """``values[places]``, several times as fast."""
    return values.index_select(0, places)
