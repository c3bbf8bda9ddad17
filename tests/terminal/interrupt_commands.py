"""Presses Ctrl-C in the middle of a line, in a fork for each line. Run by test_interrupted_commands.

    python interrupt_commands.py FOLDER < CASES

CASES is a JSON list of {"before": [LINES], "line": LINE, "moment": SECONDS, "model": NAME, "piped": BOOL}. Prints a JSON
list of {"used": SECONDS, "done": BOOL, "code": EXIT CODE, "printed": TEXT}. used: the processor time of the process from
the signal to the end of the line, so that a busy machine makes no difference.
"""

import io
import json
import os
import signal
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from interrupt_imports import in_fork

from seqshell.cli import main
from seqshell.core.uninterrupted_imports import uninterrupted_imports
from seqshell.host.builtin import load_registry
from seqshell.host.policy import Policy
from seqshell.shell.shell import Shell
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import Printer
from seqshell.terminal.signals import Signals


class Press:
    """Sends SIGINT after some seconds of processor time, and notes when."""

    def __init__(self, moment):
        self.moment, self.at, self.over = moment, None, False
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.start = time.process_time()
        self.thread.start()

    def _wait(self):
        while time.process_time() - self.start < self.moment and not self.over:
            time.sleep(0.005)
        if not self.over:
            self.at = time.process_time()
            os.kill(os.getpid(), signal.SIGINT)

    def used(self):
        """The processor time since the signal, 0 if the line had ended before."""
        self.over = True
        return time.process_time() - self.at if self.at is not None else 0.0


def at_the_prompt(case):
    screen = io.StringIO()
    with Signals() as signals, uninterrupted_imports():
        shell = Shell(load_registry(Policy(no_plugins=True)), interactive=True)
        shell.open(case["model"])
        runner = LineRunner(shell, Printer(screen, width=lambda: 80), signals)
        for line in case["before"]:
            assert runner.run(line).done, screen.getvalue()
        press = Press(case["moment"])
        done = runner.run(case["line"]).done
        used = press.used()
    return {"used": used, "done": done and press.at is None, "code": 0, "printed": screen.getvalue()[-300:]}


def piped(case):
    screen = io.StringIO()
    lines = [word for line in (*case["before"], case["line"]) for word in ("-c", line)]
    with redirect_stdout(screen), redirect_stderr(screen):
        press = Press(case["moment"])
        code = main(["-m", case["model"], "--seed", "1", *lines])
        used = press.used()
    return {"used": used, "done": press.at is None, "code": code, "printed": screen.getvalue()[-300:]}


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    cases = json.load(sys.stdin)
    results = [in_fork(lambda case=case: json.dumps((piped if case["piped"] else at_the_prompt)(case))) for case in cases]
    print(json.dumps([json.loads(text) if text.startswith("{") else {"failed": text} for text in results]))
