"""Running programs that were written for PyTorch, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(program, folder, *arguments, command=("-m", "minitorch", "run"), **environment):
    """Write a program to a file and run it; return what it printed."""
    path = folder / "program.py"
    path.write_text(program, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", *command, str(path), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


TRAINING = """
import argparse
import os

import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Variable
from torch.nn import init
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.utils import _pair
from torch.optim.lr_scheduler import StepLR
import helper  # beside the program


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv = nn.Conv2d(1, 4, _pair(3), padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 10)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                init.kaiming_normal_(m.weight, mode="fan_out")
            assert isinstance(m, _BatchNorm) == isinstance(m, nn.BatchNorm2d)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)), inplace=True)
        return self.fc(F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1))


parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
args = parser.parse_args()
assert __name__ == "__main__" and os.path.basename(__file__) == "program.py"
torch.manual_seed(0)
torch.cuda.manual_seed_all(0)
cudnn.benchmark = True
net = torch.nn.DataParallel(Net().cuda())
optimizer = optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
scheduler = StepLR(optimizer, step_size=20)
x = Variable(torch.randn(16, 1, 8, 8).cuda(non_blocking=True))
target = torch.randint(0, 10, (16,)).to(torch.device("cuda:0"))
for i in range(40):
    optimizer.zero_grad()
    loss = nn.CrossEntropyLoss().cuda()(net(x), target)
    loss.backward()
    optimizer.step()
    scheduler.step()
    if i == 0:
        first = loss.item()
assert loss.item() < first - 0.2, (first, loss.item())
torch.save(net.module.state_dict(), "net.pth")
net.module.load_state_dict(torch.load("net.pth", map_location="cpu"))
print(helper.NAME, "torch" in str(type(x)), torch.__version__)
"""


def test_a_training_program(tmp_path):
    (tmp_path / "helper.py").write_text("import torch\nNAME = torch.nn.__name__\n")
    assert run(TRAINING, tmp_path, "--lr", "0.1") == "minitorch.nn True 2.5.0\n"


def test_modules_are_ours(tmp_path):
    program = """
import torch, torchvision
import torch.nn.functional as F
import torch.utils.checkpoint
import torch.multiprocessing as mp
from torch.cuda.amp import GradScaler
from torch._six import container_abcs, inf
from torch.nn.modules import conv, batchnorm
from torch.nn.modules.pooling import MaxPool2d
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.common_types import _size_2_t
from torch.optim.optimizer import Optimizer
from torch.optim.lr_scheduler import _LRScheduler
from torch.utils.model_zoo import load_url
from torch.hub import load_state_dict_from_url
import minitorch
assert torch.nn is minitorch.nn and F is minitorch.nn.functional
assert torchvision.models is minitorch.vision.models and torch.Tensor is minitorch.Tensor
assert torch.nn.modules.conv is minitorch.nn.conv is conv
assert torch.nn.modules.Module is minitorch.nn.Module and batchnorm is minitorch.nn.norm
assert load_url is load_state_dict_from_url is torch.hub.load_state_dict_from_url
assert "Conv2d" in dir(torch.nn) and set(dir(minitorch)) <= set(dir(torch))
from torch.utils.tensorboard import SummaryWriter
import tensorboardX
assert tensorboardX.SummaryWriter is SummaryWriter or tensorboardX.__version__
assert torchvision.get_image_backend() == "PIL" and torchvision.utils.make_grid
assert torch.version.cuda is None and not torch.cuda.is_available()
"""
    run(program, tmp_path)


def test_a_submodule_does_not_hide_the_function_of_its_name(tmp_path):
    program = """
import importlib
import torch, torchvision
functions = [
    "torch.autograd.gradcheck", "torch.nn.utils.spectral_norm", "torch.nn.utils.weight_norm",
    "torchvision.models.alexnet", "torchvision.models.googlenet",
    "torchvision.ops.stochastic_depth",
]
for name in functions:
    importlib.import_module(name)
    parent, _, last = name.rpartition(".")
    found = getattr(importlib.import_module(parent), last)
    assert type(found).__name__ == "function", (name, found)
import torch.nn.utils.spectral_norm as SpectralNorm
assert SpectralNorm is torch.nn.utils.spectral_norm
from torch.nn.utils.spectral_norm import spectral_norm
from torchvision.models.alexnet import AlexNet
import torch.functional, torch.utils.checkpoint
assert torch.functional.einsum is torch.einsum and torch.utils.checkpoint.checkpoint
"""
    run(program, tmp_path)


def test_modules_show_what_pytorch_s_import_and_define(tmp_path):
    program = """
