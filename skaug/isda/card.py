"""What ISDA tells the model card; ``skaug/card/methods.py`` explains the functions."""

import math

from sklearn.base import clone

from skaug._checks import is_number
from skaug._table import table

__all__ = ["figures", "plain", "tables"]


def plain(net):
    """The same net with strength 0, whose loss is the cross-entropy."""
    twin = clone(net)
    if is_number(net.strength) and net.strength == 0:
        return twin, ""
    return twin.set_params(strength=0), f"strength=0 in place of {net.strength}"


def tables(part):
    """How often each class was seen, and how far its features vary."""
    net = part.object
    statistics = net.class_covariance_
    title = "ISDA: features moved by class covariances"
    if not net.strength:
        return [table(title, [], "Strength 0: nothing was augmented.")]
    note = (
        f"Strength {net.strength:g} by the schedule {net.schedule!r}, on the "
        f"{statistics.n_features} features before the layer {net.classifier_layer_!r}; "
        f"covariance {statistics.kind!r}. Rows are counted once in every epoch."
    )
    records = []
    if statistics.kind != "identity":
        variances = _variances(statistics)
        names = net.classes_.tolist() if len(variances) > 1 else ["all classes"]
        records = [
            {"class": name, "rows_seen": count, "standard_deviation": math.sqrt(v)}
            for name, count, v in zip(names, _counts(statistics, names), variances)
        ]
    return [table(title, records, note)]


def figures(part, X, y):
    """ISDA has no figure of its own."""
    return {}


def _counts(statistics, names):
    """Rows seen of each name; in words where the covariance was given."""
    if statistics.kind == "given":
        return ["given"] * len(names)
    counts = statistics.count
    return (counts if len(names) == len(counts) else counts.sum()[None]).tolist()


def _variances(statistics):
    """Mean variance of a feature within each class."""
    if statistics.kind == "low_rank":
        diagonal = statistics.factor.square().sum(dim=-1) + statistics.remainder
    elif statistics.kind == "diagonal":
        diagonal = statistics.variance
    elif statistics.covariance.ndim == 2:  # variances that were given
        diagonal = statistics.covariance
    else:
        diagonal = statistics.covariance.diagonal(dim1=-2, dim2=-1)
    return diagonal.mean(dim=-1).clamp(min=0).tolist()
