"""Objects that plugins are given: what they are made of cannot be replaced."""

from __future__ import annotations

from typing import Any, ClassVar


class Sealed:
    """Attributes and methods cannot be set once `_seal` was called, except those in `settable` and properties with a
    setter. New attributes can.
    """

    settable: ClassVar[frozenset[str]] = frozenset()
    _sealed: frozenset[str] = frozenset()

    def _seal(self) -> None:
        self._sealed = frozenset((*vars(self), *dir(type(self)))) - self.settable

    def __setattr__(self, name: str, value: Any) -> None:
        self._check(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._check(name)
        object.__delattr__(self, name)

    def _check(self, name: str) -> None:
        """AttributeError for a sealed attribute, unless it is a descriptor, which decides on its own."""
        if name in self._sealed and not hasattr(getattr(type(self), name, None), "__set__"):
            raise AttributeError(f"{name} of a {type(self).__name__} cannot be set or deleted")
