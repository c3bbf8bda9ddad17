"""Loads plugins from installed distributions, files and -p into a Registry, each completely or not at all."""

from __future__ import annotations

import inspect
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from seqshell.core import hookspecs
from seqshell.core.errors import PluginError
from seqshell.core.names import NAME
from seqshell.core.plugin_api import Command
from seqshell.core.plugin_guard import IMPORTING, OWNER, Guard
from seqshell.core.process_state import unchanged
from seqshell.core.version import __version__
from seqshell.host import finding, validation
from seqshell.host.plugin_info import PluginInfo
from seqshell.host.plugin_settings import check_settings
from seqshell.host.policy import Policy
from seqshell.host.registry import Offer, Registry
from seqshell.host.requested import with_requested
from seqshell.host.slow_import import watched

FOLDER = "folder"
OFFERING = {  # hook -> the kind of what it offers
    "seqshell_architectures": "architecture",
    "seqshell_samplers": "sampler",
    "seqshell_strategies": "strategy",
    "seqshell_tokenizers": "tokenizer",
    "seqshell_commands": "command",
    "seqshell_importers": "importer",
    "seqshell_data": "data",
    "seqshell_checkpoints": FOLDER,
    "seqshell_recipes": FOLDER,
}
MAX_PRINTED = 200  # characters of a plugin's output that a warning quotes
MAX_OFFERS = 10_000  # per hook: an endless generator must not block startup


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
    manager = pluggy.PluginManager(finding.HOST)
    manager.add_hookspecs(hookspecs)
    registry = Registry(manager, policy.settings)
    outside, notices = with_requested(finding.outside(policy, folders), policy.extra)
    everything = [*finding.host_modules(own), *outside, *finding.objects(modules)]
    found = list(finding.with_unique_names(everything))
    warnings = [*policy.warnings, *policy.unknown(name for plugin in found for name in plugin.names)]
    for plugin in found:
        reason = "" if plugin.kept or plugin.named else policy.refusal(plugin.names, builtin=plugin.builtin)
        if reason:
            info = PluginInfo(plugin.name, plugin.distribution, plugin.version, builtin=plugin.builtin)
            registry.admit(replace(info, state="disabled", reason=reason), {}, {})
            continue
        had_torch = "torch" in sys.modules
        title = plugin.owner.title
        with nullcontext() if plugin.builtin else watched(title, on_slow) as printed:
            _load(manager, registry, plugin, warnings)
        if printed and (text := " ".join(printed.take().split())):
            warnings.append(f"{title} printed while it was loaded: {text[:MAX_PRINTED]}")
        if not had_torch and "torch" in sys.modules:
            seconds = registry.plugin(plugin.name).import_ms / 1000
            warnings.append(
                f"{title} imports torch at module level, {seconds:.1f} s at every start; "
                "move the code that needs it to a separate module"
            )
    warnings.extend(registry.settings.unused({info.name: info.state == "loaded" for info in registry.plugins}))
    registry.notices = tuple(notices)
    registry.warnings = (*warnings, *_shadow_warnings(registry))
    if policy.strict and registry.problems:
        raise registry.problems[0]
    return registry


def _load(manager: pluggy.PluginManager, registry: Registry, found: finding.FoundPlugin, warnings: list[str]) -> None:
    """Import and register a plugin with everything that it offers; if any of it fails, only record the error.

    warnings: what is wrong with its settings in the config file is added.
    """
    start = time.perf_counter()
    info = PluginInfo(found.name, found.distribution, found.version, builtin=found.builtin, named=found.named)
    try:
        if not NAME.fullmatch(found.name):
            raise PluginError(f"invalid plugin name {found.name!r}", plugin=found.name, distribution=found.distribution)
        with nullcontext() if found.builtin else unchanged(Guard(f"{found.owner.title}: the import", found.owner)):
            name = Path(found.target).stem if os.path.isabs(found.target) else re.split(r"[.:]", found.target)[0]
            IMPORTING[name] = found.owner
            try:
                module = _guard(found, "the import failed").call(found.load)
                version, package = _guard(found, "it cannot be used").call(_described, module, found)
            finally:
                del IMPORTING[name]
            info = replace(info, version=version, import_ms=(time.perf_counter() - start) * 1000, module=package)
            offers, folders, settings, info = _offered(manager, module, found, info)
        registry.admit(info, offers, folders)
        if settings is not None:
            warnings.extend(registry.settings.declare(info.owner, settings))
    except PluginError as error:
        registry.fail(replace(info, import_ms=info.import_ms or (time.perf_counter() - start) * 1000), error)


