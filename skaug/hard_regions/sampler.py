r"""Hard regions: new samples where the classes mix.

A point lies in a hard region if its :func:`~skaug.potential` is positive: within a
radius, other classes outweigh its own. Points without any neighbour of their own class
are left out as noise. A variational autoencoder, trained on all points, gives each hard
point a latent distribution, from which new points of its class are drawn. This is the
first half of IHDA [1]_, which does it in the hidden layers of a network; here it
works on the features of any table.

==========================  ====================================================
the paper                   here
==========================  ====================================================
w, dist                     ``radius``, ``metric``
:math:`\gamma`              ``gamma``
:math:`O_l` (Eq. 6)         ``hard_indices_``
:math:`N_{(\mu,\sigma)}`    ``n_samples``, per hard point
:math:`\beta` (Eq. 4)       drawn from U[0, ``spread``] for every new point
:math:`Q, \bar{Q}` (Eq. 7)  ``generator_.encode``, ``generator_.decode``
==========================  ====================================================

References
----------
.. [1] M. Khan and M. M. Fraz, "Post-training Iterative Hierarchical Data Augmentation
   for Deep Networks", NeurIPS 2020.
"""

import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._metadata_requests import RequestMethod
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skaug._random import new_generator
from skaug.hard_regions.counts import (
    check_columns,
    samples_to_add,
    take_rows,
    with_new_rows,
)
from skaug.hard_regions.generators import fit_generator
from skaug.hard_regions.potential import class_potentials, potential, resolve

__all__ = ["HardRegionSampler"]

# What only some fits set.
OF_SAMPLES = (
    *("source_index_", "is_synthetic_", "source_potential_", "spread_", "groups_"),
    *("sampling_strategy_", "generator_", "reconstruction_r2_", "active_units_"),
    *("_sources", "_seeds", "_variation"),
)


