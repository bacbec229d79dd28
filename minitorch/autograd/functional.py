"""Derivatives of functions: products with the Jacobian and the Hessian, and these themselves.

Everything here is made of `grad`. A product of the Jacobian with a vector on its right, which is
what a forward mode would give, takes two backward passes: the first, v^T J, is linear in v, and its
derivative with respect to v is J.
"""

from __future__ import annotations

from . import api
from .grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """Compute the product of a vector and the Jacobian of a function, v^T J.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to differentiate.
    v : Tensor or tuple of Tensor, optional
        The vector, of the shape of the outputs. Not needed for a single output of one element.
    create_graph : bool
        Record, so that the results can be differentiated.
    strict : bool
        Raise if an output does not depend on an input, rather than return zeros.

    Returns
    -------
    outputs : Tensor or tuple of Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        Of the shape of the inputs.

    Raises
    ------
    RuntimeError
        If `v` has another shape than the outputs, or in strict mode.
    """
    with enable_grad():
        call = _Call("vjp", func, inputs, create_graph, strict)
        v = call.vector(v, call.outputs, "user-provided function returns a single Tensor")
        grads = call.gradient(call.outputs, call.inputs, v, "The output", create_graph)
    return call.results(call.outputs_single, call.outputs), call.results(call.single, grads)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """Compute the product of the Jacobian of a function and a vector, J v.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to differentiate.
    v : Tensor or tuple of Tensor, optional
        The vector, of the shape of the inputs. Not needed for a single input of one element.
    create_graph : bool
        Record, so that the results can be differentiated.
    strict : bool
        Raise if an output does not depend on an input, rather than return zeros.

    Returns
    -------
    outputs : Tensor or tuple of Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        Of the shape of the outputs.

    Raises
    ------
    RuntimeError
        If `v` has another shape than the inputs, or in strict mode.
    """
    with enable_grad():
        call = _Call("jvp", func, inputs, create_graph, strict)
        v = call.vector(v, call.inputs, "input to the user-provided function is a single Tensor")
        u = tuple(_zeros(y).requires_grad_() for y in call.outputs)
        row = call.gradient(call.outputs, call.inputs, u, "The output", True)
        product = call.gradient(row, u, v, None, create_graph)
    return (
        call.results(call.outputs_single, call.outputs),
        call.results(call.outputs_single, product),
    )


