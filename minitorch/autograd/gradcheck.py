"""Derivatives compared with finite differences.

The numerical derivative is a central difference, (f(x + eps) - f(x - eps)) / 2 eps. `gradcheck`
compares whole Jacobians, element by element, or in fast mode their product with a random vector on
either side. `gradgradcheck` applies it to the function that computes the gradient.
"""

from __future__ import annotations

import warnings

import numpy as np

from . import api, op

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative is wrong."""


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    fast_mode=False,
):
    """Check the gradients of a function against finite differences.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to check; the gradients with respect to those that require grad are checked. They
        should be float64.
    eps : float
        Step of the finite difference.
    atol, rtol : float
        Tolerances: ``|analytical - numerical| <= atol + rtol * |numerical|``.
    raise_exception : bool
        Raise if a gradient is wrong, rather than return False.
    nondet_tol : float
        By how much a second backward pass may differ from the first.
    fast_mode : bool
        Compare the product of each Jacobian with a random vector on either side, which takes two
        calls of `func` per input instead of two per element.

    Returns
    -------
    bool
        Whether all gradients are right.

    Raises
    ------
    GradcheckError
        If one is wrong and `raise_exception` is True.
    """
    inputs = _as_tuple(inputs)
    check = _Check(func, inputs, eps, atol, rtol, nondet_tol)
    return _verdict(check, fast_mode, raise_exception)


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    fast_mode=False,
):
    """Check the gradients of the gradients of a function against finite differences.

    Parameters
    ----------
    func : callable
        Takes Tensors and returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to check; the gradients with respect to those that require grad are checked. They
        should be float64.
    grad_outputs : Tensor or tuple of Tensor, optional
        The vectors of the vector-Jacobian product whose derivative is checked, with respect to them
        too. Default: random.
    gen_non_contig_grad_outputs : bool
        Make the random ones not contiguous.
    eps, atol, rtol, raise_exception, nondet_tol, fast_mode
        As in `gradcheck`.

    Returns
    -------
    bool
        Whether all second derivatives are right.

    Raises
    ------
    GradcheckError
        If one is wrong and `raise_exception` is True.
    """
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        outputs = [y for y in _as_tuple(func(*inputs)) if y.requires_grad]
        grad_outputs = [_random_like(y, gen_non_contig_grad_outputs) for y in outputs]
    else:
        grad_outputs = [g.detach().requires_grad_() for g in _as_tuple(grad_outputs)]

    def gradient(*arguments):
        given, grads = arguments[: len(inputs)], arguments[len(inputs) :]
        wanted = [x for x in given if isinstance(x, op.Tensor) and x.requires_grad]
        outputs = [y for y in _as_tuple(func(*given)) if y.requires_grad]
        results = api.grad(outputs, wanted, grads, create_graph=True, allow_unused=True)
        return tuple(g for g in results if g is not None)

    check = _Check(gradient, (*inputs, *grad_outputs), eps, atol, rtol, nondet_tol)
    return _verdict(check, fast_mode, raise_exception)


def _verdict(check, fast_mode, raise_exception):
    try:
        (check.projections if fast_mode else check.jacobians)()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _as_tuple(tensors):
    return (tensors,) if isinstance(tensors, op.Tensor) else tuple(tensors)


def _random_like(tensor, non_contiguous):
    array = np.random.default_rng(0).standard_normal(tensor.shape).astype(tensor.dtype.numpy)
    if non_contiguous:
        array = np.repeat(array[..., None], 2, axis=-1)[..., 0]
    return op.Tensor._wrap(array).requires_grad_()


class _Check:
    """The function and the point; outputs that are not floating-point are left out."""

    def __init__(self, func, inputs, eps, atol, rtol, nondet_tol):
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.leaves = [
            (number, x)
            for number, x in enumerate(inputs)
            if isinstance(x, op.Tensor) and x.requires_grad
        ]
        if not self.leaves:
            raise ValueError("gradcheck: at least one input must require grad")
        for number, x in self.leaves:
            if x._array.dtype != np.float64:
                warnings.warn(
                    f"gradcheck: input {number} is {x.dtype}; with less than float64 the check "
                    "will likely fail",
                    stacklevel=4,
                )
            if any(s == 0 and n > 1 for s, n in zip(x._array.strides, x.shape, strict=True)):
                raise ValueError(
                    f"gradcheck: input {number} has elements that share memory (expand); "
                    "use clone() first"
                )

    def outputs(self):
        results = _as_tuple(self.func(*self.inputs))
        return [y for y in results if y.dtype.is_floating_point]

    def values(self):
        return [y._array.copy() for y in self.outputs()]

    def shifted(self, array, direction):
        """Return the outputs' central differences along a direction of one input's array."""
        original = array.copy()
        try:
            array[...] = original + self.eps * direction
            above = self.values()
            array[...] = original - self.eps * direction
            below = self.values()
        finally:
            array[...] = original
        return [(a - b) / (2 * self.eps) for a, b in zip(above, below, strict=True)]

    def backward(self, outputs, cotangents):
        """Return the gradient arrays of all leaves, for cotangents of some outputs."""
        leaves = [x for _, x in self.leaves]
        used = [
            (y, op.Tensor._wrap(g))
            for y, g in zip(outputs, cotangents, strict=True)
            if g is not None and y.requires_grad
        ]
        grads = [None] * len(leaves)
        if used:
            roots, given = zip(*used, strict=True)
            grads = api.grad(roots, leaves, given, retain_graph=True, allow_unused=True)
        for (number, x), g in zip(self.leaves, grads, strict=True):
            if g is not None and (g.shape != x.shape or g.dtype is not x.dtype):
                raise GradcheckError(
                    f"gradcheck: the gradient of input {number} has shape {tuple(g.shape)} and "
                    f"{g.dtype}, the input {tuple(x.shape)} and {x.dtype}"
                )
        return [
            np.zeros(x.shape) if g is None else g._array.copy()
            for (_, x), g in zip(self.leaves, grads, strict=True)
        ]

    def repeatable(self, outputs, cotangents):
        """Run backward twice; return what came out, raise if the runs differ."""
        first, second = (self.backward(outputs, cotangents) for _ in range(2))
        for (number, _), one, other in zip(self.leaves, first, second, strict=True):
            # Not a difference, which would be NaN where both are infinite.
            if not np.allclose(one, other, rtol=0, atol=self.nondet_tol, equal_nan=True):
                raise GradcheckError(
                    f"gradcheck: two backward passes give different gradients of input {number}, "
                    f"by more than nondet_tol={self.nondet_tol}"
                )
        return first

    def jacobians(self):
        outputs = self.outputs()
        analytical = [self.analytical(outputs, k) for k in range(len(outputs))]
        for i, (number, x) in enumerate(self.leaves):
            numerical = self.numerical(x._array, outputs)
            for k in range(len(outputs)):
                self.compare(k, number, x, outputs[k], analytical[k][i], numerical[k])

    def numerical(self, array, outputs):
        """Return the Jacobian of every output by one input, rows per output element."""
        columns = []
        for at in np.ndindex(array.shape):
            direction = np.zeros(array.shape)
            direction[at] = 1
            columns.append(self.shifted(array, direction))
        return [
            np.array([column[k].ravel() for column in columns]).reshape(array.size, -1).T
            for k in range(len(outputs))
        ]

    def analytical(self, outputs, k):
        """Return the Jacobians of output k by every leaf."""
        cotangents = [None] * len(outputs)
        rows = []
        for at in np.ndindex(*outputs[k].shape):
            cotangents[k] = np.zeros(outputs[k].shape, outputs[k].dtype.numpy)
            cotangents[k][at] = 1
            run = self.backward if rows else self.repeatable
            rows.append([g.ravel() for g in run(outputs, cotangents)])
        return [
            np.array([row[i] for row in rows]).reshape(len(rows), x.numel())
            for i, (_, x) in enumerate(self.leaves)
        ]

    def compare(self, k, number, x, output, analytical, numerical):
        bound = self.atol + self.rtol * np.abs(numerical)
        # A NaN on one side only is wrong; so is any difference that is not within the bound.
        wrong = ~(np.abs(analytical - numerical) <= bound)
        wrong &= ~(np.isnan(analytical) & np.isnan(numerical))
        if not wrong.any():
            return
        row, column = np.argwhere(wrong)[0]
        raise GradcheckError(
            f"gradcheck: Jacobian mismatch for output {k} with respect to input {number}: "
            f"{wrong.sum()} of {wrong.size} entries, the first for output element "
            f"{_place(row, output)} and input element {_place(column, x)}: "
            f"numerical {numerical[row, column]:.9g}, analytical {analytical[row, column]:.9g}"
        )

    def projections(self):
        rng = np.random.default_rng(0)
        outputs = self.outputs()
        cotangents = [_unit(rng, y) for y in outputs]
        grads = self.repeatable(outputs, cotangents)
        for (number, x), grad in zip(self.leaves, grads, strict=True):
            direction = _unit(rng, x)
            changes = self.shifted(x._array, direction)
            numerical = sum(
                np.sum(u * change) for u, change in zip(cotangents, changes, strict=True)
            )
            analytical = np.sum(grad * direction)
            if not abs(analytical - numerical) <= self.atol + self.rtol * abs(numerical):
                raise GradcheckError(
                    f"gradcheck: the gradient of input {number} is wrong: along a random direction "
                    f"numerical {numerical:.9g}, analytical {analytical:.9g}"
                )


def _unit(rng, tensor):
    vector = rng.standard_normal(tensor.shape)
    return (vector / max(np.linalg.norm(vector), 1e-300)).astype(tensor.dtype.numpy)


def _place(flat, tensor):
    return tuple(int(i) for i in np.unravel_index(flat, tensor.shape))
