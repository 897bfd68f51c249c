"""BatchAugmentation: which batches are augmented, and that nothing else changes."""

import copy
import pickle
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LoadInitState,
    LRScheduler,
)
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader

from skaug import (
    BatchAugmentation,
    Cutout,
    IHDAFinetuner,
    ISDAClassifier,
    ISDALoss,
    ManifoldMixup,
    NetClassifier,
    TableMixup,
)
from skaug.isda import augmented_logits
from skaug.net import MLP
from skaug.refined.callback import LOWEST_RATE
from skaug.transforms import Jitter, PerSample
from skaug.transforms.torchvision import torchvision

v2 = import_module(f"{torchvision.__name__}.transforms.v2")

EPOCHS = 6


class SpyMLP(MLP):
    """Keeps what it is trained on, and what it is evaluated on."""

    def __init__(self, n_features, n_classes):
        super().__init__(n_features, n_classes, hidden=(16, 8), dropout=0.1)
        self.trained_on, self.evaluated_on = [], []

    def forward(self, X):
        (self.trained_on if self.training else self.evaluated_on).append(X.clone())
        return super().forward(X)


def net(*augmentations, kind=NetClassifier, **params):
    names = ["augment", "second"]
    params = {"max_epochs": EPOCHS, "random_state": 0, **params}
    if params.get("module") is None:
        params |= {"module__hidden": (16, 8), "module__dropout": 0.1}
    callbacks = list(zip(names, augmentations)) + params.pop("callbacks", [])
    return kind(callbacks=callbacks, **params)


def weights(model):
    return list(model.module_.state_dict().values())


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(weights(a), weights(b), strict=True))


def plain(X, rows):
    """Which of some rows are rows of X."""
    known = {row.tobytes() for row in np.float32(X)}
    return [row.numpy().tobytes() in known for row in rows]


def augmented_epochs(model, X):
    """Numbers of the epochs in which any row trained on was not one of X."""
    batches = iter(model.module_.trained_on)
    epochs = []
    for epoch in model.history:
        rows = [plain(X, next(batches)) for _ in range(epoch["train_batch_count"])]
        # Mixup now and then mixes a row with itself; never all of a batch.
        clean = [all(batch) for batch in rows]
        assert all(clean) or not any(clean), "part of an epoch is augmented"
        epochs += [] if all(clean) else [epoch["epoch"]]
    assert next(batches, None) is None
    return epochs


