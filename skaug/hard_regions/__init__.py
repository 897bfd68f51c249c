r"""Hard regions: where classes mix, and new rows there (A. Khan, K. Fraz [1]_).

The first half of IHDA, for the features of any table. The *potential* of a point adds
up its neighbours: those of other classes count positive, those of its own negative.
Where the sum is positive the point is *hard*. A generator draws new rows near hard
points; ``sampler`` joins the two, ``resample`` puts a sampler into a pipeline.

==========================  ====================================================
paper                       here
==========================  ====================================================
w, dist                     ``radius``, ``metric``
:math:`\gamma`              ``gamma``
:math:`O_l` (Eq. 6)         ``hard_indices_``
:math:`g_l` (Eq. 2)         ``generator``
:math:`N_{(\mu,\sigma)}`    ``n_samples``, per hard point
:math:`\beta` (Eq. 4)       drawn from U[0, ``spread``] for every new point
:math:`Q, \bar{Q}` (Eq. 7)  ``generator_.encode``, ``generator_.decode``
==========================  ====================================================

References
----------
.. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
   Deep Networks", NeurIPS 2020.
"""

from skaug.hard_regions.counts import (
    check_columns,
    rows_added,
    samples_to_add,
    take_rows,
    with_new_rows,
)
from skaug.hard_regions.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_regions.generators import (
    ClassGaussian,
    FeatureNoise,
    LatentVariation,
    SyntheticSet,
    fit_generator,
    sample_latent,
)
from skaug.hard_regions.neighbors import MetricSpace
from skaug.hard_regions.potential import (
    auto_radius,
    class_potentials,
    kernel_sums,
    potential,
    potential_grid,
)
from skaug.hard_regions.resample import ResampledClassifier, is_search, takes_groups
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.hard_regions.vae import VAE, fit_vae

__all__ = [
    "VAE",
    "ClassGaussian",
    "FeatureNoise",
    "HardRegionDisplay",
    "HardRegionSampler",
    "LatentVariation",
    "MetricSpace",
    "PotentialHistogramDisplay",
    "ResampledClassifier",
    "SyntheticSet",
    "auto_radius",
    "check_columns",
    "class_potentials",
    "fit_generator",
    "fit_vae",
    "is_search",
    "kernel_sums",
    "potential",
    "potential_grid",
    "rows_added",
    "sample_latent",
    "samples_to_add",
    "take_rows",
    "takes_groups",
    "with_new_rows",
]
