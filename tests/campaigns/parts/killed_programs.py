"""Programs that are killed: after a time, before an operation on files, or in the middle of a write."""

from __future__ import annotations

import math
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

WRITING = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")  # events of sys.addaudithook
SECONDS = 60.0  # that a program may run without being killed


class Kill:
    """How a program is killed: after some of `seconds`, before one of `operations`, or when a file has `size` bytes."""

    def __init__(self, draws: random.Random, seconds: float, operations: int, size: int, *, least: int = 16) -> None:
        how = draws.randrange(3)
        self.seconds = draws.uniform(0, seconds) if how == 0 else SECONDS
        self.operation = draws.randint(1, operations) if how == 1 else 0
        self.size = int(math.exp(draws.uniform(math.log(least), math.log(size)))) if how == 2 else 0

    def arm(self) -> None:
        """Prepare this process for its end."""
        if self.size:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))
        if self.operation:
            left = self.operation

            def count(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal left
                if event in WRITING and (event != "open" or (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)):
                    left -= 1
                    if not left:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)


def run(program: Callable[[], Any], kill: Kill | None = None) -> str | None:
    """Run it in a forked process. Returns what it raised; None if it ended well or was killed as planned."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            if kill is not None:
                kill.arm()
            program()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500])
        finally:
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + (kill.seconds if kill is not None else SECONDS)
    while not (ended := os.waitpid(child, os.WNOHANG)[0]) and time.monotonic() < deadline:
        time.sleep(0.001)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    said = os.read(reading, 500).decode("utf-8", "replace")
    os.close(reading)
    return said or ("it did not end" if not ended and (kill is None or kill.seconds == SECONDS) else None)
