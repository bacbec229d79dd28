"""Losses against PyTorch: values, first and second derivatives, every reduction and option."""

import itertools

import numpy as np
import pytest
from compare import compare_derivatives

import minitorch
from minitorch.errors import ShapeError
from minitorch.nn import functional as F

REDUCTIONS = ["none", "mean", "sum"]
CLASSES = 7


def run_both(torch, arrays, name, constants, **settings):
    """Compare a loss whose further arguments are constant arrays."""

    def run(library):
        wrapped = {k: library.from_numpy(np.array(v)) for k, v in constants.items()}
        function = getattr(library.nn.functional, name)
        return lambda *inputs: function(*inputs, **wrapped, **settings)

    compare_derivatives(torch, None, arrays, {}, functions=(run(torch), run(minitorch)))


def class_case(shape, weighted):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, shape)
    target = np.asarray(rng.integers(0, CLASSES, shape[:1] + shape[2:] if len(shape) > 1 else ()))
    if target.ndim:
        target.flat[0] = 2
    constants = {"target": target}
    if weighted:
        constants["weight"] = rng.uniform(0.5, 2, CLASSES)
    return logits, constants


@pytest.mark.parametrize("ignore_index", [-100, 2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(7,), (5, 7), (3, 7, 4), (2, 7, 3, 4)], ids=str)
def test_cross_entropy(torch, shape, reduction, label_smoothing, weighted, ignore_index):
    logits, constants = class_case(shape, weighted)
    settings = {"reduction": reduction, "ignore_index": ignore_index}
    run_both(
        torch, [logits], "cross_entropy", constants, label_smoothing=label_smoothing, **settings
    )
    if not label_smoothing:
        run_both(torch, [logits], "nll_loss", constants, **settings)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_probabilities(torch, reduction, label_smoothing, weighted):
    rng = np.random.default_rng(0)
    for shape in [(7,), (5, 7), (3, 7, 4)]:
        arrays = [rng.normal(size=shape), rng.uniform(size=shape)]
        constants = {"weight": rng.uniform(0.5, 2, CLASSES)} if weighted else {}
        run_both(
            torch,
            arrays,
            "cross_entropy",
            constants,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_losses_of_values(torch, name, reduction):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(4, 5)), rng.normal(size=(4, 5))]
    run_both(torch, arrays, name, {}, reduction=reduction)
    if name in ("smooth_l1_loss", "huber_loss"):
        edge = {"beta" if name == "smooth_l1_loss" else "delta": 0.3}
        run_both(torch, arrays, name, {}, reduction=reduction, **edge)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_of_probabilities(torch, reduction):
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=(4, 5)), rng.uniform(size=(4, 5))
    logits[0, 0] = 0
    constants = {"target": target, "weight": rng.uniform(0.5, 2, 5)}
    arrays = [rng.uniform(0.05, 0.95, (4, 5))]
    run_both(torch, arrays, "binary_cross_entropy", constants, reduction=reduction)
    constants["pos_weight"] = rng.uniform(0.5, 2, 5)
    name = "binary_cross_entropy_with_logits"
    run_both(torch, [logits], name, constants, reduction=reduction)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(torch, reduction, log_target):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(4, 5)), rng.uniform(0.1, 1, (4, 5))]
    run_both(torch, arrays, "kl_div", {}, reduction=reduction, log_target=log_target)


def test_extremes_stay_finite(torch):
    values = np.array([[0.0, 1.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 1.0, 0.0]])
    for library in (minitorch, torch):
        p, y = (library.from_numpy(v.copy()) for v in values)
        p.requires_grad_()
        loss = library.nn.functional.binary_cross_entropy(p, y, reduction="none")
        loss.sum().backward()
        np.testing.assert_array_equal(loss.detach().numpy(), [[0, 0, 100, 100]])
        np.testing.assert_allclose(p.grad.numpy(), [[0, 0, -1e12, 1e12]])
        logits = library.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
        loss = library.nn.functional.cross_entropy(logits, library.tensor([1]))
        loss.backward()
        assert loss.item() == 20000
        np.testing.assert_array_equal(logits.grad.numpy(), [[1, -1, 0]])


def test_nothing_counts(torch):
    for library, name in itertools.product((minitorch, torch), ("cross_entropy", "nll_loss")):
        logits, target = library.zeros(2, 3), library.full((2,), -100)
        function = getattr(library.nn.functional, name)
        assert np.isnan(function(logits, target).item())
        assert function(logits, target, reduction="sum").item() == 0
        assert np.isnan(function(library.zeros(0, 3), target[:0]).item())


def test_half_precision_keeps_its_type(torch):
    for library in (minitorch, torch):
        logits = library.tensor([[1.0, 2.0, 3.0]]).half()
        loss = library.nn.functional.cross_entropy(logits, library.tensor([0]))
        assert loss.dtype is library.float16
        np.testing.assert_allclose(loss.item(), 2.4076, rtol=1e-3)


def logits(*shape):
    return minitorch.zeros(*shape)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.cross_entropy(logits(2, 3), minitorch.tensor([0, 3])),
            IndexError,
            r"cross_entropy: Target 3 is out of bounds: there are 3 classes, 0 to 2 \(at position "
            r"\(1,\)",
        ),
        (
            lambda: F.nll_loss(logits(2, 3), minitorch.tensor([0, -1])),
            IndexError,
            "nll_loss: Target -1 is out of bounds",
        ),
        (
            lambda: F.cross_entropy(logits(2, 3), minitorch.tensor([0])),
            ShapeError,
            r"cross_entropy: target must have shape \(2,\) for input \(2, 3\), got \(1,\)",
        ),
        (
            lambda: F.cross_entropy(logits(2, 3), minitorch.tensor([0, 1]), minitorch.ones(4)),
            ShapeError,
            r"weight must have one element per class, shape \(3,\), got \(4,\)",
        ),
        (
            lambda: F.cross_entropy(logits(2, 3), minitorch.tensor([0, 1]), reduction="avg"),
            ValueError,
            "'avg' is not a valid value for reduction",
        ),
        (
            lambda: F.binary_cross_entropy(logits(2) + 2, logits(2)),
            RuntimeError,
            "all elements of input should be between 0 and 1",
        ),
        (
            lambda: F.binary_cross_entropy(logits(2), logits(3)),
            ShapeError,
            r"target must have the shape of input \(2,\), got \(3,\)",
        ),
        (
            lambda: F.mse_loss(logits(2), logits(3)),
            ShapeError,
            "mse_loss: sizes 2 and 3 of dimension 0 do not match",
        ),
        (lambda: F.huber_loss(logits(2), logits(2), delta=0.0), RuntimeError, "must be positive"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_target_that_broadcasts_is_warned_about():
    with pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(logits(2, 3), logits(3))


def test_old_arguments_of_reduction():
    with pytest.warns(UserWarning, match="size_average and reduce are deprecated"):
        loss = F.mse_loss(logits(2) + 3, logits(2), size_average=False)
    assert loss.item() == 18
