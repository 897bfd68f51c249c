"""A list of transforms with weights, drawn from row by row, as RandAugment does.

RandAugment draws from its list uniformly. Here each transform, at each of a few
strengths, has a weight, and harmful ones are to be found out and drawn less often:
:class:`~skaug.InfluenceAugmenter` does so. The lists take in too much on purpose.
"""

import torch

from skaug.transforms.calling import apply

__all__ = ["Policy", "softmax_of_scores"]


class Policy:
    """Transform each row of a batch by a few transforms drawn from a list.

    Parameters
    ----------
    transforms : list of callable
        Functions of a batch X, or of X and y, that keep the shape and the labels.
    weights : array-like of shape (n_transforms,)
        Probability of each to be drawn.
    n_transforms : int, default=2
        How many are drawn for a row, one after the other.
    probability : float, default=0.7
        Of each of these draws to be applied.

    Examples
    --------
    >>> import torch
    >>> from skaug.influence import Policy
    >>> from skaug.transforms import Jitter, Scaling
    >>> Policy([Jitter(), Scaling()], weights=[0.9, 0.1])(torch.randn(8, 3)).shape
    torch.Size([8, 3])
    """

    def __init__(self, transforms, weights, n_transforms=2, probability=0.7):
        self.transforms = transforms
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        self.n_transforms = n_transforms
        self.probability = probability

    def __call__(self, X, y=None):
        """Transform a batch, drawing from torch's global generators.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor of shape (n,), default=None
            Labels, for transforms that need some.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Transformed rows, new memory.
        y : torch.Tensor
            Labels as they came; only if they were given.
        """
        new_X = X.clone()
        for _ in range(self.n_transforms):
            chosen = torch.multinomial(self.weights, len(X), replacement=True)
            chosen[torch.rand(len(X)) >= self.probability] = -1
            for number in chosen.unique().tolist():
                if number >= 0:
                    rows = (chosen == number).nonzero()[:, 0].to(X.device)
                    transform = self.transforms[number]
                    new_X[rows] = apply(transform, new_X, y, rows, name="Policy")
        return new_X if y is None else (new_X, y)


def softmax_of_scores(scores, strength=1.0):
    """Weights that go with scores: the softmax of their z-scores, clipped at 2.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Cosines, the higher the better. Spreads below 0.001 count as that.
    strength : float, default=1.0
        Factor on the z-scores; 0 gives equal weights.

    Returns
    -------
    weights : ndarray of shape (n,)
        They add up to 1.
    """
    scores = torch.as_tensor(scores, dtype=torch.float64)
    # Differences in the last digits are no reason to prefer one.
    spread = scores.std(correction=0).clamp(min=1e-3)
    z = (scores - scores.mean()) / spread
    return (strength * z.clamp(-2, 2)).softmax(dim=0).numpy()
