"""Optimizer: parameters in groups with options, and what is remembered per parameter."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from ..autograd import anomaly
from ..autograd.api import clear_grad
from ..autograd.engine import RemovableHandle
from ..autograd.grad_mode import enable_grad, no_grad, state
from ..tensor import Tensor

__all__ = ["Optimizer"]


class _Required:
    """Stands for an option without a default value."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base class of all optimisers.

    A subclass calls ``super().__init__(params, defaults)`` and defines `step`, which updates every
    parameter that has a gradient and keeps what it must remember in ``self.state[parameter]``.

    Parameters
    ----------
    params : iterable
        Parameters; or dicts with an entry ``"params"`` and options that differ from the defaults,
        one per group; or pairs (name, parameter).
    defaults : dict
        The options of groups that do not give their own.

    Attributes
    ----------
    param_groups : list of dict
        Per group its parameters, ``"params"``, and its options.
    state : dict
        Per parameter a dict.

    Raises
    ------
    TypeError
        If `params` is a single Tensor, or contains something that is no Tensor.
    ValueError
        If `params` is empty, or a parameter is in two groups or was computed from others.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])

    def __init__(self, params, defaults: dict):
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                "dicts, but got " + type(params).__name__
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self):
        self._step_pre_hooks = OrderedDict()
        self._step_post_hooks = OrderedDict()
        self._state_dict_pre_hooks = OrderedDict()
        self._state_dict_post_hooks = OrderedDict()
        self._load_pre_hooks = OrderedDict()
        self._load_post_hooks = OrderedDict()

    def __getstate__(self):
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state):
        self.__dict__.update(state)
        if "_step_pre_hooks" not in self.__dict__:
            self._make_hooks()

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    def step(self, closure=None):
        """Update the parameters; subclasses define it.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients anew and returns the loss.

        Returns
        -------
        Tensor or None
            What `closure` returned.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Set them to None; otherwise to zero, in place.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                clear_grad(parameter, set_to_none)

    def add_param_group(self, param_group: dict) -> None:
        """Add a group of parameters.

        Parameters
        ----------
        param_group : dict
            ``"params"``, a Tensor or an ordered collection of them (or of pairs (name, Tensor)),
            and options that differ from the defaults.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [entry[0] for entry in params if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in params]
        if names and len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    + type(param).__name__
                )
            if not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        if len({id(param) for param in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error",
                stacklevel=3,
            )
        others = {id(param) for group in self.param_groups for param in group["params"]}
        if any(id(param) in others for param in params):
            raise ValueError("some parameters appear in more than one parameter group")
        if any(bool(names) != ("param_names" in group) for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    + name
                )
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    # ---- state

    def state_dict(self) -> dict:
        """Return the state, with the parameters replaced by their numbers.

        Returns
        -------
        dict
            ``"state"`` (per number of a parameter its state; the memory is shared) and
            ``"param_groups"``, in PyTorch's form.
        """
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        numbers = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            replaced = hook(self, result)
            if replaced is not None:
                result = replaced
        return result

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over a state, as `state_dict` returns it; tensors are copied.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        ValueError
            If the number of groups, or of parameters in one, differs.
        """
        state_dict = state_dict.copy()
        for hook in self._load_pre_hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        groups, saved = self.param_groups, copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for group, loaded in zip(groups, saved, strict=True):
            if len(group["params"]) != len(loaded["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group"
                )
        owners = {}
        for group, loaded in zip(groups, saved, strict=True):
            owners.update(zip(loaded["params"], group["params"], strict=True))
            loaded["params"] = group["params"]
            if "param_names" in group:
                loaded.setdefault("param_names", group["param_names"])
        state = defaultdict(dict)
        for number, values in state_dict["state"].items():
            param = owners.get(number)
            state[number if param is None else param] = (
                values if param is None else _taken_over(values, param)
            )
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._load_post_hooks.values():
            hook(self)

    # ---- hooks

    def register_step_pre_hook(self, hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new arguments.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove`` takes the hook away.
        """
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step; see `register_step_pre_hook`."""
        return RemovableHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before the state is collected.

        Parameters
        ----------
        hook : callable
        prepend : bool
            Call it before those there are.

        Returns
        -------
        RemovableHandle
        """
        return _register(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after it is collected; it may return another.

        See `register_state_dict_pre_hook`.
        """
        return _register(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before a state is loaded; a result replaces it.

        See `register_state_dict_pre_hook`.
        """
        return _register(self._load_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after a state is loaded; see `register_state_dict_pre_hook`."""
        return _register(self._load_post_hooks, hook, prepend)


def _register(hooks, hook, prepend):
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _with_hooks(step):
    """Wrap the `step` of a subclass: hooks, and a note for the schedulers that it was called."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        self._opt_called = True
        for hook in list(self._step_pre_hooks.values()):
            replaced = hook(self, args, kwargs)
            if replaced is not None:
                if not isinstance(replaced, tuple) or len(replaced) != 2:
                    raise RuntimeError(
                        f"{type(self).__name__}.step must return None or a tuple of (new_args, "
                        f"new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
        result = step(self, *args, **kwargs)
        for hook in list(self._step_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    return wrapper


def _taken_over(value, param, key=None):
    """Copy a loaded state, with its tensors in the type of the parameter (but for "step")."""
    if isinstance(value, Tensor):
        array = value._array
        if key != "step" and param.is_floating_point():
            return Tensor._wrap(array.astype(param.dtype.numpy))
        return Tensor._wrap(array.copy())
    if isinstance(value, dict):
        return {k: _taken_over(v, param, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_taken_over(v, param) for v in value)
    return value


class FusedOptimizer(Optimizer):
    """An optimiser that updates all parameters of a group in one call of a kernel.

    Subclasses define ``_update(group, params, arrays, grads)``: the arrays of the parameters are
    updated by those of the gradients.
    """

    def __init__(self, params, defaults):
        name = type(self).__name__
        if defaults["differentiable"]:
            raise NotImplementedError(f"{name}: differentiable=True is not supported")
        if defaults.get("capturable"):
            raise RuntimeError(f"{name}: capturable=True needs a CUDA device, which there is not")
        if defaults["foreach"] and defaults.get("fused"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        super().__init__(params, defaults)

    def step(self, closure=None):
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients anew and returns the loss.

        Returns
        -------
        Tensor or None
            What `closure` returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                params = [param for param in group["params"] if param._grad is not None]
                if not params:
                    continue
                self._update(
                    group,
                    params,
                    [param._array for param in params],
                    [param._grad._array for param in params],
                )
                for param in params:
                    param._cell[0] += 1  # the memory was written: saved versions are out of date
                    if state.anomaly:
                        anomaly.note_write(param._cell)
        return loss


def check_options(*checks) -> None:
    """Raise ValueError for the first (valid, what, value) that is not valid."""
    for valid, what, value in checks:
        if not valid:
            raise ValueError(f"Invalid {what}: {value}")
