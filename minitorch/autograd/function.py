"""Function: an operation users define on Tensors, with its derivative.

Where an `Op` computes on arrays, the forward of a `Function` receives Tensors and runs unrecorded;
its backward receives and returns Tensors. A Function that is applied becomes a node of the graph
which holds the context, `FunctionCtx`, that the two share. The context knows its node only weakly,
and a saved output is stored as its parts, so no reference cycle arises.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref

from .. import dtypes
from . import anomaly, views
from .engine import AccumulateGrad, Node
from .grad_mode import _Mode, no_grad, state

Tensor = None  # the class, set by minitorch.tensor when it is defined

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What forward and backward of a `Function` share; any other attribute may be set on it.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        Per argument of forward whether its gradient is wanted.
    """

    def __init__(self, node, needs_input_grad):
        self.needs_input_grad = needs_input_grad
        self._node = weakref.ref(node)
        self._to_save = ()
        self._saved = ()  # what became of them; None once freed
        self._dirty = ()
        self._non_differentiable = ()
        self._materialize = True

    def save_for_backward(self, *tensors) -> None:
        """Keep tensors for backward: inputs, outputs and intermediate results, or None.

        To be called once, in forward or setup_context. Backward finds them in `saved_tensors`.
        Saved this way they are checked for later in-place changes, freed after the backward pass,
        and an output does not keep itself alive. Intermediate results count as constants.

        Parameters
        ----------
        *tensors : Tensor or None

        Raises
        ------
        TypeError
            If an argument is neither a Tensor nor None.
        """
        for i, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(tensor).__name__}"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` kept.

        Raises
        ------
        RuntimeError
            If it was freed by an earlier backward pass, or was changed in place since.
        """
        node = self._node()
        if self._saved is None:
            raise RuntimeError(
                f"{node or 'Function'}: trying to backward through the graph a second time (or "
                "directly access saved tensors after they have already been freed). Use "
                "retain_graph=True in the first backward() or grad() if the graph is needed again."
                + anomaly.lines_of_freed(node)
            )
        return tuple([None if kept is None else _unpack(node, *kept) for kept in self._saved])

    saved_variables = saved_tensors  # its name before PyTorch 0.4

    def save_for_forward(self, *tensors) -> None:
        """Do nothing: there is no forward mode; see `save_for_backward`."""

    def mark_dirty(self, *tensors) -> None:
        """Say which inputs forward has changed in place; each must be returned as an output.

        Parameters
        ----------
        *tensors : Tensor
        """
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors) -> None:
        """Say which outputs have no derivative. Tensors that are not floating-point never do.

        Parameters
        ----------
        *tensors : Tensor
        """
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether missing gradients of outputs reach backward as zeros, or as None.

        Parameters
        ----------
        value : bool
            Zeros.
        """
        self._materialize = bool(value)


class _FunctionNode(Node):
    """A `Function` that was applied; every Function has a subclass of its own, named after it."""

    function: type

    def name(self) -> str:
        return type(self).__name__

    def __getattr__(self, name):
        # `y.grad_fn` shows what was put on the context, as in PyTorch.
        if name.startswith("__") or name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def release(self):
        self.ctx._saved = None

    def run(self, grads, needs):
        ctx = self.ctx
        given = []
        for grad, kind in zip(grads, self.results, strict=True):
            if grad is None:
                grad = Tensor._zeros(*kind) if kind is not None and ctx._materialize else None
            elif not state.grad:
                grad = Tensor._wrap(grad)
            given.append(grad)
        results = self.function._derivative()(ctx, *given)
        results = list(results) if isinstance(results, tuple) else [results]
        expected = len(self.parents)
        if len(results) > expected and all(g is None for g in results[expected:]):
            del results[expected:]
        if len(results) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {expected}, got {len(results)})"
            )
        return [self._checked(i, grad) for i, grad in enumerate(results)]

    def _checked(self, i, grad):
        """Bring a gradient to the shape and type of input i, or raise."""
        if grad is None:
            return None
        if not isinstance(grad, Tensor):
            raise RuntimeError(
                f"function {self.name()} returned a wrong gradient at index {i}: expected a Tensor "
                f"or None (got {type(grad).__name__})"
            )
        if self.arguments[i] is None:
            raise RuntimeError(
                f"function {self.name()} returned a gradient different than None at position "
                f"{i + 1}, but the corresponding forward input was not a Tensor"
            )
        if self.parents[i] is None:
            return None
        shape, dtype = self.arguments[i]
        if grad.shape != shape:
            if not _broadcasts(shape, grad.shape):
                raise RuntimeError(
                    f"function {self.name()} returned an invalid gradient at index {i} - got "
                    f"{list(grad.shape)} but expected shape compatible with {list(shape)}"
                )
            grad = views.sum_to(grad, shape)
        if grad.dtype is not dtype:
            from ..ops.common import cast

            grad = cast(grad, dtype)
        return grad if state.grad else grad._array


