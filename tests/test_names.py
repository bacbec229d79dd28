"""Names of torch that are compositions of operations: values, types, gradients, kinds of error."""

import importlib
import math
import warnings

import numpy as np
import pytest
from compare import compare, resolve_pair

import minitorch

RNG = np.random.default_rng(11)


def normal(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


def uniform(*shape, low=0.1, high=0.9):
    return RNG.uniform(low, high, shape)


def integers(*shape, low=-9, high=9, dtype="int64"):
    return RNG.integers(low, high, shape).astype(dtype)


X, Y, M = normal(3, 4), normal(3, 4), normal(4, 4)
POSITIVE, INTS = uniform(3, 4, high=5.0), integers(3, 4)
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf, np.nan, 30.0, 0.5])
SPD = M @ M.T + 4 * np.eye(4)
DUPLICATES = np.array([[1.0, 2, 2, 3], [4, 4, 4, 4], [7, 5, 7, 5]])
WITH_NAN = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])

# Name under torch, and the arguments of its calls.
CALLS = [
    ("lgamma", POSITIVE), ("lgamma", normal(40) * 8), ("lgamma", SPECIAL), ("lgamma", INTS),
    ("digamma", POSITIVE), ("digamma", normal(40) * 8), ("digamma", SPECIAL[4:7]),
    ("polygamma", 1, POSITIVE), ("polygamma", 2, POSITIVE), ("polygamma", 0, POSITIVE),
    ("mvlgamma", POSITIVE + 3, 3), ("i0", X * 10), ("i0", normal(20) * 50), ("i0", SPECIAL[:8]),
    ("logit", uniform(3, 4)), ("logit", uniform(3, 4, low=-0.5, high=1.5), 0.1),
    ("sinc", X), ("sinc", SPECIAL[:6]), ("deg2rad", X), ("rad2deg", X), ("deg2rad", INTS),
    ("sgn", X), ("angle", X), ("signbit", SPECIAL), ("signbit", INTS), ("isposinf", SPECIAL),
    ("isneginf", SPECIAL), ("isreal", X), ("frexp", X), ("frexp", SPECIAL[:6]),
    ("xlogy", POSITIVE, POSITIVE), ("xlogy", SPECIAL, SPECIAL), ("xlogy", X, 2.0),
    ("xlogy", 2.0, POSITIVE), ("logaddexp", X, Y), ("logaddexp", SPECIAL[:6], SPECIAL[:6]),
    ("logaddexp2", X, Y), ("copysign", X, Y), ("copysign", X, -1.0), ("copysign", INTS, Y),
    ("ldexp", X, abs(INTS)), ("ldexp", INTS, INTS), ("heaviside", X, Y),
    ("nextafter", X, Y), ("gcd", INTS, INTS[::-1].copy()), ("lcm", INTS, INTS[::-1].copy()),
    ("gcd", X, Y),
    # arrange
    ("as_strided", normal(12), (3, 3), (2, 1), 1), ("as_strided", X, (2, 2), (1, 2)),
    ("as_strided", X, (9, 9), (9, 9)),
    ("diagflat", X), ("diagflat", normal(3), -1), ("broadcast_shapes", (3, 1), (1, 4), (4,)),
    ("block_diag", X, normal(2, 2), normal(3), np.array(2.0)),
    ("cartesian_prod", normal(3), normal(2)), ("cartesian_prod", normal(3)),
    ("combinations", normal(4)), ("combinations", normal(4), 3),
    ("combinations", normal(4), 2, True), ("vander", normal(4)), ("vander", normal(4), 3, True),
    ("isin", INTS, integers(5)), ("select_scatter", X, normal(3), 1, 2),
    ("select_scatter", X, normal(2), 1, 2), ("slice_scatter", X, normal(3, 2), 1, 0, 4, 2),
    ("diagonal_scatter", M, normal(4)), ("diagonal_scatter", M, normal(3), 1),
    ("index_reduce", X, 0, np.array([0, 2, 0]), Y, "amax"),
    ("index_reduce", X, 0, np.array([0, 2, 0]), Y, "mean"),
    ("index_reduce", X, 1, np.array([0, 2, 0, 1]), Y, "prod"),
    ("unravel_index", np.array([3, 7, 11]), (3, 4)),
    # statistics
    ("quantile", X, 0.3), ("quantile", X, np.array([0.0, 0.25, 1.0])), ("quantile", X, 0.5, 1),
    ("quantile", X, np.array([0.2, 0.7]), 0, True), ("quantile", X, 0.5, None, True),
    ("quantile", WITH_NAN, 0.5, 1), ("nanquantile", WITH_NAN, 0.5, 1),
    ("nanquantile", WITH_NAN, np.array([0.1, 0.9]), 1, True), ("quantile", X, 1.5),
    ("quantile", INTS, 0.5), ("cov", X), ("cov", normal(5)), ("corrcoef", X),
    ("diff", X), ("diff", X, 2, 0), ("diff", INTS), ("diff", X, 1, 1, normal(3, 1)),
    ("trapezoid", X), ("trapezoid", X, np.sort(normal(4))), ("trapz", X, np.sort(normal(3, 4))),
    ("cumulative_trapezoid", X), ("logcumsumexp", X, 1), ("logcumsumexp", X * 100, 0),
    ("renorm", X, 2, 0, 1.0), ("renorm", X, 1, 1, 0.5), ("dist", X, Y), ("dist", X, Y, 1),
    ("cdist", X, Y), ("cdist", X, Y, 1.0), ("cdist", normal(2, 3, 4), normal(2, 5, 4), 3.0),
    ("cdist", X, Y, math.inf), ("cdist", X, normal(2, 3)), ("pdist", X), ("pdist", X, 1.0),
    ("pairwise_distance", X, Y), ("pairwise_distance", X, Y, 1.0, 1e-6, True),
    ("cosine_similarity", X, Y), ("cosine_similarity", X, Y, 0),
    ("cosine_similarity", X, normal(4), 1), ("mode", DUPLICATES), ("mode", DUPLICATES, 0),
    ("gradient", X), ("mode", INTS, 1, True),
    # linear algebra
    ("trace", M), ("cross", normal(3, 4), normal(3, 4)), ("cross", normal(2, 3), normal(2, 3), 1),
    ("det", M), ("det", normal(2, 3, 3)), ("det", np.ones((3, 3))), ("inverse", M),
    ("inverse", normal(2, 3, 3)), ("inverse", np.zeros((2, 2))), ("logdet", SPD),
    ("logdet", M), ("matrix_power", M, 3), ("matrix_power", M, -2), ("matrix_power", M, 0),
    ("matrix_exp", M), ("matrix_exp", M * 10), ("linalg.vector_norm", X), ("linalg.norm", X),
    ("linalg.vector_norm", X, 1, 1), ("linalg.norm", X, 1), ("linalg.norm", X, math.inf),
    ("linalg.matrix_norm", X), ("linalg.solve", M, X.T.copy()), ("linalg.inv", M),
    ("linalg.cross", normal(4, 3), normal(4, 3)), ("inverse", X), ("linalg.multi_dot", [X, M, X.T]),
    # names that are no operations
    ("numel", X), ("is_floating_point", X), ("is_complex", X), ("is_signed", INTS),
    ("is_nonzero", np.array(2.0)), ("is_nonzero", X), ("is_same_size", X, Y), ("conj", X),
    ("real", X), ("imag", X), ("range", 1, 4), ("range", 1, 4, 0.5), ("detach", X),
    ("special.entr", POSITIVE), ("special.ndtr", X), ("special.ndtri", uniform(3, 4)),
    ("special.xlog1py", POSITIVE, POSITIVE), ("special.expit", X), ("special.gammaln", POSITIVE),
    ("special.multigammaln", POSITIVE + 3, 2), ("special.psi", POSITIVE),
    ("scatter_reduce", X, 1, np.array([[0, 2, 0], [1, 1, 1]]), Y, "prod"),
    ("scatter_reduce", X * (X > 0), 1, np.array([[0, 2, 0], [1, 1, 1]]), Y, "prod"),
    ("scatter_reduce", X * (X > 0), 1, np.array([[0, 2, 0], [1, 1, 1]]), Y * (Y > 0), "prod"),
]  # fmt: skip

