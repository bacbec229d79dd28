"""Derivatives compared with finite differences.

The numerical derivative is a central difference, (f(x + eps) - f(x - eps)) / 2 eps, whose error is
of order eps². `gradcheck` compares whole Jacobians, element by element, and then one product with a
random cotangent, which a backward that is right for unit vectors only would fail. In fast mode it
compares just a product with random vectors on both sides. `gradgradcheck` applies the same check to
the function that computes the gradient.
"""

from __future__ import annotations

import warnings

import numpy as np

from . import api
from .grad_mode import enable_grad

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
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Check the gradients of a function against finite differences.

    Parameters
    ----------
    func : callable
        Takes `inputs` and returns a Tensor or a sequence of Tensors. Outputs that do not require
        grad are not checked.
    inputs : Tensor or sequence
        Where to check. The gradients with respect to the tensors that require grad are checked;
        they should be float64. They are moved in place, by `eps`, and restored.
    eps : float
        Step of the finite difference.
    atol, rtol : float
        Tolerances: ``|analytical - numerical| <= atol + rtol * |numerical|``.
    raise_exception : bool
        Raise if a gradient is wrong, rather than return False.
    nondet_tol : float
        By how much a second backward pass may differ from the first.
    check_undefined_grad : bool
        Of several outputs differentiate one while the others receive no gradient at all, rather
        than zeros.
    check_grad_dtypes : bool
        Also check that each gradient has the type of its input.
    check_batched_grad, check_batched_forward_grad, check_forward_ad : bool
        Not supported; must be False.
    check_backward_ad : bool
        Must be True.
    fast_mode : bool
        Compare the product of each Jacobian with random vectors on both sides, which takes two
        calls of `func` per input instead of two per element, and finds less.
    masked : bool, optional
        Accepted for compatibility; concerns sparse tensors only.

    Returns
    -------
    bool
        Whether all gradients are right.

    Raises
    ------
    GradcheckError
        If one is wrong and `raise_exception` is True. The message names the output, the input, the
        elements, and both values.
    ValueError
        If no input requires grad.
    """
    if check_batched_grad or check_forward_ad or check_batched_forward_grad:
        raise NotImplementedError("gradcheck: there is no forward mode and no batched gradient")
    if not check_backward_ad:
        raise ValueError("gradcheck: expected at least one of forward and backward mode")
    settings = {"undefined": check_undefined_grad, "dtypes": check_grad_dtypes}
    check = _Check("gradcheck", func, inputs, eps, atol, rtol, nondet_tol, **settings)
    return check.verdict(fast_mode, raise_exception)


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
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """Check the gradients of the gradients of a function against finite differences.

    Parameters
    ----------
    func : callable
        Takes `inputs` and returns a Tensor or a sequence of Tensors.
    inputs : Tensor or sequence
        Where to check, see `gradcheck`.
    grad_outputs : Tensor or sequence of Tensor, optional
        The vectors of the vector-Jacobian product whose derivative is checked, with respect to
        them as well. Default: random.
    gen_non_contig_grad_outputs : bool
        Make the random ones not contiguous.
    check_fwd_over_rev, check_batched_grad : bool
        Not supported; must be False.
    check_rev_over_rev : bool
        Must be True.
    eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes
        As in `gradcheck`.
    fast_mode, masked
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
    if check_batched_grad or check_fwd_over_rev:
        raise NotImplementedError("gradgradcheck: there is no forward mode and no batched gradient")
    if not check_rev_over_rev:
        raise ValueError("gradgradcheck: expected at least one of forward and reverse over reverse")
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        rng = _random()
        outputs = _differentiable(func(*inputs))
        grad_outputs = [_random_like(rng, y, gen_non_contig_grad_outputs) for y in outputs]
    else:
        grad_outputs = [g.detach().requires_grad_() for g in _as_tuple(grad_outputs)]

    def gradient(*arguments):
        given, grads = arguments[: len(inputs)], arguments[len(inputs) :]
        wanted = [x for x in given if _requires_grad(x)]
        outputs = _differentiable(func(*given))
        results = api.grad(outputs, wanted, grads, create_graph=True, allow_unused=True)
        return tuple(g for g in results if g is not None)

    arguments = (*inputs, *grad_outputs)
    settings = {"undefined": check_undefined_grad, "dtypes": check_grad_dtypes}
    check = _Check("gradgradcheck", gradient, arguments, eps, atol, rtol, nondet_tol, **settings)
    check.all_outputs = True  # a gradient that does not require grad may have been cut off
    return check.verdict(fast_mode, raise_exception)


def _as_tuple(values):
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def _requires_grad(x) -> bool:
    return isinstance(x, api.Tensor) and x.requires_grad


def _differentiable(outputs) -> list:
    outputs = _as_tuple(outputs)
    for y in outputs:
        if not isinstance(y, api.Tensor):
            raise ValueError(f"gradcheck: func must return Tensors, got {type(y).__name__}")
    return [y for y in outputs if y.requires_grad]


