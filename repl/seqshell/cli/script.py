"""Script mode: runs lines from -c, files and stdin, prints results on stdout, and returns an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import Any, Protocol

from seqshell.cli.json_lines import JsonLines
from seqshell.cli.plain_text import PlainText, print_diagnostic
from seqshell.cli.script_source import STDIN, ScriptLine, Source, read_lines, read_stdin, sources
from seqshell.cli.signals import StopSignals
from seqshell.core.capture import SanitizedStream
from seqshell.core.errors import CheckpointError, ExpectationError, PluginError, UsageError
from seqshell.core.events import Event, Label, LineStarted, Notice, Quit, Tags, Token, Translation
from seqshell.core.exit_codes import BAD_USAGE, CLOSED_PIPE, FAILED, NO_MODEL, NOT_AS_EXPECTED, OK
from seqshell.core.version import __version__
from seqshell.shell.failures import Fault, fault_of, is_debugging
from seqshell.shell.shell import Shell
from seqshell.shell.startup import Options, build_shell
from seqshell.shell.syntax import Message, UnclosedBlock, parse

SEVERAL_MESSAGES = (
    "each line of stdin was a message of its own; "
    "--prompt - sends all of stdin as one message, --messages each line as a message"
)


class Output(Protocol):
    """Prints the events of a script: PlainText or JsonLines. Raises BrokenPipeError when nobody reads them any more."""

    def start(self, about: Mapping[str, Any]) -> None:
        """Start the session."""

    def begin(self, number: int, line: str, message: str | None, file: str | None) -> None:
        """Start a line. message: its text, if it is a message. file: its source, if there are several."""

    def event(self, event: Event) -> None:
        """Take in the next event of the line, from its LineStarted to its LineFinished."""

    def empty(self, task: str) -> None:
        """Write the empty answer to an empty message, where there is one answer for each line."""

    def failed(self, where: str, op: str, number: int | None, fault: Fault) -> None:
        """Report that a line or, without a number, the start failed."""

    def finish(self, lines: int, failed: int, exit_code: int) -> None:
        """End the session."""


def run(options: Options) -> tuple[int, Shell | None]:
    """Run the lines of the command line. Returns the exit code and, with -i, the shell to continue with."""
    signals = StopSignals()
    output: Output = PlainText(sys.stdout, sys.stderr, echo=options.echo, one_to_one=options.messages)
    if options.json:
        output = JsonLines(sys.stdout, sys.stderr, stream=options.json == "stream", whole=signals.held)
    script = Script(options, output, signals)
    try:
        # What a plugin prints is not a result.
        with redirect_stdout(SanitizedStream(sys.stderr)), redirect_stderr(SanitizedStream(sys.stderr)):
            return script.run()
    except KeyboardInterrupt:  # a second signal, while the script was ending
        return signals.exit_code, None
    except BrokenPipeError:
        drop_stdout()
        return CLOSED_PIPE, None
    except OSError as error:
        drop_stdout()
        print_diagnostic(sys.stderr, f"cannot write the results: {error.strerror or error}")
        return FAILED, None


def drop_stdout() -> None:
    """Discard the remaining output, so that the interpreter's flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Script:
    """One run of script mode: counts the lines and the failures, and decides when to stop."""

    def __init__(self, options: Options, output: Output, signals: StopSignals) -> None:
        self._options = options
        self._output = output
        self._signals = signals
        self._on_slow = partial(print_diagnostic, sys.stderr)  # sys.stderr is redirected later
        self._lines = self._failed = self._unmet = 0  # unmet: the failures of /expect
        self._start_code = OK  # BAD_USAGE or NO_MODEL if the start failed
        self._quit: int | None = None
        self._op = ""  # of the line that runs
        self._is_running = False
        self._num_sources = 0

    def run(self) -> tuple[int, Shell | None]:
        """Run from the start to the end object. Returns the same as the function `run`."""
        shell, continues, code = None, False, FAILED
        with self._signals:
            try:
                try:
                    shell, found = self._start()
                    if shell is not None:
                        self._run_all(shell, found)
                except KeyboardInterrupt:
                    self._failed += self._is_running
                code = self._exit_code()
                self._output.finish(self._lines, self._failed, code)
                continues = self._options.go_on and self._quit is None and self._signals.number is None
            finally:  # also when nobody reads the output any more
                if shell is not None and not continues:
                    shell.end("quit" if code == OK or self._quit is not None else "error")
                    self._print_notices(shell)
        return self._signals.exit_code or code, shell if continues else None

    def _start(self) -> tuple[Shell | None, list[Source]]:
        """The shell with its model, and the sources of the lines. No shell if the start fails."""
        try:
            found = sources(self._options.lines, self._options.scripts)
            is_stdin_used = any(source.reads_stdin for source in found)
            shell = build_shell(self._options, None if is_stdin_used else read_stdin, self._on_slow)
        except Exception as error:
            self._start_code = (
                BAD_USAGE
                if isinstance(error, UsageError)
                else NO_MODEL
                if isinstance(error, CheckpointError | PluginError)
                else FAILED
            )
            self._report(error, "", "", None)
            return None, []
        self._print_notices(shell)
        model = shell.session.model
        about = {
            "model": model.name,
            "task": str(model.task),
            "fingerprint": model.fingerprint,
            "seed": shell.session.seed,
        }
        plugins = [
            plugin.name for plugin in shell.registry.plugins if plugin.state == "loaded" and plugin.name != "seqshell"
        ]
        self._output.start({"seqshell": __version__, **about, "plugins": plugins})
        return shell, found

    def _run_all(self, shell: Shell, found: list[Source]) -> None:
        self._num_sources = len(found)
        for source in found:
            try:
                num_lines, are_plain = 0, True
                for line in read_lines(source, messages=self._options.messages):
                    num_lines += line.text != ""
                    are_plain = are_plain and not line.is_message and parse(line.text) == Message(line.text)
                    self._run_line(shell, source, line)
                    if self._is_over():
                        break
                if num_lines > 1 and are_plain and source is STDIN and not self._options.scripts:
                    print_diagnostic(sys.stderr, SEVERAL_MESSAGES)
                if self._is_over():
                    return
            except UsageError as error:  # the file cannot be read, or a block is not closed
                number = error.number if isinstance(error, UnclosedBlock) else None
                self._start_code = BAD_USAGE
                self._lines += number is not None
                self._failed += number is not None
                self._report(error, f"{source.name}:{number}" if number else source.name, "", number)
                return

    def _is_over(self) -> bool:
        return (
            self._quit is not None
            or self._signals.number is not None
            or (self._failed > 0 and self._options.on_error == "stop")
        )

    def _run_line(self, shell: Shell, source: Source, line: ScriptLine) -> None:
        """Run one line. Report and count its failure."""
        messages = line.is_message
        parsed = Message(line.text) if messages else parse(line.text)
        if line.error is None and (parsed is None or (line.text == "" and not messages)):
            return
        message = parsed.text if isinstance(parsed, Message) else None
        self._lines += 1
        self._is_running = True
        self._output.begin(line.number, line.text, message, source.name if self._num_sources > 1 else None)
        self._op = ""
        try:
            if line.error is not None:
                raise line.error
            if self._options.messages and line.text == "":
                self._output.empty(str(shell.task))
            else:
                self._answer(shell, shell.run_message(line.text) if messages else shell.run(line.text))
        except _Failed as failed:
            self._fail(shell, failed.reason, source, line)
        except UsageError as error:
            self._fail(shell, error, source, line)
        self._signals.end_answer()
        self._is_running = False

    def _answer(self, shell: Shell, events: Iterator[Event]) -> None:
        """Pass the events of a line to the output."""
        while True:
            try:
                event = next(events, None)
            except Exception as error:  # of the shell, and not of the output
                raise _Failed(error) from None
            if event is None:
                return
            if isinstance(event, LineStarted):
                self._op = self._op or event.op
            elif isinstance(event, Token | Translation | Label | Tags):
                self._signals.interrupt = shell.interrupt
            elif isinstance(event, Quit):
                self._quit = event.code
            self._output.event(event)

    def _fail(self, shell: Shell, error: Exception, source: Source, line: ScriptLine) -> None:
        self._failed += 1
        self._unmet += isinstance(error, ExpectationError)
        self._report(error, f"{source.name}:{line.number}", self._op, line.number)
        if self._options.messages and not self._options.json:
            self._output.empty(str(shell.task))

    def _report(self, error: Exception, where: str, op: str, number: int | None) -> None:
        fault = fault_of(error)
        self._output.failed(where, op, number, fault)
        if fault.details and is_debugging():
            print_diagnostic(sys.stderr, fault.details)

    def _print_notices(self, shell: Shell) -> None:
        for notice in shell.take_notices():
            print_diagnostic(sys.stderr, notice.text if isinstance(notice, Notice) else notice.as_text() or "")

    def _exit_code(self) -> int:
        failed = NOT_AS_EXPECTED if self._failed == self._unmet else FAILED
        return self._signals.exit_code or self._quit or self._start_code or (failed if self._failed else OK)


class _Failed(Exception):
    """Wraps an error of the shell, as opposed to one of the output."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason
