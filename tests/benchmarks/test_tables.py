"""The papers' tables, made again: every script, and what they share."""

import json
import pickle
from argparse import Namespace
from importlib import import_module

import numpy as np
import pytest
import torch
from helpers import few_steps
from skorch.history import History

import image_sets
import nets
import table
from average_precision import mean_average_precision
from skaug import ISDAClassifier
from skaug.baselines import ResNet
from skaug.transforms.torchvision import torchvision

# Rows that differ in how they are trained, not only in a network or a number.
SCRIPTS = {
    "isda_cifar": ["ResNet-32", "ResNet-32 + ISDA"],
    "isda_augmented": ["WRN-28-10, AutoAugment + ISDA"],
    "isda_losses": [
        "ResNet-110, center",
        "ResNet-110, disturb label",
        "ResNet-110, CGAN",
        "ResNet-110, ISDA + dropout",
    ],
    "isda_ablation": ["basic", "constant strength", "single covariance matrix"],
    "isda_imagenet": ["ResNet-50 + ISDA"],
    "refined_cifar": [
        "PreActResNet-18, standard",
        "PreActResNet-18, manifold mixup",
        "PreActResNet-18, CutMix",
    ],
    "refined_imagenet": ["ResNet-50, AutoAugment"],
    "refined_detection": ["mixup, refined"],
    "ihda_cifar": ["ResNet-32, IHDA", "ResNet-32, IHDA+"],
    "influence_cifar": ["WRN-28-10, proposed"],
}
OF_SEVERAL = {  # lines of a table that one training gives
    "PreActResNet-18, CutMix": ["PreActResNet-18, CutMix, refined"],
    "PreActResNet-18, standard": ["PreActResNet-18, standard, refined"],
    "ResNet-50 + ISDA": ["ResNet-50 + ISDA, top 5"],
    "ResNet-50, AutoAugment": ["ResNet-50, AutoAugment, refined, top 5"],
    "ResNet-32, IHDA+": ["ResNet-32"],
}
SMOKE = Namespace(smoke=True, data="", device="cpu", gpu=False, epochs=2)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_runs_from_end_to_end(name, capsys):
    rows = SCRIPTS[name]
    try:
        import_module(name).main(["--smoke", "--rows", *rows])
    except SystemExit as end:
        if "operators" not in str(end):
            raise
        pytest.skip(str(end))
    lines = capsys.readouterr().out.split("\n")
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    known = {label: values for label, *values in cells}
    assert "The figures mean nothing" in lines[0]
    for label in [*rows, *(more for row in rows for more in OF_SEVERAL.get(row, []))]:
        n_seeds, mean, median, *_ = known[label]
        assert n_seeds == "1" and 0 <= float(mean) <= 100 and 0 <= float(median) <= 100


def test_what_is_kept_is_not_trained_again(tmp_path):
    def train(row, name, seed, options):
        trained.append((name, row, seed))
        return {row: [90.0, 92.0]}

    def make(*arguments):
        arguments = [*arguments, "--device", "cpu", "--output", str(path)]
        table.make_table("Why?", paper, train, arguments, sets=["a", "b"], seeds=2)

    path, trained = tmp_path / "a.json", []
    paper = {"one": ("1", "2"), "two": ("3", None)}
    make("--rows", "two", "--sets", "b")
    make("--rows", "two", "--seeds", "1")
    assert trained == [("b", "two", 0), ("b", "two", 1), ("a", "two", 0)]
    results = json.loads(path.read_text())["results"]
    assert {run["set"] for run in results} == {"a, two", "b, two"}
    make("--epochs", "3", "--rows", "two", "--sets", "b")
    assert trained[3:] == [("b", "two", 0), ("b", "two", 1)]
    # What the paper has no figure for is trained only if its row is named.
    make("--epochs", "4", "--seeds", "1")
    assert trained[5:] == [("a", "one", 0), ("a", "two", 0), ("b", "one", 0)]


def test_figures_are_means_over_seeds_of_means_and_of_medians():
    last = [[90.0, 91.0, 95.0], [92.0, 93.0, 97.0]]
    runs = [{"arms": {"one": {"accuracies": one}}, "seconds": 3} for one in last]
    assert table.line_of(runs, "one", "7.1", "error") == [
        *("one", "2", "7.00 ± 1.41", "8.00 ± 1.41", "7.1", "3")
    ]
    _, _, *cells, _ = table.line_of(runs[:1], "one", None, "accuracy")
    assert cells == ["92.00", "91.00", ""]
    assert table.line_of(runs, "two", "7.1", "error") is None


