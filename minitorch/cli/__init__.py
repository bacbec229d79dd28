"""The ``minitorch`` command: a module per subcommand."""

import argparse
import os
import sys

from . import apply, bench, check, info, profile, run, summary, train

COMMANDS = (train, apply, summary, check, profile, bench, run, info)


def main(arguments=None):
    """
    Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process unless given.

    Returns
    -------
    int
        0 when all went well, 1 for an error in the input, 130 when interrupted. (Wrong usage exits
        with 2.)
    """
    options = _parser().parse_args(arguments)
    if getattr(options, "shows_errors", False):
        return options.run(options)  # what goes wrong in a program is shown as Python shows it
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"minitorch: error: {error}", file=sys.stderr)
        return 1


def _parser():
    from .. import __version__

    parser = argparse.ArgumentParser(
        prog="minitorch", description="Train and run convolutional networks."
    )
    parser.add_argument("--version", action="version", version=f"minitorch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
