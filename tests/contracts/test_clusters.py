"""Work on the workers of a cluster equals that of one process.

A local dask cluster of two processes stands for two machines, for joblib's tasks and
for the ranks of a network that both train.
"""

import json
import os
import socket
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from helpers import few_steps
from joblib import Parallel, delayed, parallel_config
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn

from skaug import (
    BatchAugmentation,
    HardPoints,
    HardRegionSampler,
    ISDAClassifier,
    LastLayerInfluence,
    NetClassifier,
    ResampledClassifier,
    TableMixup,
    hardness,
    potential,
    potential_grid,
)
from skaug.comparison import Budgets, search
from skaug.comparison.cli import main
from skaug.net import DistributedMixin, EpochCheckpoint

X, Y = load_iris(return_X_y=True)
SHORT = {"max_epochs": 4, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip(
        "distributed", reason="needs dask[distributed], of the extra cluster"
    )
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as on,
        distributed.Client(on) as client,
    ):
        yield client


@pytest.fixture
def on_dask(client):
    with parallel_config(backend="dask", n_jobs=2):
        yield


def grid_search(n_jobs):
    sampler = HardRegionSampler(sources=HardPoints(radius="auto"), random_state=0)
    net = NetClassifier(**SHORT)
    pipe = make_pipeline(StandardScaler(), ResampledClassifier(sampler, net))
    grid = {"resampledclassifier__estimator__lr": [1e-3, 1e-2]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=n_jobs)
    return search.fit(X[30:], Y[30:]).cv_results_  # 20 rows of one class, 50 of others


def test_a_search_equals_that_of_one_process(on_dask):
    there, here = grid_search(None), grid_search(1)
    for scores in ("split0_test_score", "split1_test_score"):
        assert (there[scores] == here[scores]).all()
    assert there["mean_test_score"].min() > 0.5


FEW = Budgets(plain=(8,), augmented=(20,), decays=(0.01,), refused=8)


def around(n_jobs):
    """What potential, hardness and influence find on rows that come in blocks."""
    random = np.random.default_rng(0)
    groups, many = random.integers(40, size=150), random.normal(size=(700, 5))
    classes = (many[:, 0] + random.normal(size=700) > 0).astype(int)
    settings = {"radius": [0.2, 0.5], "gamma": [0.1, 0.3], "block_size": 64}
    influence = LastLayerInfluence(n_jobs=n_jobs).fit(X[::2], Y[::2])
    yield potential(many, classes, block_size=32, n_jobs=n_jobs)
    yield potential(X, Y, metric="euclidean", groups=groups, n_jobs=n_jobs)
    yield potential(many, classes, radius=("knn", 7), n_jobs=n_jobs)
    yield potential_grid(many, classes, n_jobs=n_jobs, **settings)
    yield hardness(many, classes, n_jobs=n_jobs)
    yield hardness(X, Y, groups=groups, metric="cosine", n_jobs=n_jobs)
    yield influence.refitted_loss_change(X[1::2], Y[1::2], range(8))


@pytest.mark.filterwarnings("ignore:LastLayerInfluence needs:UserWarning")
def test_blocks_of_rows_equal_all_rows_at_once(on_dask):
    for there, here in zip(around(None), around(1), strict=True):
        assert (there == here).all()


@pytest.mark.filterwarnings("ignore:LastLayerInfluence needs:UserWarning")
def test_influence_of_new_rows_adds_up_over_blocks(on_dask):
    influence = LastLayerInfluence().fit(X[::2], Y[::2])
    direction = influence.validation_direction(X[1::2], Y[1::2])
    new_X, y, blocks = X[::2] + 0.1, Y[::2], np.array_split(np.arange(75), 3)
    changes = Parallel()(
        delayed(influence.of_replacement)(new_X[rows], y[rows], direction, rows)
        for rows in blocks
    )
    whole = influence.of_replacement(new_X, y, direction)
    assert (torch.cat(changes) - whole).abs().max() < 1e-15
    assert whole.abs().max() > 1e-6


def cells_of(folder):
    """Cells that a run has kept, without their times."""
    cells = {}
    for path in folder.glob("few/cells/*/*.json"):
        cell = cells[path.name] = json.loads(path.read_text())
        for timed in (cell, *cell["arms"].values()):
            del timed["seconds"]
    return cells


