"""The directive ``run``: Python code that is run when the page is built, and what it prints.

All ``run`` blocks of a page share their names, top to bottom, as cells of a notebook do. An
exception fails the build, unless the block has the option ``:raises: NameOfTheError``; then the
error is what is shown. ``:hide:`` runs a block without showing it.
"""

import contextlib
import io
import traceback

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class Run(SphinxDirective):
    """Run the block and show it with its output."""

    has_content = True
    option_spec = {"hide": directives.flag, "raises": directives.unchanged_required}

    def run(self):
        code = "\n".join(self.content)
        names = self.env.temp_data.setdefault("executed_names", {"__name__": "__main__"})
        output = self._execute(code, names)
        if "hide" in self.options:
            return []
        shown = [self._literal(code, "python")]
        if output:
            shown.append(self._literal(output.rstrip("\n"), "text", ["output"]))
        return shown

    def _execute(self, code, names):
        source = self.get_source_info()[0]
        output = io.StringIO()
        raised = None
        try:
            # Blank lines in front, so that a traceback has the line numbers of the page.
            program = compile("\n" * self.content_offset + code, source, "exec")
            with contextlib.redirect_stdout(output):
                exec(program, names)
        except Exception as error:
            raised = error
            output.write("".join(traceback.format_exception_only(error)))
        if type(raised).__name__ != self.options.get("raises", "NoneType"):
            detail = "".join(traceback.format_exception(raised)) if raised else "nothing was raised"
            raise self.severe(f"the code of this block did not end as stated:\n{detail}")
        return output.getvalue()

    @staticmethod
    def _literal(text, language, classes=()):
        block = nodes.literal_block(text, text, classes=list(classes))
        block["language"] = language
        return block


def setup(app):
    app.add_directive("run", Run)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
