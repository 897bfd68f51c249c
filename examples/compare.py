"""Does augmentation help on my data? A plain network against the same with ISDA.

    python examples/compare.py
    python examples/compare.py --data FILE.csv --target COLUMN [--groups COLUMN]

Without arguments the data are scikit-learn's digits with few labels: every draw takes
300 training rows and tests on the rest. With ``--data`` they are the rows of your own
CSV file under repeated cross-validation; columns that are not numbers are one-hot
coded, missing numbers imputed. ``--groups`` names a column (subject, patient, machine)
whose rows must stay together on one side of every split.

Each split chooses ISDA's strength by a grid search inside its training rows, then fits
the plain twin: same network, rows, number of gradient steps and random_state. The grid
lacks 0, so what is measured is ISDA itself and not a choice between the two. A table
is printed; the figures of every split and a picture of them are saved in ``--output``.
"""

import argparse
import math
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from skaug import ISDAClassifier, NetClassifier
from skaug.comparison import columns_as_numbers, fold_maker, read_file
from skaug.comparison.data import rows_of

# Errors are computed and told as in the benchmarks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import runs

# Decimals to show, and which is better.
METRICS = {"accuracy %": (2, "higher"), "log-loss": (4, "lower")}


stop = partial(runs.stop, "compare")


def check_target(y, groups, options):
    """Stop at labels that cannot be dealt into folds."""
    classes, target = np.unique(y), options.target
    if len(classes) < 2:
        stop("at least two classes", f"{len(classes)} in {target!r}", "Add rows.")
    if len(classes) > len(y) / 2:
        got = f"{len(classes)} different values of {target!r} in {len(y)} rows"
        stop("classes", got, "If they are quantities, bin them first.")
    unit, units = ("row", np.arange(len(y))) if groups is None else ("group", groups)
    for label in classes.tolist():
        count = len(set(units[y == label].tolist()))
        if count < options.folds:
            advice = "Lower --folds (to 3 at least), or merge or remove the class."
            needs = f"{options.folds} {unit}s of each class, one per fold"
            stop(needs, f"{count} of class {label!r}", advice)


def folds(y, groups, n_folds, seeds):
    """Cross-validation, dealt anew for each seed; no group is on both sides."""
    return [
        split
        for seed in range(seeds)
        for split in fold_maker(n_folds, groups, seed).split(y, y, groups)
    ]


def draws(y, n_train, seeds):
    """A few training rows of every class, and all others to test on, per seed."""
    rows = np.arange(len(y))
    return [
        train_test_split(rows, train_size=n_train, stratify=y, random_state=seed)
        for seed in range(seeds)
    ]


def negative_log_loss(model, X, y):
    """scikit-learn's "neg_log_loss", also where y lacks a class."""
    return -log_loss(y, model.predict_proba(X), labels=model.classes_)


def compare_once(number, train, test, X, y, groups, prepare, options):
    """Fit both networks on the training rows of one split, score them on the rest."""
    torch.set_num_threads(1)  # the other cores work on other splits
    common = {
        "classes": np.unique(y),  # a part of the rows may lack some
        "max_epochs": options.epochs,
        "random_state": number,
    }
    X_train, y_train = rows_of(X, train), y[train]
    groups_train = None if groups is None else groups[train]
    search = GridSearchCV(
        Pipeline([("prepare", prepare), ("net", ISDAClassifier(**common))]),
        {"net__strength": options.strengths},
        scoring=negative_log_loss,
        # Without one of n folds, n - 1 groups may be all there are.
        cv=fold_maker(min(3, options.folds - 1), groups_train, number),
    ).fit(X_train, y_train, groups=groups_train)
    plain = make_pipeline(prepare, NetClassifier(**common)).fit(X_train, y_train)

    row = {"split": number, "strength": search.best_params_["net__strength"]}
    X_test, y_test = rows_of(X, test), y[test]
    for name, model in {"plain": plain, "ISDA": search}.items():
        row[f"{name} accuracy %"] = 100 * np.mean(model.predict(X_test) == y_test)
        row[f"{name} log-loss"] = -negative_log_loss(model, X_test, y_test)
    return row


