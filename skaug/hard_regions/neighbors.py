"""All pairs of points within a radius, exactly and in bounded memory.

One matrix product gives a block of distances, small enough for the caches. If distances
are symmetric, half of the blocks are enough. Only the pairs within the radius leave a
block, as lists. The points themselves are made ready block by block, so that no second
copy of a large table is needed.
"""

import math
import time
from numbers import Integral

import numpy as np
import torch

from skaug._progress import Progress, prints_lines

__all__ = ["METRICS", "MetricSpace", "at", "parts_of"]

AT_ONCE = 1024  # rows, or columns
N_PARTS = 16  # for as many workers at most

TOO_COARSE = 1e-3  # share of a distance
# Largest meaningful radius of each metric.
METRICS = {"cosine": 2.0, "euclidean": math.inf, "manhattan": math.inf}


class MetricSpace:
    """Points prepared for a metric, and the pairs of neighbours among them.

    A block holds the *closeness* of its points, which a matrix product gives directly:
    the cosine similarity, or minus half the squared euclidean distance. Manhattan
    distances come from differences; their closeness is minus the distance. Euclidean
    distances are treated likewise if products are too coarse even in float64.

    Parameters
    ----------
    metric : {"cosine", "euclidean", "manhattan"}
        The distance.
    arrays : list of ndarray of shape (n, n_features)
        One set of points or several, of one dtype.
    device : str or torch.device
        Where to keep the points.
    reach : float, default=None
        Smallest distance that matters. If float32 is too coarse for it, points are kept
        in float64. If float64 is too coarse too, euclidean distances come from
        differences.

    Attributes
    ----------
    points : list of Directions or Centred
        The points as directions, or centred and scaled, where they are asked for. A row
        of zeros has no direction: it is NaN, and has no neighbours.
    scale : float
        Factor from distances between `points` to distances between the arrays.
    """

    def __init__(self, metric, arrays, device, reach=None):
        self.metric, self.scale, self.by_product = metric, 1.0, metric != "manhattan"
        if metric != "cosine":
            # A power of two: division by it neither overflows nor rounds.
            largest = max(float(max(X.max(), -X.min())) for X in arrays)
            self.scale = 2.0 ** math.floor(math.log2(largest)) if largest else 1.0
        # torch warns of read-only arrays and refuses negative strides.
        arrays = [np.require(X, requirements=["C", "W"]) for X in arrays]
        tensors = [torch.as_tensor(X, device=device) for X in arrays]
        self.points = self._made_ready(tensors, tensors[0].dtype)
        if reach is not None and self.rounding_shows(reach):
            self.points = self._made_ready(tensors, torch.float64)
            self.by_product = metric == "cosine" or not self.rounding_shows(reach)

    def _made_ready(self, tensors, dtype):
        if self.metric == "cosine":
            return [Directions(X, dtype) for X in tensors]
        # Products are precise near 0. The median is one of the values, so that whole
        # numbers stay whole, and outliers do not move it.
        columns = tensors[-1].split(AT_ONCE, dim=1)
        centre = torch.cat([part.median(0).values for part in columns])
        centre = centre.to(dtype) / self.scale
        return [Centred(X, dtype, centre, self.scale) for X in tensors]

    def rounding_shows(self, reach):
        """Whether products are too coarse for distances of the size of `reach`."""
        dtype = self.points[0].dtype
        return self.by_product and self._rounding(reach, dtype) > TOO_COARSE

    def _rounding(self, reach, dtype):
        """Share of a distance that rounding may change in products of a dtype."""
        rounding, reach = 8 * torch.finfo(dtype).eps, reach / self.scale
        if not reach:
            return math.inf
        if self.metric == "cosine":
            return rounding / reach
        largest = math.sqrt(max(X.largest_square() for X in self.points))
        ratio = max(largest / reach, 1.0)
        return rounding * ratio * ratio

    def beyond_ties(self, radius):
        """Raise the distance of a pair a little, to be a radius that holds the pair."""
        # In another unit, rounding could put that pair, and all at the same distance,
        # on the other side. The data are rounded to their own dtype.
        share = self._rounding(radius, self.points[0].X.dtype)
        share = min(max(share, 1e-9), TOO_COARSE)
        return min(radius * (1 + share), METRICS[self.metric])

    def closeness(self, A, B, out):
        """Write the closeness of all rows of A to all rows of B to `out`."""
        if not self.by_product:
            power = 1.0 if self.metric == "manhattan" else 2.0
            mode = "donot_use_mm_for_euclid_dist"
            return torch.neg(torch.cdist(A, B, p=power, compute_mode=mode), out=out)
        torch.mm(A, B.T, out=out)
        if self.metric == "euclidean":
            out -= A.square().sum(1)[:, None] / 2
            out -= B.square().sum(1) / 2
        return out

    def distance(self, closeness):
        """Distances between `points` from their closeness."""
        if self.metric == "cosine":
            return 1 - closeness
        if self.by_product:
            return (-2 * closeness).clamp_(min=0).sqrt_()
        return -closeness

    def least_closeness(self, radius):
        """Closeness of two points whose distance is `radius`, in the user's units."""
        radius = float(radius) / self.scale
        if self.metric == "cosine":
            return 1 - radius if radius < 2 else -math.inf
        # A square of floats that is too large is infinite; ``**`` would raise.
        return -(radius * radius) / 2 if self.by_product else -radius

    def exact_distance(self, A, B):
        """Distances between rows of A and B at the same place, by differences."""
        difference = (A - B).abs()
        if self.metric == "cosine":
            return difference.square().sum(-1) / 2
        if self.metric == "euclidean":
            return torch.linalg.vector_norm(difference, dim=-1)
        return difference.sum(-1)

    def pairs(
        self,
        radii,
        A,
        B=None,
        groups_A=None,
        groups_B=None,
        block_size=None,
        verbose=0,
        rows=None,
    ):
        """Find the pairs of neighbours, block by block.

        Parameters
        ----------
        radii : array of float
            Radii in ascending order. Pairs within the last one are found.
        A, B : Directions or Centred
            Elements of `points`. Without B, the pairs are those of different points of
            A, each once.
        groups_A, groups_B : torch.Tensor of int, default=None
            Points of one group are no neighbours.
        block_size, verbose : int
            As for :func:`skaug.potential`.
        rows : range, default=None
            Some of A, all by default: from the start of a block to that of another.
            Without B, the pairs are those of these rows and later ones.

        Yields
        ------
        of_A, of_B : slice
            Rows of A and of B in the block.
        rows, columns : torch.Tensor of shape (n_pairs,), int32
            Places of the pairs, counted from the start of the slices.
        distances : torch.Tensor of shape (n_pairs,), float64
            Distances between `points`.
        ring : torch.Tensor of shape (n_pairs,), int32
            Place of the first radius that holds the pair.
        """
        step = _checked_block_size(block_size, A)
        # In the dtype of the blocks: a radius gives the same pairs beside other radii.
        limits = [self.least_closeness(radius) for radius in radii]
        limits = -torch.tensor(limits, dtype=A.dtype, device=A.device)
        symmetric = B is None
        if symmetric:
            B, groups_B = A, groups_A
        # Fresh memory for every block would take as long as the computation.
        buffer = A.new_empty(step * min(step, len(B)))
        mask = torch.empty_like(buffer, dtype=torch.bool)
        place_of_right = B.new_empty(min(step, len(B)), B.n_features)
        rows = range(len(A)) if rows is None else rows
        for i in _told(rows, len(B), step, symmetric, verbose):
            of_A = slice(i, i + step)
            left = A[of_A]
            for j in range(i if symmetric else 0, len(B), step):
                of_B = slice(j, j + step)
                right = left if symmetric and i == j else B.block(of_B, place_of_right)
                block = buffer[: len(left) * len(right)].view(len(left), len(right))
                self.closeness(left, right, out=block)
                place = _where_at_least(block, -limits[-1], mask[: block.numel()])
                closeness = block.view(-1).index_select(0, place)
                place = place.int()
                rows = _divide(place, len(right))
                columns = place.sub_(rows, alpha=len(right))
                keep = rows < columns if symmetric and i == j else None
                if groups_A is not None:
                    apart = at(groups_A[of_A], rows) != at(groups_B[of_B], columns)
                    keep = apart if keep is None else keep & apart
                if keep is not None:
                    rows, columns = rows[keep], columns[keep]
                    closeness = closeness[keep]
                ring = torch.zeros_like(rows)
                if len(limits) > 1:
                    ring = torch.bucketize(-closeness, limits, out_int32=True)
                # From here on, few pairs are left: double precision is cheap.
                yield of_A, of_B, rows, columns, self.distance(closeness.double()), ring

    def typical_distance(self, n_neighbors, groups=None, n_queries=1000):
        """Median distance to the nth neighbour, in the user's units; 0 without any."""
        (X,) = self.points
        k = min(n_neighbors, len(X) - 1)
        if not k:
            return 0.0
        queries = torch.linspace(0, len(X) - 1, min(len(X), n_queries)).long()
        queries = queries.to(X.device)
        # Without groups, every point is a group of its own.
        groups = np.arange(len(X)) if groups is None else groups
        groups = torch.as_tensor(groups, device=X.device)
        asked = X[queries]
        nearest = torch.full_like(asked[:, :1], -math.inf).expand(-1, k)
        rows = queries[:, None].expand(-1, k)
        step = _default_block_size(X)
        for start in range(0, len(X), step):
            part = X[start : start + step]
            block = self.closeness(
                asked, part, out=X.new_empty(len(queries), len(part))
            )
            own = groups[queries, None] == groups[start : start + step]
            block.masked_fill_(own.logical_or_(block.isnan()), -math.inf)
            columns = torch.arange(start, start + len(part), device=X.device)
            rows = torch.cat([rows, columns.expand(len(queries), -1)], dim=1)
            nearest = torch.cat([nearest, block], dim=1)
            nearest, places = nearest.topk(k, dim=1)
            rows = rows.gather(1, places)
        # The rows of all neighbours at once would be many times the queries.
        distances = [self.exact_distance(asked, X[column]) for column in rows.T]
        distances = torch.stack(distances, dim=1).sort(dim=1).values
        found = nearest[:, -1].isfinite()
        return float(distances[found, -1].median()) * self.scale if found.any() else 0.0


