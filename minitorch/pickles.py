"""Pickle, reduced to data: what PyTorch's checkpoints need, and nothing that could run code.

Python's own unpickler imports and calls whatever a file names. The `Unpickler` here is a small
stack machine for the opcodes that PyTorch writes (protocol 2, from Python 3 or 2). It imports
nothing: a name in the file is looked up in a table that the caller gives, and every other name is
refused. The `Pickler` writes the same opcodes, so a file can name PyTorch's functions though they
are not installed.
"""

import pickle
import struct
from collections import Counter, OrderedDict

import numpy as np

_LONGEST_NAME = 256  # of a module or of something in it
_SCALARS = (type(None), bool, int, float, str, bytes)


class Function:
    """A callable that a file may name, and so call; the data never gets hold of it."""

    def __init__(self, call):
        self.call = call


def _check_key(key):
    """Refuse what cannot be a key, and nested tuples, whose hash could recurse too deeply."""
    for part in key if type(key) is tuple else (key,):
        if type(part) not in _SCALARS:
            raise TypeError(f"a {type(key).__name__} as a key or an element of a set")
    return key


def _encode(text, encoding):
    """Undo what pickle makes of bytes in protocol 2."""
    if encoding != "latin1":
        raise ValueError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _ordered_dict(items=()):
    """Make an OrderedDict, empty or, as Python 2 wrote it, of a list of pairs."""
    if type(items) not in (tuple, list) or not all(type(pair) is list for pair in items):
        raise ValueError("an OrderedDict of something else than pairs")
    return OrderedDict((_check_key(key), value) for key, value in items)


def _counter(counts):
    return Counter({_check_key(key): count for key, count in counts.items()})


PLAIN_GLOBALS = {
    "collections.OrderedDict": Function(_ordered_dict),
    "collections.Counter": Function(_counter),
    "__builtin__.set": Function(lambda items: {_check_key(item) for item in items}),
    "__builtin__.bytes": Function(lambda: b""),
    "__builtin__.complex": Function(lambda real, imag: complex(real, imag)),
    "_codecs.encode": Function(_encode),
}


