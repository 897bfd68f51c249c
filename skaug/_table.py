"""The tables by which a method tells the model card what was augmented."""

from sklearn.utils import Bunch

__all__ = ["table"]


def table(title, records, note=""):
    """Make a table of a card: a title, a list of dict with equal keys, and a note."""
    return Bunch(title=title, records=[Bunch(**row) for row in records], note=note)
