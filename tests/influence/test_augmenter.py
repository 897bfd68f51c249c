"""InfluenceAugmenter: what it finds, what it leaves alone, how it composes."""

import inspect
import pickle
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import (
    few_for_influence,
    few_rows,
    few_steps,
    refused,
    refuses,
    takes_rows_away,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier
from skorch.dataset import ValidSplit
from torch import nn

from skaug import (
    BatchAugmentation,
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
    TransformPolicy,
)
from skaug.influence import LastLayerInfluence
from skaug.transforms import Jitter, SameClassInterpolation, Scaling
from skaug.transforms.torchvision import v2

pytestmark = few_steps


SMALL = NetClassifier(max_epochs=1, module__widths=(4,))
SHORTEST = NetClassifier(max_epochs=1, module__hidden=(4,))
SHARED = inspect.signature(InfluenceAugmenter).parameters


def tiny(**params):
    return NetClassifier(**{"max_epochs": 8, "module__hidden": (16, 8), **params})


def augmenter_of(learner, estimator=None, **params):
    """An augmenter without a guard; parameters are its own, or those of the learner."""
    own = {"guard": False, "random_state": 0}
    own |= {name: params.pop(name) for name in SHARED if name in params}
    estimator = tiny() if estimator is None else estimator
    return InfluenceAugmenter(estimator, augmentation=learner(**params), **own)


def policy(estimator=None, **params):
    return augmenter_of(TransformPolicy, estimator, **{"n_networks": 1, **params})


def alone(*args, **params):
    """A policy without the refit that ends the learning."""
    return policy(*args, refit=False, **params)


def network(estimator=None, **params):
    params = {"steps": 5, "pretrain_steps": 3, **params}
    return augmenter_of(NetworkAugmentation, estimator, **params)


def another_row(X):
    """Give each row the input of another one."""
    return X[torch.randperm(len(X))]


def blank(X):
    """Leave nothing but noise."""
    return 8 * torch.randn_like(X)


def reversed_features(X):
    """Turn the features around."""
    return X.flip(1)


DESTRUCTIVE = [another_row, blank, reversed_features]


# What it finds


def test_destructive_transforms_get_less_than_their_share(digits):
    X, y = digits
    # The network divides by the spread of a feature; one that is blank in the rows it
    # is trained on would rule the validation loss.
    X = X[:, (X > 0).sum(axis=0) > 60]
    net = NetClassifier(max_epochs=15, module__hidden=(64, 32))
    params = {"transforms": ["auto", *DESTRUCTIVE], "n_networks": 3}
    shares = []
    for seed in range(10, 15):
        augmenter = alone(net, random_state=seed, **params).fit(X, y)
        planted = [row.weight for row in augmenter.policy_ if row.strength is None]
        assert len(planted) == len(DESTRUCTIVE)
        shares.append(sum(planted) / (len(planted) / len(augmenter.policy_)))
    assert np.mean(shares) < 0.8, shares


def test_scores_are_the_group_cosines_of_each_network(rows):
    X, y, held_out = rows[0][:200], rows[1][:200], (rows[0][200:], rows[1][200:])
    transforms = [Scaling(0.0), Jitter(0.0)]  # both leave rows as they are
    augmenter = alone(transforms=transforms, damping=0.05)
    augmenter.fit(X, y, X_val=held_out[0], y_val=held_out[1])
    # Seeds of the fit and of the split, then of the draws and of the network.
    of_split = np.random.RandomState(0).randint(2**31 - 1, size=2)[1]
    seed = np.random.RandomState(of_split).randint(2**31 - 1, size=2)[1]
    net = FrozenEstimator(tiny(random_state=int(seed)).fit(X, y))
    influence = LastLayerInfluence(net, damping=0.05, calibrate=True).fit(X, y)
    (expected,) = influence.group_cosine([(X, y)], *held_out)
    for row in augmenter.policy_:
        assert row.score == pytest.approx(float(expected), abs=1e-5)
        # The last digits are no reason to prefer one.
        assert row.weight == pytest.approx(0.5, abs=0.01)


def test_strength_and_weighting(rows):
    uniform = alone(strength=0.0).fit(*rows).policy_
    assert {round(row.weight, 9) for row in uniform} == {round(1 / len(uniform), 9)}
    top = alone(weighting="top", share=0.25).fit(*rows).policy_
    assert [row.weight > 0 for row in top] == [True] * 3 + [False] * 9
    scores = [row.score for row in top]
    assert scores == sorted(scores, reverse=True)
    columns = ["transform", "strength", "score", "std", "weight"]
    assert list(pd.DataFrame(top).columns) == columns


def test_number_of_trainings(rows):
    assert policy(n_networks=2).fit(*rows).n_trainings_ == 3
    for cv, n_trainings in ((3, 3), (KFold(2), 2)):
        assert alone(cv=cv).fit(*rows).n_trainings_ == n_trainings
    assert network(cv=0.4, rounds=2).fit(*rows).n_trainings_ == 3
    with pytest.warns(UserWarning):  # may or may not be accepted; few rows anyway
        assert alone(guard=True, cv=0.2).fit(*rows).n_trainings_ == 3
        # With the network, with the baseline, with neither.
        guarded = network(guard=True, refit=False, cv=0.2)
        assert guarded.fit(*rows).n_trainings_ == 4


def test_refit_is_on_all_rows_augmented_and_groups_stay_apart(rows):
    class Spy(NetClassifier):
        def fit(self, X, y, **params):
            sizes.append((len(X), bool(self.callbacks)))
            return super().fit(X, y, **params)

        def get_split_datasets(self, X, y=None, **params):
            if self._split is None:
                grouped.append(self._groups is not None)
            return super().get_split_datasets(X, y, **params)

    sizes, grouped = [], []
    net = Spy(max_epochs=2, module__hidden=(8,), train_split=ValidSplit(3))
    policy(net, n_networks=2).fit(*rows)
    assert sizes == [(180, False)] * 2 + [(300, True)]
    grouped.clear()
    policy(net).fit(*rows, groups=np.arange(300) // 15)
    assert grouped == [True, True]


# How it composes


@few_rows
@takes_rows_away
def test_training_rows_are_augmented_and_others_are_not(rows):
    X, y = rows
    augmenter = policy(output="views")
    augmented = augmenter.fit_transform(X, y)
    assert augmented.shape == X.shape and augmented.dtype == X.dtype
    assert 0.5 < (augmented != X).any(axis=1).mean() < 1
    assert np.array_equal(augmenter.transform(X), X)
    pipe = make_pipeline(clone(augmenter), LogisticRegression(max_iter=1000))
    twin = LogisticRegression(max_iter=1000).fit(augmented, y)
    assert np.array_equal(pipe.fit(X, y).predict_proba(X), twin.predict_proba(X))


def test_views(rows):
    X, y = rows
    augmenter = alone().fit(X, y)
    views = augmenter.augment(X, n_views=3, y=y)
    assert views.shape == (900, 10)
    first, second, _ = np.split(views, 3)
    assert not np.array_equal(first, second)
    assert np.array_equal(augmenter.augment(X, 3, y), views)
    other = clone(augmenter).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.augment(X, 3, y), views)
    fresh = clone(augmenter).set_params(random_state=None).fit(X, y)
    assert not np.array_equal(fresh.augment(X, y=y), fresh.augment(X, y=y))
    with refuses("n_views to be a whole number >= 1; got 0"):
        augmenter.augment(X, 0)
    # Interpolation moves within the class.
    labelled = alone(transforms=[SameClassInterpolation(1.0)]).fit(X, y)
    moved = labelled.augment(X, y=y)
    for label in np.unique(y):
        of_class, low = moved[y == label], X[y == label].min(axis=0)
        high = X[y == label].max(axis=0)
        assert ((of_class >= low - 1e-5) & (of_class <= high + 1e-5)).all()
    with refuses("needs labels for SameClassInterpolation"):
        labelled.augment(X)


def test_a_short_form_is_its_object(rows):
    X, y = rows
    params = {"guard": False, "random_state": 0}
    network = InfluenceAugmenter(augmentation="network").component("augmentation")
    assert type(network) is NetworkAugmentation
    assert network.get_params() == NetworkAugmentation().get_params()
    learner = TransformPolicy()
    first, second = (
        InfluenceAugmenter(tiny(max_epochs=2), augmentation=one, **params).fit(X, y)
        for one in ("policy", learner)
    )
    assert np.array_equal(first.augment(X, y=y), second.augment(X, y=y))
    proba = first.estimator_.predict_proba(X)
    assert np.array_equal(proba, second.estimator_.predict_proba(X))
    assert vars(learner) == learner.get_params(), "the user's object has been changed"


@few_rows
@few_for_influence
@takes_rows_away
def test_grid_search_reaches_into_the_augmentation_on_a_frame(rows):
    X, y = rows[0][:120], np.array(["run", "sit", "walk"])[rows[1][:120]]
    frame = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(10)])
    net = tiny(max_epochs=1, random_state=0)
    augmenter = InfluenceAugmenter(net, output="views", guard=False, random_state=0)
    pipe = Pipeline([("augment", augmenter), ("net", net)])
    own = {"augmentation": ["policy"], "augmentation__strength": [0.0, 1.0]}
    other = {"augmentation": ["network"], "augmentation__steps": [2]}
    grid = [own | {"augmentation__n_networks": [1]}, other]
    grid = [{f"augment__{key}": part[key] for key in part} for part in grid]
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(frame, y)
    assert set(search.predict(frame)) <= {"run", "sit", "walk"}
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    best = search.best_estimator_[0]
    assert list(best.feature_names_in_) == list(frame.columns)
    assert list(best.get_feature_names_out()) == list(frame.columns)


