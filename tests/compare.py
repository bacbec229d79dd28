"""minitorch beside PyTorch: the same calls, programs and derivatives in both.

- `compare`: one call; values, types, gradients, kinds of error.
- `compare_programs`, `compare_errors`: a function of the library itself; also strides.
- `compare_derivatives`: a function and its first and second derivatives.
- `Library`: what a test needs that is run with either of the two (the fixture ``lib``).

With ``MINITORCH_COMPARISONS=FILE`` every comparison of arrays adds a line to that file:
the type, the greatest error relative to the greatest value, and what was compared.
"""

import os
import warnings

import numpy as np
import pytest

import minitorch

RTOL = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-3}
LOG = os.environ.get("MINITORCH_COMPARISONS")


def close(ours, theirs, rtol, atol, what="result"):
    """Assert that two arrays agree; all comparisons with PyTorch come here."""
    if LOG and theirs.size and theirs.dtype.kind == "f":
        good = np.isfinite(theirs) & np.isfinite(ours)
        scale = np.abs(theirs[good], dtype="float64").max(initial=0)
        error = np.abs(ours[good].astype("float64") - theirs[good]).max(initial=0)
        with open(LOG, "a", encoding="utf-8") as file:
            file.write(f"{theirs.dtype}\t{error / (scale or 1):.3e}\t{what}\n")
    np.testing.assert_allclose(ours, theirs, rtol, atol, equal_nan=True, err_msg=what)


# ---- one call


