"""ImageNet from a folder, and how its networks are trained.

The folder has ``train`` and ``val``, each with a folder of images for each class, as
torchvision's ``ImageFolder`` reads them.
"""

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import make_scorer, top_k_accuracy_score
from skorch.callbacks import EpochScoring
from torch.optim import SGD
from torch.utils.data import DataLoader

from nets import REFINED, last_accuracies, net_of
from runs import stop
from skaug.transforms.torchvision import torchvision, v2

models = torchvision.models
# Of pixels from 0 to 1, the usual figures.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
SCALE = np.array([0.229, 0.224, 0.225], np.float32)
WORKERS = 8
TOP_5 = ", top 5"
# In place of a network, in a smoke test.
SMALL = partial(models.ResNet, models.resnet.BasicBlock, [1, 1, 1, 1])


@contextmanager
def image_folder(options):
    """The folder of the images; in a smoke test, one of digits that goes afterwards."""
    if not options.smoke:
        folder = Path(options.data)
        if not all((folder / part).is_dir() for part in ("train", "val")):
            needed = "a folder of images with train and val"
            stop("ImageNet", needed, folder, "Give it with --data.")
        yield folder
        return
    with TemporaryDirectory() as folder:
        write_digits(Path(folder))
        yield Path(folder)


def write_digits(folder):
    """Write three digits of each class as images for training, and one for tests."""
    X, y = load_digits(return_X_y=True)
    X = np.uint8(X.reshape(-1, 8, 8) * 15)
    for label in range(10):
        for number, pixels in enumerate(X[y == label][:4]):
            place = folder / ("train" if number < 3 else "val") / f"{label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number}.png")


def data_sets(folder, smoke):
    """Training images, cropped and flipped by chance, and test images."""
    size, larger = (32, 36) if smoke else (224, 256)
    crops = {
        "train": [v2.RandomResizedCrop(size), v2.RandomHorizontalFlip()],
        "val": [v2.Resize(larger), v2.CenterCrop(size)],
    }
    standardised = [
        *(v2.ToImage(), v2.ToDtype(torch.float32, scale=True)),
        *(v2.Normalize(MEAN.tolist(), SCALE.tolist()), v2.ToPureTensor()),
    ]
    return [
        torchvision.datasets.ImageFolder(
            folder / part, v2.Compose([*crop, *standardised])
        )
        for part, crop in crops.items()
    ]


def imagenet_run(row, module, seed, options, **more):
    """Train a network; accuracies by label, before and after refinement."""
    with image_folder(options) as folder:
        data = data_sets(folder, options.smoke)
        net = imagenet_net(module, data, seed, options, **more).fit(data[0])
    return {
        label + end: accuracies
        for end, score in (("", "valid_acc"), (TOP_5, "top_5"))
        for label, accuracies in zip((row, row + REFINED), last_accuracies(net, score))
    }


def with_top_5(figures):
    """The paper's figures by label; a pair is that of one class and of five."""
    return {
        label + end: (figure,)
        for label, pair in figures.items()
        for end, figure in zip(("", TOP_5), pair.split(" / "))
    }


def imagenet_net(module, data, seed, options, **more):
    """Make a net for data sets of training and test; `more` as for `net_of`."""
    train, test = data
    n_classes = len(train.classes)
    n_workers = 0 if options.smoke else WORKERS
    top_5 = make_scorer(
        top_k_accuracy_score,
        response_method="predict_proba",
        k=5,
        labels=np.arange(n_classes),
    )
    training = {
        "module": SMALL if options.smoke else module,
        "module__num_classes": n_classes,
        "classes": np.arange(n_classes),
        "optimizer": SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
        "optimizer__weight_decay": 1e-4,
        "iterator_train": DataLoader,
        "iterator_train__num_workers": n_workers,
        "iterator_train__pin_memory": not options.smoke,
        "iterator_valid": DataLoader,
        "iterator_valid__num_workers": n_workers,
    }
    scores = ("top_5", EpochScoring(top_5, lower_is_better=False, name="top_5"))
    more["first"] = [scores, *more.get("first", ())]
    return net_of(training, test, seed, options, **more)
