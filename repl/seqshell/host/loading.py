"""Loads plugins from installed distributions, files and -p into a Registry, each completely or not at all."""

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
OFFERING = {  # hook -> the kind of what it offers
    "seqshell_architectures": "architecture",
    "seqshell_samplers": "sampler",
    "seqshell_strategies": "strategy",
    "seqshell_tokenizers": "tokenizer",
    "seqshell_commands": "command",
    "seqshell_importers": "importer",
    "seqshell_checkpoints": "folder",
}
MAX_PRINTED = 200  # characters of a plugin's output that a warning quotes
MAX_OFFERS = 10_000  # per hook: an endless generator must not block startup


@dataclass(frozen=True)
class FoundPlugin:
    """A plugin that has not been imported.

    name: its unique name. origin: its name before names were made unique. target: the name of its module, or the path
    of its file. requested: True if -p names it, or if it is loaded under every policy.
    """

    name: str
    origin: str
    load: Callable[[], Any]
    target: str = ""
    distribution: str = ""
    version: str = ""
    builtin: bool = False
    requested: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which a Policy may refer to it."""
        distribution = [self.distribution] if self.distribution and not self.builtin else []
        return tuple(dict.fromkeys((self.name, self.origin, *distribution)))


def build_registry(
    own: Sequence[Any] = (),
    policy: Policy | None = None,
    *,
    modules: Sequence[Any] = (),
    folders: Iterable[str] | None = None,
    on_slow: Callable[[str], None] | None = None,
) -> Registry:
    """Load the plugins that `policy` allows. One that fails is listed in `problems`, and nothing of it is registered.

    own: the host's own modules; the owner of the first is "seqshell". policy: by default from the environment and
    config.toml. modules: further plugins as objects, for tests and notebooks; the owner is the last part of their
    __name__. folders: where to look for distributions; by default the import path. on_slow: called in another thread,
    with a message, if a third-party plugin takes more than a second to import.
    Raises PluginError if a plugin fails under a strict policy.
    """
    policy = Policy.read() if policy is None else policy
    manager = pluggy.PluginManager(HOST)
    manager.add_hookspecs(hookspecs)
    registry = Registry(manager)
    outside = [*_installed(policy, folders), *_files()]
    found = list(_with_unique_names([*_host_modules(own), *_with_requested(outside, policy.extra), *_objects(modules)]))
    warnings = [*policy.warnings, *policy.unknown(name for plugin in found for name in plugin.names)]
    for plugin in found:
        reason = "" if plugin.requested else policy.refusal(plugin.names, builtin=plugin.builtin)
        if reason:
            info = PluginInfo(plugin.name, plugin.distribution, plugin.version, builtin=plugin.builtin)
            registry.admit(replace(info, state="disabled", reason=reason), {}, ())
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
                f"{title} imports torch at module level, {seconds:.1f} s at every start; "
                "move the code that needs it to a separate module"
            )
    registry.warnings = (*warnings, *_shadow_warnings(registry))
    if policy.strict and registry.problems:
        raise registry.problems[0]
    return registry


def _host_modules(modules: Sequence[Any]) -> Iterator[FoundPlugin]:
    for index, module in enumerate(modules):
        name = _last_part(module) if index else HOST
        yield FoundPlugin(name, name, partial(_identity, module), version=__version__, builtin=True, requested=True)


def _installed(policy: Policy, folders: Iterable[str] | None) -> Iterator[FoundPlugin]:
    """The plugins of installed distributions, the built-in ones first."""
    scanned = slow_entry_points() if policy.slow_scan else entry_points(folders)
    for point in sorted(scanned, key=lambda point: (point.distribution != HOST, point.name, point.distribution)):
        target = point.target.partition("[")[0].strip()  # an entry point may name extras
        load = partial(locate, target)
        yield FoundPlugin(
            point.name, point.name, load, target, point.distribution, point.version, builtin=point.distribution == HOST
        )


def _files() -> Iterator[FoundPlugin]:
    """The plugins in the user's plugins folder: files and packages."""
    try:
        entries = sorted(os.scandir(paths.folder("plugins")), key=lambda entry: entry.name)
    except OSError:  # the folder does not exist
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name[0] not in "._" and (entry.name.endswith(".py") or (path / "__init__.py").is_file()):
            yield _file(path)


def _file(path: Path) -> FoundPlugin:
    return FoundPlugin(path.stem, path.stem, partial(import_file, path), os.path.realpath(path))


def _with_requested(found: Sequence[FoundPlugin], extra: Sequence[str]) -> Iterator[FoundPlugin]:
    """The plugins found, with those that -p names marked as requested, and the plugins that -p adds.

    extra: names of modules or plugins, or paths of files.
    """
    is_file = {name: "/" in name or os.sep in name or name.endswith(".py") for name in extra}
    requested = {os.path.realpath(os.path.expanduser(name)) if is_file[name] else name: name for name in extra}
    for plugin in found:
        matching = {plugin.target, *([] if os.path.isabs(plugin.target) else plugin.names)} & set(requested)
        for target in matching:
            requested[target] = ""
        yield replace(plugin, requested=bool(matching))
    for name in filter(None, requested.values()):
        if is_file[name]:
            yield replace(_file(Path(name).expanduser()), requested=True)
        else:
            yield FoundPlugin(name, name, partial(locate, name), name, requested=True)


def _objects(modules: Sequence[Any]) -> Iterator[FoundPlugin]:
    for module in modules:
        name = _last_part(module)
        yield FoundPlugin(name, name, partial(_identity, module), requested=True)


def _with_unique_names(found: Sequence[FoundPlugin]) -> Iterator[FoundPlugin]:
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


def _load(manager: pluggy.PluginManager, registry: Registry, found: FoundPlugin) -> None:
    """Import and register a plugin with everything that it offers; if any of it fails, only record the error."""
    start = time.perf_counter()
    info = PluginInfo(found.name, found.distribution, found.version, builtin=found.builtin)
    guard = partial(guarded, plugin=found.name, distribution=found.distribution)
    try:
        if not NAME.fullmatch(found.name):
            raise PluginError(f"invalid plugin name {found.name!r}", plugin=found.name, distribution=found.distribution)
        module = guard(found.load, doing="the import failed")
        version = found.version or str(getattr(module, "__version__", ""))
        package = str(getattr(module, "__name__", None) or type(module).__module__).partition(".")[0]
        info = replace(info, version=version, import_ms=(time.perf_counter() - start) * 1000, module=package)
        guard(partial(_check_module, module), doing="it cannot be used")
        guard(partial(manager.register, module, found.name), doing="invalid hooks")
        hooks = guard(partial(_hooks, manager, module), doing="invalid hooks")
        info = replace(info, hooks=tuple(hooks))
        # Checkpoints that were made with -p before the plugin was installed refer to it by its module's name.
        known_as = (*found.names, found.target, _last_part(module))
        aliases = tuple(dict.fromkeys(name for name in known_as if name != found.name))
        offers: dict[str, list[Offer]] = {}
        folders: list[Path] = []
        for hook, kind in OFFERING.items():
            if hook not in hooks:
                continue
            offered = guard(partial(_collect, hooks[hook]), doing=f"{hook} failed")
            if kind == "folder":
                folders = guard(partial(list, map(validation.folder, offered)), doing=f"{hook} has an invalid offer")
            else:
                offers[kind] = guard(
                    partial(_offers, kind, offered, info, aliases), doing=f"{hook} has an invalid offer"
                )
        registry.admit(info, offers, folders)
    except PluginError as error:
        registry.fail(replace(info, import_ms=info.import_ms or (time.perf_counter() - start) * 1000), error)


def _shadow_warnings(registry: Registry) -> Iterator[str]:
    """A warning for each third-party offer that has the short name of a built-in one."""
    for kind in sorted(set(OFFERING.values()) - {"folder"}):
        for offer in registry.offers(kind).shadowed():
            yield (
                f"{offer.plugin.title} offers the {kind} {offer.name}, which is also built in; "
                f"write {offer.full} to use the plugin's"
            )


