"""What stands for an object of a class that is not imported: its class by name, and its fields."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seqshell.core.errors import CheckpointError

OLD_LIBRARY = frozenset({"__builtin__", "copy_reg", "cPickle", "commands", "urllib2", "exceptions", "nt", "posix"})
# Of the standard library: classes of values, which records may stand for.
PLAIN_MODULES = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid"})
PLAIN_CLASSES = frozenset({"argparse.Namespace", "types.SimpleNamespace", "functools.partial", "logging.Logger"})
SCRIPTED = "__torch__"  # classes of TorchScript, whose objects have weights and parts as fields
MAX_VISITED = 5_000_000  # values that are walked; shared ones count once


class Name(NamedTuple):
    """A class or a function that a file names. Nothing was imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def is_function(self) -> bool:
        """Whether it is named like a function: in lower case."""
        last = self.name.rpartition(".")[2].lstrip("_")
        return not last[:1].isupper()

    @property
    def acts(self) -> bool:
        """Whether it is of the standard library and no class of values: making its objects may do something."""
        top = self.module.partition(".")[0]
        of_library = top in sys.stdlib_module_names or top in OLD_LIBRARY
        return of_library and self.module not in PLAIN_MODULES and str(self) not in PLAIN_CLASSES


@dataclass(eq=False)
class Record:
    """An object of a class. arguments: those that it was made with. items, entries: what was added to it, if it is a
    list or a dict. fields: its attributes by name; state: what it was restored from if that was something else.
    """

    cls: Name
    arguments: tuple[Any, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    entries: dict[Any, Any] = field(default_factory=dict)
    state: Any = None

    def __repr__(self) -> str:
        return f"<{self.cls}>"

    def get(self, path: str, default: Any = None) -> Any:
        """The field at a path such as "encoder.rnn", through the submodules of torch modules, too."""
        found: Any = self
        for name in path.split("."):
            found = next((names[name] for names in _names_of(found) if name in names), None)
            if found is None:
                return default
        return found


def _names_of(value: Any) -> Iterator[Mapping[Any, Any]]:
    """The mappings in which the parts of a value are found by name."""
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Record):
        yield value.fields
        yield value.entries
        yield from (part for part in map(value.fields.get, ("_modules", "_parameters", "_buffers")) if part)


def weights_of(module: Record) -> dict[str, Any]:
    """The parameters and buffers of a whole module by name, as `module.state_dict()` would give them.

    Raises CheckpointError if the module contains itself.
    """
    found: dict[str, Any] = {}
    stack: list[tuple[str, Any, frozenset[int]]] = [("", module, frozenset())]
    while stack:
        prefix, each, above = stack.pop()
        if not isinstance(each, Record):
            continue
        if id(each) in above or len(found) + len(stack) > MAX_VISITED:
            raise CheckpointError(f"{each} contains itself")
        for part in ("_parameters", "_buffers"):
            own = each.fields.get(part)
            if isinstance(own, Mapping):
                found |= {f"{prefix}{name}": value for name, value in own.items() if value is not None}
        inner = each.fields.get("_modules")
        if each.cls.module.partition(".")[0] == SCRIPTED:
            own = {name: value for name, value in each.fields.items() if not isinstance(value, Record)}
            found |= {f"{prefix}{name}": value for name, value in own.items() if hasattr(value, "numpy")}
            inner = {name: value for name, value in each.fields.items() if isinstance(value, Record)}
        if isinstance(inner, Mapping):
            below = above | {id(each)}
            stack += [(f"{prefix}{name}.", value, below) for name, value in reversed(list(inner.items()))]
    return found