# Exactness


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_without_refinement_it_is_the_transform_alone(kind, table):
    class Half(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            if training:
                batch[0] = self.halve(batch[0])

        def initialize(self):
            self.halve = Halve()
            return self

    class Halve:
        """Random, with a generator of its own."""

        def __init__(self):
            self.generator = torch.Generator().manual_seed(3)

        def __call__(self, X):
            return X * torch.rand(len(X), 1, generator=self.generator)

    augmented = net(BatchAugmentation(Halve()), kind=kind).fit(*table)
    by_hand = net(Half(), kind=kind).fit(*table)
    assert same(augmented, by_hand)
    assert augmented.history[:, "train_loss"] == by_hand.history[:, "train_loss"]
    assert not same(augmented, net(kind=kind).fit(*table))


def test_without_refinement_mixup_is_mixup_drawn_by_epoch(table):
    class ByHand(Callback):
        """Mixup from a stream of random numbers of each epoch's own."""

        def on_epoch_begin(self, net, **kwargs):
            place = [name for name, _ in net.callbacks_].index("augment")
            seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
            sequence = np.random.SeedSequence((seed, len(net.history), place))
            self.generator_ = torch.Generator()
            self.generator_.manual_seed(int(sequence.generate_state(1)[0]))

        def on_batch_begin(self, net, batch, training, **kwargs):
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(self.generator_.get_state())
                batch[:] = TableMixup()(*batch, n_classes=3)
                self.generator_.set_state(torch.get_rng_state())

    mixed = net(BatchAugmentation(TableMixup(), random_state=0)).fit(*table)
    assert same(mixed, net(ByHand()).fit(*table))


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
@pytest.mark.parametrize("mixup", [TableMixup(), ManifoldMixup(), Jitter(10)])
def test_all_epochs_refined_is_no_augmentation(kind, mixup, table):
    refined = net(BatchAugmentation(mixup, refine_epochs=EPOCHS), kind=kind).fit(*table)
    never = net(BatchAugmentation(mixup, probability=0), kind=kind).fit(*table)
    twin = net(kind=kind).fit(*table)
    assert same(refined, twin) and same(never, twin)


@pytest.mark.parametrize("refine_epochs", range(EPOCHS + 1))
def test_exactly_the_last_epochs_are_clean(refine_epochs, table):
    augment = BatchAugmentation(TableMixup(), refine_epochs)
    model = net(augment, module=SpyMLP, train_split=ValidSplit(5)).fit(*table)
    expected = list(range(1, EPOCHS - refine_epochs + 1))
    assert augmented_epochs(model, table[0]) == expected
    assert all(all(plain(table[0], X)) for X in model.module_.evaluated_on)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_do_not_go_on_augmenting(workers, table):
    loader = {"iterator_train": DataLoader, "iterator_train__num_workers": workers}
    if workers:
        loader["iterator_train__persistent_workers"] = True
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    model = net(augment, module=SpyMLP, max_epochs=4, **loader).fit(*table)
    assert augmented_epochs(model, table[0]) == [1, 2]


@pytest.mark.parametrize("stop", range(1, EPOCHS))
@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_resumed_at_any_epoch_equals_uninterrupted(kind, stop, table):
    augment = BatchAugmentation(ManifoldMixup(), refine_epochs=3, probability=0.7)
    whole = net(augment, kind=kind).fit(*table)
    begun = net(augment, kind=kind).partial_fit(*table, epochs=stop)
    resumed = pickle.loads(pickle.dumps(begun))
    resumed.partial_fit(*table, epochs=EPOCHS - stop)
    assert same(resumed, whole)
    for column in ("train_loss", "refining", "lr"):
        assert resumed.history[:, column] == whole.history[:, column]


@pytest.mark.parametrize("stop", [1, 3, 4, 5])
def test_interrupted_by_the_keyboard_and_resumed_equals_uninterrupted(stop, table):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == stop and not getattr(self, "stopped_", False):
                self.stopped_ = True
                raise KeyboardInterrupt

    augment = BatchAugmentation(TableMixup(), refine_epochs=3)
    stopped = net(augment, Stop()).fit(*table)
    assert len(stopped.history) == stop
    stopped.predict(table[0])
    assert same(
        stopped.partial_fit(*table, epochs=EPOCHS - stop), net(augment).fit(*table)
    )


def test_weights_and_history_from_files_go_on_in_the_right_epoch(table, tmp_path):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    begun = net(augment).partial_fit(*table, epochs=3)
    parts = ("params", "optimizer", "history")
    files = {f"f_{part}": tmp_path / part for part in parts}
    begun.save_params(**files)
    shapes = {"module": MLP, "module__n_features": 8, "module__n_classes": 3}
    other = net(augment, **shapes, module__hidden=(16, 8)).initialize()
    other.load_params(**files)
    other.partial_fit(*table, epochs=3)
    assert other.history[:, "refining"] == [False] * 4 + [True] * 2
    rates = net(augment).fit(*table).history[:, "lr"]
    assert other.history[:, "lr"] == pytest.approx(rates)


def test_a_fit_that_goes_on_from_a_checkpoint_ends_refined(table, tmp_path):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path)
    shapes = {"module__n_features": 8, "module__n_classes": 3}
    net(augment, callbacks=[("save", checkpoint)], **shapes).partial_fit(
        *table, epochs=3
    )
    load = ("load", LoadInitState(checkpoint))
    model = net(augment, callbacks=[load], **shapes).fit(*table)
    assert model.history[:, "refining"] == [False] * 7 + [True] * 2


def test_warm_start_and_training_on_begin_anew(table):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    model = net(augment, max_epochs=3, warm_start=True).fit(*table).fit(*table)
    assert model.history[:, "refining"] == [False, True, True] * 2
    model.partial_fit(*table, epochs=2)
    assert model.history[-2:, "refining"] == [False, True]
    chunks = net(augment, max_epochs=3)
    for _ in range(6):
        chunks.partial_fit(*table, epochs=1)
    assert same(chunks, net(augment, max_epochs=3).partial_fit(*table, epochs=6))
    assert model.fit(*table).history[-3:, "refining"] == [False, True, True]


def test_mixing_at_the_input_is_mixup_bit_for_bit(table):
    at_input = BatchAugmentation(ManifoldMixup(layers=["input"]), refine_epochs=1)
    mixup = BatchAugmentation(TableMixup(), refine_epochs=1)
    assert same(net(at_input).fit(*table), net(mixup).fit(*table))


def test_loss_of_mixed_and_of_clean_batches_is_cross_entropy(table):
    class Losses(Callback):
        def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
            logits, y = y_pred.detach(), batch[1]
            if y.is_floating_point():
                expected = -(y * logits.log_softmax(dim=1)).sum(dim=1).mean()
            else:
                expected = -logits.log_softmax(dim=1)[torch.arange(len(y)), y].mean()
            torch.testing.assert_close(loss.detach(), expected)
            seen.append(y.is_floating_point())

    seen = []
    net(BatchAugmentation(TableMixup(), refine_epochs=2), Losses()).fit(*table)
    half = len(seen) // EPOCHS
    assert seen == [True] * 4 * half + [False] * 2 * half


# Learning rate


class Rates(Callback):
    """Records the learning rate of every step."""

    def initialize(self):
        self.steps_ = []
        return self

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.steps_.append([group["lr"] for group in net.optimizer_.param_groups])


def rates_of(model):
    steps = np.array(dict(model.callbacks_)["second"].steps_)
    return steps.reshape(len(model.history), -1, steps.shape[-1])