@pytest.mark.parametrize("make", [policy, network])
def test_fresh_views_in_every_epoch(make, rows):
    X, y = rows
    augmenter = make(refit=False).fit(X, y)

    class Spy(nn.Sequential):
        def forward(self, X):
            if self.training:
                seen.append(X.clone())
            return super().forward(X)

    module = Spy(nn.Linear(10, 3))
    for augmentation in (augmenter, augmenter.augmentation_):
        seen = []
        callbacks = [("augment", BatchAugmentation(augmentation))]
        net = NetClassifier(module, max_epochs=3, callbacks=callbacks, random_state=0)
        net.set_params(iterator_train__shuffle=False).fit(X, y)
        epochs = torch.cat(seen).view(3, len(X), -1)
        assert not torch.equal(epochs[0], epochs[1])
        assert (epochs != torch.from_numpy(X)).any(dim=2).float().mean() > 0.3
    # A clone, as a grid search makes, keeps augmentation_ as it is.
    cloned = clone(net).fit(X, y)
    assert np.array_equal(cloned.predict_proba(X), net.predict_proba(X))


@few_rows
@few_for_influence
@takes_rows_away
@pytest.mark.parametrize("shape", [(9, 32), (1, 12, 12), (3, 12, 12)])
@pytest.mark.parametrize("make", [policy, network])
def test_signals_and_images(make, shape):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    X = np.float32(4 * rng.random((120, *shape)) + y.reshape(-1, *[1] * len(shape))) / 5
    net = NetClassifier(max_epochs=2, module__widths=(4, 8))
    augmenter = make(net, output="views", n_views=2)
    augmented = augmenter.fit_transform(X, y)
    assert augmented.shape == X.shape and not np.array_equal(augmented, X)
    assert augmenter.fit(X, y).estimator_.predict(X).shape == y.shape
    X_new, y_new = augmenter.set_params(output="samples").fit_resample(X, y)
    assert np.array_equal(X_new[:120], X) and np.array_equal(X_new[120:240], augmented)
    assert X_new.shape == (360, *shape) and np.array_equal(y_new, np.tile(y, 3))


