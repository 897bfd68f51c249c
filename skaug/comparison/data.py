"""What methods are compared on: tasks, and draws of rows from them.

A :class:`Task` has rows to train on, more of them than a draw takes, and perhaps test
rows. If it has no test rows, or hardly more rows than a draw takes, each draw leaves
out a quarter of the rows, of whole groups if there are groups. Rows of a group are
never trained on and tested with.
"""

import warnings
from dataclasses import dataclass

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import Bunch, check_array

from skaug._axes import channels_first
from skaug._checks import CHANNELS_LAST, Whole, check_value
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels
from skaug._printing import Printed
from skaug.comparison.heuristics import heuristics_for
from skaug.transforms.ranges import range_of

__all__ = [
    "Task",
    "columns_as_numbers",
    "dense",
    "divided",
    "folds_that_fit",
    "kind_of",
    "rows_of",
    "some",
    "split_for_choice",
]

N_ROWS = 500  # of a draw, at most
N_TEST = 3000
LEFT_OUT = 0.25  # of the rows, where draws leave some out
FEWEST = 6  # rows of each class in a draw: four to choose a setting with
FEWEST_GROUPS = 5  # three to choose a setting with, and some left out


@dataclass(eq=False, repr=False)
class Task(Printed):
    """Rows that methods are compared on, and how many a draw takes.

    Attributes
    ----------
    name : str
        What the tables call it.
    X : array-like of shape (n, ...) or DataFrame
        A table, signals (n, channels, times), images (n, channels, height, width), or
        a frame with columns of any type.
    y : array-like of shape (n,)
        Labels, numbers or texts; kept as an array.
    groups : array-like of shape (n,), default=None
        Subject, segment or the like of each row; kept as an array.
    test : Bunch, default=None
        Other rows to test with: ``X``, ``y`` and ``groups``, None if there are none.
    n_rows : int, default=500
        Training rows of a draw, at most.
    n_seeds : int, default=5
        How many draws are made.
    heuristic : str, default=None
        The augmentation by hand that suits the rows, a name of
        ``skaug.comparison.methods.HEURISTICS`` for such rows. ``None`` leaves the
        choice to the held-out rows of each draw.
    channels_last : bool, default=None
        Where the channels of signals and images are, see :class:`~skaug.NetClassifier`.

    Raises
    ------
    ValueError
        If rows, labels and groups do not belong together, there are too few rows of a
        class or too few groups, or the heuristic is not for such rows; says what to do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug.comparison import Task
    >>> X, y = load_iris(return_X_y=True)
    >>> task = Task("iris", X, y, n_rows=60)
    >>> drawn = task.draw(seed=0)
    >>> [len(part.y) for part in (drawn.train, drawn.inner, drawn.held_out, drawn.test)]
    [60, 40, 20, 38]
    """

    name: str
    X: object
    y: np.ndarray
    groups: np.ndarray | None = None
    test: Bunch | None = None
    n_rows: int = N_ROWS
    n_seeds: int = 5
    heuristic: str | None = None
    channels_last: bool | None = None

    def __post_init__(self):
        for name in ("n_rows", "n_seeds"):
            check_value("Task", name, getattr(self, name), Whole(1))
        check_value("Task", "channels_last", self.channels_last, CHANNELS_LAST)
        part = as_arrays(self.X, self.y, self.groups, self.channels_last)
        self.X, self.y, self.groups = part.X, part.y, part.groups
        check_classes(self.y, self.groups, self.n_rows)
        if self.test is not None:
            other = self.test
            given = other["X"], other["y"], other.get("groups")
            self.test = as_arrays(*given, self.channels_last)
            check_test_rows(self)
        if self.heuristic is not None:
            check_heuristic(self)

    @property
    def leaves_out(self):
        """Whether draws leave rows out, and so share many of their rows."""
        return self.test is None or 2 * self.n_rows > len(self.y)

    @property
    def kind(self):
        """Kind of the rows: "table", "signals", "images" or "colours"."""
        return kind_of(self.X)

    def draw(self, seed):
        """Draw training and test rows, and divide the training rows for choices.

        Parameters
        ----------
        seed : int
            Decides which rows are drawn, and with which seed methods are fitted to
            them.

        Returns
        -------
        drawn : Bunch
            ``train`` and ``test``; ``inner``, two thirds of the training rows, of whole
            groups, and ``held_out``, the rest, which chooses settings. Each is a Bunch
            of ``X``, ``y`` and ``groups``. Also the labels as ``classes``, ``seed``,
            and the task's ``heuristic``. Columns of a frame are turned into numbers by
            what the rows tell that are trained on.
        """
        rows, left_out = np.arange(len(self.y)), None
        if self.leaves_out:
            rows, left_out = parted(self.y, self.groups, seed)
        train = some(self, rows)
        train = some(train, mixed_order(train.y, seed)[: self.n_rows])
        test = some(self, left_out) if self.test is None else self.test
        if len(test.y) > N_TEST:
            # Test rows of their own are the same for all seeds.
            order = mixed_order(test.y, seed if self.test is None else 0)
            test = some(test, order[:N_TEST])
        head = columns_as_numbers() if hasattr(self.X, "columns") else None
        classes = np.unique(self.y)
        return divided(train, test, classes, seed, head, heuristic=self.heuristic)

    def identity(self):
        """Digest of the rows and of how they are drawn."""
        rows = [self.X, self.y, self.groups, self.test, self.n_rows, self.heuristic]
        return joblib.hash(rows)