def test_rate_is_held_at_what_the_schedule_had_reached(table):
    free = rates_of(net(no_jitter(), Rates()).fit(*table))
    model = net(BatchAugmentation(Jitter(), refine_epochs=2), Rates()).fit(*table)
    held = rates_of(model)
    np.testing.assert_array_equal(held[:4], free[:4])
    assert (held[4:] == free[3, -1]).all() and free[3, -1] > free[5, 0] > 0
    assert model.history[-2:, "lr"] == [free[3, -1, 0]] * 2


def no_jitter():
    return BatchAugmentation(Jitter(), probability=0)


def test_a_given_rate_is_held(table):
    augment = BatchAugmentation(Jitter(), refine_epochs=2, refine_lr=0.01)
    held = rates_of(net(augment, Rates()).fit(*table))
    assert (held[4:] == 0.01).all() and not (held[:4] == 0.01).any()
    everything = BatchAugmentation(Jitter(), refine_epochs=EPOCHS, refine_lr=0.01)
    assert (rates_of(net(everything, Rates()).fit(*table)) == 0.01).all()


def test_a_schedule_that_fell_to_0_is_lifted(table):
    scheduler = LRScheduler("CosineAnnealingLR", T_max=4)
    model = net(
        BatchAugmentation(Jitter(), refine_epochs=2),
        Rates(),
        lr_schedule="constant",
        callbacks=[("schedule", scheduler)],
    ).fit(*table)
    held = rates_of(model)
    np.testing.assert_allclose(held[4:], LOWEST_RATE * 3e-3)


def test_a_scheduler_and_groups_of_parameters_keep_their_own_rates(table):
    def fit(*augmentations, **params):
        scheduler = ("schedule", LRScheduler("StepLR", step_size=2, gamma=0.5))
        return net(
            *augmentations,
            Rates(),
            lr_schedule="constant",
            optimizer__param_groups=[("head*", {"lr": 0.1})],
            callbacks=[scheduler],
            **params,
        ).fit(*table)

    free = rates_of(fit(no_jitter()))
    model = fit(BatchAugmentation(Jitter(), refine_epochs=3))
    held = rates_of(model)
    np.testing.assert_array_equal(held[:3], free[:3])
    np.testing.assert_allclose(held[3:], np.broadcast_to([0.05, 0.0015], (3, 3, 2)))
    # Between steps the scheduler has gone on as if nothing were held.
    ends = [group["lr"] for group in model.optimizer_.param_groups]
    assert ends == pytest.approx([0.1 / 8, 0.003 / 8])
    assert not any("scheduled_lr" in group for group in model.optimizer_.param_groups)


@pytest.mark.parametrize("first", [True, False])
def test_a_scheduler_by_batch_goes_on_before_or_after_the_callback(first, table):
    def end(augment):
        schedule = LRScheduler("ExponentialLR", gamma=0.9, step_every="batch")
        both = [("schedule", schedule), ("augment", augment)]
        model = NetClassifier(
            lr_schedule="constant",
            max_epochs=EPOCHS,
            callbacks=both if first else both[::-1],
            random_state=0,
        ).fit(*table)
        return model.optimizer_.param_groups[0]["lr"]

    held = end(BatchAugmentation(Jitter(), refine_epochs=3, refine_lr=0.1))
    assert held == pytest.approx(end(no_jitter()))


def test_a_frozen_group_of_parameters_stays_frozen(table):
    model = net(
        BatchAugmentation(Jitter(), refine_epochs=3),
        Rates(),
        lr_schedule="constant",
        optimizer__param_groups=[("head*", {"lr": 0.0})],
    ).fit(*table)
    assert (rates_of(model)[..., 0] == 0).all()


