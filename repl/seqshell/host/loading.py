"""From installed distributions, files and -p to a Registry: one plugin after the other, each whole or not at all."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pluggy

from seqshell.core import hookspecs, paths
from seqshell.core.errors import PluginError
from seqshell.core.names import NAME
from seqshell.core.plugin_api import Command
from seqshell.core.version import __version__
from seqshell.host import validation
from seqshell.host.entry_points import entry_points, slow_entry_points
from seqshell.host.imports import guarded, import_file, locate, title_of
from seqshell.host.policy import Policy
from seqshell.host.registry import Offer, PluginInfo, Registry
from seqshell.host.slow_import import watched

HOST = "seqshell"  # our own distribution: its entry points are the built-in plugins
OFFERING = {  # hook -> the kind of thing it yields
    "seqshell_architectures": "architecture",
    "seqshell_samplers": "sampler",
    "seqshell_strategies": "strategy",
    "seqshell_tokenizers": "tokenizer",
    "seqshell_commands": "command",
    "seqshell_importers": "importer",
    "seqshell_checkpoints": "folder",
}
MAX_PRINTED = 200  # characters of what a plugin printed that are told
MAX_OFFERS = 10_000  # of one hook of one plugin: an endless generator must not hang the start


@dataclass(frozen=True)
class Found:
    """A plugin before anything of it was imported.

    name: its owner name. origin: the name before it was told apart from others of that name. target: the module's name, or the file's
    path. asked: -p names it.
    """

    name: str
    origin: str
    load: Callable[[], Any]
    target: str = ""
    distribution: str = ""
    version: str = ""
    builtin: bool = False
    asked: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What lists of plugin names may call it."""
        return tuple(
            dict.fromkeys(
                (self.name, self.origin, *([self.distribution] if self.distribution and not self.builtin else []))
            )
        )


def build_registry(
    own: Sequence[Any] = (),
    policy: Policy | None = None,
    *,
    modules: Sequence[Any] = (),
    folders: Iterable[str] | None = None,
    on_slow: Callable[[str], None] | None = None,
) -> Registry:
    """Load what `policy` allows. A plugin that fails is in `problems` and takes nothing with it.

    own: the host's own modules; the owner of the first is "seqshell". policy: default, that of environment and config.toml.
    modules: further plugins as objects, for tests and notebooks; the owner is the last part of their __name__.
    folders: where to look for distributions; default, the import path. on_slow: called, on a thread of its own, with a sentence that
    names a stranger which has not been loaded after a second.
    PluginError under a strict policy when a plugin failed.
    """
    policy = Policy.read() if policy is None else policy
    manager = pluggy.PluginManager(HOST)
    manager.add_hookspecs(hookspecs)
    registry = Registry(manager)
    outside = [*_installed(policy, folders), *_files()]
    found = list(_apart([*_own(own), *_asked(outside, policy.extra), *_objects(modules)]))
    warnings = [*policy.warnings, *policy.unknown(name for plugin in found for name in plugin.names)]
    for plugin in found:
        reason = "" if plugin.asked else policy.refusal(plugin.names, builtin=plugin.builtin)
        if reason:
            info = PluginInfo(
                plugin.name,
                plugin.distribution,
                plugin.version,
                state="disabled",
                reason=reason,
                builtin=plugin.builtin,
            )
            registry.admit(info, {}, ())
            continue
        had_torch = "torch" in sys.modules
        title = title_of(plugin.name, plugin.distribution)
        with nullcontext() if plugin.builtin else watched(title, on_slow) as printed:
            _load(manager, registry, plugin)
        if printed and (text := " ".join(printed.take().split())):
            warnings.append(f"{title} printed while it was loaded: {text[:MAX_PRINTED]}")
        if not had_torch and "torch" in sys.modules:
            seconds = registry.plugin(plugin.name).import_ms / 1000
            warnings.append(
                f"{title} imports torch at module level: {seconds:.1f} s at every start; give it a module of its own"
            )
    registry.warnings = (*warnings, *_overshadowed(registry))
    if policy.strict and registry.problems:
        raise registry.problems[0]
    return registry


