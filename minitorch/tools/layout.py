"""Layered drawing of directed graphs as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_GAP_X, _GAP_Y, _HEIGHT, _CHARACTER = 24, 44, 40, 7.2
_STYLE = {"node": ("#eef3fb", "#4a6fa5"), "leaf": ("#fdf3e3", "#b9770e")}


@dataclass
class Box:
    """
    A node of a drawing.

    Attributes
    ----------
    title, text : str
        First line, and a second, smaller one.
    kind : {"node", "leaf"}
        Chooses the colours.
    below : list
        Keys of the boxes that arrows lead to.
    id : str
        Identifies the box in a page.
    """

    title: str
    text: str
    kind: str
    below: list
    id: str = ""

    @property
    def width(self):
        """Width in pixels that the text needs."""
        return max(len(self.title) * _CHARACTER, len(self._short) * _CHARACTER * 0.8) + 20

    @property
    def _short(self):
        return self.text if len(self.text) <= 48 else self.text[:47] + "…"


def layered_svg(boxes):
    """
    Draw boxes in layers, with arrows from each to those below it.

    Parameters
    ----------
    boxes : dict of hashable to Box
        In any order; no cycles.

    Returns
    -------
    str
        An SVG document.
    """
    layers = _layers(boxes)
    _order(boxes, layers)
    places, width = _places(boxes, layers)
    arrows, bow = _arrows(boxes, layers, places)
    whole = width + 2 * bow
    height = len(layers) * (_HEIGHT + _GAP_Y) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole:.0f}" height="{height}" '
        f'viewBox="{-bow:.0f} 0 {whole:.0f} {height}" font-family="sans-serif" font-size="12">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#777"/></marker></defs>',
        f'<rect x="{-bow:.0f}" width="100%" height="100%" fill="white"/>',
    ]
    parts += arrows
    parts += [_box(box, places[key]) for key, box in boxes.items()]
    return "\n".join([*parts, "</svg>\n"])


def _layers(boxes):
    """Put every box as high as the boxes above it allow: longest path from the top."""
    waiting = dict.fromkeys(boxes, 0)
    for box in boxes.values():
        for other in box.below:
            waiting[other] += 1
    depth = {}
    ready = [key for key, count in waiting.items() if count == 0]
    for key in ready:
        depth.setdefault(key, 0)
    while ready:
        key = ready.pop()
        for other in boxes[key].below:
            depth[other] = max(depth.get(other, 0), depth[key] + 1)
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key in boxes:
        layers[depth[key]].append(key)
    return layers


def _order(boxes, layers):
    """Order each layer by the mean place of its neighbours, down and up, to avoid crossings."""
    above = {key: [] for key in boxes}
    for key, box in boxes.items():
        for other in box.below:
            above[other].append(key)
    for sweep in range(8):
        down = sweep % 2 == 0
        place = {key: i / max(1, len(layer)) for layer in layers for i, key in enumerate(layer)}
        for layer in layers if down else reversed(layers):
            near = {key: above[key] if down else boxes[key].below for key in layer}
            mean = {
                key: sum(place[k] for k in keys) / len(keys) if keys else place[key]
                for key, keys in near.items()
            }
            layer.sort(key=mean.__getitem__)
            place |= {key: i / max(1, len(layer)) for i, key in enumerate(layer)}


def _places(boxes, layers):
    """Return (x, y, width) of every box, its upper left corner, and the width of the picture."""
    widths = [sum(boxes[key].width + _GAP_X for key in layer) for layer in layers]
    whole = max(widths, default=0) + _GAP_X
    places = {}
    for number, (layer, width) in enumerate(zip(layers, widths, strict=True)):
        x = (whole - width + _GAP_X) / 2
        for key in layer:
            places[key] = (x, 10 + number * (_HEIGHT + _GAP_Y), boxes[key].width)
            x += boxes[key].width + _GAP_X
    return places, whole


def _arrows(boxes, layers, places):
    """Return the arrows, and how far they swing out: around boxes, and apart from one another."""
    depth = {key: number for number, layer in enumerate(layers) for key in layer}
    around = max((box.width for box in boxes.values()), default=0) * 0.7 + 20
    arrows, widest = [], 0
    for key, box in boxes.items():
        for number, other in enumerate(box.below):
            bow = 14 * box.below[:number].count(other)
            if depth[other] - depth[key] > 1:
                bow += around
            side = 1 if number % 2 else -1
            arrows.append(_arrow(places[key], places[other], side * bow))
            widest = max(widest, bow * 0.75)
    return arrows, widest


def _arrow(start, end, bow):
    x1, y1 = start[0] + start[2] / 2, start[1] + _HEIGHT
    x2, y2 = end[0] + end[2] / 2, end[1]
    bend = (y2 - y1) / 2 if not bow else (y2 - y1) / 4
    return (
        f'<path d="M{x1:.1f} {y1}C{x1 + bow:.1f} {y1 + bend:.1f} {x2 + bow:.1f} {y2 - bend:.1f} '
        f'{x2:.1f} {y2}" fill="none" stroke="#777" marker-end="url(#arrow)"/>'
    )


def _box(box, place):
    x, y, width = place
    fill, edge = _STYLE[box.kind]
    centre = x + width / 2
    title_y = y + (17 if box.text else 24)
    mark = f' id="{box.id}" class="{box.kind}"' if box.id else ""
    parts = [
        f'<g{mark}><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_HEIGHT}" rx="6" '
        f'fill="{fill}" stroke="{edge}"/>',
        f'<text x="{centre:.1f}" y="{title_y}" text-anchor="middle">{escape(box.title)}</text>',
    ]
    if box.text:
        parts.append(
            f'<text x="{centre:.1f}" y="{y + 32}" text-anchor="middle" font-size="10" '
            f'fill="#555">{escape(box._short)}</text>'
        )
    return "".join([*parts, "</g>"])
