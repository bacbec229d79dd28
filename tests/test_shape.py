"""Operations that move or view elements, against PyTorch."""

import numpy as np
import pytest
from compare import compare_errors, compare_programs

import minitorch

X = np.arange(24.0).reshape(2, 3, 4)
M = np.arange(12.0).reshape(3, 4)
V = np.arange(6.0)
ONES = np.arange(3.0).reshape(1, 3, 1)
S = np.array(2.5)
E = np.zeros((0, 3))

# Programs on one tensor. Views must have PyTorch's strides.
VIEWS = {
    "view": lambda m, x: x.view(4, 6),
    "view -1": lambda m, x: x.view(-1, 2),
    "view sequence": lambda m, x: x.view((3, -1)),
    "view size": lambda m, x: x.view(x.size()),
    "view_as": lambda m, x: x.view_as(m.zeros(6, 4)),
    "view chained": lambda m, x: x.transpose(0, 1).view(3, 2, 2, 2),
    "reshape": lambda m, x: x.reshape(8, 3),
    "reshape as": lambda m, x: x.reshape_as(m.zeros(3, 8)),
    "reshape function": lambda m, x: m.reshape(x, (-1,)),
    "flatten": lambda m, x: x.flatten(),
    "flatten 1": lambda m, x: m.flatten(x, 1),
    "flatten -2": lambda m, x: x.flatten(-2, -1),
    "flatten nothing": lambda m, x: x.flatten(1, 1),
    "ravel": lambda m, x: m.ravel(x),
    "unflatten": lambda m, x: x.unflatten(2, (2, -1)),
    "unflatten -1": lambda m, x: m.unflatten(x, -1, (2, 2)),
    "unsqueeze": lambda m, x: x.unsqueeze(0),
    "unsqueeze -1": lambda m, x: m.unsqueeze(x, -1),
    "unsqueeze -2": lambda m, x: x.unsqueeze(-2),
    "squeeze": lambda m, x: x[:1, :, 1:2].squeeze(),
    "squeeze dim": lambda m, x: x[:1, :, 1:2].squeeze(0),
    "squeeze dim -1": lambda m, x: m.squeeze(x[:1, :, 1:2], -1),
    "squeeze other": lambda m, x: x.squeeze(1),
    "squeeze dims": lambda m, x: x[:1, :, 1:2].squeeze((0, 1)),
    "transpose": lambda m, x: x.transpose(0, -1),
    "transpose function": lambda m, x: m.transpose(x, 1, 2),
    "swapaxes": lambda m, x: x.swapaxes(0, 1),
    "swapdims": lambda m, x: m.swapdims(x, 0, 1),
    "permute": lambda m, x: x.permute(2, 0, 1),
    "permute sequence": lambda m, x: m.permute(x, (0, -1, 1)),
    "movedim": lambda m, x: x.movedim(0, -1),
    "movedim several": lambda m, x: m.movedim(x, (0, 1), (2, 0)),
    "moveaxis": lambda m, x: m.moveaxis(x, -1, 0),
    "mT": lambda m, x: x.mT,
    "adjoint": lambda m, x: x.adjoint(),
    "expand": lambda m, x: x[:, :1].expand(2, 3, 4),
    "expand -1": lambda m, x: x[:, :1].expand(5, -1, 3, -1),
    "expand as": lambda m, x: x[:1].expand_as(x),
    "broadcast to": lambda m, x: m.broadcast_to(x, (2, 2, 3, 4)),
    "narrow": lambda m, x: x.narrow(2, 1, 2),
    "narrow negative": lambda m, x: m.narrow(x, 1, -2, 2),
    "narrow empty": lambda m, x: m.narrow(x, 1, 3, 0),
    "select": lambda m, x: x.select(1, -1),
    "split": lambda m, x: x.split(2, 2),
    "split rest": lambda m, x: m.split(x, 2, 1),
    "split sizes": lambda m, x: m.split(x, [1, 0, 3], -1),
    "chunk": lambda m, x: x.chunk(2, 1),
    "chunk many": lambda m, x: m.chunk(x, 3, -1),
    "tensor_split": lambda m, x: x.tensor_split(3, 2),
    "tensor_split places": lambda m, x: m.tensor_split(x, (1, 3), 2),
    "tensor_split odd places": lambda m, x: m.tensor_split(x, (3, 1, 9), 2),
    "hsplit": lambda m, x: m.hsplit(x, 3),
    "vsplit": lambda m, x: x.vsplit(2),
    "dsplit": lambda m, x: x.dsplit([1, 2]),
    "unbind": lambda m, x: x.unbind(),
    "unbind -1": lambda m, x: m.unbind(x, -1),
    "diagonal": lambda m, x: x.diagonal(),
    "diagonal offset": lambda m, x: m.diagonal(x, 1, 1, 2),
    "diagonal negative": lambda m, x: x.diagonal(-1, -1, 0),
    "unfold": lambda m, x: x.unfold(2, 2, 1),
    "unfold steps": lambda m, x: x.unfold(-1, 2, 2),
    "unfold long step": lambda m, x: x.unfold(1, 1, 2),
    "broadcast_tensors": lambda m, x: m.broadcast_tensors(x, x[:1], x[0, 0]),
    "meshgrid": lambda m, x: m.meshgrid(x[0, 0], x[0, :, 0], indexing="ij"),
    "meshgrid xy": lambda m, x: m.meshgrid(x[0, 0], x[0, :, 0], x[:, 0, 0], indexing="xy"),
    "meshgrid one": lambda m, x: m.meshgrid(x[0, 0], indexing="xy"),
    "atleast": lambda m, x: (m.atleast_1d(x[0, 0, 0]), m.atleast_2d(x[0, 0]), m.atleast_3d(x[0])),
    "atleast several": lambda m, x: m.atleast_2d(x[0, 0], x),
    "contiguous": lambda m, x: x.transpose(0, 2).contiguous(),
    "in place": lambda m, x: (x * 1).unsqueeze_(1).transpose_(0, 2).squeeze_(1),
}

