"""The ``minitorch`` command."""

import argparse
import functools
import importlib.util
import os
import runpy
import sys
from pathlib import Path

DATASETS = ("digits", "mnist", "fashion_mnist")


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
    if options.run is _run:
        return _run(options)  # what goes wrong in the program is shown as Python shows it
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError) as error:
        print(f"minitorch: error: {error}", file=sys.stderr)
        return 1


def _parser():
    from . import __version__

    parser = argparse.ArgumentParser(
        prog="minitorch", description="Train and run convolutional networks."
    )
    parser.add_argument("--version", action="version", version=f"minitorch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_train(commands)
    _add_bench(commands)
    _add_run(commands)
    info = commands.add_parser("info", help="show what this installation is and runs on")
    info.set_defaults(run=_info)
    return parser


# ---- train


def _add_train(commands):
    train = commands.add_parser(
        "train",
        help="train a network on handwritten digits or on your copy of MNIST",
        description="Train a small convolutional network. Without options: on the handwritten "
        "digits that ship with minitorch. Writes OUT.pth (the weights), OUT.checkpoint.pth (to "
        "resume from, after every epoch) and OUT.png or OUT.svg (the training curve).",
    )
    train.add_argument("--dataset", choices=DATASETS, default="digits", help="default: digits")
    train.add_argument("--data", metavar="DIR", help="folder of the data set's files")
    train.add_argument("--epochs", type=_positive(int), help="default: 15 (digits), 5 (mnist)")
    train.add_argument("--batch-size", type=_positive(int), help="default: 32 (digits), 64 (mnist)")
    train.add_argument("--lr", type=_positive(float), help="learning rate; default: 0.05")
    train.add_argument("--seed", type=int, help="of weights and order; default: 0")
    train.add_argument("--out", metavar="OUT", help="default: minitorch-<dataset>")
    train.add_argument("--threads", type=_positive(int), help="default: the cores available")
    train.add_argument(
        "--resume", action="store_true", help="continue from OUT.checkpoint.pth, with its settings"
    )
    train.set_defaults(run=_train)


def _positive(kind):
    def convert(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    convert.__name__ = f"positive {kind.__name__}"  # argparse: "invalid positive int value"
    return convert


def _train(options):
    from . import manual_seed, optim, save, set_num_threads
    from .tools import plot_curves
    from .train import Batches, Trainer
    from .vision import models

    out = options.out or f"minitorch-{options.dataset}"
    checkpoint = f"{out}.checkpoint.pth"
    if not Path(out).absolute().parent.is_dir():
        raise FileNotFoundError(f"the folder of --out {out} does not exist")
    if options.threads:
        set_num_threads(options.threads)
    train, test = _datasets(options)
    settings = _settings(options, checkpoint)
    manual_seed(settings["seed"])
    network = "digits_net" if options.dataset == "digits" else "lenet5"
    model = getattr(models, network)()
    optimizer = optim.SGD(model.parameters(), settings["lr"], momentum=0.9, weight_decay=5e-4)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, settings["epochs"])
    trainer = Trainer(
        model, optimizer, scheduler=scheduler, checkpoint=checkpoint, settings=settings
    )
    if options.resume:
        trainer.resume()
    mean, std = float(train.data.numpy().mean() / 255), float(train.data.numpy().std() / 255)
    size = settings["batch_size"]
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{train}\n{network}: {parameters:,} parameters", flush=True)
    try:
        trainer.fit(
            Batches(train, size, mean, std, seed=settings["seed"]),
            Batches(test, 500, mean, std),
            settings["epochs"],
        )
    except KeyboardInterrupt:
        done = len(trainer.history)
        kept = f"; continue from {checkpoint} with --resume" if done else ""
        print(f"\ninterrupted after {done} whole epochs{kept}", file=sys.stderr)
        return 130
    save(model.state_dict(), f"{out}.pth")
    title = f"{options.dataset}: {trainer.history[-1]['test']:.2%} of the test images"
    print(f"weights         {out}.pth\ncheckpoint      {checkpoint}")
    print(f"training curve  {plot_curves(trainer.history, out, title)}")
    return 0


def _settings(options, checkpoint):
    """Return what determines the run: given options, else the checkpoint's, else defaults."""
    small = options.dataset == "digits"
    settings = {"epochs": 15 if small else 5, "batch_size": 32 if small else 64}
    settings |= {"lr": 0.05, "seed": 0, "dataset": options.dataset}
    given = {name: getattr(options, name) for name in settings}
    given = {name: value for name, value in given.items() if value is not None}
    if not options.resume:
        return settings | given
    if not os.path.exists(checkpoint):
        raise FileNotFoundError(f"--resume: there is no {checkpoint}")
    from .train import load_checkpoint

    settings = load_checkpoint(checkpoint)["settings"]
    for name, value in given.items():
        if settings[name] != value:
            raise ValueError(
                f"--resume: {checkpoint} was made with {name} {settings[name]}, not {value}"
            )
    return settings


def _datasets(options):
    """Return the training and the test part of the data set."""
    from .vision import datasets

    if options.dataset == "digits":
        if options.data is not None:
            raise ValueError(
                "--data needs --dataset mnist or --dataset fashion_mnist: the digits ship with "
                "minitorch"
            )
        return datasets.Digits(train=True), datasets.Digits(train=False)
    if options.data is None:
        raise ValueError(f"--dataset {options.dataset} needs --data DIR, the folder of its files")
    kind = datasets.MNIST if options.dataset == "mnist" else datasets.FashionMNIST
    return kind(options.data, train=True), kind(options.data, train=False)


# ---- bench


def _add_bench(commands):
    from .tools.bench.shapes import FAMILIES

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
    bench.add_argument("--threads", type=_positive(int), help="default: the cores available")
    bench.add_argument("--isa", help="instruction set, see minitorch info")
    bench.add_argument("--only", metavar="TEXT", help="only cases that contain this")
    bench.add_argument("--budget", type=_positive(float), help="seconds per family, about")
    bench.add_argument("--smoke", action="store_true", help="a few cases, hardly measured")
    bench.add_argument("--alone", action="store_true", help="without PyTorch")
    bench.add_argument(
        "--contention", action="store_true", help="also training beside a busy process"
    )
    bench.add_argument("--json", metavar="FILE", help="write all figures")
    bench.add_argument("--plot", metavar="FILE", help="draw the ratios (needs matplotlib)")
    bench.set_defaults(run=_bench)


def _bench(options):
    import json

    from .tools.bench.run import SECONDS, Bench, plot
    from .tools.bench.shapes import FAMILIES

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
            plot(bench.results, options.plot)
    return 0


# ---- run


def _add_run(commands):
    run = commands.add_parser(
        "run",
        help="run a program that was written for PyTorch",
        usage="minitorch run [-m] PROGRAM [ARGUMENTS ...]",
        description="Run an unmodified PyTorch program: its `import torch` gives minitorch.",
    )
    run.add_argument("-m", action="store_true", help="PROGRAM is the name of a module")
    run.add_argument("program", metavar="PROGRAM", help="the Python file, or a folder with one")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="those of the program")
    run.set_defaults(run=_run)


def _run(options):
    """Run the program as ``python PROGRAM ARGUMENTS`` does, with `minitorch.compat`."""
    program = options.program
    if not options.m and not os.path.exists(program):
        print(f"minitorch: error: there is no file {program}", file=sys.stderr)
        return 1
    from . import compat

    compat.install()
    sys.argv = [program, *options.arguments]
    if options.m:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
        runpy.run_path(program, run_name="__main__")
    return 0


# ---- info


def _info(options):
    import numpy

    from . import __version__, kernels

    library = kernels.info()
    rows = {
        "minitorch": __version__,
        "instruction set": f"{library['isa']} (usable: {', '.join(library['available'])})",
        "threads": library["threads"],
        "OpenMP": "yes" if library["openmp"] else "no: built without it, one thread",
        "compiler": library["compiler"],
        "python": sys.version.split()[0],
        "numpy": numpy.__version__,
    }
    for name in ("matplotlib", "tqdm"):
        rows[name] = "installed" if importlib.util.find_spec(name) else "not installed"
    for name, value in rows.items():
        print(f"{name:16} {value}")
    return 0
