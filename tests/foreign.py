"""Compare public PyTorch models, unmodified, under PyTorch and under minitorch.

Usage::

    python tests/foreign.py CLONES [--only TEXT] [--time] [--out FILE]

CLONES is a folder with clones of public repositories, each named ``owner+name``; `CASES` says which
models of theirs are run. PyTorch builds each model in one process and writes weights, input,
outputs and gradients in float64 to a scratch folder; another process runs the same files with
`minitorch.compat`, from the same weights, and compares. Dropout is switched off, the rest trains.
Nothing of those repositories is part of this one, and neither CI nor the test suite needs them.
"""

import argparse
import contextlib
import importlib
import inspect
import io
import json
import os
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
CIFAR = (2, 3, 32, 32)
IMAGE = (2, 3, 224, 224)

# repository: [(file, what is built: expressions, None for every model of the file; input sizes)]
CASES = {
    "YeonwooSung+PyTorch_CNN_Architectures": [
        ("models/*.py", None, [CIFAR]),
    ],
    "kuangliu+pytorch-cifar": [
        ("models/*.py", None, [CIFAR]),
        ("models/vgg.py", ["VGG('VGG11')", "VGG('VGG16')"], [CIFAR]),
    ],
    "weiaicunzai+pytorch-cifar100": [("models/*.py", None, [CIFAR])],
}


def cases(clones, only):
    """Yield (repository, file, expression, input sizes) of every case there is a clone for."""
    for repository, entries in CASES.items():
        folder = clones / repository
        if not folder.is_dir():
            continue
        for pattern, expressions, sizes in entries:
            for path in sorted(folder.glob(pattern)):
                if path.name == "__init__.py":
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


def evaluate(torch, library, module, expression, sizes, scratch, timed):
    """Run one model; with minitorch, compare with what PyTorch left in the scratch folder."""
    torch.manual_seed(0)
    key = f"{zlib.crc32((module.__file__ + expression).encode()):08x}"
    files = [str(Path(scratch, key + end)) for end in (".pth", ".npz", ".json")]
    start = time.perf_counter()
    model = eval(expression, vars(module))
    record = {"built": time.perf_counter() - start}
    text = str(model)
    record["parameters"] = sum(p.numel() for p in model.parameters())
    if library == "torch":
        torch.save(model.state_dict(), files[0])
    else:
        model.load_state_dict(torch.load(files[0]), strict=True)
        record["same text"] = text == json.loads(Path(files[2]).read_text())["text"]
    if timed:
        inputs = inputs_of(torch, sizes, torch.float32)
        record["seconds"] = seconds(lambda: run(torch, model, inputs))
        return record
    double = model.double()
    found = run(torch, double, inputs_of(torch, sizes, torch.float64))
    if library == "torch":
        np.savez(files[1], **found)
        Path(files[2]).write_text(json.dumps({"text": text}))
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


def work(library, clones, only, scratch, timed):
    """Run all cases with one library and print a line of JSON for each."""
    if library == "minitorch":
        sys.path.insert(0, str(ROOT))
        import minitorch.compat  # noqa: F401
    import torch

    torch.set_num_threads(2)
    for folder, path, expressions, sizes in cases(clones, only):
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
            try:
                with contextlib.redirect_stdout(printed):
                    record |= evaluate(torch, library, module, expression, sizes, scratch, timed)
            except Exception:
                record["error"] = traceback.format_exc(limit=-3)
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
    parser.add_argument("--time", action="store_true", help="time training steps in float32")
    parser.add_argument("--out", help="write all records as JSON")
    parser.add_argument("--work", choices=["torch", "minitorch"], help=argparse.SUPPRESS)
    parser.add_argument("--scratch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    clones = options.clones.resolve()
    if options.work:
        work(options.work, clones, options.only, options.scratch, options.time)
        return
    records = {"torch": {}, "minitorch": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for library, found in records.items():
            command = [sys.executable, __file__, str(clones), "--work", library]
            command += ["--scratch", scratch, *(["--time"] if options.time else [])]
            command += ["--only", options.only] if options.only else []
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for line in process.stdout:
                record = json.loads(line)
                case = record.pop("case")
                found[case] = record
                if library == "minitorch":
                    print(line_of(case, records["torch"].get(case), record), flush=True)
            process.wait()
    for case in records["torch"].keys() - records["minitorch"].keys():
        print(f"FAILED   {case}: not reached with minitorch")
    if options.out:
        Path(options.out).write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
