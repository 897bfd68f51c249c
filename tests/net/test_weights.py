"""Weights of rows and classes: a row of weight w counts like w copies of it."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from helpers import few_steps, refuses, scoring_with_weights, weights
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_class_weight
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import DataLoader, Subset

from skaug import (
    BatchAugmentation,
    ISDAClassifier,
    ManifoldMixup,
    NetClassifier,
    PriorShift,
    TableMixup,
    plain_twin,
)
from skaug.net import InputNorm
from skaug.net.weights import mean_loss
from skaug.transforms import Jitter


class Plain(nn.Module):
    """A network that does not normalise, in any precision."""

    def __init__(self, n_features, n_classes, dtype=torch.float64, norm=False):
        super().__init__()
        self.dtype = dtype
        self.first = InputNorm(n_features) if norm else nn.Identity()
        if norm:
            self.input_norm = self.first
        self.body = nn.Linear(n_features, 6, dtype=dtype)
        self.head = nn.Linear(6, n_classes, dtype=dtype)

    def forward(self, X):
        return self.head(torch.tanh(self.body(self.first(X).to(self.dtype))))


class Linear(nn.Linear):
    """Multinomial logistic regression, in float64."""

    def __init__(self, n_features, n_classes):
        super().__init__(n_features, n_classes, dtype=torch.float64)

    def forward(self, X):
        return super().forward(X.double())


def net(kind=NetClassifier, module=Plain, **params):
    params = {"batch_size": -1, "max_epochs": 12, "lr": 0.02, **params}
    return kind(module, random_state=0, **params)


def quick(kind=NetClassifier, **params):
    """The default network on batches; it normalises."""
    return kind(**{"max_epochs": 3, "random_state": 0, **params})


def same(a, b):
    a, b = ({**n.module_.state_dict(), **n.criterion_.state_dict()} for n in (a, b))
    return all(torch.equal(torch.as_tensor(a[k]), torch.as_tensor(b[k])) for k in a)


def gap(a, b):
    return float((weights(a) - weights(b)).abs().max())


@pytest.fixture
def rows(table):
    """Rows, labels, whole weights of which some are 0, and the rows repeated."""
    X, y = table
    w = np.random.default_rng(1).integers(0, 4, len(X))
    return X, y, w, np.repeat(np.arange(len(X)), w)


# Mathematics

KINDS = {
    "net": (NetClassifier, {}),
    "logit adjustment": (NetClassifier, {"logit_adjustment": 1.0}),
    "weights of torch": (
        NetClassifier,
        {"criterion__weight": torch.tensor([0.2, 1.0, 3.0]).double()},
    ),
    "smoothing": (NetClassifier, {"criterion__label_smoothing": 0.2}),
    "sum": (NetClassifier, {"criterion__reduction": "sum", "lr": 1e-3}),
    "sgd": (NetClassifier, {"optimizer": torch.optim.SGD, "lr": 0.1}),
    "isda": (ISDAClassifier, {}),
    "isda pooled": (ISDAClassifier, {"covariance": "pooled", "strength": 2}),
    "isda adjusted": (ISDAClassifier, {"logit_adjustment": 1.0, "forgetting": 0.1}),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-12)])
def test_weights_equal_repeated_rows_in_a_full_batch(name, dtype, tolerance, rows):
    X, y, w, repeated = rows
    kind, params = KINDS[name]
    dtype = getattr(torch, dtype)
    if "criterion__weight" in params:
        params = {"criterion__weight": params["criterion__weight"].to(dtype)}
    # Adam divides by the size of a gradient: where it is rounding error, all is lost.
    params = {"optimizer": torch.optim.SGD, "module__dtype": dtype, **params}
    weighted = net(kind, **params).fit(X, y, sample_weight=w)
    other = net(kind, **params).fit(X[repeated], y[repeated])
    assert gap(weighted, other) <= tolerance
    assert weighted.history[-1, "train_loss"] == pytest.approx(
        other.history[-1, "train_loss"], rel=10 * tolerance
    )
    # The weights do something.
    assert gap(weighted, net(kind, **params).fit(X, y)) > 1e-3


def test_twice_is_two_copies_and_only_ratios_matter(rows):
    X, y, _, _ = rows
    once, twice = np.ones(len(X)), np.where(y == 0, 2.0, 1.0)
    copied = np.concatenate([np.arange(len(X)), np.flatnonzero(y == 0)])
    assert gap(net().fit(X, y, sample_weight=once), net().fit(X, y)) < 1e-14
    weighted = net().fit(X, y, sample_weight=twice)
    assert gap(weighted, net().fit(X[copied], y[copied])) < 1e-12
    assert gap(weighted, net().fit(X, y, sample_weight=1e6 * twice)) < 1e-12
    assert gap(weighted, net().fit(X, y, sample_weight=1e-6 * twice)) < 1e-12


DEFAULTS = {
    "net": (NetClassifier, {}),
    "logit adjustment": (NetClassifier, {"logit_adjustment": 1.0}),
    "isda": (ISDAClassifier, {}),
    "early stopping": (
        NetClassifier,
        {
            "train_split": ValidSplit(4, stratified=True),
            "callbacks": [EarlyStopping(patience=1)],
        },
    ),
    "mixup": (NetClassifier, {"callbacks": [BatchAugmentation(TableMixup())]}),
    "loader": (NetClassifier, {"iterator_train": DataLoader}),
    "balanced": (NetClassifier, {"class_weight": "balanced"}),
}


@few_steps
@pytest.mark.parametrize("name", DEFAULTS)
def test_rows_of_weight_0_are_left_out_bit_for_bit(name, rows):
    X, y, w, _ = rows
    kind, params = DEFAULTS[name]
    kept = w > 0
    groups = np.arange(len(X)) // 5
    X[~kept] = 1e30  # whatever stands there
    one = quick(kind, **params).fit(X, y, groups, sample_weight=w)
    other = quick(kind, **params)
    other.fit(X[kept], y[kept], groups[kept], sample_weight=w[kept])
    assert same(one, other)
    assert one.history[:, "train_loss"] == other.history[:, "train_loss"]
    if params.get("train_split"):
        assert one.history[:, "valid_loss"] == other.history[:, "valid_loss"]
    if kind is NetClassifier and not params:
        frame = pd.DataFrame(X, columns=list("abcdefgh"))
        assert same(one, quick().fit(frame, y.tolist(), sample_weight=list(w)))


def test_classes_of_weight_0_are_not_there(rows):
    X, y, _, _ = rows
    one = quick().fit(X, y, sample_weight=y != 2)
    assert one.classes_.tolist() == [0, 1]
    named = quick(classes=[0, 1, 2]).fit(X, y, sample_weight=y != 2)
    assert named.predict_proba(X).shape == (len(X), 3)
    # By class_weight they are, as in scikit-learn.
    assert quick(class_weight={2: 0}).fit(X, y).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_is_that_of_the_weighted_mean_by_hand(smoothing, table):
    X, y = table
    w = np.random.default_rng(0).uniform(0.1, 3, len(X))
    grads = []

    class Keeps(NetClassifier):
        def train_step_single(self, batch, **params):
            step = super().train_step_single(batch, **params)
            grads.append([p.grad.clone() for p in self.module_.parameters()])
            return step

    model = net(Keeps, lr=0.0, max_epochs=1, criterion__label_smoothing=smoothing)
    model.set_params(optimizer=torch.optim.SGD).fit(X, y, sample_weight=w)
    module = model.module_
    logits = module(torch.tensor(X, dtype=torch.float32))
    smooth = torch.full((len(X), 3), smoothing / 3).double()
    smooth[torch.arange(len(X)), torch.tensor(y)] += 1 - smoothing
    losses = -(smooth * logits.log_softmax(1)).sum(1)
    loss = (torch.tensor(w) * losses).sum() / w.sum()
    expected = torch.autograd.grad(loss, list(module.parameters()))
    for grad, wanted in zip(grads[0], expected, strict=True):
        assert (grad - wanted).abs().max() < 1e-8
    assert model.history[-1, "train_loss"] == pytest.approx(float(loss.detach()))


def test_losses_of_an_epoch_are_weighted_means_over_its_rows(table):
    X, y = table
    w = np.random.default_rng(0).uniform(0, 3, len(X)) ** 2
    split = ValidSplit([(np.arange(70), np.arange(70, 120))])
    params = {"lr": 0.0, "max_epochs": 1, "batch_size": 16, "train_split": split}
    model = net(**params, iterator_train__shuffle=False).fit(X, y, sample_weight=w)
    proba = model.predict_proba(X)
    for name, part in ("train_loss", slice(70)), ("valid_loss", slice(70, 120)):
        expected = log_loss(y[part], proba[part], sample_weight=w[part])
        assert model.history[-1, name] == pytest.approx(expected, rel=1e-5)


def test_the_first_layer_learns_weighted_moments(rows):
    X, y, w, repeated = rows
    X = X * 1e3 + 1e5
    layer = net(module__norm=True).fit(X, y, sample_weight=w).module_.first
    other = net(module__norm=True).fit(X[repeated], y[repeated]).module_.first
    assert layer.n_rows == other.n_rows == w.sum()
    assert torch.allclose(layer.mean, other.mean, rtol=1e-6)
    assert torch.allclose(layer.deviation, other.deviation, rtol=1e-6)


@pytest.mark.parametrize("shape", [(40, 3), (40, 3, 7), (40, 3, 4, 5)])
def test_weighted_moments_are_those_of_numpy(shape):
    rng = np.random.default_rng(0)
    X, w = 1e3 + rng.normal(size=shape), rng.uniform(size=40)
    norm = InputNorm(3).double()
    norm.learn(torch.tensor(X), w)
    axes = tuple(axis for axis in range(X.ndim) if axis != 1)
    of_all = np.broadcast_to(w.reshape(-1, *[1] * (X.ndim - 1)), shape)
    mean = np.average(X, axis=axes, weights=of_all)
    square = (X - mean.reshape(3, *[1] * (X.ndim - 2))) ** 2
    deviation = np.sqrt(np.average(square, axis=axes, weights=of_all))
    assert np.allclose(norm.mean, mean, rtol=1e-12)
    assert np.allclose(norm.deviation, deviation, rtol=1e-9)
    assert norm.n_rows == pytest.approx(w.sum())
    other = InputNorm(3).double()
    other.load_state_dict(norm.state_dict())
    assert other.n_rows == norm.n_rows and other.learned


def test_class_counts_are_sums_of_weights(rows):
    X, y, w, _ = rows
    model = quick(logit_adjustment=1.0).fit(X, y, sample_weight=w / 2)
    assert np.allclose(model.class_counts_, np.bincount(y, w) / 2)


# class_weight


@pytest.fixture
def uneven(table):
    X, y = table
    kept = np.concatenate([np.flatnonzero(y == k)[: 40 // (k + 1)] for k in range(3)])
    return X[kept], np.array(["walk", "run", "sit"])[y[kept]]


@pytest.mark.parametrize("class_weight", ["balanced", {"run": 3.0, "sit": 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weight_multiplies_sample_weight_as_in_scikit_learn(
    class_weight, weighted, uneven
):
    X, y = uneven
    w = np.random.default_rng(0).uniform(0.5, 2, len(X)) if weighted else None
    model = net(class_weight=class_weight).fit(X, y, sample_weight=w)
    classes = np.unique(y)
    expected = compute_class_weight(class_weight, classes=classes, y=y, sample_weight=w)
    assert np.allclose(model.class_weight_, expected)
    factors = expected[np.searchsorted(classes, y)] * (1 if w is None else w)
    assert same(model, net().fit(X, y, sample_weight=factors))
    if class_weight == "balanced":
        sums = [factors[y == label].sum() for label in classes]
        assert np.ptp(sums) < 1e-9


def test_a_linear_net_with_class_weight_is_scikit_learns(uneven):
    X, y = uneven
    X = StandardScaler().fit_transform(X)
    model = NetClassifier(
        Linear,
        class_weight="balanced",
        optimizer=torch.optim.LBFGS,
        optimizer__max_iter=300,
        optimizer__line_search_fn="strong_wolfe",
        lr=1,
        lr_schedule="constant",
        max_epochs=3,
        batch_size=-1,
        random_state=0,
    )
    model.fit(X, y)
    other = LogisticRegression(
        C=np.inf, class_weight="balanced", max_iter=10000, tol=1e-10
    ).fit(X, y)
    assert np.allclose(model.predict_proba(X), other.predict_proba(X), atol=1e-3)


def test_balancing_twice_and_counting_a_part_are_refused(uneven):
    X, y = uneven
    with refuses("needs class_weight=None beside logit_adjustment; got 'balanced'"):
        quick(class_weight="balanced", logit_adjustment=1.0).fit(X, y)
    with refuses("needs class_weight to be a dict for partial_fit; got 'balanced'"):
        quick(class_weight="balanced").partial_fit(X, y)
    quick(class_weight={"run": 2}).partial_fit(X, y).partial_fit(X[:9], y[:9])
    with pytest.warns(UserWarning, match="so that the classes are shifted twice"):
        PriorShift(quick(class_weight="balanced")).fit(X, y)


@pytest.mark.parametrize(
    "class_weight, message",
    [
        ("auto", "class_weight to be None, 'balanced' or a dict; got 'auto'"),
        ([1, 2, 3], "None, 'balanced' or a dict; got"),
        ({"run": -1.0}, r"class_weight\['run'\] to be a finite number >= 0; got -1.0"),
        ({"run": np.nan}, r"class_weight\['run'\] to be a finite number >= 0; got nan"),
        ({"jog": 2.0}, r"labels among its classes .*; got \['jog'\]"),
        ({"run": 0, "sit": 0, "walk": 0}, "a class_weight above 0 for a class with"),
    ],
)
def test_class_weights_that_cannot_be_used(class_weight, message, uneven):
    with refuses(f"NetClassifier needs .*{message}"):
        quick(class_weight=class_weight).fit(*uneven)


def test_the_plain_twin_and_clones_keep_class_weight(uneven):
    model = quick(ISDAClassifier, class_weight="balanced").fit(*uneven)
    twin = plain_twin(model)
    assert twin.class_weight == "balanced" and twin.strength == 0
    assert gap(twin.fit(*uneven), quick(class_weight="balanced").fit(*uneven)) == 0


# Mixed labels


@few_steps
@pytest.mark.parametrize(
    "mixup", [TableMixup(), ManifoldMixup(layers=["body"]), TableMixup(alpha=0)]
)
def test_equal_weights_change_nothing_of_mixed_rows(mixup, table):
    X, y = table
    params = {"callbacks": [BatchAugmentation(mixup)], "batch_size": 40}
    plain = net(**params).fit(X, y)
    weighted = net(**params).fit(X, y, sample_weight=np.full(len(X), 3.0))
    assert gap(plain, weighted) < 1e-7


@few_steps
def test_weights_of_classes_on_mixed_labels_are_torchs(table):
    # torch divides by the number of rows, which the mean of the weights makes up for.
    X, y = table
    factors = torch.tensor([0.5, 1.0, 3.0]).double()
    factors /= factors[y].mean()
    params = {"callbacks": [BatchAugmentation(TableMixup())]}
    ours = net(**params, class_weight=dict(enumerate(factors.tolist()))).fit(X, y)
    torchs = net(**params, criterion__weight=factors).fit(X, y)
    assert gap(ours, torchs) < 1e-6


class MixWithNext:
    """Mixes each row with the next one, with fixed shares."""

    def __call__(self, X, y, n_classes):
        if not y.is_floating_point():
            y = torch.nn.functional.one_hot(y, n_classes).float()
        return tuple(0.75 * a + 0.25 * a.roll(-1, 0) for a in (X, y))


@few_steps
def test_the_weight_of_a_row_goes_with_its_label(table):
    X, y = table[0][:24], table[1][:24]
    w = np.random.default_rng(0).uniform(0.1, 4, 24)
    seen = []

    class Keeps(NetClassifier):
        def get_loss(self, logits, target, X=None, training=False):
            loss = super().get_loss(logits, target, X=X, training=training)
            seen.append((logits.detach(), float(loss.detach())))
            return loss

    params = {"iterator_train__shuffle": False, "lr": 0.0, "max_epochs": 1}
    callbacks = [BatchAugmentation(MixWithNext())]
    net(Keeps, callbacks=callbacks, **params).fit(X, y, sample_weight=w)
    (logits, loss), *_ = seen
    log_p, labels = logits.log_softmax(1), torch.tensor(y)
    own = -log_p[torch.arange(24), labels] * torch.tensor(w)
    others = -log_p[torch.arange(24), labels.roll(-1)] * torch.tensor(w).roll(-1)
    assert loss == pytest.approx(float((0.75 * own + 0.25 * others).sum() / w.sum()))


@few_steps
def test_isda_weighs_mixed_rows_alike(table):
    # At strength 0 ISDA is plain cross-entropy, with weights as without.
    X, y = table
    w = np.random.default_rng(0).uniform(0.1, 4, len(X))
    params = {"callbacks": [BatchAugmentation(TableMixup(), probability=0.5)]}
    isda = quick(ISDAClassifier, strength=0, **params).fit(X, y, sample_weight=w)
    assert gap(isda, quick(**params).fit(X, y, sample_weight=w)) < 1e-6


@few_steps
def test_transforms_that_keep_labels_keep_weights(table):
    X, y = table
    w = np.random.default_rng(0).uniform(0.1, 4, len(X))
    for transform in (Jitter(0.0), lambda X, y: (X, y.clone()), lambda X: X):
        callbacks = [BatchAugmentation(transform)]
        model = quick(callbacks=callbacks).fit(X, y, sample_weight=w)
        assert same(model, quick().fit(X, y, sample_weight=w))


def doubled(X, y):
    return torch.cat([X, X]), torch.cat([y, y])


def relabelled(X, y):
    return X, 2 - y


def from_numpy(X, y, n_classes):
    share = float(np.random.default_rng().uniform())
    if not y.is_floating_point():
        y = torch.nn.functional.one_hot(y, n_classes).float()
    return share * X + (1 - share) * X.flip(0), share * y + (1 - share) * y.flip(0)


@few_steps
@pytest.mark.parametrize(
    "transform, message",
    [
        (doubled, "doubled to keep rows in their places"),
        (relabelled, "relabelled to keep rows in their places"),
        (from_numpy, "from_numpy to make the same rows whether"),
    ],
)
def test_rows_whose_weight_nobody_knows_are_refused(transform, message, table):
    X, y = table
    with refuses(f"BatchAugmentation needs {message}"):
        callbacks = [BatchAugmentation(transform)]
        quick(callbacks=callbacks).fit(X, y, sample_weight=1.0 + y)


# On any route


@pytest.mark.parametrize("batch_size", [-1, 32])
def test_a_loader_and_data_sets_take_weights_by_position(batch_size, table):
    X, y = np.float32(table[0]), table[1]
    w = np.random.default_rng(0).integers(0, 3, len(X))
    params = {"batch_size": batch_size, "iterator_train__shuffle": False}
    model = net(**params).fit(X, y, sample_weight=w)
    data = Dataset(X, y)
    loaded = net(iterator_train=DataLoader, **params).fit(X, y, sample_weight=w)
    assert same(model, loaded)
    assert same(model, net(**params).fit(data, sample_weight=w))
    order = np.random.default_rng(1).permutation(len(X))
    back = np.argsort(order)
    part = Subset(Dataset(X[order], y[order]), back)
    assert same(model, net(**params).fit(part, sample_weight=w))
    twice = Subset(Subset(data, np.arange(len(X))), np.arange(len(X)))
    assert same(model, net(**params).fit(twice, sample_weight=w))
    balanced = net(class_weight="balanced", **params).fit(X, y, sample_weight=w)
    params["class_weight"] = "balanced"
    assert same(balanced, net(**params).fit(data, sample_weight=w))


class Squares(torch.utils.data.Dataset):
    """Computes its rows, and does not tell its labels but one by one."""

    def __len__(self):
        return 30

    def __getitem__(self, i):
        return torch.tensor([i, i * i, 1.0]) / 30, i % 2


def test_data_sets_that_compute_their_rows(table):
    w = np.arange(30) % 4
    params = {"classes": [0, 1], "iterator_train__shuffle": False}
    model = net(**params).fit(Squares(), sample_weight=w)
    rows = [Squares()[i] for i in np.repeat(np.arange(30), w)]
    X, y = torch.stack([x for x, _ in rows]).numpy(), np.array([y for _, y in rows])
    assert gap(model, net().fit(X, y)) < 1e-12
    with refuses("needs class codes for class_weight; got a Squares"):
        net(class_weight={1: 2}, **params).fit(Squares())


def test_callbacks_see_batches_and_data_sets_as_without_weights(table):
    X, y = table
    scores = [
        ("of_train", EpochScoring("accuracy", on_train=True, name="of_train")),
        ("again", EpochScoring("accuracy", use_caching=False, name="again")),
        ("loss", EpochScoring("neg_log_loss", on_train=True, use_caching=False)),
    ]
    split = ValidSplit(4, stratified=True)
    params = {"callbacks": scores, "train_split": split}
    weighted = quick(**params).fit(X, y, sample_weight=np.ones(len(X)))
    plain = quick(**params).fit(X, y)
    for name in ("of_train", "again", "valid_acc"):
        assert weighted.history[:, name] == plain.history[:, name]
    assert not {"batch_weight_", "_row_weights", "_weights"} & set(vars(weighted))
    assert same(pickle.loads(pickle.dumps(weighted)), weighted)


def test_rows_held_out_by_hand(table):
    X, y = np.float32(table[0]), table[1]
    w = 1.0 + y

    def halves(dataset, y=None):
        numbers = np.arange(len(dataset))
        return Subset(dataset, numbers[::2]), Subset(dataset, numbers[1::2])

    model = net(train_split=halves).fit(X, y, sample_weight=w)
    other = net(train_split=predefined_split(Dataset(X[1::2], y[1::2])))
    assert same(model, other.fit(X[::2], y[::2], sample_weight=w[::2]))

    def others(dataset, y=None):
        return Dataset(X[:9], y[:9]), Dataset(X[9:], y[9:])

    with refuses("needs a train_split that returns parts of the data set"):
        net(train_split=others).fit(X, y, sample_weight=w)


class Focal(nn.CrossEntropyLoss):
    def forward(self, logits, target):
        losses = nn.functional.cross_entropy(logits, target, reduction="none")
        losses = (1 - torch.exp(-losses)) ** 2 * losses
        return losses if self.reduction == "none" else losses.mean()


class Own(nn.Module):
    def forward(self, logits, target):
        return nn.functional.cross_entropy(logits, target)


class Takes(Own):
    def forward(self, logits, target, sample_weight=None):
        losses = nn.functional.cross_entropy(logits, target, reduction="none")
        return (
            losses.mean() if sample_weight is None else mean_loss(losses, sample_weight)
        )


class TakesLogarithms(nn.NLLLoss):
    def forward(self, log_p, target, sample_weight=None):
        losses = -log_p.gather(1, target[:, None])[:, 0]
        return (
            losses.mean() if sample_weight is None else mean_loss(losses, sample_weight)
        )


class MeanAnyway(nn.CrossEntropyLoss):
    def forward(self, logits, target):
        return nn.functional.cross_entropy(logits, target)


def test_losses_of_ones_own(rows):
    X, y, w, repeated = rows
    for criterion in (Focal, Takes, nn.MultiMarginLoss):
        params = {"criterion": criterion, "predict_nonlinearity": None}
        weighted = net(**params).fit(X, y, sample_weight=w)
        assert gap(weighted, net(**params).fit(X[repeated], y[repeated])) < 1e-9
    for criterion, got in (
        (Own, "without reduction"),
        (MeanAnyway, "a loss of shape"),
        (lambda: nn.functional.cross_entropy, "function, one without reduction"),
    ):
        with refuses(f"needs a criterion with a loss for each row.* {got}"):
            net(criterion=criterion).fit(X, y, sample_weight=w)

    class Penalised(NetClassifier):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return super().get_loss(y_pred, y_true, X, training) + 0 * y_pred.sum()

    class Ignores(NetClassifier):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return self.criterion_(y_pred, y_true)

    assert same(net(Penalised).fit(X, y, sample_weight=w), net().fit(X, y, None, w))
    with refuses("Ignores needs a get_loss that weighs rows"):
        net(Ignores).fit(X, y, sample_weight=w)


def test_a_loss_that_takes_weights_is_fed_logarithms_as_without_them(table):
    X, y = table
    module = nn.Sequential(nn.Linear(8, 3), nn.Softmax(1))

    def losses(criterion, **weights):
        return quick(module=module, criterion=criterion).fit(X, y, **weights).history

    once = losses(TakesLogarithms, sample_weight=np.ones(len(y)))[:, "train_loss"]
    for other in (losses(TakesLogarithms), losses(nn.NLLLoss)):
        np.testing.assert_allclose(once, other[:, "train_loss"], rtol=1e-6)


def test_batches_without_a_place_for_weights_are_refused(table):
    def pairs(rows):
        X, y, *_ = zip(*rows)
        return [torch.as_tensor(np.stack(X)), torch.as_tensor(np.stack(y))]

    X, y = table
    params = {"iterator_train": DataLoader, "iterator_train__collate_fn": pairs}
    quick(**params).fit(X, y)
    with refuses(r"needs batches \[X, y, weight\] .*; got a list of 2. Let collate_fn"):
        quick(**params).fit(X, y, sample_weight=1.0 + y)


@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(149), r"one number per row, shape \(150,\); got shape \(149,\)"),
        (np.ones((150, 1)), r"one number per row, .* got shape \(150, 1\)"),
        (2.0, r"one number per row, .* got shape \(\)"),
        (-np.ones(150), "finite and 0 or more; got -1.0 for row 0"),
        (np.where(np.arange(150) == 7, np.nan, 1), "got nan for row 7"),
        (np.where(np.arange(150) == 7, np.inf, 1), "got inf for row 7"),
        (np.ma.masked_less(np.arange(150.0), 1), "got nan for row 0"),
        (np.zeros(150), "a sample_weight above 0; got zeros only"),
        (["heavy"] * 150, "sample_weight to be numbers; got list"),
    ],
)
def test_weights_that_cannot_be_used(weight, message, table):
    for model in (quick(), quick(ISDAClassifier)):
        name = type(model).__name__
        for fit in (model.fit, model.partial_fit):
            with refuses(f"{name} needs .*{message}"):
                fit(*table, sample_weight=weight)


def test_labels_of_another_length_are_told_before_rows_are_left_out(table):
    X, y = table
    with refuses("NetClassifier needs one label per row"):
        quick().fit(X, np.append(y, 1), sample_weight=np.arange(150))


class Fails(Callback):
    def on_batch_end(self, net, **kwargs):
        raise ZeroDivisionError


def test_an_error_leaves_no_weights_for_the_next_training(table):
    X, y = table
    net = quick(callbacks=[Fails()])
    with pytest.raises(ZeroDivisionError) as kept:  # as a notebook keeps it
        net.fit(X, y, sample_weight=1 + y)
    net.set_params(callbacks=None).fit(X, y)
    assert same(net, quick().fit(X, y)) and kept.tb


def test_training_goes_on_with_weights(rows):
    X, y, w, repeated = rows
    for warm in (False, True):
        pair = [net(warm_start=warm) for _ in range(2)]
        for _ in range(2):
            pair[0].fit(X, y, sample_weight=w)
            pair[1].fit(X[repeated], y[repeated])
            pair[0].partial_fit(X, y, sample_weight=w, epochs=2)
            pair[1].partial_fit(X[repeated], y[repeated], epochs=2)
        assert gap(*pair) < 1e-9


def test_metadata_routing_through_a_pipeline_in_a_search(rows):
    X, y, w, _ = rows
    expected = net().fit(StandardScaler().fit_transform(X), y, sample_weight=w)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = net().set_fit_request(sample_weight=True, groups=True)
        asking.set_score_request(sample_weight=True)
        pipe = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), asking
        )
        assert same(pipe.fit(X, y, sample_weight=w)[-1], expected)
        grid = {"netclassifier__lr": [0.02]}
        search = GridSearchCV(pipe, grid, scoring=scoring_with_weights(), cv=2)
        search.fit(X, y, sample_weight=w)
        assert same(search.best_estimator_[-1], expected) and search.best_score_ > 0.5
        shift = PriorShift(asking).set_fit_request(sample_weight=True)
        assert same(
            shift.fit(X, y, sample_weight=w).estimator_, net().fit(X, y, None, w)
        )
    pipe = make_pipeline(StandardScaler(), net())
    assert same(pipe.fit(X, y, netclassifier__sample_weight=w)[-1], expected)


def test_scikit_learns_ensembles_pass_weights(uneven):
    X, y = uneven
    w = np.random.default_rng(0).integers(1, 4, len(X))
    boosted = AdaBoostClassifier(quick(lr=0.02), n_estimators=3, random_state=0)
    assert boosted.fit(X, y, sample_weight=w).score(X, y) > 0.7
    assert len(set(boosted.estimator_weights_)) == 3
    calibrated = CalibratedClassifierCV(quick(lr=0.02), cv=2)
    calibrated.fit(X, y, sample_weight=w)
    assert calibrated.predict_proba(X).shape == (len(X), 3)
    BaggingClassifier(quick(), n_estimators=2).fit(X, y, sample_weight=w)
