"""Script mode: lines from -c, files and stdin, results on stdout, and an exit code. Knows no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import Any, Protocol

from seqshell.cli.json_lines import JsonLines
from seqshell.cli.plain_text import PlainText, tell
from seqshell.cli.script_source import ScriptLine, Source, read_lines, read_stdin, sources
from seqshell.cli.signals import StopSignals
from seqshell.core.capture import Visible
from seqshell.core.errors import CheckpointError, ExpectationError, PluginError, UsageError
from seqshell.core.events import Event, Label, LineStarted, Quit, Token, Translation
from seqshell.core.version import __version__
from seqshell.shell.failures import Fault, fault_of, is_debugging
from seqshell.shell.shell import Shell
from seqshell.shell.startup import Options, build_shell
from seqshell.shell.syntax import Message, UnclosedBlock, parse

OK, FAILED, BAD_USAGE, NO_MODEL, NOT_AS_EXPECTED, CLOSED_PIPE = 0, 1, 2, 3, 4, 141


class Output(Protocol):
    """Where a script's events go: PlainText or JsonLines. BrokenPipeError when nobody reads them any more."""

    def start(self, about: Mapping[str, Any]) -> None:
        """The session began."""

    def begin(self, number: int, line: str, message: str | None, file: str | None) -> None:
        """A line is going to be run. message: its text, if it is a message. file: its source, where there are several."""

    def event(self, event: Event) -> None:
        """Take in the next event of the line, from its LineStarted to its LineFinished."""

    def empty(self, task: str) -> None:
        """Write the empty answer to an empty message, where there is one answer for each line."""

    def failed(self, where: str, op: str, number: int | None, fault: Fault) -> None:
        """A line failed, or, without a number, the start did."""

    def finish(self, lines: int, failed: int, exit_code: int) -> None:
        """All lines are done."""


def run(options: Options) -> tuple[int, Shell | None]:
    """Run what the command line asks for. Returns the exit code, and the shell when a person may go on with it (-i)."""
    output: Output = PlainText(sys.stdout, sys.stderr, echo=options.echo, one_to_one=options.messages)
    if options.json:
        output = JsonLines(sys.stdout, sys.stderr, stream=options.json == "stream")
    script = Script(options, output)
    try:
        with (
            redirect_stdout(Visible(sys.stderr)),
            redirect_stderr(Visible(sys.stderr)),
        ):  # what a plugin prints is no result
            return script.run()
    except BrokenPipeError:
        drop_stdout()
        return CLOSED_PIPE, None
    except OSError as error:
        drop_stdout()
        tell(sys.stderr, f"cannot write the results: {error.strerror or error}")
        return FAILED, None


