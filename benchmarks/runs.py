"""Runs of a benchmark: how they are kept, compared, and put into tables.

A run is what one seed gives on one set: a dictionary with "set", "seed" and "arms", the
figures by arm and metric. A file has a list of them under "results".
"""

import datetime
import json
import os
import platform
import subprocess
import time
from pathlib import Path

import numpy as np
import sklearn
import skorch
import torch
from scipy.stats import t as student

from skaug.transforms.torchvision import torchvision

START = time.time()
ROOT = Path(__file__).resolve().parents[1]


def say(*text):
    """Print a line of progress with the seconds so far."""
    print(f"[{time.time() - START:5.0f} s]", *text, flush=True)


def values(runs, arm, key):
    """A figure of every run."""
    return np.array([run["arms"][arm][key] for run in runs], dtype=float)


def by_set(results, names):
    """Runs of each set that has any, in the order of the names."""
    groups = {name: [r for r in results if r["set"] == name] for name in names}
    return {name: runs for name, runs in groups.items() if runs}


def interval(gaps, digits):
    """Mean, standard error and 95 % t interval, starred where it excludes 0."""
    n, mean = len(gaps), np.mean(gaps)
    if n == 1:
        return f"{mean:+.{digits}f}"
    error = np.std(gaps, ddof=1) / n**0.5
    low, high = mean + student.ppf([0.025, 0.975], n - 1) * error
    ends = f"[{low:+.{digits}f}, {high:+.{digits}f}]" + "*" * bool(low > 0 or high < 0)
    return f"{mean:+.{digits}f} ± {error:.{digits}f} {ends}"


def markdown(rows):
    """Yield the lines of a table; the first row is its head."""
    head, *rows = rows
    yield f"| {' | '.join(head)} |"
    yield "| --- |" + " --- |" * (len(head) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def claim(text, seen, held):
    """A claim in words, with what was seen, and whether it holds."""
    return f"{text}: {seen}, {'held' if held else 'missed'}", bool(held)


def check(claims):
    """Print every claim; what is missed is raised at the end."""
    found = list(claims)
    print("\n".join(text for text, _ in found))
    missed = [text for text, held in found if not held]
    if missed:
        raise AssertionError(f"claims missed: {missed}")


def kept(paths):
    """Results of several files; a run that is in two of them is an error."""
    results = []
    for path in paths:
        results += json.loads(Path(path).read_text())["results"]
    if len({(run["set"], run["seed"]) for run in results}) < len(results):
        raise ValueError("A run is in the files more than once.")
    return results


def write(path, data):
    """Replace a file by data in JSON; interrupted, it leaves the old one whole."""
    path = Path(path)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(json.dumps(data, indent=1) + "\n")
    os.replace(new, path)


def fill_page(path, title, tables):
    """Put tables below what stands in a page before its first heading."""
    words = path.read_text() if path.exists() else f"# {title}\n"
    words = words.split("\n## ")[0].rstrip()
    path.write_text(f"{words}\n\n{tables}\n")


def commit(*paths):
    """Last commit, or the last that changed one of some files or folders."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%h", "--"]
    try:
        found = subprocess.check_output([*command, *map(str, paths)], text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.strip() or "unknown"


def processor():
    """Name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        return text.split("model name\t: ")[1].split("\n")[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def origin():
    """Date, processor and versions of runs with one thread."""
    modules = torch, torchvision, sklearn, skorch, np
    made = ", ".join(f"{m.__name__} {m.__version__}" for m in modules)
    return f"{datetime.date.today()}, {processor()}, 1 thread, {made}"
