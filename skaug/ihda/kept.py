"""What a finetuner keeps of a fit: trainings, levels and choices, each as it ends."""

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from skorch.utils import is_dataset

from skaug._memory import Memory
from skaug.ihda.level import state_of

__all__ = ["Kept"]

# Parameters that no level depends on, or that are known in another way.
NOT_NAMED = ("estimator", "memory", "random_state", "verbose")


class Kept:
    """Steps of a fit that are done, in the memory of the finetuner.

    Parameters
    ----------
    finetuner : IHDAFinetuner
        Its parameters are read.
    net : skorch.NeuralNetClassifier
        The net that its estimator stands for.
    frozen : bool
        Whether the net is trained already.
    data : tuple
        Rows, labels, groups and weights.
    random : RandomState
        Where all draws of the fit begin.
    """

    def __init__(self, finetuner, net, frozen, data, random):
        self._memory = Memory(finetuner.memory, "IHDAFinetuner")
        self._net, self._data = net, data
        if not self._memory.keeps:
            self._rows = self._fit = None
            return
        rows, *others = data
        columns = getattr(rows, "columns", None)
        rows = rows if is_dataset(rows) else np.asarray(rows)
        self._rows = self._memory.digest((rows, columns, others))
        params = finetuner.get_params(deep=False)
        params = {key: v for key, v in params.items() if key not in NOT_NAMED}
        start = random.get_state(), get_config()["working_memory"]
        learned = (state_of(net), _steps(net)) if frozen else None
        depends_on = self._rows, params, clone(net), learned, start
        self._fit = self._memory.digest(depends_on)

    def base(self, trained, numbers, seed, progress):
        """Train the net on rows of some numbers, or read how it was trained."""
        arguments = self._net, *self._data, numbers, seed, progress
        depends_on = self._rows, clone(self._net), numbers, int(seed)
        return self._memory.call(trained, *arguments, depends_on=depends_on)

    def step(self, name, function, *arguments):
        """Do a step of this fit, known by its name, or read what came of it."""
        depends_on = self._fit, name
        return self._memory.call(function, *arguments, depends_on=depends_on)


def _steps(net):
    """Steps that a trained net took, of which fine-tuning takes a share."""
    return [row.get("train_batch_count", 0) for row in net.history]
