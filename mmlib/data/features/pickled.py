"""A dictionary that numpy saved as a pickled object (`np.save(path, {...})`), or a pickle, read without unpickling.

A pickle is a program, and running one from elsewhere runs whatever it says. Here its instructions are only listed
(`pickletools.genops` decodes, it does not execute) and those that build dictionaries, lists, tuples, text, numbers and
numeric arrays are followed by hand. Names are never looked up: the few that numpy writes for an array are compared as
text, anything else ends the reading. Arrays are left in the file: of a dictionary of 20 GB only the places are kept.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from mmlib.errors import DataError

LARGE = 1 << 16  # bytes that the listing of instructions steps over instead of reading
SMALL = 256  # bytes; longer ones are left in the file
CONVERT = (
    "This reader knows dictionaries, lists, text, numbers and numeric arrays, and runs nothing that a file brings. If "
    "you trust the file, convert it once: lists to JSON (json.dump(numpy.load(FILE, allow_pickle=True).item(), ...)), "
    "features to an .h5 with a dataset named like each clip."
)
OBJECT = "O8"  # what numpy calls the type of the array around the dictionary
DAMAGED = (OSError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, RecursionError)
TYPES = re.compile(rf"[fiu][1248]|b1|U[1-9]\d{{0,3}}|{OBJECT}")
ARRAY, DTYPE, SCALAR, ENCODE, TYPE = "array", "dtype", "scalar", "encode", "ndarray"
NAMES = {
    **dict.fromkeys((("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")), ARRAY),
    **dict.fromkeys((("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")), SCALAR),
    ("numpy", "dtype"): DTYPE,
    ("numpy", "ndarray"): TYPE,
    ("_codecs", "encode"): ENCODE,  # how Python 3 writes bytes into a pickle of Python 2
}


@dataclass(frozen=True)
class Span:
    """Bytes of the file, from `start` on."""

    start: int
    length: int

    def __len__(self) -> int:
        return self.length


@dataclass
class StoredArray:
    """An array that lies in the file: what it is, and where its numbers are (`data`)."""

    shape: tuple[int, ...] = ()
    dtype: np.dtype = np.dtype(object)
    data: Any = None
    fortran: bool = False

    def read(self, stream: BinaryIO) -> np.ndarray:
        """Its numbers, from the opened file, in the byte order of this machine."""
        data = self.data
        if isinstance(data, Span):
            stream.seek(data.start)
            data = stream.read(data.length)
        values = np.frombuffer(data, self.dtype).reshape(self.shape, order="F" if self.fortran else "C")
        return values.astype(self.dtype.newbyteorder("="), copy=False)


@dataclass(frozen=True)
class Name:
    """One of `NAMES`, as the pickle mentions it; nothing stands behind it."""

    what: str


@dataclass
class NumberType:
    """A numpy type under construction."""

    text: str
    order: str = "|"

    def dtype(self) -> np.dtype:
        return np.dtype(object) if self.text == OBJECT else np.dtype(self.order.replace("|", "=") + self.text)


class Refused(Exception):
    """The pickle holds what this reader does not follow."""


def read_pickled(path: Path) -> Any:
    """The object in an .npy file: dictionaries, lists, tuples, text and numbers, arrays as `StoredArray`.

    Raises `DataError`: no pickled object, damaged, or holding anything else (how to convert it is said).
    """
    try:
        with open(path, "rb") as stream:
            _skip_header(path, stream)
            return _object(_follow(stream))
    except Refused as error:
        raise DataError(f"{path}, a pickle, holds {error}, which is not opened. {CONVERT}") from error
    except DAMAGED as error:
        raise DataError(
            f"{path} cannot be read as a dictionary saved by numpy ({error!s:.200}). It is cut short or damaged: copy "
            f"or download it again; or it was written in an older form. {CONVERT}"
        ) from error


def read_pickle(path: Path) -> Any:
    """The same of a pickle that is no .npy file, as `pickle.dump` writes it. Raises `DataError`."""
    try:
        with open(path, "rb") as stream:
            return _follow(stream)
    except Refused as error:
        what = f"{path}, a pickle, holds {error}, which is not opened. Get the published file: nothing else is read."
        raise DataError(what) from error
    except DAMAGED as error:
        what = f"{path} cannot be read as a pickle ({error!s:.200}). It is cut short or damaged: get it again."
        raise DataError(what) from error


def read_dictionary(path: Path) -> dict[Any, Any]:
    """The same where it must be a dictionary. Raises `DataError`."""
    found = read_pickled(path)
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no dictionary. Is this the published file of that name?")
    return found


def _skip_header(path: Path, stream: BinaryIO) -> None:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype != np.dtype(object) or shape != ():
        raise DataError(f"{path} is an array {dtype} {shape}, not a dictionary saved by numpy. Get the published file.")


class _Stepping:
    """A file for `pickletools.genops` that steps over large reads: what comes back has their length and no content."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.size, self.readline, self.tell = stream, size, stream.readline, stream.tell

    def read(self, count: int) -> bytes | Span:
        if count < LARGE:
            return self.stream.read(count)
        start = self.stream.tell()
        if start + count > self.size:
            raise EOFError("it ends within an array")
        self.stream.seek(count, 1)
        return Span(start, count)


