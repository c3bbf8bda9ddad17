"""The plugins that -p and `plugins check` name, by a name or by the path of a file, a package or a distribution."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.named_files import named_path, read_bytes, shown_name
from seqshell.host.entry_points import normalized
from seqshell.host.finding import FoundPlugin, file_plugin
from seqshell.host.imports import import_file, locate


def with_requested(found: Sequence[FoundPlugin], names: Sequence[str]) -> tuple[list[FoundPlugin], list[str]]:
    """The plugins found, with those that `names` means marked and added, and a notice for each source that wins.

    A source replaces the plugin that is installed from it. A name that means no plugin becomes one that fails.
    """
    everything = list(found)
    notices = []
    for name in dict.fromkeys(names):
        try:
            plugins = plugins_named(name, everything)
        except UsageError as error:
            stem = Path(os.path.abspath(named_path(name))).stem if _is_path(name) else name
            plugins = (FoundPlugin(stem, stem, partial(_raise, error), stem),)
        replaced: list[FoundPlugin] = []
        for plugin in plugins:
            marked = replace(plugin, named=(*plugin.named, name))
            if plugin in everything:
                everything[everything.index(plugin)] = marked
                continue
            own = [other for other in everything if _is_source_of(plugin, other)]
            everything = [other for other in everything if other not in own]
            # A source that wins comes before the plugins that may import it, which would import what is installed.
            everything.insert(sum(other.builtin for other in everything) if own else len(everything), marked)
            replaced += own
        if text := _notice(plugins, replaced):
            notices.append(text)
    return everything, notices


def plugins_named(name: str, found: Sequence[FoundPlugin]) -> tuple[FoundPlugin, ...]:
    """The plugins that a name or path means. UsageError if there is none.

    name: an installed plugin, its distribution or module, a module on the import path, or the path of a file, of a
    package, or of a distribution's folder with pyproject.toml. found: those of distributions and the plugins folder.
    """
    if not _is_path(name):
        installed = [plugin for plugin in found if not os.path.isabs(plugin.target)]
        known = [
            plugin
            for plugin in installed
            if name in (*plugin.names, plugin.target) or normalized(name) == plugin.distribution
        ]
        if known:
            return tuple(known)
    path = Path(os.path.abspath(named_path(name)))
    if here := [plugin for plugin in found if os.path.realpath(path) in (plugin.target, plugin.place)]:
        return tuple(here)
    if (path / "pyproject.toml").is_file() and (plugins := tuple(_of_distribution(path, name))):
        return plugins
    if (path / "__init__.py").is_file() or (_is_path(name) and path.exists() and not path.is_dir()):
        return tuple(_of_file(path, found))
    if _is_path(name) and not path.exists():
        raise UsageError(f"no file {shown_name(name)}")
    if not _is_path(name) and _origin(name) is not None:
        return (FoundPlugin(name, name, partial(locate, name), name),)
    if path.is_dir():
        raise UsageError(f"{name} contains neither pyproject.toml nor __init__.py")
    raise UsageError(
        f"no plugin, distribution, module or file named {shown_name(name)!r}", hint="seqshell plugins lists them"
    )


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name or name.endswith(".py")


def _of_distribution(folder: Path, name: str) -> Iterator[FoundPlugin]:
    """The entry points of a distribution's folder; none if it is a package without them."""
    import tomllib

    try:
        project = tomllib.loads(read_bytes(folder / "pyproject.toml").decode("utf-8")).get("project", {})
        points = dict(project.get("entry-points", {}).get("seqshell", {}))
        distribution, version = normalized(str(project.get("name", ""))), str(project.get("version", ""))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{name}/pyproject.toml: {error}") from None
    if not points and not (folder / "__init__.py").is_file():
        raise UsageError(
            f"{name}/pyproject.toml has no entry point in the group seqshell",
            hint='[project.entry-points.seqshell] NAME = "MODULE"',
        )
    for point, written in points.items():
        target = str(written).partition("[")[0].strip()
        load = partial(_import_from, folder, target)
        yield FoundPlugin(point, point, load, target, distribution, version, place=os.path.realpath(folder))


def _of_file(path: Path, found: Sequence[FoundPlugin]) -> list[FoundPlugin]:
    """A file or package: under the names that it is installed with, or under its own."""
    place = os.path.realpath(path)
    return [
        replace(plugin, load=partial(_import_as, path, plugin.target), version="", named=(), place=place)
        for plugin in found
        if _is_installed(plugin) and _top(plugin) == path.stem
    ] or [replace(file_plugin(path), place=place)]


def _is_installed(plugin: FoundPlugin) -> bool:
    return bool(plugin.distribution) and not plugin.builtin and not plugin.place


def _is_source_of(source: FoundPlugin, other: FoundPlugin) -> bool:
    same_name = (source.distribution, source.origin) == (other.distribution, other.origin)
    return bool(source.place) and _is_installed(other) and (same_name or _top(source) == _top(other))


def _notice(sources: Sequence[FoundPlugin], replaced: Sequence[FoundPlugin]) -> str:
    """Which installed plugins a source replaces, with both places; nothing if they are the same place."""
    if not replaced:
        return ""
    source, installed = sources[0], replaced[0]
    place = Path(source.place)
    here = _origin(_top(source), [str(place), str(place / "src"), str(place.parent)])
    there = _origin(_top(installed))
    if there is None or here == there:
        return ""
    names = ", ".join(plugin.name for plugin in replaced)
    title = f"the plugin {names}" if len(replaced) == 1 else f"the plugins {names}"
    verb = "is" if len(replaced) == 1 else "are"
    inside = Path(there).parent if Path(there).name == "__init__.py" else there
    return f"{title} ({installed.distribution}) {verb} loaded from {source.place}, not from {inside}"


def _top(plugin: FoundPlugin) -> str:
    return Path(plugin.target).stem if os.path.isabs(plugin.target) else re.split(r"[.:]", plugin.target)[0]


def _origin(module: str, folders: list[str] | None = None) -> str | None:
    """The file of a module's first part, without importing it; "" if it has none, None if there is no such module."""
    top = module.partition(".")[0].partition(":")[0]
    try:
        spec = importlib.util.find_spec(top) if folders is None else PathFinder.find_spec(top, folders)
    except (ImportError, ValueError):
        return None
    return None if spec is None else os.path.realpath(spec.origin) if spec.origin else ""


def _import_from(folder: Path, target: str) -> Any:
    """Import an entry point of a distribution's folder, which is put on the import path."""
    folders = [str(each) for each in (folder, folder / "src") if each.is_dir()]
    sys.path[:0] = [each for each in folders if each not in sys.path]
    return locate(target)


def _import_as(path: Path, target: str) -> Any:
    """Import a file or package under its own name although that name is installed too, then an entry point in it."""
    import_file(path, path.stem)
    return locate(target)


def _raise(error: UsageError) -> Any:
    raise error
