"""Rows of bench_few_labels.py, and the heads that are fitted to them.

All heads are convex, and all choose their penalty among the same values and their
temperature on the same held-out rows of the training rows.
"""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTE
from scipy.special import log_softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch
from torch.nn.functional import interpolate

from data import har_features, load, take
from skaug import ISDALogisticRegression, PretrainedFeatures, PriorShift
from skaug.isda.linear_cv import candidates, choose
from skaug.isda.linear_fit import Problem, principal_axes, solve
from skaug.net.splits import folds_of_few

# Where features of images are kept between runs.
CACHE = Path(tempfile.gettempdir()) / "skaug-few-labels"
N_POOL, N_TEST = 6000, 3000  # images that training and test rows are drawn from
SIDE = 160  # pixels; at 224 accuracy is a little higher and the time twice as long
SMOOTHING = 0.1
IMAGES = ("cifar10", "fashion_mnist", "mnist")  # whose features have one unit


def at_side(images):
    """Images as EfficientNet-Lite0 takes them, but of SIDE pixels."""
    images = interpolate(images, size=(SIDE, SIDE), mode="bicubic", antialias=True)
    return (255 * images.clamp(0, 1) - 127) / 128


def backbone(**options):
    """The frozen network, without its last layer."""
    options = {"normalize": None, "preprocess": at_side, "cache": CACHE} | options
    return PretrainedFeatures(**options)


@cache
def rows_of(name):
    """All rows of a set: X, y, groups, X_test, y_test, and whether to standardise."""
    if name in ("cifar10", "fashion_mnist"):
        return _features_of(name)
    if name == "breast_cancer":
        X, y = load_breast_cancer(return_X_y=True)
        parts = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
        X, X_test, y, y_test = parts
        return Bunch(X=X, y=y, groups=None, X_test=X_test, y_test=y_test)
    data, groups = load(name), None
    X, X_test = data.X_train, data.X_test
    if name == "har":
        X, X_test, groups = har_features(X), har_features(X_test), data.subject_train
    if name == "mnist":
        X, X_test = X[:, 0, 2:-2, 2:-2], X_test[:N_TEST, 0, 2:-2, 2:-2]
        X, X_test = (x.reshape(len(x), -1) for x in (X, X_test))
    y_test = data.y_test[: len(X_test)]
    return Bunch(X=X, y=data.y_train, groups=groups, X_test=X_test, y_test=y_test)


def _features_of(name):
    """Square roots of frozen features, each row of norm 1."""
    data = load(name)
    rows, test = take(data.y_train, N_POOL, 0), take(data.y_test, N_TEST, 0)
    images = np.concatenate([data.X_train[rows], data.X_test[test]])
    features = np.sqrt(backbone(verbose=1).fit_transform(images).astype(float))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    X, X_test = features[:N_POOL], features[N_POOL:]
    y, y_test = data.y_train[rows], data.y_test[test]
    return Bunch(X=X, y=y, groups=None, X_test=X_test, y_test=y_test)


def draw(name, counts, seed):
    """Rows of so many per class, in the order of the classes, standardised.

    Features of images are only divided by one number, as PretrainedFeatures does. All
    rows are given by coordinates along the principal axes of the training rows, which
    changes no head and saves time.
    """
    data, rng = rows_of(name), np.random.default_rng(seed)
    classes = np.unique(data.y)
    counts = np.broadcast_to(counts, len(classes))
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(data.y == label), n, replace=False)
            for label, n in zip(classes, counts)
        ]
    )
    drawn = Bunch(y=np.searchsorted(classes, data.y[rows]), groups=None)
    drawn.y_test = np.searchsorted(classes, data.y_test)
    if data.groups is not None:
        drawn.groups = data.groups[rows]
    X, X_test = data.X[rows], data.X_test
    if name in IMAGES:
        scale = np.sqrt(X.var(axis=0).sum())
        X, X_test = X / scale, X_test / scale
    else:
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    X_axes, axes, mean, squares = principal_axes(X, np.ones(len(X)), centre=True)
    drawn.update(X_as_it_is=X, X_test_as_it_is=X_test, squares=squares)
    drawn.update(X=X_axes, X_test=(X_test - mean) @ axes)
    return drawn


class SmoothedProblem(Problem):
    """Targets that are SMOOTHING parts all classes alike."""

    def __init__(self, *args):
        super().__init__(*args)
        equal = self.share / self.in_class.shape[1]
        self.member = (1 - SMOOTHING) * self.member + SMOOTHING * equal

    @property
    def has_class(self):
        return self.in_class.any(axis=0)


