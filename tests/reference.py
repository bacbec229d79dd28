"""Naive references in numpy, float64, for any number of spatial dimensions.

They call nothing of minitorch, and are written to be obviously right rather than fast: loops over
positions, channels and taps. tests/test_reference.py compares them with PyTorch.

Settings of windows: an int for all spatial dimensions or a tuple of one per dimension; `padding`
may hold (before, after) pairs.
"""

import itertools
import math

import numpy as np


def _each(value, ndim):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * ndim


def _pairs(padding, ndim):
    return [tuple(p) if isinstance(p, tuple | list) else (p, p) for p in _each(padding, ndim)]


def _positions(sizes):
    return itertools.product(*map(range, sizes))


# ------------------------------------------------------------------------------------------------
# Convolution


class _Sliding:
    """Where a convolution's kernel lies on the padded image."""

    def __init__(self, kernel, stride, padding, dilation):
        self.kernel, ndim = kernel, len(kernel)
        self.stride, self.dilation = _each(stride, ndim), _each(dilation, ndim)
        self.padding = _pairs(padding, ndim)
        self.extent = [d * (k - 1) + 1 for d, k in zip(self.dilation, kernel, strict=True)]

    def output_size(self, size):
        dims = zip(size, self.padding, self.extent, self.stride, strict=True)
        return [(n + b + a - e) // s + 1 for n, (b, a), e, s in dims]

    def pad(self, image):
        """Add the padding; where it is negative, cut off."""
        added = [(max(b, 0), max(a, 0)) for b, a in self.padding]
        padded = np.pad(image, [(0, 0), (0, 0), *added])
        return padded[(..., *self._cut(padded.shape[2:], -1))]

    def crop(self, padded):
        """Undo `pad`; what was cut off comes back as zeros."""
        lost = [(max(-b, 0), max(-a, 0)) for b, a in self.padding]
        inner = padded[(..., *self._cut(padded.shape[2:], 1))]
        return np.pad(inner, [(0, 0), (0, 0), *lost])

    def _cut(self, sizes, sign):
        dims = zip(sizes, self.padding, strict=True)
        return [slice(max(sign * b, 0), n - max(sign * a, 0)) for n, (b, a) in dims]

    def under(self, position):
        """Index of the elements of the padded image under the kernel at this position."""
        starts = [p * s for p, s in zip(position, self.stride, strict=True)]
        dims = zip(starts, self.extent, self.dilation, strict=True)
        return tuple(slice(b, b + e, d) for b, e, d in dims)


def _grouped(out_channels, channels, groups):
    """Pairs (output channel, slice of the input channels that it sees)."""
    per_group = channels // groups
    for oc in range(out_channels):
        first = oc // (out_channels // groups) * per_group
        yield oc, slice(first, first + per_group)


def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of (N, C, *spatial) with (O, C / groups, *kernel)."""
    input, weight = np.float64(input), np.float64(weight)
    sliding = _Sliding(weight.shape[2:], stride, padding, dilation)
    padded = sliding.pad(input)
    size = sliding.output_size(input.shape[2:])
    output = np.zeros((len(input), len(weight), *size))
    for n in range(len(input)):
        for oc, seen in _grouped(len(weight), input.shape[1], groups):
            for at in _positions(size):
                patch = padded[(n, seen, *sliding.under(at))]
                output[(n, oc, *at)] = np.sum(patch * weight[oc])
    if bias is not None:
        for oc in range(len(weight)):
            output[:, oc] += bias[oc]
    return output


def conv_grad_input(grad_output, weight, input_size, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of `conv` with respect to its input, whose spatial sizes are `input_size`."""
    grad_output, weight = np.float64(grad_output), np.float64(weight)
    sliding = _Sliding(weight.shape[2:], stride, padding, dilation)
    channels = weight.shape[1] * groups
    padded = sliding.pad(np.zeros((len(grad_output), channels, *input_size)))
    for n in range(len(grad_output)):
        for oc, seen in _grouped(len(weight), channels, groups):
            for at in _positions(grad_output.shape[2:]):
                padded[(n, seen, *sliding.under(at))] += grad_output[(n, oc, *at)] * weight[oc]
    return sliding.crop(padded)


def conv_grad_weight(input, grad_output, kernel, stride=1, padding=0, dilation=1, groups=1):
    """Gradient of `conv` with respect to its weight, whose kernel sizes are `kernel`."""
    input, grad_output = np.float64(input), np.float64(grad_output)
    sliding = _Sliding(kernel, stride, padding, dilation)
    padded = sliding.pad(input)
    out_channels, channels = grad_output.shape[1], input.shape[1]
    grad = np.zeros((out_channels, channels // groups, *kernel))
    for n in range(len(input)):
        for oc, seen in _grouped(out_channels, channels, groups):
            for at in _positions(grad_output.shape[2:]):
                grad[oc] += grad_output[(n, oc, *at)] * padded[(n, seen, *sliding.under(at))]
    return grad


def conv_grad_bias(grad_output):
    """Gradient of `conv` with respect to its bias."""
    return np.array([np.sum(grad_output[:, oc]) for oc in range(grad_output.shape[1])])


def conv_transpose(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Every input element adds its multiple of the kernel; weight (C, O / groups, *kernel)."""
    input, weight = np.float64(input), np.float64(weight)
    ndim = input.ndim - 2
    sliding = _Sliding(weight.shape[2:], stride, padding, dilation)
    extra = _each(output_padding, ndim)
    full = [
        (n - 1) * s + e + more
        for n, s, e, more in zip(
            input.shape[2:], sliding.stride, sliding.extent, extra, strict=True
        )
    ]
    out_channels = weight.shape[1] * groups
    output = np.zeros((len(input), out_channels, *full))
    for n in range(len(input)):
        for ic, seen in _grouped(input.shape[1], out_channels, groups):
            for at in _positions(input.shape[2:]):
                output[(n, seen, *sliding.under(at))] += input[(n, ic, *at)] * weight[ic]
    output = sliding.crop(output)
    if bias is not None:
        for oc in range(out_channels):
            output[:, oc] += bias[oc]
    return output


# ------------------------------------------------------------------------------------------------
# Pooling


def _pooled_size(length, kernel, stride, before, after, dilation, ceil_mode):
    room = length + before + after - dilation * (kernel - 1) - 1
    count = (math.ceil if ceil_mode else math.floor)(room / stride) + 1
    if ceil_mode and (count - 1) * stride >= length + before:
        count -= 1  # the last window would start in the padding after the image
    return count


def _pool_windows(size, kernel, stride, padding, dilation, ceil_mode):
    """Yield (output position, taps inside the image, number of taps counting the padding)."""
    ndim = len(size)
    kernel, dilation, padding = _each(kernel, ndim), _each(dilation, ndim), _pairs(padding, ndim)
    stride = kernel if stride is None else _each(stride, ndim)
    counts = [
        _pooled_size(n, k, s, b, a, d, ceil_mode)
        for n, k, s, (b, a), d in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    for at in _positions(counts):
        inside, counted = [], 1
        for p, n, k, s, (b, a), d in zip(at, size, kernel, stride, padding, dilation, strict=True):
            taps = [p * s - b + j * d for j in range(k)]
            inside.append([t for t in taps if 0 <= t < n])
            counted *= len([t for t in taps if t < n + a])
        yield at, list(itertools.product(*inside)), counted


def max_pool(input, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Return (maxima, flat index of each within the spatial dimensions).

    The first maximum wins; a NaN wins over everything, the last NaN over the others.
    """
    size = input.shape[2:]
    windows = list(_pool_windows(size, kernel, stride, padding, dilation, ceil_mode))
    counts = [max(dim) + 1 for dim in zip(*(at for at, _, _ in windows), strict=True)]
    output = np.full((*input.shape[:2], *counts), -np.inf)
    indices = np.zeros(output.shape, np.int64)
    for n, c in _positions(input.shape[:2]):
        for at, taps, _ in windows:
            best = None
            for tap in taps:
                value = input[(n, c, *tap)]
                if best is None or value > best or np.isnan(value):
                    best = value
                    indices[(n, c, *at)] = np.ravel_multi_index(tap, size)
            output[(n, c, *at)] = best
    return output, indices


def max_pool_grad(grad_output, indices, size):
    """Gradient of max pooling with respect to its input of spatial sizes `size`."""
    grad = np.zeros((*grad_output.shape[:2], *size))
    for at in _positions(grad_output.shape):
        grad[(*at[:2], *np.unravel_index(indices[at], size))] += grad_output[at]
    return grad


def avg_pool(
    input,
    kernel,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Average pooling of (N, C, *spatial)."""
    windows = list(_pool_windows(input.shape[2:], kernel, stride, padding, 1, ceil_mode))
    counts = [max(dim) + 1 for dim in zip(*(at for at, _, _ in windows), strict=True)]
    output = np.zeros((*input.shape[:2], *counts))
    for n, c in _positions(input.shape[:2]):
        for at, taps, counted in windows:
            total = sum(input[(n, c, *tap)] for tap in taps)
            divisor = counted if count_include_pad else len(taps)
            output[(n, c, *at)] = total / (divisor_override or divisor)
    return output


def _adaptive_patches(input, output_size):
    """Yield (output position, patch of the input with the spatial dimensions flattened)."""
    size = input.shape[2:]
    for at in _positions(output_size):
        ranges = [
            slice(p * n // m, math.ceil((p + 1) * n / m))
            for p, n, m in zip(at, size, output_size, strict=True)
        ]
        taps = np.arange(math.prod(size)).reshape(size)[tuple(ranges)].ravel()
        yield at, taps, input[(..., *ranges)].reshape(*input.shape[:2], len(taps))


def adaptive_avg_pool(input, output_size):
    """Average over ranges that divide the image into `output_size` parts."""
    output = np.zeros((*input.shape[:2], *output_size))
    for at, _, patch in _adaptive_patches(input, output_size):
        output[(..., *at)] = patch.mean(-1)
    return output


def adaptive_max_pool(input, output_size):
    """Return (maxima, flat index of each within the spatial dimensions): the last NaN's, if any."""
    output = np.zeros((*input.shape[:2], *output_size))
    indices = np.zeros(output.shape, np.int64)
    for at, taps, patch in _adaptive_patches(input, output_size):
        output[(..., *at)] = patch.max(-1)
        last = len(taps) - 1 - np.isnan(patch[..., ::-1]).argmax(-1)
        best = np.where(np.isnan(patch).any(-1), last, patch.argmax(-1))
        indices[(..., *at)] = taps[best]
    return output, indices


# ------------------------------------------------------------------------------------------------
# Normalisation


def _per_channel(values, ndim):
    return np.reshape(values, (1, -1, *(1,) * (ndim - 2)))


def batch_norm(
    input, weight=None, bias=None, running_mean=None, running_var=None, training=True, eps=1e-5
):
    """Normalise every channel of (N, C, *spatial).

    With the statistics of the batch when training, else with the running ones.
    """
    input = np.float64(input)
    output = np.empty_like(input)
    for c in range(input.shape[1]):
        x = input[:, c]
        mean, var = (x.mean(), x.var()) if training else (running_mean[c], running_var[c])
        output[:, c] = (x - mean) / math.sqrt(var + eps)
        if weight is not None:
            output[:, c] *= weight[c]
        if bias is not None:
            output[:, c] += bias[c]
    return output


def batch_norm_running(input, running_mean, running_var, momentum=0.1):
    """Return the running (mean, variance) after a training step; the variance is unbiased."""
    mean, var = np.float64(running_mean).copy(), np.float64(running_var).copy()
    for c in range(input.shape[1]):
        x = np.float64(input[:, c])
        mean[c] = (1 - momentum) * mean[c] + momentum * x.mean()
        var[c] = (1 - momentum) * var[c] + momentum * x.var(ddof=1)
    return mean, var


def batch_norm_grads(input, weight, grad_output, eps=1e-5):
    """Gradients of `batch_norm` in training with respect to (input, weight, bias).

    Ioffe and Szegedy 2015, section 3 (arXiv 1502.03167), the chain rule written out.
    """
    input, grad_output = np.float64(input), np.float64(grad_output)
    grad_input = np.empty_like(input)
    channels = input.shape[1]
    grad_weight, grad_bias = np.empty(channels), np.empty(channels)
    for c in range(channels):
        x, g = input[:, c], grad_output[:, c]
        m, mean, var = x.size, x.mean(), x.var()
        normal = (x - mean) / math.sqrt(var + eps)
        grad_normal = g * weight[c]
        grad_var = np.sum(grad_normal * (x - mean)) * -0.5 * (var + eps) ** -1.5
        grad_mean = -np.sum(grad_normal) / math.sqrt(var + eps)
        grad_input[:, c] = (
            grad_normal / math.sqrt(var + eps) + grad_var * 2 * (x - mean) / m + grad_mean / m
        )
        grad_weight[c], grad_bias[c] = np.sum(g * normal), np.sum(g)
    return grad_input, grad_weight, grad_bias


def layer_norm(input, ndim, weight=None, bias=None, eps=1e-5):
    """Normalise over the last `ndim` dimensions."""
    input = np.float64(input)
    output = np.empty_like(input)
    for at in _positions(input.shape[: input.ndim - ndim]):
        x = input[at]
        output[at] = (x - x.mean()) / math.sqrt(x.var() + eps)
    if weight is not None:
        output = output * weight
    return output if bias is None else output + bias


def group_norm(input, groups, weight=None, bias=None, eps=1e-5):
    """Normalise groups of channels of (N, C, *spatial)."""
    input = np.float64(input)
    output = np.empty_like(input)
    per_group = input.shape[1] // groups
    for n, g in _positions((len(input), groups)):
        at = (n, slice(g * per_group, (g + 1) * per_group))
        output[at] = (input[at] - input[at].mean()) / math.sqrt(input[at].var() + eps)
    if weight is not None:
        output = output * _per_channel(weight, input.ndim)
    return output if bias is None else output + _per_channel(bias, input.ndim)


# ------------------------------------------------------------------------------------------------
# Softmax and losses


def log_softmax(input, axis):
    """Logarithm of the softmax along one axis."""
    rows = np.moveaxis(np.float64(input), axis, -1)
    output = np.empty_like(rows)
    for at in _positions(rows.shape[:-1]):
        top = rows[at].max()
        output[at] = rows[at] - (top + math.log(math.fsum(np.exp(rows[at] - top))))
    return np.moveaxis(output, -1, axis)


def softmax(input, axis):
    """Exponentials along one axis, divided by their sum."""
    return np.exp(log_softmax(input, axis))


def _reduced(losses, divisor, reduction):
    if reduction == "none":
        return losses
    total = np.sum(losses)
    return total if reduction == "sum" else total / divisor


def nll_loss(log_probs, target, weight=None, ignore_index=-100, reduction="mean"):
    """Negative log likelihood; log_probs (N, C, *dims), target (N, *dims) of classes."""
    return _class_loss(log_probs, target, weight, ignore_index, reduction, 0.0)


def cross_entropy(
    input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """Cross entropy of logits (N, C, *dims) with classes (N, *dims) or probabilities.

    Label smoothing as Szegedy et al. 2016 (arXiv 1512.00567), section 7.
    """
    log_probs = log_softmax(input, 1)
    if np.issubdtype(np.asarray(target).dtype, np.integer):
        return _class_loss(log_probs, target, weight, ignore_index, reduction, label_smoothing)
    classes = log_probs.shape[1]
    weight = np.ones(classes) if weight is None else weight
    smooth = target * (1 - label_smoothing) + label_smoothing / classes
    losses = -np.sum(smooth * log_probs * _per_channel(weight, log_probs.ndim), axis=1)
    return _reduced(losses, losses.size, reduction)


def _class_loss(log_probs, target, weight, ignore_index, reduction, smoothing):
    classes = log_probs.shape[1]
    weight = np.ones(classes) if weight is None else weight
    losses, divisor = np.zeros(np.shape(target)), 0.0
    for at in _positions(np.shape(target)):
        label = int(target[at])
        if label == ignore_index:
            continue
        row = log_probs[(at[0], slice(None), *at[1:])]
        even = np.sum(-row * weight) / classes
        losses[at] = (1 - smoothing) * -row[label] * weight[label] + smoothing * even
        divisor += weight[label]
    if reduction == "mean" and divisor == 0:
        return math.nan
    return _reduced(losses, divisor, reduction)


def mse_loss(input, target, reduction="mean"):
    """Squared difference."""
    losses = (np.float64(input) - np.float64(target)) ** 2
    return _reduced(losses, losses.size, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """Cross entropy of the sigmoid of `input` with probabilities `target`."""
    input, target = np.broadcast_arrays(np.float64(input), np.float64(target))
    log_sigmoid = -np.logaddexp(0, -input)
    log_other = -np.logaddexp(0, input)
    losses = -((1 if pos_weight is None else pos_weight) * target * log_sigmoid)
    losses = losses - (1 - target) * log_other
    if weight is not None:
        losses = losses * weight
    return _reduced(losses, losses.size, reduction)


# ------------------------------------------------------------------------------------------------
# Padding and resampling


def pad(input, pad, mode="constant", value=None):
    """Extend by a constant or by the image's own elements; what is negative is cut off first."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    lead = input.ndim - len(pairs)
    if mode in ("reflect", "replicate"):  # what is cut off may come back at the other end
        numpy_mode = {"reflect": "reflect", "replicate": "edge"}[mode]
        added = [(0, 0)] * lead + [(max(b, 0), max(a, 0)) for b, a in pairs]
        return _cut(np.pad(input, added, numpy_mode), pairs, lead)
    inner = _cut(input, pairs, lead)
    added = [(0, 0)] * lead + [(max(b, 0), max(a, 0)) for b, a in pairs]
    if mode == "circular":
        return np.pad(inner, added, "wrap")
    if mode == "constant":
        return np.pad(inner, added, constant_values=0 if value is None else value)
    shown = np.pad(np.ones_like(inner), added)
    mean = input.mean(tuple(range(lead, input.ndim)), keepdims=True)
    return np.where(shown == 1, np.pad(inner, added), mean)


def _cut(array, pairs, lead):
    for axis, (before, after) in enumerate(pairs, lead):
        array = np.take(array, range(max(-before, 0), array.shape[axis] - max(-after, 0)), axis)
    return array


def _linear_weight(x):
    return max(0.0, 1 - abs(x))


def _cubic_weight(x, a):
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def _resampling_matrix(size, count, factor, mode, align_corners, antialias):
    """Return the matrix that resamples one dimension, by the definition of each mode."""
    matrix = np.zeros((count, size))
    scale = 1 / factor if factor else size / count
    if align_corners:
        scale = (size - 1) / (count - 1) if count > 1 else 0.0
    for o in range(count):
        if mode == "area":
            start, end = o * size // count, -(-(o + 1) * size // count)
            matrix[o, start:end] = 1 / (end - start)
            continue
        if mode in ("nearest", "nearest-exact"):
            at = math.floor((o + 0.5 * (mode == "nearest-exact")) * scale)
            matrix[o, min(at, size - 1)] = 1
            continue
        if antialias:
            centre, wide = scale * (o + 0.5) - 0.5, max(scale, 1)
            for i in range(size):
                x = (i - centre) / wide
                matrix[o, i] = _cubic_weight(x, -0.5) if mode == "bicubic" else _linear_weight(x)
            matrix[o] /= matrix[o].sum()
            continue
        centre = o * scale if align_corners else (o + 0.5) * scale - 0.5
        for i in range(math.floor(centre) - 1, math.floor(centre) + 3):
            x = i - centre
            weight = _cubic_weight(x, -0.75) if mode == "bicubic" else _linear_weight(x)
            matrix[o, min(max(i, 0), size - 1)] += weight
    return matrix


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    ndim = input.ndim - 2
    factors = _each(scale_factor, ndim)
    if size is None:
        size = tuple(math.floor(n * f) for n, f in zip(input.shape[2:], factors, strict=True))
        factors = (None,) * ndim if recompute_scale_factor or mode == "area" else factors
    for axis, (count, factor) in enumerate(zip(_each(size, ndim), factors, strict=True), 2):
        matrix = _resampling_matrix(
            input.shape[axis], count, factor, mode, align_corners, antialias
        )
        input = np.moveaxis(np.tensordot(matrix, input, (1, axis)), 0, axis)
    return input
