"""BatchAugmentation: which batches are augmented, and that nothing else changes."""

import copy
import pickle
import warnings
from contextlib import nullcontext
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import Recorder, refuses
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
from torch.utils.data import DataLoader, TensorDataset

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
from skaug.net import MLP, ConvNet
from skaug.refined.holding import LOWEST_RATE
from skaug.transforms import Brightness, Invert, Jitter, PerSample, RandomCropFlip
from skaug.transforms.calling import name_of
from skaug.transforms.torchvision import v2

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


class Raises(Callback):
    """Raises an error once, at an event of an epoch."""

    def __init__(self, error, event, epoch):
        self.error, self.epoch, self.done = error, epoch, False
        setattr(self, event, self.raises)

    def raises(self, net, **kwargs):
        if len(net.history) == self.epoch and not self.done:
            self.done = True
            raise self.error


def same(a, b):
    a, b = (model.module_.state_dict().values() for model in (a, b))
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def skorch_net(module, *callbacks, **params):
    """A plain net of skorch."""
    params = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "verbose": 0, **params}
    return NeuralNetClassifier(module, callbacks=list(callbacks), **params)


def no_jitter():
    return BatchAugmentation(Jitter(), probability=0)


class AtBatchEnd(Callback):
    """Calls a function of a training batch, its loss and the outputs for it."""

    def __init__(self, function):
        self.function = function

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        if training:
            self.function(batch, loss, y_pred)


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
    class ByHand(Callback):
        def __init__(self, transform):
            self.transform = transform

        def on_batch_begin(self, net, batch, training, **kwargs):
            if training:
                batch[0] = self.transform(batch[0])

    def halve():
        generator = torch.Generator().manual_seed(3)
        return lambda X: X * torch.rand(len(X), 1, generator=generator)

    augmented = net(BatchAugmentation(halve()), kind=kind).fit(*table)
    by_hand = net(ByHand(halve()), kind=kind).fit(*table)
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
def test_all_epochs_refined_is_no_augmentation(kind, table):
    twin = net(kind=kind).fit(*table)
    for mixup in (TableMixup(), ManifoldMixup(), Jitter(10)):
        for never in ({"refine_epochs": EPOCHS}, {"probability": 0}):
            augment = BatchAugmentation(mixup, **never)
            assert same(net(augment, kind=kind).fit(*table), twin)
    # Numbers of double precision are taken back.
    doubles = BatchAugmentation(lambda X, y: (X.double(), y.int()))
    assert same(net(doubles, kind=kind).fit(*table), twin)


LOADER = {"iterator_train": DataLoader}
WORKERS = {"num_workers": 2, "persistent_workers": True}
WORKERS = LOADER | {f"iterator_train__{key}": value for key, value in WORKERS.items()}


LAST = [*((n, {}) for n in range(EPOCHS + 1)), (2, LOADER), (2, WORKERS)]


@pytest.mark.parametrize("refine_epochs, loader", LAST)
def test_exactly_the_last_epochs_are_clean(refine_epochs, loader, table):
    augment = BatchAugmentation(TableMixup(), refine_epochs)
    params = {"module": SpyMLP, "train_split": ValidSplit(5), **loader}
    model = net(augment, **params).fit(*table)
    expected = list(range(1, EPOCHS - refine_epochs + 1))
    assert augmented_epochs(model, table[0]) == expected
    assert all(all(plain(table[0], X)) for X in model.module_.evaluated_on)


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_stopped_at_any_epoch_and_resumed_equals_uninterrupted(kind, table):
    augment = BatchAugmentation(ManifoldMixup(), refine_epochs=3, probability=0.7)
    whole = net(augment, kind=kind).fit(*table)
    for stop in range(1, EPOCHS):
        begun = net(augment, kind=kind).partial_fit(*table, epochs=stop)
        begun = pickle.loads(pickle.dumps(begun))
        by_keyboard = Raises(KeyboardInterrupt, "on_epoch_end", stop)
        interrupted = net(augment, by_keyboard, kind=kind).fit(*table)
        assert len(interrupted.history) == stop
        interrupted.predict(table[0])
        for resumed in (begun, interrupted):
            resumed.partial_fit(*table, epochs=EPOCHS - stop)
            assert same(resumed, whole)
            for column in ("train_loss", "refining", "lr"):
                assert resumed.history[:, column] == whole.history[:, column]


