"""What the plugins offer, by kind and name, with the owner. Targets are imported when they are first looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy

from seqshell.core.errors import PluginError
from seqshell.core.events import HookOutput
from seqshell.core.names import unknown_name
from seqshell.core.plugin_api import Lazy
from seqshell.core.plugin_guard import Guard
from seqshell.core.process_state import unchanged
from seqshell.host.event_hooks import EventHooks
from seqshell.host.imports import resolve
from seqshell.host.plugin_info import PluginInfo
from seqshell.host.plugin_settings import PluginSettings
from seqshell.host.validation import check


@dataclass
class Offer:
    """One offer of a plugin, and the error of its import if that failed.

    owner_aliases: other names by which checkpoints may refer to the plugin.
    """

    name: str
    value: Any
    plugin: PluginInfo
    owner_aliases: tuple[str, ...] = ()
    error: PluginError | None = field(default=None, repr=False)

    @property
    def full(self) -> str:
        return f"{self.plugin.name}/{self.name}"


class Offers(Mapping[str, Any]):
    """The offers of one kind by name.

    Iterating yields names and imports nothing; [name] imports, or raises PluginError.

    If several plugins offer a name, the built-in offer keeps it, and the others are listed as `owner/name`.
    `owner/name` is always valid.
    """

    def __init__(self, kind: str, report: Callable[[PluginError], None]) -> None:
        self.kind = kind
        self._report = report
        self._offers: list[Offer] = []
        self._listed: dict[str, Offer] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __getitem__(self, name: str) -> Any:
        offer = self._find(name)
        if offer is None:
            raise KeyError(name)
        if offer.error is not None:
            raise offer.error
        if isinstance(offer.value, Lazy):
            try:
                offer.value = self._load(offer, offer.value)
            except PluginError as error:
                offer.error = error
                self._report(error)
                raise
        return offer.value

    def owner(self, name: str) -> str:
        """The name of the plugin that offers `name`. Raises KeyError if none does."""
        return self.plugin(name).name

    def plugin(self, name: str) -> PluginInfo:
        """The plugin that offers `name`. Raises KeyError if none does."""
        offer = self._find(name)
        if offer is None:
            raise KeyError(name)
        return offer.plugin

    def of(self, owner: str, name: str) -> str | None:
        """The key for `name` of `owner`, or None.

        owner: the name of the plugin, of its distribution or of its module.
        """
        named = [offer for offer in self._offers if offer.name == name]
        matches = [offer for offer in named if owner == offer.plugin.name] or [
            offer for offer in named if owner in offer.owner_aliases
        ]
        if len(matches) != 1:
            return None
        return name if self._find(name) is matches[0] else matches[0].full

    def candidates(self, name: str) -> tuple[str, ...]:
        """`owner/name` of each offer with this short name."""
        return tuple(offer.full for offer in self._offers if offer.name == name)

    def shadowed(self) -> tuple[Offer, ...]:
        """The third-party offers that have the short name of a built-in one."""
        built_in = {offer.name for offer in self._offers if offer.plugin.builtin}
        return tuple(offer for offer in self._offers if not offer.plugin.builtin and offer.name in built_in)

    def add(self, offers: Iterable[Offer]) -> None:
        self._offers.extend(offers)
        self._list()

    def remove(self, owner: str) -> None:
        """Remove the offers of a plugin."""
        self._offers = [offer for offer in self._offers if offer.plugin.name != owner]
        self._list()

    def _list(self) -> None:
        count = Counter(offer.name for offer in self._offers)
        built_in = Counter(offer.name for offer in self._offers if offer.plugin.builtin)
        short = {
            id(offer)
            for offer in self._offers
            if count[offer.name] == 1 or (offer.plugin.builtin and built_in[offer.name] == 1)
        }
        self._listed = {offer.name if id(offer) in short else offer.full: offer for offer in self._offers}

    def _find(self, name: str) -> Offer | None:
        return self._listed.get(name) or next((offer for offer in self._offers if offer.full == name), None)

    def _load(self, offer: Offer, lazy: Lazy) -> Any:
        plugin = offer.plugin
        doing = f"is not valid as the {self.kind} {offer.name}"
        guard = Guard(f"{plugin.title}: {lazy.target}", plugin.owner, doing, passes_errors=False)
        with nullcontext() if plugin.builtin else unchanged(guard):
            value = resolve(lazy.target, plugin=plugin.name, distribution=plugin.distribution)
            guard.call(check, self.kind, value, offer.name)
        return value


class Registry:
    """Everything that seqshell and its plugins offer.

    settings: those of plugins. problems: the errors of plugins. warnings: about the policy and about plugins that were
    loaded. notices: the sources of -p that replace installed plugins.
    """

    def __init__(
        self, manager: pluggy.PluginManager, settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    ) -> None:
        self._manager = manager
        self._plugins: dict[str, PluginInfo] = {}
        self._problems: list[PluginError] = []
        self.warnings: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self._folders: list[tuple[str, str, Path]] = []  # owner, hook and path
        self.settings = PluginSettings(settings)
        self._hooks = EventHooks(manager, self.settings, lambda name: self._plugins[name].owner)
        self.architectures = Offers("architecture", self._problems.append)
        self.samplers = Offers("sampler", self._problems.append)
        self.strategies = Offers("strategy", self._problems.append)
        self.tokenizers = Offers("tokenizer", self._problems.append)
        self.commands = Offers("command", self._problems.append)
        self.importers = Offers("importer", self._problems.append)
        self.data = Offers("data", self._problems.append)
        self._kinds = {
            "architectures": self.architectures,
            "samplers": self.samplers,
            "strategies": self.strategies,
            "tokenizers": self.tokenizers,
            "commands": self.commands,
            "importers": self.importers,
            "data": self.data,
        }
        self._plurals = {offers.kind: plural for plural, offers in self._kinds.items()}

    @property
    def problems(self) -> tuple[PluginError, ...]:
        return tuple(self._problems)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plugin found, whatever its status; the built-in ones first."""
        return tuple(self._plugins.values())

    @property
    def checkpoint_folders(self) -> tuple[Path, ...]:
        """The folders with the plugins' checkpoints."""
        return self.folders("seqshell_checkpoints")

    @property
    def recipe_folders(self) -> tuple[Path, ...]:
        """The folders with the plugins' recipes."""
        return self.folders("seqshell_recipes")

    def folders(self, hook: str, owner: str = "") -> tuple[Path, ...]:
        """The folders that plugins offer by a hook, or those of one plugin."""
        return tuple(path for name, of, path in self._folders if of == hook and owner in ("", name))

    def offers(self, kind: str) -> Offers:
        """The offers of a kind: architecture, sampler, strategy, tokenizer, command, importer, data, or a plural."""
        return self._kinds[self._plurals.get(kind, kind)]

    def owner(self, kind: str, name: str) -> str:
        """The name of the plugin that offers `name`; "seqshell" for the host. Raises KeyError if none does."""
        return self.offers(kind).owner(name)

    def plugin(self, name: str) -> PluginInfo:
        """The plugin with this name. Raises KeyError if there is none."""
        return self._plugins[name]

    def named(self, name: str) -> PluginInfo | None:
        """The plugin with this name, or the one whose module has this name; None if there is none."""
        return self._plugins.get(name) or next((info for info in self.plugins if name and info.module == name), None)

    def lookup(self, kind: str, name: str) -> Any:
        """The offer of this kind and name.

        Raises UsageError with the nearest name if it is unknown, PluginError if its import fails.
        """
        offers = self.offers(kind)
        kind = offers.kind
        if name in offers:
            return offers[name]
        failed = ", ".join(info.name for info in self.plugins if info.state == "failed")
        raise unknown_name(
            kind, name, offers, hint=f"failed plugins: {failed}; see /plugins --errors" if failed else ""
        )

    def listens(self, hook: str) -> bool:
        """True if a plugin implements this event hook; if not, the caller need not compute its arguments."""
        return self._hooks.listens(hook)

    def notify(
        self, hook: str, show: Callable[[HookOutput], None] = lambda output: None, /, **arguments: Any
    ) -> tuple[PluginError, ...]:
        """Call an event hook of every plugin. Returns the new problems. show: called with each event that it returns.

        A plugin whose hook raises, or is stopped by Ctrl-C, is left out from then on; in training, only its hooks are.
        The __cause__ of its problem is the exception: KeyboardInterrupt if the user pressed Ctrl-C.
        """
        failed = []
        for name, result in self._hooks.call(hook, arguments):
            if isinstance(result, PluginError):
                failed.append(result)
                continue
            for event in result:
                show(HookOutput(name, hook, event))
        for problem in failed:
            if hook == "seqshell_training":  # the model that is in training may be the plugin's
                self._manager.unregister(name=problem.plugin)
                self.note(problem)
            else:
                self.fail(self._plugins[problem.plugin], problem)
        return tuple(failed)

    def admit(
        self, info: PluginInfo, offers: Mapping[str, Iterable[Offer]], folders: Mapping[str, Iterable[Path]]
    ) -> None:
        """Register a plugin with its offers by kind and its folders by hook; a disabled one has none."""
        self._plugins[info.name] = info
        for kind, added in offers.items():
            self.offers(kind).add(added)
        self._folders += [(info.name, hook, path) for hook, paths in folders.items() for path in paths]

    def fail(self, info: PluginInfo, error: PluginError) -> None:
        """Leave a plugin out: unregister its hooks and its offers."""
        if self._manager.has_plugin(info.name):
            self._manager.unregister(name=info.name)
        for offers in self._kinds.values():
            offers.remove(info.name)
        self._folders = [each for each in self._folders if each[0] != info.name]
        self.settings.remove(info.name)
        self._plugins[info.name] = replace(info, state="failed", reason=error.message)
        self._problems.append(error)

    def note(self, error: PluginError) -> bool:
        """Record an error of a plugin that stays loaded, for /plugins --errors; False if its message is known."""
        is_new = error.message not in (known.message for known in self._problems)
        if is_new:
            self._problems.append(error)
        return is_new