# Factorisations have no derivative here.
PLAIN = [
    ("linalg.svdvals", X), ("linalg.matrix_norm", X, 2), ("linalg.matrix_norm", X, "nuc"),
    ("cholesky", SPD), ("linalg.eigvalsh", SPD), ("pinverse", X), ("nuclear_norm", X),
    ("linalg.matrix_rank", X), ("slogdet", M), ("ldexp", INTS, INTS),
    ("logaddexp", SPECIAL, SPECIAL), ("digamma", SPECIAL),
    ("as_strided_scatter", X, normal(2, 2), (2, 2), (1, 2)),
    ("linalg.pinv", X), ("histogram", X, 4),
    ("histogram", POSITIVE, np.array([0.0, 1.0, 3.0, 5.0])),
]  # fmt: skip


def label(call):
    return f"{call[0]}-{len(call) - 1}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS, ids=label)
def test_function(torch, call):
    ours, theirs = resolve_pair(torch, call[0])
    compare(torch, ours, theirs, *call[1:], rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", PLAIN, ids=label)
def test_without_derivative(torch, call):
    ours, theirs = resolve_pair(torch, call[0])
    compare(torch, ours, theirs, *call[1:], rtol=1e-8, atol=1e-10, grad=False)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
def test_windows(torch, name):
    for size, periodic in ((6, True), (5, False), (1, True)):
        ours, theirs = (getattr(m, name + "_window")(size, periodic) for m in (minitorch, torch))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=2e-7)