SHAPES = {"module__n_features": 8, "module__n_classes": 3}


def test_weights_and_history_from_files_go_on_in_the_right_epoch(table, tmp_path):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    begun = net(augment).partial_fit(*table, epochs=3)
    files = {
        f"f_{part}": tmp_path / part for part in ("params", "optimizer", "history")
    }
    begun.save_params(**files)
    other = net(augment, module=MLP, **SHAPES, module__hidden=(16, 8)).initialize()
    other.load_params(**files)
    other.partial_fit(*table, epochs=3)
    assert other.history[:, "refining"] == [False] * 4 + [True] * 2
    rates = net(augment).fit(*table).history[:, "lr"]
    assert other.history[:, "lr"] == pytest.approx(rates)


def test_a_fit_that_goes_on_from_a_checkpoint_ends_refined(table, tmp_path):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path)
    net(augment, checkpoint, **SHAPES).partial_fit(*table, epochs=3)
    model = net(augment, LoadInitState(checkpoint), **SHAPES).fit(*table)
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
    def check(batch, loss, y_pred):
        log_p, y = y_pred.detach().log_softmax(dim=1), batch[1]
        mixed.append(y.is_floating_point())
        own = y if mixed[-1] else torch.eye(3)[y]
        torch.testing.assert_close(loss.detach(), -(own * log_p).sum(dim=1).mean())

    mixed = []
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    net(augment, AtBatchEnd(check)).fit(*table)
    half = len(mixed) // EPOCHS
    assert mixed == [True] * 4 * half + [False] * 2 * half


# Learning rate


def with_rates(table, *augmentations, **params):
    """A fitted net, and the rates of its steps by epoch, step and group."""
    rates = Recorder(
        "on_grad_computed",
        lambda net: [group["lr"] for group in net.optimizer_.param_groups],
    )
    callbacks = [("rates", rates), *params.pop("callbacks", [])]
    model = net(*augmentations, callbacks=callbacks, **params).fit(*table)
    steps = np.array(rates.seen)
    return model, steps.reshape(len(model.history), -1, steps.shape[-1])


def rates_after(model):
    return [group["lr"] for group in model.optimizer_.param_groups]


CONSTANT = {"lr_schedule": "constant"}


def test_rate_is_held_at_what_the_schedule_had_reached_or_as_given(table):
    _, free = with_rates(table, no_jitter())
    model, held = with_rates(table, BatchAugmentation(Jitter(), refine_epochs=2))
    np.testing.assert_array_equal(held[:4], free[:4])
    assert (held[4:] == free[3, -1]).all() and free[3, -1] > free[5, 0] > 0
    assert model.history[-2:, "lr"] == [free[3, -1, 0]] * 2
    for n, given in ((2, 4), (EPOCHS, 0)):
        augment = BatchAugmentation(Jitter(), refine_epochs=n, refine_lr=0.01)
        _, held = with_rates(table, augment)
        assert (held[given:] == 0.01).all() and not (held[:given] == 0.01).any()


def test_a_schedule_that_fell_to_0_is_lifted_and_what_is_frozen_stays_frozen(table):
    scheduler = ("schedule", LRScheduler("CosineAnnealingLR", T_max=4))
    augment = BatchAugmentation(Jitter(), refine_epochs=2)
    _, held = with_rates(table, augment, callbacks=[scheduler], **CONSTANT)
    np.testing.assert_allclose(held[4:], LOWEST_RATE * 3e-3)
    frozen = {"optimizer__param_groups": [("head*", {"lr": 0.0})], **CONSTANT}
    _, rates = with_rates(table, BatchAugmentation(Jitter(), refine_epochs=3), **frozen)
    assert (rates[..., 0] == 0).all()


