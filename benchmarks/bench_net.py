"""An epoch of NetClassifier against bare PyTorch, and the cost of a network's levels.

The bare loop slices batches out of tensors: no DataLoader, no per-row Python. Both
sides train the same network with the same optimizer, in turn, in one run.

Levels checks at which blocks a network can be cut, here on 10 rows, as many as IHDA
gives it. The unit of its CPU time is one forward pass of these rows.

    python benchmarks/bench_net.py
"""

import time

import numpy as np
import torch
from pytorchcv.models.resnet_cifar import resnet110_cifar10
from torch import nn

from costs import EpochClock, cpu_seconds, print_line
from data import har_table, load
from runs import check, claim
from skaug import NetClassifier
from skaug.net import Levels
from skaug.transforms.torchvision import torchvision

GOAL = 1.2
PASSES_PER_LEVEL = 0.5
EPOCHS = 6


def bare_epochs(net, X, y):
    """The loop a user would write; returns seconds per epoch."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    module = type(net.module_)(X.shape[1], int(y.max()) + 1).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=net.lr)
    loss_function = nn.CrossEntropyLoss()
    seconds = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        order = torch.randperm(len(X))
        total = 0.0
        for first in range(0, len(X), net.batch_size):
            rows = order[first : first + net.batch_size]
            optimizer.zero_grad()
            loss = loss_function(module(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        seconds.append(time.perf_counter() - start)
    return seconds


def compare(X, y, rounds=3):
    """Median seconds per epoch of both sides, in turn."""
    ours, bare = [], []
    for _ in range(rounds):
        net = NetClassifier(
            max_epochs=EPOCHS,
            random_state=0,
            callbacks=[("clock", EpochClock(time.perf_counter))],
        ).fit(X, y)
        ours += np.diff(dict(net.callbacks_)["clock"].ends_)[1:].tolist()
        bare += bare_epochs(net, X, y)[1:]
    return np.median(ours), np.median(bare)


def cost_of_levels(make, side):
    """CPU seconds of a forward pass and of the levels, and the number of levels."""
    torch.manual_seed(0)
    network, X = make().eval(), torch.randn(10, 3, side, side)
    with torch.no_grad():
        network(X)
        forward = min(cpu_seconds(network, X)[0] for _ in range(3))
    seconds, levels = cpu_seconds(Levels, network, X)
    return forward, seconds, len(levels.names)


def levels_claims():
    """Print what the levels of deep networks cost, and claim that it is little."""
    networks = {
        "VGG-16-BN, 224 x 224": (torchvision.models.vgg16_bn, 224),
        "ResNet-18, 224 x 224": (torchvision.models.resnet18, 224),
        "DenseNet-121, 224 x 224": (torchvision.models.densenet121, 224),
        "ResNet-110, 32 x 32": (resnet110_cifar10, 32),
    }
    widths = 24, 10, 10, 10, 8
    print_line(widths, ["levels", "forward", "levels", "passes", "number"])
    claims = []
    for name, case in networks.items():
        forward, seconds, n_levels = cost_of_levels(*case)
        passes = seconds / forward
        cells = f"{forward:.2f}s", f"{seconds:.2f}s", f"{passes:.1f}", n_levels
        print_line(widths, [name, *cells])
        text = f"{name}: levels cost at most {PASSES_PER_LEVEL} forward passes each"
        claims.append(
            claim(
                text, f"{passes / n_levels:.2f}", passes <= PASSES_PER_LEVEL * n_levels
            )
        )
    return claims


def main():
    har, fashion = load("har"), load("fashion_mnist")
    sets = {
        "HAR table (7352, 195)": (har_table(har.X_train), har.y_train - 1),
        "28 x 28 images (3000)": (fashion.X_train[:3000], fashion.y_train[:3000]),
    }
    widths = 24, 10, 10, 8
    print_line(widths, ["one epoch", "bare", "skaug", "ratio"])
    claims = []
    for name, (X, y) in sets.items():
        ours, bare = compare(X, y)
        ratio = f"{ours / bare:.2f}"
        print_line(widths, [name, f"{bare:.3f}s", f"{ours:.3f}s", ratio])
        text = f"{name}: an epoch takes at most {GOAL} x the bare loop"
        claims.append(claim(text, ratio, ours <= GOAL * bare))
    check(claims + levels_claims())


if __name__ == "__main__":
    main()
