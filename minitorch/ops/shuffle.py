"""Moving elements between channels and space, and between groups of channels."""

from __future__ import annotations

from .. import geometry
from ..errors import ShapeError
from .shape import permute, require_tensor, reshape

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(input, upscale_factor):
    """Make blocks of pixels of channels.

    Channel ``c r² + i r + j`` becomes the pixels (i, j) of the r x r blocks of channel c.

    Parameters
    ----------
    input : Tensor
        Shape (..., channels r², height, width) with r = `upscale_factor`.
    upscale_factor : int

    Returns
    -------
    Tensor
        Shape (..., channels, height r, width r).

    Raises
    ------
    ShapeError
        If the channels are not a multiple of r².

    Notes
    -----
    Shi et al. 2016 (arXiv 1609.05158), equation 4.
    """
    op = "pixel_shuffle"
    r = _checked_factor(op, input, "upscale_factor", upscale_factor)
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise ShapeError(
            f"{op} expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}: input "
            f"{tuple(input.shape)}"
        )
    n = len(lead)
    blocks = reshape(input, (*lead, channels // (r * r), r, r, height, width))
    blocks = permute(blocks, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return reshape(blocks, (*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input, downscale_factor):
    """Make channels of blocks of pixels: the inverse of `pixel_shuffle`.

    Parameters
    ----------
    input : Tensor
        Shape (..., channels, height r, width r) with r = `downscale_factor`.
    downscale_factor : int

    Returns
    -------
    Tensor
        Shape (..., channels r², height, width).

    Raises
    ------
    ShapeError
        If height or width are not a multiple of r.
    """
    op = "pixel_unshuffle"
    r = _checked_factor(op, input, "downscale_factor", downscale_factor)
    *lead, channels, height, width = input.shape
    for name, size in (("height", height), ("width", width)):
        if size % r:
            raise ShapeError(
                f"{op} expects {name} to be divisible by downscale_factor, but {size} is not "
                f"divisible by {r}: input {tuple(input.shape)}"
            )
    n = len(lead)
    blocks = reshape(input, (*lead, channels, height // r, r, width // r, r))
    blocks = permute(blocks, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return reshape(blocks, (*lead, channels * r * r, height // r, width // r))


def channel_shuffle(input, groups):
    """Reorder channels, so that every group gets some of every group.

    Parameters
    ----------
    input : Tensor
        Shape (batch, channels, *size).
    groups : int
        Number of groups that the channels are divided into.

    Returns
    -------
    Tensor
        Channel ``i groups + g`` is channel i of group g.

    Raises
    ------
    ShapeError
        If the channels cannot be divided into groups.

    Notes
    -----
    Zhang et al. 2017, ShuffleNet (arXiv 1707.01083), section 3.1.
    """
    op = "channel_shuffle"
    require_tensor(op, input)
    groups = geometry.integer(op, "groups", groups)
    if input.ndim < 3:
        raise ShapeError(
            f"{op} expects input with > 2 dims, but got input with sizes {tuple(input.shape)}"
        )
    batch, channels, *size = input.shape
    if channels % groups:
        raise ShapeError(
            f"{op}: Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups: input {tuple(input.shape)}"
        )
    grouped = reshape(input, (batch, groups, channels // groups, *size))
    order = (0, 2, 1, *range(3, 3 + len(size)))
    return reshape(permute(grouped, order), tuple(input.shape))


def native_channel_shuffle(input, groups):
    """Reorder channels; see `channel_shuffle`."""
    return channel_shuffle(input, groups)


def _checked_factor(op, input, name, factor):
    require_tensor(op, input)
    factor = geometry.integer(op, name, factor)
    if input.ndim < 3:
        raise ShapeError(
            f"{op} expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s): input {tuple(input.shape)}"
        )
    return factor
