"""Weights in files: with their labels, readable by others, and whole."""

import io

import numpy as np
import pytest
import torch
from helpers import refuses
from safetensors import torch as safetensors
from sklearn.datasets import load_iris
from skorch import NeuralNetClassifier
from skorch.callbacks import Checkpoint

from skaug import NetClassifier
from skaug.net import MLP

X, CODES = load_iris(return_X_y=True)
X = X.astype(np.float32)
TEXTS = np.array(["setosa", "versicolor", "virginica"])
SHAPE = {"module": MLP, "module__n_features": 4, "module__n_classes": 3}
SHORT = {"max_epochs": 3, "random_state": 0}
each_format = pytest.mark.parametrize("use_safetensors", [False, True])


def fitted(labels=TEXTS, **params):
    return NetClassifier(**SHORT, **params).fit(X, np.asarray(labels)[CODES])


def fresh(**params):
    return NetClassifier(**SHAPE, **SHORT, **params).initialize()


def of_skorch():
    criterion = torch.nn.CrossEntropyLoss
    return NeuralNetClassifier(**SHAPE, criterion=criterion, verbose=0).initialize()


def equal(actual, expected):
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == expected.dtype


@each_format
@pytest.mark.parametrize(
    "labels",
    [TEXTS, TEXTS.astype(object), [3, -1, 2**60], np.uint8([9, 5, 7]), [1.0, 2.0, 9.0]],
    ids=["texts", "objects", "numbers", "bytes", "floats"],
)
def test_labels_come_back_with_the_weights(labels, use_safetensors, tmp_path):
    net, other = fitted(labels), fresh()
    net.save_params(tmp_path / "net", use_safetensors=use_safetensors)
    other.load_params(tmp_path / "net", use_safetensors=use_safetensors)
    equal(other.classes_, net.classes_)
    equal(other.predict(X), net.predict(X))
    equal(other.predict_proba(X), net.predict_proba(X))


@each_format
def test_open_files_and_other_names_do_as_well(use_safetensors):
    net, other, file = fitted(), fresh(), io.BytesIO()
    net.save_params(f_module=file, use_safetensors=use_safetensors)
    file.seek(0)
    other.load_params(file, use_safetensors=use_safetensors)
    equal(other.predict(X), net.predict(X))


def test_labels_of_a_net_without_any_are_those_of_training(tmp_path):
    net, other = fitted(), fresh()
    files = {"f_optimizer": tmp_path / "optimizer", "f_history": tmp_path / "history"}
    net.save_params(tmp_path / "net", **files)
    other.load_params(tmp_path / "net", **files)
    assert other.history == net.history
    # A part of the classes goes on with the columns of all.
    part = CODES > 0
    for one in (net, other):
        one.partial_fit(X[part], TEXTS[CODES[part]], epochs=1)
    assert other.classes_.tolist() == TEXTS.tolist()
    assert set(other.predict(X)) <= set(TEXTS)
    with refuses("needs labels among its classes"):
        other.partial_fit(X, CODES)
    # A new training learns its labels.
    assert other.fit(X, CODES).classes_.tolist() == [0, 1, 2]


def test_columns_stay_in_the_order_of_the_net(tmp_path):
    order = TEXTS[[2, 0, 1]]
    net, other = fitted(classes=order), fresh()
    net.save_params(tmp_path / "net")
    other.load_params(tmp_path / "net")
    equal(other.predict(X), net.predict(X))
    other.partial_fit(X, TEXTS[CODES], epochs=1)
    assert other.classes_.tolist() == order.tolist() and other.score(X, TEXTS[CODES])


@each_format
def test_weights_for_other_labels_are_refused(use_safetensors, tmp_path):
    fitted().save_params(tmp_path / "net", use_safetensors=use_safetensors)
    for other in (fresh(classes=["a", "b", "c"]), fitted([4, 5, 6])):
        before = other.predict_proba(X)
        with refuses(r"weights for its labels \[.*; got a file for \['setosa', .*then"):
            other.load_params(tmp_path / "net", use_safetensors=use_safetensors)
        equal(other.predict_proba(X), before)
    same = fresh(classes=TEXTS)
    same.load_params(tmp_path / "net", use_safetensors=use_safetensors)
    equal(same.predict(X), fitted().predict(X))


@each_format
def test_other_programs_read_the_files(use_safetensors, tmp_path):
    net, path = fitted(), tmp_path / "net"
    net.save_params(path, use_safetensors=use_safetensors)
    state = safetensors.load_file(path) if use_safetensors else torch.load(path)
    plain = MLP(4, 3)
    plain.load_state_dict(state)
    skorch = of_skorch()
    skorch.load_params(path, use_safetensors=use_safetensors)
    plain = plain.eval()(torch.from_numpy(X)).softmax(1).detach().numpy()
    np.testing.assert_allclose(plain, net.predict_proba(X), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(skorch.predict_proba(X), plain, rtol=1e-5, atol=1e-7)


@each_format
def test_files_of_others_are_read_and_the_lack_of_labels_is_told(
    use_safetensors, tmp_path
):
    skorch = of_skorch()
    skorch.save_params(tmp_path / "net", use_safetensors=use_safetensors)
    net = fresh()
    with pytest.warns(
        UserWarning, match=r"needs labels to .*; got .* without any.*Set"
    ):
        net.load_params(tmp_path / "net", use_safetensors=use_safetensors)
    equal(net.predict(X), skorch.predict(X))
    named = fresh(classes=TEXTS)
    named.load_params(tmp_path / "net", use_safetensors=use_safetensors)
    equal(named.predict(X), TEXTS[skorch.predict(X)])


def test_a_checkpoint_of_skorch_keeps_labels(tmp_path):
    keep = Checkpoint(monitor=None, dirname=tmp_path)
    net, other = fitted(callbacks=[keep]), fresh()
    other.load_params(checkpoint=keep)
    equal(other.predict(X), net.predict(X))


def test_what_is_no_file_of_weights_is_refused_as_by_skorch(tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"\x04" + bytes(7) + b"text")
    with pytest.raises(Exception, match=r"(?i)header"):
        fresh().load_params(path, use_safetensors=True)
    with pytest.raises(TypeError, match="f_params and f_module"):
        fitted().save_params(path, f_module=path)
    with pytest.raises(TypeError, match="did you mean"):
        fitted().save_params(params=path)
    assert path.read_bytes().endswith(b"text")
