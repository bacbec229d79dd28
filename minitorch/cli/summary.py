"""``minitorch summary``."""

import json


def add_parser(commands):
    summary = commands.add_parser(
        "summary", help="show the layers of a network: shapes, parameters, work, receptive fields"
    )
    summary.add_argument("model", metavar="MODEL", help="a function of minitorch.vision.models")
    summary.add_argument(
        "--size", default="1x3x224x224", help="of the input, with batch; default: 1x3x224x224"
    )
    form = summary.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything as JSON")
    form.add_argument("--html", action="store_true", help="the table as HTML")
    summary.set_defaults(run=_summary)


def _summary(options):
    from ..tools import summary
    from ..vision import models

    try:
        size = tuple(int(n) for n in options.size.lower().split("x"))
    except ValueError:
        raise ValueError(f"--size {options.size}: needs numbers, such as 1x3x224x224") from None
    if options.model not in models.list_models():
        known = ", ".join(models.list_models())
        raise ValueError(f"{options.model} is unknown; one of {known}")
    found = summary(models.get_model(options.model), size)
    if options.json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print(found.to_html() if options.html else found)
