"""The directive ``public-names``: a table of the public names of a module, then each docstring.

A name that several modules offer is documented once, with the first of `MODULES` that has it; the
pages of the others refer there.
"""

import importlib
import inspect
import re

from sphinx.util.docutils import SphinxDirective

MODULES = [
    "minitorch.nn",
    "minitorch.nn.functional",
    "minitorch.nn.init",
    "minitorch.nn.utils",
    "minitorch.nn.utils.parametrize",
    "minitorch.nn.utils.parametrizations",
    "minitorch.nn.utils.stateless",
    "minitorch.nn.utils.rnn",
    "minitorch.nn.utils.prune",
    "minitorch.optim.lr_scheduler",
    "minitorch.optim.swa_utils",
    "minitorch.optim",
    "minitorch.optim.swa_utils",
    "minitorch.linalg",
    "minitorch.func",
    "minitorch.distributions",
    "minitorch.utils.data",
    "minitorch.vision.datasets",
    "minitorch.vision.transforms",
    "minitorch.vision.transforms.functional",
    "minitorch.vision.utils",
    "minitorch.vision.models",
    "minitorch.serialization",
    "minitorch.onnx",
    "minitorch.vision.ops",
    "minitorch.utils.tensorboard",
    "minitorch.tools",
    "minitorch.train",
    "minitorch",
    "minitorch.autograd",
    "minitorch.autograd.functional",
    "minitorch.autograd.graph",
    "minitorch.autograd.function",
    "minitorch.nn.grad",
    "minitorch.nn.hooks",
    "minitorch.special",
    "minitorch.amp",
    "minitorch.utils.checkpoint",
    "minitorch.multiprocessing",
    "minitorch.hub",
    "minitorch.profiler",
    "minitorch.testing",
    "minitorch.vision.io",
    "minitorch.vision.transforms.v2",
]

# Modules that offer what others define.
GATHERING = ("minitorch", "minitorch.nn.functional", "minitorch.utils.checkpoint")

REFERENCE = re.compile(r"\b([Ss]ee|[Aa]s of|[Aa]pply|name of) `([A-Za-z_][\w.]*)`")


def public_names(name):
    """Return what a module offers, by name: functions and classes of this package."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    found = {n: getattr(module, n) for n in sorted(names, key=str.lower)}
    return {
        n: value
        for n, value in found.items()
        if inspect.isroutine(value) or inspect.isclass(value)
        if value.__module__.startswith("minitorch")
        if value.__module__.startswith(name) or name in GATHERING
    }


def homes():
    """Return where each object is documented: its full name, by identity."""
    found = {}
    for module in MODULES:
        for name, value in public_names(module).items():
            found.setdefault(id(value), f"{module}.{name}")
    return found


class PublicNames(SphinxDirective):
    """List and document every public name of the module given as argument."""

    required_arguments = 1

    def run(self):
        module = self.arguments[0]
        known = homes()
        here, elsewhere = {}, []
        for name, value in public_names(module).items():
            home = known[id(value)]
            if home == f"{module}.{name}":
                here[home] = value
            elif home.startswith(module + ".") and home.count(".") == module.count(".") + 1:
                elsewhere.append(f"``{name}`` = :py:obj:`~{home}`")  # another name for it
            else:
                elsewhere.append(f":py:obj:`~{home}`")
        lines = [".. autosummary::", "   :nosignatures:", "", *[f"   ~{name}" for name in here], ""]
        if elsewhere:
            lines += ["Also here: " + ", ".join(elsewhere) + ".", ""]
        for name, value in here.items():
            is_class = inspect.isclass(value)
            lines += [f".. auto{'class' if is_class else 'function'}:: {name}"]
            lines += ["   :members:", ""] if is_class else [""]
        return self.parse_text_to_nodes("\n".join(lines))


def link(app, what, name, obj, options, lines):
    """Make a link of what a docstring says to see, or to have its arguments described."""
    for i, line in enumerate(lines):
        lines[i] = REFERENCE.sub(r"\1 :py:obj:`\2`", line)


def setup(app):
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-docstring", link, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
