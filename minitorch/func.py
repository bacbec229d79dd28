"""``torch.func``: transformations of functions."""

from __future__ import annotations

import functools

from .autograd import api, functional
from .autograd.engine import AccumulateGrad
from .autograd.grad_mode import enable_grad
from .nn.utils.stateless import functional_call
from .ops import stack
from .tensor import Tensor

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "vjp",
    "vmap",
]

_depth = 0  # of transformations being executed


# ---- nested tuples, lists and dicts of tensors


def _leaves(tree):
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in _leaves(value)]
    if isinstance(tree, (list, tuple)):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]


def _mapped(function, tree):
    if isinstance(tree, dict):
        return type(tree)((key, _mapped(function, value)) for key, value in tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_mapped(function, value) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(function, value) for value in tree)
    return function(tree)


def _rebuilt(tree, leaves):
    found = iter(leaves)
    return _mapped(lambda _: next(found), tree)


# ---- gradients


def _own(x):
    """Return a tensor to differentiate by, connected to `x` if that is itself differentiated."""
    if not isinstance(x, Tensor):
        raise TypeError(f"func: can only differentiate by Tensors, got {type(x).__name__}")
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def _leads_elsewhere(outputs, own) -> bool:
    """Whether outputs depend on leaves other than those that were made here."""
    ours = {id(x._gradient_edge()[0]) for x in own}
    seen, todo = set(ours), [y._gradient_edge()[0] for y in outputs if y.requires_grad]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, AccumulateGrad):
            return True
        todo += [edge[0] for edge in node.parents if edge is not None]
    return False


class _Differentiated:
    """A call of a function, some arguments of which are differentiated by."""

    def __init__(self, func, argnums, args, kwargs, has_aux=False):
        global _depth
        self.single = isinstance(argnums, int)
        self.numbers = [n % len(args) for n in ((argnums,) if self.single else argnums)]
        args = list(args)
        for n in self.numbers:
            args[n] = _mapped(_own, args[n])
        self.inputs = [args[n] for n in self.numbers]
        self.leaves = [leaf for tree in self.inputs for leaf in _leaves(tree)]
        _depth += 1
        try:
            with enable_grad():
                result = func(*args, **kwargs)
        finally:
            _depth -= 1
        self.aux = None
        if has_aux:
            result, self.aux = result
        self.result = result
        self.outputs = _leaves(result)
        nested = any(x.grad_fn is not None for x in self.leaves)
        self.create_graph = nested or _depth > 0 or _leads_elsewhere(self.outputs, self.leaves)

    def gradients(self, outputs, vectors):
        """Return vectors times the Jacobian, in the form of the differentiated arguments."""
        pairs = [(y, v) for y, v in zip(outputs, vectors, strict=True) if y.requires_grad]
        grads = [None] * len(self.leaves)
        if pairs:
            ys, vs = zip(*pairs, strict=True)
            with enable_grad():
                grads = api.grad(
                    ys, self.leaves, vs, retain_graph=True, create_graph=self.create_graph,
                    allow_unused=True,
                )  # fmt: skip
        leaves = [
            Tensor._zeros(x.shape, x.dtype) if g is None else g
            for x, g in zip(self.leaves, grads, strict=True)
        ]
        found = iter(leaves)
        trees = tuple(_mapped(lambda _: next(found), tree) for tree in self.inputs)
        return trees[0] if self.single else trees

    def plain(self, tree):
        """Return results as the caller sees them: recorded only if something outside asks."""
        if self.create_graph:
            return tree
        return _mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, tree)


def grad_and_value(func, argnums=0, has_aux: bool = False):
    """Return a function that computes the gradient of `func`, and its value.

    Parameters
    ----------
    func : callable
        Returns a Tensor of one element, or a pair of it and anything else if `has_aux`.
    argnums : int or tuple of int
        The arguments to differentiate by: Tensors, or tuples, lists and dicts of them.
    has_aux : bool

    Returns
    -------
    callable
        Returns (gradient, value), or (gradient, (value, auxiliary)).
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        call = _Differentiated(func, argnums, args, kwargs, has_aux)
        if not isinstance(call.result, Tensor) or call.result.numel() != 1:
            got = tuple(call.result.shape) if isinstance(call.result, Tensor) else call.result
            raise RuntimeError(f"grad: expected f(*args) to return a scalar tensor, got {got}")
        one = Tensor._ones(call.result.shape, call.result.dtype)
        gradient = call.gradients([call.result], [one])
        value = call.plain(call.result)
        return gradient, ((value, call.plain(call.aux)) if has_aux else value)

    return wrapped


def grad(func, argnums=0, has_aux: bool = False):
    """Return a function that computes the gradient of `func`; it can be nested.

    Parameters
    ----------
    func : callable
        Returns a Tensor of one element, or a pair of it and anything else if `has_aux`.
    argnums : int or tuple of int
        The arguments to differentiate by: Tensors, or tuples, lists and dicts of them.
    has_aux : bool

    Returns
    -------
    callable
        Returns the gradient, or (gradient, auxiliary).
    """
    compute = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        gradient, value = compute(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def vjp(func, *primals, has_aux: bool = False):
    """Return the value of a function, and a function that multiplies with its Jacobian.

    Parameters
    ----------
    func : callable
    *primals : any
        Tensors, or tuples, lists and dicts of them: where to differentiate.
    has_aux : bool
        Whether `func` returns a pair of its result and anything else.

    Returns
    -------
    output : any
    vjp_fn : callable
        From vectors of the form of the output to a tuple of the form of `primals`.
    """
    call = _Differentiated(func, tuple(range(len(primals))), primals, {}, has_aux)

    def vjp_fn(*cotangents):
        vectors = _leaves(cotangents[0] if len(cotangents) == 1 else cotangents)
        return call.gradients(call.outputs, vectors)

    if has_aux:
        return call.plain(call.result), vjp_fn, call.plain(call.aux)
    return call.plain(call.result), vjp_fn


def jvp(func, primals, tangents):
    """Return the value of a function, and its derivative in a direction.

    Parameters
    ----------
    func : callable
        From Tensors to a Tensor, or a tuple of them.
    primals, tangents : tuple of Tensor
        Where, and in which direction.

    Returns
    -------
    output, jvp_out : Tensor or tuple of Tensor
    """
    recorded = _depth > 0 or any(x.requires_grad for x in (*primals, *tangents))
    return functional.jvp(func, tuple(primals), tuple(tangents), create_graph=recorded)


def jacrev(func, argnums=0, has_aux: bool = False):
    """Return a function that computes the Jacobian of `func`, one backward pass per element.

    Parameters
    ----------
    func : callable
        Returns a Tensor, or tuples, lists and dicts of them; or a pair of that and anything else.
    argnums : int or tuple of int
        The arguments to differentiate by.
    has_aux : bool

    Returns
    -------
    callable
        Returns the Jacobian: for each output, in the form of the arguments, output.shape +
        input.shape.
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        call = _Differentiated(func, argnums, args, kwargs, has_aux)
        result = _mapped(lambda y: _jacobian(call, y), call.result)
        return (result, call.plain(call.aux)) if has_aux else result

    return wrapped


