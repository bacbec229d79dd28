"""Optimisers, and schedules of their learning rates."""

from . import lr_scheduler
from .adam import Adam, AdamW
from .lbfgs import LBFGS
from .nadam import Adamax, NAdam, RAdam
from .optimizer import Optimizer
from .rmsprop import Adadelta, Adagrad, RMSprop
from .rprop import ASGD, Rprop
from .sgd import SGD
