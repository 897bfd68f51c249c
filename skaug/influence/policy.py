"""A list of transforms with weights: how to draw from a list, and how to learn weights.

RandAugment draws from its list uniformly. Here each transform, at each of a few
strengths, has a weight. :class:`TransformPolicy` finds out which transforms harm, and
:class:`Policy` draws these less often. The default lists have too much in them on
purpose. None of this is in the paper.
"""

import warnings
from functools import reduce

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from skaug._checks import (
    Instance,
    Number,
    OneOf,
    Whole,
    check_parameters,
    check_value,
)
from skaug._printing import Printed
from skaug.influence.guard import (
    LOWER,
    PLAIN,
    HeldOutLosses,
    Unchanged,
    is_lower,
    warn_of_refusal,
)
from skaug.influence.scores import cosines
from skaug.transforms.calling import FUNCTION, apply, name_of
from skaug.transforms.choices import chosen_by_row, mixes_rows, words_on
from skaug.transforms.cloning import HoldsTransforms
from skaug.transforms.families import family_of, of_rows
from skaug.transforms.geometry import Affine
from skaug.transforms.lists import default_transforms
from skaug.transforms.ranges import fitted_to
from skaug.transforms.warp import Limits, composed, draw_matrices, warp

__all__ = ["Policy", "TransformPolicy", "softmax_of_scores"]

WORDS = "transforms that are functions of a batch and keep its labels"


class TransformPolicy(HoldsTransforms, BaseEstimator):
    r"""Learn how often to draw each transform of a list.

    A part of :class:`~skaug.InfluenceAugmenter`, whose short form is "policy". The
    score of a transform is the cosine between two gradients of the last layer, in the
    metric of the inverse Hessian,

    .. math::
        \frac{\tilde g^T H^{-1} g_{val}}
        {\sqrt{\tilde g^T H^{-1} \tilde g}\, \sqrt{g_{val}^T H^{-1} g_{val}}},

    where :math:`\tilde g` is the mean gradient of the training rows under the transform
    and :math:`g_{val}` that of the held-out rows. A few networks that were trained
    without any transform are enough for all scores.

    Parameters
    ----------
    transforms : "auto" or list, default="auto"
        Functions of a batch X, or of X and y, that keep its shape, or ``(name,
        strength, function)``. "auto", also as an element of the list, is the list of
        :func:`~skaug.transforms.default_transforms` for this kind of rows. Transforms
        of torchvision's are put into a :class:`~skaug.transforms.PerSample`.
    strength : float, default=1.0
        Factor on the z-scores whose softmax are the weights; 0 is the uniform list.
    weighting : {"soft", "top"}, default="soft"
        "soft" takes the softmax; "top" gives the best `share` of the transforms equal
        weights and the others none.
    share : float, default=1/3
        For "top".
    n_transforms : int, default=2
        Transforms that are drawn for a row.
    probability : float, default=0.7
        How likely each of them is applied.
    n_networks : int, default=3
        Networks over which scores are averaged. One network says less.
    n_draws : int, default=2
        Views of each row that a transform is scored on.

    Attributes
    ----------
    augmentation_ : Policy or object
        The list with its weights; if the policy was not accepted, a function that
        leaves rows as they are.
    policy_ : list of Bunch
        ``transform``, ``strength``, ``score`` (mean cosine), ``std`` (of the scores
        over networks) and ``weight``, best first, ready for ``pandas.DataFrame``;
        also if the policy was not accepted.
    accepted_ : bool
        Whether the policy lowered the held-out loss. True without a guard.
    held_out_loss_ : Bunch
        With a guard: the losses ``plain`` and ``augmented`` of the first split's
        held-out rows, in nats, and ``se``, the standard error of their difference.

    See Also
    --------
    skaug.NetworkAugmentation : A network in place of the list.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import InfluenceAugmenter, NetClassifier, TransformPolicy
    >>> X, y = load_digits(return_X_y=True)
    >>> augmenter = InfluenceAugmenter(
    ...     NetClassifier(max_epochs=3),
    ...     augmentation=TransformPolicy(n_networks=1, weighting="top"),
    ...     guard=False,
    ...     random_state=0,
    ... )
    >>> weights = [row.weight for row in augmenter.fit(X[:600], y[:600]).policy_]
    >>> weights[0], weights[-1]
    (0.25, 0.0)
    """

    _rules = {
        "transforms": OneOf("auto")
        | Instance((list, tuple), "a list", "Put a single function into a list."),
        "strength": Number(0),
        "weighting": OneOf("soft", "top"),
        "share": Number(0, 1),
        "n_transforms": Whole(1),
        "probability": Number(0, 1),
        "n_networks": Whole(1),
        "n_draws": Whole(1),
    }

    def __init__(
        self,
        transforms="auto",
        strength=1.0,
        weighting="soft",
        share=1 / 3,
        n_transforms=2,
        probability=0.7,
        n_networks=3,
        n_draws=2,
    ):
        self.transforms = transforms
        self.strength = strength
        self.weighting = weighting
        self.share = share
        self.n_transforms = n_transforms
        self.probability = probability
        self.n_networks = n_networks
        self.n_draws = n_draws

    def learn(self, trainings, splits, *, guard=True):
        """Score all transforms by networks without any, and compare with plain."""
        check_parameters(self, self._rules)
        splits = list(splits)
        candidates = self._candidates(torch.from_numpy(splits[0][0].X))
        numbers = self.n_networks, self.n_draws
        trainings.progress.expect(len(splits) * self.n_networks + 2 * guard)
        of_splits = [
            trainings.remembered(
                cosines,
                candidates,
                split,
                *numbers,
                trainings.new_seed(),
                n_trainings=self.n_networks,
            )
            for split in splits
        ]
        scores = np.concatenate(of_splits)  # (n_splits * n_networks, n_candidates)
        score, std = scores.mean(axis=0), scores.std(axis=0)
        weight = self._weights(score)
        self.augmentation_ = Policy(
            [transform for *_, transform in candidates],
            weight,
            self.n_transforms,
            self.probability,
        )
        self.policy_ = [
            Bunch(
                transform=name,
                strength=strength,
                score=float(score[i]),
                std=float(std[i]),
                weight=float(weight[i]),
            )
            for i, (name, strength, _) in enumerate(candidates)
        ]
        self.policy_.sort(key=lambda row: -row.score)
        self.accepted_ = True
        if guard:
            self._guard(HeldOutLosses(trainings, splits[0]))
        return self

    def _guard(self, held_out):
        """Leave rows alone unless the policy lowers the held-out loss."""
        augmented = held_out.of(self.augmentation_)
        loss = held_out.compared(held_out.of(None), augmented)
        self.held_out_loss_, self.accepted_ = loss, is_lower(loss)
        if not self.accepted_:
            self.augmentation_ = Unchanged()
            advice = "Give more rows, longer training or other transforms"
            warn_of_refusal(f"the policy {LOWER}", loss, PLAIN, advice)

    def _weights(self, score):
        if self.weighting == "soft":
            return softmax_of_scores(score, self.strength)
        n_kept = max(1, round(self.share * len(score)))
        weight = np.zeros(len(score))
        weight[np.argsort(-score)[:n_kept]] = 1 / n_kept
        return weight

    def _candidates(self, X):
        """Name, strength and function of all transforms of the list."""
        given = [self.transforms] if self.transforms == "auto" else self.transforms
        candidates = []
        for one in given:
            if isinstance(one, str) and one == "auto":
                candidates += default_transforms(X)
            elif keeps_labels(one):
                strength = getattr(one, "strength", None)
                function = fitted_to(X, one, "TransformPolicy")
                candidates.append((name_of(one), strength, function))
            elif isinstance(one, tuple) and len(one) == 3 and keeps_labels(one[2]):
                function = fitted_to(X, one[2], "TransformPolicy")
                candidates.append((*one[:2], function))
            else:
                raise ValueError(
                    f"TransformPolicy needs {WORDS}, or (name, strength, function); "
                    f"got {one!r}. 'auto' is the list for this kind of rows."
                )
        if not candidates:
            raise ValueError(
                "TransformPolicy needs one transform or more; got an empty list. "
                "Set transforms='auto'."
            )
        return candidates