class SmoteProblem(Problem):
    """Parts have as many new rows of SMOTE as rows, or as many as the largest class."""

    strategy = "double"

    def part(self, rows):
        X, codes = self.X[rows], self.codes[rows]
        counts = np.bincount(codes, minlength=len(self.offset))
        wanted = 2 * counts if self.strategy == "double" else counts.max()
        wanted = np.where(counts > 1, wanted, counts)
        wanted = {k: int(n) for k, n in enumerate(wanted) if n > counts[k]}
        n_neighbors = {k: min(5, int(counts[k]) - 1) for k in wanted}
        for n in sorted(set(n_neighbors.values())):
            own = {k: wanted[k] for k in wanted if n_neighbors[k] == n}
            sampler = SMOTE(sampling_strategy=own, k_neighbors=n, random_state=0)
            X, codes = sampler.fit_resample(X, codes)
        return Problem(
            X,
            codes,
            np.full(len(X), len(rows) / len(X)),  # C means what it means for the others
            self.offset,
            self.covariance,
            self.strength,
            self.fit_intercept,
            self.squares,
        )


class BalancingProblem(SmoteProblem):
    """Parts in which SMOTE has brought all classes to the size of the largest."""

    strategy = "balance"


def by_problem(kind):
    """Make a head: the problem, its penalty and temperature by held-out rows."""

    def fit(drawn):
        X, n, n_classes = drawn.X, len(drawn.X), drawn.y.max() + 1
        ones, no_offset = np.ones(n), np.zeros(n_classes)
        more = ("pooled", 0, True, drawn.squares)
        problem = kind(X, drawn.y, ones, no_offset, *more)
        folds = folds_of_few(5, drawn.y, drawn.groups)
        C, temperature = choose(problem, folds, candidates(X, problem.weights))
        found = solve(problem.part(np.arange(n)), C)[0]
        logits = problem.logits(found, drawn.X_test) / temperature
        return log_softmax(logits, axis=1)

    return fit


def isda(**options):
    """Make a head of ISDALogisticRegression; strength 0 is logistic regression."""

    def fit(drawn):
        model = ISDALogisticRegression(**options)
        model.fit(drawn.X, drawn.y, groups=drawn.groups)
        return model.predict_log_proba(drawn.X_test)

    return fit


def unguarded(**options):
    """Make a head of the strength that "auto" would keep or refuse."""

    def fit(drawn):
        n, d = drawn.X.shape
        return isda(strength=min(0.5, 4 * d / n), **options)(drawn)

    return fit


def prior_shift(drawn):
    """Logistic regression whose probabilities are shifted to equal shares."""
    model = PriorShift(ISDALogisticRegression(strength=0)).fit(drawn.X, drawn.y)
    return np.log(model.predict_proba(drawn.X_test))


def discriminant(drawn):
    """Linear discriminant analysis with a shrunk covariance, and a temperature."""
    folds = folds_of_few(5, drawn.y, drawn.groups)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model = CalibratedClassifierCV(
        model, method="temperature", cv=folds, ensemble=False
    )
    # Its shrinkage standardises columns, and those of principal axes would be noise.
    model.fit(drawn.X_as_it_is, drawn.y)
    proba = model.predict_proba(drawn.X_test_as_it_is)
    return np.log(np.maximum(proba, np.finfo(float).eps))


def feature_noise(drawn):
    """Features that vary alike in all directions, by as much as within the classes."""
    n_classes, d = drawn.y.max() + 1, drawn.X.shape[1]
    means = np.stack([drawn.X[drawn.y == k].mean(0) for k in range(n_classes)])
    variance = (drawn.X - means[drawn.y]).var(axis=0).mean()
    variances = np.full((n_classes, d), variance)
    return unguarded(covariance=variances)(drawn)


HEADS = {
    "LR": isda(strength=0),
    "LDA": discriminant,
    "label smoothing": by_problem(SmoothedProblem),
    "class ISDA, unguarded": unguarded(covariance="full"),
    "pooled ISDA, unguarded": unguarded(),
    "pooled ISDA": isda(),
    "feature noise": feature_noise,
    "SMOTE": by_problem(SmoteProblem),
}
OF_LONG_TAILS = {
    "LR": isda(strength=0),
    "SMOTE": by_problem(BalancingProblem),
    "class weights": isda(strength=0, class_weight="balanced"),
    "PriorShift": prior_shift,
    "logit adjustment": isda(strength=0, logit_adjustment=1.0),
    "pooled ISDA": isda(),
    "pooled ISDA, logit adjustment": isda(logit_adjustment=1.0),
}
