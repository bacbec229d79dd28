"""One record per operation, from which tests/test_opspecs.py makes its tests.

How to add an operation
-----------------------
Add an `OpSpec` to the list ``SPECS`` in ``tests/specs/<stem>.py`` (the stem of its file in
minitorch/ops; a new file is found by itself)::

    OpSpec(
        "nn.functional.softmax",              # public name under minitorch; also a Tensor method
        ref=reference.softmax,                # foreign: numpy, or tests/reference.py
        samples=lambda rng: [
            sample(rng.standard_normal((3, 4)), dim=1),
            sample(rng.standard_normal((0, 4)), dim=1),
        ],
        errors=[
            bad(IndexError, "softmax: dim 2 is out of range", np.ones((3, 4)), dim=2),
        ],
    )

`ref` takes what the operation takes, with numpy arrays in place of tensors, and returns an array or
a tuple of arrays. In samples, numpy arrays stand for tensors (also inside lists and tuples):
floating-point ones are differentiated, except inside `constant(...)`. Keep them small (some ten
elements) and away from points where the operation has no derivative (kinks, ties).

That gives: equality with the reference in float64 and float32; the same for inputs that are not
contiguous, and under no_grad; inputs unmodified by forward and backward; gradcheck and
gradgradcheck in float64; a fused first-order derivative equal to the recorded one; a flipped sign
in any of its derivatives noticed; the Tensor method and the function in place (the name with ``_``)
the same as the function; and each error with its message. A public function without a record is an
error unless `EXEMPT` says why.
"""

import importlib
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

import minitorch
from minitorch import autograd

# Elements of the inputs above which not the whole Jacobian of the function (of its gradient) is
# checked, but its product with random vectors.
LARGE, SMALL = 80, 12

DRAWN = "what it draws depends on no tensor: tests/test_random.py"

# Compositions of operations that have records, and functions without derivative.
COMPOSED = """
    addmv_ angle as_strided_scatter block_diag broadcast_shapes cartesian_prod cdist cholesky
    combinations copysign corrcoef cosine_similarity cov cross cumulative_trapezoid deg2rad
    diagflat diagonal_scatter diff dist frexp gcd gradient heaviside histogram index_reduce isin
    isneginf isposinf isreal lcm ldexp logaddexp logaddexp2 logcumsumexp logdet logit matrix_exp
    matrix_power mode mvlgamma nanquantile nuclear_norm pairwise_distance pdist pinverse qr quantile
    rad2deg renorm select_scatter sgn signbit sinc slice_scatter svd trace trapezoid trapz
    unravel_index vander deg2rad_ fill_ fix_ gcd_ i0_ index_put_ lcm_ ldexp_ logit_ rad2deg_
    resize_as_ sinc_ xlogy_ zero_ as_strided_
"""

COMPOSED_LOSSES = """
    cosine_embedding_loss ctc_loss hinge_embedding_loss margin_ranking_loss poisson_nll_loss
    triplet_margin_loss nn.functional.cosine_embedding_loss nn.functional.ctc_loss
    nn.functional.gaussian_nll_loss nn.functional.gumbel_softmax nn.functional.hinge_embedding_loss
    nn.functional.margin_ranking_loss nn.functional.multi_margin_loss
    nn.functional.multilabel_margin_loss nn.functional.multilabel_soft_margin_loss
    nn.functional.poisson_nll_loss nn.functional.soft_margin_loss nn.functional.triplet_margin_loss
    nn.functional.triplet_margin_with_distance_loss nn.functional.cosine_similarity
    nn.functional.pairwise_distance nn.functional.pdist
"""

# Public functions that need no record, and why.
EXEMPT: dict[str, str] = {
    **dict.fromkeys(COMPOSED_LOSSES.split(), "compared with PyTorch: tests/test_margin_losses.py"),
    **dict.fromkeys(COMPOSED.split(), "compared with PyTorch: tests/test_names.py"),
    "nn.functional.multi_head_attention_forward": "composed: tests/test_rnn_attention.py",
    "nn.functional.scaled_dot_product_attention": "composed: tests/test_rnn_attention.py",
    "allclose": "returns a Python bool: tests/test_elementwise.py",
    "contiguous": "may return its argument: tests/test_shape.py",
    "copy_": "only in place: tests/test_index.py, tests/test_inplace_fuzz.py",
    "equal": "returns a Python bool: tests/test_elementwise.py",
    "multinomial": DRAWN,
    "normal": DRAWN,
    "poisson": DRAWN,
    "positive": "returns its argument: tests/test_elementwise.py",
    "rand": DRAWN,
    "rand_like": DRAWN,
    "randint": DRAWN,
    "randint_like": DRAWN,
    "randn": DRAWN,
    "randn_like": DRAWN,
    "randperm": DRAWN,
}


