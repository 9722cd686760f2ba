"""The site: `make docs`. Notebooks become tutorials, run anew, and docstrings the reference."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import tutorials

import tswidgets

project = "tswidgets"
author = "The tswidgets developers"
copyright = author
version = release = tswidgets.__version__

extensions = ["sphinx.ext.autodoc", "myst_nb", "sphinx_copybutton"]
exclude_patterns = ["_build", "_live"]
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = "tswidgets"
html_static_path = ["_static"]
html_extra_path = ["_live"]
html_css_files = ["site.css"]
html_js_files = ["live.js"]
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"

default_role = "py:obj"
python_use_unqualified_type_names = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # TensorFlow greets there
nb_ipywidgets_js = {}  # every widget is in a page of its own


def setup(app):
    tutorials.prepare(Path(app.srcdir))
    app.connect("autodoc-process-docstring", docstrings.prepare)
    app.connect("autodoc-process-signature", docstrings.sign)
