"""Networks, ready to train."""

from .lenet import digits_net, lenet5

__all__ = ["digits_net", "lenet5"]