COPIES = {
    "clone": lambda m, x: m.clone(x),
    "reshape copy": lambda m, x: x.transpose(0, 1).reshape(6, 4),
    "flatten copy": lambda m, x: x.transpose(0, 1).flatten(),
    "cat": lambda m, x: m.cat([x, x * 2], 1),
    "cat -1": lambda m, x: m.cat((x, x[..., :1], x[..., :0]), dim=-1),
    "cat legacy empty": lambda m, x: m.cat([m.zeros(0, dtype=m.float64), x], 1),
    "cat types": lambda m, x: m.cat([x[0, 0], m.arange(3), m.ones(2, dtype=m.bool)]),
    "concat": lambda m, x: (m.concat([x, x]), m.concatenate([x, x], 1)),
    "stack": lambda m, x: m.stack([x, x * 3]),
    "stack 1": lambda m, x: m.stack((x, x), 1),
    "stack -1": lambda m, x: m.stack((x, x), dim=-1),
    "stack types": lambda m, x: m.stack([x.float(), x]),
    "hstack": lambda m, x: (m.hstack([x, x]), m.hstack([x[0, 0], x[1, 0]])),
    "vstack": lambda m, x: (m.vstack([x, x]), m.vstack([x[0, 0], x[1, 0]])),
    "dstack": lambda m, x: (m.dstack([x, x]), m.dstack([x[0, 0], x[1, 0]])),
    "column_stack": lambda m, x: m.column_stack([x[0, 0], x[0].t(), x[0, 0]]),
    "repeat": lambda m, x: x.repeat(1, 2, 1),
    "repeat more": lambda m, x: x.repeat((2, 1, 1, 3)),
    "repeat 0": lambda m, x: x.repeat(1, 0, 1),
    "tile": lambda m, x: m.tile(x, (2,)),
    "repeat_interleave": lambda m, x: x.repeat_interleave(2),
    "repeat_interleave dim": lambda m, x: m.repeat_interleave(x, 2, 1),
    "repeat_interleave counts": lambda m, x: m.repeat_interleave(x, m.tensor([1, 0, 2]), dim=1),
    "flip": lambda m, x: x.flip(0),
    "flip several": lambda m, x: m.flip(x, (0, -1)),
    "fliplr": lambda m, x: (m.fliplr(x), m.flipud(x)),
    "roll": lambda m, x: x.roll(1),
    "roll dims": lambda m, x: m.roll(x, (1, -2), (0, 2)),
    "rot90": lambda m, x: m.rot90(x),
    "rot90 2": lambda m, x: x.rot90(2, (1, 2)),
    "rot90 -1": lambda m, x: m.rot90(x, -1, [0, 2]),
    "rot90 4": lambda m, x: m.rot90(x, 4),
    "tril": lambda m, x: x.tril(),
    "triu": lambda m, x: m.triu(x, 1),
    "tril negative": lambda m, x: m.tril(x, diagonal=-1),
    "tril_": lambda m, x: (x * 2).tril_(),
    "triu_ of a view": lambda m, x: (x * 2)[0].triu_(-1),
    "diag_embed": lambda m, x: m.diag_embed(x),
    "diag_embed places": lambda m, x: m.diag_embed(x, 1, 0, 2),
    "diag": lambda m, x: (m.diag(x[0, 0]), m.diag(x[0], 1), m.diag(x[0, 0], -1)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views(torch, name):
    compare_programs(torch, VIEWS[name], X, strides=True)


@pytest.mark.parametrize("name", COPIES)
def test_copies(torch, name):
    compare_programs(torch, COPIES[name], X)


SMALL = {
    "matrix T": (lambda m, x: (x.T, x.t(), m.t(x), x.mT), M),
    "vector t": (lambda m, x: x.t(), V),
    "scalar": (lambda m, x: (x.view(1, 1), x.reshape(1), x.flatten(), x.unsqueeze(0)), S),
    "scalar more": (lambda m, x: (x.squeeze(), x.squeeze(0), x.t(), x.permute(()), x.clone()), S),
    "scalar transpose": (lambda m, x: x.transpose(0, -1), S),
    "scalar stack": (lambda m, x: (m.stack([x, x]), m.hstack([x, x]), x.repeat(2)), S),
    "scalar expand": (lambda m, x: (x.expand(2, 2), x.unfold(0, 1, 1), x.roll(1)), S),
    "ones": (lambda m, x: (x.squeeze(), x.squeeze(0), x.expand(2, 3, 4)), ONES),
    "empty": (lambda m, x: (x.view(3, 0), x.reshape(0, 5), x.flatten(), x.t(), x.unbind(1)), E),
    "empty split": (lambda m, x: (x.split(2), x.chunk(2), m.cat([x, x]), x.flip(0)), E),
    "empty repeat": (lambda m, x: (x.repeat(2, 2), x.repeat_interleave(2, 1), x.roll(1, 1)), E),
}


@pytest.mark.parametrize("name", SMALL)
def test_unusual_shapes(torch, name):
    program, array = SMALL[name]
    compare_programs(torch, program, array)


ERRORS = [
    lambda m, x: x.view(5, 5),
    lambda m, x: x.view(-1, -1),
    lambda m, x: x.view(-1, 5),
    lambda m, x: x.view(-2, 12),
    lambda m, x: x.transpose(0, 1).view(6, 4),
    lambda m, x: x.view(2.0, 12),
    lambda m, x: x.reshape(7),
    lambda m, x: x.flatten(2, 1),
    lambda m, x: x.flatten(0, 3),
    lambda m, x: x.unflatten(1, (2, 2)),
    lambda m, x: x.unsqueeze(4),
    lambda m, x: x.squeeze(3),
    lambda m, x: x.transpose(0, 3),
    lambda m, x: x.permute(0, 1),
    lambda m, x: x.permute(0, 1, 1),
    lambda m, x: x.t(),
    lambda m, x: x.expand(2, 3),
    lambda m, x: x.expand(3, 3, 4),
    lambda m, x: x.expand(-1, 2, 3, 4),
    lambda m, x: x.movedim((0, 1), (0,)),
    lambda m, x: x.movedim((0, 0), (0, 1)),
    lambda m, x: x.narrow(0, 1, 2),
    lambda m, x: x.narrow(0, 3, 0),
    lambda m, x: x.narrow(0, 0, -1),
    lambda m, x: x.select(1, 3),
    lambda m, x: x.split([1, 1], 2),
    lambda m, x: x.split(-1),
    lambda m, x: x.chunk(0),
    lambda m, x: x.tensor_split(0),
    lambda m, x: x.hsplit(2),
    lambda m, x: x.unbind(3),
    lambda m, x: x.diagonal(0, 1, 1),
    lambda m, x: x.diag(),
    lambda m, x: x.unfold(2, 5, 1),
    lambda m, x: x.unfold(2, 1, 0),
    lambda m, x: m.cat([x, x[0]]),
    lambda m, x: m.cat([x, x[:, :2]]),
    lambda m, x: m.cat([]),
    lambda m, x: m.cat(x),
    lambda m, x: m.cat([x, 1]),
    lambda m, x: m.cat([x, x], 3),
    lambda m, x: m.cat([x[0, 0, 0]]),
    lambda m, x: m.stack([x, x[0]]),
    lambda m, x: m.stack([]),
    lambda m, x: m.stack([x], 4),
    lambda m, x: m.meshgrid(x),
    lambda m, x: x.repeat(2),
    lambda m, x: x.repeat(1, 1, -1),
    lambda m, x: x.repeat_interleave(m.tensor([1, 2]), 1),
    lambda m, x: x.repeat_interleave(-1),
    lambda m, x: x.flip(0, 0),
    lambda m, x: x.roll((1, 2), 0),
    lambda m, x: x.rot90(1, (0, 0)),
    lambda m, x: x[0, 0].tril(),
    lambda m, x: x.unsqueeze_(0),
    lambda m, x: x.tril_(),
    lambda m, x: x.unfold(2, 2, 1).mul_(2),
    lambda m, x: (x * 1).expand(2, 2, 3, 4).mul_(2),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(torch, number):
    compare_errors(torch, ERRORS[number], X)


def test_views_share_memory():
    x = minitorch.zeros(2, 3, 4)
    parts = [
        *(x.view(6, 4), x.reshape(24), x.flatten(1), x.unsqueeze(0), x.squeeze(), x[1], x[..., 2]),
        *(x.transpose(0, 1), x.permute(2, 1, 0), x.movedim(0, 2), x.narrow(1, 1, 2), x.diagonal()),
        *(x.unfold(2, 2, 2), *x.split(2, 2), *x.unbind(1), *x.chunk(2), x.expand(2, 3, 4), x.mT),
    ]
    for number, part in enumerate(parts, 1):
        part.add_(1)
        assert part._base is x and x._version == number
        assert minitorch.zeros(2, 3, 4).copy_(x).sum().item() == x.sum().item() > 0


def test_view_as_another_type():
    x = minitorch.tensor([1.0, -2.0])
    assert x.view(minitorch.int32).tolist() == [0x3F800000, -0x40000000]
    assert x.view(minitorch.int8).shape == (8,)
    with pytest.raises(minitorch.ShapeError, match="view: cannot view"):
        minitorch.zeros(3).view(minitorch.float64)


def test_old_view_of_a_reshaped_base_is_no_silent_error():
    x = minitorch.ones(2, 3, requires_grad=True) * 1
    row = x[0]
    x.unsqueeze_(0)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="given another shape in place"):
        row.sum().backward()
