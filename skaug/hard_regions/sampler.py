"""HardRegionSampler: new rows of a table, by default as many as balance the classes."""

import warnings
from functools import cached_property

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skaug._checks import OneOf, Whole, check_parameters, check_two_classes, is_whole
from skaug._components import (
    ComponentsMixin,
    SamplerMixin,
    makes_samples,
    transforms_unless_samples,
)
from skaug._input import as_numbers, checked_rows
from skaug._labels import check_groups, check_labels
from skaug._random import new_generator
from skaug._rows import check_columns, take_rows, with_new_rows
from skaug.hard_regions.counts import samples_to_add
from skaug.hard_regions.latent_generators import (
    CVAEGenerator,
    VAEGenerator,
    collapse,
)
from skaug.hard_regions.mixed_columns import MixedColumns, categorical_columns
from skaug.hard_regions.potential import class_potentials, neighbors_asked
from skaug.hard_regions.short_forms import GENERATORS
from skaug.hard_regions.sources import SOURCES, HardPoints

__all__ = ["HardRegionSampler"]

ALL = "sources='all'"
# Attributes that only some fits set, or that are computed when they are asked for.
OF_SOME_FITS = (
    "source_index_",
    "is_synthetic_",
    "spread_",
    "groups_",
    "sampling_strategy_",
    "generator_",
    "_sources",
    "_seeds",
    "_measured",
)


