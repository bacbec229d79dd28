"""The directive ``watched``: a page in which a run of the code can be watched, and a link to it.

The block is Python code whose last line is an expression: the loss. Names that are tensors which
want a gradient name the leaves. The argument is the name of the page.
"""

import ast
import os

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Watched(SphinxDirective):
    """Run the block, write the page, show the page in a frame."""

    required_arguments = 1
    has_content = True

    def run(self):
        from minitorch import Tensor
        from minitorch.tools import watch

        code = ast.parse("\n".join(self.content))
        names = {}
        last = code.body.pop()
        exec(compile(code, "<watched>", "exec"), names)
        leaves = {k: v for k, v in names.items() if isinstance(v, Tensor) and v.requires_grad}
        loss = compile(ast.Expression(last.value), "<watched>", "eval")
        name = f"{self.arguments[0]}.html"
        folder = os.path.join(self.env.app.outdir, "watched")
        os.makedirs(folder, exist_ok=True)
        watch(
            lambda: eval(loss, names),
            os.path.join(folder, name),
            {k: v for k, v in leaves.items() if v.is_leaf},
            title=self.arguments[0].replace("-", " "),
        )
        up = "../" * self.env.docname.count("/")
        frame = (
            f'<p><a href="{up}watched/{name}">Open the page alone</a></p>'
            f'<iframe src="{up}watched/{name}" title="{name}" class="watched"></iframe>'
        )
        source = nodes.literal_block("\n".join(self.content), "\n".join(self.content))
        source["language"] = "python"
        return [source, nodes.raw("", frame, format="html")]


def setup(app):
    app.add_directive("watched", Watched)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
