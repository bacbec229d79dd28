"""Building blocks of networks: modules, parameters, and the functions behind them."""

from . import functional
from .container import *
from .module import *
from .parameter import *
from .pool import *
