"""What cells say: paired differences, their errors, and which are beyond doubt.

A network arm is compared to the best plain network of the same draw, and to the plain
one of equal steps; what is put on top of an arm, or of a classifier, is compared to
that as well. ± is one standard error over the draws, everywhere.
"""

import numpy as np
from scipy.stats import t as student

from skaug._printing import Printed
from skaug.comparison.data import LEFT_OUT
from skaug.comparison.methods import METHODS
from skaug.comparison.setup import BEST, PLAIN, of_steps

__all__ = [
    "METRICS",
    "TESTED",
    "TWINS",
    "Differences",
    "holm",
    "mean_and_error",
    "plus_minus",
]

# Decimals that are printed, and whether more is better.
METRICS = {
    "accuracy": (2, True),
    "log-loss": (3, False),
    "log-loss at temperature": (3, False),
    "balanced accuracy": (2, True),
    "calibration error": (2, False),
    "worst class": (1, True),
    "worst group": (1, True),
    "score": (4, True),  # what a search was told to use in place of these
}
TESTED = ["accuracy", "log-loss", "log-loss at temperature"]
# What an arm is compared to. Each kind with each metric is a panel of its own.
TWINS = ("best plain", "equal steps", "without it", "classifier")


def mean_and_error(gaps, overlap=0):
    """Mean of paired differences (n, ...), and its standard error, NaN for one."""
    # Where training parts overlap, the mean is less sure than s / sqrt(n). `overlap`
    # is the size of a test part over that of a training part (Nadeau and Bengio,
    # 2003), and 0 for draws of few rows, which hardly overlap.
    n, mean = len(gaps), np.mean(gaps, axis=0)
    if n < 2:
        return mean, np.full_like(mean, np.nan)
    return mean, np.std(gaps, axis=0, ddof=1) * np.sqrt(1 / n + overlap)


def plus_minus(mean, error, digits, sign="+"):
    """A mean with its error, unless that is unknown."""
    text = f"{mean:{sign}.{digits}f}"
    return text if np.isnan(error) else f"{text} ± {error:.{digits}f}"


def holm(p_values, level=0.05):
    """Keys whose p is below the level after Holm's correction.

    Parameters
    ----------
    p_values : dict
        p of each test, by key.
    level : float, default=0.05
        Probability of one false key or more.

    Returns
    -------
    keys : list
        From the smallest p on.

    Examples
    --------
    >>> from skaug.comparison import holm
    >>> holm({"a": 0.02, "b": 0.01, "c": 0.2})  # below .05 / 3, .05 / 2, and so on
    ['b', 'a']
    """
    ordered = sorted(p_values, key=p_values.get)
    for i, key in enumerate(ordered):
        if p_values[key] >= level / (len(ordered) - i):
            return ordered[:i]
    return ordered


class Differences(Printed):
    """Paired differences of arms to their twins, and which are beyond doubt.

    Parameters
    ----------
    cells : list of dict
        Of :func:`~skaug.comparison.run_study`.
    overlapping : tuple of str or dict, default=()
        Names of the sets whose draws leave out a quarter of the rows, and so share most
        of them; or, by name, the size of a test part over that of a training part.
    methods : list of Method, default=()
        Those of your own, beside ``METHODS``.
    judged : str, default=None
        A metric that is tested besides accuracy and both log-losses.

    Attributes
    ----------
    sets, arms, seeds : list
        Names of sets and arms, numbers of seeds.
    compared : list of str
        Arms that have a twin.
    network_arms : list of str
        Arms that are compared to the plain networks.
    stars : dict
        "*" or "**" by (set, arm, twin, metric), where there are any.
    """

    def __init__(self, cells, overlapping=(), methods=(), judged=None):
        if not isinstance(overlapping, dict):
            # A quarter of the rows is left out of each draw.
            overlapping = dict.fromkeys(overlapping, LEFT_OUT / (1 - LEFT_OUT))
        self.overlapping = overlapping
        self.methods = METHODS | {method.name: method for method in methods}
        self.failed = [cell for cell in cells if "error" in cell]
        self.figures = {
            (cell["set"], name, cell["seed"]): {
                "n_train": cell["n_train"],
                "n_test": cell["n_test"],
                **arm,
            }
            for cell in cells
            for name, arm in cell.get("arms", {}).items()
        }
        self.sets = list(dict.fromkeys(cell["set"] for cell in cells))
        self.seeds = sorted({cell["seed"] for cell in cells})
        there = {name for _, name, _ in self.figures}
        there |= {cell["method"] for cell in cells} - {PLAIN}
        plain = sorted(there - set(self.methods), key=_place)
        self.arms = plain + [name for name in self.methods if name in there]
        self.compared = [arm for arm in self.arms if self.twins_of(arm)]
        self.network_arms = [
            arm for arm in self.compared if self.methods[arm].is_network
        ]
        self.stars = {}
        for twin in TWINS:
            for metric in {*TESTED, judged} - {None}:
                self._add_stars(twin, metric)

    def _add_stars(self, twin, metric):
        """Test all arms and sets of a panel."""
        found = {
            (name, arm, twin, metric): self.difference(name, arm, twin, metric)[2]
            for name in self.sets
            for arm in self.compared
            if twin in self.twins_of(arm)
        }
        known = {key: p for key, p in found.items() if not np.isnan(p)}
        self.stars |= {key: "*" for key, p in known.items() if p < 0.05}
        self.stars |= dict.fromkeys(holm(known), "**")

    def twins_of(self, arm):
        """What an arm is compared to, by kind; no kind for plain ones."""
        method = self.methods.get(arm)
        if method is None or method.twin is None:
            return {}
        if not method.is_network:
            return {"classifier": method.twin}
        if method.twin == BEST:
            return {"best plain": BEST}
        twins = {"best plain": BEST, "equal steps": "plain of equal steps"}
        return twins | ({"without it": method.below} if method.below else {})

    def values(self, name, arm, metric):
        """A figure for every seed; NaN where there is none."""
        arms = (self.figures.get((name, arm, seed), {}) for seed in self.seeds)
        return np.array([found.get(metric, np.nan) for found in arms], dtype=float)

    def twin_values(self, name, arm, twin, metric):
        """The figure of an arm's twin for every seed; NaN where there is none."""
        if twin != "equal steps":
            return self.values(name, self.twins_of(arm)[twin], metric)
        values = []
        for seed in self.seeds:
            steps = self.figures.get((name, arm, seed), {}).get("twin_steps")
            found = self.figures.get((name, of_steps(steps), seed), {})
            values.append(found.get(metric, np.nan))
        return np.array(values, dtype=float)

    def gaps(self, name, arm, twin, metric):
        """Differences of the seeds that have both sides."""
        gaps = self.values(name, arm, metric)
        gaps = gaps - self.twin_values(name, arm, twin, metric)
        return gaps[~np.isnan(gaps)]

    def difference(self, name, arm, twin, metric):
        """Mean difference to a twin, its standard error, and the p of its t test."""
        # NaN where there is no difference, or no error of a single one.
        known = twin in self.twins_of(arm)
        gaps = self.gaps(name, arm, twin, metric) if known else np.empty(0)
        return self._tested(name, gaps)

    def difference_between(self, name, arm, other, metric):
        """Mean difference of any two arms, its standard error, and p."""
        gaps = self.values(name, arm, metric) - self.values(name, other, metric)
        return self._tested(name, gaps[~np.isnan(gaps)])

    def _tested(self, name, gaps):
        """Mean of paired differences of a set, its standard error, and p."""
        if not len(gaps):
            return np.nan, np.nan, np.nan
        mean, error = mean_and_error(gaps, self.overlapping.get(name, 0.0))
        if np.isnan(error):
            return float(mean), np.nan, np.nan
        if error < 1e-9:
            # Scores are coarse on few test rows: equal gaps are not without doubt.
            return float(mean), 0.0, 1.0
        p = 2 * student.sf(abs(mean) / error, len(gaps) - 1)
        return float(mean), float(error), float(p)

    def first_twin_of(self, arm):
        """Name of the arm that an arm is compared to first, or None."""
        twins = self.twins_of(arm)
        return twins.get("best plain", twins.get("classifier"))

    def text(self, name, arm, twin, metric):
        """A difference as it is printed; "" where the arm has no such twin."""
        if twin not in self.twins_of(arm):
            return ""
        mean, error, _ = self.difference(name, arm, twin, metric)
        if np.isnan(mean):
            return "-"
        stars = self.stars.get((name, arm, twin, metric), "")
        return f"{plus_minus(mean, error, METRICS[metric][0])} {stars}".rstrip()

    def is_better(self, name, arm, twin, metric):
        """Whether the mean difference is to the good."""
        return (self.difference(name, arm, twin, metric)[0] > 0) == METRICS[metric][1]

    def beyond_doubt(self, name, arm, twin, metric):
        """Whether the difference withstands Holm's correction."""
        return self.stars.get((name, arm, twin, metric)) == "**"

    def time(self, name, arm):
        """CPU time of the last fit over that of the twin of equal steps."""
        known_twins = self.twins_of(arm)
        by_compute = ("equal steps", "classifier", "best plain")
        twin = next(kind for kind in by_compute if kind in known_twins)
        own = self.values(name, arm, "seconds")
        other = self.twin_values(name, arm, twin, "seconds")
        known = ~np.isnan(own + other)
        return own[known].sum() / other[known].sum() if known.any() else np.nan


def _place(plain):
    """Order of plain arms: the best one, then by steps."""
    return [int(part) for part in plain.split() if part.isdigit()]