def test_after_an_error_in_a_step_of_refinement_nothing_is_held(table):
    class Fail(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            if net.history[-1].get("refining") and not hasattr(self, "failed_"):
                self.failed_ = True
                raise RuntimeError("no memory")

    augment = BatchAugmentation(ManifoldMixup(), refine_epochs=2, refine_lr=0.5)
    model = net(augment, Fail(), lr_schedule="constant")
    with pytest.raises(RuntimeError, match="no memory"):
        model.fit(*table)
    model.partial_fit(*table, epochs=2)
    assert model.history[-2:, "lr"] == [0.5, 3e-3]  # the last of six, then the first
    assert model.optimizer_.param_groups[0]["lr"] == 3e-3


def test_two_callbacks_that_hold_a_rate_give_it_back(table):
    first = BatchAugmentation(Jitter(), refine_epochs=2, refine_lr=0.1)
    second = BatchAugmentation(Jitter(), refine_epochs=3, refine_lr=0.2)
    model = net(first, second, lr_schedule="constant").fit(*table)
    assert [group["lr"] for group in model.optimizer_.param_groups] == [3e-3]


def test_an_interrupt_within_a_step_of_refinement_gives_the_rate_back(table):
    class Stop(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            if net.history[-1].get("refining"):
                raise KeyboardInterrupt

    augment = BatchAugmentation(Jitter(), refine_epochs=2, refine_lr=0.1)
    model = net(augment, Stop(), lr_schedule="constant").fit(*table)
    assert len(model.history) == 5
    assert [group["lr"] for group in model.optimizer_.param_groups] == [3e-3]


# Randomness


def test_rows_come_in_the_same_order_as_without_augmentation(table):
    class Order(Callback):
        def on_batch_end(self, net, batch, training, y_pred, **kwargs):
            orders[-1].append(net_order(batch))

    def net_order(batch):
        y = batch[1]
        return tuple((y.argmax(dim=1) if y.ndim == 2 else y).tolist())

    # A share of 0.9 or more of the row itself, so that labels can be read off.
    class Slight:
        def __call__(self, X, y, n_classes):
            shares = 0.9 * nn.functional.one_hot(y, n_classes) + torch.rand(len(X), 1)
            return X + torch.randn_like(X), shares / shares.sum(dim=1, keepdim=True)

    orders = []
    for augment in (BatchAugmentation(Slight()), no_jitter()):
        orders.append([])
        net(augment, Order()).fit(*table)
    assert orders[0] == orders[1]


def test_global_generators_are_left_alone_by_plain_skorch_nets_too(table):
    X, y = np.float32(table[0]), table[1]
    draws = []

    def noise(X):
        draws.append(float(torch.rand(())))
        return X

    def fit(transform, random_state=0):
        torch.manual_seed(7)
        NeuralNetClassifier(
            MLP(8, 3, hidden=(4,)),
            criterion=nn.CrossEntropyLoss,
            max_epochs=2,
            verbose=0,
            callbacks=[BatchAugmentation(transform, random_state=random_state)],
        ).fit(X, y)
        return torch.get_rng_state()

    without = fit(lambda X: X)
    assert torch.equal(fit(noise), without)
    first = draws.copy()
    assert len(set(first)) == len(first)  # no batch and no epoch like another
    for random_state, equal in [(0, True), (1, False), (None, False)]:
        draws.clear()
        fit(noise, random_state)
        assert (draws == first) is equal
    again = draws.copy()
    draws.clear()
    fit(noise, None)  # seeded by torch.manual_seed
    assert draws == again


def test_two_callbacks_draw_apart(table):
    draws = {"first": [], "second": []}

    def spy(name):
        def transform(X):
            draws[name].append(float(torch.rand(())))
            return X

        return transform

    net(BatchAugmentation(spy("first")), BatchAugmentation(spy("second"))).fit(*table)
    assert not set(draws["first"]) & set(draws["second"])


def test_probability_is_the_share_of_batches(table):
    seen = []
    augment = BatchAugmentation(lambda X: seen.append(1) or X, probability=0.3)
    model = net(augment, batch_size=4, max_epochs=20).fit(*table)
    n = sum(len(epoch["batches"]) for epoch in model.history)
    assert abs(len(seen) / n - 0.3) < 5 * (0.21 / n) ** 0.5


def test_a_random_state_instance_survives_resuming(table):
    def augment():
        return BatchAugmentation(TableMixup(), random_state=np.random.RandomState(3))

    whole = net(augment()).fit(*table)
    resumed = net(augment()).partial_fit(*table, epochs=2)
    assert same(resumed.partial_fit(*table, epochs=4), whole)


# Behaviour


def test_only_training_batches_are_augmented(table):
    rows = []

    def transform(X):
        rows.append(len(X))
        return X + 100

    model = net(
        BatchAugmentation(transform, refine_epochs=2),
        train_split=ValidSplit(5),
        module=SpyMLP,
    ).fit(*table)
    assert sum(rows) == 120 * (EPOCHS - 2)
    before = len(rows)
    proba = model.predict_proba(table[0])
    model.score(*table)
    assert len(rows) == before
    expected = model.module_.eval()(torch.tensor(table[0], dtype=torch.float32))
    np.testing.assert_allclose(proba, expected.softmax(1).detach(), rtol=1e-5)


def test_refine_transform_is_kept_in_refinement(table):
    def shift(by):
        return lambda X: X + by

    augment = BatchAugmentation(shift(100), 2, refine_transform=shift(0.5))
    model = net(augment, module=SpyMLP).fit(*table)
    batches = model.module_.trained_on
    per_epoch = len(batches) // EPOCHS
    means = [float(X.mean()) for X in batches]
    assert min(means[: 4 * per_epoch]) > 90 and max(means[4 * per_epoch :]) < 2
    rows = torch.cat(batches[4 * per_epoch :])
    assert all(plain(np.float32(table[0]) + np.float32(0.5), rows))


def test_averages_over_all_batches_are_held_and_used_in_refinement(table):
    class Spy(Callback):
        def on_train_begin(self, net, **kwargs):
            norm = net.module_.input_norm
            self.seen = []
            norm.register_forward_hook(lambda *call: self.seen.append(call))

        def on_batch_end(self, net, training, **kwargs):
            norm, (X,), output = self.seen[-1]
            if training:
                at_prediction = (X - norm.running_mean) / (
                    norm.running_var + norm.eps
                ).sqrt()
                like_prediction = torch.allclose(output, at_prediction, atol=1e-5)
                net.history.record_batch("like_prediction", like_prediction)
                net.history.record_batch("n_averaged", int(norm.num_batches_tracked))

    wider = BatchAugmentation(lambda X: 10 * X + 5, refine_epochs=2)
    model = net(wider, callbacks=[("spy", Spy())]).fit(*table)
    clean = np.array(model.history[:, "batches", :, "like_prediction"])
    n_averaged = np.array(model.history[:, "batches", :, "n_averaged"])
    assert not clean[:-2].any() and clean[-2:].all()
    assert (n_averaged[-2:] == n_averaged[-3, -1]).all()
    # The others go on, and forget augmented batches by themselves.
    batches = model.history[:, "train_batch_count"]
    assert model.module_.blocks[0][1].num_batches_tracked == sum(batches)
    # Nothing is left on the network.
    assert not model.module_.input_norm._forward_pre_hooks
    model.partial_fit(*table, epochs=1)
    assert (
        model.module_.input_norm.num_batches_tracked == n_averaged[-1, -1] + batches[0]
    )


def test_equal_transforms_in_both_phases_change_the_rate_only(table):
    module = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 3))

    def fit(**params):
        augment = BatchAugmentation(TableMixup(), **params)
        return net(augment, lr_schedule="constant", module=module).fit(*table)

    held = fit(refine_epochs=2, refine_transform=TableMixup())
    assert same(held, fit())


