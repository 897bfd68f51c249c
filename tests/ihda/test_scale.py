"""Levels that do not fit into memory, data sets of torch, and samples of points."""

import copy

import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset as SkorchDataset
from torch import nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
)

from skaug import HardPoints, IHDAFinetuner, NetClassifier, VAEGenerator, potential
from skaug.hard_regions import parts
from skaug.ihda import finetuning, points, room, synthetic
from skaug.ihda.points import points_of
from skaug.ihda.rows import ArrayRows
from skaug.ihda.stored import StoredRows

pytestmark = [
    pytest.mark.filterwarnings("ignore:IHDAFinetuner:UserWarning"),
    pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning"),
]

TINY = {"working_memory": 1e-4}  # in MiB


@pytest.fixture
def fitted_net(table):
    net = NetClassifier(module__hidden=(16, 8), max_epochs=10, random_state=0)
    return net.fit(*table)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, size=(60, 1, 8, 8), dtype=np.uint8)
    y = np.arange(60) % 3
    X[np.arange(60), 0, y] = 255
    return NetClassifier(max_epochs=2, random_state=0).fit(X, y), X, y


def frozen(net, **params):
    small = {"generator": VAEGenerator(3, steps=12), "random_state": 0}
    return IHDAFinetuner(FrozenEstimator(net)).set_params(**{**small, **params})


def told(model):
    """Records but for time and place, NaN as text."""
    hidden = ("seconds", "stored", "mib")
    return [{k: str(v) for k, v in r.items() if k not in hidden} for r in model.levels_]


def same(a, b):
    states = [m.estimator_.module_.state_dict().values() for m in (a, b)]
    return all(x.equal(y) for x, y in zip(*states, strict=True)) and told(a) == told(b)


# Memory and disk

CASES = {
    "default": {},
    "hard": {"sources": "hard", "batch_norm": "recalibrate"},
    "noise": {"generator": "noise", "validation": 0.3},
    "neighbors": {"generator": "neighbors", "sources": "supported"},
    "cvae": {"generator": "cvae", "generator__steps": 12, "balance": True},
    "chosen": {"generator": "noise", "tune_lr": ["validated", 0.1]},
}


@pytest.mark.parametrize(
    "case, several", [*((case, True) for case in CASES), ("default", False)]
)
def test_disk_and_memory_give_the_same_bits(case, several, images, monkeypatch):
    net, X, y = images
    if several:  # parts of each level
        for module in (parts, finetuning, synthetic):
            monkeypatch.setattr(module, "BYTES_AT_ONCE", 2**14)
    model = frozen(net, levels=["input", "blocks.1"], **CASES[case])
    in_memory = clone(model).fit(X, y)
    monkeypatch.setattr(room, "_limit", lambda device: 0)
    on_disk = clone(model).fit(X, y)
    assert [r.stored for r in in_memory.levels_] == ["given", "memory"]
    assert [r.stored for r in on_disk.levels_] == ["given", "disk"]
    assert same(in_memory, on_disk)


def test_the_working_memory_decides_and_it_is_told(table, fitted_net, capsys):
    X, y = table
    plain = frozen(fitted_net).fit(X, y)
    warns = pytest.warns(UserWarning, match="on the disk")
    with config_context(**TINY), warns as caught:
        model = frozen(fitted_net, verbose=2).fit(X, y)
    assert same(plain, model)
    assert [r.stored for r in model.levels_] == ["given", "disk", "disk"]
    sizes = [0, 150 * 16 * 4 / 2**20, 150 * 8 * 4 / 2**20]
    assert [r.mib for r in model.levels_] == pytest.approx(sizes)
    (message,) = [str(w.message) for w in caught if "on the disk" in str(w.message)]
    assert "['blocks.0', 'blocks.1'] on the disk, in files of up to 8.94e-06 GiB" in (
        message
    )
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        "IHDA, activations: input 0.0 MiB as given, blocks.0 0.0 MiB on the disk, "
        "blocks.1 0.0 MiB on the disk"
    )


def test_before_parameters_are_chosen_it_is_told_once(table, fitted_net, capsys):
    model = frozen(fitted_net, generator="noise", tune_lr=["validated", 0.1, 0.1])
    warns = pytest.warns(UserWarning, match="on the disk")
    with config_context(**TINY), warns as caught:
        model.set_params(verbose=2).fit(*table)
    assert sum("on the disk" in str(w.message) for w in caught) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if "IHDA" in line]
    assert told[0].startswith("IHDA, activations: input") and "tuning" in told[1]
    assert not any(line.startswith("IHDA, activations") for line in told[1:])


def test_without_room_on_the_disk_it_does_not_begin(table, fitted_net, monkeypatch):
    usage = type("usage", (), {"free": 5})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    before = copy.deepcopy(fitted_net.module_.state_dict())
    with (
        config_context(**TINY),
        refuses("of disk in .* got 4.66e-09 GiB free", OSError),
    ):
        # Those of two levels are there at a time.
        frozen(fitted_net).fit(*table)
    after = fitted_net.module_.state_dict()
    assert all(after[key].equal(value) for key, value in before.items())


