"""How an answer is drawn while it comes: tokens as they are told, at the user's pace, and a remark where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from seqshell.core.events import Finished, Label, Token, Translation
from seqshell.core.text_output import in_one_line, several
from seqshell.terminal.printer import Printer
from seqshell.terminal.surprisal import TokenWriter, draw_legend

EXPLAINED_ANSWERS = 3  # so many answers are explained
WHY = {"length": "the limit", "eos": "the model ended here", "stop": "a stop text", "interrupt": "you stopped it"}
NEXT = (
    "Enter goes on, /regen another, /undo back",
    "Enter goes on, /undo back",
    "Enter goes on",
)  # the longest that fits
NEXT_TO_LABEL = "/classify --explain TEXT: why, /undo back"
NEXT_TO_TRANSLATION = (
    "/attention: what it looked at, /set nbest 5: the five best",
    "/attention: what it looked at",
    "/attention",
)
Get = Callable[[str], Any]


def counted(number: int, thing: str = "token") -> str:
    """A number with its thing: 1 token, 1,000 tokens."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


class TokenStream:
    """Draws the tokens of one answer after another and keeps count of what the user has been told.

    get: the user's settings by name (pace, surprisal). interrupted: asked while waiting for the pace.
    """

    def __init__(
        self,
        printer: Printer,
        get: Get,
        interrupted: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.printer = printer
        self.tokens_per_second = 0.0
        self._get = get
        self._interrupted = interrupted
        self._clock = clock
        self._sleep = sleep
        self._remarks = EXPLAINED_ANSWERS
        self._legend_told = False
        self.begin()

    def begin(self) -> None:
        """A new line of the user: what comes stands on a line of its own."""
        self._writer = TokenWriter(self.printer)
        self._num_tokens = 0
        self._waited = 0.0
        self._started = self._shown = self._clock()

    def draw_token(self, token: Token) -> None:
        """Show a token. A newline that opens the answer is there already: the user's Enter made it."""
        if self._num_tokens == 0:
            self._started = self._shown = self._clock()
        self._num_tokens += 1
        self._keep_pace()
        text = token.text.removeprefix("\n") if self._num_tokens == 1 and self.printer.column == 0 else token.text
        self._writer.write(text, self._nats(token))

    def draw_end(self, finished: Finished) -> None:
        """End the line of the answer, with a remark while the user is new, after an interrupt, and for candidates."""
        elapsed = self._clock() - self._started - self._waited
        if self._num_tokens > 1 and elapsed > 0:
            self.tokens_per_second = (self._num_tokens - 1) / elapsed
        self._writer.finish_line()
        self._num_tokens, self._waited = 0, 0.0
        self._remark(finished)
        self.printer.fresh_line()
        if isinstance(finished, Translation):
            self._candidates(finished)
        if self._get("surprisal") and not self._legend_told:
            self._legend_told = True
            draw_legend(self.printer)

    def draw_label_hint(self, label: Label) -> None:
        """A remark after a label while the user is new."""
        if self._remarks and label.answer and label.item is None and not label.moved:
            self._remarks -= 1
            self.printer.line(NEXT_TO_LABEL, "dim")

    def end_line(self) -> None:
        """The answer ended with an error, or without a word: leave its line."""
        self._writer.finish_line()
        self.printer.fresh_line()

    def _remark(self, finished: Finished) -> None:
        told = f"{counted(finished.num_tokens)}, {WHY.get(finished.stop, finished.stop)}"
        if finished.candidate is not None:
            self._beside(
                ", ".join(filter(None, (f"candidate {finished.candidate}", finished.branch, finished.settings)))
            )
        elif finished.stop == "error":
            return
        elif self._remarks:
            self._remarks -= 1
            self._beside(
                *(f"{told} · {what}" for what in (NEXT_TO_TRANSLATION if isinstance(finished, Translation) else NEXT))
            )
        elif finished.stop == "interrupt":
            self._beside(told)

    def _candidates(self, finished: Translation) -> None:
        """The best translations where there are several, numbered, with the scores that they are ranked by."""
        for number, best in enumerate(several(finished), 1):
            self.printer.write(f"{number:>3}  {best.score:7.3f}  ", "dim")
            self.printer.write(in_one_line(best.text))
            self.printer.fresh_line()

    def _beside(self, *remarks: str) -> None:
        """A dim remark after the last character; on the next line, and shorter, where there is no room for it."""
        printer = self.printer
        if printer.column:
            mark = "▌" if printer.unicode else "|"
            if len(remarks[0]) <= printer.width - printer.column - 4:
                printer.write(f"{mark}  {remarks[0]}", "dim")
                return
            if printer.column < printer.width:
                printer.write(mark, "dim")
        printer.line(next((remark for remark in remarks if len(remark) < printer.width), remarks[-1]), "dim")

    def _nats(self, token: Token) -> float | None:
        if token.outputs is None or token.id < 0 or not self._get("surprisal"):
            return None
        from seqshell.decoding.probabilities import log_probs

        return float(-log_probs(token.outputs)[token.id])

    def _keep_pace(self) -> None:
        """Wait until the next token is due; what was lost to a slow model is not made up for."""
        pace = self._get("pace")
        if not pace:
            return
        due = self._shown + 1 / float(pace)
        before = self._clock()
        while (left := due - self._clock()) > 0 and not self._interrupted():
            self._sleep(min(left, 0.02))
        self._shown = self._clock()
        self._waited += self._shown - before
