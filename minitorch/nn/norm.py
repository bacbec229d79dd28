"""Normalisation layers."""

from __future__ import annotations

from ..creation import empty, ones, zeros
from ..dtypes import int64
from ..errors import ShapeError
from ..ops import doc
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "SyncBatchNorm",
]


class _ScaleAndShift(Module):
    """A module with the parameters `weight` and `bias`, either of which may be absent."""

    def _register(self, shape, weight: bool, bias: bool, device, dtype):
        for name, wanted in (("weight", weight), ("bias", bias)):
            parameter = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, parameter)

    def reset_parameters(self) -> None:
        """Set the scale to 1 and the shift to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _NormBase(_ScaleAndShift):
    """What batch and instance normalisation have in common: running statistics."""

    _version = 2  # since 2 there is num_batches_tracked
    _ndims: tuple  # the numbers of dimensions that the input may have

    def __init__(
        self, num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._register(num_features, affine, affine and bias, device, dtype)
        factory = {"device": device, "dtype": dtype}
        mean = var = batches = None
        if track_running_stats:
            mean, var = zeros(num_features, **factory), ones(num_features, **factory)
            batches = zeros((), dtype=int64, device=device)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        self.register_buffer("num_batches_tracked", batches)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1, the count of batches to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Reset the statistics, set the scale to 1 and the shift to 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input):
        if input.ndim not in self._ndims:
            expected = " or ".join(f"{n}D" for n in self._ndims)
            raise ShapeError(
                f"{type(self).__name__}: expected {expected} input (got {input.ndim}D input, "
                f"shape {tuple(input.shape)})"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Batch normalisation; the number of dimensions is the subclass's."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input):
        self._check_input_dim(input)
        mean, var = self._own("running_mean"), self._own("running_var")
        factor = 0.0 if self.momentum is None else self.momentum
        batches = None
        if self.training:
            if not self.track_running_stats:
                mean = var = None
            else:
                batches = self._own("num_batches_tracked")
            if batches is not None and self.momentum is None:
                factor = 1.0 / (batches.item() + 1)  # the plain average of all batches
        output = F.batch_norm(
            input,
            mean,
            var,
            self._own("weight"),
            self._own("bias"),
            self.training or (mean is None and var is None),
            factor,
            self.eps,
        )
        if batches is not None:
            batches._array += 1  # afterwards: a batch that was refused does not count
            batches._cell[0] += 1
        return output

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats:
            state_dict.setdefault(key, self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (batch, channels) or (batch, channels, length); see `BatchNorm2d`."""

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (batch, channels, height, width).

    In training every channel is normalised by its mean and variance over the batch, which also
    move the running statistics; in evaluation by the running statistics.

    Parameters
    ----------
    num_features : int
        Number of channels.
    eps : float
        Added to the variance.
    momentum : float or None
        Weight of a batch in the running statistics; None gives all batches the same weight.
    affine : bool
        Whether the result is scaled and shifted by the parameters `weight` and `bias`.
    track_running_stats : bool
        Whether there are running statistics; without them evaluation uses the batch too.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether `affine` includes the shift.

    Notes
    -----
    Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 1.
    """

    _ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (batch, channels, depth, height, width); see `BatchNorm2d`."""

    _ndims = (5,)


