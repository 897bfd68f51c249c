"""Import torchvision also beside a torch built without CUDA.

Beside a CPU-only torch the operators of a torchvision built for CUDA do not load, and
the import fails when it declares their shapes. skaug needs no such operator, so it
declares two of them without any implementation.
"""

import torch

__all__ = ["imported", "torchvision"]

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


def imported():
    """Do nothing. A pickle that refers to this function imports this file."""
