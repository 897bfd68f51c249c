"""Outputs of a network: what they are is told, and predictions are probabilities."""

import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.metrics import log_loss
from torch import nn

from skaug import BatchAugmentation, ISDAClassifier, NetClassifier, TableMixup
from skaug.influence import LastLayerInfluence
from skaug.net.outputs import argument_for_outputs, kind_of
from skaug.transforms.torchvision import torchvision


def quick(*args, **kwargs):
    return NetClassifier(*args, **{"max_epochs": 3, "random_state": 0, **kwargs})


def ending_in(*layers):
    return nn.Sequential(nn.Linear(8, 3), *layers)


class Focal(nn.Module):
    """A loss of logits of one's own, with class numbers."""

    def forward(self, logits, codes):
        log_p = logits.log_softmax(1).gather(1, codes[:, None])
        return -((1 - log_p.exp()) ** 2 * log_p).mean()


class Brier(nn.Module):
    """A loss of probabilities of one's own."""

    def forward(self, proba, codes):
        one_hot = nn.functional.one_hot(codes, proba.shape[1])
        return (proba - one_hot).square().sum(1).mean()


class OfLogarithms(nn.Module):
    """A loss of logarithms of probabilities, without skorch's own logarithm."""

    def forward(self, log_p, codes):
        return -log_p.gather(1, codes[:, None]).mean()


# What a network returns, told by numbers


def test_the_log_softmax_is_its_own_log_softmax_and_the_softmax_inverts_it():
    z = 5 * torch.randn(50, 7, dtype=torch.float64)
    log_p = z.log_softmax(1)
    torch.testing.assert_close(log_p.log_softmax(1), log_p)
    torch.testing.assert_close(log_p.softmax(1), z.softmax(1))
    # A softmax, though, is not its own: of two classes at most e : 1 is left.
    odds = torch.tensor([[100.0, 0.0]]).softmax(1).softmax(1)
    torch.testing.assert_close(odds[0, 0] / odds[0, 1], torch.tensor(np.e).float())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_kinds_are_told_apart_in_any_precision(dtype, n_classes):
    z = (3 * torch.randn(2, n_classes, dtype=torch.float64)).to(dtype)
    assert kind_of(z) == "logits"
    assert kind_of(z.softmax(1)) == "probabilities"
    assert kind_of(z.log_softmax(1)) == "log-probabilities"


@pytest.mark.parametrize(
    "outputs",
    [
        torch.zeros(2, 3),  # of a last layer that starts at 0
        torch.full((2, 3), torch.nan),
        torch.tensor([[0.5, 0.5], [0.5, 0.6]]),  # one row by chance
        torch.tensor([[1.5, -0.5], [2.0, -1.0]]),  # sums of 1, but below 0
        torch.tensor([[0.2, 0.9], [0.7, 0.8]]),  # of sigmoids
        torch.empty(0, 3),
    ],
)
def test_what_is_no_probability_is_taken_for_logits(outputs):
    assert kind_of(outputs) == "logits"


def test_a_last_layer_that_starts_as_the_shares_of_classes_is_not_accused():
    shares = torch.tensor([0.7, 0.2, 0.1])
    assert kind_of(shares.log().expand(2, 3)) == "logits"
    other = torch.stack([shares, shares.flip(0)]).log()
    assert kind_of(other) == "log-probabilities"


class Half(nn.Linear):
    """A last layer that computes as under torch.autocast."""

    def forward(self, rows):
        return super().forward(rows).bfloat16()


def test_logits_of_half_precision_are_predicted_with(table):
    X, y = table
    net = quick(Half, module__in_features=8, module__out_features=3).fit(X, y)
    proba = net.predict_proba(X)
    assert proba.dtype == np.float32
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


def test_no_random_network_is_accused():
    for seed in range(300):
        torch.manual_seed(seed)
        X = torch.randn(2, 4)
        for last in (nn.Identity(), nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Softplus()):
            assert kind_of(nn.Sequential(nn.Linear(4, 2), last)(X)) == "logits"


# The check before training


