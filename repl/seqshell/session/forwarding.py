"""Attributes of a session that one of its parts holds."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Forwarded(Generic[T]):
    """A read-only attribute that the part of this name has under the same name. about: its docstring."""

    def __init__(self, part: str, about: str) -> None:
        self._part = part
        self.__doc__ = about

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, session: Any, owner: type[Any] | None = None) -> T:
        if session is None:
            return self  # type: ignore[return-value]  # of the class, for help()
        value: T = getattr(getattr(session, self._part), self._name)
        return value

    def __set__(self, session: Any, value: Any) -> None:
        raise AttributeError(f"{self._name} of a session cannot be set")


class Settable(Forwarded[T]):
    """The same, but it can be set."""

    def __set__(self, session: Any, value: T) -> None:
        session._cursor.require_free()
        setattr(getattr(session, self._part), self._name, value)
