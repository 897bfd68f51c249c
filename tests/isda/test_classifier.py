"""ISDA's bound against explicit sampling, its limits, its gradients, its training."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn import functional as F

from skaug import ClassCovariance, ISDAClassifier, ISDALoss, NetClassifier
from skaug.isda import augmented_logits
from skaug.isda.covariance import KINDS

N, C, A = 12, 4, 6


@pytest.fixture
def problem():
    """A batch, a head and one covariance per class, in double precision."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    factor = draw(C, A, A) / A**0.5
    return {
        "features": draw(N, A).requires_grad_(),
        "target": torch.randint(C, (N,), generator=generator),
        "weight": draw(C, A).requires_grad_(),
        "bias": draw(C).requires_grad_(),
        "covariance": factor @ factor.mT,
    }


def isda(problem, strength, **changes):
    p = {**problem, **changes}
    logits = p["features"] @ p["weight"].T + p["bias"]
    augmented = augmented_logits(
        logits, p["target"], p["weight"], p["covariance"], strength
    )
    return F.cross_entropy(augmented, p["target"])


def cross_entropy(problem, **changes):
    p = {**problem, **changes}
    return F.cross_entropy(p["features"] @ p["weight"].T + p["bias"], p["target"])


def monte_carlo(problem, strength, n_draws):
    """Mean and standard error of cross-entropy on sampled features (Eq. 2)."""
    p = {key: value.detach() for key, value in problem.items()}
    factor = torch.linalg.cholesky(strength * p["covariance"])[p["target"]]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(n_draws, N, A, 1, generator=generator, dtype=torch.float64)
    moved = (factor @ noise).squeeze(-1)
    losses = 0
    for sign in (1, -1):  # opposite draws cancel what is odd in the noise
        logits = (p["features"] + sign * moved) @ p["weight"].T + p["bias"]
        target = p["target"].repeat(n_draws)
        each = F.cross_entropy(logits.flatten(0, 1), target, reduction="none")
        losses = losses + each.view(n_draws, N).mean(1) / 2
    return losses.mean(), losses.std() / n_draws**0.5


def test_class_table_equals_the_per_sample_form(problem):
    p = problem
    difference = p["weight"] - p["weight"][p["target"]][:, None]  # (N, C, A)
    form = torch.einsum(
        "nja,nab,njb->nj", difference, p["covariance"][p["target"]], difference
    )
    logits = p["features"] @ p["weight"].T + p["bias"]
    naive = F.cross_entropy(logits + 0.35 * form, p["target"])
    ours = isda(p, 0.7)
    assert abs(ours - naive) <= 1e-12
    parameters = [p["features"], p["weight"], p["bias"]]
    for actual, expected in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(naive, parameters)
    ):
        assert (actual - expected).abs().max() <= 1e-12


def test_strength_zero_is_exactly_cross_entropy(problem):
    parameters = [problem["features"], problem["weight"], problem["bias"]]
    ours, plain = isda(problem, 0), cross_entropy(problem)
    assert torch.equal(ours, plain)
    for actual, expected in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(plain, parameters)
    ):
        assert torch.equal(actual, expected)


def test_no_covariance_or_equal_rows_of_the_weight_leave_cross_entropy(problem):
    plain = cross_entropy(problem)
    none = isda(problem, 2.0, covariance=torch.zeros(C, A, A, dtype=torch.float64))
    torch.testing.assert_close(none, plain, rtol=0, atol=1e-14)
    same = {"weight": problem["weight"][:1].expand(C, A)}
    torch.testing.assert_close(
        isda(problem, 2.0, **same), cross_entropy(problem, **same), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5, 2.0])
def test_sandwich_of_cross_entropy_expectation_and_bound(problem, strength):
    expectation, error = monte_carlo(problem, strength, n_draws=20_000)
    assert cross_entropy(problem) < expectation - 5 * error
    assert expectation + 5 * error < isda(problem, strength)


def test_bound_is_tight_as_strength_vanishes(problem):
    def gap(strength):
        return (
            isda(problem, strength).detach() - monte_carlo(problem, strength, 20_000)[0]
        )

    assert gap(1e-2) < 0.2 * gap(1e-1)
    assert gap(1e-4) < 0.02 * gap(1e-2)


