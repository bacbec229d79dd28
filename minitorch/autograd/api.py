"""`backward` and `grad`: what users call to start a walk of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ShapeError
from .engine import run_backward

Tensor = None  # the class, set by minitorch.tensor when it is defined


def backward(
    tensors,
    grad_tensors=None,
    retain_graph=None,
    create_graph=False,
    grad_variables=None,
    inputs=None,
):
    """Add the gradients of `tensors` with respect to the leaves of their graph to ``.grad``.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
        What is differentiated.
    grad_tensors : Tensor or sequence of Tensor or None, optional
        Per tensor the vector of the vector-Jacobian product, of the tensor's shape. May be None
        for a tensor of one element: it counts as 1.
    retain_graph : bool, optional
        Keep the graph for another walk. Default: the value of `create_graph`.
    create_graph : bool
        Record the walk, so that the gradients can themselves be differentiated.
    grad_variables : optional
        Old name of `grad_tensors`.
    inputs : Tensor or sequence of Tensor, optional
        Accumulate only into these tensors. Default: all leaves.

    Raises
    ------
    RuntimeError
        If a tensor does not require grad, or has several elements and no gradient is given.
    ShapeError
        If a given gradient has another shape than its tensor.
    """
    if grad_variables is not None:
        grad_tensors = grad_variables
    tensors = _sequence(tensors)
    roots = _roots("backward", tensors, grad_tensors, create_graph)
    options = {
        "retain_graph": create_graph if retain_graph is None else retain_graph,
        "create_graph": create_graph,
    }
    if inputs is None:
        run_backward(roots, **options)
        return
    inputs = _sequence(inputs)
    if not inputs:
        raise RuntimeError("backward: 'inputs' is empty")
    edges = _input_edges("backward", inputs)
    for tensor in inputs:
        tensor.retain_grad()  # does nothing for leaves, which have theirs from the walk
    run_backward(roots, **options, wanted=edges)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """Return the gradients of `outputs` with respect to `inputs`; no ``.grad`` is touched.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated.
    inputs : Tensor or sequence of Tensor
        With respect to what.
    grad_outputs : Tensor or sequence of Tensor or None, optional
        Per output the vector of the vector-Jacobian product. May be None for one element.
    retain_graph : bool, optional
        Keep the graph for another walk. Default: the value of `create_graph`.
    create_graph : bool
        Record the walk, so that the gradients can themselves be differentiated.
    only_inputs : bool
        Accepted for compatibility; must be True.
    allow_unused : bool, optional
        Return None for an input that the outputs do not depend on, instead of raising.
    is_grads_batched : bool
        Not supported; must be False.
    materialize_grads : bool
        Return zeros instead of None for unused inputs.

    Returns
    -------
    tuple of Tensor
        One gradient per input.

    Raises
    ------
    RuntimeError
        If an input does not require grad, or is not used in the graph.
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched is not supported; call grad in a loop")
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is not supported; use backward()")
    if allow_unused is None:
        allow_unused = materialize_grads
    elif materialize_grads and not allow_unused:
        raise ValueError("grad: materialize_grads=True needs allow_unused to be True or not given")
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    if not inputs:
        raise RuntimeError("grad: 'inputs' is empty")
    roots = _roots("grad", outputs, grad_outputs, create_graph)
    edges = _input_edges("grad", inputs)
    captured = run_backward(
        roots,
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        wanted=edges,
        accumulate=False,
    )
    results = []
    for i, (tensor, edge) in enumerate(zip(inputs, edges, strict=True)):
        found = captured[edge]
        if found is None and not allow_unused:
            raise RuntimeError(
                f"grad: input {i}, shape {tuple(tensor.shape)}, appears to not have been used in "
                "the graph. Set allow_unused=True if this is the desired behavior."
            )
        if found is None and materialize_grads:
            found = Tensor._zeros(tensor.shape, tensor.dtype)
        if found is not None and not isinstance(found, Tensor):
            # Several inputs may have received one array; each caller gets a tensor of its own.
            found = Tensor._wrap(found if _alone(found, captured) else found.copy())
        results.append(found)
    return tuple(results)


def _alone(array, captured) -> bool:
    same = sum(other is array for other in captured.values())
    return same == 1 and array.flags.writeable


def _sequence(tensors):
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _input_edges(name, inputs):
    for i, tensor in enumerate(inputs):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: inputs[{i}] must be a Tensor, got {type(tensor).__name__}")
        if not tensor.requires_grad:
            raise RuntimeError(
                f"{name}: One of the differentiated Tensors does not require grad: "
                f"inputs[{i}], shape {tuple(tensor.shape)}"
            )
    return [tensor._gradient_edge() for tensor in inputs]


def _roots(name, tensors, grads, create_graph):
    """Pair the edge of each tensor with its starting gradient."""
    if grads is None or isinstance(grads, Tensor):
        grads = (grads,) * len(tensors) if grads is None else (grads,)
    if not isinstance(grads, Sequence) or len(grads) != len(tensors):
        raise RuntimeError(f"{name}: got {len(tensors)} tensors and {len(grads)} gradients")
    roots = []
    for tensor, grad_ in zip(tensors, grads, strict=True):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: expected a Tensor, got {type(tensor).__name__}")
        if not tensor.requires_grad:
            raise RuntimeError(
                f"{name}: element 0 of tensors does not require grad and does not have a grad_fn"
            )
        grad_ = _starting_gradient(name, tensor, grad_)
        roots.append((tensor._gradient_edge(), grad_ if create_graph else grad_._array))
    return roots


def _starting_gradient(name, tensor, grad_):
    if grad_ is None:
        if tensor.numel() != 1:
            raise RuntimeError(
                f"{name}: grad can be implicitly created only for scalar outputs, and this tensor "
                f"has shape {tuple(tensor.shape)}: pass a gradient of that shape"
            )
        return Tensor._ones(tensor.shape, tensor.dtype)
    if not isinstance(grad_, Tensor):
        raise TypeError(f"{name}: gradients must be Tensors or None, got {type(grad_).__name__}")
    if grad_.shape != tensor.shape:
        raise ShapeError(
            f"{name}: Mismatch in shape: the gradient has shape {tuple(grad_.shape)}, the tensor "
            f"{tuple(tensor.shape)}"
        )
    if grad_.dtype is not tensor.dtype:
        from ..ops.common import cast

        grad_ = cast(grad_, tensor.dtype)
    return grad_


def clear_grad(tensor, set_to_none=True) -> None:
    """Set the gradient of a tensor to None, or to zero in place and outside any graph."""
    grad = tensor._grad
    if set_to_none or grad is None:
        tensor._grad = None
        return
    if grad.grad_fn is not None:
        grad.detach_()
    else:
        grad.requires_grad_(False)
    grad.zero_()
