"""A pickle as plain data and records. Nothing that it names is imported, and nothing of it is executed.

`pickletools` of the standard library splits the pickle into opcodes; this module follows what they say to a stack.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from seqshell.foreign.calls import CALLS, restore
from seqshell.foreign.records import Name, Record

MAX_OPCODES = 5_000_000
Call = Callable[..., Any]


class PickleFault(ValueError):
    """The file is no pickle, is damaged, or asks for something that is not done."""


def read_pickle(
    file: BinaryIO, calls: Mapping[str, Call] = CALLS, persistent: Callable[[Any], Any] | None = None
) -> Any:
    """Read the pickle at the file's position, up to its end.

    calls: what the file may call, by "module.name". persistent: returns what a persistent id stands for. Raises
    PickleFault for any other pickle; if it is meant to call something else, the message names that.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of texts with invalid escapes
            return _Machine(calls, persistent).run(file)
    except PickleFault:
        raise
    except RecursionError:
        raise PickleFault("it is nested too deeply") from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, EOFError, ArithmeticError) as error:
        raise PickleFault(f"it is damaged ({str(error)[:100]})") from None


class _Mark:
    """Separates the arguments of an opcode from what lies below them."""


MARK = _Mark()


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self, calls: Mapping[str, Call], persistent: Callable[[Any], Any] | None) -> None:
        self._calls = calls
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, file: BinaryIO) -> Any:
        """Follow the opcodes up to STOP; returns what they leave."""
        for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if number > MAX_OPCODES:
                raise PickleFault(f"it has more than {MAX_OPCODES:,} opcodes")
            code = opcode.name
            if code == "STOP":
                return self._take()
            if code in CONSTANTS:
                self._stack.append(CONSTANTS[code])
            elif code in VALUES:
                self._stack.append(argument)
            elif code in NEW:
                self._stack.append(NEW[code]())
            else:
                method = getattr(self, f"_{code.lower()}", None)
                if method is None:
                    raise PickleFault(f"it has the opcode {code}, which is not read")
                method(argument)
        raise PickleFault("it does not end")

    def _take(self) -> Any:
        value = self._stack.pop()
        if value is MARK:
            raise PickleFault("it is damaged (an argument is missing)")
        return value

    def _since_mark(self) -> list[Any]:
        """Take what lies above the last mark, and the mark."""
        place = len(self._stack) - 1
        while self._stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise PickleFault("it is damaged (a mark is missing)")
        found = self._stack[place + 1 :]
        del self._stack[place:]
        return found

    def _top(self) -> Any:
        if self._stack[-1] is MARK:
            raise PickleFault("it is damaged (an object is missing)")
        return self._stack[-1]

    # Opcodes without an effect, and those of the stack and the memo

    def _proto(self, argument: Any) -> None:
        pass

    _frame = _proto

    def _mark(self, argument: Any) -> None:
        self._stack.append(MARK)

    def _pop(self, argument: Any) -> None:
        self._stack.pop()

    def _pop_mark(self, argument: Any) -> None:
        self._since_mark()

    def _dup(self, argument: Any) -> None:
        self._stack.append(self._top())

    def _put(self, argument: Any) -> None:
        self._memo[int(argument)] = self._top()

    _binput = _long_binput = _put

    def _memoize(self, argument: Any) -> None:
        self._memo[len(self._memo)] = self._top()

    def _get(self, argument: Any) -> None:
        self._stack.append(self._memo[int(argument)])

    _binget = _long_binget = _get

    # Containers

    def _tuple(self, argument: Any) -> None:
        self._stack.append(tuple(self._since_mark()))

    def _tuple1(self, argument: Any) -> None:
        self._stack.append((self._take(),))

    def _tuple2(self, argument: Any) -> None:
        last = self._take()
        self._stack.append((self._take(), last))

    def _tuple3(self, argument: Any) -> None:
        last, middle = self._take(), self._take()
        self._stack.append((self._take(), middle, last))

    def _list(self, argument: Any) -> None:
        self._stack.append(self._since_mark())

    def _dict(self, argument: Any) -> None:
        self._stack.append(_pairs(self._since_mark()))

    def _frozenset(self, argument: Any) -> None:
        self._stack.append(frozenset(map(_key, self._since_mark())))

    def _append(self, argument: Any) -> None:
        value = self._take()
        _extend(self._top(), [value])

    def _appends(self, argument: Any) -> None:
        values = self._since_mark()
        _extend(self._top(), values)

    def _setitem(self, argument: Any) -> None:
        value, key = self._take(), self._take()
        _set_items(self._top(), _pairs([key, value]))

    def _setitems(self, argument: Any) -> None:
        pairs = _pairs(self._since_mark())
        _set_items(self._top(), pairs)

    def _additems(self, argument: Any) -> None:
        values = list(map(_key, self._since_mark()))
        if isinstance(found := self._top(), Record):
            found.items += values
        else:
            found.update(values)

    # Names, calls and objects

    def _global(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self._stack.append(Name(module, name))

    def _stack_global(self, argument: Any) -> None:
        name, module = self._take(), self._take()
        if not isinstance(name, str) or not isinstance(module, str):
            raise PickleFault("it is damaged (a name is no text)")
        self._stack.append(Name(module, name))

    def _persid(self, argument: Any) -> None:
        if self._persistent is None:
            raise PickleFault("it refers to data outside of it")
        self._stack.append(self._persistent(argument))

    def _binpersid(self, argument: Any) -> None:
        self._persid(self._take())

    def _reduce(self, argument: Any) -> None:
        arguments = self._take()
        self._stack.append(self._made(self._take(), arguments))

    _newobj = _reduce

    def _newobj_ex(self, argument: Any) -> None:
        options, arguments = self._take(), self._take()
        made = self._made(self._take(), arguments)
        if isinstance(made, Record) and isinstance(options, dict):
            made.fields |= options
        self._stack.append(made)

    def _inst(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self._stack.append(self._made(Name(module, name), tuple(self._since_mark())))

    def _obj(self, argument: Any) -> None:
        cls, *arguments = self._since_mark()
        self._stack.append(self._made(cls, tuple(arguments)))

    def _build(self, argument: Any) -> None:
        state = self._take()
        made = self._top()
        if isinstance(made, Record):
            parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
            if all(part is None or isinstance(part, dict) for part in parts):  # attributes, and those in __slots__
                for part in filter(None, parts):
                    made.fields |= part
            else:
                made.state = state
        else:
            restore(made, state)

    def _made(self, name: Any, arguments: Any) -> Any:
        """What a call returns: a value, if the call is known, or a record of the class."""
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise PickleFault("it is damaged (it calls something without a name)")
        call = self._calls.get(str(name))
        if call is not None:
            return call(*arguments)
        if name.acts or name.is_function:
            raise PickleFault(f"it wants to call {name}")
        return Record(name, arguments)


CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NEW: Mapping[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
VALUES = (
    frozenset({"INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT"})
    | {
        f"{kind}{size}"
        for kind in ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES")
        for size in ("", "8")
    }
    | {"SHORT_BINBYTES", "BYTEARRAY8"}
)


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_key, values[::2]), values[1::2], strict=True))


def _key(value: Any) -> Any:
    """The value, if it can be a key. Python would hash a deeply nested tuple until its stack ends."""
    if type(value) is tuple and any(type(each) is tuple for each in value):
        raise PickleFault("it has a nested tuple as a key")
    return value


def _extend(target: Any, values: list[Any]) -> None:
    (target.items if isinstance(target, Record) else target).extend(values)


def _set_items(target: Any, pairs: dict[Any, Any]) -> None:
    (target.entries if isinstance(target, Record) else target).update(pairs)
