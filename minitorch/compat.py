"""Run unmodified PyTorch programs: ``import torch`` gives minitorch.

Importing this module makes ``import torch`` and ``import torchvision``, with all that is below
them, find minitorch's modules: ``torch.nn`` *is* `minitorch.nn`, nothing is copied. Nothing else
in the package does that. ``minitorch run script.py`` imports it and then runs the script.

- Other devices mean the CPU: ``.cuda()`` and ``.to("cuda")`` return what they are called on, a
  process group has one process. The first time, a warning says so.
- A name that does not exist raises `AttributeError` or `ImportError` with the closest names that
  do.
- PyTorch itself must not have been imported before: the two would mix.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.machinery
import sys
import types

from .device import lenient
from .tensor import Tensor

__all__ = ["install", "uninstall"]

_ROOTS = {"torch": "minitorch", "torchvision": "minitorch.vision"}

# What the modules say when asked for their version: the one whose names they offer.
_VERSIONS = {"torch": "2.5.0", "torchvision": "0.20.0"}

# Modules of PyTorch with another name or no file of their own here. "x.*": all that is below x,
# unless there is a module of that name.
_PLACES = {
    "torch._C": "minitorch.jit",
    "torch._dynamo": "minitorch.compiler",
    "torch._jit_internal": "minitorch.jit",
    "torch._tensor": "minitorch.tensor",
    "torch._utils": "minitorch.utils",
    "torch.amp.*": "minitorch.amp",
    "torch.autograd.*": "minitorch.autograd",
    "torch.autograd.profiler": "minitorch.profiler",
    "torch.cuda.*": "minitorch.cuda",
    "torch.cuda.amp.*": "minitorch.cuda.amp",
    "torch.distributions.*": "minitorch.distributions",
    "torch.functional": "minitorch",
    "torch.jit.*": "minitorch.jit",
    "torch.nn._reduction": "minitorch.nn._reduction",
    "torch.nn.common_types": "minitorch.typing",
    "torch.nn.modules": "minitorch.nn",
    "torch.nn.modules.batchnorm": "minitorch.nn.norm",
    "torch.nn.modules.instancenorm": "minitorch.nn.norm",
    "torch.nn.modules.normalization": "minitorch.nn.norm",
    "torch.nn.modules.pooling": "minitorch.nn.pool",
    "torch.nn.modules.transformer": "minitorch.nn.attention",
    "torch.nn.modules.utils": "minitorch.nn.tuples",
    "torch.nn.modules.*": "minitorch.nn",
    "torch.nn.parallel.*": "minitorch.nn.parallel",
    "torch.nn.utils.*": "minitorch.nn.utils",
    "torch.optim.*": "minitorch.optim",
    "torch.types": "minitorch.typing",
    "torch.utils.data.*": "minitorch.utils.data",
    "torch.utils.dlpack": "minitorch",
    "torch.utils.hooks": "minitorch.nn.hooks",
    "torchvision.datasets.*": "minitorch.vision.datasets",
    "torchvision.models.utils": "minitorch.hub",
    "torchvision.models.*": "minitorch.vision.models",
    "torchvision.ops.*": "minitorch.vision.ops",
    "torchvision.transforms.*": "minitorch.vision.transforms",
}

# What to use instead of modules that are not there.
_INSTEAD = {
    "torch.ao": "there are no quantised tensors; use float32",
    "torch.export": "use minitorch.onnx.export",
    "torch.legacy": "removed from PyTorch; use torch.nn",
    "torch.nn.quantized": "there are no quantised tensors; use float32",
    "torch.quantization": "there are no quantised tensors; use float32",
    "torch.utils.benchmark": "use timeit, or minitorch bench",
    "torch.utils.cpp_extension": "no C++ is compiled; write a torch.autograd.Function",
    "torch.utils.flop_counter": "use minitorch.tools.summary",
}

# Where else the modules of a package of PyTorch find what they import and their neighbours define.
_SHARED = {
    "torch.nn.modules": (
        "minitorch.nn.tuples",
        "minitorch.nn.lazy",
        "minitorch.nn.conv",
        "minitorch.nn.norm",
        "minitorch.nn.pool",
        "minitorch.nn.unpool",
        "minitorch.nn.functional",
        "minitorch.nn.hooks",
        "minitorch.tensor",
    ),
    "torch.optim": ("minitorch.optim.optimizer", "minitorch.tensor"),
    "torch.utils.data": ("minitorch.utils.data.dataloader", "minitorch.tensor"),
}


def install() -> None:
    """Let ``import torch`` and ``import torchvision`` find minitorch; twice is as good as once.

    Raises
    ------
    ImportError
        If PyTorch or torchvision itself has been imported in this process.
    """
    for root in _ROOTS:
        if root in sys.modules and not isinstance(sys.modules[root], _Alias):
            raise ImportError(
                f"minitorch.compat: {root} itself has already been imported in this process. "
                "Import minitorch.compat before it, or use a new process."
            )
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
        sys.meta_path.append(_LAST)
        Tensor.__getattr__ = _no_tensor_method
    lenient(True)


def uninstall() -> None:
    """Undo `install`: from now on ``import torch`` finds PyTorch, if there is one."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        sys.meta_path.remove(_LAST)
        del Tensor.__getattr__
    for name in list(sys.modules):
        if name.partition(".")[0] in _ROOTS:
            del sys.modules[name]
    lenient(False)


