"""The conversation at the terminal: a line is asked for, the shell answers in events, they are drawn, until the user leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell import places, starting
from seqshell.checkpoint import read_header
from seqshell.errors import SeqshellError
from seqshell.events import Event, Finished, Notice, Quit, Steps, Token
from seqshell.terminal.answers import Answers
from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.drawing import Drawing
from seqshell.terminal.failures import draw_error
from seqshell.terminal.greeting import greet, greet_session
from seqshell.terminal.history import LineHistory
from seqshell.terminal.loading import Loading
from seqshell.terminal.printer import Printer, colours_wanted
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.quiet import quiet
from seqshell.terminal.signals import Leaving, Signals, leave_prompt
from seqshell.terminal.steps import Step, taken
from seqshell.terminal.toolbar import toolbar_parts
from seqshell.titles import examples

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from seqshell.shell import Shell

LOOKS_LIKE = {"exit": "/exit", "quit": "/quit", "help": "/help", "clear": "/clear", "?": "/?"}  # words that mean a command elsewhere
UNANNOUNCED = 0.3  # seconds of loading that are not worth a word
MISSING = 3  # exit status: the model is missing or refused


class LoadingFailed(Exception):
    """Ends a prompt that waits for a shell that will not come."""


def run(options: starting.Options, shell: Shell | None = None) -> int:
    """Greet, talk, leave; the exit status of the process. shell: the one to go on with, where there is one already."""
    printer = Printer(sys.stdout, colours=colours_wanted(options.color, os.environ))
    with Signals() as signals, quiet(sys.stdin.fileno()):
        return Conversation(options, printer, signals, shell).run()


def first_header(word: str) -> dict[str, Any] | None:
    """What the file of the model says of itself, read without its weights; None when only a plugin may know it, or it is refused."""
    try:
        return read_header(places.find_checkpoint(word))
    except SeqshellError:
        return None


class Conversation:
    """One user at one terminal. input, output: prompt_toolkit's, where they are not this process's own."""

    def __init__(
        self,
        options: starting.Options,
        printer: Printer,
        signals: Signals,
        shell: Shell | None = None,
        *,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self.options = options
        self.printer = printer
        self.signals = signals
        word = options.model or starting.DEFAULT_MODEL
        self.name = Path(word).name.removesuffix(".safetensors")
        self.header = None if shell or options.restore else first_header(word)
        self.loading = Loading(lambda: shell or starting.build_shell(options), self._loaded)
        self.drawing = Drawing(printer)
        self.answers = Answers(printer, self._setting, self._interrupted)
        self.prompt = Prompt(
            get_shell=lambda: self.loading.shell,
            history=LineHistory(lambda: places.home() / "history"),
            completer=ShellCompleter(lambda: self.loading.shell),
            toolbar=self._toolbar,
            colours=printer.colours,
            on_first_paint=self.loading.start,
            input=input,
            output=output,
        )
        self.prompt.suggester.example = next(iter(examples(self.header or {})), "")
        self._steps: Iterator[Step] = iter(())
        self._step: Step | None = None  # the one whose line waits in the prompt
        self._default = ""
        self._quit: int | None = None

    def run(self) -> int:
        """The exit status."""
        try:
            try:
                self._begin()
                while self._quit is None:
                    self._one_line()
                status = self._quit
            except EOFError:
                status = 0
                if self.prompt.application.input.closed:  # not Ctrl-D: the terminal is gone
                    raise Leaving(1) from None
            self._leave("quit")
            return status
        except Leaving as leaving:
            with suppress(OSError):
                self._leave("terminated")
            return leaving.status
        except SeqshellError as error:  # the shell could not be built
            draw_error(self.printer, error)
            return MISSING

    # One line after the other

    def _begin(self) -> None:
        from seqshell import __version__

        if self.header is not None:
            greet(self.printer, __version__, self.name, self.header)
        else:
            greet_session(self.printer, __version__, self._wait().session)

    def _one_line(self) -> None:
        line = self._ask()
        if line is None:
            return
        if line in LOOKS_LIKE:
            self.printer.line(f"{line} goes to the model as text; the command is {LOOKS_LIKE[line]}", "dim")
        if self._answer(line):
            self._next_step(line)

    def _ask(self) -> str | None:
        default, self._default = self._default, ""
        step = self._step
        if step is not None and not default:
            for prose in step.prose:
                self.printer.line(prose, "prose")
            if step.line is None:
                self._step = None
                return None
            default = step.line
        self.printer.fresh_line()
        try:
            with self.signals.prompting(self.prompt.application):
                line = self.prompt.ask(default, interruptible=step is not None)
        except KeyboardInterrupt:
            self._step, self._steps = None, iter(())
            self.printer.line("left; go on as you like", "dim")
            return None
        except LoadingFailed:
            self.loading.wait()
            raise
        self._default = self.prompt.take_kept()
        return line

    def _next_step(self, sent: str) -> None:
        """After a line of a script was sent, the next one waits."""
        if self._step is not None or sent:
            self._step = next(self._steps, None)

    def _answer(self, line: str) -> bool:
        """Handle a line and draw what comes; False when it failed, and then it may wait in the prompt."""
        try:
            shell = self._wait()
        except KeyboardInterrupt:
            self.printer.erase_line()
            self._default = line
            return False
        drawn = False
        self.answers.begin()
        try:
            with self.signals.answering(shell.interrupt), closing(shell.handle(line)) as events:  # type: ignore[type-var]  # a generator
                for event in events:
                    drawn = drawn or not isinstance(event, Notice)
                    self._draw(event)
            return True
        except KeyboardInterrupt:
            self._end_drawing()
            self.printer.line("stopped at once; the text is as far as you see it", "dim")
        except Exception as error:  # the one place: bugs too, which go to the log
            self._end_drawing()
            put_back = isinstance(error, SeqshellError) and not drawn and not shell.changed and line != ""
            draw_error(self.printer, error, put_back=put_back)
            self._default = line if put_back else self._default
        finally:
            self.drawing.settle()
            self._tell_notices(shell)
        return False

    def _draw(self, event: Event) -> None:
        if isinstance(event, Token):
            self.drawing.settle()
            self.answers.token(event)
        elif isinstance(event, Finished):
            self.answers.finished(event)
            self.prompt.suggester.example = ""
        elif isinstance(event, Quit):
            self._quit = event.code
        elif isinstance(event, Steps):
            self._steps = taken(event)
        else:
            self.drawing.draw(event)

    def _end_drawing(self) -> None:
        self.drawing.settle()
        self.answers.broken()

    # The shell

    def _wait(self) -> Shell:
        """The shell; a word is said when that takes a while. KeyboardInterrupt: the user does not want to wait."""
        if self.loading.shell is None:
            self.loading.start()
            if not self.loading.is_done(UNANNOUNCED):
                self.printer.write(f"loading {self.name} ...".replace("  ", " "), "dim")
                self.loading.wait()
                self.printer.erase_line()
            self._tell_notices(self.loading.wait())
        return self.loading.wait()

    def _loaded(self) -> None:
        """Called on the loading thread."""
        if self.loading.failed:
            leave_prompt(self.prompt.application, LoadingFailed())
        else:
            self.prompt.application.invalidate()

    def _tell_notices(self, shell: Shell) -> None:
        """Say once what plugins, the config file and the checkpoint could not be used for."""
        notices, shell.notices = shell.notices, []
        for notice in notices:
            self.drawing.draw(notice)

    def _setting(self, name: str) -> Any:
        return self.loading.shell.settings.get(name) if self.loading.shell else None

    def _interrupted(self) -> bool:
        return self.loading.shell is not None and self.loading.shell.interrupted

    def _toolbar(self) -> list[str]:
        shell = self.loading.shell
        if shell is None:
            return [self.name, "loading"] if self.name else ["loading"]
        return list(toolbar_parts(shell, self.answers.tokens_per_second))

    def _leave(self, reason: str) -> None:
        """Keep the session as `last` and say how to come back."""
        shell = self.loading.shell
        if shell is None:
            return
        try:
            kept = shell.end(reason)
        except (SeqshellError, OSError) as error:
            self.printer.line(f"the session could not be kept: {error}", "warning")
            return
        if kept:
            self.printer.line("kept as last · seqshell --restore last goes on here", "dim")