def test_transforms_of_one_and_of_two_arguments(table):
    seen = []

    def with_default(X, strength=0.1):
        seen.append(strength)
        return X

    def with_labels(X, y=None):
        seen.append(y is not None)
        return X

    class Module(nn.Module):
        def forward(self, X):
            seen.append(type(self))
            return X

    for transform, expected in [
        (with_default, 0.1),
        (with_labels, True),
        (Module(), Module),
        (torch.sin, None),
        (lambda *args: seen.append(len(args)) or args, 2),
    ]:
        seen.clear()
        net(BatchAugmentation(transform), max_epochs=1).fit(*table)
        assert set(seen) == ({expected} if expected is not None else set())


def test_early_stopping_before_refinement_warns(table):
    stopping = EarlyStopping("train_loss", patience=2, threshold=10)
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    model = net(augment, callbacks=[("stop", stopping)], max_epochs=20)
    with pytest.warns(UserWarning, match="got early stopping after 3"):
        model.fit(*table)


@pytest.mark.filterwarnings("error")
def test_early_stopping_that_did_not_stop_does_not_warn(table):
    stopping = ("stop", EarlyStopping("train_loss", patience=9))
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    model = net(augment, callbacks=[stopping]).partial_fit(*table, epochs=3)
    assert len(model.history) == 3


@pytest.mark.filterwarnings("error")
def test_early_stopping_in_refinement_does_not_warn(table):
    stopping = EarlyStopping("train_loss", patience=4, threshold=10)
    augment = BatchAugmentation(TableMixup(), refine_epochs=4)
    model = net(augment, callbacks=[("stop", stopping)]).fit(*table)
    assert len(model.history) == 5


def test_training_scores_take_mixed_labels(table):
    X, y = table
    names = np.array(["run", "sit", "walk"])[y]
    scoring = EpochScoring("accuracy", on_train=True, name="train_acc")
    augment = BatchAugmentation(TableMixup(0.1), probability=0.5, refine_epochs=2)
    model = net(augment, callbacks=[("score", scoring)], max_epochs=20).fit(X, names)
    assert model.history[-1, "train_acc"] > 0.8


def test_verbose_prints_a_line_per_epoch(table, capsys):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    net(augment, verbose=1).fit(*table)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + EPOCHS and "refining" in lines[0]


def test_user_objects_are_not_changed(table):
    mixup = TableMixup(1.0)
    augment = BatchAugmentation(mixup, refine_epochs=1)
    before = copy.deepcopy(vars(augment)) | {"transform": mixup}
    model = net(augment)
    model.set_params(
        callbacks__augment__transform__alpha=0.3, callbacks__augment__refine_epochs=2
    )
    model.fit(*table)
    assert vars(augment) == before and mixup.alpha == 1.0
    fitted = dict(model.callbacks_)["augment"]
    assert fitted.transform.alpha == 0.3 and fitted.refine_epochs == 2
    assert model.get_params()["callbacks__augment__transform__alpha"] == 0.3
    assert clone(model).fit(*table).history[:, "refining"] == [False] * 4 + [True] * 2


def test_transforms_given_together_with_their_parameters_are_copied():
    own, kept = TableMixup(1.0), Jitter(0.5)
    augment = BatchAugmentation(Jitter(), 1, refine_transform=kept)
    augment.set_params(
        transform=own, transform__alpha=0.2, refine_transform__strength=0.1
    )
    assert (own.alpha, kept.strength) == (1.0, 0.5)
    assert augment.transform.alpha == 0.2 and augment.refine_transform.strength == 0.1


def hooks(model):
    return sum(len(layer._forward_hooks) for layer in model.module_.modules())


