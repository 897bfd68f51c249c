"""A training that was broken off goes on as if nothing had happened.

While a net trains it knows where the training began and where it is to end. A pickle
that a callback makes in training has the states of the generators at that moment. To go
on, the net splits the rows from the state in which the training began, and trains from
the state in which it was left.
"""

from contextlib import contextmanager

from skaug._random import generator_states, set_generators
from skaug.net.callbacks import put_back, states_of
from skaug.net.interrupts import StopsWhole, interrupts_noted

__all__ = ["Resumes"]

RESUME = "resume"


class Resumes(StopsWhole):
    """What :class:`NetClassifier` does to finish a training that was broken off."""

    def resume(self, X, y=None, groups=None, sample_weight=None, **fit_params):
        """Finish a training that was broken off by a kill or by Ctrl-C.

        A net that an :class:`~skaug.net.EpochCheckpoint` kept, or any callback that
        pickles it at the end of an epoch, goes on bit for bit as if it had never
        stopped: with the order of the batches, dropout, the draws of callbacks, the
        rows held out, the schedules and the patience of early stopping. An epoch in
        whose middle Ctrl-C came counts as trained.

        Parameters
        ----------
        X, y, groups, sample_weight : array-like
            The same as in the call that was broken off.
        **fit_params
            The same, without ``epochs``.

        Returns
        -------
        self : NetClassifier
            The fitted net. If its training has ended, nothing is done. If it never
            began, this is :meth:`fit`.

        Warns
        -----
        UserWarning
            If skorch's ``EarlyStopping(load_best=True)`` may go back to weights that
            skorch leaves out of pickles.

        Notes
        -----
        Neither what is drawn from NumPy's global generator is repeated, nor the order
        of a DataLoader with ``persistent_workers=True``.
        """
        if not (self.initialized_ and self.history):
            return self.fit(X, y, groups, sample_weight, **fit_params)
        if not hasattr(self, "_unfinished"):
            return self
        return self._fit(X, y, groups, sample_weight, False, RESUME, **fit_params)

    @contextmanager
    def _begun(self, method):
        """Draw as from the beginning; yield the method that began the training."""
        # A net from a callback has the states of its training.
        now = vars(self).pop("_training_states", None)
        if method != RESUME:
            vars(self).pop("_unfinished", None)
            with self._own_generators(states=now):
                states = generator_states(self.device or "cpu")
                self._beginning = {"method": method, "states": states}
                yield method
            return
        with self._own_generators(states=self._unfinished["states"]):
            now = self.generator_state_ if now is None else now
            self._going_on = now, states_of(self)
            yield self._unfinished["method"]

    @contextmanager
    def _whole(self, epochs):
        """Note whether a training of some epochs comes to its end."""
        if hasattr(self, "_going_on"):
            # From here on callbacks and generators are where they were left.
            states, of_callbacks = self._going_on
            put_back(self, of_callbacks)
            set_generators(states, self.device or "cpu")
        elif hasattr(self, "_beginning"):
            first = len(self.history)
            place = {"first": first, "last": first + epochs}
            self._unfinished = self._beginning | place
        with interrupts_noted() as noted:
            try:
                yield
            except KeyboardInterrupt:
                self.interrupted_ = bool(noted)
                if not noted:  # a callback has ended the training
                    vars(self).pop("_unfinished", None)
                raise
        vars(self).pop("_unfinished", None)

    def _forget_training(self):
        """Leave nothing that is there only while a net trains."""
        for name in ("_beginning", "_going_on"):
            vars(self).pop(name, None)

    def _missing_epochs(self):
        """How many epochs a training that goes on has to do."""
        return max(self._unfinished["last"] - len(self.history), 0)

    def _stop(self):
        """Tell the caller of ``fit`` that Ctrl-C has ended it."""
        first, last = self._unfinished["first"], self._unfinished["last"]
        self._end_by_interrupt(
            f"Ctrl-C in epoch {len(self.history) - first} of {last - first}",
            "It predicts with what it has learned so far; resume(X, y) trains the "
            "epochs that are missing",
            stacklevel=5,
        )

    def __getstate__(self):
        state = super().__getstate__()
        if "_split" in state:  # a callback makes a pickle in training
            name = "_training_states" if "_unfinished" in state else "generator_state_"
            state[name] = generator_states(self.device or "cpu")
        return state
