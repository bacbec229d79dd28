"""Geometry of the windows that convolution and pooling slide over an image.

Written once for any number of spatial dimensions. Everything that can be wrong about sizes is found
here, before anything is computed: the functions below take shapes and the arguments as the user
wrote them, and return a `Window` or raise an error that names the operation, the rule and the
shapes.

The checks are remembered: a layer called again with the same shapes costs a dictionary lookup.
"""

import functools
import marshal
import operator
import warnings
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from minitorch.errors import ShapeError

# Sums of a few numbers below this bound cannot overflow the int64_t of the kernels.
LARGEST_SIZE = 2**48
LARGEST_COUNT = 2**58  # of elements in an array: 8 bytes each still fit in an int64_t


@dataclass(frozen=True)
class Window:
    """A window sliding over the spatial dimensions of an image.

    Parameters
    ----------
    kernel, stride, dilation : tuple of int
        Number of taps, step of the window and distance between taps, per spatial dimension.
    padding : tuple of (int, int)
        Elements added before and after the image, per spatial dimension. A negative number after
        the image means that its last elements are not looked at.
    groups : int
        Number of independent blocks that the channels are divided into.
    ceil_mode : bool
        Whether a last window that reaches over the end of the padded image counts.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1
    ceil_mode: bool = False

    def __post_init__(self):
        # Windows are keys of several tables at every call: nested tuples are hashed once.
        fields = self.kernel, self.stride, self.padding, self.dilation, self.groups, self.ceil_mode
        object.__setattr__(self, "_hash", hash(fields))

    def __hash__(self):
        return self._hash

    @classmethod
    def of(
        cls,
        ndim,
        kernel,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        ceil_mode=False,
        op="window",
        kernel_name="kernel_size",
    ):
        """Make a window from arguments as users write them.

        Parameters
        ----------
        ndim : int
            Number of spatial dimensions.
        kernel, stride, dilation : int or sequence of int
            One number for all spatial dimensions or one for each.
        padding : int, sequence, 'same' or 'valid'
            One number, or one entry per spatial dimension: a number for both sides or a pair
            (before, after). ``'same'`` keeps the size of the image; where the padding is odd, the
            extra element goes after the image, as in PyTorch.
        groups : int
        ceil_mode : bool
        op, kernel_name : str
            Names for error messages.

        Raises
        ------
        TypeError
            If something is not an integer.
        ShapeError
            If a number is out of its range or the number of entries is wrong.
        """
        kernel = integers(op, kernel_name, kernel, ndim)
        stride = integers(op, "stride", stride, ndim)
        dilation = integers(op, "dilation", dilation, ndim)
        groups = integer(op, "groups", groups)
        extent = _extent(kernel, dilation)
        if max(extent) > LARGEST_SIZE:
            raise ShapeError(f"{op}: {kernel_name} {kernel} with dilation {dilation} is too large")
        padding = _padding(op, padding, ndim, extent)
        return cls(kernel, stride, padding, dilation, groups, bool(ceil_mode))

    @property
    def ndim(self):
        """Number of spatial dimensions."""
        return len(self.kernel)

    @property
    def extent(self):
        """Size of the region that the window covers, per spatial dimension."""
        return _extent(self.kernel, self.dilation)

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - windows are few, small and immutable
    def output_size(self, size):
        """Number of positions of the window over an image of this size, per spatial dimension.

        An entry below 1 says that the window does not fit.

        Parameters
        ----------
        size : tuple of int
            Spatial sizes of the image, without padding.

        Returns
        -------
        tuple of int

        Notes
        -----
        (size + padding - extent) / stride + 1, rounded down. In ceil mode it is rounded up, except
        where the additional window would start in the padding after the image, as in PyTorch
        (``pooling_output_shape`` in aten/src/ATen/native/Pool.h).
        """
        result = []
        dims = zip(size, self.extent, self.stride, self.padding, strict=True)
        for length, extent, stride, (before, after) in dims:
            room = length + before + after - extent
            count = room // stride + 1
            if self.ceil_mode and room % stride and count * stride < length + before:
                count += 1
            result.append(count)
        return tuple(result)

    def input_size(self, size, output_padding=None):
        """Sizes of the image that a transposed convolution makes, per spatial dimension.

        The smallest image over which the window has `size` positions, plus `output_padding`.

        Parameters
        ----------
        size : tuple of int
            Spatial sizes of the input of the transposed convolution.
        output_padding : tuple of int, optional
            Elements added after the image.

        Returns
        -------
        tuple of int
        """
        extra = output_padding or (0,) * self.ndim
        dims = zip(size, self.extent, self.stride, self.padding, extra, strict=True)
        return tuple(
            (length - 1) * stride + extent - before - after + more
            for length, extent, stride, (before, after), more in dims
        )


def _extent(kernel, dilation):
    return tuple(step * (taps - 1) + 1 for taps, step in zip(kernel, dilation, strict=True))


class OutputSize(NamedTuple):
    """Number of positions of a window, as `conv_output_size` finds it.

    Attributes
    ----------
    size : tuple of int
        Number of positions per dimension.
    exact : tuple of fractions.Fraction
        The same before rounding: ``(size + padding - extent) / stride + 1``.
    dropped : tuple of int
        Elements at the end of the padded image that no window covers.
    """

    size: tuple
    exact: tuple
    dropped: tuple


def conv_output_size(
    size, kernel_size, stride=1, padding=0, dilation=1, *, ceil_mode=False, on_misfit="floor"
):
    """Compute the size of what a convolution or pooling makes, exactly.

    Parameters
    ----------
    size : int or tuple of int
        Spatial sizes of the image; their number is the number of dimensions.
    kernel_size, stride, dilation : int or tuple of int
        Of the window.
    padding : int, tuple, 'same' or 'valid'
        As for `conv2d`.
    ceil_mode : bool
        Count a last window that reaches over the end.
    on_misfit : str
        What to do where the windows do not tile the image, so that elements at its end are left
        out: ``'floor'`` (round down), ``'warn'`` or ``'error'``.

    Returns
    -------
    OutputSize

    Raises
    ------
    ShapeError
        If the window is larger than the padded image, or, with ``on_misfit='error'``, if it does
        not tile it.
    ValueError
        If `on_misfit` is unknown.

    Notes
    -----
    Dumoulin and Visin 2016 (arXiv 1603.07285), relationship 6.

    Examples
    --------
    >>> conv_output_size(28, 4).size
    (25,)
    >>> conv_output_size(25, 2, 2).exact
    (Fraction(25, 2),)
    """
    op = "conv_output_size"
    if on_misfit not in ("floor", "warn", "error"):
        raise ValueError(f"{op}: on_misfit must be 'floor', 'warn' or 'error', got {on_misfit!r}")
    ndim = len(size) if isinstance(size, tuple | list) else 1
    size = integers(op, "size", size, ndim)
    padding = _sized_padding(op, padding, size, kernel_size, stride, dilation)
    window = Window.of(ndim, kernel_size, stride, padding, dilation, 1, ceil_mode, op)
    positions = window.output_size(size)
    padded = tuple(n + sum(pair) for n, pair in zip(size, window.padding, strict=True))
    if min(positions) < 1:
        raise ShapeError(
            f"{op}: the kernel covers {window.extent}, more than the padded input {padded}"
        )
    dims = list(zip(padded, window.extent, window.stride, positions, strict=True))
    exact = tuple(Fraction(n - extent, step) + 1 for n, extent, step, _ in dims)
    dropped = tuple(max(0, n - extent - (m - 1) * step) for n, extent, step, m in dims)
    if any(value.denominator != 1 for value in exact) and on_misfit != "floor":
        sums = ", ".join(
            f"({n} - {extent}) / {step} + 1 = {float(value):g}"
            for (n, extent, step, _), value in zip(dims, exact, strict=True)
        )
        text = f"{op}: the windows do not tile the padded input {padded}: {sums}"
        text += f"; elements left out at the end: {dropped}"
        if on_misfit == "error":
            raise ShapeError(text)
        warnings.warn(text, stacklevel=2)
    return OutputSize(positions, exact, dropped)


# ------------------------------------------------------------------------------------------------
# Reading arguments


def integer(op, name, value, least=1):
    """Return `value` as an int of at least `least`, or raise an error naming the argument."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{op}: {name} must be an integer, got {value!r}")
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an integer, got {value!r}") from None
    if value < least:
        rule = "must be positive" if least == 1 else f"must be at least {least}"
        raise ShapeError(f"{op}: {name} {rule}, got {value}")
    if value > LARGEST_SIZE:
        raise ShapeError(f"{op}: {name} is too large: {value}")
    return value


