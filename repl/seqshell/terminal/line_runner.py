"""Runs one line in the shell and draws its events. Loaded with the shell, while the first prompt is waiting."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import singledispatchmethod
from types import MappingProxyType

from seqshell.core.errors import SeqshellError
from seqshell.core.events import (
    ByHand,
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
from seqshell.core.tasks import task_spec
from seqshell.shell.shell import Shell
from seqshell.shell.syntax import Message, parse
from seqshell.terminal.background import background_of
from seqshell.terminal.error_message import draw_error
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer
from seqshell.terminal.script_steps import Step, steps_of
from seqshell.terminal.signals import Signals
from seqshell.terminal.token_colours import colours_of
from seqshell.terminal.token_stream import TokenStream

# Words that are commands in other programs.
LOOKS_LIKE: Mapping[str, str] = MappingProxyType(
    {"exit": "/exit", "quit": "/quit", "help": "/help", "clear": "/clear", "?": "/?"}
)


@dataclass
class Outcome:
    """The outcome of a line.

    done: it did not fail. put_back: it is a message that failed before it changed or showed anything, so it goes back
    into the prompt.
    quit: the exit code, if the user leaves. steps: the steps of a script to take line by line.
    """

    done: bool = False
    drawn: bool = False
    changed: bool = False
    put_back: bool = False
    quit: int | None = None
    steps: Iterator[Step] | None = None


def _shows(event: Event) -> bool:
    """Whether an event shows a result, or a part of one. An answer that failed before its first token does not."""
    if isinstance(event, Finished):
        return event.stop != "error" or event.num_tokens > 0
    return not isinstance(event, Notice | LineStarted | LineFinished)


class LineRunner:
    """Passes lines to the shell and draws the events.

    is_waiting: whether the next line is there already, so that nothing may be put back into the prompt.
    """

    def __init__(
        self, shell: Shell, printer: Printer, signals: Signals, is_waiting: Callable[[], bool] = lambda: False
    ) -> None:
        self.shell = shell
        self._printer = printer
        self._signals = signals
        self._is_waiting = is_waiting
        self._renderer = Renderer(printer)
        self._stream = TokenStream(printer, lambda: shell.interrupted)
        self._outcome = Outcome()
        self._is_drawing = False
        self._stopping = ""  # what an interrupted line still waits for, until it is drawn
        self._speeds: dict[str, float] = {}  # tokens per second of each model's last answer
        self._adapt()

    @property
    def tokens_per_second(self) -> float:
        """The speed of the current model's last answer, 0 before the first."""
        return self._speeds.get(self.shell.workspace.current or "", 0.0)

    def run(self, line: str) -> Outcome:
        """Run a line. An error becomes a message here and nowhere else; only Terminated is passed on."""
        if line in LOOKS_LIKE:
            self._printer.line(f"{line} goes to the model as text; the command is {LOOKS_LIKE[line]}", "dim")
        outcome = self._outcome = Outcome()
        try:
            events = self.shell.run(line)
            with (
                self._signals.answering(self.shell.interrupt, self._ends_itself),
                closing(events),
            ):
                for event in events:
                    outcome.drawn = outcome.drawn or _shows(event)
                    self._is_drawing = True
                    self._draw(event)
                    self._is_drawing = False
                    self._draw_stopping()
            outcome.done = True
        except KeyboardInterrupt:
            has_tokens = not self._stream.is_at_start
            self._end_line()
            self._printer.line(f"stopped at once{'; the text ends where it is shown' if has_tokens else ''}", "dim")
        except Exception as error:
            self._end_line()
            is_unchanged = not outcome.drawn and not outcome.changed
            outcome.put_back = (
                isinstance(error, SeqshellError)
                and is_unchanged
                and line != ""
                and isinstance(parse(line), Message)
                and not self._is_waiting()
            )
            draw_error(self._printer, error, put_back=outcome.put_back)
        finally:
            self._renderer.end_progress()
            self._is_drawing, self._stopping = False, ""
            self._adapt()
        with suppress(KeyboardInterrupt), self._signals.answering(self.shell.interrupt):
            self.ask_for_toolbar()
        self.draw_notices()
        return outcome

    def _adapt(self) -> None:
        """Use the colours for the background that the setting says."""
        self._printer.background = background_of(str(self.shell.settings.get("background")), os.environ)

    def ask_for_toolbar(self) -> None:
        """Ask the plugins for their texts of the toolbar: Ctrl-C stops them here, but not while the prompt is drawn."""
        if self.shell.workspace.current is not None:
            self.shell.hooks.toolbar(self.shell.session)

    def draw_notices(self) -> None:
        """Draw the messages that came up between lines, such as plugins that failed."""
        for notice in self.shell.take_notices():
            self._renderer.draw(notice)

    def _ends_itself(self) -> bool:
        """Whether an interrupted line still has something to finish, and then says so. Called in a signal handler."""
        if self.shell.line is None or not self.shell.line.stops_after:
            return False
        self._stopping = f"stopping after {self.shell.line.stops_after}; Ctrl-C again stops at once"
        if not self._is_drawing:
            self._draw_stopping()
        return True

    def _draw_stopping(self) -> None:
        text, self._stopping = self._stopping, ""
        if text:
            self._renderer.draw(Notice(text))

    def _end_line(self) -> None:
        self._renderer.end_progress()
        self._stream.end_line()

    @singledispatchmethod
    def _draw(self, event: Event) -> None:
        self._renderer.draw(event)

    @_draw.register
    def _(self, event: LineStarted) -> None:
        self._stream.begin(float(self.shell.settings.get("pace")), colours_of(self.shell))

    @_draw.register
    def _(self, event: LineFinished) -> None:
        self._outcome.changed = event.changed

    @_draw.register
    def _(self, event: Token) -> None:
        self._renderer.end_progress()
        self._stream.draw_token(event, self._text_before(event) if self._stream.is_at_start else "")

    def _text_before(self, token: Token) -> str:
        """The last lines before the newest token of a session; empty for a task whose answers are not continued."""
        session = self.shell.workspace.sessions.get(self.shell.answering or "")
        if session is None or token.position != session.position - 1 or not task_spec(session.model.task).can_continue:
            return ""
        return session.tail.removesuffix(token.text)

    def _draw_end(self, event: Finished) -> None:
        name = self.shell.answering or ""
        session = self.shell.workspace.sessions[name]
        speed = self._stream.draw_end(
            event, streams=session.strategy.streams, has_attention=session.behaviour.has_attention
        )
        self._speeds[name] = speed or self._speeds.get(name, 0.0)

    @_draw.register
    def _(self, event: Finished) -> None:
        self._draw_end(event)

    @_draw.register
    def _(self, event: Translation) -> None:
        if event.is_of_file:
            self._renderer.end_progress()
            self._printer.fresh_line()
            self._printer.write(event.as_line() + "\n")
        else:
            self._draw_end(event)

    @_draw.register
    def _(self, event: Label) -> None:
        if event.is_of_file:
            self._renderer.end_progress()
        self._renderer.draw(event)
        self._stream.draw_label_hint(event)

    @_draw.register
    def _(self, event: Quit) -> None:
        self._outcome.quit = event.code

    @_draw.register
    def _(self, event: ByHand) -> None:
        from seqshell.terminal import choosing_keys

        self._renderer.end_progress()
        choosing_keys.run(event.chooser, self._printer, self._signals)

    @_draw.register
    def _(self, event: Steps) -> None:
        self._outcome.steps = steps_of(event)
