"""Progress bars: what they count, when they end, and when there are none."""

import copy
import io
import pickle
import re
from contextlib import redirect_stderr, suppress

import numpy as np
import pytest
import torch
from helpers import few_for_influence, few_rows, few_steps, refuses
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn

from skaug import (
    AugmentationSearchCV,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    NetClassifier,
    NetworkAugmentation,
    PretrainedFeatures,
    TransformPolicy,
    potential,
)
from skaug._progress import Progress, prints_lines, without_bars
from skaug.comparison import Budgets
from skaug.hard_regions import fit_vae
from skaug.transforms import Jitter, Scaling

pytestmark = [few_steps, few_rows, few_for_influence]

X, Y = load_iris(return_X_y=True)
SHORT = {"max_epochs": 3, "random_state": 0}
FEW = Budgets(plain=(4,), augmented=(6,), decays=(0.0,), refused=4)


class Terminal(io.StringIO):
    """A file whose last line can be written over."""

    def isatty(self):
        return True


def bars(function, file=None):
    """What is written to the standard error, drawing by drawing."""
    file = io.StringIO() if file is None else file
    with redirect_stderr(file):
        function()
    return [text for text in re.split("[\r\n]", file.getvalue()) if text.strip()]


def count_of(drawing):
    """Name, number done and number to come of a drawing, by a regular expression."""
    name, done, total = re.match(r"(\w+):.* (\d+)/(\d+) \[", drawing).groups()
    return name, int(done), int(total)


# The bar itself


def test_a_bar_counts_to_its_total_and_shows_figures():
    file = io.StringIO()
    with Progress("Work", 4, "step", verbose=1, file=file) as progress:
        for loss in (0.5, 0.25, None, 0.125):
            progress.step(loss=loss)
    last = file.getvalue().splitlines()[-1].split("\r")[-1]
    assert count_of(last) == ("Work", 4, 4)
    assert last.endswith("loss=0.125]") and file.getvalue().endswith("\n")
    assert progress.n == 4 and not progress.is_shown


@pytest.mark.parametrize("verbose", [0, 2, False, 3])
def test_without_verbose_1_nothing_is_written(verbose):
    file = io.StringIO()
    with Progress("Work", 2, verbose=verbose, file=file) as progress:
        progress.step(loss=1.0)
        assert not progress.is_shown
    assert file.getvalue() == "" and progress.n == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_a_bar_is_closed_whatever_is_raised(error):
    file = io.StringIO()
    with pytest.raises(error), Progress("Work", 9, verbose=1, file=file) as progress:
        progress.step(2)
        raise error
    assert count_of(file.getvalue().split("\r")[-1]) == ("Work", 2, 9)
    assert file.getvalue().endswith("\n")


def test_a_log_gets_few_lines_and_a_terminal_many(monkeypatch):
    drawings = {}
    for kind in (io.StringIO, Terminal):
        clock = iter(np.arange(0, 1e6, 0.2).tolist())
        monkeypatch.setattr("tqdm.std.time", lambda clock=clock: next(clock))
        with Progress("Work", 100, verbose=1, file=(file := kind())) as progress:
            for _ in range(100):  # 20 seconds, and more for the clock being read
                progress.step()
        drawings[kind] = file.getvalue().count("\r")
    assert drawings[io.StringIO] <= 4 and drawings[Terminal] >= 100


def test_the_total_may_be_unknown_or_grow():
    file = io.StringIO()
    with Progress("Work", verbose=1, file=file) as progress:
        progress.step()
        assert progress.total is None
        progress.expect(2)
        progress.expect(1)
        progress.step(2)
    assert count_of(file.getvalue().split("\r")[-1]) == ("Work", 3, 3)


def test_what_is_not_counted_takes_no_time_from_the_bar():
    file = io.StringIO()
    with Progress("Work", verbose=1, file=file) as progress:
        progress.tell(doing="something else")
        progress.start_over(2)
        progress.step(2)
    assert count_of(file.getvalue().split("\r")[-1]) == ("Work", 2, 2)


def test_a_bar_inside_another_is_told_of_in_the_outer_one():
    outer_file, inner_file = Terminal(), io.StringIO()
    with Progress("Outer", 1, verbose=1, file=outer_file) as outer:
        outer._bar.mininterval = 0
        with outer.around():
            assert not prints_lines(2)
            inner = Progress("Inner", 2, "epoch", verbose=1, file=inner_file)
            with inner:
                assert inner.is_shown
                inner.step(loss=0.5)
        assert prints_lines(2)
        outer.step()
    assert inner_file.getvalue() == ""
    assert "epoch=1/2, loss=0.5" in outer_file.getvalue()


def test_nothing_is_shown_inside_where_nothing_is_wanted():
    file = io.StringIO()
    with without_bars():
        with Progress("Work", 1, verbose=1, file=file) as progress:
            progress.step()
            assert not progress.is_shown
        assert not prints_lines(2)
    assert file.getvalue() == "" and prints_lines(2)


def test_without_a_standard_error_there_is_no_bar(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    with Progress("Work", 1, verbose=1) as progress:
        progress.step()
    assert progress.n == 1


# Nets


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_a_net_counts_epochs(kind, capsys):
    net = kind(verbose=1, **SHORT)
    last = bars(lambda: net.fit(X, Y, sample_weight=1 + Y**3))[-1]
    assert count_of(last) == (kind.__name__, 3, 3)
    # The figure in the history, over the rows of all batches, by their weights.
    assert f"loss={net.history[-1, 'train_loss']:.3g}]" in last
    assert capsys.readouterr() == ("", "")


def test_validation_losses_are_shown_as_well():
    net = NetClassifier(verbose=1, train_split=ValidSplit(3), **SHORT)
    last = bars(lambda: net.fit(X, Y))[-1]
    assert f"valid_loss={net.history[-1, 'valid_loss']:.3g}]" in last


def test_a_net_is_silent_by_default(capfd):
    net = NetClassifier(**SHORT).fit(X, Y)
    net.set_params(module__hidden=(4,)).fit(X, Y).partial_fit(X, Y)
    assert capfd.readouterr() == ("", "")


def test_lines_of_skorch_come_at_2(capfd):
    NetClassifier(verbose=2, **SHORT).fit(X, Y).fit(X, Y)
    printed = capfd.readouterr()
    assert printed.err == ""
    assert printed.out.count("train_loss") == 2  # the headings of two fits
    assert "Re-initializing module." in printed.out


def test_at_1_skorch_prints_nothing_of_its_own(capfd):
    stop = EarlyStopping("train_loss", patience=1, threshold=10, threshold_mode="abs")
    net = NetClassifier(verbose=1, callbacks=[stop], **SHORT).fit(X, Y).fit(X, Y)
    net.set_params(module__hidden=(4,))
    assert capfd.readouterr().out == "" and net.verbose == 1


def test_callbacks_of_skorch_are_set_as_ever(capfd):
    NetClassifier(verbose=2, callbacks__print_log=None, **SHORT).fit(X, Y)
    assert capfd.readouterr().out == ""
    seen = []
    net = NetClassifier(callbacks__print_log__sink=seen.append, **SHORT).fit(X, Y)
    assert len(seen) == 2 + 3  # a sink of the user's gets all lines at any verbosity
    net.set_params(callbacks__print_log__keys_ignored=["dur"], verbose=2).fit(X, Y)
    assert "dur" in seen[0] and "dur" not in seen[5]


def test_a_single_callback_is_refused_by_fit_alone():
    net = NetClassifier().set_params(callbacks=EarlyStopping())
    with refuses("callbacks to be None or 'disable' or a list.*Put a single"):
        net.fit(X, Y)
    net.set_params(callbacks="disable", **SHORT).fit(X, Y)
    assert net.callbacks_ == []


def test_early_stopping_ends_the_bar_where_it_is():
    stop = EarlyStopping("train_loss", patience=2, threshold=10, threshold_mode="abs")
    net = NetClassifier(verbose=1, max_epochs=50, callbacks=[stop], random_state=0)
    assert count_of(bars(lambda: net.fit(X, Y))[-1])[1:] == (len(net.history), 50)
    assert len(net.history) < 50


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_fit_that_is_broken_off_leaves_a_closed_bar_and_a_clean_net(error):
    class Breaks(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise error

    net = NetClassifier(verbose=1, max_epochs=9, callbacks=[Breaks()], random_state=0)

    def fit():
        with suppress(ZeroDivisionError):
            net.fit(X, Y)

    assert count_of(bars(fit)[-1]) == ("NetClassifier", 2, 9)
    assert net.verbose == 1 and not hasattr(net, "_progress")


def test_partial_fit_counts_its_own_epochs():
    net = NetClassifier(verbose=1, **SHORT)
    drawings = bars(lambda: net.partial_fit(X, Y).partial_fit(X, Y, epochs=2))
    ends = [count_of(one)[1:] for one in drawings if "100%" in one]
    assert ends == [(3, 3), (2, 2)]


class Copies(Callback):
    """Copies the net in every epoch, as a checkpoint does."""

    def on_epoch_end(self, net, **kwargs):
        COPIES.append(pickle.loads(pickle.dumps(net)))
        COPIES.append(copy.deepcopy(net))


COPIES = []


def test_a_net_that_is_copied_in_training_takes_no_bar_along():
    COPIES.clear()
    net = NetClassifier(verbose=1, callbacks=[Copies()], **SHORT)
    drawings = bars(lambda: net.fit(X, Y))
    assert count_of(drawings[-1]) == ("NetClassifier", 3, 3) and len(COPIES) == 6
    for one in COPIES:
        assert one.verbose == 1 and not hasattr(one, "_progress")
    assert count_of(bars(lambda: COPIES[0].partial_fit(X, Y))[-1])[1:] == (3, 3)


def test_the_bar_changes_no_number():
    plain, shown = (NetClassifier(verbose=n, **SHORT) for n in (0, 1))
    bars(lambda: shown.fit(X, Y))
    proba = plain.fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(shown.predict_proba(X), proba)


# Methods that train nets: one bar


def ihda(net, **params):
    params = {"generator": "noise", "random_state": 0, **params}
    return IHDAFinetuner(net, **params)


@pytest.mark.parametrize("inner", [0, 1, 2])
def test_ihda_counts_levels_and_its_net_is_silent(inner, capsys):
    model = ihda(NetClassifier(verbose=inner, **SHORT), verbose=1)
    drawings = bars(lambda: model.fit(X, Y))
    assert count_of(drawings[-1]) == ("IHDAFinetuner", 3, 3)
    assert {one.split(":")[0] for one in drawings} == {"IHDAFinetuner"}
    assert "level=blocks.1, loss=" in drawings[-1]
    assert capsys.readouterr().out == "" and model.estimator_.verbose == inner


def test_ihda_shows_the_epochs_of_its_net_in_its_own_bar():
    model = ihda(NetClassifier(max_epochs=30, random_state=0), verbose=1)
    assert "epoch=" in "".join(bars(lambda: model.fit(X, Y), Terminal()))


def test_ihda_of_a_net_of_skorch_has_one_bar(capsys):
    net = NeuralNetClassifier(
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)),
        criterion=nn.CrossEntropyLoss,
        train_split=None,
        max_epochs=2,
    )
    model = ihda(net, levels=["1"], verbose=1)
    rows = X.astype(np.float32), Y.astype(np.int64)
    assert count_of(bars(lambda: model.fit(*rows))[-1])[1:] == (1, 1)
    assert capsys.readouterr().out == "" and model.estimator_.verbose == 1


def test_ihda_tells_lines_at_2_and_its_net_what_it_was_asked_for(capsys):
    drawings = bars(
        lambda: ihda(NetClassifier(verbose=1, **SHORT), verbose=2).fit(X, Y)
    )
    assert count_of(drawings[-1]) == ("NetClassifier", 3, 3)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "IHDA, activations",
        *(f"IHDA, level {level}" for level in ("input", "blocks.0", "blocks.1")),
    ]


def test_a_staged_fit_that_is_left_early_closes_its_bar_and_silences_no_one():
    frozen = FrozenEstimator(NetClassifier(**SHORT).fit(X, Y))
    net, file = NetClassifier(verbose=1, **SHORT), io.StringIO()
    with redirect_stderr(file):
        stages = ihda(frozen, verbose=1).staged_fit(X, Y)
        next(stages)
        assert prints_lines(2)  # between the stages the user's own nets show theirs
        assert Progress("Work").outer is None
        stages.close()
    assert file.getvalue().endswith("\n")
    assert count_of(bars(lambda: net.fit(X, Y))[-1])[0] == "NetClassifier"


POLICY = TransformPolicy([Jitter(0.1), Scaling(0.1)], n_networks=2)
NETWORK = NetworkAugmentation(steps=3, rounds=2, pretrain_steps=0)