def test_a_scheduler_and_groups_of_parameters_keep_their_own_rates(table):
    params = {
        "optimizer__param_groups": [("head*", {"lr": 0.1})],
        "callbacks": [("schedule", LRScheduler("StepLR", step_size=2, gamma=0.5))],
        **CONSTANT,
    }
    _, free = with_rates(table, no_jitter(), **params)
    augment = BatchAugmentation(Jitter(), refine_epochs=3)
    model, held = with_rates(table, augment, **params)
    np.testing.assert_array_equal(held[:3], free[:3])
    np.testing.assert_allclose(held[3:], np.broadcast_to([0.05, 0.0015], (3, 3, 2)))
    # Between steps the scheduler has gone on as if nothing were held.
    assert rates_after(model) == pytest.approx([0.1 / 8, 0.003 / 8])
    assert not any("scheduled_lr" in group for group in model.optimizer_.param_groups)


@pytest.mark.parametrize("first", [True, False])
def test_a_scheduler_by_batch_goes_on_before_or_after_the_callback(first, table):
    def end(augment):
        schedule = LRScheduler("ExponentialLR", gamma=0.9, step_every="batch")
        both = (schedule, augment) if first else (augment, schedule)
        return rates_after(net(*both, **CONSTANT).fit(*table))

    held = end(BatchAugmentation(Jitter(), refine_epochs=3, refine_lr=0.1))
    assert held == pytest.approx(end(no_jitter()))


def test_the_rate_is_given_back_whatever_ends_the_training(table):
    first = BatchAugmentation(Jitter(), refine_epochs=2, refine_lr=0.1)
    augment = BatchAugmentation(ManifoldMixup(), refine_epochs=3, refine_lr=0.5)
    stop = Raises(KeyboardInterrupt, "on_grad_computed", 5)
    for both, n_epochs in (((first, augment), EPOCHS), ((augment, stop), 5)):
        model = net(*both, **CONSTANT).fit(*table)
        assert len(model.history) == n_epochs
        assert rates_after(model) == [3e-3]
    fail = Raises(RuntimeError("no memory"), "on_grad_computed", 5)
    model = net(augment, fail, **CONSTANT)
    with refuses("no memory", RuntimeError):
        model.fit(*table)
    model.partial_fit(*table, epochs=2)
    assert model.history[-2:, "lr"] == [0.5, 3e-3]  # the last of six, then the first
    assert rates_after(model) == [3e-3]


# Randomness


def test_rows_come_in_the_same_order_as_without_augmentation(table):
    def keep(batch, *_):
        y = batch[1]
        orders[-1].append((y.argmax(dim=1) if y.ndim == 2 else y).tolist())

    def slight(X, y, n_classes):
        # Most of a share is the row's own, so that labels can be read off.
        shares = 0.9 * nn.functional.one_hot(y, n_classes) + torch.rand(len(X), 1)
        return X + torch.randn_like(X), shares / shares.sum(dim=1, keepdim=True)

    orders = []
    for augment in (BatchAugmentation(slight), no_jitter()):
        orders.append([])
        net(augment, AtBatchEnd(keep)).fit(*table)
    assert orders[0] == orders[1]


def test_global_generators_are_left_alone_by_plain_skorch_nets_too(table):
    X, y = np.float32(table[0]), table[1]

    def noise(X):
        draws.append(float(torch.rand(())))
        return X

    def fit(transform, random_state=0):
        draws.clear()
        torch.manual_seed(7)
        augment = BatchAugmentation(transform, random_state=random_state)
        skorch_net(MLP(8, 3, hidden=(4,)), augment).fit(X, y)
        return torch.get_rng_state()

    draws = []
    without = fit(lambda X: X)
    assert torch.equal(fit(noise), without)
    first = draws.copy()
    assert len(set(first)) == len(first)  # no batch and no epoch like another
    for random_state, equal in [(0, True), (1, False), (None, False)]:
        fit(noise, random_state)
        assert (draws == first) is equal
    again = draws.copy()
    fit(noise, None)  # seeded by torch.manual_seed
    assert draws == again