def compare(splits, options, *data):
    """One row of figures per split, the splits being shared among processes."""
    jobs = (
        delayed(compare_once)(number, train, test, *data, options)
        for number, (train, test) in enumerate(splits)
    )
    done = Parallel(n_jobs=options.n_jobs, return_as="generator")(jobs)
    return list(tqdm(done, total=len(splits), unit="split"))


def values(figures, metric):
    """Figures of the plain network and of ISDA, shape (2, n_splits)."""
    names = [f"plain {metric}", f"ISDA {metric}"]
    return np.array([[row[name] for row in figures] for name in names])


def difference(figures, metric, overlap):
    """Mean of ISDA - plain over the splits, and its standard error.

    ``overlap`` is the size of the test part over that of the training part where folds
    share training rows, and 0 for draws of few rows.
    """
    plain, isda = values(figures, metric)
    return runs.mean_and_error(isda - plain, overlap)


def verdict(figures, metric, overlap):
    """What the difference says; clear is what leaves 0 out of the 95 % interval."""
    mean, error = difference(figures, metric, overlap)
    if abs(mean) <= runs.half_width(error, len(figures)):
        return "no clear difference"
    better = METRICS[metric][1] == ("higher" if mean > 0 else "lower")
    return "ISDA is better" if better else "ISDA is worse"


def print_summary(figures, overlap, options):
    """Print the table, the strengths chosen and one sentence that reads them."""
    header = f"mean of {len(figures)}"
    lines = {header: [], "plain": [], "ISDA": [], "ISDA - plain": []}
    for metric, (n, _) in METRICS.items():
        plain, isda = values(figures, metric)
        mean, error = difference(figures, metric, overlap)
        lines[header].append(metric)
        for name, x in (("plain", plain), ("ISDA", isda)):
            lines[name].append(f"{np.mean(x):.{n}f} (sd {np.std(x, ddof=1):.{n}f})")
        mean = round(mean, n) + 0.0  # which turns -0.0 into 0.0
        lines["ISDA - plain"].append(f"{mean:+.{n}f} (se {error:.{n}f})")
    print()
    for name, cells in lines.items():
        print(f"{name:13}" + "".join(f"{cell:>22}" for cell in cells))

    chosen = Counter(row["strength"] for row in figures)
    counts = ", ".join(f"{s:g} in {chosen[s]}" for s in sorted(chosen))
    print(f"\nStrength chosen: {counts} of {len(figures)} splits.")
    reading = ", ".join(
        f"{verdict(figures, metric, overlap)} in {metric.removesuffix(' %')}"
        for metric in METRICS
    )
    print(f"Reading (95 % confidence): {reading}.")
    if overlap:
        print(
            "Folds share training rows; the standard errors are enlarged for that "
            "(Nadeau and Bengio, 2003) but may still be optimistic."
        )
    if len(options.strengths) > 1 and chosen[max(options.strengths)] > len(figures) / 2:
        print("Most splits chose the largest strength: try larger --strengths too.")


def save_rows(figures, path):
    """Write the figures of every split as a CSV file."""
    table = [list(row.values()) for row in figures]
    names = ",".join(figures[0])
    np.savetxt(path, table, fmt="%.10g", delimiter=",", header=names, comments="")
    print(f"Saved {path}")


def save_figure(figures, overlap, title, path):
    """Draw each split as a thin line from plain to ISDA, the means as a bold one."""
    try:
        # Without pyplot, Agg draws the figure, display or not.
        from matplotlib.figure import Figure
    except ImportError:
        print("No figure, for lack of matplotlib. Run: pip install matplotlib")
        return
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    figure.suptitle(f"{title} (thin lines; bold: mean)")
    for axes, (metric, (n, better)) in zip(figure.subplots(1, 2), METRICS.items()):
        both = values(figures, metric)
        means = both.mean(axis=1)
        axes.plot(both, color="0.6", linewidth=0.9)
        axes.plot(means, "o-", color="tab:blue", linewidth=3, markersize=8)
        style = {"color": "tab:blue", "weight": "bold", "va": "center"}
        axes.text(-0.07, means[0], f"{means[0]:.{n}f}", ha="right", **style)
        axes.text(1.07, means[1], f"{means[1]:.{n}f}", ha="left", **style)
        title = f"{metric.removesuffix(' %')}: {verdict(figures, metric, overlap)}"
        axes.set_title(title[0].upper() + title[1:], weight="bold")
        axes.set_ylabel(f"Test {metric} ({better} is better)")
        axes.set_xticks([0, 1], ["plain", "ISDA"])
        axes.set_xlim(-0.45, 1.45)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    print(f"Saved {path}")


