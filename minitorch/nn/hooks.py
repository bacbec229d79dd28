"""Hooks of modules: what is called before and after `forward`, and when gradients pass."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict

from ..autograd.engine import RemovableHandle
from ..autograd.grad_mode import state
from ..autograd.op import Op
from ..tensor import Tensor

__all__ = [
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
]

# The hooks of every module: number -> (kind, function). One table, so that a call asks once.
every_module: OrderedDict = OrderedDict()
_every_module_options: dict = {}


def add(hooks: OrderedDict, hook, prepend: bool = False) -> RemovableHandle:
    """Put a hook into its table, at the end or in front."""
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module, before its own hooks.

    Parameters
    ----------
    hook : callable
        A result that is not None replaces the arguments.

    Returns
    -------
    RemovableHandle
    """
    return add(every_module, ("forward_pre", hook))


def register_module_forward_hook(
    hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module.

    Parameters
    ----------
    hook : callable
        A result that is not None replaces the output.
    with_kwargs : bool
        Call ``hook(module, args, kwargs, output)``.
    always_call : bool
        Call the hook also when the forward raises.

    Returns
    -------
    RemovableHandle
    """
    handle = add(every_module, ("forward", hook))
    _every_module_options[handle.id] = (with_kwargs, always_call)
    return handle


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module.

    Parameters
    ----------
    hook : callable
        A result that is not None replaces the gradient.

    Returns
    -------
    RemovableHandle
    """
    return add(every_module, ("backward_pre", hook))


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the backward of every module.

    Parameters
    ----------
    hook : callable
        A result that is not None replaces the gradient.

    Returns
    -------
    RemovableHandle
    """
    return add(every_module, ("backward", hook))


def _gather(kind, own):
    """Return the hooks of one kind, (number, function) pairs: those of every module first."""
    shared = [(number, hook) for number, (k, hook) in every_module.items() if k == kind]
    return shared + list(own.items())


def call(module, args, kwargs):
    """Call ``module.forward`` with everything that is hooked to it, and tell the recorder."""
    if state.recorder is None:
        return _guarded(module, args, kwargs)
    with state.recorder.inside(module):
        return _guarded(module, args, kwargs)


def _guarded(module, args, kwargs):
    """Call a module; if it fails, the hooks that are always called are called too."""
    called = set()
    after = _gather("forward", module._forward_hooks)
    options = {**_every_module_options, **module._hook_options}
    try:
        return _call(module, args, kwargs, after, options, called)
    except Exception:
        for number, hook in after:
            with_kwargs, always_call = options.get(number, (False, False))
            if always_call and number not in called:
                try:
                    hook(module, args, kwargs, None) if with_kwargs else hook(module, args, None)
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}"
                    )
        raise


def _call(module, args, kwargs, after, options, called):
    for number, hook in _gather("forward_pre", module._forward_pre_hooks):
        if options.get(number, (False,))[0]:
            replaced = hook(module, args, kwargs)
            if replaced is not None:
                if not isinstance(replaced, tuple) or len(replaced) != 2:
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {replaced}."
                    )
                args, kwargs = replaced
        else:
            replaced = hook(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    full = module._is_full_backward_hook is not False
    hooks = [hook for _, hook in _gather("backward", module._backward_hooks if full else {})]
    pre_hooks = [hook for _, hook in _gather("backward_pre", module._backward_pre_hooks)]
    gradients = BackwardCall(module, hooks, pre_hooks) if hooks or pre_hooks else None
    if gradients is not None:
        args = gradients.enter(args)
    result = module.forward(*args, **kwargs)
    for number, hook in after:
        called.add(number)
        if options.get(number, (False,))[0]:
            replaced = hook(module, args, kwargs, result)
        else:
            replaced = hook(module, args, result)
        if replaced is not None:
            result = replaced
    if gradients is not None:
        result = gradients.leave(result)
    if not full:
        _hook_last_node(module, result)
    return result


def _hook_last_node(module, result):
    """Register the hooks of `Module.register_backward_hook` on the node that made the result."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next(v for v in result.values() if isinstance(v, Tensor))
        else:
            result = result[0]
    if result.grad_fn is not None:
        for hook in module._backward_hooks.values():
            result.grad_fn.register_hook(functools.partial(hook, module))


class Border(Op):
    """Identity of several tensors at once, where gradients entering or leaving a module meet."""

    formula = "dx = g, for each tensor"

    def __init__(self, count):
        self.outputs = count

    def forward(self, *inputs):
        return inputs

    def backward(self, *grads_and_needs):
        return grads_and_needs[:-1]


def _through_border(values: tuple):
    """Pass the tensors among `values` that require grad through a Border.

    Returns
    -------
    values : tuple
        With the tensors that require grad replaced.
    border : Border or None
        None if there are none.
    places : list of int
        Where they are among the values.
    """
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not state.grad or not places:
        return values, None, places
    border = Border(len(places))
    passed = border(*[values[i] for i in places])
    values = list(values)
    for i, tensor in zip(places, passed, strict=True):
        # The same memory with another history: as for a view made without a graph, a write in
        # place would leave one of the histories wrong, and is refused.
        source = values[i]
        tensor._cell = source._cell
        tensor._base = source if source._base is None else source._base
        values[i] = tensor
    return tuple(values), border, places


class BackwardCall:
    """The full backward hooks of one call of a module.

    The inputs pass a Border on the way in and the outputs one on the way out; what arrives at
    these two in a backward walk are the gradients that the hooks are shown.
    """

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.inputs = None  # places of the arguments that require grad; None: there are none
        self.grad_outputs = None

    def enter(self, args):
        """Pass the positional arguments through."""
        self.arguments = len(args)
        self.kinds = {i: (a.shape, a.dtype) for i, a in enumerate(args) if isinstance(a, Tensor)}
        args, border, places = _through_border(args)
        if border is not None:
            self.inputs = places
            border.register_hook(self._inputs_ready)
        return args

    def leave(self, result):
        """Pass the result, a Tensor or a tuple, through."""
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}"
            )
        values, border, places = _through_border(result if isinstance(result, tuple) else (result,))
        if border is not None:
            self.results, self.places = len(values), places
            border.register_prehook(self._outputs_ready)
        return values if isinstance(result, tuple) else values[0]

    def _outputs_ready(self, grads):
        grads = _spread(grads, self.places, self.results)
        for hook in self.pre_hooks:
            replaced = hook(self.module, grads)
            if replaced is not None:
                grads = _as_tuple("Backward pre hook", "grad_output", replaced, self.results)
        self.grad_outputs = grads
        if self.inputs is None:
            for hook in self.hooks:
                replaced = hook(self.module, (None,) * self.arguments, grads)
                if replaced is not None and any(g is not None for g in replaced):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always "
                        "return None or None for all gradients."
                    )
            self.grad_outputs = None
        return tuple(grads[i] for i in self.places)

    def _inputs_ready(self, grad_inputs, _):
        if self.grad_outputs is None:
            return None  # no gradient reached the outputs
        grads = list(_spread(grad_inputs, self.inputs, self.arguments))
        for i, (shape, dtype) in self.kinds.items():
            if grads[i] is None:  # a tensor that no gradient reaches: zero, as in PyTorch
                grads[i] = Tensor._zeros(shape, dtype)
        grads = tuple(grads)
        for hook in self.hooks:
            replaced = hook(self.module, grads, self.grad_outputs)
            if replaced is not None:
                grads = _as_tuple("Backward hook", "grad_input", replaced, self.arguments)
        self.grad_outputs = None
        return tuple(grads[i] for i in self.inputs)


def _spread(grads, places, count):
    """Put gradients at their places among `count` arguments, None elsewhere."""
    spread = [None] * count
    for i, grad in zip(places, grads, strict=True):
        spread[i] = grad
    return tuple(spread)


def _as_tuple(what, name, grads, count):
    grads = grads if isinstance(grads, tuple) else (grads,)
    if len(grads) != count:
        raise RuntimeError(
            f"{what} returned an invalid number of {name}, got {len(grads)}, but expected {count}"
        )
    return grads