def test_factorisations():
    x = minitorch.from_numpy(X)
    q, r = minitorch.qr(x)
    np.testing.assert_allclose((q @ r).numpy(), X)
    u, s, v = minitorch.svd(x)
    np.testing.assert_allclose((u @ minitorch.diag(s) @ v.T).numpy(), X)
    with pytest.raises(NotImplementedError, match="svd: the derivative is not implemented"):
        minitorch.svd(x.clone().requires_grad_())


# Methods in place, and their arguments after the tensor.
IN_PLACE = [
    ("copysign_", X, Y), ("deg2rad_", X), ("digamma_", POSITIVE), ("gcd_", INTS, INTS[::-1].copy()),
    ("heaviside_", X, Y), ("i0_", X), ("lcm_", INTS, INTS[::-1].copy()), ("ldexp_", X, abs(INTS)),
    ("lgamma_", POSITIVE), ("logit_", uniform(3, 4)), ("mvlgamma_", POSITIVE + 3, 2),
    ("nextafter_", X, Y), ("polygamma_", POSITIVE, 1), ("rad2deg_", X), ("sgn_", X), ("sinc_", X),
    ("xlogy_", POSITIVE, POSITIVE), ("addbmm_", M, normal(2, 4, 3), normal(2, 3, 4)),
    ("addmv_", normal(3), X, normal(4)), ("addr_", X, normal(3), normal(4)),
    ("baddbmm_", normal(2, 4, 4), normal(2, 4, 3), normal(2, 3, 4)), ("arccos_", uniform(3)),
    ("arcsin_", uniform(3)), ("arctan_", X), ("arccosh_", POSITIVE + 1), ("arcsinh_", X),
    ("arctanh_", uniform(3)), ("arctan2_", X, Y), ("cumprod_", X, 1), ("cumsum_", X, 0),
    ("fix_", X), ("float_power_", POSITIVE, 2.0), ("greater_", X, Y), ("greater_equal_", X, Y),
    ("less_", X, Y), ("less_equal_", X, Y), ("not_equal_", X, Y), ("hypot_", X, Y),
    ("renorm_", X, 2, 0, 1.0), ("index_reduce_", X, 0, np.array([0, 2, 0]), Y, "amin"),
    ("fill_diagonal_", M, 3.0), ("fill_diagonal_", normal(7, 3), 3.0),
    ("fill_diagonal_", normal(7, 3), 3.0, True), ("swapaxes_", X, 0, 1), ("swapdims_", X, 0, 1),
    ("as_strided_", X, (2, 2), (1, 3)), ("squeeze_", normal(3, 1)), ("logit_", INTS),
    ("digamma_", INTS), ("xlogy_", INTS, X),
]  # fmt: skip

