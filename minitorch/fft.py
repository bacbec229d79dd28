"""``torch.fft``: there is no Fourier transform; every name says what to use instead."""

_NAMES = """
fft fft2 fftfreq fftn fftshift hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ihfft ihfft2 ihfftn
irfft irfft2 irfftn rfft rfft2 rfftfreq rfftn
"""


def _missing(name):
    def function(*args, **kwargs):
        raise NotImplementedError(
            f"fft.{name}: there are no complex tensors; use numpy.fft.{name} on tensor.numpy()"
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Raise NotImplementedError: use ``numpy.fft.{name}`` on ``tensor.numpy()``."
    return function


for _name in _NAMES.split():
    globals()[_name] = _missing(_name)
del _name