def test_compare_takes_the_workers_of_a_cluster(client, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(search.BUDGETS, "quick", FEW)
    np.savez(tmp_path / "few.npz", x=X, y=Y)
    command = ["compare", str(tmp_path / "few.npz"), "--folds", "2"]
    command += ["--methods", "ISDA", "--out"]
    address = client.scheduler.address
    before = set(client.run(os.getpid).values())
    assert main([*command, str(tmp_path / "there"), "--cluster", address]) == 0
    assert main([*command, str(tmp_path / "here")]) == 0
    assert cells_of(tmp_path / "there") == cells_of(tmp_path / "here")
    assert len(cells_of(tmp_path / "here")) == 4
    tasks = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert set(client.run(os.getpid).values()) == before and min(tasks.values()) > 0
    assert client.status == "running"  # though the connection of compare is closed


def test_compare_says_where_no_cluster_is(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr("skaug.comparison.cluster.SECONDS", 0.2)
    np.savez(tmp_path / "few.npz", x=X, y=Y)
    command = ["compare", str(tmp_path / "few.npz"), "--out", str(tmp_path / "out")]
    assert main([*command, "--cluster", "tcp://127.0.0.1:1"]) == 2
    assert "'tcp://127.0.0.1:1', where none answers" in capsys.readouterr().err


# Two ranks train one network


class Small(nn.Module):
    """A network without batch normalisation and dropout, in float64."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.body = nn.Linear(n_features, 12)
        self.head = nn.Linear(12, n_classes)
        self.double()

    def forward(self, X):
        return self.head(self.body(X.double()).tanh())


class Net(DistributedMixin, NetClassifier):
    """A net of several processes."""


class ISDANet(DistributedMixin, ISDAClassifier):
    """A net of several processes, with statistics of all of them."""


WEIGHTS = np.arange(150) % 4 / 2
# Parts of 15 and 16 rows, and of 13 and 13 at the end.
PLAIN = {"module": Small, "batch_size": 31, "train_split": 0.3, **SHORT}
MIXING = {"callbacks": [("augment", BatchAugmentation(TableMixup(), refine_epochs=1))]}
NETS = {
    "plain": (NetClassifier, Net, PLAIN, {}),
    "weighted": (
        NetClassifier,
        Net,
        {**PLAIN, "criterion__weight": torch.tensor([1.0, 2.0, 4.0]).double()},
        {"sample_weight": WEIGHTS},
    ),
    "augmented": (NetClassifier, Net, PLAIN | MIXING, {}),
    "isda": (ISDAClassifier, ISDANet, PLAIN, {}),
    "isda, augmented": (ISDAClassifier, ISDANet, PLAIN | MIXING, {}),
}


class Kill(Callback):
    """Ends a training at the beginning of an epoch, like a kill."""

    at = 3

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.at:
            raise RuntimeError("killed")


def gone_on(net, path):
    """A net that goes on from the file of one that was killed."""
    accelerator = net.accelerator
    net.set_params(callbacks=[EpochCheckpoint(path), Kill()])
    with pytest.raises(RuntimeError, match="killed"):
        net.fit(X, Y)
    Kill.at = None
    accelerator.wait_for_everyone()  # the first process has written
    return joblib.load(path).set_params(accelerator=accelerator).resume(X, Y)


def found_by(net):
    """What is left of a training, as arrays."""
    module = [one.double().numpy() for one in net.module_.state_dict().values()]
    statistics = [net.covariance_] if isinstance(net, ISDAClassifier) else []
    losses = np.array(net.history[:, ("train_loss", "valid_loss")])
    return [*module, *statistics, losses]


def one_rank(rank, port, path):
    """One of two processes: all nets, and those that several processes refuse."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ.update(where, RANK=str(rank), LOCAL_RANK=str(rank))
    try:
        accelerator = Accelerator(cpu=True)
        make = {
            name: partial(net, accelerator=accelerator)
            for name, (_, net, *_) in NETS.items()
        }
        found = {
            name: found_by(make[name](**params).fit(X, Y, **of_fit))
            for name, (_, _, params, of_fit) in NETS.items()
        }
        # Dropout, batch normalisation, no seed, and a second fit that goes on.
        other = make["isda"](max_epochs=2, warm_start=True, train_split=0.3)
        before = torch.get_rng_state()
        found["default"] = found_by(other.fit(X, Y)) + found_by(other.fit(X, Y))
        found["probabilities"] = [other.predict_proba(X)]
        assert torch.equal(torch.get_rng_state(), before)
        found["gone on"] = found_by(gone_on(make["isda"](**PLAIN), path))
        refused = make["plain"](**PLAIN | {"batch_size": 3})
        with pytest.raises(ValueError, match="two rows or more for each of 2 proc"):
            refused.fit(X, Y)
        return found
    finally:
        torch.distributed.destroy_process_group()
        AcceleratorState._reset_state(True)
        for name in (*where, "RANK", "LOCAL_RANK"):
            del os.environ[name]


@few_steps
def test_two_ranks_train_as_one_process_does(client, tmp_path):
    pytest.importorskip("accelerate", reason="needs accelerate, of the extra cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers, path = list(client.scheduler_info()["workers"]), tmp_path / "net.pkl"
    ranks = [
        client.submit(one_rank, rank, port, path, workers=[worker], pure=False)
        for rank, worker in enumerate(workers)
    ]
    first, second = client.gather(ranks)
    for name, arrays in first.items():
        for one, other in zip(arrays, second[name], strict=True):
            assert np.abs(one - other).max() == 0, name
    for name, (kind, _, params, of_fit) in NETS.items():
        for one, other in zip(
            found_by(kind(**params).fit(X, Y, **of_fit)), first[name]
        ):
            assert np.abs(one - other).max() < 1e-9, name
    for one, other in zip(first["gone on"], first["isda"], strict=True):
        assert (one == other).all()
    assert (first["probabilities"][0].argmax(1) == Y).mean() > 0.6
