"""What is measured: every case of every family, listed once.

A case is a line of words. Sizes come first, ``8x64x56x56`` (batch, channels, space); then single
letters with their values: ``o`` output channels, ``k`` kernel, ``s`` stride, ``p`` padding, ``d``
dilation, ``g`` groups, ``q`` output padding; a value may be ``3`` for all dimensions or ``1x7``.
Families whose cases are different layers or networks start with the name. ``programs.py``
turns lines into programs.

No shape that is listed here may appear in a rule that selects an algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """Cases that are judged together.

    Attributes
    ----------
    title : str
    bar, aim : float
        Geometric means of PyTorch's time over ours that are to be reached.
    unit : str
        "GFLOP/s", "GB/s" or "" : what the achieved speed is measured in.
    cases : tuple of str
    """

    title: str
    bar: float
    aim: float
    unit: str
    cases: tuple


def _lines(text):
    return tuple(line.strip() for line in text.strip().splitlines())


_CONV = _lines("""
    8x3x224x224 o64 k7 s2 p3
    8x3x112x112 o32 k3 s2 p1
    16x3x32x32 o16 k3 p1
    64x1x28x28 o6 k5 p2
    64x6x14x14 o16 k5
    4x3x227x227 o64 k11 s4 p2
    8x64x56x56 o64 k3 p1
    8x128x28x28 o128 k3 p1
    8x256x14x14 o256 k3 p1
    8x512x7x7 o512 k3 p1
    1x64x56x56 o64 k3 p1
    1x256x14x14 o256 k3 p1
    8x64x56x56 o128 k3 s2 p1
    8x256x14x14 o512 k3 s2 p1
    8x64x56x56 o256 k1
    8x256x56x56 o64 k1
    8x512x14x14 o1024 k1
    1x512x28x28 o128 k1
    8x256x56x56 o512 k1 s2
    8x64x56x56 o128 k1 s2
    2x64x112x112 o128 k3 p1
    1x64x224x224 o64 k3 p1
    2x256x56x56 o256 k3 p1
    8x16x32x32 o16 k3 p1
    8x64x8x8 o64 k3 p1
    8x48x35x35 o64 k5 p2
    8x128x17x17 o192 k1x7 p0x3
    8x128x17x17 o192 k7x1 p3x0
    8x192x35x35 o32 k1
    4x128x32x32 o128 k3 p2 d2
    4x256x28x28 o256 k3 p4 d4
    8x128x28x28 o128 k3 p1 g32
    8x256x14x14 o256 k3 p1 g4
    8x240x28x28 o60 k1 g3
    16x64x512 o64 k3 p1
    16x32x1024 o64 k9 p4
    32x128x128 o128 k8 p4
    2x16x16x32x32 o32 k3 p1
    4x3x16x56x56 o32 k3 s1x2x2 p1
    2x32x8x28x28 o64 k3 p1
""")

FAMILIES = {
    "gemm": Family(
        "matrix multiplication",
        0.95,
        1.05,
        "GFLOP/s",
        _lines("""
    256x256x256
    320x320x320
    384x384x384
    512x512x512
    640x640x640
    768x768x768
    1000x1000x1000
    1024x1024x1024
    1536x1536x1536
    2048x2048x2048
    64x4096x512
    4096x64x512
    4096x512x64
    1x4096x1024
    4096x1x1024
    32x1000x512
    8x512x25088
    128x10x784
    2048x128x128
    100x3000x75
    16x2048x2048
    1024x1024x16
"""),
    ),
    "conv": Family("convolution, forward", 1.2, 1.6, "GFLOP/s", _CONV),
    "conv-train": Family(
        "convolution, forward and both gradients",
        1.4,
        2.0,
        "GFLOP/s",
        tuple(c for c in _CONV if c not in ("1x64x224x224 o64 k3 p1", "2x256x56x56 o256 k3 p1")),
    ),
    "depthwise": Family(
        "depthwise convolution, forward and backward",
        2.0,
        4.0,
        "GFLOP/s",
        _lines("""
    8x32x112x112 o32 k3 p1 g32
    8x96x112x112 o96 k3 s2 p1 g96
    8x144x56x56 o144 k3 p1 g144
    8x144x56x56 o144 k3 s2 p1 g144
    8x192x28x28 o192 k3 p1 g192
    8x384x14x14 o384 k3 p1 g384
    8x576x14x14 o576 k3 s2 p1 g576
    8x960x7x7 o960 k3 p1 g960
    8x240x28x28 o240 k5 s2 p2 g240
    8x480x14x14 o480 k5 p2 g480
    8x672x14x14 o672 k5 s2 p2 g672
    8x96x56x56 o96 k7 p3 g96
    8x192x28x28 o192 k7 p3 g192
    8x384x14x14 o384 k7 p3 g384
    8x32x32x32 o32 k3 p1 g32
    8x64x32x32 o64 k3 s2 p1 g64
    8x64x28x28 o128 k3 p1 g64
    8x128x28x28 o128 k3 p2 d2 g128
    1x512x14x14 o512 k3 p1 g512
    16x64x512 o64 k9 p4 g64
    16x128x256 o128 k3 p1 g128
    2x32x8x28x28 o32 k3 p1 g32
