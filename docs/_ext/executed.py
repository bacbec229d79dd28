"""The directive ``run``: Python code that is run when the page is built, and what it prints.

All ``run`` blocks of a page share their names, top to bottom, as cells of a notebook do. An
exception fails the build, unless the block has the option ``:raises: NameOfTheError``; then the
error is what is shown. ``:hide:`` runs a block without showing it.

Pictures: with the option ``:figure: what is seen on it``, the matplotlib figure that the block
leaves open is shown; or, where the block ends in an expression whose value can show itself
(``_repr_svg_``, ``_repr_html_``, as in a notebook), that value.
"""

import ast
import contextlib
import html
import io
import traceback

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

INK = "#7a7b7c"  # stands for the colour of the page's text, see markup()
PLOT_STYLE = {
    "figure.figsize": (6.4, 3.2),
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "font.family": "sans-serif",
}


class Run(SphinxDirective):
    """Run the block and show it with its output."""

    has_content = True
    option_spec = {
        "figure": directives.unchanged_required,
        "hide": directives.flag,
        "raises": directives.unchanged_required,
    }

    def run(self):
        code = "\n".join(self.content)
        names = self.env.temp_data.setdefault("executed_names", {"__name__": "__main__"})
        output, value = self._execute(code, names)
        shown = []
        if "hide" not in self.options:
            shown.append(self._literal(code, "python"))
            if output:
                shown.append(self._literal(output.rstrip("\n"), "text", ["output"]))
        if "figure" in self.options:
            shown.append(self._figure(value))
        return shown

    def _figure(self, value):
        picture = markup(value)
        if picture is None:
            raise self.severe("the block left no figure, and its value cannot show itself")
        caption = html.escape(self.options["figure"])
        picture = f'<figure class="made" role="img" aria-label="{caption}">{picture}</figure>'
        return nodes.raw("", picture, format="html")

    def _execute(self, code, names):
        source = self.get_source_info()[0]
        output = io.StringIO()
        value = raised = None
        try:
            # Blank lines in front, so that a traceback has the line numbers of the page.
            tree = ast.parse("\n" * self.content_offset + code, source)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            with contextlib.redirect_stdout(output):
                exec(compile(tree, source, "exec"), names)
                if last:
                    value = eval(compile(ast.Expression(last.value), source, "eval"), names)
        except Exception as error:
            raised = error
            output.write("".join(traceback.format_exception_only(error)))
        if type(raised).__name__ != self.options.get("raises", "NoneType"):
            detail = "".join(traceback.format_exception(raised)) if raised else "nothing was raised"
            raise self.severe(f"the code of this block did not end as stated:\n{detail}")
        return output.getvalue(), value

    @staticmethod
    def _literal(text, language, classes=()):
        block = nodes.literal_block(text, text, classes=list(classes))
        block["language"] = language
        return block


def markup(value):
    """Return the SVG or HTML of the open matplotlib figure, or of a value that has one."""
    for method in ("_repr_svg_", "_repr_html_"):
        shown = getattr(value, method, lambda: None)()
        if shown is not None:  # what a matplotlib figure says outside of a notebook
            return shown
    from matplotlib import pyplot

    if not pyplot.get_fignums():
        return None
    buffer = io.StringIO()
    unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # the page needs no metadata
    pyplot.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", metadata=unsaid)
    pyplot.close("all")
    svg = buffer.getvalue()
    # Lines and words in the colour of the page's own text: readable by day and in the dark.
    return svg[svg.index("<svg ") :].replace(INK, "currentColor")


def style_plots(app):
    """Set what all figures of the pages have in common, before the first is drawn."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams.update(PLOT_STYLE)


def setup(app):
    app.connect("builder-inited", style_plots)
    app.add_directive("run", Run)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
