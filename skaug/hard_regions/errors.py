"""Error doubts: which predictions are probably wrong."""

import numpy as np
from sklearn.utils import check_array

from skaug._input import as_numbers
from skaug.hard_regions.labels import checked_probabilities, mean_rank

__all__ = ["error_doubts"]


def error_doubts(probabilities, class_hardness) -> np.ndarray:
    """How doubtful each prediction is, by the classifier and by the neighbours.

    The classifier doubts by 1 - its highest probability. The neighbours doubt by the
    hardness of the row under the class that is predicted: the share of other classes
    among the training rows nearby. Rows are ranked by both, and the mean of the two
    ranks is returned. Where the classes mix among the training rows, a prediction
    may be sure all the same; the neighbours then know better.

    Parameters
    ----------
    probabilities : array-like of shape (n, n_classes)
        Of a classifier, for rows that it was not trained on.
    class_hardness : array-like of shape (n, n_classes)
        Hardness of the same rows under each class, columns in the same order: from
        ``class_potentials(X_test, X_train, y_train, radius=("knn", 10),
        metric="euclidean")``, or, as a step with ``fit`` and ``transform``, from
        ``HardRegionSampler(output="potentials", sources=HardPoints(radius=("knn", 10),
        metric="euclidean"))``. Standardise the columns by the training rows first.

    Returns
    -------
    doubts : ndarray of shape (n,)
        Above 0 and below 1; the most doubtful row is near 1. Ranks are among the rows
        that are given together, so that they have no meaning for a single row, and
        the doubts of two calls cannot be compared.

    Raises
    ------
    ValueError
        If the arrays differ in shape, or have other numbers than they should.

    See Also
    --------
    class_potentials : The hardness under each class.
    report : The model card tells how well the doubts find wrong rows.
    suspicious_labels : Which training labels not to trust.

    Examples
    --------
    >>> from skaug import error_doubts
    >>> p = [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]]
    >>> hardness = [[0.0, 1.0], [0.9, 0.1], [0.5, 0.5]]
    >>> error_doubts(p, hardness).round(2)
    array([0.17, 0.67, 0.67])
    """
    p = checked_probabilities(probabilities, None, "error_doubts")
    shares = as_numbers(class_hardness, "error_doubts")
    shares = check_array(shares, dtype=np.float64, input_name="class_hardness")
    if shares.shape != p.shape:
        raise ValueError(
            "error_doubts needs class_hardness of the shape of the probabilities, "
            f"{p.shape}; got {shares.shape}. Give both of the same rows, with a column "
            "for each class."
        )
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError(
            "error_doubts needs class_hardness from 0 to 1; got values from "
            f"{shares.min():.3g} to {shares.max():.3g}. Compute class_potentials with "
            "radius=('knn', 10)."
        )
    predicted = p.argmax(axis=1)
    return mean_rank(-p.max(axis=1), shares[np.arange(len(p)), predicted])