class HardRegionSampler(SamplerMixin, ComponentsMixin, TransformerMixin, BaseEstimator):
    """Make new rows, of all points or of those in hard regions.

    With ``output="samples"`` the object is an over-sampler in the manner of
    imbalanced-learn: ``fit_resample`` returns the rows given and new ones after them.
    By default all classes are filled up to the size of the largest, with rows drawn
    around those of the class. It works in imbalanced-learn's Pipeline, and in
    scikit-learn's inside a :class:`ResampledClassifier`.

    The paper takes the points of hard regions instead: those whose :func:`potential`
    is positive, because within a radius other classes outweigh their own. Points
    without a neighbour of their own class are left out as noise. :meth:`paper` sets
    its choices, which were mostly worse than the defaults where both were measured.

    With ``output="potentials"`` the object is a transformer: ``transform`` returns the
    potential that a point would have under each class, as features. No rows are
    resampled when a pipeline predicts.

    A fitted object holds the training rows, and so do its pickles and files of
    :func:`skaug.save`. A :class:`ResampledClassifier` leaves it out of its own.

    Parameters
    ----------
    output : {"samples", "potentials"}, default="samples"
        Which of the two. An object never has both methods, because pipelines refuse
        such a step.
    sources : HardPoints or {"all", "supported", "hard", "region", "top", "random"}, \
default="all"
        The points that samples are made from. "supported" leaves out points with few
        neighbours of their class; take it if some labels are wrong. "hard" is the
        paper's. :class:`HardPoints` also holds ``radius``, ``gamma`` and ``metric`` of
        the potential, for either output; the name of a rule is short for
        ``HardPoints(rule)``.
    generator : NeighborGenerator or {"neighbors", "interpolation", "gaussian", \
"noise", "vae", "cvae"}, default="neighbors"
        What draws new points: :class:`NeighborGenerator`,
        :class:`InterpolationGenerator` (SMOTE's rule), :class:`GaussianGenerator`,
        :class:`NoiseGenerator`, the paper's :class:`VAEGenerator`,
        :class:`CVAEGenerator` or another object with their two methods. The names are
        short for objects with their defaults, but the autoencoders are trained for up
        to 1,000 steps, since here there is only one.
    n_samples : int, default=5
        New samples per source, if `sampling_strategy` is "hard"; the paper names 3, 5
        and 10.
    sampling_strategy : {"auto", "all", "minority", "not minority", \
"not majority", "hard"}, float, dict or callable, default="auto"
        How many samples to make. As in imbalanced-learn, the named classes are filled
        up to the size of the largest ("auto" is "not majority"); a float is the ratio
        of the smaller to the larger of two classes afterwards; a dict, or the dict that
        a callable returns for y, has the number of rows of each class afterwards. All
        sources of a class are then used equally often, and a class of which the rule
        finds none gets sources all the same. "hard" makes `n_samples` of every source,
        whatever its class.
    categorical_features : array-like of int, str or bool, or "auto", default=None
        Numbers, names or a mask of the columns of categories; "auto" takes the columns
        of a frame that are of a categorical dtype. A new row takes each category as a
        whole, and two different categories are as far apart as a typical deviation of
        the other columns. SMOTE-NC has this rule with the deviation within the rare
        class; here it is that of all rows. Without it all columns have to be numbers.
    device : str, default="cpu"
        Where to compute.
    random_state : int, RandomState instance or None, default=None
        Seed of the generator and of the draws.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts pairs of points and then steps
        of the training, and 2 prints lines instead.

    Attributes
    ----------
    sources_, generator_ : HardPoints, object
        The fitted components; the generator only with ``output="samples"``.
    potentials_ : ndarray of shape (n,)
        Potential of each training point; -1 where noisy. If nothing else needs the
        potentials, they are computed when this or one of the next four is looked
        at, from the array given to ``fit``. Do not change the array before.
    noisy_ : ndarray of shape (n,), bool
        Points without a neighbour of their own class.
    hard_indices_ : ndarray of shape (n_hard,)
        Rows of positive potential.
    radius_, gamma_ : float
        What was used; the median if each point has a radius of its own.
    sampling_strategy_ : dict
        Number of new samples by class.
    classes_ : ndarray of shape (n_classes,)
        Labels, and the order of columns of ``transform``.
    n_features_in_, feature_names_in_ : int, ndarray
        As everywhere in scikit-learn.
    source_index_ : ndarray of shape (n_resampled,)
        After ``fit_resample``: the row of X that each row comes from. A row of X comes
        from itself.
    is_synthetic_ : ndarray of shape (n_resampled,), bool
        Which rows are new.
    source_potential_, spread_ : ndarray of shape (n_resampled,)
        Potential of the source, and the factor drawn from U[0, spread], or 1 where the
        generator's spread is "fixed"; 0 for original rows.
    groups_ : ndarray of shape (n_resampled,)
        If groups were given: the group of each row. A new row has the group of its
        source.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there is one class only, groups do not
        match, or a column that is no category has values that are no numbers.

    Warns
    -----
    UserWarning
        If all classes are of one size, so that none gets a row. If a class has a single
        row, so that new ones are copies. If nothing is hard, most points are noisy, the
        potentials vanish, the autoencoder collapsed, or rows are all zeros, which have
        no direction under the cosine metric. The warning says what to change.

    References
    ----------
    .. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
       Deep Networks", NeurIPS 2020.

    Examples
    --------
    >>> from collections import Counter
    >>> from sklearn.datasets import make_moons
    >>> from skaug import HardPoints, HardRegionSampler
    >>> X, y = make_moons((160, 40), noise=0.3, random_state=0)
    >>> sampler = HardRegionSampler(random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> Counter(y_new.tolist())
    Counter({0: 160, 1: 160})

    Five rows of every point where the classes mix, by a small autoencoder:

    >>> hard = HardRegionSampler(
    ...     sources=HardPoints("hard", metric="euclidean"),
    ...     generator="vae",
    ...     sampling_strategy="hard",
    ...     random_state=0,
    ... ).set_params(generator__latent_dim=2)
    >>> X_new, y_new = hard.fit_resample(X, y)
    >>> len(X_new) - len(X) == 5 * len(hard.hard_indices_)
    True
    >>> hard.set_params(output="potentials").fit_transform(X, y).shape
    (200, 2)
    """

    _short_forms = {
        "sources": SOURCES,
        "generator": {
            **GENERATORS,
            "vae": VAEGenerator(steps=1000),
            "cvae": CVAEGenerator(steps=1000),
        },
    }
    _needed_methods = {"sources": ("fit", "advice"), "generator": ("fit", "draw")}
    _rules = {
        "output": OneOf("samples", "potentials"),
        "n_samples": Whole(1),
    }

    def __init__(
        self,
        *,
        output="samples",
        sources="all",
        generator="neighbors",
        n_samples=5,
        sampling_strategy="auto",
        categorical_features=None,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        self.output = output
        self.sources = sources
        self.generator = generator
        self.n_samples = n_samples
        self.sampling_strategy = sampling_strategy
        self.categorical_features = categorical_features
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def paper(cls, *, radius=1.0, **params):
        """The paper's choices for one level, literally.

        Sources are the points of positive potential with gamma = 0.05, an autoencoder
        draws five samples of each, and these are decoded as they are. The paper
        chooses the radius by validation; it is left to you, here 1.

        Parameters
        ----------
        radius : float, "auto" or tuple, default=1.0
            Reach of a neighbourhood under the cosine metric.
        **params
            Parameters to set otherwise.

        Returns
        -------
        sampler : HardRegionSampler
            Not fitted.

        See Also
        --------
        IHDAFinetuner.paper : The same inside a network, level by level.
        """
        literal = {
            "sources": HardPoints("hard", radius=radius, gamma=0.05, metric="cosine"),
            "generator": VAEGenerator(
                steps=1000, keep_residual=False, decoder_noise=0.0
            ),
            "n_samples": 5,
            "sampling_strategy": "hard",
        }
        return cls(**{**literal, **params})

    def fit(self, X, y, groups=None):
        """Choose the sources and fit the generator, or compute potentials.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The points.
        y : array-like of shape (n,)
            Labels of any dtype; one column or one-hot rows will do.
        groups : array-like of shape (n,), default=None
            Segment or subject of each point. Points of one group are no neighbours
            where sources are chosen, and in potentials. New rows may be made between
            them, unless the generator has ``other_groups=True``. The rows that an
            autoencoder holds out are whole groups.

        Returns
        -------
        self : HardRegionSampler
            The fitted sampler.
        """
        self._fit(X, y, groups)
        return self

    def _fit(self, X, y, groups):
        check_parameters(self, self._rules)
        for name in OF_SOME_FITS:
            self.__dict__.pop(name, None)
        X = self._checked_table(X)
        y = check_labels(y, len(X), "HardRegionSampler", one_hot=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        check_two_classes(self.classes_, "HardRegionSampler")
        groups = check_groups(groups, len(X), "HardRegionSampler")
        makes_samples = self.output == "samples"
        generator = self.component("generator") if makes_samples else None
        if makes_samples:
            self._seeds = check_random_state(self.random_state).randint(
                2**31 - 1, size=2
            )
        self._X, self._codes, self._groups = X, codes, groups
        if makes_samples and self._balances:
            self.sampling_strategy_ = samples_to_add(self.sampling_strategy, y)
        self._find_sources()
        self._warn_of_sources()
        if makes_samples:
            rows = self.sources_.indices_
            self._sources = [rows[codes[rows] == c] for c in range(len(self.classes_))]
            self.sampling_strategy_ = self._numbers_of_samples()
            self._fit_generator(generator, groups)

    def _checked_table(self, X):
        self._columns = None
        given = self.categorical_features
        if given is not None and len(categorical_columns(X, given)):
            validate_data(self, X, skip_check_array=True)
            self._columns = MixedColumns(X, given)
            return self._columns.transform(X)
        if self.output == "samples":
            advice = "Encode it, name it in categorical_features, or leave it out."
            as_numbers(X, "HardRegionSampler", advice=advice)
            check_columns(X, "HardRegionSampler", advice)
        X = checked_rows(self, X, dtype=[np.float64, np.float32], allow_nd=True)
        if X.ndim > 2:
            raise ValueError(
                "HardRegionSampler needs a table of shape (n, n_features); got "
                f"{X.shape}. Compute features, such as a MagnitudeSpectrum of signals, "
                "or use IHDAFinetuner, which works inside a network."
            )
        return np.require(X, requirements=["C", "W"])  # for torch

    def _find_sources(self):
        seed, balances = 0, self.output == "samples" and self._balances
        if self.output == "samples":
            # The generator holds out rows by the first seed itself: random sources
            # would be the rows that it was not trained on.
            sequence = np.random.SeedSequence(int(self._seeds[0]))
            seed = int(sequence.generate_state(1)[0])
        self.sources_ = self._fit_sources(
            self.component("sources"),
            with_potentials=self.output == "potentials",
            every_class=balances,
            needed=self._classes_to_fill() if balances else None,
            random_state=seed,
        )

    def _classes_to_fill(self):
        """Codes of the classes that get rows."""
        added = self.sampling_strategy_
        labels = self.classes_.tolist()
        return [code for code, label in enumerate(labels) if added.get(label)]

    def _fit_sources(self, sources, **settings):
        return sources.fit(
            self._X,
            self._codes,
            self._groups,
            device=self.device,
            verbose=self.verbose,
            **settings,
        )

    @property
    def _balances(self):
        """Whether numbers of rows are given by class, not by source."""
        given = self.sampling_strategy
        return not (isinstance(given, str) and given == "hard")

    @cached_property
    def _measured(self):
        """The sources with the potentials, which not every rule needs."""
        check_is_fitted(self)
        if self.sources_.potentials_ is not None:
            return self.sources_
        return self._fit_sources(clone(self.sources_), with_potentials=True)

    @property
    def potentials_(self):
        """Potential of each training point; -1 where noisy."""
        return self._measured.potentials_

    @property
    def noisy_(self):
        """Points without a neighbour of their own class."""
        return self._measured.noisy_

    @property
    def hard_indices_(self):
        """Rows of positive potential."""
        return np.flatnonzero(self.potentials_ > 0)

    @property
    def radius_(self):
        """Radius that was used."""
        return self._measured.radius_

    @property
    def gamma_(self):
        """Width of the kernel that was used."""
        return self._measured.gamma_

    @property
    def source_potential_(self):
        """Potential of the source of each row."""
        return self.potentials_[self.source_index_]

    def _warn_of_sources(self):
        """Warn if there is no source, or radius or gamma leave nothing to work with."""
        sentence = None
        if self.sources_.potentials_ is not None:
            sentence = self._sentence_on_potentials()
        asked = self.output == "potentials" or not self._balances
        asked = asked or self._classes_to_fill()
        if sentence is None and asked and not len(self.sources_.indices_):
            sentence = f"no point is a source. {self.sources_.advice}, or set {ALL}."
        if sentence is not None:
            self._warn(sentence)

    def _sentence_on_potentials(self):
        codes, groups = self._codes, self._groups
        where = f"within radius {self.radius_:.3g} ({self.sources_.metric})"
        n_noisy, n = self.noisy_.sum(), len(self.noisy_)
        of_others = np.abs(self.potentials_[~self.noisy_])
        lost = np.bincount(codes[~self.noisy_], minlength=len(self.classes_)) == 0
        apart = np.arange(n) if groups is None else np.asarray(groups)
        alone = np.array(
            [len(np.unique(apart[codes == c])) == 1 for c in range(len(lost))]
        )
        if alone.any():
            return (
                f"{self.classes_[alone].tolist()} have one "
                f"{'row' if groups is None else 'group'} each, hence no neighbours of "
                f"their own class, and count as noise. Add rows, or set {ALL}."
            )
        if n_noisy > n / 2:
            return (
                f"{n_noisy} of {n} points have no neighbour of their own class {where} "
                "and count as noise. Increase radius."
            )
        if lost.any():
            return (
                f"no point of {self.classes_[lost].tolist()} has a neighbour of its "
                f"own class {where}, so all count as noise. Increase radius."
            )
        if (of_others < 1e-6).mean() > 0.5:
            return (
                f"most potentials {where} vanish with gamma {self.gamma_:.3g}. "
                "Increase gamma, or set it to 'scale'."
            )
        if not len(self.hard_indices_) and self.sources_.rule == "hard":
            return (
                f"no point is in a hard region {where}: the classes do not mix there. "
                f"Increase radius, try another metric, or set {ALL}."
            )
        return None

    def _warn(self, what):
        warnings.warn(f"HardRegionSampler: {what}", stacklevel=5)

    def _numbers_of_samples(self):
        """New samples by class; no class without a source gets any."""
        n_sources = dict(zip(self.classes_.tolist(), map(len, self._sources)))
        if not self._balances:
            return {k: self.n_samples * number for k, number in n_sources.items()}
        numbers = self.sampling_strategy_
        if isinstance(self.sampling_strategy, str) and not any(numbers.values()):
            self._warn(
                "the classes are of one size, so that no row is added. Give numbers of "
                "rows as sampling_strategy, or leave the sampler out."
            )
        for label, number in numbers.items():
            # A source of one's own may not know every class.
            if number and not n_sources[label]:
                self._warn(
                    f"class {label!r} needs {number} samples and has no source; it "
                    f"gets none. {self.sources_.advice}, or set {ALL}."
                )
                numbers[label] = 0
        return numbers

    def _fit_generator(self, generator, groups):
        self.generator_ = generator.fit(
            torch.as_tensor(self._X, device=self.device),
            torch.as_tensor(self._codes, device=self.device),
            groups,
            random_state=int(self._seeds[0]),
            verbose=self.verbose,
        )
        if getattr(self.generator_, "interrupted_", False):
            raise KeyboardInterrupt
        sentence = collapse(self.generator_, least_r2=0.3)
        if sentence is not None:
            self._warn(sentence)
        if hasattr(self.generator_, "n_neighbors"):
            self._warn_of_copies()

    def _warn_of_copies(self):
        """Warn of classes whose rows have no neighbours to go to."""
        by_group = getattr(self.generator_, "other_groups", False)
        apart = self._groups if by_group else np.arange(len(self._X))
        alone = [
            self.classes_[code].tolist()
            for code in self._classes_to_fill()
            if len(np.unique(apart[self._codes == code])) == 1
        ]
        if alone:
            self._warn(
                f"{alone} have one {'group' if by_group else 'row'} each and no "
                "neighbours, so that their new rows are copies. Add rows, or set "
                "generator='gaussian'."
            )

    def _draw(self, rows, seed):
        """One new point per given row, and its factor."""
        X, codes = (
            torch.as_tensor(array[rows], device=self.device)
            for array in (self._X, self._codes)
        )
        # Equal rows of two groups may have other neighbours.
        by_group = getattr(self.generator_, "other_groups", False)
        groups = {"groups": self._groups[rows]} if by_group else {}
        new, spreads = self.generator_.draw(X, codes, new_generator(seed), **groups)
        if not new.isfinite().all():
            raise ValueError(
                "HardRegionSampler needs new rows that are finite; got NaN or infinity "
                f"from {type(self.generator_).__name__}. Look for extreme values in X."
            )
        return new.cpu().numpy(), spreads.squeeze(1).cpu().numpy()

    def _sources_of(self, label, number):
        """Rows of a class to draw from: all its sources equally often, up to one."""
        (code,) = np.flatnonzero(self.classes_ == label)
        return _evenly(self._sources[code], number, self._seeds[1])

    @available_if(makes_samples)
    def fit_resample(self, X, y, groups=None):
        """Fit, and return the given rows with new ones after them.

        Parameters
        ----------
        X, y, groups : objects
            As for :meth:`fit`.

        Returns
        -------
        X_resampled, y_resampled : objects
            Of the type of X and y, of their dtypes and columns: first all given rows in
            their order, then the new ones. Whole numbers are rounded and kept in the
            range of their dtype.
        """
        self._fit(X, y, groups)
        n = len(self._X)
        by_class = [self._sources_of(*item) for item in self.sampling_strategy_.items()]
        sources = np.concatenate([np.empty(0, dtype=np.intp), *by_class])
        new, spread = self._draw(sources, self._seeds[1])
        self.source_index_ = np.concatenate([np.arange(n), sources])
        self.is_synthetic_ = np.arange(n + len(sources)) >= n
        self.spread_ = np.concatenate([np.zeros(n), spread])
        if groups is not None:
            self.groups_ = self._groups[self.source_index_]
        if self._columns is not None:
            new = self._columns.inverse_transform(new)
        X_resampled = with_new_rows(X, self.source_index_, new)
        return X_resampled, take_rows(y, self.source_index_)

    @available_if(makes_samples)
    def sample(self, n_samples=1):
        """Make new samples of the sources; "supported" has those of classes filled up.

        Parameters
        ----------
        n_samples : int, default=1
            How many; all sources are used equally often, up to one.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            New points, as objects if there are categories. The same ones at each call
            if `random_state` is a number.
        y_new : ndarray of shape (n_samples,)
            Their labels.
        """
        check_is_fitted(self, "_sources")
        if not is_whole(n_samples) or n_samples < 1:
            raise ValueError(
                "HardRegionSampler needs n_samples to be a whole number >= 1; got "
                f"{n_samples!r}. Give the number of new points."
            )
        sources = np.concatenate(self._sources)
        if not len(sources):
            raise ValueError(
                "HardRegionSampler needs a source to sample from; got none. "
                f"{self.sources_.advice}, or set {ALL}."
            )
        # With the seed of fit_resample, the same rows would be drawn again.
        seed = check_random_state(self.random_state).randint(2**31 - 1, size=3)[2]
        rows = _evenly(sources, n_samples, seed)
        new = self._draw(rows, seed)[0]
        if self._columns is not None:
            new = self._columns.inverse_transform(new)
        return new, self.classes_[self._codes[rows]]

    def transform(self, X):
        """Potential that each point would have under each class.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Points; the training points are their only neighbours.

        Returns
        -------
        potentials : ndarray of shape (n, n_classes)
            Columns in the order of `classes_`; -1 where a class has no training point
            within the radius. If each point has a radius of its own, as with
            ``HardPoints(radius=("knn", 10))``, the :func:`hardness` under each class,
            from 0 to 1.
        """
        check_is_fitted(self)
        if self._columns is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._class_potentials(self._columns.transform(X))
        X = checked_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        return self._class_potentials(X)

    def fit_transform(self, X, y, groups=None):
        """Fit, and return the potentials of the training points among all others.

        It differs from ``fit(X, y).transform(X)``, where every training point is its
        own nearest neighbour and its label leaks into what the next step learns from.

        Parameters
        ----------
        X, y, groups : objects
            As for :meth:`fit`. Points of one group are no neighbours here.

        Returns
        -------
        potentials : ndarray of shape (n, n_classes)
            As from :meth:`transform`.
        """
        self._fit(X, y, groups)
        own = np.arange(len(self._X)) if groups is None else groups
        return self._class_potentials(self._X, groups=own, groups_ref=own)

    def _class_potentials(self, X, **groups):
        own = neighbors_asked(self.sources_.radius)
        return class_potentials(
            X,
            self._X,
            self._codes,
            radius=self.sources_.radius if own else self.radius_,
            gamma=self.gamma_,
            metric=self.sources_.metric,
            device=self.device,
            verbose=self.verbose,
            **groups,
        )

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that come out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns that go in.

        Returns
        -------
        names : ndarray of str
            The same names for samples; ``potential_<label>`` for potentials, or
            ``hardness_<label>``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.output == "samples":
            return names
        own = neighbors_asked(self.sources_.radius)
        kind = "hardness" if own else "potential"
        return np.array([f"{kind}_{c}" for c in self.classes_], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.output == "samples":
            tags.transformer_tags = None
        # fit_transform leaves each point out of its own neighbourhood.
        tags.non_deterministic = self.output == "potentials"
        return tags


transforms_unless_samples(HardRegionSampler)


def _evenly(rows, number, seed):
    shuffled = np.random.RandomState(seed).permutation(rows)
    return np.resize(shuffled, number).astype(np.intp)