def test_hidden_layers_are_mixed_for_the_whole_step_and_no_longer(table):
    class Look(Callback):
        """Predicts just before the step, and watches what goes through it."""

        def on_batch_begin(self, net, batch, training, **kwargs):
            if training and net.history[-1, "epoch"] > 1:
                net.predict(table[0][:5])
            assert hooks(net) == int(training and not net.history[-1]["refining"])

        def on_batch_end(self, net, batch, training, **kwargs):
            assert hooks(net) == 0

    class Passes(MLP):
        """Keeps the features of all passes."""

        def __init__(self, n_features, n_classes):
            super().__init__(n_features, n_classes, hidden=(16, 8))
            self.mixed = []

        def forward(self, X):
            hidden = self.blocks(self.input_norm(X))
            if self.training:
                alone = nn.Sequential(*self.blocks[-1])(
                    self.blocks[0](self.input_norm(X))
                )
                self.mixed.append(not torch.allclose(hidden, alone))
            return self.head(hidden)

    augment = BatchAugmentation(ManifoldMixup(layers=["blocks.1"]), refine_epochs=1)
    model = net(
        augment,
        Look(),
        module=Passes,
        max_epochs=3,
        optimizer=torch.optim.LBFGS,
        optimizer__max_iter=4,
        lr=0.1,
        lr_schedule="constant",
        batch_size=-1,
        train_split=ValidSplit(3),
    ).fit(*table)
    mixed = model.module_.mixed
    assert len(mixed) > 6  # several passes to a step
    switch = mixed.index(False)
    assert switch > 2 and all(mixed[:switch]) and not any(mixed[switch:])


def test_an_interrupt_in_the_forward_pass_leaves_no_hook(table):
    class Stops(MLP):
        def forward(self, X):
            if self.training and len(X) == 22:
                raise KeyboardInterrupt
            return super().forward(X)

    augment = BatchAugmentation(ManifoldMixup(layers=["blocks.0"]))
    model = net(augment, module=Stops).fit(*table)
    assert len(model.history) == 1 and hooks(model) == 0


def test_an_unknown_callback_is_named(table):
    with pytest.raises(ValueError, match="needs a callback named 'augmented' to set"):
        net(BatchAugmentation(TableMixup())).set_params(
            callbacks__augmented__transform__alpha=1
        )


# Composition


