"""Rows and labels on their way to a network: checked, coded, of a type that suits."""

import warnings

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data
from skorch.utils import data_from_dataset, is_dataset, to_numpy
from torch.utils.data import DataLoader, IterableDataset

from skaug._axes import channels_first
from skaug._checks import check_shape_of_fit
from skaug._input import as_numbers, check_width
from skaug._labels import check_labels
from skaug.net.batches import as_tensor
from skaug.net.input_norm import InputNorm

__all__ = ["TakesRows", "coarse_columns", "type_of_rows"]

# Float32 rounds numbers by 6e-8 of their size at most. Where a column's deviation is a
# smaller share of its mean than this, rounding errors are a thousandth of it or more.
NARROW = 6e-5
# Range of the largest number of a column.
SMALLEST, LARGEST = 1e-37, float(np.finfo(np.float32).max)


def type_of_rows(X):
    """Return float32, or float64 if float32 would not tell the values of X apart."""
    return np.float64 if len(coarse_columns(X)) else np.float32


def coarse_columns(X):
    """List the columns of X (n, columns, ...) that vary too little for float32."""
    # Seconds since 1970 are an example: numbers of float32 are 128 of them apart.
    if np.can_cast(X.dtype, np.float32) or not len(X):
        return []
    norm = InputNorm(X.shape[1])
    norm.learn(as_tensor(X.astype(np.float64, copy=False)))
    return is_narrow(norm).nonzero()[:, 0].tolist()


def is_narrow(norm):
    """Which columns of an InputNorm vary too little beside their mean for float32."""
    return (norm.deviation > 0) & (norm.deviation <= NARROW * norm.mean.abs())


def _other_axes(X):
    return tuple(axis for axis in range(X.ndim) if axis != 1)


