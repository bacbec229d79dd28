"""Tools that look at backward passes."""

import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.autograd import set_detect_anomaly
from minitorch.tools import draw, explain, memory, step, watch

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def loss():
    minitorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    return model, model(minitorch.randn(5, 3)).square().mean()


class TestStep:
    def test_the_gradients_are_those_of_backward(self, loss):
        model, value = loss
        steps = list(step(value, model))
        assert all(p.grad is None for p in model.parameters())
        value.backward()  # the graph is still there
        known, arrived = dict(model.named_parameters()), {}
        for one in steps:
            for target, gradient in zip(one.targets, one.grad_inputs, strict=True):
                if target in known:
                    arrived[target] = arrived.get(target, 0) + gradient
        for name, parameter in known.items():
            assert np.allclose(arrived[name], parameter.grad.numpy())
        assert [s.name for s in steps][:2] == ["MeanBackward0", "SquareBackward0"]
        assert steps[0].grad_outputs[0] == 1 and "dx" in steps[0].formula

    def test_no_hook_is_left_behind(self, loss):
        _, value = loss
        list(step(value))
        assert not value.grad_fn.hooks

    def test_without_a_graph(self):
        for tool in (lambda x: list(step(x)), memory, draw):
            with pytest.raises(RuntimeError, match="has no graph"):
                tool(minitorch.ones(1))


def test_explain(loss):
    model, value = loss
    text = io.StringIO()
    explain(value, model, file=text)
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("  1. MeanBackward0   dx = g / n")
    assert lines[1] == "    gradient () [1]"
    assert any(line.startswith("    to 2.weight: (2, 4) [") for line in lines)


class TestMemory:
    def test_each_array_once_and_no_parameters(self):
        w = minitorch.ones(10, 20, requires_grad=True)
        h = w * 2  # keeps nothing: a number
        y = h * h  # keeps h, as both factors
        z = y.exp()  # keeps its result
        held = memory(z.sum())
        assert [(x.bytes, x.shape) for x in held] == [(800, (10, 20))] * 2
        holders = sorted(sorted(set(x.holders)) for x in held)
        assert holders == [["ExpBackward0"], ["MulBackward0"]]

    def test_the_line_that_made_it(self):
        w = minitorch.ones(3, requires_grad=True)
        set_detect_anomaly(True)
        try:
            y = w.exp()
        finally:
            set_detect_anomaly(False)
        assert "y = w.exp()" in memory(y.sum())[0].holders[0]


class TestDraw:
    def test_every_node_and_edge(self, loss, tmp_path):
        model, value = loss
        drawing = draw(value, model)
        root = ElementTree.fromstring(drawing.svg)
        titles = [g.find(f"{SVG}text").text for g in root.iter(f"{SVG}g")]
        assert sorted(titles) == sorted(
            ["Mean", "Square", "Addmm", "Tanh", "Addmm", "0.weight", "0.bias", "2.weight", "2.bias"]
        )
        arrows = [p for p in root.iter(f"{SVG}path") if p.get("marker-end")]
        assert len(arrows) == 8
        drawing.save(tmp_path / "graph.svg")
        assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == drawing._repr_svg_()

    def test_boxes_do_not_overlap(self):
        x = minitorch.ones(2, requires_grad=True)
        parts = [x * float(i) for i in range(6)]
        y = sum(a * b for a, b in zip(parts, reversed(parts), strict=True)).sum()
        root = ElementTree.fromstring(draw(y).svg)
        rects = [
            tuple(float(r.get(k)) for k in ("x", "y", "width", "height"))
            for g in root.iter(f"{SVG}g")
            for r in g.iter(f"{SVG}rect")
        ]
        assert len(rects) > 15
        for i, (x1, y1, w1, h1) in enumerate(rects):
            for x2, y2, w2, h2 in rects[:i]:
                assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1
        left, _, width, _ = map(float, root.get("viewBox").split())
        assert all(left <= x1 and x1 + w1 <= left + width for x1, _, w1, _ in rects)

    def test_a_long_chain(self):
        x = minitorch.ones(1, requires_grad=True)
        y = x
        for _ in range(2000):
            y = y * 1.0
        assert draw(y).svg.count("<g ") == 2001


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
KEYS = """<script>
for (const key of %s) document.dispatchEvent(new KeyboardEvent("keydown", {key: key}));
</script></body>"""


@pytest.fixture
def page(tmp_path):
    w = minitorch.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)
    x = minitorch.tensor([[1.0, 2.0]])
    path = tmp_path / "page.html"

    def function():
        h = (x @ w).relu()
        return (h * h + h).sum()

    return watch(function, path, {"w": w}, title="a <b> & c"), path


class TestWatch:
    def test_frames(self, page):
        count, path = page
        text = path.read_text(encoding="utf-8")
        frames = json.loads(re.search(r"const frames = (.*);", text)[1])
        assert len(frames) == count
        forward = [f["name"] for f in frames if f["phase"] == "forward"]
        assert forward == ["w", "Mm", "Relu", "Mul", "Add", "Sum"]
        backward = [(f["name"], f["values"]) for f in frames if f["phase"] == "backward"]
        assert backward[0] == ("Sum", "() [1]")
        # d/dh (h² + h) = 2 h + 1 = 10 where h = 4.5, and 0 where the sum was negative
        assert ("Relu", "(1, 2) [10, 1]") in backward
        assert backward[-1] == ("w", "(2, 2) [10, 0, 20, 0]")
        assert "a &lt;b&gt; &amp; c" in text and not re.search(r"(src|href)=", text)

    def test_without_a_graph(self, tmp_path):
        with pytest.raises(RuntimeError, match="must return a tensor with a graph"):
            watch(lambda: minitorch.ones(1), tmp_path / "page.html")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
    @pytest.mark.parametrize(
        ("keys", "place", "said"),
        [
            ([], 1, "forward at w"),
            (["ArrowRight", "ArrowRight", "ArrowLeft"], 2, "forward at Mm"),
            (["End"], 12, "backward at w"),
            (["End", "ArrowRight", "Home", "ArrowLeft"], 1, "forward at w"),
        ],
    )
    def test_keys_in_a_browser(self, page, tmp_path, keys, place, said):
        count, path = page
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("</body>", KEYS % json.dumps(keys)), encoding="utf-8")
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                   "--disable-background-networking", f"--user-data-dir={tmp_path}/profile",
                   "--dump-dom", path.as_uri()]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        shown = re.sub("<[^>]+>", "", re.search(r'id="said".*?</div>', run.stdout)[0])
        assert f"{place} of {count}" in run.stdout and said in shown
        assert len(re.findall(r'class="[a-z ]*now"', run.stdout)) == 1
