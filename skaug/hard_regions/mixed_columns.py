"""A table with columns of categories as a table of numbers, and back."""

import numpy as np
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import _safe_indexing, check_array

from skaug._checks import is_whole

__all__ = ["MixedColumns", "categorical_columns"]


class MixedColumns:
    """Numbers for categories, so that distances and generators can deal with both.

    Each category becomes a column of its own. Two rows that differ in one category are
    as far apart as the median standard deviation of the columns of numbers. SMOTE-NC
    [1]_ takes the deviation within the rare class, here it is that of all rows. On the
    way back the largest column of each gives the category. In rows between neighbours
    it is thus the category of the source or of a neighbour.

    Parameters
    ----------
    X : array-like of shape (n, n_columns)
        The table.
    categorical_features : array-like of int, str or bool, or "auto"
        Numbers, names or a mask of the columns of categories; "auto" takes the columns
        of a frame that are of a categorical dtype.

    Attributes
    ----------
    categorical : ndarray of shape (n_categorical,)
        Numbers of the columns of categories.
    encoder : OneHotEncoder
        The categories.
    scale : float
        What a category counts: the median deviation over the square root of two. The
        deviation is taken as 1 where no column has numbers that differ.

    Raises
    ------
    ValueError
        If `categorical_features` does not name columns of X, or another column has
        values that are no numbers.

    References
    ----------
    .. [1] N. Chawla, K. Bowyer, L. Hall, W. Kegelmeyer, "SMOTE: Synthetic Minority
       Over-sampling Technique", JAIR 16, 2002, section 6.1.

    Examples
    --------
    >>> from skaug.hard_regions.mixed_columns import MixedColumns
    >>> X = [[1.0, "red"], [3.0, "blue"]]
    >>> columns = MixedColumns(X, [1])
    >>> columns.transform(X).round(2)
    array([[1.  , 0.  , 0.71],
           [3.  , 0.71, 0.  ]])
    >>> columns.inverse_transform([[1.5, 0.3, 0.4]])
    array([[1.5, 'red']], dtype=object)
    """

    def __init__(self, X, categorical_features):
        self._n_columns = _table(X).shape[1]
        self.categorical = categorical_columns(X, categorical_features)
        self._others = np.setdiff1d(np.arange(self._n_columns), self.categorical)
        self.encoder = OneHotEncoder(sparse_output=False).fit(self._categories(X))
        deviations = self._numbers(X).std(axis=0)
        typical = float(np.median(deviations)) if len(deviations) else 1.0
        self.scale = (typical or 1.0) / np.sqrt(2)

    def transform(self, X):
        """Give numbers: the columns of numbers, then one for each category.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            The table.

        Returns
        -------
        numbers : ndarray of shape (n, n_numbers + n_categories)
            In float64.
        """
        try:
            one_hot = self.encoder.transform(self._categories(X))
        except ValueError as error:
            raise ValueError(
                "HardRegionSampler needs categories that were there in fit; got rows "
                f"with others: {error} Leave these rows out."
            ) from None
        return np.hstack([self._numbers(X), self.scale * one_hot])

    def inverse_transform(self, X):
        """Give the table that numbers stand for.

        Parameters
        ----------
        X : array-like of shape (n, n_numbers + n_categories)
            Numbers, also such as no table has.

        Returns
        -------
        table : ndarray of shape (n, n_columns), object
            Numbers as they are, and the category of the largest column of each.
        """
        X = np.asarray(X)
        table = np.empty((len(X), self._n_columns), dtype=object)
        table[:, self._others] = X[:, : len(self._others)]
        start = len(self._others)
        for j, categories in zip(self.categorical, self.encoder.categories_):
            end = start + len(categories)
            table[:, j] = categories[X[:, start:end].argmax(axis=1)]
            start = end
        return table

    def _categories(self, X):
        columns = _safe_indexing(_table(X), self.categorical, axis=1)
        values = np.array(columns, dtype=object)
        for one in values.flat:  # pandas' NA cannot be compared
            if type(one).__name__ == "NAType":
                values[[[v is one for v in row] for row in values]] = None
                break
        return values

    def _numbers(self, X):
        if not len(self._others):
            return np.empty((len(X), 0))
        columns = _safe_indexing(_table(X), self._others, axis=1)
        try:
            return check_array(
                columns,
                dtype=np.float64,
                estimator="HardRegionSampler",
                input_name="X",
            )
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(
                "HardRegionSampler needs numbers in the columns that are not in "
                f"categorical_features; got {error}. Name all columns of categories: "
                "'auto' takes those of a categorical dtype."
            ) from None


def _table(X):
    table = X if hasattr(X, "columns") else np.asarray(X, dtype=object)
    if len(table.shape) != 2:
        raise ValueError(
            "HardRegionSampler needs a table of two axes for categorical_features; got "
            f"a {type(X).__name__} of shape {table.shape}. Give a frame or an array."
        )
    return table


def categorical_columns(X, given):
    """Numbers of the columns of categories, given by number, name, mask or "auto"."""
    # Whole numbers are places, as in scikit-learn, whatever the names are.
    if isinstance(given, str) and given == "auto":
        return np.flatnonzero(_of_categorical_dtype(X))
    table, places = _table(X), np.atleast_1d(given).tolist()
    names = list(getattr(table, "columns", []))
    n_columns = table.shape[1]
    if places and all(isinstance(one, bool) for one in places):
        places = np.flatnonzero(places).tolist() if len(places) == n_columns else ["?"]
    places = [
        names.index(one) if isinstance(one, str) and one in names else one
        for one in places
    ]
    valid = [is_whole(place) and 0 <= place < n_columns for place in places]
    if not all(valid):
        raise ValueError(
            "HardRegionSampler needs categorical_features to be columns of X, by name, "
            f"by number from 0 to {n_columns - 1} or by a mask; got {given!r}. Leave "
            "it out if all are numbers."
        )
    return np.unique(np.array(places, dtype=np.intp))


def _of_categorical_dtype(X):
    """Whether each column of a frame has a categorical dtype, of pandas or polars."""
    if not hasattr(X, "columns"):
        raise ValueError(
            "HardRegionSampler needs a frame for categorical_features='auto'; got a "
            f"{type(X).__name__}. Give the numbers of the columns."
        )
    kinds = ("category", "categorical", "enum")
    return [str(dtype).lower().startswith(kinds) for dtype in X.dtypes]