@pytest.mark.parametrize(
    "last, criterion, message",
    [
        (nn.Softmax(1), nn.CrossEntropyLoss, "got probabilities, so that training"),
        (nn.LogSoftmax(1), nn.NLLLoss, "takes their logarithm; got log-probabilities"),
        (nn.Identity(), nn.NLLLoss, "takes their logarithm; got logits"),
        (nn.Sigmoid(), nn.NLLLoss, "got logits"),
        (nn.Identity(), nn.BCEWithLogitsLoss, "takes class codes; got BCEWithLogitsL"),
    ],
)
def test_outputs_that_do_not_suit_the_loss_are_refused_each_time(
    table, last, criterion, message
):
    net = quick(ending_in(last), criterion=criterion)
    for _ in range(2):  # what is refused once is refused again
        with refuses(f"NetClassifier needs .*{message}"):
            net.partial_fit(*table)


def test_the_advice_of_the_check_trains(table):
    X, y = table
    with refuses(r"criterion=torch\.nn\.NLLLoss"):
        quick(ending_in(nn.Softmax(1))).fit(X, y)
    longer = {"max_epochs": 30, "lr": 0.05}
    assert (
        quick(ending_in(nn.Softmax(1)), criterion=nn.NLLLoss, **longer)
        .fit(X, y)
        .score(X, y)
        > 0.8
    )
    with refuses(r"Set criterion=torch\.nn\.CrossEntropyLoss"):
        quick(ending_in(nn.LogSoftmax(1)), criterion=nn.NLLLoss).fit(X, y)
    assert quick(ending_in(nn.LogSoftmax(1)), **longer).fit(X, y).score(X, y) > 0.8


def test_logarithms_of_probabilities_train_as_logits_do(table):
    nets = []
    for last in (nn.Identity(), nn.LogSoftmax(1)):
        torch.manual_seed(0)
        nets.append(quick(ending_in(last)))
    nets[0].fit(*table)
    with pytest.warns(UserWarning, match="no log-softmax .* the second changes nothi"):
        nets[1].fit(*table)
    np.testing.assert_allclose(
        *(net.predict_proba(table[0]) for net in nets), rtol=1e-5
    )
    assert [net.outputs_ for net in nets] == ["logits", "log-probabilities"]


def test_a_new_module_or_loss_is_looked_at_again(table):
    net = quick(ending_in()).fit(*table)
    net.set_params(criterion=nn.NLLLoss)
    with refuses("got logits"):
        net.partial_fit(*table)
    net = quick(ending_in()).fit(*table)
    net.set_params(module=ending_in(nn.Softmax(1)))
    with refuses("got probabilities"):
        net.partial_fit(*table)


def test_a_get_loss_of_ones_own_may_take_what_it_wants(table):
    class Own(NetClassifier):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return self.criterion_(y_pred, torch.as_tensor(y_true))

    params = {"criterion": nn.NLLLoss, "max_epochs": 30, "lr": 0.05}
    net = Own(ending_in(nn.LogSoftmax(1)), random_state=0, **params).fit(*table)
    assert net.score(*table) > 0.8
    np.testing.assert_allclose(net.predict_proba(table[0]).sum(1), 1, atol=1e-5)


def test_isda_names_a_softmax_behind_its_head(table):
    with refuses(r"got probabilities, .*\(a softmax or .*Let the module return logits"):
        ISDAClassifier(ending_in(nn.Softmax(1)), max_epochs=1).fit(*table)


# The argument for the number of outputs


class Classes(nn.Sequential):
    def __init__(self, num_classes=10):
        super().__init__(nn.Linear(8, num_classes))


@pytest.mark.parametrize(
    "name", ["num_classes", "n_outputs", "num_labels", "out_features", "output_dim"]
)
def test_the_argument_for_the_number_of_outputs_is_named(table, name):
    namespace = {}
    exec(f"def build({name}=10): return Linear(8, {name})", vars(nn), namespace)
    build = namespace["build"]
    with refuses(rf"of shape \(2, 3\) for 2 rows; got \(2, 10\). Set module__{name}=3"):
        quick(build).fit(*table)
    assert quick(build, **{f"module__{name}": 3}).fit(*table).classes_.shape == (3,)
    with refuses("module__n_classes=3"):
        quick(module__n_classes=5).fit(*table)
    with refuses("Make the module with num_classes=3, or name all"):
        quick(Classes()).fit(*table)
    with refuses("Set the module's number of outputs, or name all"):
        quick(nn.Sequential(nn.Linear(8, 5))).fit(*table)


def test_functions_of_torchvision_hand_the_argument_on():
    resnet = torchvision.models.resnet18
    assert argument_for_outputs(resnet, resnet(weights=None)) == "num_classes"
    X, y = np.random.default_rng(0).normal(size=(4, 3, 32, 32)), [0, 1, 0, 1]
    with refuses(r"got \(2, 1000\). Set module__num_classes=2,"):
        quick(resnet).fit(X, y)


