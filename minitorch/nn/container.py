"""Containers: modules and parameters in sequences and dicts."""

from __future__ import annotations

import operator
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice

from ..tensor import Tensor
from .module import Module, indent
from .parameter import Parameter

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Numbered(Module):
    """What sequences of modules have in common: the children are named "0", "1", ..."""

    def _key(self, index):
        """Return the name of the child at an index, which may be negative."""
        count = len(self._modules)
        index = operator.index(index)
        if not -count <= index < count:
            raise IndexError(f"index {index} is out of range")
        return next(islice(self._modules, index % count, None))

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            delattr(self, key)
        self._modules = {str(i): m for i, m in enumerate(self._modules.values())}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def append(self, module: Module):
        """Add a module at the end, and return the container."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module):
        """Insert a module before the one at `index`, and return the container."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        modules = list(self._modules.values())
        if not -len(modules) <= index <= len(modules):
            raise IndexError(f"Index out of range: {index}")
        modules.insert(index, module)
        self._modules = {str(i): m for i, m in enumerate(modules)}
        return self

    def pop(self, key):
        """Take the module at an index out, and return it."""
        module = self[key]
        del self[key]
        return module


class Container(Module):
    """Holds modules by name: what there was before the other containers; deprecated.

    Parameters
    ----------
    **kwargs : Module
    """

    def __init__(self, **kwargs):
        super().__init__()
        warnings.warn(
            "nn.Container is deprecated: use Module, Sequential or ModuleDict", stacklevel=2
        )
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(_Numbered):
    """Modules that are called one after the other, each with the result of the one before.

    Parameters
    ----------
    *args : Module, or one OrderedDict
        The modules, in order; a dict gives them names.
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], (OrderedDict, dict)):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def extend(self, sequential: Iterable):
        """Add modules at the end, and return the container.

        Parameters
        ----------
        sequential : iterable of Module
        """
        for module in sequential:
            self.append(module)
        return self

    def __add__(self, other):
        self._check_operand("add", other)
        return Sequential(*self, *other)

    def __iadd__(self, other):
        self._check_operand("add", other)
        return self.extend(list(other))

    def __mul__(self, other: int):
        self._check_factor(other)
        return Sequential(*list(self) * other)

    __rmul__ = __mul__

    def __imul__(self, other: int):
        self._check_factor(other)
        return self.extend(list(self) * (other - 1))

    def _check_operand(self, name, other):
        if not isinstance(other, Sequential):
            raise ValueError(
                f"{name} operator supports only objects of Sequential class, but {type(other)!s} "
                "is given."
            )

    def _check_factor(self, other):
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")


class ModuleList(_Numbered):
    """A list of modules, which are registered; it cannot be called.

    Parameters
    ----------
    modules : iterable of Module, optional
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._modules[self._key(index)]

    def extend(self, modules: Iterable):
        """Add modules at the end, and return the list.

        Parameters
        ----------
        modules : iterable of Module
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleList.extend should be called with an iterable, but got "
                + type(modules).__name__
            )
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """Show runs of modules with equal text once, with their number."""
        if len(self) == 0:
            return self._get_name() + "()"
        runs = []  # first index, last index, text
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        lines = [
            indent(f"({i}): {text}" if i == j else f"({i}-{j}): {j - i + 1} x {text}")
            for i, j, text in runs
        ]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dict of modules, which are registered; it cannot be called.

    Parameters
    ----------
    modules : mapping or iterable of pairs (str, Module), optional
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take a module out, and return it.

        Parameters
        ----------
        key : str
        """
        module = self[key]
        del self[key]
        return module

    def keys(self):
        """Return the names."""
        return self._modules.keys()

    def items(self):
        """Return the pairs (name, module)."""
        return self._modules.items()

    def values(self):
        """Return the modules."""
        return self._modules.values()

    def update(self, modules) -> None:
        """Add the modules of a mapping or of an iterable of pairs; equal names are replaced.

        Parameters
        ----------
        modules : mapping or iterable of (str, Module)
        """
        _update(self, modules, "ModuleDict", isinstance(modules, (Mapping, ModuleDict)))


