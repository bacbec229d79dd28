"""Tensor: an array, and its place in the graph.

No mathematics here: operators and methods delegate to `minitorch.ops`. What is here is what a
tensor is: the numpy array it holds, the gradient, the edge to the node that made it, the cell
that counts writes to its memory, and the base it is a view of.
"""

from __future__ import annotations

import builtins
import copy
import warnings
import weakref
from collections import OrderedDict

import numpy as np

from . import absent, creation, dtypes, names, ops, random, storage
from . import device as _device
from .autograd import api, engine, function, grad_mode, hooks, op, views
from .autograd.engine import AccumulateGrad
from .autograd.hooks import RemovableHandle
from .errors import ShapeError
from .formatting import tensor_repr
from .ops import elementwise, reduce

__all__ = ["Size", "Tensor"]


class Size(tuple):
    """Shape of a tensor: a tuple of ints."""

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements of a tensor of this shape."""
        count = 1
        for n in self:
            count *= n
        return count

    def __getitem__(self, index):
        result = tuple.__getitem__(self, index)
        return Size(result) if isinstance(index, slice) else result

    def __add__(self, other):
        return Size(tuple.__add__(self, other))

    def __repr__(self) -> str:
        return f"minitorch.Size({list(self)})"

    def __reduce__(self):
        return Size, (tuple(self),)


class Tensor:
    """A multi-dimensional array that can be differentiated.

    Made by `minitorch.tensor`, `minitorch.zeros`, `minitorch.from_numpy` and the like. Called
    directly it behaves as PyTorch's legacy constructor: ``Tensor(2, 3)`` is an uninitialised
    float32 tensor of that shape, ``Tensor([2, 3])`` one that holds these values.

    Attributes
    ----------
    grad : Tensor or None
        The gradient, after a backward pass.
    requires_grad : bool
        Whether operations on this tensor are recorded.
    grad_fn : Node or None
        The node that made it; None for a leaf.
    """

    # What every operation reads; the rest, and what a user adds, is in the dict.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_array",
        "_base",  # the tensor this one is a view of, and the operations that lead from there
        "_cell",  # [how often the memory was written], shared by views
        "_chain",
        "_edge",  # (node, output number): where its gradient goes; None if it needs none
    )
    # Defaults of the other fields, so that a new tensor sets only what differs.
    _grad = None
    _base_array = None  # what the array of the base was when the view was made
    _edge_version = None  # write count at which _edge was right (views only)
    _frozen = None  # the edge of a leaf whose requires_grad was switched off
    _post_hooks = None  # post-accumulate hooks of a leaf
    _retained = None  # handle of the hook of retain_grad

    __array_priority__ = 1000  # `array * tensor` is left to Tensor.__rmul__

    def __new__(cls, *data, dtype=None, device=None):
        _device.check("Tensor", device)
        return Tensor._make(cls, _legacy_array(data, dtype), [0])

    def __init__(self, *data, **kwargs):
        pass

    # ---- construction (internal)

    @staticmethod
    def _make(cls, array, cell, edge=None) -> Tensor:
        """Make a Tensor, of class `cls`, of its parts."""
        self = object.__new__(cls)
        self._array = array
        self._cell = cell
        self._edge = edge
        self._base = self._chain = None
        return self

    @staticmethod
    def _wrap(array) -> Tensor:
        """Make a constant Tensor of an array, without a copy."""
        self = object.__new__(Tensor)
        self._array = array
        self._cell = [0]
        self._edge = self._base = self._chain = None
        return self

    @staticmethod
    def _zeros(shape, dtype) -> Tensor:
        return Tensor._wrap(np.zeros(shape, dtype.numpy))

    @staticmethod
    def _ones(shape, dtype) -> Tensor:
        return Tensor._wrap(np.ones(shape, dtype.numpy))

    # ---- what it is

    @property
    def shape(self) -> Size:
        """Sizes of the dimensions."""
        return Size(self._array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """Type of the elements."""
        return dtypes.BY_NUMPY[self._array.dtype]

    @property
    def device(self) -> _device.device:
        """Where the tensor lives: ``cpu``."""
        return _device.CPU

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._array.ndim

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._array.nbytes

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def size(self, dim=None):
        """Return the shape, or the size of dimension `dim`.

        Parameters
        ----------
        dim : int, optional
        """
        return self.shape if dim is None else self._array.shape[ops.dimension("size", self, dim)]

    def numel(self) -> int:
        """Return the number of elements."""
        return self._array.size

    nelement = numel

    def element_size(self) -> int:
        """Return the bytes per element."""
        return self._array.itemsize

    def stride(self, dim=None):
        """Return the steps in memory, in elements, from one index to the next.

        Parameters
        ----------
        dim : int, optional
            Return that of one dimension.
        """
        steps = tuple(s // self._array.itemsize for s in self._array.strides)
        return steps if dim is None else steps[ops.dimension("stride", self, dim)]

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self._array.__array_interface__["data"][0]

    def storage_offset(self) -> int:
        """Return the distance, in elements, from the start of the base to the first element."""
        base = self if self._base is None else self._base
        return (self.data_ptr() - base.data_ptr()) // self._array.itemsize

    def is_contiguous(self, memory_format=None) -> bool:
        """Whether the elements lie in memory in order, without gaps.

        Parameters
        ----------
        memory_format : optional
            Accepted.
        """
        return self._array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers: never."""
        return False

    def is_signed(self) -> bool:
        """Whether the elements can be negative."""
        return self.dtype.is_signed

    # ---- its place in the graph

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return self._gradient_edge() is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch recording on or off for this leaf, and return it.

        Parameters
        ----------
        requires_grad : bool

        Raises
        ------
        RuntimeError
            If the tensor is no leaf and recording is switched off, or is not floating-point.
        """
        if requires_grad == self.requires_grad:
            return self
        if not self.is_leaf:
            raise RuntimeError(
                "requires_grad_: you can only change requires_grad flags of leaf variables. If you "
                "want to use a computed variable in a subgraph that doesn't require "
                "differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError(
                f"requires_grad_: only Tensors of floating point dtype can require gradients, this "
                f"one is {self.dtype}"
            )
        if requires_grad:
            self._edge = self._frozen or (AccumulateGrad(self), 0)
        else:
            self._edge, self._frozen = None, self._edge
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made this tensor (or it does not require grad)."""
        edge = self._gradient_edge()
        return edge is None or type(edge[0]) is AccumulateGrad

    @property
    def grad_fn(self):
        """The node that made this tensor; None for a leaf."""
        return None if self.is_leaf else self._edge[0]

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this tensor is."""
        return 0 if self._edge is None else self._edge[1]

    def _gradient_edge(self):
        """Return the edge that the gradient of this tensor takes, None if it needs none."""
        if self._chain is not None:
            views.refresh(self)
        return self._edge

    def _use_memory(self, array, cell) -> None:
        """Hold another array, and the cell that counts writes to it."""
        self._array, self._cell = array, cell
        if self._edge is not None and self.is_leaf:
            self._edge[0].memory = array, cell

    @property
    def grad(self):
        """The gradient accumulated by backward passes, or None."""
        if self._grad is None and self._retained is None and not self.is_leaf:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. It "
                "is not populated by backward(), unless you call .retain_grad() on the Tensor.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape or value.dtype is not self.dtype:
                raise ShapeError(
                    f"grad: assigned grad has shape {tuple(value.shape)} and {value.dtype}, the "
                    f"tensor {tuple(self.shape)} and {self.dtype}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor outside any graph; writes to it are not noticed."""
        return Tensor._wrap(self._array)

    @data.setter
    def data(self, value) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data must be a Tensor, got {type(value).__name__}")
        self._use_memory(value._array, self._cell)

    @property
    def _version(self) -> int:
        """How often this memory has been written in place."""
        return self._cell[0]

    def detach(self) -> Tensor:
        """Return a tensor of the same memory outside the graph; writes to either are noticed."""
        result = Tensor._wrap(self._array)
        result._cell = self._cell
        return result

    def detach_(self) -> Tensor:
        """Cut this tensor from the graph that made it, and return it."""
        if self._base is not None:
            raise RuntimeError("detach_: can't detach views in-place, use detach() instead")
        if self.is_leaf:
            return self.requires_grad_(False)  # its hooks stay
        self._edge = None
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Add the gradients of this tensor with respect to the leaves to their ``.grad``.

        Parameters
        ----------
        gradient : Tensor, optional
            The vector of the vector-Jacobian product, of this tensor's shape. Not needed for a
            tensor of one element.
        retain_graph : bool, optional
            Keep the graph for another walk. Default: the value of `create_graph`.
        create_graph : bool
            Record the walk, so that the gradients can themselves be differentiated.
        inputs : Tensor or sequence of Tensor, optional
            Accumulate only into these tensors. Default: all leaves.
        """
        api.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in ``.grad``, though it is no leaf."""
        if not self.requires_grad:
            raise RuntimeError(
                "retain_grad: can't retain_grad on Tensor that has requires_grad=False"
            )
        if self.is_leaf or self.retains_grad:
            return
        self._retain(self._edge)

    def _retain(self, edge) -> None:
        """Have the gradient that takes `edge` kept; other hooks there may change it before."""
        reference = weakref.ref(self)

        def keep(grad):
            tensor = reference()
            if tensor is not None:
                tensor._grad = grad.clone() if tensor._grad is None else tensor._grad + grad

        if self._retained is not None:
            self._retained.remove()
        node, number = edge
        self._retained = node.add_tensor_hook(number, keep, last=True)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this tensor, which is no leaf."""
        return self._retained is not None

    def register_hook(self, hook) -> RemovableHandle:
        """Call ``hook(grad)`` when the gradient of this tensor is known; a result replaces it.

        Parameters
        ----------
        hook : callable

        Returns
        -------
        RemovableHandle
            Its ``remove`` takes the hook away.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "register_hook: cannot register a hook on a tensor that doesn't require gradient"
            )
        node, number = self._gradient_edge()
        return node.add_tensor_hook(number, hook)

    def register_post_accumulate_grad_hook(self, hook) -> RemovableHandle:
        """Call ``hook(tensor)`` each time a gradient has been added to this leaf's ``.grad``.

        See `register_hook`.
        """
        if not (self.requires_grad and self.is_leaf):
            raise RuntimeError(
                "register_post_accumulate_grad_hook: only leaf tensors that require grad have one"
            )
        if self._post_hooks is None:
            self._post_hooks = OrderedDict()
            self._edge[0].hooked_leaf = self  # they want to see it, though nobody else may hold it
        return RemovableHandle(self._post_hooks, hook)

    # ---- new tensors and conversions

    new = creation.new
    new_tensor = creation.new_tensor
    new_zeros = creation.new_zeros
    new_ones = creation.new_ones
    new_empty = creation.new_empty
    new_full = creation.new_full
    to = creation.to
    type = creation.type_
    type_as = creation.type_as

    def float(self) -> Tensor:
        """Return the tensor converted to float32."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """Return the tensor converted to float64."""
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        """Return the tensor converted to float16."""
        return self.to(dtypes.float16)

    def long(self) -> Tensor:
        """Return the tensor converted to int64."""
        return self.to(dtypes.int64)

    def int(self) -> Tensor:
        """Return the tensor converted to int32."""
        return self.to(dtypes.int32)

    def short(self) -> Tensor:
        """Return the tensor converted to int16."""
        return self.to(dtypes.int16)

    def char(self) -> Tensor:
        """Return the tensor converted to int8."""
        return self.to(dtypes.int8)

    def byte(self) -> Tensor:
        """Return the tensor converted to uint8."""
        return self.to(dtypes.uint8)

    def bool(self) -> Tensor:
        """Return the tensor converted to bool."""
        return self.to(dtypes.bool)

    def cpu(self, memory_format=None) -> Tensor:
        """Return the tensor itself: it is on the CPU.

        Parameters
        ----------
        memory_format : optional
            Accepted.
        """
        return self

    def cuda(self, device=None, non_blocking=False, memory_format=None) -> Tensor:
        """Raise: there is no other device than the CPU."""
        return self.to(_device.device("cuda" if device is None else device))

    def pin_memory(self, device=None) -> Tensor:
        """Return the tensor itself: pinning only matters for other devices.

        Parameters
        ----------
        device : optional
            Not used.
        """
        return self

    # Of every tensor: there are no other kinds.
    is_cuda = is_sparse = is_quantized = is_meta = is_mps = is_xpu = is_xla = is_ipu = False
    is_mkldnn = is_nested = is_sparse_csr = is_vulkan = is_mtia = is_maia = False
    is_cpu = True
    layout = names.strided
    name = None

    def is_pinned(self, device=None) -> bool:
        """Whether the memory is pinned for another device: False.

        Parameters
        ----------
        device : optional
            Not used.
        """
        return False

    def is_shared(self) -> bool:
        """Whether other processes share the memory: False."""
        return False

    def share_memory_(self) -> Tensor:
        """Return the tensor itself: processes do not share tensors."""
        return self

    def to_dense(self, dtype=None) -> Tensor:
        """Return the tensor, which is dense, itself.

        Parameters
        ----------
        dtype : dtype, optional
            To convert to.
        """
        return self if dtype is None else self.to(dtype)

    def get_device(self) -> int:
        """Return the number of the device: -1, the CPU."""
        return -1

    # ---- operations

    # activation

    hardshrink = ops.hardshrink
    log_softmax = ops.log_softmax
    prelu = ops.prelu
    relu = ops.relu
    relu_ = ops.relu_
    softmax = ops.softmax

    # elementwise

    abs = __abs__ = elementwise.abs
    abs_ = elementwise.abs_
    absolute = elementwise.absolute
    absolute_ = elementwise.absolute_
    acos = elementwise.acos
    acos_ = elementwise.acos_
    acosh = elementwise.acosh
    acosh_ = elementwise.acosh_
    add = __add__ = __radd__ = elementwise.add
    add_ = __iadd__ = elementwise.add_
    addcdiv = elementwise.addcdiv
    addcdiv_ = elementwise.addcdiv_
    addcmul = elementwise.addcmul
    addcmul_ = elementwise.addcmul_
    allclose = elementwise.allclose
    arccos = elementwise.arccos
    arccosh = elementwise.arccosh
    arcsin = elementwise.arcsin
    arcsinh = elementwise.arcsinh
    arctan = elementwise.arctan
    arctan2 = elementwise.arctan2
    arctanh = elementwise.arctanh
    asin = elementwise.asin
    asin_ = elementwise.asin_
    asinh = elementwise.asinh
    asinh_ = elementwise.asinh_
    atan = elementwise.atan
    atan2 = elementwise.atan2
    atan2_ = elementwise.atan2_
    atan_ = elementwise.atan_
    atanh = elementwise.atanh
    atanh_ = elementwise.atanh_
    bitwise_and = __and__ = __rand__ = elementwise.bitwise_and
    bitwise_and_ = __iand__ = elementwise.bitwise_and_
    bitwise_left_shift = __lshift__ = elementwise.bitwise_left_shift
    bitwise_left_shift_ = __ilshift__ = elementwise.bitwise_left_shift_
    bitwise_not = __invert__ = elementwise.bitwise_not
    bitwise_not_ = elementwise.bitwise_not_
    bitwise_or = __or__ = __ror__ = elementwise.bitwise_or
    bitwise_or_ = __ior__ = elementwise.bitwise_or_
    bitwise_right_shift = __rshift__ = elementwise.bitwise_right_shift
    bitwise_right_shift_ = __irshift__ = elementwise.bitwise_right_shift_
    bitwise_xor = __xor__ = __rxor__ = elementwise.bitwise_xor
    bitwise_xor_ = __ixor__ = elementwise.bitwise_xor_
    ceil = elementwise.ceil
    ceil_ = elementwise.ceil_
    clamp = elementwise.clamp
    clamp_ = elementwise.clamp_
    clamp_max = elementwise.clamp_max
    clamp_max_ = elementwise.clamp_max_
    clamp_min = elementwise.clamp_min
    clamp_min_ = elementwise.clamp_min_
    clip = elementwise.clip
    clip_ = elementwise.clip_
    cos = elementwise.cos
    cos_ = elementwise.cos_
    cosh = elementwise.cosh
    cosh_ = elementwise.cosh_
    div = __truediv__ = elementwise.div
    div_ = __itruediv__ = elementwise.div_
    divide = elementwise.divide
    divide_ = elementwise.divide_
    eq = elementwise.eq
    eq_ = elementwise.eq_
    equal = elementwise.equal
    erf = elementwise.erf
    erf_ = elementwise.erf_
    erfc = elementwise.erfc
    erfc_ = elementwise.erfc_
    erfinv = elementwise.erfinv
    erfinv_ = elementwise.erfinv_
    exp = elementwise.exp
    exp2 = elementwise.exp2
    exp2_ = elementwise.exp2_
    exp_ = elementwise.exp_
    expm1 = elementwise.expm1
    expm1_ = elementwise.expm1_
    fill_ = elementwise.fill_
    fix = elementwise.fix
    float_power = elementwise.float_power
    floor = elementwise.floor
    floor_ = elementwise.floor_
    floor_divide = __floordiv__ = elementwise.floor_divide
    floor_divide_ = __ifloordiv__ = elementwise.floor_divide_
    fmax = elementwise.fmax
    fmin = elementwise.fmin
    fmod = elementwise.fmod
    fmod_ = elementwise.fmod_
    frac = elementwise.frac
    frac_ = elementwise.frac_
    ge = elementwise.ge
    ge_ = elementwise.ge_
    greater = elementwise.greater
    greater_equal = elementwise.greater_equal
    gt = elementwise.gt
    gt_ = elementwise.gt_
    hypot = elementwise.hypot
    isclose = elementwise.isclose
    isfinite = elementwise.isfinite
    isinf = elementwise.isinf
    isnan = elementwise.isnan
    le = elementwise.le
    le_ = elementwise.le_
    lerp = elementwise.lerp
    lerp_ = elementwise.lerp_
    less = elementwise.less
    less_equal = elementwise.less_equal
    log = elementwise.log
    log10 = elementwise.log10
    log10_ = elementwise.log10_
    log1p = elementwise.log1p
    log1p_ = elementwise.log1p_
    log2 = elementwise.log2
    log2_ = elementwise.log2_
    log_ = elementwise.log_
    logical_and = elementwise.logical_and
    logical_and_ = elementwise.logical_and_
    logical_not = elementwise.logical_not
    logical_not_ = elementwise.logical_not_
    logical_or = elementwise.logical_or
    logical_or_ = elementwise.logical_or_
    logical_xor = elementwise.logical_xor
    logical_xor_ = elementwise.logical_xor_
    lt = elementwise.lt
    lt_ = elementwise.lt_
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    mul = __mul__ = __rmul__ = elementwise.mul
    mul_ = __imul__ = elementwise.mul_
    multiply = elementwise.multiply
    multiply_ = elementwise.multiply_
    nan_to_num = elementwise.nan_to_num
    nan_to_num_ = elementwise.nan_to_num_
    ne = elementwise.ne
    ne_ = elementwise.ne_
    neg = __neg__ = elementwise.neg
    neg_ = elementwise.neg_
    negative = elementwise.negative
    negative_ = elementwise.negative_
    not_equal = elementwise.not_equal
    positive = __pos__ = elementwise.positive
    pow = __pow__ = elementwise.pow
    pow_ = __ipow__ = elementwise.pow_
    reciprocal = elementwise.reciprocal
    reciprocal_ = elementwise.reciprocal_
    remainder = __mod__ = elementwise.remainder
    remainder_ = __imod__ = elementwise.remainder_
    round = elementwise.round
    round_ = elementwise.round_
    rsqrt = elementwise.rsqrt
    rsqrt_ = elementwise.rsqrt_
    rsub = __rsub__ = elementwise.rsub
    sigmoid = elementwise.sigmoid
    sigmoid_ = elementwise.sigmoid_
    sign = elementwise.sign
    sign_ = elementwise.sign_
    sin = elementwise.sin
    sin_ = elementwise.sin_
    sinh = elementwise.sinh
    sinh_ = elementwise.sinh_
    sqrt = elementwise.sqrt
    sqrt_ = elementwise.sqrt_
    square = elementwise.square
    square_ = elementwise.square_
    sub = __sub__ = elementwise.sub
    sub_ = __isub__ = elementwise.sub_
    subtract = elementwise.subtract
    subtract_ = elementwise.subtract_
    tan = elementwise.tan
    tan_ = elementwise.tan_
    tanh = elementwise.tanh
    tanh_ = elementwise.tanh_
    true_divide = elementwise.true_divide
    true_divide_ = elementwise.true_divide_
    trunc = elementwise.trunc
    trunc_ = elementwise.trunc_
    zero_ = elementwise.zero_

    def where(self, condition, other) -> Tensor:
        """Return the elements where a condition holds, those of `other` elsewhere; see `where`."""
        return elementwise.where(condition, self, other)

    def __rtruediv__(self, other) -> Tensor:
        return elementwise.div(other, self)

    def __rfloordiv__(self, other) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __rmod__(self, other) -> Tensor:
        return elementwise.remainder(other, self)

    def __rpow__(self, other) -> Tensor:
        return elementwise.pow(other, self)

    def __rlshift__(self, other) -> Tensor:
        return elementwise.bitwise_left_shift(other, self)

    def __rrshift__(self, other) -> Tensor:
        return elementwise.bitwise_right_shift(other, self)

    # Comparing with what is no number is for Python to decide (`tensor == None` is False).

    def __eq__(self, other):
        try:
            return elementwise.eq(self, other)
        except TypeError:
            return NotImplemented

    def __ne__(self, other):
        try:
            return elementwise.ne(self, other)
        except TypeError:
            return NotImplemented

    def __lt__(self, other):
        try:
            return elementwise.lt(self, other)
        except TypeError:
            return NotImplemented

    def __le__(self, other):
        try:
            return elementwise.le(self, other)
        except TypeError:
            return NotImplemented

    def __gt__(self, other):
        try:
            return elementwise.gt(self, other)
        except TypeError:
            return NotImplemented

    def __ge__(self, other):
        try:
            return elementwise.ge(self, other)
        except TypeError:
            return NotImplemented

    # reduce

    all = reduce.all
    amax = reduce.amax
    amin = reduce.amin
    aminmax = reduce.aminmax
    any = reduce.any
    argmax = reduce.argmax
    argmin = reduce.argmin
    count_nonzero = reduce.count_nonzero
    cummax = reduce.cummax
    cummin = reduce.cummin
    cumprod = reduce.cumprod
    cumsum = reduce.cumsum
    logsumexp = reduce.logsumexp
    max = reduce.max
    mean = reduce.mean
    median = reduce.median
    min = reduce.min
    nanmean = reduce.nanmean
    nanmedian = reduce.nanmedian
    nansum = reduce.nansum
    norm = reduce.norm
    prod = reduce.prod
    std = reduce.std
    sum = reduce.sum
    var = reduce.var

    # shape

    clone = ops.clone
    contiguous = ops.contiguous
    copy_ = ops.copy_
    view = ops.view
    view_as = ops.view_as
    reshape = ops.reshape
    reshape_as = ops.reshape_as
    flatten = ops.flatten
    ravel = ops.ravel
    unflatten = ops.unflatten
    squeeze = ops.squeeze
    squeeze_ = ops.squeeze_
    unsqueeze = ops.unsqueeze
    unsqueeze_ = ops.unsqueeze_
    expand = ops.expand
    expand_as = ops.expand_as
    broadcast_to = ops.broadcast_to
    permute = ops.permute
    transpose = ops.transpose
    transpose_ = ops.transpose_
    swapaxes = ops.swapaxes
    swapdims = ops.swapdims
    t = ops.t
    t_ = ops.t_
    adjoint = ops.adjoint
    movedim = ops.movedim
    moveaxis = ops.moveaxis
    narrow = ops.narrow
    select = ops.select
    split = ops.split
    split_with_sizes = ops.split_with_sizes
    chunk = ops.chunk
    tensor_split = ops.tensor_split
    hsplit = ops.hsplit
    vsplit = ops.vsplit
    dsplit = ops.dsplit
    unbind = ops.unbind
    diagonal = ops.diagonal
    diag_embed = ops.diag_embed
    diag = ops.diag
    unfold = ops.unfold
    repeat = ops.repeat
    tile = ops.tile
    repeat_interleave = ops.repeat_interleave
    flip = ops.flip
    fliplr = ops.fliplr
    flipud = ops.flipud
    roll = ops.roll
    rot90 = ops.rot90
    tril = ops.tril
    tril_ = ops.tril_
    triu = ops.triu
    triu_ = ops.triu_
    mT = mH = property(ops.adjoint)
    real = property(names.real)
    imag = property(names.imag)
    conj = conj_physical = resolve_conj = resolve_neg = names.conj
    is_conj = names.is_conj
    is_neg = names.is_neg
    is_inference = names.is_inference
    is_distributed = names.is_distributed
    is_nonzero = names.is_nonzero
    is_same_size = names.is_same_size

    def unsafe_chunk(self, chunks, dim=0):
        """Return the parts as `chunk` does."""
        return ops.chunk(self, chunks, dim)

    conj_physical_ = names.conj
    unsafe_split_with_sizes = ops.split_with_sizes

    def as_subclass(self, cls):
        """Return the same memory as an instance of a subclass of Tensor.

        Parameters
        ----------
        cls : class
        """
        result = Tensor._make(cls, self._array, self._cell, self.grad_fn and self._edge)
        result._base, result._chain = self._base, self._chain
        result.__dict__.update(self.__dict__)
        result._frozen = None
        result.requires_grad_(self.requires_grad)
        return result

    def is_set_to(self, tensor) -> builtins.bool:
        """Whether both tensors show the same memory in the same way.

        Parameters
        ----------
        tensor : Tensor
        """
        same = self.data_ptr() == tensor.data_ptr()
        return same and self.shape == tensor.shape and self.stride() == tensor.stride()

    def new_empty_strided(self, size, stride, **options) -> Tensor:
        """Make a tensor that is not set, of given sizes and strides; see `empty_strided`."""
        return names.empty_strided(size, stride, **{"dtype": self.dtype, **options})

    def unsafe_split(self, split_size, dim=0):
        """Return the parts as `split` does.

        Parameters
        ----------
        split_size : int or sequence of int
            See `split`.
        """
        return ops.split(self, split_size, dim)

    def resize(self, *sizes) -> Tensor:
        """Return the elements in another shape; deprecated in favour of `reshape`."""
        warnings.warn("non-inplace resize is deprecated", stacklevel=2)
        return ops.view(self, *sizes)

    def resize_as(self, other) -> Tensor:
        """Return the elements in the shape of `other`; deprecated in favour of `view_as`."""
        warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
        return ops.view(self, other.shape)

    def storage(self) -> storage.Storage:
        """Return the memory, as a row of elements."""
        return storage.Storage(self)

    untyped_storage = typed_storage = storage

    def dim_order(self, *args) -> tuple:
        """Return the dimensions from the widest to the narrowest step in memory.

        Parameters
        ----------
        *args
            Not used.
        """
        return tuple(sorted(range(self.ndim), key=lambda d: -abs(self._array.strides[d])))

    def apply_(self, callable) -> Tensor:
        """Replace every element by what a Python function makes of it; slow.

        Parameters
        ----------
        callable : callable
            Takes a number and returns one.

        Returns
        -------
        Tensor
            This one.
        """
        values = [callable(value) for value in self._array.reshape(-1).tolist()]
        with grad_mode.no_grad():
            return self.copy_(creation.tensor(values, dtype=self.dtype).reshape(self.shape))

    def map_(self, tensor, callable) -> Tensor:
        """Replace every element by what a Python function makes of it and another's; slow.

        Parameters
        ----------
        tensor : Tensor
            Broadcasts to the shape of this one.
        callable : callable
            Takes two numbers and returns one.

        Returns
        -------
        Tensor
            This one.
        """
        others = tensor.expand_as(self).reshape(-1).tolist()
        pairs = zip(self.reshape(-1).tolist(), others, strict=True)
        values = [callable(a, b) for a, b in pairs]
        with grad_mode.no_grad():
            return self.copy_(creation.tensor(values, dtype=self.dtype).reshape(self.shape))

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions in reverse order."""
        if self.ndim == 2:
            return ops.t(self)
        return ops.permute(self, tuple(reversed(range(self.ndim))))

    H = T

    # index
    __getitem__ = ops.getitem
    __setitem__ = ops.setitem
    index_select = ops.index_select
    index_add = ops.index_add
    index_add_ = ops.index_add_
    index_copy = ops.index_copy
    index_copy_ = ops.index_copy_
    index_fill = ops.index_fill
    index_fill_ = ops.index_fill_
    index_put = ops.index_put
    index_put_ = ops.index_put_
    gather = ops.gather
    scatter = ops.scatter
    scatter_ = ops.scatter_
    scatter_add = ops.scatter_add
    scatter_add_ = ops.scatter_add_
    scatter_reduce = ops.scatter_reduce
    scatter_reduce_ = ops.scatter_reduce_
    masked_fill = ops.masked_fill
    masked_fill_ = ops.masked_fill_
    masked_select = ops.masked_select
    masked_scatter = ops.masked_scatter
    masked_scatter_ = ops.masked_scatter_
    take = ops.take
    take_along_dim = ops.take_along_dim
    put = ops.put
    put_ = ops.put_
    nonzero = ops.nonzero
    argwhere = ops.argwhere
    sort = ops.sort
    argsort = ops.argsort
    msort = ops.msort
    topk = ops.topk
    kthvalue = ops.kthvalue
    unique = ops.unique
    unique_consecutive = ops.unique_consecutive
    bincount = ops.bincount
    histc = ops.histc

    # random
    bernoulli = ops.bernoulli
    bernoulli_ = ops.random.bernoulli_
    cauchy_ = ops.random.cauchy_
    exponential_ = ops.random.exponential_
    geometric_ = ops.random.geometric_
    log_normal_ = ops.random.log_normal_
    multinomial = ops.multinomial
    normal_ = ops.random.normal_
    random_ = ops.random.random_
    uniform_ = ops.random.uniform_

    # matmul
    matmul = __matmul__ = ops.matmul
    mm = ops.mm
    bmm = ops.bmm
    mv = ops.mv
    dot = ops.dot
    vdot = ops.vdot
    inner = ops.inner
    outer = ops.outer
    ger = ops.ger
    addmm = ops.addmm
    addmm_ = ops.addmm_
    addmv = ops.addmv
    addr = ops.addr
    addbmm = ops.addbmm
    baddbmm = ops.baddbmm
    kron = ops.kron

    def __rmatmul__(self, other):
        if not isinstance(other, np.ndarray):
            return NotImplemented
        return ops.matmul(Tensor._wrap(other), self)

    # special
    angle = ops.special.angle
    copysign = ops.special.copysign
    copysign_ = ops.special.copysign_
    deg2rad = ops.special.deg2rad
    deg2rad_ = ops.special.deg2rad_
    digamma = ops.special.digamma
    digamma_ = ops.special.digamma_
    frexp = ops.special.frexp
    gcd = ops.special.gcd
    gcd_ = ops.special.gcd_
    heaviside = ops.special.heaviside
    heaviside_ = ops.special.heaviside_
    i0 = ops.special.i0
    i0_ = ops.special.i0_
    isneginf = ops.special.isneginf
    isposinf = ops.special.isposinf
    isreal = ops.special.isreal
    lcm = ops.special.lcm
    lcm_ = ops.special.lcm_
    ldexp = ops.special.ldexp
    ldexp_ = ops.special.ldexp_
    lgamma = ops.special.lgamma
    lgamma_ = ops.special.lgamma_
    logaddexp = ops.special.logaddexp
    logaddexp2 = ops.special.logaddexp2
    logit = ops.special.logit
    logit_ = ops.special.logit_
    mvlgamma = ops.special.mvlgamma
    mvlgamma_ = ops.special.mvlgamma_
    nextafter = ops.special.nextafter
    nextafter_ = ops.special.nextafter_
    polygamma = ops.special.polygamma
    polygamma_ = ops.special.polygamma_
    rad2deg = ops.special.rad2deg
    rad2deg_ = ops.special.rad2deg_
    sgn = ops.special.sgn
    sgn_ = ops.special.sgn_
    signbit = ops.special.signbit
    sinc = ops.special.sinc
    sinc_ = ops.special.sinc_
    xlogy = ops.special.xlogy
    xlogy_ = ops.special.xlogy_

    # arrange
    as_strided = ops.arrange.as_strided
    as_strided_ = ops.arrange.as_strided_
    as_strided_scatter = ops.arrange.as_strided_scatter
    diagflat = ops.arrange.diagflat
    diagonal_scatter = ops.arrange.diagonal_scatter
    fill_diagonal_ = ops.arrange.fill_diagonal_
    index_reduce = ops.arrange.index_reduce
    index_reduce_ = ops.inplace.index_reduce_
    narrow_copy = ops.arrange.narrow_copy
    resize_ = ops.arrange.resize_
    resize_as_ = ops.arrange.resize_as_
    select_scatter = ops.arrange.select_scatter
    slice_scatter = ops.arrange.slice_scatter
    sum_to_size = ops.arrange.sum_to_size
    swapaxes_ = ops.arrange.swapaxes_
    swapdims_ = ops.arrange.swapdims_

    # statistics
    corrcoef = ops.statistics.corrcoef
    cov = ops.statistics.cov
    diff = ops.statistics.diff
    dist = ops.statistics.dist
    histogram = ops.statistics.histogram
    logcumsumexp = ops.statistics.logcumsumexp
    mode = ops.statistics.mode
    nanquantile = ops.statistics.nanquantile
    quantile = ops.statistics.quantile
    renorm = ops.statistics.renorm
    renorm_ = ops.inplace.renorm_

    # linalg
    cholesky = ops.linalg.cholesky
    cross = ops.linalg.cross
    det = ops.linalg.det
    inverse = ops.linalg.inverse
    logdet = ops.linalg.logdet
    matrix_exp = ops.linalg.matrix_exp
    matrix_power = ops.linalg.matrix_power
    pinverse = ops.linalg.pinverse
    qr = ops.linalg.qr
    slogdet = ops.linalg.slogdet
    svd = ops.linalg.svd
    trace = ops.linalg.trace

    # in place
    addbmm_ = ops.inplace.addbmm_
    addmv_ = ops.inplace.addmv_
    addr_ = ops.inplace.addr_
    baddbmm_ = ops.inplace.baddbmm_
    arccos_ = ops.inplace.arccos_
    arccosh_ = ops.inplace.arccosh_
    arcsin_ = ops.inplace.arcsin_
    arcsinh_ = ops.inplace.arcsinh_
    arctan_ = ops.inplace.arctan_
    arctan2_ = ops.inplace.arctan2_
    arctanh_ = ops.inplace.arctanh_
    cumprod_ = ops.inplace.cumprod_
    cumsum_ = ops.inplace.cumsum_
    fix_ = ops.inplace.fix_
    float_power_ = ops.inplace.float_power_
    greater_ = ops.inplace.greater_
    greater_equal_ = ops.inplace.greater_equal_
    hypot_ = ops.inplace.hypot_
    less_ = ops.inplace.less_
    less_equal_ = ops.inplace.less_equal_
    not_equal_ = ops.inplace.not_equal_

    # ---- Python and numpy

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Return the numpy array, sharing memory.

        Parameters
        ----------
        force : bool
            Detach first.

        Raises
        ------
        RuntimeError
            If the tensor requires grad: writes to the array could not be followed.
        """
        if self.requires_grad and not force:
            raise RuntimeError(
                "numpy: can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        if grad_mode.state.recorder is not None:
            grad_mode.state.recorder.read()
        return self._array

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        return np.array(array, dtype=dtype, copy=copy) if dtype or copy else array

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return Tensor._wrap(np.asarray(array))

    def __dlpack__(self, **kwargs):
        return self.numpy().__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()

    def item(self):
        """Return the only element as a Python number.

        Raises
        ------
        RuntimeError
            If the tensor does not have exactly one element.
        """
        if self._array.size != 1:
            raise RuntimeError(
                f"item: a Tensor with {self._array.size} elements, shape {self._array.shape}, "
                "cannot be converted to Scalar"
            )
        if grad_mode.state.recorder is not None:
            grad_mode.state.recorder.read()
        return self._array.item()

    def tolist(self):
        """Return the elements as nested lists of Python numbers."""
        if grad_mode.state.recorder is not None:
            grad_mode.state.recorder.read()
        return self._array.tolist()

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise RuntimeError(
                f"Boolean value of Tensor with shape {self._array.shape} is ambiguous: "
                "use any() or all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.is_floating_point:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self))])

    def __reversed__(self) -> Tensor:
        """Return the tensor with its first dimension backwards, as PyTorch does."""
        return ops.flip(self, (0,)) if self.ndim else self

    def __contains__(self, element) -> bool:
        return bool((self == element).any())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return tensor_repr(self)

    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment: use detach() or clone() first"
            )
        result = self._like(self._array.copy())
        memo[id(self)] = result
        result._grad = copy.deepcopy(self._grad, memo)
        result.__dict__.update(copy.deepcopy(_user_attributes(self), memo))
        return result

    def __reduce_ex__(self, protocol):
        if not self.is_leaf:
            raise RuntimeError("cannot pickle a tensor that is part of a graph: use detach() first")
        arguments = (type(self), self._array, self.requires_grad, _user_attributes(self))
        return _unpickle, arguments

    def _like(self, array) -> Tensor:
        """Make a leaf of this tensor's class and requires_grad, around another array."""
        return Tensor._make(type(self), array, [0]).requires_grad_(self.requires_grad)


