"""The transforms' computations on arrays of shape (..., channels, height, width).

The definitions are torchvision's for tensors. Integers are computed in float32 and rounded.
"""

import numpy as np

from ...errors import ShapeError


def bound(dtype):
    """Return the value that means full brightness in a type."""
    if dtype.kind == "f":
        return 1.0
    return 1 if dtype == np.bool_ else int(np.iinfo(dtype).max)


def as_float(planes):
    """Return the values as floating point."""
    return planes if planes.dtype.kind == "f" else planes.astype(np.float32)


def rounded(values, dtype):
    """Return computed values in the type of the image."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    return np.clip(np.rint(values), 0, bound(dtype)).astype(dtype)


# ---- types


def convert(planes, dtype):
    """Convert to another type; full brightness stays full brightness."""
    old, new = planes.dtype, np.dtype(dtype)
    if old == new:
        return planes
    if old.kind == "f":
        if new.kind == "f":
            return planes.astype(new)
        wide = (new.itemsize > 2 and old != np.float64) or new.itemsize > 4
        if wide:
            raise RuntimeError(f"The cast from {old} to {new} cannot be performed safely")
        return (planes * old.type(bound(new) + 1.0 - 1e-3)).astype(new)
    if new.kind == "f":
        return planes.astype(new) / new.type(bound(old))
    high, low = bound(old), bound(new)
    if high > low:
        return (planes // ((high + 1) // (low + 1))).astype(new)
    return planes.astype(new) * new.type((low + 1) // (high + 1))


# ---- places


def crop(planes, top, left, height, width):
    """Cut out a rectangle; what lies outside of the image is 0."""
    rows, columns = planes.shape[-2:]
    inside = planes[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    around = [
        (max(min(-top, height), 0), max(top + height - max(rows, top), 0)),
        (max(min(-left, width), 0), max(left + width - max(columns, left), 0)),
    ]
    if around == [(0, 0), (0, 0)]:
        return inside
    return np.pad(inside, [(0, 0)] * (planes.ndim - 2) + around)


_PAD_MODES = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}


def pad(planes, left, top, right, bottom, fill, mode):
    """Add pixels around; negative numbers cut off."""
    planes = planes[
        ...,
        max(-top, 0) : planes.shape[-2] - max(-bottom, 0),
        max(-left, 0) : planes.shape[-1] - max(-right, 0),
    ]
    leading = [(0, 0)] * (planes.ndim - 2)
    around = leading + [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    if mode != "constant":
        return np.pad(planes, around, mode=_PAD_MODES[mode])
    result = np.empty(
        [n + a + b for n, (a, b) in zip(planes.shape, around, strict=True)], planes.dtype
    )
    result[...] = channel_values(fill, planes)
    height, width = planes.shape[-2:]
    top, left = around[-2][0], around[-1][0]
    result[..., top : top + height, left : left + width] = planes
    return result


def channel_values(values, planes):
    """Return a number, or one per channel, in a shape that goes over the planes."""
    values = np.atleast_1d(np.asarray(0 if values is None else values))
    if len(values) not in (1, planes.shape[-3]):
        raise ShapeError(f"fill: {len(values)} values for an image of {planes.shape[-3]} channels")
    return values[:, None, None]


# ---- resizing


def _cubic(x, a):
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _weights(old, new, mode, antialias):
    """Return which pixels (new, taps) make up each new one, and their weights."""
    scale = old / new
    if mode in ("nearest", "nearest-exact"):
        shift = 0.0 if mode == "nearest" else 0.5
        chosen = np.floor((np.arange(new) + shift) * np.float32(scale)).astype(np.int64)
        return np.minimum(chosen, old - 1)[:, None], None
    centre = (np.arange(new) + 0.5) * scale
    stretch = max(scale, 1.0) if antialias else 1.0
    support = (1.0 if mode == "bilinear" else 2.0) * stretch
    if antialias:  # the support is cut at the border, and what is left is normalised
        first = np.floor(centre - support + 0.5).astype(np.int64)
        places = first[:, None] + np.arange(int(np.ceil(support)) * 2 + 1)
        distance = (places + 0.5 - centre[:, None]) / stretch
        weights = (
            np.maximum(1 - np.abs(distance), 0) if mode == "bilinear" else _cubic(distance, -0.5)
        )
        last = np.floor(centre + support + 0.5)[:, None]
        weights = np.where((places >= 0) & (places < np.minimum(last, old)), weights, 0.0)
        weights /= weights.sum(1, keepdims=True)
    else:  # pixels beyond the border are those at the border
        source = centre - 0.5
        if mode == "bilinear":
            source = np.maximum(source, 0.0)
            places = np.floor(source).astype(np.int64)[:, None] + np.arange(2)
            weights = np.maximum(1 - np.abs(places - source[:, None]), 0)
        else:
            places = np.floor(source).astype(np.int64)[:, None] + np.arange(-1, 3)
            weights = _cubic(places - source[:, None], -0.75)
    return np.clip(places, 0, old - 1), weights


def _resize_last(planes, size, mode, antialias):
    places, weights = _weights(planes.shape[-1], size, mode, antialias)
    if weights is None:
        return planes[..., places[:, 0]]
    weights = weights.astype(planes.dtype)
    result = planes[..., places[:, 0]] * weights[:, 0]
    for tap in range(1, places.shape[1]):
        if weights[:, tap].any():
            result += planes[..., places[:, tap]] * weights[:, tap]
    return result


def resize(planes, height, width, mode, antialias):
    """Resize to (height, width)."""
    if planes.shape[-2:] == (height, width):
        return planes
    dtype = planes.dtype
    values = planes if mode.startswith("nearest") else as_float(planes)
    if values.shape[-1] != width:
        values = _resize_last(values, width, mode, antialias)
    if values.shape[-2] != height:
        values = _resize_last(values.swapaxes(-1, -2), height, mode, antialias).swapaxes(-1, -2)
    return values if values.dtype == dtype else rounded(values, dtype)


# ---- sampling at any place


def sample(planes, x, y, mode, fill):
    """Return the values at places x, y (out height, out width), in pixels from the first centre."""
    dtype, (height, width) = planes.dtype, planes.shape[-2:]
    flat = as_float(planes).reshape(*planes.shape[:-2], height * width)

    def at(column, row):
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = np.where(inside, row * width + column, 0)
        return flat[..., place], inside

    if mode == "nearest":
        values, inside = at(np.rint(x).astype(np.int64), np.rint(y).astype(np.int64))
        outside = 0.0 if fill is None else channel_values(fill, planes)
        return rounded(np.where(inside, values, outside), dtype)
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, down = (x - column).astype(flat.dtype), (y - row).astype(flat.dtype)
    total, mask = 0.0, 0.0
    for dy, wy in ((0, 1 - down), (1, down)):
        for dx, wx in ((0, 1 - right), (1, right)):
            values, inside = at(column + dx, row + dy)
            weight = wx * wy * inside
            total = total + values * weight
            mask = mask + weight
    if fill is not None:
        total = total * mask + (1 - mask) * channel_values(fill, planes)
    return rounded(total, dtype)


def affine(planes, matrix, height, width, mode, fill):
    """Apply the map from new to old coordinates, both measured from the centre of the image."""
    x = np.arange(width) + (0.5 - 0.5 * width)
    y = (np.arange(height) + (0.5 - 0.5 * height))[:, None]
    a, b, c, d, e, f = matrix
    old_height, old_width = planes.shape[-2:]
    return sample(
        planes,
        a * x + b * y + c + 0.5 * old_width - 0.5,
        d * x + e * y + f + 0.5 * old_height - 0.5,
        mode,
        fill,
    )


def perspective(planes, coefficients, mode, fill):
    """Apply the projective map from new to old coordinates."""
    a, b, c, d, e, f, g, h = coefficients
    x = np.arange(planes.shape[-1]) + 0.5
    y = (np.arange(planes.shape[-2]) + 0.5)[:, None]
    below = g * x + h * y + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        column, row = (a * x + b * y + c) / below - 0.5, (d * x + e * y + f) / below - 0.5
    far = ~(np.isfinite(column) & np.isfinite(row))
    limit = 4.0 * max(planes.shape[-2:]) + 8
    column = np.clip(np.where(far, -limit, column), -limit, limit)
    row = np.clip(np.where(far, -limit, row), -limit, limit)
    return sample(planes, column, row, mode, fill)


# ---- colours


def blend(first, second, ratio):
    """Mix two images, or extrapolate."""
    dtype = first.dtype
    values = np.float32(ratio) * first + np.float32(1 - ratio) * second
    return np.clip(values, 0, bound(dtype)).astype(dtype)


def grey(planes):
    """Return the brightness of an RGB image, as one channel."""
    if planes.shape[-3] == 1:
        return planes
    r, g, b = (planes[..., k : k + 1, :, :] for k in range(3))
    values = np.float32(0.2989) * r + np.float32(0.587) * g + np.float32(0.114) * b
    return values.astype(planes.dtype)


def brightness(planes, factor):
    """Mix with black."""
    return blend(planes, np.zeros_like(planes), factor)


def contrast(planes, factor):
    """Mix with the mean brightness."""
    values = as_float(grey(planes))
    mean = values.mean((-3, -2, -1), keepdims=True, dtype=np.float64).astype(values.dtype)
    return blend(planes, mean, factor)


def saturation(planes, factor):
    """Mix with the grey image."""
    if planes.shape[-3] == 1:
        return planes
    return blend(planes, grey(planes), factor)


def hue(planes, factor):
    """Turn the circle of colours by a fraction."""
    if planes.shape[-3] == 1:
        return planes
    values = convert(planes, np.float32) if planes.dtype.kind != "f" else planes
    h, s, v = _to_hsv(values)
    return convert(_from_hsv((h + factor) % 1.0, s, v).astype(values.dtype), planes.dtype)


def _to_hsv(planes):
    r, g, b = (planes[..., k, :, :] for k in range(3))
    high, low = planes.max(-3), planes.min(-3)
    spread = high - low
    safe = np.where(spread == 0, 1, spread)
    rc, gc, bc = (high - r) / safe, (high - g) / safe, (high - b) / safe
    turn = np.where(high == r, bc - gc, np.where(high == g, 2 + rc - bc, 4 + gc - rc))
    saturation = spread / np.where(spread == 0, 1, high)
    return np.where(spread == 0, 0, turn / 6 % 1.0), saturation, high


def _from_hsv(h, s, v):
    sector = np.floor(h * 6)
    part = h * 6 - sector
    p, q, t = (np.clip(v * (1 - s * k), 0, 1) for k in (1, part, 1 - part))
    sector = sector.astype(np.int64) % 6
    channels = [(v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q)]
    return np.stack([np.choose(sector, choices) for choices in channels], axis=-3)


def gamma(planes, exponent, gain):
    """Raise the brightness to a power."""
    values = planes if planes.dtype.kind == "f" else convert(planes, np.float32)
    return convert(np.clip(gain * values**exponent, 0, 1).astype(values.dtype), planes.dtype)


def invert(planes):
    """Return the negative."""
    return (bound(planes.dtype) - planes).astype(planes.dtype)


def posterize(planes, bits):
    """Keep the highest bits of bytes."""
    return planes & np.uint8(256 - (1 << (8 - bits)))


def solarize(planes, threshold):
    """Return the negative of what is at least `threshold`."""
    return np.where(planes >= threshold, invert(planes), planes)


def sharpness(planes, factor):
    """Mix with a blurred image."""
    if min(planes.shape[-2:]) <= 2:
        return planes
    values = as_float(planes)
    total = 5 * values[..., 1:-1, 1:-1]
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            if (dy, dx) != (1, 1):
                rows, columns = values.shape[-2:]
                total = total + values[..., dy : rows - 2 + dy, dx : columns - 2 + dx]
    blurred = planes.copy()
    blurred[..., 1:-1, 1:-1] = rounded(total / 13, planes.dtype)
    return blend(planes, blurred, factor)


def autocontrast(planes):
    """Stretch the values of each channel over the whole range."""
    limit = bound(planes.dtype)
    values = as_float(planes)
    low = values.min((-2, -1), keepdims=True)
    spread = values.max((-2, -1), keepdims=True) - low
    flat = spread == 0
    scale = np.where(flat, 1, limit / np.where(flat, 1, spread)).astype(values.dtype)
    stretched = (values - np.where(flat, 0, low)) * scale
    return np.clip(stretched, 0, limit).astype(planes.dtype)


def equalize(planes):
    """Even out the histogram of each channel of bytes."""
    result = np.empty_like(planes)
    for place in np.ndindex(planes.shape[:-2]):
        channel = planes[place]
        counts = np.bincount(channel.ravel(), minlength=256)
        step = counts[counts != 0][:-1].sum() // 255
        if step == 0:
            result[place] = channel
            continue
        table = np.concatenate([[0], ((np.cumsum(counts) + step // 2) // step)[:-1]])
        result[place] = np.clip(table, 0, 255).astype(np.uint8)[channel]
    return result


def blur(planes, kernel_size, sigma):
    """Blur with a Gaussian of (width, height) and sigma in both directions."""
    values = as_float(planes)
    for axis, size, width in ((-1, kernel_size[0], sigma[0]), (-2, kernel_size[1], sigma[1])):
        offsets = np.arange(size) - (size - 1) / 2
        weights = np.exp(-0.5 * (offsets / width) ** 2)
        weights = (weights / weights.sum()).astype(values.dtype)
        around = [(0, 0)] * values.ndim
        around[axis] = (size // 2, size // 2)
        wide = np.pad(values, around, mode="reflect")
        count = values.shape[axis]
        pieces = [np.take(wide, range(k, k + count), axis) * w for k, w in enumerate(weights)]
        values = np.sum(pieces, axis=0, dtype=values.dtype)
    return rounded(values, planes.dtype)
