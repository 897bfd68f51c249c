r"""IHDA: augmentation of a trained network, level by level, in its own features.

The activations :math:`h_l(x)` of a level are vectors like any other: a variational
autoencoder learns them, new ones are drawn from it, and all layers above the level are
fine-tuned on what it gives. Then comes the next level. Nothing below the level changes,
and the network that comes out is as fast as the one that went in.

===========================  ===========================================================
the paper [1]_               here
===========================  ===========================================================
:math:`h_l`, l = 1 ... L     ``levels``, cut by :class:`~skaug.net.Levels`
p, p / (1 + log l)           ``skip_probability``, ``skip_rule``
:math:`g_l` (Eq. 2)          ``generator``, ``latent_dim``, ``kl_weight``
w, dist, :math:`\gamma`      ``radius``, ``metric``, ``gamma``
:math:`O_l` (Eq. 6)          ``sources``
:math:`N_{(\mu,\sigma)}`     ``n_samples``
:math:`\beta` (Eq. 4)        drawn from U[0, ``spread``] for every sample
:math:`h^l_A` (Eq. 7)        what ``sample`` returns
fine-tuning, its two         ``trainable="above"`` (all layers), ``trainable="head"``
options                      (the predictor)
===========================  ===========================================================

What the paper leaves open decides whether it helps. Read literally (decoded means of
hard points, nothing else in the batches) it destroys accuracy on small data; that is
:meth:`IHDAFinetuner.paper`. The defaults are the reading that was found to do no harm:
all points are sources, half of each batch is real, and samples keep what the
autoencoder cannot represent.

References
----------
.. [1] M. Khan and M. M. Fraz, "Post-training Iterative Hierarchical Data Augmentation
   for Deep Networks", NeurIPS 2020.
"""

import copy
import math
import time
import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNetClassifier
from skorch.dataset import ValidSplit
from skorch.utils import is_dataset, to_tensor

from skaug._random import own_generators
from skaug.hard_regions.generators import GENERATORS, SyntheticSet, fit_generator
from skaug.ihda.finetuning import (
    LevelRows,
    batches_of_rows,
    finetune,
    passes,
    recalibrate,
)
from skaug.ihda.sources import SOURCES, check_region, choose_sources
from skaug.net.classifier import NetClassifier
from skaug.net.levels import INPUT, Levels
from skaug.net.splits import hold_out

__all__ = ["IHDAFinetuner", "level_skip_probability"]


def level_skip_probability(number, probability, rule="relaxed"):
    """Probability of skipping a level (Algorithm 2, line 3, of IHDA).

    Parameters
    ----------
    number : int
        The level's number, from 1.
    probability : float
        The paper's p.
    rule : {"relaxed", "constant", "printed"}, default="relaxed"
        "relaxed" is ``p / (1 + log(number))``: what the text describes and what fits
        its Table 4, where p = 0 augments every level. "constant" is p for all.
        "printed" is ``1 / (1 + p log(number))``, which skips every level at p = 0.

    Returns
    -------
    probability : float
        Between 0 and 1.

    Examples
    --------
    >>> from skaug.ihda import level_skip_probability
    >>> [round(level_skip_probability(l, 0.5), 2) for l in (1, 2, 10)]
    [0.5, 0.3, 0.15]
    """
    log = math.log(number)
    if rule == "printed":
        return 1 / (1 + probability * log)
    return probability if rule == "constant" else probability / (1 + log)


