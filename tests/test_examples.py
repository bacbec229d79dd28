"""The scripts of the gallery: each has a title, the quick ones run (the documentation runs all)."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*/*.py"))
QUICK = ["autograd/graph.py", "seeing/checkerboard.py", "training/schedules.py"]


def test_there_are_examples():
    assert len(SCRIPTS) >= 20
    for folder in {script.parent for script in SCRIPTS}:
        assert (folder / "GALLERY_HEADER.rst").exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_form(script):
    """A title, a text, a picture; and only what the extras bring is imported."""
    tree = ast.parse(script.read_text(encoding="utf-8"), script.name)
    title, line, empty, *text = ast.get_docstring(tree).splitlines()
    assert len(title) == len(line) and set(line) == {"="} and not empty and text
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) <= {"matplotlib", "minitorch", "numpy", "onnx"}
    assert "plt.show()" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", QUICK)
def test_runs(name):
    pytest.importorskip("matplotlib")
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore::UserWarning", str(ROOT / "examples" / name)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
