"""Load the C library, once, with a helpful message when it is missing or cannot run here."""

import os

try:
    from ._C import ffi, lib
except ImportError as error:
    raise ImportError(
        "minitorch's C library (minitorch._C) is not built. If this is a clone of the "
        "repository, the folder here hides an installed minitorch: run `pip install -e .` in the "
        f"clone's root, or start Python from another directory. ({error})"
    ) from error


def isa_names(usable):
    """Return the names of the instruction sets, all or only those that this machine can use."""
    return [
        ffi.string(lib.mt_isa_name(i)).decode()
        for i in range(lib.mt_isa_count())
        if lib.mt_isa_usable(i) or not usable
    ]


if lib.mt_init() != lib.MT_OK:
    _wanted = os.environ.get("MINITORCH_ISA")
    _known = "cannot be used on this machine" if _wanted in isa_names(False) else "is unknown"
    raise ImportError(
        f"MINITORCH_ISA={_wanted}: this instruction set {_known}; available here: "
        + ", ".join(isa_names(True))
    )

CONV_ALGORITHMS = ("auto", "direct", "winograd")  # as numbered in minitorch.h


def set_conv_algorithm(name):
    """Choose how convolutions of stride 1 are computed; for tests and debugging.

    Parameters
    ----------
    name : {'auto', 'direct', 'winograd'}
        ``'auto'`` chooses by the sizes; the others hold whenever they can be used.
    """
    if name not in CONV_ALGORITHMS:
        raise ValueError(f"{name!r} is not one of {', '.join(CONV_ALGORITHMS)}")
    lib.mt_set_conv(CONV_ALGORITHMS.index(name))


try:
    set_conv_algorithm(os.environ.get("MINITORCH_CONV") or "auto")
except ValueError as error:
    raise ImportError(f"MINITORCH_CONV: {error}") from None
