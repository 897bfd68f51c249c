"""NetClassifier: what it mends of skorch, and that skorch still works through it."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import Recorder, refuses, weights
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold
from skorch import NeuralNetClassifier
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
)
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import DataLoader

from skaug import ISDAClassifier, NetClassifier
from skaug.net import MLP, ConvNet, SignalNet


def quick(*args, **kwargs):
    return NetClassifier(*args, **{"max_epochs": 3, "random_state": 0, **kwargs})


@pytest.fixture
def named(table):
    X, y = table
    return X, np.array(["walk", "run", "sit"])[y]


class Logistic(nn.Module):
    def __init__(self, n_features, n_classes, bias=True):
        super().__init__()
        self.fc = nn.Linear(n_features, n_classes, bias=bias)

    def forward(self, X):
        return self.fc(X.flatten(1))


@pytest.mark.parametrize(
    "shape, network", [((6,), MLP), ((3, 20), SignalNet), ((1, 9, 7), ConvNet)]
)
def test_the_network_follows_the_rank_of_X(shape, network):
    X, y = np.random.default_rng(0).normal(size=(30, *shape)), np.arange(30) % 3
    net = quick().fit(X, y)
    assert isinstance(net.module_, network)
    assert net.predict_proba(X).shape == (30, 3)
    assert net.module is None and "module__n_features" not in net.get_params()


def test_shapes_are_inferred_anew_by_each_fit_and_never_written_to_parameters(table):
    X, y = table
    net = quick(Logistic)
    before = net.get_params(deep=False)
    assert net.fit(X, y).module_.fc.weight.shape == (3, 8)
    assert net.fit(X[:, :5], y % 2).module_.fc.weight.shape == (2, 5)
    assert net.get_params(deep=False) == before


def test_shapes_set_by_the_user_win_and_unknown_ones_are_not_passed(table):
    assert quick(Logistic, module__bias=False).fit(*table).module_.fc.bias is None
    with refuses(r"shape \(2, 3\) for 2 rows; got \(2, 5\)"):
        quick(Logistic, module__n_classes=5).fit(*table)


def test_a_callable_gets_what_its_signature_asks_for(table):
    def build(input_shape, n_classes):
        assert input_shape == (8,)
        return nn.Linear(input_shape[0], n_classes)

    assert quick(build).fit(*table).module_.weight.shape == (3, 8)


def test_a_module_instance_is_copied_and_every_fit_starts_from_it(table):
    module = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
    before = copy.deepcopy(module.state_dict())
    net = quick(module)
    first = weights(net.fit(*table))
    assert torch.equal(weights(net.fit(*table)), first)
    after = module.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert net.module is module


LABELS = {
    "str": np.array(["walk", "run", "sit"]),
    "object": np.array(["walk", "run", "sit"], dtype=object),
    "gaps": np.array([10, -3, 4]),
    "float": np.array([1.0, 2.0, 0.0]),
    "uint8": np.array([7, 1, 200], dtype=np.uint8),
    "bool": np.array([True, False]),
}


@pytest.mark.parametrize("names", LABELS.values(), ids=LABELS)
def test_labels_of_any_dtype_come_back_as_they_were(table, names):
    X, labels = table[0], names[table[1] % len(names)]
    score = Recorder("on_epoch_end", lambda net: net.score(X, labels))
    net = quick(max_epochs=30, callbacks=[score]).fit(X, labels)
    np.testing.assert_array_equal(net.classes_, np.unique(labels))
    assert net.predict(X).dtype == net.classes_.dtype
    assert score.seen[-1] == net.score(X, labels) > 0.9


def test_classes_fix_the_order_of_the_columns(table):
    X, y = table
    names = np.array(["a", "b", "c"])[y]
    ordered = quick(classes=["c", "a", "b"], max_epochs=30).fit(X, names)
    assert ordered.classes_.tolist() == ["c", "a", "b"]
    assert ordered.score(X, names) > 0.9
    with refuses(r"classes \['a', 'b'\]; got \['c'\]"):
        quick(classes=["a", "b"]).fit(X, names)


def test_checkpoints_written_while_training_predict_labels(named, tmp_path):
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path, f_pickle="net.pkl")
    quick(callbacks=[checkpoint], max_epochs=20).fit(*named)
    with open(tmp_path / "net.pkl", "rb") as file:
        assert pickle.load(file).score(*named) > 0.8


@pytest.mark.parametrize("labels", [[1, 2], ["no", "yes"]])
def test_the_positive_class_is_the_one_scikit_learn_takes(table, labels):
    X, y = table[0], np.array(labels)[(table[1] > 0).astype(int)]
    scorer = make_scorer(f1_score, pos_label=labels[0])
    net, held_out = scored(scorer, X, y)
    expected = scorer(net, X[held_out], y[held_out])
    assert net.history[-1, "score"] == pytest.approx(expected)


def scored(scoring, X, y):
    """A net that scores rows it holds out as it trains, and the numbers of those."""
    callback = EpochScoring(scoring, name="score", lower_is_better=False)
    net = quick(train_split=ValidSplit(3, stratified=True), callbacks=[callback])
    net.fit(X, y)
    return net, net.get_split_datasets(np.float32(X), net._encode(y))[1].indices


@pytest.mark.parametrize("labels", [["walk", "run", "sit"], [2, 1, 5]])
@pytest.mark.parametrize(
    "metric", ["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"]
)
def test_scoring_callbacks_tell_the_truth_of_any_labels(table, labels, metric):
    X, y = table[0], np.array(labels)[table[1]]
    net, held_out = scored(metric, X, y)
    expected = get_scorer(metric)(net, X[held_out], y[held_out])
    assert net.history[-1, "score"] == pytest.approx(expected, rel=1e-5)
    accuracy = net.score(X[held_out], y[held_out])
    assert net.history[-1, "valid_acc"] == pytest.approx(accuracy)
    assert net.classes_.tolist() == sorted(labels)


def test_early_stopping_and_scheduler_callbacks_work(table):
    stop = EarlyStopping("valid_acc", patience=2, lower_is_better=False)
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    net = quick(
        lr_schedule="constant",
        max_epochs=50,
        train_split=ValidSplit(3, stratified=True),
        callbacks=[("stop", stop), ("schedule", schedule)],
    ).fit(*table)
    assert len(net.history) < 50
    assert rate(net) < net.lr


def rate(net):
    return net.optimizer_.param_groups[0]["lr"]


def test_cosine_schedule_by_batch_from_lr_to_zero(table):
    seen = Recorder("on_batch_begin", lambda net: (rate(net), net.epochs_done()))
    net = quick(lr=0.5, batch_size=50, callbacks=[seen]).fit(*table)
    rates, epochs = zip(*seen.seen)
    np.testing.assert_allclose(rates, 0.25 * (1 + np.cos(np.pi * np.arange(9) / 9)))
    # Parts of an epoch are counted.
    np.testing.assert_allclose(epochs, np.arange(9) / 3)
    assert net.epochs_done() == 3


def test_schedule_starts_over_after_max_epochs_and_after_a_new_rate(table):
    net = quick(lr=0.01, max_epochs=2).fit(*table)
    assert rate(net) < 0.01
    rates = Recorder("on_batch_begin", rate)
    net.callbacks_.append(("rates", rates))
    net.partial_fit(*table, epochs=1)
    assert rates.seen[0] == 0.01
    net.partial_fit(*table, epochs=1)
    net.set_params(lr=0.5)
    net.partial_fit(*table, epochs=1)
    assert rates.seen[-3] == 0.5
    # A warm fit in the middle of a schedule has a whole one of its own.
    net = quick(max_epochs=4, warm_start=True).partial_fit(*table, epochs=3)
    assert rate(net.fit(*table)) < 0.1 * net.lr


def test_random_state_may_be_a_generator(table):
    first, second, other = (
        weights(quick(random_state=state).fit(*table))
        for state in (np.random.RandomState(3), np.random.RandomState(3), 4)
    )
    assert torch.equal(first, second) and not torch.equal(other, first)


def test_partial_fit_leaves_global_generators_alone(table):
    def trained():  # a share is held out by chance too
        net = quick(train_split=ValidSplit(0.2)).fit(*table).partial_fit(*table)
        found = weights(net)
        net.set_params(module__dropout=0.5)
        return found

    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    first = trained()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    torch.randn(7)
    assert torch.equal(first, trained())


def test_numpys_global_seed_governs_random_state_none(table):
    np.random.seed(11)
    first, other = (weights(NetClassifier(max_epochs=2).fit(*table)) for _ in "ab")
    np.random.seed(11)
    again = weights(NetClassifier(max_epochs=2).fit(*table))
    assert torch.equal(first, again) and not torch.equal(other, first)


def test_training_in_two_parts_equals_one_with_dropout_and_shuffling(table):
    params = {"max_epochs": 4, "module__dropout": 0.5}
    whole = quick(**params).fit(*table)
    parts = quick(**params).partial_fit(*table, epochs=1)
    parts = pickle.loads(pickle.dumps(parts)).partial_fit(*table, epochs=3)
    assert torch.equal(weights(whole), weights(parts))


def test_warm_start_goes_on_and_a_plain_fit_starts_over(table):
    X, y = table
    warm = quick(warm_start=True).fit(X, y).fit(X, y)
    assert len(warm.history) == 6
    with refuses("8 features"):
        warm.fit(X[:, :4], y)
    assert len(quick().fit(X, y).fit(X, y).history) == 3


def test_partial_fit_honours_classes(table):
    X, y = table
    names = np.array(["a", "b", "c"])[y]
    net = quick(max_epochs=1)
    only_a = names == "a"
    net.partial_fit(X[only_a], names[only_a], classes=["a", "b", "c"])
    net.partial_fit(X, names)
    assert net.classes_.tolist() == ["a", "b", "c"]
    with refuses(r"classes \['a', 'b'\]; got \['c'\]"):
        quick().partial_fit(X[y < 2], names[y < 2]).partial_fit(X, names)


def test_a_row_left_over_does_not_break_batch_normalisation(table):
    net = quick(batch_size=149).fit(*table)
    assert net.history[-1, "train_batch_count"] == 1
    assert net.history[-1, "batches", 0, "train_batch_size"] == 150


@pytest.mark.parametrize("groups_as", [np.asarray, list, pd.Series])
@pytest.mark.parametrize(
    "split",
    [
        ValidSplit(4, stratified=True),
        ValidSplit(4),
        ValidSplit(0.3, random_state=0),
        ValidSplit(GroupKFold(4)),
        ValidSplit(StratifiedGroupKFold(4), stratified=False),
    ],
)
def test_held_out_rows_share_no_group_with_training_rows(table, split, groups_as):
    seen, groups = [], np.arange(150) // 10

    class Sides(Callback):
        def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
            seen.append((dataset_train.indices, dataset_valid.indices))

    net = quick(train_split=split, callbacks=[Sides()], max_epochs=1)
    net.fit(*table, groups=groups_as(groups))
    ((train, valid),) = seen
    assert len(valid) > 0 and not set(groups[train]) & set(groups[valid])
    assert "valid_loss" in net.history[-1]


def test_a_split_that_breaks_groups_and_wrong_groups_are_refused(table):
    X, y = table
    net = quick(train_split=ValidSplit(KFold(3, shuffle=True, random_state=0)))
    with refuses("that keeps groups together; got KFold"):
        net.fit(X, y, groups=np.arange(150) // 10)
    with refuses(r"one group per row, shape \(150,\); got groups of shape \(3,\)"):
        net.fit(X, y, groups=[1, 2, 3])


@pytest.mark.parametrize("split", [0.2, 5, np.float64(0.25), np.int64(3)])
def test_a_number_holds_out_as_a_stratified_valid_split_does(table, split):
    given = {"max_epochs": 2, "train_split": split}
    ours = quick(**given).fit(*table)
    given["train_split"] = ValidSplit(split, stratified=True)
    skorchs = quick(**given).fit(*table)
    assert torch.equal(weights(ours), weights(skorchs))
    assert ours.history[:, "valid_loss"] == skorchs.history[:, "valid_loss"]
    X, codes = np.float32(table[0]), table[1]
    held_out = codes[ours.get_split_datasets(X, codes)[1].indices]
    share = split if split < 1 else 1 / split
    counts, expected = np.bincount(held_out), share * np.bincount(codes)
    assert (abs(counts - expected) <= 1).all()
    assert ours.train_split is split


@pytest.mark.parametrize(
    "split", [0, 1, 1.5, True, -0.2, np.nan, "0.2", [0.2], ValidSplit]
)
def test_other_numbers_to_hold_out_are_refused(table, split):
    with refuses("train_split to be a number above 0 and below 1 or a whole number"):
        quick(train_split=split).fit(*table)


def test_false_holds_out_nothing_as_in_skorch(table):
    assert "valid_loss" not in quick(train_split=False).fit(*table).history[-1]


@pytest.mark.parametrize("split", [0.2, 5])
def test_a_number_keeps_groups_together_and_names_classes_of_one_row(table, split):
    X, y = table
    groups, seen = np.arange(150) // 10, []

    class Sides(Callback):
        def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
            seen.append((dataset_train.indices, dataset_valid.indices))

    quick(train_split=split, callbacks=[Sides()], max_epochs=1).fit(X, y, groups)
    train, valid = seen[0]
    assert len(valid) and not set(groups[train]) & set(groups[valid])
    names = np.array(["a", "b", "c"], "<U4")[y]
    names[0] = "rare"
    with refuses(rf"train_split={split}, which is stratified; got one of \['rare'\]"):
        quick(train_split=split).fit(X, names)
    assert quick(train_split=ValidSplit(split)).fit(X, names).history  # the advice


NEEDS_SPLIT = {
    "stop": (EarlyStopping(), "EarlyStopping, which monitors 'valid_loss'"),
    "class": (EarlyStopping, "EarlyStopping, which monitors 'valid_loss'"),
    "accuracy": (
        EarlyStopping("valid_acc", lower_is_better=False),
        "EarlyStopping, which monitors 'valid_acc'",
    ),
    "save": (
        Checkpoint(),
        "Checkpoint, which monitors 'valid_loss_best'.*or monitor='train_loss_best'",
    ),
    "slow": (
        LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
        "LRScheduler, which monitors 'valid_loss'",
    ),
}


@pytest.mark.parametrize("callback, message", NEEDS_SPLIT.values(), ids=NEEDS_SPLIT)
def test_callbacks_that_watch_held_out_rows_need_some(
    table, tmp_path, monkeypatch, callback, message
):
    monkeypatch.chdir(tmp_path)
    net = quick(callbacks=[("it", callback)], lr_schedule="constant")
    with refuses(f"needs rows to hold out for {message}"):
        net.fit(*table)
    assert not net.history  # refused before the first step
    assert net.set_params(train_split=0.2).fit(*table).history


def test_a_score_of_held_out_rows_needs_them_too(table):
    score = EpochScoring("f1_macro", name="f1", lower_is_better=False)
    stop = EarlyStopping("f1", lower_is_better=False)
    with refuses("EarlyStopping, which monitors 'f1'.*, or on_train=True in the"):
        quick(callbacks=[score, stop]).fit(*table)
    score.on_train = True  # the advice
    assert quick(callbacks=[score, stop]).fit(*table).history
    stop = EarlyStopping("train_loss")  # the other advice
    assert quick(callbacks=[stop]).fit(*table).history


class HeldOutByHand(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("valid_loss", 1 / len(net.history))


def test_a_loss_that_a_callback_of_the_users_records_can_be_watched(table):
    net = quick(callbacks=[HeldOutByHand(), EarlyStopping()], max_epochs=2)
    assert len(net.fit(*table).history) == 2


@pytest.mark.parametrize("module", [object, "mlp", 3])
def test_what_makes_no_network_is_named(table, module):
    with refuses("NetClassifier needs module to be a class of modules, .*; got"):
        quick(module=module).fit(*table)


@pytest.mark.parametrize("lr", [float("nan"), -0.1, range(3), None])
def test_a_rate_is_a_finite_number(table, lr):
    with refuses("NetClassifier needs lr to be a finite number >= 0; got"):
        quick(lr=lr).fit(*table)


def test_validation_data_without_a_row_are_refused(table):
    X, y = np.float32(table[0]), table[1]
    with refuses("needs one row or more to validate on; got none from train_split"):
        quick(train_split=predefined_split(Dataset(X[:0], y[:0]))).fit(X, y)


class Rows(torch.utils.data.Dataset):
    def __init__(self, X, y):
        self.X_, self.y_ = X, y

    def __len__(self):
        return len(self.X_)

    def __getitem__(self, i):
        return self.X_[i], int(self.y_[i])


@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_single_row_at_the_end_of_a_dataloader_joins_the_batch_before(
    table, n_workers
):
    X, y = np.float32(table[0]), table[1]
    loader = {"iterator_train": DataLoader, "iterator_train__num_workers": n_workers}
    seen = {}
    for name, params in {"loader": loader, "ours": {}}.items():
        sizes = Recorder("on_batch_begin", lambda net: None)
        net = quick(batch_size=149, callbacks=[sizes], **params).fit(X, y)
        seen[name] = net.history[-1, "batches", :, "train_batch_size"]
    assert seen["loader"] == seen["ours"] == [150]
    net = quick(batch_size=29, **loader).fit(X[:146], y[:146])
    sizes = net.history[-1, "batches", :, "train_batch_size"]
    assert sizes == [29, 29, 29, 29, 30] and net.batches_per_epoch_ == 5
    # A data set that computes its rows goes through a DataLoader anyway.
    assert quick(classes=[0, 1, 2], batch_size=149).fit(Rows(X, y)).history


def test_every_row_is_in_one_batch_and_choices_of_the_user_stay(table):
    X, y = np.float32(table[0]), table[1]
    net = quick(batch_size=7, iterator_train=DataLoader).fit(X[:148], y[:148])
    data = net.get_dataset(X[:148], y[:148])
    seen = torch.cat([batch[0] for batch in net.get_iterator(data, training=True)])
    np.testing.assert_array_equal(np.sort(seen[:, 0]), np.sort(X[:148, 0]))
    net.set_params(iterator_train__shuffle=False)
    seen = torch.cat([batch[0] for batch in net.get_iterator(data, training=True)])
    np.testing.assert_array_equal(seen, X[:148])
    net.set_params(iterator_train__drop_last=True)
    assert len(net.get_iterator(data, training=True)) == 21


@pytest.mark.parametrize("case", ["own module", "partial_fit", "sampler"])
def test_a_batch_of_one_row_is_named(table, case):
    X, y = np.float32(table[0]), table[1]
    with refuses("two rows or more in each batch for batch normalisation; got a batch"):
        if case == "own module":
            module = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 3))
            quick(module, batch_size=1).fit(X, y)
        elif case == "partial_fit":
            quick().partial_fit(X[:1], y[:1], classes=[0, 1, 2])
        else:
            sampler = {"iterator_train__sampler": range(65)}
            quick(iterator_train=DataLoader, **sampler).fit(X, y)


# Weights of classes


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
@pytest.mark.parametrize("form", [list, tuple, np.asarray, pd.Series])
def test_weights_of_classes_in_any_container_are_those_of_a_tensor(table, kind, form):
    given, params = [1, 2, 0.5], {"max_epochs": 2, "random_state": 0}
    expected = kind(criterion__weight=torch.tensor(given), **params).fit(*table)
    net = kind(criterion__weight=form(given), **params).fit(*table)
    assert torch.equal(weights(net), weights(expected))
    net = clone(net).set_params(criterion__weight=form([1, 1, 1])).fit(*table)
    net.set_params(criterion__weight=form(given))
    assert net.criterion_.weight.tolist() == given
    assert torch.equal(weights(net.fit(*table)), weights(expected))


def test_whole_weights_count_a_row_so_often(table):
    X, y = np.float32(table[0]), table[1]
    net = quick(criterion__weight=[1, 2, 3]).fit(X, y)
    logits = torch.randn(150, 3)
    loss = net.get_loss(logits, torch.from_numpy(y))
    copies = np.repeat(np.arange(150), np.array([1, 2, 3])[y])
    plain = nn.functional.cross_entropy(logits[copies], torch.from_numpy(y[copies]))
    torch.testing.assert_close(loss, plain)


@pytest.mark.parametrize(
    "weight",
    [[1, 2], torch.ones(2), [1, -1, 1], [1, np.nan, 1], 2.0, "balanced", {"a": 2}],
)
@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_other_weights_of_classes_are_refused(table, weight, kind):
    with refuses("needs criterion__weight to be 3 finite numbers >= 0, in the order"):
        kind(criterion__weight=weight).fit(*table)


def test_a_loss_of_ones_own_may_have_a_weight_of_its_own(table):
    class Scaled(nn.CrossEntropyLoss):
        def __init__(self, weight):
            super().__init__()
            self.factor = weight

        def forward(self, logits, codes):
            return self.factor * super().forward(logits, codes)

    class Other(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight, self.loss = weight, Scaled(2.0)

        def forward(self, logits, codes):
            return self.loss(logits, codes)

    assert quick(criterion=Other, criterion__weight="mean").fit(*table).history


# Beside what scikit-learn's checks give.
BAD = {
    "no channel": (lambda X, y: (np.zeros((150, 0, 9)), y), r"one number or more .*0"),
    "no time": (lambda X, y: (np.zeros((150, 3, 0)), y), r"shape \(150, 3, 0\)"),
    "no row": (lambda X, y: (X[:0], y[:0]), r"0 sample\(s\)"),
    "one row": (lambda X, y: (X[:1], y[:1]), "two classes"),
    "no labels": (lambda X, y: (X, None), "requires y to be passed"),
    "words": (lambda X, y: (np.full(X.shape, "a", object), y), "could not convert"),
    "five axes": (lambda X, y: (X.reshape(150, 2, 2, 2, 1), y), "got samples"),
    "one class": (lambda X, y: (X, y * 0), r"two classes.*got \[0\], one class"),
    "lengths": (lambda X, y: (X, y[:-1]), "one label per row"),
    "sparse": (lambda X, y: (csr_array(X), y), "Sparse data was passed.*dense"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_training_data_is_refused_with_its_reason(table, case):
    change, message = BAD[case]
    with refuses(message, (TypeError, ValueError)):
        quick().fit(*change(*table))


@pytest.mark.parametrize(
    "shape, wrong",
    [((8,), (7,)), ((3, 20), (3, 19)), ((1, 9, 7), (1, 9, 8)), ((3, 20), (3, 20, 1))],
)
def test_another_shape_at_predict_is_refused(shape, wrong):
    rng = np.random.default_rng(0)
    net = quick().fit(rng.normal(size=(30, *shape)), np.arange(30) % 2)
    with refuses(r"features|as in fit; got \(5,"):
        net.predict(rng.normal(size=(5, *wrong)))


@pytest.mark.parametrize(
    "params, message",
    [
        ({"lr_schedule": "linear"}, "'cosine' or 'constant'; got 'linear'"),
        ({"batch_size": 0}, "batch_size to be a whole number >= 1 or -1.*got 0"),
        ({"batch_size": 1}, "batch_size >= 2 for its default networks"),
        ({"max_epochs": -1}, "max_epochs to be a whole number >= 1 or 'auto'; got -1"),
        ({"classes": [0, 1, 2, 2]}, r"got \[0, 1, 2, 2\], one class or one repeated"),
        ({"module_hidden": (3,)}, "did you mean module__hidden"),
        (
            {"callbacks": [LRScheduler("StepLR", step_size=1)]},
            "needs lr_schedule='constant' beside",
        ),
    ],
)
def test_other_misuse_is_named(table, params, message):
    with refuses(message):
        quick(**params).fit(*table)


def test_data_are_needed_to_choose_a_network():
    with refuses("needs data to choose a network"):
        quick().initialize()


def test_a_failed_fit_leaves_no_trace_of_training(table):
    X, y = table

    class Broken(Logistic):
        def forward(self, X):
            if self.training:
                raise RuntimeError("broken")
            return super().forward(X)

    net = quick(Broken)
    with refuses("broken", RuntimeError):
        net.fit(X, np.array(["a", "b", "c"])[y])
    assert net.classes_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("n_workers", [0, 1])
def test_skorchs_dataloader_still_works(table, n_workers):
    X, y = np.float32(table[0]), table[1]
    loader = {"iterator_train": DataLoader, "iterator_valid": DataLoader}
    loader |= {"iterator_train__num_workers": n_workers, "lr": 0.02}
    assert quick(**loader, max_epochs=8).fit(X, y).score(X, y) > 0.8


def test_datasets_are_taken(table):
    X, y = np.float32(table[0]), table[1]
    from_dataset = quick(max_epochs=8, lr=0.02).fit(Dataset(X, y))
    np.testing.assert_array_equal(from_dataset.classes_, [0, 1, 2])
    assert (from_dataset.predict(X) == y).mean() > 0.8
    with refuses(r"labels 0 ... n_classes - 1; got \[1, 2, 3\]"):
        quick().fit(Dataset(X, y + 1))
    net = quick(classes=["a", "b", "c"]).fit(Dataset(X, y))
    assert set(net.predict(X)) <= {"a", "b", "c"}


def test_predefined_validation_data_are_coded_like_training_data(named):
    X, names = named
    split = predefined_split(Dataset(X[:30], names[:30]))
    net = quick(train_split=split, max_epochs=20).fit(X, names)
    assert net.history[-1, "valid_acc"] == pytest.approx(net.score(X[:30], names[:30]))


def test_groups_reach_a_split_of_the_users_own(table):
    seen = []

    def split(dataset, y, groups=None):
        seen.append(groups)
        return dataset, None

    quick(train_split=split).fit(*table, groups=np.arange(150))
    assert seen[0] is not None


def test_predicting_through_a_dataloader_leaves_the_global_generator_alone(table):
    net = quick(iterator_valid=DataLoader).fit(*table)
    before = torch.get_rng_state()
    net.predict(table[0])
    net.forward(table[0], training=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_learns_what_skorch_learns_from_the_same_batches(table):
    """One epoch equals skorch's own loop on prepared data, weight for weight."""
    X, y = np.float32(table[0]), table[1].astype(np.int64)
    module = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    shared = {"optimizer": torch.optim.SGD, "lr": 0.1, "max_epochs": 2}
    shared |= {"batch_size": 30, "train_split": None, "verbose": 0}
    loss = nn.CrossEntropyLoss
    theirs = NeuralNetClassifier(copy.deepcopy(module), criterion=loss, **shared)
    plain = {"lr_schedule": "constant", "iterator_train__shuffle": False}
    ours = NetClassifier(module, **plain, **shared)
    nets = [weights(net.fit(X, y)) for net in (ours, theirs)]
    torch.testing.assert_close(*nets, rtol=1e-6, atol=1e-7)