def _follow(stream: BinaryIO) -> Any:
    start = stream.tell()
    size = stream.seek(0, 2)
    stream.seek(start)
    machine = _Machine()
    for opcode, argument, position in pickletools.genops(_Stepping(stream, size)):
        if opcode.name in BYTES and len(argument) > SMALL:
            argument = Span(position + 1 + BYTES[opcode.name], len(argument))
        machine.step(opcode.name, argument)
    (found,) = machine.stack
    return found


def _object(found: Any) -> Any:
    """What numpy put into an array without dimensions."""
    if not isinstance(found, StoredArray) or found.dtype != np.dtype(object) or found.shape != ():
        raise Refused("something else than one object")
    return found.data


# Instructions with bytes after their length, whose width is given.
BYTES = {"SHORT_BINBYTES": 1, "BINBYTES": 4, "BINBYTES8": 8}
VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", *BYTES)
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
GETS, PUTS = ("BINGET", "LONG_BINGET"), ("BINPUT", "LONG_BINPUT")
# Methods of `_Machine` are named like these.
FOLLOWED = (
    *("MEMOIZE", "MARK", "TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
)


class _Machine:
    """What the instructions of a pickle build."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in TUPLES:
            self.stack[-TUPLES[name] :] = [tuple(self.stack[-TUPLES[name] :])]
        elif name in GETS:
            self.stack.append(self.memo[argument])
        elif name in PUTS:
            self.memo[argument] = self.stack[-1]
        elif name in FOLLOWED:
            getattr(self, f"_{name.lower()}")(argument)
        elif name not in ("PROTO", "FRAME", "STOP"):
            _refuse(f"the instruction {name}")

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def _marked(self) -> list[Any]:
        """What was put on the stack since the last mark, taken off it."""
        first = self.marks.pop()
        found, self.stack[first:] = self.stack[first:], []
        return found

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._marked()))

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self._top(list).append(value)

    def _appends(self, _: Any) -> None:
        values = self._marked()
        self._top(list).extend(values)

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set(key, value)

    def _setitems(self, _: Any) -> None:
        found = self._marked()
        for key, value in zip(found[::2], found[1::2], strict=True):
            self._set(key, value)

    def _set(self, key: Any, value: Any) -> None:
        if not isinstance(key, str | int):
            _refuse(f"a dictionary with keys of the kind {type(key).__name__}")
        self._top(dict)[key] = value

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            _refuse(f"something added to what is no {kind.__name__}")
        return self.stack[-1]

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or (module, name) not in NAMES:
            _refuse(f"the name {module}.{name}")
        self.stack.append(Name(NAMES[module, name]))

    def _reduce(self, _: Any) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        what = called.what if isinstance(called, Name) else None
        if what == ARRAY and arguments[:2] == (Name(TYPE), (0,)):
            self.stack.append(StoredArray())
        elif what == DTYPE and TYPES.fullmatch(arguments[0]):
            self.stack.append(NumberType(arguments[0]))
        elif what == SCALAR and isinstance(arguments[0], NumberType) and arguments[0].text != OBJECT:
            kind, data = arguments
            self.stack.append(np.frombuffer(data, kind.dtype(), count=1)[0].item())
        elif what == ENCODE and arguments[1] == "latin1":
            self.stack.append(arguments[0].encode("latin1"))
        else:
            _refuse("a call that makes no numeric array")

    def _build(self, _: Any) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        if isinstance(built, NumberType) and state[1] in ("<", ">", "|", "="):
            built.order = state[1]
        elif isinstance(built, StoredArray) and built.data is None:
            _, built.shape, kind, built.fortran, data = state
            built.dtype = kind.dtype()
            if built.dtype.kind == "U":
                _refuse("a call that makes no numeric array")
            built.data = _only(built.shape, data) if built.dtype == np.dtype(object) else _whole(built, data)
        else:
            _refuse("an object with a state of its own")


def _only(shape: Any, data: Any) -> Any:
    if shape != () or type(data) is not list or len(data) != 1:
        _refuse("an array of objects")
    return data[0]


def _whole(array: StoredArray, data: Any) -> bytes | Span:
    expected = int(np.prod(array.shape, dtype=np.int64)) * array.dtype.itemsize
    if len(data) != expected:
        raise ValueError(f"{len(data):,} bytes are not {array.dtype} {array.shape}")
    return data


def _refuse(what: str) -> NoReturn:
    raise Refused(what)