def kind_of(X):
    """Kind of rows; colours are images of a range that transforms of colour take."""
    shape = np.shape(X)
    if len(shape) == 4 and shape[1] in (1, 3) and range_of(X) is not None:
        return "colours"
    return {2: "table", 3: "signals", 4: "images"}[len(shape)]


def as_arrays(X, y, groups, channels_last=None):
    """Rows, a frame or an array, with one label and perhaps one group for each."""
    if hasattr(X, "columns"):
        X = checked_frame(X, "Task")
    else:
        X = check_array(
            as_numbers(X, "Task"), dtype=None, allow_nd=True, ensure_2d=False
        )
        X = channels_first(X, channels_last, "Task")
    if X.ndim not in (2, 3, 4):
        raise ValueError(
            f"Task needs X with 2 to 4 axes; got shape {X.shape}. Reshape it: one row "
            "for each label."
        )
    n = len(X)
    y = check_labels(y, n, "Task")
    if y.dtype == object and all(isinstance(label, str) for label in y):
        y = y.astype(str)  # as columns of a frame come
    return Bunch(X=X, y=y, groups=check_groups(groups, n, "Task"))


def check_heuristic(task):
    """Refuse an augmentation by hand that is not for such rows."""
    names = heuristics_for(task.kind)
    if task.heuristic not in names:
        raise ValueError(
            f"Task needs a heuristic for {task.kind}, which {task.name} has, among "
            f"{', '.join(names)}; got {task.heuristic!r}. Leave it out, and each draw "
            "chooses one."
        )


def check_classes(y, groups, n_rows):
    """Refuse labels and groups that cannot be drawn from."""
    labels, counts = np.unique(y, return_counts=True)
    if y.dtype.kind == "f" and (labels != labels.round()).any():
        other = labels[labels != labels.round()][0]
        raise ValueError(
            f"Task needs classes; got numbers such as {other}. Bin them, or leave NaN "
            "out."
        )
    if len(labels) < 2:
        raise ValueError(
            f"Task needs two classes or more; got {labels.tolist()}. Add rows of "
            "another class."
        )
    share = min(1 - LEFT_OUT, n_rows / len(y))
    few = labels[np.floor(counts * share) < FEWEST].tolist()
    if few:
        raise ValueError(
            f"Task needs {FEWEST} rows of each class in a draw; got fewer of {len(few)}"
            f" classes, such as {few[:5]}. Merge or remove these, add rows, or draw "
            "more rows."
        )
    if groups is not None and len(np.unique(groups)) < FEWEST_GROUPS:
        raise ValueError(
            f"Task needs {FEWEST_GROUPS} groups or more; got "
            f"{np.unique(groups).tolist()}. Leave the groups out."
        )


def check_test_rows(task):
    """Refuse test rows that do not go with the training rows."""
    if (task.groups is None) != (task.test.groups is None):
        raise ValueError(
            "Task needs groups of both parts; got those of one. Add the others, or "
            "leave both out."
        )
    unknown = np.setdiff1d(task.test.y, task.y).tolist()
    if unknown:
        raise ValueError(
            f"Task needs test labels that are trained on; got {unknown}. Leave these "
            "rows out."
        )
    if task.groups is not None:
        both = np.intersect1d(task.groups, task.test.groups).tolist()
        if both:
            raise ValueError(
                f"Task needs other groups to test with; got {both} on both sides. "
                "Split the rows by group."
            )