class Policy(Printed):
    """Transform each row of a batch by a few transforms drawn from a list.

    Rotations, shifts, scalings, shears and flips of a row are multiplied into one
    matrix, which comes first. All rows are interpolated at once. The other transforms
    of a row follow in the order of the list, and rows that have drawn the same one are
    transformed at once, whatever its strength.

    Parameters
    ----------
    transforms : list of callable
        Functions of a batch X, or of X and y, that keep the shape and the labels. Those
        of torchvision's that make one random choice at each call are called row by row,
        with a warning; a :class:`skaug.transforms.PerSample` around them says that this
        is meant.
    weights : array-like of shape (len(transforms),)
        How likely each is drawn, relative to the others: finite numbers from 0 on.
    n_transforms : int, default=2
        How many are drawn for a row.
    probability : float, default=0.7
        How likely each of them is applied.

    Raises
    ------
    ValueError
        If there is no transform, one is no function that keeps labels, or there is not
        one weight for each.

    Warns
    -----
    UserWarning
        If a transform of torchvision's is called row by row.

    Examples
    --------
    >>> import torch
    >>> from skaug.influence import Policy
    >>> from skaug.transforms import Jitter, Scaling
    >>> Policy([Jitter(), Scaling()], weights=[0.9, 0.1])(torch.randn(8, 3)).shape
    torch.Size([8, 3])
    """

    def __init__(self, transforms, weights, n_transforms=2, probability=0.7):
        check_value("Policy", "n_transforms", n_transforms, Whole(1))
        check_value("Policy", "probability", probability, Number(0, 1))
        self.transforms = transforms = _choosing_by_row(transforms)
        self.weights = _checked_weights(weights, len(transforms))
        self.n_transforms = n_transforms
        self.probability = probability
        self.affine = {
            number: transform
            for number, transform in enumerate(transforms)
            if isinstance(transform, Affine)
        }
        for transform in self.affine.values():
            check_parameters(transform, transform._rules)
        keys = [family_of(transform) for transform in transforms]
        self.has_family = [key is not None for key in keys]
        # A family goes by the number of its first transform. -1 is for what moves
        # pixels, and at the end for no transform.
        self.families = np.full(len(transforms) + 1, -1)
        for number, key in enumerate(keys):
            if number not in self.affine:
                self.families[number] = number if key is None else keys.index(key)

    def with_parts(self, parts):
        """Make a policy that draws other transforms in the same way."""
        return type(self)(parts, self.weights, self.n_transforms, self.probability)

    def __call__(self, X, y=None):
        """Return a batch of transformed rows, and labels as they came if given."""
        chosen = self._chosen(len(X))
        new_X = self._moved(X, chosen)
        for family, numbers, own in self._groups(chosen):
            transforms = [self.transforms[number] for number in numbers]
            own = torch.from_numpy(own).to(X.device)
            if self.has_family[family]:
                new_rows = of_rows(transforms, X)(new_X.index_select(0, own))
            else:
                new_rows = apply(transforms[0], new_X, y, own, name="Policy")
            new_X.index_copy_(0, own, new_rows)
        return new_X if y is None else (new_X, y)

    def _chosen(self, n):
        """Numbers of the transforms (n_transforms, n); -1 stands for none."""
        number = self.n_transforms * n
        if number == 0:
            return np.empty((self.n_transforms, 0), int)
        chosen = torch.multinomial(self.weights, number, True).view(-1, n)
        chosen[torch.rand(chosen.shape) >= self.probability] = -1
        return chosen.numpy()

    def _moved(self, X, chosen):
        """Rows with all that moves pixels done by one matrix; never X itself."""
        if not self.affine:
            return X.clone()
        limits = np.zeros((len(self.transforms) + 1, len(Limits())))
        for number, transform in self.affine.items():
            limits[number] = transform.limits(*X.shape[2:])
        return warp(X, reduce(composed, map(draw_matrices, limits[chosen])))

    def _groups(self, chosen):
        """Yield a family, numbers of its transforms, and the rows that drew them."""
        families = self.families[chosen]
        # A row that has drawn a family again is transformed in a later turn.
        turns = np.array([(families[:i] == x).sum(0) for i, x in enumerate(families)])
        for turn in range(len(chosen)):
            now = (families >= 0) & (turns == turn)
            for family in np.unique(families[now]):
                draws, own = (now & (families == family)).nonzero()
                yield family, chosen[draws, own], own


