"""Anomaly mode names the line that created a bad node; other errors of the walk say what to do."""

import re
import warnings

import numpy as np
import pytest

import minitorch
from minitorch import Tensor, autograd, ops
from minitorch.autograd import Function
from minitorch.autograd.op import Op


class Root(Op):
    """A square root whose derivative at 0 is not a number."""

    reads_output = True

    def forward(self, input):
        return np.sqrt(input)

    def backward(self, grad, needs):
        return ops.div(ops.mul(grad, 0.0), ops.mul(self.output, 2.0))


class Bad(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * float("nan")


class Raises(Bad):
    @staticmethod
    def backward(ctx, grad):
        raise ZeroDivisionError("mine")


def leaf(*values):
    return Tensor._wrap(np.array(values, dtype=float)).requires_grad_()


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("make", [Root(), Bad.apply], ids=["op", "function"])
def test_nan_names_the_line(make):
    with autograd.detect_anomaly():
        y = make(leaf(0.0, 4.0))  # this line
        name = y.grad_fn.name()
        with pytest.raises(RuntimeError) as caught:
            ops.sum(y).backward()
    assert f"Function '{name}' returned nan values in its 0th output" in str(caught.value)
    assert "make(leaf(0.0, 4.0))  # this line" in str(caught.value)
    assert "test_anomaly.py" in str(caught.value)


def test_nan_of_an_operation_in_place_and_under_create_graph():
    with autograd.detect_anomaly():
        y = leaf(0.0) * 1
        y.div_(0.0)  # infinity; 1 / 0 * 0 in the backward
        z = ops.mul(y, 0.0)
        for create_graph in (False, True):
            with pytest.raises(RuntimeError, match=r"y\.div_\(0\.0\)"):
                z.sum().backward(create_graph=create_graph)
            y = leaf(0.0) * 1
            y.div_(0.0)
            z = ops.mul(y, 0.0)


def test_nan_may_be_allowed():
    with autograd.detect_anomaly(check_nan=False):
        x = leaf(1.0)
        Bad.apply(x).sum().backward()
    assert np.isnan(x.grad.item())
    x = leaf(1.0)
    Bad.apply(x).sum().backward()  # and without the mode nothing is checked
    assert np.isnan(x.grad.item())


def test_errors_keep_their_type_and_a_warning_names_the_line():
    with autograd.detect_anomaly():
        y = Raises.apply(leaf(1.0))  # that line
        with (
            pytest.warns(UserWarning, match="Error detected in RaisesBackward.*(\n.*)*that line"),
            pytest.raises(ZeroDivisionError, match="mine"),
        ):
            y.sum().backward()
    assert not autograd.anomaly.is_anomaly_enabled()


def test_nodes_recorded_before():
    y = Bad.apply(leaf(1.0)).sum()
    with autograd.detect_anomaly(), pytest.raises(RuntimeError, match="before anomaly mode was"):
        y.backward()


def test_switching():
    enabled = autograd.anomaly.is_anomaly_enabled
    with autograd.set_detect_anomaly(True):
        assert enabled()
        with autograd.set_detect_anomaly(False):
            assert not enabled()
        assert enabled()
    assert not enabled()
    autograd.set_detect_anomaly(True)
    try:
        assert enabled()
    finally:
        autograd.set_detect_anomaly(False)
    assert not enabled()


def test_nothing_is_reported_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with autograd.detect_anomaly():
            x = leaf(1.0, 2.0)
            (x * x).sum().backward()
            (g,) = autograd.grad((x * x * x).sum(), x, create_graph=True)
            g.sum().backward()
    assert x.grad._array.tolist() == [2 + 6, 4 + 12]


def test_the_line_of_a_tensor_changed_in_place():
    with autograd.detect_anomaly():
        x = leaf(1.0, 2.0) * 1
        y = ops.mul(x, x)  # needs x
        x.mul_(2.0)
        message = r"MulBackward0: one of the variables.*modified by an inplace operation"
        with (
            pytest.warns(UserWarning, match="# needs x"),
            pytest.raises(RuntimeError, match=message) as caught,
        ):
            y.sum().backward()
    text = str(caught.value)
    assert "shape (2,)" in text
    assert "is at version 1; expected version 0" in text
    assert "# needs x" in text


class Keeper(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0]


def write_slice(x):
    x[0] = 3.0  # changes


def write_mask(x):
    x[x > 0] = 3.0  # changes


def write_out(x):
    minitorch.exp(x.detach(), out=x)  # changes


def write_view(x):
    x.view(-1).add_(1)  # changes


def write_by_optimizer(x):
    x.grad = minitorch.ones(2, dtype=x.dtype)
    minitorch.optim.SGD([x], 0.1).step()  # changes


@pytest.mark.filterwarnings("ignore:Error detected")
@pytest.mark.parametrize("keep", [lambda x: x * x, Keeper.apply], ids=["op", "function"])
@pytest.mark.parametrize(
    "write", [write_slice, write_mask, write_out, write_view, write_by_optimizer]
)
def test_both_lines_of_a_change_in_place(keep, write):
    with autograd.detect_anomaly():
        x = leaf(1.0, 2.0)
        y = keep(x)  # keeps
        with minitorch.no_grad():
            write(x)
            x.add_(1)  # later ones do not matter
        with pytest.raises(RuntimeError) as caught:
            y.sum().backward()
    text = str(caught.value)
    kept, changed = text.index("It was kept here:"), text.index("It was changed here:")
    assert "# keeps" in text[kept:changed] and "# changes" in text[changed:]
    assert "# later" not in text


@pytest.mark.filterwarnings("ignore:Error detected")
@pytest.mark.parametrize("keep", [lambda x: x * x, Keeper.apply], ids=["op", "function"])
def test_both_lines_of_a_second_pass(keep):
    with autograd.detect_anomaly():
        z = keep(leaf(1.0))  # makes
        z.sum().backward()  # first
        with pytest.raises(RuntimeError, match="second time") as caught:
            z.sum().backward()
    text = str(caught.value)
    first, made = text.index("The first pass was here:"), text.index("This was recorded here:")
    assert "# first" in text[first:made] and "# makes" in text[made:]


@pytest.mark.filterwarnings("ignore:Error detected")
@pytest.mark.parametrize("keep", [lambda x: x * x, Keeper.apply], ids=["op", "function"])
def test_outside_of_the_mode_errors_say_how_to_see_lines(keep):
    x = leaf(1.0, 2.0)
    y, z = keep(x), keep(x)
    y.sum().backward()
    with pytest.raises(RuntimeError, match=r"second time.*detect_anomaly\(\) shows the lines"):
        y.sum().backward()
    with minitorch.no_grad():
        x.add_(1)
    assert len(x._cell) == 1  # nothing is noted
    with pytest.raises(RuntimeError, match=r"inplace.*detect_anomaly\(\) shows the lines"):
        z.sum().backward()
    z = keep(x)
    with autograd.detect_anomaly():
        with minitorch.no_grad():
            x.add_(1)  # changes
        with pytest.raises(RuntimeError) as caught:
            z.sum().backward()
    assert "It was kept here:\n  outside of anomaly mode\n" in str(caught.value)
    assert "# changes" in str(caught.value)


def test_few_writes_are_remembered():
    with autograd.detect_anomaly():
        x = leaf(1.0).detach()
        for _ in range(50):
            x.add_(1)
    assert len(x._cell) <= 17


def test_the_message_of_a_tensor_changed_in_place(lib):
    x = lib.tensor(3) * 1
    y = x * x
    x.mul_(2)
    with pytest.raises(RuntimeError, match=re.compile("modified by an inplace operation", re.I)):
        y.sum().backward()


def test_the_message_of_a_freed_graph(lib):
    x = lib.tensor(3)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"(?i)trying to backward through the graph a second"):
        y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_the_mode_is_a_threads_own():
    import threading

    seen = []
    with autograd.detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(minitorch.autograd.grad_mode.state))
        thread.start()
        thread.join()
        assert seen[0].anomaly  # the same object, seen from here
        thread = threading.Thread(target=lambda: seen.append(autograd.anomaly.is_anomaly_enabled()))
        thread.start()
        thread.join()
    assert seen[1] is False
