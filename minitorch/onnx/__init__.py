"""ONNX: models out (`export`) and models in (`load`), through the onnx package.

``pip install 'minitorch[onnx]'`` installs it.
"""

import enum

from .export import export
from .importer import OnnxModule, load


class TrainingMode(enum.Enum):
    """What `export` may be told in PyTorch; here it is always evaluation."""

    EVAL, PRESERVE, TRAINING = range(3)


class OperatorExportTypes(enum.Enum):
    """What `export` may be told in PyTorch; there are only ONNX's own operators."""

    ONNX, ONNX_ATEN, ONNX_ATEN_FALLBACK, ONNX_FALLTHROUGH = range(4)


__all__ = ["OnnxModule", "OperatorExportTypes", "TrainingMode", "export", "load"]