def test_grid_search_in_a_pipeline_on_a_frame_with_string_labels(table):
    X, y = table
    X = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(X.shape[1])])
    y = pd.Series(np.array(["run", "sit", "walk"])[y])
    augment = BatchAugmentation(TableMixup(), random_state=0)
    pipe = make_pipeline(StandardScaler(), net(augment, max_epochs=15))
    grid = {
        "netclassifier__callbacks__augment__refine_epochs": [0, 5],
        "netclassifier__callbacks__augment__transform__alpha": [0.0, 1.0],
    }
    search = GridSearchCV(pipe, grid, cv=3, n_jobs=2, scoring="neg_log_loss")
    search.fit(X, y)
    assert search.score(X, y) > -0.9  # log 3 = 1.1 is chance
    scores = search.cv_results_["mean_test_score"]
    assert len(set(np.round(scores, 6))) >= 3  # the parameters take effect
    # One setting again, outside of the search.
    alone = clone(pipe).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize(
    "transform",
    [
        v2.MixUp(num_classes=3),
        v2.CutMix(num_classes=3),
        v2.RandomChoice([v2.MixUp(num_classes=3), v2.CutMix(num_classes=3)]),
        PerSample(v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)),
        PerSample(v2.RandAugment()),
        PerSample(v2.Compose([v2.RandomCrop(8, padding=1), v2.TrivialAugmentWide()])),
        v2.Compose([v2.RandomHorizontalFlip(), Cutout(3)]),
        TableMixup(),
        ManifoldMixup(),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_images(transform):
    rng = np.random.default_rng(0)
    y = np.repeat(["dark", "grey", "light"], 20)
    X = (
        rng.uniform(size=(60, 1, 8, 8)) / 3
        + np.repeat([0, 1, 2], 20).reshape(-1, 1, 1, 1) / 3
    )
    augment = BatchAugmentation(transform, refine_epochs=8, random_state=0)
    model = NetClassifier(callbacks=[augment], max_epochs=20, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.9
    model.set_params(callbacks=[no_jitter()])
    first_loss = model.history[0, "train_loss"]
    assert model.fit(X, y).history[0, "train_loss"] != first_loss


def test_signals(har):
    X, y, _ = har
    for transform in (TableMixup(), ManifoldMixup(), Jitter()):
        augment = BatchAugmentation(transform, refine_epochs=1)
        model = NetClassifier(callbacks=[augment], max_epochs=3, random_state=0)
        assert model.fit(X[:300], y[:300]).score(X[:300], y[:300]) > 0.5
        first_loss = model.history[0, "train_loss"]
        model.set_params(callbacks=[no_jitter()]).fit(X[:300], y[:300])
        assert model.history[0, "train_loss"] != first_loss


def test_any_skorch_net(table):
    X, y = np.float32(table[0]), table[1]
    model = NeuralNetClassifier(
        SpyMLP,
        module__n_features=8,
        module__n_classes=3,
        criterion=nn.CrossEntropyLoss,
        max_epochs=4,
        train_split=ValidSplit(5),
        verbose=0,
        callbacks=[BatchAugmentation(TableMixup(), refine_epochs=1)],
    ).fit(X, y)
    assert augmented_epochs(model, X) == [1, 2, 3]
    assert all(all(plain(X, rows)) for rows in model.module_.evaluated_on)
    assert model.history[:, "refining"] == [False] * 3 + [True]


def test_regression(table):
    X = np.float32(table[0])
    y = X[:, :1]
    seen = []

    class Seen(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            seen.append(torch.equal(batch[0][:, :1], batch[1]))

    model = NeuralNetRegressor(
        nn.Linear(8, 1),
        verbose=0,
        train_split=None,
        callbacks=[BatchAugmentation(TableMixup(), refine_epochs=2), Seen()],
    ).fit(X, y)
    assert all(seen) and model.history[-1, "refining"]


def test_isda_on_mixed_labels_is_the_mixture_of_its_losses(table):
    torch.manual_seed(0)
    head = nn.Linear(5, 4)
    features, y, other = (
        torch.randn(40, 5),
        torch.arange(40) % 4,
        (torch.arange(40) + 1) % 4,
    )
    loss = ISDALoss(4, 5)
    loss(head(features), y, features, head.weight, strength=1.0)
    one_hot = nn.functional.one_hot
    share = 0.3
    shares = share * one_hot(y) + (1 - share) * one_hot(other)
    mixed = loss(head(features), shares, features, head.weight, strength=1.0)

    def hard(codes):
        logits = augmented_logits(
            head(features), codes, head.weight, loss.covariance, 1.0
        )
        return nn.functional.cross_entropy(logits, codes)

    torch.testing.assert_close(mixed, share * hard(y) + (1 - share) * hard(other))
    whole = loss(head(features), one_hot(y).float(), features, head.weight, 1.0)
    torch.testing.assert_close(whole, hard(y))
    assert loss.covariance.count.sum() == 40  # such batches are in no statistics


@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"reduction": "sum"}]
)
def test_isda_at_strength_0_is_soft_cross_entropy(options):
    torch.manual_seed(0)
    head, features = nn.Linear(5, 4), torch.randn(12, 5)
    shares = torch.rand(12, 4).softmax(dim=1)
    options = options | {"weight": torch.tensor([1.0, 2.0, 0.5, 1.0])}
    loss = ISDALoss(4, 5, **options)(head(features), shares, features, head.weight)
    expected = nn.functional.cross_entropy(head(features), shares, **options)
    torch.testing.assert_close(loss, expected)


def test_isda_with_cutout_and_with_mixup(digits):
    X, y = digits
    images = (X / 16).reshape(-1, 1, 8, 8)
    augment = BatchAugmentation(Cutout(3), refine_epochs=2)
    cut = ISDAClassifier(callbacks=[augment], max_epochs=8, random_state=0)
    assert cut.fit(images[:300], y[:300]).score(images[300:], y[300:]) > 0.8
    assert cut.class_covariance_.count.sum() == 8 * 300
    mixup = BatchAugmentation(TableMixup(), refine_epochs=2)
    mixed = ISDAClassifier(callbacks=[mixup], max_epochs=8, random_state=0)
    assert mixed.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.8
    assert mixed.class_covariance_.count.sum() == 2 * 300


def test_isda_that_sees_mixed_labels_only_warns(table):
    class Mix:
        def __call__(self, X, y, n_classes):
            return X, torch.full((len(X), n_classes), 1 / n_classes)

    model = net(BatchAugmentation(Mix()), kind=ISDAClassifier)
    with pytest.warns(UserWarning, match="got mixed labels in all batches"):
        model.fit(*table)


@pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")
def test_ihda_on_top_trains_augmented_first_and_finetunes_clean(table):
    rows = []

    def count(X):
        rows.append(len(X))
        return X + torch.randn_like(X)

    augment = BatchAugmentation(count, refine_epochs=1)
    ihda = IHDAFinetuner(net(augment), random_state=0).fit(*table)
    assert sum(rows) == 150 * (EPOCHS - 1)
    assert ihda.levels_ and ihda.score(*table) > 0.7


def test_refinement_lowers_the_loss_on_clean_rows(digits):
    """The paper's mechanism, against a control of equal compute that keeps mixing."""
    X, y = digits
    losses = []
    for kept in (None, TableMixup()):
        augment = BatchAugmentation(TableMixup(), 8, refine_transform=kept)
        model = NetClassifier(callbacks=[augment], max_epochs=30, random_state=0).fit(
            X, y
        )
        losses.append(log_loss(y, model.predict_proba(X)))
    assert losses[0] < losses[1] / 2


# Bad input


