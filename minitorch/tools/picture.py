"""What tools that draw return: it shows itself in a notebook, and can be saved."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import numpy as np

from ..vision.utils import encode_png

__all__ = ["Chart", "Drawing", "Picture"]

# Ten colours of viridis (by Stéfan van der Walt and Nathaniel Smith, in the public domain).
_VIRIDIS = "440154 482878 3e4a89 31688e 26828e 1f9e89 35b779 6dcd59 b4de2c fde725"


class Drawing:
    """
    A drawing of lines and text.

    Parameters
    ----------
    svg : str
        The drawing as SVG.
    """

    def __init__(self, svg):
        self.svg = svg

    def _repr_svg_(self):
        return self.svg

    def _repr_html_(self):
        return self.svg

    def save(self, path):
        """
        Write the drawing to a file.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; should end in ``.svg``.
        """
        Path(path).write_text(self.svg, encoding="utf-8")


class Chart(Drawing):
    """
    A diagram of numbers: as SVG, or drawn by matplotlib.

    Parameters
    ----------
    svg : str
        The diagram as SVG.
    values : numpy.ndarray or dict
        The numbers.
    draw : callable
        Draws it into a figure of matplotlib.
    size : tuple of float
        Of that figure, in inches.
    """

    def __init__(self, svg, values, draw, size):
        super().__init__(svg)
        self.values, self._draw, self._size = values, draw, size

    def plot(self, figure=None):
        """
        Draw with matplotlib.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Where to, such as ``pyplot.figure()``; a new one unless given.

        Returns
        -------
        matplotlib.figure.Figure
        """
        figure = _figure(self._size) if figure is None else figure
        self._draw(figure)
        return figure

    def save(self, path):
        """
        Write the diagram to a file.

        Parameters
        ----------
        path : str or os.PathLike
            Where to. ``.svg`` needs nothing, other kinds matplotlib.

        Raises
        ------
        ImportError
            matplotlib is needed, and not installed.
        """
        if os.fspath(path).endswith(".svg"):
            super().save(path)
        else:
            self.plot().savefig(path, dpi=120)


class Picture:
    """
    A picture made of pixels, and the numbers it shows.

    Parameters
    ----------
    values : numpy.ndarray
        The numbers; ``numpy.asarray(picture)`` are these, too.
    pixels : numpy.ndarray
        uint8, (height, width, 3).
    """

    def __init__(self, values, pixels):
        self.values, self.pixels = values, pixels

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype, copy=copy)

    def _repr_png_(self):
        return encode_png(self.pixels)

    def _repr_html_(self):
        return f'<img src="data:image/png;base64,{base64.b64encode(self._repr_png_()).decode()}">'

    def plot(self, figure=None):
        """
        Draw with matplotlib.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Where to, such as ``pyplot.figure()``; a new one unless given.

        Returns
        -------
        matplotlib.figure.Figure
        """
        if figure is None:
            height, width = self.pixels.shape[:2]
            figure = _figure((6, max(1.0, 6 * height / width)))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(self.pixels, interpolation="nearest")
        axes.set_axis_off()
        return figure

    def save(self, path):
        """
        Write the picture to a PNG file.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; should end in ``.png``.
        """
        Path(path).write_bytes(self._repr_png_())


def _figure(size):
    try:
        from matplotlib.figure import Figure  # not pyplot: no window, no global state
    except ImportError as error:
        raise ImportError("plot: needs matplotlib: pip install matplotlib") from error
    return Figure(figsize=size)


def scaled(array, axes=None):
    """Shift and scale an array to the range from 0 to 1, along axes; constants become 0."""
    low, high = array.min(axes, keepdims=True), array.max(axes, keepdims=True)
    return (array - low) / np.where(high > low, high - low, 1)


def coloured(array):
    """Return the colours of numbers from 0 to 1, (..., 3), from 0 to 1: dark is low."""
    colours = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in _VIRIDIS.split()]) / 255
    place = np.clip(array, 0, 1) * (len(colours) - 1)
    parts = [np.interp(place, np.arange(len(colours)), colours[:, i]) for i in range(3)]
    return np.stack(parts, -1)


def grid(images, columns=None, between=1.0, width=640):
    """
    Put images side by side, enlarged to a picture of about a width.

    Parameters
    ----------
    images : numpy.ndarray
        (N, height, width, 3), from 0 to 1.
    columns : int, optional
        Per row; about as many as rows unless given.
    between : float or tuple of float
        Colour between them.
    width : int
        Pixels; small images are enlarged by a whole number, large ones stay.

    Returns
    -------
    numpy.ndarray
        uint8, (height, width, 3).
    """
    count, high, wide = images.shape[:3]
    if columns is None:
        ideal = np.sqrt(count * high / wide)
        full = [n for n in range(1, count + 1) if count % n == 0 and ideal / 2 < n < ideal * 2]
        columns = min(full, key=lambda n: abs(n - ideal), default=min(count, int(np.ceil(ideal))))
    zoom = max(1, round(width / (columns * (wide + 1))))
    images = images.repeat(zoom, 1).repeat(zoom, 2)
    rows, gap = -(-count // columns), 2 if zoom > 1 or count > 1 else 0
    high, wide = high * zoom + gap, wide * zoom + gap
    whole = np.full((rows * high + gap, columns * wide + gap, 3), between)
    for number, image in enumerate(images):
        top, left = number // columns * high + gap, number % columns * wide + gap
        whole[top : top + high - gap, left : left + wide - gap] = image
    return np.round(np.clip(np.nan_to_num(whole), 0, 1) * 255).astype(np.uint8)