def _guard(found: finding.FoundPlugin, doing: str) -> Guard:
    return Guard(f"{found.owner.title}:", found.owner, doing, passes_errors=False)


def _described(module: Any, found: finding.FoundPlugin) -> tuple[str, str]:
    """The version of a plugin and the first part of its module's name. The module remembers its plugin."""
    if isinstance(module, ModuleType):
        vars(module)[OWNER] = found.owner
    version = found.version or str(getattr(module, "__version__", ""))
    package = str(getattr(module, "__name__", None) or type(module).__module__).partition(".")[0]
    vars(sys.modules.get(package, ModuleType(""))).setdefault(OWNER, found.owner)
    _check_module(module)
    return version, package


def _offered(
    manager: pluggy.PluginManager, module: Any, found: finding.FoundPlugin, info: PluginInfo
) -> tuple[dict[str, list[Offer]], dict[str, list[Path]], type[Any] | None, PluginInfo]:
    """Register the hooks of a plugin. Returns its offers, folders by hook, settings, and its info with the hooks."""
    invalid = _guard(found, "invalid hooks")
    invalid.call(_register, manager, module, found.name)
    hooks = invalid.call(_hooks, manager, module)
    info = replace(info, hooks=tuple(hooks))
    # Checkpoints that were made with -p before the plugin was installed refer to it by its module's name.
    known_as = (*found.names, found.target, finding.last_part(module))
    aliases = tuple(dict.fromkeys(name for name in known_as if name != found.name))
    offers: dict[str, list[Offer]] = {}
    folders: dict[str, list[Path]] = {}
    for hook, kind in OFFERING.items():
        if hook not in hooks:
            continue
        offered = _guard(found, f"{hook} failed").call(_collect, hooks[hook])
        with _guard(found, f"{hook} has an invalid offer"):
            if kind == FOLDER:
                folders[hook] = list(map(validation.folder, offered))
            else:
                offers[kind] = _offers(kind, offered, info, aliases)
    settings = None
    if "seqshell_settings" in hooks:
        declared = _guard(found, "seqshell_settings failed").call(hooks["seqshell_settings"])
        settings = _guard(found, "seqshell_settings").call(check_settings, declared)
    return offers, folders, settings, info


def _shadow_warnings(registry: Registry) -> Iterator[str]:
    """A warning for each third-party offer that has the short name of a built-in one."""
    for kind in sorted(set(OFFERING.values()) - {FOLDER}):
        for offer in registry.offers(kind).shadowed():
            yield (
                f"{offer.plugin.title} offers the {kind} {offer.name}, which is also built in; "
                f"write {offer.full} to use the plugin's"
            )


def _check_module(module: Any) -> None:
    """Raise PluginError for a plugin that needs a later API, or has hooks without @hookimpl, which would be ignored."""
    api = getattr(module, "seqshell_api", hookspecs.API_VERSION)
    major = str(api).partition(".")[0]
    if not isinstance(api, str | int) or not major.isdecimal() or int(major) < 1:
        raise PluginError(f'seqshell_api must be a version such as "{hookspecs.API_VERSION}", not {api!r:.60}')
    if int(major) > int(hookspecs.API_VERSION.partition(".")[0]):
        raise PluginError(
            f"it is written for the plugin API {major}, but seqshell {__version__} has the plugin API "
            f"{hookspecs.API_VERSION}; install seqshell>={major}.0"
        )
    for name, value in vars(module).items() if hasattr(module, "__dict__") else ():
        own = getattr(value, "__module__", None) == getattr(module, "__name__", "")
        if own and hasattr(hookspecs, name) and name.startswith("seqshell_") and not hasattr(value, "seqshell_impl"):
            raise PluginError(f"{name} is not marked with @seqshell.hookimpl")


def _register(manager: pluggy.PluginManager, module: Any, name: str) -> None:
    """Register the hooks of a plugin. Raises PluginError for a hook with an argument that its specification lacks."""
    try:
        manager.register(module, name)
    except pluggy.PluginValidationError as error:
        for hook, spec in vars(hookspecs).items():
            if hook.startswith("seqshell_") and callable(found := getattr(module, hook, None)):
                arguments = tuple(inspect.signature(spec).parameters)
                if unknown := [name for name in inspect.signature(found).parameters if name not in arguments]:
                    has = f"its arguments can be {', '.join(arguments)}" if arguments else "it has no arguments"
                    raise PluginError(f"{hook} has no argument {unknown[0]!r}; {has}") from error
        raise


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