def test_first_order_effect_of_expectation_and_bound(problem):
    # With the softmax p: the expectation grows by half the variance of logit
    # differences under p, the bound by half their second moment.
    p = {key: value.detach() for key, value in problem.items()}
    probability = (p["features"] @ p["weight"].T + p["bias"]).softmax(1)
    difference = p["weight"] - p["weight"][p["target"]][:, None]  # (N, C, A)
    mean = (probability[..., None] * difference).sum(1, keepdim=True)
    covariance = p["covariance"][p["target"]]

    def moment(about):
        d = difference - about
        form = torch.einsum("nja,nab,njb->nj", d, covariance, d)
        return (probability * form).sum(1).mean() / 2

    step = 1e-5
    bound = (isda(p, step) - isda(p, 0)) / step
    torch.testing.assert_close(bound, moment(about=0), rtol=1e-3, atol=0)
    expectation, error = monte_carlo(problem, step, n_draws=20_000)
    slope = (expectation - isda(p, 0)) / step
    assert abs(slope - moment(about=mean)) < 5 * error / step + 1e-3


def test_binary_closed_form():
    torch.manual_seed(0)
    features, weight = torch.randn(8, A).double(), torch.randn(2, A).double()
    factor = torch.randn(2, A, A).double()
    covariance, target = factor @ factor.mT, torch.zeros(8, dtype=torch.long)
    d = weight[1] - weight[0]
    margin = features @ d + 0.4 / 2 * d @ covariance[0] @ d
    expected = torch.logaddexp(margin, torch.zeros_like(margin)).mean()  # softplus
    logits = augmented_logits(features @ weight.T, target, weight, covariance, 0.4)
    torch.testing.assert_close(
        F.cross_entropy(logits, target), expected, rtol=1e-13, atol=0
    )


def test_common_shift_of_weights_and_biases_changes_nothing(problem):
    shift = torch.randn(A, dtype=torch.float64)
    shifted = isda(
        problem, 0.8, weight=problem["weight"] + shift, bias=problem["bias"] + 3
    )
    torch.testing.assert_close(shifted, isda(problem, 0.8), rtol=1e-12, atol=0)


def test_rotation_changes_nothing_for_full_but_for_diagonal(problem):
    rotation = torch.linalg.qr(torch.randn(A, A, dtype=torch.float64))[0]
    turned = {
        "features": problem["features"] @ rotation,
        "weight": problem["weight"] @ rotation,
        "covariance": rotation.T @ problem["covariance"] @ rotation,
    }
    torch.testing.assert_close(
        isda(problem, 0.8, **turned), isda(problem, 0.8), rtol=1e-12, atol=0
    )
    diagonal = lambda m: m.diagonal(dim1=1, dim2=2)  # noqa: E731
    before = isda(problem, 0.8, covariance=diagonal(problem["covariance"]))
    turned["covariance"] = diagonal(turned["covariance"])
    assert abs(isda(problem, 0.8, **turned) - before) > 1e-4


def test_gradients_equal_the_corrected_equations_12_to_14(problem):
    p, strength = problem, 0.6
    grad_features, grad_weight, grad_bias = torch.autograd.grad(
        isda(p, strength), [p["features"], p["weight"], p["bias"]]
    )
    a, W, y, S = (
        p[key].detach() for key in ("features", "weight", "target", "covariance")
    )
    logits = a @ W.T + p["bias"].detach()
    probability = augmented_logits(logits, y, W, S, strength).softmax(1)
    dz = probability - F.one_hot(y, C)  # Eq. 12
    expected = torch.zeros_like(W)
    for i in range(N):
        pull = strength * (W - W[y[i]]) @ S[y[i]]  # Sigma of the sample's own class
        for j in range(C):
            if j != y[i]:
                expected[j] += probability[i, j] * (a[i] + pull[j])
        # The true class's row weighs each term by its probability.
        expected[y[i]] += dz[i, y[i]] * a[i] - probability[i] @ pull
    assert (grad_weight - expected / N).abs().max() < 1e-12
    assert (grad_bias - dz.mean(0)).abs().max() < 1e-12
    assert (grad_features - dz @ W / N).abs().max() < 1e-12  # Eq. 14: logits only


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck_of_the_whole_loss(problem, kind):
    covariance = ClassCovariance(C, A, kind, rank=2, dtype=torch.float64)
    target = torch.arange(40) % C
    covariance.update(torch.randn(40, A).double(), target)
    inputs = [problem[key] for key in ("features", "weight", "bias")]
    torch.autograd.gradcheck(
        lambda a, W, b: isda(
            problem, 0.5, features=a, weight=W, bias=b, covariance=covariance
        ),
        inputs,
    )


