"""What cells are told apart by: rows, budgets, versions, and code that decides."""

import ast
import hashlib
import marshal
from functools import cache, partial
from pathlib import Path

import joblib

import skaug
from skaug._versions import installed

__all__ = ["digest", "value_digest"]

PACKAGES = ("torch", "torchvision", "scikit-learn", "skorch", "numpy", "scipy")
PACKAGES += ("imbalanced-learn",)
# Files of skaug that show results and decide nothing about them, by parts of names.
SHOWS = ("display", "figures", "differences", "tables", "study", "_plots", "_table")
SHOWS += ("page", "parts", "report", "sides", "model_card", "comparison", "cli", "svg")
SHOWS += ("forecast", "winner", "exchange", "refits", "_versions")
SHOWS += ("cluster", "distributed", "_parallel")


def digest(identity, budgets):
    """Digest of all that decides about cells, besides method and seed."""
    found = hashlib.sha256(sources().encode())
    found.update(identity.encode())
    found.update(repr((budgets, *map(installed, PACKAGES))).encode())
    return found.hexdigest()[:12]


def value_digest(value):
    """Digest of functions, of what they hold, and of plain values."""
    return joblib.hash(_plain(value))[:8]


def _plain(value):
    """What decides about a value, as something that can be pickled."""
    if isinstance(value, partial):
        return _plain([value.func, value.args, value.keywords])
    if hasattr(value, "__code__"):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        code = marshal.dumps(value.__code__)
        return [code, *map(_plain, (value.__defaults__, value.__kwdefaults__, held))]
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if hasattr(value, "__dict__") and not isinstance(value, type):
        return [type(value).__qualname__, _plain(vars(value))]
    return value


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
