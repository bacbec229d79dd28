"""Building blocks of networks: modules, parameters, and the functions behind them."""

from . import activation, attention, functional, init, parallel, utils
from .activation import *
from .adaptive import *
from .attention import *
from .container import *
from .conv import *
from .dropout import *
from .embedding import *
from .flatten import *
from .fold import *
from .lazy import *
from .linear import *
from .local import *
from .loss import *
from .module import *
from .norm import *
from .padding import *
from .parallel import *
from .parameter import *
from .pool import *
from .rnn import *
from .textbook import *
from .unpool import *
from .upsample import *

activation.MultiheadAttention = attention.MultiheadAttention  # where PyTorch has it
