"""Where the activations of levels go: into the memory, or to the disk.

scikit-learn's ``working_memory`` is the block of memory that is meant for what is made
on the way, in MiB. Half of it is for the activations of a level, because those of the
level below are there as well while a level is computed. On a GPU the activations may
take a third of what is free there.
"""

import math
import warnings
from itertools import pairwise

import torch
from sklearn import get_config

from skaug._files import as_gib
from skaug.hard_regions.parts import bytes_of_row
from skaug.ihda.stored import StoredRows, check_disk, disk_folder
from skaug.net.levels import INPUT

__all__ = ["Room", "block"]


def block():
    """Bytes of memory that are meant for what is made on the way."""
    return int(get_config()["working_memory"] * 2**20)


class Room:
    """Room for the activations of levels, planned before the first one is computed.

    Parameters
    ----------
    levels : Levels
        Cuts the network.
    names : list of str
        The levels whose activations are needed, in order.
    rows : InParts
        Rows of the input.
    probes : torch.Tensor of shape (n_probes, ...)
        Some of the rows.
    n : int
        Number of rows whose activations are kept, held-out ones included.

    Attributes
    ----------
    n_bytes : dict of str to int
        Bytes of the activations of each level.
    stored : dict of str to {"given", "memory", "disk"}
        Where they are. Rows of an array are not copied: they are read as given.
    largest_row : int
        Bytes of a row where it is largest.
    """

    def __init__(self, levels, names, rows, probes, n):
        self.largest_row = bytes_of_row(rows)
        self.n_bytes, self.stored = {}, {}
        limit = _limit(probes.device)
        for name in names:
            h = levels.output(name, probes)
            self.largest_row = max(self.largest_row, bytes_of_row(h))
            self.n_bytes[name] = n * bytes_of_row(h)
            fits = self.n_bytes[name] <= limit
            self.stored[name] = "memory" if fits else "disk"
        if INPUT in names and rows.stays:
            self.n_bytes[INPUT], self.stored[INPUT] = 0, "given"

    def new(self, level, n, h):
        """Make room for n rows like those of h."""
        if self.stored.get(level) != "disk":
            return h.new_empty(n, *h.shape[1:])
        return StoredRows((n, *h.shape[1:]), h.dtype, h.device)

    def note(self, record):
        """Put on record where the activations of a level are, and their size."""
        record.stored = self.stored[record.level]
        record.mib = self.n_bytes[record.level] / 2**20

    def tell(self, names, prints):
        """Say where the activations of some levels go, in order; check the disk."""
        if prints and names:
            places = {"given": "as given", "memory": "in memory", "disk": "on the disk"}
            told = [
                f"{name} {self.n_bytes[name] / 2**20:,.1f} MiB "
                f"{places[self.stored[name]]}"
                for name in names
            ]
            print(f"IHDA, activations: {', '.join(told)}")
        on_disk = [name for name in names if self.stored[name] == "disk"]
        if not on_disk:
            return
        sizes = [self.n_bytes[name] * (name in on_disk) for name in names]
        # Those of one level are computed from those of the level before.
        check_disk(max(map(sum, pairwise([0, *sizes]))))
        warnings.warn(
            f"IHDAFinetuner keeps the activations of {on_disk} on the disk, in files "
            f"of up to {as_gib(max(sizes))} in {disk_folder()!r}: they take more than "
            f"half of scikit-learn's working_memory, which is {as_gib(block())}. The "
            "results are the same. sklearn.set_config(working_memory=...) sets it, in "
            "MiB.",
            stacklevel=2,
        )


def _limit(device):
    """Bytes that the activations of a level may take in memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 3
    return math.floor(block() / 2)
