"""Time series of the UCR and UEA archives."""

import os
from pathlib import Path

import numpy as np

from ...errors import FileFormatError
from ...tensor import Tensor
from .arrays import ImageArrays

_PIECE = 1 << 16  # characters


class UCR(ImageArrays):
    """
    A set of time series of the UCR archive (``.tsv``) or of timeseriesclassification.com (``.ts``).

    Read from ``<name>_TRAIN`` and ``<name>_TEST`` with one of these ends, in ``root/<name>`` or in
    ``root`` itself.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    name : str
        That of the set, such as ``"GunPoint"``.
    train : bool, default True
        The training part or the test part.
    transform, target_transform : callable, optional
        Applied to each series (Tensor, float32, (channels, length)) and each label (int) on access.

    Attributes
    ----------
    data : Tensor
        All series, float32, (N, channels, length). Shorter ones end in zeros.
    targets : Tensor
        int64, (N,), from 0 on.
    lengths : Tensor
        int64, (N,): the length of each series.
    classes : list of str
        The labels in the files, in the order of their numbers; the same for both parts.

    Raises
    ------
    FileNotFoundError, FileFormatError
        A file is missing or damaged.

    Notes
    -----
    Source: H. A. Dau et al., "The UCR Time Series Archive", IEEE/CAA Journal of Automatica Sinica
    6(6), 2019.
    """

    def __init__(self, root, name, train=True, transform=None, target_transform=None):
        self.root, self.name, self.train = Path(root), name, train
        path = self._find("TRAIN" if train else "TEST")
        cases, labels, declared = read_series(path)
        known = declared or (labels if train else read_series(self._find("TRAIN"))[1])
        self.classes = sorted(set(known), key=_order)
        numbers = {label: number for number, label in enumerate(self.classes)}
        strange = next((label for label in labels if label not in numbers), None)
        if strange is not None:
            listed = ", ".join(self.classes)
            raise FileFormatError(
                f"{path}: label {strange[:100]!r}, but the classes are {listed[:200]}"
            )
        self.data, self.lengths = (Tensor._wrap(array) for array in _stacked(path, cases))
        self.targets = Tensor._wrap(np.array([numbers[label] for label in labels], np.int64))
        self.transform, self.target_transform = transform, target_transform

    def _find(self, part):
        folders = [self.root / self.name, self.root]
        ends = (".tsv", ".ts")
        candidates = [folder / f"{self.name}_{part}{end}" for folder in folders for end in ends]
        for path in candidates:
            if path.is_file():
                return path
        looked = "".join(f"\n  {path}" for path in candidates)
        raise FileNotFoundError(f"UCR: file not found; looked for{looked}")

    def _images(self, which):
        if isinstance(which, (int, np.integer)):
            return self.data[int(which)]
        return self.data.numpy()[which]

    def __repr__(self):
        count, channels, length = self.data.shape
        return f"UCR({self.name}: {count} series, {channels}x{length}, {len(self.classes)} classes)"


def _order(label):
    """Order labels as numbers where they are numbers."""
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)


def _stacked(path, cases):
    """Return the cases as one array, and their lengths."""
    channels = {len(case) for case in cases}
    if len(channels) != 1:
        raise FileFormatError(f"{path}: cases of {sorted(channels)} channels")
    lengths = np.array([max(len(series) for series in case) for case in cases], np.int64)
    data = np.zeros((len(cases), channels.pop(), int(lengths.max())), np.float32)
    for row, case in zip(data, cases, strict=True):
        for channel, series in zip(row, case, strict=True):
            channel[: len(series)] = series
    return data, lengths


def read_series(path):
    """
    Read a ``.tsv`` or ``.ts`` file.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    cases : list of list of numpy.ndarray
        The channels of each case, float32. Missing values are NaN; those at the end are left out.
    labels : list of str
        One per case.
    declared : list of str
        The classes that the header of a ``.ts`` file lists.

    Raises
    ------
    FileFormatError
        The file is damaged. The message names the file, the line and the reason.
    """
    path = os.fspath(path)
    cases, labels, declared = [], [], []
    reading_data = not path.endswith(".ts")
    budget = (48 << 20) + 4 * os.path.getsize(path)  # bytes of all cases, padded to the longest
    longest = 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            try:
                if not reading_data:
                    reading_data = _header(line, declared)
                    continue
                if path.endswith(".ts"):
                    *channels, label = line.split(":")
                    channels = [_values(text, ",") for text in channels]
                else:
                    label, _, text = line.partition("\t")
                    channels = [_values(text, "\t")]
                if not channels or not all(len(values) for values in channels):
                    raise ValueError("a case without values")
                longest = max(longest, *map(len, channels))
                if 4 * longest * len(channels) * (len(cases) + 1) > budget:
                    raise ValueError(f"a case of {longest} values, far longer than the others")
            except ValueError as error:
                raise FileFormatError(f"{path}: line {number}: {str(error)[:200]}") from error
            labels.append(_label(label))
            cases.append(channels)
    if not cases:
        raise FileFormatError(f"{path}: there are no cases in it")
    return cases, labels, declared


def _header(line, declared):
    """Take note of a line of the header; return whether the data follow."""
    words = line.split()
    if words[0].lower() == "@classlabel":
        if len(words) < 2 or words[1].lower() not in ("true", "false"):
            raise ValueError("@classLabel should be followed by true or false")
        declared += [_label(word) for word in words[2:]]
    elif words[0].lower() == "@timestamps" and words[-1].lower() == "true":
        raise ValueError("series with time stamps are not supported")
    elif not line.startswith("@"):
        raise ValueError("not a line of a header, before @data")
    return words[0].lower() == "@data"


def _label(text):
    """Return a label; whole numbers without their decimal point."""
    text = text.strip()
    return text.removesuffix(".0") if text.removesuffix(".0").lstrip("-").isdigit() else text


def _values(text, separator):
    """Return numbers, without missing ones at the end; a long text is taken in pieces."""
    pieces, start = [], 0
    while 0 <= start < len(text):
        end = text.find(separator, start + _PIECE)
        words = (text[start:end] if end >= 0 else text[start:]).split(separator)
        pieces.append(np.array([_number(word) for word in words], np.float32))
        start = end + 1 if end >= 0 else -1
    if not pieces:
        return np.empty(0, np.float32)
    values = np.concatenate(pieces)
    present = np.flatnonzero(~np.isnan(values))
    return values[: present[-1] + 1] if len(present) else values[:0]


def _number(word):
    word = word.strip()
    return float("nan" if word == "?" else word)
