"""The door to torchvision, which also opens beside a torch built without CUDA.

Import torchvision's transforms through it, in scripts and in files that worker
processes read::

    from skaug.transforms.torchvision import v2

Beside a CPU-only torch the operators of a torchvision built for CUDA do not load, and
the import fails when it declares their shapes. Transforms need no such operator, so
this file declares two of them without any implementation. After it has been imported
once, ``import torchvision`` works in the whole process.
"""

import torch

__all__ = ["imported", "torchvision", "v2"]

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

# Operators live as long as the library that declared them.
_library = None
try:
    import torchvision
except RuntimeError:
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for _name, _schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, _name):
            _library.define(_schema)
    import torchvision

# It may need the operators above.
from torchvision.transforms import v2  # noqa: E402


def imported():
    """Do nothing. A pickle that refers to this function imports this file."""
