"""The values of the shell's own settings, by where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.setting_origins import BUILT_IN, CHECKPOINT, COMMAND_LINE, CONFIG, SET
from seqshell.shell.color_setting import COLOR, SURPRISAL, renamed, trouble
from seqshell.shell.setting_specs import SHELL_SETTINGS, Entry, read_value

if TYPE_CHECKING:
    from seqshell.session import Session

ORIGINS = SET, COMMAND_LINE, CONFIG, CHECKPOINT  # the first one that has a value decides


class OwnValues:
    """A value of each setting of SHELL_SETTINGS. `surprisal` is another name of one value of `color`."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {origin: {} for origin in ORIGINS}

    def put(self, origin: str, name: str, value: Any, session: Session | None = None) -> None:
        """Keep a value, or text that the user wrote. UsageError if it is invalid, or impossible with the session."""
        name, value = renamed(name, read_value(SHELL_SETTINGS[name], value))
        if name == COLOR and session is not None and (problem := trouble(value, session)):
            raise problem
        self._values[origin][name] = value

    def use_defaults(self, values: Mapping[str, Any]) -> None:
        """Use the defaults of a checkpoint, which are checked, in place of those of another."""
        self._values[CHECKPOINT] = dict(values)

    def forget(self, name: str) -> None:
        """Forget what /set and --set gave a setting."""
        for origin in (SET, COMMAND_LINE):
            self._values[origin].pop(renamed(name, None)[0], None)

    def given(self, origin: str) -> tuple[str, ...]:
        """The names of the settings that have a value from this origin."""
        return tuple(self._values[origin])

    def entry(self, name: str) -> Entry:
        """A setting with its value and where it is from."""
        setting = SHELL_SETTINGS[name]
        if name == SURPRISAL:
            color = self.entry(COLOR)
            return Entry(name, setting, color.value == SURPRISAL, color.origin)
        for origin in ORIGINS:
            if name in self._values[origin]:
                return Entry(name, setting, self._values[origin][name], origin)
        return Entry(name, setting, setting.default, BUILT_IN)

    def entries(self) -> Iterator[Entry]:
        """All settings."""
        return map(self.entry, SHELL_SETTINGS)
