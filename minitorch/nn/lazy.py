"""Layers that learn the number of their input channels from the first input."""

from __future__ import annotations

from .. import dtypes
from ..creation import empty, zeros
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from .parameter import Buffer, Parameter

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "UninitializedBuffer",
    "UninitializedParameter",
]


class _Uninitialized:
    """A tensor that has no shape yet."""

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Give it a shape and memory, whose contents are undefined.

        Parameters
        ----------
        shape : tuple of int
        device, dtype : optional
            Default: those it was made with.
        """
        made = empty(tuple(shape), device=device, dtype=dtype or self.dtype)
        self._use_memory(made._array, made._cell)
        self.__class__ = self._becomes

    @property
    def shape(self):
        """Not known yet.

        Raises
        ------
        RuntimeError
        """
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo):
        copy = type(self)(dtype=self.dtype)
        memo[id(self)] = copy
        return copy


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter that has no shape yet.

    Parameters
    ----------
    requires_grad : bool
        Whether gradients are computed for it.
    device, dtype : optional
        Of the parameter.
    """

    _becomes = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad=True, device=None, dtype=None):
        pass


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer that has no shape yet.

    Parameters
    ----------
    requires_grad : bool
        Accepted; must be False.
    device, dtype : optional
        Of the buffer.
    persistent : bool
        Whether `Module.state_dict` contains it.
    """

    _becomes = Buffer

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        made = empty(0, device=device, dtype=dtype)
        return super().__new__(cls, made, persistent=persistent)

    def __init__(self, requires_grad=False, device=None, dtype=None, persistent=True):
        pass


class _Lazy:
    """What the lazy layers have in common: they become the plain layer, `cls_to_become`.

    Subclasses define `_set_sizes(input)`, which sets the attributes that hold the number of
    channels and gives shapes to the parameters.
    """

    cls_to_become = None

    def has_uninitialized_params(self) -> bool:
        """Return whether some parameter or buffer has no shape yet."""
        members = (*self._parameters.values(), *self._buffers.values())
        return any(isinstance(member, _Uninitialized) for member in members)

    def initialize_parameters(self, input) -> None:
        """Give shapes to the parameters after the input, and draw them."""
        drawn = not self.has_uninitialized_params()  # loaded from a state_dict
        self._set_sizes(input)
        if not drawn:
            self.reset_parameters()

    def _shape(self, member, shape):
        if isinstance(member, _Uninitialized):
            member.materialize(shape)

    def reset_parameters(self) -> None:
        """Draw the parameters, once they have shapes."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def forward(self, input, *args, **kwargs):
        self.initialize_parameters(input)
        self.__class__ = self.cls_to_become
        return self.forward(input, *args, **kwargs)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name, member in (*self._parameters.items(), *self._buffers.items()):
            source = state_dict.get(prefix + name)
            known = source is not None and not isinstance(source, _Uninitialized)
            if known and isinstance(member, _Uninitialized):
                member.materialize(tuple(source.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)


class LazyLinear(_Lazy, Linear):
    """A `Linear` layer that takes `in_features` from its first input.

    Parameters
    ----------
    out_features : int
        Size of the last dimension of the result.
    bias : bool
        Whether a bias is added.
    device, dtype : optional
        Of the parameters.
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device=None, dtype=None):
        super().__init__(1, 1, False, device, dtype)
        self.in_features, self.out_features = 0, out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def _set_sizes(self, input):
        self.in_features = input.shape[-1]
        self._shape(self.weight, (self.out_features, self.in_features))
        self._shape(self.bias, (self.out_features,))


class _LazyConv(_Lazy):
    """A lazy convolution; the plain class is the subclass's."""

    def _lazy(self, out_channels, bias, device, dtype):
        self.in_channels, self.out_channels = 0, out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def _set_sizes(self, input):
        name, ndim = type(self).__name__, self._ndim
        if input.ndim not in (ndim + 1, ndim + 2):
            raise RuntimeError(
                f"Expected {ndim + 1}D (unbatched) or {ndim + 2}D (batched) input to {name}, but "
                f"got input of size: {tuple(input.shape)}"
            )
        self.in_channels = input.shape[-ndim - 1]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        channels = (self.out_channels, self.in_channels // self.groups)
        if self._transposed:
            channels = (self.in_channels, self.out_channels // self.groups)
        self._shape(self.weight, (*channels, *self.kernel_size))
        self._shape(self.bias, (self.out_channels,))


class _LazyPlainConv(_LazyConv):
    def __init__(
        self,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ):
        settings = kernel_size, stride, padding, dilation, groups, False, padding_mode
        super().__init__(groups, groups, *settings, device, dtype)
        self._lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyPlainConv, Conv1d):
    """A `Conv1d` layer that takes `in_channels` from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyPlainConv, Conv2d):
    """A `Conv2d` layer that takes `in_channels` from its first input.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        As for `Conv2d`.
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyPlainConv, Conv3d):
    """A `Conv3d` layer that takes `in_channels` from its first input."""

    cls_to_become = Conv3d


class _LazyTransposedConv(_LazyConv):
    def __init__(
        self,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups: int = 1,
        bias: bool = True,
        dilation=1,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ):
        settings = kernel_size, stride, padding, output_padding, groups, False, dilation
        super().__init__(groups, groups, *settings, padding_mode, device, dtype)
        self._lazy(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyTransposedConv, ConvTranspose1d):
    """A `ConvTranspose1d` layer that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposedConv, ConvTranspose2d):
    """A `ConvTranspose2d` layer that takes `in_channels` from its first input.

    Parameters
    ----------
    out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation
        As for `ConvTranspose2d`.
    padding_mode, device, dtype
        As for `ConvTranspose2d`.
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposedConv, ConvTranspose3d):
    """A `ConvTranspose3d` layer that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(_Lazy):
    """A lazy normalisation; the plain class is the subclass's."""

    def _lazy(self, affine, track_running_stats, device, dtype, bias=True):
        self.affine, self.track_running_stats = affine, track_running_stats
        factory = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**factory)
            if bias:
                self.bias = UninitializedParameter(**factory)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**factory)
            self.running_var = UninitializedBuffer(**factory)
            self.num_batches_tracked = zeros((), dtype=dtypes.int64, device=device)

    def _set_sizes(self, input):
        self._check_input_dim(input)
        # Instance norms take inputs without a batch too.
        single = issubclass(self.cls_to_become, _INSTANCE) and input.ndim == self._ndims[0]
        self.num_features = input.shape[0 if single else 1]
        for member in (self.weight, self.bias, self.running_mean, self.running_var):
            self._shape(member, (self.num_features,))


_INSTANCE = (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d)


class _LazyBatchNorm(_LazyNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self._lazy(affine, track_running_stats, device, dtype, bias)


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """A `BatchNorm1d` layer that takes `num_features` from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """A `BatchNorm2d` layer that takes `num_features` from its first input.

    Parameters
    ----------
    eps, momentum, affine, track_running_stats, device, dtype, bias
        As for `BatchNorm2d`.
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """A `BatchNorm3d` layer that takes `num_features` from its first input."""

    cls_to_become = BatchNorm3d


class _LazyInstanceNorm(_LazyNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self._lazy(affine, track_running_stats, device, dtype, bias)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An `InstanceNorm1d` layer that takes `num_features` from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An `InstanceNorm2d` layer that takes `num_features` from its first input.

    Parameters
    ----------
    eps, momentum, affine, track_running_stats, device, dtype, bias
        As for `InstanceNorm2d`; here `affine` and `track_running_stats` are True by default.
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An `InstanceNorm3d` layer that takes `num_features` from its first input."""

    cls_to_become = InstanceNorm3d
