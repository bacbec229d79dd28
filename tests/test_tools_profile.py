"""The profile of a network: its sums, its trace, and that nothing is left behind."""

import json
import tracemalloc

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.autograd import Function
from minitorch.autograd.trace import Recorder
from minitorch.cli import main
from minitorch.tools import memory, profile, summary
from minitorch.vision import models


class Double(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.tail = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Dropout())

    def forward(self, x, scale):
        x = self.tail(Double.apply(self.conv(x)))
        return {"maps": self.tail[1](x) * scale, "n": 3}


@pytest.fixture(scope="module")
def found():
    return profile(Net(), [(2, 3, 9, 9), (1,)], runs=3)


@pytest.fixture(scope="module")
def resnet():
    model = models.resnet18(num_classes=10)
    return model, profile(model, (2, 3, 32, 32), runs=1, roofline=False)


class TestTruth:
    def test_layers_sum_to_no_more_than_the_total(self, found):
        for phase in ("forward", "backward"):
            parts = [getattr(layer, phase) for layer in found.layers]
            assert all(part >= 0 for part in parts)
            assert 0.3 * getattr(found, phase) < sum(parts) <= getattr(found, phase)

    def test_layers(self, found):
        rows = {layer.path: layer for layer in found.layers}
        assert list(rows) == ["conv", "", "tail.0", "tail.1", "tail.2", "tail.3"]
        assert {path: row.calls for path, row in rows.items()} == {
            "conv": 1, "tail.0": 1, "tail.1": 2, "tail.2": 1, "tail.3": 1, "": 1,
        }  # fmt: skip
        assert rows[""].kind == "Net" and rows["tail.0"].kind == "BatchNorm2d"
        assert all(row.forward > 0 and row.backward > 0 for row in found.layers)

    def test_multiply_adds_are_those_of_the_summary(self, resnet):
        model, found = resnet
        expected = {layer.path: layer for layer in summary(model, (2, 3, 32, 32)).layers}
        assert {layer.path for layer in found.layers} == set(expected)
        for layer in found.layers:
            assert layer.macs == expected[layer.path].macs
            assert layer.activation_bytes == expected[layer.path].activation_bytes
        # Backward to weight and input: twice as many, but for the first layer, whose input needs
        # no gradient.
        assert sum(x.backward_macs for x in found.layers) == 2 * found.macs - expected["conv1"].macs

    def test_what_is_kept_is_what_the_graph_holds(self, resnet):
        model, found = resnet
        held = memory(model(minitorch.randn(2, 3, 32, 32)).sum())
        kept = sum(layer.kept_bytes for layer in found.layers)
        assert kept == sum(array.bytes for array in held)

    def test_user_functions_belong_to_the_module_that_applies_them(self, found):
        (event,) = [e for e in found.events if e["name"].startswith("Double")]
        assert event["path"] == ""

    def test_limit(self, found):
        assert found.peak["GFLOP/s"] > 0 and found.peak["GB/s"] > 0
        row = found.layers[0]
        work = 2 * row.macs / found.peak["GFLOP/s"] / 1e9
        arrays = 2 * 3 * 81 + 4 * 3 * 9 + 4 + 2 * 4 * 49
        assert row.forward_limit == pytest.approx(max(work, 4 * arrays / found.peak["GB/s"] / 1e9))

    def test_the_run_is_the_ordinary_one(self):
        """No more memory is in use at a time than without observing, but for the notes."""
        model = nn.Sequential(*[nn.Sequential(nn.Linear(400, 400), nn.ReLU()) for _ in range(20)])
        x = minitorch.randn(200, 400)

        def peak_of(function):
            tracemalloc.start()
            function()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return peak

        def plain():
            model(x).sum().backward()
            model.zero_grad()

        plain()
        observed = peak_of(lambda: profile(model, x, runs=1, roofline=False))
        assert observed < peak_of(plain) + 1e6


