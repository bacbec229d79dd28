"""Build the C extension; the metadata is in pyproject.toml.

Environment: ``MINITORCH_OPENMP=0`` builds serial code, ``MINITORCH_SANITIZE=1`` builds with the
address and undefined-behaviour sanitizers, ``CC`` chooses the compiler.
"""

import contextlib
import os
import sys
import sysconfig
import tempfile
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, CompileError, ExecError, LinkError, PlatformError

NO_COMPILER = """
minitorch needs a C compiler (gcc or clang) to build, and none was found or it does not work.
Install one and try again:
    Debian, Ubuntu    sudo apt-get install gcc libc6-dev python3-dev
    Fedora            sudo dnf install gcc python3-devel
    Alpine            apk add gcc musl-dev python3-dev
    macOS             xcode-select --install      (and `brew install libomp` for threads)
The compiler said: {error}
"""

NO_OPENMP = """
minitorch: this compiler has no working OpenMP, so the kernels will use one thread. With gcc it
comes along; for clang install libomp-dev (Debian, Ubuntu), libomp (Fedora, Homebrew), then build
again.
"""

PLAIN = "int main(void) { return 0; }\n"
OPENMP = """
#include <omp.h>
int main(void) {
    int n = 0;
    #pragma omp parallel num_threads(2) reduction(+ : n)
    n += omp_get_thread_num();
    return n < 0;
}
"""


@contextlib.contextmanager
def quiet():
    """Send the compiler's complaints about a trial program nowhere."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def compile_in_parallel(compile_, sources, *args, **kwargs):
    """Compile the sources as `compile_` would, one on each processor."""
    with ThreadPool(os.cpu_count()) as pool:
        objects = pool.map(lambda source: compile_([source], *args, **kwargs), sources, 1)
    return [name for names in objects for name in names]


class BuildExt(build_ext):
    """Use OpenMP when it compiles and links; explain a missing compiler."""

    def build_extensions(self):
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.try_program(folder, PLAIN)
            except (CCompilerError, CompileError, ExecError, LinkError, PlatformError) as error:
                raise PlatformError(NO_COMPILER.format(error=error)) from None
            flags = self.openmp_flags(folder)
            vectors = self.vector_flags(folder)
        for extension in self.extensions:
            extension.extra_compile_args += flags + vectors
            extension.extra_link_args += flags
        self.compiler.compile = partial(compile_in_parallel, self.compiler.compile)
        super().build_extensions()

    def try_program(self, folder, text, flags=()):
        source = Path(folder) / "trial.c"
        source.write_text(text)
        objects = self.compiler.compile([str(source)], folder, extra_postargs=list(flags))
        self.compiler.link_executable(objects, "trial", folder, extra_postargs=list(flags))

    def openmp_flags(self, folder):
        if os.environ.get("MINITORCH_OPENMP", "1") == "0":
            return []
        with contextlib.suppress(CCompilerError, CompileError, ExecError, LinkError), quiet():
            self.try_program(folder, OPENMP, ["-fopenmp"])
            return ["-fopenmp"]
        print(NO_OPENMP, file=sys.stderr)
        return []

    def vector_flags(self, folder):
        """Have gcc vectorise at -O2 as it does at -O3, and as clang does unasked."""
        with contextlib.suppress(CCompilerError, CompileError, ExecError, LinkError), quiet():
            self.try_program(folder, PLAIN, ["-fvect-cost-model=dynamic"])
            return ["-fvect-cost-model=dynamic"]
        return []


class Wheel(bdist_wheel):
    """Tag the wheel abi3: cffi's module uses Python's stable interface only."""

    def finalize_options(self):
        if not sysconfig.get_config_var("Py_GIL_DISABLED"):
            self.py_limited_api = "cp310"
        super().finalize_options()


setup(
    cffi_modules=["csrc/build_ffi.py:ffibuilder"],
    cmdclass={"build_ext": BuildExt, "bdist_wheel": Wheel},
)
