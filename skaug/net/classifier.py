"""NetClassifier: the NeuralNetClassifier of skorch with scikit-learn's manners."""

import math
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from sklearn.utils._metadata_requests import _routing_enabled, process_routing
from sklearn.utils.validation import _num_samples
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
from skorch.utils import data_from_dataset, is_dataset, to_device, to_numpy
from torch import nn
from torch.utils.data import DataLoader, Subset

from skaug._checks import (
    CHANNELS_LAST,
    Number,
    OneOf,
    Rule,
    Whole,
    check_parameters,
    is_function,
    is_number,
)
from skaug._labels import check_groups, check_labels
from skaug._random import draw_seed, new_generator, own_generators
from skaug.net.adjustment import ADJUSTMENT, AdjustsLogits
from skaug.net.batches import (
    BatchIterator,
    arrays_of,
    as_tensor,
    explained_single_rows,
    without_single_rows,
)
from skaug.net.callbacks import CALLBACKS, HoldsCallbacks
from skaug.net.epochs import count_epoch, counted_epochs, quiet_below_two
from skaug.net.feature_losses import GivesFeatures
from skaug.net.finite import check_epoch
from skaug.net.input_norm import InputNorm
from skaug.net.losses import FeedsLoss
from skaug.net.module_of_data import MakesModule
from skaug.net.outputs import GivesProbabilities
from skaug.net.representation import PrintsChanges
from skaug.net.resuming import RESUME, Resumes
from skaug.net.rows import TakesRows
from skaug.net.splits import (
    TRAIN_SPLIT,
    as_split,
    check_room,
    check_side,
    hold_out,
)
from skaug.net.steps import epochs_for, planned_epochs, warn_of_few_steps
from skaug.net.weight_files import KeepsLabels
from skaug.net.weights import CLASS_WEIGHT, WeighsRows

__all__ = ["NetClassifier"]

# What divides the rows of a batch by itself, behind the back of the net.
PARALLEL = nn.DataParallel, nn.parallel.DistributedDataParallel
# What is there only while a net trains.
OF_TRAINING = (
    "_groups",
    "_split",
    "_weights",
    "_row_weights",
    "batch_weight_",
    "_weight_was_used",
    "_beginning",
    "_going_on",
)