@pytest.mark.parametrize(
    "params, message",
    [
        (
            {"refine_epochs": -1},
            r"refine_epochs to be .* from 0 to 6; got -1",
        ),
        (
            {"refine_epochs": 7},
            r"refine_epochs to be .* from 0 to 6; got 7",
        ),
        ({"refine_epochs": 0.5}, "refine_epochs to be a whole number .* got 0.5"),
        ({"refine_lr": 0}, "needs refine_lr to be a finite number > 0 or None; got 0"),
        ({"probability": 1.1}, "needs probability to be a number from 0 to 1; got 1.1"),
        ({"transform": "mixup"}, "transform to be a function of a batch; got 'mixup'"),
        ({"transform": None}, "needs transform to be a function .*; got None"),
        ({"transform": TableMixup}, r"got <class .*TableMixup'>. .* TableMixup\(\)"),
        ({"refine_transform": 3}, "needs refine_transform to be a function .*; got 3"),
    ],
)
def test_bad_parameters(params, message, table):
    augment = BatchAugmentation(**{"transform": TableMixup(), **params})
    with pytest.raises(ValueError, match=message):
        net(augment).fit(*table)


def in_place(X):
    return X.fill_(torch.nan)


def shares_of(total):
    def shares(X, y, n_classes):
        return X, torch.full((len(X), n_classes), total / n_classes)

    return shares


def not_a_number(X):
    return torch.where(X.median() < X, X, torch.nan)


@pytest.mark.parametrize(
    "transform, error, message",
    [
        (lambda X: X[:3], ValueError, "one target per row; got 3 rows and 64 targets"),
        (not_a_number, ValueError, "finite numbers; got NaN .* from not_a_number"),
        (lambda X: X * torch.inf, ValueError, "finite numbers; got NaN or infinity"),
        (v2.MixUp(num_classes=3), ValueError, r"torchvision's MixUp; got .* \(64, 8\)"),
        (v2.RandomHorizontalFlip(), ValueError, "torchvision's RandomHorizontalFlip"),
        (Cutout(3), ValueError, "got ValueError from Cutout: Cutout needs im"),
        (lambda X: X.numpy(), TypeError, "returns a tensor X, or X and y; got a ndarr"),
        (lambda X: None, TypeError, "returns a tensor X, or X and y; got a NoneType"),
        (lambda X: X.byte(), ValueError, "keeps rows torch.float32; got torch.uint8"),
        (in_place, ValueError, "finite numbers; got NaN or infinity from in_place"),
        (PerSample(v2.RandomHorizontalFlip()), ValueError, "PerSample needs images"),
        (lambda X, y: (X, y, y), TypeError, "a tensor X, or X and y; got a tuple"),
        (shares_of(1.5), ValueError, r"add up to 1 .* got \[1.5"),
        (shares_of(torch.nan), ValueError, "add up to 1 .* got .nan"),
        (lambda X, y: (X, y.float()), ValueError, r"shape \(64, 3\).*; got \(64,\)"),
        (lambda X, y: (X, torch.eye(64)), ValueError, r"\(64, 3\).*; got \(64, 64\)"),
        (lambda X, y: (X, 3), TypeError, "a tensor y beside X; got a int"),
        (lambda X, y: (X, y[:2]), ValueError, "got 64 rows and 2 targets"),
        (ManifoldMixup(layers=["up"]), ValueError, "can be cut; got 'up'"),
    ],
)
def test_bad_transforms(transform, error, message, table):
    with pytest.raises(error, match=message):
        net(BatchAugmentation(transform)).fit(*table)


def test_numbers_of_double_precision_are_taken_back(table):
    augment = BatchAugmentation(lambda X, y: (X.double(), y.int()))
    assert same(net(augment).fit(*table), net().fit(*table))


def test_rows_of_integers_are_not_mixed(table):
    X = np.abs(table[0]).astype(np.int64)
    model = NeuralNetClassifier(
        nn.Sequential(nn.Embedding(50, 2), nn.Flatten(), nn.Linear(16, 3)),
        criterion=nn.CrossEntropyLoss,
        verbose=0,
        callbacks=[BatchAugmentation(TableMixup())],
    )
    with pytest.raises(ValueError, match=r"keeps rows torch\.int64; got torch\.f"):
        model.fit(X, table[1])


def test_batches_must_be_lists_of_tensors(table):
    def collate(rows):
        return tuple(torch.utils.data.default_collate(rows))

    loader = {"iterator_train": DataLoader, "iterator_train__collate_fn": collate}
    with pytest.raises(TypeError, match=r"lists \[X, y\].*; got a tuple"):
        net(BatchAugmentation(TableMixup()), **loader).fit(*table)


def test_mixed_labels_need_a_loss_for_them(table):
    X, y = np.float32(table[0]), table[1]
    model = NeuralNetClassifier(
        nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1)),
        verbose=0,
        max_epochs=2,
        callbacks=[BatchAugmentation(TableMixup())],
    )
    with pytest.raises(ValueError, match="a loss for mixed labels; got NLLLoss"):
        model.fit(X, y)
    model.set_params(callbacks=[BatchAugmentation(Jitter())]).fit(X, y)
