"""Runs of a benchmark: how they are made, kept, compared, and put into tables.

A run is what one seed gives on one set: a dictionary with "set" and "seed", mostly with
"arms", the figures by arm and metric. A file has a list of runs under "results".
"""

import argparse
import datetime
import json
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.metrics import balanced_accuracy_score, log_loss
from tqdm import tqdm

from skaug.comparison.cell import write
from skaug.comparison.differences import mean_and_error, plus_minus
from skaug.comparison.tables import markdown

START = time.time()
ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ["torch", "torchvision", "scikit-learn", "skorch", "numpy"]


def say(*text):
    """Print a line of progress with the seconds so far."""
    print(f"[{time.time() - START:5.0f} s]", *text, flush=True)


def stop(script, needs, got, advice):
    """End a script with one sentence in place of a traceback."""
    raise SystemExit(f"{script} needs {needs}; got {got}. {advice}")


def readable(read, name):
    """Whether a set can be read; says what is missing if not."""
    try:
        read(name)
    except FileNotFoundError as error:
        say(f"{name} is left out: {error}")
        return False
    return True


def parser_of(doc):
    """Parser of a command whose docstring starts with the question it answers."""
    return argparse.ArgumentParser(description=doc.split("\n")[0])


def study_parser(doc, sets, seeds, n_jobs=2):
    """Options of a study; `seeds` are their default number, or a list of them."""
    several = {} if seeds is None or isinstance(seeds, int) else {"nargs": "+"}
    parser = parser_of(doc)
    add = parser.add_argument
    add("--sets", nargs="+", choices=sets, default=list(sets))
    add("--seeds", type=int, default=seeds, **several)
    add("--n-jobs", type=int, default=n_jobs, help="runs at a time")
    add("--output", help="where to keep the figures of every seed")
    add("--summary", nargs="+", help="kept figures to make tables of")
    return parser


def study(
    script, options, settings, run, summary, claims=None, title=None, device=None
):
    """Make the runs that are missing, or read kept ones; print tables, check claims.

    With --summary and a title, the tables are also put into the page of the script in
    results/, below its words, and the runs into the file of the same name.

    Parameters
    ----------
    script : str
        The file of the benchmark, or its folder.
    options : Namespace
        From `study_parser`.
    settings : dict
        What the runs of each set depend on besides the source: kept runs with another
        setting are made again.
    run : callable
        Of the name of a set and a seed: the figures, as a dictionary.
    summary, claims : callable
        Of all runs: the text to print, and what `claim` says of each claim.
    title : str, default=None
        Heading of the page if it does not exist yet.
    device : str, default=None
        What runs are made on, in words; by default one thread of the processor.
    """
    if options.summary:
        results = sorted(kept(options.summary), key=place)
    else:
        results = all_runs(script, options, settings, run, device)
    text = summary(results)
    print(text)
    if options.summary and title:
        page = RESULTS / Path(script).name.replace("bench_", "")
        fill_page(page.with_suffix(".md"), title, text)
        write(page.with_suffix(".json"), {"results": results})
    check(claims(results) if claims else [])


def all_runs(script, options, settings, run, device=None):
    """Runs of all sets and seeds, each written to the output file as it ends."""
    seeds = options.seeds
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    settings = json.loads(json.dumps(settings))  # as they come from a file
    source = commit(ROOT / "skaug", ROOT / "benchmarks" / "data.py", script)
    results = []
    if options.output and Path(options.output).exists():
        others = []
        for old in sorted(kept([options.output]), key=place):
            same = old.get("commit") == source != "unknown"
            same = same and old.get("setting") == settings[old["set"]]
            (results if same else others).append(old)
        if others:  # they may have taken days
            set_aside(others, Path(f"{options.output}.before"))
    done = set(map(place, results))
    jobs = [(name, seed) for name in options.sets for seed in seeds]
    jobs = [job for job in jobs if job not in done]
    made = {"commit": source, "origin": origin(device=device)}
    found = Parallel(options.n_jobs, return_as="generator")(
        delayed(run)(*job) for job in jobs
    )
    for (name, seed), figures in tqdm(zip(jobs, found), total=len(jobs), smoothing=0):
        about = {"set": name, "seed": seed, "setting": settings[name]}
        results.append({**about, **figures, **made})
        if options.output:  # after each run: the next one takes minutes
            write(options.output, {"results": results})
    return results


def set_aside(others, path):
    """Add runs of another source or setting to a file of such runs."""
    before = json.loads(path.read_text())["results"] if path.exists() else []
    write(path, {"results": before + others})
    say(f"Runs of another source or setting are now in {path}.")


def place(run):
    """Where a run stands among others."""
    return run["set"], run["seed"]


def scores_of(y, proba, classes):
    """Accuracies in points and log-loss of probabilities."""
    labels = classes[proba.argmax(1)]
    return {
        "accuracy": 100 * np.mean(labels == y),
        "balanced accuracy": 100 * balanced_accuracy_score(y, labels),
        "log-loss": log_loss(y, proba, labels=classes),
    }


