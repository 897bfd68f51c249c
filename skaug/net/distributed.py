"""A network that several processes train at once, each on its part of every batch.

All processes draw the same batches and augment them alike; then each takes its part of
the rows forward and backward, and DistributedDataParallel averages the gradients. So
the training is that of one process with the same batches: what a batch is made of, what
is mixed in it and what callbacks see does not depend on the number of processes.
"""

from contextlib import contextmanager

import numpy as np
import torch
from skorch.dataset import get_len, unpack_data
from skorch.hf import AccelerateMixin
from skorch.utils import multi_indexing, to_device
from torch import nn

from skaug._random import own_generators, seed_from_torch
from skaug.net.weights import counts_of
from skaug.transforms.calling import how_to_call

__all__ = ["DistributedMixin"]


def device_of(accelerator):
    """Device of a process, as the parameter of a net."""
    device = accelerator.device
    return "cpu" if device.type == "cpu" else str(device)


class DistributedMixin(AccelerateMixin):
    """Train a net in several processes, on one machine or on many.

    Put this class to the left of :class:`~skaug.NetClassifier` or
    :class:`~skaug.ISDAClassifier`, and start the script once for each process, by
    ``accelerate launch`` or ``torchrun``. Every process calls ``fit`` with all rows,
    trains on its part of each batch, and ends with the same net, with which it can
    predict by itself. The net is that of one process with the same batches, apart from
    what a layer does with the rows that it sees: dropout draws, and batch normalisation
    takes the rows of one process. On GPUs, ``nn.SyncBatchNorm`` takes the rows of all.

    Parameters
    ----------
    *args
        Parameters of the net.
    accelerator : accelerate.Accelerator
        Knows the processes and their devices, and the precision.
    device : str, default=None
        By default that of the accelerator.
    **kwargs
        Parameters of the net. `random_state` is that of the first process.

    Raises
    ------
    ValueError
        If a batch has fewer than two rows for each process, or if a transform works
        inside of the network, as :class:`~skaug.ManifoldMixup` does, or if a net from a
        file has no accelerator.

    See Also
    --------
    skaug.NetClassifier : The net in one process.

    Notes
    -----
    Forward and backward passes are divided. Reading, drawing and augmenting batches,
    validation and prediction are not.

    A pickle has no accelerator, which belongs to a process. A net that was loaded
    predicts, and trains after ``set_params(accelerator=...)``. An
    :class:`~skaug.net.EpochCheckpoint` writes in the first process only.

    Examples
    --------
    >>> from accelerate import Accelerator
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier
    >>> from skaug.net import DistributedMixin
    >>> class Net(DistributedMixin, ISDAClassifier):
    ...     pass
    >>> X, y = load_iris(return_X_y=True)
    >>> net = Net(accelerator=Accelerator(cpu=True), random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(self, *args, accelerator, device=None, **kwargs):
        if device is None:
            device = device_of(accelerator)
        # Another function than print would print at verbose=0 as well.
        kwargs.setdefault("callbacks__print_log__sink", print)
        super().__init__(*args, accelerator=accelerator, device=device, **kwargs)

    def _validate_params(self):
        # Accelerate's own asks for device=None; here nets and batches need the device.
        super(AccelerateMixin, self)._validate_params()

    def _check_parameters(self):
        super()._check_parameters()
        if self.accelerator is None:
            raise ValueError(
                f"{type(self).__name__} needs an accelerator to train; got None, as "
                "pickles leave it out. Set it: "
                "net.set_params(accelerator=Accelerator())."
            )

    def set_params(self, **params):
        """Set parameters; an accelerator brings its device along."""
        if params.get("accelerator") is not None:
            params.setdefault("device", device_of(params["accelerator"]))
        return super().set_params(**params)

    def initialize(self):
        """Create network, loss and optimizer; they are wrapped only in training."""
        return super(AccelerateMixin, self).initialize()

    def _first_seed(self):
        seed = super()._first_seed()
        if self.accelerator.num_processes == 1:
            return seed
        seeds = [seed]
        torch.distributed.broadcast_object_list(seeds)
        return seeds[0]

    def fit_loop(self, *args, **kwargs):
        """Train; the network is in DistributedDataParallel meanwhile."""
        several = self.accelerator.num_processes > 1
        if several:
            self._check_transforms()
        self._initialize_accelerator()
        verbose = self.verbose
        try:
            if not self.accelerator.is_main_process:
                self.verbose = 0
            super().fit_loop(*args, **kwargs)
            # The averages of batch normalisation are those of the first process.
            for buffer in self.module_.buffers() if several else ():
                torch.distributed.broadcast(buffer, 0)
        finally:
            self.verbose = verbose
            self._unwrap_accelerator()
            vars(self).update(vars(self).pop("_bare"))
        return self

    def _initialize_accelerator(self):
        """Wrap network and optimizer; not the loss, which has nothing to train."""
        to_device(self.criterion_, self.device)  # a file may come from another one
        self._bare = {"module_": self.module_, "optimizer_": self.optimizer_}
        for name, part in self._bare.items():
            # Accelerate would move tensors to "cpu:0", from where no file is read.
            placed = [self.device != "cpu"]
            wrapped = self.accelerator.prepare(part, device_placement=placed)
            setattr(self, name, wrapped)
        self._wrapped_with_accelerator = True

    def __getstate__(self):
        """Leave out the accelerator, which belongs to a process, and its wrappers."""
        now = vars(self).copy()
        if self._wrapped_with_accelerator:  # a callback makes a pickle in training
            vars(self).update(self._bare)
        try:
            state = super().__getstate__()
        finally:
            vars(self).update(now)
        state.pop("_bare", None)
        return state | {"accelerator": None, "_wrapped_with_accelerator": False}

    def _check_transforms(self):
        """Refuse what would mix rows of different processes inside of the network."""
        for _, callback in self.callbacks_:
            transform = getattr(callback, "transform", None)
            if transform is not None and "module" in how_to_call(transform)[1]:
                raise ValueError(
                    f"{type(self).__name__} needs transforms of rows to train in "
                    f"several processes; got {type(transform).__name__}, which works "
                    "inside of the network. Take TableMixup, or one process."
                )

    def get_iterator(self, dataset, training=False):
        """Make an iterator over whole batches, which all processes draw alike."""
        return super(AccelerateMixin, self).get_iterator(dataset, training)

    def evaluation_step(self, batch, training=False):
        """Predict a whole batch; no process waits for another one."""
        return super(AccelerateMixin, self).evaluation_step(batch, training=training)

    def train_step_single(self, batch, **fit_params):
        """Train on this process's part of a batch; return what the whole one gives."""
        if self.accelerator.num_processes == 1:
            return super().train_step_single(batch, **fit_params)
        X, y = unpack_data(batch)
        n = get_len(X)
        rows = self._rows_of_process(n)
        self._share = self._share_of(rows, to_device(y, self.device))
        part = [multi_indexing(one, rows) for one in (X, y)]
        with self._weights_of(rows), self._draws_of_process():
            step = super().train_step_single(part, **fit_params)
        output = step["y_pred"].detach()
        whole = output.new_zeros(n, *output.shape[1:])
        whole[rows] = output
        reduce = self.accelerator.reduce
        return {"loss": reduce(step["loss"].detach(), "mean"), "y_pred": reduce(whole)}

    def _rows_of_process(self, n):
        """Which rows of a batch are this process's."""
        place, number = self.accelerator.process_index, self.accelerator.num_processes
        if n < 2 * number:
            raise ValueError(
                f"{type(self).__name__} needs batches of two rows or more for each of "
                f"{number} processes; got a batch of {n}. Choose a batch_size that "
                "leaves none so small."
            )
        return slice(n * place // number, n * (place + 1) // number)

    def _share_of(self, rows, target):
        """What the loss of a part is multiplied with, so that the mean is the whole's.

        Gradients are averaged over processes, whose parts may differ by a row, and in
        their weights.
        """
        number, criterion = self.accelerator.num_processes, self.criterion_
        if getattr(criterion, "reduction", "mean") == "sum":
            return number
        mass = torch.ones(len(target), dtype=torch.float64)
        if isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss)):
            counts = counts_of(criterion, target)
            mass = mass if counts is None else counts.cpu().double()
        if self.batch_weight_ is not None:
            mass = mass * self.batch_weight_.cpu()
        return float(number * mass[rows].sum() / mass.sum())

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch, or of a part of a training batch."""
        loss = super().get_loss(y_pred, y_true, X=X, training=training)
        several = training and self.accelerator.num_processes > 1
        return loss * self._share if several else loss

    @contextmanager
    def _weights_of(self, rows):
        """Weigh the rows of a part, if the rows of the batch have weights."""
        weight = self.batch_weight_
        if weight is None:
            yield
            return
        self.batch_weight_ = weight[rows]
        try:
            yield
        finally:
            self.batch_weight_ = weight

    def _draws_of_process(self):
        """Draw other numbers than other processes, such as those of dropout."""
        # What all processes draw alike goes on from where it is.
        step = len(self.history[-1, "batches"])
        place = seed_from_torch(), len(self.history), step
        sequence = np.random.SeedSequence((*place, self.accelerator.process_index))
        return own_generators(self.device, int(sequence.generate_state(1)[0]))