def drop_stdout() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's own flush at the end does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Script:
    """One run of script mode: counts the lines and the failures, and decides when to stop."""

    def __init__(self, options: Options, output: Output) -> None:
        self._options = options
        self._output = output
        self._signals = StopSignals()
        self._on_slow = partial(
            tell, sys.stderr
        )  # the one of now: what a plugin prints while it is imported goes elsewhere
        self._lines = self._failed = self._unmet = 0  # unmet: the failures that are /expect's
        self._refused = OK  # bad usage, or no model
        self._quit: int | None = None
        self._op = ""  # of the line that runs
        self._at_work = False
        self._num_sources = 0

    def run(self) -> tuple[int, Shell | None]:
        """Everything from the start to the end object. Returns as the function `run` does."""
        shell, goes_on, code = None, False, FAILED
        with self._signals:
            try:
                try:
                    shell, found = self._start()
                    if shell is not None:
                        self._run_all(shell, found)
                except KeyboardInterrupt:
                    self._failed += self._at_work
                code = self._exit_code()
                self._output.finish(self._lines, self._failed, code)
                goes_on = self._options.go_on and self._quit is None and self._signals.number is None
            finally:  # also where nobody reads the output any more
                if shell is not None and not goes_on:
                    shell.end("quit" if code == OK or self._quit is not None else "error")
                    self._tell_notices(shell)
        return code, shell if goes_on else None

    def _start(self) -> tuple[Shell | None, list[Source]]:
        """The shell with its model, and where the lines come from; no shell when that cannot be had."""
        try:
            found = sources(self._options.lines, self._options.scripts)
            shell = build_shell(
                self._options, None if any(source.name == "-" for source in found) else read_stdin, self._on_slow
            )
        except Exception as error:
            self._refused = (
                BAD_USAGE
                if isinstance(error, UsageError)
                else NO_MODEL
                if isinstance(error, CheckpointError | PluginError)
                else FAILED
            )
            self._tell(error, "", "", None)
            return None, []
        self._tell_notices(shell)
        model = shell.session.model
        told = {
            "model": model.name,
            "task": str(model.task),
            "fingerprint": model.fingerprint,
            "seed": shell.session.seed,
        }
        plugins = [
            plugin.name for plugin in shell.registry.plugins if plugin.state == "loaded" and plugin.name != "seqshell"
        ]
        self._output.start({"seqshell": __version__, **told, "plugins": plugins})
        return shell, found

    def _run_all(self, shell: Shell, found: list[Source]) -> None:
        self._num_sources = len(found)
        for source in found:
            try:
                for line in read_lines(source, messages=self._options.messages):
                    self._run_line(shell, source, line)
                    if self._is_over():
                        return
            except UsageError as error:  # the file cannot be read, or a block is not closed
                number = error.number if isinstance(error, UnclosedBlock) else None
                self._refused = BAD_USAGE
                self._lines += number is not None
                self._failed += number is not None
                self._tell(error, f"{source.name}:{number}" if number else source.name, "", number)
                return

    def _is_over(self) -> bool:
        return (
            self._quit is not None
            or self._signals.number is not None
            or (self._failed > 0 and self._options.on_error == "stop")
        )

    def _run_line(self, shell: Shell, source: Source, line: ScriptLine) -> None:
        """Run one line; what goes wrong with it is told and counted."""
        messages = self._options.messages
        parsed = Message(line.text) if messages else parse(line.text)
        if line.error is None and (parsed is None or (line.text == "" and not messages)):
            return
        message = parsed.text if isinstance(parsed, Message) else None
        self._lines += 1
        self._at_work = True
        self._output.begin(line.number, line.text, message, source.name if self._num_sources > 1 else None)
        self._op = ""
        try:
            if line.error is not None:
                raise line.error
            if messages and line.text == "":
                self._output.empty(str(shell.task))
            else:
                self._answer(shell, shell.run_message(line.text) if messages else shell.run(line.text))
        except _Failed as failed:
            self._fail(shell, failed.reason, source, line)
        except UsageError as error:
            self._fail(shell, error, source, line)
        self._signals.interrupt = None
        self._at_work = False

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
            elif isinstance(event, Token | Translation | Label):
                self._signals.interrupt = shell.interrupt
            elif isinstance(event, Quit):
                self._quit = event.code
            self._output.event(event)

    def _fail(self, shell: Shell, error: Exception, source: Source, line: ScriptLine) -> None:
        self._failed += 1
        self._unmet += isinstance(error, ExpectationError)
        self._tell(error, f"{source.name}:{line.number}", self._op, line.number)
        if self._options.messages and not self._options.json:
            self._output.empty(str(shell.task))

    def _tell(self, error: Exception, where: str, op: str, number: int | None) -> None:
        fault = fault_of(error)
        self._output.failed(where, op, number, fault)
        if fault.details and is_debugging():
            tell(sys.stderr, fault.details)

    def _tell_notices(self, shell: Shell) -> None:
        for notice in shell.take_notices():
            tell(sys.stderr, notice.text)

    def _exit_code(self) -> int:
        failed = NOT_AS_EXPECTED if self._failed == self._unmet else FAILED
        return self._signals.exit_code or self._quit or self._refused or (failed if self._failed else OK)


class _Failed(Exception):
    """What the shell raised, so that it is told apart from what the output raises."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason
