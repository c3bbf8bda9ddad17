"""The interactive loop: asks for a line and answers it until the user quits.

Only what the first prompt needs is imported before it is drawn; the rest, line_runner included, is loaded meanwhile.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core import paths
from seqshell.core.capture import CapturedOutput
from seqshell.core.errors import SeqshellError
from seqshell.core.exit_codes import NO_MODEL
from seqshell.core.signal_handlers import stops_host
from seqshell.core.text_output import counted
from seqshell.core.version import __version__
from seqshell.models.file import read_header
from seqshell.models.summary import examples
from seqshell.shell import startup
from seqshell.terminal.background_load import BackgroundLoad
from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.echo_off import echo_off
from seqshell.terminal.greeting import greet, greet_session
from seqshell.terminal.history import LineHistory
from seqshell.terminal.printer import Printer, printer_on
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.signals import Signals, Terminated, end_prompt
from seqshell.terminal.suggester import example_of

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from seqshell.kernels.background import Compilation
    from seqshell.shell.shell import Shell
    from seqshell.terminal.line_runner import LineRunner
    from seqshell.terminal.script_steps import Step

SILENT_SECONDS = 0.3  # of loading; after that a message appears
HANG_UP = 1  # number of SIGHUP, for a terminal that closed without sending it


class LoadingFailed(Exception):
    """Ends the prompt when the shell could not be loaded."""


def run(options: startup.Options, shell: Shell | None = None) -> int:
    """Run the interactive shell and return the exit status. shell: the one to continue with, if it is already built."""
    printer = printer_on(sys.stdout, options.color)
    try:
        with Signals() as signals, echo_off(sys.stdin.fileno()):
            repl = Repl(options, printer, signals, shell)  # before stdout is redirected
            with redirect_stdout(repl.printed), redirect_stderr(repl.printed):
                return repl.run()
    except Terminated as terminated:  # before or after the loop, or again while the sessions were saved
        return terminated.status


def read_model_header(model: str) -> dict[str, Any] | None:
    """Read the header of a model without its weights. None if no valid file is found: a plugin may provide it."""
    try:
        return read_header(paths.find_checkpoint(model))
    except SeqshellError:
        return None


class Repl:
    """Read, evaluate, print, loop. input, output: of prompt_toolkit, instead of the process's terminal."""

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
        self.printed = CapturedOutput(sys.stdout)  # collects what plugins print, so that it does not disturb the prompt
        self._slow = self._slow_shown = ""  # the warning about a plugin that imports slowly
        self._options = options
        self._printer = printer
        self._signals = signals
        model = options.model or paths.DEFAULT_MODEL
        self._name = Path(model).name.removesuffix(paths.ENDING)
        self._header = None if shell or options.restore else read_model_header(model)
        self._loading = BackgroundLoad(lambda: self._build(shell), self._on_loaded)
        self._prompt = Prompt(
            get_shell=self._shell,
            history=LineHistory(lambda: paths.home() / "history"),
            completer=ShellCompleter(self._shell),
            toolbar=self._toolbar,
            colours=printer.colours,
            background=lambda: printer.background,
            on_first_paint=self._on_first_paint,
            input=input,
            output=output,
        )
        self._prompt.suggester.example = next(iter(examples(self._header or {})), "")
        self._steps: Iterator[Step] | None = None
        self._step: Step | None = None  # the step whose line is in the prompt
        self._default = ""
        self._quit: int | None = None
        self._compilation: Compilation | None = None

    def run(self) -> int:
        """Run until the user quits; returns the exit status."""
        try:
            try:
                self._greet()
                while self._quit is None:
                    self._one_line()
                self._end("quit")
                return self._quit
            except EOFError:
                if self._prompt.application.input.closed:  # not Ctrl-D: the terminal was closed
                    raise Terminated(HANG_UP) from None
                self._end("quit")
                return 0
        except Terminated as terminated:
            with suppress(OSError):
                self._end("terminated")
            return terminated.status
        except SeqshellError as error:  # while building the shell; line_runner handles all others
            from seqshell.terminal.error_message import draw_error

            draw_error(self._printer, error)
            return NO_MODEL

    # One line

    def _greet(self) -> None:
        if self._header is not None:
            greet(self._printer, __version__, self._name, self._header)
        else:
            greet_session(self._printer, __version__, self._wait().shell)

    def _one_line(self) -> None:
        """Ask for a line and answer it."""
        line = self._ask()
        if line is None:
            return
        try:
            runner = self._wait()
        except KeyboardInterrupt:
            self._printer.erase_line()
            self._slow = self._slow or ((plugin := self._loading.plugin) and f"{plugin.title} is still at work") or ""
            if self._slow:
                self._warn_slow()
                self._printer.line("Ctrl-D quits; seqshell --no-plugins starts without it", "dim")
            self._default = line
            return
        outcome = runner.run(line)
        self._draw_printed()
        if runner.shell.interrupted and (dropped := self._prompt.drop_pasted()):
            self._printer.line(f"{counted(dropped, 'more pasted line')} not sent", "dim")
        self._quit = outcome.quit
        self._prompt.suggester.example = example_of(runner.shell)
        if outcome.put_back:
            self._default = line
        if outcome.steps is not None:
            self._printer.line("Enter sends the line · Ctrl-C ends the script", "dim")
            self._steps = outcome.steps
            self._step = next(self._steps, None)
        elif outcome.done and self._steps is not None:
            self._step = next(self._steps, None)

    def _ask(self) -> str | None:
        """Return the next line; None if there is no line to answer."""
        default, self._default = self._default, ""
        if self._step is not None and not default:
            for paragraph in self._step.prose:
                self._printer.line()
                self._printer.line(paragraph, "prose")
            if self._step.line is None:
                self._step = self._steps = None
                return None
            self._step = replace(self._step, prose=())  # shown once, also if the line fails
            default = self._step.line or ""
        self._printer.fresh_line()
        try:
            with self._signals.prompting(self._prompt.application):
                line = self._prompt.ask(default, interruptible=self._step is not None)
        except KeyboardInterrupt:
            self._step = self._steps = None
            self._printer.line("script ended; you can continue from here", "dim")
            return None
        except LoadingFailed:
            self._loading.wait()  # raises what went wrong
            raise
        self._default = self._prompt.take_saved_line()
        return line

    # The shell

    def _build(self, shell: Shell | None) -> LineRunner:
        """Import and open everything that an answer needs; runs in the loading thread."""
        from seqshell.terminal.line_runner import LineRunner

        runner = LineRunner(
            shell or startup.build_shell(self._options, on_slow=self._on_slow),
            self._printer,
            self._signals,
            self._prompt.is_waiting,
        )
        runner.ask_for_toolbar()
        self._compile()
        return runner

    def _compile(self) -> None:
        """Compile steps of models in the background, at the first start on this machine."""
        from seqshell.kernels.background import Compilation

        self._compilation = Compilation(self._prompt.application.invalidate)
        self._compilation.start()

    def _on_slow(self, text: str) -> None:
        """A plugin imports slowly; called in a thread of its own."""
        self._slow = text
        self._prompt.application.invalidate()

    def _warn_slow(self) -> None:
        """Draw the warning about a slow plugin, once."""
        if self._slow != self._slow_shown:
            self._slow_shown = self._slow
            self._printer.erase_line()
            self._printer.line(self._slow, "warning")

    def _draw_printed(self) -> None:
        """Draw what plugins have printed since the last call."""
        if text := self.printed.take().strip("\n"):
            self._printer.fresh_line()
            self._printer.line(text, "dim")

    def _on_first_paint(self) -> None:
        """The first prompt is drawn: start loading."""
        gc.freeze()
        gc.enable()
        self._loading.start()

    def _on_loaded(self) -> None:
        """Update or end the prompt; called in the loading thread."""
        if self._loading.failed:
            end_prompt(self._prompt.application, LoadingFailed())
        else:
            self._prompt.live_label.refresh()
            self._prompt.application.invalidate()

    def _wait(self) -> LineRunner:
        """Wait until the shell is loaded; a message shows if that is slow. Raises KeyboardInterrupt on Ctrl-C."""
        if self._loading.built is None:
            self._loading.start()
            if not self._loading.is_done(SILENT_SECONDS):
                self._printer.write(f"loading {self._name} ...", "dim")
                while not self._loading.is_done(SILENT_SECONDS):
                    self._warn_slow()
                self._printer.erase_line()
            self._loading.wait().draw_notices()
        return self._loading.wait()

    def _shell(self) -> Shell | None:
        return self._loading.built.shell if self._loading.built else None

    def _toolbar(self) -> list[str]:
        if self._loading.built is None:
            return [self._name, self._slow or "loading"]
        from seqshell.terminal.toolbar import toolbar_parts

        try:
            runner = self._loading.built
            parts = [*toolbar_parts(runner.shell, runner.tokens_per_second, self._prompt.live_label.labels)]
            news = self._compilation.news if self._compilation is not None else ""
            return [*parts[:2], news, *parts[2:]]
        except BaseException as error:  # of a broken sampler of a plugin, which must not end the prompt
            if stops_host(error):
                raise
            return [self._name]

    def _end(self, reason: str) -> None:
        """Save the sessions of the open models and show how to continue them."""
        runner = self._loading.built
        if runner is None:
            return
        saved = runner.shell.end(reason)
        runner.draw_notices()
        self._draw_printed()
        if list(saved) == [runner.shell.workspace.current]:
            self._printer.line("saved as last · seqshell --restore last continues here", "dim")
        elif saved:
            names = ", ".join(f"{model} as {name}" for model, name in saved.items())
            self._printer.line(f"saved {names} · seqshell --restore NAME continues one", "dim")
