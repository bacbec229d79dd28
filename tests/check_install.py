"""Check an installed minitorch: its size, what importing it costs, and what that imports.

Run by CI with the Python of a clean environment, outside of the repository:
``python check_install.py``. Not a test of pytest's, because it measures time.
"""

import importlib.metadata
import statistics
import subprocess
import sys

MAX_MEGABYTES = 7.9  # a hundredth of PyTorch 2.13's CPU build; bytecode is 3 MB of it
MAX_IMPORT_SECONDS = 0.050
NOT_IMPORTED = ["torch", "matplotlib", "tqdm", "PIL", "sklearn", "pytest", "cffi", "pycparser"]

IMPORT = """
import time
import numpy
start = time.perf_counter()
import minitorch
print(time.perf_counter() - start)
"""
MODULES = "import sys, minitorch; print(*sys.modules)"


def run(program):
    """Return what a program prints in a new interpreter."""
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout


def main():
    """Print the figures; exit with an error if one is over its limit."""
    files = importlib.metadata.files("minitorch")
    megabytes = sum(file.locate().stat().st_size for file in files) / 1e6
    print(f"installed size: {megabytes:.2f} MB (limit {MAX_MEGABYTES})")
    run(IMPORT)  # the first import fills the caches
    times = [float(run(IMPORT)) for _ in range(11)]
    seconds = statistics.median(times)
    print(
        f"import after numpy: {seconds * 1e3:.1f} ms, median of {len(times)}"
        f" (limit {MAX_IMPORT_SECONDS * 1e3:.0f})"
    )
    imported = set(run(MODULES).split())
    unwanted = sorted(imported.intersection(NOT_IMPORTED))
    print(f"unwanted modules imported: {', '.join(unwanted) or 'none'}")
    if megabytes > MAX_MEGABYTES or seconds > MAX_IMPORT_SECONDS or unwanted:
        sys.exit("check_install: over the limit")


if __name__ == "__main__":
    main()
