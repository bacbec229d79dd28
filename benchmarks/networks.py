"""Networks for measurements and tests, built from the `nn` of minitorch or of PyTorch."""


def lenet5(nn, classes=10):
    """LeNet-5 (LeCun et al. 1998) for 28x28 grey images, with ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def _residual(nn, inputs, outputs, stride):
    """Basic block of a residual network (He et al. 2015)."""

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inputs != outputs:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += x if self.downsample is None else self.downsample(x)
            return self.relu(out)

    return Residual()


def _stages(nn, widths, depth):
    layers, inputs = [], widths[0]
    for i, width in enumerate(widths):
        for j in range(depth):
            layers.append(_residual(nn, inputs, width, 2 if i and not j else 1))
            inputs = width
    return layers


def resnet20(nn, classes=10):
    """ResNet-20 for 32x32 images (He et al. 2015, section 4.2)."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        *_stages(nn, (16, 32, 64), 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, classes),
    )


def resnet18(nn, classes=1000):
    """ResNet-18 for 224x224 images (He et al. 2015)."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        *_stages(nn, (64, 128, 256, 512), 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, classes),
    )


def _separable(nn, inputs, outputs, stride):
    """Depthwise separable convolution (Howard et al. 2017, MobileNet)."""
    return [
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    ]


def mobilenet(nn, classes=10):
    """A small MobileNet for 32x32 images."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU6(inplace=True),
        *_separable(nn, 32, 64, 1),
        *_separable(nn, 64, 128, 2),
        *_separable(nn, 128, 128, 1),
        *_separable(nn, 128, 256, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(256, classes),
    )


#: Per network: how to build it, and the shape of one input.
NETWORKS = {
    "lenet5": (lenet5, (1, 28, 28)),
    "resnet20": (resnet20, (3, 32, 32)),
    "mobilenet": (mobilenet, (3, 32, 32)),
    "resnet18": (resnet18, (3, 224, 224)),
}
