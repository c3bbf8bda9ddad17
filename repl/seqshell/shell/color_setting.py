"""The setting `color`: what colours the tokens of an answer. The setting `surprisal` is an older name of one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.plugin_api import Setting
from seqshell.core.text_output import quoted

if TYPE_CHECKING:
    from seqshell.session import Session

COLOR = "color"
OFF, SURPRISAL, NEURON = "off", "surprisal", "neuron"


class ColorSetting(Setting):
    """off, surprisal, or neuron with a unit."""

    @property
    def range(self) -> str:
        return f"{OFF}, {SURPRISAL} or {NEURON} UNIT"

    @property
    def values(self) -> tuple[str, ...]:
        return OFF, SURPRISAL, NEURON

    def parse(self, value: Any) -> str:
        """The value with single spaces. UsageError if it is none."""
        words = value.split(maxsplit=1) if isinstance(value, str) else []
        if words and (len(words) == 2 if words[0] == NEURON else words in ([OFF], [SURPRISAL])):
            return " ".join([words[0], *("".join(word.split()) for word in words[1:])])
        hint = "/state to see the units" if words == [NEURON] else f"/set {self.name} {SURPRISAL}"
        raise UsageError(f"{self.name} must be {self.range}, not {quoted(value)}", hint=hint)


def unit_in(color: str) -> str:
    """The unit of a value; empty if it has none."""
    word, _, unit = color.partition(" ")
    return unit if word == NEURON else ""


def renamed(name: str, value: Any) -> tuple[str, Any]:
    """The setting and the value that are meant: `surprisal on` is `color surprisal`."""
    return (COLOR, SURPRISAL if value else OFF) if name == SURPRISAL else (name, value)


def trouble(color: str, session: Session) -> SeqshellError | None:
    """Why answers of this model cannot have these colours; None if they can."""
    if not (unit := unit_in(color)):
        return None
    from seqshell.inspect.unit_values import single_unit

    try:
        single_unit(unit, session)
    except SeqshellError as error:
        return error
    return None
