"""An epoch with BatchAugmentation against one without, and what mixup costs.

The callback alone is measured with a transform that returns the batch as it is. All
sides train the same network in turn, a few epochs at a time, in one run; a ratio is the
median over turns of CPU time over that of the side without the callback. That side runs
twice: "plain again" shows what the ratios are worth beside other work. The digits are
the hard case: a step takes half a millisecond there.

    python benchmarks/bench_batch_augmentation.py
"""

import time

import numpy as np
import torch

from costs import EpochClock, print_line
from data import har_table, load
from runs import check, claim
from skaug import BatchAugmentation, ManifoldMixup, NetClassifier, TableMixup
from skaug.transforms.torchvision import v2

GOAL = 1.02
COLUMNS = ["plain again", "identity", "mixup", "manifold mixup"]


def ratios(X, y, transforms, epochs, turns):
    """Milliseconds of an epoch without the callback, and ratios of all transforms."""
    sides = {"plain": [], "plain again": []}
    for name, transform in transforms.items():
        sides[name] = [("augment", BatchAugmentation(transform))]
    nets = {
        name: NetClassifier(
            callbacks=[*own, ("clock", EpochClock(time.process_time))], random_state=0
        )
        for name, own in sides.items()
    }
    seconds = {name: [] for name in nets}
    for turn in range(turns + 1):
        # Whoever comes first may find the caches cold.
        names = list(nets)[:: 1 if turn % 2 else -1]
        for name in names:
            nets[name].partial_fit(X, y, epochs=epochs)
            first, *_, last = dict(nets[name].callbacks_)["clock"].ends_
            seconds[name].append((last - first) / epochs)
    plain = np.array(seconds.pop("plain")[1:])  # the first turn warms up
    medians = {name: np.median(s[1:] / plain) for name, s in seconds.items()}
    return 1000 * np.median(plain), medians


def main():
    torch.set_num_threads(1)
    digits, har, cifar = load("digits"), load("har"), load("cifar10")
    mixup = {False: TableMixup(), True: v2.MixUp(num_classes=10)}
    sets = {  # rows, labels, epochs of a turn, turns
        "digits (1078, 64)": (digits.X_train, digits.y_train, 3, 100),
        "HAR table (7352, 195)": (har_table(har.X_train), har.y_train, 1, 40),
        "CIFAR-10 (320)": (cifar.X_train[:320], cifar.y_train[:320], 1, 80),
    }
    widths = [24, 12, *[16] * len(COLUMNS)]
    print_line(widths, ["one epoch", "plain", *COLUMNS])
    claims = []
    for name, (X, y, epochs, turns) in sets.items():
        transforms = [lambda X: X, mixup[X.ndim == 4], ManifoldMixup()]
        transforms = dict(zip(COLUMNS[1:], transforms))
        milliseconds, found = ratios(X, y, transforms, epochs, turns)
        cells = [f"{found[column]:.3f}" for column in COLUMNS]
        print_line(widths, [name, f"{milliseconds:.1f} ms", *cells])
        text = f"{name}: an epoch with the callback takes at most {GOAL} x one without"
        ratio = found["identity"]
        claims.append(claim(text, f"{ratio:.3f}", ratio <= GOAL))
    check(claims)


if __name__ == "__main__":
    main()