# ---- from PyTorch's names to modules


def _exists(module):
    """Return whether there is a module of that name, without executing it."""
    if module in sys.modules:
        return True
    above = module.rpartition(".")[0]
    if not _exists(above):
        return False
    path = getattr(importlib.import_module(above), "__path__", None)
    return bool(path) and importlib.machinery.PathFinder.find_spec(module, path) is not None


def _place(name, general=True):
    """Return the name of the module that PyTorch's module `name` is here, or None."""
    if name in _PLACES:
        return _PLACES[name] if _exists(_PLACES[name]) else None
    parts = name.split(".")
    root = _ROOTS[parts[0]]
    parents = [".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]
    moved = [_PLACES[p] + name[len(p) :] for p in parents if p in _PLACES]
    for found in [*moved, root + name[len(parts[0]) :]]:
        if _exists(found):
            return found
    for parent in parents if general else ():
        found = _PLACES.get(parent + ".*")
        if found and _exists(found):
            return found
    return None


class _Parent(types.ModuleType):
    """A module with submodules of the names of its functions, and the functions stay.

    ``import torch.nn.utils.weight_norm`` sets ``weight_norm`` in ``torch.nn.utils``. PyTorch
    defines the function of that name afterwards; here the import comes last.
    """

    def __setattr__(self, name, value):
        before = vars(vars(self).get("_ours", self)).get(name, value)
        if not isinstance(value, types.ModuleType) or isinstance(before, types.ModuleType):
            super().__setattr__(name, value)


class _Alias(_Parent):
    """A module of PyTorch that has the names of one of ours, and some of its own."""

    def __init__(self, alias, ours, **own):
        super().__init__(ours.__name__, ours.__doc__)  # by this name `from` asks for submodules
        self.__dict__.update(own, __path__=[], _alias=alias, _ours=ours)

    def __getattr__(self, name):
        if name in ("__file__", "__all__"):
            return getattr(self._ours, name)
        if f"{self._alias}.{name}" in _PLACES:
            return importlib.import_module(f"{self._alias}.{name}")
        try:
            found = getattr(self._ours, name)
        except AttributeError:
            return _submodule(self._alias, name) or _missing(self._ours, name)
        return _talkative(found) if isinstance(found, types.ModuleType) else found

    def __dir__(self):
        return dir(self._ours)


def _submodule(theirs, name):
    """Return the module `name` below PyTorch's module `theirs`, or None."""
    if name.startswith("__") or _place(f"{theirs}.{name}", general=False) is None:
        return None
    return importlib.import_module(f"{theirs}.{name}")


def _six():
    """Return ``torch._six``, which PyTorch had until 1.13."""
    import collections.abc
    import math

    module = types.ModuleType("torch._six", "Names that once differed between Python 2 and 3.")
    module.container_abcs = collections.abc
    module.string_classes = (str, bytes)
    module.int_classes = int
    module.inf, module.nan = math.inf, math.nan
    module.PY3, module.PY37 = True, True
    module.with_metaclass = lambda meta, *bases: meta("temporary", bases, {})
    return module


class _Finder:
    """Finds PyTorch's modules here; importlib calls it first."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in _ROOTS:
            return None
        known = name in _ROOTS or name == "torch._six" or _place(name)
        if not known:
            raise ModuleNotFoundError(_no_module(name), name=name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return None  # exec_module puts ours into its place

    def exec_module(self, module):
        name = module.__name__
        if name == "torch._six":
            sys.modules[name] = _six()
            return
        if name == "tensorboardX":
            sys.modules[name] = importlib.import_module("minitorch.utils.tensorboard")
            return
        ours = importlib.import_module(_ROOTS.get(name) or _place(name))
        if name in _ROOTS:
            sys.modules[name] = _Alias(name, ours, __version__=_VERSIONS[name])
        elif name == "torch.nn.modules" or ours.__name__ == "minitorch":
            sys.modules[name] = _Alias(name, ours)
        else:
            sys.modules[name] = _talkative(ours)
            _share(name, ours)
        parent = sys.modules.get(name.rpartition(".")[0])
        if type(parent) is types.ModuleType:
            parent.__class__ = _Parent


class _Last:
    """Asked after all other finders, for what nobody has: names in ``from ... import``."""

    def find_spec(self, name, path=None, target=None):
        if name == "tensorboardX":  # which has the class that torch.utils.tensorboard has
            return importlib.machinery.ModuleSpec(name, _FINDER, is_package=True)
        above, _, missing = name.rpartition(".")
        if above.partition(".")[0] != "minitorch" or missing.startswith("__"):
            return None
        try:
            _missing(sys.modules[above], missing)
        except AttributeError as error:
            raise ImportError(str(error), name=above) from None


_FINDER, _LAST = _Finder(), _Last()


# ---- names that do not exist


def _talkative(module):
    """Let `module`, and the modules in it, name the closest names when one is missing."""
    if not module.__name__.startswith("minitorch") or isinstance(module, _Alias):
        return module
    if getattr(module.__dict__.get("__getattr__"), "suggests", False):
        return module
    before = module.__dict__.get("__getattr__")

    def __getattr__(name):
        if before is not None:
            try:
                return before(name)
            except AttributeError:
                pass
        return _submodule(_theirs(module.__name__), name) or _missing(module, name)

    __getattr__.suggests = True
    module.__getattr__ = __getattr__
    if not hasattr(module, "__path__"):
        module.__path__ = []  # so that `from module import name` asks the finders too
    for found in list(vars(module).values()):
        if isinstance(found, types.ModuleType) and found.__name__.startswith(module.__name__ + "."):
            _talkative(found)
    return module


def _share(name, ours):
    """Let a module that divides PyTorch's package `name` is in otherwise find all its names.

    ``torch.nn.modules.pooling`` has ``MaxUnpool2d`` and ``_pair``, which are elsewhere here.
    """
    package = name.rpartition(".")[0]
    places = [_PLACES.get(package + ".*"), *_SHARED.get(package, ())]
    if places[0] in (None, ours.__name__):
        return
    before = ours.__getattr__

    def __getattr__(wanted):
        for place in places if not wanted.startswith("__") else ():
            found = vars(importlib.import_module(place)).get(wanted)
            if found is not None:
                return found
        return before(wanted)

    __getattr__.suggests = True
    ours.__getattr__ = __getattr__


def _missing(module, name):
    """Raise AttributeError for a name that `module` has not."""
    ours = module.__name__
    theirs = _theirs(ours)
    text = f"module '{theirs}' has no attribute '{name}' in minitorch"
    if f"{theirs}.{name}" in _INSTEAD:
        text += f": {_INSTEAD[f'{theirs}.{name}']}"
    elif not name.startswith("_"):
        text += _suggestion(name, module)
    raise AttributeError(text, name=name, obj=module)


def _no_tensor_method(tensor, name):
    """Raise AttributeError for a name that tensors have not."""
    text = f"'Tensor' object has no attribute '{name}'"
    close = () if name.startswith("_") else _close(name, dir(Tensor))
    if close:
        text += f"; there is {', '.join('.' + n for n in close)}"
    raise AttributeError(text, name=name, obj=tensor)


def _theirs(name):
    """Return the name in PyTorch of one of our modules."""
    if name == "minitorch.vision" or name.startswith("minitorch.vision."):
        return "torchvision" + name[len("minitorch.vision") :]
    return "torch" + name[len("minitorch") :]


def _close(name, names, cutoff=0.7):
    """Return those of `names` that are the same but for the case, else those like `name`."""
    names = [n for n in names if not n.startswith("_")]
    same = [n for n in names if n.lower() == name.lower()]
    return same or difflib.get_close_matches(name, names, n=3, cutoff=cutoff)


def _suggestion(name, module):
    """Return the end of a message: the closest names, of `module` and of all modules."""
    here = _theirs(module.__name__)
    found = [f"{here}.{n}" for n in _close(name, dir(module))]
    found += [f"{place}.{name}" for place, names in _everywhere() if name in names]
    found = found or [f"{here}.{n}" for n in _close(name, dir(module), cutoff=0.5)]
    return f"; there is {', '.join(found)}" if found else ""


@functools.cache
def _everywhere():
    """Return the public names of the main modules."""
    found = []
    for place in ("torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.nn.init"):
        ours = importlib.import_module("minitorch" + place[len("torch") :])
        found.append((place, {n for n in dir(ours) if not n.startswith("_")}))
    return found


def _no_module(name):
    """Return the message for a module that does not exist."""
    instead = next((text for m, text in _INSTEAD.items() if f"{name}.".startswith(m + ".")), None)
    if instead:
        return f"No module named '{name}' in minitorch: {instead}"
    above, _, last = name.rpartition(".")
    while above and above not in _ROOTS and _place(above) is None:
        above, _, last = above.rpartition(".")
    module = importlib.import_module(_ROOTS.get(above) or _place(above))
    return f"No module named '{name}' in minitorch{_suggestion(last, module)}"


install()
