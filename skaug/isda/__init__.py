r"""ISDA: augmentation as a loss (Y. Wang et al., NeurIPS 2019 [1]_).

Directions in which features vary within a class tend to carry meaning (a background, a
way of walking). ISDA imagines infinitely many copies of every training row, moved along
all these directions: :math:`\tilde a \sim N(a, \lambda \Sigma_y)`. No copy is drawn.
The expected cross-entropy of the copies has an upper bound in closed form (Eq. 4), and
the network is trained on this bound. Predictions are made as without ISDA.

======================================  ===========================================
paper                                   here
======================================  ===========================================
:math:`a`, the deep feature             input of the last linear layer
:math:`w_j`                             row j of that layer's ``weight``
:math:`\lambda_0`                       ``strength``
:math:`\lambda = (t/T) \lambda_0`       ``schedule="iteration"``
:math:`\Sigma_j, \mu_j, n_j` (App. A)   :class:`ClassCovariance`
Table 5's variants                      ``covariance="identity" | "diagonal" |
                                        "shared"``, ``schedule="constant"``
:math:`M` sampled copies (Eq. 2)        ``criterion=SampledISDALoss``,
                                        ``criterion__n_copies``
what it augments (Figs. 3, 5)           :class:`SemanticDirectionsDisplay`
features to pixels (App. C)             :class:`FeatureInversion`
======================================  ===========================================

References
----------
.. [1] Y. Wang, X. Pan, S. Song, H. Zhang, C. Wu, G. Huang, "Implicit Semantic Data
   Augmentation for Deep Networks", NeurIPS 2019.
"""

from skaug.isda.classifier import ISDAClassifier
from skaug.isda.covariance import ClassCovariance
from skaug.isda.directions_display import SemanticDirectionsDisplay
from skaug.isda.given import GivenCovariance
from skaug.isda.inversion import FeatureInversion
from skaug.isda.logistic import ISDALogisticRegression
from skaug.isda.loss import ISDALoss, augmented_logits
from skaug.isda.quadratic_form import class_quadratic_form
from skaug.isda.sampled_loss import SampledISDALoss

__all__ = [
    "ClassCovariance",
    "FeatureInversion",
    "GivenCovariance",
    "ISDAClassifier",
    "ISDALogisticRegression",
    "ISDALoss",
    "SampledISDALoss",
    "SemanticDirectionsDisplay",
    "augmented_logits",
    "class_quadratic_form",
]
