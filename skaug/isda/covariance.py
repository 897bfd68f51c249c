"""Means and covariances of features per class, estimated while a network trains."""

import os

import torch
import torch.distributed
from torch import nn

from skaug._checks import Number, OneOf, Whole, check_parameters
from skaug.isda.quadratic_form import (
    class_quadratic_form,
    factor_form,
    shared_form,
    spans_in_memory,
)
from skaug.net.ranks import n_ranks, sum_over_ranks

__all__ = ["ClassCovariance", "safe_eigh"]

KINDS = ("full", "pooled", "diagonal", "shared", "identity", "low_rank")
RULES = {
    "n_classes": Whole(1, hint="Give the outputs of the last layer."),
    "n_features": Whole(1, hint="Give the inputs of the last layer."),
    "kind": OneOf(*KINDS, hint="'full' is the paper's choice."),
    "rank": Whole(1, hint="It is the number of directions that 'low_rank' keeps."),
    "forgetting": Number(0, 1, open_high=True, hint="0 counts all rows alike."),
}


class ClassCovariance(nn.Module):
    r"""Mean and covariance of features per class, updated batch by batch.

    The updates are exact: after any sequence of batches the covariance equals the
    biased covariance (divided by n) of all rows seen, by the paper's Eqs. 9 to 11. With
    weights, n is their sum, and the statistics are those of rows that are repeated. A
    class that a batch lacks stays as it is. No covariance is shrunk, since ISDA never
    inverts one: a class with fewer samples than features is not augmented in the
    directions in which its samples do not vary.

    Under ``torch.distributed`` an update merges the batches of all ranks, so that every
    rank holds the statistics of the whole batch.

    Parameters
    ----------
    n_classes, n_features : int
        Sizes.
    kind : str, default="full"
        "full" keeps n_classes x n_features x n_features numbers. "pooled" is one
        covariance of all rows, each about the mean of its class: the average of the
        class covariances, weighted by rows. "diagonal" keeps variances only. "shared"
        is one covariance of all rows about their common mean (the paper's "single
        covariance matrix"), so it includes the differences between classes, which
        "pooled" does not. "identity" keeps nothing. "low_rank" keeps the `rank` leading
        directions of each class, and adds what makes the variances exact.
    rank : int, default=16
        Directions per class of "low_rank".
    forgetting : float, default=0.0
        Share of a class's weight that is lost with each batch that contains the class,
        in [0, 1). The default never forgets, as in the paper. Late in training most of
        the statistics then come from features of earlier weights of the network. With
        "pooled", all classes lose this share with each batch, since their covariances
        are not kept apart.
    device, dtype : torch.device and torch.dtype, default=None
        Device and type of the statistics, float32 on the CPU by default. Features of
        another type are converted.

    Attributes
    ----------
    count : torch.Tensor of shape (n_classes,)
        Rows seen, as int64; with `forgetting` the discounted number, and with weights
        their sum, as float64. It has 1 number in place of n_classes for "shared". For
        "identity" there are no statistics.
    mean : torch.Tensor of shape (n_classes, n_features)
        Class means; for "shared" 1 mean of all rows.
    covariance : torch.Tensor of shape (n_classes, n_features, n_features)
        For "full"; for "shared" and "pooled" it has 1 matrix in place of n_classes.
    variance : torch.Tensor of shape (n_classes, n_features)
        For "diagonal".
    factor : torch.Tensor of shape (n_classes, n_features, rank)
        For "low_rank", with the leading direction first. The covariance is approximated
        by ``factor @ factor.mT`` plus the diagonal `remainder`.
    remainder : torch.Tensor of shape (n_classes, n_features)
        For "low_rank".

    Raises
    ------
    ValueError
        If `kind`, `rank` or `forgetting` is out of range.
    MemoryError
        If the statistics need more memory than is free. The message says how much they
        need, and how much smaller kinds would need.

    Examples
    --------
    >>> import torch
    >>> from skaug import ClassCovariance
    >>> covariance = ClassCovariance(n_classes=2, n_features=3)
    >>> covariance.update(torch.randn(8, 3), torch.tensor([0, 1] * 4))
    >>> covariance.count
    tensor([4, 4])
    """

    def __init__(
        self,
        n_classes,
        n_features,
        kind="full",
        *,
        rank=16,
        forgetting=0.0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.n_classes, self.n_features = n_classes, n_features
        self.kind, self.rank, self.forgetting = kind, rank, forgetting
        check_parameters(self, RULES)
        self.rank = min(rank, n_features)
        shapes = self._shapes(kind)
        dtype = dtype or torch.get_default_dtype()
        self._check_memory(shapes, torch.device(device or "cpu"), dtype)
        if shapes:
            # A count in float32 would stop at 2**24.
            exact = torch.float64 if forgetting else torch.int64
            count = torch.zeros(shapes["mean"][0], dtype=exact, device=device)
            self.register_buffer("count", count)
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=dtype, device=device))

    def _shapes(self, kind):
        """Shapes of the statistics of a kind, by name."""
        C, A = self.n_classes, self.n_features
        return {
            "full": {"mean": (C, A), "covariance": (C, A, A)},
            "pooled": {"mean": (C, A), "covariance": (1, A, A)},
            "shared": {"mean": (1, A), "covariance": (1, A, A)},
            "diagonal": {"mean": (C, A), "variance": (C, A)},
            "low_rank": {
                "mean": (C, A),
                "factor": (C, A, self.rank),
                "remainder": (C, A),
            },
            "identity": {},
        }[kind]

    def _check_memory(self, shapes, device, dtype):
        """Refuse statistics that need more memory than is free."""
        needed, free = _n_bytes(shapes, dtype), _free_bytes(device)
        if needed <= free:
            return
        smaller = ", ".join(
            f"{kind!r} ({_n_bytes(self._shapes(kind), dtype) / 2**30:.2f} GiB)"
            for kind in ("low_rank", "pooled", "diagonal")
            if kind != self.kind
        )
        raise MemoryError(
            f"ClassCovariance needs {needed / 2**30:.2f} GiB for its {self.kind!r} "
            f"statistics of {self.n_classes} classes with {self.n_features} features; "
            f"got {free / 2**30:.2f} GiB free on {device}. Use a smaller kind: "
            f"{smaller}."
        )

    @torch.no_grad()
    def update(self, features, target, sample_weight=None):
        """Add a batch to the statistics.

        Parameters
        ----------
        features : torch.Tensor of shape (n, n_features)
            Features of the batch. They get no gradient.
        target : torch.Tensor of shape (n,)
            Class codes.
        sample_weight : torch.Tensor of shape (n,), default=None
            How many times each row counts, 0 or more.
        """
        if self.kind == "identity":
            return
        if sample_weight is not None:
            chosen = sample_weight > 0
            features, target = features[chosen], target[chosen]
            sample_weight = sample_weight[chosen].double()
        with torch.autocast(features.device.type, enabled=False):
            features = features.detach().to(self.mean.dtype)
            self._update(features, target, sample_weight)

    def _update(self, features, target, weight):
        """Merge a batch by Eqs. 9 to 11."""
        if self.kind == "shared":
            target = torch.zeros_like(target)
        n_rows = sum_over_ranks(torch.bincount(target, minlength=len(self.mean)))
        n = n_rows if weight is None else self._sums_of(weight, target)
        classes = self._changed_by(n)
        n, n_rows = n[classes], n_rows[classes]
        place = torch.searchsorted(classes, target)
        # Sums by class are a matrix product: scattering is not deterministic on GPUs.
        member = (classes[:, None] == target).to(features.dtype)  # (n_present, n)
        if weight is None:
            mean = sum_over_ranks(member @ features) / n.clamp_min(1)[:, None]
            centred = features - mean[place]
        else:
            share = (weight / n[place]).to(features.dtype)
            mean = sum_over_ranks((member * share) @ features)
            # The outer product of a row counts as often as the row.
            centred = (features - mean[place]) * weight.sqrt().to(features)[:, None]
        keep, total, jump = self._merge_means(classes, n, mean)
        if self.kind == "pooled":
            self._add_pooled(n, total, jump, centred)
            return
        centred /= total.sqrt()[place, None]
        if self.kind == "diagonal":
            squares = sum_over_ranks(member @ centred.square()) + jump.square()
            self.variance[classes] = self.variance[classes] * keep[:, None] + squares
            return
        rows = self._rows_by_class(centred, place, jump)
        self._add_rows(classes, n_rows, keep, rows)

    def _sums_of(self, weight, target):
        """Sum the weights of each class, in float64."""
        codes = torch.arange(len(self.mean), device=target.device)[:, None]
        return sum_over_ranks((codes == target).double() @ weight.double())

    def _changed_by(self, n):
        """Classes whose share changes with n new rows of each; if pooled, all do."""
        return (n + self.count if self.kind == "pooled" else n).nonzero().squeeze(1)

    def _add_pooled(self, n, total, jump, centred):
        """Add the outer products of all new rows and jumps to the pooled covariance."""
        everything, matrix = total.sum(), self.covariance[0]
        jump = _on_one_rank(jump) * total.sqrt()[:, None]
        rows = torch.cat([jump, centred]) / everything.sqrt()
        matrix.mul_(1 - n.sum() / everything)
        if n_ranks() == 1:
            matrix.addmm_(rows.t(), rows)
        else:
            matrix.add_(sum_over_ranks(rows.t() @ rows))

    def _add_rows(self, classes, n_rows, keep, new):
        """Add the outer products of each class's new rows to its covariance."""
        many_and_small = len(n_rows) > 32 and self.n_features <= 128
        if self.kind != "low_rank" and not many_and_small and n_ranks() == 1:
            # Copying the matrices would cost more than updating them one by one.
            matrices = self.covariance.unbind()
            for k, share, rows in zip(classes.tolist(), keep.tolist(), new):
                matrices[k].addmm_(rows.t(), rows, beta=share)
            return
        # Every rank must cut the same blocks, so n_rows counts the rows of all ranks.
        longest = max(self.n_features, int(n_rows.max()) if len(n_rows) else 0)
        n_bytes = keep.element_size() * self.n_features * longest
        for span in spans_in_memory(len(n_rows), n_bytes):
            padded = nn.utils.rnn.pad_sequence(new[span], batch_first=True)
            block, share = classes[span], keep[span, None, None]
            if self.kind == "low_rank":
                self._keep_leading_directions(block, share, _gather_rows(padded))
            else:
                outer = sum_over_ranks(padded.mT @ padded)
                outer += self.covariance.index_select(0, block).mul_(share)
                self.covariance.index_copy_(0, block, outer)

    @torch.no_grad()
    def merge(self, other):
        """Add the statistics of other rows, from another estimate of the same sizes.

        Parameters
        ----------
        other : ClassCovariance
            An estimate of the same kind, which is not changed. With `forgetting`, its
            rows count as one batch.
        """
        if self._shapes(self.kind) != other._shapes(other.kind):
            raise ValueError(
                "ClassCovariance needs an estimate of the same kind and sizes to merge;"
                f" got {other.kind!r} with {other.n_classes} classes and "
                f"{other.n_features} features. Make both with the same parameters."
            )
        if self.kind == "identity":
            return
        classes = self._changed_by(other.count)
        n = other.count[classes]
        keep, total, jump = self._merge_means(classes, n, other.mean[classes])
        if self.kind == "pooled":
            share = (n.sum() / total.sum()).to(jump.dtype)
            rows = jump * (total / total.sum()).sqrt()[:, None]
            self.covariance.lerp_(other.covariance, share)
            self.covariance[0].addmm_(rows.t(), rows)
            return
        share = (n / total).to(jump.dtype)
        if self.kind == "diagonal":
            kept = self.variance[classes] * keep[:, None]
            added = other.variance[classes] * share[:, None]
            self.variance[classes] = kept + added + jump.square()
            return
        for i, k in enumerate(classes.tolist()):
            if self.kind == "low_rank":
                new = torch.cat([other.factor[k].T * share[i].sqrt(), jump[i, None]])
                extra = other.remainder[k] * share[i]
                block = classes[i, None]
                self._keep_leading_directions(block, keep[i], new[None], extra)
            else:
                self.covariance[k] *= keep[i]
                self.covariance[k] += share[i] * other.covariance[k]
                self.covariance[k].addr_(jump[i], jump[i])

    def _merge_means(self, classes, n, mean):
        """Merge counts and means (Eqs. 9 and 11), and return what Eq. 10 needs.

        That is the share of the old covariance that is kept, the new count, and the
        jump: a vector whose outer product is Eq. 10's last term.
        """
        if n.is_floating_point() and not self.count.is_floating_point():
            self.count = self.count.double()  # from now on it is a sum of weights
        old = self.count[classes].double() * (1 - self.forgetting)
        total = old + n
        self.count[classes] = total.to(self.count.dtype)
        shift = mean - self.mean[classes]
        self.mean[classes] += shift * (n / total).to(mean.dtype)[:, None]
        jump = shift * ((old * n).sqrt() / total).to(mean.dtype)[:, None]
        return (old / total).to(mean.dtype), total.to(mean.dtype), jump

    def _rows_by_class(self, centred, place, jump):
        """Split the rows whose outer products Eq. 10 adds by class, the jump first."""
        jump = _on_one_rank(jump)
        place = torch.cat([torch.arange(len(jump), device=place.device), place])
        order = place.sort(stable=True).indices
        sizes = torch.bincount(place, minlength=len(jump)).tolist()
        return torch.cat([jump, centred])[order].split(sizes)

    def _keep_leading_directions(self, block, keep, new, extra=0.0):
        """Merge new rows into factors of some rank, and their rest into remainders."""
        rows = torch.cat([self.factor[block].mT * keep.sqrt(), new], 1)
        if rows.shape[1] < self.n_features:
            _, rotation = safe_eigh(rows @ rows.mT)
            leading = rows.mT @ rotation[..., -self.rank :].flip(-1)
        else:
            size, rotation = safe_eigh(rows.mT @ rows)
            size = size[..., None, -self.rank :].clamp_min(0).sqrt()
            leading = (rotation[..., -self.rank :] * size).flip(-1)
        lost = rows.square().sum(1) - leading.square().sum(-1)
        kept = self.remainder[block] * keep.reshape(-1, 1)
        self.factor[block] = leading
        self.remainder[block] = kept + lost.clamp_min(0) + extra

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Take over sums of weights, which whole numbers would cut off."""
        count = state_dict.get(f"{prefix}count")
        if count is not None and count.is_floating_point() and self.kind != "identity":
            self.count = self.count.to(count.dtype)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def quadratic_form(self, weight, classes):
        """Compute the variance of differences of logits for features of each class.

        Parameters
        ----------
        weight : torch.Tensor of shape (n_classes, n_features)
            Weight of the last linear layer.
        classes : torch.Tensor of shape (n_present,)
            Distinct class codes.

        Returns
        -------
        table : torch.Tensor of shape (n_present, n_classes)
            ``(w_j - w_k)' S_k (w_j - w_k)``.
        """
        if self.kind != "identity":
            weight = weight.to(self.mean.dtype)
        if self.kind in ("shared", "pooled", "identity"):
            matrix = None if self.kind == "identity" else self.covariance[0]
            return shared_form(weight, classes, matrix)
        if self.kind == "low_rank":
            form = factor_form(weight, classes, self.factor)
            return form + class_quadratic_form(weight, classes, self.remainder)
        covariance = self.covariance if self.kind == "full" else self.variance
        return class_quadratic_form(weight, classes, covariance)

    def dense(self):
        """Write out all covariances.

        Returns
        -------
        covariance : torch.Tensor of shape (n_classes, n_features, n_features)
            Full matrices for every kind, which may be too large for the memory.
        """
        if self.kind == "full":
            return self.covariance
        if self.kind == "low_rank":
            return self.factor @ self.factor.mT + torch.diag_embed(self.remainder)
        if self.kind == "diagonal":
            return torch.diag_embed(self.variance)
        is_known = self.kind != "identity"
        one = self.covariance if is_known else torch.eye(self.n_features)
        return one.expand(self.n_classes, self.n_features, self.n_features)

    def extra_repr(self):
        """Return sizes and kind, for the module's repr."""
        return f"{self.n_classes}, {self.n_features}, {self.kind!r}"


