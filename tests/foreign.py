"""Compare public PyTorch models, unmodified, under PyTorch and under minitorch.

Usage::

    python tests/foreign.py CLONES [--only TEXT] [--every] [--time] [--out FILE]

CLONES is a folder with clones of public repositories, each named ``owner+name``; `CASES` says which
models of theirs are run. With ``--every`` all files are tried that do nothing but define: every
model that can be built without arguments, with the first of the inputs in `TRIED` that fits it.
PyTorch builds each model in one process and writes weights, input, outputs and gradients in float64
to a scratch folder; another process runs the same files with `minitorch.compat`, from the same
weights, and compares. Dropout is switched off, the rest trains.
Nothing of those repositories is part of this one, and neither CI nor the test suite needs them.
"""

import argparse
import ast
import contextlib
import importlib
import inspect
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
import zlib
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SAMPLE = 50_000  # entries of a large gradient that are compared
TOLERANCE = 1e-6  # in float64; batch normalisation of few values multiplies rounding errors
CIFAR = [(2, 3, 32, 32)]
IMAGE = [(2, 3, 64, 64)]
LARGE = [(2, 3, 224, 224)]
VIDEO = [(1, 3, 16, 56, 56)]

VISION = "pytorch+vision"

# Inputs that a model of which nothing is known may take, and how large and slow it may be.
TRIED = [
    *((2, 3, size, size) for size in (32, 64, 128, 224)),
    *((2, 1, size, size) for size in (28, 32)),
    *((2, channels, 16, 16) for channels in (16, 64)),
    *((2, channels, 64) for channels in (1, 3, 16)),
    *((2, features) for features in (16, 100)),
    *((1, channels, 16, 32, 32) for channels in (1, 3)),
]
MOST_PARAMETERS, MOST_SECONDS = 30_000_000, 60

