"""The course as a web site: how Sphinx builds it. `make site` calls this; tools/build_site.py lays out the sources."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools"), str(HERE.parent)]

import light_jsonschema  # noqa: E402, F401
from addresses import read_settings  # noqa: E402

settings = read_settings(HERE.parent)
project, author, release = settings["title"], settings["author"], settings["version"]
project_copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "pages", "library", "menu", "search", "formulas", "unused"]
course_root = str(HERE.parent)
language = "en"

# Notebooks are shown as they were saved. None keeps a widget's state, so there is nothing to fetch for one.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

# The library, from its docstrings and the comments beside its parameters.
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = project
html_last_updated_fmt = "%-d %B %Y"
html_static_path = [str(HERE / "static"), str(HERE.parent / "mnist_s6/widgets/explorers.css")]
templates_path = [str(HERE / "templates")]
html_css_files = ["explorers.css", "course.css"]
html_js_files = [("course.js", {"defer": "defer"})]
html_copy_source = html_show_sourcelink = False
html_domain_indices = html_use_index = False
html_search_scorer = str(HERE / "scorer.js")
html_theme_options = {
    "footer_icons": [{"name": "Source code", "url": settings["git_url"], "html": "source", "class": ""}],
    "light_css_variables": {"color-brand-primary": "#00588a", "color-brand-content": "#00588a"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f5", "color-brand-content": "#7cc4f5"},
}