class Function:
    """Base class of operations that users write, with their derivative.

    A subclass defines two static methods: ``forward(ctx, *args)`` and ``backward(ctx, *grads)``,
    or ``forward(*args)``, ``setup_context(ctx, inputs, output)`` and ``backward``. It is not
    instantiated but applied: ``y = Exp.apply(x)``.

    forward may take and return anything; gradients flow between the Tensors that are its direct
    arguments and results. backward receives one gradient per result and returns one per argument,
    None where there is none. Made of Tensor operations it can itself be differentiated.

    Examples
    --------
    >>> class Exp(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         result = x.exp()
    ...         ctx.save_for_backward(result)
    ...         return result
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (result,) = ctx.saved_tensors
    ...         return grad_output * result
    """

    _node_class = _FunctionNode

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls._node_class = type(cls.__name__ + "Backward", (_FunctionNode,), {"function": cls})

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method: "
            f"{type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result from the arguments (and the context, unless there is setup_context).

        Parameters
        ----------
        *args, **kwargs
            The context, and what `apply` was given.

        Returns
        -------
        Tensor or tuple
        """
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Store on `ctx` what backward needs; optional, then forward gets no context.

        Parameters
        ----------
        ctx : FunctionCtx
        inputs : tuple
            The arguments of forward.
        output : Tensor or tuple
            What it returned.
        """
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Return the gradient of each argument of forward, given those of its results.

        Parameters
        ----------
        ctx : FunctionCtx
        *grad_outputs : Tensor or None

        Returns
        -------
        Tensor or None or tuple of them
        """
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def _derivative(cls):
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                f"{cls.__name__}: implementing both 'backward' and 'vjp' for a custom Function is "
                "not allowed. You should only implement one of them."
            )
        return cls.vjp

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record the Function as one step of the graph.

        Parameters
        ----------
        *args, **kwargs
            What forward takes after the context.

        Returns
        -------
        Tensor or tuple
            What forward returns.
        """
        with_context = cls.setup_context is Function.setup_context
        if kwargs or not with_context:
            args = _bind(cls.forward, args, kwargs, with_context)
        tensors = [x if isinstance(x, Tensor) else None for x in args]
        edges = [None if x is None else x._gradient_edge() for x in tensors]
        node = cls._node_class()
        needs = tuple([edge is not None for edge in edges])
        ctx = node.ctx = FunctionCtx(node, needs)
        with _Mode(False):
            if with_context:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        outputs = list(output) if isinstance(output, tuple) else [output]
        _check_dirty(cls.__name__, ctx, tensors, outputs)
        if state.grad and any(needs):
            node._connect(edges)
            node.arguments = [None if x is None else (tuple(x.shape), x.dtype) for x in tensors]
            outputs = _record(node, tensors, outputs)
        else:
            outputs = [_alias_of_input(y, tensors, ctx._dirty) for y in outputs]
        return tuple(outputs) if isinstance(output, tuple) else outputs[0]


def _bind(forward, args, kwargs, with_context):
    """Turn keyword arguments and defaults of forward into positional arguments."""
    bound = inspect.signature(forward).bind(*([None] if with_context else []), *args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{forward.__qualname__}: keyword-only arguments are not supported: "
            f"{', '.join(bound.kwargs)}"
        )
    return bound.args[1:] if with_context else bound.args


def _contains(tensors, tensor) -> bool:
    return any(x is tensor for x in tensors)  # not `in`, which compares elements


def _check_dirty(name, ctx, tensors, outputs):
    """Check what mark_dirty was told, and count the writes."""
    for x in ctx._dirty:
        if not _contains(tensors, x):
            warnings.warn(
                f"{name}: ctx.mark_dirty() received a tensor that was not an input. Only input "
                "Tensors that have been mutated should be passed to ctx.mark_dirty().",
                stacklevel=3,
            )
        if not _contains(outputs, x):
            raise RuntimeError(
                f"{name}: Some elements marked as dirty during the forward method were not "
                "returned as output. The inputs that are modified inplace must all be outputs of "
                "the Function."
            )
        x._cell[0] += 1
        if state.anomaly:
            anomaly.note_write(x._cell)