def test_nothing_wrong_among_the_held_out_rows():
    """No temperature is the best then, and the gradient may be as small as it likes."""
    y = np.arange(300) % 3
    noise = np.random.default_rng(0).normal(size=(300, 3)) / 9
    X = np.float32(6 * np.eye(3)[y] + noise)
    net = NetClassifier(max_epochs=30, module__hidden=(16,))
    scores = [row.score for row in alone(net).fit(X, y).policy_]
    assert len(set(np.round(scores, 6))) == len(scores)
    assert np.abs(scores).max() < 1
    learned = network(net, steps=20, refit=False).fit(X, y)
    assert np.isfinite(learned.losses_["objective"]).all()


def test_a_second_fit_starts_from_nothing(rows):
    X, y = rows
    augmenter = network()
    augmenter.fit_resample(X, y, groups=np.arange(300) // 3)
    augmenter.fit(X, y)
    augmenter.set_params(augmentation="policy", augmentation__n_networks=1)
    augmenter.set_params(refit=False).fit(X, y)
    assert vars(augmenter).keys() == vars(clone(augmenter).fit(X, y)).keys()
    with refuses("one class"):
        augmenter.fit(X, np.zeros(300))
    with pytest.raises(NotFittedError):
        augmenter.augment(X)


def test_transforms_that_work_in_place_spoil_nothing_for_others(rows):
    def zeros(X):
        return X.zero_()

    def scores(*transforms):
        fitted = alone(transforms=list(transforms)).fit(*rows)
        return {row.transform: row.score for row in fitted.policy_}

    last = scores(Jitter(0.0), zeros)
    assert scores(zeros, Jitter(0.0)) == pytest.approx(last)


def small_images(channels):
    X = np.random.default_rng(0).random((240, channels, 8, 8))
    return np.float32(X), np.arange(240) % 2


def test_torchvisions_transforms_are_drawn_row_by_row():
    X, y = small_images(1)
    flips = {"transforms": [v2.RandomHorizontalFlip(0.5)], "probability": 1.0}
    views = alone(SMALL, n_transforms=1, **flips).fit(X, y).augment(X)
    flipped = (views == X[..., ::-1]).all(axis=(1, 2, 3))
    assert 0.3 < flipped.mean() < 0.7


def test_an_augmenter_of_images_is_read_in_another_process(tmp_path):
    path = tmp_path / "augmenter.pkl"
    path.write_bytes(pickle.dumps(alone(SMALL).fit(*small_images(3))))
    code = (
        f"import pickle; a = pickle.load(open({str(path)!r}, 'rb')); "
        "import numpy as np; print(a.augment(np.zeros((2, 3, 8, 8))).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(2, 3, 8, 8)", done.stderr


def test_groups_are_never_on_both_sides(rows):
    X, y = rows

    class Spy(NetClassifier):
        def fit(self, X, y, **params):
            seen.append({row.tobytes() for row in X})
            return super().fit(X, y, **params)

    net = Spy(max_epochs=1, module__hidden=(8,))
    for cv in ("holdout", 0.3, 5):
        seen = []
        with pytest.warns(UserWarning) if cv != "holdout" else nullcontext():
            alone(net, cv=cv).fit(X, y, groups=np.arange(300) // 30)
        for trained in seen:
            inside = np.array([row.tobytes() in trained for row in X])
            by_group = inside.reshape(10, 30)
            assert (by_group.all(axis=1) | ~by_group.any(axis=1)).all()
            assert 0 < inside.sum() < 300


@few_rows
@few_for_influence
@refused
@takes_rows_away
@pytest.mark.filterwarnings("ignore:.*every class among the held-out:UserWarning")
@parametrize_with_checks(
    [
        policy(SHORTEST, cv=0.3),
        network(SHORTEST, steps=2, cv=0.3, output="views", refit=False),
        alone(SHORTEST, cv=0.3, output="views", guard=True, transforms=[Jitter()]),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


# Wrong input


def no_linear_head():
    return nn.Sequential(nn.Linear(10, 3), nn.Softmax(dim=1))


@few_rows
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weighting": "hard"}, "weighting to be 'soft' or 'top'; got 'hard'"),
        ({"probability": 1.5}, "probability to be a number from 0 to 1; got 1.5"),
        ({"strength": -1}, "strength to be a finite number >= 0; got -1"),
        ({"n_networks": 0}, "n_networks to be a whole number >= 1; got 0"),
        ({"transforms": Scaling()}, "'auto' or a list; got Scaling"),
        ({"strength": np.inf}, "strength to be a finite number >= 0; got inf"),
        ({"transforms": []}, "one transform or more; got an empty list"),
        ({"transforms": ["jitter"]}, "functions of a batch .* got 'jitter'"),
        ({"transforms": [lambda X: X[:, 1:]]}, r"keeps the shape .* got .* <lambda>"),
        ({"damping": 0}, "damping to be .* > 0; got 0"),
        ({"cv": "half"}, "'holdout', a share below 1, .* got 'half'"),
        ({"cv": 1.0}, "a share below 1, .* got 1.0"),
        ({"output": "rows"}, "output to be 'samples' or 'views'; got 'rows'"),
        ({"n_views": 0}, "n_views to be a whole number >= 1; got 0"),
        ({"guard": "yes"}, "guard to be True or False or a classifier; got 'yes'"),
        ({"memory": 3}, "memory to be None, a folder or a joblib.Memory; got 3"),
        (
            {"estimator": NetClassifier(class_weight={0: 2.0})},
            r"rows of equal weight; got class_weight=\{0: 2.0\}",
        ),
    ],
)
def test_wrong_parameters(params, message, rows):
    with refuses(message):
        alone(**params).fit(*rows)


@few_rows
@pytest.mark.parametrize(
    ("learner", "message"),
    [
        ("polcy", "augmentation to be one of 'policy', 'network' or .*; got 'polcy'"),
        (NetworkAugmentation, "augmentation to be one of .*; got <class"),
        (Jitter(), "an object that learns one; got Jitter.*Give TransformPolicy"),
        (NetworkAugmentation(baseline=3), "'auto' or None or a function .*; got 3"),
        (NetworkAugmentation(objective="loss"), "objective to be 'cosine', 'infl"),
        (NetworkAugmentation(gan_weight=-1), "gan_weight to be .* >= 0; got -1"),
    ],
)
def test_wrong_learners(learner, message, rows):
    with refuses(message):
        InfluenceAugmenter(tiny(), augmentation=learner).fit(*rows)


@few_rows
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"y": np.zeros(300)}, "two classes or more; got one class"),
        ({"X_val": np.zeros((300, 10))}, "X_val and y_val together; got one"),
        (
            {"y_val": np.zeros(5)},
            r"one label per row, shape .* got y_val of shape \(5,",
        ),
        ({"y_val": np.full(300, 3)}, r"labels among \[0, 1, 2\]; got \[3\]"),
        ({"groups": np.zeros(300)}, "InfluenceAugmenter needs two groups or more"),
        ({"groups": [1, 2]}, "InfluenceAugmenter needs one group per row"),
        ({"X": np.zeros((300, 2, 2, 2, 2))}, r"a table .* or images .* got"),
    ],
)
def test_wrong_data(params, message, rows):
    params = dict(zip("Xy", rows)) | params
    if "y_val" in params:
        params["X_val"] = params["X"]
    with refuses(message):
        policy().fit(**params)


