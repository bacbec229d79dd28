"""Operations: per family a module, per operation its Op and its public function."""

from .common import dimension
from .elementwise import *
from .reduce import *
from .shape import *
