"""Names of other devices: each does what the table in `minitorch.device` says."""

import warnings

import pytest

import minitorch
from minitorch import nn
from minitorch.device import COMPAT, NAMES, lenient


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(minitorch.ones(2))

    def forward(self, x, scale=1.0):
        return x * self.weight * scale


MODULE = Module()
TENSOR = minitorch.ones(2)


def function(x):
    return x


def resolve(name):
    found = minitorch
    for part in name.partition("(")[0].split("."):
        found = getattr(found, part)
    return found


def quiet(make):
    with pytest.warns(UserWarning, match=r"CUDA is not available\.  Disabling"):
        return make()


# For every no-op and pass-through: whether it does what it says.
WORKS = {
    "Tensor.cpu": lambda: TENSOR.cpu() is TENSOR,
    "Tensor.to('cpu')": lambda: TENSOR.to("cpu") is TENSOR,
    "Tensor.pin_memory": lambda: TENSOR.pin_memory() is TENSOR,
    "Tensor.is_cuda": lambda: TENSOR.is_cuda is False,
    "Tensor.is_sparse": lambda: TENSOR.is_sparse is False,
    "Tensor.is_quantized": lambda: TENSOR.is_quantized is False,
    "Tensor.get_device": lambda: TENSOR.get_device() == -1,
    "nn.Module.cpu": lambda: MODULE.cpu() is MODULE,
    "nn.Module.to('cpu')": lambda: MODULE.to("cpu") is MODULE,
    "cuda.is_available": lambda: minitorch.cuda.is_available() is False,
    "cuda.is_initialized": lambda: minitorch.cuda.is_initialized() is False,
    "cuda.is_bf16_supported": lambda: minitorch.cuda.is_bf16_supported() is False,
    "cuda.device_count": lambda: minitorch.cuda.device_count() == 0,
    "cuda.get_arch_list": lambda: minitorch.cuda.get_arch_list() == [],
    "cuda.empty_cache": lambda: minitorch.cuda.empty_cache() is None,
    "cuda.synchronize": lambda: minitorch.cuda.synchronize() is None,
    "cuda.manual_seed": lambda: minitorch.cuda.manual_seed(1) is None,
    "cuda.manual_seed_all": lambda: minitorch.cuda.manual_seed_all(1) is None,
    "cuda.memory_allocated": lambda: minitorch.cuda.memory_allocated() == 0,
    "cuda.max_memory_allocated": lambda: minitorch.cuda.max_memory_allocated() == 0,
    "cuda.memory_reserved": lambda: minitorch.cuda.memory_reserved() == 0,
    "cuda.max_memory_reserved": lambda: minitorch.cuda.max_memory_reserved() == 0,
    "cuda.reset_peak_memory_stats": lambda: minitorch.cuda.reset_peak_memory_stats() is None,
    "cuda.amp.autocast": lambda: runs_unchanged(quiet(minitorch.cuda.amp.autocast)),
    "cuda.amp.GradScaler": lambda: scales_nothing(quiet(minitorch.cuda.amp.GradScaler)),
    "amp.autocast('cuda')": lambda: runs_unchanged(quiet(lambda: minitorch.autocast("cuda"))),
    "amp.GradScaler('cuda')": lambda: scales_nothing(quiet(minitorch.amp.GradScaler)),
    "backends.cudnn.is_available": lambda: minitorch.backends.cudnn.is_available() is False,
    "backends.cudnn.version": lambda: minitorch.backends.cudnn.version() is None,
    "backends.cudnn.enabled": lambda: can_be_set(minitorch.backends.cudnn, "enabled"),
    "backends.cudnn.benchmark": lambda: can_be_set(minitorch.backends.cudnn, "benchmark"),
    "backends.cudnn.deterministic": lambda: can_be_set(minitorch.backends.cudnn, "deterministic"),
    "backends.cudnn.allow_tf32": lambda: can_be_set(minitorch.backends.cudnn, "allow_tf32"),
    "backends.cudnn.flags": lambda: runs_unchanged(minitorch.backends.cudnn.flags(enabled=True)),
    "backends.cuda.matmul.allow_tf32": lambda: can_be_set(
        minitorch.backends.cuda.matmul, "allow_tf32"
    ),
    "backends.mps.is_available": lambda: minitorch.backends.mps.is_available() is False,
    "backends.mps.is_built": lambda: minitorch.backends.mps.is_built() is False,
    "use_deterministic_algorithms": lambda: minitorch.use_deterministic_algorithms(True) is None,
    "are_deterministic_algorithms_enabled": minitorch.are_deterministic_algorithms_enabled,
    "set_float32_matmul_precision": lambda: minitorch.set_float32_matmul_precision("high") is None,
    "get_float32_matmul_precision": lambda: minitorch.get_float32_matmul_precision() == "highest",
    "nn.DataParallel": lambda: (
        nn.DataParallel(MODULE, device_ids=[0, 1])(TENSOR, scale=3.0).tolist() == [3.0, 3.0]
    ),
    "compile": lambda: (
        minitorch.compile(MODULE) is MODULE
        and function is minitorch.compile(mode="max-autotune")(function)
    ),
    "jit.is_scripting": lambda: minitorch.jit.is_scripting() is False,
    "jit.is_tracing": lambda: minitorch.jit.is_tracing() is False,
    "jit.ignore": lambda: decorates(minitorch.jit.ignore),
    "jit.unused": lambda: decorates(minitorch.jit.unused),
    "jit.export": lambda: decorates(minitorch.jit.export),
    "jit.script": lambda: minitorch.jit.script(MODULE) is MODULE,
    "jit.script_if_tracing": lambda: decorates(minitorch.jit.script_if_tracing),
    "jit.annotate": lambda: minitorch.jit.annotate(list, TENSOR) is TENSOR,
    "accelerator.is_available": lambda: minitorch.accelerator.is_available() is False,
    "accelerator.current_accelerator": lambda: minitorch.accelerator.current_accelerator() is None,
    "accelerator.device_count": lambda: minitorch.accelerator.device_count() == 0,
    "accelerator.synchronize": lambda: minitorch.accelerator.synchronize() is None,
    "cuda.memory_summary": lambda: minitorch.cuda.memory_summary() == "",
    "accelerator.set_device_index": lambda: minitorch.accelerator.set_device_index(0) is None,
    "jit.ScriptModule": lambda: minitorch.jit.ScriptModule is nn.Module,
    "jit.script_method": lambda: decorates(minitorch.jit.script_method),
    "distributed.is_nccl_available": lambda: minitorch.distributed.is_nccl_available() is False,
    "distributed.is_available": lambda: minitorch.distributed.is_available() is False,
    "distributed.is_initialized": lambda: minitorch.distributed.is_initialized() is False,
}

