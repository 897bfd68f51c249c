"""Full disks and read-only folders: an OSError that names the place, and no parts.

Each door writes to a folder first, which tells how much room it needs. A disk of half
that size is then full in the middle of the work.
"""

import subprocess
from functools import cache

import numpy as np
import pytest
from helpers import few_rows, few_steps, ignores, refused
from shl_folder import write_shl
from sklearn.datasets import load_iris
from torch import nn

from skaug import (
    AugmentationSearchCV,
    IHDAFinetuner,
    InfluenceAugmenter,
    NetClassifier,
    PretrainedFeatures,
    TransformPolicy,
    save,
)
from skaug.card import report
from skaug.comparison import Budgets
from skaug.net import EpochCheckpoint
from skaug.signals import load_shl
from skaug.transforms import Jitter

pytestmark = [few_rows, few_steps, refused, ignores("AugmentationSearchCV|IHDA")]

X, CODES = load_iris(return_X_y=True)
X, Y = X[::3].astype(np.float32), np.array(["a", "b", "c"])[CODES[::3]]
NET = NetClassifier(max_epochs=2, module__hidden=(8, 8), random_state=0)
FEW = Budgets(plain=(5,), augmented=(5,), decays=(0.01,), refused=5)
PAGE = 4096  # bytes that a file takes at least


@cache
def fitted():
    return NetClassifier(max_epochs=2, random_state=0).fit(X, Y)


@cache
def card():
    return report(fitted(), X, Y)


@cache
def comparison():
    return search(None).fit(X, Y).comparison_


def search(folder):
    return AugmentationSearchCV(
        methods=["ISDA"], cv=2, budget=FEW, cache=folder, refit=False, random_state=0
    )


def policy(folder):
    augmentation = TransformPolicy([Jitter()], n_networks=1)
    return InfluenceAugmenter(
        NET, augmentation=augmentation, refit=False, memory=folder, random_state=0
    )


def checkpoint(folder):
    keep = EpochCheckpoint(folder / "net.pkl")
    return NetClassifier(max_epochs=2, callbacks=[keep], random_state=0)


def finetuner(folder):
    return IHDAFinetuner(NET, generator="noise", memory=folder, random_state=0)


def features(folder):
    body = nn.Sequential(nn.Linear(4, 100), nn.Tanh(), nn.Linear(100, 2))
    body.load_state_dict({k: 0 * v + 0.1 for k, v in body.state_dict().items()})
    return PretrainedFeatures(body, cache=folder).fit(X)


DOORS = {
    "save": lambda place, source: save(fitted(), place / "model"),
    "save_params": lambda place, source: fitted().save_params(place / "net.pt"),
    "model card": lambda place, source: card().save(place / "card.html"),
    "comparison": lambda place, source: comparison().save(place / "page.html"),
    "EpochCheckpoint": lambda place, source: checkpoint(place).fit(X, Y),
    "IHDAFinetuner": lambda place, source: finetuner(place).fit(X, Y),
    "InfluenceAugmenter": lambda place, source: policy(place).fit(X, Y),
    "AugmentationSearchCV": lambda place, source: search(place).fit(X, Y),
    "PretrainedFeatures": lambda place, source: features(place).transform(X),
    "load_shl": lambda place, source: load_shl(source, "Acc", cache=place),
}
each_door = pytest.mark.parametrize("door", DOORS)


def mount(*options):
    """Mount something, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs to mount a disk: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path):
    """Function that makes an empty disk of a size, and returns its folder."""
    folder = tmp_path / "disk"

    def make(n_bytes, *options):
        folder.mkdir()
        size = f"size={n_bytes}"
        mount("-t", "tmpfs", "-o", ",".join([size, *options]), "none", str(folder))
        return folder

    yield make
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


@pytest.fixture
def source(tmp_path):
    """A folder of recordings."""
    recording = np.random.default_rng(0).normal(size=(20, 3, 500))
    names, y = [f"Acc_{axis}" for axis in "xyz"], np.ones((20, 500), int)
    return write_shl(tmp_path / "source", recording, names, y)


@pytest.fixture
def needed(tmp_path, source):
    """Function that tells which files a door writes, and the pages of these."""

    def measure(door):
        roomy = tmp_path / "roomy"
        roomy.mkdir()
        DOORS[door](roomy, source)
        sizes = {name: (roomy / name).stat().st_size for name in files_in(roomy)}
        return set(sizes), sum(-(-size // PAGE) for size in sizes.values())

    return measure


def files_in(folder):
    """Files of a folder, but for notes that joblib makes of results if it can."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    notes = ("func_code.py", "metadata.json")
    return {file for file in files if not file.name.startswith(notes)}


@each_door
def test_a_full_disk_is_an_error_and_leaves_no_parts(door, disk, needed, source):
    files, n_pages = needed(door)
    assert files
    folder = disk(max(1, n_pages // 2) * PAGE)
    with pytest.raises(OSError, match=str(folder)) as caught:
        DOORS[door](folder, source)
    assert "free" in str(caught.value) or "Make room" in str(caught.value)
    assert files_in(folder) <= files
    # With more room the same call goes on, and is complete.
    mount("-o", "remount,size=64m", str(folder))
    DOORS[door](folder, source)
    assert files_in(folder) == files


@each_door
def test_a_read_only_folder_is_an_error(door, disk, source):
    folder = disk(PAGE, "ro")
    named = f"(?s)ead-only.*{folder}|{folder}.*ead-only"
    with pytest.raises(OSError, match=named) as caught:
        DOORS[door](folder, source)
    assert ".new" not in str(caught.value)  # a name of our own
    assert not files_in(folder)