def test_a_module_that_returns_no_tensor_is_refused(table):
    class Dictionary(nn.Linear):
        def forward(self, X):
            return {"logits": super().forward(X)}

    with refuses("returns a tensor; got a dict. Return the logits alone"):
        quick(Dictionary(8, 3)).fit(*table)


# Predictions are probabilities

LOSSES = {
    "cross-entropy": (nn.Identity(), nn.CrossEntropyLoss),
    "smoothed": (nn.LogSoftmax(1), lambda: nn.CrossEntropyLoss(label_smoothing=0.1)),
    "NLLLoss": (nn.Softmax(1), nn.NLLLoss),
    "margin": (nn.Identity(), nn.MultiMarginLoss),
    "focal": (nn.Identity(), Focal),
    "Brier": (nn.Softmax(1), Brier),
    "logarithms": (nn.LogSoftmax(1), OfLogarithms),
}


@pytest.mark.parametrize("last, criterion", LOSSES.values(), ids=LOSSES)
def test_predictions_are_probabilities_for_any_loss(table, last, criterion, tmp_path):
    X, y = table
    net = quick(ending_in(last), criterion=criterion, max_epochs=20, lr=0.05)
    proba = net.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1, atol=1e-5)
    assert (proba >= 0).all() and net.score(X, y) > 0.8
    assert log_loss(y, proba) < 0.9
    # By hand: the softmax of the logits of the linear layer.
    with torch.no_grad():
        logits = net.module_[0](torch.from_numpy(np.float32(X)))
    np.testing.assert_allclose(proba, logits.softmax(1), atol=1e-5)
    # A net that was loaded and never fitted agrees, also row by row.
    net.save_params(f_params=tmp_path / "weights.pt")
    other = quick(ending_in(last), criterion=criterion, classes=[0, 1, 2]).initialize()
    other.load_params(f_params=tmp_path / "weights.pt")
    np.testing.assert_allclose(other.predict_proba(X), proba, rtol=1e-5)
    alone = np.concatenate([net.predict_proba(row[None]) for row in X[:5]])
    np.testing.assert_allclose(alone, proba[:5], rtol=1e-4, atol=1e-6)


def test_a_nonlinearity_of_the_users_stays(table):
    X, _ = table
    raw = quick(criterion=Focal, predict_nonlinearity=None).fit(*table)
    np.testing.assert_allclose(
        raw.predict_proba(X), np.concatenate(list(raw.forward_iter(X)))
    )
    half = quick(criterion=Focal, predict_nonlinearity=lambda out: out / 2).fit(*table)
    np.testing.assert_allclose(2 * half.predict_proba(X), raw.predict_proba(X))


def test_influence_agrees_with_the_predictions_of_a_loss_of_ones_own(table):
    X, y = table
    net = quick(criterion=Focal).fit(X, y)
    probabilities = LastLayerInfluence(net).fit(X, y).probabilities_
    np.testing.assert_allclose(probabilities, net.predict_proba(X), atol=1e-6)


def test_rows_that_a_network_has_no_number_for_are_named(table):
    X, _ = table

    class Root(nn.Linear):
        def forward(self, X):
            return super().forward(X) + X[:, :1].clamp(max=30).sub(20).neg().sqrt() * 0

    far = X.copy()
    far[7, 0] = 25
    for nonlinearity in ("auto", None):
        net = quick(Root(8, 3), predict_nonlinearity=nonlinearity).fit(*table)
        with refuses("needs outputs that are numbers .* got NaN for row 7"):
            net.predict(far)


# Targets that are shares


@pytest.mark.parametrize(
    "last, criterion, message",
    [
        (nn.Softmax(1), nn.NLLLoss, "loss for mixed labels; got NLLLoss"),
        (nn.Identity(), nn.MultiMarginLoss, "loss for mixed labels; got MultiMargin"),
        (nn.Identity(), Focal, "loss for shares of the classes, .* got Focal, which"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*gradient steps to gain:UserWarning")
def test_mixing_needs_a_loss_that_takes_shares(table, last, criterion, message):
    mixing = [BatchAugmentation(TableMixup())]
    with refuses(f"{message}.*Set criterion=torch.nn.CrossEntropyLoss"):
        quick(ending_in(last), criterion=criterion, callbacks=mixing).fit(*table)
    quick(ending_in(), callbacks=mixing).fit(*table)
