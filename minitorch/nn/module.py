"""Module: what has parameters, buffers and modules inside, and a `forward`.

Assigning a `Parameter`, a `Buffer` or a `Module` to an attribute registers it: it goes into one of
three dicts instead of the object's own, and everything else (iteration, saving, conversion,
printing) walks those dicts.
"""

from __future__ import annotations

import mmap
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import numpy as np

from .. import dtypes
from ..autograd.api import clear_grad
from ..autograd.grad_mode import no_grad, state
from ..device import check as check_device
from ..errors import ShapeError
from ..tensor import Tensor
from . import hooks as _hooks
from .diagnosis import explain
from .hooks import every_module
from .parameter import Buffer, Parameter

__all__ = ["Module"]

_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `Module.load_state_dict` returns."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class Module:
    """Base class of all network modules.

    A subclass calls ``super().__init__()``, assigns its parameters and child modules to
    attributes, and defines `forward`. Calling the module runs `forward` with the hooks around it.

    Attributes
    ----------
    training : bool
        Whether the module is in training mode; see `train` and `eval`.
    """

    training: bool
    dump_patches = False
    call_super_init = False
    _version = 1  # of the format of the state dict, saved with it

    # Per hook that asked for it: number -> (with_kwargs, always_call).
    _hook_options: dict = {}
    # Whether _backward_hooks holds full hooks or legacy ones; None while it holds none.
    _is_full_backward_hook = None

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and (args or kwargs):
            name = type(self).__name__
            if kwargs:
                raise TypeError(
                    f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            raise TypeError(
                f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        # Past __setattr__, which needs these.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _backward_pre_hooks=OrderedDict(),
            _backward_hooks=OrderedDict(),
            _forward_hooks=OrderedDict(),
            _forward_pre_hooks=OrderedDict(),
            _state_dict_hooks=OrderedDict(),
            _state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_post_hooks=OrderedDict(),
            _modules={},
        )
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # ---- calling

    def forward(self, *input):
        """Compute the output; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args, **kwargs):
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or every_module
            or state.recorder is not None
        ):
            try:
                return _hooks.call(self, args, kwargs)
            except ShapeError as error:
                explain(self, args, kwargs, error)
                raise
        try:
            return self.forward(*args, **kwargs)
        except ShapeError as error:
            explain(self, args, kwargs, error)
            raise

    # ---- attributes

    def __getattr__(self, name):
        # Called for what is not in the object's own dict; first what layers ask for in `forward`.
        fields = self.__dict__
        if "_modules" in fields:
            if name in fields["_parameters"]:
                return fields["_parameters"][name]
            if name in fields["_buffers"]:
                return fields["_buffers"][name]
            if name in fields["_modules"]:
                return fields["_modules"][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _own(self, name):
        """Return ``getattr(self, name)``; quicker where it is a parameter or buffer."""
        fields = self.__dict__
        if name in fields["_parameters"]:
            return fields["_parameters"][name]
        if name in fields["_buffers"]:
            return fields["_buffers"][name]
        return getattr(self, name)

    def __setattr__(self, name, value):
        fields = self.__dict__
        if isinstance(value, Parameter):
            self._check_initialised("parameters")
            self._forget(name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif name in fields.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as parameter '{name}' "
                    "(minitorch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._check_initialised("module")
            self._forget(name, "_parameters", "_buffers")
            self._modules[name] = value
        elif name in fields.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' "
                    "(minitorch.nn.Module or None expected)"
                )
            self._modules[name] = value
        elif isinstance(value, Buffer) or name in fields.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as buffer '{name}' "
                    "(minitorch.nn.Buffer, minitorch.Tensor or None expected)"
                )
            if isinstance(value, Buffer):
                persistent = value.persistent
            else:
                persistent = name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, persistent)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name):
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    def __dir__(self):
        names = {*dir(type(self)), *self.__dict__}
        names.update(self._parameters, self._buffers, self._modules)
        return sorted(name for name in names if not name[:1].isdigit())

    def _check_initialised(self, what):
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")

    def _forget(self, name, *kinds):
        """Remove an attribute that is about to become one of another kind."""
        self.__dict__.pop(name, None)
        for kind in kinds:
            self.__dict__[kind].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _check_name(self, what, name, members):
        self._check_initialised(what)
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in members and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # ---- registration

    def register_parameter(self, name: str, param) -> None:
        """Add a parameter, which is then an attribute of that name.

        Parameters
        ----------
        name : str
        param : Parameter or None
            None stands for a parameter that is absent: no state dict contains it.

        Raises
        ------
        KeyError
            If the name is empty, contains a dot, or is taken.
        TypeError
            If `param` is no Parameter.
        ValueError
            If `param` was computed from other tensors.
        """
        self._check_name("parameter", name, self.__dict__.get("_parameters", ()))
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                "(minitorch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor, persistent: bool = True) -> None:
        """Add a buffer: a tensor that belongs to the state of the module but is not trained.

        Parameters
        ----------
        name : str
        tensor : Tensor or None
            None stands for a buffer that is absent.
        persistent : bool
            Whether the state dict contains it.

        Raises
        ------
        KeyError
            If the name is empty, contains a dot, or is taken.
        TypeError
            If `tensor` is no Tensor.
        """
        self._check_name("buffer", name, self.__dict__.get("_buffers", ()))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' "
                "(minitorch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module) -> None:
        """Add a child module, which is then an attribute of that name.

        Parameters
        ----------
        name : str
        module : Module or None

        Raises
        ------
        KeyError
            If the name is empty, contains a dot, or is taken.
        TypeError
            If `module` is no Module.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_name("module", name, self.__dict__.get("_modules", ()))
        self._modules[name] = module

    def register_module(self, name: str, module) -> None:
        """Add a child module; another name of `add_module`."""
        self.add_module(name, module)

    # ---- members by path

    def get_submodule(self, target: str) -> Module:
        """Return the module inside this one that a path such as ``"features.0.conv"`` names.

        Parameters
        ----------
        target : str
            The path; ``""`` is this module.

        Raises
        ------
        AttributeError
            If there is none, or it is no module.
        """
        module = self
        for item in target.split(".") if target else ():
            if not hasattr(module, item):
                raise AttributeError(f"{module._get_name()} has no attribute `{item}`")
            module = getattr(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a path such as ``"features.0.conv"``.

        Parameters
        ----------
        target : str
        module : Module
        strict : bool
            Require that there already is a module.

        Raises
        ------
        ValueError
            If the path is empty or `module` is no Module.
        AttributeError
            If the path leads nowhere.
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter that a path such as ``"conv.weight"`` names; see `get_submodule`."""
        owner, name, value = self._member(target)
        if name not in owner._parameters or value is None:
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return value

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer that a path as ``"bn.running_mean"`` names; see `get_submodule`."""
        owner, name, value = self._member(target)
        if name not in owner._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    def _member(self, target):
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
        return owner, name, getattr(owner, name)

    def get_extra_state(self):
        """Return what to save beside parameters and buffers; subclasses that need it define it."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called."
        )

    def set_extra_state(self, state) -> None:
        """Take back what `get_extra_state` returned.

        Parameters
        ----------
        state : object
        """
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called."
        )

    # ---- iteration

    def parameters(self, recurse: bool = True):
        """Iterate over the parameters, each once.

        Parameters
        ----------
        recurse : bool
            Include those of the modules inside.
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ):
        """Iterate over pairs (name, parameter).

        Parameters
        ----------
        prefix : str
            What the names start with.
        recurse : bool
            Include those of the modules inside.
        remove_duplicate : bool
            Yield a parameter that is used in several places once, under its first name.
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True):
        """Iterate over the buffers, each once; see `parameters`."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        """Iterate over pairs (name, buffer); see `named_parameters`."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def _named_members(self, kind, prefix, recurse, remove_duplicate):
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            start = path + "." if path else ""
            for name, member in getattr(module, kind).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield start + name, member

    def children(self):
        """Iterate over the modules directly inside this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self):
        """Iterate over pairs (name, module) of the modules directly inside, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self, remove_duplicate: bool = True):
        """Iterate over this module and all inside it.

        Parameters
        ----------
        remove_duplicate : bool
            Yield each once.
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(self, memo=None, prefix: str = "", remove_duplicate: bool = True):
        """Iterate over pairs (path, module): this module and all inside it.

        Parameters
        ----------
        memo : set, optional
            Modules that are left out; those yielded are added.
        prefix : str
            The path of this module.
        remove_duplicate : bool
            Yield a module that is used in several places once, under its first path.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    # ---- mode

    def train(self, mode: bool = True) -> Module:
        """Put this module and all inside it into training mode (or out of it), and return it.

        Parameters
        ----------
        mode : bool
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """Put this module and all inside it into evaluation mode, and return it."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Switch recording on or off for every parameter, and return the module.

        Parameters
        ----------
        requires_grad : bool
        """
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Set them to None; otherwise to zero, in place.
        """
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    # ---- conversion

    def apply(self, fn) -> Module:
        """Call ``fn(module)`` for every module inside and then for this one, and return it.

        Parameters
        ----------
        fn : callable
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse: bool = True) -> Module:
        """Replace every parameter's data, gradient and every buffer by `fn` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                parameter.data = fn(parameter.data)
                if parameter.grad is not None:
                    wanted = parameter.grad.requires_grad
                    parameter.grad = fn(parameter.grad.data).requires_grad_(wanted)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs) -> Module:
        """Convert the floating-point parameters and buffers, in place, and return the module.

        Called as ``to(dtype)``, ``to(device)``, ``to(device, dtype, non_blocking)`` or
        ``to(tensor)``.

        Parameters
        ----------
        dtype : dtype, optional
            A floating-point type.
        device : device or str, optional
            ``"cpu"``; anything else is an error.
        non_blocking, memory_format : optional
            Accepted: on a CPU they change nothing that could be observed.

        Raises
        ------
        TypeError
            If the type is not floating-point.
        RuntimeError
            If the device is not the CPU.
        """
        dtype = _conversion(*args, **kwargs)
        if dtype is None:
            return self
        if not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: _cast(t, dtype) if t.is_floating_point() else t)

    def type(self, dst_type) -> Module:
        """Convert all parameters and buffers to a type, in place, and return the module.

        Parameters
        ----------
        dst_type : dtype or str
        """
        dtype = dtypes.of(dst_type)
        return self._apply(lambda t: _cast(t, dtype))

    def float(self) -> Module:
        """Convert the floating-point parameters and buffers to float32, and return the module."""
        return self.to(dtypes.float32)

    def double(self) -> Module:
        """Convert the floating-point parameters and buffers to float64, and return the module."""
        return self.to(dtypes.float64)

    def half(self) -> Module:
        """Convert the floating-point parameters and buffers to float16, and return the module."""
        return self.to(dtypes.float16)

    def bfloat16(self) -> Module:
        """Raise NotImplementedError: bfloat16 is not supported."""
        return self.to(dtypes.bfloat16)

    def to_empty(self, *, device=None, recurse: bool = True) -> Module:
        """Return the module: its parameters and buffers have memory, and keep their values.

        Parameters
        ----------
        device, recurse : optional
            Accepted.
        """
        return self.to(device)

    def compile(self, *args, **kwargs) -> None:
        """Do nothing: Python runs."""

    def cpu(self) -> Module:
        """Return the module: it is on the CPU already."""
        return self

    def cuda(self, device=None) -> Module:
        """Raise: minitorch computes on the CPU only."""
        check_device("cuda", "cuda")
        return self

    def share_memory(self) -> Module:
        """Move parameters and buffers to memory that later forks share, and return the module."""
        return self._apply(_shared)

    # ---- hooks

    def register_forward_pre_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False):
        """Call ``hook(module, args)`` before `forward`.

        Parameters
        ----------
        hook : callable
            A result that is not None replaces the positional arguments.
        prepend : bool
            Call it before the hooks registered so far.
        with_kwargs : bool
            Call ``hook(module, args, kwargs)``; it returns None or a pair (args, kwargs).

        Returns
        -------
        RemovableHandle
        """
        handle = _hooks.add(self._forward_pre_hooks, hook, prepend)
        if with_kwargs:
            self._hook_options = {**self._hook_options, handle.id: (True, False)}
        return handle

    def register_forward_hook(
        self,
        hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ):
        """Call ``hook(module, args, output)`` after `forward`.

        Parameters
        ----------
        hook : callable
            A result that is not None replaces the output.
        prepend : bool
            Call it before the hooks registered so far.
        with_kwargs : bool
            Call ``hook(module, args, kwargs, output)``.
        always_call : bool
            Call the hook also when `forward` raises.

        Returns
        -------
        RemovableHandle
        """
        handle = _hooks.add(self._forward_hooks, hook, prepend)
        if with_kwargs or always_call:
            self._hook_options = {**self._hook_options, handle.id: (with_kwargs, always_call)}
        return handle

    def register_full_backward_pre_hook(self, hook, prepend: bool = False):
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known.

        Parameters
        ----------
        hook : callable
            A result that is not None replaces `grad_output`, a tuple.
        prepend : bool
            Call it before the hooks registered so far.

        Returns
        -------
        RemovableHandle
        """
        return _hooks.add(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook, prepend: bool = False):
        """Call ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known.

        Parameters
        ----------
        hook : callable
            A result that is not None replaces `grad_input`, a tuple with one entry per positional
            argument (None for what is no tensor).
        prepend : bool
            Call it before the hooks registered so far.

        Returns
        -------
        RemovableHandle
        """
        self._choose_backward_hooks(True)
        return _hooks.add(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook):
        """Call ``hook(module, grad_input, grad_output)`` for the last operation of `forward`.

        Deprecated, as in PyTorch: the gradients are those of one operation, not of the module. Use
        `register_full_backward_hook`.

        Returns
        -------
        RemovableHandle

        Arguments as of `register_full_backward_hook`.
        """
        self._choose_backward_hooks(False)
        return _hooks.add(self._backward_hooks, hook)

    def _choose_backward_hooks(self, full):
        if self._backward_hooks and self._is_full_backward_hook is not full:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(module, prefix, keep_vars)`` before the state is collected.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove`` takes the hook away.
        """
        return _hooks.add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after the state is collected.

        It may change the state dict, and must return None.

        See `register_state_dict_pre_hook`.
        """
        return _hooks.add(self._state_dict_hooks, (hook, False))

    def _register_state_dict_hook(self, hook):
        """As `register_state_dict_post_hook`; a result that is not None becomes the state dict."""
        return _hooks.add(self._state_dict_hooks, (hook, True))

    def register_load_state_dict_pre_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before the state of this module is loaded.

        See `register_state_dict_pre_hook`.
        """
        return _hooks.add(self._load_state_dict_pre_hooks, (hook, True))

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        """As `register_load_state_dict_pre_hook`, without the module unless asked for."""
        return _hooks.add(self._load_state_dict_pre_hooks, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(module, incompatible_keys)`` after the state of this module is loaded.

        It may change the lists ``incompatible_keys.missing_keys`` and ``.unexpected_keys``, and
        must return None.

        See `register_state_dict_pre_hook`.
        """
        return _hooks.add(self._load_state_dict_post_hooks, hook)

    # ---- state

    def state_dict(self, *args, destination=None, prefix: str = "", keep_vars: bool = False):
        """Return parameters and persistent buffers by name; the memory is shared.

        Parameters
        ----------
        *args
            The others, in an old form.
        destination : dict, optional
            Where to put them. Default: a new OrderedDict, whose attribute ``_metadata`` holds the
            version of each module's format.
        prefix : str
            What the names start with.
        keep_vars : bool
            Return the parameters themselves rather than detached tensors.

        Returns
        -------
        dict
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook, may_replace in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            if replaced is not None:
                if not may_replace:
                    raise RuntimeError("state_dict post-hook must return None")
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put this module's own state, not that of its children, into `destination`."""
        for name, member in self._own_state().items():
            destination[prefix + name] = member if keep_vars else member.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> dict:
        """Return the parameters and persistent buffers of this module alone."""
        members = {k: v for k, v in self._parameters.items() if v is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                members[name] = buffer
        return members

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Copy values from a state dict into the parameters and buffers.

        Parameters
        ----------
        state_dict : mapping
            As `state_dict` returns it.
        strict : bool
            Require that the names are exactly those of this module's own state dict.
        assign : bool
            Take over the tensors of the state dict, with their types, instead of copying.

        Returns
        -------
        named tuple
            ``missing_keys`` and ``unexpected_keys``, lists of str.

        Raises
        ------
        RuntimeError
            If sizes differ, or with `strict` names do; what fits has been loaded, as in PyTorch.
        TypeError
            If `state_dict` is no mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        found = _IncompatibleKeys([], [])
        errors = []

        def load(module, entries, prefix):
            local_metadata = dict((metadata or {}).get(prefix[:-1], {}))
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(entries, prefix, local_metadata, True, *found, errors)
            for name, child in module._modules.items():
                if child is not None:
                    start = f"{prefix}{name}."
                    inside = {k: v for k, v in entries.items() if k.startswith(start)}
                    load(child, inside, start)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, found) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )

        entries = OrderedDict(state_dict)
        entries._metadata = metadata
        load(self, entries, "")
        if strict:
            for what, keys in (
                ("Unexpected", found.unexpected_keys),
                ("Missing", found.missing_keys),
            ):
                if keys:
                    names = ", ".join(f'"{key}"' for key in keys)
                    errors.insert(0, f"{what} key(s) in state_dict: {names}. ")
        if errors:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(errors)
            )
        return found

    def _load_from_state_dict(
        self,
        state_dict,
        prefix,
        local_metadata,
        strict,
        missing_keys,
        unexpected_keys,
        error_msgs,
    ):
        """Load this module's own state, not that of its children.

        Subclasses override it to load older formats, told by ``local_metadata.get("version")``.
        What goes wrong is added to the three lists.
        """
        for hook, with_module in self._load_state_dict_pre_hooks.values():
            hook(
                *((self,) if with_module else ()),
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = self._own_state()
        for name, member in own.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_member(name, key, member, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_member(self, name, key, member, value, assign):
        """Load one parameter or buffer; return what is wrong, if anything is."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected minitorch.Tensor or '
                f"Tensor-like object from checkpoint but received {type(value)}"
            )
        if member.ndim == 0 and value.shape == (1,):
            value = value.detach().reshape(())  # files of PyTorch 0.3 have no 0-d tensors
        if value.shape != member.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {member.shape}."
            )
        try:
            with no_grad():
                if not assign:
                    member.copy_(value)
                elif isinstance(member, Parameter):
                    if not isinstance(value, Parameter):
                        value = Parameter(value, requires_grad=member.requires_grad)
                    setattr(self, name, value.requires_grad_(member.requires_grad))
                else:
                    setattr(self, name, value)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{member.shape} and whose dimensions in the checkpoint are {value.shape}, an "
                f"exception occurred : {error.args}."
            )
        return None

    # ---- text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return what the repr shows of this module's own settings; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(m))}" for name, m in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


def indent(text: str, spaces: int = 2) -> str:
    """Indent all lines but the first."""
    return text.replace("\n", "\n" + " " * spaces)


def _type_name(value) -> str:
    cls = type(value)
    if cls is Tensor:
        return value.type()
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _cast(tensor, dtype):
    if tensor.dtype is dtype:
        return tensor
    return Tensor._wrap(tensor._array.astype(dtype.numpy))


def _shared(tensor):
    """Copy a tensor to anonymous memory that a fork does not copy."""
    memory = mmap.mmap(-1, max(tensor.nbytes, 1))
    array = np.frombuffer(memory, tensor._array.dtype, tensor.numel()).reshape(tensor.shape)
    array[...] = tensor._array
    return Tensor._wrap(array)


def _conversion(
    *args, device=None, dtype=None, tensor=None, non_blocking=False, copy=False, memory_format=None
):
    """Return the dtype that the arguments of `Module.to` ask for, or None; check the device."""
    args = list(args)
    if args and isinstance(args[0], Tensor):
        tensor = args.pop(0)
    elif args and isinstance(args[0], dtypes.dtype):
        dtype = args.pop(0)
    elif args:
        device = args.pop(0)
        if args and (args[0] is None or isinstance(args[0], dtypes.dtype)):
            dtype = args.pop(0)
    if len(args) > 2:
        raise TypeError(f"to: too many arguments: {args}")
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"to: dtype must be a minitorch dtype, got {type(dtype).__name__}")
    check_device("to", device)
    return dtype if tensor is None else tensor.dtype
