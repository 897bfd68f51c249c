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
from skorch.callbacks import Callback

from data import har_table, load
from skaug import BatchAugmentation, ManifoldMixup, NetClassifier, TableMixup
from vision import v2

GOAL = 1.02
COLUMNS = ["plain again", "identity", "mixup", "manifold mixup"]


class EpochClock(Callback):
    """CPU seconds of the epochs of one call, skorch's own bookkeeping included."""

    def on_train_begin(self, net, **kwargs):
        self.start_ = time.process_time()

    def on_epoch_end(self, net, **kwargs):
        self.seconds_ = time.process_time() - self.start_


def ratios(X, y, transforms, epochs, turns):
    """Milliseconds of an epoch without the callback, and ratios of all transforms."""
    sides = {"plain": [], "plain again": []}
    for name, transform in transforms.items():
        sides[name] = [("augment", BatchAugmentation(transform))]
    nets = {
        name: NetClassifier(callbacks=[*own, ("clock", EpochClock())], random_state=0)
        for name, own in sides.items()
    }
    seconds = {name: [] for name in nets}
    for turn in range(turns + 1):
        # Whoever comes first may find the caches cold.
        names = list(nets)[:: 1 if turn % 2 else -1]
        for name in names:
            nets[name].partial_fit(X, y, epochs=epochs)
            clock = dict(nets[name].callbacks_)["clock"]
            seconds[name].append(clock.seconds_ / epochs)
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
    heading = "".join(f"{column:>16}" for column in COLUMNS)
    print(f"{'one epoch':24}{'plain':>12}{heading}  goal of identity {GOAL}")
    missed = []
    for name, (X, y, epochs, turns) in sets.items():
        transforms = [lambda X: X, mixup[X.ndim == 4], ManifoldMixup()]
        transforms = dict(zip(COLUMNS[1:], transforms))
        milliseconds, found = ratios(X, y, transforms, epochs, turns)
        cells = "".join(f"{found[column]:16.3f}" for column in COLUMNS)
        print(f"{name:24}{milliseconds:9.1f} ms{cells}", flush=True)
        if found["identity"] > GOAL:
            missed.append(f"{name}: {found['identity']:.3f}")
    assert not missed, f"an epoch with the callback takes more than {GOAL}: {missed}"


if __name__ == "__main__":
    main()
