"""Optimisers, and schedules of their learning rates."""

from . import lr_scheduler
from .adam import Adam, AdamW
from .lbfgs import LBFGS
from .nadam import Adamax, NAdam, RAdam
from .optimizer import Optimizer
from .rmsprop import Adadelta, Adagrad, RMSprop
from .rprop import ASGD, Rprop
from .sgd import SGD


def __getattr__(name):
    if name == "swa_utils":  # needs nn, which optimisers do without
        import importlib

        return importlib.import_module(".swa_utils", __name__)
    raise AttributeError(f"module 'minitorch.optim' has no attribute '{name}'")
