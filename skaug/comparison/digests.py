"""What cells are told apart by: rows, budgets, versions, and code that decides."""

import ast
import hashlib
import marshal
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import skaug

__all__ = ["code_digest", "digest"]

PACKAGES = ("torch", "torchvision", "scikit-learn", "skorch", "numpy", "scipy")
PACKAGES += ("imbalanced-learn",)
# Files of skaug that show results and decide nothing about them, by parts of names.
SHOWS = ("display", "figures", "differences", "tables", "study", "_plots", "_table")
SHOWS += ("page", "parts", "report", "sides", "model_card", "comparison", "cli", "svg")
SHOWS += ("forecast", "winner", "exchange")


def digest(identity, budgets):
    """Digest of all that decides about cells, besides method and seed."""
    found = hashlib.sha256(sources().encode())
    found.update(identity.encode())
    found.update(repr((budgets, *map(installed, PACKAGES))).encode())
    return found.hexdigest()[:12]


def code_digest(function):
    """Digest of the code of a function of the user's, and of where it stands."""
    code = getattr(function, "__code__", None)
    code = repr(function).encode() if code is None else marshal.dumps(code)
    return hashlib.sha256(code).hexdigest()[:8]


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
        is_reader = path.parent.name == "files"  # Rows are told apart by themselves.
        if not is_reader and not any(part in path.stem for part in SHOWS):
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
