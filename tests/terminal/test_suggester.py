"""The model's suggestion while the user pauses, and the keys that need a loaded shell."""

import threading
from dataclasses import replace

import pytest

from seqshell.terminal import suggester
from seqshell.terminal.model_suggestion import MAX_TOKENS, continuation
from seqshell.terminal.suggester import ModelSuggestion, example_of
from seqshell.testing import tiny_checkpoint, tiny_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell(monkeypatch):
    monkeypatch.setattr(suggester, "IDLE_SECONDS", 0.02)
    return shell_for(tiny_model(), seed=7)


def never():
    return False


# The continuation


def test_a_continuation_is_greedy_and_ends_with_the_line(shell):
    session = shell.session
    suggested = continuation(session, "abc", never)

    session.feed("abc")
    greedy = "".join(token.text for token in list(session.generate(MAX_TOKENS, strategy="greedy"))[:-1])
    line = greedy.partition("\n")[0]
    assert suggested
    assert suggested == line if "\n" in greedy else line.startswith(suggested)


def test_a_continuation_does_not_change_the_session(shell):
    session = shell.session
    session.feed("ab")
    before, here = session.ids(), session.here
    continuation(session, "c", never)
    assert (session.ids(), session.here) == (before, here)


@pytest.mark.parametrize("text", ["é", "", "a" * 1000], ids=["unknown", "empty", "long"])
def test_there_is_no_continuation_of_unknown_empty_or_long_text(shell, text):
    assert continuation(shell.session, text, never) == ""


def test_a_continuation_ends_when_it_is_stopped(shell):
    calls = []

    def stopped():
        calls.append(True)
        return len(calls) > 1

    assert continuation(shell.session, "abc", stopped) == ""
    assert len(calls) == 2


# The prompt


def accept_suggestion(prompt, keyboard, seconds=5.0):
    """Press Right and Enter once the model has suggested something; after `seconds` without a suggestion, Enter."""
    buffer = prompt.session.default_buffer
    timer = threading.Timer(seconds, lambda: keyboard.send_text("\r"))
    timer.start()

    def accept(application):
        if isinstance(buffer.suggestion, ModelSuggestion) and timer.is_alive():
            timer.cancel()
            keyboard.send_text("\x1b[C\r")

    prompt.application.after_render += accept
    line = prompt.ask()
    timer.cancel()
    return line


def test_right_accepts_the_suggestion_of_the_model(keyboard, new_prompt, shell):
    keyboard.send_text("abc")
    assert accept_suggestion(new_prompt(shell), keyboard) == "abc" + continuation(shell.session, "abc", never)


def test_the_history_comes_before_the_model(keyboard, new_prompt, shell):
    keyboard.send_text("ab")
    assert accept_suggestion(new_prompt(shell, history=["abba"]), keyboard, 0.1) == "ab"


@pytest.mark.parametrize(("setting", "typed"), [("off", "abc"), ("history", "abc"), ("model", "/undo")])
def test_the_model_is_not_asked_if_suggestions_are_off_or_for_commands(keyboard, new_prompt, shell, setting, typed):
    shell.settings.set("suggest", setting)
    keyboard.send_text(typed)
    assert accept_suggestion(new_prompt(shell), keyboard, 0.1) == typed


def test_no_example_is_suggested_if_suggestions_are_off(keyboard, new_prompt, shell):
    prompt = new_prompt(shell)
    prompt.suggester.example = "abc"
    shell.settings.set("suggest", "off")
    keyboard.send_text("\x1b[C\r")
    assert prompt.ask() == ""


def test_the_example_is_that_of_a_model_with_nothing_read_or_to_read(tmp_path):
    shell = shell_for()
    assert example_of(shell) == ""
    shell.open(tiny_checkpoint(tmp_path / "tiny.safetensors", examples=["abc"]))
    assert example_of(shell) == "abc"
    for _ in shell.run("/feed " + "abc" * 5000):
        shell.interrupt()
    assert (shell.session.position, example_of(shell)) == (0, "")  # Enter reads the rest
    list(shell.handle("/reset"))
    assert example_of(shell) == "abc"
    list(shell.handle("/feed a"))
    assert example_of(shell) == ""


def test_f4_changes_the_setting_keys(keyboard, new_prompt, shell):
    keyboard.send_text("\x1bOS\r")
    new_prompt(shell).ask()
    assert shell.settings.get("keys") == "vi"


def test_alt_left_and_alt_right_check_out_the_candidates(keyboard, new_prompt, shell):
    list(shell.handle("abc"))
    list(shell.handle("/regen 2"))
    prompt = new_prompt(shell)
    keyboard.send_text("abc\x1b[1;3C")
    assert prompt.ask() == "/checkout main.3"
    assert prompt.take_saved_line() == "abc"
    keyboard.send_text("\x1b[1;3D")
    assert prompt.ask() == "/checkout main"


def test_alt_right_does_nothing_without_candidates(keyboard, new_prompt, shell):
    keyboard.send_text("\x1b[1;3Ca\r")
    assert new_prompt(shell).ask() == "a"


def test_no_example_is_suggested_after_a_state_that_was_given():
    shell = shell_for(replace(tiny_model(), header={"examples": ["abc"]}))
    list(shell.handle("/feed ab"))
    list(shell.handle("/state load here"))
    assert (shell.session.position, example_of(shell)) == (0, "")
