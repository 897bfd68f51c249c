"""Views beside the rows and in their place, in the pipelines that take them."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from helpers import (
    few_for_influence,
    few_rows,
    few_steps,
    mirror,
    mirrored_rows,
    refused,
    refuses,
)
from imblearn.pipeline import Pipeline as ResamplingPipeline
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skaug import (
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
    ResampledClassifier,
    TransformPolicy,
    plain_twin,
)
from skaug.transforms import Jitter, SameClassInterpolation

pytestmark = few_steps

NET = NetClassifier(max_epochs=2, module__hidden=(8,))
NAMES = np.array(["walk", "run", "sit"])


def blank(X):
    """Leave nothing but noise."""
    return 9 * torch.randn_like(X)


def augmenter(*transforms, **params):
    transforms = list(transforms) or [Jitter(0.1), SameClassInterpolation(0.3)]
    policy = TransformPolicy(transforms, n_networks=1, n_draws=1)
    params = {"guard": False, "random_state": 0, **params}
    return InfluenceAugmenter(NET, augmentation=policy, **params)


def test_rows_come_first_and_then_views_row_by_row(rows):
    X, y = np.float64(rows[0]) + 1e-12, NAMES[rows[1]]
    person = np.arange(300) // 30
    sampler = augmenter(n_views=2)
    X_new, y_new = sampler.fit_resample(X, y, groups=person)
    assert X_new.shape == (900, 10) and X_new.dtype == X.dtype
    assert np.array_equal(X_new[:300], X)
    assert np.array_equal(sampler.source_index_, np.tile(np.arange(300), 3))
    assert np.array_equal(sampler.is_synthetic_, np.arange(900) >= 300)
    assert np.array_equal(y_new, y[sampler.source_index_])
    assert np.array_equal(sampler.groups_, person[sampler.source_index_])
    assert sampler.sampling_strategy_ == {name: 2 * sum(y == name) for name in NAMES}
    # These are the views that augment makes: one of each row, then another.
    assert np.array_equal(X_new[300:], sampler.augment(X, 2, y))
    first, second = np.split(X_new[300:], 2)
    assert not np.array_equal(first, second)
    # Rows that the policy leaves alone keep their digits.
    assert 0.05 < (first == X).all(axis=1).mean() < 0.3
    # Nothing is trained in the end.
    assert not hasattr(sampler, "estimator_") and sampler.n_trainings_ == 1


@refused
def test_what_the_guard_refuses_adds_no_rows(rows):
    frame, names = pd.DataFrame(rows[0]), pd.Series(NAMES[rows[1]])
    sampler = augmenter(blank, guard=True)
    with pytest.warns(UserWarning, match="lower the held-out loss"):
        frame_new, names_new = sampler.fit_resample(frame, names)
    pd.testing.assert_frame_equal(frame_new, frame)
    pd.testing.assert_series_equal(names_new, names)
    assert not sampler.is_synthetic_.any() and len(sampler.is_synthetic_) == 300
    assert set(sampler.sampling_strategy_.values()) == {0}
    # Predictions are then those of the plain twin.
    model = make_resampling_pipeline(clone(sampler), LogisticRegression(max_iter=500))
    proba = model.fit(frame, names).predict_proba(frame)
    twin = plain_twin(model).fit(frame, names)
    assert np.array_equal(twin.predict_proba(frame), proba)
    plain = LogisticRegression(max_iter=500).fit(frame, names)
    assert np.array_equal(plain.predict_proba(frame), proba)


def far_and_mirrored(X):
    """Put a mark far on the other side, which a line through the origin cannot bear."""
    far = torch.rand(len(X)) < 0.5
    X = torch.cat([X[:, :1], mirror(X[:, 1:])], dim=1)
    X[far, 0] *= -6
    return X


def test_views_that_harm_a_linear_classifier_are_refused():
    # In a quarter of the rows a mark tells the class; in the others the rest tells it.
    X, y = mirrored_rows(900)
    X, y = X[y < 2], y[y < 2]
    marked = (np.arange(len(X)) % 8 < 2)[:, None]
    mark = np.where(marked, 2.0 * y[:, None] - 1, 0.0)
    X = np.float32(np.hstack([mark, np.where(marked, 0, X)]))
    sampler = augmenter(far_and_mirrored, guard=True).set_params(
        estimator=NetClassifier(module__hidden=(32,)),
        augmentation__probability=1.0,
        augmentation__n_transforms=1,
    )
    with pytest.warns(UserWarning, match="not to raise .* of a logistic regression"):
        X_new, _ = sampler.fit_resample(X, y)
    # The network gains.
    loss = sampler.held_out_loss_
    assert loss.augmented < loss.plain - loss.se
    loss = sampler.classifier_loss_
    assert loss.augmented > loss.plain + loss.se
    assert np.array_equal(X_new, X) and not sampler.accepted_


def test_a_classifier_given_as_guard_decides_alone():
    X, y = mirrored_rows(n_one_sided=180)
    split = [np.split(np.arange(300), [180])]
    helped = augmenter(mirror, guard=SVC(), n_views=3, cv=split)
    assert len(helped.fit_resample(X, y)[0]) == 4 * len(X)
    assert helped.held_out_loss_ == helped.classifier_loss_
    # The losses are shares of errors, since SVC has no probabilities.
    assert 0 < helped.held_out_loss_.augmented < helped.held_out_loss_.plain < 1
    assert helped.n_trainings_ == 1
    not_helped = clone(helped).set_params(guard=DummyClassifier())
    with pytest.warns(UserWarning, match="lower the held-out loss of DummyClassifier"):
        X_new, _ = not_helped.fit_resample(X, y)
    assert np.array_equal(X_new, X)
    # A fit has no views, and there the network decides.
    with pytest.warns(UserWarning, match="the policy to lower the held-out loss"):
        not_helped.set_params(augmentation__transforms=[blank]).fit(X, y)


def test_a_guard_reads_rows_in_their_container():
    X, y = mirrored_rows(n_one_sided=180)
    frame = pd.DataFrame(X).add_prefix("x").astype({"x0": np.float64})
    scaled = make_column_transformer(
        (StandardScaler(), ["x0"]), remainder="passthrough"
    )
    helped, same = (
        augmenter(mirror, guard=guard, cv=[np.split(np.arange(300), [180])])
        for guard in (make_pipeline(scaled, SVC()), SVC())
    )
    X_new, _ = helped.fit_resample(frame, NAMES[y])
    assert helped.accepted_ and X_new.dtypes.equals(frame.dtypes)
    # Standardised and not, one column of many makes a small difference.
    same.fit_resample(frame, NAMES[y])
    assert helped.classifier_loss_.augmented == pytest.approx(
        same.classifier_loss_.augmented, abs=0.05
    )


def test_a_guard_that_cannot_read_the_rows_is_named():
    X, y = mirrored_rows()
    sampler = augmenter(lambda X: X, guard=LogisticRegression())
    sampler.set_params(estimator=NetClassifier(max_epochs=2))
    with refuses("needs guard to .*; got ValueError from LogisticRegression: Found "):
        sampler.fit_resample(X.reshape(len(X), 1, 2, -1), y)


@pytest.mark.parametrize("guard", [LogisticRegression, Ridge(), StandardScaler(), "no"])
def test_a_guard_has_to_be_a_classifier(rows, guard):
    with refuses("InfluenceAugmenter needs guard to be .* or a classifier; got "):
        augmenter(guard=guard).fit_resample(*rows)


@refused
def test_a_view_in_the_place_of_each_row_is_warned_of(rows):
    views = augmenter(output="views", n_views=3)
    with pytest.warns(UserWarning, match="clean rows beside .* fit_resample") as caught:
        X_new = views.fit_transform(*rows)
    assert X_new.shape == rows[0].shape and caught[-1].filename == __file__
    # Where nothing is augmented, nothing is lost: the warning is that of the guard.
    with pytest.warns(UserWarning) as caught:
        X_new = augmenter(blank, guard=True, output="views").fit_transform(*rows)
    assert np.array_equal(X_new, rows[0])
    assert not any("clean rows" in str(one.message) for one in caught)


@few_rows
@few_for_influence
@pytest.mark.parametrize("around", ["imbalanced-learn", "skaug"])
def test_searches_in_either_pipeline_over_a_frame_with_names(rows, around, tmp_path):
    frame, y = pd.DataFrame(rows[0]).add_prefix("sensor "), NAMES[rows[1]]
    sampler = augmenter(memory=tmp_path)
    logistic = LogisticRegression(max_iter=500)
    if around == "skaug":
        resampled = ResampledClassifier(sampler, logistic)
        pipe = make_pipeline(StandardScaler(), resampled)
        name = "resampledclassifier__sampler__augmentation__strength"
    else:
        steps = [("scale", StandardScaler()), ("views", sampler), ("net", logistic)]
        pipe, name = ResamplingPipeline(steps), "views__augmentation__strength"
    grid = {name: [0.0, 3.0]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(frame, y)
    assert search.best_estimator_.classes_.tolist() == sorted(NAMES)
    assert set(search.predict(frame)) <= set(NAMES)


def test_groups_go_to_the_sampler_in_imbalanced_learns_pipeline(rows):
    person = np.arange(300) // 30
    with sklearn.config_context(enable_metadata_routing=True):
        sampler = augmenter().set_fit_request(groups=True)
        sampler.set_fit_resample_request(groups=True)
        pipe = make_resampling_pipeline(sampler, SVC())
        pipe.fit(*rows, groups=person)
    assert np.array_equal(pipe[0].groups_, np.tile(person, 2))
    resampled = ResampledClassifier(augmenter(), SVC()).fit(*rows, groups=person)
    assert np.array_equal(resampled.sampler_.groups_, np.tile(person, 2))


def test_views_that_are_not_finite_are_refused(rows):
    X, y = rows
    net = NetClassifier(max_epochs=1, module__hidden=(4,))
    learner = NetworkAugmentation(pretrain_steps=1, steps=1, baseline=None)
    augmenter = InfluenceAugmenter(net, augmentation=learner, guard=False)
    augmenter.fit(X, y)
    for weight in augmenter.network_.parameters():
        weight.data.fill_(np.inf)
    with refuses("views that are finite; got NaN or infinity from TrainedNetwork"):
        augmenter.augment(X)
    with refuses("numbers that float32 can hold; got 1e.50. Take another unit"):
        augmenter.augment(np.full((2, X.shape[1]), 1e50))


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_switches_of_numpy_are_those_of_python(rows, guard):
    X, y = rows
    ours, numpys = (
        augmenter(blank, guard=switch).set_params(estimator=NetClassifier(max_epochs=1))
        for switch in (guard, np.bool_(guard))
    )
    X_ours, X_numpys = (sampler.fit_resample(X, y)[0] for sampler in (ours, numpys))
    assert len(X_ours) == len(X_numpys) and ours.n_trainings_ == numpys.n_trainings_
