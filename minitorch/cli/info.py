"""``minitorch info``."""

import importlib.util
import sys


def add_parser(commands):
    info = commands.add_parser("info", help="show what this installation is and runs on")
    info.set_defaults(run=_info)


def _info(options):
    import numpy

    from .. import __version__, kernels

    library = kernels.info()
    rows = {
        "minitorch": __version__,
        "instruction set": f"{library['isa']} (usable: {', '.join(library['available'])})",
        "threads": library["threads"],
        "OpenMP": "yes" if library["openmp"] else "no: built without it, one thread",
        "compiler": library["compiler"],
        "python": sys.version.split()[0],
        "numpy": numpy.__version__,
    }
    for name in ("matplotlib", "tqdm"):
        rows[name] = "installed" if importlib.util.find_spec(name) else "not installed"
    for name, value in rows.items():
        print(f"{name:16} {value}")
    return 0
