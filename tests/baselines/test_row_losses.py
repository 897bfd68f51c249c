"""What all rival losses share: their limit, weights, shares, gradients, training."""

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from helpers import refuses, weights
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.nn import functional as F

from skaug import BatchAugmentation, NetClassifier, TableMixup, report
from skaug.baselines import (
    CenterLoss,
    DisturbLabel,
    FocalLoss,
    GeneralizedCrossEntropyLoss,
    LargeMarginLoss,
)

N, C, A = 9, 4, 6
LOSSES = {
    "focal": partial(FocalLoss, gamma=1.5),
    "generalized": GeneralizedCrossEntropyLoss,
    "center": partial(CenterLoss, C, A, 0.7),
    "large margin": partial(LargeMarginLoss, 3, 0.0),
}
# The settings at which each is cross-entropy.
LIMITS = {
    "focal": partial(FocalLoss, gamma=0, alpha=1),
    "generalized": partial(GeneralizedCrossEntropyLoss, q=0),
    "center": partial(CenterLoss, C, A, 0),
    "large margin": partial(LargeMarginLoss, 1),
}
CRITERIA = (CenterLoss, FocalLoss, GeneralizedCrossEntropyLoss, LargeMarginLoss)
all_criteria = pytest.mark.parametrize("criterion", CRITERIA)