def _random():
    # A seed nobody uses for data: cotangents equal to the inputs would hide mistakes.
    return np.random.default_rng(0x6D696E69)


def _random_like(rng, tensor, non_contiguous):
    array = rng.standard_normal(tensor.shape).astype(tensor.dtype.numpy)
    if non_contiguous:
        array = np.repeat(array[..., None], 2, axis=-1)[..., 0]
    return api.Tensor._wrap(array).requires_grad_()


class _Check:
    """A function, the point at which it is checked, and how strictly."""

    all_outputs = False  # also those that do not require grad: their derivative must be 0

    def __init__(self, name, func, inputs, eps, atol, rtol, nondet_tol, undefined, dtypes):
        self.name, self.func, self.inputs = name, func, _as_tuple(inputs)
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.undefined, self.dtypes = undefined, dtypes
        self.numbers = [i for i, x in enumerate(self.inputs) if _requires_grad(x)]
        self.leaves = [self.inputs[i] for i in self.numbers]
        if not self.leaves:
            raise ValueError(
                f"{name}: expects at least one input tensor to require gradient, but none of them "
                "have requires_grad=True"
            )
        for i, x in zip(self.numbers, self.leaves, strict=True):
            self._check_input(i, x)

    def _check_input(self, number, x):
        if x._array.dtype != np.float64:
            warnings.warn(
                f"{self.name}: input #{number} requires gradient and is {x.dtype}, not double "
                "precision; the check will likely fail",
                stacklevel=5,
            )
        steps = zip(x._array.strides, x.shape, strict=True)
        if x.numel() and any(step == 0 and n > 1 for step, n in steps):
            raise RuntimeError(
                f"{self.name}: input #{number}, shape {tuple(x.shape)}, has a dimension with "
                "stride 0, whose elements share memory: call contiguous() on it first"
            )
        if not x._array.flags.writeable:
            raise RuntimeError(
                f"{self.name}: input #{number} is read-only, but elements must be moved by eps"
            )

    def verdict(self, fast_mode, raise_exception):
        """Run the check; return False for a wrong derivative unless it should raise."""
        try:
            with enable_grad():
                (self.check_products if fast_mode else self.check_jacobians)()
        except GradcheckError:
            if raise_exception:
                raise
            return False
        return True

    # ---- the two derivatives

    def outputs(self):
        """Call the function; return (number, tensor) of the outputs that are checked.

        If no output requires grad, that is all floating-point ones.
        """
        outputs = _as_tuple(self.func(*self.inputs))
        found = _differentiable(outputs)
        if self.all_outputs or not found:
            found = [y for y in outputs if y.is_floating_point()]
        kept = {id(y) for y in found}
        return [(k, y) for k, y in enumerate(outputs) if id(y) in kept]

    def difference(self, leaf, direction):
        """Return the central difference of each output along a direction of one input."""
        array, original = leaf._array, leaf._array.copy()
        try:
            array[...] = original + self.eps * direction
            above = [y._array.copy() for _, y in self.outputs()]
            array[...] = original - self.eps * direction
            below = [y._array.copy() for _, y in self.outputs()]
        finally:
            array[...] = original
        return [(a - b) / (2 * self.eps) for a, b in zip(above, below, strict=True)]

    def backward(self, outputs, cotangents):
        """Return the arrays of all inputs' gradients; a cotangent may be None."""
        used = [
            (y, api.Tensor._wrap(v))
            for (_, y), v in zip(outputs, cotangents, strict=True)
            if v is not None and y.requires_grad
        ]
        grads = [None] * len(self.leaves)
        if used:
            roots, given = zip(*used, strict=True)
            grads = api.grad(roots, self.leaves, given, retain_graph=True, allow_unused=True)
        for i, x, g in zip(self.numbers, self.leaves, grads, strict=True):
            if g is not None:
                self._check_kind(i, x, g)
        return [
            np.zeros(x.shape) if g is None else g._array.copy()
            for x, g in zip(self.leaves, grads, strict=True)
        ]

    def _check_kind(self, number, x, grad):
        if grad.shape != x.shape:
            raise GradcheckError(
                f"{self.name}: the gradient of input {number} has shape {tuple(grad.shape)}, the "
                f"input {tuple(x.shape)}"
            )
        if self.dtypes and grad.dtype is not x.dtype:
            raise GradcheckError(
                f"{self.name}: the gradient of input {number} is {grad.dtype}, the input {x.dtype}"
            )

    def repeated(self, outputs, cotangents):
        """Run backward twice and return the result; raise if the runs differ."""
        first, second = (self.backward(outputs, cotangents) for _ in range(2))
        for i, one, other in zip(self.numbers, first, second, strict=True):
            if not np.allclose(one, other, rtol=0, atol=self.nondet_tol, equal_nan=True):
                raise GradcheckError(
                    f"{self.name}: backward is not reentrant: two runs with the same gradients "
                    f"give different gradients of input {i}, by more than "
                    f"nondet_tol={self.nondet_tol}"
                )
        return first

    # ---- every element

    def check_jacobians(self):
        """Compare the Jacobian of every output with respect to every input."""
        outputs = self.outputs()
        analytical = [self.analytical(outputs, k) for k in range(len(outputs))]
        combined = self.combined(outputs)
        for i, (number, x) in enumerate(zip(self.numbers, self.leaves, strict=True)):
            numerical = self.numerical(x, outputs)
            for k, (output_number, y) in enumerate(outputs):
                where = (output_number, y, number, x)
                self.compare(where, analytical[k][i], numerical[k])
            self.compare_combined(number, x, [a[i] for a in analytical], combined[i])

    def numerical(self, x, outputs):
        """Return the Jacobian of every output with respect to one input: (outputs, inputs)."""
        jacobians = [np.zeros((y.numel(), x.numel())) for _, y in outputs]
        for column, index in enumerate(np.ndindex(x.shape)):
            direction = np.zeros(x.shape)
            direction[index] = 1
            for jacobian, change in zip(jacobians, self.difference(x, direction), strict=True):
                jacobian[:, column] = change.ravel()
        return jacobians

    def analytical(self, outputs, k):
        """Return the Jacobian of output k with respect to every input."""
        y = outputs[k][1]
        jacobians = [np.zeros((y.numel(), x.numel())) for x in self.leaves]
        cotangents = [None if self.undefined else np.zeros_like(z._array) for _, z in outputs]
        for row, index in enumerate(np.ndindex(y.shape)):
            cotangents[k] = np.zeros(y.shape, y.dtype.numpy)
            cotangents[k][index] = 1
            grads = (self.backward if row else self.repeated)(outputs, cotangents)
            for jacobian, grad in zip(jacobians, grads, strict=True):
                jacobian[row] = grad.ravel()
        return jacobians

    def compare(self, where, analytical, numerical):
        """Raise for the first element of a Jacobian that is wrong."""
        wrong = ~self.close(analytical, numerical)
        if not wrong.any():
            return
        output_number, y, number, x = where
        row, column = np.argwhere(wrong)[0]
        raise GradcheckError(
            f"{self.name}: Jacobian mismatch for output {output_number} with respect to input "
            f"{number}: {wrong.sum()} of {wrong.size} entries are wrong, the first at output "
            f"element {_index(row, y)}, input element {_index(column, x)}: "
            f"numerical {numerical[row, column]:.9g}, analytical {analytical[row, column]:.9g}"
        )

    def combined(self, outputs):
        """Return the gradients for random cotangents of all outputs together."""
        rng = _random()
        self.cotangents = [rng.standard_normal(y.shape).astype(y.dtype.numpy) for _, y in outputs]
        return self.repeated(outputs, self.cotangents)

    def compare_combined(self, number, x, jacobians, grad):
        """Raise unless a gradient is the product of the cotangents and the Jacobians."""
        expected, scale = np.zeros(x.numel()), np.zeros(x.numel())
        for v, jacobian in zip(self.cotangents, jacobians, strict=True):
            expected += v.ravel() @ jacobian
            scale += np.abs(v.ravel()) @ np.abs(jacobian)
        wrong = ~self.close(grad.ravel(), expected, self.atol + self.rtol * scale)
        if wrong.any():
            at = np.flatnonzero(wrong)[0]
            raise GradcheckError(
                f"{self.name}: the gradient of input {number} is wrong for a random cotangent "
                f"(and right for unit vectors: is backward linear in the gradient?), at element "
                f"{_index(at, x)}: expected {expected[at]:.9g}, got {grad.ravel()[at]:.9g}"
            )

    def close(self, analytical, numerical, bound=None):
        """Return per element whether two derivatives agree: NaN agrees with NaN only."""
        if bound is None:
            bound = self.atol + self.rtol * np.abs(numerical)
        with np.errstate(invalid="ignore"):
            near = (np.abs(analytical - numerical) <= bound) | (analytical == numerical)
        return near | (np.isnan(analytical) & np.isnan(numerical))

    # ---- one product per input

    def check_products(self):
        """Compare cotangent x Jacobian x direction for each input, with random vectors."""
        rng = _random()
        outputs = self.outputs()
        cotangents = [_unit(rng, y) for _, y in outputs]
        grads = self.repeated(outputs, cotangents)
        for number, x, grad in zip(self.numbers, self.leaves, grads, strict=True):
            direction = _unit(rng, x)
            changes = self.difference(x, direction)
            pairs = zip(cotangents, changes, strict=True)
            numerical = np.float64(sum(np.sum(v * change) for v, change in pairs))
            analytical = np.sum(grad * direction)
            if not self.close(analytical, numerical):
                raise GradcheckError(
                    f"{self.name}: the gradient of input {number} is wrong along random vectors: "
                    f"numerical {numerical:.9g}, analytical {analytical:.9g}"
                )


def _unit(rng, tensor):
    vector = rng.standard_normal(tensor.shape)
    return (vector / max(np.linalg.norm(vector), 1e-300)).astype(tensor.dtype.numpy)


def _index(flat, tensor):
    return tuple(int(i) for i in np.unravel_index(flat, tuple(tensor.shape)))
