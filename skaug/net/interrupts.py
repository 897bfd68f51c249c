"""Ctrl-C: no training that was cut short is taken for a whole one.

skorch ends a training at a KeyboardInterrupt and returns the net as if it were trained.
That suits somebody who watches the losses and has seen enough. A search would keep the
score of a net that was trained for one epoch of twenty. So a net that its owner fits
returns, is marked and warns. A clone is part of something else, and raises.

skorch's own EarlyStopping raises KeyboardInterrupt as well, and so do callbacks of
users that end a training as planned. Only the signal tells Ctrl-C from these.
"""

import signal
import warnings
from contextlib import contextmanager

__all__ = ["StopsWhole", "interrupts_noted", "interrupts_raised"]


class StopsWhole:
    """Mixin for estimators that keep what was finished when Ctrl-C ends their fit."""

    _is_clone = False

    def __sklearn_clone__(self):
        """Make a clone, which belongs to a search or to another estimator."""
        new = super().__sklearn_clone__()
        new._is_clone = True
        return new

    def _end_by_interrupt(self, got, advice, stacklevel):
        """Raise in a clone; else warn the caller of ``fit``."""
        name = type(self).__name__
        if self._is_clone:
            raise KeyboardInterrupt(
                f"{name} needs to come to the end of fit; got {got}."
            )
        warnings.warn(
            f"{name} needs to come to the end of fit; got {got}. {advice}.",
            stacklevel=stacklevel,
        )


@contextmanager
def interrupts_noted():
    """Yield a list that has an entry for each Ctrl-C; all else is done as before."""
    noted, before = [], signal.getsignal(signal.SIGINT)

    def note(number, frame):
        noted.append(number)
        before(number, frame)

    is_set = False
    try:
        if callable(before):  # else there is no KeyboardInterrupt
            signal.signal(signal.SIGINT, note)
            is_set = True
    except ValueError:  # Ctrl-C reaches the main thread only
        pass
    try:
        yield noted
    finally:
        if is_set:
            signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_raised():
    """Raise KeyboardInterrupt at the end if what is fitted inside has swallowed one."""
    with interrupts_noted() as noted:
        yield
    if noted:
        raise KeyboardInterrupt
