"""The page of PyTorch's names: every name is here, or has a reason, and the data is PyTorch's."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "docs" / "_ext" / "parity.py"


@pytest.fixture(scope="module")
def parity():
    spec = importlib.util.spec_from_file_location("parity", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_has_a_place(parity):
    _, spaces = parity.table()
    missing = [
        f"{space}.{name}" for space, rows in spaces.items() for name, s, _ in rows if s == "missing"
    ]
    assert not missing, "add them, or a reason to REASONS in docs/_ext/parity.py"


def test_most_names_are_the_same(parity):
    """So that a module that fails to show its names is noticed."""
    _, spaces = parity.table()
    for space, least in (
        ("torch", 550),
        ("torch.Tensor", 500),
        ("torch.nn", 130),
        ("torch.nn.functional", 100),
        ("torch.nn.init", 27),
        ("torch.optim", 13),
        ("torch.optim.lr_scheduler", 20),
    ):
        assert sum(status == "same" for _, status, _ in spaces[space]) >= least, space


def test_reasons_are_reasons(parity):
    for pattern, why in parity.REASONS:
        re.compile(pattern)
        assert why
    for name in parity.DIFFERS:
        parity.resolve("minitorch" + name.removeprefix("torch"))


def test_page(parity):
    text = parity.page()
    assert "Compared with PyTorch 2." in text
    assert "``conv2d``" in text


@pytest.mark.filterwarnings("ignore")
def test_data_is_that_of_the_installed_torch(torch, parity):
    """After an update of PyTorch: python docs/_ext/parity.py."""
    data = json.loads(parity.DATA.read_text(encoding="utf-8"))
    if data["version"] != torch.__version__.partition("+")[0]:
        return  # names come and go between versions
    for space, names in parity.collect()["names"].items():
        assert not set(data["names"][space]) - set(names), space
