"""Programs to be timed, written once for both libraries, which share their names.

``build(lib, family, case)`` returns a `Program` for a line of `shapes.FAMILIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .networks import NETWORKS

__all__ = ["Program", "build"]


@dataclass
class Program:
    """Something to time.

    Attributes
    ----------
    run : callable
    work : float
        Floating-point operations or bytes of one run, as the family's unit says. The least that the
        task needs: bytes count every input and output once, algorithms with fewer operations than
        the direct one get the credit.
    repeats : int
        How many operations one run stands for.
    """

    run: Callable
    work: float = 0.0
    repeats: int = 1


def build(lib, family, case):
    """Return the program of a case.

    Parameters
    ----------
    lib : module
        minitorch or torch.
    family : str
        A key of `shapes.FAMILIES`.
    case : str
    """
    return BUILDERS[family](lib, case)


def _parse(case):
    """Return name, sizes and settings of ``"name 8x64x56x56 o64 k3"``."""
    name, sizes, settings = "", (), {}
    for word in case.split():
        if word[0].isdigit():
            sizes = _numbers(word)
        elif len(word) > 1 and word[1:].replace("x", "").isdigit() and word[0] in "okspdgq":
            settings[word[0]] = _numbers(word[1:])
        else:
            name = word
    return name, sizes, settings


def _numbers(text):
    return tuple(int(n) for n in text.split("x"))


def _window(settings, ndim, names):
    """Return keyword arguments from letters: one number per dimension."""
    given = {name: settings[letter] for letter, name in names.items() if letter in settings}
    return {name: v * ndim if len(v) == 1 else v for name, v in given.items()}


def _leaf(lib, *sizes):
    return lib.randn(*sizes, requires_grad=True)


def _both_ways(forward, leaves, grad):
    """Return a function that runs forward and backward, with fresh gradients."""

    def run():
        for leaf in leaves:
            leaf.grad = None
        forward().backward(grad)

    return run


# ---- matrix multiplication


def _gemm(lib, case):
    m, n, k = _numbers(case)
    a, b = lib.randn(m, k), lib.randn(k, n)
    return Program(lambda: a @ b, 2.0 * m * n * k)


# ---- convolution


def _conv(lib, case, train):
    _, sizes, settings = _parse(case)
    ndim = len(sizes) - 2
    names = {"s": "stride", "p": "padding", "d": "dilation"}
    window = _window(settings, ndim, names)
    kernel = _window(settings, ndim, {"k": "kernel"})["kernel"]
    (outputs,), (groups,) = settings["o"], settings.get("g", (1,))
    weight = _leaf(lib, outputs, sizes[1] // groups, *kernel)
    x, bias = _leaf(lib, *sizes), _leaf(lib, outputs)
    function = getattr(lib.nn.functional, f"conv{ndim}d")

    def forward():
        return function(x, weight, bias, groups=groups, **window)

    return _conv_program(lib, forward, (x, weight, bias), lambda y: y.numel() / y.shape[1], train)


def _conv_program(lib, forward, leaves, positions, train):
    with lib.no_grad():
        y = forward()
    work = 2.0 * leaves[1].numel() * positions(y)
    if not train:
        return Program(lib.no_grad()(forward), work)
    return Program(_both_ways(forward, leaves, lib.randn(y.shape)), 3 * work)


def _transposed(lib, case):
    _, sizes, settings = _parse(case)
    ndim = len(sizes) - 2
    names = {"s": "stride", "p": "padding", "d": "dilation", "q": "output_padding"}
    window = _window(settings, ndim, names)
    kernel = _window(settings, ndim, {"k": "kernel"})["kernel"]
    (outputs,), (groups,) = settings["o"], settings.get("g", (1,))
    weight = _leaf(lib, sizes[1], outputs // groups, *kernel)
    x, bias = _leaf(lib, *sizes), _leaf(lib, outputs)
    function = getattr(lib.nn.functional, f"conv_transpose{ndim}d")

    def forward():
        return function(x, weight, bias, groups=groups, **window)

    positions = x.numel() / x.shape[1]
    return _conv_program(lib, forward, (x, weight, bias), lambda y: positions, True)


# ---- memory-bound layers


def _moved(lib, forward, leaves):
    """Return the program both ways, its work in bytes: read x, write y; read g and x, write dx."""
    y = forward()
    nbytes = 4 * (2 * y.numel() + 3 * leaves[0].numel())
    return Program(_both_ways(forward, leaves, lib.randn(y.shape)), nbytes)


def _pool(lib, case):
    name, sizes, settings = _parse(case)
    ndim = len(sizes) - 2
    x = _leaf(lib, *sizes)
    function = getattr(lib.nn.functional, _POOLS[name].format(ndim))
    window = _window(settings, ndim, {"k": "kernel_size", "s": "stride", "p": "padding"})
    if name.startswith("adaptive"):
        window = {"output_size": window["kernel_size"]}
    return _moved(lib, lambda: function(x, **window), [x])


_POOLS = {
    "max": "max_pool{}d",
    "avg": "avg_pool{}d",
    "adaptiveavg": "adaptive_avg_pool{}d",
    "adaptivemax": "adaptive_max_pool{}d",
}


def _memory(lib, case):
    name, sizes, settings = _parse(case)
    F = lib.nn.functional
    x = _leaf(lib, *sizes)
    if name in _NORMS:
        layer = _NORMS[name](lib.nn, sizes, settings)
        if name.endswith("eval"):
            layer.eval()
        return _moved(lib, lambda: layer(x), [x, *layer.parameters()])
    if name == "crossentropy":
        labels = lib.randint(0, sizes[1], (sizes[0], *sizes[2:]))
        return _moved(lib, lambda: F.cross_entropy(x, labels), [x])
    if name in ("add", "cat"):
        other = _leaf(lib, *sizes)
        both = (lambda: x + other) if name == "add" else (lambda: lib.cat([x, other], 1))
        return _moved(lib, both, [x, other])
    if name == "prelu":
        weight = _leaf(lib, sizes[1])
        return _moved(lib, lambda: F.prelu(x, weight), [x, weight])
    return _moved(lib, _FUNCTIONS[name](F, x), [x])


_NORMS = {
    "batchnorm": lambda nn, s, _: getattr(nn, f"BatchNorm{len(s) - 2}d")(s[1]),
    "batchnorm-eval": lambda nn, s, _: getattr(nn, f"BatchNorm{len(s) - 2}d")(s[1]),
    "groupnorm": lambda nn, s, settings: nn.GroupNorm(settings["g"][0], s[1]),
    "layernorm": lambda nn, s, _: nn.LayerNorm(s[1:]),
    "instancenorm": lambda nn, s, _: nn.InstanceNorm2d(s[1], affine=True),
}
_FUNCTIONS = {
    "relu": lambda F, x: lambda: F.relu(x),
    "relu6": lambda F, x: lambda: F.relu6(x),
    "leakyrelu": lambda F, x: lambda: F.leaky_relu(x),
    "elu": lambda F, x: lambda: F.elu(x),
    "gelu": lambda F, x: lambda: F.gelu(x),
    "silu": lambda F, x: lambda: F.silu(x),
    "hardswish": lambda F, x: lambda: F.hardswish(x),
    "sigmoid": lambda F, x: x.sigmoid,
    "tanh": lambda F, x: x.tanh,
    "softmax": lambda F, x: lambda: F.softmax(x, 1),
    "logsoftmax": lambda F, x: lambda: F.log_softmax(x, 1),
    "dropout": lambda F, x: lambda: F.dropout(x, 0.5),
    "pad": lambda F, x: lambda: F.pad(x, (1, 1, 1, 1)),
    "nearest": lambda F, x: lambda: F.interpolate(x, scale_factor=2, mode="nearest"),
    "bilinear": lambda F, x: lambda: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "bicubic": lambda F, x: lambda: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "pixelshuffle": lambda F, x: lambda: F.pixel_shuffle(x, 2),
}


# ---- small operations


def _overhead(lib, case):
    nn, F = lib.nn, lib.nn.functional
    x, w = _leaf(lib, 4, 4), _leaf(lib, 4, 4)
    if case == "mul-chain":  # forward and backward, per multiplication
        return Program(_mul_chain(lib, x, w, 100), repeats=100)
    if case in ("mlp-step", "zero-grad", "sgd-step", "adam-step"):
        return Program(_small_training(lib, case))
    image, labels = _leaf(lib, 1, 3, 8, 8), lib.tensor([0, 1, 2, 3])
    kernel, bias = _leaf(lib, 4, 3, 3, 3), _leaf(lib, 4)
    plain = lib.randn(4, 4)
    mlp = _mlp(nn)
    norm, identity = nn.BatchNorm2d(3), nn.Identity()
    calls = {  # all but one record a graph
        "mul": lambda: x * w,
        "add": lambda: x + w,
        "add-number": lambda: x + 1.0,
        "add-broadcast": lambda: x + bias,
        "sub-in-place": lambda: plain.sub_(plain),
        "div": lambda: x / w,
        "exp": lambda: x.exp(),
        "relu": lambda: F.relu(x),
        "sum": lambda: x.sum(),
        "mean": lambda: x.mean(0),
        "matmul": lambda: x @ w,
        "linear": lambda: F.linear(x, w, bias),
        "reshape": lambda: x.reshape(2, 8),
        "transpose": lambda: x.transpose(0, 1),
        "index": lambda: x[0],
        "cat": lambda: lib.cat([x, w]),
        "softmax": lambda: F.softmax(x, 1),
        "crossentropy": lambda: F.cross_entropy(x, labels),
        "conv": lambda: F.conv2d(image, kernel, bias, padding=1),
        "maxpool": lambda: F.max_pool2d(image, 2),
        "batchnorm": lambda: norm(image),
        "module": lambda: identity(x),
        "mlp-forward": lambda: mlp(x),
    }
    return Program(calls[case])


def _mul_chain(lib, x, w, length):
    grad = lib.ones(4, 4)

    def run():
        y = x
        for _ in range(length):
            y = y * w
        y.backward(grad)
        x.grad = w.grad = None

    return run


def _mlp(nn):
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))


def _small_training(lib, case):
    model, x, labels = _mlp(lib.nn), lib.randn(4, 4), lib.tensor([0, 1, 2, 3])
    kind = lib.optim.Adam if case == "adam-step" else lib.optim.SGD
    optimizer = kind(model.parameters(), lr=1e-4)
    step = _step(lib, model, optimizer, x, labels)
    step()
    if case == "mlp-step":
        return step
    if case == "zero-grad":
        return lambda: optimizer.zero_grad(set_to_none=False)
    return optimizer.step


# ---- networks


def _step(lib, model, optimizer, images, labels):
    cross_entropy = lib.nn.functional.cross_entropy

    def run():
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def _network(lib, case):
    name, batch = case.split()
    make, shape = NETWORKS[name]
    lib.manual_seed(0)
    return make(lib.nn), lib.randn(int(batch), *shape)


def _train(lib, case):
    model, images = _network(lib, case)
    labels = lib.randint(0, 10, (images.shape[0],))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4)
    work = 3 * _operations(lib, model, images)
    return Program(_step(lib, model, optimizer, images, labels), work)


def _infer(lib, case):
    model, images = _network(lib, case)
    model.eval()
    work = _operations(lib, model, images)
    return Program(lib.no_grad()(lambda: model(images)), work)


def _operations(lib, model, images):
    """Return the floating-point operations of all convolutions and linear layers, forward."""
    counts, handles = [], []

    def count(module, _, output):
        per_output = module.weight.numel() // module.weight.shape[0]
        counts.append(2.0 * output.numel() * per_output)

    for module in model.modules():
        if type(module).__name__.startswith(("Conv", "Linear")):
            handles.append(module.register_forward_hook(count))
    with lib.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return math.fsum(counts)


BUILDERS = {
    "gemm": _gemm,
    "conv": lambda lib, case: _conv(lib, case, train=False),
    "conv-train": lambda lib, case: _conv(lib, case, train=True),
    "depthwise": lambda lib, case: _conv(lib, case, train=True),
    "transposed": _transposed,
    "pool": _pool,
    "memory": _memory,
    "overhead": _overhead,
    "train": _train,
    "infer": _infer,
    "contention": _train,
}
