"""Generated rows in batches: how many, which, and where they are never seen."""

import numpy as np
import pytest
import torch
from helpers import few_steps, refuses
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from skorch import NeuralNetRegressor
from skorch.dataset import ValidSplit
from torch import nn

from skaug import BatchAugmentation, NetClassifier, TableMixup
from skaug.baselines import ConditionalGAN, GeneratedRows
from skaug.net import MLP

pytestmark = few_steps

X, CODES = load_iris(return_X_y=True)
X = X.astype(np.float32)
Y = np.array(["setosa", "versicolor", "virginica"])[CODES]
FAR = 1000.0  # is added to rows that are generated
GAN = ConditionalGAN(steps=2, width=2, batch_size=4)


class Memory(BaseEstimator):
    """Generator that repeats rows of the class, far away; it counts its fits."""

    n_fits = 0

    def fit(self, X, y):
        type(self).n_fits += 1
        self.X_, self.y_ = X, y
        return self

    def sample(self, labels, random_state=None):
        draws = np.random.default_rng(random_state)
        rows = [draws.choice(np.flatnonzero(self.y_ == label)) for label in labels]
        return self.X_[rows] + FAR, labels


class SpyMLP(MLP):
    """Keeps what it is trained on, and what it is evaluated on."""

    def __init__(self, n_features, n_classes):
        super().__init__(n_features, n_classes, hidden=(8,))
        self.trained_on, self.evaluated_on = [], []

    def forward(self, X):
        (self.trained_on if self.training else self.evaluated_on).append(X.clone())
        return super().forward(X)


def net(transform, *others, **params):
    names = ["generated", "other"]
    augmentations = map(BatchAugmentation, [transform, *others])
    callbacks = list(zip(names, augmentations))
    params = {"max_epochs": 2, "random_state": 0, **params}
    return NetClassifier(params.pop("module", MLP), callbacks=callbacks, **params)


def learned(fitted):
    """The transform of a fitted net."""
    return dict(fitted.callbacks_)["generated"].transform_


def same(a, b):
    a, b = (model.module_.state_dict().values() for model in (a, b))
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("n", [6, 66, 150])
def test_one_row_in_six_is_replaced_by_one_of_its_class(n):
    transform = GeneratedRows(Memory()).fit(X, CODES)
    batch, codes = torch.tensor(X[-n:]), torch.tensor(CODES[-n:])
    torch.manual_seed(0)
    new = transform(batch, codes)
    made = new[:, 0] > FAR / 2
    assert int(made.sum()) == n // 6
    assert torch.equal(new[~made], batch[~made])
    for row, code in zip(new[made], codes[made]):
        of_class = X.reshape(3, 50, 4)[int(code)]  # iris is in the order of its classes
        gaps = np.abs(of_class + FAR - row.numpy()).max(axis=1)
        assert gaps.min() < 1e-3
    assert not torch.equal(transform(batch, codes), new)


@pytest.mark.parametrize("share", [0.0, 1 / 6, 0.5, 1.0])
def test_the_share_is_right_on_average(share):
    transform = GeneratedRows(Memory(), share).fit(X, CODES)
    batch, codes = torch.tensor(X[:4]), torch.tensor(CODES[:4])
    torch.manual_seed(0)
    found = [int((transform(batch, codes)[:, 0] > FAR / 2).sum()) for _ in range(400)]
    assert set(found) <= {int(4 * share), int(np.ceil(4 * share))}
    assert np.mean(found) == pytest.approx(4 * share, abs=0.075)  # 3 errors


def test_training_sees_generated_rows_and_nothing_else_does():
    Memory.n_fits = 0
    transform = GeneratedRows(Memory())
    fitted = net(
        transform,
        module=SpyMLP,
        train_split=ValidSplit(3, stratified=True),
        batch_size=25,
    )
    fitted.fit(X, Y)
    module = fitted.module_
    held_out = {tuple(row) for row in torch.cat(module.evaluated_on).numpy()}
    fitted.predict(X)
    made = [int((rows[:, 0] > FAR / 2).sum()) for rows in module.trained_on]
    assert len(made) == 2 * 4 and set(made) <= {4, 5}
    assert all((rows < FAR / 2).all() for rows in module.evaluated_on)
    # The generator has seen the rows that were trained on, once, and no other.
    assert Memory.n_fits == 1 and not hasattr(transform, "generator_")
    seen = learned(fitted).generator_
    assert len(seen.X_) == 100 and set(seen.y_) == set(Y)
    # Two training rows show the shapes of the layers; iris has equal rows.
    assert len(held_out) > 45 and len(held_out & set(map(tuple, seen.X_))) < 6