"""),
    ),
    "transposed": Family(
        "transposed convolution, forward and backward",
        1.3,
        2.0,
        "GFLOP/s",
        _lines("""
    16x100x1x1 o512 k4
    16x512x4x4 o256 k4 s2 p1
    16x256x8x8 o128 k4 s2 p1
    16x128x16x16 o64 k4 s2 p1
    16x64x32x32 o3 k4 s2 p1
    4x128x28x28 o64 k2 s2
    4x64x56x56 o32 k2 s2
    2x256x28x28 o128 k2 s2
    2x64x112x112 o64 k2 s2
    8x64x28x28 o64 k3 p1
    8x128x14x14 o128 k3 s2 p1 q1
    8x32x28x28 o16 k3 s2 p1 q1
    8x16x14x14 o8 k3 s2
    4x21x32x32 o21 k16 s8 p4
    8x64x16x16 o64 k5 s2 p2 q1
    8x64x14x14 o64 k4 s2 p1 g4
    4x64x20x20 o64 k3 p2 d2
    1x256x32x32 o128 k4 s2 p1
    16x64x128 o32 k4 s2 p1
    16x128x64 o64 k8 s4 p2
    2x32x8x14x14 o16 k2 s2
    2x16x8x16x16 o16 k4 s2 p1
"""),
    ),
    "pool": Family(
        "pooling, forward and backward",
        1.5,
        3.0,
        "GB/s",
        _lines("""
    max 8x64x112x112 k3 s2 p1
    max 8x64x56x56 k2 s2
    max 64x6x28x28 k2 s2
    max 8x64x224x224 k2 s2
    max 8x128x28x28 k3 s1 p1
    max 8x96x55x55 k3 s2
    max 8x192x28x28 k2 s2
    max 8x256x14x14 k2 s2
    max 8x128x17x17 k5 s1 p2
    max 16x64x1024 k2 s2
    max 2x32x16x56x56 k2 s2
    max 4x64x8x28x28 k1x2x2 s1x2x2
    avg 8x64x56x56 k2 s2
    avg 8x192x28x28 k3 s1 p1
    avg 8x128x56x56 k3 s2 p1
    avg 8x768x17x17 k3 s1 p1
    avg 64x16x28x28 k4 s4
    avg 16x64x1024 k4 s4
    avg 2x32x16x56x56 k2 s2
    adaptiveavg 8x512x7x7 k1
    adaptiveavg 8x2048x14x14 k1
    adaptiveavg 8x256x13x13 k6
    adaptivemax 8x256x28x28 k7
"""),
    ),
    "memory": Family(
        "normalisation, activation, softmax, resampling, forward and backward",
        1.3,
        2.0,
        "GB/s",
        _lines("""
    batchnorm 8x64x112x112
    batchnorm 8x64x56x56
    batchnorm 8x256x14x14
    batchnorm 8x16x32x32
    batchnorm 64x128x8x8
    batchnorm 16x64x512
    batchnorm 2x32x8x28x28
    batchnorm-eval 8x64x56x56
    groupnorm 8x64x56x56 g8
    layernorm 8x96x56x56
    layernorm 64x512
    instancenorm 4x64x64x64
    relu 8x64x112x112
    relu 8x16x32x32
    relu6 8x96x56x56
    leakyrelu 8x64x56x56
    elu 8x64x56x56
    gelu 8x96x56x56
    silu 8x64x56x56
    hardswish 8x64x56x56
    sigmoid 8x64x56x56
    tanh 8x64x56x56
    prelu 8x64x56x56
    softmax 64x1000
    softmax 8x21x128x128
    logsoftmax 256x1000
    crossentropy 256x1000
    crossentropy 4x21x128x128
    dropout 8x256x28x28
    add 8x64x56x56
    cat 8x64x56x56
    pad 8x64x56x56
    nearest 4x64x32x32
    bilinear 4x64x32x32
    bilinear 4x21x64x64
    bicubic 4x16x48x48
    pixelshuffle 4x64x64x64
"""),
    ),
    "overhead": Family(
        "small operations: what a call costs",
        1.0,
        1.3,
        "",
        _lines("""
    mul-chain
    mul
    add
    add-number
    add-broadcast
    sub-in-place
    div
    exp
    relu
    sum
    mean
    matmul
    linear
    reshape
    transpose
    index
    cat
    softmax
    crossentropy
    conv
    maxpool
    batchnorm
    module
    mlp-forward
    mlp-step
    zero-grad
    sgd-step
    adam-step
"""),
    ),
    "train": Family(
        "training step",
        1.5,
        2.5,
        "GFLOP/s",
        _lines("""
    lenet5 8
    lenet5 64
    resnet20 8
    resnet20 64
    vgg8 8
    vgg8 32
    resnet18 4
    resnet18 8
    mobilenet 8
    mobilenet 32
    fcn1d 16
    fcn1d 64
    cnn3d 2
    cnn3d 8
"""),
    ),
    "infer": Family(
        "inference, batch 1",
        1.3,
        2.0,
        "GFLOP/s",
        _lines("""
    lenet5 1
    resnet20 1
    vgg8 1
    resnet18 1
    mobilenet 1
    fcn1d 1
    cnn3d 1
"""),
    ),
    "contention": Family(
        "training step beside another busy process",
        3.0,
        5.0,
        "GFLOP/s",
        _lines("""
    lenet5 8
    resnet20 8
    vgg8 8
    resnet18 4
    mobilenet 8
    fcn1d 16
    cnn3d 2
"""),
    ),
}
