"""What has been published about the models: parameters, and the weights that torchvision offers."""

# Parameters, for 1000 classes where nothing else is said. Most are what torchvision states for its
# weights; googlenet without the auxiliary classifiers, as its weights are used; mobilenet_v1: the
# Keras documentation; convnextv2: its repository; unet: the repository whose names it has;
# digits_net, lenet5: counted by hand.
PARAMETERS = {
    "digits_net": 53_002,
    "lenet5": 61_706,
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_64x4d": 83_455_272,
    "resnext101_32x8d": 88_791_336,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
    "densenet121": 7_978_856,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "densenet161": 28_681_000,
    "squeezenet1_1": 1_235_496,
    "squeezenet1_0": 1_248_424,
    "googlenet": 6_624_904,
    "inception_v3": 27_161_264,
    "mobilenet_v3_small": 2_542_856,
    "mobilenet_v1": 4_231_976,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "shufflenet_v2_x0_5": 1_366_792,
    "shufflenet_v2_x1_0": 2_278_604,
    "shufflenet_v2_x1_5": 3_503_624,
    "shufflenet_v2_x2_0": 7_393_996,
    "mnasnet0_5": 2_218_512,
    "mnasnet0_75": 3_170_208,
    "mnasnet1_0": 4_383_312,
    "mnasnet1_3": 6_282_256,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704,
    "efficientnet_b7": 66_347_960,
    "efficientnet_v2_s": 21_458_488,
    "efficientnet_v2_m": 54_139_356,
    "efficientnet_v2_l": 118_515_272,
    "regnet_x_400mf": 5_495_976,
    "regnet_x_800mf": 7_259_656,
    "regnet_x_1_6gf": 9_190_136,
    "regnet_x_3_2gf": 15_296_552,
    "regnet_x_8gf": 39_572_648,
    "regnet_x_16gf": 54_278_536,
    "regnet_x_32gf": 107_811_560,
    "regnet_y_400mf": 4_344_144,
    "regnet_y_800mf": 6_432_512,
    "regnet_y_1_6gf": 11_202_430,
    "regnet_y_3_2gf": 19_436_338,
    "regnet_y_8gf": 39_381_472,
    "regnet_y_16gf": 83_590_140,
    "regnet_y_32gf": 145_046_770,
    "regnet_y_128gf": 644_812_894,
    "convnext_tiny": 28_589_128,
    "convnext_small": 50_223_688,
    "convnext_base": 88_591_464,
    "convnext_large": 197_767_336,
    "convnextv2_atto": 3_708_400,
    "convnextv2_femto": 5_233_240,
    "convnextv2_pico": 9_066_280,
    "convnextv2_nano": 15_623_800,
    "convnextv2_tiny": 28_635_496,
    "convnextv2_base": 88_717_800,
    "convnextv2_large": 197_956_840,
    "convnextv2_huge": 660_289_640,
    "unet": 31_037_698,
}

