"""The settings of a shell, and the origin of each value: command line, /set, config file, checkpoint, or built in.

The fields of the sampler chain and of the strategy are settings too; the current session holds their values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seqshell.core.config_places import config_place
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.setting_origins import BUILT_IN, CHECKPOINT, COMMAND_LINE, CONFIG, SET
from seqshell.core.tasks import task_spec
from seqshell.host.plugin_settings import PluginSettings
from seqshell.shell.color_setting import COLOR, trouble
from seqshell.shell.decoding_settings import Decoding, DecodingSettings, full_name, is_given
from seqshell.shell.idle_settings import only_for_drawing, unused_samplers, without_effect
from seqshell.shell.own_values import OwnValues
from seqshell.shell.setting_specs import (
    OF_THE_MODEL,
    ON_SESSION,
    SHELL_SETTINGS,
    Entry,
    defaults_of,
    is_for_task,
)
from seqshell.shell.unknown_settings import unknown_setting

if TYPE_CHECKING:
    from seqshell.core.model import Model
    from seqshell.session import Session
    from seqshell.shell.presets import Preset


class Settings:
    """The settings of a shell. Setting an invalid value raises a UsageError with the name, the range and a hint.

    samplers, strategies: the registry's, by name. plugins: the settings of plugins. config: the [settings] of the
    config file. command_line: from --set. preset: of --preset, which --set changes.
    """

    def __init__(
        self,
        samplers: Mapping[str, type[Any]],
        strategies: Mapping[str, type[Any]],
        plugins: PluginSettings | None = None,
        *,
        config: Mapping[str, Any] = MappingProxyType({}),
        command_line: Mapping[str, Any] = MappingProxyType({}),
        preset: Preset | None = None,
    ) -> None:
        self.session: Session | None = None
        self._decoding = DecodingSettings(samplers, strategies)
        self._plugins = PluginSettings({}) if plugins is None else plugins
        self._problems: list[str] = []
        self._reported: set[str] = set()
        self._own = OwnValues()
        self._preset = preset
        # The fields of chain and strategy; they are checked when a model is opened.
        self._fields: dict[str, dict[str, Any]] = {COMMAND_LINE: {}, CONFIG: {}}
        for name, value in {**(preset.values if preset else {}), **command_line}.items():
            if name in SHELL_SETTINGS:
                self._own.put(COMMAND_LINE, name, value)
            elif self._is_of_plugin(name):
                self._plugins.set(name, value, COMMAND_LINE)
            else:
                self._fields[COMMAND_LINE][name] = value
        for name, value in config.items():
            if name not in SHELL_SETTINGS:
                self._fields[CONFIG][name] = value
                continue
            try:
                self._own.put(CONFIG, name, value)
            except UsageError as error:
                self.report(f"{config_place('settings', name)}: {error.message}")

    # Sessions

    def prepare(self, session: Session, *, restored: bool = False, background: bool = False) -> None:
        """Give a new session its chain and strategy: the checkpoint's, changed by the config file and the command line.

        A restored session keeps its own, changed by the command line alone; the command line does not apply to a model
        in the background. What it sets without an effect is reported. Raises UsageError for invalid names and values of
        the command line.
        """
        if not restored:
            session.chain, session.strategy = self._basis(session)
        if background:
            return
        fields = self._fields[COMMAND_LINE]
        if self._preset is not None and task_spec(session.model.task).draws:
            self._preset.choose(session)
        elif self._preset is not None:
            self.report(only_for_drawing(f"the preset {self._preset.name}", session.model).message)
        for name, value in fields.items():
            if self._is_idle(name, session.model):
                self.report(only_for_drawing(name, session.model).message)
            else:
                self._change(session, name, value)
        notes = [without_effect(name, session.model) for name in self._own.given(COMMAND_LINE)]
        stages = [name.partition(".")[0] for name in fields]
        if stages:
            notes.append(unused_samplers(session, self._decoding.samplers, stages))
        for note in filter(None, notes):
            self.report(note)

    def attach(self, session: Session | None) -> None:
        """Use the chain, the strategy and the checkpoint's defaults of this session from now on."""
        self.session = session
        self._own.use_defaults(defaults_of(session.model, self.report) if session is not None else {})
        if session is not None and (error := trouble(color := self.get(COLOR), session)):
            self.report(f"color {color} has no effect on {session.model.name}: {error.message}")
        self._apply_to_current()

    def apply(self, session: Session, values: Mapping[str, Any]) -> None:
        """Give a session the settings that it holds itself."""
        for name, attribute in ON_SESSION.items():
            setattr(session, attribute, values[name])

    def take_problems(self) -> tuple[str, ...]:
        """The values of the config file and the checkpoints that were rejected since the last call, one line each."""
        found, self._problems = tuple(self._problems), []
        return found

    # Reading

    def values(self) -> Mapping[str, Any]:
        """The shell's settings by name, as they are now. Read it once per line."""
        return MappingProxyType({entry.name: entry.value for entry in self._own.entries()})

    def values_for(self, session: Session) -> Mapping[str, Any]:
        """The shell's settings for a session in the background.

        The defaults of its own checkpoint apply, and values of OF_THE_MODEL that were set for the current model do not.
        """
        kept = {
            entry.name: entry.value
            for entry in self._own.entries()
            if entry.origin not in (CHECKPOINT, BUILT_IN) and entry.name not in OF_THE_MODEL
        }
        built_in = {name: setting.default for name, setting in SHELL_SETTINGS.items()}
        return MappingProxyType({**built_in, **defaults_of(session.model, self.report), **kept})

    def get(self, name: str) -> Any:
        """The value of a setting.

        Raises UsageError (unknown_setting) with the nearest name if there is no such setting.
        """
        return self.entry(name).value

    def entry(self, name: str) -> Entry:
        """The setting, its value and its origin.

        A field of the strategy may be named alone (width) or in full (beam.width).
        """
        return self._entry(name)

    def _entry(self, name: str, new: Any = "") -> Entry:
        """The same. new: the value that it shall have, for the hint in an error."""
        if name in SHELL_SETTINGS:
            return self._own.entry(name)
        if self._is_of_plugin(name):
            return self._plugin_entry(name)
        if self.session is not None and self._is_idle(name, self.session.model):
            raise only_for_drawing(name, self.session.model)
        for entry in self._session_entries():
            is_of_strategy = entry.name.partition(".")[0] == self._strategy_name()
            if name in (entry.name, full_name(entry)) or (is_of_strategy and name == entry.setting.name):
                return entry
        absent = self._decoding.absent(name) if self._decoding.is_of_sampler(name) else None
        if absent is None:
            raise self._unknown(name, new)
        return absent

    def of(self, plugin: str) -> Any:
        """The settings of a plugin, as an instance of the dataclass that it declares; None if it declares none."""
        return self._plugins.of(plugin)

    def names(self) -> tuple[str, ...]:
        """The names of the settings that apply: the shell's, those of plugins, the chain's and the strategy's."""
        return tuple(entry.name for entry in self.table())

    def table(self) -> tuple[Entry, ...]:
        """The settings that apply, with value and origin."""
        task = self.session.model.task if self.session else None
        fitting = (entry for entry in self._own.entries() if task is None or is_for_task(entry.name, task))
        of_plugins = filter(self._is_of_plugin, self._plugins)
        return (*fitting, *map(self._plugin_entry, of_plugins), *self._session_entries())

    # Changing

    def set(self, name: str, value: Any) -> tuple[Any, Any]:
        """Set a value, or text that the user typed, and return (new, old).

        If it raises UsageError, nothing has changed.
        """
        was = self._entry(name, value).value
        if name in SHELL_SETTINGS:
            self._own.put(SET, name, value, self.session)
            self._apply_to_current()
        elif self._is_of_plugin(name):
            self._plugins.set(name, value)
        else:
            self._change(self._session(name), name, value)
        return self.get(name), was

    def reset(self, name: str) -> tuple[Any, Any]:
        """Return to the value without /set and, for the shell's own settings, without --set; return (new, old)."""
        entry = self.entry(name)
        if name in SHELL_SETTINGS:
            self._own.forget(name)
            self._apply_to_current()
            return self.get(name), entry.value
        if self._is_of_plugin(name):
            self._plugins.reset(name)
            return self.get(name), entry.value
        session = self._session(name)
        chain, strategy = self._basis(session)
        if self._decoding.is_of_sampler(entry.name):
            based = {found.name: found.value for found in self._decoding.entries(chain, strategy)}
            if entry.name in based:
                self._change(session, entry.name, based[entry.name])
            else:
                session.chain = self._decoding.without(session.chain, entry.name)
        else:
            field = entry.setting
            is_same = type(strategy) is type(session.strategy)
            self._change(session, entry.name, getattr(strategy, field.name) if is_same else field.default)
        return self.get(entry.name), entry.value

    # Inside

    def _apply_to_current(self) -> None:
        if self.session is not None:
            self.apply(self.session, self.values())

    def _is_of_plugin(self, name: str) -> bool:
        """Whether the name is a setting of a plugin. A field of a sampler or strategy with this name comes first."""
        return name in self._plugins and not self._decoding.has(name)

    def _plugin_entry(self, name: str) -> Entry:
        return Entry(name, self._plugins[name], *self._plugins.value(name))

    def _is_idle(self, name: str, model: Model) -> bool:
        """Whether the name is a field of a sampler or a strategy, and the model draws no tokens."""
        is_field = self._decoding.is_of_sampler(name) or self._decoding.is_of_strategy(name)
        return is_field and not task_spec(model.task).draws

    def _session(self, name: str) -> Session:
        if self.session is None:
            raise UsageError(f"{name} belongs to a model, and none is open; /load NAME opens one")
        return self.session

    def _strategy_name(self) -> str:
        return str(self.session.strategy.name) if self.session else ""

    def _session_entries(self) -> list[Entry]:
        """The fields of the current session's chain and strategy; comparing values finds the origin."""
        if self.session is None or not task_spec(self.session.model.task).draws:
            return []
        shipped, based = (
            {entry.name: entry.value for entry in self._decoding.entries(*self._basis(self.session, config=config))}
            for config in (False, True)
        )
        defaults = self.session.model.header.get("defaults", {})
        of_preset = self._preset.fields(self._decoding) if self._preset is not None else ()
        found = []
        for entry in self._decoding.entries(self.session.chain, self.session.strategy):
            key = "strategy" if entry.name.partition(".")[0] == self._strategy_name() else "sampler"
            if entry.name not in based or entry.value != based[entry.name]:
                given = is_given(entry, self._fields[COMMAND_LINE]) or (entry.name, entry.value) in of_preset
                origin = COMMAND_LINE if given else SET
            elif entry.name not in shipped or shipped[entry.name] != entry.value:
                origin = CONFIG
            else:
                origin = CHECKPOINT if defaults.get(key) else BUILT_IN
            found.append(dataclasses.replace(entry, origin=origin))
        return found

    def _basis(self, session: Session, *, config: bool = True) -> Decoding:
        """The checkpoint's chain and strategy, as far as they are available. config: changed by the config file."""
        from seqshell.shell.opening import default_decoding

        header, decoding = session.model.header, self._decoding
        chain, strategy, _ = default_decoding(header, decoding.samplers, decoding.strategies)
        strategy = strategy or decoding.read_strategy(task_spec(session.model.task).strategy)
        for name, value in self._fields[CONFIG].items() if config else ():
            try:
                chain, strategy = self._changed((chain, strategy), name, value)
            except SeqshellError as error:
                self.report(f"{config_place('settings', name)}: {error.message}")
        return chain, strategy

    def report(self, problem: str) -> None:
        """Keep a problem for `take_problems`, each once: the same values are read many times."""
        if problem not in self._reported:
            self._reported.add(problem)
            self._problems.append(problem)

    def _change(self, session: Session, name: str, value: Any) -> None:
        chain, strategy = self._changed((session.chain, session.strategy), name, value)
        if chain != session.chain:
            session.chain = chain
        if strategy != session.strategy:
            session.strategy = strategy

    def _changed(self, decoding: Decoding, name: str, value: Any) -> Decoding:
        changed = self._decoding.changed(*decoding, name, value)
        if changed is None:
            raise self._unknown(name, value)
        return changed

    def _unknown(self, name: str, value: Any = "") -> UsageError:
        return unknown_setting(name, value, self._decoding, self._strategy_name(), self._plugins)
