"""Checkpointing: compute a part of a network again in backward, rather than keep what it needs.

The part is run once to find its results and the leaves it reaches (parameters of modules it
calls), and its graph is let go at once. What remains is one node from the inputs and these leaves
to the results, whose backward runs the part again and differentiates that.
"""

from __future__ import annotations

import contextlib

from .. import random
from . import api
from .engine import AccumulateGrad
from .function import Function
from .grad_mode import enable_grad, state

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not do what the first one did."""


def _no_contexts():
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=_no_contexts,
    determinism_check="default",
    debug=False,
    early_stop=True,
    preserve_rng_state=True,
    **kwargs,
):
    """Call a function without keeping what its backward needs: it is run again for that.

    Parameters
    ----------
    function : callable
        Returns a Tensor, or a tuple of Tensors and other things.
    *args, **kwargs
        Its arguments. They and the tensors it uses otherwise must not be changed in place.
    use_reentrant : bool, optional
        Accepted for compatibility. Of PyTorch's two ways there is one here, which like
        ``use_reentrant=False`` supports `autograd.grad` and second derivatives, and needs no
        argument that requires grad.
    context_fn : callable
        Returns two context managers, for the first run and for the second.
    determinism_check : str
        ``"default"`` compares shapes and types of the results of both runs, ``"none"`` does not.
    debug, early_stop : bool
        Accepted for compatibility.
    preserve_rng_state : bool
        Let the second run see the random numbers of the first.

    Returns
    -------
    Tensor or tuple
        ``function(*args, **kwargs)``.

    Raises
    ------
    CheckpointError
        In backward, if the function returns something else than before.
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"checkpoint: determinism_check must be 'default' or 'none', got {determinism_check!r}"
        )
    first, second = context_fn()
    if not state.grad:
        with first:
            return function(*args, **kwargs)
    part = _Part(function, args, kwargs, second, determinism_check == "default")
    part.rng_state = random.get_rng_state() if preserve_rng_state else None
    with first:
        results, inputs = part.run(args, recorded=False)
    single = not isinstance(results, tuple)
    results = (results,) if single else results
    own = {id(x) for x in inputs}
    part.leaves = [x for x in _leaves_below(results) if id(x) not in own]
    part.kinds = [_kind(y) for y in results]
    part.constant = [isinstance(y, api.Tensor) and not y.requires_grad for y in results]
    results = tuple(y.detach() if isinstance(y, api.Tensor) else y for y in results)
    results = _Checkpoint.apply(part, results, *args, *part.leaves)
    return results[0] if single else results


class _Part:
    """The function, and what is needed to run it again."""

    def __init__(self, function, args, kwargs, context, checked):
        self.function, self.kwargs = function, kwargs
        self.others = [None if isinstance(x, api.Tensor) else x for x in args]
        self.context, self.checked = context, checked

    def run(self, args, recorded):
        """Call the function; return its results and the tensors it was called with.

        Those are differentiated by. They are tensors of its own, unless the walk is recorded:
        then they lead to the history of `args`.
        """
        inputs = []
        for x in args:
            if isinstance(x, api.Tensor) and x.requires_grad:
                x = x.view_as(x) if recorded else x.detach().requires_grad_()
            inputs.append(x)
        return self.function(*inputs, **self.kwargs), inputs

    def run_again(self, args, recorded):
        forked = contextlib.nullcontext() if self.rng_state is None else random.fork_rng()
        with forked, self.context, enable_grad():
            if self.rng_state is not None:
                random.set_rng_state(self.rng_state)
            results, inputs = self.run(args, recorded)
        results = results if isinstance(results, tuple) else (results,)
        kinds = [_kind(y) for y in results]
        if self.checked and kinds != self.kinds:
            raise CheckpointError(
                "checkpoint: the function returned something else when it was run again for "
                f"backward: {kinds}, and {self.kinds} before"
            )
        return results, inputs


class _Checkpoint(Function):
    @staticmethod
    def forward(ctx, part, results, *tensors):
        ctx.part = part
        ctx.mark_non_differentiable(
            *[y for y, constant in zip(results, part.constant, strict=True) if constant]
        )
        count = len(part.others)
        ctx.save_for_backward(*[x if isinstance(x, api.Tensor) else None for x in tensors[:count]])
        return results

    @staticmethod
    def backward(ctx, *grads):
        part, recorded = ctx.part, state.grad
        saved = zip(ctx.saved_tensors, part.others, strict=True)
        args = [other if x is None else x for x, other in saved]
        results, inputs = part.run_again(args, recorded)
        pairs = [
            (y, g)
            for y, g in zip(results, grads, strict=True)
            if isinstance(y, api.Tensor) and y.requires_grad
        ]
        candidates = [*inputs, *part.leaves]
        wanted = [x for x in candidates if isinstance(x, api.Tensor) and x.requires_grad]
        found = {}
        if pairs and wanted:
            roots, vectors = zip(*pairs, strict=True)
            # The walk may reach the graph that tensors used by the function come from: keep it.
            options = {"retain_graph": True, "create_graph": recorded, "allow_unused": True}
            with _hooks_left_out(part.leaves):
                results = api.grad(roots, wanted, vectors, **options)
            found = {id(x): g for x, g in zip(wanted, results, strict=True)}
        return (None, None, *[found.get(id(x)) for x in candidates])


@contextlib.contextmanager
def _hooks_left_out(leaves):
    """Leave the hooks of leaves to the walk that the checkpoint is part of: they run once."""
    nodes = [leaf._gradient_edge()[0] for leaf in leaves]
    hooks = [node.tensor_hooks for node in nodes]
    for node in nodes:
        node.tensor_hooks = None
    try:
        yield
    finally:
        for node, before in zip(nodes, hooks, strict=True):
            node.tensor_hooks = before


def _kind(y):
    return (tuple(y.shape), y.dtype) if isinstance(y, api.Tensor) else type(y)


def _leaves_below(results):
    """Return the leaves that the gradients of `results` would reach."""
    stack = [y.grad_fn for y in results if isinstance(y, api.Tensor) and y.grad_fn is not None]
    leaves = [y for y in results if isinstance(y, api.Tensor) and y.requires_grad and y.is_leaf]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if isinstance(node, AccumulateGrad):
            leaves.append(node.variable)
        for edge in node.parents:
            if edge and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return list({id(x): x for x in leaves}.values())


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Call functions one after another, checkpointed in segments.

    Parameters
    ----------
    functions : Sequential or sequence of callable
    segments : int
        How many parts to make. The last one is not checkpointed.
    input : Tensor
        What the first function gets.
    use_reentrant, preserve_rng_state
        As in `checkpoint`.

    Returns
    -------
    Tensor
        What the last function returns.
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"checkpoint_sequential: unexpected arguments {', '.join(kwargs)}")
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    if not 1 <= segments <= max(len(functions), 1):
        raise ValueError(
            f"checkpoint_sequential: segments must be from 1 to {len(functions)}, got {segments}"
        )
    size = len(functions) // segments

    def part(start, end):
        def run(x):
            for function in functions[start:end]:
                x = function(x)
            return x

        return run

    start = 0
    for _ in range(segments - 1):
        input = checkpoint(part(start, start + size), input, preserve_rng_state=preserve)
        start += size
    return part(start, len(functions))(input)