def _check_module(module: Any) -> None:
    """Raise PluginError for a plugin that needs a later API, or has hooks without @hookimpl, which would be ignored."""
    api = getattr(module, "seqshell_api", str(hookspecs.API_VERSION))
    major = str(api).partition(".")[0]
    if not isinstance(api, str | int) or not major.isdecimal() or int(major) < 1:
        raise PluginError(f'seqshell_api must be a version such as "{hookspecs.API_VERSION}", not {api!r:.60}')
    if int(major) > hookspecs.API_VERSION:
        raise PluginError(
            f"it is written for the plugin API {major}, but seqshell {__version__} has the plugin API "
            f"{hookspecs.API_VERSION}; install seqshell>={major}.0"
        )
    for name, value in vars(module).items() if hasattr(module, "__dict__") else ():
        own = getattr(value, "__module__", None) == getattr(module, "__name__", "")
        if own and hasattr(hookspecs, name) and name.startswith("seqshell_") and not hasattr(value, "seqshell_impl"):
            raise PluginError(f"{name} is not marked with @seqshell.hookimpl")


def _hooks(manager: pluggy.PluginManager, module: Any) -> dict[str, Callable[..., Any]]:
    """The hooks that a registered plugin implements: name -> function.

    Raises PluginError, and unregisters the plugin, if a hook is unknown.
    """
    callers = manager.get_hookcallers(module) or []
    implementations = [next(found for found in caller.get_hookimpls() if found.plugin is module) for caller in callers]
    # An optional hook may exist in a later API; this version never calls it.
    unknown = [
        caller.name
        for caller, found in zip(callers, implementations, strict=True)
        if not caller.has_spec() and not found.optionalhook
    ]
    if unknown:
        manager.unregister(module)
        for name in unknown:
            delattr(manager.hook, name)
        specs = [name for name in vars(hookspecs) if name.startswith("seqshell_")]
        raise PluginError(f"no hook is called {', '.join(sorted(unknown))}; available: {', '.join(specs)}")
    known = {caller.name: found for caller, found in zip(callers, implementations, strict=True) if caller.has_spec()}
    for name, found in known.items():
        if found.hookwrapper or found.wrapper:
            raise PluginError(f"{name} is a hook wrapper, which the plugin API does not allow")
    if not known:
        raise PluginError("it implements no hook; a hook is a function marked with @seqshell.hookimpl")
    return {name: found.function for name, found in known.items()}


def _collect(implementation: Callable[..., Any]) -> list[Any]:
    """What a hook offers; None offers nothing."""
    result = implementation()
    if result is None:
        return []
    if isinstance(result, str):
        raise PluginError("it returns a string instead of an iterable")
    offered = list(islice(result, MAX_OFFERS + 1))
    if len(offered) > MAX_OFFERS:
        raise PluginError(f"it has more than {MAX_OFFERS:,} offers")
    return offered


def _offers(kind: str, offered: Sequence[Any], info: PluginInfo, owner_aliases: tuple[str, ...]) -> list[Offer]:
    """Check what a plugin offers, and name it; a command has one offer for its name and one for each alias."""
    offers = []
    for value in offered:
        name = validation.name_of(kind, value)
        aliases = value.aliases if isinstance(value, Command) else ()
        offers += [Offer(each, value, info, owner_aliases) for each in (name, *aliases)]
    duplicates = [name for name, count in Counter(offer.name for offer in offers).items() if count > 1]
    if duplicates:
        raise PluginError(f"it offers the {kind} {duplicates[0]} twice")
    return offers


def _last_part(module: Any) -> str:
    """The last part of a module's name; for another object, of its class's name."""
    return str(getattr(module, "__name__", type(module).__name__)).rpartition(".")[2]


def _identity(module: Any) -> Any:
    return module
