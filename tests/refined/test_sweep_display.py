"""Error against the epoch of the switch."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import refuses
from joblib import parallel_config
from sklearn.linear_model import LogisticRegression

from skaug import BatchAugmentation, NetClassifier, TableMixup
from skaug.refined import RefineSweepDisplay

sweep = RefineSweepDisplay.from_estimator


@pytest.fixture
def halves(table):
    X, y = table
    return X[::2], y[::2], X[1::2], y[1::2]


def net(**params):
    callbacks = [
        ("standard", BatchAugmentation(lambda X: X + 0.1)),
        ("augment", BatchAugmentation(TableMixup(), **params)),
    ]
    settings = {"max_epochs": 4, "module__hidden": (8,), "random_state": 0}
    return NetClassifier(callbacks=callbacks, **settings)


def test_every_error_is_that_of_a_training_of_its_own(halves):
    display = sweep(
        net(refine_epochs=2),
        *halves,
        refine_epochs=(4, 0, 0.5),
        n_repeats=2,
        random_state=3,
    )
    np.testing.assert_array_equal(display.switch_epochs, [0, 2, 4])
    assert display.errors.shape == (2, 3)
    seed = np.random.RandomState(3).randint(2**31 - 1)
    X, y, X_test, y_test = halves
    for repeat in range(2):
        for place, length in enumerate([4, 2, 0]):
            model = net(refine_epochs=length).set_params(random_state=seed + repeat)
            error = 1 - model.fit(X, y).score(X_test, y_test)
            assert display.errors[repeat, place] == pytest.approx(error)
    mean = display.curve_.lines[0].get_ydata()
    np.testing.assert_allclose(mean, 100 * display.errors.mean(axis=0))
    plt.close("all")


def test_several_trainings_at_a_time_give_the_same(halves):
    model = NetClassifier(callbacks=[BatchAugmentation(TableMixup())], max_epochs=2)
    settings = {"refine_epochs": (0, 1), "n_repeats": 1, "random_state": 0}
    one = sweep(model, *halves, **settings).errors
    with parallel_config(backend="threading"):
        other = sweep(model, *halves, n_jobs=2, **settings).errors
    np.testing.assert_array_equal(one, other)
    plt.close("all")


def test_what_has_no_switch(halves):
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        sweep(LogisticRegression(), *halves)
    with refuses("a BatchAugmentation among its callbacks; got none"):
        sweep(NetClassifier(), *halves)
