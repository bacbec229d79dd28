"""Models that do not fit together: a name, the model, and the shape of what it is called with."""

import minitorch
from minitorch import nn
from minitorch.nn import functional as F

CASES = {}


def case(*shape):
    """Register a function that makes a model which fails on an input of that shape."""

    def register(make):
        CASES[make.__name__] = make, shape
        return make

    return register


class Forward(nn.Module):
    """A module with layers, and a function for its forward."""

    def __init__(self, function, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.function = function

    def forward(self, x):
        return self.function(self, x)

    def _get_name(self):
        return "Net"


Forward.__name__ = "Net"


class Residual(nn.Module):
    def __init__(self, inner, shortcut=None):
        super().__init__()
        self.inner, self.shortcut = inner, shortcut or nn.Identity()

    def forward(self, x):
        return self.inner(x) + self.shortcut(x)


def conv_stack(*last):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), *last,
    )  # fmt: skip


@case(8, 1, 28, 28)
def linear_after_flatten():
    return conv_stack(nn.Flatten(), nn.Linear(400, 120))


@case(8, 1, 28, 28)
def linear_without_flatten():
    return conv_stack(nn.Linear(256, 10))


@case(8, 1, 28, 28)
def linear_without_flatten_and_wrong():
    return conv_stack(nn.Linear(400, 10))


@case(8, 20)
def linear_of_vectors():
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(40, 10))


@case(8, 1, 28, 28)
def view_with_a_wrong_number():
    return Forward(
        lambda net, x: net.fc(net.features(x).view(-1, 400)),
        features=conv_stack(),
        fc=nn.Linear(400, 10),
    )


@case(8, 1, 28, 28)
def view_keeps_the_batch_but_not_the_rest():
    return Forward(
        lambda net, x: net.fc(net.features(x).view(8, 400)),
        features=conv_stack(),
        fc=nn.Linear(400, 10),
    )


@case(8, 1, 28, 28)
def reshape_to_images():
    return Forward(
        lambda net, x: net.conv(net.features(x).reshape(-1, 10, 4, 4)),
        features=conv_stack(),
        conv=nn.Conv2d(10, 10, 3),
    )


@case(10, 1, 28, 28)
def view_mixes_the_batch():
    return Forward(
        lambda net, x: F.cross_entropy(
            net.fc(net.features(x).view(-1, 512)), minitorch.zeros(10, dtype=minitorch.int64)
        ),
        features=conv_stack(),
        fc=nn.Linear(512, 10),
    )


@case(2, 3, 32, 32)
def channels_of_the_second_conv():
    return nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3))


@case(2, 32, 32, 3)
def channels_last():
    return nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU())


@case(32, 32)
def image_without_channels():
    return nn.Sequential(nn.Conv2d(1, 4, 3))


@case(2, 3, 8, 8)
def kernel_larger_than_image():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 5))


@case(2, 3, 6, 6)
def dilation_larger_than_image():
    return nn.Sequential(nn.Conv2d(3, 8, 3, dilation=4))


@case(2, 3, 32, 32)
def too_many_pools():
    layers = []
    for i in range(7):
        layers += [nn.Conv2d(3 if i == 0 else 8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


@case(2, 3, 8, 8)
def average_pool_larger_than_image():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.AvgPool2d(7))


@case(2, 3, 8, 8)
def pool_padding():
    return nn.Sequential(nn.MaxPool2d(2, padding=2))


@case(2, 3, 8, 8)
def batch_norm_features():
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(8), nn.ReLU())


@case(2, 16)
def batch_norm_of_images_on_vectors():
    return nn.Sequential(nn.Linear(16, 8), nn.BatchNorm2d(8))


@case(2, 3, 8, 8)
def batch_norm_of_vectors_on_images():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm1d(8))


@case(1, 8, 1, 1)
def batch_norm_of_one_value():
    return nn.Sequential(nn.BatchNorm2d(8))


@case(2, 3, 8, 8)
def group_norm_channels():
    return nn.Sequential(nn.Conv2d(3, 12, 3), nn.GroupNorm(4, 16))


@case(2, 3, 8, 8)
def layer_norm_shape():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm([4, 8, 8]))


@case(2, 6, 8)
def layer_norm_of_features():
    return nn.Sequential(nn.LayerNorm(6))


@case(2, 3, 8, 8)
def instance_norm_of_one_value():
    return nn.Sequential(nn.Conv2d(3, 4, 8), nn.InstanceNorm2d(4))


