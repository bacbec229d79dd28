"""Distributions: densities, entropies and divergences against PyTorch, draws by their moments."""

import numpy as np
import pytest
from compare import compare

import minitorch

RNG = np.random.default_rng(2)
A, B = RNG.standard_normal((4, 3)), RNG.uniform(0.5, 2, (4, 3))
P = RNG.uniform(0.1, 0.9, (4, 3))
CASES = [
    ("Normal", (A, B), {}, A + 0.3),
    ("Normal", (A, 2.0), {}, A),
    ("Uniform", (A, A + B), {}, A + B / 2),
    ("Uniform", (0.0, B), {}, A),
    ("Bernoulli", (P,), {}, (A > 0).astype(float)),
    ("Bernoulli", (), {"logits": A}, (A > 0).astype(float)),
    ("Categorical", (P,), {}, np.array([2, 0, 1, 1])),
    ("Categorical", (), {"logits": A}, np.array([2, 0, 1, 1])),
]


@pytest.mark.parametrize(
    ("case", "what"),
    [
        pytest.param(case, what, id=f"{case[0]}-{what}")
        for case in CASES
        for what in ("log_prob", "entropy", "mean", "variance")
        if case[0] != "Categorical" or what in ("log_prob", "entropy")  # classes have no mean
    ],
)
def test_values(torch, case, what):
    name, args, kwargs, value = case

    def run(module):
        kind = getattr(__import__(f"{module.__name__}.distributions", fromlist=["x"]), name)

        def function(value, *args, **kwargs):
            made = kind(*args, validate_args=False, **kwargs)
            found = getattr(made, what)
            return found(value) if what == "log_prob" else found() if callable(found) else found

        return function

    compare(torch, run(minitorch), run(torch), value, *args, rtol=1e-9, atol=1e-12, **kwargs)


@pytest.mark.parametrize("name", ["Normal", "Bernoulli", "Categorical"])
def test_divergence(torch, name):
    def run(module):
        place = __import__(f"{module.__name__}.distributions", fromlist=["x"])
        kind = getattr(place, name)

        def function(a, b, c, d):
            pair = (kind(a, b), kind(c, d)) if name == "Normal" else (kind(b), kind(d))
            return place.kl_divergence(*pair)

        return function

    compare(torch, run(minitorch), run(torch), A, P, A * 2, P[::-1].copy(), rtol=1e-9)


def test_cdf(torch):
    for what in ("cdf", "icdf"):
        ours, theirs = (
            getattr(
                __import__(f"{m.__name__}.distributions", fromlist=["x"]).Normal(
                    m.from_numpy(A), m.from_numpy(B)
                ),
                what,
            )(m.from_numpy(P))
            for m in (minitorch, torch)
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


@pytest.mark.parametrize("case", CASES[:7], ids=lambda case: case[0])
def test_draws(case):
    name, args, kwargs, _ = case
    minitorch.manual_seed(0)
    args = [minitorch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args]
    kwargs = {k: minitorch.from_numpy(v) for k, v in kwargs.items()}
    made = getattr(minitorch.distributions, name)(*args, **kwargs)
    drawn = made.sample((20000,))
    assert drawn.shape == (20000, *made.batch_shape)
    if name == "Categorical":
        share = np.mean(drawn.numpy() == 1, 0)
        np.testing.assert_allclose(share, made.probs[:, 1].numpy(), atol=0.02)
        return
    np.testing.assert_allclose(drawn.mean(0).numpy(), made.mean.numpy(), atol=0.06)
    np.testing.assert_allclose(drawn.var(0).numpy(), made.variance.numpy(), rtol=0.08, atol=0.01)


def test_gradients_of_draws(lib):
    place = __import__(f"{lib.module.__name__}.distributions", fromlist=["x"])
    mean = lib.wrap(A)
    place.Normal(mean, 1.0).rsample((5,)).sum().backward()
    np.testing.assert_allclose(mean.grad.numpy(), 5)
    assert not place.Normal(mean, 1.0).sample().requires_grad


def test_errors(lib):
    place = __import__(f"{lib.module.__name__}.distributions", fromlist=["x"])
    for call in (
        lambda: place.Normal(0.0, -1.0),
        lambda: place.Bernoulli(),
        lambda: place.Bernoulli(1.5),
        lambda: place.Categorical(lib.module.ones(2), lib.module.ones(2)),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(NotImplementedError):
        place.kl_divergence(place.Normal(0.0, 1.0), place.Categorical(lib.module.ones(2)))
