"""Labels in the files of weights that ``save_params`` writes, and whole files.

skorch keeps weights alone, and a network that has only weights predicts the numbers of
its columns. The labels go where each format has a place for notes, so that torch,
skorch and safetensors read the files as before: into the ``_metadata`` of a state dict,
or into the header of a safetensors file.
"""

import json
import warnings
from contextlib import suppress
from io import BytesIO
from os import PathLike
from pathlib import Path

import numpy as np
from safetensors import torch as safetensors

from skaug._files import atomic_writing

__all__ = ["KeepsLabels"]

NOTE = "skaug labels"  # name of the note in a file
NETWORK = ("f_params", "f_module")  # skorch's names for the file of its weights


class KeepsLabels:
    """What :class:`NetClassifier` does to write labels beside weights, and back."""

    _labels_came_along = False  # with the weights, and more training must not change

    def save_params(
        self,
        f_params=None,
        f_optimizer=None,
        f_criterion=None,
        f_history=None,
        use_safetensors=False,
        **kwargs,
    ):
        """Write weights and labels, and the states of the optimizer and the loss.

        Torch, skorch and safetensors read the files as if there were no labels.

        Parameters
        ----------
        f_params, f_optimizer, f_criterion : path or file, default=None
            Where to write the weights with the labels, the optimizer, and the loss.
            ``None`` leaves one out.
        f_history : path or file, default=None
            Where to write the history, as JSON.
        use_safetensors : bool, default=False
            Whether to write in the format of safetensors, which has no place for the
            optimizer.
        **kwargs
            Other networks of the net, as ``f_name=``.

        Raises
        ------
        OSError
            If a file cannot be written. A file of weights that was there then stays.

        See Also
        --------
        skaug.save : Writes the whole net, with its shapes and parameters.
        """
        given = {
            "f_params": f_params,
            "f_optimizer": f_optimizer,
            "f_criterion": f_criterion,
            **kwargs,
        }
        given = {name: file for name, file in given.items() if file is not None}
        written = {name: BytesIO() for name in given}
        super().save_params(
            **written, f_history=f_history, use_safetensors=use_safetensors
        )
        for name, file in given.items():
            content = written[name].getvalue()
            if use_safetensors and name in NETWORK:
                content = _with_note(content, _note_of(self))
            _write(file, content)

    def load_params(
        self,
        f_params=None,
        f_optimizer=None,
        f_criterion=None,
        f_history=None,
        checkpoint=None,
        use_safetensors=False,
        **kwargs,
    ):
        """Read what :meth:`save_params` has written into a net that is initialised.

        Parameters
        ----------
        f_params, f_optimizer, f_criterion, f_history : path or file, default=None
            The files. ``None`` leaves one out.
        checkpoint : skorch.callbacks.Checkpoint, default=None
            What has written the files, in place of their names.
        use_safetensors : bool, default=False
            Whether the files are in the format of safetensors.
        **kwargs
            Other networks of the net, as ``f_name=``.

        Raises
        ------
        ValueError
            If the labels in the file are not those that the net has.

        Warns
        -----
        UserWarning
            If neither the file nor the net has labels. Files of other nets of skorch
            have none.

        See Also
        --------
        skaug.load : Reads a whole net.
        """
        note = None
        if use_safetensors and f_params:
            f_params, note = _opened(f_params)
            self._check_labels_of(note)  # before there are weights of others
        super().load_params(
            f_params,
            f_optimizer,
            f_criterion,
            f_history,
            checkpoint,
            use_safetensors,
            **kwargs,
        )
        self._take_labels_of(note)
        if f_params or checkpoint or "f_module" in kwargs:
            self._warn_without_labels()

    def _get_module(self, name, msg):
        # skorch asks here for what it writes the state of, or reads it into.
        module = super()._get_module(name, msg)
        return _Labelled(module, self) if name == "module_" else module

    def _check_labels_of(self, note):
        """Refuse a file of labels that this net does not have."""
        classes = getattr(self, "classes_", None)
        if note is None or classes is None:
            return
        theirs, ours = _labels_in(note).tolist(), classes.tolist()
        if theirs != ours:
            raise ValueError(
                f"{type(self).__name__} needs weights for its labels {ours}; got a "
                f"file for {theirs}. Leave classes out, call initialize, and load the "
                "file then."
            )

    def _take_labels_of(self, note):
        if note is not None and not hasattr(self, "classes_"):
            self.classes_inferred_ = _labels_in(note)
            self._labels_came_along = True

    def _warn_without_labels(self):
        if not hasattr(self, "classes_"):
            warnings.warn(
                f"{type(self).__name__} needs labels to predict them; got weights "
                "without any, so that predict returns the numbers of columns. Set "
                "classes=[...], or keep whole nets by skaug.save.",
                stacklevel=3,
            )


class _Labelled:
    """A network for skorch to write or read, with the labels of its net."""

    def __init__(self, module, net):
        self.module, self.net = module, net

    def state_dict(self):
        """Weights, and the labels as a note."""
        state, note = self.module.state_dict(), _note_of(self.net)
        if note is not None and hasattr(state, "_metadata"):
            state._metadata[NOTE] = {"labels": note}
        return state

    def load_state_dict(self, state):
        """Take over weights, and labels if there are any."""
        note = getattr(state, "_metadata", {}).get(NOTE, {}).get("labels")
        self.net._check_labels_of(note)
        self.module.load_state_dict(state)
        self.net._take_labels_of(note)


def _note_of(net):
    """Labels of a net as text, or None if it has none."""
    classes = getattr(net, "classes_", None)
    if classes is None:
        return None
    # The length of texts is found again, and a file cannot ask for one of any size.
    kind = classes.dtype.str if classes.dtype.kind in "biuf" else classes.dtype.kind
    return json.dumps([kind, classes.tolist()])


def _labels_in(note):
    kind, labels = json.loads(note)
    return np.array(labels, kind)


def _with_note(content, note):
    """The bytes of a safetensors file, with labels in the header."""
    if note is None:
        return content
    return safetensors.save(safetensors.load(content), {NOTE: note})


def _opened(file):
    """A safetensors file for skorch to read, and the labels in its header."""
    content = Path(file).read_bytes() if _is_path(file) else file.read()
    notes, length = {}, int.from_bytes(content[:8], "little")
    with suppress(ValueError):  # skorch says what is wrong with another file
        notes = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return BytesIO(content), notes.get(NOTE)


def _write(file, content):
    if not _is_path(file):
        file.write(content)
        return
    with atomic_writing(file) as opened:
        opened.write(content)


def _is_path(file):
    return isinstance(file, (str, PathLike))