def divided(train, test, classes, seed, head=None, **known):
    """Divide training rows for choices, and let a head turn all rows into numbers."""
    # The head learns from the rows that are trained on: the inner ones in a choice.
    inner, held_out = split_for_choice(train, seed)
    if head is not None:
        inner, held_out = through(head, inner, held_out)
        train, test = through(head, train, test)
    return Bunch(
        train=train,
        test=test,
        inner=inner,
        held_out=held_out,
        classes=classes,
        seed=seed,
        **known,
    )


def through(head, train, test):
    """Rows of both parts after a transformer that learns from the first."""
    head = clone(head)
    new = dense(head.fit_transform(train.X, train.y)), dense(head.transform(test.X))
    return [Bunch(**part | {"X": X}) for part, X in zip((train, test), new)]


def dense(X):
    """Rows as an array of floats, whatever a transformer gives."""
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    # In float64: float32 may not tell the values of a column apart, such as times.
    return X if X.dtype == np.float32 else X.astype(np.float64)


def split_for_choice(train, seed):
    """Two thirds of the rows to fit settings to, and the rows to choose them by."""
    # Whole groups may take a class along: the fold with most classes inside is taken.
    splitter = folds_that_fit(3, train.y, train.groups, seed)
    with warnings.catch_warnings():
        # A class may have a single row here; what was read has said so.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = list(splitter.split(train.y, train.y, train.groups))
    n_classes = [len(np.unique(train.y[inner])) for inner, _ in folds]
    inner, held_out = folds[int(np.argmax(n_classes))]
    return some(train, inner), some(train, held_out)


def parted(y, groups, seed):
    """Rows to draw from and rows left out, of whole groups if there are any."""
    n_out = round(LEFT_OUT * len(y))
    if groups is None:
        order = mixed_order(y, seed)
        return order[n_out:], order[:n_out]
    random = np.random.RandomState(seed)
    for _ in range(1000):
        names = random.permutation(np.unique(groups))
        sizes = np.array([np.sum(groups == name) for name in names])
        n_groups = max(1, int(np.searchsorted(sizes.cumsum(), n_out)))
        out = np.isin(groups, names[:n_groups])
        if len(names) - n_groups >= 3 and set(y[~out]) == set(y):
            return np.flatnonzero(~out), np.flatnonzero(out)
    raise ValueError(
        "Task needs groups that all classes are spread over; got some class in hardly "
        "any of them. Leave the groups out."
    )


def mixed_order(y, seed):
    """Random order of rows whose beginnings have each class in proportion."""
    order = np.random.RandomState(seed).permutation(len(y))
    place = np.empty(len(y))
    for label in np.unique(y):
        rows = order[y[order] == label]
        place[rows] = np.arange(len(rows)) / len(rows)
    return order[np.argsort(place[order], kind="stable")]


def some(part, rows):
    """Some rows of a task or of its test rows."""
    groups = None if part.groups is None else part.groups[rows]
    return Bunch(X=rows_of(part.X, rows), y=part.y[rows], groups=groups)


def rows_of(X, rows):
    """Rows of a frame or an array, by position."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def checked_frame(X, owner):
    """Refuse columns that are neither numbers nor categories; objects by their kind."""
    if not hasattr(X, "iloc"):
        raise ValueError(
            f"{owner} needs a frame of pandas, or an array; got a "
            f"{type(X).__module__.partition('.')[0]} {type(X).__name__}. Give "
            "X.to_pandas()."
        )
    # Numbers in a column of objects would be coded one-hot.
    return as_numbers(X, owner, categories=True).infer_objects()


def columns_as_numbers():
    """Make what turns a frame into numbers, learned from training rows alone.

    Returns
    -------
    transformer : ColumnTransformer
        Imputes medians, and codes columns that are not numbers one-hot.
    """
    numbers = SimpleImputer(strategy="median", keep_empty_features=True)
    # Without a limit, a column of names would give a feature per row.
    categories = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, max_categories=50
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )


def folds_that_fit(n_folds, y, groups, seed):
    """Make folds of whole groups and all classes; fewer where a class has few rows."""
    units = np.arange(len(y)) if groups is None else groups
    spread = [len(np.unique(units[y == label])) for label in np.unique(y)]
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return kind(max(2, min(n_folds, *spread)), shuffle=True, random_state=seed)
