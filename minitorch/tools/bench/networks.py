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


def vgg8(nn, classes=10):
    """A VGG (Simonyan and Zisserman 2014) of six convolutions and two linear layers, 32x32."""
    layers, inputs = [], 3
    for width in (64, 128, 256):
        for _ in range(2):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    head = [nn.Linear(256 * 16, 512), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(512, classes))


def fcn1d(nn, classes=10):
    """Fully convolutional network for time series (Wang, Yan and Oates 2016)."""
    layers, inputs = [], 1
    for width, kernel in ((128, 8), (256, 5), (128, 3)):
        layers += [
            nn.Conv1d(inputs, width, kernel, padding=kernel // 2),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        ]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(inputs, classes))


def cnn3d(nn, classes=10):
    """A small network for clips of 16 frames, after C3D (Tran et al. 2015)."""
    layers, inputs = [], 3
    for width, pool in ((16, (1, 2, 2)), (32, 2), (64, 2)):
        layers += [
            nn.Conv3d(inputs, width, 3, padding=1),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(pool),
        ]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(inputs, classes))


#: Per network: how to build it, and the shape of one input.
NETWORKS = {
    "lenet5": (lenet5, (1, 28, 28)),
    "resnet20": (resnet20, (3, 32, 32)),
    "mobilenet": (mobilenet, (3, 32, 32)),
    "resnet18": (resnet18, (3, 224, 224)),
    "vgg8": (vgg8, (3, 32, 32)),
    "fcn1d": (fcn1d, (1, 256)),
    "cnn3d": (cnn3d, (3, 16, 56, 56)),
}
