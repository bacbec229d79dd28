"""Losses of margins, distributions and sequences, against PyTorch: values, gradients, errors."""

import numpy as np
import pytest
from compare import compare

import minitorch
from minitorch import nn

RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.standard_normal(shape)


def signs(*shape):
    return RNG.choice([-1.0, 1.0], shape)


X, Y = normal(5, 4), normal(5, 4)
POSITIVE = RNG.uniform(0.2, 3, (5, 4))
LABELS = np.array([3, 0, 1, 2, 2])
WEIGHT = RNG.uniform(0.5, 2, 4)
SEVERAL = np.array([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [1, -1, -1, -1], [2, 3, -1, 0]])

# The class, its arguments, what it is called with (integer arrays are constants, as is `fixed`).
CASES = [
    ("MarginRankingLoss", {"margin": 0.3}, (X, Y, signs(5, 4))),
    ("MarginRankingLoss", {}, (X, Y, signs(5))),
    ("HingeEmbeddingLoss", {"margin": 0.7}, (X, signs(5, 4))),
    ("HingeEmbeddingLoss", {}, (X, RNG.integers(-1, 2, (5, 4)))),
    ("CosineEmbeddingLoss", {"margin": 0.2}, (X, Y, RNG.choice([-1, 1], 5))),
    ("CosineEmbeddingLoss", {}, (X[0], Y[0], np.array(1))),
    ("CosineEmbeddingLoss", {}, (X, Y, np.array(1))),
    ("TripletMarginLoss", {}, (X, Y, normal(5, 4))),
    ("TripletMarginLoss", {"p": 1, "swap": True, "margin": 2.0}, (X, Y, normal(5, 4))),
    ("TripletMarginLoss", {}, (X, Y, normal(4))),
    ("TripletMarginWithDistanceLoss", {"swap": True}, (X, Y, normal(5, 4))),
    ("SoftMarginLoss", {}, (X, signs(5, 4).astype(int))),
    ("SoftMarginLoss", {}, (X, signs(4, 5))),
    ("MultiMarginLoss", {}, (X, LABELS)),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5}, (X, LABELS)),
    ("MultiMarginLoss", {}, (X[0], LABELS[0])),
    ("MultiMarginLoss", {}, (X, LABELS + 2)),
    ("MultiMarginLoss", {}, (X, LABELS[:3])),
    ("MultiLabelMarginLoss", {}, (X, SEVERAL)),
    ("MultiLabelMarginLoss", {}, (X[0], SEVERAL[0])),
    ("MultiLabelMarginLoss", {}, (X, SEVERAL[:2])),
    ("MultiLabelSoftMarginLoss", {}, (X, RNG.uniform(0, 1, (5, 4)))),
    ("PoissonNLLLoss", {}, (X, RNG.integers(0, 5, (5, 4)).astype(float))),
    ("PoissonNLLLoss", {"full": True}, (X, RNG.integers(0, 5, (5, 4)))),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, (POSITIVE, POSITIVE * 2)),
    ("GaussianNLLLoss", {}, (X, Y, POSITIVE)),
    ("GaussianNLLLoss", {"full": True, "eps": 1.0}, (X, Y, POSITIVE)),
    ("GaussianNLLLoss", {}, (X, Y, POSITIVE[:, :1])),
    ("GaussianNLLLoss", {}, (X, Y, POSITIVE[:, 0])),
    ("GaussianNLLLoss", {}, (X, Y, -POSITIVE)),
    ("NLLLoss2d", {}, (X, LABELS)),
    ("KLDivLoss", {"log_target": True}, (X, Y)),
    ("HuberLoss", {"delta": 0.6}, (X, Y)),
    ("SmoothL1Loss", {"beta": 0.4}, (X, Y)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_loss(torch, case, reduction):
    name, options, args = case
    ours, theirs = (getattr(m.nn, name)(reduction=reduction, **options) for m in (minitorch, torch))
    compare(torch, ours, theirs, *args, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["MultiMarginLoss", "MultiLabelSoftMarginLoss"])
def test_weights(torch, name):
    target = LABELS if name == "MultiMarginLoss" else RNG.uniform(0, 1, (5, 4))
    ours = getattr(nn, name)(weight=minitorch.from_numpy(WEIGHT))
    theirs = getattr(torch.nn, name)(weight=torch.from_numpy(WEIGHT))
    compare(torch, ours, theirs, X, target, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("CosineSimilarity", {}),
        ("CosineSimilarity", {"dim": 0}),
        ("PairwiseDistance", {}),
        ("PairwiseDistance", {"p": 1.0, "keepdim": True}),
    ],
)
def test_distance(torch, name, options):
    ours, theirs = (getattr(m.nn, name)(**options) for m in (minitorch, torch))
    compare(torch, ours, theirs, X, Y, rtol=1e-9)
    assert repr(ours) == repr(theirs)