METHODS = [
    ("sum_to_size", X, (1, 4)), ("sum_to_size", X, 4), ("sum_to_size", X, (2, 4)),
    ("narrow_copy", X, 0, 1, 2), ("unsafe_chunk", X, 2), ("unsafe_split", X, 2, 1),
    ("is_same_size", X, Y), ("is_nonzero", np.array(0)), ("polygamma", POSITIVE, 1),
    ("diag", M), ("cross", normal(3, 2), normal(3, 2)), ("trace", M), ("to_dense", X),
    ("new_tensor", X, [1, 2]), ("mode", DUPLICATES), ("quantile", X, 0.5), ("logdet", SPD),
    ("frexp", X), ("cov", X), ("diff", X), ("dist", X, Y), ("inverse", M), ("storage_offset", X),
    ("is_pinned", X), ("is_shared", X), ("dim_order", X), ("conj_physical", X),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", IN_PLACE + METHODS, ids=label)
def test_method(torch, call):
    def run(x, *args):
        x = x.clone() if call[0].endswith("_") else x
        return getattr(x, call[0])(*args)

    compare(torch, run, run, *call[1:], rtol=1e-8, atol=1e-10)


class TestResize:
    def test_as_torch(self, lib):
        x = lib.tensor(3, 4, grad=False)
        first = x.flatten().tolist()
        assert x.resize_(2, 3) is x
        assert x.shape == (2, 3)
        assert x.flatten().tolist() == first[:6]
        y = lib.module.ones(2)
        y.resize_as_(x)
        assert y.shape == (2, 3)
        assert y.flatten().tolist()[:2] == [1.0, 1.0]
        with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
            lib.ones(2).resize_(3)

    def test_old_names(self, lib):
        with pytest.warns(UserWarning, match="non-inplace resize is deprecated"):
            assert lib.ones(4, grad=False).resize(2, 2).shape == (2, 2)


@pytest.mark.filterwarnings("ignore:TypedStorage")
class TestStorage:
    def test_is_shared_by_views(self, lib):
        x = lib.ones(2, 3, grad=False)
        row = x[1]
        assert x.storage().data_ptr() == row.storage().data_ptr()
        assert row.storage().size() == 6
        assert len(x.untyped_storage()) in (6, 48)
        assert list(x.storage()) == [1.0] * 6
        x.storage()[0] = 7.0
        assert x[0, 0].item() == 7.0

    def test_set(self, lib):
        x, y = lib.ones(2, grad=False), lib.tensor(3, 2, grad=False)
        x.set_(y)
        assert x.data_ptr() == y.data_ptr()
        assert x.shape == (3, 2)

    def test_types(self, lib):
        m = lib.module
        row = m.FloatStorage([1, 2, 3])
        assert isinstance(row, m.FloatStorage)
        assert not isinstance(row, m.LongStorage)
        assert list(row) == [1.0, 2.0, 3.0]
        assert len(m.LongStorage(4)) == 4
        assert m.FloatTensor(row).tolist() == [1.0, 2.0, 3.0]
        assert m.ByteTensor(m.ByteStorage.from_buffer(b"ab")).tolist() == [97, 98]
        big = m.IntStorage.from_buffer(b"\0\0\0\1\0\0\0\2", byte_order="big")
        assert list(big) == [1, 2]


def test_foreach(lib):
    m = lib.module
    first = [lib.tensor(2, 3, grad=False), lib.tensor(4, grad=False)]
    second = [x * 2 + 1 for x in first]
    for name, arguments in {
        "add": (second,),
        "mul": (3.0,),
        "div": (second,),
        "maximum": (0.1,),
        "minimum": (second,),
        "lerp": (second, 0.3),
        "addcmul": (second, second, 2.0),
        "addcdiv": (second, second, [1.0, 2.0]),
        "sqrt": (),
        "neg": (),
        "norm": (),
    }.items():
        results = getattr(m, f"_foreach_{name}")(first, *arguments)
        assert [tuple(r.shape) for r in results] == [
            () if name == "norm" else tuple(x.shape) for x in first
        ]
        if name != "norm":
            places = [x.clone() for x in first]
            getattr(m, f"_foreach_{name}_")(places, *arguments)
            for place, result in zip(places, results, strict=True):
                assert m.equal(m.nan_to_num(place), m.nan_to_num(result))
    m._foreach_zero_(zeros := [x.clone() for x in first])
    assert not any(x.any() for x in zeros)
    added = m._foreach_add(first, second, alpha=2)
    assert m.allclose(added[0], first[0] + 2 * second[0])
    divided = m._foreach_addcdiv(first, second, second, [1.0, 2.0])
    assert m.allclose(divided[1], first[1] + 2)
    with pytest.raises(AttributeError):
        m._foreach_nothing  # noqa: B018


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("expand", ((4, 3),)),
        ("t", ()),
        ("split", (1, 1)),
        ("select", (0, 1)),
        ("permute", ((1, 0),)),
    ],
)
def test_copies_of_views(lib, name, arguments):
    x = lib.tensor(2, 3, grad=False)
    x = x[:1] if name == "expand" else x
    copies = getattr(lib.module, f"{name}_copy")(x, *arguments)
    views = getattr(x, name)(*arguments)
    copies, views = ((v,) if hasattr(v, "shape") else v for v in (copies, views))
    assert [v.tolist() for v in copies] == [v.tolist() for v in views]
    x.zero_()
    assert any(v.any() for v in copies)


