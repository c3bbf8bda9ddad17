"""Presses Ctrl-C in the middle of a line, in a fork for each line. Run by test_interrupted_commands.

    python interrupt_commands.py FOLDER < CASES

Each line of CASES is a JSON list of cases, {"before": [LINES], "line": LINE, "moment": SECONDS or null, "model": NAME,
"piped": BOOL, "home": SEQSHELL_HOME}. Prints a JSON list of texts for it: the traceback of a case that failed, or
{"took": SECONDS, "came": BOOL, "printed": TEXT}. took: from the signal to the end of the line, by the clock or by the
processor time of the process, whichever is less: a busy machine makes no difference, nor does an import that goes on
beside the next line. Without a moment, it is the time of the line, which is not interrupted. came: False if the line
had ended before the moment.
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

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in the program
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


def now():
    """The processor time of the process, and the clock, in seconds."""
    return time.process_time(), time.monotonic()


class Press:
    """Sends SIGINT after some seconds of processor time, or never."""

    def __init__(self, moment):
        self.moment, self.since, self.is_over = moment, now(), False
        self.came = moment is None
        if moment is not None:
            threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self):
        while time.process_time() - self.since[0] < self.moment and not self.is_over:
            time.sleep(0.005)
        if not self.is_over:
            self.since, self.came = now(), True
            os.kill(os.getpid(), signal.SIGINT)

    def result(self, screen):
        """What is printed of the case, at the end of its line."""
        self.is_over = True
        took = min(end - begin for end, begin in zip(now(), self.since, strict=True)) if self.came else 0.0
        return {"took": took, "came": self.came, "printed": screen.getvalue()[-300:]}


def at_the_prompt(case):
    screen = io.StringIO()
    with Signals() as signals, uninterrupted_imports():
        shell = Shell(load_registry(Policy(no_plugins=True)), interactive=True)
        shell.open(case["model"])
        runner = LineRunner(shell, Printer(screen, width=lambda: 80), signals)
        for line in case["before"]:
            assert runner.run(line).done, screen.getvalue()
        press = Press(case["moment"])
        runner.run(case["line"])
        return press.result(screen)


def piped(case):
    screen = io.StringIO()
    lines = [word for line in (*case["before"], case["line"]) for word in ("-c", line)]
    with redirect_stdout(screen), redirect_stderr(screen):
        press = Press(case["moment"])
        code = main(["-m", case["model"], "--seed", "1", *lines])
        result = press.result(screen)
    assert code == (130 if press.came else 0), screen.getvalue()
    return result


def result_of(case):
    """The result of a case, as JSON; nothing can be read from the standard input."""
    os.environ["SEQSHELL_HOME"] = case["home"]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return json.dumps((piped if case["piped"] else at_the_prompt)(case))


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps([in_fork(lambda case=case: result_of(case)) for case in json.loads(line)]), flush=True)
