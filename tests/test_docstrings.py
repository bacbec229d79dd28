"""Every public name has a complete docstring: the reference is made of nothing else.

What is public is what docs/reference shows: the names of the modules in docs/_ext/public_names.py.
A docstring is complete if it has a summary, tells of every parameter and of no other, and says
what is returned. Short forms lean on another public name, as in "arguments as of `conv2d`": that
name must tell of the parameter.
"""

import ast
import enum
import functools
import importlib
import importlib.util
import inspect
import itertools
import pkgutil
import re
import sys
import types
from pathlib import Path
from unittest import mock

import pytest

import minitorch
from minitorch.ops import doc

ROOT = Path(__file__).parents[1]


def _public_names():
    modules = {}
    if importlib.util.find_spec("sphinx") is None:  # which only the directive needs
        for name in ("sphinx", "sphinx.util", "sphinx.util.docutils"):
            modules[name] = types.ModuleType(name)
        modules[name].SphinxDirective = object
    path = ROOT / "docs" / "_ext" / "public_names.py"
    spec = importlib.util.spec_from_file_location("public_names", path)
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, modules):  # others look for the real one
        spec.loader.exec_module(module)
    return module


public = _public_names()

SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
REFERENCE = re.compile(
    r"\b(?:[Ss]ee|of|for|[Aa]n?|as|in|like|[Aa]pply|[Rr]eturn|[Uu]ndo|and)(?: the function)?"
    r" `([A-Za-z_][\w.]*)`"
)
RETURNS = re.compile(
    r"\b[Rr]eturn(s|ed|ing)?\b|^(Whether|Make|Draw|Iterate|How many)\b|\b[Yy]ields?\b", re.MULTILINE
)
# Layers say what comes in and what goes out.
SHAPE = re.compile(r"[Ss]hape|\((N|\*|L|B|batch|S|T|\.\.\.),|every element|any size")


def text(value) -> str:
    """Return the docstring of a function, class or property, without indentation."""
    return inspect.cleandoc(getattr(value, "__doc__", None) or "")


def sections(doc: str) -> dict[str, str]:
    """Return the sections of a numpydoc docstring by name; what precedes them is ""."""
    parts = SECTION.split(doc)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> dict[str, str]:
    """Return what is told of each parameter, by name: its type and text."""
    found, names = {}, []
    for line in section.splitlines():
        if line and not line[0].isspace():
            head, _, kind = line.partition(" : ")
            names = [n.strip().lstrip("\\*") for n in head.split(",")]
            found.update(dict.fromkeys(names, kind))
        else:
            found.update({n: f"{found[n]} {line.strip()}".strip() for n in names})
    return found


class Name:
    """A public name: a function, a class, a method or a property."""

    def __init__(self, name, value, owner=None):
        self.name, self.value, self.owner = name, value, owner
        self.shown = getattr(value, "__func__", value)  # has the docstring
        function = value.fget if isinstance(value, property) else self.shown
        self.function = inspect.unwrap(function)  # has the source
        self.tail = name.rpartition(".")[2]

    @functools.cached_property
    def signature(self) -> list[inspect.Parameter]:
        """The arguments that users give."""
        if isinstance(self.value, property):
            return []
        function, skipped = self.function, 0
        if inspect.isclass(self.value):
            function, skipped = constructor(self.value), 1
        elif self.owner and not isinstance(vars(self.owner).get(self.tail), staticmethod):
            skipped = 1
        if function is None:
            return []
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
        return [p for p in parameters if not p.name.startswith("_")]

    @functools.cached_property
    def doc(self) -> str:
        """The docstring; a method without one has that of the method it overrides."""
        if self.owner is None:
            return text(self.shown)
        for cls in self.owner.__mro__:
            if self.tail in vars(cls) and (found := text(member(cls, self.tail).shown)):
                # Of `forward` the class tells what it computes.
                return "" if self.tail == "forward" and cls is minitorch.nn.Module else found
        return ""

    def told(self, seen=()) -> dict[str, str]:
        """What the docstring, or one that it leans on, tells of the parameters."""
        told = {}
        for other in self.leans_on(seen):
            told |= other.told((*seen, self.name))
        parts = sections(self.doc)
        for section in ("Parameters", "Other Parameters", "Attributes"):
            if section != "Attributes" or inspect.isclass(self.value):
                told |= entries(parts.get(section, ""))
        return told

    def leans_on(self, seen=()):
        for found in REFERENCE.findall(self.doc):
            other = resolve(found, self)
            if other and other.name not in seen and other.shown is not self.shown:
                yield other

    def says_what_is_returned(self, seen=()) -> bool:
        parts = sections(self.doc)
        if "Returns" in parts or "Yields" in parts or RETURNS.search(parts[""]):
            return True
        return any(x.says_what_is_returned((*seen, self.name)) for x in self.leans_on(seen))


