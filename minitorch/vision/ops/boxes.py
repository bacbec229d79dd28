"""Boxes, as (x1, y1, x2, y2) in pixels: areas, overlaps, and keeping the best of many."""

from __future__ import annotations

import numpy as np

from ... import creation
from ...errors import ShapeError
from ...ops.elementwise import maximum, minimum
from ...ops.shape import stack

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "generalized_box_iou",
    "nms",
    "remove_small_boxes",
]


def _check(name, boxes) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeError(f"{name}: boxes must have shape (N, 4), got {tuple(boxes.shape)}")


def box_area(boxes):
    """Return the areas of boxes.

    Parameters
    ----------
    boxes : Tensor
        Shape (N, 4): (x1, y1, x2, y2).

    Returns
    -------
    Tensor
        Shape (N,).
    """
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _overlap(boxes1, boxes2):
    """Return the areas that each pair of boxes shares, and covers together, as (N, M)."""
    low = maximum(boxes1[:, None, :2], boxes2[:, :2])
    high = minimum(boxes1[:, None, 2:], boxes2[:, 2:])
    size = (high - low).clamp(min=0)
    shared = size[:, :, 0] * size[:, :, 1]
    return shared, box_area(boxes1)[:, None] + box_area(boxes2) - shared


def box_iou(boxes1, boxes2):
    """Return the overlap of each pair of boxes: the area both share over the area they cover.

    Parameters
    ----------
    boxes1 : Tensor
        Shape (N, 4): (x1, y1, x2, y2).
    boxes2 : Tensor
        Shape (M, 4).

    Returns
    -------
    Tensor
        Shape (N, M).
    """
    _check("box_iou", boxes1)
    _check("box_iou", boxes2)
    shared, covered = _overlap(boxes1, boxes2)
    return shared / covered


def generalized_box_iou(boxes1, boxes2):
    """Return `box_iou` less the part of the enclosing box that neither box covers.

    Parameters
    ----------
    boxes1 : Tensor
        Shape (N, 4): (x1, y1, x2, y2).
    boxes2 : Tensor
        Shape (M, 4).

    Returns
    -------
    Tensor
        Shape (N, M), from -1 to 1.

    Notes
    -----
    Source: H. Rezatofighi et al., "Generalized intersection over union", CVPR 2019.
    """
    _check("generalized_box_iou", boxes1)
    _check("generalized_box_iou", boxes2)
    shared, covered = _overlap(boxes1, boxes2)
    low = minimum(boxes1[:, None, :2], boxes2[:, :2])
    high = maximum(boxes1[:, None, 2:], boxes2[:, 2:])
    size = (high - low).clamp(min=0)
    hull = size[:, :, 0] * size[:, :, 1]
    return shared / covered - (hull - covered) / hull


def nms(boxes, scores, iou_threshold: float):
    """Keep the boxes of highest score among those that overlap (non-maximum suppression).

    Parameters
    ----------
    boxes : Tensor
        Shape (N, 4): (x1, y1, x2, y2).
    scores : Tensor
        Shape (N,).
    iou_threshold : float
        A box is dropped if its `box_iou` with a kept one of higher score is greater.

    Returns
    -------
    Tensor
        int64: indices of the kept boxes, by falling score.

    Raises
    ------
    ShapeError
        If boxes and scores do not fit together.
    """
    _check("nms", boxes)
    if scores.shape != boxes.shape[:1]:
        raise ShapeError(
            f"nms: scores must have shape {tuple(boxes.shape[:1])}, one for each box, got "
            f"{tuple(scores.shape)}"
        )
    rest = np.argsort(-scores.detach().numpy(), kind="stable")
    overlaps = box_iou(boxes.detach(), boxes.detach()).numpy()
    kept = []
    while rest.size:
        kept.append(rest[0])
        rest = rest[1:][~(overlaps[rest[0], rest[1:]] > iou_threshold)]
    return creation.tensor(np.array(kept, dtype=np.int64))


def batched_nms(boxes, scores, idxs, iou_threshold: float):
    """Apply `nms` to each category of boxes by itself.

    Parameters
    ----------
    boxes : Tensor
        Shape (N, 4): (x1, y1, x2, y2).
    scores : Tensor
        Shape (N,).
    idxs : Tensor
        Shape (N,): the category of each box.
    iou_threshold : float
        As for `nms`.

    Returns
    -------
    Tensor
        int64: indices of the kept boxes, by falling score.
    """
    if not boxes.numel():
        return creation.empty(0, dtype=creation.tensor([0]).dtype)
    apart = idxs.to(boxes.dtype) * (boxes.max() + 1)  # so that categories do not overlap
    return nms(boxes + apart[:, None], scores, iou_threshold)


def clip_boxes_to_image(boxes, size):
    """Return the boxes, clipped to an image.

    Parameters
    ----------
    boxes : Tensor
        Shape (..., 4): (x1, y1, x2, y2).
    size : tuple of int
        Height and width.

    Returns
    -------
    Tensor
        Of the shape of `boxes`.
    """
    height, width = size
    bounds = (width, height, width, height)
    return stack([boxes[..., i].clamp(0, bound) for i, bound in enumerate(bounds)], -1)


def remove_small_boxes(boxes, min_size: float):
    """Return the indices of the boxes whose sides are at least `min_size`.

    Parameters
    ----------
    boxes : Tensor
        Shape (N, 4): (x1, y1, x2, y2).
    min_size : float
        In pixels.

    Returns
    -------
    Tensor
        int64.
    """
    wide = boxes[:, 2] - boxes[:, 0] >= min_size
    high = boxes[:, 3] - boxes[:, 1] >= min_size
    return (wide & high).nonzero().squeeze(1)


def box_convert(boxes, in_fmt: str, out_fmt: str):
    """Write boxes in another way.

    Parameters
    ----------
    boxes : Tensor
        Shape (..., 4).
    in_fmt, out_fmt : str
        ``'xyxy'`` (two corners), ``'xywh'`` (a corner, width and height) or ``'cxcywh'`` (the
        centre, width and height).

    Returns
    -------
    Tensor
        Of the shape of `boxes`.

    Raises
    ------
    ValueError
        If a format is none of the three.
    """
    known = ("xyxy", "xywh", "cxcywh")
    if in_fmt not in known or out_fmt not in known:
        raise ValueError(f"box_convert: formats are {known}, got {in_fmt!r} and {out_fmt!r}")
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = (boxes[..., i] for i in range(4))
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        c, d = c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return stack([a, b, c, d], -1)
