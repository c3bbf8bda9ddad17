"""Interrupts an import at moments spread over it, each in a fork of its own. Run by test_interrupted_imports.

    python interrupt_imports.py FOLDER COUNT LINE   # a line of the shell whose first use imports native libraries
    python interrupt_imports.py FOLDER COUNT MODULE

It prints how many of COUNT went as they should, and a line for each of the others.
"""

import io
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import closing

from seqshell.core.events import Notice
from seqshell.core.uninterrupted_imports import is_importing, uninterrupted_imports
from seqshell.host.builtin import load_registry
from seqshell.host.policy import Policy
from seqshell.shell.shell import Shell
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import Printer
from seqshell.terminal.signals import Signals


def run(work, runner, whole=True):
    """Run a line, or import a module. Returns whether it was done. whole: a training to its end, not its beginning."""
    if work.startswith("/") and not whole:
        with closing(runner.shell.run(work)) as events:
            return any(isinstance(event, Notice) and event.text.startswith("counted: ngram") for event in events)
    if work.startswith("/"):
        return runner.run(work).done
    with runner._signals.answering(lambda: None):
        try:
            __import__(work)
        except KeyboardInterrupt:
            return False
    return True


def attempt(work, moment, whole):
    """Press Ctrl-C twice at a moment in seconds, then work again. Returns what went wrong, or the empty string."""
    screen = io.StringIO()
    with Signals() as signals, uninterrupted_imports():
        runner = LineRunner(Shell(load_registry(Policy(no_plugins=True))), Printer(screen, width=lambda: 80), signals)

        def press():
            for _ in range(2):
                if signals._interrupt is not None:  # else the work was quicker
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.02)

        timer = threading.Timer(0.01 + moment, press)
        timer.start()
        done = run(work, runner)
        is_abandoned = is_importing()
        timer.join()
        if not (is_abandoned or done or screen.getvalue()):
            return "Ctrl-C had to wait for the import"
        return "" if run(work, runner, whole) else f"after Ctrl-C at {moment:.2f} s: {screen.getvalue()[-500:]}"


def in_fork(call):
    """The text that a call returns in a forked process, or the traceback of its exception."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            text = call()
        except BaseException:
            text = traceback.format_exc()
        os.write(write, text.encode()[:60_000])
        os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    return text if status == 0 else f"{text} ended with the status {status}"


def duration(work):
    """The seconds that the work takes when nobody interrupts it."""
    start = time.monotonic()
    with Signals() as signals, uninterrupted_imports():
        runner = LineRunner(Shell(load_registry(Policy(no_plugins=True))), Printer(io.StringIO()), signals)
        assert run(work, runner, whole=False)
    return str(time.monotonic() - start)


if __name__ == "__main__":
    folder, count, work = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    os.chdir(folder)
    seconds = float(in_fork(lambda: duration(work)))
    failures = []
    for number in range(count):
        moment, whole = seconds * number / count, number == count // 2
        failures += filter(None, [in_fork(lambda moment=moment, whole=whole: attempt(work, moment, whole))])
    print(f"{count - len(failures)} of {count}", *failures, sep="\n")
