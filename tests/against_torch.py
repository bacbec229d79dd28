"""The same function here and in PyTorch: values, gradients and second gradients."""

import numpy as np

import minitorch
from minitorch import Tensor


def leaves(arrays):
    """Return Tensors that require grad, holding copies of the arrays."""
    return [Tensor._wrap(array.copy()).requires_grad_() for array in arrays]


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


def compare(torch, name, arrays, settings, rtol=1e-9, atol=1e-9, functions=None):
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
        [torch.from_numpy(a.copy()).requires_grad_() for a in arrays],
        torch.from_numpy,
    )
    got = derivatives(minitorch, ours, leaves(arrays), Tensor._wrap)
    parts = ("result", "plain gradient", "gradient", "second gradient")
    for what, one, other in zip(parts, got, expected, strict=True):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            message = f"{what} {number} of {name}, {[x.shape for x in arrays]}, {settings}"
            if a is None and b is None:
                continue
            # None is another way to say zero.
            a = np.zeros(tuple(b.shape)) if a is None else a.detach()._array
            b = np.zeros_like(a) if b is None else b.detach().numpy(force=True)
            np.testing.assert_allclose(a, b, rtol, atol, err_msg=message)