def test_loss_updates_statistics_in_training_only():
    torch.manual_seed(0)
    loss = ISDALoss(C, A, "diagonal")
    features, weight = torch.randn(20, A), torch.randn(C, A)
    target = torch.arange(20) % C
    logits = features @ weight.T
    bound = loss(logits, target, features, weight, 0.5)
    assert bound > F.cross_entropy(logits, target)
    assert loss.covariance.count.sum() == 20
    loss.eval()
    assert torch.equal(
        loss(logits, target, features, weight, 0.5), F.cross_entropy(logits, target)
    )
    assert loss.covariance.count.sum() == 20


@pytest.mark.parametrize("kind", KINDS)
def test_bound_is_computed_in_float32_under_autocast(kind):
    torch.manual_seed(0)
    loss, head = ISDALoss(C, A, kind, rank=A), nn.Linear(A, C)
    features, target = torch.randn(30, A), torch.arange(30) % C
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features)
        value = loss(logits, target, features.bfloat16(), head.weight, 0.5)
    assert logits.dtype == torch.bfloat16
    double = ISDALoss(C, A, kind, rank=A, dtype=torch.float64)
    reference = double(
        logits.double(),
        target,
        features.bfloat16().double(),
        head.weight.double(),
        0.5,
    )
    torch.testing.assert_close(value, reference.float(), rtol=1e-5, atol=0)


ESTIMATED = [kind for kind in KINDS if kind != "identity"]


def _distributed_problem(kind):
    torch.manual_seed(0)
    head = nn.Linear(A, C).double()
    # The second batch has classes that only one rank sees.
    targets = [torch.randint(C, (16,)), torch.tensor([0, 1] * 7 + [0, 2])]
    batches = [(torch.randn(16, A).double() + 2, target) for target in targets]
    return ISDALoss(C, A, kind, rank=A, dtype=torch.float64), head, batches


def _one_rank(rank, folder):
    """One of two processes: its half of each batch, gradients averaged over ranks."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    for kind in ESTIMATED:
        loss_function, head, batches = _distributed_problem(kind)
        for features, target in batches:
            part, labels = features[rank::2], target[rank::2]
            loss = loss_function(head(part), labels, part, head.weight, 0.5)
            grad = torch.autograd.grad(loss, head.weight)[0]
            torch.distributed.all_reduce(grad)
        torch.save((loss_function.state_dict(), grad / 2), f"{folder}/{kind}{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one_on_the_concatenated_batch(tmp_path):
    torch.multiprocessing.spawn(_one_rank, (str(tmp_path),), nprocs=2)
    for kind in ESTIMATED:
        loss_function, head, batches = _distributed_problem(kind)
        for features, target in batches:
            loss = loss_function(head(features), target, features, head.weight, 0.5)
            grad = torch.autograd.grad(loss, head.weight)[0]
        expected = loss_function.covariance.dense()
        for rank in (0, 1):
            state, rank_grad = torch.load(tmp_path / f"{kind}{rank}.pt")
            other = ISDALoss(C, A, kind, rank=A, dtype=torch.float64)
            other.load_state_dict(state)
            assert (other.covariance.dense() - expected).abs().max() < 1e-12
            assert (rank_grad - grad).abs().max() < 1e-12


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


@pytest.mark.parametrize("kind", KINDS)
def test_strength_zero_trains_the_plain_twin_bit_for_bit(table, kind):
    twin = NetClassifier(max_epochs=4, random_state=0).fit(*table)
    isda = ISDAClassifier(
        strength=0, covariance=kind, max_epochs=4, random_state=0
    ).fit(*table)
    assert torch.equal(weights(isda), weights(twin))
    np.testing.assert_array_equal(
        isda.predict_proba(table[0]), twin.predict_proba(table[0])
    )


def test_augmentation_changes_training_and_widens_the_margin_of_noise(table):
    X, y = table
    twin = NetClassifier(max_epochs=30, random_state=0).fit(X, y)
    isda = ISDAClassifier(strength=3, max_epochs=30, random_state=0).fit(X, y)

    def noise_in_logits(net):
        """Mean variance of logit differences under the net's own class covariance."""
        features = net.module_.eval().blocks(
            net.module_.input_norm(torch.tensor(X, dtype=torch.float32))
        )
        covariance = ClassCovariance(3, features.shape[1])
        covariance.update(features, torch.tensor(y))
        weight = net.module_.head.weight
        margin = (weight[0] - weight[1]).detach() @ (
            covariance.mean[0] - covariance.mean[1]
        )
        form = covariance.quadratic_form(weight, torch.tensor([0]))[0, 1]
        return (form.sqrt() / margin.abs()).item()

    assert noise_in_logits(isda) < noise_in_logits(twin)


