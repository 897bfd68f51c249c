"""The documentation and the gallery cover what is public, and quote what exists."""

import ast
import re
from pathlib import Path

import pytest

import skaug

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = ("_build", "_templates", "auto_examples", "generated")
PAGES = [
    path
    for path in sorted([*DOCS.rglob("*.rst"), *DOCS.rglob("*.md")])
    if path.relative_to(DOCS).parts[0] not in GENERATED
]
RETURNED_BY = {"ModelCard": "report"}  # not called by name
OF_THE_INSTALLATION = {"show_versions"}  # has nothing to show of data
# Paths in the prose, and links of the Markdown files.
QUOTED = re.compile(r"\b(?:benchmarks|docs|examples|skaug|tests)/[\w/.*]*\w")


def names_used(path):
    """Names that the code of a file reads, imports left out."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


@pytest.fixture(scope="module")
def used_in_gallery():
    return set().union(*map(names_used, (ROOT / "examples").glob("plot_*.py")))


@pytest.mark.parametrize("name", sorted({*skaug.__all__} - OF_THE_INSTALLATION))
def test_public_names_are_used_in_an_example(name, used_in_gallery):
    name = RETURNED_BY.get(name, name)
    assert name in used_in_gallery, f"no examples/plot_*.py uses {name}"


def listed(index):
    """Pages in the table of contents of an index."""
    entries = index.read_text().partition(".. toctree::")[2].split()
    names = {entry for entry in entries if re.fullmatch(r"[a-z]\w*(/index)?", entry)}
    return names - {"auto_examples/index"}  # the gallery is made from the examples


# What sphinx-gallery and autosummary have made is theirs.
INDEXES = [
    index
    for index in sorted(DOCS.rglob("index.rst"))
    if index.relative_to(DOCS).parts[0] not in GENERATED
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda path: path.parent.name)
def test_pages_are_in_the_index_of_their_folder(index):
    pages = {path.stem for path in PAGES if path.parent == index.parent} - {"index"}
    below = {path for path in PAGES if path.parent.parent == index.parent}
    pages |= {f"{path.parent.name}/index" for path in below}
    assert pages == listed(index)


OTHERS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]


@pytest.mark.parametrize("page", PAGES + OTHERS, ids=lambda path: path.stem)
def test_paths_quoted_are_at_hand(page):
    for path in QUOTED.findall(page.read_text()):
        assert any(ROOT.glob(path)), f"{page.name} quotes {path}"