class IHDAFinetuner(ClassifierMixin, BaseEstimator):
    """Train a network, then fine-tune it on samples made in its own features.

    Parameters
    ----------
    estimator : skorch.NeuralNetClassifier, default=None
        What is trained and fine-tuned: a :class:`NetClassifier` (by default), an
        :class:`ISDAClassifier`, whose loss is kept while fine-tuning, or any
        classifier of skorch with codes for labels. It is cloned and never changed.
        Its network ends in an ``nn.Linear``.
    prefit : bool, default=False
        Whether `estimator` is trained already; a copy of it is fine-tuned. Cloning, as
        a grid search does, would lose its training: wrap it in
        ``sklearn.frozen.FrozenEstimator`` there, which needs no `prefit`.
    levels : {"auto", "hidden"} or list of str, default="auto"
        Where to augment. "hidden" is all blocks of the network, see
        :class:`~skaug.net.Levels`; "auto" is the input and all blocks for tables,
        and the last two blocks for signals and images, where noise on the input
        did harm. A list has names of modules, and ``"input"``.
    sources : {"all", "potential", "region", "top", "random"}, default="all"
        What samples are made from. "potential" is the paper's: points of positive
        :func:`potential`. It adds copies of the rarer class wherever classes mix, so
        that recall of confused classes rises and accuracy falls. "region" takes the
        points of all classes there: of the weight around a point, both its own class
        and others have 15 % or more. "top" takes the `share` of each class that has
        the highest potential, "random" takes a `share` of all points.
    share : float, default=None
        For "top" and "random". ``None`` takes as many as have positive potential.
    radius : float, "auto", tuple, or list or dict of these, default="auto"
        Reach of a neighbourhood; "auto" is ``("knn", 10)``, the median distance to the
        tenth neighbour. A list has one value per level, in the order of computation, a
        dict one by name.
    gamma : float or "scale", default="scale"
        Width of the kernel; "scale" is half the radius, the paper has 0.05.
    metric : {"cosine", "euclidean", "manhattan"}, default="cosine"
        The distance.
    generator : {"vae", "cvae", "gaussian", "noise"}, default="vae"
        How samples are made: by a variational autoencoder, not conditional on the class
        or conditional, by a normal distribution with the covariance of the class, or by
        one with the variances of the features, which is nearly as good and needs no
        training.
    keep_residual : bool, default=True
        Whether samples keep what the autoencoder cannot represent of their source;
        the paper's do not.
    decoder_noise : float, default=2.0
        Noise on each feature in units of the autoencoder's error; 0 in the paper.
    spread : float, default=1.0
        How far samples go from their source: every one has a factor from U[0, spread].
    n_samples : int, default=3
        Samples per source; the paper names 3, 5 and 10.
    latent_dim, kl_weight : int and float, default=32 and 1.0
        Of the autoencoder, see :func:`~skaug.hard_regions.fit_vae`.
    vae_steps : int or "auto", default="auto"
        Training steps of each autoencoder, at most. "auto" is about five passes over
        the rows, but 100 steps or more and 400 or less: one that is half trained
        served as well as one that is trained out.
    synthetic_share : float, default=0.5
        Share of synthetic samples in each batch; 1 is the paper's, read literally.
    trainable : {"above", "head"}, default="above"
        What is trained: all layers above the level, or the last one only.
    batch_norm : {"train", "frozen", "recalibrate"}, default="train"
        Whether batch normalisation above the level takes its statistics from the
        batches, synthetic samples included, or stays as it was. "recalibrate" trains,
        and takes new averages from the real rows after each level.
    tune_share : float, default=0.3
        Steps of fine-tuning, of all levels together, as a share of those of the base
        training in the estimator's history. Skipped levels leave theirs unused.
    tune_lr : float, default=0.4
        Learning rate at the start of each level, as a multiple of the estimator's; it
        falls to 0 along half a cosine.
    skip_probability : float, default=0.0
        The paper's p: levels are skipped at random, low ones more often.
    skip_rule : {"relaxed", "constant", "printed"}, default="relaxed"
        See :func:`~skaug.ihda.level_skip_probability`.
    balance : bool, default=False
        Whether rows and sources are drawn so that classes come equally often, for
        imbalanced data; ``batch_norm="frozen"`` is advised with it.
    validation : float or int, default=None
        A share, or a number of folds of which one is held out, by `groups`: a level is
        undone if the loss on that part rises. It is lost to training, which cost more
        than the guard saved with the defaults; use it with ``sources="potential"``.
        With `prefit`, it is a part of what ``fit`` is given: give rows that the
        estimator was not trained on.
    control : {"real"}, default=None
        "real" makes the twin of equal compute: the same levels, steps, batches and
        rates with real rows only, as with ``synthetic_share=0``, bit for bit. It does
        not look for sources: a level left out for want of them is not left out here.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws; also of the estimator if its own is ``None``.
    verbose : int, default=0
        1 prints a line per level.

    Attributes
    ----------
    estimator_ : skorch.NeuralNetClassifier
        The fine-tuned estimator, as usable as any other.
    levels_ : list of Bunch
        One record per level, ready for ``pandas.DataFrame(levels_)``: ``level``,
        ``skipped``, ``radius``, ``gamma``, ``hard_share`` (of points with positive
        potential; these are NaN where `sources` does not ask for them), ``n_sources``
        and ``n_samples`` (those made) by class, ``r2``, ``r2_held_out`` and
        ``active_units`` of the
        autoencoder, ``steps``, ``loss_before`` and ``loss_after`` on the real training
        rows, ``held_out_before`` and ``held_out_after`` with `validation`,
        ``accepted``, ``interrupted`` (by Ctrl-C, which ends the list), ``seconds``.
    generators_ : dict of str to object
        The generator of each level that was augmented, see ``skaug.generators``.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of ``predict_proba``.
    n_features_in_, feature_names_in_ : int, ndarray
        Those of `estimator_`.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range, a level is unknown or does not cut the network,
        the estimator is no classifier of skorch, or groups do not match; says what to
        do.
    NotFittedError
        If `prefit` is set and the estimator is not fitted.

    Warns
    -----
    UserWarning
        If a level has no sources, fewer than 1 % or more than 30 % of its points have
        positive potential, its activations are all zero or its autoencoder collapsed,
        or batches are synthetic only.

    See Also
    --------
    HardRegionSampler : The same samples for any classifier, in the input space.

    References
    ----------
    .. [1] M. Khan and M. M. Fraz, "Post-training Iterative Hierarchical Data
       Augmentation for Deep Networks", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import IHDAFinetuner, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=20), random_state=0).fit(X, y)
    >>> [record.level for record in ihda.levels_]
    ['input', 'blocks.0', 'blocks.1']
    >>> ihda.score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        estimator=None,
        *,
        prefit=False,
        levels="auto",
        sources="all",
        share=None,
        radius="auto",
        gamma="scale",
        metric="cosine",
        generator="vae",
        keep_residual=True,
        decoder_noise=2.0,
        spread=1.0,
        n_samples=3,
        latent_dim=32,
        kl_weight=1.0,
        vae_steps="auto",
        synthetic_share=0.5,
        trainable="above",
        batch_norm="train",
        tune_share=0.3,
        tune_lr=0.4,
        skip_probability=0.0,
        skip_rule="relaxed",
        balance=False,
        validation=None,
        control=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.prefit = prefit
        self.levels = levels
        self.sources = sources
        self.share = share
        self.radius = radius
        self.gamma = gamma
        self.metric = metric
        self.generator = generator
        self.keep_residual = keep_residual
        self.decoder_noise = decoder_noise
        self.spread = spread
        self.n_samples = n_samples
        self.latent_dim = latent_dim
        self.kl_weight = kl_weight
        self.vae_steps = vae_steps
        self.synthetic_share = synthetic_share
        self.trainable = trainable
        self.batch_norm = batch_norm
        self.tune_share = tune_share
        self.tune_lr = tune_lr
        self.skip_probability = skip_probability
        self.skip_rule = skip_rule
        self.balance = balance
        self.validation = validation
        self.control = control
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def paper(cls, estimator=None, **params):
        """The paper's reading, literally; expect it to cost accuracy.

        Sources are the points of positive potential with gamma = 0.05, samples are
        decoded as they are, and nothing else is in the batches. What the paper chooses
        by validation is left to you: ``radius``, here 1, and ``skip_probability``,
        here 0 as for its sensor data.

        Parameters
        ----------
        estimator : skorch.NeuralNetClassifier, default=None
            As for the constructor.
        **params
            Parameters to set otherwise.

        Returns
        -------
        finetuner : IHDAFinetuner
            Not fitted.
        """
        literal = {
            "levels": "hidden",
            "sources": "potential",
            "radius": 1.0,
            "gamma": 0.05,
            "metric": "cosine",
            "generator": "vae",
            "keep_residual": False,
            "decoder_noise": 0.0,
            "n_samples": 5,
            "synthetic_share": 1.0,
            "trainable": "above",
        }
        return cls(estimator, **{**literal, **params})

    def fit(self, X, y, groups=None):
        """Train the estimator unless it is, then fine-tune it level by level.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Training rows, signals or images.
        y : array-like of shape (n,)
            Labels.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each row: rows of one group are no
            neighbours, and what is held out has groups of its own.

        Returns
        -------
        self : IHDAFinetuner
            The fitted estimator. After Ctrl-C, fine-tuned as far as it came.
        """
        for _ in self.staged_fit(X, y, groups):
            pass
        return self

    def staged_fit(self, X, y, groups=None):
        """Fit as :meth:`fit` does, stopping to look after each level.

        Parameters
        ----------
        X, y, groups : array-like
            As for :meth:`fit`.

        Yields
        ------
        self : IHDAFinetuner
            After the base training, then after each level; usable each time.
        """
        self._check_parameters()
        if is_dataset(X) or type(X) is dict:  # some sparse arrays are dicts too
            raise TypeError(
                f"IHDAFinetuner needs X as an array; got a {type(X).__name__}. Give "
                "the arrays behind it."
            )
        if groups is not None and np.shape(groups) != np.shape(y)[:1]:
            raise ValueError(
                "IHDAFinetuner needs one group per row; got groups of shape "
                f"{np.shape(groups)} for {np.shape(y)[0]} labels. Give fit as many "
                "groups as rows."
            )
        random = check_random_state(self.random_state)
        seed_of_base, seed_of_split = random.randint(2**31 - 1, size=2)
        train = held_out = None
        if self.validation is not None:
            _, counts = np.unique(y, return_counts=True)
            # Classes of fewer rows than parts cannot be spread over them.
            stratified = counts.min() >= max(2, self.validation)
            split = ValidSplit(self.validation, stratified=stratified)
            train, held_out = hold_out(
                split,
                np.asarray(y),
                groups,
                random_state=seed_of_split,
                name="IHDAFinetuner",
            )
        net = self._trained(X, y, groups, train, seed_of_base)
        X, codes = _encoded(net, X, y)
        if len(np.unique(codes)) < 2:
            raise ValueError(
                "IHDAFinetuner needs two classes or more; got one class, "
                f"{net.classes_[codes[:1]].tolist()}. Give rows of other classes too."
            )
        levels, names = self._cut(net, X)
        groups = None if groups is None else np.asarray(groups)

        def part(rows):
            own = None if groups is None else groups[rows]
            return LevelRows(net, levels, X[rows], codes[rows], own)

        rows = part(slice(None) if train is None else train)
        guard = None if held_out is None else part(held_out)
        radii = self._radii(names)
        self._seed_of_samples = int(random.randint(2**31 - 1))
        self.estimator_, self.levels_, self.generators_ = net, [], {}
        yield self
        seeds = random.randint(2**31 - 1, size=len(names))
        draws = random.uniform(size=len(names))
        for number, (name, seed, draw) in enumerate(zip(names, seeds, draws), 1):
            chance = level_skip_probability(
                number, self.skip_probability, self.skip_rule
            )
            record = _new_record(name, skipped=bool(draw < chance))
            self.levels_.append(record)
            try:
                if not record.skipped:
                    start = time.perf_counter()
                    n = len(names)
                    self._augment(record, rows, guard, radii[name], n, int(seed))
                    record.seconds = time.perf_counter() - start
            except KeyboardInterrupt:
                record.interrupted = True
                return
            if self.verbose:
                _tell(record)
            yield self

    def _trained(self, X, y, groups, train, seed):
        """The estimator to fine-tune: a copy, or a clone trained on the rows given."""
        net, prefit = self.estimator, self.prefit
        if isinstance(net, FrozenEstimator):
            net, prefit = net.estimator, True
        net = NetClassifier() if net is None else net
        if not isinstance(net, NeuralNetClassifier):
            raise TypeError(
                "IHDAFinetuner needs a NetClassifier or another NeuralNetClassifier of "
                f"skorch; got a {type(net).__name__}. Give the net; pipelines and "
                "samplers go around the finetuner."
            )
        if prefit:
            if not (getattr(net, "initialized_", False) and hasattr(net, "classes_")):
                raise NotFittedError(
                    "IHDAFinetuner needs a fitted estimator with prefit=True; got an "
                    f"unfitted {type(net).__name__}. Fit it, or set prefit=False."
                )
            return _copied(net)
        net = clone(net)
        if net.get_params(deep=False).get("random_state", seed) is None:
            net.set_params(random_state=int(seed))
        if train is not None:
            if net.classes is None:
                net.set_params(classes=np.unique(y))  # though all of one be held out
            X, y = _safe_indexing(X, train), _safe_indexing(y, train)
            groups = None if groups is None else _safe_indexing(groups, train)
        if isinstance(net, NetClassifier):
            return net.fit(X, y, groups=groups)
        with own_generators(net.device, int(seed)):
            return net.fit(X, y)

    def _cut(self, net, X):
        """The network's levels and the names of those to augment, in order."""
        by_rule = isinstance(self.levels, str)
        levels = Levels(
            net.module_,
            to_tensor(X[_spread(X)], device=net.device),
            None if by_rule else self.levels,
            classifier_layer=getattr(net, "classifier_layer", None),
        )
        if self.levels == "auto":
            is_table = X.ndim == 2 and X.dtype.kind == "f"
            return levels, [INPUT, *levels.names] if is_table else levels.names[-2:]
        return levels, levels.names

    def _radii(self, names):
        """What was given as radius for each level."""
        radius = self.radius
        if _is_one_radius(radius):
            return dict.fromkeys(names, radius)
        if isinstance(radius, dict) and set(radius) >= set(names):
            return radius
        if not isinstance(radius, dict) and len(radius) == len(names):
            return dict(zip(names, radius))
        raise ValueError(
            f"IHDAFinetuner needs a radius for every level {names}; got {radius}. Add "
            "those that lack, or give one for all."
        )

    def _augment(self, record, part, held_out, radius, n_levels, seed):
        """Lines 4 to 7 of Algorithm 2 for one level."""
        net = self.estimator_
        # Seeds of their own: sources at random are not the first rows of the batches.
        seeds = np.random.SeedSequence(seed).generate_state(4).tolist()
        losses = [r.loss_after for r in self.levels_ if not math.isnan(r.loss_after)]
        loss = losses[-1] if losses else part.loss()
        for rows in filter(None, (part, held_out)):
            rows.reach(record.level)
        record.loss_before = part.loss()
        same = math.isclose(record.loss_before, loss, rel_tol=1e-3, abs_tol=1e-4)
        if math.isfinite(loss) and not same:  # what a few rows did not show
            raise ValueError(
                f"{type(net.module_).__name__} needs to be cut at level "
                f"{record.level!r} without a change of the training loss; got "
                f"{record.loss_before:.4g} from its activations instead of {loss:.4g}. "
                "Name other levels."
            )
        if not part.h.any():
            self._warn(
                record,
                "all activations are 0, so it is left alone. Decrease the estimator's "
                "lr.",
            )
            record.skipped = True
            return
        codes = part.codes.cpu().numpy()
        batch_size = _batch_size(net, len(codes))
        steps = self.tune_share / n_levels * _base_steps(net, len(codes))
        record.steps = max(round(steps), 1 if steps else 0)
        n_synthetic = self._n_synthetic(batch_size)
        if n_synthetic:
            sources = self._choose_sources(record, part, codes, radius, seeds[0])
            if not len(sources):
                name = "share" if self.sources == "random" and self.share else "radius"
                self._warn(record, f"no point is a source. Increase {name}.")
                if n_synthetic == batch_size:
                    record.skipped, record.steps = True, 0
                    return
                n_synthetic = 0
        real = synthetic = None
        if n_synthetic < batch_size:
            rng = np.random.RandomState(seeds[1])
            size = batch_size - n_synthetic
            real = batches_of_rows(codes, size, rng, self.balance)
        else:
            self._warn(
                record,
                "batches are synthetic only, which cost accuracy on all data that was "
                "tried. Decrease synthetic_share.",
            )
        if n_synthetic:
            synthetic = self._synthetic(
                record, part, codes, sources, n_synthetic, seeds[2]
            )
        if held_out is not None:
            record.held_out_before = held_out.loss()
        before = copy.deepcopy([module.state_dict() for module in _parts(net)])
        try:
            finetune(
                part,
                _mixed(part, real, synthetic),
                record.steps,
                rate=self.tune_lr,
                trainable=self.trainable,
                frozen_norms=self.batch_norm == "frozen",
                seed=seeds[3],
            )
            if self.batch_norm == "recalibrate":
                recalibrate(part)
        finally:
            record.loss_after = part.loss()
            if held_out is not None:
                record.held_out_after = held_out.loss()
                record.accepted = record.held_out_after <= record.held_out_before
            if not math.isfinite(record.loss_after):
                self._warn(record, "training diverged and is undone. Decrease tune_lr.")
                record.accepted = False
            if not record.accepted:
                for module, state in zip(_parts(net), before):
                    module.load_state_dict(state)
                record.loss_after = record.loss_before

    def _n_synthetic(self, batch_size):
        """Samples per batch: one at least, unless there are to be none."""
        share = 0.0 if self.control else self.synthetic_share
        if share in (0.0, 1.0):
            return round(share * batch_size)
        if batch_size < 2:
            raise ValueError(
                "IHDAFinetuner needs batches of two or more to mix rows and samples; "
                "got batches of one. Increase the estimator's batch_size."
            )
        return min(max(round(share * batch_size), 1), batch_size - 1)

    def _choose_sources(self, record, part, codes, radius, seed):
        """Rows that samples are made from; what the potential says goes on record."""
        sources, report = choose_sources(
            self.sources,
            part.h.flatten(1).cpu().numpy(),
            codes,
            part.groups,
            share=self.share,
            radius=radius,
            gamma=self.gamma,
            metric=self.metric,
            random_state=seed,
            device=self.estimator_.device,
        )
        record.update(report)
        if self.sources == "potential" and not 0.01 <= record.hard_share <= 0.3:
            few = record.hard_share < 0.01
            self._warn(
                record,
                f"{record.hard_share:.1%} of the points have positive potential within "
                f"radius {record.radius:.3g}. {'Increase' if few else 'Decrease'} "
                "radius, or set sources='region'.",
            )
        return sources

    def _synthetic(self, record, part, codes, sources, size, seed):
        """Batches of samples, their generator trained on the level's activations."""
        h, steps = part.h.flatten(1), self.vae_steps
        if steps == "auto":
            steps = _vae_steps(len(h))
        generator, report = fit_generator(
            self.generator,
            h,
            part.codes,
            part.groups,
            spread=self.spread,
            keep_residual=self.keep_residual,
            decoder_noise=self.decoder_noise,
            random_state=seed % 2**31,
            latent_dim=self.latent_dim,
            kl_weight=self.kl_weight,
            max_steps=steps,
        )
        if report.pop("interrupted"):
            raise KeyboardInterrupt
        record.update(report)
        trained = self.generator in ("vae", "cvae")
        if trained and (record.r2 < 0.1 or not record.active_units):
            self._warn(
                record,
                f"the autoencoder collapsed: {max(record.r2, 0):.0%} of the variance "
                f"explained with {record.active_units} active latent units. Decrease "
                "kl_weight, increase vae_steps, or set generator='noise'.",
            )
        self.generators_[record.level] = generator
        record.n_sources = self._by_class(codes[sources])
        sources = np.repeat(sources, self.n_samples)
        rng = np.random.RandomState(seed)
        order = next(passes(codes[sources], rng, self.balance))
        # Those that no batch would reach are not made.
        sources = sources[order][: record.steps * size]
        record.n_samples = self._by_class(codes[sources])
        return SyntheticSet(generator, h, part.codes, sources, seed).batches(size)

    def _by_class(self, codes):
        counts = np.bincount(codes, minlength=len(self.classes_)).tolist()
        return dict(zip(self.classes_.tolist(), counts))

    def sample(self, X, y, level=None, *, n_samples=1):
        """Activations of a level and samples made from them.

        Parameters
        ----------
        X, y : array-like
            Rows and labels to make samples from, such as those of ``fit``.
        level : str, default=None
            One that was augmented; the last one by default.
        n_samples : int, default=1
            Samples per row.

        Returns
        -------
        real : ndarray of shape (n, ...)
            Activations of the rows.
        synthetic : ndarray of shape (n * n_samples, ...)
            Samples; those of one row follow each other.
        source_index : ndarray of shape (n * n_samples,)
            The row that each is made from.
        """
        check_is_fitted(self)
        level = next(reversed(self.generators_), None) if level is None else level
        if level not in self.generators_:
            known = list(self.generators_) or "none: nothing was augmented in this fit"
            raise ValueError(
                f"IHDAFinetuner needs a level that was augmented; got {level!r}. Such "
                f"are {known}."
            )
        net = self.estimator_
        X, codes = _encoded(net, X, y)
        part = LevelRows(net, self._cut(net, X)[0], X, codes)
        part.reach(level)
        h, rows = part.h.flatten(1), np.repeat(np.arange(len(X)), n_samples)
        generator, seed = self.generators_[level], self._seed_of_samples
        made = SyntheticSet(generator, h, part.codes, rows, seed)
        new = torch.cat([new for new, _ in made.pieces()])
        shape = part.h.shape[1:]
        return part.h.cpu().numpy(), new.unflatten(1, shape).cpu().numpy(), rows

    def _check_parameters(self):
        choices = {
            "sources": SOURCES,
            "generator": GENERATORS,
            "trainable": ("above", "head"),
            "batch_norm": ("train", "frozen", "recalibrate"),
            "skip_rule": ("relaxed", "constant", "printed"),
            "control": (None, "real"),
        }
        if isinstance(self.levels, str):
            choices["levels"] = ("auto", "hidden")
        elif not isinstance(self.levels, (list, tuple, np.ndarray)):
            raise ValueError(
                "IHDAFinetuner needs levels to be 'auto', 'hidden' or a list of names; "
                f"got {self.levels!r}. Put a single name into a list."
            )
        elif not len(self.levels):
            raise ValueError(
                "IHDAFinetuner needs a level or more; got none. Name one, or set "
                "levels='auto'."
            )
        for name, values in choices.items():
            if getattr(self, name) not in values:
                allowed = ", ".join(map(repr, values))
                hint = " or a list of names" if name == "levels" else ""
                raise ValueError(
                    f"IHDAFinetuner needs {name} to be one of {allowed}{hint}; got "
                    f"{getattr(self, name)!r}. Leave it out for the default."
                )
        if not isinstance(self.levels, str):
            self._radii(self.levels)
        given = self.radius
        given = list(given.values()) if isinstance(given, dict) else given
        for radius in [given] if _is_one_radius(given) else given:
            check_region(radius, self.gamma, self.metric)
        limits = {
            **{"synthetic_share": 1, "skip_probability": 1},
            **dict.fromkeys(("decoder_noise", "spread", "kl_weight"), math.inf),
            **dict.fromkeys(("tune_share", "tune_lr"), math.inf),
        }
        for name, upper in limits.items():
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= upper or value == math.inf:
                limits = "from 0 to 1" if upper == 1 else ">= 0"
                raise ValueError(
                    f"IHDAFinetuner needs {name} to be a finite number {limits}; got "
                    f"{value!r}. Leave it out for the default."
                )
        for name in ("n_samples", "latent_dim", "vae_steps"):
            value = getattr(self, name)
            auto = name == "vae_steps" and value == "auto"
            if not auto and not (isinstance(value, Integral) and value >= 1):
                raise ValueError(
                    f"IHDAFinetuner needs {name} to be a whole number >= 1; got "
                    f"{value!r}. Leave it out for the default."
                )
        if self.share is not None and not (
            _is_number(self.share) and 0 < self.share <= 1
        ):
            raise ValueError(
                f"IHDAFinetuner needs share to be above 0 and 1 at most; got "
                f"{self.share!r}. None takes as many as have positive potential."
            )
        if self.validation is not None and not (
            _is_number(self.validation)
            and (
                0 < self.validation < 1
                or (self.validation >= 2 and self.validation == int(self.validation))
            )
        ):
            raise ValueError(
                "IHDAFinetuner needs validation to be a share between 0 and 1, or a "
                f"number of folds >= 2; got {self.validation!r}. None holds out "
                "nothing."
            )

    @staticmethod
    def _warn(record, what):
        # From here the line of the user's is not at a fixed distance.
        warnings.warn(f"IHDAFinetuner, level {record.level!r}: {what}", stacklevel=2)

    @property
    def classes_(self):
        """Labels in the order of the columns of ``predict_proba``."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self):
        """Number of columns seen in fit."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of columns seen in fit, if they had names."""
        return self.estimator_.feature_names_in_

    def predict(self, X):
        """Predict labels with the fine-tuned network.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.

        Returns
        -------
        y : ndarray of shape (n,)
            Labels.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        """Class probabilities from the fine-tuned network.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)


