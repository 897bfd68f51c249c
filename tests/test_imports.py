"""The import graph of docs/architecture.rst, read off the source."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.rst").read_text()


def drawn_arrows():
    """Arrows of the table of rooms: {room: rooms it imports}."""
    rows = re.findall(
        r"^   \* - ``(\w+)\.py``\n     - .*\n     - (.*)$", ARCHITECTURE, re.MULTILINE
    )
    return {room: set(re.findall(r"``(\w+)``", arrows)) for room, arrows in rows}


def imports_of(path):
    """Dotted names that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            names.add(node.module)
    return names


def test_rooms_import_along_the_arrows_only():
    arrows = drawn_arrows()
    rooms = {path.stem for path in (ROOT / "skaug").glob("*.py")} - {"__init__"}
    assert set(arrows) == rooms, "docs/architecture.rst lists other rooms than skaug/"
    for room in rooms:
        names = imports_of(ROOT / "skaug" / f"{room}.py")
        used = {name.split(".")[1] for name in names if name.startswith("skaug.")}
        assert used == arrows[room], (
            f"{room}.py imports {used}, drawn are {arrows[room]}"
        )


def test_only_declared_dependencies_are_imported():
    # tqdm is a dependency of skorch, scipy one of scikit-learn.
    allowed = {"torch", "torchvision", "sklearn", "skorch", "numpy", "joblib", "tqdm"}
    allowed |= {"scipy", "skaug"}
    for path in (ROOT / "skaug").glob("*.py"):
        roots = {name.split(".")[0] for name in imports_of(path)}
        extra = {"matplotlib"} if path.stem.endswith("display") else set()
        assert roots - set(sys.stdlib_module_names) <= allowed | extra


def test_importing_skaug_needs_neither_matplotlib_nor_torchvision():
    code = "import sys, skaug; print({'matplotlib', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_public_names_are_documented_in_the_api_page():
    import skaug

    api = (ROOT / "docs" / "api.rst").read_text()
    assert all(name in api for name in skaug.__all__)
