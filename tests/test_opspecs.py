"""What every operation must do, by the records of tests/specs (see opspecs.py)."""

import inspect
import re

import numpy as np
import opspecs
import pytest

import minitorch
from minitorch import autograd
from minitorch.autograd.op import Op

SPECS = opspecs.all_specs()
DIFFERENTIABLE = [spec for spec in SPECS if spec.differentiable]
each_plain_spec = pytest.mark.parametrize(
    "spec", [spec for spec in SPECS if spec.fn is opspecs.resolve(spec.name)], ids=str
)


def by_dtype(specs):
    """Parametrize a test by records and the types each is tried in."""
    cases = [
        pytest.param(spec, dtype, id=f"{spec}-{dtype}") for spec in specs for dtype in spec.dtypes
    ]
    return pytest.mark.parametrize(("spec", "dtype"), cases)


each_dtype = by_dtype(SPECS)
each_referenced = by_dtype([spec for spec in SPECS if spec.ref is not None])


def assert_close(results, expected, spec, dtype):
    results, expected = opspecs.tensors_in(results), opspecs.arrays_in(expected)
    assert len(results) == len(expected)
    rtol, atol = spec.tolerance(dtype)
    for result, wanted in zip(results, expected, strict=True):
        array = opspecs.array_of(result)
        assert array.shape == wanted.shape
        if wanted.dtype.kind == "f":
            assert array.dtype == dtype
            np.testing.assert_allclose(array, wanted, rtol, atol)
        else:
            assert array.dtype.kind == wanted.dtype.kind
            np.testing.assert_array_equal(array, wanted)


@each_referenced
def test_equals_reference(spec, dtype):
    for call in spec.made_samples():
        args, kwargs, _, _ = opspecs.tensors_of(call, dtype)
        rounded = opspecs.Sample(*opspecs.arrays_of(call, dtype))
        ref_args, ref_kwargs = opspecs.arrays_of(rounded, "float64")
        assert_close(spec.fn(*args, **kwargs), spec.ref(*ref_args, **ref_kwargs), spec, dtype)


@each_dtype
def test_strided_inputs_give_the_same(spec, dtype):
    for call in spec.made_samples():
        args, kwargs, _, _ = opspecs.tensors_of(call, dtype)
        expected = [opspecs.array_of(t) for t in opspecs.tensors_in(spec.fn(*args, **kwargs))]
        args, kwargs, _, _ = opspecs.tensors_of(call, dtype, opspecs.strided)
        assert_close(spec.fn(*args, **kwargs), expected, spec, dtype)


@each_dtype
def test_no_grad_gives_the_same(spec, dtype):
    for call in spec.made_samples():
        args, kwargs, _, leaves = opspecs.tensors_of(call, dtype)
        expected = opspecs.tensors_in(spec.fn(*args, **kwargs))
        with minitorch.no_grad():
            results = opspecs.tensors_in(spec.fn(*args, **kwargs))
        for one, other in zip(results, expected, strict=True):
            assert not one.requires_grad or any(one is leaf for leaf in leaves)
            np.testing.assert_array_equal(opspecs.array_of(one), opspecs.array_of(other))


@each_dtype
def test_inputs_stay_unmodified(spec, dtype):
    rng = np.random.default_rng(3)
    for call in spec.made_samples():
        args, kwargs, arrays, leaves = opspecs.tensors_of(call, dtype)
        before = [array.copy() for array in arrays]
        outputs = [t for t in opspecs.tensors_in(spec.fn(*args, **kwargs)) if t.requires_grad]
        if outputs:
            cotangents = [rng.standard_normal(y.shape).astype(dtype) for y in outputs]
            copies = [array.copy() for array in cotangents]
            given = [opspecs.from_numpy(array) for array in cotangents]
            autograd.grad(outputs, leaves, given, allow_unused=True)
            before, arrays = before + copies, arrays + cotangents
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("spec", DIFFERENTIABLE, ids=str)
def test_gradients(spec):
    for call in spec.made_samples():
        opspecs.check_gradients(spec, call)


ERRORS = [
    pytest.param(spec, wrong, id=f"{spec}-{number}")
    for spec in SPECS
    for number, wrong in enumerate(spec.errors)
]


@pytest.mark.parametrize(("spec", "wrong"), ERRORS)
def test_errors(spec, wrong):
    args, kwargs, arrays, _ = opspecs.tensors_of(wrong)
    before = [array.copy() for array in arrays]
    with pytest.raises(wrong.error, match="^" + re.escape(wrong.message)):
        spec.fn(*args, **kwargs)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@each_plain_spec
def test_method_is_the_function(spec):
    method = vars(minitorch.Tensor).get(spec.name)
    if method is None or not spec.method:
        return
    for call in spec.made_samples():
        args, kwargs, _, _ = opspecs.tensors_of(call)
        if not isinstance(args[0], minitorch.Tensor):
            continue
        results = opspecs.tensors_in(method(*args, **kwargs))
        for one, other in zip(results, opspecs.tensors_in(spec.fn(*args, **kwargs)), strict=True):
            np.testing.assert_array_equal(opspecs.array_of(one), opspecs.array_of(other))


