"""The directive ``parity``: every public name of PyTorch, and what it is here.

The names and signatures of PyTorch are data, ``torch_names.json``, so that the page is built
without it. Where PyTorch is installed, ``python docs/_ext/parity.py`` writes that file anew.
What is not there has a reason in `REASONS`; tests/test_parity.py sees to it.
"""

import importlib
import inspect
import json
import re
from pathlib import Path

DATA = Path(__file__).with_name("torch_names.json")

NAMESPACES = {
    "torch": "minitorch",
    "torch.Tensor": "minitorch.Tensor",
    "torch.nn": "minitorch.nn",
    "torch.nn.functional": "minitorch.nn.functional",
    "torch.nn.init": "minitorch.nn.init",
    "torch.nn.utils": "minitorch.nn.utils",
    "torch.optim": "minitorch.optim",
    "torch.optim.lr_scheduler": "minitorch.optim.lr_scheduler",
    "torch.autograd": "minitorch.autograd",
    "torch.autograd.functional": "minitorch.autograd.functional",
    "torch.linalg": "minitorch.linalg",
    "torch.special": "minitorch.special",
    "torch.func": "minitorch.func",
    "torch.utils.data": "minitorch.utils.data",
}

SCRIPT = "TorchScript: there is none, Python runs"
INTERNAL = "internal to PyTorch: other functions call it"
DENSE = "there are no sparse, nested or quantised tensors"
COPY = "copies of views: use the view and .clone()"
TYPES = "there is no such element type"
REAL = "there are no complex tensors"
DEVICES = "there is no other device than the CPU"
NUMPY = "numerical analysis that no CNN uses: numpy on tensor.numpy()"
FUSED = "a fused form of functions that are there"
PYTHON = "a name of Python or of another module that PyTorch's module happens to show"