def test_fitted_statistics_are_those_of_the_features(table):
    X, y = table
    names = np.array(["a", "b", "c"])[y]
    net = ISDAClassifier(max_epochs=2, random_state=0).fit(X, names)
    assert net.classifier_layer_ == "head"
    assert net.covariance_.shape == (3, 128, 128)
    # Each of two epochs shows every row once.
    assert net.class_covariance_.count.tolist() == [2 * n for n in np.bincount(y)]


def test_covariance_of_a_frozen_network_is_that_of_its_features(table):
    X, y = table
    body = nn.Sequential(nn.Linear(8, 5), nn.Tanh()).requires_grad_(False)
    net = ISDAClassifier(nn.Sequential(body, nn.Linear(5, 3)), max_epochs=3)
    net.fit(X, y)
    features = body(torch.tensor(X, dtype=torch.float32)).numpy()
    expected = [np.cov(features[y == k].T, bias=True) for k in range(3)]
    np.testing.assert_allclose(net.covariance_, expected, atol=1e-6)


class Strengths(Callback):
    def on_train_begin(self, net, **kwargs):
        self.seen_ = getattr(self, "seen_", [])

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.seen_.append(net.current_strength())


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("constant", [2.0] * 9),
        ("epoch", [0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1]),
        ("iteration", np.arange(9) / 6),
    ],
)
def test_schedule_follows_the_epoch_counter(table, schedule, expected):
    X, y = table
    net = ISDAClassifier(
        strength=2.0,
        schedule=schedule,
        max_epochs=4,
        batch_size=50,
        callbacks=[("strengths", Strengths())],
    ).partial_fit(X, y, epochs=3)
    np.testing.assert_allclose(dict(net.callbacks_)["strengths"].seen_, expected)
    net.partial_fit(X, y, epochs=3)
    last = dict(net.callbacks_)["strengths"].seen_[-1]
    assert last == 2.0  # beyond max_epochs the strength stays


@pytest.mark.parametrize("kind", ["full", "low_rank"])
@pytest.mark.parametrize("stop", [1, 3])
def test_interrupted_and_resumed_equals_uninterrupted(table, kind, stop, tmp_path):
    X, y = table
    make = lambda: ISDAClassifier(covariance=kind, max_epochs=5, random_state=0)  # noqa: E731
    whole = make().fit(X, y)
    part = pickle.loads(pickle.dumps(make().partial_fit(X, y, epochs=stop)))
    torch.randn(100)  # whatever happens in between
    part.partial_fit(X, y, epochs=5 - stop)
    assert torch.equal(weights(part), weights(whole))
    for key, value in whole.criterion_.state_dict().items():
        assert torch.equal(part.criterion_.state_dict()[key], value)


class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_keyboard_interrupt_leaves_a_usable_net_that_resumes(table):
    X, y = table
    net = ISDAClassifier(max_epochs=5, random_state=0, callbacks=[("stop", Stop())])
    net.fit(X, y)
    assert len(net.history) == 2
    assert net.predict(X).shape == y.shape
    net.partial_fit(X, y, epochs=3)
    whole = ISDAClassifier(max_epochs=5, random_state=0).fit(X, y)
    assert torch.equal(weights(net), weights(whole))


def test_save_params_and_load_params_keep_the_statistics(table, tmp_path):
    X, y = table
    net = ISDAClassifier(max_epochs=2, random_state=0).fit(X, y)
    files = {"f_params": tmp_path / "p.pt", "f_criterion": tmp_path / "c.pt"}
    net.save_params(**files)
    other = ISDAClassifier(max_epochs=1, random_state=1).fit(X, y)
    other.load_params(**files)
    np.testing.assert_array_equal(other.covariance_, net.covariance_)
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))


def test_prediction_and_validation_are_plain(table):
    X, y = table
    net = ISDAClassifier(
        strength=5, schedule="constant", max_epochs=3, train_split=ValidSplit(3)
    ).fit(X, y)
    statistics = copy.deepcopy(net.criterion_.state_dict())
    logits = net.forward(X)
    np.testing.assert_allclose(net.predict_proba(X), logits.softmax(1), rtol=1e-6)
    net.score(X, y)
    for key, value in net.criterion_.state_dict().items():
        assert torch.equal(statistics[key], value)
    # The last validation loss is cross-entropy on the held-out third.
    held_out = net.get_split_datasets(np.float32(X), y)[1].indices
    expected = F.cross_entropy(logits[held_out], torch.tensor(y[held_out]))
    np.testing.assert_allclose(net.history[-1, "valid_loss"], expected, rtol=1e-5)


