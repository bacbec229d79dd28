"""What a training was made of: data sets and models by name, kept in its checkpoint."""

from pathlib import Path

import numpy as np

# Per data set: its class in vision.datasets, the model it is trained with, epochs, batch size.
DATASETS = {
    "digits": ("Digits", "digits_net", 15, 32),
    "mnist": ("MNIST", "lenet5", 5, 64),
    "fashion_mnist": ("FashionMNIST", "lenet5", 5, 64),
    "kmnist": ("KMNIST", "lenet5", 5, 64),
    "cifar10": ("CIFAR10", "resnet18", 20, 128),
    "cifar100": ("CIFAR100", "resnet18", 20, 128),
    "folder": ("ImageFolder", "resnet18", 20, 32),
}
GREY = ("digits_net", "lenet5")  # models of images with one channel


def describe_data(dataset):
    """Say in a line what a data set holds."""
    classes = f"{len(dataset.classes)} classes"
    return f"{type(dataset).__name__}: {len(dataset)} images, {classes}"


def load_part(settings, folder, train):
    """
    Return the training or the test part of a data set, and the sizes of its images.

    Parameters
    ----------
    settings : dict
        ``dataset``, ``download``.
    folder : str or None
        Where its files are.
    train : bool
        Which part.
    """
    from ..vision import datasets

    name = settings["dataset"]
    kind = getattr(datasets, DATASETS[name][0])
    if name == "digits":
        if folder is not None:
            raise ValueError("--data is for other data sets: the digits ship with minitorch")
        return kind(train=train)
    if folder is None:
        raise ValueError(f"--dataset {name} needs --data DIR, the folder of its files")
    if name == "folder":
        return kind(_part_of(folder, train))
    return kind(folder, train=train, **({"download": True} if settings.get("download") else {}))


def _part_of(folder, train):
    names = ["train"] if train else ["val", "valid", "test"]
    for name in names:
        if (Path(folder) / name).is_dir():
            return Path(folder) / name
    raise FileNotFoundError(f"{folder}: has no folder {' or '.join(names)}")


def statistics(settings, dataset):
    """Return size, mean and std of the images a model is trained on, to be kept as settings."""
    if settings["dataset"] == "folder":  # those of ImageNet, as is the custom
        return {
            "size": settings["size"] or 224,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        }
    images = np.asarray(dataset.data)
    axes = tuple(range(images.ndim - 1)) if images.ndim == 4 else None
    mean, std = images.mean(axes, np.float64) / 255, images.std(axes, np.float64) / 255
    return {
        "size": images.shape[1],
        "mean": np.atleast_1d(mean).tolist(),
        "std": np.atleast_1d(std).tolist(),
    }


def prepared(settings, dataset, augment=False):
    """Return a data set whose samples are ready for the model of a run."""
    mean, std = settings["mean"], settings["std"]
    if settings["dataset"] == "folder":
        from ..vision import transforms

        size = settings["size"]
        first = [transforms.Resize((size, size))]
        if augment:
            first = [transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip()]
        last = [transforms.ToTensor(), transforms.Normalize(mean, std)]
        dataset.transform = transforms.Compose([*first, *last])
        return dataset
    from ..train import ImageBatches

    letters = "mnist" in settings["dataset"] or settings["dataset"] == "digits"
    return ImageBatches(
        dataset, mean, std, channels=1 if settings["model"] in GREY else 3,
        shift=settings["size"] // 8 if augment else 0, flip=augment and not letters,
    )  # fmt: skip


def build_model(settings):
    """Return the model that the settings of a run name, with new weights."""
    from ..vision import models

    if settings["model"] not in models.list_models():
        known = ", ".join(models.list_models())
        raise ValueError(f"--model {settings['model']} is unknown; one of {known}")
    return models.get_model(settings["model"], num_classes=len(settings["classes"]))


def load_run(path):
    """
    Return the settings and the trained model of a checkpoint.

    Raises
    ------
    FileFormatError
        The file is no checkpoint of ``minitorch train``.
    """
    from ..errors import FileFormatError
    from ..train import load_checkpoint

    state = load_checkpoint(path)
    settings = state["settings"]
    missing = {"dataset", "model", "classes", "size", "mean", "std"} - settings.keys()
    if missing:
        raise FileFormatError(f"{path}: no checkpoint of minitorch train")
    model = build_model(settings)
    averaged = state.get("averaged")
    weights = state["model"]
    if averaged is not None:
        weights = {k.removeprefix("module."): v for k, v in averaged.items() if k != "n_averaged"}
    model.load_state_dict(weights)
    return settings, model.eval()