# Regular expressions for names that are not there, and why not. The first that fits counts.
REASONS = [
    (r".*\.(TYPE_CHECKING|Any|Callable|Literal|Optional|Self|Mapping|Sequence|cast|overload|"
     r"override|partial|ref|wraps|ParamSpec|TypeVar|TypedDict|SupportsFloat|factory_kwargs|inf|"
     r"BroadcastingList\d|DType|boolean_dispatch|assert_int_or_pair|.*_torch_function.*|"
     r"is_tensor_like|Tensor|.*_notes|GRID_SAMPLE_\w+)", PYTHON),
    (r".*\.(alias|slice|\w+_(indices|values)|values|indices)_copy", COPY),
    (r".*\.\w*(miopen|cudnn|mkldnn|fbgemm|native)_\w+|.*batch_norm_\w+|.*\.(conv_tbc|convolution|"
     r"affine_grid_generator|grid_sampler\w*|constant_pad_nd|max_pool\dd_with_indices|"
     r"embedding_renorm_|norm_except_dim|empty_permuted|slice_inverse|profiler_\w+|"
     r"prepare_multiprocessing_environment|init_num_threads|PRIVATE_OPS|USE_\w+|classproperty|"
     r"get_file_path|get_device_module|thread_safe_generator|DisableTorchFunction\w*|Tag|"
     r"from_file|const_data_ptr|module_load|grad_dtype|AcceleratorError|"
     r"swap_in_\w+|rnn_\w+_cell|lstm|gru|lstm_cell|gru_cell|rnn_tanh|rnn_relu|embedding|"
     r"feature_dropout_?|dropout_|alpha_dropout_|feature_alpha_dropout_|rrelu_?|detach_copy)",
     INTERNAL),
    (r".*(sparse|Sparse|crow|ccol|values|indices|coalesce|padded_tensor|quant|Quant|q_per|q_scale|"
     r"q_zero|qscheme|QInt|QUInt|quint\dx|per_channel|per_tensor|nested|Nested|hspmm|hsmm|dsmm|"
     r"saddmm|spmm|smm|int_repr|EmbeddingBag|embedding_bag|dense_dim)\w*", DENSE),
    (r"torch\.(AVG|SUM|\w*Type|\w*Argument\w*|AliasDb|Script\w*|Jit\w*|JIT\w*|Lite\w*|Graph\w*|"
     r"Block|Node|Use|Value|Code|Callstack|CallStack|Capsule|Class\w*|Compil\w*|Complete\w*|"
     r"Concrete\w*|Deep\w*|Deser\w*|Serial\w*|Dict\w*|Dispatch\w*|Error\w*|Exclude\w*|Execution\w*|"
     r"Fatal\w*|FileCheck|Function\w*|Future\w*|Gradient|IODescriptor|Inferred\w*|Interface\w*|"
     r"Locking\w*|Logger\w*|ModuleDict|ParameterDict|BufferDict|Noop\w*|Operator\w*|PyObject\w*|"
     r"PyTorchFile\w*|StaticModule|Throughput\w*|Tracing\w*|Benchmark\w*|Aggregation\w*|Type|"
     r"Await\w*|Union\w*|Stream\w*|Device\w*|import_ir\w*|merge_type\w*|parse_\w+|unify_\w+|fork|"
     r"wait|cond|while_loop|unify_type_list)", SCRIPT),
    (r".*\.(Sym\w+|sym_\w+)", "symbolic sizes of torch.compile"),
    (r".*\.(\w*Storage\w*|storage_type)", "a type or a form of memory that there is not"),
    (r".*\.(u?int\d|bits\w+|bit|float\d_\w+|float8_\w+|BFloat16\w*|bfloat16)", TYPES),
    (r".*\.(\w*[cC]omplex\w*|view_as_real|polar|cfloat|cdouble|chalf|stft|istft|imag_?)", REAL),
    (r".*\.(Event|Stream|set_autocast\w*|autocast_\w+|is_autocast\w*|get_autocast\w*|"
     r"mtia|ipu|xpu)", DEVICES),
    (r".*\.(Profiler\w+|Device\w+|kineto\w*|NestedIOFunction|SavedTensor|.*multithreading\w*|"
     r"is_view_replay_enabled|enforce_grad\w*|debug_\w+)", INTERNAL),
    (r".*\.(scaled_mm|grouped_mm|scaled_grouped_mm|ScalingType|SwizzleType|linear_cross_entropy|"
     r"LinearCrossEntropy\w+)", FUSED),
    (r".*\.(SparseAdam|Muon|Adafactor)", "for sparse gradients and language models"),
    (r".*(DataPipe|datapipe|DataChunk|validation|non_deterministic|guaranteed)\w*",
     "removed from PyTorch's own plans: use a DataLoader"),
    (r".*\.(map2_|index|reinforce|volatile)", "obsolete; PyTorch itself raises"),
    (r".*\.(functionalize|linearize|replace_all_batch_norm_modules_|debug_unwrap)",
     "of PyTorch's compiler"),
    (r"torch\.func\.rearrange", "use reshape and permute"),
    (r"torch\.(linalg|special)\.\w+", NUMPY),
]  # fmt: skip

# What differs though the signature does not say so.
DIFFERS = {
    "torch.func.vmap": "one call per element, no faster than a loop",
    "torch.func.jacfwd": "computed in reverse mode",
    "torch.compile": "returns what it is given",
    "torch.svd": "no derivative",
    "torch.qr": "no derivative",
    "torch.cholesky": "no derivative",
    "torch.pinverse": "no derivative",
    "torch.scatter_reduce": "no second derivative of prod where a factor is zero",
    "torch.Tensor.scatter_reduce": "no second derivative of prod where a factor is zero",
    "torch.autograd.graph.saved_tensors_hooks": "do not affect what a user's Function saves",
    "torch.set_flush_denormal": "returns False: kernels flush where it matters",
}