@pytest.mark.filterwarnings("ignore:InfluenceAugmenter needs:UserWarning")
@pytest.mark.parametrize(
    "learner, params, total",
    [
        (POLICY, {"cv": 2}, 2 * 2 + 2 + 1),
        (POLICY, {"guard": False}, 2 + 1),
        (POLICY, {"guard": False, "refit": False}, 2),
        (NETWORK, {}, 2 + 3 + 1),
        (NetworkAugmentation(None, steps=3), {}, 1 + 2 + 1),
    ],
)
def test_an_augmenter_counts_trainings(learner, params, total, capsys):
    net = NetClassifier(verbose=2, **SHORT)
    params = {"augmentation": learner, "random_state": 0, **params}
    model = InfluenceAugmenter(net, verbose=1, **params)
    drawings = bars(lambda: model.fit(X, Y))
    assert count_of(drawings[-1]) == ("InfluenceAugmenter", total, total)
    assert model.n_trainings_ == total and capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore:InfluenceAugmenter needs:UserWarning")
def test_trainings_from_a_memory_are_done_as_well(tmp_path):
    params = {"augmentation": POLICY, "memory": str(tmp_path), "random_state": 0}
    model = InfluenceAugmenter(NetClassifier(**SHORT), verbose=1, **params)
    for n_trainings in (5, 0):
        last = bars(lambda: model.fit(X, Y))[-1]
        assert count_of(last)[1:] == (5, 5) and model.n_trainings_ == n_trainings


def test_an_augmenter_shows_the_steps_of_its_network():
    learner = NetworkAugmentation(None, steps=300)
    net = NetClassifier(max_epochs=2, random_state=0)
    model = InfluenceAugmenter(net, augmentation=learner, guard=False, verbose=1)
    drawn = "".join(bars(lambda: model.fit(X, Y), Terminal()))
    assert "step=" in drawn and "/300, objective=" in drawn


def test_an_augmenter_tells_lines_at_2(capsys):
    params = {"augmentation": POLICY, "guard": False, "random_state": 0}
    model = InfluenceAugmenter(NetClassifier(**SHORT), verbose=2, **params)
    assert bars(lambda: model.fit(X, Y)) == []
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 + 1 and "training 1 on 90 rows" in lines[0]


def test_a_search_counts_cells(capfd):
    net = NetClassifier(verbose=2)  # of which there would be many lines
    params = {"methods": ["ISDA"], "cv": 2, "budget": FEW, "random_state": 0}
    search = AugmentationSearchCV(net, verbose=1, **params)
    search.fit(X, Y)
    printed = capfd.readouterr()
    drawings = [one for one in re.split("[\r\n]", printed.err) if "cell" in one]
    assert count_of(drawings[-1]) == ("Comparison", 4, 4)
    assert "Expected time" in printed.out and "train_loss" not in printed.out
    assert len(search.comparison_.curves.n_rows) == 3
    assert "2/2" in capfd.readouterr().err.splitlines()[-1]  # folds of the curves


def test_a_search_tells_lines_at_2(capfd):
    params = {"methods": ["ISDA"], "cv": 2, "budget": FEW, "random_state": 0}
    AugmentationSearchCV(verbose=2, **params).fit(X, Y)
    printed = capfd.readouterr()
    assert "cell/s" not in printed.err
    assert "Cell 4 of 4: ISDA, draw 1" in printed.out


# What trains no nets


@pytest.mark.parametrize("radius", [0.2, 0.5])
def test_neighbours_are_counted_in_pairs(radius):
    drawings = bars(lambda: potential(X, Y, radius=radius, block_size=40, verbose=1))
    n_pairs = 150 * 151 // 2
    assert f"{n_pairs / 1000:.1f}k/{n_pairs / 1000:.1f}k" in drawings[-1]


def test_an_autoencoder_counts_steps():
    rows = torch.from_numpy(X)
    last = bars(lambda: fit_vae(rows, latent_dim=2, max_steps=30, verbose=1))[-1]
    assert count_of(last) == ("VAE", 30, 30) and "loss=" in last


def test_features_count_rows_whatever_the_number():
    for verbose in (1, 2):
        body = PretrainedFeatures(nn.Linear(4, 2), verbose=verbose)
        last = bars(lambda body=body: body.fit_transform(X))[-1]
        assert count_of(last) == ("PretrainedFeatures", 150, 150)
