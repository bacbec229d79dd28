"""The functions behind the layers, under the names of ``torch.nn.functional``."""

from ..ops.conv import *
from ..ops.pool import *
