"""A line and what becomes of it on the screen, without a keyboard: real shell, real model, a screen in memory."""

import io
import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

import seqshell
from seqshell.core.events import Steps
from seqshell.terminal.background_load import BackgroundLoad
from seqshell.terminal.line_runner import Answering
from seqshell.terminal.printer import Printer
from seqshell.terminal.script_steps import Step, steps_of
from seqshell.terminal.signals import Signals, Terminated
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for


class Screen(io.StringIO):
    encoding = "utf-8"


def raising(error):
    @seqshell.command("burst")
    def burst(shell, arguments):
        """Fail, after a while or at once."""
        if arguments.text:
            yield seqshell.Text("so far")
        raise error

    class Plugin:
        @seqshell.hookimpl
        def seqshell_commands(self):
            yield burst

    return Plugin()


def answering(*plugins, vocabulary="\n abcdefgh"):
    shell = shell_for(tiny_model(vocabulary), plugins=plugins, seed=7)
    shell.interactive = True
    return Answering(shell, Printer(Screen(), colours=0, width=lambda: 80), Signals())


def seen(answers):
    return re.sub(r"\x1b\[[0-9;]*m", "", answers._printer.stream.getvalue())


def test_a_message_is_answered_and_generates():
    answers = answering()
    outcome = answers.answer("abc")
    assert outcome.done
    assert not outcome.put_back
    assert "stopped at 200 tokens · Enter continues" in seen(answers)
    assert answers.shell.session.position == 203


def test_an_empty_line_goes_on():
    answers = answering()
    answers.answer("/set max_tokens 5")
    answers.answer("abc")
    answers.answer("")
    assert answers.shell.session.position == 13


def test_a_line_that_changed_nothing_is_put_back():
    answers = answering()
    for line in ("What?", "/lod", "/set temperature -1", "/undo"):
        outcome = answers.answer(line)
        assert outcome.put_back, line
        assert not outcome.done
    assert answers.shell.session.position == 0


def test_a_line_that_showed_something_is_not_put_back():
    answers = answering(raising(seqshell.UsageError("no more")))
    assert answers.answer("/burst").put_back
    outcome = answers.answer("/burst now")
    assert not outcome.put_back
    assert seen(answers).endswith("so far\nno more\n")


@pytest.mark.parametrize(
    ("word", "command"), [("exit", "/exit"), ("quit", "/quit"), ("help", "/help"), ("clear", "/clear"), ("?", "/?")]
)
def test_words_that_are_commands_elsewhere_are_sent_with_a_note(word, command):
    answers = answering(vocabulary="?xitquhelpcar")
    answers.answer("/set max_tokens 1")
    assert answers.answer(word).done
    assert f"{word} goes to the model as text; the command is {command}\n" in seen(answers)
    assert answers.shell.session.position == len(word) + 1


def test_quit_carries_its_code():
    assert answering().answer("/quit 3").quit == 3
    assert answering().answer("/quit").quit == 0


def test_a_fault_is_one_line_that_names_the_log_and_the_shell_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    monkeypatch.delenv("SEQSHELL_DEBUG", raising=False)
    answers = answering()
    monkeypatch.setattr(
        answers.shell, "_message", lambda text: (_ for _ in ()).throw(ZeroDivisionError("by\x1b[2J zero"))
    )
    outcome = answers.answer("abc")
    assert not outcome.done
    assert not outcome.put_back
    shown = seen(answers).replace("\n", " ")
    assert "a fault inside seqshell: ZeroDivisionError: by^[[2J zero" in shown
    assert "Traceback" not in shown
    assert "ZeroDivisionError" in (tmp_path / "log").read_text()
    monkeypatch.undo()
    assert answers.answer("abc").done


def test_debugging_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    monkeypatch.setenv("SEQSHELL_DEBUG", "1")
    answers = answering(raising(ZeroDivisionError()))
    answers.answer("/burst")
    assert "Traceback (most recent call last)" in seen(answers)


def test_notices_are_told_after_the_line():
    answers = answering()
    answers.shell.notices.append(seqshell.Notice("peephole failed", "warning"))
    answers.answer("/feed abc")
    assert seen(answers).endswith("peephole failed\n")
    assert answers.shell.notices == []


def test_a_script_comes_as_steps():
    assert answering().answer("/tour").steps is not None


def test_steps_are_paragraphs_and_lines():
    script = ("", "/# One", "/# two.", "/#", "/# Three.", "ROMEO:", "", '"""a', '/# b"""', "/undo", "/# The end.")
    assert list(steps_of(Steps("x", script))) == [
        Step(("One two.", "Three."), "ROMEO:"),
        Step((), '"""a\n/# b"""'),
        Step((), "/undo"),
        Step(("The end.",), None),
    ]


# Signals


def test_the_first_interrupt_is_gentle_and_the_second_is_not():
    signals, told = Signals(), []
    with signals.answering(lambda: told.append(True)):
        signals._on_interrupt(2, None)
        assert told == [True]
        with pytest.raises(KeyboardInterrupt):
            signals._on_interrupt(2, None)
    with signals.answering(lambda: told.append(True)):
        signals._on_interrupt(2, None)  # a new answer is asked gently again
    assert told == [True, True]


def test_an_interrupt_while_nothing_is_answered_ends_what_waits():
    with pytest.raises(KeyboardInterrupt):
        Signals()._on_interrupt(2, None)


def test_being_told_to_leave_stops_the_answer_and_then_leaves():
    told = []
    with pytest.raises(Terminated) as terminated, Signals() as signals, signals.answering(lambda: told.append(True)):
        os.kill(os.getpid(), 15)
    assert told == [True]
    assert terminated.value.status == 143


def test_being_told_to_leave_interrupts_whatever_else_goes_on():
    with pytest.raises(Terminated) as terminated, Signals():
        os.kill(os.getpid(), 1)
    assert terminated.value.status == 129


# Loading


def test_what_fails_to_load_is_told_to_whoever_waits():
    failed = []
    loading = BackgroundLoad(lambda: [][0], lambda: failed.append(True))
    with pytest.raises(IndexError):
        loading.wait()
    assert failed == [True]
    assert loading.failed
    assert loading.built is None


def test_loading_happens_once_and_elsewhere():
    threads = []

    def build():
        threads.append(threading.current_thread())
        return SimpleNamespace()

    loading = BackgroundLoad(build)
    loading.start()
    assert loading.wait() is loading.wait()
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


FIRST_PAINT = """
import io, sys
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from seqshell.shell.startup import Options
from seqshell.terminal.repl import Repl
from seqshell.terminal.printer import Printer
from seqshell.terminal.signals import Signals

class Screen(io.StringIO):
    encoding = "utf-8"

with create_pipe_input() as keyboard:
    printer = Printer(Screen())
    conversation = Repl(Options(model=sys.argv[1], interactive=True), printer, Signals(), input=keyboard, output=DummyOutput())
    conversation._loading.start = lambda: keyboard.send_text("\\x04")
    assert conversation.run() == 0
    assert "tiny: character RNN 1x8" in printer.stream.getvalue()
loaded = {name for name in ("numpy", "torch", "numba", "rich", "importlib.metadata", "pluggy", "platformdirs", "tomllib") if name in sys.modules}
plugins = {name for name in sys.modules if name.startswith("seqshell_")}
print(sorted(loaded | plugins))
"""


def test_the_first_prompt_stands_before_anything_heavy_is_imported(tmp_path):
    from seqshell.testing import tiny_checkpoint

    checkpoint = tiny_checkpoint(tmp_path / "tiny.safetensors")
    environment = os.environ | {"SEQSHELL_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT, str(checkpoint)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")
