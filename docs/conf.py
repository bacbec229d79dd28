"""Sphinx configuration: ``python -m sphinx -W docs docs/_build/html``."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import gallery

import minitorch

project = "minitorch"
author = "the minitorch developers"
copyright = "2026, the minitorch developers"
release = version = minitorch.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "device_names",
    "executed",
    "mathml",
    "parity",
    "model_table",
    "public_names",
    "watched",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py", "sg_execution_times.rst"]
sphinx_gallery_conf = gallery.CONFIG
default_role = "literal"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "minitorch"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["minitorch.css"]
html_math_renderer = "mathml"


def escape_shapes(app, what, name, obj, options, lines):
    """Let docstrings write shapes as (N, C, *spatial) and magnitudes as |x|."""
    for number, line in enumerate(lines):
        spans = re.split(r"(``.*?``|`.*?`)", line)
        spans[::2] = [re.sub(r"(?<!\\)[*|](?! )", r"\\\g<0>", text) for text in spans[::2]]
        lines[number] = "".join(spans)


def setup(app):
    app.connect("autodoc-process-docstring", escape_shapes)
