"""How many rows an over-sampler adds.

Strategies mean the same as in imbalanced-learn, which need not be installed.
"""

from numbers import Integral, Real

import numpy as np

from skaug._checks import is_function

__all__ = ["rows_added", "samples_to_add"]

STRATEGIES = ("auto", "all", "minority", "not minority", "not majority")


def samples_to_add(sampling_strategy, y):
    """Number of rows to add to each class of y, by label, as in imbalanced-learn."""
    # Names choose the classes that are filled up to the size of the largest. A number
    # is the ratio of the smaller to the larger of two classes afterwards. A dict, or
    # what a function returns for y, has the numbers of rows by label afterwards.
    labels, counts = np.unique(y, return_counts=True)
    counts = dict(zip(labels.tolist(), counts.tolist()))
    target = _target(sampling_strategy, y, counts)
    if not isinstance(target, dict):
        raise ValueError(
            "HardRegionSampler needs a sampling_strategy that returns a dict; got "
            f"{target!r} from it. Return numbers of rows by label."
        )
    unknown = [label for label in target if label not in counts]
    if unknown:
        raise ValueError(
            "HardRegionSampler needs a sampling_strategy for labels of y; got "
            f"{unknown}, which are not among {list(counts)}. Leave them out."
        )
    for label, number in target.items():
        if not isinstance(number, Integral) or number < counts[label]:
            raise ValueError(
                "HardRegionSampler needs a sampling_strategy of whole numbers of rows, "
                f"no fewer than there are; got {number!r} for class {label!r}, which "
                f"has {counts[label]}. Rows are added only."
            )
    return {k: int(target[k]) - counts[k] for k in counts if k in target}


def _target(sampling_strategy, y, counts):
    """Numbers of rows of each class afterwards, not yet checked."""
    minority, majority = min(counts, key=counts.get), max(counts, key=counts.get)
    if isinstance(sampling_strategy, str) and sampling_strategy in STRATEGIES:
        left_out = {
            "all": set(),
            "minority": set(counts) - {minority},
            "not minority": {minority},
            "not majority": {majority},
            "auto": {majority},
        }[sampling_strategy]
        return {k: counts[majority] for k in counts if k not in left_out}
    if isinstance(sampling_strategy, Real):
        return {minority: _by_ratio(sampling_strategy, counts, minority, majority)}
    if is_function(sampling_strategy):
        return sampling_strategy(y)
    if not isinstance(sampling_strategy, dict):
        raise ValueError(
            "HardRegionSampler needs sampling_strategy to be 'hard', "
            f"{', '.join(map(repr, STRATEGIES))}, a ratio, a dict or a callable; got "
            f"{sampling_strategy!r}. Leave it out for 'auto'."
        )
    return sampling_strategy


def _by_ratio(ratio, counts, minority, majority):
    if len(counts) != 2 or not 0 < ratio <= 1:
        raise ValueError(
            "HardRegionSampler needs two classes, and a ratio above 0 and 1 at most, "
            f"for a sampling_strategy that is a number; got {ratio!r} and "
            f"{len(counts)} classes. Give a dict of numbers of rows."
        )
    number = int(ratio * counts[majority])
    if number < counts[minority]:
        raise ValueError(
            "HardRegionSampler needs a sampling_strategy that removes no rows; got "
            f"{ratio!r}, but the ratio of class {minority!r} is "
            f"{counts[minority] / counts[majority]:.2f} already. Give a larger one."
        )
    return number


def rows_added(sampler):
    """Numbers of rows that a fitted sampler has added, by label; None if unknown."""
    numbers = getattr(sampler, "sampling_strategy_", None)
    # Classes go by name, because imbalanced-learn may be missing. The numbers of other
    # samplers mean something else: rows that are left, or rows before some are removed.
    kinds = {kind.__name__ for kind in type(sampler).__mro__}
    adds_only = kinds & {"BaseOverSampler", "HardRegionSampler"}
    if not adds_only or not isinstance(numbers, dict):
        return None
    return {
        label.item() if isinstance(label, np.generic) else label: int(number)
        for label, number in numbers.items()
    }
