"""Derivatives of modules checked: backward passes against finite differences, by name."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field

import numpy as np

from .. import dtypes, random
from ..autograd.api import grad
from ..autograd.function import Function
from ..autograd.grad_mode import enable_grad
from ..autograd.gradcheck import GradcheckError
from ..nn import Module
from ..ops.shape import Clone
from ..tensor import Tensor
from .inputs import tensors_in
from .text import shape_text, table

__all__ = ["CheckReport", "CheckedTensor", "check"]

_COTANGENTS = 2  # random ones; a backward that is not linear in the gradient fails one of them


@dataclass
class CheckedTensor:
    """
    What `check` found about one input or parameter.

    Attributes
    ----------
    name : str
        Of the parameter, or "input 0".
    shape : tuple of int
        Its shape.
    checked, kinks : int
        How many of its elements were tried, and how many of those were left out because the
        function has no derivative there (ReLU at 0, ties of a maximum).
    largest : float
        The greatest gradient among them, for random cotangents; 0 where nothing depends on it.
    error : float
        The greatest difference, relative to the gradient and the rounding errors.
    """

    name: str
    shape: tuple
    checked: int = 0
    kinks: int = 0
    largest: float = 0.0
    error: float = 0.0


@dataclass
class CheckReport:
    """
    What `check` found. Printing it shows a table.

    Attributes
    ----------
    tensors : list of CheckedTensor
        Inputs first, then parameters.
    remarks : list of str
        Under which conditions the check was made.
    """

    tensors: list
    remarks: list = field(default_factory=list)

    def __str__(self):
        head = ["checked", "shape", "elements", "kinks", "gradient up to", "error"]
        rows = [
            [t.name, shape_text(t.shape), f"{t.checked:,} of {math.prod(t.shape):,}",
             f"{t.kinks:,}", f"{t.largest:.3g}", f"{t.error:.1e}"]
            for t in self.tensors
        ]  # fmt: skip
        return "\n".join([*table(head, rows, left=2), *self.remarks])


def check(module, x, *, eps=1e-6, atol=1e-8, rtol=1e-3, samples=16, seed=0):
    """
    Check the derivatives of a module against finite differences, and name what is wrong.

    The module is copied and the copy converted to float64; it is checked in the mode it is in. The
    random numbers that it draws (dropout) are the same in every call, and its buffers (running
    statistics) are put back before each.

    Parameters
    ----------
    module : Module, autograd.Function or callable
        With respect to the inputs and all parameters that require grad; a Function is applied. Of
        another callable, which is not copied, with respect to the inputs.
    x : Tensor, or tuple or list of arguments
        One input, or all. Floating-point tensors are differentiated, also in lists and dicts;
        integers, masks and everything else are passed as they are.
    eps : float
        Step of the finite difference; where it does not agree, 30 times less and more are tried.
    atol, rtol : float
        ``|backward - difference| <= atol + rtol |difference|``, beside the rounding errors.
    samples : int or None
        Tried are so many elements of each tensor, and all of them together in a random direction;
        None: all elements one by one.
    seed : int
        Of everything random.

    Returns
    -------
    CheckReport
        What was checked.

    Raises
    ------
    GradcheckError
        A derivative is wrong; the message has the name and the index in each tensor concerned, and
        both numbers. Or nothing can be said: the results differ from call to call, are not finite,
        or not float64.

    Notes
    -----
    The derivative compared is that of ``sum(v * outputs)`` for random ``v``, along an element or a
    direction: ``(f(x + eps) - f(x - eps)) / 2 eps``. An element at which the differences to the
    left and to the right disagree, and explain what is wrong, counts as a kink.

    Examples
    --------
    >>> print(check(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), minitorch.randn(2, 1, 5, 5)))
    """
    subject = _Subject(module, x, seed)
    with random.fork_rng(), enable_grad():
        checks = _Check(subject, eps, atol, rtol, seed)
        found, wrong = [], []
        for name, leaf in subject.leaves.items():
            row, errors = checks.tensor(name, leaf, samples)
            found.append(row)
            wrong += errors
    if wrong:
        shown = "\n".join(f"  {line}" for line in wrong[:10])
        more = f"\n  and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise GradcheckError(f"check: {subject.name} has a wrong backward:\n{shown}{more}")
    remarks = list(subject.remarks())
    if any(row.checked < math.prod(row.shape) for row in found):
        remarks.append(f"beyond {samples} elements: so many, and all in a random direction")
    remarks += [
        f"{row.name}: has no derivative at any element tried; choose other values"
        for row in found
        if row.kinks == row.checked > 0
    ]
    return CheckReport(found, remarks)


class _Subject:
    """What is checked: a function without arguments of leaves that have names."""

    draws = False  # random numbers

    def __init__(self, module, x, seed):
        self.seed, self.leaves, self.module = seed, {}, None
        self.name = getattr(module, "__name__", type(module).__name__)
        self.arguments = list(x) if isinstance(x, (tuple, list)) else [x]
        self.arguments = [self._prepared(a, f"input {i}") for i, a in enumerate(self.arguments)]
        if isinstance(module, type) and issubclass(module, Function):
            module = module.apply
        elif isinstance(module, Module):
            self.module = module = copy.deepcopy(module).double()
            named = module.named_parameters()
            self.leaves |= {name: p for name, p in named if p.requires_grad}
            self.buffers = [(b, b._array.copy()) for b in module.buffers()]
        elif not callable(module):
            raise TypeError(f"check: expected a Module or a function, got {self.name}")
        if not self.leaves:
            raise TypeError("check: there is nothing to differentiate: no floating-point input")
        self.function = module

    def _prepared(self, value, name):
        """Make float64 leaves of the floating-point tensors in an argument, and note them."""
        if isinstance(value, Tensor):
            if not value.is_floating_point():
                return value
            leaf = Tensor._wrap(np.array(value._array, np.float64)).requires_grad_()
            self.leaves[name] = leaf
            return leaf
        if isinstance(value, dict):
            return {k: self._prepared(v, f"{name}[{k!r}]") for k, v in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self._prepared(v, f"{name}[{i}]") for i, v in enumerate(value))
        return value

    def __call__(self):
        """Return the floating-point results."""
        if self.module is not None:
            for buffer, array in self.buffers:
                buffer._array[...] = array
        random.manual_seed(self.seed)
        before = random.default_generator.get_state()._array.copy()
        outputs = list(tensors_in(self.function(*_cloned(self.arguments))))
        self.draws |= bool(np.any(before != random.default_generator.get_state()._array))
        outputs = [y for y in outputs if y.is_floating_point()]
        if not outputs:
            raise TypeError(f"check: {self.name} returns no floating-point tensor")
        for y in outputs:
            if y.dtype is not dtypes.float64:
                raise GradcheckError(
                    f"check: {self.name} makes {y.dtype} of float64 inputs, in which a difference "
                    "of 1e-6 cannot be seen: does it convert them, or use tensors that are neither "
                    "parameters nor buffers?"
                )
            if not np.isfinite(y._array).all():
                raise GradcheckError(f"check: {self.name} returns values that are not finite")
        return outputs

    def remarks(self):
        """Say under which conditions the check was made."""
        if self.module is not None:
            mode = "training" if self.module.training else "evaluation"
            yield f"{self.name} in {mode} mode, in float64"
        if self.draws:
            yield f"it draws random numbers: the same in every call (seed {self.seed})"


class _Copy(Clone):
    """Copies an input, so that the function may write it in place."""


def _cloned(value):
    if isinstance(value, Tensor):
        return _Copy()(value)
    if isinstance(value, dict):
        return {k: _cloned(v) for k, v in value.items()}
    return type(value)(map(_cloned, value)) if type(value) in (list, tuple) else value


class _Check:
    """A subject, its gradients, and how strictly they are checked."""

    def __init__(self, subject, eps, atol, rtol, seed):
        self.subject, self.eps, self.atol, self.rtol = subject, eps, atol, rtol
        self.rng = np.random.default_rng([seed, 20])  # not what the user drew the inputs with
        outputs = subject()
        self.middle = [y._array.copy() for y in outputs]
        for one, other in zip(self.middle, subject(), strict=True):
            if not np.array_equal(one, other._array):
                raise GradcheckError(
                    f"check: {subject.name} returns different values when called again: random "
                    "numbers that are not minitorch's, or something it keeps from call to call"
                )
        self.cotangents = [
            [self.rng.standard_normal(y.shape) for y in self.middle] for _ in range(_COTANGENTS)
        ]
        pairs = zip(self.cotangents[0], self.middle, strict=True)
        self.noise = 20 * np.finfo(float).eps * sum(np.abs(v * y).sum() for v, y in pairs)
        self.gradients = [self._gradients(outputs, v) for v in self.cotangents]

    def _gradients(self, outputs, cotangents):
        """Return the gradient per name: None where the graph does not lead there."""
        leaves = self.subject.leaves
        used = [(y, v) for y, v in zip(outputs, cotangents, strict=True) if y.requires_grad]
        found = [None] * len(leaves)
        if used:
            given = [Tensor._wrap(v.copy()) for _, v in used]
            roots = [y for y, _ in used]
            found = grad(roots, list(leaves.values()), given, retain_graph=True, allow_unused=True)
        for (name, leaf), g in zip(leaves.items(), found, strict=True):
            if g is not None and g.shape != leaf.shape:
                raise GradcheckError(
                    f"check: the gradient of {name} has shape {tuple(g.shape)}, itself "
                    f"{tuple(leaf.shape)}"
                )
        found = [None if g is None else g._array.ravel() for g in found]
        return dict(zip(leaves, found, strict=True))

    def tensor(self, name, leaf, samples):
        """Check one leaf: return its row of the report, and what is wrong in words."""
        size = leaf.numel()
        places = np.arange(size)
        some = samples is not None and size > samples
        tried = self.rng.choice(size, samples, replace=False) if some else places
        row, wrong = CheckedTensor(name, tuple(leaf.shape), len(tried)), []
        for place in tried:
            pair = self.compare(row, leaf, np.array([place]), np.ones(1))
            wrong += [(place, *pair)] if pair else []
        if some and not wrong:
            direction = self.rng.standard_normal(size)
            while self.compare(row, leaf, places, direction):
                if len(places) == 1:  # the one to blame
                    wrong = [(places[0], *self.compare(row, leaf, places, np.ones(1)))]
                    break
                half = len(places) // 2
                first = self.compare(row, leaf, places[:half], direction[:half])
                part = slice(half) if first else slice(half, None)
                places, direction = places[part], direction[part]
        return row, list(self._words(row, wrong))

    def _words(self, row, wrong):
        if not wrong:
            return
        place, ours, numerical = wrong[0]
        index = tuple(int(i) for i in np.unravel_index(place, row.shape))
        text = f"{row.name}{list(index)}: backward gives {ours:.6g}, the difference {numerical:.6g}"
        ratios = [ours / number for _, ours, number in wrong if number]
        if all(g[row.name] is None for g in self.gradients):
            text += "; the graph does not lead there (detach, no_grad, numpy?)"
        elif ratios and np.ptp(ratios) <= 1e-2 * abs(ratios[0]):
            factor = f"{ratios[0]:.3g} times it"
            text += "; the sign is wrong" if factor == "-1 times it" else f"; {factor}"
        count = f"{len(wrong)} of {row.checked} elements tried"
        yield f"{text} ({count})"

    def compare(self, row, leaf, places, direction):
        """Return None, or a derivative along a direction that is wrong and what it should be."""
        ours = np.array([
            0.0 if g[row.name] is None else g[row.name][places] @ direction for g in self.gradients
        ])  # fmt: skip
        for step in (self.eps, 30 * self.eps, self.eps / 30):
            above, below = (self.moved(leaf, places, direction * s * step) for s in (1, -1))
            numerical = (above - below) / (2 * step)
            rounding = self.atol + self.noise / step
            errors = np.abs(ours - numerical)
            if (errors <= rounding + self.rtol * np.abs(numerical)).all():
                relative = errors / (rounding + np.abs(numerical))
                row.error = max(row.error, float(relative.max()))
                if len(places) == 1:
                    row.largest = max(row.largest, float(np.abs(ours).max()))
                return None
        # Where the function has a kink, the differences to the left and to the right disagree, and
        # by twice as much as any value between them can be wrong.
        if (np.abs(above + below) / step >= 0.5 * errors).any():
            row.kinks += len(places) == 1
            return None
        worst = np.argmax(errors)
        return float(ours[worst]), float(numerical[worst])

    def moved(self, leaf, places, change):
        """Return by how much each of the functions differs where a leaf is changed."""
        array = leaf._array
        before = array.flat[places]
        array.flat[places] = before + change
        try:
            outputs = self.subject()
        finally:
            array.flat[places] = before
        differences = [y._array - m for y, m in zip(outputs, self.middle, strict=True)]
        return np.array([
            sum(np.sum(v * d) for v, d in zip(cotangents, differences, strict=True))
            for cotangents in self.cotangents
        ])  # fmt: skip
