"""``skaug compare``: which augmentation helps on the rows of a file, as a command."""

import argparse
import sys
import time
import warnings
from pathlib import Path
from textwrap import fill

import joblib

from skaug._files import atomic_writing
from skaug.comparison.cluster import on_workers
from skaug.comparison.forecast import in_words
from skaug.comparison.search import BUDGETS, AugmentationSearchCV
from skaug.comparison.setup import BEST
from skaug.files import Reading, read_file

__all__ = ["main"]

DEMO_ROWS = 300
LONGER = (
    "Augmented networks may need more steps than the 300 of this quick budget to gain. "
    "--budget normal trains for up to 600 steps, and compares more methods."
)
BROKEN_OFF = 130  # exit code of a command that is stopped from the keyboard


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        By default those of the process.

    Returns
    -------
    code : int
        0; 2 if an option, the file or its rows cannot be used, and 130 if the command
        was stopped.
    """
    options = _parser().parse_args(arguments)
    try:
        _check(options)
        with on_workers(options.cluster):
            for reading in _readings(options):
                with warnings.catch_warnings():
                    warnings.showwarning = _note
                    _compare(reading, options)
    except (ValueError, OSError) as error:
        print(f"skaug compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        advice = f"skaug compare: stopped. To go on, add --resume --out {options.out}."
        print(f"\n{advice}", file=sys.stderr)
        return BROKEN_OFF
    return 0


def _parser():
    """Options of the command line."""
    parser = argparse.ArgumentParser("skaug", description="Learned augmentation.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    compare = commands.add_parser(
        "compare",
        help="which augmentation helps on the rows of a file",
        description="Compare methods of augmentation with plain training on the rows "
        "of a file: a table (.csv, .tsv, .txt, .parquet), arrays (.npz) or a folder of "
        "recordings. Prints a table and a sentence, and writes a page.",
    )
    add = compare.add_argument
    add("file", nargs="?", type=Path, help="the file or folder")
    add("--demo", action="store_true", help="compare on data inside the package")
    add("--target", help="column of the labels of a table")
    add("--groups", help="column of what belongs together, such as the person")
    add("--drop", nargs="+", default=(), metavar="COLUMN", help="columns to leave out")
    add("--sep", help="separator of a table, if it is not found; 'tab' for tabs")
    add("--decimal", choices=[".", ","], help="decimal sign, if it is not found")
    add("--na", nargs="+", default=(), metavar="TEXT", help="texts for missing values")
    add(
        "--channels-last",
        action=argparse.BooleanOptionalAction,
        help="arrays have channels last, or first though it looks otherwise",
    )
    add("--methods", nargs="+", default="auto", metavar="NAME", help="which methods")
    add("--budget", choices=BUDGETS, default="quick", help="how much to try (quick)")
    add("--folds", type=int, default=5, help="folds to compare in (5)")
    add("--jobs", type=int, help="processes (1)")
    add("--cluster", metavar="ADDRESS", help="dask scheduler whose workers to take")
    add("--seed", type=int, default=0, help="of folds and networks (0)")
    add("--out", type=Path, default=Path("skaug-compare"), help="folder of the page")
    add("--resume", action="store_true", help="go on with a run that was broken off")
    add(
        "--curves",
        action="store_true",
        help="also how many rows the gain is worth",
    )
    add("--model", type=Path, help="file for the fitted winner, read by joblib.load")
    return parser


def _note(message, *about):
    """Show a warning as a person reads it: without the place in the source."""
    print(f"Note: {message}", file=sys.stderr)


def _check(options):
    """Refuse what would fail only after a long run."""
    if options.jobs == 0:
        raise ValueError("compare needs --jobs of 1 or more; got 0. Raise it.")
    if options.jobs is not None and options.cluster is not None:
        raise ValueError(
            "compare needs --jobs or --cluster; got both. Leave --jobs out: a cluster "
            "has its own number of workers."
        )
    model = options.model
    if model is not None and not model.resolve().parent.is_dir():
        raise ValueError(
            f"compare needs a folder for --model; got {model.parent}, which is none. "
            "Make it first."
        )
    if options.demo and (options.file or options.target or options.groups or model):
        raise ValueError(
            "compare needs --demo without a file, --target, --groups and --model; got "
            "one of them. Leave it out."
        )
    options.out.mkdir(parents=True, exist_ok=True)


def _readings(options):
    """What to compare on: a file of the user's, or the demo's two sets."""
    if options.demo:
        return [_har(), _digits()]
    if options.file is None:
        raise ValueError(
            "compare needs a file; got none. Name one before the options, or add "
            "--demo for an example."
        )
    return [
        read_file(
            options.file,
            options.target,
            options.groups,
            drop=options.drop,
            sep=options.sep,
            decimal=options.decimal,
            na=options.na,
            channels_last=options.channels_last,
        )
    ]


def _har():
    """Windows of ten people who walk, sit and so on."""
    from skaug.datasets import load_har

    har = load_har()
    rows = har.subject <= 10
    names = har.target_names[har.target]
    # 25 measurements a second in place of 50 take half as long to train on.
    return Reading("har", har.data[rows, :, ::2], names[rows], har.subject[rows])


def _digits():
    """Small images of digits."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return Reading("digits", X[:DEMO_ROWS].reshape(-1, 1, 8, 8) / 16, y[:DEMO_ROWS])


def _compare(reading, options):
    """Compare on the rows that were read, print what was found, and write the page."""
    print("\n".join(reading.lines()))
    folder = options.out / reading.name
    cells = folder / "cells"
    if not options.resume and any(cells.rglob("*.json")):
        raise ValueError(
            f"compare needs a folder without cells; got {folder}, which has those of "
            "another run. Add --resume to go on with that one, or choose another --out."
        )
    if reading.test is not None:
        print("The rows to test with are left out: every fold has test rows.")
    search = AugmentationSearchCV(
        methods=options.methods,
        cv=options.folds,
        budget=options.budget,
        refit=options.model is not None,
        channels_last=False,  # read_file has moved them, or asked
        n_jobs=options.jobs,
        cache=cells,
        random_state=options.seed,
        verbose=1,
    )
    start = time.monotonic()
    search.fit(reading.X, reading.y, groups=reading.groups)
    found = search.comparison_
    print(f"\n{found}\n")
    if options.curves:
        print(f"{_worth(found)}\n")
    if options.budget == "quick" and search.best_method_ == BEST:
        print(f"{fill(LONGER, 100)}\n")
    found.save(folder / "page.html")
    print(f"This took {in_words(time.monotonic() - start)}.")
    print(f"Page: {folder / 'page.html'}\n")
    if options.model is not None:
        with atomic_writing(options.model) as file:
            joblib.dump(search.best_estimator_, file)
        print(f"Model: {options.model} ({search.best_method_})\n")


def _worth(found):
    """How many rows the best augmented network is worth, in words."""
    try:
        rate = found.exchange_rate()
    except ValueError as error:  # The table and the page are there all the same.
        return str(error)
    return f"What {found.curves.method} is worth: {rate}"