class Centred:
    """Points in units of a scale, about a centre, made of an array block by block.

    Parameters
    ----------
    X : torch.Tensor of shape (n, n_features)
        The array.
    dtype : torch.dtype
        That of the points.
    centre : torch.Tensor of shape (n_features,)
        In units of the scale.
    scale : float
        A power of two.
    """

    def __init__(self, X, dtype, centre, scale):
        self.X, self.dtype, self.centre, self.scale = X, dtype, centre, scale
        self.device, self.n_features = X.device, X.shape[1]

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        """Points of the given rows."""
        return self._made(rows, None)

    def block(self, rows, out):
        """Points of a slice of rows, written to the start of a place of their width."""
        return self._made(rows, out[: len(range(*rows.indices(len(self))))])

    def _made(self, rows, out):
        points = torch.div(self.X[rows].to(self.dtype), self.scale, out=out)
        return points.sub_(self.centre)

    def new_empty(self, *shape):
        """Memory for numbers of the points' kind."""
        return torch.empty(*shape, dtype=self.dtype, device=self.device)

    def largest_square(self):
        """Square of the largest length of a point."""
        starts = range(0, len(self), AT_ONCE)
        parts = (self[start : start + AT_ONCE] for start in starts)
        return max(float(part.square().sum(1).max()) for part in parts)


