"""A table of a paper: which rows are trained, what is kept of them, what is printed.

A run trains a row of the table on a set, from a seed. It gives accuracies on the test
images after each of the last ten epochs, by the labels of the table's lines: a row that
is refined has a line before and one after.
"""

import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import get_data_home

import search_path  # noqa: F401
from runs import origins, plus_minus, say, section, study, study_parser, values

SMOKE_EPOCHS = 3
COLUMNS = "row", "seeds", "mean of the last ten", "median", "paper", "seconds"


def make_table(
    doc,
    paper,
    train,
    arguments=None,
    *,
    rows=None,
    sets,
    seeds,
    shown="error",
    options=None,
):
    """Train the rows that are asked for and not yet kept, and print the table.

    Parameters
    ----------
    doc : str
        The docstring of the script.
    paper : dict
        The paper's figures by label, for each of the sets; None where it has none.
    train : callable
        Of a row, the name of a set, a seed and the options: accuracies in percent of
        the last epochs, by label.
    arguments : list of str, default=None
        Of the command line, which is the default.
    rows : iterable of str, default=None
        What is trained; by default each label is a row. If a row is not named on the
        command line, it is not trained on sets for which the paper has no figure.
    sets : list of str
        What it can be trained on.
    seeds : int
        How many the paper has.
    shown : {"error", "accuracy"}, default="error"
        What the table of the paper has.
    options : dict, default=None
        More options of the command line: what argparse is told about each.
    """
    rows = list(rows or paper)
    jobs = {f"{name}, {row}": (row, name) for name in sets for row in rows}
    options = options_of(doc, rows, sets, seeds, options or {}, arguments)
    options.sets = [
        f"{name}, {row}"
        for name in options.sets
        for row in options.rows or rows
        if options.rows or paper[row][sets.index(name)]
    ]
    study(
        Path(__file__).parent,
        options,
        dict.fromkeys(jobs, setting_of(options)),
        partial(run_job, jobs, train, options),
        partial(summary, paper=paper, sets=sets, shown=shown),
        device=device_name(options.device),
    )


def options_of(doc, rows, sets, seeds, more, arguments):
    """Options of the command line."""
    parser = study_parser(doc, sets, seeds, n_jobs=1)
    add = parser.add_argument
    add("--rows", nargs="+", choices=rows, metavar="ROW")
    add("--gpu", action="store_true", help="cuda, networks in bfloat16")
    add("--device", help="where to train, networks in float32")
    add("--smoke", action="store_true", help="all of it in a minute, with toy sizes")
    add("--epochs", type=int, help="fewer than the paper's, of all phases together")
    add("--data", default=get_data_home(), help="folder of the images")
    for flag, about in more.items():
        add(flag, **about)
    options = parser.parse_args(arguments)
    if not (options.gpu or options.device or options.smoke or options.summary):
        parser.error("--gpu, --device or --smoke is needed: on a CPU it takes days.")
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs needs a number from 1 on; got {options.epochs}.")
    if options.output:  # what it takes days to find out
        Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    options.device = options.device or ("cuda" if options.gpu else "cpu")
    try:
        torch.device(options.device)
    except RuntimeError:
        parser.error(f"--device needs a name of torch's; got {options.device!r}.")
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("A GPU is needed that torch sees; got none. Give --device.")
    if options.smoke:
        say("Smoke test: toy images, tiny networks. The figures mean nothing.")
        options.sets, options.seeds = options.sets[:1], 1
        options.epochs = options.epochs or SMOKE_EPOCHS
    return options


def setting_of(options):
    """What runs depend on besides the source."""
    precision = "bfloat16" if options.gpu else "float32"
    return [options.epochs, precision, options.smoke]


def device_name(device):
    """Name of a GPU, or None."""
    is_gpu = torch.device(device).type == "cuda"
    return torch.cuda.get_device_name(device) if is_gpu else None


def run_job(jobs, train, options, job, seed):
    """Accuracies of a row from a seed."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        if options.smoke:  # of few steps and few rows
            warnings.simplefilter("ignore", UserWarning)
        found = train(*jobs[job], seed, options)
    seconds = round(time.perf_counter() - start, 1)
    return {
        "arms": {k: {"accuracies": v} for k, v in found.items()},
        "seconds": seconds,
    }


def summary(results, paper, sets, shown):
    """Our figures beside the paper's, for each set."""
    lines = [f"{origins(results)}.\n"]
    for place, name in enumerate(sets):
        runs = [run for run in results if run["set"].partition(", ")[0] == name]
        table = [line_of(runs, label, paper[label][place], shown) for label in paper]
        about = f"Test {shown} in percent, mean ± standard deviation over seeds."
        if any(table):
            lines += section(name, about, [COLUMNS, *filter(None, table)])
    return "\n".join(lines)


def line_of(runs, label, figure, shown):
    """A line of the table, if there are runs for it."""
    runs = [run for run in runs if label in run["arms"]]
    if not runs:
        return None
    last = values(runs, label, "accuracies")  # (n_runs, n_epochs)
    last = 100 - last if shown == "error" else last
    seconds = np.mean([run["seconds"] for run in runs])
    ours = [over_seeds(last.mean(1)), over_seeds(np.median(last, 1))]
    return [label, f"{len(runs)}", *ours, figure or "", f"{seconds:.0f}"]


def over_seeds(figures):
    """Mean and standard deviation; one figure has none."""
    deviation = figures.std(ddof=1) if len(figures) > 1 else np.nan
    return plus_minus(figures.mean(), deviation, 2, sign="-")
