"""A lightweight deep-learning framework for convolutional networks."""

import importlib

from . import autograd, ops, out
from . import tensor as _module  # first: its name is then taken by the function of creation
from .absent import ABSENT as _ABSENT
from .absent import absent as _absent
from .autograd.grad_mode import *
from .creation import *
from .device import device
from .dtypes import *
from .errors import ShapeError
from .formatting import set_printoptions
from .kernels import get_num_threads, set_num_threads
from .names import *
from .ops.activation import (
    celu,
    celu_,
    hardshrink,
    log_softmax,
    prelu,
    relu,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    softmax,
    threshold,
    threshold_,
)
from .ops.arrange import *
from .ops.conv import *
from .ops.elementwise import *
from .ops.embedding import embedding_bag
from .ops.index import *
from .ops.linalg import *
from .ops.loss import binary_cross_entropy_with_logits, kl_div
from .ops.margin import (
    cosine_embedding_loss,
    ctc_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    poisson_nll_loss,
    triplet_margin_loss,
)
from .ops.matmul import *
from .ops.matmul import bilinear
from .ops.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .ops.pool import *
from .ops.random import *
from .ops.random import alpha_dropout, dropout, feature_alpha_dropout
from .ops.reduce import *
from .ops.shape import *
from .ops.shuffle import *
from .ops.special import *
from .ops.statistics import *
from .ops.unpool import max_pool1d_with_indices
from .random import *
from .storage import (
    BoolStorage,
    ByteStorage,
    CharStorage,
    DoubleStorage,
    FloatStorage,
    HalfStorage,
    IntStorage,
    LongStorage,
    ShortStorage,
    Storage,
    TypedStorage,
    UntypedStorage,
    is_storage,
)
from .tensor import Size, Tensor

__version__ = "0.1.0"

# Functions in place that are no more than methods under another name.
for _name in ops.inplace.NAMES.split():
    globals()[_name] = getattr(Tensor, _name)
for _name in out.NAMES.split():
    globals()[_name] = out.accepting_out(globals()[_name])
for _name in set(ops.inplace.WITH_AXIS.split()).difference(out.NAMES.split()):
    globals()[_name] = ops.common.numpy_names(globals()[_name])
del _name

# Imported when first used, so that `import minitorch` stays fast.
_LAZY = {
    "_assert": "names",
    "accelerator": "accelerator",
    "amp": "amp",
    "are_deterministic_algorithms_enabled": "backends",
    "autocast": "amp",
    "backends": "backends",
    "compile": "backends",
    "compiler": "compiler",
    "cuda": "cuda",
    "distributed": "distributed",
    "distributions": "distributions",
    "fft": "fft",
    "func": "func",
    "fx": "fx",
    "get_float32_matmul_precision": "backends",
    "GradScaler": "amp",
    "hub": "hub",
    "jit": "jit",
    "linalg": "linalg",
    "load": "serialization",
    "multiprocessing": "multiprocessing",
    "nn": "nn",
    "onnx": "onnx",
    "optim": "optim",
    "OutOfMemoryError": "cuda",
    "profiler": "profiler",
    "save": "serialization",
    "serialization": "serialization",
    "set_float32_matmul_precision": "backends",
    "sparse": "sparse",
    "special": "special",
    "testing": "testing",
    "use_deterministic_algorithms": "backends",
    "utils": "utils",
    "version": "version",
    "vision": "vision",
    "vmap": "func",
}


def __getattr__(name):
    if name in _LAZY:
        module = importlib.import_module("." + _LAZY[name], __name__)
        return module if _LAZY[name] == name else getattr(module, name)
    if name in _ABSENT:
        return _absent(name)
    view = name.removesuffix("_copy")
    if view != name and hasattr(Tensor, view) and f"Tensor.{view}" not in _ABSENT:
        return importlib.import_module(".names", __name__).copied(view)
    if name.startswith("_foreach_"):
        return importlib.import_module(".names", __name__).foreach(name.removeprefix("_foreach_"))
    raise AttributeError(f"module 'minitorch' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *_LAZY})
