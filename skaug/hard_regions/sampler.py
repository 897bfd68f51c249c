"""HardRegionSampler: hard points of a table, and new rows made from them."""

import warnings

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skaug._checks import (
    OneOf,
    Whole,
    check_labels,
    check_parameters,
    check_two_classes,
    is_whole,
)
from skaug._components import (
    ComponentsMixin,
    SamplerMixin,
    makes_samples,
    transforms_unless_samples,
)
from skaug._random import new_generator
from skaug._rows import check_columns, take_rows, with_new_rows
from skaug.hard_regions.counts import samples_to_add
from skaug.hard_regions.generators import (
    CVAEGenerator,
    GaussianGenerator,
    NoiseGenerator,
    VAEGenerator,
    collapse,
)
from skaug.hard_regions.potential import class_potentials
from skaug.hard_regions.sources import SOURCES

__all__ = ["HardRegionSampler"]

# Attributes that only some fits set.
OF_SAMPLES = (
    "source_index_",
    "is_synthetic_",
    "source_potential_",
    "spread_",
    "groups_",
    "sampling_strategy_",
    "generator_",
    "_sources",
    "_seeds",
)


class HardRegionSampler(SamplerMixin, ComponentsMixin, TransformerMixin, BaseEstimator):
    """Find the points of hard regions and make new samples of them.

    A point lies in a hard region if its :func:`potential` is positive: within a radius,
    other classes outweigh its own. Points without a neighbour of their own class are
    left out as noise.

    With ``output="samples"`` the object is an over-sampler in the manner of
    imbalanced-learn: ``fit_resample`` returns the rows given and new ones after them.
    It works in imbalanced-learn's Pipeline, and in scikit-learn's inside a
    :class:`ResampledClassifier`. With ``output="potentials"`` it is a transformer:
    ``transform`` returns the potential that a point would have under each class, as
    features. No rows are resampled when a pipeline predicts.

    Parameters
    ----------
    output : {"samples", "potentials"}, default="samples"
        Which of the two. An object never has both methods, because pipelines refuse
        such a step.
    sources : HardPoints or {"hard", "all", "region", "top", "random"}, default="hard"
        The points that samples are made from. :class:`HardPoints` also holds
        ``radius``, ``gamma`` and ``metric`` of the potential, for either output; the
        name of a rule is short for ``HardPoints(rule)``.
    generator : VAEGenerator or {"vae", "cvae", "gaussian", "noise"}, default="vae"
        What draws new points: :class:`VAEGenerator`, :class:`CVAEGenerator`,
        :class:`GaussianGenerator`, :class:`NoiseGenerator` or another object with their
        two methods. The names are short for objects with their defaults, but the
        autoencoders are trained for up to 1,000 steps, since here there is only one.
    n_samples : int, default=5
        New samples per source; the paper names 3, 5 and 10.
    sampling_strategy : {"hard", "auto", "all", "minority", "not minority", \
"not majority"}, float, dict or callable, default="hard"
        How many samples to make. "hard" makes `n_samples` of every source, whatever
        its class. Anything else means what it does in imbalanced-learn: the named
        classes are filled up to the size of the largest ("auto" is "not majority"); a
        float is the ratio of the smaller to the larger of two classes afterwards; a
        dict, or the dict that a callable returns for y, has the number of rows of
        each class afterwards. All sources of a class are then used equally often.
    device : str, default="cpu"
        Where to compute.
    random_state : int, RandomState instance or None, default=None
        Seed of the generator and of the draws.
    verbose : int, default=0
        Whether to report on the search for neighbours and on the training.

    Attributes
    ----------
    sources_, generator_ : HardPoints, object
        The fitted components; the generator only with ``output="samples"``.
    potentials_ : ndarray of shape (n,)
        Potential of each training point; -1 where noisy.
    noisy_ : ndarray of shape (n,), bool
        Points without a neighbour of their own class.
    hard_indices_ : ndarray of shape (n_hard,)
        Rows of positive potential.
    radius_, gamma_ : float
        What was used.
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
        Potential of the source, and the factor drawn from U[0, spread]; 0 for original
        rows.
    groups_ : ndarray of shape (n_resampled,)
        If groups were given: the group of each row. A new row has the group of its
        source.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there is one class only, or groups do not
        match.

    Warns
    -----
    UserWarning
        If nothing is hard, most points are noisy, the potentials vanish, a class that
        needs samples has no source, the autoencoder collapsed, or rows are all zeros,
        which have no direction under the cosine metric; says what to change.

    References
    ----------
    .. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
       Deep Networks", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skaug import HardPoints, HardRegionSampler
    >>> X, y = make_moons(200, noise=0.3, random_state=0)
    >>> sampler = HardRegionSampler(
    ...     sources=HardPoints(metric="euclidean"), random_state=0
    ... )
    >>> X_new, y_new = sampler.set_params(generator__latent_dim=2).fit_resample(X, y)
    >>> len(sampler.hard_indices_)
    19
    >>> X_new.shape
    (295, 2)
    >>> sampler.set_params(output="potentials").fit_transform(X, y).shape
    (200, 2)
    """

    _short_forms = {
        "sources": SOURCES,
        "generator": {
            "vae": VAEGenerator(steps=1000),
            "cvae": CVAEGenerator(steps=1000),
            "gaussian": GaussianGenerator(),
            "noise": NoiseGenerator(),
        },
    }
    _needed_methods = {"sources": ("fit", "limit"), "generator": ("fit", "draw")}
    _rules = {
        "output": OneOf("samples", "potentials"),
        "n_samples": Whole(1),
    }

    def __init__(
        self,
        *,
        output="samples",
        sources="hard",
        generator="vae",
        n_samples=5,
        sampling_strategy="hard",
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        self.output = output
        self.sources = sources
        self.generator = generator
        self.n_samples = n_samples
        self.sampling_strategy = sampling_strategy
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, groups=None):
        """Compute potentials and, to make samples, train the generator.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The points.
        y : array-like of shape (n,)
            Labels of any dtype; one column or one-hot rows will do.
        groups : array-like of shape (n,), default=None
            Segment or subject of each point: points of one group are no neighbours,
            and the VAE's held-out part is made of whole groups.

        Returns
        -------
        self : HardRegionSampler
            The fitted sampler.
        """
        self._fit(X, y, groups)
        return self

    def _fit(self, X, y, groups):
        check_parameters(self, self._rules)
        for name in OF_SAMPLES:
            self.__dict__.pop(name, None)
        X = self._checked_table(X)
        y = check_labels(y, len(X), "HardRegionSampler")
        self.classes_, codes = np.unique(y, return_inverse=True)
        check_two_classes(self.classes_, "HardRegionSampler")
        makes_samples = self.output == "samples"
        generator = self.component("generator") if makes_samples else None
        if makes_samples:
            self._seeds = check_random_state(self.random_state).randint(
                2**31 - 1, size=2
            )
        self._find_sources(X, codes, groups)
        self._warn_of_scale(codes, groups)
        self._X, self._codes = X, codes
        if makes_samples:
            rows = self.sources_.indices_
            self._sources = [rows[codes[rows] == c] for c in range(len(self.classes_))]
            self.sampling_strategy_ = self._numbers_of_samples(y)
            self._fit_generator(generator, groups)

    def _checked_table(self, X):
        if self.output == "samples":
            check_columns(X, "HardRegionSampler")
        X = validate_data(self, X, dtype=[np.float64, np.float32], allow_nd=True)
        if X.ndim > 2:
            raise ValueError(
                "HardRegionSampler needs a table of shape (n, n_features); got "
                f"{X.shape}. Compute features, such as a MagnitudeSpectrum of signals, "
                "or use IHDAFinetuner, which works inside a network."
            )
        return np.require(X, requirements=["C", "W"])  # for torch

    def _find_sources(self, X, codes, groups):
        seed = 0
        if self.output == "samples":
            # The generator holds out rows by the first seed itself: random sources
            # would be the rows that it was not trained on.
            sequence = np.random.SeedSequence(int(self._seeds[0]))
            seed = int(sequence.generate_state(1)[0])
        self.sources_ = self.component("sources").fit(
            X,
            codes,
            groups,
            with_potentials=True,
            random_state=seed,
            device=self.device,
            verbose=self.verbose,
        )
        self.radius_, self.gamma_ = self.sources_.radius_, self.sources_.gamma_
        self.potentials_, self.noisy_ = self.sources_.potentials_, self.sources_.noisy_
        self.hard_indices_ = np.flatnonzero(self.potentials_ > 0)

    def _warn_of_scale(self, codes, groups):
        """Warn if radius or gamma leave nothing to work with."""
        where = f"within radius {self.radius_:.3g} ({self.sources_.metric})"
        n_noisy, n = self.noisy_.sum(), len(self.noisy_)
        of_others = np.abs(self.potentials_[~self.noisy_])
        lost = np.bincount(codes[~self.noisy_], minlength=len(self.classes_)) == 0
        apart = np.arange(n) if groups is None else np.asarray(groups)
        alone = np.array(
            [len(np.unique(apart[codes == c])) == 1 for c in range(len(lost))]
        )
        if alone.any():
            self._warn(
                f"{self.classes_[alone].tolist()} have one "
                f"{'row' if groups is None else 'group'} each, hence no neighbours of "
                "their own class, and count as noise. Add rows, or set sources='all'."
            )
        elif n_noisy > n / 2:
            self._warn(
                f"{n_noisy} of {n} points have no neighbour of their own class {where} "
                "and count as noise. Increase radius."
            )
        elif lost.any():
            self._warn(
                f"no point of {self.classes_[lost].tolist()} has a neighbour of its "
                f"own class {where}, so all count as noise. Increase radius."
            )
        elif (of_others < 1e-6).mean() > 0.5:
            self._warn(
                f"most potentials {where} vanish with gamma {self.gamma_:.3g}. "
                "Increase gamma, or set it to 'scale'."
            )
        elif not len(self.hard_indices_) and self.sources_.rule == "hard":
            self._warn(
                f"no point is in a hard region {where}: the classes do not mix there. "
                "Increase radius, try another metric, or set sources='all'."
            )
        elif not len(self.sources_.indices_):
            self._warn(
                f"no point is a source. Increase {self.sources_.limit}, or set "
                "sources='all'."
            )

    def _warn(self, what):
        warnings.warn(f"HardRegionSampler: {what}", stacklevel=5)

    def _numbers_of_samples(self, y):
        """New samples by class; no class without a source gets any."""
        n_sources = dict(zip(self.classes_.tolist(), map(len, self._sources)))
        if isinstance(self.sampling_strategy, str) and self.sampling_strategy == "hard":
            return {k: self.n_samples * number for k, number in n_sources.items()}
        numbers = samples_to_add(self.sampling_strategy, y)
        for label, number in numbers.items():
            if number and not n_sources[label]:
                self._warn(
                    f"class {label!r} needs {number} samples and has no source; it "
                    f"gets none. Increase {self.sources_.limit}, or set sources='all'."
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
        sentence = collapse(self.generator_, least_r2=0.3)
        if sentence is not None:
            self._warn(sentence)

    def _draw(self, rows, seed):
        """One new point per given row, and the factors drawn from U[0, spread]."""
        X, codes = (
            torch.as_tensor(array[rows], device=self.device)
            for array in (self._X, self._codes)
        )
        torch_generator = new_generator(seed)
        new, spreads = self.generator_.draw(X, codes, torch_generator)
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
        self.source_potential_ = self.potentials_[self.source_index_]
        self.spread_ = np.concatenate([np.zeros(n), spread])
        if groups is not None:
            self.groups_ = np.asarray(groups)[self.source_index_]
        X_resampled = with_new_rows(X, self.source_index_, new)
        return X_resampled, take_rows(y, self.source_index_)

    @available_if(makes_samples)
    def sample(self, n_samples=1):
        """Make new samples of the sources of all classes.

        Parameters
        ----------
        n_samples : int, default=1
            How many; all sources are used equally often, up to one.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            New points. The same ones at each call if `random_state` is a number.
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
                "HardRegionSampler needs a point in a hard region to sample from; got "
                "none. Increase radius, or set sources='all'."
            )
        # With the seed of fit_resample, the same rows would be drawn again.
        seed = check_random_state(self.random_state).randint(2**31 - 1, size=3)[2]
        rows = _evenly(sources, n_samples, seed)
        return self._draw(rows, seed)[0], self.classes_[self._codes[rows]]

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
            within the radius.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
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
        return class_potentials(
            X,
            self._X,
            self._codes,
            radius=self.radius_,
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
            The same names for samples; ``potential_<label>`` for potentials.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.output == "samples":
            return names
        return np.array([f"potential_{c}" for c in self.classes_], dtype=object)

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