def _alias_of_input(y, tensors, dirty):
    """Return an alias for an output that is an input, or has a history: it must keep its own."""
    if not isinstance(y, Tensor) or _contains(dirty, y):
        return y
    if not y.requires_grad and not _contains(tensors, y):
        return y
    alias = y.detach()
    alias._base = y if y._base is None else y._base
    return alias


def _record(node, tensors, outputs):
    """Make `node` the history of the outputs, and save what was to be saved."""
    ctx = node.ctx
    sources = [(x, edge) for x, edge in zip(tensors, node.parents, strict=True) if x is not None]
    node.outputs = len(outputs)
    node.results = [(y.shape, y.dtype) if isinstance(y, Tensor) else None for y in outputs]
    results = []
    for number, y in enumerate(outputs):
        dirty = _contains(ctx._dirty, y)
        constant = _contains(ctx._non_differentiable, y)
        y = _alias_of_input(y, tensors, ctx._dirty)
        results.append(y)
        if not isinstance(y, Tensor) or constant or not y.dtype.is_floating_point:
            continue
        if dirty and _contains(tensors, y):
            views.check_writable(node.function.__name__, y)
            views.check_followed(node.function.__name__, y)
        if dirty and y._base is not None:
            if sum(kind is not None for kind in node.results) > 1:
                raise RuntimeError(
                    f"{node.function.__name__}: If your Function modifies inplace an input that is "
                    "a view of another Tensor, your Function cannot return more than one Tensor. "
                    "Use clone() on the input, or split the Function in two."
                )
            sources.append((y, (node, number)))
            position = next(i for i, x in enumerate(tensors) if x is y)
            views.rebase(y, node, position)
        else:
            y._chain = None  # a view made by forward does not follow its base
            views.set_edge(y, (node, number))
            sources.append((y, y._edge))
    edges = {id(x): edge for x, edge in sources}  # the last: a changed input counts as an output
    ctx._saved = [None if x is None else _pack(x, edges, node) for x in ctx._to_save]
    ctx._to_save = ctx._dirty = ctx._non_differentiable = ()
    return results


def _pack(x, edges, own):
    """Take a saved tensor apart: neither it nor its node, if that is `own`, may be held."""
    edge = edges.get(id(x)) or x._gradient_edge()
    node, number = edge or (None, 0)
    return x._array, x._cell, x._cell[0], edge is not None, None if node is own else node, number


def _unpack(own, array, cell, version, differentiable, node, number):
    if cell[0] != version:
        raise RuntimeError(
            f"{own}: one of the variables needed for gradient computation has been modified by an "
            f"inplace operation: a saved tensor, shape {array.shape}, {dtypes.of(array.dtype)}, is "
            f"at version {cell[0]}; expected version {version}."
            + anomaly.history(
                ("It was kept", own.site), ("It was changed", anomaly.writer(cell, version))
            )
        )
    if isinstance(node, AccumulateGrad) and node.memory[0] is array:
        return node.variable
    node = node or own
    edge = (node, number) if differentiable and node is not None else None
    return Tensor._make(Tensor, array, cell, edge)


def _broadcasts(shape, to) -> bool:
    """Whether `shape` broadcasts to the shape `to`."""
    if len(shape) > len(to):
        return False
    return all(n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False))


class _NotTwice(Node):
    """History of gradients from a backward that may be run once only."""

    def __init__(self, edges):
        self._connect(edges)

    def name(self) -> str:
        return "OnceDifferentiable"

    def run(self, grads, needs):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(function):
    """Decorate a backward that uses more than Tensor operations: differentiating it is an error.

    The backward returned runs unrecorded, and an attempt to get a second derivative through it
    raises instead of giving a wrong result.

    Parameters
    ----------
    function : callable
    """

    @functools.wraps(function)
    def once(ctx, *grads):
        with no_grad():
            results = function(ctx, *grads)
        if not state.grad:
            return results
        # Whatever the gradient may depend on leads to the error.
        edges = [g._gradient_edge() for g in grads if isinstance(g, Tensor)]
        edges = [edge for edge in (*edges, *ctx._node().parents) if edge is not None]
        node = _NotTwice(edges)
        wrapped = []
        for g in results if isinstance(results, tuple) else (results,):
            if isinstance(g, Tensor):
                g = g.detach()
                g._edge = (node, 0)
            wrapped.append(g)
        return tuple(wrapped)

    return once
