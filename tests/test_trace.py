"""The recorder sees every operation, in order, and knows which module ran it."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minitorch
from minitorch import Tensor, ops
from minitorch.autograd.grad_mode import state
from minitorch.autograd.trace import Recorder


def leaf(*shape):
    return Tensor._wrap(np.ones(shape)).requires_grad_()


def names(recorder):
    return [step.name for step in recorder.steps]


def test_operations_are_recorded_in_order_with_what_they_got():
    x, w = leaf(2, 3), leaf(3)
    with Recorder() as recorder:
        y = ops.mul(x, w)
        z = ops.sum(y, 1, keepdim=True)
        t = ops.mul(z, 2.0)
    ops.neg(t)
    assert names(recorder) == ["Mul", "Sum", "Mul"]
    product, total, scaled = recorder.steps
    assert product.inputs[0] is x
    assert product.inputs[1] is w
    assert product.outputs[0] is y is total.inputs[0]
    assert total.attributes["dims"] == (1,)
    assert total.attributes["keepdim"] is True
    assert scaled.inputs[1] == 2.0
    assert scaled.outputs[0] is t
    assert product.op.formula == "d(x y) = y dx + x dy"
    assert not product.in_place
    assert {step.module for step in recorder.steps} == {""}
    assert repr(product) == "Mul(float64[2, 3], float64[3]) -> float64[2, 3]"


def test_the_graph_is_no_part_of_the_attributes():
    with Recorder() as recorder:
        ops.mul(leaf(2), leaf(2))
        minitorch.Tensor._wrap(np.ones(2)).add_(1.0)
    assert [step.attributes for step in recorder.steps] == [{}, {}]
    assert recorder.steps[1].in_place


def test_recording_without_gradients():
    x = leaf(3)
    with minitorch.no_grad(), Recorder() as recorder:
        ops.neg(ops.mul(x, x))
    with minitorch.inference_mode(), Recorder() as again:
        ops.neg(ops.mul(x, x))
    assert names(recorder) == names(again) == ["Mul", "Neg"]


def test_only_recorded_backward_passes_are_seen():
    x = leaf(3)
    y = ops.sum(ops.mul(x, x))
    with Recorder() as recorder:
        minitorch.autograd.grad(y, x, retain_graph=True)
    assert recorder.steps == []
    with Recorder() as recorder:
        minitorch.autograd.grad(y, x, create_graph=True)
    assert "Mul" in names(recorder)


def test_recorders_nest():
    x = leaf(3)
    with Recorder() as outer:
        ops.neg(x)
        with Recorder() as inner:
            ops.mul(x, x)
        ops.neg(x)
        with pytest.raises(RuntimeError, match="is on already"):
            outer.__enter__()
    assert names(inner) == ["Mul"]
    assert names(outer) == ["Neg", "Mul", "Neg"]
    assert state.recorder is None


def test_an_error_switches_the_recorder_off():
    with pytest.raises(ZeroDivisionError), Recorder():
        1 / 0  # noqa: B018
    assert state.recorder is None


def test_threads_have_their_own():
    x = leaf(3)
    with Recorder() as recorder:
        thread = threading.Thread(target=ops.neg, args=(x,))
        thread.start()
        thread.join()
    assert recorder.steps == []


def test_a_listener_may_compute():
    seen = []
    x = leaf(3)
    with Recorder(lambda step: seen.append(float(ops.sum(step.outputs[0])))) as recorder:
        ops.mul(ops.mul(x, 2.0), 2.0)
    assert seen == [6.0, 12.0]
    assert recorder.steps == []


def test_a_recording_does_not_hold_the_graph():
    gc.disable()
    try:
        x = leaf(3)
        with Recorder() as recorder:
            y = ops.mul(x, x)
        node = weakref.ref(y.grad_fn)
        kept = weakref.ref(y)
        recorder.steps.clear()
        del y
        assert node() is None
        assert kept() is None
    finally:
        gc.enable()


class Block:
    """A module as the recorder sees it."""

    def __init__(self, **children):
        self.children = children

    def named_modules(self):
        yield "", self
        for name, child in self.children.items():
            for below, module in child.named_modules():
                yield f"{name}.{below}".rstrip("."), module

    def __call__(self, x):
        if state.recorder is None:
            return self.forward(x)
        with state.recorder.inside(self):
            return self.forward(x)

    def forward(self, x):
        x = ops.neg(x)
        for child in self.children.values():
            x = child(x)
        return x


def test_module_paths():
    class Container(Block):
        def forward(self, x):  # calls grandchildren, as a user of ModuleList does
            return self.children["list"].children["0"](x)

    class Stray(Block):
        def __call__(self, x):
            return super().__call__(x)

    net = Block(conv=Block(), body=Container(list=Block(**{"0": Block(act=Block())})))
    with Recorder() as recorder:
        net(leaf(2))
        ops.neg(leaf(2))
    assert [step.module for step in recorder.steps] == [
        "",
        "conv",
        "body.list.0",
        "body.list.0.act",
        "",
    ]
    assert repr(recorder.steps[1]).startswith("conv: Neg(")
    with Recorder() as outer, outer.inside(net):
        with Recorder() as inner:
            net.children["conv"](leaf(2))
        Stray()(leaf(2))
    assert [step.module for step in inner.steps] == ["conv"]
    assert [step.module for step in outer.steps] == ["conv", "Stray"]
