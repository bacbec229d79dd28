"""The names of ``torchvision.transforms.v2``: they transform images; labels stay outside."""

import numpy as np

from .... import dtypes
from ....tensor import Tensor
from .. import functional, pil
from ..autoaugment import *
from ..autoaugment import __all__ as _augmenting
from ..mixing import *
from ..mixing import __all__ as _mixing
from ..transforms import *
from ..transforms import Transform
from ..transforms import __all__ as _plain

__all__ = ["ToDtype", "ToImage", *_augmenting, *_mixing, *_plain]


class ToImage(Transform):
    """Make a tensor (channels, height, width) of a PIL image or array, its values as they are."""

    def forward(self, img):
        if isinstance(img, Tensor):
            return img
        if pil.is_pil(img):
            return functional.pil_to_tensor(img)
        array = img[None] if img.ndim == 2 else np.moveaxis(img, -1, 0)
        return Tensor._wrap(np.ascontiguousarray(array))


class ToDtype(Transform):
    """
    Convert to another type.

    Parameters
    ----------
    dtype : dtype
    scale : bool, default False
        Keep full brightness full brightness; else keep the numbers.
    """

    _shown = ("dtype", "scale")

    def __init__(self, dtype, scale=False):
        super().__init__()
        self.dtype, self.scale = dtype, scale

    def forward(self, img):
        if self.scale:
            return functional.convert_image_dtype(img, self.dtype)
        if isinstance(img, Tensor):
            return img.to(self.dtype)
        return img.astype(dtypes.of(self.dtype).numpy)