import torch
from torch.amp.autocast_mode import autocast
from torch.autograd.function import Function, once_differentiable
from torch.cuda.amp import custom_bwd, custom_fwd
from torch.cuda.amp.grad_scaler import GradScaler
from torch.distributions.normal import Normal
from torch.nn.modules.batchnorm import F, LazyBatchNorm2d, Tensor, init
from torch.nn.modules.conv import LazyConv2d, _ConvNd, _ConvTransposeNd, _pair, _single
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.pooling import (
    MaxUnpool2d, _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _LPPoolNd, _MaxPoolNd,
)
from torch.optim.sgd import Optimizer
from torch.utils.data.dataloader import Dataset, Sampler
from torch.utils.dlpack import from_dlpack, to_dlpack
from torch.utils.hooks import RemovableHandle
nn, F = torch.nn, torch.nn.functional
for base, names in {
    _MaxPoolNd: "MaxPool1d MaxPool3d", _AvgPoolNd: "AvgPool1d AvgPool2d",
    _AdaptiveAvgPoolNd: "AdaptiveAvgPool2d", _AdaptiveMaxPoolNd: "AdaptiveMaxPool1d",
    _LPPoolNd: "LPPool2d", _DropoutNd: "Dropout Dropout2d", _ConvNd: "Conv1d ConvTranspose2d",
    _ConvTransposeNd: "ConvTranspose3d",
}.items():
    assert all(issubclass(getattr(nn, name), base) for name in names.split())
assert [F._Reduction.get_enum(r) for r in ("none", "mean", "sum")] == [0, 1, 2]
assert torch._C._get_tracing_state() is None
torch._assert(True, "holds")


class Swish(Function):
    @staticmethod
    @custom_fwd
    def forward(ctx, i):
        ctx.save_for_backward(i)
        return i * torch.sigmoid(i)

    @staticmethod
    @custom_bwd
    def backward(ctx, grad_output):
        s = torch.sigmoid(ctx.saved_variables[0])
        return grad_output * (s * (1 + ctx.saved_variables[0] * (1 - s)))


x = torch.tensor([1.0, -2.0], requires_grad=True)
Swish.apply(x).sum().backward()
kept = x.grad
x.grad = None
F.silu(x).sum().backward()
assert torch.allclose(kept, x.grad)
try:
    from torch.nn.modules.conv import Conv4d
except ImportError as error:
    assert "Conv3d" in str(error)
"""
    run(program, tmp_path)


def test_tools_of_pytorch_that_programs_import(tmp_path):
    pytest.importorskip("PIL")  # which writes the images of torchvision.io
    (tmp_path / "hubconf.py").write_text(
        "import torch\ndef net(n=2):\n    'A layer.'\n    return torch.nn.Linear(n, 1)\n"
    )
    program = """
import json
import torch, torchvision
import torch.autograd.profiler, torch.compiler, torch.fx, torch._dynamo
import torch.cuda.comm
import torchvision.io
from torch.profiler import ProfilerActivity, profile, record_function, schedule


@torch.fx.wrap
@torch.compiler.disable
def double(x):
    return x * 2


net = torch.hub.load(".", "net", n=3, source="local", trust_repo=True)
assert net.in_features == 3 and torch.hub.help(".", "net", source="local") == "A layer."
assert "net" in torch.hub.list(".", source="local")
assert not torch.compiler.is_compiling() and not isinstance(net, torch.fx.GraphModule)
for name, call in {
    "hub": lambda: torch.hub.load("someone/somewhere", "net"),
    "fx": lambda: torch.fx.symbolic_trace(net),
}.items():
    try:
        call()
    except NotImplementedError as error:
        assert name in str(error)
    else:
        raise AssertionError(name)
for module, advice in {"quantization": "float32", "export": "onnx.export"}.items():
    try:
        getattr(torch, module)
    except AttributeError as error:
        assert advice in str(error), error
    try:
        __import__("torch." + module)
    except ImportError as error:
        assert advice in str(error), error

tables = []
ready = lambda prof: tables.append(prof.key_averages())
steps = schedule(wait=1, warmup=1, active=2, repeat=1)
with profile(activities=[ProfilerActivity.CPU], schedule=steps, on_trace_ready=ready) as prof:
    for i in range(6):
        with record_function("forward"):
            double(net(torch.ones(2, 3)))
        prof.step()
rows = {row.key: row.count for row in tables[0]}
assert len(tables) == 1 and rows["forward"] == 2 and rows["Mul"] == 2, rows
assert "Mul" in tables[0].table(sort_by="cpu_time_total", row_limit=3)
prof.export_chrome_trace("trace.json")
events = json.load(open("trace.json"))["traceEvents"]
assert {e["name"] for e in events} == set(rows)
with torch.autograd.profiler.profile(use_cuda=False) as prof:
    net(torch.ones(2, 3)).sum()
assert prof.total_average().count >= 2

