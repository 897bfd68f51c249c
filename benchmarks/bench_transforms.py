"""Time of a batch of images: our batched transforms against torchvision's, row by row.

The other side is what skaug did before: torchvision's transforms in a PerSample, with
the same ranges, and for the policy its list made of them. A policy draws uniformly from
its list here. Beside them stands one training step of the default network. All sides
take turns of five batches in one run, on one thread. A time is CPU time, the median
over turns.

    python benchmarks/bench_transforms.py
"""

import time
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from runs import RESULTS, check, claim, fill_page, list_of_claims, markdown, origin
from skaug.influence import Policy
from skaug.net import ConvNet
from skaug.transforms import (
    Cutout,
    Jitter,
    PerSample,
    RandomAffine,
    RandomCropFlip,
    default_transforms,
)
from skaug.transforms.calling import apply
from skaug.transforms.torchvision import v2

SHAPES = [(64, 3, 32, 32), (128, 1, 28, 28)]
TURNS, CALLS = 10, 20
GOALS = {"crop + flip": 15, "affine": 20, "policy": 8}


def affine(degrees, **ranges):
    bilinear = v2.InterpolationMode.BILINEAR
    return PerSample(v2.RandomAffine(degrees, interpolation=bilinear, **ranges))


def crop_and_flip(side):
    crop = v2.RandomCrop(side, padding=4)
    return PerSample(v2.Compose([crop, v2.RandomHorizontalFlip()]))


def torchvisions_policy(X):
    """The default policy as it was made of torchvision's transforms."""
    scale = X.std(dim=(0, 2, 3), correction=0)
    transforms = [affine(s) for s in (10.0, 30.0, 90.0)]
    transforms += [affine(0, translate=(s, s)) for s in (0.05, 0.15, 0.4)]
    transforms += [affine(0, scale=(1 - s, 1 + s)) for s in (0.1, 0.25, 0.5)]
    transforms += [affine(0, shear=(-s, s, -s, s)) for s in (10.0, 20.0, 45.0)]
    transforms += [PerSample(v2.RandomHorizontalFlip())]
    transforms += [PerSample(v2.RandomVerticalFlip())]
    transforms += [Jitter(s, scale) for s in (0.05, 0.2, 0.5)]
    transforms += [Cutout(round(s * X.shape[2])) for s in (0.2, 0.4, 0.7)]
    transforms += [affine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))]
    for name in ("brightness", "contrast"):
        transforms += [PerSample(v2.ColorJitter(**{name: s})) for s in (0.2, 0.5, 0.9)]
    transforms += [PerSample(v2.RandomInvert())]
    if X.shape[1] == 3:
        for s in (0.2, 0.5, 0.9):
            transforms += [PerSample(v2.ColorJitter(saturation=s, hue=s / 2))]
    return uniform(transforms, OneByOne)


class OneByOne(Policy):
    """A policy that transforms rows by one entry of its list after the other."""

    def __call__(self, X):
        new_X = X.clone()
        for chosen in self._chosen(len(X)):
            for number in np.unique(chosen[chosen >= 0]):
                own = torch.from_numpy((chosen == number).nonzero()[0])
                # A function's signature is read at each call, as all were then.
                function = partial(self.transforms[number].__call__)
                new_X[own] = apply(function, new_X, None, own, name="Policy")
        return new_X


def uniform(transforms, kind=Policy):
    return kind(transforms, torch.ones(len(transforms)) / len(transforms))


def training_step(X):
    """A function of a batch that makes one step of the default network."""
    network = ConvNet(X.shape[1], 10)
    optimizer = torch.optim.AdamW(network.parameters())
    y = torch.arange(len(X)) % 10

    def step(X):
        optimizer.zero_grad()
        functional.cross_entropy(network(X), y).backward()
        optimizer.step()

    return step


def sides_of(X):
    """All functions of a batch that are timed, by name."""
    ranges = {"translate": (0.1, 0.1), "scale": (0.9, 1.1), "shear": (-10, 10, -10, 10)}
    ours = uniform([transform for *_, transform in default_transforms(X)])
    return {
        "crop + flip": RandomCropFlip(),
        "crop + flip, row by row": crop_and_flip(X.shape[2]),
        "affine": RandomAffine(15, translate=0.1, scale=0.1, shear=10),
        "affine, row by row": affine(15, **ranges),
        "policy": ours,
        "policy, row by row": torchvisions_policy(X),
        "training step": training_step(X),
    }


def times_of(X, turns=TURNS):
    """Milliseconds of each side for a batch, the median over turns."""
    sides = sides_of(X)
    seconds = {name: [] for name in sides}
    for _ in range(turns + 3):
        for name, function in sides.items():
            start = time.process_time()
            for _ in range(CALLS):
                function(X)
            seconds[name].append((time.process_time() - start) / CALLS)
    return {name: 1000 * np.median(taken[3:]) for name, taken in seconds.items()}


def lines(times):
    yield ["batch", "transform", "ms", "torchvision's, row by row, ms", "times as fast"]
    for shape, of_shape in times.items():
        for name in GOALS:
            ours, theirs = of_shape[name], of_shape[f"{name}, row by row"]
            times_as_fast = f"{theirs / ours:.1f}"
            batch = " x ".join(map(str, shape))
            yield [batch, name, f"{ours:.2f}", f"{theirs:.1f}", times_as_fast]
        yield [batch, "training step", f"{of_shape['training step']:.2f}", "", ""]


def claims_on(times):
    for shape, of_shape in times.items():
        batch = " x ".join(map(str, shape))
        for name, goal in GOALS.items():
            ratio = of_shape[f"{name}, row by row"] / of_shape[name]
            text = f"{batch}: {name} is at least {goal} times as fast as row by row"
            yield claim(text, f"{ratio:.1f}", ratio >= goal)
        share = of_shape["policy"] / of_shape["training step"]
        text = f"{batch}: the policy takes at most the time of a training step"
        yield claim(text, f"{share:.2f} of it", share <= 1)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    times = {shape: times_of(torch.rand(shape)) for shape in SHAPES}
    table = "\n".join(markdown(lines(times)))
    claims = list(claims_on(times))
    print(table)
    page = RESULTS / "transforms.md"
    tables = [f"## Times\n\n{origin()}.\n\n{table}\n", *list_of_claims(claims)]
    fill_page(page, "Time of transforms of images", "\n".join(tables))
    check(claims)


if __name__ == "__main__":
    main()
