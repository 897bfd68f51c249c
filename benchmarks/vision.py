"""torchvision's transforms, also beside a torch without CUDA."""

from skaug.transforms.torchvision import torchvision  # noqa: F401

# The line above has to come first: it registers what torchvision looks for.
from torchvision.transforms import v2  # isort: skip

__all__ = ["v2"]
