r"""IHDA: a trained network, augmented level by level (A. Khan, K. Fraz [1]_).

The activations :math:`h_l(x)` of a level are vectors like any other: a generator learns
them, new ones are drawn from it near hard points, and all layers above the level are
fine-tuned on what it gives. Then comes the next level. Nothing below changes, and the
network that comes out is as fast as the one that went in.

===========================  ===========================================================
paper                        here
===========================  ===========================================================
:math:`h_l`, l = 1 ... L     ``levels``, cut by :class:`~skaug.net.Levels`
p, p / (1 + log l)           ``skip_probability``
:math:`g_l` (Eq. 2)          ``generator``
w, dist, :math:`\gamma`      ``radius``, ``metric``, ``gamma`` of ``sources``
:math:`O_l` (Eq. 6)          ``sources``, a :class:`~skaug.HardPoints`
:math:`N_{(\mu,\sigma)}`     ``n_samples``
:math:`\beta` (Eq. 4)        drawn from U[0, ``spread``] for every sample; without it,
                             ``spread="fixed"``
:math:`h^l_A` (Eq. 7)        what ``sample`` returns
fine-tuning, its two         ``trainable="above"`` (all layers), ``trainable="head"``
options                      (the predictor)
===========================  ===========================================================

What the paper does at a level, as far as it says so: one autoencoder learns the
activations of all training rows, and a tenth of them validates it. Every source gets
:math:`N_{(\mu,\sigma)}` samples, "e.g., 3, 5 or 10", with the label of their source. A
sample is a decoded draw :math:`z = \mu + \beta \sigma \epsilon`, not the decoded mean,
and nothing is added to it. The layers above are fine-tuned "using :math:`h^l_A`", the
samples alone. Its p and w come from a validation part, w for each level, both from the
multiples of 0.05 up to 1, and :math:`\gamma` is 0.05. Nothing is said of standardised
activations, of samples below 0 behind a ReLU, of the rate, steps, batches and batch
normalisation of fine-tuning. The layers and the latent dimension of the autoencoders
are in a supplement only.

References
----------
.. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
   Deep Networks", NeurIPS 2020.
"""

from skaug.ihda.ablation_display import LevelAblationDisplay
from skaug.ihda.activation_display import ActivationDisplay
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.ihda.gain_display import LevelGainDisplay
from skaug.ihda.level import level_skip_probability
from skaug.ihda.refits import ablation
from skaug.ihda.skip_display import SkipCurveDisplay
from skaug.ihda.tuning_display import LevelTuningDisplay

__all__ = [
    "ActivationDisplay",
    "IHDAFinetuner",
    "LevelAblationDisplay",
    "LevelGainDisplay",
    "LevelTuningDisplay",
    "SkipCurveDisplay",
    "ablation",
    "level_skip_probability",
]