class Wrapped(nn.Module):
    """A user's network whose head in use is not the last one defined."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.body = nn.Linear(n_features, 5)
        self.classifier = nn.Linear(5, n_classes)
        self.auxiliary = nn.Linear(5, 2)

    def forward(self, X):
        return self.classifier(self.body(X).tanh())


def test_the_head_can_be_named(table):
    net = ISDAClassifier(Wrapped, classifier_layer="classifier", max_epochs=2)
    assert net.fit(*table).covariance_.shape == (3, 5, 5)
    with pytest.raises(ValueError, match=r"'auxiliary'.*'classifier'"):
        ISDAClassifier(Wrapped, max_epochs=2).fit(*table)


class SoftmaxAtTheEnd(Wrapped):
    def forward(self, X):
        return super().forward(X).softmax(1)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"strength": -0.5}, "strength to be a finite number >= 0; got -0.5"),
        ({"strength": float("nan")}, "strength to be a finite number >= 0; got nan"),
        ({"strength": "high"}, "strength to be a finite number >= 0; got 'high'"),
        ({"criterion": nn.CrossEntropyLoss}, "derived from ISDALoss; got <class"),
        ({"covariance": "low_rank", "rank": 2.5}, "whole number >= 1; got 2.5"),
        ({"forgetting": "a"}, r"forgetting .* 0 to below 1; got 'a'"),
        ({"module": 0.5}, "module to be .* or None; got 0.5"),
        ({"covariance": "sparse"}, "kind to be .*; got 'sparse'"),
        ({"covariance": "low_rank", "rank": 0}, ">= 1; got 0"),
        ({"schedule": "cosine"}, "schedule to be 'iteration'.*got 'cosine'"),
        ({"forgetting": 1}, r"forgetting .* 0 to below 1"),
        ({"classifier_layer": "fc"}, r"unknown layer name 'fc'.*\['blocks.0.0', "),
        ({"classifier_layer": "blocks.0"}, "got Sequential at 'blocks.0'"),
        ({"module": nn.Sequential(nn.Flatten(), nn.Identity())}, "got none. Add one"),
        (
            {"module": SoftmaxAtTheEnd, "classifier_layer": "classifier"},
            "an output that is not the layer's",
        ),
    ],
)
def test_bad_parameters_are_named_at_fit(table, kwargs, message):
    net = ISDAClassifier(**kwargs)
    with pytest.raises(ValueError, match=message):
        net.fit(*table)


def test_statistics_that_would_not_fit_are_refused_before_training():
    X, y = np.zeros((4000, 2)), np.arange(4000) % 2000
    net = ISDAClassifier(module__hidden=(20_000,), max_epochs=1)
    with pytest.raises(MemoryError, match=r"needs 29\d\d.\d\d GiB.*'low_rank'"):
        net.fit(X, y)


def test_a_class_with_one_sample_is_pointed_out(table):
    X, y = table
    names = np.array(["a", "b", "c", "rare"])[y]
    names[0] = "rare"
    net = ISDAClassifier(max_epochs=2)
    with pytest.warns(UserWarning, match=r"got one of \['rare'\]"):
        net.fit(X, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ISDAClassifier(strength=0, max_epochs=2).fit(X, names)


def test_a_class_with_one_sample_matters_to_class_covariances_only(table):
    X, y = table
    names = np.array(["a", "b", "c", "rare"])[y]
    names[0] = "rare"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("shared", "identity"):
            net = ISDAClassifier(covariance=kind, max_epochs=1).fit(X, names)
            assert "rare" in net.classes_


def test_parameters_changed_on_a_fitted_net_are_checked_and_take_effect(table):
    net = ISDAClassifier(max_epochs=1).fit(*table)
    net.set_params(covariance="diagonal", forgetting=0.5).partial_fit(*table)
    assert net.class_covariance_.kind == "diagonal"
    assert net.class_covariance_.forgetting == 0.5
    with pytest.raises(ValueError, match="strength to be a finite number >= 0; got -3"):
        net.set_params(strength=-3).partial_fit(*table)


def test_a_network_refused_once_is_refused_again(table):
    net = ISDAClassifier(SoftmaxAtTheEnd, classifier_layer="classifier")
    for _ in range(2):
        with pytest.raises(ValueError, match="not the layer's"):
            net.partial_fit(*table)


def test_unfitted():
    with pytest.raises(NotFittedError):
        ISDAClassifier().predict(np.zeros((2, 2)))
