"""Cells of an earlier run, taken over with the commit that they were made at.

A folder of cells is of one state of the sources. Where a change of these cannot have
touched an arm, its cells are put into the new folder instead of being made again. Arms
that are made again although there are cells of them tell whether that is so: their
figures have to be the same.
"""

from collections import Counter

from skaug.comparison.cell import write
from skaug.comparison.differences import METRICS
from skaug.comparison.study import jobs_of


def key_of(cell):
    """What tells a cell from others."""
    return cell["set"], cell["method"], cell["seed"]


def take_over(cells, jobs, again):
    """Write kept cells where their jobs look for them; return how many.

    Parameters
    ----------
    cells : list of dict
        Kept ones, with their commits.
    jobs : list of Job
        All that are to be had, with a path each.
    again : list of str
        Methods of which no cell is taken over.
    """
    by_key = {key_of(cell): cell for cell in cells if cell["method"] not in again}
    wanted = [job for job in jobs if job.key in by_key and not job.path.exists()]
    for job in wanted:
        write(job.path, by_key[job.key])
    return len(wanted)


def jobs_for(tasks, folder, methods, budgets):
    """All jobs of the tasks, and folders for their cells."""
    return [job for task in tasks for job in jobs_of(task, folder, methods, budgets)]


def made_again(kept, cells, again):
    """Say of each method that was made again in how many cells the figures stayed."""
    old = {key_of(cell): cell for cell in kept}
    for method in again:
        both = [
            (cell["arms"], old[key_of(cell)]["arms"])
            for cell in cells
            if cell["method"] == method
            and key_of(cell) in old
            and "arms" in cell
            and "arms" in old[key_of(cell)]
        ]
        same = sum(figures(new) == figures(before) for new, before in both)
        if both:
            yield f"{method} made again: {same} of {len(both)} cells with equal figures"


def figures(arms):
    """Metrics of the arms of a cell, without seconds and settings."""
    return {
        name: {metric: arm[metric] for metric in METRICS if metric in arm}
        for name, arm in arms.items()
    }


def commits(cells):
    """Numbers of cells by commit, in words."""
    counts = Counter(cell["commit"] for cell in cells)
    return ", ".join(f"{n} cells at commit {name}" for name, n in counts.items())
