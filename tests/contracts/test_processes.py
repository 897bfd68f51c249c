"""Work in several processes: searches, ranks of torch, scripts, a run that is killed.

Joblib starts two processes once and keeps them for the tests of this file.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from helpers import Counting, few_steps
from imblearn.over_sampling import SMOTE
from joblib import Parallel, delayed
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn

from skaug import (
    AugmentationSearchCV,
    BatchAugmentation,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    ISDALoss,
    NetClassifier,
    PretrainedFeatures,
    ResampledClassifier,
    TransformPolicy,
)
from skaug.comparison import Budgets, search
from skaug.comparison.cli import main
from skaug.influence import Policy
from skaug.isda.covariance import KINDS
from skaug.signals import MagnitudeSpectrum, frame_segments
from skaug.transforms import Jitter, PerSample, RandomAffine, RandomCropFlip, Scaling
from skaug.transforms.chain import Chain
from skaug.transforms.ranges import InUnits
from skaug.transforms.torchvision import torchvision, v2

ROOT = Path(__file__).parents[2]
SHORT = {"max_epochs": 10, "random_state": 0}


def pipeline(model):
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def search_over(pipe, grid, cv, n_jobs=2):
    return GridSearchCV(pipe, grid, cv=cv, n_jobs=n_jobs, error_score="raise")


def transformed(transform, X):
    torch.manual_seed(0)
    return transform(X)


def test_torchvisions_transforms_are_read_in_worker_processes():
    X = torch.rand(6, 1, 8, 8)
    transforms = [
        PerSample(v2.RandomAffine(20)),
        InUnits(PerSample(v2.RandAugment())),
        Chain([PerSample(v2.RandomCrop(8, padding=2)), RandomCropFlip()]),
        Policy([PerSample(v2.RandomCrop(8, padding=2)), RandomAffine(20)], [0.5, 0.5]),
    ]
    there = Parallel(n_jobs=2)(delayed(transformed)(one, X) for one in transforms)
    for one, new_X in zip(transforms, there):
        assert torch.equal(new_X, transformed(one, X))


def test_a_callback_with_torchvisions_is_read_in_worker_processes():
    X = np.random.default_rng(0).random((60, 1, 8, 8), dtype=np.float32)
    y = np.arange(60) % 2
    mixup = BatchAugmentation(v2.MixUp(num_classes=2), random_state=0)
    net = NetClassifier(callbacks=[("augment", mixup)], max_epochs=1, random_state=0)
    grid = {"callbacks__augment__probability": [0.5, 1.0]}
    scores = [
        search_over(net, grid, 2, n_jobs).fit(X, y).cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


def test_a_network_of_torchvision_is_read_in_worker_processes():
    X = np.random.default_rng(0).random((2, 3, 32, 32))
    features = PretrainedFeatures(torchvision.models.squeezenet1_1()).fit(X)
    (there,) = Parallel(n_jobs=2)([delayed(features.transform)(X)])
    np.testing.assert_allclose(there, features.transform(X), atol=1e-5)


def test_two_processes_compute_the_features_of_each_image_once(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for path, image in zip(paths, images):
        Image.fromarray(image).save(path)
    counting = Counting(tmp_path / "count")
    body = nn.Sequential(nn.Conv2d(3, 5, 3), counting)
    features = PretrainedFeatures(body, cache=tmp_path / "cache", batch_size=2)
    pipe = pipeline(LogisticRegression()).set_params(scale=features)
    search = search_over(pipe, {"model__C": [1, 10]}, 3)
    assert len(search.fit(paths, np.arange(12) % 2).predict(paths)) == 12
    assert counting.count() == 12


@pytest.mark.filterwarnings("ignore:InfluenceAugmenter needs:UserWarning")
@pytest.mark.filterwarnings("ignore:LastLayerInfluence:UserWarning")
@few_steps
def test_two_processes_search_as_one_does(table, tmp_path):
    X, y = table
    frame = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(8)])
    labels = pd.Series(np.array(["run", "sit", "walk"])[y])
    samplers = [
        HardRegionSampler(random_state=0),
        HardRegionSampler(
            sources=HardPoints(radius=0.3),
            sampling_strategy="hard",
            random_state=0,
        ),
        SMOTE(random_state=0),
    ]
    policy = TransformPolicy([Jitter(), Scaling()], n_networks=1)
    views = InfluenceAugmenter(
        NetClassifier(**SHORT), augmentation=policy, memory=tmp_path, random_state=0
    )
    grid = [
        {
            "model": [NetClassifier(**SHORT)],
            "model__lr": [1e-3, 1e-2],
            "model__module__hidden": [(16,), (16, 8)],
        },
        {
            "model": [ISDAClassifier(**SHORT)],
            "model__strength": [0, 0.5],
            "model__covariance": ["full", "diagonal"],
            "model__schedule": ["epoch"],
        },
        {
            "model": [
                ResampledClassifier(sampler, LogisticRegression())
                for sampler in samplers
            ],
            "model__sampler__sampling_strategy": ["auto", "all"],
            "model__estimator__C": [0.1, 1],
        },
        {
            "model": [ResampledClassifier(views, LogisticRegression())],
            "model__sampler__augmentation__strength": [0.0, 3.0],
        },
        {
            "model": [IHDAFinetuner(NetClassifier(**SHORT), generator="noise")],
            "model__random_state": [0],
            "model__estimator__lr": [1e-3, 1e-2],
        },
    ]
    one, two = (
        search_over(pipeline(LogisticRegression()), grid, 2, n_jobs).fit(frame, labels)
        for n_jobs in (1, 2)
    )
    scores = two.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, one.cv_results_["mean_test_score"])
    assert two.best_score_ > 0.8
    assert set(two.predict(frame)) == {"run", "sit", "walk"}
    assert two.best_estimator_.feature_names_in_.tolist() == list(frame.columns)


def test_processes_beside_each_other_draw_no_bars(table, capfd):
    cross_val_score(NetClassifier(verbose=1, **SHORT), *table, cv=2, n_jobs=2)
    assert "epoch" not in capfd.readouterr().err
    few = Budgets(plain=(4,), augmented=(6,), decays=(0.0,), refused=4)
    params = {"methods": ["ISDA"], "cv": 2, "budget": few, "refit": False}
    net = NetClassifier(verbose=2)  # of which there would be many lines
    AugmentationSearchCV(net, n_jobs=2, verbose=1, **params).fit(*table)
    printed = capfd.readouterr()
    drawings = [one for one in re.split("[\r\n]", printed.err) if "cell" in one]
    assert "Comparison: 100%" in drawings[-1] and " 4/4 [" in drawings[-1]
    assert "epoch" not in printed.err and "train_loss" not in printed.out


class Sides(Callback):
    """Refuses a held-out part that shares a value of the first column with training."""

    def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
        train, valid = (
            {float(part[i][0].ravel()[0]) for i in range(len(part))}
            for part in (dataset_train, dataset_valid)
        )
        if train & valid or not valid:
            raise AssertionError(f"groups on both sides: {train & valid}")
        net.history.record("groups_of_rows", (sorted(train), sorted(valid)))


def test_a_grouped_search_over_frames_with_early_stopping():
    # Every frame's first feature tells its group; walking swings.
    rng = np.random.default_rng(0)
    y = np.where(np.arange(18) % 2, "walk", "still")
    X = 0.1 * rng.normal(size=(18, 4, 80))
    X[y == "walk", 1] += np.sin(np.arange(80))
    X[:, 0] = 1 + np.arange(18)[:, None] // 2
    frames = frame_segments(X, y, np.arange(18) // 2, frame_length=20, frame_step=10)
    order = rng.permutation(len(frames.X))
    X, y, groups = frames.X[order], frames.y[order], frames.groups[order]
    net = ISDAClassifier(
        callbacks=[("sides", Sides())],
        train_split=ValidSplit(3, stratified=True),
        **SHORT,
    )
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = pipeline(net.set_fit_request(groups=True))
        spectrum = MagnitudeSpectrum({"group": [0], "acc": [1, 2, 3]})
        pipe.steps.insert(0, ("spectrum", spectrum))
        grid = {"spectrum__window": [None, "hann"], "model__strength": [0, 1]}
        search = search_over(pipe, grid, GroupKFold(3)).fit(X, y, groups=groups)
        train, valid = search.best_estimator_[-1].history[-1, "groups_of_rows"]
        assert len(train) + len(valid) == 9
        assert search.best_score_ > 0.9
        assert set(search.predict(X[::5])) == {"still", "walk"}
        # The same without groups is caught, so that the callback can fail.
        shared = clone(pipe)
        shared[-1].set_fit_request(groups=False)
        with pytest.raises(AssertionError, match="both sides"):
            shared.fit(X, y)


def test_real_tables_grouped_by_subject(har_features):
    X, y, subject = har_features
    grid = {"model__strength": [0.1, 1]}
    search = search_over(pipeline(ISDAClassifier(**SHORT)), grid, GroupKFold(2))
    assert search.fit(X, y, groups=subject).best_score_ > 0.7


# ISDA's statistics are those of all ranks

C, A = 4, 6
ESTIMATED = [kind for kind in KINDS if kind != "identity"]


def gradient_and_loss(kind, rows=slice(None), weighted=False):
    """Last gradient and the loss with its statistics, of these rows of each batch."""
    torch.manual_seed(0)
    head = nn.Linear(A, C).double()
    # The second batch has classes that only one rank sees.
    targets = [torch.randint(C, (16,)), torch.tensor([0, 1] * 7 + [0, 2])]
    batches = [(torch.randn(16, A).double() + 2, target) for target in targets]
    loss_function = ISDALoss(C, A, kind, rank=A, dtype=torch.float64)
    for features, target in batches:
        part, labels = features[rows], target[rows]
        weights = (torch.arange(16) % 3 / 2)[rows] if weighted else None
        terms = head(part), labels, part, head.weight, 0.5, weights
        loss = loss_function(*terms)
        grad = torch.autograd.grad(loss, head.weight)[0]
    return grad, loss_function


def one_rank(rank, folder):
    """One of two processes: its half of each batch, gradients averaged over ranks."""
    meeting = {
        "init_method": f"file://{folder}/meeting",
        "timeout": timedelta(minutes=1),
    }
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2, **meeting)
    found = {}
    for kind in ESTIMATED:
        grad, loss_function = gradient_and_loss(kind, slice(rank, None, 2))
        torch.distributed.all_reduce(grad)
        _, weighted = gradient_and_loss(kind, slice(rank, None, 2), weighted=True)
        covariances = [f.covariance.dense() for f in (loss_function, weighted)]
        found[kind] = grad / 2, *covariances
    torch.distributed.destroy_process_group()
    return found


def test_two_ranks_equal_one_on_the_concatenated_batch(tmp_path):
    ranks = Parallel(n_jobs=2)(delayed(one_rank)(rank, tmp_path) for rank in (0, 1))
    for kind in ESTIMATED:
        grad, loss_function = gradient_and_loss(kind)
        _, weighted = gradient_and_loss(kind, weighted=True)
        for found in ranks:
            rank_grad, covariance, of_weighted = found[kind]
            assert (rank_grad - grad).abs().max() < 1e-12
            assert (covariance - loss_function.covariance.dense()).abs().max() < 1e-12
            assert (of_weighted - weighted.covariance.dense()).abs().max() < 1e-12


# The command line


def kill_with_some_cells(command, folder):
    """Start a command and stop it dead once there is a cell."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and not list(folder.glob("**/*.json")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run was over before"


FEW = {"plain": (8, 20), "augmented": (20,), "decays": (0.01,), "refused": 8}
COMPARE = f"""
import sys
from skaug.comparison import Budgets, cli, search

search.BUDGETS["quick"] = Budgets(**{FEW})
sys.exit(cli.main(sys.argv[1:]))
"""


def cells_of(folder):
    """Cells that a run has kept, without their times."""
    cells = {}
    for path in folder.glob("few/cells/*/*.json"):
        cell = cells[path.name] = json.loads(path.read_text())
        for timed in (cell, *cell["arms"].values()):
            del timed["seconds"]
    return cells


def test_a_killed_run_goes_on_and_ends_alike(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(search.BUDGETS, "quick", Budgets(**FEW))
    X, y = load_iris(return_X_y=True)
    np.savez(tmp_path / "few.npz", x=X, y=y)
    command = ["compare", str(tmp_path / "few.npz"), "--folds", "3", "--methods"]
    command += ["ISDA", "heuristics", "--out"]
    killed, whole = str(tmp_path / "killed"), str(tmp_path / "whole")
    kill_with_some_cells(
        [sys.executable, "-c", COMPARE, *command, killed], tmp_path / "killed"
    )
    n_kept = len(cells_of(tmp_path / "killed"))
    assert 1 <= n_kept < 9
    assert not (tmp_path / "killed" / "few" / "page.html").exists()

    def table_of(*options):
        assert main([*command, *options]) == 0
        table = capsys.readouterr().out.split("\nmethod ")[1].split("This took")[0]
        # All but the last column, the times.
        return [line.split()[:-1] for line in table.splitlines()]

    resumed = table_of(killed, "--resume")
    assert len(cells_of(tmp_path / "killed")) == 9
    assert resumed == table_of(whole)
    assert cells_of(tmp_path / "killed") == cells_of(tmp_path / "whole")