class TestTrace:
    def test_nesting(self, found, tmp_path):
        found.save(tmp_path / "trace.json")
        trace = json.loads((tmp_path / "trace.json").read_text())
        spans = [e for e in trace["traceEvents"] if e["ph"] == "X"]
        assert all({"name", "ts", "dur", "pid", "tid"} <= set(e) for e in spans)
        starts = {e["name"]: e for e in spans if e["cat"] == "module"}
        assert {"forward", "backward", "conv", "tail"} <= set(starts)
        stack = []
        for e in sorted(spans, key=lambda e: (e["ts"], -e["dur"])):
            end = e["ts"] + e["dur"]
            while stack and e["ts"] >= stack[-1][1] - 2e-3:
                stack.pop()
            assert not stack or end <= stack[-1][1] + 2e-3  # inside of what is open
            stack.append((e["name"], end))
        for e in spans:
            if e["name"] == "BatchNorm":
                above = [
                    o
                    for o in spans
                    if o["cat"] == "module"
                    and o["ts"] <= e["ts"]
                    and e["ts"] + e["dur"] <= o["ts"] + o["dur"] + 2e-3
                ]
                assert {o["name"] for o in above} == {"forward", "tail", "0"}  # fmt: skip
                assert e["args"]["output"] == "2x4x7x7"
        assert sum(e["args"]["multiply-adds"] for e in spans if e["cat"] == "forward") == found.macs


class TestUse:
    def test_nothing_is_left_behind(self):
        net, x = Net(), minitorch.randn(2, 3, 9, 9, requires_grad=True)
        net.conv.weight.grad = minitorch.ones(4, 3, 3, 3)
        before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
        minitorch.manual_seed(3)
        expected = minitorch.rand(2)
        minitorch.manual_seed(3)
        profile(net, (x, minitorch.ones(1)), runs=1, roofline=False)
        assert minitorch.equal(minitorch.rand(2), expected)
        assert minitorch.equal(net.conv.weight.grad, minitorch.ones(4, 3, 3, 3))
        assert net.conv.bias.grad is None and x.grad is None and net.training
        for name, value in net.state_dict().items():
            assert np.array_equal(value.numpy(), before[name])

    def test_forward_only(self):
        found = profile(nn.Linear(3, 4), (2, 3), backward=False, runs=2, roofline=False)
        assert found.backward == 0 and found.layers[0].backward == 0
        assert "backward  " not in str(found).split("---")[-1]

    def test_shown(self, found):
        text = str(found)
        assert "of roofline" in text and "GFLOP/s" in text and "(the model)" in text
        assert '<table class="minitorch-profile">' in found._repr_html_()
        assert json.loads(json.dumps(found.to_dict()))["macs"] == found.macs

    @pytest.mark.parametrize("tool", [summary, lambda m, x: profile(m, x, runs=1, roofline=False)])
    def test_what_cannot_be_run_says_how_to_give_it(self, tool):
        for x, message in (
            ((2, 3, 9, 9), r"missing 1 required positional argument: 'scale'.*a shape for each"),
            ([(2, 3, 9, 9), (7, 5)], r"failed on inputs of shape 2x3x9x9, 7x5"),
            (None, "needs the shape of the input with batch"),
            (3, "needs the shape of the input with batch"),
            ([(1, 2.0)], "is no shape"),
        ):
            with pytest.raises(TypeError, match=message):
                tool(Net(), x)
        with pytest.raises(TypeError, match="expected a Module, got function"):
            tool(lambda x: x, (1, 2))

    def test_ways_that_depend_on_values_are_told(self):
        class Gate(nn.Module):
            def forward(self, x):
                return x * 2 if x.sum() > 0 else x

        for found in (
            summary(Gate(), (1, 3)),
            profile(Gate(), minitorch.ones(1, 3), runs=1, roofline=False),
        ):
            (line,) = found.reads
            assert line.startswith(__file__) and "looks at values: " in str(found)
        assert not summary(models.resnet18(), (1, 3, 32, 32)).reads


def test_reads_of_nested_recorders():
    x = minitorch.ones(1)
    with Recorder() as outer:
        with Recorder() as inner:
            bool(x), float(x), x.tolist(), int(x.item())
        x.item()
    assert len(inner.reads) == 1 and len(outer.reads) == 2
    x.item()
    assert len(outer.reads) == 2


def test_command(tmp_path, capsys):
    trace = tmp_path / "t.json"
    command = ["profile", "lenet5", "--size", "2x1x28x28", "--runs", "1", "--trace", str(trace)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "Conv2d" in out and "roofline" in out
    assert json.loads(trace.read_text())["traceEvents"]
    assert main(["profile", "lenet5", "--inference", "--size", "2x3x28x28"]) == 1
    assert "profile: the model failed on inputs of shape 2x3x28x28" in capsys.readouterr().err
