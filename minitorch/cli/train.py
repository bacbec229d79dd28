"""``minitorch train``."""

import os
import sys
from pathlib import Path

from .arguments import positive
from .runs import DATASETS, build_model, describe_data, load_part, prepared, statistics

# What determines a run, with its default (None: depends on the data set); also the keys of --config
SETTINGS = {
    "dataset": "digits", "model": None, "epochs": None, "batch_size": None,
    "optimizer": "sgd", "lr": None, "momentum": 0.9, "weight_decay": 5e-4,
    "schedule": "cosine", "accumulate": 1, "clip_norm": None, "ema": None, "patience": None,
    "augment": False, "workers": 0, "size": None, "seed": 0, "download": False,
}  # fmt: skip
SCHEDULES = ("cosine", "step", "onecycle", "plateau", "constant")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")


def add_parser(commands):
    train = commands.add_parser(
        "train",
        help="train a network on images",
        description="Train a convolutional network. Without options: a small one on the "
        "handwritten digits that ship with minitorch. Writes OUT.pth (the weights), "
        "OUT.checkpoint.pth (to resume from, after every epoch), OUT.csv (the history) and OUT.png "
        "or OUT.svg (the training curve).",
    )
    add = train.add_argument
    add("--config", metavar="FILE", help="a TOML file with options by name; those given here win")
    add("--dataset", choices=DATASETS, help="default: digits; folder: DIR/train and DIR/val with "
        "a folder of images per class")  # fmt: skip
    add("--data", metavar="DIR", help="folder of the data set's files")
    add("--download", action="store_true", default=None, help="fetch them if they are not there")
    add("--model", help="a function of minitorch.vision.models; default: depends on the data set")
    add("--epochs", type=positive(int), help="default: depends on the data set")
    add("--batch-size", type=positive(int), help="default: depends on the data set")
    add("--optimizer", choices=OPTIMIZERS, help="default: sgd")
    add("--lr", type=positive(float), help="learning rate; default: 0.05 (sgd), 0.001 (others)")
    add("--momentum", type=float, help="of sgd and rmsprop; default: 0.9")
    add("--weight-decay", type=float, help="default: 0.0005")
    add("--schedule", choices=SCHEDULES, help="of the learning rate; default: cosine")
    add("--accumulate", type=positive(int), help="batches per update; default: 1")
    add("--clip-norm", type=positive(float), help="bound of the norm of the gradients")
    add("--ema", type=float, help="decay of a moving average of the weights, such as 0.999")
    add("--patience", type=positive(int), help="stop after so many epochs without improvement")
    add("--augment", action="store_true", default=None, help="shift and mirror images at random")
    add("--workers", type=int, help="processes that load images; default: 0, none")
    add("--size", type=positive(int), help="height and width of images in a folder; default: 224")
    add("--seed", type=int, help="of weights, order and augmentation; default: 0")
    add("--out", metavar="OUT", help="default: minitorch-<dataset>")
    add("--threads", type=positive(int), help="default: the cores available")
    add("--tensorboard", metavar="DIR", help="log for TensorBoard")
    add("--checkpoint-every", type=positive(int), metavar="N", help="also after every N batches")
    add("--resume", action="store_true", help="continue from OUT.checkpoint.pth as it was begun")
    train.set_defaults(run=_train)


def _train(options):
    from .. import manual_seed, save, set_num_threads
    from ..tools import plot_curves

    given = _given(options)
    out = options.out or f"minitorch-{given.get('dataset', 'digits')}"
    checkpoint = f"{out}.checkpoint.pth"
    if not Path(out).absolute().parent.is_dir():
        raise FileNotFoundError(f"the folder of --out {out} does not exist")
    if options.threads:
        set_num_threads(options.threads)
    settings = _resumed(given, checkpoint) if options.resume else _settings(given)
    train, test = (load_part(settings, options.data, part) for part in (True, False))
    if not options.resume:
        settings |= {"classes": [str(c) for c in train.classes], **statistics(settings, train)}
    manual_seed(settings["seed"])
    model = build_model(settings)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{describe_data(train)}\n{settings['model']}: {parameters:,} parameters", flush=True)
    trainer, loaders = _trainer(options, settings, model, (train, test), out)
    if options.resume:
        trainer.resume()
    try:
        trainer.fit(*loaders, settings["epochs"])
    except KeyboardInterrupt:
        done = len(trainer.history)
        kept = f"; continue from {checkpoint} with --resume" if os.path.exists(checkpoint) else ""
        print(f"\ninterrupted after {done} whole epochs{kept}", file=sys.stderr)
        return 130
    weights = model if trainer.averaged is None else trainer.averaged.module
    save(weights.state_dict(), f"{out}.pth")
    title = f"{settings['dataset']}: {trainer.history[-1]['val_accuracy']:.2%} of the test images"
    print(f"weights         {out}.pth\ncheckpoint      {checkpoint}\nhistory         {out}.csv")
    print(f"training curve  {plot_curves(trainer.history, out, title)}")
    return 0


