"""``minitorch summary``."""

import json

from .arguments import positive
from .models import add_model, load_model, sizes_of


def add_parser(commands):
    summary = commands.add_parser(
        "summary", help="show the layers of a network: shapes, parameters, work, receptive fields"
    )
    add_model(summary, "1x3x224x224")
    form = summary.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything as JSON")
    form.add_argument("--html", action="store_true", help="the table as HTML")
    summary.add_argument("--draw", metavar="FILE.svg", help="also draw the network")
    summary.add_argument(
        "--depth", type=positive(int), help="how deep the drawing shows modules in modules"
    )
    summary.set_defaults(run=_summary)


def _summary(options):
    from ..tools import draw, summary

    sizes, model = sizes_of(options.size), load_model(options.model)
    found = summary(model, sizes)
    if options.draw:
        draw(model, sizes, depth=options.depth).save(options.draw)
    if options.json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print(found.to_html() if options.html else found)