def test_a_generator_that_needs_all_rows_says_so(table, fitted_net):
    warns = pytest.warns(UserWarning, match="GaussianGenerator needs all activations")
    with config_context(**TINY), warns:
        frozen(fitted_net, generator="gaussian").fit(*table)


# Points


def test_points_are_whole_maps_or_means_of_channels():
    h = torch.randn(30, 4, 5, 6)
    whole, rows = points_of(h, HardPoints(), seed=0)
    np.testing.assert_array_equal(whole, h.flatten(1))
    assert rows is None
    means, rows = points_of(h, HardPoints(maps="means"), seed=0)
    np.testing.assert_allclose(means, h.mean((2, 3)), atol=1e-6)
    # Rows without positions are points as they are.
    vectors, _ = points_of(h.flatten(1), HardPoints(maps="means"), seed=0)
    np.testing.assert_array_equal(vectors, whole)
    assert points_of(h, HardPoints("all"), seed=0) == (h, None)
    on_disk = StoredRows(h.shape, h.dtype, "cpu")
    on_disk[0:30] = h
    for maps in ("whole", "means"):
        points = HardPoints(maps=maps)
        one, other = (points_of(rows, points, seed=0)[0] for rows in (h, on_disk))
        np.testing.assert_array_equal(one, other)


def test_beyond_the_block_potentials_are_those_among_a_sample():
    h, codes = torch.rand(100, 2, 3), np.arange(100) % 2
    # 24 bytes a row, of half a block of 960 bytes.
    with config_context(working_memory=960 / 2**20):
        X, rows = points_of(h, HardPoints(), seed=3)
        assert len(rows) == 20 and (np.diff(rows) > 0).all()
        np.testing.assert_array_equal(X, h.flatten(1)[rows])
        means, of_means = points_of(h, HardPoints(maps="means"), seed=3)
        assert len(of_means) == 60
        np.testing.assert_allclose(means, h.mean(2)[of_means], atol=1e-6)
    found = HardPoints("hard").fit(X, codes[rows])
    expected = potential(h.flatten(1)[rows].numpy(), codes[rows])
    np.testing.assert_array_equal(found.potentials_, expected)


def test_sources_come_from_the_sample(images, monkeypatch):
    net, X, y = images
    level = "blocks.0"
    plain = frozen(net, levels=[level], generator="noise").fit(X, y)
    row = plain.sample(X[:1], y[:1])[0].nbytes
    made, SyntheticSet = [], synthetic.SyntheticSet

    class Watched(SyntheticSet):
        def __init__(self, generator, h, codes, sources, *args):
            made.append(sources)
            super().__init__(generator, h, codes, sources, *args)

    monkeypatch.setattr("skaug.ihda.level.SyntheticSet", Watched)
    every_one = HardPoints("top", share=1.0)
    params = {"sources": every_one, "generator": "noise", "tune_share": 3.0}
    model = frozen(net, levels=[level], **params)
    warns = pytest.warns(UserWarning, match="30 of 60 rows, a random sample")
    with config_context(working_memory=2 * 30 * row / 2**20), warns:
        model.fit(X, y, np.arange(60))
    (record,) = model.levels_
    assert record.n_compared == sum(record.n_sources.values()) == 30
    assert len(np.unique(made[0])) == 30 and made[0].max() > 30
    by_class = [record.n_sources[code] for code in range(3)]
    assert by_class == np.bincount(y[np.unique(made[0])]).tolist()
    assert clone(model).fit(X, y).levels_[0].n_compared == 0


# Data sets


class Folder(Dataset):
    """Rows that are made when they are read, with the codes of a folder of images."""

    def __init__(self, X, y):
        self.X, self.targets, self.read = X, y.tolist(), []

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        self.read.append(int(i))
        return torch.tensor(self.X[i]), self.targets[i]


def codes_and_rows(table):
    X, y = table
    return X.astype(np.float32), y