def test_a_share_of_0_is_the_plain_net():
    plain = NetClassifier(MLP, max_epochs=2, random_state=0).fit(X, Y)
    assert same(net(GeneratedRows(GAN, share=0)).fit(X, Y), plain)
    assert not same(net(GeneratedRows(GAN)).fit(X, Y), plain)


def test_the_seed_of_the_net_is_that_of_the_generator():
    state = np.random.get_state()[1].copy()
    first, second = (net(GeneratedRows(GAN)).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert same(first, second)
    assert not same(first, net(GeneratedRows(GAN), random_state=1).fit(X, Y))
    gan = clone(GAN).set_params(random_state=3)
    fitted = net(GeneratedRows(gan)).fit(X, Y)
    own = [
        one.sample(Y[:5], random_state=0)[0]
        for one in (learned(fitted).generator_, gan.fit(X, Y))
    ]
    np.testing.assert_array_equal(*own)


def test_a_frozen_generator_is_fitted_no_more():
    frozen = FrozenEstimator(Memory().fit(X, Y))
    Memory.n_fits = 0
    transform = GeneratedRows(frozen)
    cross_val_score(net(transform), X, Y, cv=2)
    assert Memory.n_fits == 0
    cross_val_score(net(GeneratedRows(Memory())), X, Y, cv=2)
    assert Memory.n_fits == 2


def test_a_training_that_goes_on_keeps_the_generator():
    Memory.n_fits = 0
    model = net(GeneratedRows(Memory())).fit(X, Y)
    model.partial_fit(X, Y)
    assert Memory.n_fits == 1 and len(model.history) == 4
    model.fit(X, Y)
    assert Memory.n_fits == 2


@pytest.mark.parametrize("option", ["class_weight", "sample_weight"])
def test_weights_stay_with_the_labels(option):
    transform = GeneratedRows(Memory())
    if option == "class_weight":  # all classes are as common
        model = net(transform, class_weight="balanced").fit(X, Y)
    else:
        model = net(transform).fit(X, Y, sample_weight=np.ones(len(X)))
    found, expected = (
        one.predict_proba(X) for one in (model, net(transform).fit(X, Y))
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_other_augmentations_come_after():
    model = net(GeneratedRows(GAN), TableMixup()).fit(X, Y)
    assert np.isfinite(model.predict_proba(X)).all()
    swapped = net(TableMixup(), GeneratedRows(GAN))
    with refuses("needs class codes of shape .* got torch.float32.* before what mixes"):
        swapped.fit(X, Y)


def test_a_search_reaches_into_the_generator():
    model = net(GeneratedRows(GAN))
    model.set_params(callbacks__generated__transform__generator__steps=3)
    assert GAN.steps == 2
    model.fit(X, Y)
    assert learned(model).generator_.losses_["generator"].shape == (1, 3)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (GeneratedRows(ConditionalGAN), "needs generator to be an object with fit and"),
        (GeneratedRows(TableMixup()), "needs generator to be an object with fit and"),
        (GeneratedRows(GAN, share=2), "needs share to be a number from 0 to 1; got 2"),
        (
            GeneratedRows(FrozenEstimator(clone(GAN).fit(X[:, :3], Y))),
            r"needs a generator of rows of shape \(4,\); got \(3,\). Fit it to rows",
        ),
        (
            GeneratedRows(FrozenEstimator(clone(GAN).fit(X, CODES))),
            "ConditionalGAN needs labels of fit, or a number of rows; got",
        ),
    ],
)
def test_what_does_not_fit_is_refused(transform, message):
    with refuses(message):
        net(transform).fit(X, Y)


def test_a_regression_is_refused():
    regressor = NeuralNetRegressor(
        nn.Linear(4, 1), callbacks=[BatchAugmentation(GeneratedRows(GAN))], verbose=0
    )
    with refuses("GeneratedRows needs class codes of shape"):
        regressor.fit(X, X[:, :1])
