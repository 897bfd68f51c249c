"""How long a study will take, before it starts: gradient steps times seconds a step."""

import time

from joblib import effective_n_jobs
from sklearn.base import clone

from skaug.comparison.cell import one_thread, setup_of, warm_up
from skaug.comparison.setup import PLAIN, comparing

__all__ = ["forecast", "in_words", "steps_of"]

TRIED = 20  # gradient steps that tell how long one takes
AUGMENTED = 1.2  # time of an augmented step over that of a plain one, roughly


def forecast(jobs, budgets, n_jobs):
    """Say how long cells will take, from a few steps of the network of each task.

    Parameters
    ----------
    jobs : list of Job
        The cells.
    budgets : Budgets
        Steps and weight decays to choose from.
    n_jobs : int or None
        Cells at a time.

    Returns
    -------
    text : str
        A sentence. Classical classifiers are not counted.
    """
    steps = seconds = 0
    for task in {job.task.name: job.task for job in jobs}.values():
        drawn = task.draw(0)
        setup = setup_of(drawn, budgets)
        own = [steps_of(job.method, setup, budgets) for job in jobs if job.task is task]
        if any(own):
            steps += sum(own)
            seconds += sum(own) * AUGMENTED * _seconds_of_a_step(drawn, setup)
    if not steps:
        return f"{len(jobs)} cells without networks."
    return (
        f"{len(jobs)} cells train networks for {steps:,} gradient steps. Expected "
        f"time: {in_words(seconds / effective_n_jobs(n_jobs))}."
    )


def steps_of(method, setup, budgets):
    """Count the gradient steps of a cell, those of the choice of its setting included.

    Parameters
    ----------
    method : Method or None
        ``None`` is the cell of the plain networks.
    setup : Setup
        Of a draw.
    budgets : Budgets
        Steps and weight decays to choose from.

    Returns
    -------
    steps : int
        At most; fine-tuning and the search for a policy are not counted.
    """
    if method is None:
        tried = {*budgets.plain, *budgets.twins}
        return sum(tried) * (len(budgets.decays) + 1)
    if not method.is_network:
        return 0
    longest = max(budgets.augmented)
    several = method.twin == PLAIN and not method.longest
    tried = budgets.augmented if several else [longest]
    return sum(tried) * len(method.values_for(setup)) + longest


def in_words(seconds):
    """Write a time in the unit that suits it."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"


def _seconds_of_a_step(drawn, setup):
    """Seconds of CPU time of a gradient step of the plain network."""
    with one_thread(), comparing():
        warm_up()
        net = clone(setup._replace(steps=TRIED).net())  # which raises on Ctrl-C
        start = time.process_time()
        net.fit(drawn.train.X, drawn.train.y)
        seconds = time.process_time() - start
    return seconds / sum(net.history[:, "train_batch_count"])