@pytest.mark.parametrize("validation", [None, 0.2])
def test_a_data_set_gives_the_numbers_of_its_arrays(validation, table, fitted_net):
    X, y = codes_and_rows(table)
    groups, w = np.arange(len(y)) // 3, np.linspace(0.5, 2, len(y))
    params = {"validation": validation, "generator": "noise"}
    expected = frozen(fitted_net, **params).fit(X, y, groups, w)
    tensors = TensorDataset(torch.tensor(X), torch.tensor(y))
    for rows in (
        SkorchDataset(X, y),
        tensors,
        Folder(X, y),
        DataLoader(tensors, batch_size=7, shuffle=True),  # its data set, in order
    ):
        model = frozen(fitted_net, **params).fit(rows, None, groups, w)
        assert same(expected, model)
    for a, b in zip(expected.sample(X, y), model.sample(Folder(X, y), None)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(expected.predict(X), model.predict(Folder(X, y)))


def test_a_data_set_is_read_once_in_order(table, fitted_net):
    X, y = codes_and_rows(table)
    folder = Folder(X, y)
    frozen(fitted_net, generator="noise", levels=["blocks.0", "blocks.1"]).fit(folder)
    n_probes = len(folder.read) - len(X)
    assert n_probes < 20 and folder.read[n_probes:] == list(range(len(X)))


def test_the_input_of_a_data_set_is_kept_where_there_is_room(table, fitted_net):
    X, y = codes_and_rows(table)
    expected = frozen(fitted_net, levels=["input"]).fit(X, y)
    with config_context(**TINY):
        model = frozen(fitted_net, levels=["input"]).fit(Folder(X, y))
    assert same(expected, model) and model.levels_[0].stored == "disk"


@pytest.mark.parametrize("kind", [NetClassifier, NeuralNetClassifier])
def test_a_net_is_trained_on_a_data_set(kind, table):
    X, y = codes_and_rows(table)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
            self.head = nn.Linear(16, 3)

        def forward(self, X):
            return self.head(self.body(X))

    net = kind(Net, criterion=nn.CrossEntropyLoss, lr=0.1, max_epochs=20, verbose=0)
    net.set_params(optimizer=torch.optim.SGD, train_split=None, batch_size=32)
    model = IHDAFinetuner(net, generator="noise", validation=0.2, random_state=0)
    model.fit(Folder(X, y))
    assert model.classes_.tolist() == [0, 1, 2] and len(model.levels_) == 2
    assert (model.predict(Folder(X, y)) == y).mean() > 0.7


class Unlabelled(Folder):
    def __init__(self, X, y):
        super().__init__(X, y)
        self.codes, self.targets = self.targets, None

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, i):
        return torch.tensor(self.X[i]), self.codes[i]


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


def test_data_sets_that_cannot_be_used(table, fitted_net):
    X, y = codes_and_rows(table)
    model = frozen(fitted_net, generator="noise")
    expected = clone(model).fit(X, y)
    assert same(expected, clone(model).fit(Unlabelled(X, y), y))
    pair = TensorDataset(torch.tensor(X), torch.tensor(y))
    with_dicts = [({"a": torch.tensor(X[0])}, 0), ({"a": torch.tensor(X[1])}, 1)]
    for data, error, message in [
        ((Unlabelled(X, y), None), ValueError, "got a Unlabelled that shows none"),
        ((pair, 1 - y), ValueError, "needs .* as whole numbers from 0"),
        ((pair, (y + 1) % 3), ValueError, "got .* for row 0, which the data set"),
        ((pair, y[1:]), ValueError, "needs one label per row"),
        ((Folder(X, y + 1), None), ValueError, "needs classes below 3"),
        ((Unlabelled(X, y), y.astype(str)), ValueError, "whole numbers from 0; got"),
        ((Stream(), y), TypeError, "got Stream, which only iterates"),
        ((DataLoader(Stream()), y), TypeError, "got Stream, which only iterates"),
        ((_Listed(with_dicts), [0, 1]), TypeError, "rows that are one tensor each"),
        ((Folder(X[:0], y[:0]), None), ValueError, "got an empty Folder"),
        ((Folder(X[:, :5], y), None), ValueError, r"\(n, 8\), as in fit; got \(150, 5"),
        *[
            ((DataLoader(pair, **own), None), ValueError, f"got .*{name}")
            for own, name in [
                ({"sampler": SubsetRandomSampler(range(9))}, "SubsetRandomSampler"),
                ({"batch_sampler": [[0, 1], [2]]}, "a list of its own"),
                ({"sampler": RandomSampler(pair, True)}, "a RandomSampler of its own"),
                ({"collate_fn": list}, "class 'list'"),
            ]
        ],
    ]:
        with refuses(message, error):
            clone(model).fit(*data)
    with refuses("needs an array or a data set; got a DataLoader", TypeError):
        fitted_net.predict(DataLoader(pair))


class _Listed(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


# Arrays


def test_arrays_are_converted_a_part_at_a_time(tmp_path):
    X = np.lib.format.open_memmap(
        tmp_path / "rows.npy", "w+", dtype=np.uint8, shape=(500, 3, 4)
    )
    X[:] = np.random.default_rng(0).integers(0, 255, X.shape)
    seen = []

    def convert(rows):
        seen.append(len(rows))
        return rows.astype(np.float32)

    numbers = np.arange(500)[::-1]
    rows = ArrayRows(np.load(tmp_path / "rows.npy", mmap_mode="r"), "cpu", convert)
    assert rows.shape == (500, 3, 4) and rows.dtype == torch.float32
    assert rows[10:20].equal(torch.tensor(X[10:20]).float())
    assert rows.flatten(1)[torch.tensor([3, 1])].equal(
        torch.tensor(X[[3, 1]]).float().flatten(1)
    )
    backwards = ArrayRows(X, "cpu", convert, numbers)
    assert backwards[:5].equal(torch.tensor(X[::-1][:5].copy()).float())
    assert max(seen) == 10
    # What works in place does not reach the array.
    rows = ArrayRows(X.astype(np.float32), "cpu")
    rows[0:1].zero_()
    assert rows[0:1].any()
    assert points.block() == 2**30
