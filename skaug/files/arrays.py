"""Arrays in .npz files as rows, labels and groups."""

import zipfile

import numpy as np
from sklearn.utils import Bunch

from skaug._axes import channels_first
from skaug.files.labels import labels_of

__all__ = ["as_rows", "read_arrays"]

SETTINGS = (
    "channels_last=True (--channels-last)",
    "channels_last=False (--no-channels-last)",
)


def read_arrays(path, channels_last=None):
    """Rows, labels, groups and notes of an .npz file, and test rows if it has any."""
    arrays, names = _named_arrays(path)
    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        train = _part(arrays, "_train", channels_last)
        test = _part(arrays, "_test", channels_last)
        _check_same_kind(arrays, train.X, test.X)
        return Bunch(**train, test=Bunch(X=test.X, y=test.y, groups=test.groups))
    if {"x", "y"} <= set(arrays):
        return Bunch(**_part(arrays, "", channels_last), test=None)
    raise ValueError(
        "read_file needs arrays x and y, or x_train ... y_test; got "
        f"{names}. Rename them."
    )


def _check_same_kind(arrays, train, test):
    """Refuse test rows of another type or shape than the training rows."""
    kinds = [arrays[key].dtype for key in ("x_train", "x_test")]
    if train.ndim > 2 and (kinds[0] == np.uint8) != (kinds[1] == np.uint8):
        # 8-bit images are scaled, others are not.
        raise ValueError(
            "read_file needs training and test rows of one type; got "
            f"{kinds[0]} and {kinds[1]}. Convert one of them."
        )
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            "read_file needs training and test rows of one shape; got "
            f"{train.shape[1:]} and {test.shape[1:]}. Reshape them."
        )


def _named_arrays(path):
    """Arrays of rows, labels and groups by names in small letters, and all names."""
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"read_file needs a file of numpy.savez; got {path.name}. Save it again."
        )
    arrays = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            name = key.lower()
            what, _, ending = name.partition("_")
            if what not in ("x", "y", "groups", "subject") or ending not in (
                "",
                "train",
                "test",
            ):
                continue
            try:
                arrays[name] = file[key]
            except ValueError:
                raise ValueError(
                    "read_file needs arrays of numbers or strings; got objects in "
                    f"{key}. Save texts as strings: y.astype(str)."
                ) from None
    if any("_" in key for key in arrays) and not all("_" in key for key in arrays):
        raise ValueError(
            f"read_file needs arrays of one kind of name; got {sorted(arrays)}. Give "
            "all with _train and _test, or none."
        )
    return arrays, sorted(file.files)


def _part(arrays, ending, channels_last):
    """Rows, labels and groups whose names have an ending, and sentences on them."""
    X, y = arrays[f"x{ending}"], arrays[f"y{ending}"]
    groups = arrays.get(f"groups{ending}", arrays.get(f"subject{ending}"))
    for name, array in ("y", y), ("groups", groups):
        if array is not None and array.shape != (len(X),):
            raise ValueError(
                f"read_file needs one of {name}{ending} per row; got {array.shape} for "
                f"{len(X)} rows. Save it as a vector."
            )
    y, notes = _names_of_rows(y, f"y{ending}")
    if groups is not None:
        groups, seen = _names_of_rows(groups, f"groups{ending}")
        notes = notes + seen
    rows = as_rows(X, channels_last)
    return Bunch(X=rows, y=y, groups=groups, notes=[*_seen(X, rows), *notes])


def _names_of_rows(array, name):
    """Labels or groups, texts without spaces around them; missing ones are refused."""
    if array.dtype.kind not in "biufU":
        raise ValueError(
            f"read_file needs {name!r} with labels that are numbers or strings; got "
            f"{array.dtype}. Save texts as strings: y.astype(str)."
        )
    if array.dtype.kind == "U":
        return labels_of(array.tolist(), name, lambda row: f"row {row + 1}")
    n_missing = int(np.sum(array != array))
    if n_missing:
        raise ValueError(
            f"read_file needs {name!r} in every row; got {n_missing} NaN. Remove these "
            "rows, or fill them in."
        )
    return array, []


def _seen(X, rows):
    """What rows were read as, if their axes may be others."""
    if rows.ndim > 2 and X.ndim == rows.ndim and rows.shape != X.shape:
        return [f"The last axis of x was taken for {rows.shape[1]} channels."]
    return []


def as_rows(X, channels_last=None):
    """Rows as floats: a table, signals, or images with channels first."""
    # Grey images have no axis of channels that could be last.
    n_axes = (4,) if channels_last else (3, 4)
    is_image = X.dtype == np.uint8 and X.ndim in n_axes
    if X.dtype.kind not in "fiub" or X.ndim not in (2, 3, 4):
        raise ValueError(
            f"read_file needs x of numbers, with 2 to 4 axes; got {X.dtype} of shape "
            f"{X.shape}. Reshape or convert it."
        )
    if channels_last and X.ndim == 2:
        raise ValueError(
            "read_file needs signals or images for channels_last; got x of shape "
            f"{X.shape}. Leave channels_last out."
        )
    is_last = X.ndim == 4 and X.shape[3] in (1, 3, 4) and X.shape[1] not in (1, 3, 4)
    if is_image and X.ndim == 3:
        X = X[:, None]
    elif channels_last or (is_last and channels_last is None):
        X = np.moveaxis(X, -1, 1)
    else:
        X = channels_first(X, channels_last, "read_file", settings=SETTINGS)
    # In float64: float32 may not tell large numbers apart. Bytes it does.
    is_small = is_image or X.dtype in (np.float16, np.float32)
    X = np.ascontiguousarray(X, dtype=np.float32 if is_small else np.float64)
    wrong = ~np.isfinite(X).reshape(len(X), -1).all(axis=1)
    if wrong.any():
        raise ValueError(
            f"read_file needs finite x; got NaN or infinity in {wrong.sum()} rows, such"
            f" as row {wrong.argmax() + 1}. Impute it, or leave such rows out."
        )
    return X / 255 if is_image else X
