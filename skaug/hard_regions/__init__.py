r"""Hard regions: where classes mix, and new rows there (A. Khan, K. Fraz [1]_).

The first half of IHDA, for the features of any table. The *potential* of a point adds
up its neighbours: those of other classes count positive, those of its own negative.
Where the sum is positive the point is *hard*. ``sources`` says which points are taken,
``generators`` draw new rows near them, ``sampler`` joins the two, and ``resample`` puts
a sampler into a pipeline.

==========================  ======================================================
paper                       here
==========================  ======================================================
w, dist, :math:`\gamma`     ``radius``, ``metric``, ``gamma`` of :class:`HardPoints`
:math:`O_l` (Eq. 6)         ``HardPoints("hard")``, ``hard_indices_``
:math:`g_l` (Eq. 2)         ``generator``
:math:`N_{(\mu,\sigma)}`    ``n_samples``, per hard point
:math:`\beta` (Eq. 4)       drawn from U[0, ``spread``] for every new point; without it,
                            ``spread="fixed"``
:math:`Q, \bar{Q}` (Eq. 7)  ``encode`` and ``decode`` of ``generator_.vae_``
==========================  ======================================================

References
----------
.. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
   Deep Networks", NeurIPS 2020.
"""

from skaug.hard_regions.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_regions.errors import error_doubts
from skaug.hard_regions.generators import (
    GaussianGenerator,
    NoiseGenerator,
    sample_latent,
)
from skaug.hard_regions.hardness import hardness
from skaug.hard_regions.labels import suspicious_labels
from skaug.hard_regions.labels_display import LabelDoubtsDisplay
from skaug.hard_regions.latent_generators import CVAEGenerator, VAEGenerator
from skaug.hard_regions.neighbor_generators import (
    InterpolationGenerator,
    NeighborGenerator,
)
from skaug.hard_regions.potential import (
    auto_radius,
    class_potentials,
    kernel_sums,
    potential,
    potential_grid,
)
from skaug.hard_regions.resample import ResampledClassifier
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.hard_regions.sources import HardPoints
from skaug.hard_regions.vae import VAE, fit_vae

__all__ = [
    "VAE",
    "CVAEGenerator",
    "GaussianGenerator",
    "HardPoints",
    "HardRegionDisplay",
    "HardRegionSampler",
    "InterpolationGenerator",
    "LabelDoubtsDisplay",
    "NeighborGenerator",
    "NoiseGenerator",
    "PotentialHistogramDisplay",
    "ResampledClassifier",
    "VAEGenerator",
    "auto_radius",
    "class_potentials",
    "error_doubts",
    "fit_vae",
    "hardness",
    "kernel_sums",
    "potential",
    "potential_grid",
    "sample_latent",
    "suspicious_labels",
]
