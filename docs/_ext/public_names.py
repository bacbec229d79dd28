"""The directive ``public-names``: a table of the public names of a module, then each docstring."""

import importlib
import inspect

from sphinx.util.docutils import SphinxDirective


def public_names(module):
    """Return what a module offers: its ``__all__``, else all that is neither private nor a module."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [n for n, value in vars(module).items() if not inspect.ismodule(value)]
    return sorted((n for n in names if not n.startswith("_")), key=str.lower)


class PublicNames(SphinxDirective):
    """List and document every public name of the module given as argument."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        module = importlib.import_module(name)
        objects = {n: getattr(module, n) for n in public_names(module)}
        documented = {n: o for n, o in objects.items() if callable(o)}
        lines = [".. autosummary::", ""]
        lines += [f"   {name}.{n}" for n in documented]
        for n, value in documented.items():
            kind = "class" if inspect.isclass(value) else "function"
            lines += ["", f".. auto{kind}:: {name}.{n}"]
            if kind == "class":
                lines += ["   :members:"]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def setup(app):
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
