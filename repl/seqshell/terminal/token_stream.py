"""Draws an answer while it is generated: its tokens, at the user's pace, and a note at its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from seqshell.core.events import Finished, Label, Token, Translation
from seqshell.core.text_output import counted, fixed, in_one_line
from seqshell.terminal.printer import Printer
from seqshell.terminal.token_colours import TokenColours
from seqshell.terminal.token_writer import TokenWriter

EXPLAINED_ANSWERS = 3  # the first answers of a session end with a note and a hint
ENDINGS = {
    "length": "stopped at",
    "eos": "ended after",
    "stop": "stop text after",
    "interrupt": "interrupted after",
    "plugin": "ended by a plugin after",
}
NUM_REPEATED = 2  # words before an answer that continues the last of them
# Hints after an answer, longest first; the first that fits is shown.
TEXT_HINTS = (
    "Enter continues, /regen tries again, /undo goes back",
    "Enter continues, /undo goes back",
    "Enter continues",
)
LABEL_HINT = "/classify --explain TEXT shows why, /undo goes back"


def translation_hints(*, has_attention: bool, is_search: bool) -> tuple[str, ...]:
    """Hints after a translation, longest first: what works with the model and the strategy."""
    weights = "/attention shows the weights" if has_attention else "/undo goes back"
    return (*((f"{weights}, /set nbest 5 shows five",) if is_search else ()), weights, weights.split()[0])


class TokenStream:
    """Draws the tokens of one answer after another, with hints for the first few answers.

    interrupted: checked while waiting for the pace.
    """

    def __init__(
        self,
        printer: Printer,
        interrupted: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.printer = printer
        self._interrupted = interrupted
        self._clock = clock
        self._sleep = sleep
        self._hints_left = EXPLAINED_ANSWERS
        self._explained: set[str] = set()  # the colours that had a legend
        self.begin()

    def begin(self, pace: float = 0.0, colours: TokenColours | None = None) -> None:
        """Start the results of a new input line, with the pace and the colours of its tokens."""
        self._pace, self._colours = pace, colours
        self._writer = TokenWriter(self.printer)
        self._num_tokens = 0
        self._waited = 0.0
        self._begun = self._started = self._shown = self._clock()

    @property
    def is_at_start(self) -> bool:
        """Whether the next token is the first of an answer."""
        return self._num_tokens == 0

    def draw_token(self, token: Token, before: str = "") -> None:
        """Draw a token. A newline at the start of the answer is skipped: the user's Enter has made it.

        before: the text before the answer. If the answer continues its last word, the last two words are repeated.
        """
        if self.is_at_start:
            self._draw_cut_word(before, token.text)
            self._started = self._shown = self._clock()
        self._num_tokens += 1
        self._keep_pace()
        text = token.text.removeprefix("\n") if self._num_tokens == 1 and self.printer.column == 0 else token.text
        self._writer.write(text, *(self._colours.shade(token) if self._colours is not None else ()))

    def draw_end(self, finished: Finished, *, streams: bool = True, has_attention: bool = False) -> float:
        """End the answer. The first answers, interrupted ones and candidates get a note. Returns its tokens per second.

        streams: whether the tokens came one by one, not all at once after a search. has_attention: whether /attention
        shows the model's. The speed is 0 if it is unknown.
        """
        elapsed = self._clock() - (self._started if streams else self._begun) - self._waited
        num_tokens = self._num_tokens - 1 if streams else self._num_tokens
        self._writer.finish_line()
        self._num_tokens, self._waited = 0, 0.0
        self._draw_note(
            finished,
            translation_hints(has_attention=has_attention, is_search=not streams)
            if isinstance(finished, Translation)
            else TEXT_HINTS,
        )
        self.printer.fresh_line()
        if isinstance(finished, Translation):
            self._draw_candidates(finished)
        if self._colours is not None and self._colours.name not in self._explained:
            self._explained.add(self._colours.name)
            self._colours.draw_legend(self.printer)
        self._begun = self._clock()
        return num_tokens / elapsed if num_tokens > 0 and elapsed > 0 else 0.0

    def draw_label_hint(self, label: Label) -> None:
        """Draw a hint after the first labels."""
        if self._hints_left and label.answer and label.item is None and not label.moved:
            self._hints_left -= 1
            self.printer.line(LABEL_HINT, "dim")

    def end_line(self) -> None:
        """End the line of an answer that failed or was empty."""
        self._writer.finish_line()
        self.printer.fresh_line()

    def _draw_cut_word(self, before: str, text: str) -> None:
        if before[-1:].isalnum() and text[:1].isalnum() and not self.printer.column:
            words = before.split("\n")[-1].split()[-NUM_REPEATED:]
            self._writer.write_context(" ".join(words)[-self.printer.width // 2 :])

    def _draw_note(self, finished: Finished, hints: tuple[str, ...]) -> None:
        note = f"{ENDINGS.get(finished.stop, f'{finished.stop} after')} {counted(finished.num_tokens)}"
        if finished.candidate is not None:
            self._append(
                ", ".join(filter(None, (f"candidate {finished.candidate}", finished.branch, finished.settings)))
            )
        elif finished.stop == "error":
            return
        elif self._hints_left:
            self._hints_left -= 1
            self._append(*(f"{note} · {hint}" for hint in hints), note)
        elif finished.stop == "interrupt":
            self._append(note)

    def _draw_candidates(self, finished: Translation) -> None:
        """Draw the best translations, if there are several: number, score, text."""
        for number, best in enumerate(finished.alternatives, 1):
            self.printer.write(f"{number:>3}  {fixed(best.score):>8}  ", "dim")
            self.printer.write(in_one_line(best.text))
            self.printer.fresh_line()

    def _append(self, *notes: str) -> None:
        """Draw the first note after the last character or, if it does not fit, the first that fits on the next line."""
        printer = self.printer
        if printer.column:
            mark = "▌" if printer.unicode else "|"
            if len(notes[0]) <= printer.width - printer.column - 4:
                printer.write(f"{mark}  {notes[0]}", "dim")
                return
            if printer.column < printer.width:
                printer.write(mark, "dim")
        printer.line(next((note for note in notes if len(note) < printer.width), notes[-1]), "dim")

    def _keep_pace(self) -> None:
        """Wait until the next token is due. A model slower than the pace does not catch up later."""
        if not self._pace:
            return
        due = self._shown + 1 / self._pace
        before = self._clock()
        while (left := due - self._clock()) > 0 and not self._interrupted():
            self._sleep(min(left, 0.02))
        self._shown = self._clock()
        self._waited += self._shown - before
