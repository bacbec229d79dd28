"""The check of derivatives: it finds what is wrong, by name, and nothing else."""

import numpy as np
import opspecs
import pytest
import test_opspecs

import minitorch
from minitorch import nn
from minitorch.autograd import Function, GradcheckError
from minitorch.autograd.op import Op
from minitorch.cli import main
from minitorch.nn import functional as F
from minitorch.tools import check


@pytest.fixture(autouse=True)
def seeded():
    minitorch.manual_seed(0)


class Net(nn.Module):
    """Most of what a network is made of."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.4)
        self.embed = nn.Embedding(5, 4)
        self.last = nn.Linear(12, 4)

    def forward(self, image, words):
        x = self.drop(self.pool(F.relu(self.bn(self.conv(image)))))
        return F.cross_entropy(self.last(x.flatten(1)) + self.embed(words), words % 4)


SEEDED = minitorch.Generator().manual_seed(0)
NET_INPUTS = (minitorch.randn(3, 2, 4, 4, generator=SEEDED), minitorch.tensor([0, 3, 4]))


class Cube(Function):
    factor = 3

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return Cube.factor * x * x * grad


class TestRight:
    def test_a_module(self):
        net = Net()
        before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
        report = check(net, NET_INPUTS)
        names = ["input 0", *dict(net.named_parameters())]
        assert [t.name for t in report.tensors] == names
        # of the bias before the batch norm, which has no effect, only rounding errors are seen
        assert all(t.error < (0.05 if t.name == "conv.bias" else 1e-3) for t in report.tensors)
        text = str(report)
        assert "Net in training mode, in float64" in text
        assert "draws random numbers: the same in every call" in text
        for name, value in net.state_dict().items():
            assert np.array_equal(value.numpy(), before[name])
        assert next(net.parameters()).grad is None

    def test_modes_and_randomness_outside(self):
        minitorch.manual_seed(5)
        expected = minitorch.randn(2)
        minitorch.manual_seed(5)
        report = check(Net().eval(), NET_INPUTS)
        assert "evaluation mode" in str(report) and "random numbers" not in str(report)
        minitorch.manual_seed(5)
        check(nn.Dropout(), minitorch.ones(3))
        assert minitorch.equal(minitorch.randn(2), expected)

    def test_functions_and_structures(self):
        assert len(check(Cube, minitorch.randn(2, 3)).tensors) == 1
        x = {"a": [minitorch.randn(2), minitorch.randn(2)], "n": 3}
        report = check(lambda d: (d["a"][0] * d["a"][1].exp(), d["n"]), (x,))
        assert [t.name for t in report.tensors] == ["input 0['a'][0]", "input 0['a'][1]"]

    def test_frozen_parameters_are_left_out(self):
        net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        net[0].requires_grad_(False)
        names = [t.name for t in check(net, minitorch.randn(1, 2)).tensors]
        assert names == ["input 0", "1.weight", "1.bias"]

    def test_layers_that_change_their_input_or_buffers(self):
        check(nn.ReLU(inplace=True), minitorch.randn(5))
        layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4))
        check(layer.eval(), minitorch.randn(2, 3))

    def test_badly_scaled(self):
        check(lambda x: x * 1e-4, minitorch.randn(5) * 1e4)
        check(lambda x: (x * 1e3).sin(), minitorch.randn(5))


class TestKinks:
    def test_of_relu_and_ties(self):
        report = check(F.relu, minitorch.tensor([0.0, 1.0, -1.0]))
        assert report.tensors[0].kinks == 1 and "choose other values" not in str(report)
        x = minitorch.tensor([[[1.0, 1.0, 0.0]]])
        assert check(nn.MaxPool1d(3), x).tensors[0].kinks == 2
        assert "no derivative at any element" in str(check(F.relu, minitorch.zeros(3)))

    def test_near_a_kink(self):
        assert check(F.relu, minitorch.tensor([3e-7, -3e-7])).tensors[0].kinks == 0

    def test_a_kink_excuses_nothing_else(self):
        def function(x):
            return F.relu(x).sum() * 1e-3 + Cube.apply(x + 1).sum()

        check(function, minitorch.zeros(3))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cube, "factor", -3)
            with pytest.raises(GradcheckError, match="the sign is wrong"):
                check(function, minitorch.zeros(3))


class TestWrong:
    def test_both_numbers(self, monkeypatch):
        monkeypatch.setattr(Cube, "factor", 6)
        with pytest.raises(GradcheckError) as caught:
            check(Cube, minitorch.ones(1))
        text = str(caught.value)
        assert "Cube has a wrong backward:\n  input 0[0]: backward gives" in text
        assert "; 2 times it (1 of 1 elements tried)" in text

    def test_one_element_of_many_is_found(self):
        class Gap(Cube):
            @staticmethod
            def backward(ctx, grad):
                result = Cube.backward(ctx, grad)
                result[17, 31] *= 1.5
                return result

        with pytest.raises(GradcheckError, match=r"input 0\[17, 31\]: .*; 1.5 times it"):
            check(Gap, minitorch.rand(40, 50) + 1)

    def test_a_graph_that_ends(self):
        layer = nn.Linear(2, 2)

        class Cut(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = layer

            def forward(self, x):
                return self.inner(x).detach() + x

        with pytest.raises(GradcheckError, match=r"inner.weight\[0, 0\].*does not lead there"):
            check(Cut(), minitorch.randn(3, 2))

    def test_a_wrong_shape(self):
        class Flat(Cube):
            @staticmethod
            def backward(ctx, grad):
                return Cube.backward(ctx, grad).reshape(-1)

        with pytest.raises((GradcheckError, RuntimeError), match="shape"):
            check(Flat, minitorch.randn(2, 3))

    @pytest.mark.parametrize(
        ("function", "x", "error", "message"),
        [
            (lambda x: x + np.random.rand(), minitorch.ones(1), GradcheckError, "different values"),
            (lambda x: x.log(), minitorch.zeros(1), GradcheckError, "not finite"),
            (lambda x: x.float() * 2, minitorch.ones(1), GradcheckError, "float32 of float64"),
            (lambda x: x > 0, minitorch.ones(1), TypeError, "no floating-point tensor"),
            (lambda x: x, minitorch.tensor([1]), TypeError, "nothing to differentiate"),
            (3, minitorch.ones(1), TypeError, "a Module or a function"),
        ],
    )
    def test_what_cannot_be_checked(self, function, x, error, message):
        with pytest.raises(error, match=message):
            check(function, x)

    def test_a_flipped_sign_in_any_operation(self):
        """Of every gradient an operation returns, in the smallest sample that has it."""
        run = Op.run

        def flip(flipped, number):
            def wrong(self, grads, needs):
                results = list(run(self, grads, needs))
                if type(self) is flipped and results[number] is not None:
                    results[number] = test_opspecs.flipped_sign(results[number])
                return tuple(results)

            return wrong

        unnoticed = []
        found, _ = test_opspecs.exercised_gradients(opspecs.first_derivatives)
        assert len(found) > 150
        for (flipped, number), (spec, call) in found.items():
            function, leaves = opspecs.differentiated(spec, call)
            check(function, leaves)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Op, "run", flip(flipped, number))
                try:
                    check(function, leaves)
                except GradcheckError:
                    continue
            unnoticed.append(f"{flipped.__name__}, input {number}, in {spec}")
        assert not unnoticed

    def test_a_flipped_sign_inside_a_network(self):
        """The parameters below the operation are named, and no others."""
        run = Op.run

        def wrong(self, grads, needs):
            results = list(run(self, grads, needs))
            if type(self).__name__ == "BatchNorm":
                results[1] = -results[1]
            return tuple(results)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Op, "run", wrong)
            with pytest.raises(GradcheckError) as caught:
                check(Net(), NET_INPUTS)
        lines = str(caught.value).splitlines()[1:]
        assert len(lines) == 1 and lines[0].startswith("  bn.weight[")


PROGRAM = """
from minitorch import nn
model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
class Two(nn.Module):
    def forward(self, x, y):
        return x @ y
class Cut(nn.Linear):
    def __init__(self):
        super().__init__(3, 2)
    def forward(self, x):
        return super().forward(x.detach())
number = 3
"""


def test_command(tmp_path, capsys):
    path = tmp_path / "net.py"
    path.write_text(PROGRAM)
    assert main(["check", f"{path}:model", "--size", "1x1x5x5"]) == 0
    assert "0.weight" in capsys.readouterr().out
    assert main(["check", f"{path}:Two", "--size", "2x3,3x2"]) == 0
    assert "input 1" in capsys.readouterr().out
    assert main(["check", f"{path}:Cut", "--size", "2x3"]) == 1
    assert "Cut has a wrong backward:\n  input 0[" in capsys.readouterr().err
    for name, message in (
        (f"{path}:number", "is no module and makes none, but int"),
        (f"{path}:nothing", "has no name nothing"),
        ("nowhere.py:x", "file not found"),
        ("nothing", "is unknown"),
    ):
        assert main(["check", name]) == 1
        assert message in capsys.readouterr().err