def _jacobian(call, y):
    """Return the Jacobian of one output."""
    rows = []
    for i in range(y.numel()):
        one = Tensor._zeros((y.numel(),), y.dtype)
        one._array[i] = 1
        rows.append(call.gradients([y], [one.reshape(y.shape)]))
    columns = [_leaves(row) for row in rows]
    joined = [
        stack([row[k] for row in columns]).reshape((*y.shape, *leaf.shape))
        for k, leaf in enumerate(columns[0])
    ]
    return _rebuilt(rows[0], joined)


def jacfwd(func, argnums=0, has_aux: bool = False, **options):
    """Return a function that computes the Jacobian of `func`; here it is `jacrev`.

    Parameters
    ----------
    func, argnums, has_aux
        As of `jacrev`.
    **options
        Accepted.
    """
    return jacrev(func, argnums, has_aux)


def hessian(func, argnums=0):
    """Return a function that computes the Hessian of `func`: the Jacobian of its Jacobian.

    Parameters
    ----------
    func, argnums
        As of `jacrev`.

    Returns
    -------
    callable
        Its result has the shape of the output, then twice that of the argument.
    """
    return jacrev(jacrev(func, argnums), argnums)


# ---- batches


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size=None):
    """Return a function that applies `func` to each element of a batch and stacks the results.

    One call per element: this is for programs that need the form, and no faster than a loop.

    Parameters
    ----------
    func : callable
    in_dims : int, None or nested
        The dimension of each argument that counts the batch; None: the argument is the same for
        all.
    out_dims : int or tuple of int
        Where that dimension goes in the results.
    randomness : str
        Accepted.
    chunk_size : int, optional
        Accepted.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If nothing is batched, or sizes differ.
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(f"vmap: in_dims has {len(dims)} entries for {len(args)} arguments")
        flat = [_with_dims(arg, dim) for arg, dim in zip(args, dims, strict=True)]
        sizes = {x.shape[d] for pairs in flat for x, d in pairs if d is not None}
        if len(sizes) != 1:
            raise ValueError(
                f"vmap: expected all tensors to have the same size in the mapped dimension, and at "
                f"least one to be mapped, got sizes {sorted(sizes)}"
            )
        results = []
        for i in range(sizes.pop()):
            one = [
                _rebuilt(arg, [x if d is None else x.select(d, i) for x, d in pairs])
                for arg, pairs in zip(args, flat, strict=True)
            ]
            results.append(func(*one, **kwargs))
        return _stacked(results, out_dims)

    return wrapped


def _with_dims(tree, dim):
    """Return pairs of leaf and dimension."""
    if isinstance(dim, (tuple, list)):
        return [p for part, d in zip(tree, dim, strict=True) for p in _with_dims(part, d)]
    if isinstance(dim, dict):
        return [p for key, part in tree.items() for p in _with_dims(part, dim[key])]
    return [(leaf, dim if isinstance(leaf, Tensor) else None) for leaf in _leaves(tree)]


def _stacked(results, out_dims):
    leaves = [_leaves(result) for result in results]
    dims = out_dims
    if isinstance(out_dims, int):
        dims = [out_dims] * len(leaves[0])
    joined = [
        stack([row[k] for row in leaves], dim)
        for k, dim in zip(range(len(leaves[0])), dims, strict=True)
    ]
    return _rebuilt(results[0], joined)


def stack_module_state(models):
    """Return the parameters, and the buffers, of modules of one kind, stacked, by name.

    Parameters
    ----------
    models : sequence of Module
        At least one.

    Returns
    -------
    parameters, buffers : dict
        Each tensor has one dimension more in front.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    tables = []
    for kind in ("named_parameters", "named_buffers"):
        named = [dict(getattr(model, kind)()) for model in models]
        stacked = {name: stack([d[name] for d in named]).detach() for name in named[0]}
        tables.append(stacked)
    for name, value in tables[0].items():
        value.requires_grad_(dict(models[0].named_parameters())[name].requires_grad)
    return tuple(tables)
