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
from minitorch.autograd import Function, detect_anomaly, set_detect_anomaly
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

    def test_table(self):
        w = minitorch.ones(10, 20, requires_grad=True)
        lines = str(memory(w.exp().sum())).splitlines()
        assert lines[2].split() == ["ExpBackward0", "10x20", "800", "B"]
        assert lines[3].split() == ["together", "800", "B"] and len(lines) == 5


def train(total, model, backward=True, steps=4):
    """The mistake: a running total that keeps the graph of every step."""
    for _ in range(steps):
        loss = model(minitorch.randn(5, 3)).square().mean()
        if backward:
            loss.backward()
        total += loss  # the mistake
    return total


class TestGrowingHistory:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))

    def test_with_lines(self):
        with detect_anomaly():
            earlier, totals = memory(train(0, self.model)).remarks
        place = rf"at {re.escape(__file__)}:\d+ \(total \+= loss  # the mistake\)"
        assert re.match(rf"2\d of \d+ nodes are of an earlier backward\(\).*Add.* {place}", earlier)
        assert re.match(rf"4 graphs were added up one after the other {place}", totals)
        assert "loss.item(), or loss.detach()" in earlier

    def test_without_lines(self):
        (earlier,) = memory(train(0, self.model)).remarks
        assert "a line that autograd.detect_anomaly() would show" in earlier
        (totals,) = memory(train(0, self.model, backward=False, steps=9)).remarks
        assert totals.startswith("9 graphs were added up")
        assert totals in str(memory(train(0, self.model, backward=False, steps=9)))

    def test_a_hidden_state(self):
        cell, hidden = nn.RNNCell(2, 3), minitorch.zeros(1, 3)
        hidden = cell(minitorch.ones(1, 2), hidden)
        hidden.sum().backward()
        (earlier,) = memory(cell(minitorch.ones(1, 2), hidden)).remarks
        assert "nodes are of an earlier backward()" in earlier

    def test_nothing_is_said_of_ordinary_graphs(self):
        with detect_anomaly():
            for total in (0, minitorch.zeros(())):
                for _ in range(4):
                    loss = self.model(minitorch.randn(5, 3)).square().mean()
                    total = total + loss.detach()
                    both = loss + self.model(minitorch.randn(5, 3)).sum()
                    assert not memory(both).remarks
                    both.backward()
            x = minitorch.randn(1, 3)
            for _ in range(5):
                x = x + nn.Linear(3, 3)(x)  # a residual network is no total
            assert not memory(x).remarks

    def test_user_functions(self):
        class Same(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 1

            @staticmethod
            def backward(ctx, grad):
                return grad

        y = Same.apply(minitorch.ones(2, requires_grad=True))
        assert not memory(y).remarks
        y.sum().backward()
        assert memory(y * 2).remarks


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

    def test_colours_of_day_and_night(self):
        style = draw(minitorch.ones(1, requires_grad=True) * 2).svg.split("<style>")[1]
        assert "@media (prefers-color-scheme:dark){.mt{" in style
        assert "[data-theme=light] .mt{" in style and "[data-theme=dark] .mt{" in style

    def test_a_long_chain(self):
        x = minitorch.ones(1, requires_grad=True)
        y = x
        for _ in range(2000):
            y = y * 1.0
        assert draw(y).svg.count("<g ") == 2001


class Skips(nn.Module):
    """Ways of different lengths, a module called twice, and a second result."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.deep = nn.Sequential(
            nn.Conv2d(4, 4, 3, 2, 1),
            nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()),
            nn.Upsample(None, 2),
        )
        self.act = nn.ReLU(inplace=True)
        self.unused = nn.Linear(2, 2)

    def forward(self, x, scale):
        a = self.act(self.first(x))
        b = self.act(minitorch.cat([a, self.deep(a), x], 1))
        return b * scale, a.detach().mean()


def drawn(drawing):
    """Return the boxes of a drawing, title to (text, kind, rectangle), and its edges as points."""
    root = ElementTree.fromstring(drawing.svg)
    boxes = {}
    for g in root.iter(f"{SVG}g"):
        title, *text = [t.text for t in g.iter(f"{SVG}text")]
        rect = g.find(f"{SVG}rect")
        place = tuple(float(rect.get(k)) for k in ("x", "y", "width", "height"))
        title += "'" * (title in boxes)  # the second call
        boxes[title] = (text[0] if text else "", g.get("class"), place)
    edges = []
    for path in root.iter(f"{SVG}path"):
        if path.get("marker-end"):
            edges.append(points_on(path.get("d")))
    return boxes, edges


def points_on(path):
    """Follow a path of cubic curves and vertical lines."""
    found = []
    for command, numbers in re.findall(r"([MCV])([^MCV]*)", path):
        values = [float(n) for n in numbers.split()]
        if command == "M":
            found.append(tuple(values))
            continue
        x, y = found[-1]
        if command == "V":
            found += [(x, y + (values[0] - y) * t) for t in np.linspace(0, 1, 9)]
        else:
            p = np.array([(x, y), values[:2], values[2:4], values[4:]])
            for t in np.linspace(0, 1, 33):
                weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
                found.append(tuple(weights @ p))
    return found


def ends_of(boxes, edge):
    """Return the titles of the boxes at which an edge starts and ends."""
    (x1, y1), (x2, y2) = edge[0], edge[-1]
    start = [t for t, (_, _, (x, y, w, h)) in boxes.items() if x < x1 < x + w and y1 == y + h]
    end = [t for t, (_, _, (x, y, w, h)) in boxes.items() if x < x2 < x + w and y2 == y]
    return start[0], end[0]


class TestDrawModel:
    def test_layers_and_shapes(self):
        boxes, edges = drawn(draw(Skips(), [(2, 3, 8, 8), (1,)]))
        assert {title: text for title, (text, _, _) in boxes.items()} == {
            "input 0": "2x3x8x8", "input 1": "1", "first": "Conv2d 3x3  →  2x4x8x8",
            "act": "ReLU  →  2x4x8x8", "act'": "ReLU  →  2x11x8x8",
            "deep.0": "Conv2d 3x3 /2  →  2x4x4x4",
            "deep.1.0": "BatchNorm2d  →  2x4x4x4", "deep.1.1": "ReLU  →  2x4x4x4",
            "deep.2": "Upsample  →  2x4x8x8", "Cat": "2x11x8x8", "Mul": "2x11x8x8",
            "Mean": "scalar", "output 0": "2x11x8x8", "output 1": "scalar",
        }  # fmt: skip
        assert boxes["first"][1] == "conv" and boxes["deep.1.0"][1] == "norm"
        assert boxes["input 0"][1] == "end" and len(edges) == 15

    def test_edges(self):
        boxes, edges = drawn(draw(Skips(), [(2, 3, 8, 8), (1,)], depth=1))
        found = {ends_of(boxes, edge) for edge in edges}
        assert found == {
            ("input 0", "first"), ("input 0", "Cat"), ("first", "act"), ("act", "deep"),
            ("act", "Cat"), ("act", "Mean"), ("deep", "Cat"), ("Cat", "act'"), ("act'", "Mul"),
            ("input 1", "Mul"), ("Mul", "output 0"), ("Mean", "output 1"),
        }  # fmt: skip
        assert boxes["deep"][:2] == ("Sequential  →  2x4x8x8", "block")

    @pytest.mark.parametrize("name", ["resnet18", "googlenet", "unet", "densenet"])
    def test_edges_run_between_boxes(self, name):
        from minitorch.vision import models

        options = {"init_weights": False} if name == "googlenet" else {}
        make = {"densenet": lambda: models.DenseNet(8, (3, 3), 16)}.get(
            name, lambda: getattr(models, name)(**options)
        )
        root = ElementTree.fromstring(draw(make().eval(), (1, 3, 64, 64)).svg)
        rects = [
            [float(g.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height")]
            for g in root.iter(f"{SVG}g")
        ]
        x, y, w, h = np.array(rects).T
        paths = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("marker-end")]
        points = np.array([point for path in paths for point in points_on(path)])
        inside = (points[:, :1] > x + 1) & (points[:, :1] < x + w - 1)
        inside &= (points[:, 1:] > y + 1) & (points[:, 1:] < y + h - 1)
        assert not inside.any()
        row = (y[:, None] == y) & ~np.eye(len(y), dtype=bool)
        assert not (row & (np.abs((x + w / 2)[:, None] - (x + w / 2)) < (w[:, None] + w) / 2)).any()

    def test_chains_are_straight(self):
        _, edges = drawn(draw(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), (1, 2)))
        assert len({round(x, 1) for edge in edges for x, _ in edge}) == 1

    def test_a_module_that_calls_another_that_is_not_inside(self):
        other = nn.Tanh()

        class Outer(nn.Module):
            def forward(self, x):
                return other(x * 2) + 1

        root = nn.Sequential(Outer())
        boxes, edges = drawn(draw(root, (1, 2)))  # and no circle
        assert {"input", "0", "Tanh", "0'", "output"} == set(boxes) and len(edges) == 4

    def test_what_depends_on_values_is_told(self):
        class Gate(nn.Module):
            def forward(self, x):
                return x * 2 if x.sum() > 0 else x

        assert "looks at values: " in draw(Gate(), (1, 2)).svg

        class Outside(nn.Module):
            def forward(self, x):
                return minitorch.from_numpy(np.sin(x.numpy()))

        svg = draw(Outside(), (1, 2)).svg
        assert "looks at values: " in svg and "output comes from no operation" in svg
        with pytest.raises(
            TypeError, match=r"draw: the model failed.*several inputs needs a shape"
        ):
            draw(Skips(), (2, 3, 8, 8))
        with pytest.raises(TypeError, match="draw: needs the shape of the input"):
            draw(Skips())


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
