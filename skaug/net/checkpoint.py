"""EpochCheckpoint: a net that is written to a file while it trains."""

import pickle
from os import PathLike
from pathlib import Path

from sklearn.base import BaseEstimator
from skorch.callbacks import Callback

from skaug._checks import Instance, Whole, check_parameters
from skaug._files import atomic_writing

__all__ = ["EpochCheckpoint"]


class EpochCheckpoint(Callback, BaseEstimator):
    """Keep a net in a file while it trains, to go on from there after a kill.

    This is a callback for any skorch net. The file is a pickle of the whole net, which
    ``joblib.load`` or ``pickle.load`` reads. It takes the place of the one before when
    it is complete and on the disk, so that there is a whole file whenever the process
    is killed. :meth:`skaug.NetClassifier.resume` then trains the epochs that are
    missing. A net that was killed and resumed equals one that was not, bit for bit.

    Parameters
    ----------
    path : str or path
        The file. Its folder is made if it is missing.
    every : int, default=1
        How many epochs lie between two writings. The end of training is always written.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the net cannot be pickled.
    OSError
        If the file cannot be written. The one before stays.

    See Also
    --------
    skaug.NetClassifier.resume : Goes on with the net from the file.

    Notes
    -----
    A NetClassifier calls this callback after all others, so that the file has what the
    others did in the epoch, and draws the same numbers with it as without. In the list
    of another skorch net, put it last. Such a net has no generators of its own, and no
    ``resume``.

    All nets of a search would write to the same file: leave the callback out there.

    Examples
    --------
    >>> import os, tempfile
    >>> import joblib
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.net import EpochCheckpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "net.pkl")
    >>> keep = EpochCheckpoint(path, every=10)
    >>> net = NetClassifier(callbacks=[keep], random_state=0)
    >>> if os.path.exists(path):  # the same lines begin the training, and go on with it
    ...     net = joblib.load(path)
    >>> net.resume(X, y).score(X, y) > 0.9
    True
    """

    _rules = {
        "path": Instance((str, PathLike), "the path of a file"),
        "every": Whole(1),
    }

    def __init__(self, path, every=1):
        self.path = path
        self.every = every

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Check the parameters, and make the folder."""
        check_parameters(self, self._rules)
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Write the net if it is time."""
        if len(net.history) % self.every == 0:
            self._write(net)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Write the net, unless Ctrl-C has cut its last epoch off."""
        if not getattr(net, "interrupted_", False):
            self._write(net)

    def _write(self, net):
        accelerator = getattr(net, "accelerator", None)
        if accelerator is not None and not accelerator.is_main_process:
            return  # of several processes, one writes
        try:
            with atomic_writing(self.path) as file:
                pickle.dump(net, file)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"EpochCheckpoint needs a net that can be pickled; got {error}. Define "
                "functions and classes in a module, or leave the callback out."
            ) from error
