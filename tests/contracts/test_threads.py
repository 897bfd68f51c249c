"""One fitted object in several threads: all of them get what one alone gets."""

import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import few_for_influence, few_rows, few_steps, ignores
from sklearn.datasets import load_iris

from skaug import (
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    LastLayerInfluence,
    NetClassifier,
    NetworkAugmentation,
    PretrainedFeatures,
    TransformPolicy,
)
from skaug._random import everything_kept, own_generators

THREADS, CALLS = 4, 60
SECONDS = 60  # until a thread that waits for ever is given up

pytestmark = [few_for_influence, few_rows, few_steps, ignores("IHDAFinetuner")]


@pytest.fixture(autouse=True)
def threads_change_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def quick(**params):
    small = {"module__hidden": (8, 4), "max_epochs": 3, "random_state": 0}
    return NetClassifier(**{**small, **params})


@pytest.fixture(scope="module")
def calls():
    """Functions without arguments by name, to be called often and now and then."""
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    ihda = IHDAFinetuner(quick(), generator="noise", random_state=0).fit(X, y)
    influence = LastLayerInfluence(ihda.estimator_, damping=0.1).fit(X, y)
    policy, network = (
        InfluenceAugmenter(quick(), augmentation=learned, guard=False, random_state=0)
        for learned in (
            TransformPolicy(n_networks=1),
            NetworkAugmentation(pretrain_steps=2, steps=2),
        )
    )
    policy.fit(X, y)
    network.fit(X, y)
    sampler = HardRegionSampler(generator="noise", random_state=0)
    sampler.fit_resample(X, y)
    features = PretrainedFeatures(ihda.estimator_).fit(X)
    often = {
        "sample": lambda: ihda.sample(X, y, "blocks.0")[1],
        "predict": lambda: ihda.predict_proba(X),
        "influence": lambda: influence.predicted_loss_change(X, y),
        "augment": lambda: policy.augment(X, 2, y),
    }
    now_and_then = {
        "influence on each row": lambda: influence.pairwise(X[:9], y[:9]),
        "augment by a network": lambda: network.augment(X),
        "sample of a sampler": lambda: sampler.sample(9)[0],
        "features": lambda: features.transform(X),
    }
    return often, now_and_then


def in_threads(functions):
    """What functions return, each called in a thread of its own at the same time."""
    start = threading.Barrier(len(functions))

    def called(function):
        start.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(called, functions))


def test_calls_of_several_threads_equal_those_of_one(calls):
    often, now_and_then = calls
    both = often | now_and_then
    expected = {name: call() for name, call in both.items()}
    before = torch.get_rng_state()

    def wrong(first):
        names = [*often] * CALLS + [*both] * (CALLS // 20)
        names = names[first:] + names[:first]  # no two threads do the same
        return [n for n in names if not np.array_equal(both[n](), expected[n])]

    found = in_threads([lambda i=i: wrong(i) for i in range(THREADS)])
    assert found == [[]] * THREADS
    assert torch.equal(torch.get_rng_state(), before)


def test_fits_of_several_nets_in_threads_equal_fits_one_after_another():
    X, y = load_iris(return_X_y=True)
    nets = [quick(module__dropout=0.5, random_state=seed) for seed in range(THREADS)]
    fits = [lambda net=net: net.fit(X, y).predict_proba(X) for net in nets]
    np.testing.assert_array_equal(in_threads(fits), [fit() for fit in fits])


def test_whoever_draws_waits_until_others_have_drawn():
    with own_generators(seed=0):
        alone = torch.rand(3000)

    def draw():
        with own_generators(seed=0):
            return torch.cat([torch.rand(1) for _ in range(3000)])

    for drawn in in_threads([draw] * THREADS):
        assert torch.equal(drawn, alone)


def waits_for_nobody(function, context):
    """Call a function in a thread while this one is inside a context."""
    with ThreadPoolExecutor(1) as pool, context:
        return pool.submit(function).result(timeout=SECONDS)


@pytest.mark.parametrize("of_rows", ["an array", "a data set"])
def test_predictions_do_not_wait_for_fits(of_rows):
    X, y = load_iris(return_X_y=True)
    net = quick().fit(X, y)
    expected, rows = net.predict_proba(X), X
    if of_rows == "a data set":
        rows = [(row, 0) for row in torch.tensor(X).float()]
        rows = torch.utils.data.Subset(rows, range(len(rows)))
    before = torch.get_rng_state()
    found = waits_for_nobody(lambda: net.predict_proba(rows), own_generators())
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_estimator_of_the_users_may_draw_in_threads_of_its_own():
    def draw():
        with own_generators(seed=0):
            return torch.rand(3)

    before = torch.get_rng_state()
    assert torch.equal(waits_for_nobody(draw, everything_kept()), draw())
    assert torch.equal(torch.get_rng_state(), before)


def _draw():
    with own_generators(seed=0):
        torch.rand(1)


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_while_a_thread_draws_draws_too():
    drawing, forked = threading.Event(), threading.Event()

    def draw_for_long():
        with own_generators():
            drawing.set()
            forked.wait(SECONDS)

    process = multiprocessing.get_context("fork").Process(target=_draw)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(draw_for_long)
        drawing.wait(SECONDS)
        process.start()
        process.join(SECONDS)
        process.kill()
        forked.set()
    assert process.exitcode == 0