image = torch.arange(2 * 3 * 4).to(torch.uint8).reshape(1, 4, 6).repeat(3, 1, 1)
torchvision.io.write_png(image, "image.png")
assert (torchvision.io.read_image("image.png") == image).all()
gray = torchvision.io.read_image("image.png", torchvision.io.ImageReadMode.GRAY)
assert gray.shape == (1, 4, 6)
"""
    run(program, tmp_path)


def test_import_alone_is_enough(tmp_path):
    run("import minitorch.compat, torch\nassert torch.nn.__name__ == 'minitorch.nn'", tmp_path)
    run("import minitorch.compat, torch\ntorch.ones(1).cuda()", tmp_path, command=())


def test_a_module_as_program(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text("import torch, sys; print(sys.argv[1:])")
    result = subprocess.run(
        [sys.executable, "-m", "minitorch", "run", "-m", "package", "-x", "1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (result.stdout, result.stderr) == ("['-x', '1']\n", "")


MISSING = {
    "torch.nn.Conv2D": "module 'torch.nn' has no attribute 'Conv2D' in minitorch; there is "
    "torch.nn.Conv2d",
    "torch.Conv2d": "there is torch.conv2d, torch.nn.Conv2d",
    "torch.nn.functional.bacth_norm": "there is torch.nn.functional.batch_norm",
    "torch.optim.Sgd": "torch.optim.SGD",
    "torch.ones(1).squeze()": "'Tensor' object has no attribute 'squeze'; there is .squeeze",
}
NOT_IMPORTED = {
    "from torch import Conv2d": "module 'torch' has no attribute 'Conv2d' in minitorch; there is "
    "torch.conv2d, torch.nn.Conv2d",
    "from torch.nn import Conv2D": "there is torch.nn.Conv2d",
    "from torch.nn.functional import relu7": "there is torch.nn.functional.relu",
    "import torch.optm": "No module named 'torch.optm' in minitorch; there is torch.optim",
    "import torch.nn.functionl.x": "there is torch.nn.functional",
}


def test_missing_names(tmp_path):
    program = f"""
import torch
MISSING, NOT_IMPORTED = {MISSING}, {NOT_IMPORTED}
for kind, cases in ((AttributeError, MISSING), (ImportError, NOT_IMPORTED)):
    for code, message in cases.items():
        try:
            exec(code)
        except kind as error:
            assert message in str(error), str(error)
        else:
            raise AssertionError(code)
assert not hasattr(torch, "compile_all") and not hasattr(torch.ones(1), "names_of_all")
try:
    import torch.fx
except ModuleNotFoundError:
    pass
"""
    run(program, tmp_path)


def test_plain_import_shadows_nothing(tmp_path):
    program = """
import sys
import minitorch, minitorch.cli, minitorch.nn, minitorch.vision
assert not any(type(finder).__module__.startswith("minitorch") for finder in sys.meta_path)
try:
    minitorch.ones(1).cuda()
except RuntimeError:
    print("refused")
"""
    assert run(program, tmp_path, command=()) == "refused\n"


def test_real_torch_first_is_an_error(tmp_path):
    (tmp_path / "torch.py").write_text("")
    program = """
import torch
try:
    import minitorch.compat
except ImportError as error:
    print(error)
"""
    out = run(program, tmp_path, command=())
    assert out.startswith("minitorch.compat: torch itself has already been imported")


def test_uninstall(tmp_path):
    program = """
import sys
import minitorch.compat
import torch.nn
minitorch.compat.uninstall()
assert "torch.nn" not in sys.modules and "torch" not in sys.modules
try:
    minitorch.ones(1).cuda()
except RuntimeError:
    minitorch.compat.install()
import torch
assert torch.nn is minitorch.nn
minitorch.compat.uninstall()
minitorch.compat.uninstall()
assert not hasattr(minitorch.Tensor, "__getattr__")
"""
    run(program, tmp_path, command=())


def test_weights_by_address_come_from_a_folder(tmp_path):
    program = """
import torch
from torch.hub import load_state_dict_from_url as load
address = "https://example.org/models/net-12345678.pth"
try:
    load(address)
except FileNotFoundError as error:
    print(error)
folder = torch.hub.get_dir() + "/checkpoints"
import os
os.makedirs(folder)
torch.save({"a": torch.ones(2)}, folder + "/net-12345678.pth")
assert load(address, progress=True)["a"].tolist() == [1, 1]
torch.hub.set_dir("~/elsewhere")
assert torch.hub.get_dir().endswith("elsewhere") and "~" not in torch.hub.get_dir()
"""
    out = run(program, tmp_path, TORCH_HOME=str(tmp_path / "home"))
    assert str(tmp_path / "home" / "hub" / "checkpoints" / "net-12345678.pth") in out


def test_spawn(tmp_path):
    program = """
import sys
import minitorch.multiprocessing as mp

def work(rank, folder):
    open(f"{folder}/{rank}", "w").close()
    if folder == "":
        raise ValueError

if __name__ == "__main__":
    folder = sys.argv[1]
    mp.spawn(work, (folder,), nprocs=2)
    mp.spawn(work, (folder,), nprocs=0)
    for process in mp.spawn(work, (folder,), nprocs=3, join=False):
        process.join()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    assert mp.cpu_count() > 0
    try:
        mp.spawn(work, ("/does/not/exist",), nprocs=2)
    except RuntimeError as error:
        print(error)
"""
    (tmp_path / "out").mkdir()
    out = run(program, tmp_path, str(tmp_path / "out"), command=())
    assert out == "spawn: process 0 ended with exit code 1\n"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"0", "1", "2"}


@pytest.mark.parametrize("name", ["missing.py", "nowhere/"])
def test_no_such_program(name, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "minitorch", "run", name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 1 and name in result.stderr
