"""What is on offer, by kind and name, and whose it is. Targets are imported when a name is first looked up."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pluggy

from seqshell.core.errors import PluginError
from seqshell.core.names import unknown_name
from seqshell.core.plugin_api import Lazy
from seqshell.host.imports import guarded, resolve, title_of
from seqshell.host.validation import check


@dataclass(frozen=True)
class PluginInfo:
    """A plugin that was found. state: loaded, disabled (nothing of it was imported) or failed (left out); reason: why not loaded.

    name: the owner of what it offers, as in `owner/name`. distribution: empty for a file. import_ms: how long its import took.
    module: the first part of its module's name, by which faults name it whose place knows no plugins; empty until it was imported.
    """

    name: str
    distribution: str = ""
    version: str = ""
    hooks: tuple[str, ...] = ()
    import_ms: float = 0.0
    state: str = "loaded"
    reason: str = ""
    builtin: bool = False
    module: str = ""

    @property
    def title(self) -> str:
        """What it is called in messages: the plugin NAME (DISTRIBUTION)."""
        return title_of(self.name, self.distribution)


@dataclass
class Offer:
    """One thing of one plugin, and what became of its target. also: other names of the plugin, for checkpoints that remember one."""

    name: str
    value: Any
    plugin: PluginInfo
    also: tuple[str, ...] = ()
    error: PluginError | None = field(default=None, repr=False)

    @property
    def full(self) -> str:
        return f"{self.plugin.name}/{self.name}"


class Offers(Mapping[str, Any]):
    """Things of one kind by name. Iterating gives names and imports nothing; [name] imports, and raises PluginError when that fails.

    A name that several plugins offer stays with the built-in one; without one, or for the others, `owner/name` is listed.
    `owner/name` may always be asked for.
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
        """The plugin that a name belongs to. KeyError when nobody offers it."""
        offer = self._find(name)
        if offer is None:
            raise KeyError(name)
        return offer.plugin.name

    def of(self, owner: str, name: str) -> str | None:
        """The name under which `name` of `owner` is to be asked for; the owner may be meant by its name, its distribution's or its module's."""
        named = [offer for offer in self._offers if offer.name == name]
        matches = [offer for offer in named if owner == offer.plugin.name] or [
            offer for offer in named if owner in offer.also
        ]
        if len(matches) != 1:
            return None
        return name if self._find(name) is matches[0] else matches[0].full

    def candidates(self, name: str) -> tuple[str, ...]:
        """`owner/name` of everything that has this short name."""
        return tuple(offer.full for offer in self._offers if offer.name == name)

    def overshadowed(self) -> tuple[Offer, ...]:
        """What strangers offer under the short name of something built in."""
        built_in = {offer.name for offer in self._offers if offer.plugin.builtin}
        return tuple(offer for offer in self._offers if not offer.plugin.builtin and offer.name in built_in)

    def add(self, offers: Iterable[Offer]) -> None:
        self._offers.extend(offers)
        self._list()

    def remove(self, owner: str) -> None:
        """Forget what a plugin offered."""
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
        value = resolve(lazy.target, plugin=plugin.name, distribution=plugin.distribution)
        doing = f"{lazy.target} cannot serve as the {self.kind} {offer.name}"
        guarded(
            lambda: check(self.kind, value, offer.name),
            plugin=plugin.name,
            distribution=plugin.distribution,
            doing=doing,
        )
        return value


