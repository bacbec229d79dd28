"""The ONNX graph being written: its names, constants and nodes."""

import numpy as np

from ..tensor import Tensor


def package():
    """Return the onnx package, or raise ImportError that says how to get it."""
    try:
        import onnx
    except ImportError:
        raise ImportError(
            "ONNX files need the onnx package: pip install 'minitorch[onnx]'"
        ) from None
    return onnx


class ExportError(RuntimeError):
    """A model, or a part of one, that ONNX cannot express."""


class Graph:
    """
    A graph under construction.

    Every value has a name. A tensor that was computed from the inputs of the model has the name of
    the node that computed it; every other tensor is a constant, stored in the file.

    Parameters
    ----------
    named : dict of int to str
        Names of parameters and buffers, by the id of the array.
    batches : (int, int), optional
        The batch sizes of the two traces of the model, if the batch size is to be free.
    """

    def __init__(self, named, batches=None):
        self.onnx = package()
        self.nodes = []
        self.initializers = {}  # name -> array
        self.batches = batches
        self.batch_input = None  # the input whose first size is the batch size
        self._named = named
        self._values = {}  # id of a tensor -> its name
        self._tensors = {}  # the same tensors, so that their ids stay theirs
        self._stale = {}  # id of a tensor -> the operation that wrote over its memory
        self._count = {}

    # ---- values

    def bind(self, tensor, name):
        """Let a tensor, computed from the inputs, be known by this name."""
        self._values[id(tensor)] = name
        self._tensors[id(tensor)] = tensor
        self._stale.pop(id(tensor), None)

    def computed(self, value):
        """Whether a value depends on the inputs of the model."""
        return isinstance(value, Tensor) and self._find(value) is not None

    def _find(self, tensor):
        """Return the id under which a tensor, or one it is only another face of, is known."""
        if id(tensor) in self._values:
            return id(tensor)
        for key, known in self._tensors.items():
            if known._cell is tensor._cell and known._array.size:
                same = known._array.shape == tensor._array.shape
                if same and known._array.ctypes.data == tensor._array.ctypes.data:
                    return key  # detach(), .data
                if np.may_share_memory(known._array, tensor._array):
                    raise ExportError("a view of a computed tensor that no operation made")
        return None

    def overwrite(self, tensor, writer):
        """Note that an operation wrote into the memory of a tensor: its views are out of date."""
        for key, known in self._tensors.items():
            if known is not tensor and known._cell is tensor._cell:
                self._stale[key] = writer

    def name(self, value, like=None):
        """
        Return the name of a value; a constant gets into the file.

        Parameters
        ----------
        value : Tensor, array, number or None
            A number becomes a constant of the dtype of the tensor `like`. None is "", ONNX's name
            of an argument that is left out.
        """
        if value is None:
            return ""
        if not isinstance(value, Tensor):
            kind = like._array.dtype if like is not None else None
            return self.constant(np.asarray(value, kind))
        key = self._find(value)
        if key is None:
            return self.constant(value._array, self._named.get(id(value._array)))
        if key in self._stale:
            raise ExportError(
                f"a view read after {self._stale[key]} wrote into the memory it shares: "
                "ONNX has no views; use the operation that returns a new tensor"
            )
        return self._values[key]

    def constant(self, array, name=None):
        """Store an array in the file and return its name."""
        array = np.array(array, array.dtype.newbyteorder("="), order="C")
        if name is None or (name in self.initializers and self.initializers[name] is not array):
            known = name is not None and np.array_equal(self.initializers[name], array)
            if known:
                return name
            name = self.fresh(name or "constant")
        self.initializers[name] = array
        return name

    def integers(self, *values):
        """Store a list of integers, such as axes, and return its name."""
        return self.constant(np.array(values, np.int64))

    def fresh(self, stem):
        """Return a name that is not in use."""
        number = self._count[stem] = self._count.get(stem, -1) + 1
        return f"{stem}_{number}"

    # ---- nodes

    def node(self, kind, *inputs, outputs=1, **attributes):
        """Add a node; return the name of its result, or a list of names if `outputs` is not 1."""
        names = [self.fresh(kind.lower()) for _ in range(outputs)]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def sizes(self, first, second):
        """
        Return the name of a list of sizes that may depend on the batch size.

        Parameters
        ----------
        first, second : sequence of int
            The sizes in the two traces of the model. Where they differ they must be a multiple of
            the batch size.
        """
        if tuple(first) == tuple(second):
            return self.integers(*first)
        batch = self.node(
            "Slice", self.node("Shape", self.batch_input), self.integers(0), self.integers(1)
        )
        pieces = []
        for one, two in zip(first, second, strict=True):
            if one == two:
                pieces.append(self.integers(one))
                continue
            factor = one // self.batches[0]
            if (factor * self.batches[0], factor * self.batches[1]) != (one, two):
                raise ExportError(
                    f"a size that is {one} for a batch of {self.batches[0]} and {two} for one of "
                    f"{self.batches[1]}: export with dynamic_batch=False"
                )
            pieces.append(self.node("Mul", batch, self.integers(factor)))
        return self.node("Concat", *pieces, axis=0)
