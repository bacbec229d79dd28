"""The same call in minitorch and in torch: same values, types, gradients and kinds of error."""

import warnings

import numpy as np

import minitorch

RTOL = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-3}


def mapped(fn, value):
    """Apply `fn` to every numpy array in a nest of lists, tuples and dicts."""
    if isinstance(value, np.ndarray):
        return fn(value)
    if isinstance(value, dict):
        return {key: mapped(fn, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(mapped(fn, item) for item in value)
    return value


def resolve_pair(torch, name):
    """Return what minitorch and torch call ``name``, which may contain dots."""
    found = [minitorch, torch]
    for part in name.split("."):
        found = [getattr(owner, part) for owner in found]
    return found


def flat(result):
    """Return the tensors and numbers of a result as a list."""
    if isinstance(result, (list, tuple)):
        return [item for part in result for item in flat(part)]
    return [result]


def call(package, function, args, kwargs, grad):
    """Call `function` of a package, and differentiate its floating-point results.

    Returns
    -------
    tuple
        Results and gradients, or (None, the exception).
    """
    make = package.from_numpy
    backward, leaves = package.autograd.backward, []

    def tensor(array):
        made = make(array.copy())
        if grad and array.dtype.kind == "f":
            leaves.append(made.requires_grad_())
        return made

    args, kwargs = mapped(tensor, args), mapped(tensor, kwargs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = flat(function(*args, **kwargs))
    except Exception as error:
        return None, error
    rng = np.random.default_rng(5)
    outputs = [r for r in results if grad and getattr(r, "requires_grad", False)]
    if outputs:
        weights = [make(np.asarray(rng.standard_normal(tuple(y.shape)))) for y in outputs]
        weights = [w.to(y.dtype) for w, y in zip(weights, outputs, strict=True)]
        try:
            backward(outputs, weights)
        except (RuntimeError, NotImplementedError):
            if package is minitorch:
                raise
            return results, None  # torch has no derivative, or fails to cast
    return results, [leaf.grad for leaf in leaves]


def same(ours, theirs, rtol, atol, what):
    """Assert that two results agree in type, shape and value."""
    if not hasattr(theirs, "detach"):
        assert ours is theirs or ours == theirs, what
        return
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], what
    a, b = ours.detach().numpy(), theirs.detach().numpy(force=True)
    assert a.shape == b.shape, what
    if a.dtype.kind == "f":
        rtol = RTOL[a.dtype.name] if rtol is None else rtol
        np.testing.assert_allclose(a, b, rtol, atol or rtol, err_msg=what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def brief(array):
    """Describe an argument in messages."""
    return f"{array.dtype}{array.shape}"


def compare(torch, ours, theirs, *args, rtol=None, atol=None, grad=True, **kwargs):
    """Assert that two functions do the same with the same arguments.

    Numpy arrays among the arguments become tensors; floating-point ones are differentiated, with
    random cotangents. If torch refuses the call, so must ours, with the same kind of exception.
    """
    what = f"{getattr(theirs, '__name__', theirs)}{mapped(brief, (args, kwargs))}"
    expected, gradients = call(torch, theirs, args, kwargs, grad)
    results, own = call(minitorch, ours, args, kwargs, grad)
    if expected is None:
        assert results is None, f"{what}: torch raises {gradients!r}"
        kinds = (RuntimeError, ValueError, TypeError, IndexError)
        wanted = tuple(kind for kind in kinds if isinstance(gradients, kind))
        assert isinstance(own, wanted), f"{what}: {own!r} where torch raises {gradients!r}"
        return
    if results is None:
        raise AssertionError(f"{what}: {own!r}, torch gives {expected}") from own
    assert len(results) == len(expected), what
    for one, other in zip(results, expected, strict=True):
        same(one, other, rtol, atol, what)
    precisions = {leaf.dtype.itemsize for leaf in own if leaf is not None}
    if rtol is None and len(precisions) == 2:
        rtol = RTOL["float32"]  # where types are mixed, torch keeps some values in the smaller
    for one, other in zip(own, gradients or own, strict=True):
        if one is None or other is None:
            given = other if one is None else one  # no gradient is as good as zeros
            assert given is None or not given.numpy().any(), f"gradient of {what}: {given}"
        else:
            same(one, other, rtol, atol, f"gradient of {what}")
