"""What is loaded while the user types the first line, and what the first prompt does without."""

import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from seqshell.terminal.background_load import BackgroundLoad
from seqshell.testing import tiny_checkpoint


def test_an_error_while_loading_is_raised_in_the_thread_that_waits():
    ended = []
    loading = BackgroundLoad(lambda: [][0], lambda: ended.append(True))
    with pytest.raises(IndexError):
        loading.wait()
    assert ended == [True]
    assert loading.failed
    assert loading.built is None


def test_loading_happens_once_and_in_another_thread():
    threads = []

    def build():
        threads.append(threading.current_thread())
        return SimpleNamespace()

    loading = BackgroundLoad(build)
    loading.start()
    assert loading.wait() is loading.wait()
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


FIRST_PROMPT = """
import io, sys
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from seqshell.shell.startup import Options
from seqshell.terminal.printer import Printer
from seqshell.terminal.repl import Repl
from seqshell.terminal.signals import Signals

class Screen(io.StringIO):
    encoding = "utf-8"

with create_pipe_input() as keyboard:
    printer = Printer(Screen())
    options = Options(model=sys.argv[1], interactive=True)
    repl = Repl(options, printer, Signals(), input=keyboard, output=DummyOutput())
    repl._loading.start = lambda: keyboard.send_text("\\x04")
    assert repl.run() == 0
    assert "tiny: character RNN 1x8" in printer.stream.getvalue()
slow = {"numpy", "torch", "numba", "rich", "importlib.metadata", "pluggy", "platformdirs", "tomllib"}
print(sorted(name for name in sys.modules if name in slow or name.startswith("seqshell_")))
"""


def test_the_first_prompt_is_drawn_before_slow_libraries_and_plugins_are_imported(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path / "tiny.safetensors")
    run = subprocess.run(
        [sys.executable, "-c", FIRST_PROMPT, str(checkpoint)],
        env=os.environ | {"SEQSHELL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")