def safe_eigh(matrices):
    """Find eigenvalues and eigenvectors of matrices; NaN of what is not finite."""
    if not matrices.isfinite().all():  # Training has diverged, and its loss will tell.
        return matrices.sum(-1) * torch.nan, matrices * torch.nan
    try:
        found = torch.linalg.eigh(matrices)
    except torch.linalg.LinAlgError:
        found = ()
    if found and all(part.isfinite().all() for part in found):
        return found
    # Numbers of a class that hardly varies can be 1e30 times smaller than others. Their
    # squares are too small for float32, but not for float64.
    return tuple(part.to(matrices) for part in torch.linalg.eigh(matrices.double()))


def _n_bytes(shapes, dtype):
    size = torch.empty((), dtype=dtype).element_size()
    return sum(torch.Size(shape).numel() for shape in shapes.values()) * size


def _free_bytes(device):
    if device.type == "cuda":
        reserved = torch.cuda.memory_reserved(device)  # by torch's cache
        unused = reserved - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if os.path.exists("/proc/meminfo"):
        with open("/proc/meminfo") as lines:
            return next(int(x.split()[1]) for x in lines if "MemAvailable" in x) * 1024
    return float("inf")  # No other system tells in a portable way.


def _on_one_rank(jump):
    """The jump on the first rank and 0 on others: sums over ranks must have it once."""
    if n_ranks() > 1 and torch.distributed.get_rank() > 0:
        return torch.zeros_like(jump)
    return jump


def _gather_rows(rows):
    """Gather the rows of all ranks; zeros pad the shorter batches."""
    if n_ranks() == 1:
        return rows
    longest = torch.tensor(rows.shape[1], device=rows.device)
    torch.distributed.all_reduce(longest, torch.distributed.ReduceOp.MAX)
    padding = (0, 0, 0, int(longest) - rows.shape[1])
    rows = nn.functional.pad(rows, padding).contiguous()
    by_rank = [torch.empty_like(rows) for _ in range(n_ranks())]
    torch.distributed.all_gather(by_rank, rows)
    return torch.cat(by_rank, 1)
