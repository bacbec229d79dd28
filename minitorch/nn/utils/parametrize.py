"""Parametrisations: parameters and buffers that are computed from others by modules."""

from __future__ import annotations

import contextlib
import copy

from ...autograd.grad_mode import no_grad
from ...tensor import Tensor
from ..container import ModuleDict, ModuleList
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
]

_cache: dict = {}
_cache_depth = 0


@contextlib.contextmanager
def cached():
    """Return a context in which every parametrised tensor is computed at most once."""
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, and what they start from.

    Parameters
    ----------
    modules : sequence of Module
    original : Tensor
    unsafe : bool
        Whether shape and type may change.
    """

    def __init__(self, modules, original, unsafe: bool = False):
        if not len(modules):
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value = original
        with no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(len(value))]
        for name, tensor in zip(names, [value] if self.is_tensor else value, strict=True):
            self._register(name, tensor, original)
        if not unsafe:
            result = self()
            if not isinstance(result, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(result)}.")
            if result.dtype != original.dtype:
                raise ValueError(
                    "Registering a parametrization may not change the dtype of the tensor, unless "
                    f"the `unsafe` flag is enabled: {original.dtype} became {result.dtype}"
                )
            if result.shape != original.shape:
                raise ValueError(
                    "Registering a parametrization may not change the shape of the tensor, unless "
                    f"the `unsafe` flag is enabled: {tuple(original.shape)} became "
                    f"{tuple(result.shape)}"
                )

    def _register(self, name, tensor, original):
        if isinstance(original, Parameter):
            if tensor is not original:
                tensor = Parameter(tensor.detach(), original.requires_grad)
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def _originals(self):
        if self.is_tensor:
            return (self.original,)
        return tuple(getattr(self, f"original{i}") for i in range(self.ntensors))

    def right_inverse(self, value) -> None:
        """Set the originals such that the result becomes `value`.

        Parameters
        ----------
        value : Tensor

        Raises
        ------
        RuntimeError
            If a parametrization has no ``right_inverse``.
        """
        with no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            values = (value,) if isinstance(value, Tensor) else value
            for original, new in zip(self._originals(), values, strict=True):
                if original.shape == new.shape:
                    original.copy_(new)
                else:
                    original.data = new.detach()

    def forward(self):
        """Return the parametrised tensor."""
        value = self[0](*self._originals())
        for module in list(self)[1:]:
            value = module(value)
        return value


def _property(name):
    """Make the property by which the tensor is computed."""

    def get(self):
        if not _cache_depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def set_(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(get, set_)


def _own_class(module):
    """Give a module a class of its own, which can have properties."""
    base = type(module)

    def __deepcopy__(self, memo):
        result = memo[id(self)] = self.__class__.__new__(self.__class__)
        result.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return result

    def __reduce_ex__(self, protocol):
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()."
        )

    members = {"__deepcopy__": __deepcopy__, "__reduce_ex__": __reduce_ex__}
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def is_parametrized(module, tensor_name: str | None = None) -> bool:
    """Whether a module has a parametrised tensor, or that one.

    Parameters
    ----------
    module : Module
    tensor_name : str, optional
    """
    found = getattr(module, "parametrizations", None)
    if found is None or not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(module, tensor_name: str, parametrization, *, unsafe: bool = False):
    """Have a parameter or buffer of a module computed from the present one.

    Parameters
    ----------
    module : Module
    tensor_name : str
    parametrization : Module
        Its forward makes the tensor; with a method ``right_inverse`` it can be assigned to.
    unsafe : bool
        Whether shape and type may change.

    Returns
    -------
    Module
        `module`, of a new class. What is trained is
        ``module.parametrizations.<tensor_name>.original``.

    Raises
    ------
    ValueError
        If there is no such tensor, or its shape or type would change.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            after = parametrization(before)
            if after.shape != before.shape or after.dtype != before.dtype:
                raise ValueError(
                    "Registering a parametrization may not change the shape or dtype of the "
                    "tensor, unless the `unsafe` flag is enabled."
                )
        chain.append(parametrization)
        return module
    owner = module._parameters if tensor_name in module._parameters else module._buffers
    if tensor_name not in owner:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    chain = ParametrizationList([parametrization], owner[tensor_name], unsafe)
    del owner[tensor_name]
    if not is_parametrized(module):
        _own_class(module)
        module.parametrizations = ModuleDict()
    setattr(module.__class__, tensor_name, _property(tensor_name))
    module.parametrizations[tensor_name] = chain
    return module


def remove_parametrizations(module, tensor_name: str, leave_parametrized: bool = True):
    """Undo `register_parametrization`.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool
        Keep the computed tensor; otherwise what it was computed from.

    Returns
    -------
    Module
        `module`
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if not leave_parametrized and not chain.is_tensor:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    original = chain._originals()[0]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name)
        if chain.is_tensor and value.shape == original.shape:
            with no_grad():
                original.copy_(value)
        else:
            original = Parameter(value.detach(), original.requires_grad)
    delattr(module.__class__, tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = module.__class__.__bases__[0]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    return module


def type_before_parametrizations(module) -> type:
    """Return the class that a module had before it was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
