"""Tools that look at backward passes."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.autograd import set_detect_anomaly
from minitorch.tools import draw, explain, memory, step

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
        width = float(root.get("width"))
        assert all(x1 >= 0 and x1 + w1 <= width for x1, _, w1, _ in rects)

    def test_a_long_chain(self):
        x = minitorch.ones(1, requires_grad=True)
        y = x
        for _ in range(2000):
            y = y * 1.0
        assert draw(y).svg.count("<g>") == 2001