class Directions(Centred):
    """Points as directions, that is, divided by their lengths.

    Parameters
    ----------
    X, dtype : objects
        As for :class:`Centred`.
    """

    def __init__(self, X, dtype):
        super().__init__(X, dtype, 0.0, 1.0)
        self.largest = None
        self.length = self._lengths()
        safe = torch.finfo(dtype).tiny ** 0.25
        if len(X) and not safe < self.length.min() <= self.length.max() < 1 / safe:
            # Squares leave the range of the dtype, or rows are zeros and become NaN.
            largest = torch.linalg.vector_norm(X, math.inf, dim=1, keepdim=True)
            self.largest = largest.to(dtype)
            self.length = self._lengths()

    def _lengths(self):
        starts = range(0, len(self), AT_ONCE)
        parts = (self._unscaled(slice(i, i + AT_ONCE)) for i in starts)
        lengths = [torch.linalg.vector_norm(X, dim=1, keepdim=True) for X in parts]
        return torch.cat(lengths)

    def _unscaled(self, rows):
        X = self.X[rows].to(self.dtype)
        return X if self.largest is None else X / self.largest[rows]

    def _made(self, rows, out):
        return torch.div(self._unscaled(rows), self.length[rows], out=out)


# The parts do not depend on how many are computed at a time, so that sums over them do
# not either.
def parts_of(A, block_size=None):
    """Rows of A in parts of about as many pairs, to be given to `pairs` one by one."""
    n, step = len(A), _checked_block_size(block_size, A)
    # Of the rows from i on, there are about (n - i)^2 / 2 pairs.
    shares = 1 - np.sqrt(1 - np.arange(N_PARTS) / N_PARTS)
    starts = np.unique(np.floor(shares * n / step).astype(int) * step).tolist()
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], n])]


