"""Tables, words and picture of bench_methods.py, from the cells that it has run."""

import numpy as np
from scipy.stats import t as student

from methods import METHODS
from runs import (
    fill_page,
    markdown,
    mean_and_error,
    plus_minus,
    write,
)
from tasks import LEFT_OUT

# Decimals that are printed, and whether more is better.
METRICS = {
    "accuracy": (2, True),
    "log-loss": (3, False),
    "balanced accuracy": (2, True),
    "calibration error": (2, False),
    "worst group": (2, True),
}
TESTED = ["accuracy", "log-loss"]


class Differences:
    """Paired differences of methods to their twins, and which are beyond doubt."""

    def __init__(self, cells, overlapping):
        self.cells, self.overlapping = cells, overlapping
        self.sets = list(dict.fromkeys(cell["set"] for cell in cells))
        self.of = {(c["set"], c["method"], c["seed"]): c for c in cells}
        self.seeds = sorted({cell["seed"] for cell in cells})
        self.keys = [(c["method"], c["seed"]) for c in cells]
        self.methods = [m for m in METHODS if any(c["method"] == m for c in cells)]
        self.compared = [m for m in self.methods if METHODS[m].twin]
        self.stars = {}
        for metric in TESTED:
            found = {
                (name, method): self.difference(name, method, metric)[2]
                for name in self.sets
                for method in self.compared
            }
            known = {key: p for key, p in found.items() if not np.isnan(p)}
            for key, p in known.items():
                self.stars[(*key, metric)] = "*" * (p < 0.05)
            for key in holm(known):
                self.stars[(*key, metric)] = "**"

    def values(self, name, method, metric):
        """A figure for every seed; NaN where the cell has none."""
        cells = (self.of.get((name, method, seed), {}) for seed in self.seeds)
        return np.array([cell.get(metric, np.nan) for cell in cells], dtype=float)

    def difference(self, name, method, metric):
        """Mean, standard error and p of the paired differences of a method."""
        twin = METHODS[method].twin
        gaps = self.values(name, method, metric) - self.values(name, twin, metric)
        gaps = gaps[~np.isnan(gaps)]
        if not len(gaps):
            return np.nan, np.nan, np.nan
        overlap = LEFT_OUT / (1 - LEFT_OUT) if self.overlapping else 0.0
        mean, error = mean_and_error(gaps, overlap)
        if np.isnan(error):
            return mean, np.nan, np.nan
        if error < 1e-9:
            # Scores are coarse on few test rows: equal gaps are not without doubt.
            return mean, 0.0, 1.0
        return mean, error, float(2 * student.sf(abs(mean) / error, len(gaps) - 1))

    def text(self, name, method, metric):
        """A difference as it is printed."""
        if not METHODS[method].twin:
            return ""
        mean, error, _ = self.difference(name, method, metric)
        if np.isnan(mean):
            return "-"
        stars = self.stars.get((name, method, metric), "")
        return f"{plus_minus(mean, error, METRICS[metric][0])} {stars}".rstrip()

    def is_better(self, name, method, metric):
        mean, _, _ = self.difference(name, method, metric)
        return (mean > 0) == METRICS[metric][1]

    def time(self, name, method):
        """CPU time over that of the twin, on seeds that have both."""
        twin = METHODS[method].twin
        own, other = (self.values(name, m, "seconds") for m in (method, twin))
        known = ~np.isnan(own + other)
        return own[known].sum() / other[known].sum() if known.any() else np.nan


def holm(p_values, level=0.05):
    """Keys whose p is below the level after Holm's correction."""
    ordered = sorted(p_values, key=p_values.get)
    for i, key in enumerate(ordered):
        if p_values[key] >= level / (len(ordered) - i):
            return ordered[:i]
    return ordered


def table(found, name):
    """Lines of the table of a set."""
    metrics = [
        metric
        for metric in METRICS
        if any(metric in found.of.get((name, *key), ()) for key in found.keys)
    ]
    head = ["method", "twin"]
    for metric in metrics:
        head += [metric, "- twin"] if metric in TESTED else [metric]
    yield [*head, "time", "chosen"]
    for method in found.methods:
        values = {m: found.values(name, method, m) for m in metrics}
        if np.isnan(values["accuracy"]).all():
            continue
        line = [method, METHODS[method].twin or ""]
        for metric, of_metric in values.items():
            line.append(f"{np.nanmean(of_metric):.{METRICS[metric][0]}f}")
            if metric in TESTED:
                line.append(found.text(name, method, metric))
        line.append(f"{found.time(name, method):.1f}" if METHODS[method].twin else "")
        chosen = [
            found.of[name, method, seed].get("chosen")
            for seed in found.seeds
            if (name, method, seed) in found.of
        ]
        counts = {c: chosen.count(c) for c in METHODS[method].settings}
        line.append(", ".join(f"{c:g}: {n}" for c, n in counts.items() if n))
        yield line