def keeps_labels(transform):
    """Whether it may be a function of a batch that keeps the labels."""
    return FUNCTION.allows(transform) and not mixes_rows(transform)


def _choosing_by_row(transforms):
    """Check transforms of a policy, and have torchvision's choose for each row."""
    ready, chosen = [], []
    for transform in transforms:
        if not keeps_labels(transform):
            raise ValueError(
                f"Policy needs {WORDS}; got {transform!r}. Give an object such as "
                "Jitter(), and what mixes rows a BatchAugmentation of its own."
            )
        by_row, names = chosen_by_row(transform)
        ready.append(by_row)
        chosen += names
    if chosen:
        warnings.warn(words_on(chosen, "Policy"), stacklevel=3)
    if not ready:
        raise ValueError(
            "Policy needs one transform or more; got an empty list. Give some, such as "
            "those of default_transforms."
        )
    return ready


def _checked_weights(weights, n):
    """Weights (n,) of float64, one for each transform, of which one is not 0."""
    weights = torch.as_tensor(weights, dtype=torch.float64)
    if weights.shape != (n,):
        raise ValueError(
            f"Policy needs one weight for each transform, shape ({n},); got shape "
            f"{tuple(weights.shape)}. Give as many weights as transforms."
        )
    if not (torch.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise ValueError(
            "Policy needs finite weights from 0 on, not all of them 0; got "
            f"{weights.tolist()}. Equal weights draw all transforms equally often."
        )
    return weights


def softmax_of_scores(scores, strength=1.0):
    """Weights that add up to 1: the softmax of z-scores, which are clipped at 2."""
    # A strength of 0 gives equal weights.
    scores = torch.as_tensor(scores, dtype=torch.float64)
    # Differences in the last digits are no reason to prefer one.
    spread = scores.std(correction=0).clamp(min=1e-3)
    z = (scores - scores.mean()) / spread
    return (strength * z.clamp(-2, 2)).softmax(dim=0).numpy()
