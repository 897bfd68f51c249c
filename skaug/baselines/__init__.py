"""What the papers compare themselves with, to run their tables.

``gans`` has the rival generators of ISDA's Table 4, made of ``gan_networks`` and
``gan_losses``; ``generated_rows`` puts what they generate into training batches.
"""

from skaug.baselines.gans import (
    AuxiliaryClassifierGAN,
    ConditionalGAN,
    InfoGAN,
    WassersteinGAN,
)
from skaug.baselines.generated_rows import GeneratedRows

__all__ = [
    "AuxiliaryClassifierGAN",
    "ConditionalGAN",
    "GeneratedRows",
    "InfoGAN",
    "WassersteinGAN",
]
