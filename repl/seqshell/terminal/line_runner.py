"""One line at a time: the shell is asked, and what it answers is drawn. Loaded with the shell, after the first prompt stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from seqshell.core.errors import SeqshellError
from seqshell.core.events import (
    Event,
    Finished,
    Label,
    LineFinished,
    LineStarted,
    Notice,
    Quit,
    Steps,
    Token,
    Translation,
)
from seqshell.shell.shell import Shell
from seqshell.terminal.error_message import draw_error
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Drawing
from seqshell.terminal.script_steps import Step, steps_of
from seqshell.terminal.signals import Signals
from seqshell.terminal.token_stream import TokenStream

LOOKS_LIKE = {
    "exit": "/exit",
    "quit": "/quit",
    "help": "/help",
    "clear": "/clear",
    "?": "/?",
}  # words that mean a command elsewhere


@dataclass
class Outcome:
    """What a line came to. put_back: it failed before it changed anything. quit: the exit status, where the user leaves."""

    done: bool = False
    put_back: bool = False
    quit: int | None = None
    steps: Iterator[Step] | None = None


class Answering:
    """Hands lines to the shell and draws the events."""

    def __init__(self, shell: Shell, printer: Printer, signals: Signals) -> None:
        self.shell = shell
        self._printer = printer
        self._signals = signals
        self._drawing = Drawing(printer)
        self._stream = TokenStream(printer, shell.settings.get, lambda: shell.interrupted)

    @property
    def tokens_per_second(self) -> float:
        """The speed of the last answer, 0 before there is one."""
        return self._stream.tokens_per_second

    def answer(self, line: str) -> Outcome:
        """Handle a line. Every error becomes one message here, and only here; Terminated goes on."""
        if line in LOOKS_LIKE:
            self._printer.line(f"{line} goes to the model as text; the command is {LOOKS_LIKE[line]}", "dim")
        outcome = Outcome()
        drawn = changed = False
        self._stream.begin()
        try:
            events = self.shell.run(line)
            with (
                self._signals.answering(self.shell.interrupt, lambda: self.shell.registry.busy is not None),
                closing(events),
            ):
                for event in events:
                    drawn = drawn or not isinstance(event, Notice | LineStarted | LineFinished)
                    changed = event.changed if isinstance(event, LineFinished) else changed
                    self._draw(event, outcome)
            outcome.done = True
        except KeyboardInterrupt:
            self._end()
            self._printer.line("stopped at once; the text is as far as you see it", "dim")
        except Exception as error:
            self._end()
            outcome.put_back = isinstance(error, SeqshellError) and not drawn and not changed and line != ""
            draw_error(self._printer, error, put_back=outcome.put_back)
        finally:
            self._drawing.settle()
        self.tell_notices()
        return outcome

    def tell_notices(self) -> None:
        """Say what the shell has gathered meanwhile: plugins that failed, settings that could not be used."""
        for notice in self.shell.take_notices():
            self._drawing.draw(notice)

    def _draw(self, event: Event, outcome: Outcome) -> None:
        if isinstance(event, Token):
            self._drawing.settle()
            self._stream.draw_token(event)
        elif isinstance(event, Translation) and event.item is not None:
            self._drawing.settle(erase=True)
            self._printer.fresh_line()
            self._printer.write(event.as_line() + "\n")
        elif isinstance(event, Finished):
            self._stream.draw_end(event)
        elif isinstance(event, Label):
            if event.item is not None:
                self._drawing.settle(erase=True)
            self._drawing.draw(event)
            self._stream.draw_label_hint(event)
        elif isinstance(event, Quit):
            outcome.quit = event.code
        elif isinstance(event, Steps):
            outcome.steps = steps_of(event)
        else:
            self._drawing.draw(event)

    def _end(self) -> None:
        self._drawing.settle()
        self._stream.end_line()