@case(2, 64, 8, 8)
def residual_of_other_channels():
    return nn.Sequential(Residual(nn.Conv2d(64, 128, 3, padding=1)))


@case(2, 64, 8, 8)
def residual_without_padding():
    return nn.Sequential(Residual(nn.Sequential(nn.Conv2d(64, 64, 3), nn.ReLU())))


@case(2, 64, 9, 9)
def residual_with_another_stride():
    return Residual(nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.AvgPool2d(2))


@case(2, 3, 15, 15)
def concatenation_in_a_unet():
    return Forward(
        lambda net, x: minitorch.cat([x, net.up(net.down(x))], 1),
        down=nn.Conv2d(3, 8, 3, stride=2, padding=1),
        up=nn.ConvTranspose2d(8, 8, 2, stride=2),
    )


@case(2, 3, 8, 8)
def concatenation_of_dimensions():
    return Forward(
        lambda net, x: minitorch.cat([x, net.conv(x).flatten(1)], 1), conv=nn.Conv2d(3, 4, 3)
    )


@case(2, 8, 8, 8)
def transposed_conv_channels():
    return nn.Sequential(nn.Conv2d(8, 16, 3), nn.ConvTranspose2d(8, 4, 2, stride=2))


@case(2, 8, 4, 4)
def transposed_conv_output_padding():
    return nn.Sequential(nn.ConvTranspose2d(8, 4, 2, stride=2, output_padding=2))


@case(2, 8, 2, 2)
def transposed_conv_output_size():
    return Forward(
        lambda net, x: net.up(x, output_size=(9, 9)), up=nn.ConvTranspose2d(8, 4, 3, stride=2)
    )


@case(2, 3, 16)
def conv1d_channels():
    return nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.Conv1d(16, 8, 3))


@case(2, 3, 16)
def conv1d_length():
    return nn.Sequential(nn.Conv1d(3, 8, 9), nn.MaxPool1d(4), nn.Conv1d(8, 8, 3))


@case(2, 1, 4, 16, 16)
def conv3d_depth():
    return nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.Conv3d(4, 4, 3))


@case(2, 3, 16, 16)
def conv3d_on_images():
    return nn.Sequential(nn.Conv3d(3, 4, 3))


@case(2, 6, 8, 8)
def depthwise_channels():
    return nn.Sequential(nn.Conv2d(8, 8, 3, groups=8))


@case(2, 3, 8, 8)
def broadcast_of_an_attention():
    return Forward(
        lambda net, x: net.conv(x) * net.gate(x),
        conv=nn.Conv2d(3, 8, 3),
        gate=nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Conv2d(3, 8, 1), nn.Sigmoid()),
    )


@case(4, 3, 8, 8)
def targets_of_another_batch():
    return Forward(
        lambda net, x: F.cross_entropy(net.layers(x), minitorch.zeros(3, dtype=minitorch.int64)),
        layers=nn.Sequential(nn.Flatten(), nn.Linear(192, 10)),
    )


@case(4, 3, 8, 8)
def dense_targets():
    return Forward(
        lambda net, x: net.loss(net.conv(x), minitorch.zeros(4, 8, 8, dtype=minitorch.int64)),
        conv=nn.Conv2d(3, 5, 3),
        loss=nn.CrossEntropyLoss(),
    )


@case(4, 6, 5)
def matrix_product():
    return Forward(lambda net, x: x @ net.fc(x), fc=nn.Linear(5, 7))


@case(4, 12)
def bilinear_features():
    return Forward(lambda net, x: net.pair(x, x), pair=nn.Bilinear(10, 12, 3))


@case(4, 12)
def unflatten_sizes():
    return nn.Sequential(nn.Linear(12, 30), nn.Unflatten(1, (3, 4, 4)))


@case(2, 8, 4, 4)
def prelu_channels():
    return nn.Sequential(nn.Conv2d(8, 6, 1), nn.PReLU(8))


@case(2, 3, 4, 4)
def deep_in_blocks():
    block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
    stages = nn.ModuleDict({"one": block, "two": nn.Sequential(block, nn.Conv2d(4, 8, 1))})
    return Forward(
        lambda net, x: net.stages["two"](net.stages["one"](net.stem(x))),
        stem=nn.Conv2d(3, 8, 1),
        stages=stages,
    )
