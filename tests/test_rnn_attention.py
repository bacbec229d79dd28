"""Recurrent layers and attention with PyTorch's parameters: values, gradients, names."""

import numpy as np
import pytest

import minitorch

pytestmark = pytest.mark.filterwarnings("ignore")
RNG = np.random.default_rng(8)


def pair(torch, name, *args, **kwargs):
    """Make a module of both libraries, with the same parameters, in float64."""
    made = [getattr(m.nn, name)(*args, **kwargs).double() for m in (minitorch, torch)]
    ours, theirs = (m.state_dict() for m in made)
    assert [(k, tuple(v.shape)) for k, v in ours.items()] == [
        (k, tuple(v.shape)) for k, v in theirs.items()
    ]
    assert repr(made[0]).replace("NonDynamicallyQuantizable", "") == repr(made[1]).replace(
        "NonDynamicallyQuantizable", ""
    )
    state = {k: minitorch.from_numpy(v.numpy().copy()) for k, v in theirs.items()}
    made[0].load_state_dict(state)
    return made


def flat(result):
    if isinstance(result, (tuple, list)):
        return [x for item in result for x in flat(item)]
    return [] if result is None else [result]


def mapped(m, value):
    if isinstance(value, np.ndarray):
        tensor = m.from_numpy(value.copy())
        return tensor.requires_grad_() if value.dtype.kind == "f" else tensor
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(m, item) for item in value)
    return value


def compare(torch, modules, *args, call=None, **kwargs):
    results, leaves = [], []
    for m, module in zip((minitorch, torch), modules, strict=True):
        given = mapped(m, args)
        options = {k: mapped(m, v) for k, v in kwargs.items()}
        outputs = flat(call(m, module, *given) if call else module(*given, **options))
        weights = np.random.default_rng(1)
        total = 0
        for y in outputs:
            if y.requires_grad:
                total = total + (y * m.from_numpy(weights.standard_normal(tuple(y.shape)))).sum()
        total.backward()
        results.append(outputs)
        leaves.append(
            [x.grad for x in flat(given) if getattr(x, "requires_grad", False)]
            + [p.grad for p in module.parameters()]
        )
    for found in (results, leaves):
        assert len(found[0]) == len(found[1])
        for mine, theirs in zip(*found, strict=True):
            assert (mine is None) == (theirs is None)
            if theirs is not None:
                np.testing.assert_allclose(
                    mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-11
                )


X = RNG.standard_normal((6, 3, 4))


class TestRecurrent:
    @pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
    @pytest.mark.parametrize(
        "options",
        [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}],
        ids=str,
    )
    def test_layer(self, torch, name, options):
        compare(torch, pair(torch, name, 4, 5, **options), X)

    @pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
    def test_first_state(self, torch, name):
        state = RNG.standard_normal((2, 3, 5))
        state = (state, state + 1) if name == "LSTM" else state
        compare(torch, pair(torch, name, 4, 5, bidirectional=True), X, state)

    @pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
    def test_without_batch(self, torch, name):
        compare(torch, pair(torch, name, 4, 5), X[:, 0])

    def test_relu_and_projection(self, torch):
        compare(torch, pair(torch, "RNN", 4, 5, nonlinearity="relu"), X)
        compare(torch, pair(torch, "LSTM", 4, 5, proj_size=2, num_layers=2), X)

    @pytest.mark.parametrize("name", ["LSTM", "GRU"])
    @pytest.mark.parametrize("lengths", [[6, 4, 1], [2, 6, 3]])
    def test_packed(self, torch, name, lengths):
        def call(m, module, x):
            utils = m.nn.utils.rnn
            packed = utils.pack_padded_sequence(x, m.tensor(lengths), enforce_sorted=False)
            output, state = module(packed)
            return utils.pad_packed_sequence(output)[0], state

        compare(torch, pair(torch, name, 4, 5, num_layers=2, bidirectional=True), X, call=call)

    @pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
    def test_cell(self, torch, name):
        compare(torch, pair(torch, name, 4, 5), X[0])
        state = RNG.standard_normal((3, 5))
        state = (state, state * 2) if name == "LSTMCell" else state
        compare(torch, pair(torch, name, 4, 5), X[0], state)

    def test_dropout(self):
        layer = minitorch.nn.LSTM(4, 5, 2, dropout=0.5)
        x = minitorch.from_numpy(X).float()
        assert (layer(x)[0] != layer(x)[0]).any()
        layer.eval()
        assert (layer(x)[0] == layer(x)[0]).all()

    def test_errors(self, lib):
        nn = lib.module.nn
        with pytest.raises((RuntimeError, ValueError), match=r"input.size\(-1\) must be equal"):
            nn.LSTM(3, 5)(lib.module.zeros(2, 2, 4))
        with pytest.raises(ValueError, match="hidden_size"):
            nn.GRU(3, 0)


