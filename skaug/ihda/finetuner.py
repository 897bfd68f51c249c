"""IHDAFinetuner: a network that is trained, then augmented level by level."""

import math
import time

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples, check_is_fitted
from skorch.dataset import ValidSplit
from skorch.utils import is_dataset, to_tensor

from skaug._checks import (
    Number,
    OneOf,
    Rule,
    Whole,
    check_parameters,
    check_two_classes,
)
from skaug._components import ComponentsMixin, InnerEstimatorMixin
from skaug._labels import check_groups, check_labels
from skaug._progress import Progress, prints_lines
from skaug.hard_regions.latent_generators import VAEGenerator
from skaug.hard_regions.short_forms import GENERATORS
from skaug.hard_regions.sources import SOURCES, HardPoints
from skaug.ihda.base import checked_base, copied, encoded, trained
from skaug.ihda.finetuning import LevelRows
from skaug.ihda.level import Level, batch_size, new_record
from skaug.ihda.synthetic import SyntheticSet
from skaug.net.classifier import NetClassifier
from skaug.net.levels import INPUT, Levels
from skaug.net.splits import hold_out
from skaug.net.steps import planned_epochs
from skaug.net.weighted_rows import check_weights, without_zeros

__all__ = ["IHDAFinetuner", "level_skip_probability"]


def level_skip_probability(number, probability):
    """Probability of skipping a level (Algorithm 2, line 3, of IHDA).

    It is ``p / (1 + log(number))``: what the paper's text describes and what fits its
    Table 4, where p = 0 augments every level. As printed, ``1 / (1 + p log(number))``,
    it would skip every level at p = 0.

    Parameters
    ----------
    number : int
        The level's number, from 1.
    probability : float
        The paper's p.

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
    return probability / (1 + math.log(number))


class IHDAFinetuner(
    ComponentsMixin, InnerEstimatorMixin, ClassifierMixin, BaseEstimator
):
    """Train a network, then fine-tune it on samples made in its own features.

    What the paper leaves open decides whether the method helps. :meth:`paper` is one
    literal reading: decoded vectors of hard points, and nothing else in the batches. It
    costs accuracy on small data. The defaults are the reading that did no harm: all
    points are sources, half of each batch is real, samples keep what the autoencoder
    cannot represent, and the network goes a quarter of the way at each level.

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
        (one, or one per level), ``gamma`` and ``metric``, or the name of its rule.
        "hard" is the paper's.
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
    trainable : {"above", "head"}, default="above"
        What is trained: all layers above the level, or the last one only.
    batch_norm : {"frozen", "train", "recalibrate"}, default="frozen"
        Whether batch normalisation above the level stays as it was, or takes its
        statistics from the batches, synthetic samples included. "recalibrate" trains,
        and takes new averages from the real rows after each level.
    tune_share : float, default=0.3
        Steps of fine-tuning, of all levels together, as a share of those of the base
        training in the estimator's history. Skipped levels leave theirs unused.
    tune_lr : float, default=0.4
        Learning rate at the start of each level, as a multiple of the estimator's; it
        falls to 0 along half a cosine.
    skip_probability : float, default=0.0
        The paper's p: levels are skipped at random, low ones more often, see
        :func:`~skaug.ihda.level_skip_probability`.
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
        steps, and keeps them.
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
        ``skipped``, ``radius``, ``gamma``, ``hard_share`` (of points with positive
        potential; these are NaN where `sources` needs no potential), ``n_sources``
        and ``n_samples`` (those made) by class, ``r2``, ``r2_held_out`` and
        ``active_units`` of the autoencoder, ``steps``, ``loss_before`` and
        ``loss_after`` on the real training rows, ``held_out_before`` and
        ``held_out_after`` with `validation`, ``accepted``, ``interrupted`` (by Ctrl-C,
        which ends the list), ``seconds``.
    generators_ : dict of str to object
        The fitted generator of each level that was augmented.
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
        "trainable": OneOf("above", "head"),
        "batch_norm": OneOf("train", "frozen", "recalibrate"),
        "tune_share": Number(0),
        "tune_lr": Number(0),
        "skip_probability": Number(0, 1),
        "validation": Number(0, 1, open_low=True, open_high=True)
        | Whole(2)
        | OneOf(
            "shrink",
            None,
            hint="It is a share or a number of folds, which hold rows out, or one of "
            "the others, which do not.",
        ),
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
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def paper(cls, estimator=None, *, radius=1.0, **params):
        """The paper's reading, literally; expect it to cost accuracy.

        Sources are the points of positive potential with gamma = 0.05, samples are
        decoded as they are, and nothing else is in the batches. What the paper chooses
        by validation is left to you: ``radius``, here 1, and ``skip_probability``,
        here 0 as for its sensor data.

        Parameters
        ----------
        estimator : skorch.NeuralNetClassifier, default=None
            As for the constructor.
        radius : float, "auto", tuple, or list or dict of these, default=1.0
            Reach of a neighbourhood, for all levels or one per level.
        **params
            Parameters to set otherwise.

        Returns
        -------
        finetuner : IHDAFinetuner
            Not fitted.
        """
        literal = {
            "levels": "hidden",
            "sources": HardPoints("hard", radius=radius, gamma=0.05, metric="cosine"),
            "generator": VAEGenerator(keep_residual=False, decoder_noise=0.0),
            "n_samples": 5,
            "synthetic_share": 1.0,
            "trainable": "above",
            "batch_norm": "train",
            "validation": None,
        }
        return cls(estimator, **{**literal, **params})

    def fit(self, X, y, groups=None, sample_weight=None):
        """Train the estimator unless it is, then fine-tune it level by level.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Training rows, signals or images.
        y : array-like of shape (n,)
            Labels.
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
            The fitted estimator. After Ctrl-C, fine-tuned as far as it came.
        """
        for _ in self.staged_fit(X, y, groups, sample_weight):
            pass
        return self

    def staged_fit(self, X, y, groups=None, sample_weight=None):
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
        self._check(X)
        y = check_labels(y, _num_samples(X), "IHDAFinetuner")
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
        seed_of_base, seed_of_split = random.randint(2**31 - 1, size=2)
        train, held_out = self._split(y, groups, seed_of_split)
        net, frozen = checked_base(self.estimator, self.balance, weights)
        if frozen:
            net = copied(net)
        else:
            data = X, y, groups, weights
            net = trained(net, *data, train, seed_of_base, progress)
        X, codes = encoded(net, X, y)
        if isinstance(net, NetClassifier):
            weights = net.row_weights(codes, weights)
        check_two_classes(net.classes_[np.unique(codes)], "IHDAFinetuner")
        levels, names = self._cut(net, X)
        radii = _radii(self.component("sources").radius, names)

        def side(numbers):
            if weights is not None:  # those of a class may be 0
                numbers = np.arange(len(X))[numbers]
                numbers = numbers[weights[numbers] > 0]
            own = [None if a is None else a[numbers] for a in (groups, weights)]
            return LevelRows(net, levels, X[numbers], codes[numbers], *own)

        rows = side(slice(None) if train is None else train)
        guard = None if held_out is None else side(held_out)
        self._seed_of_samples = int(random.randint(2**31 - 1))
        self.estimator_, self.levels_, self.generators_ = net, [], {}
        yield self
        steps = self._steps(len(rows.codes), len(names))
        seeds = random.randint(2**31 - 1, size=len(names))
        draws = random.uniform(size=len(names))
        progress.start_over(len(names))
        for number, (name, seed, draw) in enumerate(zip(names, seeds, draws), 1):
            chance = level_skip_probability(number, self.skip_probability)
            record = new_record(name, skipped=bool(draw < chance))
            self.levels_.append(record)
            try:
                if not record.skipped:
                    with progress.around():
                        args = rows, guard, radii[name], steps, int(seed)
                        self._augment(record, *args)
            except KeyboardInterrupt:
                record.interrupted = True
                return
            progress.step(level=name, loss=record.loss_after)
            if prints_lines(self.verbose):
                _tell(record)
            yield self

    def _augment(self, record, rows, held_out, radius, steps, seed):
        """Augment one level, and keep time and generator."""
        start = time.perf_counter()
        level = Level(self, record, rows, held_out, steps, seed)
        losses = [r.loss_after for r in self.levels_ if not math.isnan(r.loss_after)]
        try:
            level.augment(
                self.component("sources").set_params(radius=radius),
                self.component("generator"),
                losses[-1] if losses else rows.loss(),
            )
        finally:
            if level.generator is not None:
                self.generators_[record.level] = level.generator
        record.seconds = time.perf_counter() - start

    def _steps(self, n_rows, n_levels):
        """Steps of fine-tuning per level; at least one unless tune_share is 0."""
        net = self.estimator_
        counted = sum(row.get("train_batch_count", 0) for row in net.history)
        per_epoch = math.ceil(n_rows / batch_size(net, n_rows))
        n_epochs = planned_epochs(net, per_epoch)
        steps = self.tune_share / n_levels * (counted or n_epochs * per_epoch)
        return max(round(steps), 1 if steps else 0)

    def _check(self, X):
        """Refuse parameters and rows that nothing can be done with."""
        check_parameters(self, self._rules)
        sources = self.component("sources")
        sources.check()
        generator = self.component("generator")
        if hasattr(generator, "check"):
            generator.check()
        if not isinstance(self.levels, str):
            _radii(sources.radius, self.levels)
        if is_dataset(X) or type(X) is dict:  # some sparse arrays are dicts too
            raise TypeError(
                f"IHDAFinetuner needs X as an array; got a {type(X).__name__}. Give "
                "the arrays behind it."
            )

    @property
    def shrinks(self):
        """Whether each level goes part of the way only."""
        return isinstance(self.validation, str)

    def _split(self, y, groups, seed):
        """Rows to train on and rows that are held out; None and None without any."""
        if self.validation is None or self.shrinks:
            return None, None
        _, counts = np.unique(y, return_counts=True)
        if counts.sum() < 2:
            raise ValueError(
                "IHDAFinetuner needs two rows or more to hold one out for validation; "
                f"got {counts.sum()}. Give more, or set validation=None."
            )
        # Classes of fewer rows than folds cannot be spread over them.
        stratified = counts.min() >= max(2, self.validation)
        split = ValidSplit(self.validation, stratified=stratified)
        return hold_out(
            split, np.asarray(y), groups, random_state=seed, name="IHDAFinetuner"
        )

    def _cut(self, net, X):
        """The network's levels and the names of those to augment, in order."""
        by_rule = isinstance(self.levels, str)
        levels = Levels(
            net.module_,
            to_tensor(X[_probes(X)], device=net.device),
            None if by_rule else self.levels,
            classifier_layer=getattr(net, "classifier_layer", None),
        )
        if by_rule and self.levels == "auto":
            is_table = X.ndim == 2 and X.dtype.kind == "f"
            return levels, [INPUT, *levels.names] if is_table else levels.names[-2:]
        return levels, levels.names

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
        X, codes = encoded(net, X, y)
        rows = LevelRows(net, self._cut(net, X)[0], X, codes)
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
        new = new.unflatten(1, rows.h.shape[1:])
        return rows.h.cpu().numpy(), new.cpu().numpy(), sources


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


def _radii(radius, names):
    """The radius of each level, from one for all, a list in order or a dict by name."""
    if not isinstance(radius, (list, dict, np.ndarray)):
        return dict.fromkeys(names, radius)
    if isinstance(radius, dict) and set(radius) >= set(names):
        return radius
    if not isinstance(radius, dict) and len(radius) == len(names):
        return dict(zip(names, radius))
    raise ValueError(
        f"IHDAFinetuner needs a radius for every level {names}; got {radius}. Add "
        "those that are missing, or give one for all."
    )


def _probes(X, n_probes=8):
    """Row numbers all over the data, with two rows that differ first if there are."""
    other = next((i for i in range(1, len(X)) if (X[i] != X[0]).any()), len(X) - 1)
    probes = np.linspace(0, len(X) - 1, n_probes).astype(int)
    return [0, other, *probes.tolist()]
