"""The shell's settings, and where the value of each comes from: command line or /set, config file, checkpoint, or built in.

The fields of the sampler chain and of the strategy are settings too; they live in the current session, which is read and written here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.names import did_you_mean, nearest
from seqshell.core.plugin_api import Setting, build, settings_of
from seqshell.core.tasks import task_spec
from seqshell.shell.setting_specs import (
    OF_THE_MODEL,
    ON_SESSION,
    SHELL_SETTINGS,
    is_for_task,
    read_value,
    unquoted_value,
)

if TYPE_CHECKING:
    from seqshell.session import Session

COMMAND_LINE, SET, CONFIG, CHECKPOINT, BUILT_IN = "command line", "/set", "config file", "checkpoint", "built in"


@dataclass(frozen=True)
class Entry:
    """A setting as it stands: `name` as /set takes it (top_k, repeat_penalty.window, beam.width), its value, and where that is from."""

    name: str
    setting: Setting
    value: Any
    origin: str


class Settings:
    """The settings of a shell. Values are checked when they are set; UsageError names the setting, its range and the way out.

    samplers, strategies: the registry's, by name. config: the [settings] of the config file. command_line: from --set.
    """

    def __init__(
        self,
        samplers: Mapping[str, type[Any]],
        strategies: Mapping[str, type[Any]],
        *,
        config: Mapping[str, Any] = MappingProxyType({}),
        command_line: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.samplers = samplers
        self.strategies = strategies
        self.session: Session | None = None
        self.problems: list[
            str
        ] = []  # what in the config file and the checkpoint could not be used, for whoever shows it
        self._reported: set[str] = set()
        self._values: dict[str, dict[str, Any]] = {SET: {}, COMMAND_LINE: {}, CONFIG: {}, CHECKPOINT: {}}
        self._later: dict[str, dict[str, Any]] = {
            COMMAND_LINE: {},
            CONFIG: {},
        }  # of the chain and strategy of each session
        for name, value in command_line.items():
            if name in SHELL_SETTINGS:
                self._values[COMMAND_LINE][name] = read_value(SHELL_SETTINGS[name], value)
            else:
                self._later[COMMAND_LINE][name] = value
        for name, value in config.items():
            if name not in SHELL_SETTINGS:
                self._later[CONFIG][name] = value
                continue
            try:
                self._values[CONFIG][name] = read_value(SHELL_SETTINGS[name], value)
            except UsageError as error:
                self._report(f"config.toml: {error.message}")

    @property
    def own(self) -> Mapping[str, Setting]:
        """The shell's settings, without those of chain and strategy."""
        return SHELL_SETTINGS

    # Which session is meant

    def prepare(self, session: Session, *, restored: bool = False, background: bool = False) -> None:
        """Give a new session its chain and strategy: the checkpoint's, changed by the config file and the command line.

        A restored session keeps its own, changed by the command line alone; the command line does not apply to a model in
        the background. Raises UsageError for invalid names and values of the command line.
        """
        if not restored:
            session.chain, session.strategy = self._basis(session)
        for name, value in self._later[COMMAND_LINE].items() if not background else ():
            self._change(session, name, value)

    def attach(self, session: Session | None) -> None:
        """Make `session` the one whose chain, strategy and checkpoint defaults count."""
        self.session = session
        self._values[CHECKPOINT] = self._defaults(session) if session is not None else {}
        if session is not None:
            self.apply(session, self.values())

    def values(self) -> Mapping[str, Any]:
        """The shell's settings by name, as they are now."""
        return MappingProxyType({name: self._shell_entry(setting).value for name, setting in SHELL_SETTINGS.items()})

    def values_for(self, session: Session) -> Mapping[str, Any]:
        """The shell's settings for a session in the background: the defaults of its own checkpoint apply, and what was set
        of OF_THE_MODEL does not."""
        own = self._defaults(session)
        found = {name: self._shell_entry(setting) for name, setting in SHELL_SETTINGS.items()}
        kept = {
            name: entry.value
            for name, entry in found.items()
            if entry.origin not in (CHECKPOINT, BUILT_IN) and name not in OF_THE_MODEL
        }
        built_in = {name: setting.default for name, setting in SHELL_SETTINGS.items()}
        return MappingProxyType({**built_in, **own, **kept})

    def apply(self, session: Session, values: Mapping[str, Any]) -> None:
        """Give a session the settings that it holds itself."""
        for name, attribute in ON_SESSION.items():
            setattr(session, attribute, values[name])

    def take_problems(self) -> tuple[str, ...]:
        """What could not be used since the last call, one line each."""
        found, self.problems = tuple(self.problems), []
        return found

    # Reading

    def names(self) -> tuple[str, ...]:
        """Every setting in force: the shell's, then the chain's, then the strategy's."""
        return tuple(entry.name for entry in self.table())

    def get(self, name: str) -> Any:
        """The value in force; UsageError (unknown_setting) with the nearest name when there is none."""
        return self.entry(name).value

    def origin(self, name: str) -> str:
        """Where the value in force is from: command line, /set, config file, checkpoint or built in."""
        return self.entry(name).origin

    def entry(self, name: str) -> Entry:
        """The setting as it stands. A field of the strategy may be named alone (width) or in full (beam.width)."""
        if name in SHELL_SETTINGS:
            return self._shell_entry(SHELL_SETTINGS[name])
        for entry in self._session_entries():
            if name in (entry.name, _spelled_out(entry)) or (
                entry.name.partition(".")[0] == self._strategy_name() and name == entry.setting.name
            ):
                return entry
        stage, _, field = name.partition(".")
        if stage in self.samplers:
            return self._absent_entry(name, stage, field)
        raise self._unknown(name)

    def table(self) -> tuple[Entry, ...]:
        """Every setting in force, with value and origin."""
        task = self.session.model.task if self.session else None
        fitting = [setting for name, setting in SHELL_SETTINGS.items() if task is None or is_for_task(name, task)]
        return (*map(self._shell_entry, fitting), *self._session_entries())

    # Changing

    def set(self, name: str, value: Any) -> tuple[Any, Any]:
        """Set it to a word of the user, or a value, and return (new, old). Nothing has changed when UsageError is raised."""
        was = self.entry(name).value
        if name in SHELL_SETTINGS:
            self._values[SET][name] = read_value(SHELL_SETTINGS[name], value)
            if self.session is not None:
                self.apply(self.session, self.values())
        else:
            self._change(self._session(name), name, value)
        return self.get(name), was

    def reset(self, name: str) -> tuple[Any, Any]:
        """Back to the value it had without /set (and, for the shell's own, without --set); return (new, old)."""
        was = self.entry(name).value
        if name in SHELL_SETTINGS:
            self._values[SET].pop(name, None)
            self._values[COMMAND_LINE].pop(name, None)
            if self.session is not None:
                self.apply(self.session, self.values())
            return self.get(name), was
        session, name = self._session(name), self.entry(name).name
        chain, strategy = self._basis(session)
        stage = name.partition(".")[0]
        if stage in self.samplers:
            old = {entry.name: entry for entry in self._entries(chain, strategy)}
            if name in old:
                self._change(session, name, old[name].value)
            else:
                session.chain = tuple(sampler for sampler in session.chain if type(sampler) is not self.samplers[stage])
        else:
            field = self.entry(name).setting
            own = getattr(strategy, field.name) if type(strategy) is type(session.strategy) else field.default
            self._change(session, name, own)
        return self.get(name), was

    # Inside

    def _defaults(self, session: Session) -> dict[str, Any]:
        """The shell's settings that a session's checkpoint wishes for; what cannot be used is reported."""
        found: dict[str, Any] = {}
        if session.model.series is not None and session.model.series.horizon > 1:
            found["horizon"] = session.model.series.horizon  # that of a model which is stepped is a matter of taste
        for name, value in session.model.header.get("defaults", {}).items():
            if name in SHELL_SETTINGS:
                try:
                    found[name] = read_value(SHELL_SETTINGS[name], value)
                except UsageError as error:
                    self._report(f"{session.model.name}: {error.message}")
        return found

    def _session(self, name: str) -> Session:
        if self.session is None:
            raise UsageError(f"{name} belongs to a model, and none is open; /load NAME opens one")
        return self.session

    def _strategy_name(self) -> str:
        return str(self.session.strategy.name) if self.session else ""

    def _shell_entry(self, setting: Setting) -> Entry:
        for origin in (SET, COMMAND_LINE, CONFIG, CHECKPOINT):
            if setting.name in self._values[origin]:
                return Entry(setting.name, setting, self._values[origin][setting.name], origin)
        return Entry(setting.name, setting, setting.default, BUILT_IN)

    def _session_entries(self) -> list[Entry]:
        """The fields of the current session's chain and strategy; the origin is found by comparing with what came from each place."""
        if self.session is None:
            return []
        shipped = {entry.name: entry.value for entry in self._entries(*self._basis(self.session, config=False))}
        based = {entry.name: entry.value for entry in self._entries(*self._basis(self.session))}
        defaults = self.session.model.header.get("defaults", {})
        found = []
        for entry in self._entries(self.session.chain, self.session.strategy):
            if entry.name in based and entry.value == based[entry.name]:
                changed = entry.name not in shipped or shipped[entry.name] != entry.value
                kept = (
                    CHECKPOINT
                    if defaults.get("strategy" if entry.name.partition(".")[0] == self._strategy_name() else "sampler")
                    else BUILT_IN
                )
                origin = CONFIG if changed else kept
            else:
                origin = COMMAND_LINE if self._given_at_start(entry) else SET
            found.append(dataclasses.replace(entry, origin=origin))
        return found

    def _given_at_start(self, entry: Entry) -> bool:
        words = [
            value
            for name, value in self._later[COMMAND_LINE].items()
            if name in (entry.name, _spelled_out(entry), entry.setting.name)
        ]
        try:
            return bool(words) and entry.setting.parse(unquoted_value(words[-1])) == entry.value
        except UsageError:
            return False

    def _entries(self, chain: Iterable[Any], strategy: Any) -> list[Entry]:
        """The fields of a chain and a strategy; the name of a sampler's first field is the sampler's own."""
        from seqshell.decoding.syntax import known_name

        found = []
        for sampler in chain:
            stage = known_name(sampler, self.samplers)
            for index, field in enumerate(settings_of(type(sampler))):
                found.append(
                    Entry(f"{stage}.{field.name}" if index else stage, field, getattr(sampler, field.name), "")
                )
        return found + [
            Entry(f"{strategy.name}.{field.name}", field, getattr(strategy, field.name), "")
            for field in settings_of(type(strategy))
        ]

    def _absent_entry(self, name: str, stage: str, field: str) -> Entry:
        """A sampler's field while the sampler is not in the chain: what it is when left out."""
        fields = settings_of(self.samplers[stage])
        found = next((item for item in fields if not field or item.name == field), None)
        if found is None:
            raise self._unknown(name)
        return Entry(
            stage if found is fields[0] else name, dataclasses.replace(found, name=name), found.neutral, BUILT_IN
        )

    def _basis(self, session: Session, *, config: bool = True) -> tuple[tuple[Any, ...], Any]:
        """Chain and strategy as the checkpoint has them, changed by the config file unless told otherwise."""
        from seqshell.decoding.syntax import parse_chain, parse_strategy

        defaults = session.model.header.get("defaults", {})
        chain: tuple[Any, ...] = ()
        strategy = parse_strategy(task_spec(session.model.task).strategy, self.strategies)
        try:
            chain = parse_chain(defaults.get("sampler", ""), self.samplers) if defaults.get("sampler") else ()
            strategy = parse_strategy(defaults["strategy"], self.strategies) if defaults.get("strategy") else strategy
        except SeqshellError as error:
            self._report(f"{session.model.name}: its defaults cannot be used: {error.message}")
        for name, value in self._later[CONFIG].items() if config else ():
            try:
                chain, strategy = self._changed(chain, strategy, name, value)
            except SeqshellError as error:
                self._report(f"config.toml: {error.message}")
        return chain, strategy

    def _report(self, problem: str) -> None:
        """Once each: what the config file and the checkpoint say is read again and again."""
        if problem not in self._reported:
            self._reported.add(problem)
            self.problems.append(problem)

    def _change(self, session: Session, name: str, value: Any) -> None:
        chain, strategy = self._changed(session.chain, session.strategy, name, value)
        if chain != session.chain:
            session.chain = chain
        if strategy != session.strategy:
            session.strategy = strategy

    def _changed(self, chain: tuple[Any, ...], strategy: Any, name: str, value: Any) -> tuple[tuple[Any, ...], Any]:
        """Chain and strategy with the field `name` (top_k, repeat_penalty.window, width or beam.width) at another value."""
        stage, _, field = name.partition(".")
        if stage in self.samplers:
            from seqshell.decoding.syntax import with_setting

            return with_setting(chain, name, unquoted_value(value), self.samplers), strategy
        fields = {item.name: getattr(strategy, item.name) for item in settings_of(type(strategy))}
        wanted = field if stage == strategy.name else name
        if wanted in fields:
            return chain, build(type(strategy), {**fields, wanted: unquoted_value(value)})
        raise self._unknown(name)

    def _unknown(self, name: str) -> UsageError:
        strategy, _, field = name.partition(".")
        if strategy in self.strategies and field and strategy != self._strategy_name():
            hint = f"/strategy {strategy} {field}=VALUE"
            return UsageError(
                f"{strategy} is not the strategy in use; {hint} chooses it", hint=hint, code="unknown_setting"
            )
        now = self._entries(self.session.chain, self.session.strategy) if self.session else []
        known = [*SHELL_SETTINGS, *self.samplers, *(word for entry in now for word in (entry.name, entry.setting.name))]
        meant = did_you_mean(name, known, "/set lists them")
        return UsageError(f"there is no setting {name!r}; {meant}", hint=nearest(name, known), code="unknown_setting")


def _spelled_out(entry: Entry) -> str:
    """The full name of a sampler's first field, which is also the sampler's own: top_k.k."""
    return entry.name if "." in entry.name else f"{entry.name}.{entry.setting.name}"