def integers(op, name, value, ndim, least=1):
    """Return `value`, an integer or a sequence of 1 or `ndim` integers, as a tuple of `ndim`."""
    entries = _entries(op, name, value, ndim)
    return tuple(integer(op, name, entry, least) for entry in entries)


def _entries(op, name, value, ndim):
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, tuple | list):
        return (value,) * ndim
    if len(value) == 1:
        return (value[0],) * ndim
    if len(value) != ndim:
        numbers = "1 number" if ndim == 1 else f"1 or {ndim} numbers"
        raise ShapeError(f"{op}: {name} must have {numbers}, got {value!r}")
    return value


def _padding(op, padding, ndim, extent):
    if isinstance(padding, str):
        return _named_padding(op, padding, extent)
    return tuple(_pair(op, entry) for entry in _entries(op, "padding", padding, ndim))


def _pair(op, entry):
    if not isinstance(entry, tuple | list):
        return (integer(op, "padding", entry, 0),) * 2
    if len(entry) != 2:
        raise ShapeError(f"{op}: padding must be given as (before, after), got {entry!r}")
    return integer(op, "padding", entry[0], 0), integer(op, "padding", entry[1], 0)


def _named_padding(op, name, extent):
    if name == "valid":
        return ((0, 0),) * len(extent)
    if name != "same":
        raise ShapeError(f"{op}: padding must be 'same', 'valid' or numbers, got {name!r}")
    return tuple(((size - 1) // 2, size // 2) for size in extent)


def _sized_padding(op, padding, size, kernel, stride, dilation):
    """Return the padding, in numbers where its name means one that depends on the size.

    'same_upper' and 'same_lower' (ONNX's names; the first is TensorFlow's 'SAME') give a window of
    stride s over n elements ceil(n / s) positions, with as little padding as that needs; an odd
    element goes after or before the image.
    """
    if padding not in ("same_upper", "same_lower"):
        return padding
    ndim, pairs = len(size), []
    settings = (
        integers(op, name, value, ndim)
        for name, value in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation))
    )
    for n, taps, step, spread in zip(size, *settings, strict=True):
        total = max(0, (-(-n // step) - 1) * step + spread * (taps - 1) + 1 - n)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if padding == "same_upper" else (more, less))
    return tuple(pairs)


# ------------------------------------------------------------------------------------------------
# Checks, one per kind of operation


def _remembered(check):
    """Keep the answers of `check`; errors are found anew each time.

    The key is the arguments in marshal's form, which tells 1 from 1.0 and True at every depth
    (equality does not) and reads lists; version 2 of it depends on nothing but the values.
    """
    answers = {}

    @functools.wraps(check)
    def remembering(*arguments):
        try:
            key = marshal.dumps(arguments, 2)
        except ValueError:  # an integer type that is not Python's
            return check(*arguments)
        answer = answers.get(key)
        if answer is None:
            if len(answers) >= 4096:
                answers.clear()
            answer = answers[key] = check(*arguments)
        return answer

    return remembering


@_remembered
def conv_window(op, ndim, input, weight, bias, stride, padding, dilation, groups):
    """Check the arguments of a convolution and return its window.

    Parameters
    ----------
    op : str
        Name of the operation, for messages.
    ndim : int
        Number of spatial dimensions.
    input, weight, bias : tuple of int
        Shapes (batch, channels, *spatial), or without a batch; (out_channels, channels / groups,
        *kernel); (out_channels,) or None.
    stride, padding, dilation, groups
        As the user gave them.

    Returns
    -------
    Window

    Raises
    ------
    ShapeError, TypeError
    """
    roles = ("out_channels", "in_channels / groups")
    groups = _check_weight(op, ndim, weight, groups, roles)
    _check_image(op, ndim, input)
    channels = input[-ndim - 1]
    shapes = f"input {input}, weight {weight}"
    if channels != weight[1] * groups:
        by_groups = f" (groups={groups})" if groups > 1 else ""
        raise ShapeError(
            f"{op}: input has {channels} channels but weight expects "
            f"{weight[1] * groups}{by_groups}: {shapes}"
        )
    if weight[0] % groups:
        raise ShapeError(
            f"{op}: out_channels ({weight[0]}) must be divisible by groups ({groups}): {shapes}"
        )
    _check_bias(op, weight[0], bias, weight)
    padding = _sized_padding(op, padding, input[-ndim:], weight[2:], stride, dilation)
    window = Window.of(ndim, weight[2:], stride, padding, dilation, groups, op=op)
    size = window.output_size(input[-ndim:])
    if min(size) < 1:
        padded = tuple(n + sum(p) for n, p in zip(input[-ndim:], window.padding, strict=True))
        raise ShapeError(
            f"{op}: the kernel covers {window.extent}, more than the padded input {padded}: "
            f"{shapes}, padding {padding}, dilation {dilation}"
        )
    _check_count(op, (*input[: -ndim - 1], weight[0], *size))
    return _tamed(window, input[-ndim:])


@_remembered
def conv_transpose_window(
    op, ndim, input, weight, bias, stride, padding, output_padding, groups, dilation
):
    """Check the arguments of a transposed convolution; return its window and output size.

    The window is the one of the convolution whose gradient this is: over an image of the output's
    size it has as many positions as the input has elements.

    Parameters
    ----------
    op : str
        Name of the operation, for messages.
    ndim : int
        Number of spatial dimensions.
    input, weight, bias : tuple of int
        Shapes (batch, channels, *spatial), or without a batch; (channels, out_channels / groups,
        *kernel); (out_channels,) or None.
    stride, padding, output_padding, groups, dilation
        As the user gave them.

    Returns
    -------
    window : Window
    size : tuple of int
        Spatial sizes of the output.

    Raises
    ------
    ShapeError, TypeError
    """
    roles = ("in_channels", "out_channels / groups")
    groups = _check_weight(op, ndim, weight, groups, roles)
    _check_image(op, ndim, input)
    channels = input[-ndim - 1]
    shapes = f"input {input}, weight {weight}"
    if channels != weight[0]:
        raise ShapeError(
            f"{op}: input has {channels} channels but weight expects {weight[0]}: {shapes}"
        )
    if channels % groups:
        raise ShapeError(
            f"{op}: in_channels ({channels}) must be divisible by groups ({groups}): {shapes}"
        )
    _check_bias(op, weight[1] * groups, bias, weight)
    if isinstance(padding, str):
        raise TypeError(f"{op}: padding must be numbers, got {padding!r}")
    window = Window.of(ndim, weight[2:], stride, padding, dilation, groups, op=op)
    extra = integers(op, "output_padding", output_padding, ndim, least=0)
    for more, step, spread in zip(extra, window.stride, window.dilation, strict=True):
        if more >= max(step, spread):
            raise ShapeError(
                f"{op}: output_padding must be smaller than stride or dilation, got "
                f"output_padding {extra}, stride {window.stride}, dilation {window.dilation}"
            )
    size = window.input_size(input[-ndim:], extra)
    if min(size) < 1:
        raise ShapeError(
            f"{op}: the output would have size {size}: {shapes}, stride {stride}, "
            f"padding {padding}, output_padding {output_padding}, dilation {dilation}"
        )
    _check_count(op, (*input[: -ndim - 1], weight[1] * groups, *size))
    # Whole strides of output padding (which a dilation allows) would give the convolution that this
    # is the gradient of further positions. Less padding after the image, even less than none,
    # gives the same image and the right number of positions.
    padding = tuple(
        (before, after - more // step * step)
        for (before, after), more, step in zip(window.padding, extra, window.stride, strict=True)
    )
    return _tamed(replace(window, padding=padding), size), size


@_remembered
def pool_window(op, ndim, input, kernel_size, stride, padding, dilation, ceil_mode):
    """Check the arguments of a pooling and return its window.

    Parameters
    ----------
    op : str
        Name of the operation, for messages.
    ndim : int
        Number of spatial dimensions.
    input : tuple of int
        Shape (batch, channels, *spatial), or without a batch.
    kernel_size, stride, padding, dilation, ceil_mode
        As the user gave them; a stride of None or () is the kernel's size.

    Returns
    -------
    Window

    Raises
    ------
    ShapeError, TypeError
    """
    _check_image(op, ndim, input)
    if isinstance(padding, str):
        raise TypeError(f"{op}: padding must be numbers, got {padding!r}")
    if stride is None or (isinstance(stride, tuple | list) and not stride):
        stride = kernel_size
    window = Window.of(ndim, kernel_size, stride, padding, dilation, 1, ceil_mode, op)
    for taps, pair in zip(window.kernel, window.padding, strict=True):
        if 2 * max(pair) > taps:
            raise ShapeError(
                f"{op}: padding must be at most half of the kernel, got padding {padding}, "
                f"kernel_size {window.kernel}"
            )
    size = window.output_size(input[-ndim:])
    settings = (
        f"input {input}, kernel_size {window.kernel}, stride {window.stride}, padding {padding}, "
        f"dilation {window.dilation}"
    )
    if min(size) < 1:
        raise ShapeError(f"{op}: the output would have size {size}: {settings}")
    # Only the first window, and only with a dilation larger than the image, can miss the image.
    for length, (before, _), step in zip(
        input[-ndim:], window.padding, window.dilation, strict=True
    ):
        if -before % step >= length:
            raise ShapeError(f"{op}: a window has all its taps in the padding: {settings}")
    _check_count(op, (*input[:-ndim], *size))
    return _tamed(window, input[-ndim:])


@_remembered
def adaptive_size(op, ndim, input, output_size):
    """Check the arguments of an adaptive pooling and return its output size.

    Parameters
    ----------
    op : str
        Name of the operation, for messages.
    ndim : int
        Number of spatial dimensions.
    input : tuple of int
        Shape (batch, channels, *spatial), or without a batch.
    output_size : int, None or sequence of those
        As the user gave it; None keeps the size of the input.

    Returns
    -------
    tuple of int

    Raises
    ------
    ShapeError, TypeError
    """
    _check_image(op, ndim, input)
    if not isinstance(output_size, tuple | list):
        output_size = (output_size,) * ndim
    if len(output_size) != ndim:
        raise ShapeError(f"{op}: output_size must have {ndim} numbers, got {output_size!r}")
    size = tuple(
        length if wanted is None else integer(op, "output_size", wanted, 0)
        for wanted, length in zip(output_size, input[-ndim:], strict=True)
    )
    _check_count(op, (*input[:-ndim], *size))
    return size


def adaptive_ranges(length, count):
    """Divide `length` elements into `count` ranges that may overlap, as adaptive pooling does.

    Returns
    -------
    list of (int, int)
        First element and end of each range.
    """
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def _tamed(window, size):
    """Return a window with the same positions and taps, none of its numbers larger than it need be.

    A stride that leads out of the image, taps beyond the end of it (in ceil mode) and the dilation
    of a single tap may be any number, and the kernels loop over strides and taps.
    """
    kernel, stride, dilation = list(window.kernel), list(window.stride), list(window.dilation)
    for i, (before, after) in enumerate(window.padding):
        padded = size[i] + before + after
        if window.extent[i] > padded:  # the only position
            kernel[i] = -(-padded // dilation[i])
            stride[i] = padded
        if kernel[i] == 1:
            dilation[i] = 1
        room = padded - dilation[i] * (kernel[i] - 1) - 1
        stride[i] = min(stride[i], max(room + 1, size[i] + before))
    return replace(window, kernel=tuple(kernel), stride=tuple(stride), dilation=tuple(dilation))


def _check_image(op, ndim, input):
    if len(input) not in (ndim + 1, ndim + 2):
        raise ShapeError(
            f"{op}: input must have {ndim + 2} dimensions, or {ndim + 1} without a batch, "
            f"got input {input}"
        )
    if 0 in input[-ndim:]:
        raise ShapeError(f"{op}: input has no elements in a spatial dimension: input {input}")


def _check_weight(op, ndim, weight, groups, roles):
    groups = integer(op, "groups", groups)
    if len(weight) != ndim + 2:
        raise ShapeError(
            f"{op}: weight must have {ndim + 2} dimensions ({', '.join(roles)}, kernel), "
            f"got weight {weight}"
        )
    if weight[0] == 0 or 0 in weight[2:]:
        raise ShapeError(f"{op}: weight is empty: weight {weight}")
    return groups


def _check_bias(op, channels, bias, weight):
    if bias is not None and bias != (channels,):
        raise ShapeError(
            f"{op}: bias must have shape {(channels,)}, got bias {bias}, weight {weight}"
        )


def _check_count(op, shape):
    count = 1
    for length in shape:
        count *= length
    if count > LARGEST_COUNT:
        raise ShapeError(f"{op}: the output {shape} is too large")
