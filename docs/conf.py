"""Sphinx builds the site from these pages and from the package's docstrings: `make docs`."""

import pcnotebooks
from pcnotebooks import links

project = "pcnotebooks"
author = "pcnotebooks maintainers"
copyright = f"2026, {author}"  # noqa: A001  (Sphinx's own name)
version = release = pcnotebooks.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = f"pcnotebooks {version}"
html_baseurl = links.SITE
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "github_url": links.REPOSITORY,
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": []}

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections have the types
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
