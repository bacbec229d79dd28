"""The directive ``device-names``: the table of `minitorch.device.NAMES`."""

from sphinx.util.docutils import SphinxDirective

from minitorch.device import NAMES


class DeviceNames(SphinxDirective):
    """Show what becomes of each name that has to do with another device."""

    def run(self):
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 40 20 40", ""]
        rows = [("name", "kind", "what it does")]
        rows += [(f"``{name}``", *row) for name, row in NAMES.items()]
        for name, kind, effect in rows:
            lines += [f"   * - {name}", f"     - {kind}", f"     - {effect}"]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app):
    app.add_directive("device-names", DeviceNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