class Registry:
    """Everything that seqshell and its plugins offer.

    problems: each plugin's fault, once. warnings: wishes about plugins that could not be met, and what is odd about those that were loaded.
    busy: the stranger whose code runs just now, so that Ctrl-C knows whom to stop and whom to name.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self._plugins: dict[str, PluginInfo] = {}
        self._problems: list[PluginError] = []
        self.warnings: tuple[str, ...] = ()
        self.busy: PluginInfo | None = None
        self._folders: list[tuple[str, Path]] = []
        self.architectures = Offers("architecture", self._problems.append)
        self.samplers = Offers("sampler", self._problems.append)
        self.strategies = Offers("strategy", self._problems.append)
        self.tokenizers = Offers("tokenizer", self._problems.append)
        self.commands = Offers("command", self._problems.append)
        self.importers = Offers("importer", self._problems.append)
        self._kinds = {
            "architectures": self.architectures,
            "samplers": self.samplers,
            "strategies": self.strategies,
            "tokenizers": self.tokenizers,
            "commands": self.commands,
            "importers": self.importers,
        }
        self._plurals = {offers.kind: plural for plural, offers in self._kinds.items()}

    @property
    def problems(self) -> tuple[PluginError, ...]:
        return tuple(self._problems)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plugin that was found, whatever became of it; built-in ones first."""
        return tuple(self._plugins.values())

    @property
    def checkpoint_folders(self) -> tuple[Path, ...]:
        """The folders in which plugins ship checkpoints."""
        return tuple(folder for _, folder in self._folders)

    def offers(self, kind: str) -> Offers:
        """kind: architecture, sampler, strategy, tokenizer, command or importer, or one of these in the plural."""
        return self._kinds[self._plurals.get(kind, kind)]

    def owner(self, kind: str, name: str) -> str:
        """The plugin that offers the thing of this kind and name; "seqshell" for the host's own. KeyError when nobody does."""
        return self.offers(kind).owner(name)

    def plugin(self, name: str) -> PluginInfo:
        """What is known of a plugin. KeyError when there is none of that name."""
        return self._plugins[name]

    def named(self, word: str) -> PluginInfo | None:
        """The plugin that a fault names, by its own name or by its module's; None when there is none."""
        return self._plugins.get(word) or next((info for info in self.plugins if word and info.module == word), None)

    def lookup(self, kind: str, name: str) -> Any:
        """The thing of this kind and name. UsageError (code unknown_KIND) with the nearest name, PluginError when its import fails."""
        offers = self.offers(kind)
        kind = offers.kind
        if name in offers:
            return offers[name]
        failed = ", ".join(info.name for info in self.plugins if info.state == "failed")
        raise unknown_name(
            kind, name, offers, hint=f"failed plugins: {failed}; see /plugins --errors" if failed else ""
        )

    def listens(self, hook: str) -> bool:
        """Whether any plugin implements an event hook, so that what it is told need not be computed for nobody."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def notify(self, hook: str, **arguments: Any) -> tuple[PluginError, ...]:
        """Tell every plugin that listens. One that raises, or that Ctrl-C had to stop, is left out from then on; returns the new problems.

        The __cause__ of a problem is what was raised: KeyboardInterrupt where the user pressed Ctrl-C.
        """
        failed = []
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            name = implementation.plugin_name
            call = partial(implementation.function, **{key: arguments[key] for key in implementation.argnames})
            info = self._plugins[name]
            try:
                self.busy = info
                guarded(call, plugin=name, distribution=info.distribution, doing=f"{hook} failed")
            except PluginError as error:
                failed.append(error)
            except KeyboardInterrupt as stop:
                message = f"{info.title}: {hook} was stopped by Ctrl-C"
                stopped = PluginError(
                    message, plugin=name, distribution=info.distribution, details=traceback.format_exc()
                )
                stopped.__cause__ = stop
                failed.append(stopped)
            finally:
                self.busy = None
        for problem in failed:
            self.fail(self._plugins[problem.plugin], problem)
        return tuple(failed)

    def admit(self, info: PluginInfo, offers: Mapping[str, Iterable[Offer]], folders: Iterable[Path]) -> None:
        """List a plugin with all it offers, by kind; a disabled one offers nothing."""
        self._plugins[info.name] = info
        for kind, things in offers.items():
            self.offers(kind).add(things)
        self._folders += [(info.name, folder) for folder in folders]

    def fail(self, info: PluginInfo, error: PluginError) -> None:
        """Leave a plugin out whole: its hooks and what it offered."""
        if self._manager.has_plugin(info.name):
            self._manager.unregister(name=info.name)
        for offers in self._kinds.values():
            offers.remove(info.name)
        self._folders = [(owner, folder) for owner, folder in self._folders if owner != info.name]
        self._plugins[info.name] = replace(info, state="failed", reason=error.message)
        self._problems.append(error)

    def note(self, error: PluginError) -> None:
        """Remember a fault of a plugin that stays, for /plugins --errors; the same one only once."""
        if error.message not in (known.message for known in self._problems):
            self._problems.append(error)