# One line for each set of weights: model, class of its weights without "_Weights", name without
# "IMAGENET1K_", file without ".pth", the sizes to which images are resized and cropped; "bicubic"
# where they are not resized bilinearly, "half" where they are normalised with 0.5. The first of a
# model is what ``pretrained=True`` means, the last but for SWAG the default.
_WEIGHTS = """
alexnet AlexNet V1 alexnet-owt-7be5be79 256 224
vgg11 VGG11 V1 vgg11-8a719046 256 224
vgg11_bn VGG11_BN V1 vgg11_bn-6002323d 256 224
vgg13 VGG13 V1 vgg13-19584684 256 224
vgg13_bn VGG13_BN V1 vgg13_bn-abd245e5 256 224
vgg16 VGG16 V1 vgg16-397923af 256 224
vgg16_bn VGG16_BN V1 vgg16_bn-6c64b313 256 224
vgg19 VGG19 V1 vgg19-dcbb9e9d 256 224
vgg19_bn VGG19_BN V1 vgg19_bn-c79401a0 256 224
resnet18 ResNet18 V1 resnet18-f37072fd 256 224
resnet34 ResNet34 V1 resnet34-b627a593 256 224
resnet50 ResNet50 V1 resnet50-0676ba61 256 224
resnet50 ResNet50 V2 resnet50-11ad3fa6 232 224
resnet101 ResNet101 V1 resnet101-63fe2227 256 224
resnet101 ResNet101 V2 resnet101-cd907fc2 232 224
resnet152 ResNet152 V1 resnet152-394f9c45 256 224
resnet152 ResNet152 V2 resnet152-f82ba261 232 224
resnext50_32x4d ResNeXt50_32X4D V1 resnext50_32x4d-7cdf4587 256 224
resnext50_32x4d ResNeXt50_32X4D V2 resnext50_32x4d-1a0047aa 232 224
resnext101_64x4d ResNeXt101_64X4D V1 resnext101_64x4d-173b62eb 232 224
resnext101_32x8d ResNeXt101_32X8D V1 resnext101_32x8d-8ba56ff5 256 224
resnext101_32x8d ResNeXt101_32X8D V2 resnext101_32x8d-110c445d 232 224
wide_resnet50_2 Wide_ResNet50_2 V1 wide_resnet50_2-95faca4d 256 224
wide_resnet50_2 Wide_ResNet50_2 V2 wide_resnet50_2-9ba9bcbe 232 224
wide_resnet101_2 Wide_ResNet101_2 V1 wide_resnet101_2-32ee1156 256 224
wide_resnet101_2 Wide_ResNet101_2 V2 wide_resnet101_2-d733dc28 232 224
densenet121 DenseNet121 V1 densenet121-a639ec97 256 224
densenet169 DenseNet169 V1 densenet169-b2777c0a 256 224
densenet201 DenseNet201 V1 densenet201-c1103571 256 224
densenet161 DenseNet161 V1 densenet161-8d451a50 256 224
squeezenet1_1 SqueezeNet1_1 V1 squeezenet1_1-b8a52dc0 256 224
squeezenet1_0 SqueezeNet1_0 V1 squeezenet1_0-b66bff10 256 224
googlenet GoogLeNet V1 googlenet-1378be20 256 224
inception_v3 Inception_V3 V1 inception_v3_google-0cc3c7bd 342 299
mobilenet_v3_small MobileNet_V3_Small V1 mobilenet_v3_small-047dcff4 256 224
mobilenet_v2 MobileNet_V2 V1 mobilenet_v2-b0353104 256 224
mobilenet_v2 MobileNet_V2 V2 mobilenet_v2-7ebf99e0 232 224
mobilenet_v3_large MobileNet_V3_Large V1 mobilenet_v3_large-8738ca79 256 224
mobilenet_v3_large MobileNet_V3_Large V2 mobilenet_v3_large-5c1a4163 232 224
shufflenet_v2_x0_5 ShuffleNet_V2_X0_5 V1 shufflenetv2_x0.5-f707e7126e 256 224
shufflenet_v2_x1_0 ShuffleNet_V2_X1_0 V1 shufflenetv2_x1-5666bf0f80 256 224
shufflenet_v2_x1_5 ShuffleNet_V2_X1_5 V1 shufflenetv2_x1_5-3c479a10 232 224
shufflenet_v2_x2_0 ShuffleNet_V2_X2_0 V1 shufflenetv2_x2_0-8be3c8ee 232 224
mnasnet0_5 MNASNet0_5 V1 mnasnet0.5_top1_67.823-3ffadce67e 256 224
mnasnet0_75 MNASNet0_75 V1 mnasnet0_75-7090bc5f 232 224
mnasnet1_0 MNASNet1_0 V1 mnasnet1.0_top1_73.512-f206786ef8 256 224
mnasnet1_3 MNASNet1_3 V1 mnasnet1_3-a4c69d6f 232 224
efficientnet_b0 EfficientNet_B0 V1 efficientnet_b0_rwightman-7f5810bc 256 224 bicubic
efficientnet_b1 EfficientNet_B1 V1 efficientnet_b1_rwightman-bac287d4 256 240 bicubic
efficientnet_b1 EfficientNet_B1 V2 efficientnet_b1-c27df63c 255 240
efficientnet_b2 EfficientNet_B2 V1 efficientnet_b2_rwightman-c35c1473 288 288 bicubic
efficientnet_b3 EfficientNet_B3 V1 efficientnet_b3_rwightman-b3899882 320 300 bicubic
efficientnet_b4 EfficientNet_B4 V1 efficientnet_b4_rwightman-23ab8bcd 384 380 bicubic
efficientnet_b5 EfficientNet_B5 V1 efficientnet_b5_lukemelas-1a07897c 456 456 bicubic
efficientnet_b6 EfficientNet_B6 V1 efficientnet_b6_lukemelas-24a108a5 528 528 bicubic
efficientnet_b7 EfficientNet_B7 V1 efficientnet_b7_lukemelas-c5b4e57e 600 600 bicubic
efficientnet_v2_s EfficientNet_V2_S V1 efficientnet_v2_s-dd5fe13b 384 384
efficientnet_v2_m EfficientNet_V2_M V1 efficientnet_v2_m-dc08266a 480 480
efficientnet_v2_l EfficientNet_V2_L V1 efficientnet_v2_l-59c71312 480 480 bicubic half
regnet_x_400mf RegNet_X_400MF V1 regnet_x_400mf-adf1edd5 256 224
regnet_x_400mf RegNet_X_400MF V2 regnet_x_400mf-62229a5f 232 224
regnet_x_800mf RegNet_X_800MF V1 regnet_x_800mf-ad17e45c 256 224
regnet_x_800mf RegNet_X_800MF V2 regnet_x_800mf-94a99ebd 232 224
regnet_x_1_6gf RegNet_X_1_6GF V1 regnet_x_1_6gf-e3633e7f 256 224
regnet_x_1_6gf RegNet_X_1_6GF V2 regnet_x_1_6gf-a12f2b72 232 224
regnet_x_3_2gf RegNet_X_3_2GF V1 regnet_x_3_2gf-f342aeae 256 224
regnet_x_3_2gf RegNet_X_3_2GF V2 regnet_x_3_2gf-7071aa85 232 224
regnet_x_8gf RegNet_X_8GF V1 regnet_x_8gf-03ceed89 256 224
regnet_x_8gf RegNet_X_8GF V2 regnet_x_8gf-2b70d774 232 224
regnet_x_16gf RegNet_X_16GF V1 regnet_x_16gf-2007eb11 256 224
regnet_x_16gf RegNet_X_16GF V2 regnet_x_16gf-ba3796d7 232 224
regnet_x_32gf RegNet_X_32GF V1 regnet_x_32gf-9d47f8d0 256 224
regnet_x_32gf RegNet_X_32GF V2 regnet_x_32gf-6eb8fdc6 232 224
regnet_y_400mf RegNet_Y_400MF V1 regnet_y_400mf-c65dace8 256 224
regnet_y_400mf RegNet_Y_400MF V2 regnet_y_400mf-e6988f5f 232 224
regnet_y_800mf RegNet_Y_800MF V1 regnet_y_800mf-1b27b58c 256 224
regnet_y_800mf RegNet_Y_800MF V2 regnet_y_800mf-58fc7688 232 224
regnet_y_1_6gf RegNet_Y_1_6GF V1 regnet_y_1_6gf-b11a554e 256 224
regnet_y_1_6gf RegNet_Y_1_6GF V2 regnet_y_1_6gf-0d7bc02a 232 224
regnet_y_3_2gf RegNet_Y_3_2GF V1 regnet_y_3_2gf-b5a9779c 256 224
regnet_y_3_2gf RegNet_Y_3_2GF V2 regnet_y_3_2gf-9180c971 232 224
regnet_y_8gf RegNet_Y_8GF V1 regnet_y_8gf-d0d0e4a8 256 224
regnet_y_8gf RegNet_Y_8GF V2 regnet_y_8gf-dc2b1b54 232 224
regnet_y_16gf RegNet_Y_16GF V1 regnet_y_16gf-9e6ed7dd 256 224
regnet_y_16gf RegNet_Y_16GF V2 regnet_y_16gf-3e4a00f9 232 224
regnet_y_16gf RegNet_Y_16GF SWAG_E2E_V1 regnet_y_16gf_swag-43afe44d 384 384 bicubic
regnet_y_16gf RegNet_Y_16GF SWAG_LINEAR_V1 regnet_y_16gf_lc_swag-f3ec0043 224 224 bicubic
regnet_y_32gf RegNet_Y_32GF V1 regnet_y_32gf-4dee3f7a 256 224
regnet_y_32gf RegNet_Y_32GF V2 regnet_y_32gf-8db6d4b5 232 224
regnet_y_32gf RegNet_Y_32GF SWAG_E2E_V1 regnet_y_32gf_swag-04fdfa75 384 384 bicubic
regnet_y_32gf RegNet_Y_32GF SWAG_LINEAR_V1 regnet_y_32gf_lc_swag-e1583746 224 224 bicubic
regnet_y_128gf RegNet_Y_128GF SWAG_E2E_V1 regnet_y_128gf_swag-c8ce3e52 384 384 bicubic
regnet_y_128gf RegNet_Y_128GF SWAG_LINEAR_V1 regnet_y_128gf_lc_swag-cbe8ce12 224 224 bicubic
convnext_tiny ConvNeXt_Tiny V1 convnext_tiny-983f1562 236 224
convnext_small ConvNeXt_Small V1 convnext_small-0c510722 230 224
convnext_base ConvNeXt_Base V1 convnext_base-6075fbad 232 224
convnext_large ConvNeXt_Large V1 convnext_large-ea097f82 232 224
"""


def weights():
    """Yield (model, class, name, file, resized, cropped, remarks) of each set of weights."""
    for line in _WEIGHTS.split("\n")[1:-1]:
        model, kind, name, file, resize, crop, *remarks = line.split()
        yield (
            model,
            f"{kind}_Weights",
            f"IMAGENET1K_{name}",
            f"{file}.pth",
            int(resize),
            int(crop),
            remarks,
        )
