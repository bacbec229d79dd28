"""The directive ``device-names``: the table of `minitorch.device.NAMES`."""

from sphinx.util.docutils import SphinxDirective

from minitorch.device import COMPAT, NAMES


class DeviceNames(SphinxDirective):
    """Show what becomes of each name that has to do with another device."""

    def run(self):
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 34 12 30 24", ""]
        rows = [("name", "kind", "what it does", "with compat")]
        rows += [(f"``{name}``", *row, COMPAT.get(name, "")) for name, row in NAMES.items()]
        for name, *others in rows:
            lines += [f"   * - {name}", *[f"     - {text}" for text in others]]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app):
    app.add_directive("device-names", DeviceNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