def test_two_callbacks_draw_apart(table):
    def spy(draws):
        return BatchAugmentation(lambda X: draws.append(float(torch.rand(()))) or X)

    first, second = [], []
    net(spy(first), spy(second)).fit(*table)
    assert first and second and not set(first) & set(second)


def test_probability_is_the_share_of_batches(table):
    seen = []
    augment = BatchAugmentation(lambda X: seen.append(1) or X, probability=0.3)
    params = {"module": nn.Linear(8, 3), "batch_size": 4, "max_epochs": 20}
    model = net(augment, **params).fit(*table)
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
    augment = BatchAugmentation(lambda X: rows.append(len(X)) or X + 100, 2)
    model = net(augment, train_split=ValidSplit(5), module=SpyMLP).fit(*table)
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
            self.seen = []
            norm = net.module_.input_norm
            norm.register_forward_hook(lambda *call: self.seen.append(call))

        def on_batch_end(self, net, training, **kwargs):
            norm, (X,), output = self.seen[-1]
            scale = (norm.running_var + norm.eps).sqrt()
            like_prediction = torch.allclose(
                output, (X - norm.running_mean) / scale, atol=1e-5
            )
            net.history.record_batch("like_prediction", like_prediction)
            net.history.record_batch("n_averaged", int(norm.num_batches_tracked))

    class Averaging(MLP):
        def __init__(self, n_features, n_classes):
            super().__init__(n_features, n_classes, hidden=(16, 8))
            self.input_norm = nn.BatchNorm1d(n_features, affine=False, momentum=None)

    wider = BatchAugmentation(lambda X: 10 * X + 5, refine_epochs=2)
    model = net(wider, Spy(), module=Averaging).fit(*table)
    clean = np.array(model.history[:, "batches", :, "like_prediction"])
    n_averaged = np.array(model.history[:, "batches", :, "n_averaged"])
    assert not clean[:-2].any() and clean[-2:].all()
    assert (n_averaged[-2:] == n_averaged[-3, -1]).all()
    # The others go on, and forget augmented batches by themselves.
    norm, batches = model.module_.input_norm, model.history[:, "train_batch_count"]
    assert model.module_.blocks[0][1].num_batches_tracked == sum(batches)
    # Nothing is left on the network.
    assert not norm._forward_pre_hooks
    model.partial_fit(*table, epochs=1)
    assert norm.num_batches_tracked == n_averaged[-1, -1] + batches[0]


def test_equal_transforms_in_both_phases_change_the_rate_only(table):
    module = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 3))
    held, free = (
        net(BatchAugmentation(TableMixup(), **params), module=module, **CONSTANT)
        for params in ({"refine_epochs": 2, "refine_transform": TableMixup()}, {})
    )
    assert same(held.fit(*table), free.fit(*table))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "patience, refine_epochs, epochs, n_trained",
    # Before refinement, not at all, and in refinement.
    [(2, 2, 6, 3), (9, 2, 3, 3), (4, 4, 6, 5)],
)
def test_early_stopping_before_refinement_warns(
    patience, refine_epochs, epochs, n_trained, table
):
    stopping = EarlyStopping("train_loss", patience=patience, threshold=10)
    model = net(BatchAugmentation(TableMixup(), refine_epochs), stopping)
    warns = pytest.warns(UserWarning, match="got early stopping after 3")
    with warns if patience == 2 else nullcontext():
        model.partial_fit(*table, epochs=epochs)
    assert len(model.history) == n_trained


def test_training_scores_take_mixed_labels(table):
    X, names = table[0], np.array(["run", "sit", "walk"])[table[1]]
    scoring = EpochScoring("accuracy", on_train=True, name="train_acc")
    augment = BatchAugmentation(TableMixup(0.1), probability=0.5, refine_epochs=2)
    model = net(augment, scoring, max_epochs=20).fit(X, names)
    assert model.history[-1, "train_acc"] > 0.8


def test_lines_of_skorch_have_the_phase_in_them(table, capsys):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    net(augment, verbose=2).fit(*table)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + EPOCHS and "refining" in lines[0]


