"""Where a comparison runs: on this machine, or on the workers of a dask cluster."""

from contextlib import contextmanager

import joblib

__all__ = ["on_workers"]

SECONDS = 30  # to find the scheduler


@contextmanager
def on_workers(address):
    """Send what joblib runs to the workers of a scheduler; None is this machine.

    Parameters
    ----------
    address : str or None
        Of a dask scheduler, such as ``tcp://10.0.0.1:8786``.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        If no scheduler answers there, or dask is not installed.
    """
    if address is None:
        yield
        return
    with _client(address), joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


def _client(address):
    """A connection to a scheduler."""
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ValueError(
            "compare needs dask for --cluster; got an environment without it. Install "
            'it: pip install "skaug[cluster]".'
        ) from error
    try:
        return Client(address, timeout=SECONDS)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"compare needs the address of a dask scheduler for --cluster; got "
            f"{address!r}, where none answers. Start one with `dask scheduler`, which "
            "prints its address."
        ) from error
