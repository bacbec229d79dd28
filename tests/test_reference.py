"""The naive references against PyTorch."""

import numpy as np
import pytest
import reference


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def close(ours, theirs, atol=1e-12):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=atol)


# ndim, input shape, weight shape, settings
CONVS = [
    (1, (2, 3, 9), (4, 3, 3), {}),
    (1, (2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 4, "dilation": 2, "groups": 2}),
    (2, (2, 3, 6, 7), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 2)}),
    (2, (1, 4, 6, 5), (8, 1, 3, 3), {"groups": 4, "dilation": (1, 2), "padding": 1}),
    (2, (0, 2, 4, 4), (3, 2, 1, 1), {}),
    (3, (2, 2, 4, 5, 3), (2, 1, 2, 3, 2), {"stride": (1, 2, 1), "padding": 1, "groups": 2}),
]


@pytest.mark.parametrize(("ndim", "shape", "kernel", "settings"), CONVS)
def test_conv(torch, rng, ndim, shape, kernel, settings):
    x, w, b = (
        torch.from_numpy(rng.standard_normal(s)).requires_grad_()
        for s in (shape, kernel, kernel[:1])
    )
    y = getattr(torch.nn.functional, f"conv{ndim}d")(x, w, b, **settings)
    g = torch.from_numpy(rng.standard_normal(y.shape))
    y.backward(g)
    arrays = [t.detach().numpy() for t in (x, w, b)]
    close(reference.conv(*arrays, **settings), y)
    grad = g.numpy()
    close(reference.conv_grad_input(grad, arrays[1], shape[2:], **settings), x.grad)
    close(reference.conv_grad_weight(arrays[0], grad, kernel[2:], **settings), w.grad)
    close(reference.conv_grad_bias(grad), b.grad)


def test_conv_asymmetric_padding(torch, rng):
    x, w = rng.standard_normal((2, 2, 5, 6)), rng.standard_normal((3, 2, 3, 4))
    tx, tw = (torch.from_numpy(a).requires_grad_() for a in (x, w))
    settings = {"stride": 2, "padding": ((0, 3), (2, 1))}
    y = torch.nn.functional.conv2d(torch.nn.functional.pad(tx, (2, 1, 0, 3)), tw, stride=2)
    g = rng.standard_normal(y.shape)
    y.backward(torch.from_numpy(g))
    close(reference.conv(x, w, **settings), y)
    close(reference.conv_grad_input(g, w, (5, 6), **settings), tx.grad)
    close(reference.conv_grad_weight(x, g, (3, 4), **settings), tw.grad)


def test_conv_negative_padding_cuts_off(torch, rng):
    x, w = rng.standard_normal((1, 2, 6, 6)), rng.standard_normal((3, 2, 2, 3))
    tx, tw = (torch.from_numpy(a).requires_grad_() for a in (x, w))
    y = torch.nn.functional.conv2d(torch.nn.functional.pad(tx, (1, -2, -1, 0)), tw)
    g = rng.standard_normal(y.shape)
    y.backward(torch.from_numpy(g))
    padding = ((-1, 0), (1, -2))
    close(reference.conv(x, w, padding=padding), y)
    close(reference.conv_grad_input(g, w, (6, 6), padding=padding), tx.grad)
    close(reference.conv_grad_weight(x, g, (2, 3), padding=padding), tw.grad)


