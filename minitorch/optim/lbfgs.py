"""L-BFGS: a quasi-Newton method with limited memory, and its line search."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.grad_mode import enable_grad, no_grad
from ..ops import cat
from .optimizer import Optimizer
from .running import check_lr

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """L-BFGS: steps along the gradient times an inverse Hessian guessed from past steps.

    Parameters
    ----------
    params : iterable
        Parameters; there can be one group only.
    lr : float
        Step length (the first guess of the line search, if there is one).
    max_iter : int
        Iterations per call of `step`.
    max_eval : int, optional
        Evaluations of the function per call. Default: ``max_iter * 5 // 4``.
    tolerance_grad : float
        Stop when no element of the gradient is larger.
    tolerance_change : float
        Stop when the function, or every parameter, changes by less.
    history_size : int
        Number of past steps that are remembered.
    line_search_fn : str, optional
        ``"strong_wolfe"``, or None: go the whole step.

    Notes
    -----
    Nocedal and Wright 2006, Numerical optimization, algorithms 7.4, 3.5 and 3.6.
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        check_lr(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self):
        return self.param_groups[0]["params"]

    def _gradient(self):
        """Return all gradients as one vector."""
        return cat(
            [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params]
        ).detach()

    def _move(self, length, direction):
        offset = 0
        for p in self._params:
            part = direction[offset : offset + p.numel()]
            p.add_(part.view(p.shape), alpha=float(length))
            offset += p.numel()

    def step(self, closure):
        """Take up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            Clears and computes the gradients anew, and returns the loss. Called many times.

        Returns
        -------
        Tensor
            What the first call of `closure` returned.
        """
        with no_grad():
            return self._step(enable_grad()(closure))

    def _step(self, closure):
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        loss, gradient = float(first), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        if _largest(gradient) <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(state, gradient)
            if state["n_iter"] == 1:
                length = min(1.0, 1.0 / float(gradient.abs().sum())) * float(group["lr"])
            else:
                length = float(group["lr"])
            state["prev_flat_grad"], before = gradient.clone(), loss
            state["prev_loss"] = before
            slope = float(gradient.dot(direction))
            state["d"], state["t"] = direction, length
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = [p.clone() for p in self._params]

                def evaluate(t, start=start, direction=direction):
                    self._move(t, direction)
                    value, there = float(closure()), self._gradient()
                    for p, old in zip(self._params, start, strict=True):
                        p.copy_(old)
                    return value, there

                search = StrongWolfe(evaluate, direction, loss, gradient, slope)
                loss, gradient, length, used = search.run(length, group["max_eval"] - evaluations)
                state["t"] = length
                self._move(length, direction)
            else:
                self._move(length, direction)
                if iteration != group["max_iter"]:
                    loss, gradient, used = float(closure()), self._gradient(), 1
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction * float(length)) <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first

    def _direction(self, state, gradient):
        """Return minus the gradient times the guessed inverse Hessian (the two loops)."""
        if state["n_iter"] == 1:
            state["old_dirs"], state["old_stps"], state["ro"] = [], [], []
            state["H_diag"] = 1
            return -gradient
        size = self.param_groups[0]["history_size"]
        changes, steps, factors = state["old_dirs"], state["old_stps"], state["ro"]
        change, step = gradient - state["prev_flat_grad"], state["d"] * float(state["t"])
        product = change.dot(step)
        if float(product) > 1e-10:
            if len(changes) == size:
                for memory in (changes, steps, factors):
                    memory.pop(0)
            changes.append(change)
            steps.append(step)
            factors.append(1.0 / product)
            state["H_diag"] = product / change.dot(change)
        weights = state.setdefault("al", [None] * size)
        result = -gradient
        for i in reversed(range(len(changes))):
            weights[i] = steps[i].dot(result) * factors[i]
            result.sub_(changes[i] * weights[i])
        result = result * state["H_diag"]
        for i in range(len(changes)):
            result.add_(steps[i] * (weights[i] - changes[i].dot(result) * factors[i]))
        return result


def _largest(vector) -> float:
    return float(np.abs(vector._array).max(initial=0.0))


class StrongWolfe:
    """Line search for a step that fulfils the strong Wolfe conditions.

    Parameters
    ----------
    evaluate : callable
        From a step length to the value of the function and its gradient there.
    direction : Tensor
    value, gradient, slope
        Of the function at length 0; the slope along the direction.
    """

    decrease, curvature = 1e-4, 0.9
    tolerance = 1e-9

    def __init__(self, evaluate, direction, value, gradient, slope):
        self.evaluate, self.direction = evaluate, direction
        self.start = (0.0, value, gradient, slope)
        self.count = 0

    def at(self, length):
        """Return (length, value, gradient, slope)."""
        value, gradient = self.evaluate(length)
        self.count += 1
        return length, value, gradient, float(gradient.dot(self.direction))

    def too_high(self, point):
        """Whether the function has not fallen enough for the length of the step."""
        _, value, _, slope = self.start
        return point[1] > value + self.decrease * point[0] * slope

    def flat(self, point):
        """Whether the slope has become small enough."""
        return abs(point[3]) <= -self.curvature * self.start[3]

    def run(self, length, limit):
        """Return value, gradient, length of the step found, and the number of evaluations."""
        bracket, done, tries = self._bracket(length, limit)
        low = min(range(len(bracket)), key=lambda i: bracket[i][1])
        stuck = False
        extent = _largest(self.direction)
        while not done and tries < limit:
            ends = [point[0] for point in bracket]
            if abs(ends[1] - ends[0]) * extent < self.tolerance:
                break
            t, stuck = self._trial(bracket, ends, stuck)
            point = self.at(t)
            tries += 1
            if self.too_high(point) or point[1] >= bracket[low][1]:
                bracket[1 - low] = point
                low = 0 if bracket[0][1] <= bracket[1][1] else 1
                continue
            if self.flat(point):
                done = True
            elif point[3] * (ends[1 - low] - ends[low]) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = point
        length, value, gradient, _ = bracket[low]
        return value, gradient, length, self.count

    def _bracket(self, length, limit):
        """Go on until two steps enclose a good one, or one is good."""
        before, point, tries = self.start, self.at(length), 0
        while tries < limit:
            if self.too_high(point) or (tries > 1 and point[1] >= before[1]):
                return [before, point], False, tries
            if self.flat(point):
                return [point], True, tries
            if point[3] >= 0:
                return [before, point], False, tries
            t = point[0]
            further = _cubic_minimum(before, point, t + 0.01 * (t - before[0]), t * 10)
            before, point = point, self.at(further)
            tries += 1
        return [self.start, point], False, tries

    def _trial(self, bracket, ends, stuck):
        """Return the next length to try inside the bracket, and whether it is close to an end."""
        low, high = min(ends), max(ends)
        t = _cubic_minimum(*bracket, low, high)
        margin = 0.1 * (high - low)
        if min(high - t, t - low) >= margin:
            return t, False
        if stuck or t >= high or t <= low:
            return (high - margin if abs(t - high) < abs(t - low) else low + margin), False
        return t, True


def _cubic_minimum(one, other, low, high):
    """Return where the cubic through two points with slopes is least, within bounds."""
    (x1, f1, _, g1), (x2, f2, _, g2) = sorted((one, other), key=lambda point: point[0])
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    return min(max(x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2)), low), high)
