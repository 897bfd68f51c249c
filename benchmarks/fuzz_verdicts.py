"""What fuzz.py says of a case: right, refused, or the fault that it shows."""

import re
import traceback
import warnings

import numpy as np
import torch
from sklearn.exceptions import NotFittedError

__all__ = [
    "FAULTS",
    "Wrong",
    "check",
    "check_finite",
    "check_near",
    "check_same",
    "verdict",
]

FAULTS = ("crash", "unclear", "silent", "hangs")
REFUSALS = (ValueError, TypeError, MemoryError, NotFittedError)
OURS = [r"needs .+; got .+"]
# Those of scikit-learn that name what was given, and of Python the argument.
SCIKIT_LEARNS = [
    r"Found array with ",
    r"Found input variables with inconsistent numbers of samples",
    r"Input \w* ?contains (NaN|infinity)",
    r"X has \d+ features, but \w+ is expecting",
    r"The feature names should match those that were passed during fit",
    r"Feature names are only supported if all input features have string names",
    r"Expected unique column names, got:",
    r"Expected 2D array, got",
    r"Expected a 2-dimensional container but got",
    r"Expected sequence or array-like, got",
    r"Expected `cv` as an integer",
    r"Input should have at least 1 dimension",
    r"Sparse data was passed",
    r"Complex data not supported",
    r"dtype='numeric' is not compatible with arrays of bytes/strings",
    r"could not convert string to float: ",
    r"y should be a 1d array, got",
    r"requires y to be passed, but the target y is None",
    r"Unknown label type",
    r"The classes, .*, are not in class_weight",
    r"Sample weights must be 1D array or scalar",
    r"sample_weight.shape == ",
    r"n_splits=\d+ (cannot be )?greater than the number of",
    r"The list/tuple elements must be unique strings of predefined scorers",
    r"cannot be used to seed a numpy.random.RandomState instance",
    r"Seed must be between 0 and 2\*\*32 - 1",
    r"The '\w+' parameter of \w+ must be",
    r"Invalid parameter '\w+' for estimator",
    r"This \w+ instance is not fitted yet",
    r"__init__\(\) got an unexpected keyword argument '\w+'",
    r"takes (exactly one argument \(\d given\)|no keyword arguments)",  # what is given
]
CLEAR = re.compile("|".join(OURS + SCIKIT_LEARNS), re.DOTALL)
# What scikit-learn's classifiers say by themselves, inside of ours that hold one.
INSIDE_OF_OURS = ("net/priors.py", "hard_regions/resample.py", "_components.py")
BY_THEMSELVES = re.compile(
    r"This solver needs samples of at least 2 classes in the data|"
    r"Solver \w+ supports only|"
    r"Sample weights must contain at least one non-zero number|"
    r"Support for labels represented as bytes is not supported|"
    r"The requested array has an inhomogeneous shape|"
    r"float\(\) argument must be a string or a real number|"
    r"ufunc '\w+' did not contain a loop"  # of dates
)
# Words of warnings that come from the workings of others.
INSIDE = re.compile(r"degrees of freedom|not writable|tensor|Mean of empty")
# Of scikit-learn's check of all rows, which adds them up, and of skorch's way to read
# its pickles, which torch before 2.6 warns of.
OF_OTHERS = "invalid value encountered in reduce", "You are using `torch.load`"
# Masked arrays of float16 cannot hold their own default of what is masked.
MASKED = "numpy/ma/core.py"


class Wrong(Exception):
    """A result that is wrong, and that nothing was said about."""


def verdict(perform, case):
    """Perform a case: its class, and what was said or seen."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            perform(case)
        except Wrong as wrong:
            return "silent", str(wrong)
        except REFUSALS as error:
            if not is_clear(error):
                return "unclear", described(error)
            if not case.kinds:
                return "unclear", f"clean input is refused: {described(error)}"
            result = "refused", described(error)
        except BaseException as error:  # KeyboardInterrupt of the parent ends it
            if isinstance(error, KeyboardInterrupt):
                raise
            return "crash", described(error)
        else:
            result = "right", ""
    odd = [one for one in said if is_from_inside(one)]
    if odd:
        place = f"{odd[0].filename}:{odd[0].lineno}"
        return "silent", f"{odd[0].category.__name__}: {odd[0].message} at {place}"
    return result


def is_clear(error):
    """Whether an error says what is needed and what came."""
    held = place_of(error).startswith(INSIDE_OF_OURS)
    return bool(CLEAR.search(str(error)) or (held and BY_THEMSELVES.search(str(error))))


def place_of(error):
    """The last place in skaug that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{one.filename.partition('/skaug/')[2]}:{one.lineno}"
        for one in frames
        if "/skaug/" in one.filename
    ]
    return places[-1] if places else "no file"


def described(error):
    """Type, text and place of an error."""
    return f"{type(error).__name__}: {error} at {place_of(error)}"


def is_from_inside(warning):
    """Whether a warning is of the workings, such as an overflow."""
    kinds = RuntimeWarning, DeprecationWarning, FutureWarning, SyntaxWarning
    text = str(warning.message)
    if text.startswith(OF_OTHERS) or warning.filename.endswith(MASKED):
        return False
    return issubclass(warning.category, kinds) or (
        warning.category is UserWarning and INSIDE.search(text)
    )


# Checks of results.


def check(holds, text):
    """Raise `Wrong` if something does not hold."""
    if not holds:
        raise Wrong(text)


def as_array(values):
    """Results as an array."""
    return values.detach().numpy() if torch.is_tensor(values) else np.asarray(values)


def check_finite(values, shape=None, what="result"):
    """Check a shape, in which None is any number, and that all numbers are finite."""
    values = as_array(values)
    if shape is not None:
        alike = len(shape) == values.ndim and all(
            wanted in (None, found) for wanted, found in zip(shape, values.shape)
        )
        check(alike, f"{what} of shape {values.shape}, not {shape}")
    if values.dtype == object:
        values = values.astype(float)
    if values.dtype.kind in "fc":
        check(np.isfinite(values).all(), f"{what} is not finite")
    return values


def check_same(values, others, what):
    """Check that two results are equal."""
    values, others = as_array(values), as_array(others)
    check(np.array_equal(values, others, equal_nan=values.dtype.kind == "f"), what)


def check_near(values, others, what):
    """Check that two results are equal up to rounding in float32."""
    values, others = as_array(values), as_array(others)
    near = values.shape == others.shape and np.allclose(values, others, 1e-5, 1e-6)
    check(near, what)