@dataclass(frozen=True)
class Sample:
    """Arguments of one call."""

    args: tuple
    kwargs: dict


@dataclass(frozen=True)
class Bad:
    """Arguments of a call that must raise `error` with a message that begins with `message`."""

    error: type
    message: str
    args: tuple
    kwargs: dict


def sample(*args, **kwargs):
    """Make a `Sample`."""
    return Sample(args, kwargs)


def bad(error, message, *args, **kwargs):
    """Make a `Bad`."""
    return Bad(error, message, args, kwargs)


class constant:
    """A floating-point array in a sample with respect to which nothing is differentiated."""

    def __init__(self, array):
        self.array = np.asarray(array)


@dataclass
class OpSpec:
    """What an operation must do.

    Attributes
    ----------
    name : str
        Public name under ``minitorch``.
    ref : callable
        The reference, on arrays. None if there is none (then only derivatives are checked).
    samples : callable
        Makes a list of `Sample` from a numpy random generator.
    errors : sequence of Bad
        Calls that must fail.
    fn : callable
        The operation, if it is not simply the function called `name`.
    differentiable : bool
        Whether derivatives are checked.
    dtypes : sequence of str
        Types in which the floating-point arrays of the samples are tried.
    rtol, atol : dict
        Tolerances per type, where the defaults do not do.
    method : bool
        Whether a method of this name takes the same arguments in the same order.
    """

    name: str
    ref: Callable | None
    samples: Callable
    errors: Sequence[Bad] = ()
    fn: Callable = None
    differentiable: bool = True
    dtypes: Sequence[str] = ("float64", "float32")
    rtol: dict = field(default_factory=dict)
    atol: dict = field(default_factory=dict)
    method: bool = True

    RTOL = {"float64": 1e-10, "float32": 1e-4, "float16": 1e-2}
    ATOL = {"float64": 1e-10, "float32": 1e-5, "float16": 1e-2}

    def __post_init__(self):
        if self.fn is None:
            self.fn = resolve(self.name)

    def made_samples(self):
        """Return the samples; the same ones each time."""
        return self.samples(np.random.default_rng(1))

    def tolerance(self, dtype):
        """Return (rtol, atol) for a type."""
        return self.rtol.get(dtype, self.RTOL[dtype]), self.atol.get(dtype, self.ATOL[dtype])

    def __str__(self):
        return self.name.removeprefix("nn.functional.")


def from_numpy(array):
    """Make a Tensor that shares the memory of an array."""
    return minitorch.Tensor._wrap(array)


def resolve(name):
    """Return the public object called ``minitorch.<name>``."""
    value = minitorch
    for part in name.split("."):
        value = getattr(value, part)
    return value


def inplace_of(spec):
    """Return the function or method that does the operation in place, or None."""
    parent, _, stem = spec.name.rpartition(".")
    places = (resolve(parent),) if parent else (minitorch, minitorch.Tensor)
    found = [getattr(place, stem + "_") for place in places if hasattr(place, stem + "_")]
    return found[0] if found else None


def all_specs():
    """Return the records of all files in tests/specs."""
    folder = pathlib.Path(__file__).parent / "specs"
    stems = sorted(path.stem for path in folder.glob("*.py"))
    return [spec for stem in stems for spec in importlib.import_module(f"specs.{stem}").SPECS]


# ------------------------------------------------------------------------------------------------
# Arguments: arrays in samples, tensors for the operation