class TestCTC:
    LOGITS = normal(9, 4, 5)
    TARGETS = np.array([[1, 2, 2, 4], [3, 1, 0, 0], [1, 1, 1, 0], [4, 4, 4, 4]])
    LENGTHS = [4, 2, 3, 4]

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize(
        ("inputs", "zero_infinity"),
        [
            ([9, 9, 9, 9], False),
            ([9, 7, 5, 8], False),
            ([9, 7, 5, 8], True),
            ([9, 7, 5, 4], True),  # the last target does not fit: an infinite loss
        ],
    )
    def test_padded(self, torch, reduction, inputs, zero_infinity):
        def run(module):
            def loss(logits, targets):
                return module.nn.CTCLoss(0, reduction, zero_infinity)(
                    module.nn.functional.log_softmax(logits, 2),
                    targets,
                    module.tensor(inputs),
                    module.tensor(self.LENGTHS),
                )

            return loss

        compare(torch, run(minitorch), run(torch), self.LOGITS, self.TARGETS, rtol=1e-9, atol=1e-12)

    def test_of_log_probabilities(self, torch):
        """The gradient at the log-probabilities is PyTorch's, which is that of the logits."""
        log_probs = self.LOGITS - np.log(np.exp(self.LOGITS).sum(2, keepdims=True))
        joined = np.concatenate([t[:n] for t, n in zip(self.TARGETS, self.LENGTHS, strict=True)])

        def run(module):
            def loss(x, targets):
                function = module.nn.functional.ctc_loss
                return function(x, targets, [9, 8, 9, 8], self.LENGTHS, blank=0, reduction="sum")

            return loss

        compare(torch, run(minitorch), run(torch), log_probs, joined, rtol=1e-9, atol=1e-12)

    def test_single(self, torch):
        def run(module):
            def loss(logits, targets):
                log_probs = module.nn.functional.log_softmax(logits, 1)
                lengths = module.tensor(9), module.tensor(3)
                return module.nn.functional.ctc_loss(log_probs, targets, *lengths, blank=4)

            return loss

        args = self.LOGITS[:, 0], np.array([1, 2, 2])
        compare(torch, run(minitorch), run(torch), *args, rtol=1e-9, atol=1e-12)

    def test_twice_differentiable(self):
        def loss(logits):
            log_probs = nn.functional.log_softmax(logits, 2)
            return nn.functional.ctc_loss(log_probs, minitorch.tensor([[1, 2]]), [4], [2])

        logits = minitorch.from_numpy(normal(4, 1, 3)).requires_grad_()
        assert minitorch.autograd.gradcheck(loss, logits)
        assert minitorch.autograd.gradgradcheck(loss, logits)

    def test_errors(self, lib):
        f, m = lib.module.nn.functional, lib.module
        x = m.zeros(5, 2, 3)
        for lengths, blank in (([6, 5], 0), ([5], 0), ([5, 5], 3)):
            with pytest.raises((RuntimeError, ValueError)):
                f.ctc_loss(x, m.ones(2, 2, dtype=m.int64), lengths, [2, 2], blank)


def test_gumbel_softmax():
    minitorch.manual_seed(0)
    logits = minitorch.tensor([[1.0, 2.0, 0.5]]).expand(20000, 3).requires_grad_()
    hard = nn.functional.gumbel_softmax(logits, tau=0.7, hard=True)
    assert set(hard.flatten().tolist()) <= {0.0, 1.0}
    wanted = nn.functional.softmax(minitorch.tensor([1.0, 2.0, 0.5]), 0)
    np.testing.assert_allclose(hard.mean(0).tolist(), wanted.tolist(), atol=0.02)
    soft = nn.functional.gumbel_softmax(logits, tau=0.7)
    np.testing.assert_allclose(soft.sum(1).tolist(), 1, rtol=1e-5)
    soft[:, 0].sum().backward()


@pytest.mark.parametrize("settings", [{}, {"div_value": 2.0, "head_bias": True}])
def test_adaptive_log_softmax(torch, settings):
    rng = np.random.default_rng(0)
    ours, theirs = (
        m.nn.AdaptiveLogSoftmaxWithLoss(32, 20, [4, 9], dtype=m.float64, **settings)
        for m in (minitorch, torch)
    )
    assert str(ours) == str(theirs)
    state = {n: torch.from_numpy(v.numpy()) for n, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x, y = rng.standard_normal((12, 32)), rng.integers(0, 20, 12)
    y[:3] = 1, 5, 19
    results = []
    for m, layer in ((minitorch, ours), (torch, theirs)):
        given = m.tensor(x, requires_grad=True)
        output, loss = layer(given, m.tensor(y))
        (output.sum() * 0.5 + loss).backward()
        one = layer(given[0], m.tensor(y[0]))
        found = [output, loss, one.output, one.loss, layer.log_prob(given), given.grad]
        found += [p.grad for p in layer.parameters()] + [layer.predict(given)]
        results.append([t.detach().numpy() for t in found])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_wrong_use_of_adaptive_log_softmax(torch):
    for m in (minitorch, torch):
        make = m.nn.AdaptiveLogSoftmaxWithLoss
        for cutoffs in ([], [5, 3], [0, 4], [4, 20], [4, 4], [2.5]):
            with pytest.raises(ValueError, match="cutoffs should be a sequence"):
                make(8, 20, cutoffs)
        layer = make(8, 20, [4])
        x = m.zeros(2, 8)
        for bad in (m.tensor([1]), m.tensor([1, 20]), m.tensor([-1, 0]), m.tensor([[1], [1]])):
            with pytest.raises(RuntimeError):
                layer(x, bad)
