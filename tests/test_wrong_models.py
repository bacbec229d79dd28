"""Models that do not fit together: every message, word for word, and that asking has no effect."""

import io
import random
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from wrong_models import CASES, Forward, conv_stack

import minitorch
from minitorch import nn
from minitorch.errors import ShapeError

TEXT = (Path(__file__).parent / "wrong_models.txt").read_text(encoding="utf-8")
GOLDEN = dict(part.rstrip("\n").split("\n", 1) for part in TEXT.split("== ")[1:])


def message(name):
    make, shape = CASES[name]
    with pytest.raises(ShapeError) as raised:
        make()(minitorch.zeros(shape))
    return str(raised.value)


def test_there_are_enough():
    assert len(CASES) >= 40
    assert list(GOLDEN) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    """To see the new text after a deliberate change: print(message(name))."""
    assert message(name) == GOLDEN[name]


@pytest.mark.parametrize("name", CASES)
def test_without_gradients(name):
    with minitorch.no_grad():
        assert message(name) == GOLDEN[name]


def test_with_hooks():
    make, shape = CASES["linear_after_flatten"]
    model = make()
    model[3].register_forward_hook(lambda module, args, result: None)
    with pytest.raises(ShapeError) as raised:
        model(minitorch.zeros(shape))
    assert str(raised.value) == GOLDEN["linear_after_flatten"]


def test_the_second_call_leaves_no_trace():
    """Buffers, attributes, random numbers and output are as after one call that fails."""
    calls = []

    def forward(net, x):
        net.count += 1
        print("called")
        x = net.norm(net.features(x))
        calls.append((minitorch.rand(1).item(), random.random()))
        return net.fc(x.flatten(1))

    net = Forward(
        forward,
        features=conv_stack(),
        norm=nn.BatchNorm2d(16),
        fc=nn.Linear(9, 9),
    )
    net.count = 0
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((4, 1, 28, 28), "float32"))
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.raises(ShapeError, match="in_features=256"):
        net(x)
    assert net.count == 1
    assert printed.getvalue() == "called\n"
    assert net.norm.num_batches_tracked.item() == 1
    assert len(calls) == 2
    # What the second call drew is drawn anew.
    assert (minitorch.rand(1).item(), random.random()) == calls[1]

    twice = nn.BatchNorm2d(16)
    with minitorch.no_grad():
        twice(net.features(x))
    np.testing.assert_array_equal(twice.running_mean.numpy(), net.norm.running_mean.numpy())


def test_other_errors_are_left_alone():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        nn.Sequential(Fails())(minitorch.zeros(1))


def test_a_module_alone():
    with pytest.raises(ShapeError, match="to fit: in_features=3"):
        nn.Linear(4, 2)(minitorch.zeros(5, 3))