@pytest.fixture
def batch():
    """Features, weight and bias of a head, class codes and shares, in float64."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    codes = torch.arange(N) % C
    shares = 0.7 * F.one_hot(codes, C) + 0.3 * F.one_hot(codes.flip(0), C)
    parameters = [draw(*s).requires_grad_() for s in ((N, A), (C, A), (C,))]
    return parameters, {"codes": codes, "shares": shares.double()}


def value(loss, parameters, target, **more):
    """A loss of logits, with features and weight if it looks at them."""
    features, weight, bias = parameters
    logits = features @ weight.T + bias
    if isinstance(loss, (CenterLoss, LargeMarginLoss)):
        return loss(logits, target, features, weight, **more)
    return loss(logits, target, **more)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("kind", ["codes", "shares"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_limit_is_torchs_cross_entropy(batch, name, kind, reduction, weighted):
    parameters, targets = batch
    options = {"reduction": reduction}
    if weighted:
        options["weight"] = torch.linspace(0.5, 3, C).double()
    ours = value(LIMITS[name](**options), parameters, targets[kind])
    plain = value(nn.CrossEntropyLoss(**options), parameters, targets[kind])
    for one, other in zip(
        [ours, *torch.autograd.grad(ours.sum(), parameters)],
        [plain, *torch.autograd.grad(plain.sum(), parameters)],
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ["codes", "shares"])
def test_gradcheck(batch, name, kind):
    parameters, targets = batch
    # Centers that stay: gradcheck calls the loss again and again.
    options = {"center_rate": 0} if name == "center" else {}
    loss = LOSSES[name](**options)
    if name == "center":
        loss.centers = torch.randn(C, A).double()
    assert torch.autograd.gradcheck(
        lambda *inputs: value(loss, inputs, targets[kind]), parameters
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ["codes", "shares"])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_of_weighted_rows_is_that_of_repeated_rows(batch, name, kind, weighted):
    (features, weight, bias), targets = batch
    options = {"weight": torch.linspace(0.5, 3, C).double()} if weighted else {}
    w = torch.arange(N) % 3
    copies = torch.arange(N).repeat_interleave(w)
    found = []
    for rows, more in ((torch.arange(N), {"sample_weight": w}), (copies, {})):
        loss, parameters = LOSSES[name](**options), (features[rows], weight, bias)
        for _ in range(2):  # the second sees what the first has learned
            loss_of_rows = value(loss, parameters, targets[kind][rows], **more)
        gradients = torch.autograd.grad(loss_of_rows, (features, weight, bias))
        found.append([loss_of_rows, *gradients])
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_shares_of_one_class_are_its_code(batch, name):
    parameters, targets = batch
    found = []
    for target in (targets["codes"], F.one_hot(targets["codes"], C).double()):
        loss = LOSSES[name]()
        found.append([value(loss, parameters, target) for _ in range(2)])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["center", "large margin"])
def test_without_features_and_in_evaluation_the_loss_is_cross_entropy(batch, name):
    parameters, targets = batch
    (features, weight, bias), codes = parameters, targets["codes"]
    logits = features @ weight.T + bias
    plain, loss = F.cross_entropy(logits, codes), LOSSES[name]()
    assert value(loss, parameters, codes) > plain + 0.1
    torch.testing.assert_close(loss(logits, codes), plain)
    torch.testing.assert_close(value(loss.eval(), parameters, codes), plain)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: FocalLoss(gamma=-1), "FocalLoss needs gamma to be .* >= 0; got -1"),
        (lambda: FocalLoss(alpha=0), "FocalLoss needs alpha to be .* > 0; got 0"),
        (lambda: GeneralizedCrossEntropyLoss(q=1.5), "q to be .* 0 to 1; got 1.5"),
        (lambda: CenterLoss(2, 2, -1), "center_weight to be .* >= 0; got -1"),
        (lambda: CenterLoss(2, 2, center_rate=2), "center_rate to be .* 0 to 1; got 2"),
        (lambda: LargeMarginLoss(1.5), "margin to be a whole number >= 1; got 1.5"),
        (lambda: LargeMarginLoss(easing=-1), "easing to be .* >= 0; got -1"),
    ],
)
def test_parameters_out_of_range_are_refused(make, message):
    with refuses(message):
        make()


# In training


def net(criterion, max_epochs=2, **params):
    return NetClassifier(
        criterion=criterion,
        max_epochs=max_epochs,
        module__hidden=(8,),
        random_state=0,
        **params,
    )


@all_criteria
def test_a_net_trains_and_predicts_as_any_other(table, criterion):
    X, y = table
    y = np.array(["a", "b", "c"])[y]
    trained = net(criterion, 15, train_split=0.2).fit(X, y)
    assert trained.score(X, y) > 0.6
    logits = trained.forward(X)
    np.testing.assert_allclose(trained.predict_proba(X), logits.softmax(1), rtol=1e-6)
    assert trained.history[-1]["valid_loss"] > 0
    # From the same seed, and from nothing.
    before = weights(trained)
    assert torch.equal(weights(clone(trained).fit(X, y)), before)
    assert torch.equal(weights(trained.fit(X, y)), before)


@all_criteria
def test_mixed_and_disturbed_labels_and_weights_go_together(table, criterion):
    X, y = table
    augment = [
        ("disturb", BatchAugmentation(DisturbLabel(0.3))),
        ("mix", BatchAugmentation(TableMixup())),
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*gradient steps to gain")
        trained = net(criterion, callbacks=augment, class_weight={0: 3.0, 2: 0.5})
        trained.fit(X, y, sample_weight=1.0 + (y == 1))
    assert np.isfinite(trained.history[:, "train_loss"]).all()


@pytest.mark.parametrize(
    "criterion, grid",
    [
        (CenterLoss, {"criterion__center_weight": [0, 0.1]}),
        (FocalLoss, {"criterion__gamma": [0, 2]}),
        (GeneralizedCrossEntropyLoss, {"criterion__q": [0, 0.7]}),
        (LargeMarginLoss, {"criterion__margin": [1, 3]}),
        (nn.CrossEntropyLoss, {"criterion__label_smoothing": [0, 0.1]}),
    ],
)
def test_searches_reach_the_parameters(table, criterion, grid):
    search = GridSearchCV(net(criterion), grid, cv=2, scoring="neg_log_loss")
    first, second = search.fit(*table).cv_results_["mean_test_score"]
    assert first != second
    assert search.best_estimator_.predict(table[0]).shape == table[1].shape


def test_the_card_has_a_net_with_a_rival_loss_and_disturbed_labels(table):
    X, y = table
    disturb = [("disturb", BatchAugmentation(DisturbLabel()))]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*gradient steps to gain")
        trained = net(CenterLoss, callbacks=disturb).fit(X, y)
        text = report(trained, X, y, X_train=X, y_train=y).html
    assert "CenterLoss" in text and "DisturbLabel" in text
