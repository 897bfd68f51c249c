"""The arms of the comparison: how each is made, and among what it chooses.

Budgets are gradient steps. ``plain`` networks choose among several budgets and weight
decays, ``augmented`` arms among budgets and strengths, each with the weight decay that
the plain network of as many steps has chosen on the same rows. An arm that is put *on
top* of another takes budget, weight decay and setting from that one. Classical
classifiers choose the same parameter with and without new rows.

A :class:`Method` is a name, a function of a :class:`Setup` and a value that makes the
estimator, a grid of values, and a twin.
"""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from skaug._printing import Printed
from skaug.comparison.classical import CLASSIFIERS, SAMPLERS, classical
from skaug.comparison.guarded import with_policy
from skaug.comparison.heuristics import heuristic, heuristics_of
from skaug.comparison.setup import BEST, PLAIN
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.isda.classifier import ISDAClassifier
from skaug.refined.mixing import TableMixup
from skaug.transforms.rand_augment import RandAugment, TrivialAugment

__all__ = ["METHODS", "Method", "methods_for"]

KEPT = (str, int, float, bool, type(None))  # types of settings
REFINED = 0.15  # share of the epochs that is clean, where an arm is refined


@dataclass(frozen=True, repr=False)
class Method(Printed):
    """An arm: its estimator, its settings, and what it is compared to.

    Attributes
    ----------
    name : str
        What tables call it.
    make : callable
        Of a ``Setup`` and a value of the grid: the estimator, not fitted.
        ``setup.net()`` makes the network of the comparison, and
        ``setup.augmented(transform)`` the same with transformed batches.
    grid : tuple or callable, default=(None,)
        Strengths or the like to choose from; a callable gets a Setup.
    twin : str, default="plain networks"
        What the arm is compared to. By default these are the plain networks: the best
        one, and that of equal steps. The name of another method says that this one is
        put on top of that one, and takes its steps, its weight decay and its setting,
        as ``setup.below``. "best plain" puts it on top of the best plain network.
        ``None`` is for a classifier that is only compared to.
    is_network : bool, default=True
        Whether the arm is a network, which is compared to the plain ones as well.
    longest : bool, default=False
        Whether the arm takes the largest budget in place of choosing one.
    kinds : tuple of str
        Kinds of rows that the arm is for. "colours" are images of 1 or 3 channels with
        numbers from 0 to 1 or to 255, which transforms of colour need.
    needs : str, default=None
        Package that the arm needs and skaug does not.

    Examples
    --------
    >>> from skaug.comparison import Method
    >>> from skaug.transforms import Jitter
    >>> mine = Method(
    ...     "my jitter",
    ...     lambda setup, value: setup.augmented(Jitter(value)),
    ...     grid=(0.05, 0.2),
    ... )
    """

    name: str
    make: object
    grid: object = (None,)
    twin: str | None = PLAIN
    is_network: bool = True
    longest: bool = False
    kinds: tuple = ("table", "signals", "images")
    needs: str | None = None

    def __reduce__(self):
        # Functions in here have no name that pickle could find.
        if METHODS.get(self.name) == self:
            return _known, (self.name,)
        return super().__reduce__()

    @property
    def below(self):
        """Name of the method that this one is put on top of, or None."""
        return None if self.twin in (None, PLAIN, BEST) else self.twin

    def values_for(self, setup):
        """List the values to choose from."""
        values = list(self.grid(setup) if callable(self.grid) else self.grid)
        values = [one.item() if isinstance(one, np.generic) else one for one in values]
        # Cells are kept as texts, and a setting that was chosen is made again of them.
        if not all(isinstance(one, KEPT) for one in values):
            raise ValueError(
                f"Method needs a grid of numbers, texts or None; got {values} of "
                f"{self.name!r}. Give names, and let make look them up."
            )
        return values


def _known(name):
    """Method of a name, for pickle."""
    return METHODS[name]


def finetuned(setup, base):
    """Make a network with fine-tuning behind it, as it is by default."""
    return IHDAFinetuner(base, random_state=setup.seed)


def cutmix(setup):
    """Make torchvision's CutMix, which takes whole batches."""
    from skaug.transforms.torchvision import v2

    return v2.CutMix(num_classes=setup.n_classes)


def with_samplers():
    """List the classical classifiers, each followed by itself behind each sampler."""
    for name, (classifier, values) in CLASSIFIERS.items():
        yield Method(
            name,
            lambda s, v, c=classifier: classical(s, c(s, v)),
            values,
            twin=None,
            is_network=False,
        )
        for of_sampler, (sampler, needs) in SAMPLERS.items():
            yield Method(
                f"{of_sampler}, {name}",
                lambda s, v, c=classifier, r=sampler: classical(s, c(s, v), r(s)),
                values,
                twin=name,
                is_network=False,
                needs=needs,
            )


