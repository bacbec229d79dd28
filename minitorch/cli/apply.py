"""``minitorch eval``, ``predict`` and ``export``: what to do with a trained model."""

import json
from pathlib import Path

from .arguments import positive
from .runs import describe_data, load_part, load_run, prepared

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def add_parser(commands):
    checkpoint = "OUT.checkpoint.pth, as minitorch train writes it"
    evaluate = commands.add_parser("eval", help="measure a trained network on the test images")
    evaluate.add_argument("checkpoint", metavar="CHECKPOINT", help=checkpoint)
    evaluate.add_argument("--data", metavar="DIR", help="folder of the data set's files")
    evaluate.add_argument("--confusion", action="store_true", help="show the confusion matrix")
    evaluate.set_defaults(run=_evaluate)
    predict = commands.add_parser(
        "predict", help="tell what is on images", description="Needs Pillow to read the files."
    )
    predict.add_argument("checkpoint", metavar="CHECKPOINT", help=checkpoint)
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="a file, or a folder of them")
    predict.add_argument("--top", type=positive(int), default=3, help="classes shown; default: 3")
    predict.add_argument("--invert", action="store_true", help="dark on light, trained otherwise")
    predict.add_argument("--json", action="store_true", help="a JSON object per image")
    predict.set_defaults(run=_predict)
    export = commands.add_parser("export", help="write a trained network as an ONNX file")
    export.add_argument("checkpoint", metavar="CHECKPOINT", help=checkpoint)
    export.add_argument("output", metavar="OUT.onnx", help="where to")
    export.add_argument("--fold", action="store_true", help="fold batch norms into convolutions")
    export.set_defaults(run=_export)


def _evaluate(options):
    from .. import train as training
    from ..utils.data import DataLoader

    settings, model = load_run(options.checkpoint)
    dataset = load_part(settings, options.data, train=False)
    metrics = {"accuracy": training.Accuracy()}
    classes = len(settings["classes"])
    if classes > 5:
        metrics["top-5"] = training.Accuracy(5)
    metrics |= {"AUC": training.AUC(), "confusion": training.ConfusionMatrix(classes)}
    trainer = training.Trainer(model, None, metrics=metrics, verbose=False)
    results = trainer.evaluate(DataLoader(prepared(settings, dataset), 256))
    confusion = results.pop("confusion")
    print(describe_data(dataset))
    for name, value in results.items():
        print(f"{name:10} {value:.4f}")
    if options.confusion:
        width = max(len(str(confusion.max())), 3)
        print("\nrows: label, columns: prediction")
        for name, row in zip(settings["classes"], confusion, strict=True):
            print(f"{name[:12]:12} " + " ".join(f"{n:{width}}" for n in row))
    return 0


def _predict(options):
    from .. import no_grad

    settings, model = load_run(options.checkpoint)
    for path in _files(options.images):
        image = _read(path, settings, options.invert)
        with no_grad():
            scores = model(image[None]).softmax(1)[0]
        best = scores.topk(min(options.top, len(scores)))
        found = {
            settings["classes"][index]: round(value, 4)
            for value, index in zip(best[0].tolist(), best[1].tolist(), strict=True)
        }
        if options.json:
            print(json.dumps({"image": str(path), "classes": found}))
        else:
            print(f"{path}: " + ", ".join(f"{name} {value:.1%}" for name, value in found.items()))
    return 0


def _files(names):
    """Return the image files among the names, and in the folders among them."""
    found = []
    for name in map(Path, names):
        if name.is_dir():
            inside = sorted(p for p in name.rglob("*") if p.suffix.lower() in IMAGES)
            if not inside:
                raise ValueError(f"{name}: holds no images")
            found += inside
        else:
            found.append(name)
    return found


def _read(path, settings, invert):
    """Return an image as the model of a run takes it."""
    import numpy as np

    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("predict needs Pillow: pip install 'minitorch[vision]'") from None
    from ..tensor import Tensor
    from .runs import GREY

    size = (settings["size"],) * 2
    try:
        with Image.open(path) as file:
            grey = settings["model"] in GREY or len(settings["mean"]) == 1
            image = file.convert("L" if grey else "RGB").resize(size, Image.Resampling.BILINEAR)
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read as an image: {error}") from error
    if invert:
        image = ImageOps.invert(image)
    pixels = np.asarray(image, np.float32).reshape(*size, -1) / 255
    pixels = (pixels - np.float32(settings["mean"])) / np.float32(settings["std"])
    if settings["model"] not in GREY and pixels.shape[2] == 1:
        pixels = pixels.repeat(3, 2)
    return Tensor._wrap(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _export(options):
    from .. import zeros
    from ..onnx import export
    from .runs import GREY

    settings, model = load_run(options.checkpoint)
    channels = 1 if settings["model"] in GREY else 3
    image = zeros(1, channels, settings["size"], settings["size"])
    export(
        model, image, options.output, input_names=["image"], output_names=["scores"],
        fold_batch_norm=options.fold,
    )  # fmt: skip
    print(f"{options.output}: image (batch, {channels}, {settings['size']}, {settings['size']})")
    return 0