def constructor(cls):
    """Return the function whose arguments construct a class, if it is one of the package."""
    if issubclass(cls, enum.Enum):
        return None
    for base in cls.__mro__:
        for special in ("__init__", "__new__"):
            made = vars(base).get(special)
            if inspect.isfunction(made):
                ours = base.__module__.startswith("minitorch")
                return made if ours and (base is not minitorch.nn.Module) else None
    return None


@functools.cache
def offered() -> dict[str, Name]:
    """Return what the public modules offer, by full name."""
    return {
        f"{module}.{short}": Name(f"{module}.{short}", value)
        for module in dict.fromkeys(public.MODULES)
        for short, value in public.public_names(module).items()
    }


@functools.cache
def everything() -> dict[str, Name]:
    """Return all public names, and the methods of classes that are no public functions."""
    found, known = {}, set()
    functions = {(id(n.function), n.tail) for n in offered().values()}
    for name in offered().values():
        if id(name.value) not in known:
            known.add(id(name.value))
            found[name.name] = name
            for method in members(name):
                if (
                    id(method.function),
                    method.tail,
                ) not in functions:
                    found[method.name] = method
    return found


def members(name):
    """Yield the public methods and properties that a class defines itself."""
    if inspect.isclass(name.value):
        for short, value in vars(name.value).items():
            function = getattr(value, "__func__", value)
            kinds = (property, functools.cached_property)
            if not short.startswith("_") and (
                isinstance(function, kinds) or inspect.isroutine(function)
            ):
                yield member(name.value, short, name.name)


def member(cls, short, owner=None) -> Name:
    value = vars(cls)[short]
    if isinstance(value, functools.cached_property):
        value = property(value.func)
    return Name(f"{owner or cls.__name__}.{short}", value, cls)


def resolve(reference, name):
    """Return the public name that the docstring of `name` refers to, or None."""
    if name.owner is not None:
        for cls in name.owner.__mro__:
            if reference in vars(cls) and callable(getattr(cls, reference)):
                found = member(cls, reference)
                if found.shown is not name.shown:
                    return found
    spaces = [name.name.rsplit(".", n)[0] for n in range(1, name.name.count(".") + 1)]
    spaces += ["minitorch", "minitorch.nn.functional", "minitorch.nn", "minitorch.Tensor"]
    spaces += ["minitorch.vision.transforms", "minitorch.optim", ""]
    for space in spaces:
        full = f"{space}.{reference}".lstrip(".")
        found = offered().get(full) or everything().get(full)
        if found and found.shown is not name.shown:
            return found
    space, _, short = reference.rpartition(".")
    owner = resolve(space, name) if space else None
    if owner and inspect.isclass(owner.value) and hasattr(owner.value, short):
        for cls in owner.value.__mro__:
            if short in vars(cls):
                return member(cls, short)
    return None


@functools.cache
def _tree(path):
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {
        (node.name, line): node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for line in {node.lineno, *[d.lineno for d in node.decorator_list]}
    }


def source(function):
    """Return the syntax tree of a function, or None if it has no source of its own."""
    code = getattr(function, "__code__", None)
    return code and _tree(code.co_filename).get((code.co_name, code.co_firstlineno))


def returns_something(function) -> bool:
    node = source(function)
    return node is None or any(map(_returns, node.body))


def _returns(node) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
        return False
    if isinstance(node, ast.Return):
        return not (node.value is None or isinstance(node.value, ast.Constant))
    return isinstance(node, (ast.Yield, ast.YieldFrom)) or any(
        map(_returns, ast.iter_child_nodes(node))
    )


def only_raises(name) -> bool:
    """Whether a name is here to say that there is no such thing."""
    return bool(re.match(r"Raises?( \w+Error)?:", name.doc))


