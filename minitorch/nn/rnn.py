"""Recurrent layers: simple, LSTM and GRU."""

from __future__ import annotations

import math
import warnings

from ..creation import empty
from ..errors import ShapeError
from ..ops import cat, stack
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


# ---- one step: from the projected input and the state to the new state


def _simple(activation):
    def step(x, state, w_hh, b_hh):
        return (activation(x + F.linear(state[0], w_hh, b_hh)),)

    return step


def _lstm(x, state, w_hh, b_hh):
    """Hochreiter and Schmidhuber 1997, with forget gates."""
    gates = x + F.linear(state[0], w_hh, b_hh)
    i, f, g, o = gates.chunk(4, -1)
    c = F.sigmoid(f) * state[1] + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(c), c


def _gru(x, state, w_hh, b_hh):
    """Cho et al. 2014 (arXiv 1406.1078), the reset gate after the product as in cuDNN."""
    (h,) = state
    xr, xz, xn = x.chunk(3, -1)
    hr, hz, hn = F.linear(h, w_hh, b_hh).chunk(3, -1)
    r, z = F.sigmoid(xr + hr), F.sigmoid(xz + hz)
    n = F.tanh(xn + r * hn)
    return ((1 - z) * n + z * h,)


_STEPS = {
    "RNN_TANH": _simple(F.tanh),
    "RNN_RELU": _simple(F.relu),
    "LSTM": _lstm,
    "GRU": _gru,
}


class RNNBase(Module):
    """What RNN, LSTM and GRU have in common.

    Parameters
    ----------
    mode : str
        ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
    input_size, hidden_size : int
    num_layers : int
    bias : bool
    batch_first : bool
        Whether input and output are (N, L, features) and not (L, N, features).
    dropout : float
        Between layers, in training.
    bidirectional : bool
        Run a second recurrence from the end, and join the outputs.
    proj_size : int
        Project the hidden state of an LSTM to this size; 0: do not.
    device, dtype : optional
        As of `zeros`.
    """

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if (
            not isinstance(dropout, (int, float))
            or isinstance(dropout, bool)
            or not (0 <= dropout <= 1)
        ):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=3,
            )
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0 or proj_size >= hidden_size:
            raise ValueError("proj_size has to be a positive integer, smaller than hidden_size")
        if proj_size and mode != "LSTM":
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        directions = 2 if bidirectional else 1
        output = proj_size or hidden_size
        for layer in range(num_layers):
            size = input_size if layer == 0 else output * directions
            for suffix in self._suffixes(layer):
                shapes = {"weight_ih": (_GATES[mode] * hidden_size, size)}
                shapes["weight_hh"] = (_GATES[mode] * hidden_size, output)
                if bias:
                    shapes["bias_ih"] = shapes["bias_hh"] = (_GATES[mode] * hidden_size,)
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    value = empty(*shape, device=device, dtype=dtype)
                    self.register_parameter(name + suffix, Parameter(value))
        self.reset_parameters()

    def _suffixes(self, layer):
        return [f"_l{layer}", f"_l{layer}_reverse"][: 2 if self.bidirectional else 1]

    @property
    def all_weights(self) -> list:
        """The parameters, a list per layer and direction."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return [
            [getattr(self, kind + suffix) for kind in kinds if hasattr(self, kind + suffix)]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    def reset_parameters(self) -> None:
        """Draw the parameters anew: evenly, up to ``1 / sqrt(hidden_size)``."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: there is no other memory to gather them in."""

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        for name, default in (
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text

    def forward(self, input, hx=None):
        """Return the outputs of the last layer, and the last states of all.

        Parameters
        ----------
        input : Tensor or PackedSequence
            (L, N, input_size), or (L, input_size); (N, L, input_size) if `batch_first`.
        hx : Tensor, or for an LSTM a pair of them, optional
            First states, (num_layers * directions, N, size). Default: zeros.

        Returns
        -------
        output : Tensor
            (L, N, directions * size)
        hn : Tensor, or for an LSTM a pair of them
            As `hx`.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.ndim not in (2, 3):
            raise ShapeError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead: "
                f"input {tuple(input.shape)}"
            )
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.shape[-1]}: input {tuple(input.shape)}"
            )
        batched = input.ndim == 3
        if not batched:
            input = input.unsqueeze(1)
        elif self.batch_first:
            input = input.transpose(0, 1)
        states = self._states(input, hx, batched)
        output, last = self._run(input, states, None)
        if not batched:
            output, last = output.squeeze(1), [x.squeeze(1) for x in last]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, tuple(last) if self.mode == "LSTM" else last[0]

    def _states(self, input, hx, batched):
        """Return the first states, (layers * directions, N, size) each."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        sizes = [self.proj_size or self.hidden_size]
        if self.mode == "LSTM":
            sizes.append(self.hidden_size)
        if hx is None:
            return [input.new_zeros(count, input.shape[1], size) for size in sizes]
        given = list(hx) if self.mode == "LSTM" else [hx]
        states = [x if batched else x.unsqueeze(1) for x in given]
        for x, size in zip(states, sizes, strict=True):
            if tuple(x.shape) != (count, input.shape[1], size):
                raise ShapeError(
                    f"{type(self).__name__}: Expected hidden size {(count, input.shape[1], size)}, "
                    f"got {tuple(x.shape)}"
                )
        return states

    def _run(self, input, states, lengths):
        """Run all layers over (L, N, features); with lengths, each item up to its own."""
        last = [[] for _ in states]
        number = 0
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._suffixes(layer):
                state = tuple(x[number] for x in states)
                number += 1
                output, state = self._direction(input, state, suffix, lengths)
                outputs.append(output)
                for found, x in zip(last, state, strict=True):
                    found.append(x)
            input = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
            if self.dropout and layer + 1 < self.num_layers:
                input = F.dropout(input, self.dropout, self.training)
        return input, [stack(x) for x in last]

    def _direction(self, input, state, suffix, lengths):
        w_ih, w_hh = (getattr(self, f"weight_{kind}{suffix}") for kind in ("ih", "hh"))
        b_ih, b_hh = (
            (getattr(self, f"bias_{kind}{suffix}") for kind in ("ih", "hh"))
            if self.bias
            else (None, None)
        )
        w_hr = getattr(self, f"weight_hr{suffix}") if self.proj_size else None
        step = _STEPS[self.mode]
        projected = F.linear(input, w_ih, b_ih)
        times = range(len(projected))
        outputs = []
        for t in reversed(times) if suffix.endswith("reverse") else times:
            new = step(projected[t], state, w_hh, b_hh)
            if w_hr is not None:
                new = (F.linear(new[0], w_hr), *new[1:])
            if lengths is not None:
                running = (lengths > t).unsqueeze(1)
                new = tuple(a.where(running, b) for a, b in zip(new, state, strict=True))
            state = new
            outputs.append(state[0])
        if suffix.endswith("reverse"):
            outputs.reverse()
        return stack(outputs), state

    def _packed(self, packed, hx):
        padded, lengths = pad_packed_sequence(packed)
        states = self._states(padded, hx, True)
        output, last = self._run(padded, states, lengths)
        result = pack_padded_sequence(output, lengths, enforce_sorted=False)
        if packed.sorted_indices is None:
            result = PackedSequence(result.data, result.batch_sizes)
        return result, tuple(last) if self.mode == "LSTM" else last[0]


class RNN(RNNBase):
    """Simple recurrent layers: ``h = tanh(W_ih x + b_ih + W_hh h + b_hh)``.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int
    nonlinearity : str
        ``"tanh"`` or ``"relu"``.
    bias, batch_first, dropout, bidirectional, device, dtype
        As of `RNNBase`.

    Notes
    -----
    Elman 1990, Finding structure in time.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
                 batch_first=False, dropout=0.0, bidirectional=False, device=None,
                 dtype=None):  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """Long short-term memory.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int
    bias, batch_first, dropout, bidirectional, proj_size, device, dtype
        As of `RNNBase`.

    Notes
    -----
    Hochreiter and Schmidhuber 1997, Long short-term memory; Gers et al. 2000 for the forget gate.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, proj_size=0, device=None,
                 dtype=None):  # fmt: skip
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Gated recurrent units.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int
    bias, batch_first, dropout, bidirectional, device, dtype
        As of `RNNBase`.

    Notes
    -----
    Cho et al. 2014 (arXiv 1406.1078).
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, device=None, dtype=None):  # fmt: skip
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip


# ---- cells: one step as a module


class RNNCellBase(Module):
    """What the cells have in common.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    num_chunks : int
        Gates.
    device, dtype : optional
        As of `zeros`.
    """

    _mode = ""

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias

        def parameter(*shape):
            return Parameter(empty(*shape, device=device, dtype=dtype))

        rows = num_chunks * hidden_size
        self.weight_ih, self.weight_hh = parameter(rows, input_size), parameter(rows, hidden_size)
        self.register_parameter("bias_ih", parameter(rows) if bias else None)
        self.register_parameter("bias_hh", parameter(rows) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew: evenly, up to ``1 / sqrt(hidden_size)``."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _step(self, mode, input, hx, count):
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ShapeError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input has inconsistent input_size: got {input.shape[-1]}, expected "
                f"{self.input_size}"
            )
        if hx is None:
            hx = (input.new_zeros(*input.shape[:-1], self.hidden_size),) * count
        projected = F.linear(input, self.weight_ih, self.bias_ih)
        return _STEPS[mode](projected, hx, self.weight_hh, self.bias_hh)


class RNNCell(RNNCellBase):
    """One step of `RNN`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    nonlinearity : str
        ``"tanh"`` or ``"relu"``.
    device, dtype : optional
        As of `zeros`.
    """

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None,
                 dtype=None):  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        """Return the new state, (N, hidden_size).

        Parameters
        ----------
        input : Tensor
            (N, input_size)
        hx : Tensor, optional
            (N, hidden_size). Default: zeros.
        """
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        mode = f"RNN_{self.nonlinearity.upper()}"
        return self._step(mode, input, None if hx is None else (hx,), 1)[0]


class LSTMCell(RNNCellBase):
    """One step of `LSTM`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    device, dtype : optional
        As of `zeros`.
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        """Return the new states (h, c), (N, hidden_size) each.

        Parameters
        ----------
        input : Tensor
            (N, input_size)
        hx : pair of Tensor, optional
            h and c, (N, hidden_size) each. Default: zeros.
        """
        return self._step("LSTM", input, hx, 2)


class GRUCell(RNNCellBase):
    """One step of `GRU`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    device, dtype : optional
        As of `zeros`.
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        """Return the new state, (N, hidden_size); arguments as of `RNNCell.forward`."""
        return self._step("GRU", input, None if hx is None else (hx,), 1)[0]
