"""Images in folders, one per class."""

import os
from pathlib import Path

from ...errors import FileFormatError
from .vision import VisionDataset

IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def has_file_allowed_extension(filename, extensions):
    """Whether a name ends in one of the extensions, in upper or lower case."""
    return filename.lower().endswith(extensions)


def is_image_file(filename):
    """Whether a name ends as those of images do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory):
    """
    Return the names of the folders in a folder, sorted, and their numbers.

    Parameters
    ----------
    directory : str or os.PathLike

    Returns
    -------
    classes : list of str
    class_to_idx : dict of str to int

    Raises
    ------
    FileNotFoundError
        There is no folder in it.
    """
    with os.scandir(directory) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty=False
):
    """
    Return the files in folders of classes, sorted, with the numbers of their classes.

    Parameters
    ----------
    directory : str or os.PathLike
    class_to_idx : dict of str to int, optional
        From the folders unless given.
    extensions : str or tuple of str, optional
        What names must end in. Or instead:
    is_valid_file : callable, optional
        Says of a path whether it is wanted.
    allow_empty : bool, default False
        Accept classes without files.

    Returns
    -------
    list of (str, int)

    Raises
    ------
    FileNotFoundError
        A class has no file; the message names all such classes.
    ValueError
        Both or neither of `extensions` and `is_valid_file` are given, or there are no classes.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if is_valid_file is None:
        allowed = extensions if isinstance(extensions, str) else tuple(extensions)
        is_valid_file = lambda path: has_file_allowed_extension(path, allowed)  # noqa: E731
    samples, found = [], set()
    for name in sorted(class_to_idx):
        for folder, _, files in sorted(os.walk(Path(directory) / name, followlinks=True)):
            for file in sorted(files):
                path = os.path.join(folder, file)
                if is_valid_file(path):
                    samples.append((path, class_to_idx[name]))
                    found.add(name)
    empty = sorted(set(class_to_idx) - found)
    if empty and not allow_empty:
        wanted = "" if extensions is None else f" Supported extensions are: {extensions}"
        raise FileNotFoundError(
            f"Found no valid file in {directory} for the classes {', '.join(empty)}.{wanted}"
        )
    return samples


def pil_loader(path):
    """
    Read an image as RGB.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ImportError
        Pillow is not installed.
    FileFormatError
        The file is no image that Pillow reads, or is damaged.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{path}: reading images needs Pillow: pip install pillow") from error
    try:
        with open(path, "rb") as file, Image.open(file) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise FileFormatError(f"{path}: not a readable image: {error}") from error


default_loader = pil_loader


class DatasetFolder(VisionDataset):
    """
    Files in folders, one per class: ``root/class/name.ext``, also deeper.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    loader : callable
        Reads the sample of a path.
    extensions : tuple of str, optional
        What names must end in. Or instead:
    transform, target_transform : callable, optional
        Applied to each sample and each label on access.
    is_valid_file : callable, optional
        Says of a path whether it is wanted.
    allow_empty : bool, default False
        Accept classes without files.

    Attributes
    ----------
    classes : list of str
        Sorted.
    class_to_idx : dict of str to int
    samples : list of (str, int)
        Path and label.
    targets : list of int

    Raises
    ------
    FileNotFoundError
        There is no class, or a class without files.
    """

    def __init__(
        self,
        root,
        loader,
        extensions=None,
        transform=None,
        target_transform=None,
        is_valid_file=None,
        allow_empty=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = self.find_classes(root)
        self.samples = self.make_dataset(
            root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.targets = [label for _, label in self.samples]

    @staticmethod
    def make_dataset(
        directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty=False
    ):
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory):
        return find_classes(directory)

    def __getitem__(self, index):
        """Return (sample, label)."""
        path, label = self.samples[index]
        sample = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return sample, label

    def __len__(self):
        return len(self.samples)


DatasetFolder.find_classes.__doc__ = find_classes.__doc__
DatasetFolder.make_dataset.__doc__ = make_dataset.__doc__


class ImageFolder(DatasetFolder):
    """
    Images in folders, one per class: ``root/dog/1.png``, ``root/cat/2.jpg``.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    transform, target_transform : callable, optional
        Applied to each image (PIL, RGB) and each label (int) on access.
    loader : callable, optional
        Reads the image of a path; by Pillow unless given.
    is_valid_file : callable, optional
        Says of a path whether it is wanted; unless given, the ends of the names say so.
    allow_empty : bool, default False
        Accept classes without images.

    Attributes
    ----------
    classes, class_to_idx, samples, targets
        As of :class:`DatasetFolder`.
    imgs : list of (str, int)
        The same as `samples`.

    Raises
    ------
    FileNotFoundError
        There is no class, or a class without images.
    FileFormatError
        (On access.) A file is not a readable image.
    """

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=default_loader,
        is_valid_file=None,
        allow_empty=False,
    ):
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples
