"""Networks, ready to train, with the names and parameters of torchvision where it has them."""

from . import _api, _utils
from ._api import *
from ._api import WEIGHTS as _WEIGHTS
from .alexnet import *
from .convnext import *
from .densenet import *
from .efficientnet import *
from .googlenet import *
from .inception import *
from .lenet import *
from .mnasnet import *
from .mobilenet import *
from .regnet import *
from .resnet import *
from .shufflenetv2 import *
from .squeezenet import *
from .unet import *
from .vgg import *

globals().update({kind.__name__: kind for kind in _WEIGHTS.values()})  # ResNet50_Weights, ...
