"""Describe the C extension ``minitorch._C`` to cffi.

setup.py runs this file for every command, sdist and egg_info included, so it probes nothing:
whether OpenMP works is decided by ``build_ext`` in setup.py. It must not import minitorch, which
needs ``_C``.
"""

import os
import sys
from glob import glob
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
# setuptools wants paths relative to the directory of setup.py
FOLDER = os.path.relpath(HERE, os.getcwd())


def public_declarations():
    """Return the text between the two markers of minitorch.h."""
    text = (HERE / "minitorch.h").read_text(encoding="utf-8")
    return text.split("/* cdef begin */")[1].split("/* cdef end */")[0]


def files(*patterns):
    return sorted(
        os.path.join(FOLDER, os.path.basename(name))
        for pattern in patterns
        for name in glob(str(HERE / pattern))
    )


# Contraction is off so that a*b + c rounds the same with every compiler; kernels name their FMAs.
# -O3 makes the library a quarter larger, and families of kernels at most 4 % faster (single pools
# and batch norms up to 20 %): what is hot is written with vectors and unrolled by name.
compile_args = ["-std=c11", "-O2", "-ffp-contract=off", "-fvisibility=hidden", "-fno-math-errno"]
# Python's own flags may ask for debug information, which is slow and large; nothing is thrown
# through these functions, so nobody needs tables to unwind them either.
compile_args += ["-g0", "-fno-asynchronous-unwind-tables"]
link_args = ["-pthread"]
if os.environ.get("MINITORCH_SANITIZE", "0") not in ("", "0"):
    sanitize = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g"]
    compile_args += sanitize
    link_args += sanitize
elif sys.platform == "linux":
    link_args += ["-Wl,-s"]

ffibuilder = FFI()
ffibuilder.cdef(public_declarations())
ffibuilder.set_source(
    "minitorch._C",
    '#include "minitorch.h"',
    sources=files("*.c"),
    include_dirs=[FOLDER],
    depends=files("*.h", "*.inc", "*.def"),
    libraries=["m"],
    extra_compile_args=compile_args,
    extra_link_args=link_args,
)
