"""What is made with a learned augmentation: views beside rows, or in their place.

A sampler changes the number of rows, as imbalanced-learn's samplers do, and a
transformer keeps it. Pipelines refuse a step that could be either, so that an augmenter
is one of them at a time.
"""

import warnings

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Whole, check_value
from skaug._components import SamplerMixin, makes_samples, transforms_unless_samples
from skaug._input import as_numbers
from skaug._random import draw_seed, own_generators
from skaug._rows import check_columns, take_rows, with_new_rows
from skaug.influence.guard import (
    PLAIN,
    Unchanged,
    compared,
    is_lower,
    warn_of_refusal,
)
from skaug.influence.reader import default_reader, losses_of_reader
from skaug.transforms.calling import name_of

__all__ = ["N_VIEWS", "ViewsMixin"]

N_VIEWS = Whole(1, hint="1 is a view of each row.")


class ViewsMixin(SamplerMixin, OneToOneFeatureMixin, TransformerMixin):
    """Mixin for an augmenter whose ``_fit`` learns ``augmentation_``."""

    @available_if(makes_samples)
    def fit_resample(self, X, y, groups=None):
        """Learn the augmentation, and return the given rows with views after them.

        If the guard refuses what was learned, there are no views. What a network gains
        from may harm another classifier: on 400 digits as images, logistic regression
        lost 2.3 points with views beside the rows. So a classifier is trained on the
        training part of the first split, with views and without. With ``guard=True`` it
        is a logistic regression, whose held-out loss must not be higher by more than
        its standard error. With ``guard=classifier``, the loss of that classifier
        decides alone, and has to be lower by more than its standard error. No
        ``estimator_`` is trained.

        Parameters
        ----------
        X, y, groups : objects
            As for :meth:`fit`.

        Returns
        -------
        X_resampled, y_resampled : objects
            Of the type of X and y, of their dtypes and columns: first all given rows in
            their order, bit for bit, then `n_views` views of each: one of every row,
            then another. Whole numbers are rounded and kept in the range of their
            dtype.
        """
        as_numbers(X, type(self).__name__)
        check_columns(X, type(self).__name__)
        data = self._fit(X, y, groups, guard=self._guard_given is True)
        values = self._checked_rows(X)
        if self._guard_given is not False and self.accepted_:
            self._ask_classifier(X, values, data)
        n, n_views = len(data.y), self.n_views if self.accepted_ else 0
        rows = np.arange(n)
        self.source_index_ = np.tile(rows, 1 + n_views)
        self.is_synthetic_ = np.arange(len(self.source_index_)) >= n
        counts = zip(self.classes_.tolist(), np.unique(data.y, return_counts=True)[1])
        self.sampling_strategy_ = {k: n_views * int(count) for k, count in counts}
        if groups is not None:
            self.groups_ = data.groups[self.source_index_]
        views = self._views(values, n_views, data.y)
        X_resampled = with_new_rows(X, self.source_index_, views)
        return X_resampled, take_rows(y, self.source_index_)

    def _ask_classifier(self, X, values, data):
        """Refuse views that harm a classifier, or that do not help the one given."""
        given = self._guard_given is not True
        reader = self._guard_given if given else default_reader()
        if not given:  # it takes rows as networks do, the others as the user has them
            X = values = data.X
        train, held_out = (
            Bunch(X=take_rows(X, rows), y=data.y[rows]) for rows in data.first_split
        )
        views = self._views(values[data.first_split[0]], self.n_views, train.y)
        source = np.tile(np.arange(len(train.y)), 1 + self.n_views)
        more = with_new_rows(train.X, source, views), train.y[source]
        seed = draw_seed(self.random_state)
        plain, augmented = (
            losses_of_reader(reader, rows, held_out, seed)
            for rows in ((train.X, train.y), more)
        )
        groups = None if data.groups is None else data.groups[data.first_split[1]]
        loss = self.classifier_loss_ = compared(plain, augmented, groups)
        if given:
            self.held_out_loss_, self.accepted_ = loss, is_lower(loss)
            what = f"the views to lower the held-out loss of {type(reader).__name__}"
        else:
            self.accepted_ = not loss.augmented - loss.plain > loss.se
            what = "the views not to raise the held-out loss of a logistic regression"
        if not self.accepted_:
            self.augmentation_ = Unchanged()
            advice = "Give the classifier that comes after as guard="
            warn_of_refusal(what, loss, PLAIN, advice, stacklevel=4)

    def fit_transform(self, X, y, groups=None, X_val=None, y_val=None):
        """Learn the augmentation and return a view in the place of each training row.

        The number of rows stays, and the clean rows are gone. That costs accuracy: on
        400 digits as images, logistic regression fell from 95.2 to 88.3 %, a random
        forest from 95.1 to 91.9 % and an SVC from 97.2 to 93.6 %. ``fit_resample``,
        with ``output="samples"``, keeps the clean rows. No ``estimator_`` is trained.

        Parameters
        ----------
        X, y, groups, X_val, y_val : array-like
            As for :meth:`fit`.

        Returns
        -------
        X : ndarray of shape (n, ...)
            One view of each row, in order. If the guard refuses what was learned, the
            rows as they are.
        """
        guard = self._guard_given is not False
        data = self._fit(X, y, groups, X_val, y_val, guard=guard)
        if self.accepted_:
            warnings.warn(
                "InfluenceAugmenter needs the clean rows beside their views to do no "
                "harm; got fit_transform, which puts a view in the place of each row: "
                "on 400 digits, logistic regression lost 7 points of accuracy. Set "
                "output='samples' for fit_resample, in imbalanced-learn's Pipeline or "
                "in a ResampledClassifier.",
                stacklevel=3,  # scikit-learn wraps this method
            )
        X = self._checked_rows(X)
        return self._views(X, 1, data.y[: len(X)])

    def transform(self, X):
        """Return rows as they are, since predictions are made on real rows."""
        check_is_fitted(self, "augmentation_")
        return self._checked_rows(X)

    def augment(self, X, n_views=1, y=None):
        """Draw views of rows.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.
        n_views : int, default=1
            Views of each.
        y : array-like of shape (n,), default=None
            Labels; needed if the policy has transforms that look at them.

        Returns
        -------
        X : ndarray of shape (n_views * n, ...)
            One view of each row, then another; labels are ``np.tile(y, n_views)``.
        """
        check_is_fitted(self, "augmentation_")
        X = self._checked_rows(X)
        if X.shape[1:] != self.input_shape_:
            raise ValueError(
                f"InfluenceAugmenter needs rows of shape {self.input_shape_}, as in "
                f"fit; got {X.shape[1:]}. Reshape X."
            )
        check_value("InfluenceAugmenter", "n_views", n_views, N_VIEWS)
        return self._views(X, n_views, None if y is None else self._known(y, len(X)))

    def _views(self, X, n_views, y):
        """Views of checked rows, one of each and then another."""
        codes = None
        if y is not None:
            codes = torch.from_numpy(np.searchsorted(self.classes_, y))
        rows = torch.from_numpy(self._for_networks(X).copy())
        views = [rows[:0]]
        with own_generators("cpu", draw_seed(self.random_state)), torch.no_grad():
            for _ in range(n_views):
                view = self(rows, codes)
                views.append(view if codes is None else view[0])
        views = torch.cat(views).numpy()
        if not np.isfinite(views).all():
            raise ValueError(
                "InfluenceAugmenter needs views that are finite; got NaN or infinity "
                f"from {name_of(self.augmentation_)}. Look for extreme values in X."
            )
        # Rows that are left alone keep all of their digits.
        copies = n_views, *[1] * (X.ndim - 1)
        changed = views != np.tile(rows.numpy(), copies)
        return np.where(changed, views, np.tile(X, copies))

    def __call__(self, X, y=None):
        """Return a view of each row of a batch, and codes as they came if given."""
        check_is_fitted(
            self,
            "augmentation_",
            msg="InfluenceAugmenter needs to be fitted before it is called; clones of "
            "a net hold one that is not. Give BatchAugmentation its augmentation_.",
        )
        return self.augmentation_(X, y)


transforms_unless_samples(ViewsMixin)
