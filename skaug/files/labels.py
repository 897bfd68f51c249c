"""Labels and groups of the rows: none is missing, and each has one spelling."""

from collections import Counter, defaultdict

import numpy as np

from skaug.files.written_numbers import as_numbers, is_missing

__all__ = ["check_classes", "groups_of", "labels_of"]

MANY = 30  # classes, above which numbers may be quantities
FEWEST = 6  # rows of a class, below which folds may lack it


def labels_of(texts, column, place, na=frozenset()):
    """Labels or groups as an array, and sentences on them; missing ones are refused."""
    stripped = [text.strip() for text in texts]
    empty = [i for i, text in enumerate(stripped) if not text or text in na]
    if empty:
        raise ValueError(
            f"read_file needs {column!r} in every row; got {len(empty)} empty, such as "
            f"in {place(empty[0])}. Remove these rows, or fill them in."
        )
    notes = []
    counts, spellings = Counter(stripped), defaultdict(set)
    for text in set(texts):
        spellings[text.strip()].add(text)
    for label, others in sorted(spellings.items()):
        if len(others) > 1:
            shown = " and ".join(map(repr, sorted(others)))
            notes.append(f"{shown} of {column!r} are one, {label!r}.")
        if is_missing(label):
            notes.append(
                f"{label!r} is taken for a name in {column!r}, where {counts[label]} "
                "rows have it. If it stands for a missing one, remove these rows."
            )
    alike = defaultdict(list)
    for label in sorted(counts):
        alike[label.casefold()].append(label)
    for labels in alike.values():
        if len(labels) > 1:
            shown = " and ".join(map(repr, labels))
            notes.append(
                f"{shown} of {column!r} differ in capitals only; both are kept."
            )
    return np.array(stripped, dtype=str), notes


def check_classes(y, column):
    """Refuse labels that are no classes; return sentences on small classes."""
    labels, counts = np.unique(y, return_counts=True)
    if len(y) < 2:
        raise ValueError(
            f"read_file needs two rows or more; got {len(y)}. Add rows to the file."
        )
    if len(labels) < 2:
        raise ValueError(
            f"read_file needs two classes or more in {column!r}; got {labels[0]!s} "
            "alone. Add rows of another class, or name another target."
        )
    if len(labels) > len(y) / 2:
        raise ValueError(
            f"read_file needs a target of classes; got {len(labels)} different values "
            f"of {column!r} in {len(y)} rows. If they are quantities, bin them first."
        )
    return [*_of_quantities(labels, column), *_of_rare(labels, counts)]


def _of_quantities(labels, column):
    """Sentence on labels that may be no classes."""
    texts = [str(label) for label in labels]
    if len(labels) <= MANY or as_numbers(texts).odd:
        return []
    return [
        f"{column!r} has {len(labels)} different numbers, and each is a class. If they "
        "are quantities, bin them first."
    ]


def _of_rare(labels, counts):
    """Sentence on classes that are too rare to be in each fold."""
    rare = [
        f"{label} ({n})" for label, n in zip(labels, counts, strict=True) if n < FEWEST
    ]
    if not rare:
        return []
    shown = ", ".join(rare[:5]) + f" and {len(rare) - 5} more" * (len(rare) > 5)
    return [
        f"There are classes of fewer than {FEWEST} rows, {shown}, so that some folds "
        "may lack them. Add rows, merge classes, or remove these."
    ]


def groups_of(groups, column):
    """Groups, or None if each row is a group, with a sentence that says so."""
    if groups is None or len(np.unique(groups)) < len(groups):
        return groups, []
    return None, [
        f"Each row has another group in {column!r}, so groups are left out and folds "
        "are drawn from the rows."
    ]
