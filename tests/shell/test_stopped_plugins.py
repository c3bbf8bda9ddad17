"""Ctrl-C in code of a plugin that does not end: the line fails, names the plugin, and leaves the session as it was."""

import importlib
import signal

import pytest

from seqshell.core.events import Finished, Token
from seqshell.core.signal_handlers import SignalHandlers
from seqshell.testing import shell_for, tiny_model

# Code that is interrupted: os.kill has the effect of Ctrl-C at this place.
ENDLESS = """
import dataclasses, os, signal
import seqshell

def press():
    os.kill(os.getpid(), signal.SIGINT)

@dataclasses.dataclass(frozen=True)
class Sampler:
    name = "endless"
    position: int = 0
    def __call__(self, logits, context):
        while context.position >= self.position:
            press()
        return logits

@dataclasses.dataclass(frozen=True)
class Search:
    name = "hangs"
    streams = False
    def search(self, decoder, start, request):
        while True:
            press()
        yield

@seqshell.command("wait")
def wait(shell, arguments):
    shell.session.feed("abc")
    yield seqshell.Notice("waiting")
    while True:
        press()

@seqshell.hookimpl
def seqshell_samplers():
    yield Sampler

@seqshell.hookimpl
def seqshell_strategies():
    yield Search

@seqshell.hookimpl
def seqshell_commands():
    yield wait
"""


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell with the plugin `endless`; Ctrl-C raises KeyboardInterrupt, as it does when a line does not end."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.reload(importlib.import_module("endless"))
    handlers = SignalHandlers({signal.SIGINT: signal.default_int_handler})
    handlers.install()
    yield shell_for(tiny_model(), plugins=[module])
    handlers.restore()


def stopped(shell, line):
    """What a line shows before Ctrl-C stops it: the number of tokens, and the notices afterwards."""
    num_tokens = 0
    try:
        for event in shell.handle(line):
            num_tokens += isinstance(event, Token)
    except KeyboardInterrupt:
        return num_tokens, [notice.text for notice in shell.take_notices()]
    raise AssertionError("nothing was stopped")


def test_a_sampler_that_does_not_end_is_named_and_the_session_is_as_before_the_line(shell):
    list(shell.handle("/sampler endless=0"))
    num_tokens, notices = stopped(shell, "abc")

    assert (num_tokens, shell.session.position) == (0, 0)
    assert notices == [
        "the plugin endless was stopped by Ctrl-C (endless.py, line 6); the session is as before this line"
    ]


def test_what_was_shown_before_is_kept(shell):
    list(shell.handle("/sampler endless=5"))
    num_tokens, notices = stopped(shell, "abc")

    assert (num_tokens, shell.session.position) == (2, 5)
    assert notices == [
        "the plugin endless was stopped by Ctrl-C (endless.py, line 6); what was shown is kept, /undo undoes it"
    ]
    list(shell.handle("/undo"))
    assert shell.session.position == 0


def test_a_search_that_does_not_end_is_named(shell):
    list(shell.handle("/strategy hangs"))
    assert stopped(shell, "abc")[1] == [
        "the plugin endless was stopped by Ctrl-C (endless.py, line 6); the session is as before this line"
    ]
    assert shell.session.position == 0


def test_a_command_that_does_not_end_is_named_and_what_it_did_is_undone(shell):
    assert stopped(shell, "/wait")[1] == [
        "/wait of the plugin endless was stopped by Ctrl-C (endless.py, line 6); the session is as before this line"
    ]
    assert shell.session.position == 0


def test_the_next_line_works_and_the_plugin_has_not_failed(shell):
    list(shell.handle("/sampler endless=0"))
    stopped(shell, "abc")
    list(shell.handle("/sampler none"))

    assert isinstance(list(shell.handle("abc"))[-1], Finished)
    assert shell.registry.problems == ()


def test_ctrl_c_in_seqshells_own_code_names_no_plugin(shell, monkeypatch):
    def press(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(type(shell.session.behaviour), "answer", press)
    assert stopped(shell, "abc") == (0, [])
