"""Numbers and tables as text."""

import math
from html import escape


def table(head, rows, left):
    """
    Return the lines of a table.

    Parameters
    ----------
    head : list of str
    rows : list of list of str
    left : int
        How many columns, the first ones, are set flush left; the others flush right.

    Returns
    -------
    list of str
        The head, a rule, the rows, and a rule.
    """
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, lines))
    return [lines[0], rule, *lines[1:], rule]


def html_table(head, rows, remarks, name):
    """
    Return a table, and lines below it, as HTML.

    Parameters
    ----------
    head : list of str
    rows : list of list of str
    remarks : iterable of str
    name : str
        Class of the table.
    """
    cells = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    cells += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return (
        f'<table class="minitorch-{name}">{body}</table><p>{"<br>".join(map(escape, remarks))}</p>'
    )


def shape_text(shape):
    """Write a shape as 3x32x32."""
    return "x".join(map(str, shape)) or "scalar"


def bytes_text(count):
    """Write a number of bytes in a unit that suits it."""
    if count < 1000:
        return f"{count} B"
    power = min(3, int(math.log10(count) / 3))
    return f"{count / 1000**power:.3g} {' kMG'[power]}B"


def time_text(seconds):
    """Write a time in a unit that suits it."""
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