def test_forward_in_training_mode_keeps_the_order_of_rows(table):
    X, y = table
    net = quick(module__dropout=0.0, max_epochs=20).fit(X, y)
    codes = net.forward(X, training=True).argmax(1).numpy()
    assert (codes == y).mean() > 0.8


def test_users_arrays_and_callbacks_are_not_changed(table):
    X, y = np.float32(table[0]), table[1]
    given = X.copy(), y.copy()
    stop = EarlyStopping("train_loss", patience=7)
    before = copy.deepcopy(vars(stop))
    in_place = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 3))
    params = {"callbacks": [("stop", stop)], "callbacks__stop__patience": 9}
    quick(in_place, **params).fit(X, y).predict(X)
    np.testing.assert_array_equal(X, given[0])
    np.testing.assert_array_equal(y, given[1])
    assert vars(stop) == before


def test_reversed_arrays_are_taken(table):
    X, y = np.float32(table[0]), table[1]
    net = quick().fit(X[:, ::-1], y)
    assert net.predict(X[::-1, ::-1]).tolist() == net.predict(X[:, ::-1])[::-1].tolist()


def test_initialize_by_hand_and_load_params(table, tmp_path):
    X, y = table
    trained = quick(MLP).fit(X, y)
    trained.save_params(f_params=tmp_path / "weights.pt")
    loaded = quick(MLP, module__n_features=8, module__n_classes=3).initialize()
    loaded.load_params(f_params=tmp_path / "weights.pt")
    np.testing.assert_array_equal(loaded.predict_proba(X), trained.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), trained.predict(X))
    assert len(loaded.set_params(warm_start=True).fit(X, y).history) == 3


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU with CUDA; torch finds none"
)
def test_cuda_needs_nothing_but_device(table):
    X, y = table
    before = torch.cuda.get_rng_state()
    first = quick(device="cuda").fit(X, y)
    assert next(first.module_.parameters()).is_cuda
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert torch.equal(weights(first), weights(quick(device="cuda").fit(X, y)))


def test_real_signals_are_learnt_across_subjects(har):
    X, y, subject = har
    train = subject <= 20
    net = NetClassifier(max_epochs=6, random_state=0).fit(X[train], y[train])
    assert net.score(X[~train], y[~train]) > 0.75