def rounded(scores, digits):
    """Scores to be kept."""
    return {metric: round(float(value), digits) for metric, value in scores.items()}


def values(runs, arm, key):
    """A figure of every run."""
    return np.array([run["arms"][arm][key] for run in runs], dtype=float)


def by_set(results, names):
    """Runs of each set that has any, in the order of the names."""
    groups = {name: [r for r in results if r["set"] == name] for name in names}
    return {name: runs for name, runs in groups.items() if runs}


def half_width(error, n):
    """Half of the two-sided 95 % t interval of n differences."""
    return student.ppf(0.975, n - 1) * error


def interval(gaps, digits):
    """Mean, standard error and 95 % t interval, starred where it excludes 0."""
    mean, error = mean_and_error(gaps)
    if np.isnan(error):
        return plus_minus(mean, error, digits)
    half = half_width(error, len(gaps))
    low, high = mean - half, mean + half
    ends = f"[{low:+.{digits}f}, {high:+.{digits}f}]" + "*" * bool(low > 0 or high < 0)
    return f"{plus_minus(mean, error, digits)} {ends}"


def levels(runs, decimals):
    """Lines of a table of all arms: means over seeds of the metrics that they have."""
    arms = runs[0]["arms"]
    metrics = [m for m in decimals if any(m in scores for scores in arms.values())]
    yield ["arm", *metrics]
    for arm, scores in arms.items():
        means = {m: values(runs, arm, m).mean() for m in metrics if m in scores}
        yield [
            arm,
            *(f"{means[m]:.{decimals[m]}f}" if m in means else "" for m in metrics),
        ]


def differences(runs, pairs, decimals, head="arm"):
    """Lines of a table of paired differences between arms that there are, by label."""
    arms = runs[0]["arms"]
    metrics = [m for m in decimals if any(m in scores for scores in arms.values())]
    yield [head, *metrics]
    for label, (ours, twin) in pairs.items():
        if ours not in arms or twin not in arms:
            continue
        known = [m for m in metrics if m in arms[ours] and m in arms[twin]]
        gaps = {m: values(runs, ours, m) - values(runs, twin, m) for m in known}
        yield [
            label,
            *(interval(gaps[m], decimals[m]) if m in gaps else "" for m in metrics),
        ]


def chosen_counts(chosen, settings):
    """How often each setting was chosen, in words."""
    return ", ".join(f"{setting:g}: {chosen.count(setting)}" for setting in settings)


def claim(text, seen, held):
    """A claim in words, with what was seen, and whether it holds."""
    return f"{text}: {seen}, {'held' if held else 'missed'}", bool(held)


def check(claims):
    """Print every claim; what is missed is raised at the end."""
    found = list(claims)
    if found:
        print("\n".join(text for text, _ in found))
    missed = [text for text, held in found if not held]
    if missed:
        raise AssertionError(f"claims missed: {missed}")


def section(heading, about, *tables):
    """Lines of a page: a heading, what there is to say, and tables."""
    lines = [f"## {heading}\n", about, ""]
    for table in tables:
        lines += [*markdown(table), ""]
    return lines


def list_of_claims(claims):
    """Lines of a page: all claims under a heading, if there are any."""
    lines = [f"- {text}" for text, _ in claims]
    return ["## Claims\n", *lines] if lines else []


def kept(paths):
    """Results of several files; arms of a run may be in several of them."""
    results = {}
    for path in paths:
        for run in json.loads(Path(path).read_text())["results"]:
            at = place(run)
            results[at] = together(results[at], run) if at in results else run
    return list(results.values())


def together(run, other):
    """A run with the arms of another that has the same set and seed.

    An arm that both have is made of the same rows and weights. Its scores must agree;
    the time that it took need not.
    """
    arms, more = run.get("arms", {}), other.get("arms", {})
    both, timed = arms.keys() & more.keys(), ("seconds", "cost")
    differ = [
        arm
        for arm in both
        if {**arms[arm], **dict.fromkeys(timed)}
        != {**more[arm], **dict.fromkeys(timed)}
    ]
    if differ or not more.keys() - arms.keys():
        raise ValueError("A run is in the files more than once.")
    origin = "; ".join(dict.fromkeys([origins([run]), origins([other])]))
    arms = arms | {arm: more[arm] for arm in more if arm not in arms}
    found = {**run, "arms": arms, "origin": origin}
    found.pop("commit", None)
    return found


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


def origin(*more, device=None):
    """Date, device and versions of packages; by default one thread of the processor."""
    versions = ", ".join(f"{name} {version(name)}" for name in [*PACKAGES, *more])
    return (
        f"{datetime.date.today()}, {device or f'{processor()}, 1 thread'}, {versions}"
    )


def origins(runs):
    """What the runs were made with, each once."""
    texts = [
        f"commit {run['commit']}, {run['origin']}" if "commit" in run else run["origin"]
        for run in runs
    ]
    return "; ".join(dict.fromkeys(texts))
