"""The conversation at the terminal: a line is asked for and answered until the user leaves.

The first prompt stands before anything is imported that it does not need; the rest, `answering` included, loads meanwhile.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core import paths
from seqshell.core.capture import Printed
from seqshell.core.errors import SeqshellError
from seqshell.core.version import __version__
from seqshell.models.file import read_header
from seqshell.models.summary import examples
from seqshell.shell import startup
from seqshell.terminal.background_load import BackgroundLoad
from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.echo_off import echo_off
from seqshell.terminal.greeting import greet, greet_session
from seqshell.terminal.history import LineHistory
from seqshell.terminal.printer import Printer, colours_wanted
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.signals import Signals, Terminated, end_prompt

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from seqshell.shell.shell import Shell
    from seqshell.terminal.line_runner import Answering
    from seqshell.terminal.script_steps import Step

UNANNOUNCED = 0.3  # seconds of loading that are not worth a word
MISSING = 3  # exit status: the model is missing or refused
HANG_UP = 1  # SIGHUP, where the terminal went away without one


class LoadingFailed(Exception):
    """Ends a prompt that waits for a shell that will not come."""


def run(options: startup.Options, shell: Shell | None = None) -> int:
    """Greet, talk, leave; the exit status of the process. shell: the one to go on with, where there is one already."""
    printer = Printer(sys.stdout, colours=colours_wanted(options.color, os.environ))
    with Signals() as signals, echo_off(sys.stdin.fileno()):
        conversation = Repl(options, printer, signals, shell)  # which takes the true stdout
        with redirect_stdout(conversation.printed), redirect_stderr(conversation.printed):
            return conversation.run()


def read_model_header(word: str) -> dict[str, Any] | None:
    """What the file of the model says of itself, read without its weights; None when only a plugin may know it, or it is refused."""
    try:
        return read_header(paths.find_checkpoint(word))
    except SeqshellError:
        return None


class Repl:
    """One user at one terminal. input, output: prompt_toolkit's, where they are not this process's own."""

    def __init__(
        self,
        options: startup.Options,
        printer: Printer,
        signals: Signals,
        shell: Shell | None = None,
        *,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self.printed = Printed(sys.stdout)  # what plugins print; a prompt may stand meanwhile
        self._slow = self._told_slow = ""  # a plugin whose import takes long
        self._options = options
        self._printer = printer
        self._signals = signals
        word = options.model or startup.DEFAULT_MODEL
        self._name = Path(word).name.removesuffix(paths.ENDING)
        self._header = None if shell or options.restore else read_model_header(word)
        self._loading = BackgroundLoad(lambda: self._build(shell), self._loaded)
        self._prompt = Prompt(
            get_shell=self._shell,
            history=LineHistory(lambda: paths.home() / "history"),
            completer=ShellCompleter(self._shell),
            toolbar=self._toolbar,
            colours=printer.colours,
            on_first_paint=self._painted,
            input=input,
            output=output,
        )
        self._prompt.suggester.example = next(iter(examples(self._header or {})), "")
        self._steps: Iterator[Step] | None = None
        self._step: Step | None = None  # the one whose line waits in the prompt
        self._default = ""
        self._quit: int | None = None

    def run(self) -> int:
        """The exit status."""
        try:
            try:
                self._greet()
                while self._quit is None:
                    self._one_line()
                self._leave("quit")
                return self._quit
            except EOFError:
                if self._prompt.application.input.closed:  # not Ctrl-D: the terminal is gone
                    raise Terminated(HANG_UP) from None
                self._leave("quit")
                return 0
        except Terminated as terminated:
            with suppress(OSError):
                self._leave("terminated")
            return terminated.status
        except SeqshellError as error:  # the shell could not be built; all other errors end in `answering`
            from seqshell.terminal.error_message import draw_error

            draw_error(self._printer, error)
            return MISSING

    # One line after the other

    def _greet(self) -> None:
        if self._header is not None:
            greet(self._printer, __version__, self._name, self._header)
        else:
            greet_session(self._printer, __version__, self._wait().shell)

    def _one_line(self) -> None:
        """Ask for a line and have it answered."""
        line = self._ask()
        if line is None:
            return
        try:
            answering = self._wait()
        except KeyboardInterrupt:
            self._printer.erase_line()
            if self._slow:
                self._tell_slow()
                self._printer.line("Ctrl-D leaves; seqshell --no-plugins does without it", "dim")
            self._default = line
            return
        outcome = answering.answer(line)
        self._tell_printed()
        self._quit = outcome.quit
        self._prompt.suggester.example = self._example(answering.shell)
        if outcome.put_back:
            self._default = line
        if outcome.steps is not None:
            self._printer.line("Enter sends a line · Ctrl-C leaves", "dim")
            self._steps = outcome.steps
            self._step = next(self._steps, None)
        elif outcome.done and self._steps is not None:
            self._step = next(self._steps, None)

    def _ask(self) -> str | None:
        """The next line; None where there is nothing to do for now."""
        default, self._default = self._default, ""
        if self._step is not None and not default:
            for paragraph in self._step.prose:
                self._printer.line()
                self._printer.line(paragraph, "prose")
            if self._step.line is None:
                self._step = self._steps = None
                return None
            default = self._step.line
        self._printer.fresh_line()
        try:
            with self._signals.prompting(self._prompt.application):
                line = self._prompt.ask(default, interruptible=self._step is not None)
        except KeyboardInterrupt:
            self._step = self._steps = None
            self._printer.line("left; go on as you like", "dim")
            return None
        except LoadingFailed:
            self._loading.wait()  # raises what went wrong
            raise
        self._default = self._prompt.take_saved_line()
        return line

    # The shell

    def _build(self, shell: Shell | None) -> Answering:
        """On the loading thread: import and open all that an answer needs."""
        from seqshell.terminal.line_runner import Answering

        return Answering(
            shell or startup.build_shell(self._options, on_slow=self._hear_slow), self._printer, self._signals
        )

    def _hear_slow(self, text: str) -> None:
        """A plugin's import takes long; called on a thread of its own."""
        self._slow = text
        self._prompt.application.invalidate()

    def _tell_slow(self) -> None:
        if self._slow != self._told_slow:
            self._told_slow = self._slow
            self._printer.erase_line()
            self._printer.line(self._slow, "warning")

    def _tell_printed(self) -> None:
        """What plugins have printed since the last time."""
        if text := self.printed.take().strip("\n"):
            self._printer.fresh_line()
            self._printer.line(text, "dim")

    def _painted(self) -> None:
        """The first prompt stands."""
        gc.freeze()
        gc.enable()
        self._loading.start()

    def _loaded(self) -> None:
        """Called on the loading thread."""
        if self._loading.failed:
            end_prompt(self._prompt.application, LoadingFailed())
        else:
            self._prompt.live_label.refresh()
            self._prompt.application.invalidate()

    def _wait(self) -> Answering:
        """What answers; a word is said when that takes a while. KeyboardInterrupt: the user does not want to wait."""
        if self._loading.built is None:
            self._loading.start()
            if not self._loading.is_done(UNANNOUNCED):
                self._printer.write(f"loading {self._name} ...", "dim")
                while not self._loading.is_done(UNANNOUNCED):
                    self._tell_slow()
                self._printer.erase_line()
            self._loading.wait().tell_notices()
        return self._loading.wait()

    def _shell(self) -> Shell | None:
        return self._loading.built.shell if self._loading.built else None

    def _example(self, shell: Shell) -> str:
        """What an empty prompt proposes: an example of the current model, as long as that has read nothing."""
        if shell.current is None or shell.session.position:
            return ""
        return next(iter(examples(shell.session.model.header)), "")

    def _toolbar(self) -> list[str]:
        if self._loading.built is None:
            return [self._name, self._slow or "loading"]
        from seqshell.terminal.toolbar import toolbar_parts

        try:
            return list(
                toolbar_parts(
                    self._loading.built.shell, self._loading.built.tokens_per_second, self._prompt.live_label.labels
                )
            )
        except Exception:  # a plugin's sampler that cannot even be written down must not take the prompt with it
            return [self._name]

    def _leave(self, reason: str) -> None:
        """Keep the session as `last` and say how to come back."""
        shell = self._shell()
        if shell is None:
            return
        try:
            kept = shell.end(reason)
        except (SeqshellError, OSError) as error:
            self._printer.line(f"the session could not be kept: {error}", "warning")
            return
        if self._loading.built is not None:
            self._loading.built.tell_notices()
        self._tell_printed()
        if kept:
            self._printer.line("kept as last · seqshell --restore last goes on here", "dim")
