"""What a finetuner keeps: a fit that was killed ends like one that was not."""

import pickle
import signal
from functools import partial

import numpy as np
import pytest
from helpers import killed, refuses, signals_itself
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from skaug import IHDAFinetuner, ISDAClassifier, NetClassifier, VAEGenerator
from skaug.ihda import level
from skaug.net.networks import MLP

pytestmark = [
    pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning"),
    pytest.mark.filterwarnings("ignore:IHDAFinetuner leaves all:UserWarning"),
]

NET = NetClassifier(module__hidden=(12, 8), max_epochs=4)


@pytest.fixture(scope="module")
def small():
    """A small three-class table."""
    return make_classification(
        90, 8, n_informative=6, n_classes=3, class_sep=2.0, random_state=0
    )


def plain(memory=None, net=NET, **params):
    generator = VAEGenerator(4, steps=20)
    given = {"generator": generator, "memory": memory, "random_state": 0, **params}
    return IHDAFinetuner(net, **given)


def paper(memory=None, **params):
    return IHDAFinetuner.paper(
        clone(NET).set_params(module__hidden=(8,)),
        generator="noise",
        skip_probability="validated",
        validation=0.3,
        memory=memory,
        random_state=0,
        **params,
    )


def without_seconds(record):
    """A record as text, in which NaN equals NaN."""
    if isinstance(record, list):
        return [without_seconds(one) for one in record]
    if not isinstance(record, dict):
        return repr(record)
    return {k: without_seconds(v) for k, v in record.items() if k != "seconds"}


def assert_equal(resumed, whole, X, y):
    ours, theirs = (m.estimator_.module_.state_dict() for m in (resumed, whole))
    assert all(ours[key].equal(theirs[key]) for key in theirs)
    assert without_seconds(resumed.levels_) == without_seconds(whole.levels_)
    assert without_seconds(resumed.tuning_) == without_seconds(whole.tuning_)
    assert list(resumed.generators_) == list(whole.generators_)
    for name in whole.generators_:
        pairs = zip(resumed.sample(X, y, name), whole.sample(X, y, name))
        assert all(np.array_equal(*pair) for pair in pairs)
    assert np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))


@pytest.fixture(scope="module")
def wholes(small):
    """Fits that nothing breaks off, and how many trainings of levels they took."""
    found = {}
    for make in (plain, paper):
        with pytest.MonkeyPatch.context() as patch:
            calls = signals_itself(patch, level, "finetune", -1)
            found[make] = make().fit(*small), len(calls)
    return found


@pytest.mark.parametrize(
    "make, at, n_done", [(plain, 1, 0), (plain, 3, 2), (paper, 4, 0), (paper, -1, 3)]
)
def test_a_killed_fit_goes_on_from_its_last_step(
    make, at, n_done, small, wholes, tmp_path, monkeypatch
):
    whole, total = wholes[make]
    at = at if at > 0 else total
    with monkeypatch.context() as patch:
        signals_itself(patch, level, "finetune", at, signal.SIGKILL)
        killed(partial(make(tmp_path).fit, *small))
    epochs = signals_itself(monkeypatch, NetClassifier, "run_single_epoch", -1)
    calls = signals_itself(monkeypatch, level, "finetune", -1)
    resumed = make(tmp_path).fit(*small)
    assert_equal(resumed, whole, *small)
    # While it is being tuned, the net of all rows is not trained yet.
    assert bool(epochs) == (make is paper and at == 4)
    assert n_done <= total - len(calls) < at


def test_a_base_training_that_was_killed_begins_again(small, wholes, tmp_path):
    fit = partial(plain(tmp_path).fit, *small)
    with pytest.MonkeyPatch.context() as patch:
        signals_itself(patch, NetClassifier, "run_single_epoch", 5, signal.SIGKILL)
        killed(fit)
    assert_equal(fit(), wholes[plain][0], *small)
    assert not fit().interrupted_