def mapped(fn, value):
    """Apply `fn` to every numpy array in a nest of lists, tuples and dicts."""
    if isinstance(value, np.ndarray):
        return fn(value)
    if isinstance(value, dict):
        return {key: mapped(fn, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(mapped(fn, item) for item in value)
    return value


def resolve_pair(torch, name):
    """Return what minitorch and torch call ``name``, which may contain dots."""
    found = [minitorch, torch]
    for part in name.split("."):
        found = [getattr(owner, part) for owner in found]
    return found


def flat(result):
    """Return the tensors and numbers of a result as a list."""
    if isinstance(result, (list, tuple)):
        return [item for part in result for item in flat(part)]
    return [result]


def call(package, function, args, kwargs, grad):
    """Call `function` of a package, and differentiate its floating-point results.

    Returns
    -------
    tuple
        Results and gradients, or (None, the exception).
    """
    make = package.from_numpy
    backward, leaves = package.autograd.backward, []

    def tensor(array):
        made = make(array.copy())
        if grad and array.dtype.kind == "f":
            leaves.append(made.requires_grad_())
        return made

    args, kwargs = mapped(tensor, args), mapped(tensor, kwargs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = flat(function(*args, **kwargs))
    except Exception as error:
        return None, error
    rng = np.random.default_rng(5)
    outputs = [r for r in results if grad and getattr(r, "requires_grad", False)]
    if outputs:
        weights = [make(np.asarray(rng.standard_normal(tuple(y.shape)))) for y in outputs]
        weights = [w.to(y.dtype) for w, y in zip(weights, outputs, strict=True)]
        try:
            backward(outputs, weights)
        except (RuntimeError, NotImplementedError):
            if package is minitorch:
                raise
            return results, None  # torch has no derivative, or fails to cast
    return results, [leaf.grad for leaf in leaves]


def same(ours, theirs, rtol, atol, what):
    """Assert that two results agree in type, shape and value."""
    if not hasattr(theirs, "detach"):
        assert ours is theirs or ours == theirs, what
        return
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], what
    a, b = ours.detach().numpy(), theirs.detach().numpy(force=True)
    assert a.shape == b.shape, what
    if a.dtype.kind == "f":
        rtol = RTOL[a.dtype.name] if rtol is None else rtol
        close(a, b, rtol, atol or rtol, what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def brief(array):
    """Describe an argument in messages."""
    return f"{array.dtype}{array.shape}"


def compare(torch, ours, theirs, *args, rtol=None, atol=None, grad=True, **kwargs):
    """Assert that two functions do the same with the same arguments.

    Numpy arrays among the arguments become tensors; floating-point ones are differentiated, with
    random cotangents. If torch refuses the call, so must ours, with the same kind of exception.
    """
    what = f"{getattr(theirs, '__name__', theirs)}{mapped(brief, (args, kwargs))}"
    expected, gradients = call(torch, theirs, args, kwargs, grad)
    results, own = call(minitorch, ours, args, kwargs, grad)
    if expected is None:
        assert results is None, f"{what}: torch raises {gradients!r}"
        kinds = (RuntimeError, ValueError, TypeError, IndexError)
        wanted = tuple(kind for kind in kinds if isinstance(gradients, kind))
        assert isinstance(own, wanted), f"{what}: {own!r} where torch raises {gradients!r}"
        return
    if results is None:
        raise AssertionError(f"{what}: {own!r}, torch gives {expected}") from own
    assert len(results) == len(expected), what
    for one, other in zip(results, expected, strict=True):
        same(one, other, rtol, atol, what)
    precisions = {leaf.dtype.itemsize for leaf in own if leaf is not None}
    if rtol is None and len(precisions) == 2:
        rtol = RTOL["float32"]  # where types are mixed, torch keeps some values in the smaller
    for one, other in zip(own, gradients or own, strict=True):
        if one is None or other is None:
            given = other if one is None else one  # no gradient is as good as zeros
            assert given is None or not given.numpy().any(), f"gradient of {what}: {given}"
        else:
            same(one, other, rtol, atol, f"gradient of {what}")


# ---- programs


def leaves(arrays, module=minitorch):
    """Make leaf tensors of arrays, floating-point ones requiring gradients."""
    made = []
    for array in arrays:
        if not isinstance(array, np.ndarray):
            made.append(array)
            continue
        tensor = module.from_numpy(array.copy())
        made.append(tensor.requires_grad_() if array.dtype.kind == "f" else tensor)
    return made


def kind(x):
    """Return the name of a tensor's type, without the name of the library."""
    return str(x.dtype).rpartition(".")[2]


def assert_same(ours, theirs, torch, rtol=1e-6, atol=1e-9, strides=False):
    """Check that two results are equal in shape, type and values."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        if not isinstance(other, torch.Tensor):
            assert one == other
            continue
        assert tuple(one.shape) == tuple(other.shape)
        assert kind(one) == kind(other)
        if strides and other.numel() > 1:
            wide = [i for i, n in enumerate(other.shape) if n > 1]  # others say nothing
            assert [one.stride(i) for i in wide] == [other.stride(i) for i in wide]
        close(one.detach().numpy(), other.detach().numpy(), rtol, atol)


def compare_programs(torch, program, *arrays, strides=False, rtol=1e-6, atol=1e-9):
    """Run ``program(module, *tensors)`` in both libraries: equal results and equal gradients."""
    results, gradients = [], []
    for module in (minitorch, torch):
        inputs = leaves(arrays, module)
        result = program(module, *inputs)
        outputs = [x for x in flat(result) if isinstance(x, module.Tensor) and x.requires_grad]
        if outputs:
            total = 0
            for i, x in enumerate(outputs):
                weights = np.cos(np.arange(x.numel()) + i).reshape(tuple(x.shape))
                weights = weights.astype(kind(x))
                total = total + (x * module.from_numpy(weights)).sum()
            total.backward()
        results.append(result)
        gradients.append([getattr(x, "grad", None) for x in inputs])
    assert_same(*results, torch, rtol, atol, strides)
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if other is not None:
            close(one.numpy(), other.numpy(), rtol, atol, "gradient")


def compare_errors(torch, program, *arrays):
    """Both libraries raise, and ours an exception of the type PyTorch raises."""
    with pytest.raises(Exception) as theirs:
        program(torch, *leaves(arrays, torch))
    with pytest.raises(theirs.type):
        program(minitorch, *leaves(arrays))


# ---- derivatives


def derivatives(framework, function, inputs, wrap):
    """Return results, gradients (plainly and by a recorded walk) and second gradients.

    The directions are random, but the same for every framework.

    `inputs` are leaves of the framework, `wrap` makes its tensors from arrays.
    """
    rng = np.random.default_rng(7)

    def random_like(tensor):
        return wrap(rng.standard_normal(tuple(tensor.shape)).astype(kind))

    kind = str(inputs[0].dtype).rpartition(".")[2]
    grad = framework.autograd.grad
    output = function(*inputs)
    cotangent = random_like(output).requires_grad_()
    plain = grad(function(*inputs), inputs, cotangent.detach())
    first = grad(output, inputs, cotangent, create_graph=True)
    directions = [random_like(g) for g in first]
    second = grad(first, [*inputs, cotangent], directions, allow_unused=True)
    return (output,), plain, first, second


def compare_derivatives(torch, name, arrays, settings, rtol=1e-9, atol=1e-9, functions=None):
    """Compare ``functional.<name>(*arrays, **settings)`` and its derivatives with PyTorch's.

    `functions` are the functions of PyTorch and ours, where a name does not say enough.
    """

    def theirs(*inputs):
        return getattr(torch.nn.functional, name)(*inputs, **settings)

    def ours(*inputs):
        return getattr(minitorch.nn.functional, name)(*inputs, **settings)

    if functions is not None:
        theirs, ours = functions
    expected = derivatives(
        torch,
        theirs,
        leaves(arrays, torch),
        torch.from_numpy,
    )
    got = derivatives(minitorch, ours, leaves(arrays), minitorch.from_numpy)
    parts = ("result", "plain gradient", "gradient", "second gradient")
    for what, one, other in zip(parts, got, expected, strict=True):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            message = f"{what} {number} of {name}, {[x.shape for x in arrays]}, {settings}"
            if a is None and b is None:
                continue
            # None is another way to say zero.
            a = np.zeros(tuple(b.shape)) if a is None else a.detach()._array
            b = np.zeros_like(a) if b is None else b.detach().numpy(force=True)
            close(a, b, rtol, atol, message)


# ---- one test for both


class Library:
    """minitorch or torch, as `module`, and how a test makes a tensor."""

    def __init__(self, module):
        self.module = module
        self.autograd = module.autograd
        self.Function = module.autograd.Function
        self.is_torch = module.__name__ == "torch"

    def wrap(self, array, grad=True):
        """Make a tensor of an array."""
        make = self.module.from_numpy if self.is_torch else self.module.Tensor._wrap
        return make(np.array(array)).requires_grad_(grad)

    def tensor(self, *shape, seed=0, grad=True):
        """Make a float64 tensor of normal random numbers."""
        return self.wrap(np.random.default_rng(seed).standard_normal(shape), grad)

    def ones(self, *shape, grad=True):
        """Make a float64 tensor of ones."""
        return self.wrap(np.ones(shape), grad)


def values(tensor):
    """Return the elements as nested lists."""
    return tensor.detach().numpy().tolist()
