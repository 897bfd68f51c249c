"""What is installed, and on which machine: a part of every report of a defect."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from threadpoolctl import threadpool_info

__all__ = ["installed", "show_versions"]

NEEDED = ("torch", "torchvision", "scikit-learn", "skorch", "numpy", "scipy")
NEEDED += ("joblib", "tqdm", "jinja2", "safetensors")
USED = ("threadpoolctl", "matplotlib", "pandas", "polars", "imbalanced-learn", "pip")


def installed(package):
    """Version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show_versions() -> None:
    """Print versions of Python, skaug and its dependencies, threads and devices.

    Please add what is printed to every report of a defect. It names folders of this
    machine, but no data. Where there is a GPU, torch starts it to read its name.

    Examples
    --------
    >>> import skaug
    >>> skaug.show_versions()
    System
        Python            3...
    """
    printed = {
        "System": _system(),
        "Packages": _packages(),
        "Threads": _threads(),
        "Devices of torch": _devices(),
    }
    for title, rows in printed.items():
        print(title)
        for name, value in rows:
            print(f"    {name:<17} {'not installed' if value is None else value}")


def _system():
    """Python and the machine."""
    return [
        ("Python", sys.version.replace("\n", " ")),
        ("executable", sys.executable),
        ("machine", platform.platform()),
    ]


def _packages():
    """Versions; skaug's own also where it is used from its folder."""
    import skaug  # which imports this file

    about_skaug = f"{skaug.__version__} in {Path(skaug.__file__).parent}"
    rest = [(name, installed(name)) for name in (*NEEDED, *USED)]
    return [("skaug", about_skaug), *rest]


def _threads():
    """Threads of torch, and of each library that has a pool of them."""
    within, beside = torch.get_num_threads(), torch.get_num_interop_threads()
    rows = [("torch", f"{within} in an operation, {beside} operations at a time")]
    for pool in threadpool_info():
        about = f"{pool['num_threads']} in {pool['filepath']}"
        rows.append((pool["internal_api"], about))
    return rows


def _devices():
    """Processors that torch finds, and those that it was built for."""
    cuda, rocm = torch.version.cuda, torch.version.hip
    built_for = f"CUDA {cuda}" if cuda else f"ROCm {rocm}" if rocm else "no CUDA"
    rows = [("built for", built_for), ("cpu", platform.machine())]
    for i in range(torch.cuda.device_count()):
        rows.append((f"cuda:{i}", torch.cuda.get_device_name(i)))
    if torch.backends.mps.is_available():
        rows.append(("mps", "Apple"))
    return rows
