"""``minitorch bench``."""

import functools
import importlib.util
import json
from pathlib import Path

from ..tools.bench.shapes import FAMILIES
from .arguments import positive


def add_parser(commands):
    bench = commands.add_parser(
        "bench",
        help="measure layers and networks, beside PyTorch when it is installed",
        description="Measure layers and whole networks. With PyTorch installed each library runs "
        "in a process of its own, in turn; the ratio is PyTorch's time over ours. Families: "
        + "; ".join(f"{name} ({family.title})" for name, family in FAMILIES.items())
        + ".",
    )
    bench.add_argument(
        "families",
        nargs="*",
        metavar="family",
        help="default: all but contention, then peak-memory",
    )
    bench.add_argument("--threads", type=positive(int), help="default: the cores available")
    bench.add_argument("--isa", help="instruction set, see minitorch info")
    bench.add_argument("--only", metavar="TEXT", help="only cases that contain this")
    bench.add_argument("--budget", type=positive(float), help="seconds per family, about")
    bench.add_argument("--smoke", action="store_true", help="a few cases, hardly measured")
    bench.add_argument("--alone", action="store_true", help="without PyTorch")
    bench.add_argument(
        "--contention", action="store_true", help="also training beside a busy process"
    )
    bench.add_argument("--json", metavar="FILE", help="write all figures")
    bench.add_argument("--plot", metavar="FILE", help="draw the ratios (needs matplotlib)")
    bench.set_defaults(run=_bench)


def _bench(options):
    from ..tools.bench.run import SECONDS, Bench, plot

    names = options.families or [name for name in FAMILIES if name != "contention"] + [
        "peak-memory"
    ]
    if options.contention and "contention" not in names:
        names.append("contention")
    known = [*FAMILIES, "peak-memory"]
    for name in names:
        if name not in known:
            raise ValueError(f"bench: unknown family {name!r}; one of {', '.join(known)}")
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        raise ValueError("bench: --plot needs matplotlib: pip install matplotlib")
    report = functools.partial(print, flush=True)
    seconds = 0.001 if options.smoke else SECONDS
    with Bench(options.threads, options.isa, not options.alone, report) as bench:
        for line in bench.heading():
            report(line)
        for name in names:
            if name == "peak-memory":
                if not options.smoke:
                    bench.memory()
                continue
            cases = [c for c in FAMILIES[name].cases if (options.only or "") in c]
            if options.smoke:
                cases = cases[-2:]
            if cases:
                bench.family(name, cases, seconds, options.budget)
        if options.json:
            Path(options.json).write_text(json.dumps(bench.results, indent=1))
        if options.plot:
            plot(bench.results).savefig(options.plot, dpi=150)