# repository: [(file, what is built: expressions, None for every model of the file; input sizes)]
CASES = {
    "YeonwooSung+PyTorch_CNN_Architectures": [("models/*.py", None, CIFAR)],
    "weiaicunzai+pytorch-cifar100": [
        ("models/attention.py", ["attention56()"], CIFAR),
        ("models/nasnet.py", None, CIFAR),
        ("models/stochasticdepth.py", ["stochastic_depth_resnet18()"], CIFAR),
        ("models/wideresidual.py", None, CIFAR),
    ],
    "kuangliu+pytorch-cifar": [
        ("models/*.py", None, CIFAR),
        ("models/vgg.py", ["VGG('VGG11')"], CIFAR),
        ("models/senet.py", ["SENet18()"], CIFAR),
        ("models/shufflenet.py", ["ShuffleNetG2()"], CIFAR),
        ("models/shufflenetv2.py", ["ShuffleNetV2(1)"], CIFAR),
    ],
    "pytorch+examples": [
        ("mnist/main.py", ["Net()"], [(2, 1, 28, 28)]),
        ("mnist_hogwild/main.py", ["Net()"], [(2, 1, 28, 28)]),
        ("super_resolution/model.py", ["Net(3)"], [(2, 1, 16, 16)]),
        ("fast_neural_style/neural_style/transformer_net.py", ["TransformerNet()"], IMAGE),
    ],
    "milesial+Pytorch-UNet": [
        ("unet/unet_model.py", ["UNet(3, 2)", "UNet(3, 2, bilinear=True)"], [(1, 3, 48, 50)]),
    ],
    "jvanvugt+pytorch-unet": [
        ("unet.py", ["UNet(depth=3, wf=4)"], [(1, 1, 60, 60)]),
        (
            "unet.py",
            ["UNet(depth=3, wf=4, padding=True, batch_norm=True, up_mode='upsample')"],
            [(1, 1, 32, 32)],
        ),
    ],
    "d-li14+mobilenetv2.pytorch": [("models/imagenet/mobilenetv2.py", ["mobilenetv2()"], LARGE)],
    "tonylins+pytorch-mobilenet-v2": [("MobileNetV2.py", ["mobilenet_v2(False)"], LARGE)],
    "moskomule+senet.pytorch": [
        ("senet/se_resnet.py", ["se_resnet18()", "se_resnet50()", "se_resnet20()"], IMAGE),
        ("senet/baseline.py", ["resnet20()", "preact_resnet20()"], CIFAR),
        ("senet/se_inception.py", ["se_inception_v3(num_classes=4)"], [(2, 3, 299, 299)]),
    ],
    "xternalz+WideResNet-pytorch": [("wideresnet.py", ["WideResNet(16, 10, 2)"], CIFAR)],
    "bearpaw+pytorch-classification": [
        ("models/cifar/alexnet.py", ["alexnet()"], CIFAR),
        ("models/cifar/densenet.py", ["densenet(depth=40)"], CIFAR),
        ("models/cifar/preresnet.py", ["preresnet(depth=20)"], CIFAR),
        ("models/cifar/resnet.py", ["resnet(depth=20)"], CIFAR),
        (
            "models/cifar/resnext.py",
            ["resnext(cardinality=4, depth=11, num_classes=10, widen_factor=2)"],
            CIFAR,
        ),
        ("models/cifar/vgg.py", ["vgg11()", "vgg11_bn()"], CIFAR),
        ("models/cifar/wrn.py", ["wrn(depth=16, num_classes=10, widen_factor=2)"], CIFAR),
    ],
    "kenshohara+3D-ResNets-PyTorch": [
        ("models/resnet.py", ["generate_model(18)", "generate_model(50)"], VIDEO),
        ("models/resnet.py", ["generate_model(18, shortcut_type='A')"], VIDEO),
        ("models/pre_act_resnet.py", ["generate_model(18)"], VIDEO),
        ("models/resnet2p1d.py", ["generate_model(18)"], VIDEO),
        ("models/wide_resnet.py", ["generate_model(50, k=1)"], VIDEO),
        ("models/densenet.py", ["generate_model(121)"], VIDEO),
    ],
    "akamaster+pytorch_resnet_cifar10": [("resnet.py", ["resnet20()", "resnet56()"], CIFAR)],
    "chengyangfu+pytorch-vgg-cifar10": [("vgg.py", ["vgg11()", "vgg11_bn()"], CIFAR)],
    "Cadene+pretrained-models.pytorch": [
        ("pretrainedmodels/models/bninception.py", ["bninception(pretrained=None)"], LARGE),
        ("pretrainedmodels/models/dpn.py", ["dpn68(pretrained=None)"], LARGE),
        ("pretrainedmodels/models/fbresnet.py", ["fbresnet18()"], LARGE),
        ("pretrainedmodels/models/nasnet_mobile.py", ["nasnetamobile(pretrained=None)"], LARGE),
        ("pretrainedmodels/models/senet.py", ["se_resnet50(pretrained=None)"], LARGE),
        ("pretrainedmodels/models/xception.py", ["xception(pretrained=None)"], IMAGE),
    ],
    "lukemelas+EfficientNet-PyTorch": [
        (
            "efficientnet_pytorch/model.py",
            ["EfficientNet.from_name('efficientnet-b0', drop_connect_rate=0.0)"],
            IMAGE,
        ),
    ],
    "yjn870+SRCNN-pytorch": [("models.py", ["SRCNN()"], [(2, 1, 24, 24)])],
    "LeeJunHyun+Image_Segmentation": [
        ("network.py", ["U_Net()", "R2U_Net()", "AttU_Net()"], [(1, 3, 32, 32)]),
    ],
    "locuslab+TCN": [("TCN/tcn.py", ["TemporalConvNet(3, [8, 8, 8])"], [(2, 3, 40)])],
    "twtygqyy+pytorch-SRResNet": [
        ("srresnet.py", ["_NetG()"], [(1, 3, 16, 16)]),
        ("srresnet.py", ["_NetD()"], [(1, 3, 96, 96)]),
    ],
    # Under minitorch the models are ours: the names of their parameters are compared too.
    VISION: [
        (
            "torchvision/models/__init__.py",
            [
                "alexnet(num_classes=5)",
                "vgg11_bn(num_classes=5)",
                "resnet18()",
                "resnet50(replace_stride_with_dilation=[False, True, True])",
                "resnext50_32x4d()",
                "densenet121()",
                "squeezenet1_0()",
                "squeezenet1_1()",
                "mobilenet_v2()",
                "mobilenet_v3_small()",
                "mobilenet_v3_large()",
                "shufflenet_v2_x1_0()",
                "mnasnet1_0()",
                "efficientnet_b0(stochastic_depth_prob=0.0)",
                "efficientnet_v2_s(stochastic_depth_prob=0.0)",
                "regnet_x_400mf()",
                "regnet_y_400mf()",
                "convnext_tiny(stochastic_depth_prob=0.0)",
            ],
            [(2, 3, 96, 96)],
        ),
        (
            "torchvision/models/__init__.py",
            ["googlenet(init_weights=False)", "googlenet(init_weights=True, transform_input=True)"],
            LARGE,
        ),
        (
            "torchvision/models/__init__.py",
            ["inception_v3(init_weights=False)"],
            [(2, 3, 299, 299)],
        ),
    ],
}