def problems(name: Name):
    """Yield what is wrong with the docstring of a public name."""
    doc = name.doc
    if not doc:
        if name.tail != "forward" or not name.owner:
            yield "no docstring"
        return
    summary = doc.split("\n\n")[0].replace("\n", " ")
    if len(summary) < 10 or not re.match(r"[`A-Z\"\d(|-]", summary) or summary[-1] not in ".:":
        yield f"no summary sentence: {summary[:60]!r}"
    if only_raises(name):
        if not re.search(r"[:;,] |instead", doc):
            yield "does not say what to use instead"
        return
    yield from parameter_problems(name)
    if (
        inspect.isroutine(name.function)
        and not isinstance(name.value, property)
        and returns_something(name.function)
        and not name.says_what_is_returned()
    ):
        yield "does not say what is returned"
    if inspect.isclass(name.value) and issubclass(name.value, minitorch.nn.Module):
        yield from layer_problems(name)


# Classes that users do not construct: one is applied, one given to them, one makes Tensors.
NOT_CONSTRUCTED = (
    "minitorch.autograd.Function",
    "minitorch.autograd.function.FunctionCtx",
    "minitorch.autograd.Variable",
)


def parameter_problems(name):
    """Compare what the docstring tells of with the signature."""
    known = {p.name for p in name.signature}
    various = {p.name for p in name.signature if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    own = entries(sections(name.doc).get("Parameters", ""))
    first = {"input", "self"} if name.owner else set()  # of methods that are functions
    extra = set(own) - known - first
    if name.name in NOT_CONSTRUCTED:
        return
    if not various and not inspect.isabstract(name.value):
        for told in sorted(extra):
            if not told.startswith("_"):
                yield f"tells of {told}, which is no parameter"
    for told, what in own.items():
        if not what:
            yield f"says nothing of {told}"
    told = name.told()
    if name.doc.startswith("Do nothing"):
        return  # with whatever it is given
    for parameter in sorted(known - set(told)):
        if not (parameter in various and set(told) - known):  # they are told of one by one
            yield f"{parameter} is not told of"


# Modules whose shapes are those of what they hold.
CONTAINERS = """
    Container DataParallel Module ModuleDict ModuleList ParameterDict ParameterList Sequential
"""


def layer_problems(name):
    docs = [text(base) for base in name.value.__mro__ if issubclass(base, minitorch.nn.Module)]
    docs += [n.doc for n in name.leans_on()]
    layer = name.name.startswith("minitorch.nn.") and name.tail not in CONTAINERS.split()
    if layer and not any(map(SHAPE.search, docs)):
        yield "does not say which shapes come in and go out"


def test_every_public_name_is_documented():
    found = {name.name: list(problems(name)) for name in everything().values()}
    assert len(found) > 1900
    assert not {name: wrong for name, wrong in found.items() if wrong}


# Modules whose names are not in the reference, and why.
NOT_SHOWN = {
    "minitorch.absent": "raises for what is on purpose not there",
    "minitorch.autograd.trace": "records for tools of the package",
    "minitorch.compat": "takes PyTorch's place when it is imported: shown, but not imported here",
    "minitorch.cuda.amp": "is `minitorch.amp` in its old place",
    "minitorch.out": "makes functions of the package",
    "minitorch.tools.bench": "is what the command `minitorch bench` runs",
    "minitorch.nn.utils.weight_norm": "offers names to `minitorch.nn.utils`",
    "minitorch.utils.data.collate": "offers names to `minitorch.utils.data`",
}


def test_every_public_module_is_in_the_reference():
    """What a module lists in ``__all__`` is shown, there or where it is offered."""
    shown = {id(name.function) for name in everything().values()}
    missing = []
    for info in pkgutil.walk_packages(minitorch.__path__, "minitorch."):
        parts = info.name.split(".")
        if any(part.startswith("_") for part in parts) or info.name in public.MODULES:
            continue
        if any(".".join(parts[:n]) in NOT_SHOWN for n in range(1, len(parts) + 1)):
            continue
        module = importlib.import_module(info.name)
        for short in getattr(module, "__all__", ()):
            value = getattr(module, short)
            known = not (inspect.isclass(value) or inspect.isroutine(value))
            if not known and id(inspect.unwrap(value)) not in shown:
                missing.append(f"{info.name}.{short}")
    assert not missing, "add the module to MODULES in docs/_ext/public_names.py"


DTYPES = [minitorch.bool, minitorch.int32, minitorch.int64]
DTYPES += [minitorch.float16, minitorch.float32, minitorch.float64]


def floating(*dtypes):
    promoted = functools.reduce(minitorch.promote_types, dtypes)
    return promoted if promoted.is_floating_point else minitorch.get_default_dtype()


# What docstrings say of the type of the result -> that type, by those of the operands.
RULES = {
    doc.FLOATING: floating,
    doc.SAME: lambda dtype: dtype,
    doc.BOOL: lambda dtype: minitorch.bool,
    doc.PAIR: minitorch.promote_types,
    doc.PAIR_FLOATING: floating,
    doc.PAIR_BOOL: lambda one, other: minitorch.bool,
}


def ruled():
    """Return the functions of one or two tensors whose docstrings have a sentence of `RULES`."""
    found = {}
    for name in everything().values():
        returned = sections(name.doc).get("Returns", "").replace("\n", " ").split("Tensor", 1)
        rule = RULES.get(returned[-1].strip())
        needed = [p for p in name.signature if p.default is p.empty]
        if (
            rule
            and name.owner is None
            and [p.name for p in needed] in (["input"], ["input", "other"])
        ):
            found[name.name] = (name, rule, len(needed))
    return found


def refused(name, *dtypes) -> bool:
    """Whether the docstring says that operands of these types are refused."""
    raises = sections(name.doc).get("Raises", "")
    only_floating = "not floating" in raises or "Floating-point" in name.told()["input"]
    some, every = (f(d.is_floating_point for d in dtypes) for f in (any, all))
    return (
        ("is bool" in raises and minitorch.bool in dtypes)
        or (only_floating and not every)
        or ("floating-point" in raises and not only_floating and some)
    )


def test_result_types_are_as_stated():
    assert len(ruled()) > 70
    for name, rule, count in ruled().values():
        for dtypes in itertools.product(DTYPES, repeat=count):
            tensors = [minitorch.ones(2, 3, dtype=dtype) for dtype in dtypes]
            if refused(name, *dtypes):
                with pytest.raises((NotImplementedError, RuntimeError)):
                    name.value(*tensors)
            else:
                result = name.value(*tensors)
                assert (result.dtype, result.shape) == (rule(*dtypes), (2, 3)), name.name


def example(a, *, b=2):
    """Return a sum.

    Parameters
    ----------
    a : Tensor
        The one.
    b : int
        The other.
    """
    return a + b


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("b : int", "c : int", "b is not told of"),
        ("b : int", "c : int", "tells of c, which is no parameter"),
        ("    b : int\n        The other.\n", "", "b is not told of"),
        ("a : Tensor\n        The one.", "a", "says nothing of a"),
        ("Return a sum.", "Add two things.", "does not say what is returned"),
        ("Return a sum.", "sum", "no summary sentence: 'sum'"),
        ("Return a sum.", "See `no_such`.", "does not say what is returned"),
        ("b : int\n        The other.", "", "b is not told of"),
    ],
)
def test_an_incomplete_docstring_is_refused(old, new, wrong):
    """The checker itself is checked: each change of a complete docstring makes it complain."""
    complete = types.FunctionType(example.__code__, {}, "example", None, None)
    complete.__kwdefaults__, complete.__doc__ = {"b": 2}, example.__doc__
    assert not list(problems(Name("minitorch.example", complete)))
    complete.__doc__ = example.__doc__.replace(old, new, 1)
    assert wrong in list(problems(Name("minitorch.example", complete)))