def _own(modules: Sequence[Any]) -> Iterator[Found]:
    for index, module in enumerate(modules):
        name = _last_name(module) if index else HOST
        yield Found(name, name, partial(_itself, module), version=__version__, builtin=True, asked=True)


def _installed(policy: Policy, folders: Iterable[str] | None) -> Iterator[Found]:
    """The entry points of every installed distribution, the built-in plugins first."""
    scanned = slow_entry_points() if policy.slow_scan else entry_points(folders)
    for point in sorted(scanned, key=lambda point: (point.distribution != HOST, point.name, point.distribution)):
        target = point.target.partition("[")[0].strip()  # an entry point may name extras
        load = partial(locate, target)
        yield Found(
            point.name, point.name, load, target, point.distribution, point.version, builtin=point.distribution == HOST
        )


def _files() -> Iterator[Found]:
    """The files and packages of the user's plugins folder."""
    try:
        entries = sorted(os.scandir(paths.folder("plugins")), key=lambda entry: entry.name)
    except OSError:  # there is none
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name[0] not in "._" and (entry.name.endswith(".py") or (path / "__init__.py").is_file()):
            yield _file(path)


def _file(path: Path) -> Found:
    return Found(path.stem, path.stem, partial(import_file, path), os.path.realpath(path))


def _asked(found: Sequence[Found], extra: Sequence[str]) -> Iterator[Found]:
    """What was found, with what -p names marked, or added when it was not among it."""
    files = {word: "/" in word or os.sep in word or word.endswith(".py") for word in extra}
    wanted = {os.path.realpath(os.path.expanduser(word)) if files[word] else word: word for word in extra}
    for plugin in found:
        matching = {plugin.target, *([] if os.path.isabs(plugin.target) else plugin.names)} & set(wanted)
        for key in matching:
            wanted[key] = ""
        yield replace(plugin, asked=bool(matching))
    for word in filter(None, wanted.values()):
        if files[word]:
            yield replace(_file(Path(word).expanduser()), asked=True)
        else:
            yield Found(word, word, partial(locate, word), word, asked=True)


def _objects(modules: Sequence[Any]) -> Iterator[Found]:
    for module in modules:
        name = _last_name(module)
        yield Found(name, name, partial(_itself, module), asked=True)


def _apart(found: Sequence[Found]) -> Iterator[Found]:
    """Two strangers of one name are both called DISTRIBUTION.NAME (file.NAME without a distribution); a built-in one keeps its name."""
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


def _load(manager: pluggy.PluginManager, registry: Registry, found: Found) -> None:
    """Import and register one plugin and take what it offers, or report it and leave nothing of it behind."""
    start = time.perf_counter()
    info = PluginInfo(found.name, found.distribution, found.version, builtin=found.builtin)
    inside = partial(guarded, plugin=found.name, distribution=found.distribution)
    try:
        if not NAME.fullmatch(found.name):
            raise PluginError(
                f"{found.name!r} cannot be the name of a plugin", plugin=found.name, distribution=found.distribution
            )
        module = inside(found.load, doing="the import failed")
        version = found.version or str(getattr(module, "__version__", ""))
        inside_of = str(getattr(module, "__name__", None) or type(module).__module__).partition(".")[0]
        info = replace(info, version=version, import_ms=(time.perf_counter() - start) * 1000, module=inside_of)
        inside(partial(_check_module, module), doing="it does not fit this seqshell")
        inside(partial(manager.register, module, found.name), doing="its hooks do not fit")
        hooks = inside(partial(_hooks, manager, module), doing="its hooks do not fit")
        info = replace(info, hooks=tuple(hooks))
        # By its module too: before it was installed, -p gave it, and checkpoints remember it as that.
        also = tuple(
            dict.fromkeys(name for name in (*found.names, found.target, _last_name(module)) if name != found.name)
        )
        offers: dict[str, list[Offer]] = {}
        folders: list[Path] = []
        for hook, kind in OFFERING.items():
            if hook not in hooks:
                continue
            things = inside(partial(_collect, hooks[hook]), doing=f"{hook} failed")
            if kind == "folder":
                folders = inside(partial(list, map(validation.folder, things)), doing=f"{hook} offers what it cannot")
            else:
                offers[kind] = inside(partial(_offers, kind, things, info, also), doing=f"{hook} offers what it cannot")
        registry.admit(info, offers, folders)
    except PluginError as error:
        registry.fail(replace(info, import_ms=info.import_ms or (time.perf_counter() - start) * 1000), error)