def resolve(name):
    """Return the object of a full name."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


def parameters(value):
    """Return the names of the parameters of a function or class; None if it does not say."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if any(p.kind in kinds for p in signature.parameters.values()):
        return None
    return [p for p in signature.parameters if p not in ("self", "input")]


def public_names(module):
    """Return the public names of a module or class, but for modules."""
    names = [n for n in dir(module) if not n.startswith("_")]
    return [n for n in names if not inspect.ismodule(getattr(module, n, None))]


def collect():
    """Return what ``torch_names.json`` holds, from the PyTorch that is installed."""
    import torch

    spaces = {}
    for space in NAMESPACES:
        owner = resolve(space)
        spaces[space] = {n: parameters(getattr(owner, n)) for n in public_names(owner)}
    return {"version": torch.__version__.partition("+")[0], "names": spaces}


def reason(full_name):
    """Return why a name is not there, or None."""
    return next((why for pattern, why in REASONS if re.fullmatch(pattern, full_name)), None)


def compare(space, name, theirs):
    """Return (status, remark) of one name: same, differs, refuses, absent, missing."""
    full = f"{space}.{name}"
    owner = resolve(NAMESPACES[space])
    absent = importlib.import_module("minitorch.absent").ABSENT
    short = full.removeprefix("torch.")
    if short in absent:
        return "refuses", absent[short]
    try:
        ours = getattr(owner, name)
    except AttributeError:
        why = reason(full)
        return ("absent", why) if why else ("missing", "")
    if type(ours).__name__ == "Absent":
        return "refuses", f"can be named; {ours.advice}"
    if full in DIFFERS:
        return "differs", DIFFERS[full]
    mine = parameters(inspect.unwrap(ours) if inspect.isroutine(ours) else ours)
    if theirs is None or mine is None:
        return "same", ""
    lacks = [p for p in theirs if p not in mine and p not in ("device", "dtype", "out")]
    return ("differs", "without " + ", ".join(lacks)) if lacks else ("same", "")


def table():
    """Return, per namespace, rows (name, status, remark)."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    return data["version"], {
        space: [(name, *compare(space, name, theirs)) for name, theirs in names.items()]
        for space, names in data["names"].items()
    }


def page():
    """Return the page as reStructuredText."""
    version, spaces = table()
    lines = [f"Compared with PyTorch {version}.", ""]
    lines += [".. list-table::", "   :header-rows: 1", ""]
    rows = [("module", "same", "differs", "refuses", "absent")]
    for space, found in spaces.items():
        counts = [str(sum(s == kind for _, s, _ in found)) for kind in rows[0][1:]]
        rows.append((f"``{space}``", *counts))
    for first, *others in rows:
        lines += [f"   * - {first}", *[f"     - {text}" for text in others]]
    for space, found in spaces.items():
        lines += ["", f".. rubric:: {space}", ""]
        by_status = {kind: [] for kind in ("same", "differs", "refuses", "absent")}
        for name, status, remark in found:
            by_status[status].append((name, remark))
        for status, heading in (
            ("differs", "Differs"),
            ("refuses", "Refuses: NotImplementedError, with advice"),
            ("absent", "Absent"),
        ):
            grouped = {}
            for name, remark in by_status[status]:
                grouped.setdefault(remark, []).append(f"``{name}``")
            if grouped:
                lines += [f"{heading}:", ""]
                lines += [f"- {why}: {', '.join(names)}" for why, names in grouped.items()]
                lines += [""]
        if by_status["same"]:
            lines += ["Same: " + ", ".join(f"``{name}``" for name, _ in by_status["same"]), ""]
    return "\n".join(lines)


def setup(app):
    from sphinx.util.docutils import SphinxDirective

    class Parity(SphinxDirective):
        """Show the page."""

        def run(self):
            self.env.note_dependency(str(DATA))
            return self.parse_text_to_nodes(page())

    app.add_directive("parity", Parity)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    DATA.write_text(json.dumps(collect(), indent=0) + "\n", encoding="utf-8")