def test_reversed(lib):
    x = lib.tensor(3, 2, grad=False)
    assert lib.module.equal(reversed(x), x.flip(0))


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_gradients_of_convolutions(torch, ndim):
    rng = np.random.default_rng(ndim)
    size, kernel = (2, 4, *(7, 6, 5)[:ndim]), (6, 2, *(3,) * ndim)
    options = {"stride": 2, "padding": 1, "groups": 2}
    x, w = rng.standard_normal(size), rng.standard_normal(kernel)
    y = getattr(minitorch.nn.functional, f"conv{ndim}d")(
        minitorch.tensor(x), minitorch.tensor(w), None, **options
    )
    g = rng.standard_normal(tuple(y.shape))
    for what, first, second in (("input", size, w), ("weight", x, kernel)):
        ours, theirs = (
            getattr(importlib.import_module(f"{m.__name__}.nn.grad"), f"conv{ndim}d_{what}")(
                *(m.tensor(v) if isinstance(v, np.ndarray) else v for v in (first, second)),
                m.tensor(g),
                **options,
            )
            for m in (minitorch, torch)
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)


def test_legacy_new(lib):
    x = lib.ones(2, grad=False)
    assert x.new([1, 2]).dtype == x.dtype
    assert x.new(3, 4).shape == (3, 4)
    assert x.new(x.size()).shape == (2,)
    assert x.new().numel() == 0


def test_python_functions_of_elements(lib):
    x = lib.ones(2, 2, grad=False)
    x.apply_(lambda value: value + 1)
    x.map_(lib.ones(2, 2, grad=False), lambda a, b: a * 2 + b)
    assert x.tolist() == [[5.0, 5.0], [5.0, 5.0]]