class HardRegionSampler(TransformerMixin, BaseEstimator):
    """Find the points of hard regions and make new samples of them.

    With ``output="samples"`` it is an over-sampler in the manner of imbalanced-learn:
    ``fit_resample`` returns the rows given and new ones after them. It works in
    imbalanced-learn's Pipeline, and in scikit-learn's inside a
    :class:`ResampledClassifier`. With ``output="potentials"`` it is a transformer:
    ``transform`` returns the potential that a point would have under each class, as
    features. No data set is resampled when a pipeline predicts.

    Parameters
    ----------
    output : {"samples", "potentials"}, default="samples"
        Which of the two. An object never has both methods, because pipelines refuse
        such a step.
    radius : float or "auto", default="auto"
        How far neighbours may be, see :func:`potential`; "auto" is
        :func:`auto_radius`.
    gamma : float or "scale", default="scale"
        Width of the kernel; "scale" is half the radius, the paper has 0.05.
    metric : {"cosine", "euclidean", "manhattan"}, default="cosine"
        The distance. Cosine distances are angles seen from the origin: right for
        features that are never negative, such as activations behind a ReLU, counts
        and spectra, and for standardised columns; look at "euclidean" for others.
    sources : {"hard", "all"}, default="hard"
        The points that samples are made from: those of positive potential, or all, for
        comparison and for classes that have no hard point.
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
    generator : {"vae", "noise"}, default="vae"
        "vae" draws from a variational autoencoder, "noise" adds normal noise to each
        feature and needs no training.
    spread : float, default=1.0
        How far new samples go from their source: every one has its own factor, drawn
        from U[0, spread], of the latent standard deviation or, for "noise", of that
        of the feature. 0 makes copies.
    keep_residual : bool, default=True
        Whether to keep what the VAE cannot decode of a source, by adding the difference
        of decoded points to it. Otherwise new points are the decoded ones, as in the
        paper, blurred where the VAE is coarse.
    decoder_noise : float, default=2.0
        Noise added to each feature, as a multiple of the factor above and of the
        standard deviation of the VAE's error; 0 in the paper.
    latent_dim : int, default=32
        Dimension of the VAE's latent space.
    kl_weight : float, default=1.0
        Weight of the divergence in the VAE's loss; less for closer copies.
    device : str, default="cpu"
        Where to compute.
    random_state : int, RandomState instance or None, default=None
        Seed of the VAE and of the draws.
    verbose : int, default=0
        Whether to report on the search for neighbours and on the VAE's training.

    Attributes
    ----------
    potentials_ : ndarray of shape (n,)
        Potential of each training point; -1 where noisy.
    noisy_ : ndarray of shape (n,), bool
        Points without a neighbour of their own class.
    hard_indices_ : ndarray of shape (n_hard,)
        Rows of positive potential.
    radius_, gamma_ : float
        What was used.
    generator_ : VAE or None
        The trained :class:`~skaug.hard_regions.VAE`.
    reconstruction_r2_, active_units_ : float, int
        What the VAE's latent space carries, on all rows; NaN and 0 for "noise".
    sampling_strategy_ : dict
        Number of new samples by class.
    classes_ : ndarray of shape (n_classes,)
        Labels, and the order of columns of ``transform``.
    n_features_in_, feature_names_in_ : int, ndarray
        As everywhere in scikit-learn.
    source_index_ : ndarray of shape (n_resampled,)
        After ``fit_resample``: the row that each row comes from; an original row's own.
    is_synthetic_ : ndarray of shape (n_resampled,), bool
        Which rows are new.
    source_potential_, spread_ : ndarray of shape (n_resampled,)
        Potential of the source, and the factor drawn from U[0, spread]; 0 for original
        rows.
    groups_ : ndarray of shape (n_resampled,)
        If groups were given: those of the sources.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there is one class only, or groups do not
        match.

    Warns
    -----
    UserWarning
        If nothing is hard, most points are noisy, the potentials vanish, a class that
        needs samples has no source, the VAE collapsed, or rows are all zeros, which
        have no direction under the cosine metric; says what to change.

    References
    ----------
    .. [1] M. Khan and M. M. Fraz, "Post-training Iterative Hierarchical Data
       Augmentation for Deep Networks", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skaug import HardRegionSampler
    >>> X, y = make_moons(200, noise=0.3, random_state=0)
    >>> sampler = HardRegionSampler(metric="euclidean", latent_dim=2, random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> len(sampler.hard_indices_)
    19
    >>> X_new.shape
    (295, 2)
    >>> sampler.set_params(output="potentials").fit_transform(X, y).shape
    (200, 2)
    """

    def __init__(
        self,
        *,
        output="samples",
        radius="auto",
        gamma="scale",
        metric="cosine",
        sources="hard",
        n_samples=5,
        sampling_strategy="hard",
        generator="vae",
        spread=1.0,
        keep_residual=True,
        decoder_noise=2.0,
        latent_dim=32,
        kl_weight=1.0,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        self.output = output
        self.radius = radius
        self.gamma = gamma
        self.metric = metric
        self.sources = sources
        self.n_samples = n_samples
        self.sampling_strategy = sampling_strategy
        self.generator = generator
        self.spread = spread
        self.keep_residual = keep_residual
        self.decoder_noise = decoder_noise
        self.latent_dim = latent_dim
        self.kl_weight = kl_weight
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
        self._check_parameters()
        for name in OF_SAMPLES:
            self.__dict__.pop(name, None)
        if self.output == "samples":
            check_columns(X)
        X = validate_data(self, X, dtype=[np.float64, np.float32], allow_nd=True)
        if X.ndim > 2:
            raise ValueError(
                "HardRegionSampler needs a table of shape (n, n_features); got "
                f"{X.shape}. Compute features, such as a MagnitudeSpectrum of signals, "
                "or use IHDAFinetuner, which works inside a network."
            )
        X = np.require(X, requirements=["C", "W"])  # for torch
        y = self._labels(y, len(X))
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "HardRegionSampler needs two classes or more; got one class, "
                f"{self.classes_.tolist()}. Give rows of another class too: hard "
                "regions are where classes mix."
            )
        self.radius_, self.gamma_ = resolve(
            self.radius, self.gamma, self.metric, X, groups, self.device
        )
        self.potentials_, self.noisy_ = potential(
            X,
            y,
            radius=self.radius_,
            gamma=self.gamma_,
            metric=self.metric,
            groups=groups,
            return_noisy=True,
            device=self.device,
            verbose=self.verbose,
        )
        self.hard_indices_ = np.flatnonzero(self.potentials_ > 0)
        self._warn_of_scale(codes, groups)
        self._X, self._codes = X, codes
        if self.output == "samples":
            self._seeds = check_random_state(self.random_state).randint(
                2**31 - 1, size=2
            )
            rows = self.hard_indices_ if self.sources == "hard" else np.arange(len(X))
            self._sources = [rows[codes[rows] == c] for c in range(len(self.classes_))]
            self.sampling_strategy_ = self._numbers_of_samples(y)
            self._fit_generator(groups)

    def _check_parameters(self):
        choices = {
            "output": ("samples", "potentials"),
            "sources": ("hard", "all"),
            "generator": ("vae", "noise"),
        }
        for name, values in choices.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"HardRegionSampler needs {name} to be {values[0]!r} or "
                    f"{values[1]!r}; got {getattr(self, name)!r}. {values[0]!r} is "
                    "the default."
                )
        for name in ("n_samples", "latent_dim"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1 or value is True:
                raise ValueError(
                    f"HardRegionSampler needs {name} to be a whole number >= 1; got "
                    f"{value!r}. Leave it out for the default."
                )
        for name in ("spread", "decoder_noise", "kl_weight"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 <= value < np.inf:
                raise ValueError(
                    f"HardRegionSampler needs {name} to be a finite number >= 0; got "
                    f"{value!r}. Leave it out for the default."
                )

    @staticmethod
    def _labels(y, n):
        if type_of_target(y, input_name="y") == "multilabel-indicator":
            one_hot = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
            if not (one_hot.sum(1) == 1).all():
                raise ValueError(
                    "HardRegionSampler needs one label per point; got a row of y with "
                    "several or none. Multilabel and multioutput targets are not "
                    "supported: resample for each of them."
                )
            y = one_hot.argmax(1)
        check_classification_targets(y)
        y = column_or_1d(y)
        if len(y) != n:
            raise ValueError(
                f"HardRegionSampler needs one label per point; got {len(y)} for {n} "
                "points. Give as many labels as rows."
            )
        return y

    def _warn_of_scale(self, codes, groups):
        where = f"within radius {self.radius_:.3g} ({self.metric})"
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
        elif not len(self.hard_indices_) and self.sources == "hard":
            self._warn(
                f"no point is in a hard region {where}: the classes do not mix there. "
                "Increase radius, try another metric, or set sources='all'."
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
                    f"class {label!r} needs {number} samples and has no point in a "
                    "hard region; it gets none. Increase radius, or set sources='all'."
                )
                numbers[label] = 0
        return numbers

    def _fit_generator(self, groups):
        self._variation, report = fit_generator(
            self.generator,
            torch.as_tensor(self._X, device=self.device),
            torch.as_tensor(self._codes, device=self.device),
            groups,
            spread=self.spread,
            keep_residual=self.keep_residual,
            decoder_noise=self.decoder_noise,
            latent_dim=self.latent_dim,
            kl_weight=self.kl_weight,
            random_state=int(self._seeds[0]),
            verbose=self.verbose,
        )
        self.generator_ = getattr(self._variation, "vae", None)
        self.reconstruction_r2_ = report["r2"]
        self.active_units_ = report["active_units"]
        collapsed = self.reconstruction_r2_ < 0.3 or not self.active_units_
        if self.generator == "vae" and collapsed:
            self._warn(
                f"the VAE explains {max(self.reconstruction_r2_, 0):.0%} of the "
                f"variance with {self.active_units_} active latent units. Decrease "
                "kl_weight, add rows, or set generator='noise'."
            )

    def _draw(self, rows, seed):
        """One new point per given row, and the factors drawn from U[0, spread]."""
        X, codes = (
            torch.as_tensor(array[rows], device=self.device)
            for array in (self._X, self._codes)
        )
        torch_generator = new_generator(seed)
        new, spreads = self._variation.draw(X, codes, torch_generator)
        return new.cpu().numpy(), spreads.squeeze(1).cpu().numpy()

    def _sources_of(self, label, number):
        """Rows of a class to draw from: all its sources equally often, up to one."""
        (code,) = np.flatnonzero(self.classes_ == label)
        return _evenly(self._sources[code], number, self._seeds[1])

    # imbalanced-learn teaches scikit-learn to route to fit_resample, but only classes
    # that are defined afterwards.
    set_fit_resample_request = RequestMethod("fit_resample", ["groups"])

    def _makes_samples(self):
        return self.output == "samples"

    def _makes_potentials(self):
        return self.output == "potentials"

    @available_if(_makes_samples)
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

    @available_if(_makes_samples)
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
        if not isinstance(n_samples, Integral) or n_samples < 1:
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
        # Not the seed of fit_resample, whose rows would come again.
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
            metric=self.metric,
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


# On the class only now: what TransformerMixin wraps while the class is made would be
# there whatever the guard says, and imbalanced-learn asks with hasattr.
for _name in ("transform", "fit_transform", "set_output"):
    _guard = available_if(HardRegionSampler._makes_potentials)
    setattr(HardRegionSampler, _name, _guard(getattr(HardRegionSampler, _name)))
del _name, _guard


def _evenly(rows, number, seed):
    shuffled = np.random.RandomState(seed).permutation(rows)
    return np.resize(shuffled, number).astype(np.intp)
