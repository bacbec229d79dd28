"""Settings of cuDNN, which can be set and change nothing."""

import contextlib

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether there is cuDNN: False."""
    return False


def version() -> None:
    """Return the version of cuDNN: None."""
    return None


@contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Return a context that changes nothing."""
    yield
