from importlib.metadata import version as installed_version

project = "skaug"
author = "the skaug developers"
copyright = f"2026, {author}"
release = version = installed_version("skaug")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",  # formulas without a network
    "numpydoc",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
autosummary_generate = True
autodoc_inherit_docstrings = False
# scikit-learn writes these and links into its own pages.
autodoc_default_options = {
    "exclude-members": "set_fit_request,set_partial_fit_request,set_score_request"
}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "skaug"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
}