def _copied(net):
    # skorch's own way to copy a net is to pickle it, which classes defined in a
    # function or a notebook are not made for.
    new = object.__new__(type(net))
    memo = {id(net): new}
    new.__dict__.update(copy.deepcopy(net.__dict__, memo))
    return new


def _encoded(net, X, y):
    """Rows and codes as the network is trained on them."""
    if isinstance(net, NetClassifier):
        return net.encode(X, y)
    X, codes = np.asarray(X), np.asarray(y)
    if (
        codes.dtype.kind not in "iu"
        or not np.isin(codes, range(len(net.classes_))).all()
    ):
        raise ValueError(
            f"IHDAFinetuner needs labels 0 ... n_classes - 1 for {type(net).__name__}; "
            f"got {np.unique(codes).tolist()}. A NetClassifier takes any labels."
        )
    return X, codes


def _new_record(level, skipped):
    unknown = (
        *("radius", "gamma", "hard_share", "r2", "r2_held_out"),
        *("loss_before", "loss_after", "held_out_before", "held_out_after"),
    )
    return Bunch(
        level=level,
        skipped=skipped,
        n_sources={},
        n_samples={},
        active_units=0,
        steps=0,
        accepted=True,
        interrupted=False,
        seconds=0.0,
        **dict.fromkeys(unknown, math.nan),
    )


