"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def _inline(self, node):
    self.body.append(convert(node.astext()))
    raise SkipNode


def _block(self, node):
    formula = convert(node.astext(), display="block")
    self.body.append(f"{self.starttag(node, 'div', CLASS='math')}{formula}</div>\n")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