@few_rows
def test_what_has_learned_nothing_is_refused(rows):
    with refuses("rows of every class to train on; got none"):
        policy().fit(*rows, groups=rows[1])
    with refuses(r"what its last layer .* makes"):
        net = NetClassifier(no_linear_head, criterion=nn.NLLLoss, max_epochs=1)
        InfluenceAugmenter(net).fit(*rows)
    with refuses("Give BatchAugmentation its augm", NotFittedError):
        policy()(torch.zeros(3, 2))


def test_warnings_say_why(rows):
    X, y = rows
    with pytest.warns(UserWarning, match="100 held-out rows or more .* got 60"):
        alone(cv=0.2).fit(X, y)
    with pytest.warns(UserWarning, match=r"every class .* got none of \[2\]"):
        alone().fit(X, y, X_val=X[:120], y_val=np.minimum(y[:120], 1))


def test_rows_that_float32_is_too_coarse_for_stay_float64(rows):
    X, y = np.float64(rows[0]), rows[1]
    X[:, 0] += 1.7e9  # seconds since 1970
    net = clone(SHORTEST).set_params(random_state=3)
    augmenter = policy(net, transforms=[Scaling(0.1), Jitter(0.1)]).fit(X, y)
    assert augmenter.input_dtype_ == np.float64
    views = augmenter.augment(X)
    assert views.dtype == np.float64 and np.isfinite(views).all()
    left_alone = (views == X).all(axis=1)
    assert 0.02 < left_alone.mean() < 0.3
    # What is refused leaves plain training on the same numbers.
    blank_only = policy(net, transforms=[blank], guard=True)
    with pytest.warns(UserWarning, match="lower the held-out loss"):
        refused = blank_only.fit(X, y).estimator_
    plain = clone(net).fit(X, y)
    assert np.array_equal(refused.predict_proba(X), plain.predict_proba(X))
    # Other nets of skorch take float32 only.
    other = NeuralNetClassifier(
        nn.Linear(10, 3), criterion=nn.CrossEntropyLoss, train_split=None, verbose=0
    )
    assert policy(other, transforms=[Jitter()]).fit(X, y).input_dtype_ == np.float32


@few_rows
@pytest.mark.parametrize("kind", [NetClassifier, NeuralNetClassifier])
@pytest.mark.parametrize("learner", ["policy", "network"])
def test_trainings_in_vain_are_refused(rows, kind, learner):
    X, y = rows
    net = kind(nn.Linear(10, 3), criterion=nn.CrossEntropyLoss, max_epochs=5, verbose=0)
    net.set_params(lr=1e37, train_split=None, optimizer=torch.optim.SGD)
    with refuses(f"{kind.__name__} needs a training loss that stays finite"):
        InfluenceAugmenter(net, augmentation=learner).fit(X, np.int64(y))


@few_rows
def test_held_out_rows_that_are_not_there_are_named(rows):
    X, y = rows
    with refuses("one row or more in X_val; got none. Leave it out"):
        alone().fit(X, y, X_val=X[:0], y_val=y[:0])