def reading(found):
    """Lines in words: where each method helps, where it harms, what it costs."""
    for method in found.compared:
        parts = []
        for metric in TESTED:
            for better, word in (True, "better"), (False, "worse"):
                where = [
                    f"{name} ({found.text(name, method, metric)})"
                    for name in found.sets
                    if found.stars.get((name, method, metric))
                    and found.is_better(name, method, metric) == better
                ]
                if where:
                    parts.append(f"{metric} {word} on {', '.join(where)}")
        times = [found.time(name, method) for name in found.sets]
        times = [ratio for ratio in times if not np.isnan(ratio)]
        if not times:
            yield f"- **{method}**: no cell to compare."
            continue
        cost = as_range(f"{min(times):.1f}", f"{max(times):.1f}")
        words = "; ".join(parts) or "no difference with p < 0.05"
        yield f"- **{method}**: {words}. Time: {cost} times the twin."


def summary(data):
    """The tables of all sets below the reading."""
    found = Differences(data["cells"], data["overlapping"])
    lines = [
        "## Reading\n",
        f"{len(found.seeds)} seeds, {data['epochs']} epochs; {data['origin']}.\n",
        *reading(found),
        "",
    ]
    for name in found.sets:
        cells = [c for c in data["cells"] if c["set"] == name and "n_train" in c]
        if not cells:
            continue
        # Draws of whole groups differ in their numbers of rows.
        numbers = ([cell[key] for cell in cells] for key in ("n_train", "n_test"))
        trained, tested = (as_range(min(of_key), max(of_key)) for of_key in numbers)
        lines.append(f"## {name}: {trained} training rows, {tested} test rows\n")
        lines += [*markdown(list(table(found, name))), ""]
    failed = [cell for cell in data["cells"] if "error" in cell]
    if failed:
        lines.append("## Cells that failed\n")
        lines += ["- {set}, {method}, seed {seed}: {error}".format(**c) for c in failed]
    return "\n".join(lines).rstrip()


def as_range(low, high):
    """Both ends, or one number if they are the same."""
    return f"{low}" if low == high else f"{low} to {high}"


def heat_map(data, path):
    """A picture of the differences: better than the twin is blue, worse is red."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    found = Differences(data["cells"], data["overlapping"])
    n, m = len(found.compared), len(found.sets)
    size = (2.6 + 1.3 * m, (0.7 + 0.3 * n) * len(TESTED))
    fig, axes = plt.subplots(len(TESTED), figsize=size, layout="constrained")
    for ax, metric in zip(axes, TESTED):
        _, more_is_better = METRICS[metric]
        cells = [
            [found.difference(name, method, metric) for name in found.sets]
            for method in found.compared
        ]
        means = np.array([[mean for mean, _, _ in line] for line in cells])
        good = means if more_is_better else -means
        known = np.abs(good[~np.isnan(good)])
        limit = max(np.quantile(known, 0.9), 1e-6) if len(known) else 1.0
        ax.imshow(good, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        for i, method in enumerate(found.compared):
            for j, name in enumerate(found.sets):
                dark = np.abs(good[i, j]) > 0.6 * limit
                stars = found.stars.get((name, method, metric), "")
                ax.text(
                    j,
                    i,
                    found.text(name, method, metric),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark else "black",
                    fontweight="bold" if stars == "**" else "normal",
                )
        ax.set_xticks(range(m), found.sets)
        ax.set_yticks(range(n), found.compared)
        ax.tick_params(length=0)
        ax.set_title(f"{metric}: method - plain twin")
    fig.savefig(path, dpi=150, facecolor="white")
    plt.close(fig)


def render(data, folder, title="Which augmentation helps?"):
    """Page, figures and picture in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    fill_page(folder / "methods.md", title, summary(data))
    write(folder / "methods.json", data)
    if any(METHODS[cell["method"]].twin for cell in data["cells"]):
        heat_map(data, folder / "methods.png")
