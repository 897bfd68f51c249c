import sys
from pathlib import Path

# Examples read real data with the reader of the benchmarks.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from docutils import nodes

import skaug
from data import data_folder

project = "skaug"
author = "the skaug developers"
copyright = f"2026, {author}"
release = version = skaug.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",  # formulas without a network
    "numpydoc",
    "myst_parser",  # the changes and the results are written in Markdown
    "sphinx_design",  # the cards of the front page
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
nitpicky = True  # a link to a name that is not documented is a warning
# Annotations of dataclasses, whose pages are elsewhere.
nitpick_ignore = [
    ("py:class", "numpy.ndarray"),
    ("py:class", "sklearn.utils._bunch.Bunch"),
]
autosummary_generate = True
autodoc_inherit_docstrings = False
# scikit-learn writes these and links into its own pages.
autodoc_default_options = {
    "exclude-members": "set_fit_request,set_fit_resample_request,set_output,"
    "set_partial_fit_request,set_score_request"
}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Without the data, the page on them has nothing to show.
left_out = [] if data_folder() else ["plot_influence_policy"]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": "|".join(["__init__", *left_out]),
    "reference_url": {"skaug": None},
    "doc_module": ("skaug",),
    "backreferences_dir": "generated/backreferences",
    "capture_repr": (),
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["skaug.css"]
html_title = "skaug"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
}


def keep_errors_on_the_line(app, doctree):
    """In cells, a value and its error stay together."""
    for cell in doctree.findall(nodes.entry):
        for text in list(cell.findall(nodes.Text)):
            joined = text.replace(" ± ", "\u00a0±\u00a0")
            text.parent.replace(text, nodes.Text(joined))


def setup(app):
    app.connect("doctree-read", keep_errors_on_the_line)
