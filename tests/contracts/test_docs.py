"""The guide and the gallery cover what is public."""

import ast
from pathlib import Path

import pytest

import skaug

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "user_guide"
RETURNED_BY = {"ModelCard": "report"}  # not called by name


def names_used(path):
    """Names that the code of a file reads, imports left out."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


@pytest.fixture(scope="module")
def used_in_gallery():
    return set().union(*map(names_used, (ROOT / "examples").glob("plot_*.py")))


@pytest.mark.parametrize("name", skaug.__all__)
def test_public_names_are_used_in_an_example(name, used_in_gallery):
    name = RETURNED_BY.get(name, name)
    assert name in used_in_gallery, f"no examples/plot_*.py uses {name}"


def test_pages_of_the_guide_are_in_its_index():
    index = (GUIDE / "index.rst").read_text()
    listed = [line.strip() for line in index.splitlines() if line.startswith("   ")]
    pages = {path.stem for path in GUIDE.glob("*.rst")} - {"index"}
    assert pages == {name for name in listed if not name.startswith(":")}


def test_figures_quoted_are_at_hand():
    for page in GUIDE.glob("*.rst"):
        for word in page.read_text().replace("`", " ").replace("<", " ").split():
            if word.startswith("benchmarks/"):
                assert (ROOT / word.rstrip(".,;:)")).exists(), f"{page.name}: {word}"
