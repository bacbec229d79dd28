"""Operations: per family a module, per operation its Op and its public function."""

from . import inplace
from .activation import *
from .arrange import *
from .common import cast, dimension
from .conv import *
from .elementwise import *
from .embedding import *
from .grid import *
from .index import *
from .linalg import *
from .local import *
from .loss import *
from .matmul import *
from .norm import *
from .pad import *
from .pool import *
from .random import *
from .reduce import *
from .resample import *
from .shape import *
from .shuffle import *
from .special import *
from .statistics import *
from .textbook import *
from .unpool import *