# For errors that are not simply called without arguments.
FAILS = {
    "Tensor.cuda": lambda: TENSOR.cuda(),
    "Tensor.to('cuda')": lambda: TENSOR.to("cuda"),
    "nn.Module.cuda": lambda: MODULE.cuda(),
    "nn.Module.to('cuda')": lambda: MODULE.to("cuda:0"),
    "amp.autocast('cpu')": lambda: minitorch.amp.autocast("cpu"),
    "amp.GradScaler('cpu')": lambda: minitorch.amp.GradScaler("cpu"),
}


def runs_unchanged(context):
    with context:
        result = TENSOR * 2
    return result.dtype is minitorch.float32 and result.tolist() == [2.0, 2.0]


def scales_nothing(scaler):
    steps = []

    class Optimizer:
        def step(self, *args):
            steps.append(args)
            return 7

    result = scaler.step(Optimizer(), 1)
    scaler.update()
    return scaler.scale(TENSOR) is TENSOR and result == 7 and steps == [(1,)]


def can_be_set(owner, name):
    before = getattr(owner, name)
    setattr(owner, name, not before)
    changed = getattr(owner, name) is (not before)
    setattr(owner, name, before)
    return changed and runs_unchanged(warnings.catch_warnings())


def decorates(decorator):
    return decorator(function) is function and decorator(drop=True)(function) is function


def test_table_is_complete():
    kinds = {kind for kind, _ in NAMES.values()}
    assert kinds == {"no-op", "pass-through", "error"}
    assert set(WORKS) == {name for name, (kind, _) in NAMES.items() if kind != "error"}
    assert set(FAILS) <= {name for name, (kind, _) in NAMES.items() if kind == "error"}


@pytest.mark.parametrize("name", WORKS)
def test_works(name):
    assert WORKS[name]()


@pytest.mark.parametrize("name", [name for name, (kind, _) in NAMES.items() if kind == "error"])
def test_fails(name):
    with pytest.raises(RuntimeError, match=name.split("(")[0].split(".")[-1]):
        FAILS.get(name, resolve(name))()