class Unpickler:
    """
    Rebuild plain data from a pickle.

    Parameters
    ----------
    data : bytes-like
        What holds the pickle.
    named : dict
        What a file may name: a `Function`, or a value, by ``"module.name"``. `PLAIN_GLOBALS` are
        known besides.
    persistent_load : callable
        Turns a persistent id (a tuple) into an object.
    position : int, default 0
        Where in the data the pickle begins; after `load`, where it ended.
    """

    def __init__(self, data, named, persistent_load, position=0):
        self.data = memoryview(data)
        self.position = position
        self.named = {**PLAIN_GLOBALS, **named}
        self.persistent_load = persistent_load
        self.stack = []
        self.outer_stacks = []
        self.memo = {}

    def load(self):
        """
        Return the object.

        Raises
        ------
        ValueError
            The pickle is damaged, or holds something outside the closed set. Damage may also show
            as any of IndexError, KeyError, TypeError, AttributeError and struct.error.
        """
        while (opcode := self._take(1)) != pickle.STOP:
            step = self._STEPS.get(opcode)
            if step is None:
                raise ValueError(f"pickle opcode {opcode!r}, which data does not need")
            step(self)
        return self.stack.pop()

    def _take(self, count):
        end = self.position + count
        if end > len(self.data):
            raise ValueError("the pickle is cut short")
        piece = self.data[self.position : end].tobytes()
        self.position = end
        return piece

    def _unpack(self, form):
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self):
        start = self.data[self.position : self.position + _LONGEST_NAME].tobytes()
        line = self._take(start.index(b"\n")).decode("utf-8")
        self.position += 1
        return line

    def _push(self, value):
        self.stack.append(value)

    def _pop_to_mark(self):
        items, self.stack = self.stack, self.outer_stacks.pop()
        return items

    def _mark(self):
        self.outer_stacks.append(self.stack)
        self.stack = []

    def _global(self):
        name = f"{self._line()}.{self._line()}"
        if name not in self.named:
            raise ValueError(f"{name} is not among the types that may be loaded")
        self._push(self.named[name])

    def _reduce(self):
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Function or type(arguments) is not tuple:
            raise ValueError(f"a call of a {type(function).__name__}")
        self._push(function.call(*arguments))

    def _build(self):
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is not OrderedDict or set(state) - {"_metadata"}:
            raise ValueError(f"attributes of a {type(target).__name__}")
        target.__dict__.update(state)

    def _persistent(self):
        self._push(self.persistent_load(self.stack.pop()))

    def _list_for(self):
        if type(self.stack[-1]) is not list:
            raise ValueError(f"items appended to a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def _append(self):
        item = self.stack.pop()
        self._list_for().append(item)

    def _appends(self):
        items = self._pop_to_mark()
        self._list_for().extend(items)

    def _set_items(self, items):
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict) or len(items) % 2:
            raise ValueError(f"items set in a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_check_key(key)] = value

    def _set_item(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _tuple(self, count):
        items = [self.stack.pop() for _ in range(count)]
        self._push(tuple(reversed(items)))

    def _remember(self, form):
        self.memo[self._unpack(form)] = self.stack[-1]

    _STEPS = {
        pickle.PROTO: lambda self: self._take(1),
        pickle.NONE: lambda self: self._push(None),
        pickle.NEWTRUE: lambda self: self._push(True),
        pickle.NEWFALSE: lambda self: self._push(False),
        pickle.BININT: lambda self: self._push(self._unpack("<i")),
        pickle.BININT1: lambda self: self._push(self._unpack("<B")),
        pickle.BININT2: lambda self: self._push(self._unpack("<H")),
        pickle.LONG1: lambda self: self._push(pickle.decode_long(self._take(self._unpack("<B")))),
        pickle.LONG4: lambda self: self._push(pickle.decode_long(self._take(self._unpack("<I")))),
        pickle.BINFLOAT: lambda self: self._push(self._unpack(">d")),
        pickle.BINUNICODE: lambda self: self._push(
            self._take(self._unpack("<I")).decode("utf-8", "surrogatepass")
        ),
        # Python 2's strings, in files of its time
        pickle.SHORT_BINSTRING: lambda self: self._push(self._take(self._unpack("<B")).decode()),
        pickle.BINSTRING: lambda self: self._push(self._take(self._unpack("<I")).decode()),
        pickle.EMPTY_TUPLE: lambda self: self._push(()),
        pickle.EMPTY_LIST: lambda self: self._push([]),
        pickle.EMPTY_DICT: lambda self: self._push({}),
        pickle.MARK: _mark,
        pickle.TUPLE: lambda self: self._push(tuple(self._pop_to_mark())),
        pickle.TUPLE1: lambda self: self._tuple(1),
        pickle.TUPLE2: lambda self: self._tuple(2),
        pickle.TUPLE3: lambda self: self._tuple(3),
        pickle.APPEND: _append,
        pickle.APPENDS: _appends,
        pickle.SETITEM: _set_item,
        pickle.SETITEMS: lambda self: self._set_items(self._pop_to_mark()),
        pickle.BINPUT: lambda self: self._remember("<B"),
        pickle.LONG_BINPUT: lambda self: self._remember("<I"),
        pickle.BINGET: lambda self: self._push(self.memo[self._unpack("<B")]),
        pickle.LONG_BINGET: lambda self: self._push(self.memo[self._unpack("<I")]),
        pickle.GLOBAL: _global,
        pickle.REDUCE: _reduce,
        pickle.BUILD: _build,
        pickle.BINPERSID: _persistent,
    }


class Name:
    """Something written as a bare name, such as ``torch.float32``."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """An object written as a call of something by name: ``module.name(*arguments)``."""

    def __init__(self, module, name, *arguments):
        self.function = Name(module, name)
        self.arguments = arguments


class PersistentId:
    """An object stored outside of the pickle."""

    def __init__(self, *parts):
        self.parts = parts


class Pickler:
    """
    Write plain data as a pickle of protocol 2.

    Parameters
    ----------
    describe : callable
        Asked about every object that is not plain: returns a `Name`, `Call` or `PersistentId` for
        it, or raises TypeError.
    """

    def __init__(self, describe):
        self.describe = describe
        self.out = bytearray(pickle.PROTO + b"\x02")
        self.memo = {}
        self.alive = []  # what the memo knows by id must not be freed meanwhile

    def dump(self, value):
        """
        Return the pickle of an object.

        Raises
        ------
        TypeError
            Something in it is not of the closed set; the message names the type.
        """
        self._save(value)
        return bytes(self.out + pickle.STOP)

    def _save(self, value):
        if isinstance(value, np.generic):
            value = value.item()
        if type(value) in self._SCALAR_WRITERS:
            self._SCALAR_WRITERS[type(value)](self, value)
        elif id(value) in self.memo:
            self._recall(id(value))
        elif type(value) in self._CONTAINER_WRITERS:
            self._CONTAINER_WRITERS[type(value)](self, value)
        elif type(value) in (Name, Call, PersistentId):
            self._save_described(value, value)
        else:
            self._save_described(value, self.describe(value))

    def _remember(self, value):
        self.alive.append(value)
        index = self.memo[id(value)] = len(self.memo)
        self._sized(pickle.BINPUT, pickle.LONG_BINPUT, index)

    def _recall(self, key):
        self._sized(pickle.BINGET, pickle.LONG_BINGET, self.memo[key])

    def _sized(self, short, long, index):
        self.out += short + bytes([index]) if index < 256 else long + struct.pack("<I", index)

    def _save_int(self, value):
        if 0 <= value < 256:
            self.out += pickle.BININT1 + bytes([value])
        elif -(2**31) <= value < 2**31:
            self.out += pickle.BININT + struct.pack("<i", value)
        else:
            digits = pickle.encode_long(value)
            short = len(digits) < 256
            size = bytes([len(digits)]) if short else struct.pack("<I", len(digits))
            self.out += (pickle.LONG1 if short else pickle.LONG4) + size + digits

    def _save_str(self, value):
        if value in self.memo:
            return self._recall(value)
        encoded = value.encode("utf-8", "surrogatepass")
        self.out += pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded
        index = self.memo[value] = len(self.memo)
        self._sized(pickle.BINPUT, pickle.LONG_BINPUT, index)

    def _save_call(self, module, name, *arguments):
        self.out += pickle.GLOBAL + f"{module}\n{name}\n".encode()
        self._save_tuple_items(arguments)
        self.out += pickle.REDUCE

    def _save_tuple_items(self, items):
        if not items:
            self.out += pickle.EMPTY_TUPLE
            return
        self.out += pickle.MARK
        for item in items:
            self._save(item)
        self.out += pickle.TUPLE

    def _save_tuple(self, value):
        self._save_tuple_items(value)
        if value:
            self._remember(value)

    def _save_list(self, value):
        self.out += pickle.EMPTY_LIST
        self._remember(value)
        self.out += pickle.MARK
        for item in value:
            self._save(item)
        self.out += pickle.APPENDS

    def _save_items(self, value):
        self._remember(value)
        self.out += pickle.MARK
        for key, item in value.items():
            self._save(_check_key(key))
            self._save(item)
        self.out += pickle.SETITEMS

    def _save_dict(self, value):
        self.out += pickle.EMPTY_DICT
        self._save_items(value)

    def _save_ordered_dict(self, value):
        self._save_call("collections", "OrderedDict")
        self._save_items(value)
        if "_metadata" in value.__dict__:  # a state_dict's version numbers
            self._save({"_metadata": value.__dict__["_metadata"]})
            self.out += pickle.BUILD

    def _save_counter(self, value):
        self._save_call("collections", "Counter", dict(value))
        self._remember(value)

    def _save_set(self, value):
        self._save_call("__builtin__", "set", [_check_key(item) for item in value])
        self._remember(value)

    def _save_bytes(self, value):
        self._save_call("_codecs", "encode", value.decode("latin1"), "latin1")

    def _save_described(self, value, description):
        if type(description) is Name:
            self.out += pickle.GLOBAL + f"{description.module}\n{description.name}\n".encode()
        elif type(description) is Call:
            function = description.function
            self._save_call(function.module, function.name, *description.arguments)
        else:
            self._save_tuple_items(description.parts)
            self.out += pickle.BINPERSID
        self._remember(value)

    _SCALAR_WRITERS = {
        type(None): lambda self, value: self.out.extend(pickle.NONE),
        bool: lambda self, value: self.out.extend(pickle.NEWTRUE if value else pickle.NEWFALSE),
        int: _save_int,
        float: lambda self, value: self.out.extend(pickle.BINFLOAT + struct.pack(">d", value)),
        str: _save_str,
        bytes: _save_bytes,
        complex: lambda self, value: self._save_call(
            "__builtin__", "complex", value.real, value.imag
        ),
    }
    _CONTAINER_WRITERS = {
        tuple: _save_tuple,
        list: _save_list,
        dict: _save_dict,
        OrderedDict: _save_ordered_dict,
        Counter: _save_counter,
        set: _save_set,
    }
