"""The directive ``model-table``: every model, its parameters, and the weights with a name."""

from sphinx.util.docutils import SphinxDirective

from minitorch.vision import models
from minitorch.vision.models._api import WEIGHTS
from minitorch.vision.models._published import PARAMETERS


class ModelTable(SphinxDirective):
    """List the names of `minitorch.vision.models.list_models` with what is published of them."""

    def run(self):
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 30 20 50", ""]
        rows = [("model", "parameters", "published weights")]
        for name in models.list_models():
            kinds = ", ".join(w.name for w in WEIGHTS.get(name, ()))
            rows.append(
                (f":py:func:`~minitorch.vision.models.{name}`", f"{PARAMETERS[name]:,}", kinds)
            )
        for first, *others in rows:
            lines += [f"   * - {first}", *[f"     - {text}" for text in others]]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app):
    app.add_directive("model-table", ModelTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
