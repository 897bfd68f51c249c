"""A policy behind its guard, as an arm of the comparison."""

from sklearn.base import BaseEstimator, ClassifierMixin, clone

from skaug.influence.augmenter import InfluenceAugmenter
from skaug.influence.policy import TransformPolicy

__all__ = ["GuardedPolicy", "with_policy"]


class GuardedPolicy(ClassifierMixin, BaseEstimator):
    """The network that an augmenter trains, or a plain one if its guard refuses.

    This is what InfluenceAugmenter gives by default, ``max_epochs="auto"``, with
    budgets that are given: many steps with a policy, and fewer without.

    Parameters
    ----------
    augmenter : InfluenceAugmenter
        With the network of many steps.
    plain : NetClassifier
        The network of fewer steps.
    """

    def __init__(self, augmenter, plain):
        self.augmenter = augmenter
        self.plain = plain

    def fit(self, X, y, groups=None):
        """Fit the augmenter, and the plain network if it is needed."""
        self.augmenter_ = clone(self.augmenter).fit(X, y, groups=groups)
        self.accepted_ = self.augmenter_.accepted_
        self.estimator_ = self.augmenter_.estimator_
        if not self.accepted_:
            self.estimator_ = clone(self.plain).fit(X, y, groups=groups)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        """Predict labels."""
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        """Predict probabilities."""
        return self.estimator_.predict_proba(X)


def with_policy(setup, on_scores, **parameters):
    """Make a network with a policy behind its guard."""
    augmenter = InfluenceAugmenter(
        setup.net(**parameters),
        augmentation=TransformPolicy(strength=on_scores),
        memory=setup.memory,
        random_state=setup.seed,
    )
    plain = setup._replace(steps=setup.refused).net(**parameters)
    return GuardedPolicy(augmenter, plain)
