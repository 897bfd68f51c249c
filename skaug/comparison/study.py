"""A study: all cells of methods, tasks and seeds, kept as files and never run again.

The first draw of every task comes before all others, because it tells how long the
others will take. Within a draw the plain networks and the classical classifiers come
first, then what is compared to them, then what is put on top of other arms.
"""

import ast
import hashlib
import json
import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import joblib
from joblib import Parallel, delayed
from tqdm import tqdm

import skaug
from skaug.comparison.cell import keep_cell
from skaug.comparison.data import draw
from skaug.comparison.methods import BEST, METHODS, PLAIN, Budgets, methods_for

__all__ = ["run_study"]

PACKAGES = ("torch", "torchvision", "scikit-learn", "skorch", "numpy", "scipy")
PACKAGES += ("imbalanced-learn",)
# Files of skaug that show results and decide nothing about them, by parts of names.
SHOWS = ("display", "figures", "differences", "tables", "study", "_plots", "_table")
SHOWS += ("page", "parts", "report", "sides", "model_card")


class Job(NamedTuple):
    """A cell that is to be had, and where it is kept."""

    task: object
    method: str
    seed: int
    path: Path

    @property
    def cell(self):
        """What the cell says about itself."""
        return {"set": self.task.name, "method": self.method, "seed": self.seed}

    @property
    def below(self):
        """Method whose cell of the same draw has to be there first, or None."""
        method = METHODS.get(self.method)
        if method is None or not method.is_network:
            return None
        return PLAIN if method.on_top_of in (None, BEST) else method.on_top_of

    @property
    def level(self):
        """How many cells have to come one after the other before this one."""
        if self.below is None:
            return 0
        return 1 if self.below == PLAIN else 2

    def beside(self, method):
        """Path of the cell of another method on the same draw."""
        return self.path.with_name(file_name(method, self.seed))


def run_study(tasks, folder, methods=None, budgets=None, n_jobs=1, verbose=0):
    """Run the cells that are missing, and return all of them.

    Each cell is a file in the folder, written as the cell ends and never computed
    again: after a kill, the same call goes on. A folder's cells are of the same rows,
    versions and sources, comments and docstrings aside. Cells that failed are tried
    again.

    Parameters
    ----------
    tasks : list of Task
        What to compare on.
    folder : path
        Where the cells are kept.
    methods : list of str, default=None
        Names of ``METHODS``; by default all.
    budgets : Budgets, default=None
        Steps and weight decays to choose from; by default those of :class:`Budgets`.
    n_jobs : int, default=1
        Cells at a time, each with one thread.
    verbose : int, default=0
        1 shows a bar and, after the first draw of every task, how long the others will
        take.

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
        jobs += jobs_of(task, Path(folder), methods, budgets)
    missing = [job for job in jobs if not is_done(job.path)]
    if verbose and len(missing) < len(jobs):
        print(f"{len(jobs) - len(missing)} of {len(jobs)} cells are there already.")
    bar = tqdm(total=len(missing), unit="cell", smoothing=0.05, disable=not verbose)
    for first in True, False:
        of_phase = [job for job in missing if (job.seed == 0) == first]
        if verbose and not first:
            bar.write(estimate(jobs, of_phase, n_jobs))
        for level in range(3):
            work = Parallel(n_jobs, return_as="generator_unordered")(
                delayed(keep_cell)(
                    job.path, job.cell, draw(job.task, job.seed), budgets, needed(job)
                )
                for job in of_phase
                if job.level == level
            )
            for _ in work:
                bar.update()
    bar.close()
    return [read(job.path) for job in jobs]


def jobs_of(task, folder, methods, budgets):
    """All cells of a task, seed by seed."""
    names = methods_for(task.kind, methods)
    if not names:
        raise ValueError(
            f"run_study needs a method for {task.kind}, which {task.name} has; got "
            f"{methods}. Name others."
        )
    dropped = [name for name in methods or () if name not in names]
    if dropped:
        warnings.warn(
            f"run_study needs methods for {task.kind}, which {task.name} has; got "
            f"{dropped}, which are for others. There are no cells of these.",
            stacklevel=3,
        )
    if any(METHODS[name].is_network for name in names):
        names = [PLAIN, *names]
    folder = folder / f"{task.name} {digest(task, budgets)}"
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Job(task, name, seed, folder / file_name(name, seed))
        for seed in range(task.n_seeds)
        for name in names
    ]


def file_name(method, seed):
    """Name of the file of a cell."""
    return f"{method} {seed}.json".replace("/", "-")


def read(path):
    """Read a cell."""
    return json.loads(path.read_text())


def is_done(path):
    """Whether there is a cell, and it did not fail."""
    return path.exists() and "error" not in read(path)


def needed(job):
    """Cells of the same draw that a job needs, by method."""
    return {} if job.below is None else {job.below: read(job.beside(job.below))}


def estimate(jobs, missing, n_jobs):
    """How long the missing cells will take, in words, from those of the first draw."""
    seconds = {}
    for job in jobs:
        if job.seed == 0 and is_done(job.path):
            seconds[job.task.name, job.method] = read(job.path)["seconds"]
    known = [seconds.get((job.task.name, job.method)) for job in missing]
    total = sum(filter(None, known))
    return (
        f"The first draws took {sum(seconds.values()) / 60:.1f} minutes of CPU time. "
        f"{len(missing)} cells are left, for about {total / 60:.1f} minutes, or "
        f"{total / 60 / max(n_jobs, 1):.1f} with {n_jobs} at a time."
    )


def digest(task, budgets):
    """Digest of all that decides about cells, besides method and seed."""
    found = hashlib.sha256(sources().encode())
    rows = [task.X, task.y, task.groups, task.test, task.n_rows, task.heuristic]
    found.update(joblib.hash(rows).encode())
    found.update(repr((budgets, *map(installed, PACKAGES))).encode())
    return found.hexdigest()[:12]


def installed(package):
    """Version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def sources():
    """Code of skaug without comments and docstrings, which decide nothing."""
    folder = Path(skaug.__file__).parent
    texts = []
    for path in sorted(folder.rglob("*.py")):
        if not any(part in path.stem for part in SHOWS):
            texts.append(f"{path.relative_to(folder)}\n{code_of(path.read_text())}")
    return "\n".join(texts)


def code_of(source):
    """Source without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match getattr(node, "body", None):
            case [ast.Expr(ast.Constant(str()) as docstring), *_]:
                docstring.value = ""
    return ast.unparse(tree)
