"""Layered drawing of directed graphs as SVG (Sugiyama, Tagawa and Toda 1981).

Boxes are put into layers; an edge over several layers gets a point in each that it passes, which
takes part in all that follows as a box would: so edges run between boxes, not through them. Layers
are ordered by the mean place of neighbours, which avoids crossings; then chains become columns, and
every column moves to where its neighbours are, as far as the order and the widths allow (after
Brandes and Köpf 2001).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

_GAP_X, _GAP_Y, _HEIGHT, _CHARACTER = 22, 30, 40, 6.9
_LANE = 10  # width of an edge that passes a layer
_MOST = 20_000  # points of edges that pass layers; more edges are drawn straight

# Fill and edge of each kind of box, by day and by night.
_COLOURS = {
    "node": ("eef3fb", "4a6fa5", "1d2a3f", "7fa3d9"),
    "leaf": ("fdf3e3", "b9770e", "3a2c14", "d9a04f"),
    "conv": ("e3edfb", "3567b0", "1b2b47", "79a6ea"),
    "linear": ("e6e6fa", "5b4bb5", "28244a", "a79cf0"),
    "norm": ("f3e8f7", "8e4ba3", "36233d", "cf97de"),
    "activation": ("e8f5e6", "3f8a3a", "1e3320", "86c980"),
    "pool": ("fdece2", "c4622d", "40281b", "ec9c72"),
    "block": ("eceff2", "5c6773", "2a2e34", "a3adb8"),
    "end": ("ffffff", "444444", "16181c", "bbbbbb"),
}


def _style():
    day = "--paper:#fff;--ink:#1c1e21;--soft:#596066;--line:#7d858c;"
    night = "--paper:#16181c;--ink:#e8e8e8;--soft:#a9b0b7;--line:#88919a;"
    rules = []
    for kind, (*light, dark, dark_edge) in _COLOURS.items():
        day += f"--{kind}:#{light[0]};--{kind}-edge:#{light[1]};"
        night += f"--{kind}:#{dark};--{kind}-edge:#{dark_edge};"
        rules.append(f".mt .{kind} rect{{fill:var(--{kind});stroke:var(--{kind}-edge)}}")
    return "".join([
        # Where a page says what it is, that holds; else what the reader's system says.
        f".mt,[data-theme=light] .mt{{{day}}}",
        f"@media (prefers-color-scheme:dark){{.mt{{{night}}}}}",
        f"[data-theme=dark] .mt{{{night}}}",
        ".mt{font:12px sans-serif}.mt text{fill:var(--ink);text-anchor:middle}",
        ".mt .small{font-size:10px;fill:var(--soft)}.mt .left{text-anchor:start}",
        ".mt .edge{fill:none;stroke:var(--line)}.mt marker path{fill:var(--line)}",
        *rules,
    ])  # fmt: skip


@dataclass
class Box:
    """
    A node of a drawing.

    Attributes
    ----------
    title, text : str
        First line, and a second, smaller one.
    kind : str
        Chooses the colours: "node", "leaf", "conv", "linear", "norm", "activation", "pool",
        "block", "end".
    below : list
        Keys of the boxes that arrows lead to.
    id : str
        Identifies the box in a page.
    """

    title: str
    text: str
    kind: str
    below: list = field(default_factory=list)
    id: str = ""

    @property
    def width(self):
        """Width in pixels that the text needs."""
        return max(len(self.title) * _CHARACTER, len(self._short) * _CHARACTER * 0.83) + 18

    @property
    def _short(self):
        return self.text if len(self.text) <= 48 else self.text[:47] + "…"


def layered_svg(boxes, remarks=()):
    """
    Draw boxes in layers, with arrows from each to those below it.

    Parameters
    ----------
    boxes : dict of hashable to Box
        In any order; no cycles.
    remarks : iterable of str
        Lines below the drawing.

    Returns
    -------
    str
        An SVG document; its colours are those of day or night, as the reader or the page has it.
    """
    layers = _layers(boxes)
    items, routes = _with_points(boxes, layers)
    layers = _order(items, layers)
    centres, width = _places(items, layers)
    remarks = list(remarks)
    width = max([width, *(len(line) * 5.4 + 20 for line in remarks)])
    height = 10 + len(layers) * (_HEIGHT + _GAP_Y) - _GAP_Y + 10
    whole = max(height, 20) + 16 * len(remarks)
    places = {
        key: (centres[key], 10 + number * (_HEIGHT + _GAP_Y))
        for number, layer in enumerate(layers)
        for key in layer
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mt" width="{width:.0f}" height="{whole}" '
        f'viewBox="0 0 {width:.0f} {whole}"><style>{_style()}</style>',
        '<defs><marker id="mt-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
        '<rect width="100%" height="100%" fill="var(--paper)"/>',
    ]
    parts += _arrows(boxes, routes, places)
    parts += [_box(box, *places[key]) for key, box in boxes.items()]
    for number, line in enumerate(remarks):
        y = height + 8 + 16 * number
        parts.append(f'<text x="10" y="{y}" class="small left">{escape(line)}</text>')
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
    # What nothing leads to stands just above what it leads to, not at the top.
    led_to = {other for box in boxes.values() for other in box.below}
    for key, box in boxes.items():
        if key not in led_to and box.below:
            depth[key] = min(depth[other] for other in box.below) - 1
    layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key in boxes:
        layers[depth[key]].append(key)
    return layers


def _with_points(boxes, layers):
    """
    Add the points of edges that pass layers; `layers` gets them, too.

    Returns the items, boxes and points, whose edges lead to the next layer only, and per edge,
    (box, number), the keys on its way.
    """
    depth = {key: number for number, layer in enumerate(layers) for key in layer}
    spans = [depth[other] - depth[key] for key, box in boxes.items() for other in box.below]
    longest = max(spans, default=0) if sum(spans) - len(spans) <= _MOST else 30
    items, routes = {key: _Item(box.width) for key, box in boxes.items()}, {}
    for key, box in boxes.items():
        for number, other in enumerate(box.below):
            way = [key]
            if depth[other] - depth[key] <= longest:
                for layer in range(depth[key] + 1, depth[other]):
                    point = ("point", len(items))
                    layers[layer].append(point)
                    items[point] = _Item(_LANE)
                    items[way[-1]].below.append(point)
                    way.append(point)
                items[way[-1]].below.append(other)
            routes[key, number] = [*way, other]
    return items, routes


class _Item:
    """A box or a point in the layout: its width, and what of the next layer it leads to."""

    def __init__(self, width):
        self.width, self.below, self.above = width, [], []


def _order(items, layers):
    """Order each layer by the mean place of its neighbours; keep the order that crosses least."""
    for key, item in items.items():
        for other in item.below:
            items[other].above.append(key)
    best, least = [list(layer) for layer in layers], _crossings(items, layers)
    for sweep in range(12):
        if not least:
            break
        down = sweep % 2 == 0
        place = {key: (i + 0.5) / len(layer) for layer in layers for i, key in enumerate(layer)}
        for layer in layers if down else reversed(layers):
            near = {k: items[k].above if down else items[k].below for k in layer}
            mean = {
                key: sum(place[k] for k in keys) / len(keys) if keys else place[key]
                for key, keys in near.items()
            }
            layer.sort(key=mean.__getitem__)
            place |= {key: (i + 0.5) / len(layer) for i, key in enumerate(layer)}
        crossings = _crossings(items, layers)
        if crossings < least:
            best, least = [list(layer) for layer in layers], crossings
    return best


def _crossings(items, layers):
    """Count how many pairs of edges cross."""
    total = 0
    for upper, lower in pairwise(layers):
        place = {key: i for i, key in enumerate(lower)}
        ends = []
        for key in upper:
            now = sorted(place[other] for other in items[key].below if other in place)
            for end in now:
                total += len(ends) - bisect_right(ends, end)
            for end in now:
                insort(ends, end)
    return total


def _places(items, layers):
    """
    Return the centre of every item, and the width of the picture.

    What is to be one below the other moves together, as a column. Every column goes to the mean of
    the items that it is connected with, as far as its neighbours let it.
    """
    column = _columns(items, layers)
    members = {}
    for key, top in column.items():
        members.setdefault(top, []).append(key)
    left, right = ({top: {} for top in members} for _ in range(2))  # neighbour: least distance
    for layer in layers:
        for one, other in pairwise(layer):
            widths = items[one].width, items[other].width
            apart = sum(widths) / 2 + (_GAP_X if max(widths) > _LANE else 4)
            one, other = column[one], column[other]
            left[other][one] = right[one][other] = max(apart, left[other].get(one, 0))
    order = _from_the_left(left, right)
    near = {
        top: [column[k] for key in keys for k in items[key].above + items[key].below]
        for top, keys in members.items()
    }
    place = {}
    for top in order:
        place[top] = max((place[k] + apart for k, apart in left[top].items()), default=0.0)
    far = float("inf")
    for sweep in range(60):
        for top in order if sweep % 2 else reversed(order):
            connected = [place[k] for k in near[top] if k != top]
            if connected:
                wanted = sum(connected) / len(connected)
                most = min((place[k] - apart for k, apart in right[top].items()), default=far)
                least = max((place[k] + apart for k, apart in left[top].items()), default=-far)
                place[top] = max(least, min(most, wanted))
    centres = {key: place[top] for key, top in column.items()}
    first = min((centres[k] - item.width / 2 for k, item in items.items()), default=0) - 10
    last = max((centres[k] + item.width / 2 for k, item in items.items()), default=0) + 10
    return {key: centre - first for key, centre in centres.items()}, last - first


def _columns(items, layers):
    """Return for every item the top of the column that it is in."""
    column = {key: key for key in items}
    for upper, lower in pairwise(layers):
        place = {key: i for i, key in enumerate(lower)}
        edges = [
            (rank, i, place[other], key, other)
            for i, key in enumerate(upper)
            for other in items[key].below
            if other in place and (rank := _rank(items, key, other)) is not None
        ]
        taken = []  # edges that do not cross
        for _, i, j, key, other in sorted(edges, key=lambda edge: edge[:3]):
            if all((i - i2) * (j - j2) > 0 for i2, j2 in taken):
                taken.append((i, j))
                column[other] = column[key]
    return column


def _rank(items, key, other):
    """Say how much an edge should be straight, least first; None: it need not."""
    one, two = items[key], items[other]
    if one.width == two.width == _LANE:
        return 0

    def chosen(keys, key):
        """Tell whether an end of an edge prefers it: the box that goes on, or the middle one."""
        keys = list(dict.fromkeys(keys))  # an input may be read twice
        boxes = [k for k in keys if items[k].width != _LANE] or keys
        boxes = [k for k in boxes if items[k].below] or boxes
        return len(boxes) % 2 == 1 and boxes[len(boxes) // 2] == key

    return 1 if chosen(one.below, other) and chosen(two.above, key) else None


def _from_the_left(left, right):
    """Order columns so that each comes after those to its left."""
    waiting = {top: len(others) for top, others in left.items()}
    order = [top for top, count in waiting.items() if not count]
    for top in order:
        for other in right[top]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order


def _arrows(boxes, routes, places):
    """Yield the arrows; those of a box start and end side by side."""
    out, into = {}, {}
    for edge, way in routes.items():
        out.setdefault(way[0], []).append((places[way[1]][0], edge))
        into.setdefault(way[-1], []).append((places[way[-2]][0], edge))
    starts, ends = _ports(boxes, out, places), _ports(boxes, into, places)
    for edge, (first, *between, last) in routes.items():
        x, y = places[first][0] + starts[edge], places[first][1] + _HEIGHT
        path = f"M{x:.1f} {y}"
        stops = [(*places[point], True) for point in between]
        for to_x, to_y, passes in [*stops, (places[last][0] + ends[edge], places[last][1], False)]:
            middle = (y + to_y) / 2
            path += f"C{x:.1f} {middle} {to_x:.1f} {middle} {to_x:.1f} {to_y}"
            x, y = to_x, to_y
            if passes:
                y += _HEIGHT
                path += f"V{y}"
        yield f'<path d="{path}" class="edge" marker-end="url(#mt-arrow)"/>'


def _ports(boxes, edges, places):
    """Return how far from the middle of their box edges end: side by side, in order."""
    found = {}
    for key, ends in edges.items():
        ends.sort(key=lambda end: end[0])
        apart = min(12.0, boxes[key].width * 0.45 / len(ends))
        straight = [i for i, (x, _) in enumerate(ends) if abs(x - places[key][0]) < 1]
        middle = straight[0] if len(straight) == 1 else (len(ends) - 1) / 2
        for number, (_, edge) in enumerate(ends):
            found[edge] = (number - middle) * apart
    return found


def _box(box, centre, y):
    mark = f' id="{box.id}"' if box.id else ""
    title_y = y + (17 if box.text else 24)
    parts = [
        f'<g{mark} class="{box.kind}"><rect x="{centre - box.width / 2:.1f}" y="{y}" '
        f'width="{box.width:.1f}" height="{_HEIGHT}" rx="6"/>',
        f'<text x="{centre:.1f}" y="{title_y}">{escape(box.title)}</text>',
    ]
    if box.text:
        text = escape(box._short)
        parts.append(f'<text x="{centre:.1f}" y="{y + 32}" class="small">{text}</text>')
    return "".join([*parts, "</g>"])