def compare_and_save(title, splits, overlap, options, *data, name="compare"):
    """Compare the two networks and show, and save, what came out."""
    print(title)
    figures = compare(splits, options, *data)
    print_summary(figures, overlap, options)
    options.output.mkdir(parents=True, exist_ok=True)
    save_rows(figures, options.output / f"{name}.csv")
    save_figure(figures, overlap, title, options.output / f"{name}.png")


def check_options(options):
    """Stop at numbers that no comparison can be made with."""
    if not options.data and (options.target or options.groups):
        stop("--data beside --target or --groups", "none", "Name the CSV file.")
    check_numbers(options, seeds=1 if options.data else 2, folds=3)
    if not 30 <= options.n_train <= 900:
        stop("n_train from 30 to 900", options.n_train, "Digits have 1797 rows.")


def check_numbers(options, **least):
    """Stop at numbers too small, and at strengths that are none."""
    for name, value in {**least, "epochs": 1}.items():
        if getattr(options, name) < value:
            stop(f"{name} of {value} or more", getattr(options, name), "Raise it.")
    if not all(0 < strength < math.inf for strength in options.strengths):
        stop("strengths above 0", options.strengths, "0 is the plain network anyway.")


def add_network_options(add, output, epochs):
    """Options of the networks, the processes and the files, to a parser."""
    add("--strengths", type=float, nargs="+", default=[0.25, 1, 4], metavar="STRENGTH")
    passes = f"passes over the training rows ({epochs})"
    add("--epochs", type=int, default=epochs, help=passes)
    add("--n-jobs", type=int, default=2, help="splits at a time (2)")
    add("--output", type=Path, default=output, help=f"folder for files ({output})")


def read_options(arguments):
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", metavar="FILE.csv", help="your table, with a line of column names")
    add("--target", metavar="COLUMN", help="column of the class labels")
    add("--groups", metavar="COLUMN", help="column whose rows must stay together")
    add("--seeds", type=int, help="repeats (10 draws, or 3 times all folds)")
    add("--folds", type=int, default=5, help="folds for --data (5)")
    add("--n-train", type=int, default=300, help="training rows of digits (300)")
    add_network_options(add, Path("demo"), epochs=30)
    options = parser.parse_args(arguments)
    # Repeating cross-validation hardly makes it surer: the rows stay the same.
    if options.seeds is None:
        options.seeds = 3 if options.data else 10
    check_options(options)
    return options


def main(arguments=None):
    """Compare the two networks on the data that the command line names."""
    options = read_options(arguments)
    if options.data:
        try:
            read = read_file(options.data, options.target, options.groups)
        except ValueError as error:
            raise SystemExit(f"compare: {error}") from None
        X, y, groups = read.X, read.y, read.groups
        check_target(y, groups, options)
        splits = folds(y, groups, options.folds, options.seeds)
        prepare, overlap = columns_as_numbers(), 1 / (options.folds - 1)
        title = f"{Path(options.data).name}: {options.folds} folds"
        title += " of groups" * bool(options.groups) + f", {options.seeds} times"
    else:
        (X, y), groups = load_digits(return_X_y=True), None
        splits = draws(y, options.n_train, options.seeds)
        prepare, overlap = StandardScaler(), 0
        title = f"digits: {options.seeds} draws of {options.n_train} training rows"
    compare_and_save(title, splits, overlap, options, X, y, groups, prepare)


if __name__ == "__main__":
    main()
