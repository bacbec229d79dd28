"""A recorder that also counts the calls of modules."""

import contextlib

from ..autograd.trace import Recorder


class CallRecorder(Recorder):
    """
    Records operations, and counts the calls of modules.

    Parameters
    ----------
    on_step : callable
        As of `Recorder`.

    Attributes
    ----------
    calls : dict
        How often each module was called so far, by path.
    """

    def __init__(self, on_step):
        super().__init__(on_step)
        self.calls = {}

    @contextlib.contextmanager
    def inside(self, module):
        """Count a call, and attribute what is recorded in the block to `module`."""
        with super().inside(module):
            path = self._modules[-1][1]
            self.calls[path] = self.calls.get(path, 0) + 1
            yield