def mapped(fn, value):
    """Apply `fn` to every array in a nest of lists, tuples and dicts."""
    if isinstance(value, np.ndarray | np.generic | constant):
        return fn(value if isinstance(value, constant) else np.asarray(value))
    if isinstance(value, dict):
        return {key: mapped(fn, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(mapped(fn, item) for item in value)
    return value


def arrays_of(call, dtype=None):
    """Return (args, kwargs) with plain arrays, floating-point ones of type `dtype`."""

    def plain(value):
        array = value.array if isinstance(value, constant) else value
        return array.astype(dtype) if dtype and array.dtype.kind == "f" else array.copy()

    return mapped(plain, call.args), mapped(plain, call.kwargs)


def tensors_of(call, dtype=None, layout=None):
    """Return (args, kwargs, arrays, leaves): Tensors, their memory, those to differentiate."""
    arrays, leaves = [], []

    def tensor(value):
        array = value.array if isinstance(value, constant) else value
        array = array.astype(dtype) if dtype and array.dtype.kind == "f" else array.copy()
        if layout is not None:
            array = layout(array)
        made = from_numpy(array)
        arrays.append(array)
        if array.dtype.kind == "f" and not isinstance(value, constant):
            leaves.append(made.requires_grad_())
        return made

    return mapped(tensor, call.args), mapped(tensor, call.kwargs), arrays, leaves


def strided(array):
    """Return the same elements in reversed order of dimensions, every other one of a buffer."""
    filler = np.nan if array.dtype.kind == "f" else 1
    buffer = np.full((*array.shape[::-1], 2), filler, array.dtype)
    view = buffer[..., 0].T
    view[...] = array
    return view


def array_of(tensor):
    """Return the values of a Tensor, whether or not it requires grad."""
    return tensor.detach()._array


def tensors_in(result):
    """Return the Tensors of a result (a Tensor, or a tuple or list) as a list."""
    if isinstance(result, minitorch.Tensor):
        return [result]
    return [tensor for item in result for tensor in tensors_in(item)]


def arrays_in(result):
    """Return the arrays of a reference's result as a list."""
    if isinstance(result, tuple | list):
        return [array for item in result for array in arrays_in(item)]
    return [np.asarray(result)]


# ------------------------------------------------------------------------------------------------
# Derivatives


def differentiated(spec, call):
    """Return (function of the leaves giving the differentiable outputs, leaves), in float64."""
    _, _, _, leaves = tensors_of(call, "float64")

    def function(*given):
        tensors = iter(given)

        def tensor(value):
            fixed = isinstance(value, constant)
            array = value.array if fixed else value
            if array.dtype.kind != "f":
                return from_numpy(array.copy())
            return from_numpy(array.astype("float64")) if fixed else next(tensors)

        result = spec.fn(*mapped(tensor, call.args), **mapped(tensor, call.kwargs))
        outputs = tuple(t for t in tensors_in(result) if t.requires_grad)
        return outputs[0] if len(outputs) == 1 else outputs

    return function, leaves


def check_gradients(spec, call):
    """Check first and second derivatives of one sample; raise if one is wrong."""
    function, leaves = differentiated(spec, call)
    size = sum(leaf.numel() for leaf in leaves)
    plain = first_derivatives(function, leaves)[0]
    recorded = differentiate_twice(function, leaves)
    for leaf, one, other in zip(leaves, plain, recorded, strict=True):
        # A derivative computed on arrays (fused, perhaps) equals the recorded one.
        assert (one is None) == (other is None)
        if one is not None:
            assert one.shape == other.shape == leaf.shape
            np.testing.assert_allclose(array_of(one), array_of(other), rtol=1e-9, atol=1e-10)
    if size and any(g is not None for g in plain):
        autograd.gradcheck(function, leaves, fast_mode=size > LARGE)
        autograd.gradgradcheck(function, leaves, fast_mode=size > SMALL)


def first_derivatives(function, leaves, create_graph=False):
    """Return (gradients of the leaves, cotangents) for random cotangents."""
    results = function(*leaves)
    outputs = results if isinstance(results, tuple) else (results,)
    rng = np.random.default_rng(2)
    cotangents = [from_numpy(rng.standard_normal(y.shape)).requires_grad_() for y in outputs]
    grads = autograd.grad(outputs, leaves, cotangents, create_graph=create_graph, allow_unused=True)
    return grads, cotangents


def differentiate_twice(function, leaves):
    """Return the recorded gradients, having differentiated them too."""
    grads, cotangents = first_derivatives(function, leaves, create_graph=True)
    again = [g for g in grads if g is not None and g.requires_grad]
    if again:
        rng = np.random.default_rng(3)
        directions = [from_numpy(rng.standard_normal(g.shape)) for g in again]
        autograd.grad(again, [*leaves, *cotangents], directions, allow_unused=True)
    return grads
