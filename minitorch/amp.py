"""Mixed precision, which there is not: enabled for CUDA it is disabled with a warning, as PyTorch
does without CUDA; enabled for the CPU it is an error, because PyTorch would compute something else.
"""

from __future__ import annotations

import functools
import warnings

from .device import device, lenient

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def _checked(name, device_type, enabled) -> bool:
    """Return whether to go on enabled: never, but the ways of saying no differ."""
    if enabled and device(device_type).type == "cpu" and not lenient():
        raise RuntimeError(
            f"{name}: minitorch has no mixed precision on the CPU: tensors are computed in their "
            "own type. Pass enabled=False."
        )
    if enabled and not lenient():
        warnings.warn(
            f"{name} is enabled, but CUDA is not available.  Disabling.", UserWarning, stacklevel=3
        )
    return False


class autocast:
    """Context manager and decorator that runs the code inside unchanged.

    Parameters
    ----------
    device_type : str
        ``'cuda'``: disabled with a warning; ``'cpu'``: an error unless `enabled` is False.
    dtype : dtype, optional
        Not used.
    enabled : bool
        Whether mixed precision is asked for.
    cache_enabled : bool, optional
        Not used.
    """

    def __init__(self, device_type: str, dtype=None, enabled: bool = True, cache_enabled=None):
        self._enabled = _checked("autocast", device_type, enabled)
        self.device = device_type

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def inside(*args, **kwargs):
            return function(*args, **kwargs)

        return inside


class GradScaler:
    """Scaling of losses for mixed precision, disabled: losses and steps pass unchanged.

    Parameters
    ----------
    device : str
        ``'cuda'``: disabled with a warning; ``'cpu'``: an error unless `enabled` is False.
    init_scale, growth_factor, backoff_factor, growth_interval
        Not used.
    enabled : bool
        Whether scaling is asked for.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self._enabled = _checked("GradScaler", device, enabled)

    def scale(self, outputs):
        """Return the losses unchanged.

        Parameters
        ----------
        outputs : Tensor or sequence of Tensor
        """
        return outputs

    def unscale_(self, optimizer) -> None:
        """Do nothing: gradients are not scaled."""

    def step(self, optimizer, *args, **kwargs):
        """Return the result of the step of the optimiser.

        Parameters
        ----------
        optimizer : Optimizer
        *args, **kwargs
            Of its step.
        """
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale=None) -> None:
        """Do nothing: there is no scale."""

    def get_scale(self) -> float:
        """Return the scale: 1."""
        return 1.0

    def is_enabled(self) -> bool:
        """Whether losses are scaled: False."""
        return False

    def state_dict(self) -> dict:
        """Return the state: empty."""
        return {}

    def load_state_dict(self, state_dict: dict) -> None:
        """Do nothing: there is no state."""


def is_autocast_available(device_type: str) -> bool:
    """Whether there is mixed precision on a device: False.

    Parameters
    ----------
    device_type : str
    """
    return False


def custom_fwd(fwd=None, *, device_type=None, cast_inputs=None):
    """Return the ``forward`` of a `Function` unchanged: there is no mixed precision to leave.

    Parameters
    ----------
    fwd : callable, optional
    device_type, cast_inputs : optional
        Not used.
    """
    return fwd if fwd is not None else custom_fwd


def custom_bwd(bwd=None, *, device_type=None):
    """Return the ``backward`` of a `Function` unchanged.

    Parameters
    ----------
    bwd : callable, optional
    device_type : optional
        Not used.
    """
    return bwd if bwd is not None else custom_bwd