@pytest.mark.parametrize(
    ("ndim", "shape", "kernel", "settings"),
    [
        (1, (2, 3, 5), (3, 2, 3), {}),
        (1, (1, 2, 5), (2, 1, 2), {"dilation": 3, "output_padding": 2, "padding": 1}),
        (1, (2, 4, 5), (4, 3, 3), {"stride": 3, "padding": 2, "output_padding": 2, "groups": 2}),
        (2, (2, 3, 4, 3), (3, 2, 3, 2), {"stride": (2, 3), "output_padding": (1, 2)}),
        (2, (1, 4, 3, 4), (4, 2, 2, 3), {"groups": 4, "dilation": (3, 1), "padding": (2, 0)}),
        (3, (2, 2, 2, 3, 2), (2, 3, 2, 3, 2), {"stride": 2, "padding": 1, "groups": 2}),
    ],
)
def test_conv_transpose(torch, rng, ndim, shape, kernel, settings):
    x, w = rng.standard_normal(shape), rng.standard_normal(kernel)
    b = rng.standard_normal(kernel[1] * settings.get("groups", 1))
    fn = getattr(torch.nn.functional, f"conv_transpose{ndim}d")
    expected = fn(*(torch.from_numpy(a) for a in (x, w, b)), **settings)
    close(reference.conv_transpose(x, w, b, **settings), expected)


MAX_POOLS = [
    (1, (2, 3, 9), {"kernel_size": 3}),
    (1, (2, 3, 9), {"kernel_size": 4, "stride": 3, "padding": 2, "dilation": 2}),
    (2, (2, 2, 6, 7), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0)}),
    (2, (2, 2, 6, 7), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    (2, (1, 2, 5, 5), {"kernel_size": 2, "stride": 5, "ceil_mode": True}),
    (3, (1, 2, 4, 5, 4), {"kernel_size": 2, "stride": (1, 2, 3), "ceil_mode": True}),
]


@pytest.mark.parametrize("values", ["normal", "ties", "nan"])
@pytest.mark.parametrize(("ndim", "shape", "settings"), MAX_POOLS)
def test_max_pool(torch, rng, ndim, shape, settings, values):
    x = rng.standard_normal(shape) if values == "normal" else rng.integers(0, 3, shape) * 1.0
    if values == "nan":
        x[rng.random(shape) < 0.2] = np.nan
    tx = torch.from_numpy(x).requires_grad_()
    fn = getattr(torch.nn.functional, f"max_pool{ndim}d")
    y, indices = fn(tx, return_indices=True, **settings)
    g = rng.standard_normal(y.shape)
    y.backward(torch.from_numpy(g))
    settings = dict(settings)
    output, ours = reference.max_pool(x, settings.pop("kernel_size"), **settings)
    close(output, y)
    assert np.array_equal(ours, indices)
    close(reference.max_pool_grad(g, ours, shape[2:]), tx.grad)


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize(
    ("ndim", "shape", "settings"),
    [
        (1, (2, 3, 9), {"kernel_size": 3}),
        (1, (2, 3, 8), {"kernel_size": 4, "stride": 3, "padding": 2}),
        (2, (2, 2, 6, 7), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0)}),
        (2, (2, 2, 6, 7), {"kernel_size": 3, "stride": 2, "padding": 1, "divisor_override": 5}),
        (3, (1, 2, 4, 5, 4), {"kernel_size": 3, "stride": (1, 2, 3), "padding": 1}),
    ],
)
def test_avg_pool(torch, rng, ndim, shape, settings, ceil_mode, count_include_pad):
    settings = {**settings, "ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    x = rng.standard_normal(shape)
    expected = getattr(torch.nn.functional, f"avg_pool{ndim}d")(torch.from_numpy(x), **settings)
    close(reference.avg_pool(x, settings.pop("kernel_size"), **settings), expected)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 3, 7), (3,)), ((2, 3, 5, 6), (7, 1)), ((1, 2, 4, 5, 3), (2, 3, 2))],
)
def test_adaptive_pools(torch, rng, shape, size):
    x = rng.standard_normal(shape)
    functional, ndim = torch.nn.functional, len(size)
    average = getattr(functional, f"adaptive_avg_pool{ndim}d")(torch.from_numpy(x), size)
    close(reference.adaptive_avg_pool(x, size), average)
    largest, indices = getattr(functional, f"adaptive_max_pool{ndim}d")(
        torch.from_numpy(x), size, return_indices=True
    )
    output, ours = reference.adaptive_max_pool(x, size)
    close(output, largest)
    assert np.array_equal(ours, indices)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 5), (2, 3, 4, 2), (2, 2, 3, 2, 2)])
