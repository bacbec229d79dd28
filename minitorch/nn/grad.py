"""Gradients of convolutions as functions of their own: the names of ``torch.nn.grad``."""

from __future__ import annotations

from ..autograd.api import grad
from ..autograd.grad_mode import enable_grad
from ..creation import zeros
from . import functional as F

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]


def _derivatives(ndim):
    """Make the two functions of convolutions over `ndim` dimensions."""
    convolve = getattr(F, f"conv{ndim}d")

    def of_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        with enable_grad():
            x = zeros(input_size, dtype=weight.dtype).requires_grad_()
            y = convolve(x, weight, None, stride, padding, dilation, groups)
        return grad(y, x, grad_output, create_graph=grad_output.requires_grad)[0]

    def of_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        with enable_grad():
            weight = zeros(weight_size, dtype=input.dtype).requires_grad_()
            y = convolve(input, weight, None, stride, padding, dilation, groups)
        return grad(y, weight, grad_output, create_graph=grad_output.requires_grad)[0]

    for function, what in ((of_input, "input"), (of_weight, "weight")):
        function.__name__ = function.__qualname__ = f"conv{ndim}d_{what}"
        size = "input_size" if what == "input" else "weight_size"
        function.__doc__ = f"""Return the gradient of a convolution with respect to its {what}.

        Arguments as of `conv{ndim}d`, and:

        Parameters
        ----------
        {size} : sequence of int
            The shape of the result.
        grad_output : Tensor
            The gradient of the output.
        """
    return of_input, of_weight


conv1d_input, conv1d_weight = _derivatives(1)
conv2d_input, conv2d_weight = _derivatives(2)
conv3d_input, conv3d_weight = _derivatives(3)
