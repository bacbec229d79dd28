"""The same test for minitorch and PyTorch: what both accept, under one interface."""

import numpy as np


class Library:
    """minitorch or torch, as `module`, and how a test makes a tensor."""

    def __init__(self, module):
        self.module = module
        self.autograd = module.autograd
        self.Function = module.autograd.Function
        self.is_torch = module.__name__ == "torch"

    def wrap(self, array, grad=True):
        """Make a tensor of an array."""
        make = self.module.from_numpy if self.is_torch else self.module.Tensor._wrap
        return make(np.array(array)).requires_grad_(grad)

    def tensor(self, *shape, seed=0, grad=True):
        """Make a float64 tensor of normal random numbers."""
        return self.wrap(np.random.default_rng(seed).standard_normal(shape), grad)

    def ones(self, *shape, grad=True):
        """Make a float64 tensor of ones."""
        return self.wrap(np.ones(shape), grad)


def values(tensor):
    """Return the elements as nested lists."""
    return tensor.detach().numpy().tolist()