def _overshadowed(registry: Registry) -> Iterator[str]:
    """A sentence for each thing of a stranger that has the short name of a built-in one."""
    for kind in sorted(set(OFFERING.values()) - {"folder"}):
        for offer in registry.offers(kind).overshadowed():
            yield f"{offer.plugin.title} offers the {kind} {offer.name}, which is built in: {offer.name} stays that one, {offer.full} is the plugin's"


def _check_module(module: Any) -> None:
    """Refuse a plugin for a later API, and one whose hooks would be passed over in silence."""
    api = getattr(module, "seqshell_api", str(hookspecs.API_VERSION))
    major = str(api).partition(".")[0]
    if not isinstance(api, str | int) or not major.isdecimal() or int(major) < 1:
        raise PluginError(f'seqshell_api must be a version such as "{hookspecs.API_VERSION}", not {api!r:.60}')
    if int(major) > hookspecs.API_VERSION:
        raise PluginError(
            f"it is written for the plugin API {major} and this is seqshell {__version__} with the API {hookspecs.API_VERSION}; "
            f"install seqshell>={major}.0"
        )
    for name, value in vars(module).items() if hasattr(module, "__dict__") else ():
        own = getattr(value, "__module__", None) == getattr(module, "__name__", "")
        if own and hasattr(hookspecs, name) and name.startswith("seqshell_") and not hasattr(value, "seqshell_impl"):
            raise PluginError(f"{name} is not marked with @seqshell.hookimpl")


def _hooks(manager: pluggy.PluginManager, module: Any) -> dict[str, Callable[..., Any]]:
    """The hooks that a registered plugin implements; PluginError, with nothing left in the manager, for what no specification knows."""
    callers = manager.get_hookcallers(module) or []
    implementations = [next(found for found in caller.get_hookimpls() if found.plugin is module) for caller in callers]
    # An optional hook is one that a later API may have; nobody calls it here.
    strays = [
        caller.name
        for caller, found in zip(callers, implementations, strict=True)
        if not caller.has_spec() and not found.optionalhook
    ]
    if strays:
        manager.unregister(module)
        for name in strays:
            delattr(manager.hook, name)
        specs = [name for name in vars(hookspecs) if name.startswith("seqshell_")]
        raise PluginError(f"there is no hook {', '.join(sorted(strays))}; there are {', '.join(specs)}")
    known = {caller.name: found for caller, found in zip(callers, implementations, strict=True) if caller.has_spec()}
    for name, found in known.items():
        if found.hookwrapper or found.wrapper:
            raise PluginError(f"{name} is a wrapper around other plugins' hooks; the plugin API has none")
    if not known:
        raise PluginError("it implements no hook; a hook is a function marked with @seqshell.hookimpl")
    return {name: found.function for name, found in known.items()}


def _collect(implementation: Callable[..., Any]) -> list[Any]:
    """What a hook offers; None is nothing."""
    result = implementation()
    if result is None:
        return []
    if isinstance(result, str):
        raise PluginError("it returns a text where an iterable is needed")
    things = list(islice(result, MAX_OFFERS + 1))
    if len(things) > MAX_OFFERS:
        raise PluginError(f"it offers more than {MAX_OFFERS:,} things")
    return things


def _offers(kind: str, things: Sequence[Any], info: PluginInfo, also: tuple[str, ...]) -> list[Offer]:
    """Checked offers; a command stands under its aliases too."""
    found = []
    for thing in things:
        name = validation.name_of(kind, thing)
        aliases = thing.aliases if isinstance(thing, Command) else ()
        found += [Offer(each, thing, info, also) for each in (name, *aliases)]
    twice = [name for name, count in Counter(offer.name for offer in found).items() if count > 1]
    if twice:
        raise PluginError(f"it offers the {kind} {twice[0]} twice")
    return found


def _last_name(module: Any) -> str:
    """The last part of a module's dotted name; a class's for other objects."""
    return str(getattr(module, "__name__", type(module).__name__)).rpartition(".")[2]


def _itself(module: Any) -> Any:
    return module