# ---- what is asked for


def _given(options):
    """Return the settings from the command line and the --config file."""
    given = {name: getattr(options, name) for name in SETTINGS}
    given = {name: value for name, value in given.items() if value is not None}
    return {**(_config(options.config) if options.config else {}), **given}


def _config(path):
    try:
        import tomllib
    except ImportError:  # Python 3.10
        raise ImportError("--config needs Python 3.11 or newer") from None
    with open(path, "rb") as file:
        try:
            found = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: no TOML: {error}") from error
    config = {name.replace("-", "_"): value for name, value in found.items()}
    for name, value in config.items():
        if name not in SETTINGS:
            raise ValueError(f"{path}: unknown option {name!r}; one of {', '.join(SETTINGS)}")
        _check_kind(path, name, value)
    return config


_CHOICES = {"dataset": tuple(DATASETS), "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
_TEXTS, _FLAGS = ("dataset", "model", "optimizer", "schedule"), ("augment", "download")
_REALS = ("lr", "momentum", "weight_decay", "clip_norm", "ema")


def _check_kind(path, name, value):
    """Refuse a value in a file that the command line would refuse."""
    kinds = (str,) if name in _TEXTS else (bool,) if name in _FLAGS else (int,)
    kinds = (int, float) if name in _REALS else kinds
    if type(value) not in kinds:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{path}: {name} must be {wanted}, got {value!r}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"{path}: {name} must be one of {', '.join(_CHOICES[name])}: {value!r}")
    if kinds != (str,) and kinds != (bool,) and name != "seed" and value < 0:
        raise ValueError(f"{path}: {name} must not be negative, got {value}")


def _settings(given):
    """Return what determines the run: what is given, else defaults."""
    settings = {**SETTINGS, **given}
    _, model, epochs, batch_size = DATASETS[settings["dataset"]]
    lr = 0.05 if settings["optimizer"] == "sgd" else 0.001
    usual = {"model": model, "epochs": epochs, "batch_size": batch_size, "lr": lr}
    return {**settings, **{n: v for n, v in usual.items() if settings[n] is None}}


def _resumed(given, checkpoint):
    """Return the settings of the checkpoint, which what is given must not contradict."""
    from ..train import load_checkpoint

    if not os.path.exists(checkpoint):
        raise FileNotFoundError(f"--resume: there is no {checkpoint}")
    settings = load_checkpoint(checkpoint)["settings"]
    for name, value in given.items():
        if settings.get(name) != value:
            raise ValueError(
                f"--resume: {checkpoint} was made with {name} {settings.get(name)}, not {value}"
            )
    return settings


# ---- what is made of it


def _trainer(options, settings, model, parts, out):
    from .. import train as training
    from ..utils.data import DataLoader

    size, workers = settings["batch_size"], settings["workers"]
    train = prepared(settings, parts[0], settings["augment"])
    loaders = (
        DataLoader(train, size, shuffle=True, num_workers=workers),
        DataLoader(prepared(settings, parts[1]), max(size, 256), num_workers=workers),
    )
    optimizer = _optimizer(settings, model)
    scheduler, step = _scheduler(settings, optimizer, len(loaders[0]))
    callbacks = [training.CSVLogger(f"{out}.csv")]
    if settings["patience"] is not None:
        callbacks.append(training.EarlyStopping(settings["patience"]))
    if options.tensorboard:
        callbacks.append(training.TensorBoard(options.tensorboard))
    trainer = training.Trainer(
        model, optimizer, scheduler=scheduler, step_scheduler=step,
        accumulate=settings["accumulate"], clip_norm=settings["clip_norm"], ema=settings["ema"],
        callbacks=callbacks, checkpoint=f"{out}.checkpoint.pth",
        checkpoint_every=options.checkpoint_every, settings=settings,
    )  # fmt: skip
    return trainer, loaders


def _optimizer(settings, model):
    from .. import optim

    common = {"lr": settings["lr"], "weight_decay": settings["weight_decay"]}
    kind = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}
    if settings["optimizer"] in ("sgd", "rmsprop"):
        common["momentum"] = settings["momentum"]
    return getattr(optim, kind[settings["optimizer"]])(model.parameters(), **common)


def _scheduler(settings, optimizer, batches):
    """Return the schedule and how often it is stepped."""
    from ..optim import lr_scheduler as schedules

    epochs, name = settings["epochs"], settings["schedule"]
    if name == "cosine":
        return schedules.CosineAnnealingLR(optimizer, epochs), "epoch"
    if name == "step":
        return schedules.StepLR(optimizer, max(1, epochs // 3)), "epoch"
    if name == "plateau":
        return schedules.ReduceLROnPlateau(optimizer, patience=3), "epoch"
    if name == "onecycle":
        updates = epochs * -(-batches // settings["accumulate"])
        return schedules.OneCycleLR(optimizer, settings["lr"], updates), "batch"
    return None, "epoch"
