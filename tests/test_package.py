"""The package as a whole: metadata, files, and what importing it does."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minitorch

ROOT = Path(__file__).parents[1]
PACKAGE = Path(minitorch.__file__).parent


def test_version_is_stated_once_and_the_same():
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{minitorch.__version__}"' in metadata
    assert re.fullmatch(r"\d+\.\d+\.\d+([a-z]+\d+)?", minitorch.__version__)
    assert f"## [{minitorch.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_installed_metadata():
    try:
        distribution = importlib.metadata.distribution("minitorch")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("used from the source folder, not installed")
    assert distribution.version == minitorch.__version__
    required = [r for r in distribution.requires if "extra ==" not in r]
    assert sorted(re.match(r"\w+", r)[0] for r in required) == ["cffi", "numpy"]
    extras = {"train", "vision", "io", "onnx", "docs", "test", "bench"}
    assert set(distribution.metadata.get_all("Provides-Extra")) == extras


def test_data_files_are_there():
    assert (PACKAGE / "py.typed").is_file()
    data = PACKAGE / "vision" / "datasets" / "data"
    assert (data / "digits.npz").stat().st_size < 60_000
    note = (data / "README.md").read_text(encoding="utf-8")
    for word in ("UCI Machine", "CC BY 4.0", "BSD-3-Clause", "E. Alpaydin, C. Kaynak", "10.24432/"):
        assert word in note


def test_import_brings_nothing_that_is_optional():
    program = "import sys, minitorch, minitorch.cli, minitorch.train; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    optional = {"torch", "matplotlib", "tqdm", "PIL", "sklearn", "pytest", "cffi", "scipy"}
    assert not optional & set(result.stdout.split())


def test_the_public_names_are_there():
    for name in ("nn", "optim", "autograd", "save", "load", "tensor", "no_grad", "manual_seed"):
        assert hasattr(minitorch, name), name
    assert minitorch.device("cpu") == minitorch.ones(1).device  # the class, not its module