def only_defines(path):
    """Return whether importing a file runs no program."""
    try:
        tree = ast.parse(path.read_text(errors="ignore"))
    except SyntaxError:
        return False
    calls = [n for n in tree.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
    runs = any(isinstance(n, ast.For | ast.While | ast.With) for n in tree.body)
    parses = "parse_args" in "".join(ast.unparse(n) for n in tree.body if isinstance(n, ast.Assign))
    defines = any(isinstance(n, ast.ClassDef | ast.FunctionDef) for n in tree.body)
    return defines and not (calls or runs or parses)


def every(clones, only):
    """Yield (repository, file, None, None) of every file of every clone that only defines."""
    for folder in sorted(f for f in clones.iterdir() if f.is_dir() and f.name != VISION):
        for path in sorted(folder.rglob("*.py")):
            where = f"{folder.name}/{path.relative_to(folder)}"
            wanted = (not only or only in where) and "torch" in path.read_text(errors="ignore")
            if wanted and only_defines(path):
                yield folder, path, None, None


def cases(clones, only):
    """Yield (repository, file, expression, input sizes) of every case there is a clone for."""
    for repository, entries in CASES.items():
        folder = clones / repository
        if not folder.is_dir():
            continue
        for pattern, expressions, sizes in entries:
            for path in sorted(folder.glob(pattern)):
                if path.name == "__init__.py" and repository != VISION:
                    continue
                if only and only not in f"{repository}/{path.relative_to(folder)}":
                    continue
                yield folder, path, expressions, sizes


def models_of(module, nn):
    """Return the names in a module that build a model when called without arguments."""
    found = []
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ or name.startswith("_"):
            continue
        is_model = inspect.isclass(value) and issubclass(value, nn.Module)
        if not is_model and not inspect.isfunction(value):
            continue
        try:
            parameters = inspect.signature(value).parameters.values()
        except (TypeError, ValueError):
            continue
        if all(p.default is not p.empty or p.kind in (2, 4) for p in parameters):
            found.append((name, is_model))
    functions = [name for name, is_model in found if not is_model and not name.startswith("test")]
    return [f"{name}()" for name in functions or [name for name, is_model in found]]


def load(folder, path):
    """Import a file as the program beside it would."""
    if folder.name == VISION:
        return importlib.import_module("torchvision.models")  # with minitorch: ours
    for name in list(sys.modules):  # another repository's models.py
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if origin.startswith(str(folder.parent)) and not origin.startswith(str(folder)):
            del sys.modules[name]
    paths = [str(folder), str(path.parent)]
    sys.path[:0] = paths
    try:
        names = path.relative_to(folder).with_suffix("").parts
        try:
            return importlib.import_module(".".join(names))
        except (ImportError, ValueError):
            return importlib.import_module(path.stem)
    finally:
        for name in paths:
            sys.path.remove(name)


def flat(output):
    """Return the tensors of a model's output: it may be a tuple, list, dict or object."""
    if hasattr(output, "backward"):
        return [output]
    if isinstance(output, dict):
        output = output.values()
    if isinstance(output, (list, tuple, types.GeneratorType)) or hasattr(output, "__iter__"):
        return [t for part in output for t in flat(part)]
    return []


def run(torch, model, inputs):
    """Return outputs and gradients (of parameters and inputs), by name, as arrays."""
    torch.nn.functional.dropout = lambda input, *args, **kwargs: input
    for module in model.modules():
        for name in ("p", "drop_prob", "drop_rate", "dropout_rate", "dropRate", "droprate"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    model.train()
    outputs = [t for t in flat(model(*(x * 1 for x in inputs))) if t.dtype.is_floating_point]
    loss = 0
    for i, output in enumerate(outputs):
        weights = np.random.default_rng(i).standard_normal(tuple(output.shape))
        loss = loss + (output * torch.tensor(weights, dtype=output.dtype)).sum()
    for parameter in model.parameters():
        parameter.grad = None
    loss.backward()
    found = {f"output {i}": o.detach().numpy() for i, o in enumerate(outputs)}
    found |= {f"input {i}": x.grad.numpy() for i, x in enumerate(inputs) if x.grad is not None}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            found[name] = sample(parameter.grad.numpy())
    return found


def sample(array):
    step = max(1, array.size // SAMPLE)
    return array.reshape(-1)[::step].copy()


def inputs_of(torch, sizes, dtype):
    rng = np.random.default_rng(0)
    return [torch.tensor(rng.standard_normal(size), dtype=dtype).requires_grad_() for size in sizes]


def distance(a, b):
    """Return the greatest relative distance of two sets of arrays, and where it is."""
    if a.keys() != b.keys():
        return np.inf, f"names differ: {sorted(a.keys() ^ b.keys())[:3]}"
    scale = max(np.abs(v).max(initial=0) for v in b.values())
    worst, where = 0.0, ""
    for name in b:
        if a[name].shape != b[name].shape:
            return np.inf, f"{name}: {a[name].shape}, not {b[name].shape}"
        # A gradient that is nothing but rounding (the bias before a batch norm) counts little.
        norm = max(np.abs(b[name]).max(initial=0), 1e-6 * scale, 1e-30)
        found = float(np.abs(a[name] - b[name]).max(initial=0) / norm)
        if not found <= worst:
            worst, where = found, name
    return worst, where


def seconds(step):
    """Return the least time of a step, of those that fit into a second."""
    best, end = np.inf, time.perf_counter() + 1
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best


def first_that_fits(torch, model, weights):
    """Return the sizes of the first input in `TRIED` that the model takes."""
    for size in TRIED:
        try:
            model(*inputs_of(torch, [size], torch.float32))
            return [size]
        except (RuntimeError, ValueError, IndexError, AssertionError, TypeError):
            continue
        finally:
            model.load_state_dict(torch.load(weights))  # statistics count what was tried
    raise ValueError("no input fits")


def too_slow(*args):
    raise TimeoutError(f"more than {MOST_SECONDS} seconds")


def evaluate(torch, library, case, module, expression, sizes, scratch, timed):
    """Run one model; with minitorch, compare with what PyTorch left in the scratch folder."""
    torch.manual_seed(0)
    key = f"{zlib.crc32(case.encode()):08x}"
    files = [str(Path(scratch, key + end)) for end in (".pth", ".npz", ".json")]
    start = time.perf_counter()
    model = eval(expression, vars(module))
    record = {"built": time.perf_counter() - start}
    text = str(model)
    record["parameters"] = sum(p.numel() for p in model.parameters())
    if library == "torch":
        if sizes is None and record["parameters"] > MOST_PARAMETERS:
            raise ValueError("too large to be tried")
        torch.save(model.state_dict(), files[0])
        sizes = sizes or first_that_fits(torch, model, files[0])
        Path(files[2]).write_text(json.dumps({"text": text, "sizes": sizes}))
    else:
        model.load_state_dict(torch.load(files[0]), strict=True)
        printed = json.loads(Path(files[2]).read_text())
        sizes = [tuple(size) for size in printed["sizes"]]
        record["same text"] = case.startswith(VISION) or text == printed["text"]
    if timed:
        sizes = [(8, *size[1:]) for size in sizes]
        inputs = inputs_of(torch, sizes, torch.float32)
        record["seconds"] = seconds(lambda: run(torch, model, inputs))
        return record
    double = model.double()
    found = run(torch, double, inputs_of(torch, sizes, torch.float64))
    if library == "torch":
        np.savez(files[1], **found)
        return record
    expected = dict(np.load(files[1]))
    for what, parts in (("forward", True), ("backward", False)):
        record[what] = distance(
            *(
                {n: v for n, v in r.items() if n.startswith("output") is parts}
                for r in (found, expected)
            )
        )
    for name in files:
        os.remove(name)
    return record


def work(library, clones, only, scratch, timed, all_files):
    """Run all cases with one library and print a line of JSON for each."""
    if library == "minitorch":
        sys.path.insert(0, str(ROOT))
        import minitorch.compat  # noqa: F401
    elif (clones / VISION).is_dir():  # for models that build on those of torchvision
        sys.path.insert(0, str(clones / VISION))
        sys.modules["torchvision._meta_registrations"] = types.ModuleType("")  # needs its C part
    import torch

    torch.set_num_threads(2)
    signal.signal(signal.SIGALRM, too_slow)
    for folder, path, expressions, sizes in (every if all_files else cases)(clones, only):
        where = f"{folder.name}/{path.relative_to(folder)}"
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                module = load(folder, path)
            names = expressions or models_of(module, torch.nn)
        except Exception:
            print(json.dumps({"case": where, "error": traceback.format_exc(limit=-3)}), flush=True)
            continue
        for expression in names:
            record = {"case": f"{where} {expression}"}
            signal.alarm(MOST_SECONDS if all_files else 0)
            try:
                with contextlib.redirect_stdout(printed):
                    record |= evaluate(
                        torch, library, record["case"], module, expression, sizes, scratch, timed
                    )
            except Exception:
                record["error"] = traceback.format_exc(limit=-3)
            signal.alarm(0)
            print(json.dumps(record), flush=True)


def line_of(case, torch, ours):
    """Return one line about a case."""
    if torch is None or "error" in torch:
        return f"not run  {case}: PyTorch: {last(torch)}"
    if ours is None or "error" in ours:
        return f"FAILED   {case}: {last(ours)}"
    if "seconds" in ours:
        ratio = torch["seconds"] / ours["seconds"]
        return f"{ratio:5.2f}    {case}: {ours['seconds'] * 1e3:.1f} ms"
    good = ours["forward"][0] < TOLERANCE and ours["backward"][0] < TOLERANCE and ours["same text"]
    text = f"forward {ours['forward'][0]:.0e}, backward {ours['backward'][0]:.0e}"
    if not good:
        text += f", greatest at {ours['backward'][1]!r}, printed alike: {ours['same text']}"
    return f"{'equal   ' if good else 'DIFFERS '} {case}: {ours['parameters']:,} parameters, {text}"


def last(record):
    return (record or {"error": "process ended"})["error"].strip().splitlines()[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("--only", help="only files that contain this")
    parser.add_argument("--every", action="store_true", help="try every file of every clone")
    parser.add_argument("--time", action="store_true", help="time training steps in float32")
    parser.add_argument("--out", help="write all records as JSON")
    parser.add_argument("--work", choices=["torch", "minitorch"], help=argparse.SUPPRESS)
    parser.add_argument("--scratch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    clones = options.clones.resolve()
    if options.work:
        work(options.work, clones, options.only, options.scratch, options.time, options.every)
        return
    records = {"torch": {}, "minitorch": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for library, found in records.items():
            command = [sys.executable, __file__, str(clones), "--work", library]
            command += ["--scratch", scratch, *(["--time"] if options.time else [])]
            command += ["--every"] if options.every else []
            command += ["--only", options.only] if options.only else []
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for line in process.stdout:
                record = json.loads(line)
                case = record.pop("case")
                found[case] = record
                tried = options.every and "error" in records["torch"].get(case, {"error": ""})
                if library == "minitorch" and not tried:
                    print(line_of(case, records["torch"].get(case), record), flush=True)
            process.wait()
    for case in records["torch"].keys() - records["minitorch"].keys():
        print(f"FAILED   {case}: not reached with minitorch")
    if options.out:
        Path(options.out).write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