LENIENT = {
    "Tensor.cuda": lambda: TENSOR.cuda() is TENSOR,
    "Tensor.to('cuda')": lambda: TENSOR.to("cuda") is TENSOR,
    "nn.Module.cuda": lambda: MODULE.cuda() is MODULE,
    "nn.Module.to('cuda')": lambda: MODULE.to("cuda:0") is MODULE,
    "cuda.init": lambda: minitorch.cuda.init() is None,
    "cuda.set_device": lambda: minitorch.cuda.set_device(0) is None,
    "cuda.current_device": lambda: minitorch.cuda.current_device() == 0,
    "cuda.get_device_name": lambda: minitorch.cuda.get_device_name(0) == "cpu",
    "cuda.get_device_capability": lambda: minitorch.cuda.get_device_capability() == (0, 0),
    "cuda.mem_get_info": lambda: minitorch.cuda.mem_get_info() == (0, 0),
    "cuda.Stream": lambda: runs_unchanged(minitorch.cuda.stream(minitorch.cuda.Stream())),
    "cuda.Event": lambda: measures_time(minitorch.cuda.Event),
    "amp.autocast('cpu')": lambda: runs_unchanged(minitorch.amp.autocast("cpu")),
    "amp.GradScaler('cpu')": lambda: scales_nothing(minitorch.amp.GradScaler("cpu")),
    "nn.parallel.DistributedDataParallel": lambda: (
        nn.parallel.DistributedDataParallel(MODULE, device_ids=[0])(TENSOR).tolist() == [1.0, 1.0]
    ),
    "jit.trace": lambda: minitorch.jit.trace(MODULE, TENSOR) is MODULE,
    "distributed.init_process_group": lambda: (
        minitorch.distributed.init_process_group("nccl", rank=0) is None
    ),
    "distributed.destroy_process_group": lambda: (
        minitorch.distributed.destroy_process_group() is None
    ),
    "distributed.new_group": lambda: minitorch.distributed.new_group() is None,
    "distributed.get_rank": lambda: minitorch.distributed.get_rank() == 0,
    "distributed.get_world_size": lambda: minitorch.distributed.get_world_size() == 1,
    "distributed.barrier": lambda: minitorch.distributed.barrier() is None,
    "distributed.broadcast": lambda: minitorch.distributed.broadcast(TENSOR, 0) is None,
    "distributed.all_reduce": lambda: minitorch.distributed.all_reduce(TENSOR) is None,
    "distributed.all_gather": lambda: gathers(minitorch.zeros(2)),
    "distributed.reduce": lambda: minitorch.distributed.reduce(TENSOR, 0) is None,
    "distributed.gather": lambda: gathers(minitorch.zeros(2), "gather"),
    "distributed.scatter": lambda: (
        minitorch.distributed.scatter(minitorch.zeros(2), [TENSOR], src=0) is None
    ),
    "distributed.all_gather_object": lambda: gathers_object([None]),
    "distributed.broadcast_object_list": lambda: (
        minitorch.distributed.broadcast_object_list([1], src=0) is None
    ),
    "distributed.get_backend": lambda: minitorch.distributed.get_backend() == "gloo",
}


def measures_time(event):
    start, end = event(enable_timing=True), event(enable_timing=True)
    start.record()
    end.record()
    end.synchronize()
    return 0 <= start.elapsed_time(end) < 1e4


def gathers(place, name="all_gather"):
    if name == "gather":
        minitorch.distributed.gather(TENSOR, [place], dst=0)
    else:
        minitorch.distributed.all_gather([place], TENSOR)
    return place.tolist() == [1.0, 1.0]


def gathers_object(places):
    minitorch.distributed.all_gather_object(places, "x")
    return places == ["x"]


@pytest.mark.filterwarnings("ignore:device 'cuda' is the CPU:UserWarning")
@pytest.mark.parametrize("name", COMPAT)
def test_works_for_programs_of_other_devices(name):
    assert NAMES[name][0] == "error"
    lenient(True)
    try:
        assert LENIENT[name]()
    finally:
        lenient(False)


def test_disabled_mixed_precision_is_silent():
    assert runs_unchanged(minitorch.autocast("cpu", enabled=False))
    assert runs_unchanged(minitorch.cuda.amp.autocast(enabled=False))
    assert scales_nothing(minitorch.amp.GradScaler("cpu", enabled=False))
    assert minitorch.amp.autocast("cpu", enabled=False)(function)(3) == 3


def test_data_parallel_names(torch):
    assert list(nn.DataParallel(MODULE).state_dict()) == ["module.weight"]


def test_unknown_precision():
    with pytest.raises(RuntimeError, match="set_float32_matmul_precision"):
        minitorch.set_float32_matmul_precision("low")