def test_the_last_ten_epochs_of_each_phase():
    history = History()
    for epoch in range(1, 451):
        history.new_epoch()
        history.record("valid_acc", epoch / 1000)
        history.record("refining", epoch > 400)
    augmented, refined = nets.last_accuracies(Namespace(history=history))
    np.testing.assert_allclose(augmented, np.arange(391, 401) / 10)
    np.testing.assert_allclose(refined, np.arange(441, 451) / 10)


@few_steps
def test_accuracies_are_the_scores_of_the_net():
    images = image_sets.images_of("cifar10", SMOKE)
    net = nets.cifar_net("ResNet-32", "isda", images, 0, SMOKE).fit(images.X, images.y)
    [[_, last]] = nets.last_accuracies(net)
    assert last == pytest.approx(100 * net.score(images.X_test, images.y_test))


def test_bfloat16_changes_the_last_digits_only():
    images = image_sets.images_of("cifar10", SMOKE)
    net = nets.FastISDA(ResNet, module__depth=8, max_epochs=2, random_state=0)
    net.fit(images.X, images.y)
    assert {weight.dtype for weight in net.module_.parameters()} == {torch.float32}
    assert net.covariance_.dtype == np.float32 and np.isfinite(net.covariance_).all()
    X = torch.from_numpy(images.X_test)
    with torch.no_grad():
        net.module_.eval()
        ours, exact = net.infer(X), net.module_(X)
    assert ours.dtype == torch.float32 and not torch.equal(ours, exact)
    assert (ours - exact).abs().max() < 0.05 * exact.std()
    first = ISDAClassifier(ResNet, module__depth=8, max_epochs=2, random_state=0)
    loss = first.fit(images.X, images.y).history[0]["train_loss"]
    assert net.history[0]["train_loss"] == pytest.approx(loss, rel=0.01)


def test_images_are_standardised_and_pixels_found_again():
    images = image_sets.images_of("cifar10", SMOKE)
    np.testing.assert_allclose(images.X.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(images.X.std((0, 2, 3)), 1, atol=1e-5)
    seen, X = [], torch.from_numpy(images.X)
    same = nets.OfPixels(lambda X: seen.append(X) or X, images.mean, images.scale)(X)
    torch.testing.assert_close(same, X)
    assert seen[0].min() == 0 and seen[0].max() == 1


def test_cifar_100_is_read_as_torchvision_has_it(tmp_path, monkeypatch):
    kind = torchvision.datasets.CIFAR100
    for name in ("train_list", "test_list"):
        files = [[file, None] for file, _ in getattr(kind, name)]  # no checksum
        monkeypatch.setattr(kind, name, files)
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": None})
    place = tmp_path / kind.base_folder
    place.mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(3, 3072), dtype=np.uint8)
    for file, rows in (("train", [0, 1]), ("test", [2])):
        content = {"data": pixels[rows], "fine_labels": [7 + row for row in rows]}
        (place / file).write_bytes(pickle.dumps(content))
    (place / "meta").write_bytes(pickle.dumps({"fine_label_names": ["a"] * 100}))
    options = Namespace(smoke=False, data=str(tmp_path))
    images = image_sets.images_of("cifar100", options)
    assert images.y.tolist() == [7, 8] and images.y_test.tolist() == [9]
    shape = 3, 1, 1
    found = images.X_test[0] * images.scale.reshape(shape) + images.mean.reshape(shape)
    np.testing.assert_allclose(255 * found, pixels[2].reshape(3, 32, 32), atol=1e-3)


def test_average_precision_by_hand():
    """Two objects of a class, found first and third; one of another, not found."""
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    far, difficult = box + 50, box + 20

    def image(name, *boxes):
        places, labels, more = zip(*boxes)
        labels, more = torch.tensor(labels), torch.tensor(more)
        return {"boxes": torch.cat(places), "labels": labels, name: more}

    true = [
        image("difficult", (box, 1, False), (box, 2, False), (difficult, 1, True)),
        image("difficult", (box, 1, False)),
    ]
    found = [
        # A hit, the same again, and one that does not count.
        image("scores", (box, 1, 0.9), (box + 1, 1, 0.8), (difficult, 1, 0.95)),
        image("scores", (box + 1, 1, 0.7), (far, 2, 0.6)),
    ]
    of_first = (6 * 1 + 5 * 2 / 3) / 11  # recalls up to a half, and beyond
    expected = 100 * (of_first + 0) / 2
    assert mean_average_precision(found, true) == pytest.approx(expected)