@doc.same_shape
class SyncBatchNorm(_BatchNorm):
    """Batch normalisation by the statistics of all processes; of one process, `BatchNorm2d`.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        As for `BatchNorm2d`.
    process_group : optional
        Accepted; there is one process.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """Replace every batch normalisation in a module by one of this class.

        Parameters
        ----------
        module : Module
            Its other layers are kept; it is changed, unless it is a batch normalisation itself.
        process_group : optional
            For the new layers.

        Returns
        -------
        Module
        """
        result = module
        if isinstance(module, _BatchNorm):
            result = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            result.weight, result.bias = module.weight, module.bias
            result.running_mean, result.running_var = module.running_mean, module.running_var
            result.num_batches_tracked = module.num_batches_tracked
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result


class _InstanceNorm(_NormBase):
    """Instance normalisation; the number of dimensions is the subclass's."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input):
        self._check_input_dim(input)
        single = input.ndim == self._ndims[0]
        channel = input.ndim - self._ndims[0]
        if self.affine and input.shape[channel] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: expected input's size at dim={channel} to match "
                f"num_features ({self.num_features}), but got: {input.shape[channel]}."
            )
        output = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return output.squeeze(0) if single else output


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (batch, channels, length); see `InstanceNorm2d`."""

    _ndims = (2, 3)


@doc.same_shape
class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation: every channel of every image by its own mean and variance.

    Parameters
    ----------
    num_features : int
        Number of channels.
    eps : float
        Added to the variance.
    momentum : float
        Weight of a batch in the running statistics.
    affine : bool
        Whether the result is scaled and shifted by the parameters `weight` and `bias`.
    track_running_stats : bool
        Whether there are running statistics, which evaluation then uses.
    device, dtype : optional
        Of parameters and statistics.
    bias : bool
        Whether `affine` includes the shift.

    Notes
    -----
    Ulyanov et al. 2016 (arXiv 1607.08022), equation 3.
    """

    _ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes (batch, channels, ...); see `InstanceNorm2d`."""

    _ndims = (4, 5)


class LayerNorm(_ScaleAndShift):
    """Normalise over the last dimensions.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of these dimensions.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether the result is scaled and shifted by the parameters `weight` and `bias`.
    bias : bool
        Whether `elementwise_affine` includes the shift.
    device, dtype : optional
        Of the parameters.

    Notes
    -----
    Ba et al. 2016 (arXiv 1607.06450), equation 4.
    """

    def __init__(
        self,
        normalized_shape,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine
        self._register(self.normalized_shape, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide by the root of the mean square over the last dimensions.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of these dimensions.
    eps : float, optional
        Added to the mean square. Default: the smallest difference to 1 in the type of the input.
    elementwise_affine : bool
        Whether the result is scaled by the parameter `weight`.
    device, dtype : optional
        Of the parameter.

    Notes
    -----
    Zhang and Sennrich 2019 (arXiv 1910.07467), equation 4.
    """

    def __init__(
        self,
        normalized_shape,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = None
        if elementwise_affine:
            weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the scale to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input):
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


@doc.same_shape
class LocalResponseNorm(Module):
    """Divide by a power of the mean square over neighbouring channels.

    Parameters
    ----------
    size : int
        Number of channels that are averaged over.
    alpha, beta, k : float
        ``x / (k + alpha * mean square) ** beta``

    Notes
    -----
    Krizhevsky, Sutskever and Hinton 2012, section 3.3 (there with the sum of squares).
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


@doc.same_shape
class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of images in an old form, with a window that is the same on both sides.

    Channel c is divided by a power of ``k + alpha / size`` times the sum of squares over the
    channels less than ``p = (size + 1) // 2`` away from it, and, as in PyTorch, from channel p on
    over channel 0 as well.

    Parameters
    ----------
    size : int
        Number of channels.
    alpha, beta, k : float
        As for `LocalResponseNorm`.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1):
        super().__init__(size, alpha, beta, k)

    def forward(self, input):
        if input.ndim != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead.")
        reach = (self.size + 1) // 2
        squares = input * input
        planes = squares.flatten(2).unsqueeze(1)
        window = (2 * reach - 1, 1)
        sums = F.avg_pool2d(planes, window, 1, (reach - 1, 0), divisor_override=1)
        sums = sums.squeeze(1).reshape(input.shape)
        if reach < input.shape[1]:
            first = squares[:, :1].expand(-1, input.shape[1] - reach, -1, -1)
            sums = sums + F.pad(first, (0, 0, 0, 0, reach, 0))
        return input * (sums * (self.alpha / self.size) + self.k) ** -self.beta


@doc.same_shape
class GroupNorm(_ScaleAndShift):
    """Normalise every group of channels of every image by its mean and variance.

    Parameters
    ----------
    num_groups : int
        Number of groups that the channels are divided into.
    num_channels : int
        Number of channels.
    eps : float
        Added to the variance.
    affine : bool
        Whether the result is scaled and shifted by the parameters `weight` and `bias`.
    device, dtype : optional
        Of the parameters.
    bias : bool
        Whether `affine` includes the shift.

    Notes
    -----
    Wu and He 2018 (arXiv 1803.08494), equation 7.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register(num_channels, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


def _shape(normalized_shape) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
