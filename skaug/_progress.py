"""One progress bar on the standard error: what is done, the loss and the time left.

A bar inside another one is not drawn. The outer bar shows its figures instead, such as
the epochs of the network that is being trained.
"""

import multiprocessing
import sys
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from tqdm import tqdm

__all__ = ["Progress", "prints_lines", "without_bars"]

# Seconds between two drawings: where a line can be written over, and in a log.
LIVE, LOGGED = 0.1, 60.0
MANY = ("B", "pair")  # units that are counted in thousands and millions

_outer = ContextVar("outer", default=None)


class Progress:
    """Count what is done, in a bar if `verbose` is 1; to be used as a context.

    Parameters
    ----------
    name : str
        Who is at work; stands before the bar.
    total : int, default=None
        How many there will be, if that is known.
    unit : str, default="step"
        What is counted.
    verbose : int, default=0
        1 shows the bar. Nothing is shown in the processes that joblib starts, since
        several bars would write over each other.
    file : file, default=None
        Where the bar is drawn; ``sys.stderr`` by default.

    Attributes
    ----------
    n : int
        How many are done.
    """

    def __init__(self, name, total=None, unit="step", *, verbose=0, file=None):
        self.name, self.total, self.unit, self.n = name, total, unit, 0
        self.verbose = verbose
        self.outer, self._bar = _outer.get(), None
        self._file = sys.stderr if file is None else file
        self._is_wanted = verbose == 1 and self.outer is None and _can_show(self._file)

    def __enter__(self):
        if self._is_wanted:
            # smoothing=0 estimates the time left from all steps so far. A moving mean
            # would be misled by drawings between two steps.
            self._bar = tqdm(
                desc=self.name,
                total=self.total,
                unit="B" if self.unit == "B" else f" {self.unit}",
                unit_scale=self.unit in MANY,
                file=self._file,
                mininterval=LIVE if _is_live(self._file) else LOGGED,
                miniters=0,
                smoothing=0,
            )
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @property
    def is_shown(self):
        """Whether the figures of a step are seen by anyone."""
        outer = self.outer
        return self._bar is not None or (outer is not None and outer.is_shown)

    def step(self, n=1, **figures):
        """Count `n` more, and show figures such as the loss."""
        self.n += n
        if self._bar is not None:
            self._tell(n, figures)
        elif self.outer is not None and self.outer.is_shown:
            done = f"{self.n}" if self.total is None else f"{self.n}/{self.total}"
            self.outer.tell(**{self.unit: done}, **figures)

    def tell(self, **figures):
        """Show figures without counting."""
        if self._bar is not None:
            self._tell(0, figures)

    def _tell(self, n, figures):
        known = {name: one for name, one in figures.items() if one is not None}
        self._bar.set_postfix(known, refresh=False)
        self._bar.update(n)

    def expect(self, n):
        """Say that `n` more are to come."""
        self.total = n + (self.total or 0)
        if self._bar is not None:
            self._bar.total = self.total
            self._bar.update(0)

    def start_over(self, total):
        """Restart the count and the clock, after work that was not to be counted."""
        self.n, self.total = 0, total
        if self._bar is not None:
            self._bar.reset(total)

    def around(self, net=None):
        """Show the figures of bars inside; a skorch net prints nothing meanwhile."""
        return self._around(net) if self.is_shown else nullcontext()

    @contextmanager
    def _around(self, net):
        token, verbose = _outer.set(self), getattr(net, "verbose", None)
        if verbose:
            net.verbose = 0
        try:
            yield
        finally:
            _outer.reset(token)
            if verbose:
                net.verbose = verbose


@contextmanager
def without_bars():
    """Show nothing of what is done inside."""
    token = _outer.set(Progress("nothing"))
    try:
        yield
    finally:
        _outer.reset(token)


def prints_lines(verbose):
    """Whether lines are printed at a verbosity: from 2 on, but not inside a bar."""
    return verbose > 1 and _outer.get() is None


def _can_show(file):
    """Whether there is a file, and this is no process beside others."""
    return file is not None and multiprocessing.parent_process() is None


def _is_live(file):
    """Whether a line can be written over: in a terminal or a notebook."""
    return file.isatty() or type(file).__module__.startswith("ipykernel")