def test_user_objects_are_not_changed(table):
    mixup, jitter = TableMixup(1.0), Jitter(0.5)
    augment = BatchAugmentation(mixup, refine_epochs=1)
    before = copy.deepcopy(vars(augment)) | {"transform": mixup}
    model = net(augment)
    own = {"transform__alpha": 0.3, "refine_epochs": 2}
    model.set_params(**{f"callbacks__augment__{key}": own[key] for key in own})
    model.fit(*table)
    assert vars(augment) == before and mixup.alpha == 1.0
    fitted = dict(model.callbacks_)["augment"]
    assert fitted.transform.alpha == 0.3 and fitted.refine_epochs == 2
    assert model.get_params()["callbacks__augment__transform__alpha"] == 0.3
    assert clone(model).fit(*table).history[:, "refining"] == [False] * 4 + [True] * 2
    # Transforms given together with their parameters are copied.
    augment = BatchAugmentation(Jitter(), 1, refine_transform=jitter)
    augment.set_params(
        transform=mixup, transform__alpha=0.2, refine_transform__strength=0.1
    )
    assert (mixup.alpha, jitter.strength) == (1.0, 0.5)
    assert augment.transform.alpha == 0.2 and augment.refine_transform.strength == 0.1
    with refuses("needs a callback named 'augmented' to set"):
        net(augment).set_params(callbacks__augmented__transform__alpha=1)


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
            X = self.input_norm(X)
            hidden = self.blocks(X)
            if self.training:
                alone = nn.Sequential(*self.blocks[-1])(self.blocks[0](X))
                self.mixed.append(not torch.allclose(hidden, alone))
            return self.head(hidden)

    augment = BatchAugmentation(ManifoldMixup(layers=["blocks.1"]), refine_epochs=1)
    of_steps = {"optimizer": torch.optim.LBFGS, "optimizer__max_iter": 4, "lr": 0.1}
    of_data = {"batch_size": -1, "train_split": ValidSplit(3), "max_epochs": 3}
    params = {"module": Passes, **of_steps, **of_data, **CONSTANT}
    model = net(augment, Look(), **params).fit(*table)
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


# Composition


def test_grid_search_in_a_pipeline_on_a_frame_with_string_labels(table):
    X = pd.DataFrame(table[0], columns=[f"sensor {i}" for i in range(8)])
    y = pd.Series(np.array(["run", "sit", "walk"])[table[1]])
    augment = BatchAugmentation(TableMixup(), random_state=0)
    pipe = make_pipeline(StandardScaler(), net(augment, max_epochs=15))
    grid = {"refine_epochs": [0, 5], "transform__alpha": [0.0, 1.0]}
    grid = {f"netclassifier__callbacks__augment__{key}": grid[key] for key in grid}
    search = GridSearchCV(pipe, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    assert search.score(X, y) > -0.9  # log 3 = 1.1 is chance
    scores = search.cv_results_["mean_test_score"]
    assert len(set(np.round(scores, 6))) >= 3  # the parameters take effect
    # One setting again, outside of the search.
    alone = clone(pipe).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), alone.predict_proba(X))


@cache
def shades():
    """Images and labels of three shades, and the first loss on them as they are."""
    y = np.arange(60) // 20
    shade = y.reshape(-1, 1, 1, 1) / 3
    X = np.random.default_rng(0).uniform(size=(60, 1, 8, 8)) / 3 + shade
    y = np.array(["dark", "grey", "light"])[y]
    return X, y, fit_of(no_jitter(), X, y).history[0, "train_loss"]


def fit_of(augment, X, y, max_epochs=20, kind=NetClassifier):
    params = {"max_epochs": max_epochs, "random_state": 0}
    return kind(callbacks=[augment], **params).fit(X, y)


MIXES = [v2.MixUp(num_classes=3), v2.CutMix(num_classes=3)]


