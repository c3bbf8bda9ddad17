"""Where code is, as messages name it: "mine.py, line 30", or "package/model.py, line 30" inside a package."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, FunctionType, GeneratorType, TracebackType
from typing import Any

HOST = __name__.partition(".")[0]


def place_of_raise(trace: TracebackType | None, is_meant: Callable[[str], bool]) -> str:
    """The innermost line of a traceback in a module that is meant; "" if there is none.

    is_meant: is called with a module's name.
    """
    found = ""
    while trace is not None:
        module = _module(trace.tb_frame)
        if is_meant(module):
            found = _place(module, trace.tb_frame.f_code, trace.tb_lineno)
        trace = trace.tb_next
    return found


def place_of_function(function: Any) -> str:
    """Where a function, a method or the first method of a class is defined; "" for what is not written in Python.

    Of a generator that waits: the `yield` where it does.
    """
    if isinstance(function, GeneratorType):
        return _place_of_yield(function)
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        own = (each for each in vars(function).values() if isinstance(each, FunctionType))
        function = next(own, None)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    return _place(str(getattr(function, "__module__", "")), code, code.co_firstlineno)


def _place_of_yield(generator: GeneratorType[Any, Any, Any]) -> str:
    inner, frame = generator.gi_yieldfrom, generator.gi_frame
    if isinstance(inner, GeneratorType) and inner.gi_frame and not _module(inner.gi_frame).startswith(f"{HOST}."):
        return _place_of_yield(inner)
    return _place(_module(frame), frame.f_code, frame.f_lineno) if frame else ""


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _place(module: str, code: CodeType, line: int) -> str:
    file, parts = Path(code.co_filename).name, module.split(".")
    folders = parts if file == "__init__.py" else parts[:-1]
    return f"{'/'.join([*folders, file])}, line {line}"
