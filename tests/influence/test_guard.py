"""The guard: what it compares, what it keeps, and what is left of what it refuses."""

import numpy as np
import pytest
import torch
from helpers import few_steps, mirror, mirrored_rows, refused
from sklearn.base import clone

from skaug import (
    BatchAugmentation,
    InfluenceAugmenter,
    NetClassifier,
    TransformPolicy,
    plain_twin,
)
from skaug.influence.guard import compared, is_lower

pytestmark = few_steps

NET = NetClassifier(max_epochs=40, module__hidden=(32,))


def blank(X):
    """Leave nothing but noise."""
    return torch.randn_like(X)


def guarded(*transforms, net=NET, random_state=0, **params):
    policy = TransformPolicy(
        list(transforms), n_transforms=1, probability=1.0, n_networks=1, n_draws=1
    )
    params = {"augmentation": policy, "random_state": random_state, **params}
    return InfluenceAugmenter(net, **params)


def test_the_error_is_that_of_paired_rows():
    rng = np.random.default_rng(0)
    plain, augmented = rng.exponential(size=(2, 50))
    loss = compared(plain, augmented)
    gaps = augmented - plain
    assert loss.augmented - loss.plain == pytest.approx(gaps.mean())
    assert loss.se == pytest.approx(gaps.std(ddof=1) / np.sqrt(50))
    # What is hard for both says nothing.
    harder = 10 * rng.exponential(size=50)
    assert compared(plain + harder, augmented + harder).se == pytest.approx(loss.se)


def test_rows_of_a_group_count_as_one():
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=20)
    of_people = compared(np.zeros(20), gaps)
    # Every person's row again and again: no more is known.
    many, people = np.repeat(gaps, 7), np.repeat(np.arange(20), 7)
    assert compared(np.zeros(140), many, people).se == pytest.approx(of_people.se)
    assert compared(np.zeros(140), many).se < of_people.se / 2
    # Nothing is known about other people from one.
    alone = compared(np.ones(140), many, np.zeros(140))
    assert np.isnan(alone.se) and not is_lower(alone)


@pytest.mark.parametrize("gap, expected", [(-1.1, True), (-1, False), (1.1, False)])
def test_lower_means_by_more_than_the_standard_error(gap, expected):
    # Gaps with a standard error of 1.
    gaps = gap + np.array([-1.0, 1.0])
    loss = compared(np.full(2, 8.0), 8 + gaps)
    assert loss.se == pytest.approx(1)
    assert is_lower(loss) == expected


def test_an_augmentation_that_helps_is_kept():
    X, y = mirrored_rows()
    augmenter = guarded(mirror).fit(X, y)
    loss = augmenter.held_out_loss_
    assert augmenter.accepted_ and loss.augmented < loss.plain - loss.se
    assert augmenter.n_trainings_ == 4
    assert np.array_equal(np.abs(augmenter.augment(X)), np.abs(X))
    # The last training is that of a callback.
    callback = BatchAugmentation(augmenter.augmentation_, random_state=5)
    fixed = guarded(mirror, net=clone(NET).set_params(random_state=5)).fit(X, y)
    net = clone(NET).set_params(random_state=5, callbacks=[callback]).fit(X, y)
    proba = fixed.estimator_.predict_proba(X)
    assert np.array_equal(proba, net.predict_proba(X))


def test_one_warning_says_both_losses_the_error_and_what_to_do():
    X, y = mirrored_rows()
    with pytest.warns(UserWarning) as caught:
        augmenter = guarded(blank).fit(X, y)
    # The other one is about 40 epochs, which are few; once for three such trainings.
    few_steps, warning = caught
    assert "gradient steps" in str(few_steps.message)
    loss = augmenter.held_out_loss_
    assert warning.filename == __file__
    for number in (loss.plain, loss.augmented, loss.se):
        assert f"{number:.3f}" in str(warning.message)
    assert "or set guard=False" in str(warning.message)
    assert guarded(blank, guard=False).fit(X, y).accepted_


@refused
@pytest.mark.parametrize("seed_of_net", [7, None])
def test_what_is_refused_leaves_plain_training_bit_for_bit(seed_of_net):
    X, y = mirrored_rows()
    net = clone(NET).set_params(random_state=seed_of_net)
    augmenter = guarded(blank, net=net).fit(X, y)
    assert not augmenter.accepted_
    proba = augmenter.estimator_.predict_proba(X)
    twin = plain_twin(augmenter).fit(X, y)
    assert np.array_equal(twin.predict_proba(X), proba)
    if seed_of_net is not None:
        assert np.array_equal(clone(net).fit(X, y).predict_proba(X), proba)
    # A callback with what is left of the augmentation changes nothing either.
    callback = BatchAugmentation(augmenter.augmentation_)
    same = clone(twin).set_params(callbacks=[callback]).fit(X, y)
    assert np.array_equal(same.predict_proba(X), proba)
    views = augmenter.augment(X, n_views=2, y=y)
    assert np.array_equal(views, np.tile(X, (2, 1)))


def test_the_twin_of_what_is_accepted_has_no_augmentation():
    X, y = mirrored_rows()
    augmenter = guarded(mirror, net=clone(NET).set_params(random_state=7)).fit(X, y)
    twin, net = plain_twin(augmenter).fit(X, y), augmenter.estimator_
    assert not twin.callbacks and twin.random_state == 7
    assert len(twin.history) == len(net.history)


class Spy(NetClassifier):
    """A net that writes down how it is trained, and on how many rows."""

    trained = []

    def fit(self, X, y, **params):
        super().fit(X, y, **params)
        augmented = bool(self.callbacks)
        seed, n_epochs = self.random_state, len(self.history)
        self.trained.append((len(X), augmented, seed, n_epochs))
        return self


@refused
def test_both_trainings_have_the_same_rows_seed_and_length():
    X, y = mirrored_rows()
    net = Spy(max_epochs=3, module__hidden=(8,))
    Spy.trained.clear()
    guarded(mirror, net=net, cv=3, refit=False).fit(X, y)
    *scorers, augmented, plain = Spy.trained
    assert len(scorers) == 3
    assert augmented[0] == plain[0] == 200
    assert augmented[1] and not plain[1]
    assert augmented[2:] == plain[2:]


@refused
def test_groups_are_whole_in_the_error():
    X, y = mirrored_rows()
    person, rows = np.arange(300) // 30, np.arange(300)
    net = clone(NET).set_params(max_epochs=5)
    cv = [(rows[:180], rows[180:])]
    apart, alike = (
        guarded(mirror, net=net, cv=cv).fit(X, y, groups=groups).held_out_loss_
        for groups in (None, person)
    )
    assert apart.plain == alike.plain and apart.augmented == alike.augmented
    assert apart.se != alike.se > 0
    one = [(rows[:270], rows[270:])]
    with pytest.warns(UserWarning, match="held-out rows are of one group"):
        guarded(mirror, net=net, cv=one).fit(X, y, groups=person)