def _user_attributes(tensor) -> dict:
    """Return the attributes a user set on a tensor."""
    return {k: v for k, v in tensor.__dict__.items() if not hasattr(Tensor, k)}


def _unpickle(cls, array, requires_grad, attributes):
    result = Tensor._make(cls, array, [0]).requires_grad_(requires_grad)
    result.__dict__.update(attributes)
    return result


def _legacy_array(data, dtype) -> np.ndarray:
    """Build the array of ``Tensor(*sizes)``, ``Tensor(sequence)`` and ``Tensor(tensor)``."""
    dtype = (dtype or dtypes.get_default_dtype()).numpy
    if not data:
        return np.empty(0, dtype)
    if len(data) == 1 and not isinstance(data[0], int):
        values = data[0]
        if isinstance(values, Size):
            return np.empty(values, dtype)
        if isinstance(values, Tensor):
            return values._array
        return np.array(values, dtype=dtype)
    return np.empty(data, dtype)


Tensor.set_ = storage.set_  # the name of the module is a method inside the class
absent.install(Tensor)
for _name in ops.inplace.WITH_AXIS.split():
    setattr(Tensor, _name, ops.common.numpy_names(getattr(Tensor, _name)))

# The graph machinery is imported by this module, and makes Tensors: it gets the class here.
for _module in (creation, random, engine, hooks, op, views, api, function):
    _module.Tensor = Tensor
