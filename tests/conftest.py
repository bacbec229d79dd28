"""What all tests share."""

import importlib.util
import os

import pytest
from compare import Library

TORCH_MISSING = importlib.util.find_spec("torch") is None


@pytest.fixture(scope="session")
def torch():
    """PyTorch, the foreign reference; without it a test is skipped.

    With MINITORCH_REQUIRE_TORCH=1 a missing torch is a failure.
    """
    if TORCH_MISSING:
        if os.environ.get("MINITORCH_REQUIRE_TORCH") == "1":
            pytest.fail("torch is required (MINITORCH_REQUIRE_TORCH=1) but not installed")
        pytest.skip("torch is not installed")
    return importlib.import_module("torch")


@pytest.fixture(params=["minitorch", "torch"])
def lib(request):
    """Both libraries in turn: a test that passes with both shows the same behaviour."""
    if request.param == "minitorch":
        return Library(importlib.import_module("minitorch"))
    return Library(request.getfixturevalue("torch"))