def _checked_block_size(block_size, A):
    step = _default_block_size(A) if block_size is None else block_size
    if not isinstance(step, Integral) or not 1 <= step <= 2**15:
        raise ValueError(
            "The potential needs a block_size from 1 to 32768, because places in a "
            f"block are 32-bit numbers; got {block_size!r}. Leave it out for the "
            "default."
        )
    return min(step, len(A))


def _told(rows, n_B, step, symmetric, verbose):
    """Places where blocks of rows of A begin; shows how many pairs are done."""

    def n_pairs_from(i):
        # With A alone each pair is found once: later rows have fewer points after them.
        return (n_B - i) * (n_B - i + 1) // 2 if symmetric else -i * n_B

    first = n_pairs_from(rows.start)
    n_pairs = first - n_pairs_from(rows.stop)
    start = told = time.monotonic()
    with Progress("potential", n_pairs, "pair", verbose=verbose) as progress:
        for i in rows[::step]:
            if prints_lines(verbose) and time.monotonic() > told + 5:
                done, told = progress.n / n_pairs, time.monotonic()
                print(f"potential: {done:.0%} of all pairs in {told - start:.0f} s")
            yield i
            done = first - n_pairs_from(min(i + step, rows.stop))
            progress.step(done - progress.n)


def _default_block_size(X):
    # A block fits in a CPU's caches, and is enough work for a GPU.
    return 1024 if X.device.type == "cpu" else 8192


def _where_at_least(block, limit, mask):
    """Places in the flattened block where values reach the limit."""
    block = block.view(-1)
    if block.device.type != "cpu":
        return torch.ge(block, limit, out=mask).nonzero().squeeze(1)
    # NumPy is several times as fast as torch here.
    np.greater_equal(block.numpy(), limit.numpy(), out=mask.numpy())
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def _divide(place, width):
    power_of_two = width & (width - 1) == 0
    # The usual case, and ten times as fast.
    return place >> (width.bit_length() - 1) if power_of_two else place // width


def at(values, places):
    """``values[places]``, several times as fast."""
    return values.index_select(0, places)