@each_plain_spec
def test_in_place_is_the_function(spec):
    inplace = opspecs.inplace_of(spec)
    if inplace is None:
        return
    rng = np.random.default_rng(4)
    for call in spec.made_samples():
        args, kwargs, _, leaves = opspecs.tensors_of(call)
        expected = spec.fn(*args, **kwargs)
        first = args[0]
        if not isinstance(first, minitorch.Tensor) or first.shape != expected.shape:
            continue
        target = minitorch.clone(first)
        assert inplace(target, *args[1:], **kwargs) is target
        np.testing.assert_array_equal(opspecs.array_of(target), opspecs.array_of(expected))
        if not expected.requires_grad:
            continue
        cotangent = opspecs.from_numpy(rng.standard_normal(expected.shape))
        for one, other in zip(
            autograd.grad(target, leaves, cotangent, allow_unused=True),
            autograd.grad(expected, leaves, cotangent, allow_unused=True),
            strict=True,
        ):
            np.testing.assert_array_equal(opspecs.array_of(one), opspecs.array_of(other))


# ------------------------------------------------------------------------------------------------
# The tests are tested


def exercised_gradients(differentiate=opspecs.differentiate_twice):
    """Find, for every gradient (operation class, input) that is not zero, the smallest sample.

    By default those of the first and of the second order. Returns that, and the classes that were
    run.
    """
    found, ran = {}, set()
    run = Op.run
    current = None

    def watched(self, grads, needs):
        results = run(self, grads, needs)
        ran.add(type(self))
        for number, grad in enumerate(results):
            if needs[number] and grad is not None and np.any(getattr(grad, "_array", grad)):
                found.setdefault((type(self), number), current)
        return results

    functions = [
        (sum(leaf.numel() for leaf in leaves), number, spec, call, function, leaves)
        for number, (spec, call) in enumerate(
            (spec, call) for spec in DIFFERENTIABLE for call in spec.made_samples()
        )
        for function, leaves in [opspecs.differentiated(spec, call)]
        if all(leaf.numel() for leaf in leaves)  # with empty ones a sign may not show
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Op, "run", watched)
        for _, _, spec, call, function, leaves in sorted(functions, key=lambda item: item[:2]):
            current = spec, call
            differentiate(function, leaves)
    return found, ran


def test_flipped_sign_is_caught():
    """Flip the sign of each gradient that an operation returns: the checks must notice."""
    run = Op.run
    unnoticed = []
    for (flipped, number), (spec, call) in exercised_gradients()[0].items():

        def wrong(self, grads, needs, flipped=flipped, number=number):
            results = list(run(self, grads, needs))
            if type(self) is flipped and results[number] is not None:
                results[number] = flipped_sign(results[number])
            return tuple(results)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Op, "run", wrong)
            try:
                opspecs.check_gradients(spec, call)
            except (AssertionError, autograd.GradcheckError):
                continue
        unnoticed.append(f"{flipped.__name__}, input {number}, in {spec}")
    assert not unnoticed


def flipped_sign(grad):
    """Negate a Tensor or an array, which stays an array if it has no dimensions."""
    return -grad if isinstance(grad, minitorch.Tensor) else np.asarray(-grad)


def test_every_derivative_is_exercised():
    """Every operation with a derivative is differentiated by some record."""
    _, exercised = exercised_gradients()
    defined = [
        cls
        for cls in subclasses(Op)
        if cls.__module__.startswith("minitorch.ops.")
        and cls.differentiable
        and cls.backward is not Op.backward
    ]
    assert not [
        cls.__name__
        for cls in defined  # itself, or one of the operations that it is the common part of
        if not any(issubclass(derived, cls) for derived in exercised)
    ]


def subclasses(cls):
    """Yield the classes derived from a class, at any depth."""
    for derived in cls.__subclasses__():
        yield derived
        yield from subclasses(derived)


def public_functions():
    """Yield (name, function) of the public functions made of operations."""
    for prefix, namespace in (("", minitorch), ("nn.functional.", minitorch.nn.functional)):
        for name, value in vars(namespace).items():
            module = getattr(value, "__module__", None) or ""
            if name.startswith("_") or not inspect.isroutine(value):
                continue
            if module.startswith(("minitorch.ops", "minitorch.nn.functional")):
                yield prefix + name, value


def test_every_public_function_has_a_record():
    # A function that accepts out= is wrapped around the one that nn.functional offers.
    recorded = [inspect.unwrap(opspecs.resolve(spec.name)) for spec in SPECS]
    recorded += [opspecs.inplace_of(spec) for spec in SPECS]
    functions = dict(public_functions())
    missing = [
        name
        for name, value in functions.items()
        if name not in opspecs.EXEMPT
        and not any(inspect.unwrap(value) is other for other in recorded)
    ]
    assert not missing, "add an OpSpec in tests/specs, or a reason to opspecs.EXEMPT"
    assert not set(opspecs.EXEMPT) - set(functions), "exempt, but not there"
