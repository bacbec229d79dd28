"""``minitorch profile``."""

from .arguments import positive
from .models import add_model, load_model, sizes_of


def add_parser(commands):
    profile = commands.add_parser(
        "profile", help="show where the time of a network goes, layer by layer"
    )
    add_model(profile, "8x3x224x224")
    profile.add_argument(
        "--inference", action="store_true", help="evaluation mode, no backward pass"
    )
    profile.add_argument("--runs", type=positive(int), default=5, help="default: 5")
    profile.add_argument("--threads", type=positive(int), help="default: the cores available")
    profile.add_argument(
        "--trace", metavar="FILE", help="write a trace for chrome://tracing and ui.perfetto.dev"
    )
    profile.set_defaults(run=_profile)


def _profile(options):
    from .. import set_num_threads
    from ..tools import profile

    if options.threads:
        set_num_threads(options.threads)
    sizes = sizes_of(options.size)
    model = load_model(options.model).train(not options.inference)
    found = profile(model, sizes, backward=not options.inference, runs=options.runs)
    print(found)
    if options.trace:
        found.save(options.trace)
        print(f"trace           {options.trace}")