class ParameterList(Module):
    """A list of parameters, which are registered. A Tensor put into it becomes a Parameter.

    Parameters
    ----------
    values : iterable, optional
    """

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def _key(self, index):
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range")
        return str(index % len(self))

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(*index.indices(len(self)))])
        return getattr(self, self._key(index))

    def __setitem__(self, index: int, value) -> None:
        setattr(self, self._key(index), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, values):
        return self.extend(values)

    def append(self, value):
        """Add a value at the end, and return the list.

        Parameters
        ----------
        value : Tensor
        """
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values):
        """Add values at the end, and return the list.

        Parameters
        ----------
        values : iterable of Tensor
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got "
                + type(values).__name__
            )
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(
            f"  ({i}): {_describe(value, lambda t: t.dtype)}" for i, value in enumerate(self)
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters, which are registered. A Tensor put into it becomes a Parameter.

    Parameters
    ----------
    parameters : mapping or iterable of pairs (str, value), optional
    """

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _checked(self, key):
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string "
                f"(type is '{type(key).__name__}')."
            )
        return key

    def __getitem__(self, key: str):
        return getattr(self, self._checked(key))

    def __setitem__(self, key: str, value) -> None:
        setattr(self, self._checked(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(list(self._keys))

    def __contains__(self, key) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Return another dict of the same parameters."""
        return ParameterDict(OrderedDict((key, self[key]) for key in self._keys))

    def setdefault(self, key: str, default=None):
        """Return the value of `key`, which is set to `default` if there is none.

        Parameters
        ----------
        key : str
        default : Tensor, optional
        """
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str):
        """Take a value out, and return it.

        Parameters
        ----------
        key : str
        """
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Take the pair that was put in last out, and return it."""
        if not self._keys:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default=None):
        """Return the value of `key`, or `default` if there is none; see `setdefault`."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys, default=None) -> ParameterDict:
        """Return a new dict with these keys, all of the same value.

        Parameters
        ----------
        keys : iterable of str
        default : Tensor, optional
        """
        return ParameterDict((key, default) for key in keys)

    def keys(self):
        """Return the keys."""
        return self._keys.keys()

    def items(self):
        """Iterate over the pairs (key, value)."""
        return ((key, self[key]) for key in self._keys)

    def values(self):
        """Iterate over the values."""
        return (self[key] for key in self._keys)

    def update(self, parameters) -> None:
        """Add the values of a mapping or of an iterable of pairs; equal keys are replaced.

        Parameters
        ----------
        parameters : mapping or iterable of (str, Tensor)
        """
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            parameters = OrderedDict(sorted(parameters.items()))  # as PyTorch orders them
        mapping = isinstance(parameters, (OrderedDict, ParameterDict))
        _update(self, parameters, "ParameterDict", mapping)

    def extra_repr(self) -> str:
        return "\n".join(
            f"  ({key}): {_describe(value, Tensor.type)}" for key, value in self.items()
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other):
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other):
        result = other.copy()
        result.update(self)
        return result

    def __ior__(self, other):
        self.update(other)
        return self


def _update(target, source, name, is_mapping):
    """Put the entries of a mapping, or of an iterable of pairs, into a container."""
    if not isinstance(source, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got "
            + type(source).__name__
        )
    for i, entry in enumerate(source.items() if is_mapping else source):
        if not isinstance(entry, Iterable):
            raise TypeError(
                f"{name} update sequence element #{i} should be Iterable; is {type(entry).__name__}"
            )
        entry = tuple(entry)
        if len(entry) != 2:
            raise ValueError(
                f"{name} update sequence element #{i} has length {len(entry)}; 2 is required"
            )
        target[entry[0]] = entry[1]


def _as_parameter(value):
    is_plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
    return Parameter(value) if is_plain else value


def _describe(value, show_type):
    """Return the text for one value; of a tensor's type what `show_type` makes of it."""
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(str(n) for n in value.shape)
    return f"{kind} containing: [{show_type(value)} of size {size}]"
