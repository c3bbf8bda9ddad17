"""Checks of a session's public methods: the types of their arguments, and that one thread at a time uses it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any, TypeVar

from seqshell.core.errors import UsageError

T = TypeVar("T")
Fits = Callable[[Any], bool]
_END = object()


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)  # integers of numpy, too


def _are(items: Any, fits: Fits) -> bool:
    return isinstance(items, Sequence) and not isinstance(items, str | bytes) and all(map(fits, items))


def _or_none(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


# What fits an annotation, and what to call it.
_EXPECTED: Mapping[str, tuple[Fits, str]] = MappingProxyType(
    {
        "str": (_is_text, "a text"),
        "str | None": (_or_none(_is_text), "a text"),
        "int": (_is_whole, "a whole number"),
        "int | None": (_or_none(_is_whole), "a whole number"),
        "bool": (lambda value: isinstance(value, bool), "True or False"),
        "str | Path": (lambda value: isinstance(value, str | Path), "a path"),
        "Sequence[int]": (
            lambda value: (
                hasattr(value, "__len__") and not isinstance(value, str | bytes) and all(map(_is_whole, value))
            ),
            "whole numbers",
        ),
        "Stops": (lambda value: _is_text(value) or _are(value, _is_text), "a text or several"),
        "Chosen": (
            _or_none(lambda value: _is_text(value) or hasattr(value, "search")),
            "a strategy or the text that names it",
        ),
        "Mark": (lambda value: hasattr(value, "place"), "a mark of this session"),
        "Variants": (
            lambda value: _is_whole(value) or _are(value, lambda each: isinstance(each, Mapping)),
            "a whole number or a list of settings such as {'temperature': 0.5}",
        ),
    }
)
# Options that are passed on to other methods.
_OPTIONS = MappingProxyType({"unknown": "str", "prefix": "str", "nbest": "int", "stop": "Stops", "strategy": "Chosen"})


class ThreadGuard:
    """Lets one thread at a time in; that thread may enter again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    def enter(self) -> bool:
        """Enter; returns whether `leave` must follow. UsageError if another thread is in."""
        thread = threading.get_ident()
        if self._owner == thread:
            return False
        if not self._lock.acquire(blocking=False):
            raise UsageError("another thread is using this session; open a session for each thread", code="threads")
        self._owner = thread
        return True

    def leave(self) -> None:
        """Let others in."""
        self._owner = 0
        self._lock.release()

    def call(self, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a method within the guard."""
        entered = self.enter()
        try:
            return method(*arguments, **options)
        finally:
            if entered:
                self.leave()

    def each(self, events: Iterator[Any]) -> Iterator[Any]:
        """The events of an answer, each made within the guard."""
        thread_now, acquire, release = threading.get_ident, self._lock.acquire, self._lock.release
        try:
            while True:
                if self._owner == (thread := thread_now()):
                    event = next(events, _END)
                else:
                    if acquire(False):  # as `enter`, without a call
                        self._owner = thread
                    else:
                        self.enter()
                    try:
                        event = next(events, _END)
                    finally:
                        self._owner = 0  # as `leave`
                        release()
                if event is _END:
                    break
                yield event
        finally:
            if close := getattr(events, "close", None):
                self.call(close)


def guarded(*unguarded: str) -> Callable[[type[T]], type[T]]:
    """Check the public methods of a class whose instances have a ThreadGuard as `guard`.

    unguarded: methods that any thread may call.
    """

    def guard(kind: type[T]) -> type[T]:
        for name, method in list(vars(kind).items()):
            if isinstance(method, FunctionType) and not name.startswith("_") and name not in unguarded:
                setattr(kind, name, _guarded(method))
        return kind

    return guard


def _guarded(method: FunctionType) -> Callable[..., Any]:
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    annotations = {**_OPTIONS, **{name: str(kind) for name, kind in method.__annotations__.items()}}

    @functools.wraps(method)
    def checked(self: Any, *values: Any, **options: Any) -> Any:
        for name, value in (*zip(names, values, strict=False), *options.items()):
            fits, expected = _EXPECTED.get(annotations.get(name, ""), (None, ""))
            if fits is not None and not fits(value):
                raise UsageError(f"{method.__name__}: {name} must be {expected}, not {value!r:.60}", code="type")
        found = self.guard.call(method, self, *values, **options)
        return self.guard.each(found) if isinstance(found, Iterator) else found

    return checked
