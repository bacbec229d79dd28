"""``minitorch check``."""

import sys

from .models import add_model, load_model, sizes_of


def add_parser(commands):
    check = commands.add_parser(
        "check", help="check the derivatives of a module against finite differences"
    )
    add_model(check, "2x3x8x8")
    check.add_argument("--samples", type=int, default=16, help="elements per tensor; default: 16")
    check.add_argument("--seed", type=int, default=0, help="of the random input; default: 0")
    check.set_defaults(run=_check)


def _check(options):
    from .. import manual_seed, randn
    from ..autograd import GradcheckError
    from ..tools import check

    sizes = sizes_of(options.size)
    manual_seed(options.seed)
    model = load_model(options.model)
    try:
        print(check(model, [randn(size) for size in sizes], samples=options.samples))
    except GradcheckError as error:
        print(f"minitorch: {error}", file=sys.stderr)
        return 1
    return 0
