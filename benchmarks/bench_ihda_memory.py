"""What IHDA costs in memory and time where a level's activations do not fit.

The network has a convolutional level of 16 x 32 x 32 numbers, 64 KiB a row in float32:
3.05 GiB for 50,000 rows. It is fine-tuned there and at the level above it, all else by
default. scikit-learn's working_memory has its default, 1,024 MiB.

- Memory: a thread reads the resident memory of the process every 10 ms. What counts is
  the largest reading beyond the program itself: what is resident just before the
  fine-tuning, with libraries, rows and the fitted network. 3,072 bytes a row, uint8.
  The activations lie in a file on the disk.
- Time: 5,000 rows of the same level, 312 MiB, are fine-tuned in memory and from the
  disk (working_memory=64) in turn, in one process. The ratio is that of the medians.
  Both give the same weights bit for bit.

On two cores that others used as well: 506 MiB beyond a program of 606 MiB in 179 s, and
0.98 times the time in memory (42 and 43 s).

    python benchmarks/bench_ihda_memory.py [--rows 50000] [--repeats 3]
"""

import os
import threading
import time
import warnings

import numpy as np
import torch
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from torch import nn

from costs import in_own_process, run, trimmed
from runs import check, claim, parser_of
from skaug import IHDAFinetuner, NetClassifier

MEMORY_GOAL = 1024  # MiB beyond the program
TIME_GOAL = 1.3
N_CLASSES = 10


class WideNet(nn.Module):
    """A convolutional level of 16 x 32 x 32, a dense one of 64, and the head."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.narrow = nn.Sequential(
            nn.Conv2d(16, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, N_CLASSES)

    def forward(self, X):
        return self.head(self.narrow(self.wide(X)))


class Watch:
    """Reads the resident memory of this process in a thread of its own."""

    def __enter__(self):
        trimmed()
        self.before = self.largest = resident_mib()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self):
        while not self._over.wait(0.01):
            self.largest = max(self.largest, resident_mib())

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    @property
    def beyond(self):
        """MiB beyond those at the start."""
        return self.largest - self.before


def resident_mib():
    """Resident memory of this process, pages of files that are mapped included."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def images(n, seed=0):
    """Images of classes that differ in the mean colour of a patch, as bytes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(N_CLASSES, size=n)
    X = rng.integers(0, 200, size=(n, 3, 32, 32), dtype=np.uint8)
    X[np.arange(n), y % 3, 3 * y, :] += 50
    return X, y


def tuned(net, X, y):
    """A finetuner that is fitted, and its seconds."""
    levels = ["wide", "narrow"]
    model = IHDAFinetuner(FrozenEstimator(net), levels=levels, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        start = time.perf_counter()
        model.fit(X, y)
    return model, time.perf_counter() - start


def fitted_net():
    """The network after a short training; it is the fine-tuning that counts here."""
    net = NetClassifier(WideNet, max_epochs=5, random_state=0)
    return net.fit(*images(500, seed=1))


def measure_memory(n):
    """Peak beyond the program, where activations were, and the seconds."""
    torch.set_num_threads(1)
    net, (X, y) = fitted_net(), images(n)
    tuned(net, X[:300], y[:300])  # what torch loads once
    with Watch() as watch:
        model, seconds = tuned(net, X, y)
    levels = [(r.level, r.stored, r.mib) for r in model.levels_]
    return {
        "program": watch.before,
        "beyond": watch.beyond,
        "seconds": seconds,
        "levels": levels,
    }


def measure_time(n, repeats):
    """Seconds in memory and from the disk in turn, and whether the weights agree."""
    torch.set_num_threads(1)
    net, (X, y) = fitted_net(), images(n)
    tuned(net, X[:300], y[:300])
    seconds = {"memory": [], "disk": []}
    states, stored = {}, {}
    for _ in range(repeats):
        for place, mib in (("memory", 1024), ("disk", 64)):
            with config_context(working_memory=mib):
                model, taken = tuned(net, X, y)
            seconds[place].append(taken)
            stored[place] = model.levels_[0].stored
            states[place] = list(model.estimator_.module_.state_dict().values())
    same = all(a.equal(b) for a, b in zip(*states.values()))
    same = same and stored == {"memory": "memory", "disk": "disk"}
    return {"seconds": seconds, "stored": stored, "same": same}


def measure(what, *args):
    """One case, in a process of its own."""
    return {"memory": measure_memory, "time": measure_time}[what](*args)


def main(options):
    """Print both measurements and check the claims."""
    found = in_own_process(__file__, "memory", options.rows)
    print(
        f"{options.rows} rows: program {found['program']:.0f} MiB, at most "
        f"{found['beyond']:.0f} MiB beyond it, {found['seconds']:.0f} s"
    )
    for level, stored, mib in found["levels"]:
        print(f"  {level}: {mib:,.0f} MiB of activations, {stored}")
    timed = in_own_process(__file__, "time", 5000, options.repeats)
    medians = {k: float(np.median(s)) for k, s in timed["seconds"].items()}
    for place, taken in timed["seconds"].items():
        each = ", ".join(f"{s:.1f}" for s in taken)
        print(f"5000 rows, {timed['stored'][place]}: {medians[place]:.1f} s ({each})")
    ratio = medians["disk"] / medians["memory"]
    check(
        [
            claim(
                f"memory beyond the program <= {MEMORY_GOAL} MiB",
                f"{found['beyond']:.0f} MiB",
                found["beyond"] <= MEMORY_GOAL,
            ),
            claim(
                f"time from the disk <= {TIME_GOAL} x in memory",
                f"{ratio:.2f} x",
                ratio <= TIME_GOAL,
            ),
            claim(
                "weights from disk and memory are the same bit for bit",
                timed["same"],
                timed["same"],
            ),
        ]
    )


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3)
    run(parser, main, measure)
