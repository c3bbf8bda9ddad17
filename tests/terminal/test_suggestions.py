"""What the live model suggests while the user rests, and the rest of the shell that the prompt shows: completion and toolbar."""

import threading

import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from seqshell.terminal import suggester
from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.model_suggestion import MOST_TOKENS, continuation
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.suggester import ModelSuggestion
from seqshell.terminal.toolbar import toolbar_parts
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell(monkeypatch):
    monkeypatch.setattr(suggester, "IDLE_SECONDS", 0.02)
    return shell_for(tiny_model(), seed=7)


def never():
    return False


def test_a_continuation_is_the_models_greedy_one_up_to_the_end_of_its_line(shell):
    session = shell.session
    suggested = continuation(session, "abc", never)

    session.feed("abc")
    greedy = "".join(token.text for token in list(session.generate(MOST_TOKENS, strategy="greedy"))[:-1])
    whole = greedy.partition("\n")[0]
    assert suggested
    assert suggested == whole if "\n" in greedy else whole.startswith(suggested)


def test_a_continuation_leaves_the_session_as_it_is(shell):
    session = shell.session
    session.feed("ab")
    before, here = session.ids(), session.here
    continuation(session, "c", never)
    assert (session.ids(), session.here) == (before, here)


def test_there_is_no_continuation_of_what_the_model_does_not_know(shell):
    assert continuation(shell.session, "é", never) == ""
    assert continuation(shell.session, "", never) == ""
    assert continuation(shell.session, "a" * 1000, never) == ""


def test_a_continuation_nobody_waits_for_ends(shell):
    asked = []

    def stopped():
        asked.append(True)
        return len(asked) > 1

    assert continuation(shell.session, "abc", stopped) == ""
    assert len(asked) == 2


@pytest.fixture
def keyboard():
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def prompt(keyboard, shell, history=()):
    return Prompt(
        get_shell=lambda: shell,
        history=InMemoryHistory(list(history)),
        completer=ShellCompleter(lambda: shell),
        toolbar=lambda: list(toolbar_parts(shell)),
        input=keyboard,
        output=DummyOutput(),
    )


def rested(asked, keyboard, seconds=5.0):
    """Press Right and Enter once the model has suggested something, or Enter alone when it does not in that time."""
    buffer = asked.session.default_buffer
    late = threading.Timer(seconds, lambda: keyboard.send_text("\r"))
    late.start()

    def look(application):
        if isinstance(buffer.suggestion, ModelSuggestion) and late.is_alive():
            late.cancel()
            keyboard.send_text("\x1b[C\r")

    asked.application.after_render += look
    line = asked.ask()
    late.cancel()
    return line


def test_after_a_rest_right_takes_what_the_model_suggests(keyboard, shell):
    keyboard.send_text("abc")
    assert rested(prompt(keyboard, shell), keyboard) == "abc" + continuation(shell.session, "abc", never)


def test_the_history_comes_before_the_model(keyboard, shell):
    keyboard.send_text("ab")
    asked = prompt(keyboard, shell, ["abba"])
    assert rested(asked, keyboard, 0.1) == "ab"


@pytest.mark.parametrize(("choice", "typed"), [("off", "abc"), ("history", "abc"), ("model", "/undo")])
def test_nothing_is_suggested_where_it_is_not_wanted(keyboard, shell, choice, typed):
    shell.settings.set("suggest", choice)
    keyboard.send_text(typed)
    assert rested(prompt(keyboard, shell), keyboard, 0.1) == typed


def test_f4_is_the_setting_keys(keyboard, shell):
    keyboard.send_text("\x1bOS\r")
    prompt(keyboard, shell).ask()
    assert shell.settings.get("keys") == "vi"


def test_keys_go_to_the_next_candidate_by_its_name(keyboard, shell):
    list(shell.handle("abc"))
    list(shell.handle("/regen 2"))
    asked = prompt(keyboard, shell)
    keyboard.send_text("abc\x1b[1;3C")
    assert asked.ask() == "/checkout main.3"
    assert asked.take_saved_line() == "abc"
    keyboard.send_text("\x1b[1;3D")
    assert asked.ask() == "/checkout main"


def test_keys_for_candidates_do_nothing_where_there_are_none(keyboard, shell):
    keyboard.send_text("\x1b[1;3Ca\r")
    assert prompt(keyboard, shell).ask() == "a"


def test_tab_completes_from_the_word_that_it_stands_in(shell):
    found = list(ShellCompleter(lambda: shell).get_completions(Document("/set temp"), CompleteEvent()))
    assert ("temperature", -4) in [(completion.text.strip(), completion.start_position) for completion in found]


def test_commands_are_completed_before_the_shell_stands():
    found = list(ShellCompleter(lambda: None).get_completions(Document("/und"), CompleteEvent()))
    assert [completion.text.strip() for completion in found] == ["/undo"]


def test_the_toolbar_tells_where_the_session_stands(shell):
    assert list(toolbar_parts(shell)) == ["tiny", "sample", "seed 7", "main at 0"]
    list(shell.handle("/set temperature 0.5"))
    list(shell.handle("/feed abc"))
    assert list(toolbar_parts(shell, 1234.5)) == [
        "tiny",
        "sample temperature=0.5",
        "seed 7",
        "main at 3",
        "1,234 tokens/s",
    ]


def test_the_toolbar_without_a_model_says_so(shell):
    shell.workspace.close("tiny")
    assert list(toolbar_parts(shell)) == ["no model"]
