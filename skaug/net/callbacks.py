"""Callbacks of a net: which ones may be given, and what skorch does to them."""

import copy
import warnings

from skorch.callbacks import EarlyStopping, LRScheduler, PrintLog
from skorch.utils import to_numpy

from skaug._checks import OneOf, Rule
from skaug.net.checkpoint import EpochCheckpoint
from skaug.net.epochs import Lines

__all__ = ["CALLBACKS", "HoldsCallbacks", "put_back", "states_of"]


def _are_callbacks(value):
    """Whether it is a list of callbacks, of which some may have names."""
    callbacks = [
        one[1] if isinstance(one, tuple) and len(one) == 2 else one
        for one in (value if isinstance(value, list) else [0])
    ]
    return all(one is None or hasattr(one, "set_params") for one in callbacks)


CALLBACKS = OneOf(None, "disable") | Rule(
    _are_callbacks, "a list of callbacks", "Put a single callback into a list."
)


def check_monitors(callbacks, name):
    """Refuse callbacks that watch scores of held-out rows where there are none."""
    callbacks = [one for _, one in callbacks]
    if any(map(_may_record, callbacks)):
        return
    scores = {"valid_loss", "valid_acc"}
    for one in callbacks:
        if getattr(one, "on_train", None) is False:
            scores.add(getattr(one, "name", None) or getattr(one, "name_", None))
    for one in callbacks:
        monitor = getattr(one, "monitor", None)
        if not isinstance(monitor, str) or monitor.removesuffix("_best") not in scores:
            continue
        advice = ", or on_train=True in the callback that scores it"
        if monitor.startswith("valid_"):
            same = monitor.replace("valid_", "train_")
            advice = f", or monitor={same!r}" if "loss" in monitor else ""
        raise ValueError(
            f"{name} needs rows to hold out for {type(one).__name__}, which monitors "
            f"{monitor!r}; got train_split=None. Set train_split=0.2, say{advice}."
        )


def _may_record(callback):
    """Whether it is a callback of the user's, which may have scores of its own."""
    home = getattr(type(callback).on_epoch_end, "__module__", None) or ""
    return home.partition(".")[0] not in ("skorch", "skaug")


def states_of(net):
    """What the callbacks of a net know in the middle of training, and its rates."""
    rates = [group["lr"] for group in net.optimizer_.param_groups]
    return [dict(vars(one)) for _, one in net.callbacks_], rates


def put_back(net, states):
    """Let callbacks that were told of a new training go on with the old one."""
    of_callbacks, rates = states
    for (_, callback), state in zip(net.callbacks_, of_callbacks):
        if isinstance(callback, LRScheduler) and state.get("lr_scheduler_"):
            # The old one has another optimizer if the net comes from a file.
            old = state.pop("lr_scheduler_")
            callback.lr_scheduler_.load_state_dict(old.state_dict())
        vars(callback).update(state)
        if isinstance(callback, EarlyStopping):
            _warn_of_lost_weights(net, callback)
    for group, rate in zip(net.optimizer_.param_groups, rates):
        group["lr"] = rate


def _warn_of_lost_weights(net, stopping):
    """Say so if the weights that an EarlyStopping would go back to are lost."""
    lost = stopping.load_best and stopping.best_model_weights_ is None
    if lost and stopping.best_epoch_:  # skorch leaves them out of pickles
        warnings.warn(
            f"{type(net).__name__} needs the weights of epoch {stopping.best_epoch_} "
            "for EarlyStopping(load_best=True); got a net from a file, which has only "
            f"those of epoch {len(net.history)}. If no epoch is better, training ends "
            "with the last weights.",
            stacklevel=2,
        )


class HoldsCallbacks:
    """What :class:`NetClassifier` does to its callbacks."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Give labels instead of codes to scoring callbacks; refuse two schedules."""
        super().on_train_begin(net, X=X, y=y, **kwargs)
        if getattr(self, "_split", (None, True))[1] is None:
            check_monitors(self.callbacks_, type(self).__name__)
        for _, callback in self.callbacks_:
            if getattr(callback, "target_extractor", None) is to_numpy:
                callback.target_extractor = _Decoder(self.classes_)
            if self.lr_schedule != "constant" and isinstance(callback, LRScheduler):
                raise ValueError(
                    f"{type(self).__name__} needs lr_schedule='constant' beside an "
                    f"LRScheduler; got {self.lr_schedule!r}, which would overrule "
                    "the scheduler. Set 'constant', or leave the scheduler out."
                )

    @property
    def _default_callbacks(self):
        return [
            (name, Lines() if type(callback) is PrintLog else callback)
            for name, callback in super()._default_callbacks
        ]

    def _yield_callbacks(self):
        # A file is to have what all others did in the epoch.
        callbacks = sorted(super()._yield_callbacks(), key=_writes)
        # skorch sets parameters and state on the callbacks. The user's are not changed.
        for name, callback, named_by_user in callbacks:
            if not isinstance(callback, type):
                callback = copy.copy(callback)
            yield name, callback, named_by_user

    def _set_params_callback(self, **params):
        # skorch sets callbacks__name__parameter, but not a parameter of a parameter.
        callbacks = dict(self.callbacks_)
        for key in [key for key in params if key.count("__") > 2]:
            _, name, parameter = key.split("__", 2)
            if callbacks.get(name) is None:
                raise ValueError(
                    f"{type(self).__name__} needs a callback named {name!r} to set "
                    f"{key}; got {list(callbacks)}. Name it in callbacks=, as a pair "
                    "of a name and the callback."
                )
            callbacks[name].set_params(**{parameter: params.pop(key)})
        return super()._set_params_callback(**params)


def _writes(named):
    kind = named[1] if isinstance(named[1], type) else type(named[1])
    return issubclass(kind, EpochCheckpoint)


class _Decoder:
    """Turns codes back into labels, for scoring callbacks."""

    def __init__(self, classes):
        self.classes = classes

    def __call__(self, codes):
        codes = to_numpy(codes)
        if codes.ndim == 2:  # shares of classes, mixed by a callback
            codes = codes.argmax(axis=1)
        return self.classes[codes]
