"""What gives the tokens of an answer their colours while they stream: their surprisal, or a unit of the state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from seqshell.core.errors import SeqshellError
from seqshell.core.events import ColouredText, Token
from seqshell.shell.color_setting import SURPRISAL, unit_in
from seqshell.terminal import coloured_text, surprisal
from seqshell.terminal.printer import Printer, Style

if TYPE_CHECKING:
    from seqshell.inspect.addresses import Unit
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

SMALLEST = 0.1  # end of a unit's scale
ENOUGH = 100  # values of a unit that show its range; with fewer, those of its layer's other units do


class AnswerUnit:
    """The values of a unit at the tokens of the answers that a shell gives."""

    def __init__(self, shell: Shell, unit: str) -> None:
        self.unit = unit
        self._shell = shell
        self._found: tuple[Session, Unit | None] | None = None

    def at(self, token: Token) -> float | None:
        """The value after a token; None if the model that answers has no such unit."""
        session = self._shell.workspace.sessions.get(self._shell.answering or "")
        if session is None or not 0 <= token.position < session.position:
            return None
        from seqshell.inspect.unit_values import single_unit, value_at

        if self._found is None or self._found[0] is not session:
            try:
                self._found = session, single_unit(self.unit, session)
            except SeqshellError:
                self._found = session, None
        unit = self._found[1]
        return None if unit is None else value_at(unit, session, token.position + 1)

    def sizes(self, token: Token) -> list[float]:
        """The absolute values before a token that has one, as far as they are kept and finite.

        If they are few, also the largest one but for a few outliers in the layer of the unit.
        """
        from seqshell.inspect.unit_values import typical_size, values_before

        session, unit = self._found or (None, None)
        if session is None or unit is None:
            return []
        found = [abs(value) for value in values_before(unit, session, token.position + 1) if math.isfinite(value)]
        return found if len(found) >= ENOUGH else [*found, typical_size(unit, session)]


class TokenColours(Protocol):
    """The colours of the tokens of one line's answers. name: colours with the same name have the same legend."""

    @property
    def name(self) -> str:
        """What they show."""

    def shade(self, token: Token) -> tuple[Style, str]:
        """The style and the digit of a token."""

    def draw_legend(self, printer: Printer) -> None:
        """Say what the colours mean, after an answer."""


class SurprisalColours:
    """Colours by surprisal. unit: of the scale, nats or bits."""

    def __init__(self, unit: str = "nats") -> None:
        self._unit = unit

    @property
    def name(self) -> str:
        """The measure with its unit."""
        return f"surprisal {self._unit}"

    def shade(self, token: Token) -> tuple[Style, str]:
        if token.outputs is None or token.id < 0:
            return "", ""
        from seqshell.decoding.probabilities import log_probs

        return surprisal.shade(float(-log_probs(token.outputs)[token.id]), self._unit)

    def draw_legend(self, printer: Printer) -> None:
        surprisal.draw_legend(printer, self._unit)


class UnitColours:
    """Colours by a unit, on one scale for all answers of a line: it ends at the largest value before the first token.

    Values beyond it have the colour of the end.
    """

    def __init__(self, source: AnswerUnit) -> None:
        self._source = source
        self._scale: ColouredText | None = None

    @property
    def name(self) -> str:
        """The unit with the ends of its scale."""
        return f"{self._source.unit} {self._scale.maximum if self._scale is not None else 0:.1g}"

    def shade(self, token: Token) -> tuple[Style, str]:
        value = self._source.at(token)
        if value is None:
            return "", ""
        if self._scale is None:
            size = max(SMALLEST, *self._source.sizes(token))
            self._scale = ColouredText((), (), -size, size, unit=f"colours of {self._source.unit}")
        return coloured_text.shade(self._scale, value)

    def draw_legend(self, printer: Printer) -> None:
        if self._scale is not None:
            coloured_text.draw_scale(printer, self._scale)


def colours_of(shell: Shell) -> TokenColours | None:
    """What the setting `color` gives the tokens of the next line; None: nothing."""
    color = str(shell.settings.get("color"))
    if color == SURPRISAL:
        return SurprisalColours(str(shell.settings.get("unit")))
    return UnitColours(AnswerUnit(shell, unit)) if (unit := unit_in(color)) else None
