"""Apple's GPUs, of which there are none."""


def is_available() -> bool:
    """Whether there is such a device: False."""
    return False


def is_built() -> bool:
    """Whether this was built for such devices: False."""
    return False
