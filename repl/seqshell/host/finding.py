"""Finds plugins without importing them: in distributions, in the user's plugins folder, and those of the host."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from seqshell.core import paths
from seqshell.core.plugin_guard import Owner
from seqshell.core.version import __version__
from seqshell.host.entry_points import entry_points, slow_entry_points
from seqshell.host.imports import import_file, locate
from seqshell.host.policy import Policy

HOST = "seqshell"  # our own distribution: its entry points are the built-in plugins


@dataclass(frozen=True)
class FoundPlugin:
    """A plugin that has not been imported.

    name: its unique name. origin: its name before names were made unique. target: the name of its module, or the path
    of its file. named: the arguments of -p that mean it. place: the path that -p names, if it is loaded from there.
    kept: True if it is loaded under every policy.
    """

    name: str
    origin: str
    load: Callable[[], Any]
    target: str = ""
    distribution: str = ""
    version: str = ""
    builtin: bool = False
    named: tuple[str, ...] = ()
    place: str = ""
    kept: bool = False

    @property
    def owner(self) -> Owner:
        """The plugin as its modules carry it."""
        return Owner(self.name, self.distribution, self.builtin)

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which a Policy may refer to it."""
        distribution = [self.distribution] if self.distribution and not self.builtin else []
        return tuple(dict.fromkeys((self.name, self.origin, *distribution)))


def host_modules(modules: Sequence[Any]) -> Iterator[FoundPlugin]:
    for index, module in enumerate(modules):
        name = last_part(module) if index else HOST
        yield FoundPlugin(name, name, partial(_identity, module), version=__version__, builtin=True, kept=True)


def outside(policy: Policy, folders: Iterable[str] | None = None) -> list[FoundPlugin]:
    """The plugins of installed distributions and of the user's plugins folder."""
    return [*installed(policy, folders), *files()]


def installed(policy: Policy, folders: Iterable[str] | None) -> Iterator[FoundPlugin]:
    """The plugins of installed distributions, the built-in ones first."""
    scanned = slow_entry_points() if policy.slow_scan else entry_points(folders)
    for point in sorted(scanned, key=lambda point: (point.distribution != HOST, point.name, point.distribution)):
        target = point.target.partition("[")[0].strip()  # an entry point may name extras
        load = partial(locate, target)
        yield FoundPlugin(
            point.name, point.name, load, target, point.distribution, point.version, builtin=point.distribution == HOST
        )


def files() -> Iterator[FoundPlugin]:
    """The plugins in the user's plugins folder: files and packages."""
    try:
        entries = sorted(os.scandir(paths.folder("plugins")), key=lambda entry: entry.name)
    except OSError:  # the folder does not exist
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name[0] not in "._" and (entry.name.endswith(".py") or (path / "__init__.py").is_file()):
            yield file_plugin(path)


def file_plugin(path: Path) -> FoundPlugin:
    """A plugin that is a file or a package."""
    return FoundPlugin(path.stem, path.stem, partial(import_file, path), os.path.realpath(path))


def objects(modules: Sequence[Any]) -> Iterator[FoundPlugin]:
    for module in modules:
        name = last_part(module)
        yield FoundPlugin(name, name, partial(_identity, module), kept=True)


def with_unique_names(found: Sequence[FoundPlugin]) -> Iterator[FoundPlugin]:
    """Make names unique: third-party plugins with the same name become DISTRIBUTION.NAME, or file.NAME for a file."""
    count = Counter(plugin.name for plugin in found)
    taken: set[str] = set()
    for plugin in found:
        name = plugin.name
        if count[name] > 1 and not plugin.builtin:
            name = f"{plugin.distribution or 'file'}.{name}"
        number = 2
        while name in taken:
            name, number = f"{name.rstrip('0123456789')}{number}", number + 1
        taken.add(name)
        yield replace(plugin, name=name)


def last_part(module: Any) -> str:
    """The last part of a module's name; for another object, of its class's name."""
    return str(getattr(module, "__name__", type(module).__name__)).rpartition(".")[2]


def _identity(module: Any) -> Any:
    return module
