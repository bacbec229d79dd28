"""LeNet-5, and a network of the same plan for the embedded 8x8 digits."""

from ... import nn
from ._api import register

__all__ = ["digits_net", "lenet5"]


@register
def lenet5(num_classes=10):
    """
    LeNet-5 for 28x28 images, as it is commonly built today: ReLU, max pooling, dense third layer.

    Parameters
    ----------
    num_classes : int, default 10
        Size of the output.

    Returns
    -------
    nn.Sequential
        Maps (N, 1, 28, 28) to scores (N, num_classes); 61,706 parameters for 10 classes.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86(11), 1998, figure 2. Its input of 32x32 is
    the 28x28 image with a border of 2, here the padding of the first layer.
    """
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, num_classes),
    )


@register
def digits_net(num_classes=10):
    """
    LeNet's plan for 8x8 images: two convolutions with pooling, two linear layers.

    Parameters
    ----------
    num_classes : int, default 10
        Size of the output.

    Returns
    -------
    nn.Sequential
        Maps (N, 1, 8, 8) to scores (N, num_classes); 53,002 parameters for 10 classes.
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 2 * 2, 128),
        nn.ReLU(),
        nn.Linear(128, num_classes),
    )
