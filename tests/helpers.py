"""What tests of several folders share."""

import os
import signal
from functools import partial

import numpy as np
import pytest
import sklearn
import torch
from sklearn.metrics import accuracy_score, make_scorer
from skorch.callbacks import Callback
from torch import nn

from skaug.comparison import Task


def refuses(message, error=ValueError):
    """Expect an error with this message."""
    return pytest.raises(error, match=message)


def task_of(reading, **options):
    """What methods are compared on, from a file that was read."""
    rows = reading.X, reading.y, reading.groups, reading.test
    return Task(reading.name, *rows, **options)


def ignores(message):
    """Let warnings with a message pass that are tested elsewhere."""
    return pytest.mark.filterwarnings(f"ignore:{message}:UserWarning")


# Of an augmenter on small data, and trainings that are short on purpose.
few_steps = ignores(".*gradient steps to gain")
few_rows = ignores(".*held-out rows or more")
few_for_influence = ignores("LastLayerInfluence")
refused = ignores(".*lower the held-out")
takes_rows_away = ignores(".*clean rows beside")

older_than_1_8 = int(sklearn.__version__.split(".")[1]) < 8
needs_temperature = pytest.mark.skipif(
    older_than_1_8, reason="scikit-learn finds temperatures from 1.8 on"
)


def scoring_with_weights():
    """What a search scores a pipeline with, if weights are routed.

    Before scikit-learn 1.8 a search cannot pass weights to the pipeline's own score.
    """
    if older_than_1_8:
        return make_scorer(accuracy_score).set_score_request(sample_weight=True)
    return None


def legend_of(display):
    """Texts in the legend of a display."""
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def weights(net):
    """All weights of a fitted net as one vector."""
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


class Recorder(Callback):
    """Keeps what a function of the net gives at an event, of training batches only."""

    def __init__(self, event, function):
        self.seen = []
        setattr(self, event, partial(self.record, function))

    def record(self, function, net, training=True, **kwargs):
        if training:
            self.seen.append(function(net))


class Counting(nn.Module):
    """Hands rows on, and writes their number to a file, from whatever process."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def forward(self, X):
        with open(self.path, "a") as file:
            file.write(f"{len(X)}\n")
        return X

    def count(self):
        """Count the rows so far."""
        with open(self.path) as file:
            return sum(map(int, file))


def signals_itself(monkeypatch, place, name, number, what=signal.SIGINT):
    """Let a function send its process a signal when it is called for the n-th time."""
    original, calls = getattr(place, name), []

    def call(*args, **kwargs):
        calls.append(0)
        if len(calls) == number:
            os.kill(os.getpid(), what)
        return original(*args, **kwargs)

    monkeypatch.setattr(place, name, call)
    return calls


def killed(function):
    """Call a function in a process of its own, and expect the process to be killed."""
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def mirror(X):
    """Change the sign of half of the rows, which leaves the classes as they are."""
    return X * (1 - 2 * torch.randint(2, (len(X), *[1] * (X.ndim - 1))))


def mirrored_rows(n=300, n_one_sided=0):
    """Rows (n, 20) of three classes, each of them around two opposite points."""
    # The first rows are around one of the two.
    rng = np.random.default_rng(0)
    y, centres = np.arange(n) % 3, rng.normal(size=(3, 20))
    signs = rng.choice([-1, 1], size=(n, 1))
    signs[:n_one_sided] = 1
    return np.float32(signs * centres[y] + 1.5 * rng.normal(size=(n, 20))), y