def test_references_are_resolved():
    """A name that leans on another needs what that one tells; one that does not exist is none."""

    def leaning(input, other, third=None):
        """Return more; see `mul`."""
        return input, other, third

    name = Name("minitorch.leaning", leaning)
    assert list(problems(name)) == ["third is not told of"]
    leaning.__doc__ = "Return more; see `no_such_name`."
    assert len(list(problems(Name("minitorch.leaning", leaning)))) == 3
    leaning.__doc__ = None
    assert list(problems(Name("minitorch.leaning", leaning))) == ["no docstring"]


def test_layers_say_their_shapes():
    class Odd(minitorch.nn.Module):
        """A layer of some sort."""

    assert list(problems(Name("minitorch.nn.Odd", Odd))) == [
        "does not say which shapes come in and go out"
    ]


@pytest.mark.parametrize("complete", [doc.floating, doc.reduced, doc.same_shape])
def test_completing_is_the_same_without_indentation(complete):
    """Python 3.13 removes the indentation of docstrings, ``python -OO`` the docstrings."""

    def completed(known):
        function = types.FunctionType(example.__code__, {})
        function.__doc__ = known
        assert complete(function) is function
        return text(function)

    start = example.__doc__
    assert completed(start) == completed(inspect.cleandoc(start) + "\n")
    assert len(completed(start)) > len(text(example)) + 40
    assert completed(None) == ""
