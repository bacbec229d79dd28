"""What the documents say is true: the examples run, the commands are what CI runs."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import minitorch
from minitorch.autograd import engine

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


class TestReadme:
    def test_the_example_runs(self):
        (example,) = blocks("python")
        assert len(example.splitlines()) <= 17
        output = io.StringIO()
        minitorch.manual_seed(0)
        with contextlib.redirect_stdout(output):
            exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
        printed = re.fullmatch(r"loss [\d.]+, ([\d.]+)% of the test images\n", output.getvalue())
        assert float(printed[1]) > 90

    def test_the_commands(self):
        """One line each; CI takes the second apart at its last &&."""
        run, test = (block.strip() for block in blocks("sh"))
        set_up = "python3 -m venv .venv && .venv/bin/pip install "
        assert run == f"{set_up}'.[train]' && .venv/bin/minitorch train"
        assert test == f"{set_up}-e '.[test]' && .venv/bin/pytest"

    def test_links(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", README):
            assert (ROOT / target).exists(), target

    def test_the_engine_is_as_short_as_claimed(self):
        assert len(Path(engine.__file__).read_text(encoding="utf-8").splitlines()) < 300


def test_docs_say_what_is_included():
    """Every file, object and marker that a page includes exists (here found sooner than built)."""
    for page in (ROOT / "docs").rglob("*.rst"):
        text = page.read_text(encoding="utf-8")
        for target, options in re.findall(r"literalinclude:: (\S+)\n((?: +:.*\n)*)", text):
            source = (page.parent / target).read_text(encoding="utf-8")
            for kind, words in re.findall(r":([\w-]+): (.*)", options):
                if kind == "pyobject":
                    words = rf"(def|class) {words.rpartition('.')[2]}\b"
                    assert re.search(words, source), f"{page.name}: {target}: {words}"
                elif kind in ("start-at", "start-after", "end-at", "end-before"):
                    assert words in source, f"{page.name}: {target}: {words}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_documents_exist(name):
    assert (ROOT / name).stat().st_size > 500
