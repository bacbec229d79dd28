"""``minitorch run``."""

import argparse
import os
import runpy
import sys


def add_parser(commands):
    run = commands.add_parser(
        "run",
        help="run a program that was written for PyTorch",
        usage="minitorch run [-m] PROGRAM [ARGUMENTS ...]",
        description="Run an unmodified PyTorch program: its `import torch` gives minitorch.",
    )
    run.add_argument("-m", action="store_true", help="PROGRAM is the name of a module")
    run.add_argument("program", metavar="PROGRAM", help="the Python file, or a folder with one")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="those of the program")
    run.set_defaults(run=_run, shows_errors=True)


def _run(options):
    """Run the program as ``python PROGRAM ARGUMENTS`` does, with `minitorch.compat`."""
    program = options.program
    if not options.m and not os.path.exists(program):
        print(f"minitorch: error: there is no file {program}", file=sys.stderr)
        return 1
    from .. import compat

    compat.install()
    sys.argv = [program, *options.arguments]
    if options.m:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
        runpy.run_path(program, run_name="__main__")
    return 0