def jacobian(
    func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"
):
    """Compute the Jacobian of a function, one backward pass per element of its outputs.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to differentiate.
    create_graph : bool
        Record, so that the result can be differentiated.
    strict : bool
        Raise if an output does not depend on an input, rather than return zeros.
    vectorize : bool
        Accepted for compatibility: concerns speed only.
    strategy : str
        Must be ``"reverse-mode"``.

    Returns
    -------
    Tensor or tuple
        Of shape output.shape + input.shape. A tuple over the outputs if there are several, and
        within that over the inputs if there are several.
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"jacobian: there is only reverse mode, got {strategy!r}")
    with enable_grad():
        call = _Call("jacobian", func, inputs, create_graph, strict)
        rows = [_jacobian(call, k, y, create_graph) for k, y in enumerate(call.outputs)]
        rows = tuple(call.results(call.single, row) for row in rows)
    return rows[0] if call.outputs_single else rows


def hessian(
    func,
    inputs,
    create_graph=False,
    strict=False,
    vectorize=False,
    outer_jacobian_strategy="reverse-mode",
):
    """Compute the Hessian of a scalar function: the Jacobian of its gradient.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor of one element.
    inputs : Tensor or tuple of Tensor
        Where to differentiate.
    create_graph : bool
        Record, so that the result can be differentiated.
    strict : bool
        Raise if the gradient does not depend on an input, rather than return zeros.
    vectorize : bool
        Accepted for compatibility: concerns speed only.
    outer_jacobian_strategy : str
        Must be ``"reverse-mode"``.

    Returns
    -------
    Tensor or tuple of tuple
        Of shape input.shape + input.shape; ``result[i][j]`` for inputs i and j if there are
        several.
    """
    call_inputs, single = _tensors("hessian", "inputs", inputs)

    def gradient(*arguments):
        call = _Call("hessian", func, arguments, True, strict, recorded=True)
        call.check_scalar("hessian")
        return call.gradient(call.outputs, call.inputs, None, "The output", True)

    result = jacobian(
        gradient, call_inputs, create_graph, strict, vectorize, outer_jacobian_strategy
    )
    return result[0][0] if single else result


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """Compute the product of a vector and the Hessian of a scalar function, v^T H.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor of one element.
    inputs : Tensor or tuple of Tensor
        Where to differentiate.
    v : Tensor or tuple of Tensor, optional
        The vector, of the shape of the inputs. Not needed for a single input of one element.
    create_graph : bool
        Record, so that the results can be differentiated.
    strict : bool
        Raise if the gradient does not depend on an input, rather than return zeros.

    Returns
    -------
    output : Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        Of the shape of the inputs.
    """
    with enable_grad():
        call = _Call("vhp", func, inputs, create_graph, strict)
        call.check_scalar("vhp")
        v = call.vector(v, call.inputs, "input to the user-provided function is a single Tensor")
        first = call.gradient(call.outputs, call.inputs, None, "The output", True)
        product = call.gradient(first, call.inputs, v, "The jacobian", create_graph)
    return call.results(True, call.outputs), call.results(call.single, product)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """Compute the product of the Hessian of a scalar function and a vector, H v.

    The Hessian of a twice continuously differentiable function is symmetric, and `vhp` gives the
    same for less. This one holds for any function.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor of one element.
    inputs : Tensor or tuple of Tensor
        Where to differentiate.
    v : Tensor or tuple of Tensor, optional
        The vector, of the shape of the inputs. Not needed for a single input of one element.
    create_graph : bool
        Record, so that the results can be differentiated.
    strict : bool
        Raise if the gradient does not depend on an input, rather than return zeros.

    Returns
    -------
    output : Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        Of the shape of the inputs.
    """
    with enable_grad():
        call = _Call("hvp", func, inputs, create_graph, strict)
        call.check_scalar("hvp")
        v = call.vector(v, call.inputs, "input to the user-provided function is a single Tensor")
        first = call.gradient(call.outputs, call.inputs, None, "The output", True)
        u = tuple(_zeros(x).requires_grad_() for x in call.inputs)
        row = call.gradient(first, call.inputs, u, "The jacobian", True)
        product = call.gradient(row, u, v, None, create_graph)
    return call.results(True, call.outputs), call.results(call.single, product)


class _Call:
    """A call of the user's function: inputs to differentiate by, outputs, and how to return."""

    def __init__(self, name, func, inputs, create_graph, strict, recorded=False):
        self.name, self.strict, self.create_graph = name, strict, create_graph
        inputs, self.single = _tensors(name, "inputs", inputs)
        if not recorded:
            # Tensors of their own, so that nothing else is differentiated by accident; with
            # create_graph they lead back to the user's.
            inputs = tuple(
                x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
                for x in inputs
            )
        self.inputs = inputs
        outputs = func(*inputs)
        what = "outputs of the user-provided function"
        self.outputs, self.outputs_single = _tensors(name, what, outputs)
        for i, y in enumerate(self.outputs):
            if strict and not y.requires_grad:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradients. The "
                    "outputs must be computed in a differentiable manner from the input when "
                    "running in strict mode."
                )

    def check_scalar(self, name):
        """Raise unless the function returned one tensor of one element."""
        if not self.outputs_single:
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single "
                f"element, got shape {tuple(self.outputs[0].shape)}"
            )

    def vector(self, v, like, single):
        """Return the vector as a tuple that fits the tensors `like`."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(
                    f"{self.name}: the vector v can only be None if the {single} with a single "
                    "element."
                )
            return (_zeros(like[0]) + 1,)
        v, _ = _tensors(self.name, "v", v)
        if len(v) != len(like):
            raise RuntimeError(
                f"{self.name}: v has an invalid number of tensors: should be {len(like)} but got "
                f"{len(v)}"
            )
        for x, y in zip(v, like, strict=True):
            if x.shape != y.shape:
                raise RuntimeError(
                    f"{self.name}: v has invalid size: should be {tuple(y.shape)} but got "
                    f"{tuple(x.shape)}"
                )
        return v if self.create_graph else tuple(x.detach() for x in v)

    def gradient(self, outputs, inputs, v, what, create_graph):
        """Return v^T d outputs / d inputs, zeros where an input is not used.

        In strict mode an unused input is an error that calls the outputs `what` (None: never).
        """
        pairs = [(y, None if v is None else v[i]) for i, y in enumerate(outputs) if y.requires_grad]
        grads = (None,) * len(inputs)
        if pairs:
            used, vectors = zip(*pairs, strict=True)
            grads = api.grad(
                used, inputs, vectors, create_graph=create_graph, retain_graph=True,
                allow_unused=True,
            )  # fmt: skip
        results = []
        for i, (x, g) in enumerate(zip(inputs, grads, strict=True)):
            if self.strict and what is not None and g is None:
                raise RuntimeError(
                    f"{what} of the user-provided function is independent of input {i}. This is "
                    "not allowed in strict mode."
                )
            results.append(_zeros(x) if g is None else g)
        if self.strict and what is not None and create_graph:
            self._check_dependent(results)
        return tuple(results)

    def _check_dependent(self, grads):
        for i, g in enumerate(grads):
            if not g.requires_grad:
                raise RuntimeError(
                    f"{self.name}: the jacobian of the user-provided function with respect to "
                    f"input {i} is independent of the input. This is not allowed in strict mode "
                    "when create_graph=True. You should ensure that your function is twice "
                    "differentiable (a linear function is not)."
                )

    def results(self, single, tensors):
        """Return tensors to the user: recorded only if asked for, a tuple only if several."""
        if not self.create_graph:
            tensors = tuple(t.detach() for t in tensors)
        return tensors[0] if single else tuple(tensors)


def _jacobian(call, k, y, create_graph):
    """Return the Jacobian of output k by each input, stacked from its rows."""
    from ..ops import stack

    what = f"Output {k}"
    rows = []
    for element in y.reshape(-1) if y.numel() else ():
        rows.append(call.gradient((element,), call.inputs, None, what, create_graph))
    if not rows:
        return [_zeros(x, (*y.shape, *x.shape)) for x in call.inputs]
    return [
        stack(column).reshape((*y.shape, *x.shape))
        for x, column in zip(call.inputs, zip(*rows, strict=True), strict=True)
    ]


def _tensors(name, what, values):
    """Return a Tensor or tuple of Tensors as a tuple, and whether it was a single one."""
    single = isinstance(values, api.Tensor)
    given = (values,) if single else values
    if not isinstance(given, tuple):
        raise TypeError(
            f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
            f"given {what} has type {type(values)}."
        )
    for i, x in enumerate(given):
        if not isinstance(x, api.Tensor):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
                f"value at index {i} has type {type(x)}."
            )
    return given, single


def _zeros(tensor, shape=None):
    return api.Tensor._zeros(tensor.shape if shape is None else shape, tensor.dtype)