class TestSequences:
    def test_pad(self, lib):
        utils, m = lib.module.nn.utils.rnn, lib.module
        parts = [m.ones(3), m.ones(1), m.ones(2)]
        padded = utils.pad_sequence(parts, batch_first=True, padding_value=-1.0)
        assert padded.tolist() == [[1, 1, 1], [1, -1, -1], [1, 1, -1]]
        assert [x.tolist() for x in utils.unpad_sequence(padded, m.tensor([3, 1, 2]), True)] == [
            [1, 1, 1], [1], [1, 1]
        ]  # fmt: skip
        packed = utils.pack_sequence(parts, enforce_sorted=False)
        assert packed.batch_sizes.tolist() == [3, 2, 1]
        assert packed.sorted_indices.tolist() == [0, 2, 1]
        assert utils.pad_packed_sequence(packed)[1].tolist() == [3, 1, 2]
        with pytest.raises(RuntimeError, match="sorted in decreasing order"):
            utils.pack_sequence(parts)


Q, K = RNG.standard_normal((5, 2, 8)), RNG.standard_normal((7, 2, 8))
HIDE = RNG.random((5, 7)) < 0.3
PADDED = np.array([[False] * 7, [False] * 4 + [True] * 3])


class TestAttention:
    @pytest.mark.parametrize(
        "options",
        [{}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True}],
        ids=str,
    )
    @pytest.mark.parametrize(
        "masks",
        [
            {},
            {"key_padding_mask": PADDED},
            {"attn_mask": HIDE},
            {"attn_mask": RNG.standard_normal((5, 7)), "average_attn_weights": False},
            {"attn_mask": np.repeat(HIDE[None], 4, 0), "key_padding_mask": PADDED},
        ],
        ids=lambda masks: "-".join(masks),
    )
    def test_masks(self, torch, options, masks):
        compare(torch, pair(torch, "MultiheadAttention", 8, 2, **options), Q, K, K, **masks)

    def test_other_sizes_and_layouts(self, torch):
        value = RNG.standard_normal((7, 2, 3))
        compare(torch, pair(torch, "MultiheadAttention", 8, 2, kdim=8, vdim=3), Q, K, value)
        compare(torch, pair(torch, "MultiheadAttention", 8, 4, batch_first=True), Q, Q, Q)
        compare(torch, pair(torch, "MultiheadAttention", 8, 4), Q[:, 0], K[:, 0], K[:, 0])

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"is_causal": True},
            {"attn_mask": ~HIDE},
            {"attn_mask": RNG.standard_normal((2, 5, 7))},
            {"scale": 0.3},
            {"attn_mask": np.arange(35).reshape(5, 7) > 13},
        ],
        ids=str,
    )
    def test_scaled_dot_product(self, torch, options):
        class Plain:
            def parameters(self):
                return []

        def call(m, module, *args):
            extra = {k: m.from_numpy(v) if isinstance(v, np.ndarray) else v
                     for k, v in options.items()}  # fmt: skip
            return m.nn.functional.scaled_dot_product_attention(*args, **extra)

        args = [x.transpose(1, 0, 2) for x in (Q, K, K[..., :3])]
        compare(torch, [Plain(), Plain()], *args, call=call)

    def test_errors(self, lib):
        m = lib.module
        layer = m.nn.MultiheadAttention(8, 2)
        for args, kwargs in (
            ((m.zeros(5, 2, 6),) * 3, {}),
            ((m.zeros(5, 2, 8), m.zeros(7, 3, 8), m.zeros(7, 3, 8)), {}),
            ((m.zeros(5, 2, 8),) * 3, {"attn_mask": m.zeros(5, 6)}),
        ):
            with pytest.raises((RuntimeError, AssertionError)):
                layer(*args, **kwargs)


class TestTransformer:
    @pytest.mark.parametrize("norm_first", [False, True])
    @pytest.mark.parametrize("activation", ["relu", "gelu"])
    def test_encoder_layer(self, torch, norm_first, activation):
        options = {"dropout": 0.0, "norm_first": norm_first, "activation": activation}
        layers = pair(torch, "TransformerEncoderLayer", 8, 2, 16, **options)
        compare(torch, layers, Q)
        compare(torch, layers, Q, np.triu(np.ones((5, 5), bool), 1))

    def test_decoder_layer(self, torch):
        layers = pair(torch, "TransformerDecoderLayer", 8, 2, 16, dropout=0.0)
        compare(torch, layers, Q, K, memory_key_padding_mask=PADDED)

    def test_stacks(self, torch):
        modules = []
        for m in (minitorch, torch):
            nn = m.nn
            encoder = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True),
                2,
                norm=nn.LayerNorm(8),
            )
            modules.append(encoder.double())
        state = {k: minitorch.from_numpy(v.numpy()) for k, v in modules[1].state_dict().items()}
        modules[0].load_state_dict(state)
        compare(torch, modules, Q)

    def test_transformer(self, torch):
        models = pair(torch, "Transformer", 8, 2, 2, 2, 16, 0.0)
        compare(torch, models, K, Q)
        masks = [m.nn.Transformer.generate_square_subsequent_mask(4) for m in (minitorch, torch)]
        np.testing.assert_array_equal(masks[0].numpy(), masks[1].numpy())
