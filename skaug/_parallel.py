"""Tasks in several processes, whose results come as they end where joblib can do so."""

from joblib import Parallel
from joblib.parallel import get_active_backend

__all__ = ["results_of"]


def results_of(tasks, n_jobs, return_as="generator"):
    """Run tasks, each made by ``joblib.delayed``, and yield what they return.

    Some backends, ray's among them, return all results when the last task has ended.
    """
    backend, _ = get_active_backend()
    if not backend.supports_return_generator:
        return_as = "list"
    yield from Parallel(n_jobs, return_as=return_as)(tasks)