def test_batch_norm(torch, rng, shape):
    x, c = rng.standard_normal(shape), shape[1]
    w, b, mean = (rng.standard_normal(c) for _ in range(3))
    var = rng.random(c) + 0.5
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
    running = [torch.from_numpy(a.copy()) for a in (mean, var)]
    fn = torch.nn.functional.batch_norm
    evaluated = fn(tensors[0], *running, *tensors[1:], False)
    close(reference.batch_norm(x, w, b, mean, var, training=False), evaluated)
    y = fn(tensors[0], *running, *tensors[1:], True, 0.3)
    g = rng.standard_normal(shape)
    y.backward(torch.from_numpy(g))
    close(reference.batch_norm(x, w, b), y)
    for ours, theirs in zip(reference.batch_norm_grads(x, w, g), tensors, strict=True):
        close(ours, theirs.grad)
    for ours, theirs in zip(reference.batch_norm_running(x, mean, var, 0.3), running, strict=True):
        close(ours, theirs)


def test_layer_and_group_norm(torch, rng):
    x, w, b = (rng.standard_normal(s) for s in ((3, 4, 5), (4, 5), (4, 5)))
    tensors = [torch.from_numpy(a) for a in (x, w, b)]
    functional = torch.nn.functional
    close(reference.layer_norm(x, 2, w, b), functional.layer_norm(tensors[0], (4, 5), *tensors[1:]))
    w, b = rng.standard_normal((2, 4))
    expected = functional.group_norm(tensors[0], 2, *(torch.from_numpy(a) for a in (w, b)))
    close(reference.group_norm(x, 2, w, b), expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(torch, rng, axis):
    x = rng.standard_normal((3, 4, 5)) * 30
    close(reference.softmax(x, axis), torch.softmax(torch.from_numpy(x), axis))
    close(reference.log_softmax(x, axis), torch.log_softmax(torch.from_numpy(x), axis))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dims", [(), (2, 3)])
def test_cross_entropy(torch, rng, dims, weighted, smoothing, reduction):
    x = rng.standard_normal((6, 5, *dims))
    labels = rng.integers(0, 5, (6, *dims))
    weight = rng.random(5) if weighted else None
    t_weight = torch.from_numpy(weight) if weighted else None
    t_x, fn = torch.from_numpy(x), torch.nn.functional.cross_entropy
    settings = {"reduction": reduction, "label_smoothing": smoothing}
    for ignored in (-100, 2):
        expected = fn(t_x, torch.from_numpy(labels), t_weight, ignore_index=ignored, **settings)
        close(reference.cross_entropy(x, labels, weight, ignored, **settings), expected)
    probabilities = rng.random(x.shape)
    expected = fn(t_x, torch.from_numpy(probabilities), t_weight, **settings)
    ours = reference.cross_entropy(x, probabilities, weight, **settings)
    close(np.asarray(ours), expected)


def test_other_losses(torch, rng):
    x, y, w = rng.standard_normal((3, 4, 5))
    target, p = rng.random((4, 5)), rng.random(5)
    functional, t = torch.nn.functional, torch.from_numpy
    labels = rng.integers(0, 5, 4)
    for reduction in ("none", "sum", "mean"):
        how = {"reduction": reduction}
        close(reference.mse_loss(x, y, **how), functional.mse_loss(t(x), t(y), **how))
        close(
            np.asarray(reference.nll_loss(x, labels, p, 1, **how)),
            functional.nll_loss(t(x), t(labels), t(p), ignore_index=1, **how),
        )
        close(
            reference.binary_cross_entropy_with_logits(x, target, w, reduction, p),
            functional.binary_cross_entropy_with_logits(
                t(x), t(target), t(w), pos_weight=t(p), **how
            ),
        )