def _tell(record):
    if record.skipped:
        print(f"IHDA, level {record.level}: skipped")
        return
    undone = "" if record.accepted else " (undone)"
    print(
        f"IHDA, level {record.level}: {record.steps} steps, loss on real rows "
        f"{record.loss_before:.4f} -> {record.loss_after:.4f}{undone}, "
        f"{record.seconds:.1f} s"
    )


def _mixed(part, real, synthetic):
    """Batches of activations: of rows given by number, of samples, or of both."""
    while True:
        batch = []
        if real is not None:
            rows = torch.as_tensor(next(real), device=part.h.device)
            batch.append((part.h[rows], part.codes[rows]))
        if synthetic is not None:
            new, codes = next(synthetic)
            batch.append((new.unflatten(1, part.h.shape[1:]), codes))
        yield tuple(map(torch.cat, zip(*batch)))


def _is_one_radius(radius):
    return not isinstance(radius, (list, dict, np.ndarray))


def _spread(X, n_probes=8):
    """Row numbers all over the data, with two rows that differ first if there are."""
    other = next((i for i in range(1, len(X)) if (X[i] != X[0]).any()), len(X) - 1)
    probes = np.linspace(0, len(X) - 1, n_probes).astype(int)
    return [0, other, *probes.tolist()]


def _batch_size(net, n):
    return min(net.batch_size, n) if net.batch_size > 0 else n


def _base_steps(net, n):
    """Steps of the base training, those of the history where it counts them."""
    counted = sum(row.get("train_batch_count", 0) for row in net.history)
    return counted or net.max_epochs * math.ceil(n / _batch_size(net, n))


def _vae_steps(n):
    """Training steps of an autoencoder that cost little beside the base training."""
    return min(max(100, 10 * math.ceil(n / 256)), 400)


def _parts(net):
    """What a step changes."""
    criterion = net.criterion_
    has_state = isinstance(criterion, torch.nn.Module)
    return [net.module_, criterion] if has_state else [net.module_]


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
