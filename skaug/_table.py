"""The tables by which a method tells the model card what was augmented."""

from sklearn.utils import Bunch

__all__ = ["table"]


def table(title, records, note=""):
    """Make a table of a model card.

    Parameters
    ----------
    title : str
        Heading of the table.
    records : list of dict
        Lines of the table, all with the same keys, which name the columns.
    note : str, default=""
        A sentence that explains the table.

    Returns
    -------
    table : Bunch
        ``title``, ``records`` (a list of Bunch) and ``note``.
    """
    return Bunch(title=title, records=[Bunch(**row) for row in records], note=note)