ISDA1 = {"kind": ISDAClassifier, "strength": 1.0}
of_images, of_colours = {"kinds": ("images",)}, {"kinds": ("colours",)}

METHODS = [
    Method(
        "ISDA", lambda s, v: s.net(kind=ISDAClassifier, strength=v), (0.25, 1.0, 4.0)
    ),
    Method("heuristics", lambda s, v: s.augmented(heuristic(s, v)), heuristics_of),
    Method(
        "heuristics + ISDA 1",
        lambda s, v: s.augmented(heuristic(s, v), **ISDA1),
        lambda s: [s.below],
        twin="heuristics",
    ),
    Method(
        "refined heuristics",
        lambda s, v: s.augmented(heuristic(s, s.below), REFINED),
        twin="heuristics",
    ),
    Method("policy by influence", with_policy, (0.5, 1.0), longest=True),
    Method(
        "policy + ISDA 1",
        lambda s, v: with_policy(s, s.below, **ISDA1),
        twin="policy by influence",
    ),
    Method(
        "refined mixup", lambda s, v: s.augmented(TableMixup(v), REFINED), (0.2, 1.0)
    ),
    Method(
        "refined CutMix",
        lambda s, v: s.augmented(cutmix(s), REFINED, v),
        (0.5, 1.0),
        **of_images,
    ),
    Method("IHDA", lambda s, v: finetuned(s, s.net()), twin=BEST),
    Method(
        "IHDA over heuristics",
        lambda s, v: finetuned(s, s.augmented(heuristic(s, s.below))),
        twin="heuristics",
    ),
    Method(
        "IHDA over heuristics + ISDA 1",
        lambda s, v: finetuned(s, s.augmented(heuristic(s, s.below), **ISDA1)),
        twin="heuristics + ISDA 1",
    ),
    Method("TrivialAugment", lambda s, v: s.augmented(TrivialAugment()), **of_colours),
    Method(
        "RandAugment",
        lambda s, v: s.augmented(RandAugment(magnitude=v)),
        (5, 9),
        **of_colours,
    ),
    *with_samplers(),
]
METHODS = {method.name: method for method in METHODS}


def methods_for(kind, methods=None):
    """List the methods for a kind of rows, among those given, with what they need.

    Parameters
    ----------
    kind : {"table", "signals", "images", "colours"}
        Kind of the rows; "colours" are images with numbers from 0 to 1 or to 255.
    methods : list of str or Method, default=None
        Names of ``METHODS``, and methods of your own; by default all of ``METHODS``,
        without those whose package is not installed.

    Returns
    -------
    methods : list of Method
        In the order of ``METHODS``, then those of your own, each after the method that
        it is put on top of.

    Raises
    ------
    ValueError
        If a method is unknown, two have the same name, or the package of a method that
        is named is not installed.

    Examples
    --------
    >>> from skaug.comparison import methods_for
    >>> found = methods_for("table", ["heuristics + ISDA 1", "refined CutMix"])
    >>> [method.name for method in found]
    ['heuristics', 'heuristics + ISDA 1']
    """
    wanted = _with_those_below(METHODS if methods is None else methods)
    absent = [one for one in wanted if one.needs and find_spec(one.needs) is None]
    if absent and methods is not None:
        needed = sorted({one.needs for one in absent})
        raise ValueError(
            f"methods_for needs {', '.join(needed)} for "
            f"{[one.name for one in absent]}; got none installed. Install it with pip."
        )
    kinds = {kind, "images" if kind == "colours" else kind}
    return [one for one in wanted if one not in absent and kinds & set(one.kinds)]


def _with_those_below(methods):
    """Methods by name or as they are, each after the one that it is on top of."""
    own = [one for one in methods if isinstance(one, Method)]
    known = {**METHODS, **{one.name: one for one in own}}
    names = [getattr(one, "name", one) for one in methods]
    for name in names:  # grows by what is below, down to the last
        if name in known and known[name].below not in (None, *names):
            names.append(known[name].below)
    unknown = sorted({str(name) for name in names if name and name not in known})
    if unknown:
        raise ValueError(
            f"methods_for needs methods among {', '.join(METHODS)}, or of class "
            f"Method; got {unknown}. Name others, or none for all."
        )
    if len({one.name for one in own}) < len(own) or any(
        METHODS.get(one.name, one) != one for one in own
    ):
        raise ValueError(
            "methods_for needs methods of different names; got "
            f"{[one.name for one in own]}, beside {', '.join(METHODS)}. Rename yours."
        )
    wanted = [known[name] for name in known if name in names]
    return sorted(wanted, key=lambda one: one.below is not None and one in own)
