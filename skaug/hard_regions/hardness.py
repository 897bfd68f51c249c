r"""Hardness: the share of other classes around a row, with a radius of its own.

The :func:`~skaug.potential` of IHDA has one radius for all rows, is unbounded, and is -1
for rows without a neighbour of their own class, among those of easy rows. Hardness
mends the three. The radius of a row reaches its k-th neighbour, so that dense and
sparse classes are measured alike:

.. math::

   h(p) = \frac{\sum_{q: y_q \ne y_p} e^{-(2 d(p, q) / r_p)^2}}
               {\sum_q e^{-(2 d(p, q) / r_p)^2}},

where q are the k nearest rows of p and :math:`r_p` is the distance of the k-th. It is 0
where all of them have the label of p and 1 where none has.
"""

import numpy as np
from sklearn.utils import check_array

from skaug._checks import OneOf, Whole, check_groups, check_labels, check_value
from skaug.hard_regions.nearest import nearest_rows
from skaug.hard_regions.neighbors import METRICS

__all__ = ["hardness", "shares_of_classes"]
