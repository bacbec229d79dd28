"""Pictures of a training: loss and accuracy per epoch."""

import importlib.util
import math
import os
from html import escape

import numpy as np

from .picture import Chart

_TRAIN, _TEST = "#d95f02", "#1b6ca8"


def curves(history, title="training"):
    """
    Draw loss and accuracy per epoch.

    Parameters
    ----------
    history : list of dict
        As `minitorch.train.Trainer.history` has it: ``epoch``, ``loss``, ``accuracy``, and the same
        of the validation with ``val_`` before the name. What is not there is not drawn.
    title : str, default "training"
        Above the diagram.

    Returns
    -------
    Chart
        Its values are a dict of arrays: ``epoch``, and what is drawn.
    """
    epochs = [record["epoch"] for record in history]
    panels = [
        ("loss", _curves(history, "loss", 1)),
        ("accuracy, %", _curves(history, "accuracy", 100)),
    ]
    panels = [panel for panel in panels if panel[1]] or panels
    values = {"epoch": np.array(epochs)}
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        if history and all(name in record for record in history):
            values[name] = np.array([record[name] for record in history])
    return Chart(
        _svg(epochs, panels, title), values,
        lambda figure: _draw_with_matplotlib(figure, epochs, panels, title), (8, 3.5),
    )  # fmt: skip


def plot_curves(history, path, title="training"):
    """
    Draw loss and accuracy per epoch into a file.

    Parameters
    ----------
    history : list of dict
        As of `curves`.
    path : str or os.PathLike
        Where to, without ending. matplotlib, when installed, writes ``.png``; otherwise an
        ``.svg`` of the same curves is written.
    title : str, default "training"
        Above the picture.

    Returns
    -------
    str
        The path of the picture.
    """
    drawn_by_matplotlib = importlib.util.find_spec("matplotlib") is not None
    path = os.fspath(path) + (".png" if drawn_by_matplotlib else ".svg")
    curves(history, title).save(path)
    return path


def _curves(history, name, factor):
    """Return the curves of a panel that the history has: (label, colour, values)."""
    known = [("train", _TRAIN, name), ("validation", _TEST, f"val_{name}")]
    return [
        (label, colour, [factor * record[key] for record in history])
        for label, colour, key in known
        if history and all(key in record for record in history)
    ]


def _draw_with_matplotlib(figure, epochs, panels, title):
    from matplotlib.ticker import MaxNLocator

    figure.set_layout_engine("constrained")
    figure.suptitle(title)
    for axes, (label, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for name, colour, values in curves:
            axes.plot(epochs, values, "o-", color=colour, label=name, markersize=3)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()


_WIDTH, _HEIGHT, _LEFT, _TOP = 320, 200, 60, 50  # of a panel, and the space beside it


def _svg(epochs, panels, title):
    width = len(panels) * (_WIDTH + _LEFT + 30)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT + 110}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{width / 2}" y="24" font-size="15" text-anchor="middle">{escape(title)}</text>',
    ]
    for number, (label, curves) in enumerate(panels):
        left = _LEFT + number * (_WIDTH + _LEFT + 30)
        parts += [f'<g transform="translate({left} {_TOP})">']
        parts += [*_panel(epochs, label, curves), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _ticks(low, high):
    """Return round numbers between two others: 3 to 9 multiples of 1, 2 or 5 times 10ⁿ."""
    step = 10.0 ** math.floor(math.log10((high - low) / 8))
    while (high - low) / step > 8:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _panel(epochs, label, curves):
    """Yield the elements of one diagram, its upper left corner at (0, 0)."""
    finite = [v for _, _, values in curves for v in values if abs(v) < float("inf")] or [0.0]
    low, high = min(finite), max(finite)
    margin = 0.05 * (high - low) or 1.0
    low, high = low - margin, high + margin
    first, last = min(epochs, default=0), max(epochs, default=1)
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#888"/>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 36}" text-anchor="middle">epoch</text>'
    yield f'<text transform="translate(-46 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
    yield f"{escape(label)}</text>"
    for value in _ticks(low, high):
        y = _HEIGHT * (high - value) / (high - low)
        yield f'<path d="M0 {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'

    def x_of(epoch):
        return _WIDTH * (epoch - first + 0.5) / (last - first + 1)

    for epoch in range(first, last + 1, max(1, (last - first) // 8)):
        yield f'<text x="{x_of(epoch):.1f}" y="{_HEIGHT + 18}" text-anchor="middle">{epoch}</text>'
    for number, (name, colour, values) in enumerate(curves):
        points = [
            (x_of(epoch), _HEIGHT * (high - value) / (high - low))
            for epoch, value in zip(epochs, values, strict=True)
            if abs(value) < float("inf")
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in points)
        y = _HEIGHT - 12 - 16 * number if label != "loss" else 18 + 16 * number
        yield f'<text x="{_WIDTH - 10}" y="{y}" text-anchor="end" fill="{colour}">{name}</text>'
