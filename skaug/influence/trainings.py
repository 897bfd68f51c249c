"""Trainings of the network F, as an augmentation is learned from several of them."""

import warnings

import numpy as np
from sklearn.base import clone

from skaug._checks import is_whole
from skaug._memory import Memory
from skaug._progress import Progress, prints_lines
from skaug._random import draw_seed, own_generators
from skaug.influence.last_layer import LastLayerInfluence
from skaug.net.classifier import NetClassifier
from skaug.net.finite import check_trained
from skaug.net.interrupts import interrupts_raised
from skaug.refined.callback import BatchAugmentation

__all__ = ["Trainings"]

FEW_STEPS = ".*gradient steps to gain from augmented rows"


class Trainings:
    """Train clones of the network F (None: a NetClassifier) from new weights."""

    name = "InfluenceAugmenter"  # the estimator that trains, for messages

    def __init__(
        self,
        estimator,
        classes,
        *,
        damping,
        solver="auto",
        calibrate,
        random_state,
        memory=None,
        verbose=0,
    ):
        self.estimator = NetClassifier() if estimator is None else estimator
        self.classes = classes
        self.damping = damping
        self.solver = solver
        self.calibrate = calibrate
        self.random_state = random_state
        self.memory = Memory(memory, self.name)
        self.verbose = verbose
        self.n_trainings = 0
        self.is_warned = False  # of too few steps, if they are
        self.progress = Progress(self.name, unit="training", verbose=verbose)
        self.device = getattr(estimator, "device", None) or "cpu"

    def new_seed(self):
        """Draw the next seed."""
        return draw_seed(self.random_state)

    def codes(self, y):
        """Return the class codes of labels, (n,)."""
        return np.searchsorted(self.classes, y)

    def say(self, text):
        """Print a line, if lines are wanted."""
        if prints_lines(self.verbose):
            print(f"{self.name}, {text}", flush=True)

    def train(self, data, augmentation=None, seed=None, max_epochs=None):
        """Train F on a Bunch of X, y and groups; without a seed, the next is drawn."""
        net = clone(self.estimator)
        seed = self.new_seed() if seed is None else seed
        if "random_state" in net.get_params():
            net.set_params(random_state=seed)
        if max_epochs is not None:
            net.set_params(max_epochs=max_epochs)
        if augmentation is not None:
            own = BatchAugmentation(augmentation, random_state=seed)
            others = net.callbacks if isinstance(net.callbacks, list) else []
            # The net's own callbacks may mix labels. The learned augmentation needs
            # unmixed labels, so it comes first.
            net.set_params(callbacks=[own, *others])
        # F may hold out rows by itself. They must share no group with the others.
        ours = isinstance(net, NetClassifier)
        groups = {"groups": data.groups} if ours and data.groups is not None else {}
        # A net without a random state draws from torch's generators.
        with own_generators(self.device, seed), warnings.catch_warnings():
            if self.is_warned:
                warnings.filterwarnings("ignore", FEW_STEPS, UserWarning)
            with self.progress.around(net), interrupts_raised():
                net.fit(data.X, data.y, **groups)
            check_trained(net)
        self.is_warned |= augmentation is not None
        self.n_trainings += 1
        last = net.history[-1] if net.history else {}
        self.progress.step(loss=last.get("train_loss"))
        self.say(f"training {self.n_trainings} on {len(data.X)} rows")
        return net

    def train_last(self, data, augmentation=None):
        """Train F on all rows, from the seed of the estimator if that is a number."""
        # Without augmentation it is then, bit for bit, the F that the user would train.
        seed = getattr(self.estimator, "random_state", None)
        seed = int(seed) if is_whole(seed) else self.new_seed()
        return self.trained(data, augmentation, seed)

    def trained(self, data, augmentation, seed):
        """Train F, or read the F of such a training from the memory."""
        return self.remembered(Trainings.train, data, augmentation, seed)

    def influence(self, net, data):
        """Fit a LastLayerInfluence to a trained F and its training rows."""
        influence = LastLayerInfluence(
            net,
            damping=self.damping,
            solver=self.solver,
            calibrate=self.calibrate,
            tol=1e-6,
            random_state=0,  # of the batches of "stochastic"
        )
        return influence.fit(data.X, data.y)

    def remembered(self, function, *arguments, n_trainings=1):
        """Call ``function(self, *arguments)``, or read its result from the memory."""
        # The function may draw only by seeds that are among its arguments.
        net = clone(self.estimator)
        if "random_state" in net.get_params():
            net.set_params(random_state=None)  # a training has a seed of its own
        settings = self.classes, self.damping, self.solver, self.calibrate
        depends_on = net, *settings, arguments
        done = self.progress.n + n_trainings
        result = self.memory.call(function, self, *arguments, depends_on=depends_on)
        # What was in the memory is not trained, and done all the same.
        self.progress.step(done - self.progress.n)
        return result
