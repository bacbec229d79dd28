"""Datasets of images and series, under torchvision's names."""

from . import folder
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .download import DownloadError
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .medmnist import MedMNIST
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .svhn import SVHN
from .ucr import UCR
from .vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "QMNIST",
    "SVHN",
    "UCR",
    "DatasetFolder",
    "Digits",
    "DownloadError",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "MedMNIST",
    "VisionDataset",
]