class TakesRows:
    """What :class:`NetClassifier` does to arrays, frames and data sets that it gets."""

    def _check_training_data(self, X, y, classes, *, reset):
        """Check rows and labels, and return rows as they are trained on, and codes."""
        if is_dataset(X):
            if reset:
                self._learn_shape_and_classes(X, classes)
            return X, y
        X = self._checked_rows(X, reset=reset)
        self._check_numbers(X, fitting=reset)
        y = check_labels(y, len(X), type(self).__name__)
        if reset:
            if not self._labels_came_along:
                self.classes_inferred_ = np.unique(y if classes is None else classes)
            if len(set(self.classes_.tolist())) < max(2, len(self.classes_)):
                raise ValueError(
                    f"{type(self).__name__} needs at least two classes, each named "
                    f"once; got {self.classes_.tolist()}, one class or one repeated. "
                    "Give rows of another class too, or name all with classes=."
                )
            self.input_shape_ = X.shape[1:]
            self.input_dtype_ = self._choose_dtype(X)
        else:
            self._check_shape_of_fit(X)
        return self.converted(X), self._encode(y)

    def _checked_rows(self, X, *, reset):
        """Check rows, and return an array with channels on the second axis."""
        name = type(self).__name__
        if isinstance(X, DataLoader):
            raise TypeError(
                f"{name} needs an array or a data set; got a DataLoader. Give its data "
                "set, loader.dataset."
            )
        X = as_numbers(X, name)
        if self.channels_last:
            X = channels_first(np.asarray(X), True, name)
        X = validate_data(self, X, dtype="numeric", allow_nd=True, reset=reset)
        if self.channels_last is None and reset and self._takes_channels():
            channels_first(X, None, name)
        return X

    def _choose_dtype(self, X):
        """Choose the type of the rows; networks of the user's take float32 only."""
        if self._is_default_module():
            return type_of_rows(X)
        columns = coarse_columns(X)
        if columns:
            warnings.warn(
                f"{type(self).__name__} needs columns whose values float32 can tell "
                f"apart for a module of your own; got {columns[:5]}. Subtract their "
                "means, or leave module=None.",
                stacklevel=5,
            )
        return np.float32

    def _check_numbers(self, X, *, fitting=False):
        """Refuse what is no number, and numbers that no network could compute with."""
        if X.dtype.kind not in "biuf":
            raise ValueError(
                f"{type(self).__name__} needs rows of numbers; got {X.dtype}. Convert "
                "them, such as dates to seconds."
            )
        check_width(X, type(self).__name__)
        if X.dtype.kind != "f" or X.dtype.itemsize < 4 or not len(X):
            return
        # Without a copy of all rows, which np.abs would make.
        axes = _other_axes(X)
        largest = np.maximum(X.max(axis=axes), -X.min(axis=axes))
        wrong = largest > LARGEST
        if fitting:
            wrong |= (largest > 0) & (largest < SMALLEST)
        if wrong.any():
            raise ValueError(
                f"{type(self).__name__} needs numbers that float32 can hold; got "
                f"{largest[wrong][0]:.3g} in column {np.flatnonzero(wrong)[0]}. Take "
                "another unit."
            )

    def converted(self, X):
        """Return rows that are checked in the type of those of ``fit``."""
        dtype = getattr(self, "input_dtype_", None)
        if dtype is None:  # The net was loaded, or fitted to a data set.
            norm = self._input_norm()
            is_wide = norm is not None and is_narrow(norm).any()
            dtype = np.float64 if is_wide else np.float32
        return X.astype(dtype, copy=False)

    def encode(self, X, y):
        """Convert rows and labels to what the network is trained on.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows, signals or images shaped like those of ``fit``.
        y : array-like of shape (n,)
            Labels among ``classes_``.

        Returns
        -------
        X : ndarray of shape (n, ...)
            The rows, of type ``input_dtype_``.
        codes : ndarray of shape (n,)
            The place of each label in ``classes_``, 0 ... n_classes - 1.
        """
        X, codes = self.checked(X, y)
        return self.converted(X), codes

    def checked(self, X, y):
        """Check rows and labels as :meth:`encode` does, and leave the rows' type."""
        X = self._checked_rows(X, reset=False)
        self._check_numbers(X)
        y = check_labels(y, len(X), type(self).__name__)
        self._check_shape_of_fit(X)
        return X, self._encode(y)

    def _encode(self, y):
        """Return the place of each label in ``classes_``."""
        code_of = {label: code for code, label in enumerate(self.classes_.tolist())}
        codes = np.array([code_of.get(label, -1) for label in y.tolist()])
        if codes.min() < 0:
            raise ValueError(
                f"{type(self).__name__} needs labels among its classes {list(code_of)};"
                f" got {np.unique(y[codes < 0]).tolist()}. Name all with classes=."
            )
        return codes

    def _learn_shape_and_classes(self, dataset, classes):
        """Read the shape of a row and the classes off a data set."""
        if isinstance(dataset, IterableDataset):
            raise ValueError(
                f"{type(self).__name__} needs a data set that gives rows by number; "
                f"got {type(dataset).__name__}, which only iterates. Write a class "
                "with __len__ and __getitem__."
            )
        self.input_shape_ = tuple(np.shape(dataset[0][0]))
        self.n_features_in_ = self.input_shape_[0]
        if self.classes is not None or self._labels_came_along:
            return
        try:
            labels = data_from_dataset(dataset)[1] if classes is None else classes
        except AttributeError:
            raise ValueError(
                f"{type(self).__name__} needs classes= for a data set without X and y; "
                f"got {type(dataset).__name__}. Name all labels, 0 ... n_classes - 1."
            ) from None
        self.classes_inferred_ = np.unique(to_numpy(labels))
        if not np.array_equal(self.classes_, np.arange(len(self.classes_))):
            raise ValueError(
                f"{type(self).__name__} needs a data set with labels 0 ... n_classes - "
                f"1; got {self.classes_.tolist()}. Give arrays X and y to have labels "
                "coded, or name them with classes=."
            )

    def _check_input(self, X):
        """Check rows to predict, and return them as those of fit."""
        if is_dataset(X):
            return X
        if not hasattr(self, "input_shape_"):  # The net was initialised by hand.
            X = check_array(as_numbers(X, type(self).__name__), allow_nd=True)
            X = channels_first(X, bool(self.channels_last), type(self).__name__)
        else:
            X = self._checked_rows(X, reset=False)
            self._check_shape_of_fit(X)
        self._check_numbers(X)
        return self.converted(X)

    def _check_shape_of_fit(self, X):
        check_shape_of_fit(X, self.input_shape_, type(self).__name__, "Reshape X.")
