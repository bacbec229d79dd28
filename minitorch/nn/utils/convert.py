"""Parameters as one vector."""

from __future__ import annotations

from ...errors import ShapeError
from ...ops import cat
from ...tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """Return all elements of the parameters as one vector.

    Parameters
    ----------
    parameters : iterable of Tensor

    Returns
    -------
    Tensor
        One dimension; gradients flow to the parameters.
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec, parameters) -> None:
    """Make the parameters views of the parts of a vector.

    Parameters
    ----------
    vec : Tensor
        As `parameters_to_vector` returns it.
    parameters : iterable of Tensor

    Raises
    ------
    TypeError
        If `vec` is no Tensor.
    ShapeError
        If `vec` has not one dimension or not enough elements; no parameter is changed then.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected minitorch.Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    needed = sum(parameter.numel() for parameter in parameters)
    if vec.ndim != 1 or vec.numel() < needed:
        raise ShapeError(
            f"vector_to_parameters: the parameters have {needed} elements, vec has shape "
            f"{tuple(vec.shape)}"
        )
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = Tensor._wrap(vec._array[start:end].reshape(parameter.shape))
        start = end
