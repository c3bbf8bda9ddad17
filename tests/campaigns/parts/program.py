"""seqshell as a process that a campaign sends signals to: in a terminal of its own, or between pipes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time
import traceback
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds that a busy machine may take for anything
COMMANDS = ([sys.executable, "-m", "seqshell"], [str(Path(sys.executable).with_name("seqshell"))])


class Program:
    """A process group of its own in a session that has another one, so that SIGTSTP stops it.

    output: what it wrote to the terminal, or to stdout. errors: what it wrote to stderr, without a terminal.
    pid: for signals. status: how it ended, as subprocess has it: the exit code, or minus the number of a signal.
    """

    def __init__(self, arguments: list[str], *, terminal: bool) -> None:
        self.output = self.errors = ""
        self.status: int | None = None
        self._files: dict[int, str] = {}
        self.terminal = self.slave = -1
        environment = {**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm-256color", "SEQSHELL_PLUGINS": ""}
        if terminal:
            self.terminal, self.slave = pty.openpty()
            termios.tcsetwinsize(self.slave, (24, 80))
            ends = (self.slave,) * 3
            self._files[self.terminal] = "output"
        else:
            pipes = [os.pipe(), os.pipe()]
            ends = (os.open(os.devnull, os.O_RDONLY), pipes[0][1], pipes[1][1])
            self._files = {pipes[0][0]: "output", pipes[1][0]: "errors"}
        self.mode = termios.tcgetattr(self.slave) if terminal else None
        tells, told = os.pipe()
        self._leader = os.fork()
        if not self._leader:
            try:
                _lead(arguments, environment, ends, told, terminal)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        for end in {*ends, told} - {self.slave}:
            os.close(end)
        self._tells = tells
        self.pid = int(_read_line(tells))

    def send(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def type(self, text: str) -> None:
        """Press keys."""
        with contextlib.suppress(OSError):
            os.write(self.terminal, text.encode())

    def read(self, seconds: float) -> bool:
        """Read what it writes for some seconds, or until it ends. Returns whether it has ended."""
        until = time.monotonic() + seconds
        while self.status is None:
            left = max(0.0, until - time.monotonic())
            ready = select.select([*self._files, self._tells], [], [], left)[0]
            for file in ready:
                if file != self._tells:
                    self._read(file)
            if self._tells in ready:
                self._end()
            elif not left:
                return False
        return True

    def until(self, reached: Any) -> bool:
        """Read until reached() or the end; False if neither comes."""
        end = time.monotonic() + PATIENCE
        while not reached() and not self.read(0.01):
            if time.monotonic() > end:
                return False
        return True

    def close(self) -> None:
        """End it."""
        if self.status is None:
            self.send(signal.SIGKILL)
            self.until(lambda: False)
        for file in {*self._files, self._tells, self.terminal, self.slave} - {-1}:
            os.close(file)
        os.waitpid(self._leader, 0)

    @property
    def prompts(self) -> int:
        """The number of prompts so far: each turns on bracketed paste."""
        return self.output.count("\x1b[?2004h")

    @property
    def accepted(self) -> int:
        """The number of lines that were accepted so far: each turns off bracketed paste."""
        return self.output.count("\x1b[?2004l")

    @property
    def is_restored(self) -> bool:
        """Whether the terminal is as it was: its mode, bracketed paste and the cursor."""
        paste = self.output.rfind("\x1b[?2004h") <= self.output.rfind("\x1b[?2004l")
        cursor = self.output.rfind("\x1b[?25l") <= self.output.rfind("\x1b[?25h")
        return termios.tcgetattr(self.slave) == self.mode and paste and cursor

    def _read(self, file: int) -> None:
        try:
            data = os.read(file, 65536)
        except OSError:  # the terminal was closed
            data = b""
        name = self._files[file]
        setattr(self, name, getattr(self, name) + data.decode("utf-8", "replace"))
        if not data:
            del self._files[file]
            if file != self.terminal:
                os.close(file)

    def _end(self) -> None:
        self.status = int(_read_line(self._tells))
        while ready := select.select([*self._files], [], [], 0)[0]:
            for file in ready:
                self._read(file)


def _lead(arguments: list[str], environment: dict[str, str], ends: tuple[int, ...], told: int, terminal: bool) -> None:
    """The leader of the session: start the program, and tell its pid and its end."""
    os.setsid()
    if terminal:
        fcntl.ioctl(ends[0], termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        if terminal:
            os.tcsetpgrp(ends[0], os.getpid())
        for number in (signal.SIGTTOU, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for number, end in enumerate(ends):
            os.dup2(end, number)
        os.closerange(3, 1024)
        os.execve(arguments[0], arguments, environment)
    os.write(told, f"{child}\n".encode())
    for end in set(ends):
        os.close(end)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(told, f"{status}\n".encode())
    os._exit(0)


def _read_line(file: int) -> str:
    found = b""
    while not found.endswith(b"\n"):
        byte = os.read(file, 1)
        if not byte:
            raise EOFError("the leader of the session ended")
        found += byte
    return found.decode()
