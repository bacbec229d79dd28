"""What many docstrings have in common, written once: decorators that complete them.

They return the function itself, so that calls cost nothing. ``@doc.floating`` above a function
whose docstring is a summary adds its parameters and what it returns, types included.
"""

from __future__ import annotations

_ONE = "input : Tensor\n    Of any shape."
_TWO = "input, other : Tensor or number\n    Shapes that broadcast; at least one is a Tensor."
_TENSORS = "input, other : Tensor\n    Shapes that broadcast."
_NO_BOOL = "NotImplementedError\n    If `input` is bool."

# What is returned: the type of the result by that of the operands.
FLOATING = (
    "Of the same shape. Floating-point types are kept; integers and bool give the default dtype."
)
SAME = "Of the same shape and type."
BOOL = "Of bool, of the same shape."
PAIR_BOOL = "Of bool, of the shape that both broadcast to."
PAIR = "Of the shape and the type that both promote to."
PAIR_FLOATING = PAIR[:-1] + "; for integers and bool, of the default dtype."


def append(function, sections: str) -> None:
    """Add sections to a docstring, indented as it is (Python 3.13 keeps no indentation)."""
    known = function.__doc__
    if known:  # not with python -OO
        if "\n" not in known or known.endswith(" "):
            sections = sections.replace("\n", "\n    ")
        function.__doc__ = known.rstrip() + sections


def section(title: str, text: str) -> str:
    """Return a section of a docstring, its title underlined."""
    return f"\n\n{title}\n{'-' * len(title)}\n{text}"


def kind(parameters: str, result: str, raises: str = "", returned: str = "Tensor"):
    """Return a decorator that completes the docstring of a function of this kind."""
    result = f"{returned}\n    {result}".rstrip()
    sections = section("Parameters", parameters) + section("Returns", result)
    if raises:
        sections += section("Raises", raises)

    def complete(function):
        append(function, sections + "\n")
        return function

    return complete


def more(entries: str):
    """Return a decorator that adds entries at the end of the section Parameters."""

    def complete(thing):
        known = thing.__doc__
        if known:
            end = known.find("\n\n", known.index("-----")) % len(known.rstrip() + " ")
            indent = "\n    " if known.endswith(" ") else "\n"
            thing.__doc__ = known[:end] + ("\n" + entries).replace("\n", indent) + known[end:]
        return thing

    return complete


def says(paragraph: str):
    """Return a decorator that adds a paragraph to a docstring, after the summary."""

    def complete(thing):
        known = thing.__doc__
        if known:
            summary, gap, rest = known.partition("\n\n")
            indent = "    " if rest.startswith(" ") or not gap else ""
            thing.__doc__ = f"{summary}\n\n{indent}{paragraph}{gap}{rest}"
        return thing

    return complete


# Layers.
same_shape = says("Input and output have the same shape, any.")
# Functions of one number.
floating = kind(_ONE, FLOATING)
same = kind(_ONE, SAME)
numeric = kind(_ONE, SAME, _NO_BOOL)
only_floating = kind(
    _ONE, SAME, "NotImplementedError\n    If the elements are not floating-point numbers."
)
predicate = kind(_ONE, BOOL)
bits = kind(_ONE, SAME, "NotImplementedError\n    If the elements are floating-point numbers.")
# Functions of two.
pair = kind(_TENSORS, PAIR)
pair_floating = kind(_TENSORS, PAIR_FLOATING)
comparison = kind(_TWO, PAIR_BOOL)
pair_bits = kind(_TWO, PAIR, "NotImplementedError\n    If an operand is floating-point.")
# Losses.
reduced = more(
    "size_average, reduce : bool, optional\n    Old form of `reduction`.\n"
    "reduction : str\n    ``'mean'``, ``'sum'`` or ``'none'``."
)
