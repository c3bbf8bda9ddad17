"""Objects that plugins are given: what they are made of cannot be replaced."""

from __future__ import annotations

from typing import Any, ClassVar


class Sealed:
    """Attributes and methods cannot be set once `_seal` was called, except those in `settable` and properties with a
    setter. New attributes can.
    """

    settable: ClassVar[frozenset[str]] = frozenset()
    _is_sealed = False

    def _seal(self) -> None:
        self._is_sealed = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_sealed and name not in self.settable and hasattr(self, name):
            self._refuse(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._refuse(name)

    def _refuse(self, name: str) -> None:
        if not hasattr(getattr(type(self), name, None), "__set__"):  # a descriptor decides on its own
            raise AttributeError(f"{name} of a {type(self).__name__} cannot be set or deleted")