@pytest.mark.parametrize("at", [1, 3])
def test_after_ctrl_c_the_same_fit_goes_on(
    ctrl_c, at, small, wholes, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        signals_itself(patch, level, "finetune", at)
        with pytest.warns(UserWarning, match="got Ctrl-C at level"):
            stopped = plain(tmp_path).fit(*small)
    assert stopped.interrupted_ and len(stopped.levels_) == at
    interrupted = [record.interrupted for record in stopped.levels_]
    assert interrupted == [False] * (at - 1) + [True]
    assert stopped.predict(small[0]).shape == small[1].shape
    assert_equal(plain(tmp_path).fit(*small), wholes[plain][0], *small)


def test_no_base_that_was_cut_short_is_tuned(ctrl_c, small, monkeypatch):
    X, y = np.float32(small[0]), small[1]
    of_skorch = NeuralNetClassifier(
        MLP, module__n_features=8, module__n_classes=3, max_epochs=4, verbose=0
    ).set_params(criterion=nn.CrossEntropyLoss, train_split=None)
    for net in (NET, of_skorch):
        with monkeypatch.context() as patch:
            signals_itself(patch, type(net), "run_single_epoch", 3)
            with pytest.raises(KeyboardInterrupt):
                plain(net=net).fit(X, y)


def test_a_search_keeps_no_score_of_levels_that_were_cut_short(
    ctrl_c, small, monkeypatch
):
    search = GridSearchCV(plain(), {"n_samples": [1, 2]}, cv=2)
    signals_itself(monkeypatch, level, "finetune", 2)
    with refuses("got Ctrl-C at level 'blocks.0'", KeyboardInterrupt):
        search.fit(*small)
    assert not hasattr(search, "cv_results_")


def test_other_rows_or_parameters_start_anew(small, wholes, tmp_path, monkeypatch):
    X, y = small
    plain(tmp_path).fit(X, y)
    calls = signals_itself(monkeypatch, level, "finetune", -1)
    epochs = signals_itself(monkeypatch, NetClassifier, "run_single_epoch", -1)

    def counts(model, *data):
        del calls[:], epochs[:]
        model.fit(*data)
        return len(calls), len(epochs) // (NET.max_epochs * 2)  # and of validation

    assert counts(plain(tmp_path), X, y) == (0, 0)
    # What only the levels depend on leaves the base training alone.
    assert counts(plain(tmp_path, n_samples=2), X, y) == (3, 0)
    assert counts(plain(tmp_path, synthetic_share=0.0), X, y) == (3, 0)
    for model, data in (
        (plain(tmp_path, random_state=1), small),
        (plain(tmp_path, clone(NET).set_params(lr=0.01)), small),
        (plain(tmp_path), (X + 1, y)),
        (plain(tmp_path), (X, (y + 1) % 3)),
        (plain(tmp_path), (X, y, np.arange(len(y)) // 2)),
    ):
        assert counts(model, *data) == (3, 1)
    # Nothing is lost by that.
    assert counts(plain(tmp_path), X, y) == (0, 0)


def test_a_net_that_was_trained_before_is_known_by_its_weights(small, tmp_path):
    nets = [ISDAClassifier(max_epochs=2, random_state=i).fit(*small) for i in (0, 1)]
    fits = [plain(tmp_path, FrozenEstimator(net)).fit(*small) for net in nets]
    again = pickle.loads(pickle.dumps(nets))
    for net, fit in zip(again, fits):
        same = plain(tmp_path, FrozenEstimator(net)).fit(*small)
        assert_equal(same, fit, *small)
        assert_equal(same, plain(net=FrozenEstimator(net)).fit(*small), *small)


def test_what_cannot_be_known_again_is_refused(small, tmp_path):
    class Local(MLP):
        pass

    net = NetClassifier(Local, max_epochs=1)
    with refuses(
        "IHDAFinetuner needs parameters and rows that can be pickled, for its"
    ):
        plain(tmp_path, net).fit(*small)
    with refuses("memory to be None, a folder or a joblib.Memory; got 3"):
        plain(3).fit(*small)
    with pytest.warns(UserWarning, match="needs an int as random_state for its"):
        plain(tmp_path, random_state=None).fit(*small)
