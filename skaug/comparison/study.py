"""A study: all cells of methods, tasks and seeds, kept as files and never run again.

The plain networks and the classical classifiers come first, then what is compared to
them, then what is put on top of other arms.
"""

import json
import warnings
from pathlib import Path
from typing import NamedTuple

from joblib import delayed

from skaug._parallel import results_of
from skaug._progress import Progress, prints_lines
from skaug.comparison.cell import keep_cell, write
from skaug.comparison.digests import digest, value_digest
from skaug.comparison.forecast import forecast
from skaug.comparison.methods import METHODS, methods_for
from skaug.comparison.setup import PLAIN, Budgets

__all__ = ["run_study"]


class Job(NamedTuple):
    """A cell that is to be had, and the file where it is kept, if it is."""

    task: object
    method: object  # a Method, or None for the plain networks
    seed: int
    path: Path | None

    @property
    def key(self):
        """What tells the cell from others."""
        name = PLAIN if self.method is None else self.method.name
        return self.task.name, name, self.seed

    @property
    def below(self):
        """Key of the cell of the same draw that has to be there first, or None."""
        if self.method is None or not self.method.is_network:
            return None
        return self.task.name, self.method.below or PLAIN, self.seed


def run_study(tasks, folder=None, methods=None, budgets=None, n_jobs=1, verbose=0):
    """Run the cells that are missing, and return all of them.

    With a folder each cell is a file, written as the cell ends and never computed
    again: after a kill, the same call goes on. A folder's cells are of the same rows,
    versions and sources, comments and docstrings aside. Cells that failed are tried
    again.

    Parameters
    ----------
    tasks : list of Task or Folds
        What to compare on.
    folder : path, default=None
        Where the cells are kept; by default they are not.
    methods : list of str or Method, default=None
        Names of ``METHODS``, and methods of your own; by default all of ``METHODS``.
    budgets : Budgets, default=None
        Steps and weight decays to choose from; by default those of :class:`Budgets`.
    n_jobs : int, default=1
        Cells at a time, each with one thread; ``None`` is 1, unless joblib's
        ``parallel_config`` says otherwise, with which cells also run on the workers of
        a cluster. Files are written by the process that calls this function.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts cells, and 2 prints lines
        instead, one for each cell. Both begin with the time that is expected.

    Returns
    -------
    cells : list of dict
        ``set``, ``method`` and ``seed``, and what
        :func:`~skaug.comparison.run_cell` returns, or ``error`` where a cell failed.

    Raises
    ------
    ValueError
        If a method is unknown, or none is for such rows.

    Warns
    -----
    UserWarning
        If a method that is named is not for the rows of some task.
    """
    budgets = Budgets() if budgets is None else budgets
    jobs = []
    for task in tasks:
        jobs += jobs_of(task, folder, methods, budgets)
    cells = {job.key: read(job.path) for job in jobs if is_done(job.path)}
    missing = [job for job in jobs if job.key not in cells]
    if verbose and cells:
        print(f"{len(cells)} of {len(jobs)} cells are there already.")
    if verbose and missing:
        print(forecast(missing, budgets, n_jobs), flush=True)
    with Progress("Comparison", len(missing), "cell", verbose=verbose) as progress:
        for cell in run_jobs(missing, cells, budgets, n_jobs):
            progress.step(method=cell["method"])
            if prints_lines(verbose):
                done = f"{progress.n} of {progress.total}"
                print(f"Cell {done}: {cell['method']}, draw {cell['seed']}", flush=True)
    return [cells[job.key] for job in jobs]


def run_jobs(missing, cells, budgets, n_jobs):
    """Run cells and put them to those that are there; yield each as it ends."""
    paths = {job.key: job.path for job in missing}
    while missing:
        # Those whose cells below are there; the next round has what waits for them.
        ready = [job for job in missing if job.below is None or job.below in cells]
        tasks = (
            delayed(keep_cell)(
                job.key,
                job.method,
                job.task.draw(job.seed),
                budgets,
                {} if job.below is None else {job.below[1]: cells[job.below]},
            )
            for job in ready
        )
        for cell in results_of(tasks, n_jobs, "generator_unordered"):
            key = cell["set"], cell["method"], cell["seed"]
            cells[key] = cell
            if paths[key] is not None:  # a worker may be on another machine
                write(paths[key], cell)
            yield cell
        missing = [job for job in missing if job.key not in cells]


def jobs_of(task, folder, methods, budgets):
    """All cells of a task, seed by seed."""
    found = methods_for(task.kind, methods)
    if not found:
        raise ValueError(
            f"run_study needs a method for {task.kind}, which {task.name} has; got "
            f"{methods}. Name others."
        )
    names = [getattr(one, "name", one) for one in methods or ()]
    dropped = [name for name in names if name not in [one.name for one in found]]
    if dropped:
        warnings.warn(
            f"run_study needs methods for {task.kind}, which {task.name} has; got "
            f"{dropped}, which are for others. There are no cells of these.",
            stacklevel=3,
        )
    if any(method.is_network for method in found):
        found = [None, *found]
    if folder is not None:
        folder = Path(folder) / f"{task.name} {digest(task.identity(), budgets)}"
        folder.mkdir(parents=True, exist_ok=True)
    return [
        Job(task, method, seed, folder and folder / file_name(method, seed, found))
        for seed in range(task.n_seeds)
        for method in found
    ]


def file_name(method, seed, methods):
    """Name of the file of a cell; methods of one's own are told apart by what they do.

    Parameters
    ----------
    method : Method or None
        ``None`` is for the plain networks.
    seed : int
        Number of the draw.
    methods : list of Method or None
        All, with those that others are put on top of.

    Returns
    -------
    name : str
        Of the file.
    """
    name, own, by_name = PLAIN, [], {one.name: one for one in methods if one}
    if method is not None:
        name = method.name
    while method is not None:
        if METHODS.get(method.name) != method:
            own.append(method)
        method = by_name.get(method.below)
    if own:
        name += f" {value_digest(own)}"
    return f"{name} {seed}.json".replace("/", "-")


def read(path):
    """Read a cell."""
    return json.loads(path.read_text())


def is_done(path):
    """Whether there is a cell, and it did not fail."""
    return path is not None and path.exists() and "error" not in read(path)
