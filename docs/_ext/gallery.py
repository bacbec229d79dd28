"""What the pictures of the gallery have in common, and its settings for sphinx-gallery."""

import logging

from executed import PLOT_STYLE

CONFIG = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "subsection_order": [
        f"../examples/{name}" for name in ("training", "tasks", "seeing", "autograd")
    ],
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "reset_modules": ("gallery.style_pictures",),
    "image_scrapers": ("matplotlib",),
    "image_srcset": ["2x"],
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "backreferences_dir": None,
}


def style_pictures(gallery_conf, fname):
    """Begin each script with the same look: without a background, for day and dark."""
    import matplotlib

    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it remarks on harmless things
    matplotlib.rcdefaults()
    matplotlib.use("agg")
    colours = ["#3a8fc4", "#e08214", "#2a9d74", "#c85a8e", "#9a7bc8", "#b8a13a"]
    matplotlib.rcParams.update(PLOT_STYLE)
    matplotlib.rcParams.update(
        {
            "axes.facecolor": "none",
            "figure.facecolor": "none",
            "savefig.transparent": True,
            "savefig.dpi": 100,
            "axes.prop_cycle": matplotlib.cycler(color=colours),
        }
    )