class NetClassifier(
    Resumes,
    KeepsLabels,
    AdjustsLogits,
    FeedsLoss,
    GivesFeatures,
    WeighsRows,
    GivesProbabilities,
    TakesRows,
    MakesModule,
    HoldsCallbacks,
    PrintsChanges,
    NeuralNetClassifier,
):
    r"""Neural network classifier: skorch's, with scikit-learn's manners.

    All of skorch is kept: callbacks, history, ``module__*`` and ``optimizer__*``
    parameters, ``partial_fit``, devices. In addition, arrays, pandas frames and labels
    of any dtype are validated, ``predict`` and scoring callbacks see labels, the shapes
    of the network follow the data, and ``random_state`` reproduces a fit.

    Parameters
    ----------
    module : torch.nn.Module class, callable or instance, default=None
        The network; its outputs are logits. ``None`` takes the network for the number
        of axes of X: :class:`~skaug.net.MLP` for a table (n, features),
        :class:`~skaug.net.SignalNet` for signals (n, channels, time),
        :class:`~skaug.net.ConvNet` for images (n, channels, height, width). A class
        or callable may have the arguments ``n_features``, ``n_channels`` (both the
        size of the second axis of X), ``input_shape`` (the axes after the first) and
        ``n_classes``; those that ``module__*`` does not set are taken from the data.
        An instance is copied at each fit and must have one output per class.
    criterion : torch.nn.Module class, default=torch.nn.CrossEntropyLoss
        The loss. Weights of classes may be a list, ``criterion__weight=[1, 1, 5]``, in
        the order of ``classes_``. ``torch.nn.NLLLoss`` is for modules that return
        probabilities, of which skorch takes the logarithm. A loss whose ``forward`` has
        arguments ``features`` and ``weight`` gets the input and the weight of the last
        ``nn.Linear`` in training, see ``skaug.baselines``.
    logit_adjustment : float, default=0.0
        The factor :math:`\tau` of [1]_ for classes of unequal size. The loss is the
        cross-entropy of :math:`z + \tau \log \pi`, with the logits z and the shares
        :math:`\pi` of the classes in the training rows. Predictions are made from z. 1
        aims at the highest mean recall, as if all classes were equally frequent; 0 is
        plain cross-entropy. See Notes.
    class_weight : "balanced" or dict, default=None
        Factors of the weights of rows, by label; labels that a dict lacks have 1.
        "balanced" makes the sums of the classes' weights equal, as in scikit-learn. It
        counts all rows given to ``fit`` or :func:`skaug.refine`, each by its
        `sample_weight`. ``partial_fit`` needs a dict. Not together with
        `logit_adjustment`.
    optimizer : torch.optim.Optimizer class, default=torch.optim.AdamW
        Its parameters are set as ``optimizer__weight_decay`` and so on.
    lr : float, default=0.003
        Learning rate at the start of the schedule.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" lowers the rate from `lr` to 0 over ``n_epochs_`` epochs, batch by
        batch. If training goes on after that, the schedule starts over. A scheduler
        callback of your own needs "constant".
    max_epochs : int or "auto", default="auto"
        Passes over the training rows in one ``fit``. "auto" takes at least 30 passes,
        and as many as it needs for 200 gradient steps. If a
        :class:`~skaug.BatchAugmentation` is among the callbacks, it takes at least 300
        steps for transforms that declare themselves mild, such as crops and flips, and
        600 for others: augmented rows are learned later than clean ones. A number means
        what it says.
    batch_size : int, default=64
        Rows per step; -1 takes all.
    iterator_train, iterator_valid : class, default=BatchIterator
        How batches are made. ``torch.utils.data.DataLoader`` takes skorch's
        parameters such as ``iterator_train__num_workers``. Training rows are shuffled
        unless ``iterator_train__shuffle=False``.
    train_split : float, int or callable, default=None
        What is held out for validation losses and early stopping: 0.2 holds out a fifth
        of the rows by chance, 5 the first of five folds, and both are stratified. A
        ``skorch.dataset.ValidSplit`` has more settings, and another callable of its
        form will do. By default nothing is held out, because rows are scarce. When
        ``fit`` is given `groups`, no group has rows both in training and in validation.
    classes : array-like, default=None
        All labels, in the order of the columns of ``predict_proba``; by default the
        sorted labels of y.
    channels_last : bool, default=None
        Where the channels of signals and images are. True takes rows (n, time,
        channels) or (n, height, width, channels) and moves the last axis to the second
        place, also in prediction. False takes the axes as they are. ``None`` does so
        too, but refuses rows that look as if channels came last: signals of more
        channels than samples, and images whose last axis has 1, 3 or 4 values or is
        much shorter than the others. It asks no such question for a module of your own
        that has no argument ``n_channels``.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts epochs, and 2 prints lines
        instead: those of skorch, one for each epoch.
    device : str, default="cpu"
        Where to train and predict; ``"cuda"`` is the GPU.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, shuffling and dropout. ``None`` draws a seed from NumPy's
        global generator, as scikit-learn does. torch's global generators are always
        left as they were. Threads share these generators, so that the fits of several
        nets in threads wait for each other: to run them side by side, use processes
        (joblib's default).
    **kwargs
        skorch's other parameters: ``warm_start`` (whether ``fit`` goes on from the
        weights of the ``fit`` before, False by default), ``callbacks`` (a list; a
        search can set parameters of callbacks given as ``("name", callback)``),
        ``module__*``, ``optimizer__*``,
        ``criterion__*``, ``iterator_train__*``, ``predict_nonlinearity`` ...

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of ``predict_proba``.
    n_features_in_ : int
        Size of the second axis of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when X was a frame with string columns.
    input_shape_ : tuple of int
        Shape of one sample.
    input_dtype_ : type
        ``numpy.float32``. Only if float32 would not tell the values of a column apart,
        such as seconds since 1970, the default networks take ``numpy.float64`` and
        subtract the mean of each column before they go on in float32.
    n_epochs_ : int
        Passes that `max_epochs` came to, the length of the schedules.
    module_, criterion_, optimizer_ : objects
        The trained network, the loss and the optimizer.
    classifier_layer_ : str
        If the loss looks at features: dotted name of the last linear layer.
    class_counts_ : ndarray of shape (n_classes,)
        With `logit_adjustment`: training rows of each class, or the sums of their
        weights.
    class_weight_ : ndarray of shape (n_classes,)
        With `class_weight`: the factor of each class.
    logit_offset_ : ndarray of shape (n_classes,)
        With `logit_adjustment`: what the loss adds to the logits,
        :math:`\tau \log \pi`.
    outputs_ : {"logits", "probabilities", "log-probabilities"}
        What the network returns. Predictions are probabilities in any case.
    interrupted_ : bool
        Whether Ctrl-C ended the training, see Notes.
    history : skorch.history.History
        One row per epoch: ``net.history[:, ("train_loss", "dur")]``.

    Warns
    -----
    UserWarning
        If `max_epochs` leaves an augmented training fewer steps than are advised, if
        float32 is too coarse for a column and `module` is not a default network, or if
        Ctrl-C ends the training.

    See Also
    --------
    skaug.ISDAClassifier : The same network trained on augmented features.
    skaug.PriorShift : Other shares of the classes after training.

    Notes
    -----
    The default networks standardise their input by the mean and the standard deviation
    of each column or channel over the training rows, whatever its unit is. A column
    that did not vary in training is ignored in prediction, and values farther than ten
    deviations from the mean count as ten.

    With `logit_adjustment`, the classes are counted in the rows that ``fit`` trains on,
    without those that `train_split` holds out. ``partial_fit`` adds its rows to those
    of the calls before. A class without rows counts like the most frequent one. The
    adjustment joins whatever else the loss has: ISDA's form in the logits, the mixed
    labels of a :class:`~skaug.BatchAugmentation`, ``criterion__weight``. Weights that
    balance the classes would correct a second time: take one of the two. Validation
    losses are adjusted as well. Rows held out have the shares of training, on which
    plain cross-entropy would prefer a net that was not adjusted. Probabilities suit
    equally frequent classes, so that their log-loss on rows with the shares of training
    is higher.

    A row of weight w counts like w copies of it: in the loss of a batch, which is
    :math:`\sum_i w_i \ell_i / \sum_i w_i`, in validation losses, in the statistics of
    the default networks' first layer, in the counts of `logit_adjustment` and in the
    covariances of :class:`~skaug.ISDAClassifier`. Rows of weight 0 are left out before
    anything else, as if they had not been given. With whole numbers, the training
    equals that on repeated rows if all rows are in one batch and the network does not
    normalise by batch. A batch has `batch_size` rows, whatever they weigh. Batch
    normalisation, which the default networks have, takes the rows of a batch as they
    are. So do scoring callbacks, and the first layer if a data set computes its rows.
    Weights need a criterion with ``reduction``, or one whose ``forward`` takes
    ``sample_weight``. ``criterion__weight`` stays as it is in torch, a factor of the
    losses alone.

    After Ctrl-C, ``fit`` returns a net that predicts with what it has learned so far,
    and :meth:`resume` trains the epochs that are missing. A clone raises
    KeyboardInterrupt instead, because it is part of a search or of another estimator,
    which would take it for trained. If a callback ends the training, as skorch's
    EarlyStopping does, the training is whole.

    The defaults of `optimizer`, `lr`, `max_epochs`, `batch_size` and dropout come from
    ``benchmarks/bench_defaults.py``, which chose them on held-out training data of
    three sets: a table, signals and images.

    References
    ----------
    .. [1] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> net = NetClassifier(random_state=0).fit(X, y)
    >>> net.score(X, y) > 0.9
    True
    """

    _modules_given = ("module",)  # parameters that may be networks
    _rules = {
        "module": Rule(
            lambda module: (
                module is None
                or is_function(module)
                or (isinstance(module, type) and issubclass(module, nn.Module))
            ),
            "a class of modules, a callable, an instance or None",
            "None takes a network for the number of axes of X.",
        ),
        "logit_adjustment": ADJUSTMENT,
        "class_weight": CLASS_WEIGHT,
        "callbacks": CALLBACKS,
        "lr": Number(0, hint="It is the rate at the start of the schedule."),
        "lr_schedule": OneOf(
            "cosine",
            "constant",
            hint="Set 'constant' beside a scheduler of your own.",
        ),
        "max_epochs": Whole(1)
        | OneOf("auto", hint="'auto' takes as many as the steps need."),
        "batch_size": Whole(1) | OneOf(-1, hint="-1 takes all rows."),
        "train_split": TRAIN_SPLIT,
        "classes": Rule(
            lambda classes: (
                classes is None or (np.ndim(classes) == 1 and len(classes) > 0)
            ),
            "None or a list of labels",
            "None takes those of y.",
        ),
        "channels_last": CHANNELS_LAST,
    }

    def __init__(
        self,
        module=None,
        *,
        criterion=nn.CrossEntropyLoss,
        logit_adjustment=0.0,
        class_weight=None,
        optimizer=torch.optim.AdamW,
        lr=3e-3,
        lr_schedule="cosine",
        max_epochs="auto",
        batch_size=64,
        iterator_train=BatchIterator,
        iterator_valid=BatchIterator,
        train_split=None,
        classes=None,
        channels_last=None,
        verbose=0,
        device="cpu",
        random_state=None,
        **kwargs,
    ):
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            train_split=train_split,
            classes=classes,
            verbose=verbose,
            device=device,
            **kwargs,
        )
        self.logit_adjustment = logit_adjustment
        self.class_weight = class_weight
        self.lr_schedule = lr_schedule
        self.channels_last = channels_last
        self.random_state = random_state

    def fit(self, X, y=None, groups=None, sample_weight=None, **fit_params):
        """Train from new weights, or from the present ones with ``warm_start``.

        Parameters
        ----------
        X : array-like of shape (n, ...) or torch.utils.data.Dataset
            Training rows, signals or images. A data set must give pairs ``(x, code)``
            with codes 0 ... n_classes - 1.
        y : array-like of shape (n,)
            Labels of any dtype; ``None`` only for a data set.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each row. `train_split` never puts one group
            on both sides.
        sample_weight : array-like of shape (n,), default=None
            How many times each row counts, 0 or more, see Notes. Those of a data set
            are in the order of its rows. By default all rows count alike.
        **fit_params
            Passed to the module's ``forward``, as in skorch.

        Returns
        -------
        self : NetClassifier
            The fitted net.

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used, or the loss or the weights do not
            stay finite; the message says what to do. A net whose weights are not finite
            counts as not fitted.
        """
        anew = not (self.warm_start and self.initialized_)
        return self._fit(X, y, groups, sample_weight, anew, "fit", **fit_params)

    def partial_fit(
        self, X, y=None, classes=None, groups=None, sample_weight=None, **fit_params
    ):
        """Go on training from the current weights.

        Parameters
        ----------
        X, y : array-like
            As in :meth:`fit`.
        classes : array-like, default=None
            All labels that any call will have; needed by the first call if its y lacks
            some of them.
        groups, sample_weight : array-like of shape (n,), default=None
            As in :meth:`fit`.
        **fit_params
            ``epochs`` is the number of passes, ``n_epochs_`` by default, which "auto"
            finds for the rows of the first call. All others are passed to the module's
            ``forward``.

        Returns
        -------
        self : NetClassifier
            The fitted net.
        """
        anew = not self.initialized_
        arguments = X, y, groups, sample_weight, anew, "partial_fit", classes
        return self._fit(*arguments, **fit_params)

    def _fit(
        self, X, y, groups, sample_weight, anew, method, classes=None, **fit_params
    ):
        """Check the data, and train from new weights or from the present ones."""
        self._check_parameters()
        self._check_class_weight(method)
        first = anew or not hasattr(self, "input_shape_")
        self._labels_came_along &= not anew
        X, y, groups, weights = self._drop_zero_weights(X, y, groups, sample_weight)
        X, codes = self._check_training_data(X, y, classes, reset=first)
        groups = check_groups(groups, _num_samples(X), type(self).__name__)
        X, codes, groups, weights = self._with_class_weights(X, codes, groups, weights)
        if anew:
            self.initialize()
        if anew or method == "fit":
            self.first_epoch_ = None
        elif not hasattr(self, "first_epoch_"):
            self.first_epoch_ = 0  # Weights and history were loaded from files.
        self._groups, self._split, self._weights = groups, None, weights
        self.interrupted_, resumes = False, method == RESUME
        name = type(self).__name__
        try:
            with self._begun(method) as method, explained_single_rows(name):
                if first or not hasattr(self, "outputs_"):
                    self._check_module(X, fit_params)
                split_params = self._split_params(method, fit_params)
                self._split = self.get_split_datasets(X, codes, **split_params)
                self._check_weights_of_split(self._split[0])
                if resumes:
                    fit_params["epochs"] = self._missing_epochs()
                else:
                    self._learn_input(self._split[0])
                    self._count_classes(self._split[0], anew or method == "fit")
                    self._plan(self._split[0], method)
                    fit_params.setdefault("epochs", self.n_epochs_)
                super().partial_fit(X, codes, _routing_method=method, **fit_params)
                if self.interrupted_:
                    self._stop()
                self._check_trained(X, fit_params)
        finally:
            del self._groups, self._split, self._weights
            self._forget_training()
            self._forget_weights()
        return self

    def _split_params(self, method, fit_params):
        """What skorch hands to `train_split` of the parameters of fit."""
        if not _routing_enabled():
            return {key: v for key, v in fit_params.items() if key != "epochs"}
        routed = process_routing(self, method, **fit_params)
        return routed.get("splitter", {"split": {}})["split"]

    def _learn_input(self, rows):
        """Give a network that standardises its input the statistics of the rows."""
        norm, (arrays, indices) = self._input_norm(), arrays_of(rows)
        if norm is not None and arrays is not None:
            X = as_tensor(arrays[0])
            norm.learn(X if indices is None else X[indices], self.weights_of(rows))

    def _input_norm(self):
        norm = getattr(self.module_, "input_norm", None)
        return norm if isinstance(norm, InputNorm) else None

    def _plan(self, rows, method):
        """Find out how many epochs to train, and warn if these are too few."""
        try:
            n_batches = len(self.get_iterator(rows, training=True))
        except TypeError:  # An iterable data set has no length.
            n_batches = None
        if self.max_epochs == "auto":
            # More of partial_fit goes on along the schedule.
            if method == "fit" or not hasattr(self, "n_epochs_"):
                self.n_epochs_ = epochs_for(n_batches, self.callbacks_)
            return
        self.n_epochs_ = self.max_epochs
        if method == "fit":
            name = type(self).__name__
            warn_of_few_steps(self.n_epochs_, n_batches, self.callbacks_, name)

    def fit_loop(self, X, y=None, epochs=None, **kwargs):
        """Train for `epochs`, by default those of `max_epochs`; skorch's own loop."""
        if epochs is None and self.max_epochs == "auto":
            epochs = planned_epochs(self)
        epochs = self.max_epochs if epochs is None else epochs
        with counted_epochs(self, epochs), self._whole(epochs):
            return super().fit_loop(X, y, epochs, **kwargs)

    def _check_parameters(self):
        """Refuse parameters that cannot be used."""
        check_parameters(self, self._rules)
        self._check_adjustment()
        if isinstance(self.module, PARALLEL) or self.module in PARALLEL:
            raise ValueError(
                f"{type(self).__name__} needs module to be the network itself; got it "
                "in DataParallel or DistributedDataParallel (DDP). Give the network: "
                "skaug.net.DistributedMixin trains it in DDP, with a process for each "
                "device."
            )
        if self.batch_size == 1 and self.module is None:
            raise ValueError(
                f"{type(self).__name__} needs batch_size >= 2 for its default "
                "networks, which normalise by batch; got 1. Increase it, or set "
                "module=."
            )

    def initialize(self):
        """Create network, loss and optimizer from the parameters.

        ``fit`` calls this method. Before ``load_params`` call it yourself, with the
        shapes given as ``module__*``.

        Returns
        -------
        self : NetClassifier
            The initialised net.
        """
        with self._own_generators(self._first_seed()), quiet_below_two(self):
            return super().initialize()

    def _first_seed(self):
        """Draw the seed that all else is drawn from."""
        return draw_seed(self.random_state)

    @contextmanager
    def _own_generators(self, seed=None, states=None):
        """Draw from generators of this net's own, whose states last between calls."""
        if states is None:
            states = {} if seed is not None else getattr(self, "generator_state_", {})
        states = dict(states)
        try:
            with own_generators(self.device or "cpu", seed, states):
                yield
        finally:
            if states:  # none were read if the device is not there
                self.generator_state_ = states

    def get_iterator(self, dataset, training=False):
        """Make an iterator over batches, shuffled for training unless set otherwise."""
        return self._iterator(self._with_weights(dataset), training)

    def _iterator(self, dataset, training=False):
        prefix = "iterator_train" if training else "iterator_valid"
        iterator = getattr(self, prefix)
        kwargs = {"batch_size": self.batch_size, **self.get_params_for(prefix)}
        if kwargs["batch_size"] == -1:
            kwargs["batch_size"] = len(dataset)
        if training and not {"sampler", "batch_sampler"} & set(kwargs):
            kwargs.setdefault("shuffle", True)
        if iterator is BatchIterator:
            kwargs.setdefault("device", self.device)
        elif training and iterator is DataLoader:
            kwargs = without_single_rows(dataset, kwargs)
        return iterator(dataset, **kwargs)

    def get_split_datasets(self, X, y=None, **split_params):
        """Split into data sets for training and validation; no group is in both."""
        if getattr(self, "_split", None) is not None:
            return self._split
        dataset, groups = self.get_dataset(X, y), getattr(self, "_groups", None)
        self._remember_weights(dataset)
        if not self.train_split:
            return dataset, None
        split = as_split(self.train_split)
        if not hasattr(split, "cv"):  # It is a callable of the user.
            if groups is not None:
                split_params["groups"] = groups
            train, valid = split(dataset, y, **split_params)
            check_side(valid, type(self).__name__)
            return train, valid if is_dataset(X) else self._coded(valid)
        if y is None:
            y = to_numpy(data_from_dataset(dataset)[1])
        if is_number(self.train_split) and groups is None:
            check_room(self.train_split, y, self.classes_, type(self).__name__)
        # This net's random state decides which share is held out.
        seed = int(torch.randint(np.iinfo(np.int32).max, ()))
        train, valid = hold_out(
            split, y, groups, random_state=seed, name=type(self).__name__
        )
        return Subset(dataset, train), Subset(dataset, valid)

    def _coded(self, dataset):
        """Convert validation data of the user: labels to codes, rows to their type."""
        if type(dataset) is not Dataset or not isinstance(dataset.X, np.ndarray):
            return dataset
        X = dataset.X.astype(self.input_dtype_)
        y = check_labels(dataset.y, len(X), type(self).__name__)
        return Dataset(X, self._encode(y))

    def _set_training(self, training=True):
        # skorch calls train() on all submodules before every batch. In a small network
        # that takes as long as the forward pass.
        for name in self._modules + self._criteria:
            module = getattr(self, name + "_")
            if isinstance(module, nn.Module) and module.training != training:
                module.train(training)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch, and note how many batches it has."""
        if training:
            try:
                self.batches_per_epoch_ = len(iterator)
            except TypeError:  # An iterable data set has no length.
                self.batches_per_epoch_ = None
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if training:
            check_epoch(self, getattr(self, "_split", (None,))[0])

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Start the schedules at the first epoch of ``fit``."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        if self.first_epoch_ is None:
            # Callbacks may have loaded a history at the beginning of training.
            self.first_epoch_ = len(self.history) - 1

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Show that an epoch is done."""
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        count_epoch(self)

    def epochs_done(self):
        """Count the epochs trained before the current batch, parts of epochs included.

        The number is read from the history, so that the schedules of a saved net go on
        when the net is loaded again.

        Returns
        -------
        epochs : float
            2.5 in the middle of the third epoch.
        """
        if not self.history:
            return 0.0
        current = self.history[-1]
        if "train_batch_count" in current:  # Training of this epoch has ended.
            return float(len(self.history))
        share = max(len(current["batches"]) - 1, 0) / (
            self.batches_per_epoch_ or math.inf
        )
        return len(self.history) - 1 + share

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Set the learning rate that the schedule has at this batch."""
        super().on_batch_begin(net, batch=batch, training=training, **kwargs)
        if training and self.lr_schedule == "cosine":
            epochs = self.epochs_done() - self.first_epoch_
            done = epochs % self.n_epochs_ / self.n_epochs_
            for group in self.optimizer_.param_groups:
                initial_lr = group.setdefault("initial_lr", group["lr"])
                group["lr"] = initial_lr * (1 + math.cos(math.pi * done)) / 2

    def set_params(self, **params):
        """Set parameters. On a fitted net a new learning rate restarts the schedule."""
        if self.initialized_:
            # skorch sets these, and then fails because nothing is to be made anew.
            prefixes = ("iterator_train__", "iterator_valid__", "dataset__")
            for name in [name for name in params if name.startswith(prefixes)]:
                setattr(self, name, params.pop(name))
        if "callbacks" in params:
            # skorch would fail at once on anything but a list, which fit refuses.
            if not CALLBACKS.allows(self.callbacks):
                self.callbacks = None
            if not CALLBACKS.allows(params["callbacks"]):
                self.callbacks = params.pop("callbacks")
        lines = nullcontext() if "verbose" in params else quiet_below_two(self)
        with self._own_generators() if self.initialized_ else nullcontext(), lines:
            super().set_params(**params)
        if self.initialized_ and {"lr", "optimizer__lr"} & set(params):
            for group in self.optimizer_.param_groups:
                group.pop("initial_lr", None)
        return self

    def forward_iter(self, X, training=False, device="cpu"):
        """Yield logits batch by batch; with ``training=True`` dropout is active."""
        batches = self._iterator(self.get_dataset(self._check_input(X)))
        loader = getattr(batches, "loader", batches)
        if isinstance(loader, DataLoader) and loader.generator is None:
            loader.generator = new_generator(0)  # else it draws from the global one
        for batch in batches:
            with self._own_generators() if training else nullcontext():
                output = self.evaluation_step(batch, training=training)
            yield to_device(output, device)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows, signals or images shaped like those of ``fit``.

        Returns
        -------
        y : ndarray of shape (n,)
            Labels, of the dtype of ``classes_``.
        """
        codes = self.predict_proba(X).argmax(axis=1)
        # A net that was initialised by hand does not know its labels.
        classes = getattr(self, "classes_", None)
        return codes if classes is None else classes[codes]

    def check_data(self, X, y):
        """Do nothing: ``fit`` has checked, and skorch would take codes for labels."""

    def __getstate__(self):
        state = super().__getstate__()
        # A callback may pickle a net in training.
        if "_progress" in state:
            state["verbose"] = state.pop("_progress").verbose
        for name in OF_TRAINING:
            state.pop(name, None)
        return state

    def __setattr__(self, name, value):
        if name in self._modules_given:
            # skorch would take it for a network to be trained, and refuse it.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _get_param_names(self):
        return [name for name in super()._get_param_names() if name[0] != "_"]