@pytest.mark.parametrize(
    "transform",
    [
        *MIXES,
        v2.RandomChoice(MIXES),
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
    X, y, first_loss = shades()
    augment = BatchAugmentation(transform, refine_epochs=8, random_state=0)
    model = fit_of(augment, X, y)
    assert model.score(X, y) > 0.9
    assert model.history[0, "train_loss"] != first_loss


class SpyConvNet(ConvNet):
    """Keeps what it is trained on."""

    def __init__(self, n_channels, n_classes):
        super().__init__(n_channels, n_classes)
        self.trained_on = []

    def forward(self, X):
        if self.training:
            self.trained_on.append(X.clone())
        return super().forward(X)


def trained_on(transform, X, y, **params):
    """Rows that a network saw in one epoch with a transform."""
    augment = BatchAugmentation(transform, random_state=0)
    params |= {"max_epochs": 1, "random_state": 0, "module": SpyConvNet}
    model = NetClassifier(callbacks=[augment], **params).fit(X, y)
    return torch.cat(model.module_.trained_on)


@pytest.mark.parametrize(
    "transform",
    [
        Brightness(0.9),
        PerSample(v2.ColorJitter(0.5, 0.5)),
        PerSample(v2.RandAugment()),
        v2.Compose([Invert(), RandomCropFlip(2)]),
    ],
    ids=name_of,
)
def test_bytes_are_transformed_as_numbers_from_0_to_1_are(transform):
    X = (255 * shades()[0]).round()
    y = shades()[1]
    seen = trained_on(transform, np.float32(X / 255), y)
    assert not all(plain(np.float32(X / 255), seen))
    for of_bytes in (X.astype(np.uint8), np.float32(X)):
        torch.testing.assert_close(
            trained_on(transform, of_bytes, y) / 255, seen, atol=1e-5, rtol=0
        )
    dataset = TensorDataset(torch.from_numpy(np.float32(X)), torch.arange(60) // 20)
    params = {"classes": [0, 1, 2], "train_split": None, "module__n_channels": 1}
    params |= {"module__n_classes": 3}
    augment = BatchAugmentation(transform, random_state=0)
    net = skorch_net(SpyConvNet, augment, **params, max_epochs=1).fit(dataset, None)
    seen = torch.cat(net.module_.trained_on)
    assert seen.max() > 2 and not all(plain(X, seen))


def test_standardised_images_are_refused_where_numbers_from_0_to_1_are_needed():
    X, y, _ = shades()
    standardised = (X - X.mean()) / X.std()
    message = "BatchAugmentation needs images .* for Brightness; got -.*before you sta"
    with refuses(message):
        fit_of(BatchAugmentation(Brightness()), standardised, y, 1)
    refine = BatchAugmentation(Jitter(), 1, refine_transform=Brightness())
    with refuses(message):
        fit_of(refine, standardised, y, 2)
    fit_of(BatchAugmentation(RandomCropFlip(2)), standardised, y, 1)


def test_fills_beside_a_transform_of_colour_are_in_the_range_of_the_images():
    X, y, _ = shades()
    X = np.float32(255 * X.round())
    seen = trained_on(v2.Compose([Invert(1.0), Cutout(4, fill=127.0)]), X, y)
    assert set(seen.unique().tolist()) == {0, 127, 255}


def test_images_of_another_range_are_refused():
    X, y, _ = shades()
    for largest in (1.01, 16):
        with refuses("BatchAugmentation needs .* for Brightness; got .* Divide X by"):
            fit_of(BatchAugmentation(Brightness()), X / X.max() * largest, y, 1)


def train_on_data_set(X, transform):
    """Rows (n, 1, 8, 8) that a network saw, of a data set in batches of 10."""
    params = {"classes": [0, 1], "train_split": None, "module__n_channels": 1}
    params |= {"module__n_classes": 2, "max_epochs": 1, "batch_size": 10}
    dataset = TensorDataset(torch.from_numpy(np.float32(X)), torch.arange(len(X)) % 2)
    augment = BatchAugmentation(transform, random_state=0)
    return skorch_net(SpyConvNet, augment, **params).fit(dataset, None)


def test_a_data_set_shows_its_range_batch_by_batch():
    X = (255 * np.random.default_rng(0).random((40, 1, 8, 8))).round()
    X[:10], X[30:] = 0, X[30:] // 4  # black at first, and dark at the end
    net = train_on_data_set(X, Invert(1.0))
    seen = torch.cat(net.module_.trained_on).numpy()
    assert np.allclose(seen[10:], 255 - X[10:], atol=1e-4)
    X[15] = -9
    with refuses("BatchAugmentation needs images .* for Invert; got -9 to 25"):
        train_on_data_set(X, Invert(1.0))
    with refuses("BatchAugmentation needs images .* for Invert; got 16 to 16"):
        train_on_data_set(np.repeat([0, 16], 20).reshape(-1, 1, 1, 1) * X**0, Invert())


def test_torchvisions_choices_are_made_for_each_row():
    X, y, _ = shades()
    X = np.repeat(np.arange(8.0)[None, None, None] / 8, 60, axis=0).repeat(8, axis=2)
    transform = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(8, padding=2)])
    with pytest.warns(UserWarning, match="a choice for each row; got torch"):
        seen = trained_on(transform, X, y)
    assert len(seen.flatten(1).unique(dim=0)) > 20
    assert not any(isinstance(one, PerSample) for one in transform.transforms)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*a choice for each row")
        seen = trained_on(PerSample(transform), X, y)
    assert len(seen.flatten(1).unique(dim=0)) > 20


def test_signals(har):
    X, y = har[0][:300], har[1][:300]
    first_loss = fit_of(no_jitter(), X, y, 3).history[0, "train_loss"]
    for transform in (TableMixup(), ManifoldMixup(), Jitter()):
        model = fit_of(BatchAugmentation(transform, refine_epochs=1), X, y, 3)
        assert model.score(X, y) > 0.5
        assert model.history[0, "train_loss"] != first_loss


def test_any_skorch_net(table):
    X, y = np.float32(table[0]), table[1]
    augment = BatchAugmentation(TableMixup(), refine_epochs=1)
    params = {"train_split": ValidSplit(5), "max_epochs": 4}
    model = skorch_net(SpyMLP, augment, **SHAPES, **params).fit(X, y)
    assert augmented_epochs(model, X) == [1, 2, 3]
    assert all(all(plain(X, rows)) for rows in model.module_.evaluated_on)
    assert model.history[:, "refining"] == [False] * 3 + [True]


def test_regression(table):
    X = np.float32(table[0])
    seen = []
    look = AtBatchEnd(lambda batch, *_: seen.append(batch[0][:, :1].equal(batch[1])))
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    params = {"train_split": None, "verbose": 0, "callbacks": [augment, look]}
    model = NeuralNetRegressor(nn.Linear(8, 1), **params).fit(X, X[:, :1])
    assert all(seen) and model.history[-1, "refining"]


def test_isda_on_mixed_labels_is_the_mixture_of_its_losses():
    torch.manual_seed(0)
    head, features = nn.Linear(5, 4), torch.randn(40, 5)
    y, other = torch.arange(40) % 4, (torch.arange(40) + 1) % 4
    loss = ISDALoss(4, 5)

    def of(targets):
        return loss(head(features), targets, features, head.weight, strength=1.0)

    of(y)
    own, others = nn.functional.one_hot(y), nn.functional.one_hot(other)
    mixed = of(0.3 * own + 0.7 * others)

    def hard(codes):
        logits = augmented_logits(
            head(features), codes, head.weight, loss.covariance, 1.0
        )
        return nn.functional.cross_entropy(logits, codes)

    torch.testing.assert_close(mixed, 0.3 * hard(y) + 0.7 * hard(other))
    torch.testing.assert_close(of(own.float()), hard(y))
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


def test_isda_with_cutout_and_with_mixup(digits, table):
    X, y = digits
    images = (X / 16).reshape(-1, 1, 8, 8)
    for transform, rows, counted in ((Cutout(3), images, 8), (TableMixup(), X, 2)):
        augment = BatchAugmentation(transform, refine_epochs=2)
        model = fit_of(augment, rows[:300], y[:300], 8, ISDAClassifier)
        assert model.score(rows[300:], y[300:]) > 0.8
        assert model.class_covariance_.count.sum() == counted * 300
    mixed_only = BatchAugmentation(shares_of(1))
    with pytest.warns(UserWarning, match="got mixed labels in all batches"):
        net(mixed_only, kind=ISDAClassifier).fit(*table)


@pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")
def test_ihda_on_top_trains_augmented_first_and_finetunes_clean(table):
    rows = []
    noise = BatchAugmentation(
        lambda X: rows.append(len(X)) or X + torch.randn_like(X), 1
    )
    whole = {"validation": None, "batch_norm": "train"}
    ihda = IHDAFinetuner(net(noise), generator="noise", random_state=0, **whole)
    ihda.fit(*table)
    assert sum(rows) == 150 * (EPOCHS - 1)
    assert ihda.levels_ and ihda.score(*table) > 0.7


def test_refinement_lowers_the_loss_on_clean_rows(digits):
    """The paper's mechanism, against a control of equal compute that keeps mixing."""
    X, y = digits
    refined, control = (
        fit_of(BatchAugmentation(TableMixup(), 8, refine_transform=kept), X, y, 30)
        for kept in (None, TableMixup())
    )
    losses = [log_loss(y, model.predict_proba(X)) for model in (refined, control)]
    assert losses[0] < losses[1] / 2


# Bad input


@pytest.mark.parametrize(
    "params, message",
    [
        ({"refine_epochs": -1}, "refine_epochs to be a whole number .*; got -1"),
        ({"refine_epochs": 7}, "refine_epochs to be .* from 0 to 6 or .*; got 7"),
        ({"refine_epochs": 1.5}, "or a number from 0 to 1; got 1.5"),
        ({"refine_lr": 0}, "needs refine_lr to be a finite number > 0 or None; got 0"),
        ({"probability": 1.1}, "needs probability to be a number from 0 to 1; got 1.1"),
        ({"transform": "mixup"}, "transform to be a function of a batch; got 'mixup'"),
        ({"transform": None}, "needs transform to be a function .*; got None"),
        ({"transform": TableMixup}, r"got <class .*TableMixup'>. .* TableMixup\(\)"),
        ({"refine_transform": 3}, "needs refine_transform to be a function .*; got 3"),
    ],
)
def test_bad_parameters(params, message, table):
    with refuses(message):
        net(BatchAugmentation(**{"transform": TableMixup(), **params})).fit(*table)


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
        (v2.MixUp(num_classes=3), ValueError, r"torchvision's MixUp; got .* \(64, 8\)"),
        (Cutout(3), ValueError, "got ValueError from Cutout: Cutout needs im"),
        (lambda X: None, TypeError, "returns a tensor X, or X and y; got a NoneType"),
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
    with refuses(message, error):
        net(BatchAugmentation(transform)).fit(*table)


def test_what_cannot_be_mixed(table):
    X, y = np.float32(table[0]), table[1]
    mixup = BatchAugmentation(TableMixup())
    of_words = nn.Sequential(nn.Embedding(50, 2), nn.Flatten(), nn.Linear(16, 3))
    with refuses(r"keeps rows torch\.int64; got torch\.f"):
        skorch_net(of_words, mixup).fit(np.abs(table[0]).astype(np.int64), y)
    softmax = nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1))
    with refuses("a loss for mixed labels; got NLLLoss"):
        skorch_net(softmax, mixup, criterion=nn.NLLLoss).fit(X, y)
    skorch_net(softmax, BatchAugmentation(Jitter()), criterion=nn.NLLLoss).fit(X, y)


def test_batches_must_be_lists_of_tensors(table):
    def collate(rows):
        return tuple(torch.utils.data.default_collate(rows))

    loader = {"iterator_train": DataLoader, "iterator_train__collate_fn": collate}
    with refuses(r"lists \[X, y\].*; got a tuple", TypeError):
        net(BatchAugmentation(TableMixup()), **loader).fit(*table)
