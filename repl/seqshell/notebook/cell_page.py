"""What the events of a cell look like: blocks below each other, with the colours that the terminal gives to tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seqshell.core.events import (
    Event,
    Finished,
    HookOutput,
    LossCurves,
    Notice,
    Progress,
    ResultText,
    Token,
    TrainingStep,
)
from seqshell.core.pictures.page import Block, Heading, Note, Page, Passage, Piece, Scale
from seqshell.core.units import in_unit
from seqshell.shell.color_setting import SURPRISAL, unit_in
from seqshell.terminal.surprisal import LEVELS, per_level
from seqshell.terminal.token_colours import SMALLEST, AnswerUnit
from seqshell.training.loss_curve import loss_curve

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


class TokenValues:
    """The values of the tokens of one line's answers, by which they are coloured, as the setting `color` says."""

    def __init__(self, shell: Shell) -> None:
        color, self._unit = str(shell.settings.get("color")), str(shell.settings.get("unit"))
        self.scale = Scale(0.0, (LEVELS - 1) * per_level(self._unit), self._unit) if color == SURPRISAL else None
        self._source = AnswerUnit(shell, unit) if (unit := unit_in(color)) else None

    def of(self, token: Token) -> float | None:
        """The value of a token, None for no colour. The first one of a unit sets its scale."""
        if self._source is not None:
            value = self._source.at(token)
            if value is not None and self.scale is None:
                size = max(SMALLEST, *self._source.sizes(token))
                self.scale = Scale(-size, size, self._source.unit)
            return value
        if self.scale is None or token.outputs is None or token.id < 0:
            return None
        from seqshell.decoding.probabilities import log_probs

        return in_unit(float(-log_probs(token.outputs)[token.id]), self._unit)


class CellPage:
    """Collects what the events of a cell show. changed: called after each event."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._blocks: list[Block] = []
        self._pieces: list[Piece] = []
        self._progress: tuple[Block, ...] = ()
        self._values: TokenValues | None = None
        self._results = ResultText()

    @property
    def page(self) -> Page:
        """All of it, with the answer and the progress so far."""
        return Page((*self._blocks, *self._answer(), *self._progress))

    @property
    def text(self) -> str:
        """The results as plain text."""
        return self._results.text or ""

    def begin(self, shell: Shell) -> None:
        """Start a line."""
        self._values = TokenValues(shell)

    def add(self, event: Event) -> None:
        """Take in the next event of the line."""
        self._results.add(event)
        self._take(event.event if isinstance(event, HookOutput) else event)
        self._changed()

    def end(self) -> None:
        """End a line, after its last event or its error."""
        self._blocks += self._answer()
        self._pieces, self._progress = [], ()

    def _take(self, event: Event) -> None:
        if isinstance(event, Token):
            value = self._values.of(event) if self._values is not None else None
            self._pieces.append(Piece(event.text, value))
        elif isinstance(event, Progress):
            self._progress = (*_curve(event), Note(event.as_line()))
        elif isinstance(event, Notice):
            self._blocks.append(Note(event.text))
        elif isinstance(event, Finished) and self._pieces:
            self._blocks += self._answer()
            self._pieces = []
            self._blocks += map(Note, event.lines_after_tokens())
        elif (page := event.as_page()) is not None:
            # The tokens of another answer, such as a translation, are in the event.
            self._pieces, self._progress = [], ()
            self._blocks += [*([Heading(page.title, page.about)] if page.title else []), *page.blocks]

    def _answer(self) -> list[Block]:
        scale = self._values.scale if self._values is not None else None
        return [Passage(tuple(self._pieces), scale)] if self._pieces else []


def _curve(event: Progress) -> tuple[Block, ...]:
    """The loss curve of a training, once there is one."""
    if not isinstance(event, TrainingStep):
        return ()
    curve = loss_curve(event.history, "", event.unit)
    return LossCurves((curve,)).as_page().blocks if curve.training else ()
