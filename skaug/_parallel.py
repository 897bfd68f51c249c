"""Tasks in several processes, whose results come as they end where joblib can do so."""

from joblib import Parallel
from joblib.parallel import get_active_backend

__all__ = ["results_of"]


def results_of(tasks, n_jobs, *, in_order=True):
    """Run tasks, each made by ``joblib.delayed``, and yield what they return.

    Ray's backend returns all results at once, when the last task has ended.
    """
    backend, _ = get_active_backend()
    kind = "generator" if in_order else "generator_unordered"
    if not backend.supports_return_generator:
        kind = "list"
    yield from Parallel(n_jobs, return_as=kind)(tasks)