class TestOut:
    def test_is_written_and_returned(self, lib):
        m = lib.module
        x, out = lib.tensor(2, 3, grad=False), lib.ones(2, 3, grad=False)
        assert m.mul(x, 2.0, out=out) is out
        assert out.tolist() == (x * 2).tolist()
        values, indices = m.empty(0, dtype=x.dtype), m.empty(0, dtype=m.int64)
        result = m.max(x, 1, out=(values, indices))
        assert result[0] is values
        assert values.tolist() == x.max(1)[0].tolist()
        assert indices.tolist() == x.max(1)[1].tolist()
        grown = m.empty(0, dtype=x.dtype)
        m.cat((x, x), 0, out=grown)
        assert grown.shape == (4, 3)

    def test_refuses(self, lib):
        m = lib.module
        x = lib.tensor(2, 3, grad=False)
        with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
            m.mul(x, 2.0, out=m.empty(2, 3, dtype=m.int64))
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            m.add(lib.ones(2), 1.0, out=lib.ones(2, grad=False))
        with pytest.warns(UserWarning, match="was resized"):
            m.mul(x, 2.0, out=m.ones(5, dtype=x.dtype))


class TestAbsent:
    @pytest.mark.parametrize("name", sorted(minitorch.absent.ABSENT))
    def test_says_what_to_use(self, name):
        owner = minitorch.Tensor if name.startswith("Tensor.") else minitorch
        with pytest.raises(NotImplementedError, match=name):
            getattr(owner, name.rpartition(".")[2])(minitorch.ones(1))

    @pytest.mark.parametrize("name", ["fft.fft2", "fft.rfft", "sparse.FloatTensor", "sparse.mm"])
    def test_modules(self, name):
        module, function = name.split(".")
        with pytest.raises(NotImplementedError, match=name):
            getattr(getattr(minitorch, module), function)(minitorch.ones(2))

    @pytest.mark.parametrize("name", ["bfloat16", "complex64", "qint8", "uint16"])
    def test_types_can_be_named(self, name):
        kind = getattr(minitorch, name)
        assert repr(kind) == f"minitorch.{name}"
        assert kind != minitorch.float32
        with pytest.raises(NotImplementedError, match=f"{name} is not supported; use "):
            minitorch.ones(2).to(kind)
        with pytest.raises(NotImplementedError, match=f"{name} is not supported; use "):
            minitorch.zeros(2, dtype=kind)


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_settings(lib):
    m = lib.module
    assert (m.inf, m.pi, m.newaxis) == (math.inf, math.pi, None)
    assert m.is_storage(lib.ones(2, grad=False).storage())
    assert m.result_type(lib.ones(2), 1) == m.float64
    assert m.typename(lib.ones(2)).endswith("DoubleTensor")
    assert lib.ones(2).contiguous(memory_format=m.contiguous_format).shape == (2,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m.set_default_tensor_type("torch.DoubleTensor" if lib.is_torch else m.DoubleTensor)
        assert m.ones(1).dtype == m.float64
        m.set_default_tensor_type(m.FloatTensor)
    assert m.get_default_dtype() == m.float32


@pytest.mark.filterwarnings("ignore")
def test_assert_close(lib):
    m = lib.module
    check = importlib.import_module(f"{m.__name__}.testing").assert_close
    x = lib.wrap(X)
    check(x, x + 1e-9)
    check([x, {"a": 1.0}], [x.clone(), {"a": 1.0}])
    check(m.tensor([math.nan]), m.tensor([math.nan]), equal_nan=True)
    for other in (x + 1e-3, x[:2], x.float()):
        with pytest.raises(AssertionError):
            check(x, other)
    with pytest.raises(AssertionError, match="mine"):
        check(x, x + 1, msg="mine")
    with pytest.raises(ValueError, match="rtol"):
        check(x, x, rtol=1.0)
