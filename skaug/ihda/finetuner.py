"""IHDAFinetuner: a network that is trained, then augmented level by level."""

import math
from copy import deepcopy

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.dataset import ValidSplit

from skaug._checks import (
    BOOL,
    MEMORY,
    Number,
    OneOf,
    Rule,
    Whole,
    check_parameters,
    check_two_classes,
    check_value,
)
from skaug._components import ComponentsMixin, InnerEstimatorMixin
from skaug._labels import check_groups
from skaug._memory import warn_without_seed
from skaug._progress import Progress, prints_lines
from skaug.hard_regions.latent_generators import VAEGenerator
from skaug.hard_regions.short_forms import GENERATORS
from skaug.hard_regions.sources import SOURCES, HardPoints
from skaug.ihda.base import check_trains_anew, checked_base, copied, trained
from skaug.ihda.finetuning import LevelRows, check_trainable
from skaug.ihda.kept import Kept
from skaug.ihda.level import Level, batch_size, new_record
from skaug.ihda.room import Room
from skaug.ihda.rows import checked_data, encoded, rows_of
from skaug.ihda.synthetic import SyntheticSet
from skaug.ihda.tuning import Tuner, is_validated, is_zero, skipped_levels
from skaug.net.apart import apart
from skaug.net.classifier import NetClassifier
from skaug.net.interrupts import StopsWhole
from skaug.net.levels import INPUT, Levels
from skaug.net.splits import hold_out
from skaug.net.steps import planned_epochs
from skaug.net.weighted_rows import check_weights, without_zeros

__all__ = ["IHDAFinetuner"]

RATE = Number(0) | OneOf("validated")


class IHDAFinetuner(
    StopsWhole, ComponentsMixin, InnerEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """Train a network, then fine-tune it on samples made in its own features.

    What the paper leaves open decides whether the method helps. :meth:`paper` does what
    the paper specifies, decoded vectors of hard points and nothing else in the batches,
    and chooses the radius, the rate and p on rows that are held out. The defaults
    choose nothing, cost less time and are made to do no harm: all points are sources,
    half of each batch is real, samples keep what the autoencoder cannot represent, and
    the network goes a quarter of the way at each level.

    Parameters
    ----------
    estimator : skorch.NeuralNetClassifier or FrozenEstimator, default=None
        What is trained and fine-tuned: a :class:`NetClassifier` (by default), an
        :class:`ISDAClassifier`, whose loss is kept while fine-tuning, or any
        classifier of skorch with codes for labels. It is cloned and never changed.
        A net that is trained already comes in scikit-learn's
        ``sklearn.frozen.FrozenEstimator``; a copy of it is fine-tuned. The network ends
        in an ``nn.Linear``.
    levels : {"auto", "hidden"} or list of str, default="auto"
        Where to augment. "hidden" is all blocks of the network, see
        :class:`~skaug.net.Levels`; "auto" is the input and all blocks for tables,
        and the last two blocks for signals and images, where noise on the input
        did harm. A list has names of modules, and ``"input"``.
    sources : HardPoints or {"all", "supported", "hard", "region", "top", "random"}, \
default="all"
        What samples are made from: a :class:`HardPoints`, which also holds ``radius``
        (one, one per level, or "validated", see Notes), ``gamma`` and ``metric``, or
        the name of its rule. "hard" is the paper's.
    generator : VAEGenerator or {"vae", "cvae", "gaussian", "neighbors", \
"interpolation", "noise"}, default="vae"
        How samples are made: by a :class:`VAEGenerator`, :class:`CVAEGenerator`,
        :class:`GaussianGenerator`, :class:`NeighborGenerator`,
        :class:`InterpolationGenerator`, :class:`NoiseGenerator` or another object with
        their two methods. The names are short for objects with their defaults. "noise"
        is nearly as good as the others and needs no training.
    n_samples : int, default=3
        Samples per source; the paper names 3, 5 and 10.
    synthetic_share : float, default=0.5
        Share of synthetic samples in each batch; 1 is the paper's, read literally. 0 is
        the twin of equal compute: the same levels, steps, batches and rates with real
        rows only. The twin does not look for sources, so it never leaves a level out
        because there are none.
    trainable : {"above", "head"} or list of str, default="above"
        What is trained: all layers above the level, the last one only, or what is above
        the level inside the modules of these names, such as a predictor of several
        layers. All other layers stay in evaluation mode.
    batch_norm : {"frozen", "train", "recalibrate", "validated"}, default="frozen"
        Whether batch normalisation above the level stays as it was, or takes its
        statistics from the batches, synthetic samples included. "recalibrate" trains,
        and takes new averages from the real rows after each level. "validated" chooses
        "frozen" or "train", one for all levels, see Notes.
    tune_share : float, default=0.3
        Steps of fine-tuning, of all levels together, as a share of those of the base
        training in the estimator's history. Skipped levels leave theirs unused.
    tune_lr : float, "validated", or list or dict of these, default=0.4
        Learning rate at the start of each level, as a multiple of the estimator's; it
        falls to 0 along half a cosine. One for all levels, a list in their order, or a
        dict by name. "validated" chooses 0.02, 0.1 or 0.4 for each level, see Notes.
    skip_probability : float or "validated", default=0.0
        The paper's p: levels are skipped at random, low ones more often, see
        :func:`~skaug.ihda.level_skip_probability`. "validated" chooses 0, 0.35, 0.55 or
        1, see Notes.
    balance : bool, default=False
        Whether rows and sources are drawn so that classes come equally often, for
        imbalanced data; ``batch_norm="frozen"`` is advised with it. A net with
        ``logit_adjustment`` or ``class_weight`` keeps its loss in fine-tuning, and
        needs False here.
    validation : "shrink", float, int or None, default="shrink"
        What keeps a level from doing harm. "shrink" holds no rows out: the network goes
        a quarter of the way from the weights before a level to those after it, and its
        logits are not allowed to grow. A share, or a number of folds of which one is
        held out, by `groups`, takes whole steps and undoes a level if the loss on that
        part rises. The part is lost to training, which cost more than the guard saved
        with the defaults; use it with ``sources="hard"``. If the net is trained
        already, give ``fit`` rows that it was not trained on. ``None`` takes whole
        steps, and keeps them. A parameter that is "validated" is chosen on such a part,
        0.1 of the rows if no share is given, as in the paper; then all rows are trained
        on, and no level is undone.
    memory : str, path or joblib.Memory, default=None
        Where to keep the base training and each level as it ends, with its record. A
        fit that was killed, or broken off by Ctrl-C, goes on from there when the same
        ``fit`` is called again, and a search trains the base once for candidates that
        share it. The results are the same without it. `random_state` must be an int,
        as for :class:`InfluenceAugmenter`. What is kept is known by the rows and the
        parameters, not by the code of your own functions, and a data set by its pickle.
        With other rows or parameters the fit starts anew, and what is in the folder
        stays.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws; also of the estimator if its own is ``None``.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts levels, and 2 prints lines
        instead, one for each level.

    Attributes
    ----------
    estimator_ : skorch.NeuralNetClassifier
        The fine-tuned estimator, as usable as any other.
    levels_ : list of Bunch
        One record per level, ready for ``pandas.DataFrame(levels_)``: ``level``,
        ``skipped``, ``radius``, ``gamma``, ``tune_lr``, ``hard_share`` (of points with
        positive potential; this, radius and gamma are NaN where `sources` needs no
        potential; a radius of 0 left the level alone), ``n_sources``
        and ``n_samples`` (those made) by class, ``r2``, ``r2_held_out`` and
        ``active_units`` of the autoencoder, ``steps``, ``loss_before`` and
        ``loss_after`` on the real training rows, ``held_out_before`` and
        ``held_out_after`` with `validation`, ``accepted``, ``interrupted`` (by Ctrl-C,
        which ends the list), ``seconds``, ``stored`` (where the activations were:
        "memory", "disk" or, for the rows of an array, "given") and their ``mib``, and
        ``n_compared``, the rows of which distances were computed if they are a sample,
        else 0.
    generators_ : dict of str to object
        The fitted generator of each level that was augmented. Those that draw near
        neighbours hold what their level makes of the training rows, and so do its
        pickles and files. "input" is the level of the rows themselves.
    interrupted_ : bool
        Whether Ctrl-C ended the fit before the last level.
    tuning_ : Bunch or None
        How "validated" parameters were chosen; ``None`` without any. ``n_train`` and
        ``n_held_out`` count rows, ``loss_before`` is the loss of the net on the rows
        held out, and ``seconds`` has no share of the base training. ``levels`` has one
        Bunch per level: ``level``, the ``radius`` and ``tune_lr`` chosen, and
        ``tried``, a list of Bunch with ``radius``, ``tune_lr``, ``hard_share``,
        ``n_sources``, ``loss`` on the rows held out, and ``error``, the standard error
        of its paired difference to the first, which leaves the level alone.
        ``skips`` is a list of Bunch with ``skip_probability``, ``loss`` and ``error``,
        of the difference to 0, and ``skip_probability`` the one chosen or given.
        ``batch_norms`` is a list of Bunch with ``batch_norm``, ``loss`` after all
        levels and ``error``, of the difference to "frozen", and ``batch_norm`` the mode
        chosen or given; ``levels`` and ``skips`` are those of this mode. Both lists are
        empty for what was given.
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
        If a FrozenEstimator holds a net that is not fitted.
    OSError
        If the disk has no room for activations that the memory has no room for, or
        `memory` cannot be written. What is kept there stays.
    KeyboardInterrupt
        If Ctrl-C ends the base training, or the fit of a clone, which is part of a
        search or of another estimator.

    Warns
    -----
    UserWarning
        If a level has no sources, its activations are all zero or its autoencoder
        collapsed; if fewer than 1 % or more than 30 % of its points have positive
        potential, unless the radius is "validated"; if batches are synthetic only,
        unless `tune_lr` is "validated"; if nothing that was tried on the rows held out
        helped at any level; if activations go to the disk, a generator needs more of
        them at once than fit into memory, or distances are those of a sample; if Ctrl-C
        ends the fit after the base training, or there is a memory and no seed.

    See Also
    --------
    HardRegionSampler : The same samples for any classifier, in the input space.

    Notes
    -----
    The paper chooses w for each level and p on rows that are held out, and then starts
    from scratch on all rows. So does ``fit`` if the radius of `sources`, `tune_lr`,
    `skip_probability` or `batch_norm` is "validated". A clone of the net is trained
    without the rows held out, also if the net is given in a FrozenEstimator, which may
    have seen them. At each level, from the lowest up, it is fine-tuned from the same
    state with every pair of a radius and a rate, and the pair of least loss on the rows
    held out is kept; to leave the level alone, as with the radius 0, is one of the
    candidates.
    Radii are 0.05, 0.1 ... 1 for the cosine metric and multiples of the "auto" radius
    for others, of which at most five and eight that make different sets of sources are
    tried. Where batch normalisation is trained, all this is done once with "frozen" and
    once with "train", from the same start, and the mode that ends at the least loss is
    kept. Each p is judged by a pass over all levels with what was chosen for them.

    The choice takes one more base training and some 15 fine-tunings per level, twice as
    many for `batch_norm`. To fit again with what was chosen, give the radii and rates
    in ``tuning_.levels`` as lists, and ``skip_probability`` and ``batch_norm`` from
    ``tuning_``. The radius is NaN if the rule of `sources` looks at none; give "auto"
    in its place.

    Activations of a level that take more than half of scikit-learn's
    ``working_memory``, 1,024 MiB by default, are kept in a file in the folder for
    temporary files, which nobody else sees and which ends with the process; on a GPU,
    those that take more than a third of its free memory. The results are the same bit
    for bit. ``sklearn.set_config(working_memory=...)`` or ``sklearn.config_context``
    set it. The autoencoder, the noise generator and the fine-tuning read the file in
    parts; other generators need all activations at once. Distances need all points in
    memory: beyond the same half, they are those among a random sample of rows, and
    sources come from it. ``HardPoints(maps="means")`` makes points of convolutional
    levels small.

    The rows of a data set of torch are read once, in order, at the first level, and
    only activations are kept. The base training and "validated" parameters read them as
    well, pass by pass. They are loaded with ``iterator_valid__num_workers`` and the
    like of the net. A DataLoader stands for its data set; one that has a sampler or a
    collate_fn of its own is refused. Arrays, also memory-mapped ones and images as
    bytes, are converted batch by batch.

    References
    ----------
    .. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
       Deep Networks", NeurIPS 2020.

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

    _short_forms = {
        "sources": SOURCES,
        "generator": GENERATORS,
    }
    _needed_methods = {"sources": ("fit", "advice"), "generator": ("fit", "draw")}
    _rules = {
        "levels": Rule(
            lambda levels: (
                levels in ("auto", "hidden")
                if isinstance(levels, str)
                else isinstance(levels, (list, tuple, np.ndarray)) and len(levels) > 0
            ),
            "'auto', 'hidden' or a list of one name or more",
            "Put a single name into a list.",
        ),
        "n_samples": Whole(1),
        "synthetic_share": Number(0, 1),
        "trainable": OneOf("above", "head")
        | Rule(
            lambda names: (
                isinstance(names, (list, tuple))
                and len(names) > 0
                and all(isinstance(name, str) for name in names)
            ),
            "a list of names of modules",
            "Put a single name into a list.",
        ),
        "batch_norm": OneOf("train", "frozen", "recalibrate", "validated"),
        "tune_share": Number(0),
        "tune_lr": RATE
        | Rule(
            lambda rates: isinstance(rates, (list, dict, np.ndarray)),
            "a list or dict of these, one per level",
        ),
        "skip_probability": Number(0, 1) | OneOf("validated"),
        "balance": BOOL,
        "validation": Number(0, 1, open_low=True, open_high=True)
        | Whole(2)
        | OneOf(
            "shrink",
            None,
            hint="It is a share or a number of folds, which hold rows out, or one of "
            "the others, which do not.",
        ),
        "memory": MEMORY,
    }

    def __init__(
        self,
        estimator=None,
        *,
        levels="auto",
        sources="all",
        generator="vae",
        n_samples=3,
        synthetic_share=0.5,
        trainable="above",
        batch_norm="frozen",
        tune_share=0.3,
        tune_lr=0.4,
        skip_probability=0.0,
        balance=False,
        validation="shrink",
        memory=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.levels = levels
        self.sources = sources
        self.generator = generator
        self.n_samples = n_samples
        self.synthetic_share = synthetic_share
        self.trainable = trainable
        self.batch_norm = batch_norm
        self.tune_share = tune_share
        self.tune_lr = tune_lr
        self.skip_probability = skip_probability
        self.balance = balance
        self.validation = validation
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def paper(cls, estimator=None, *, radius="validated", **params):
        """What the paper specifies, and its validation for what it does not.

        Sources are the points of positive potential with gamma = 0.05. Five samples of
        each are decoded as they are, by an autoencoder that is trained with Eq. 2 as
        printed until a tenth of the rows stops improving. All layers above a level are
        trained, and nothing but samples is in the batches. The paper chooses the radius
        of each level and p on rows that are held out, so both are "validated" here. It
        says neither at which rate a network is fine-tuned nor what batch normalisation
        does meanwhile; both are chosen on the same rows.

        Parameters
        ----------
        estimator : skorch.NeuralNetClassifier or FrozenEstimator, default=None
            As for the constructor.
        radius : "validated", float, "auto", tuple, or list or dict of these, \
default="validated"
            Reach of a neighbourhood, for all levels or one per level. It is not looked
            at if `sources` is among the other parameters, which has its own.
        **params
            Parameters to set otherwise.

        Returns
        -------
        finetuner : IHDAFinetuner
            Not fitted.
        """
        generator = VAEGenerator(
            steps="converged",
            keep_residual=False,
            decoder_noise=0.0,
            standardise=False,
            clamp=False,
        )
        specified = {
            "levels": "hidden",
            "sources": HardPoints("hard", radius=radius, gamma=0.05, metric="cosine"),
            "generator": generator,
            "n_samples": 5,
            "synthetic_share": 1.0,
            "trainable": "above",
            "batch_norm": "validated",
            "tune_lr": "validated",
            "skip_probability": "validated",
            "validation": None,
        }
        return cls(estimator, **{**specified, **params})

    def fit(self, X, y=None, groups=None, sample_weight=None):
        """Train the estimator unless it is, then fine-tune it level by level.

        Parameters
        ----------
        X : array-like of shape (n, ...) or torch.utils.data.Dataset
            Training rows, signals or images. A data set gives pairs ``(x, code)`` with
            codes 0 ... n_classes - 1 by number. See Notes.
        y : array-like of shape (n,), default=None
            Labels. ``None`` only for a data set that shows its codes as ``y`` or
            ``targets``, such as torchvision's ``ImageFolder``; of others, the codes.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each row: rows of one group are no
            neighbours, and the part that is held out has groups of its own.
        sample_weight : array-like of shape (n,), default=None
            How many times each row counts, 0 or more, as for :class:`NetClassifier`:
            in the base training, in the batches of fine-tuning and in all losses on
            record. A sample has the weight of its source. Neighbours and sources are
            chosen without a look at weights.

        Returns
        -------
        self : IHDAFinetuner
            The fitted estimator. After Ctrl-C it is marked, see `interrupted_`, and
            fine-tuned as far as it came. If that was before the pass on all rows,
            `estimator_` is the net whose parameters were being chosen, or a copy of the
            net that was given trained.
        """
        for _ in self.staged_fit(X, y, groups, sample_weight):
            pass
        return self

    def staged_fit(self, X, y=None, groups=None, sample_weight=None):
        """Fit as :meth:`fit` does, stopping to look after each level.

        Parameters
        ----------
        X, y, groups, sample_weight : array-like
            As for :meth:`fit`.

        Yields
        ------
        self : IHDAFinetuner
            After the base training, then after each level; usable each time.
        """
        self._check()
        X, y = checked_data(X, y)
        groups = check_groups(groups, len(y), "IHDAFinetuner")
        weights = check_weights(sample_weight, len(y), "IHDAFinetuner")
        if weights is not None:
            X, y, groups, weights = without_zeros(weights, X, y, groups)
        progress = Progress("IHDAFinetuner", unit="level", verbose=self.verbose)
        with progress:
            yield from self._stages(X, y, groups, weights, progress)

    def _stages(self, X, y, groups, weights, progress):
        """Train the estimator, then augment level by level."""
        random = check_random_state(self.random_state)
        net, frozen = checked_base(self.estimator, self.balance, weights)
        data, tuner = (X, y, groups, weights), None
        kept = Kept(self, net, frozen, data, random)
        seed_of_base, seed_of_split = random.randint(2**31 - 1, size=2)
        train, held_out = self._split(y, groups, seed_of_split)
        if self._is_tuned:
            if frozen:
                check_trains_anew(net)
            fitted = kept.base(trained, train, seed_of_base, progress)
            cut = self._cut_net(fitted, *data)
            tuner = self._tuner(cut, train, held_out, deepcopy(random), kept)
            tuner.rows.room.tell(cut.names, prints_lines(self.verbose))
            tuner.tune(progress)
            if tuner.interrupted_at is not None:
                self._start_with(copied(net) if frozen else fitted, cut, random, tuner)
                record = new_record(tuner.interrupted_at, skipped=False)
                self.levels_.append(record)
                self._stop(record)
                yield self
                return
            train = held_out = None
        if frozen:
            net = copied(net)
        else:
            net = kept.base(trained, train, seed_of_base, progress)
        cut = self._cut_net(net, *data)
        rows = cut.rows(train)
        guard = None if held_out is None else cut.rows(held_out)
        self._start_with(net, cut, random, tuner)
        yield self
        yield from self._pass(cut, rows, guard, progress, kept)

    def _start_with(self, net, cut, random, tuner):
        """Set the attributes as they are before the first level."""
        self.tuning_ = None if tuner is None else tuner.record
        self._seed_of_samples = int(random.randint(2**31 - 1))
        self._plan = _plan(random, len(cut.names))
        self._chosen = self._choices(cut.names, tuner)
        self.estimator_, self.levels_, self.generators_ = net, [], {}
        self.interrupted_ = False

    def _pass(self, cut, rows, guard, progress, kept):
        """Go through the levels (Algorithm 2), and yield after each."""
        plan, chosen = self._plan, self._chosen
        skipped = skipped_levels(plan.draws, chosen.skip_probability)
        steps = self._steps(cut.net, len(rows.codes), len(cut.names))
        names = np.array(cut.names)[~skipped].tolist()
        if self.tuning_ is None:  # else it was told before the tuning
            rows.room.tell(names, prints_lines(self.verbose))
        progress.start_over(len(cut.names))
        for name, seed, skips in zip(cut.names, plan.seeds, skipped):
            record = new_record(name, skipped=bool(skips))
            self.levels_.append(record)
            if not skips and is_zero(chosen.radii[name]):
                record.skipped, record.radius = True, 0.0
            try:
                if not record.skipped:
                    with progress.around():
                        self._augment(record, rows, guard, steps, int(seed), kept)
            except KeyboardInterrupt:
                self._stop(record)
                return
            progress.step(level=name, loss=record.loss_after)
            if prints_lines(self.verbose):
                _tell(record)
            yield self

    def _stop(self, record):
        """Mark where Ctrl-C has ended the fit, and tell the caller."""
        record.interrupted = self.interrupted_ = True
        self._end_by_interrupt(
            f"Ctrl-C at level {record.level!r}",
            "It predicts with what is done. With memory=, the same fit goes on there",
            stacklevel=7,
        )

    def _choices(self, names, tuner=None):
        """Radius and rate by name of a level, p and batch_norm, as given or chosen."""
        radii = _per_level("radius", self.component("sources").radius, names)
        rates = _per_level("tune_lr", self.tune_lr, names)
        # Which of the two validation chose, by name of a level.
        validated = {
            name: {
                what
                for what, given in (("radius", radii), ("tune_lr", rates))
                if is_validated(given[name])
            }
            for name in names
        }
        source = self
        if tuner is not None:
            radii, rates, source = tuner.radii, tuner.rates, tuner
        return Bunch(
            radii=radii,
            rates=rates,
            validated=validated,
            skip_probability=source.skip_probability,
            batch_norm=source.batch_norm,
        )

    @property
    def _is_tuned(self):
        """Whether anything is to be chosen on rows that are held out."""
        radius = self.component("sources").radius
        given = [self.skip_probability, self.batch_norm]
        per_level = [*_listed(self.tune_lr), *_listed(radius)]
        return any(map(is_validated, given + per_level))

    def _tuner(self, cut, train, held_out, random, kept):
        """Make a Tuner whose draws are those of the pass to come."""
        random.randint(2**31 - 1)  # the seed of samples
        plan = _plan(random, len(cut.names))
        given = self._choices(cut.names)
        steps = self._steps(cut.net, len(train), len(cut.names))
        choices = given.radii, given.rates
        return Tuner(self, cut, train, held_out, *choices, steps, plan, kept)

    def _augment(self, record, rows, held_out, steps, seed, kept):
        """Augment one level, and keep the generator."""
        rows.room.note(record)
        name, chosen = record.level, self._chosen
        level = Level(
            self,
            record,
            rows,
            held_out,
            steps,
            seed,
            chosen.rates[name],
            chosen.batch_norm,
            chosen.validated[name],
        )
        losses = [r.loss_after for r in self.levels_ if not math.isnan(r.loss_after)]
        try:
            level.augment(
                self.component("sources").set_params(radius=chosen.radii[name]),
                self.component("generator"),
                losses[-1] if losses else None,
                kept,
            )
        finally:
            if level.generator is not None:
                self.generators_[name] = level.generator

    def _steps(self, net, n_rows, n_levels):
        """Steps of fine-tuning per level; at least one unless tune_share is 0."""
        counted = sum(row.get("train_batch_count", 0) for row in net.history)
        per_epoch = math.ceil(n_rows / batch_size(net, n_rows))
        n_epochs = planned_epochs(net, per_epoch)
        steps = self.tune_share / n_levels * (counted or n_epochs * per_epoch)
        return max(round(steps), 1 if steps else 0)

    def _check(self):
        """Refuse parameters that nothing can be done with."""
        check_parameters(self, self._rules)
        warn_without_seed(self)
        sources = self.component("sources")
        sources.check()
        generator = self.component("generator")
        if hasattr(generator, "check"):
            generator.check()
        for rate in _listed(self.tune_lr):
            check_value("IHDAFinetuner", "tune_lr", rate, RATE)
        if not isinstance(self.levels, str):
            self._choices(self.levels)

    @property
    def shrinks(self):
        """Whether each level goes part of the way only."""
        return isinstance(self.validation, str)

    def _split(self, y, groups, seed):
        """Rows to train on and rows that are held out; None and None without any."""
        share = self.validation
        if share is None or self.shrinks:
            if not self._is_tuned:
                return None, None
            share = 0.1  # the paper's
        _, counts = np.unique(y, return_counts=True)
        if counts.sum() < 2:
            raise ValueError(
                "IHDAFinetuner needs two rows or more to hold one out for validation; "
                f"got {counts.sum()}. Give more, or set validation=None."
            )
        if groups is not None and len(np.unique(groups)) < 2:
            raise ValueError(
                "IHDAFinetuner needs two groups or more to hold one out; got one. "
                "Leave groups out, or let nothing be held out: validation=None and "
                "values in place of 'validated'."
            )
        # Classes of fewer rows than folds cannot be spread over them, nor more classes
        # over a part than it has rows.
        room = share > 1 or math.ceil(share * counts.sum()) >= len(counts)
        stratified = room and counts.min() >= max(2, share)
        split = ValidSplit(share, stratified=stratified)
        return hold_out(
            split, np.asarray(y), groups, random_state=seed, name="IHDAFinetuner"
        )

    def _cut_net(self, net, X, y, groups, weights):
        """The net with the names of its levels and what makes LevelRows of numbers."""
        X, codes = encoded(net, X, y)
        if isinstance(net, NetClassifier):
            weights = net.row_weights(codes, weights)
        check_two_classes(net.classes_[np.unique(codes)], "IHDAFinetuner")
        all_rows = rows_of(net, X)
        probes = all_rows[_probes(all_rows)]
        levels, names = self._cut(net, probes)
        room = Room(levels, names, all_rows, probes, len(codes))
        check_trainable(levels, names, self.trainable)

        def rows(numbers):
            if weights is not None:  # those of a class may be 0
                numbers = np.arange(len(X)) if numbers is None else numbers
                numbers = numbers[weights[numbers] > 0]
            own = codes, groups, weights
            if numbers is not None:
                own = [None if a is None else a[numbers] for a in own]
            return LevelRows(net, levels, rows_of(net, X, numbers), *own, room)

        return Bunch(net=net, names=names, rows=rows)

    def _cut(self, net, probes):
        """The network's levels and the names of those to augment, in order."""
        by_rule = isinstance(self.levels, str)
        levels = Levels(
            net.module_,
            probes,
            None if by_rule else self.levels,
            classifier_layer=getattr(net, "classifier_layer", None),
        )
        if by_rule and self.levels == "auto":
            is_table = probes.ndim == 2 and probes.is_floating_point()
            return levels, [INPUT, *levels.names] if is_table else levels.names[-2:]
        return levels, levels.names

    def sample(self, X, y=None, level=None, *, n_samples=1):
        """Activations of a level and samples made from them.

        Parameters
        ----------
        X, y : array-like, or a data set
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
        net = apart(self.estimator_)
        X, codes = encoded(net, *checked_data(X, y))
        X = rows_of(net, X)
        rows = LevelRows(net, self._cut(net, X[_probes(X)])[0], X, codes)
        rows.reach(level)
        sources = np.repeat(np.arange(len(X)), n_samples)
        made = SyntheticSet(
            self.generators_[level],
            rows.h.flatten(1),
            rows.codes,
            sources,
            self._seed_of_samples,
        )
        new = torch.cat([new for new, _ in made.pieces()])
        real, new = rows.h[:], new.unflatten(1, rows.h.shape[1:])
        if not (real.isfinite().all() and new.isfinite().all()):
            raise ValueError(
                "IHDAFinetuner needs activations and samples that are finite; got NaN "
                f"or infinity at level {level!r}. Look for extreme values in X."
            )
        return real.cpu().numpy(), new.cpu().numpy(), sources


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


def _plan(random, n_levels):
    """Seeds of the levels, and the draws by which they are skipped."""
    seeds = random.randint(2**31 - 1, size=n_levels)
    return Bunch(seeds=seeds, draws=random.uniform(size=n_levels))


def _listed(value):
    """The values of a parameter that may be one for all levels, or one for each."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, np.ndarray)) else [value]


def _per_level(what, value, names):
    """The value for each level, from one for all, a list in order or a dict by name."""
    if not isinstance(value, (list, dict, np.ndarray)):
        return dict.fromkeys(names, value)
    if isinstance(value, dict) and set(value) >= set(names):
        return {name: value[name] for name in names}
    if not isinstance(value, dict) and len(value) == len(names):
        return dict(zip(names, value))
    raise ValueError(
        f"IHDAFinetuner needs a {what} for every level {names}; got {value}. Add "
        "those that are missing, or give one for all."
    )


def _probes(X, n_probes=8):
    """Row numbers all over the data, with two rows that differ first if there are."""
    first, n = X[:1], len(X)
    other = next((i for i in range(1, n) if (X[i : i + 1] != first).any()), n - 1)
    probes = np.linspace(0, len(X) - 1, n_probes).astype(int)
    return [0, other, *probes.tolist()]
