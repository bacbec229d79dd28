"""ONNX: models out (`export`) and models in (`load`), through the onnx package.

``pip install 'minitorch[onnx]'`` installs it.
"""

from .export import export
from .importer import OnnxModule, load

__all__ = ["OnnxModule", "export", "load"]
