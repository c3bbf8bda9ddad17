"""The keys of the prompt, the history, and what is suggested, with a pipe for a keyboard and no screen."""

import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from seqshell.terminal.history import LineHistory
from seqshell.terminal.prompt import QUIT_HINT, Prompt
from seqshell.terminal.suggester import LineProcessor

ENTER, ALT_ENTER, CTRL_C, CTRL_D, CTRL_O, RIGHT, END, UP = (
    "\r",
    "\x1b\r",
    "\x03",
    "\x04",
    "\x0f",
    "\x1b[C",
    "\x1b[F",
    "\x1b[A",
)
F1, F3, F4 = "\x1bOP", "\x1bOR", "\x1bOS"


@pytest.fixture
def keyboard():
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def prompt(keyboard, **more):
    known = {
        "get_shell": lambda: None,
        "history": InMemoryHistory(),
        "completer": DummyCompleter(),
        "toolbar": lambda: ["tiny"],
    }
    return Prompt(**known | more, input=keyboard, output=DummyOutput())


def ask(keyboard, keys, asked=None, **more):
    keyboard.send_text(keys)
    return (asked or prompt(keyboard)).ask(**more)


def test_enter_sends_the_line_as_it_was_typed(keyboard):
    assert ask(keyboard, "  ROMEO: " + ENTER) == "  ROMEO: "
    assert ask(keyboard, ENTER) == ""


def test_alt_enter_and_ctrl_o_begin_a_new_line(keyboard):
    assert ask(keyboard, "a" + ALT_ENTER + "b" + CTRL_O + "c" + ENTER) == "a\nb\nc"


def test_enter_inside_a_block_begins_a_new_line_until_the_block_is_closed(keyboard):
    assert ask(keyboard, '"""a' + ENTER + ENTER + "  b" + ENTER + '"""' + ENTER) == '"""a\n\n  b\n"""'
    assert ask(keyboard, '"""a"""' + ENTER) == '"""a"""'


def test_a_paste_of_many_lines_is_one_message(keyboard):
    assert ask(keyboard, "\x1b[200~one\r\ntwo\nthree\x1b[201~" + ENTER) == "one\ntwo\nthree"


def test_f3_turns_enter_and_alt_enter_around(keyboard):
    assert ask(keyboard, F3 + "a" + ENTER + "b" + ALT_ENTER) == "a\nb"
    assert ask(keyboard, F3 + "a" + ENTER + "b" + F3 + ENTER) == "a\nb"


def test_ctrl_c_clears_the_line(keyboard):
    assert ask(keyboard, "rubbish" + CTRL_C + "a" + ENTER) == "a"


def test_ctrl_c_on_an_empty_line_says_how_to_leave(keyboard):
    asked = prompt(keyboard)
    assert ask(keyboard, CTRL_C + ENTER, asked) == ""
    assert asked._note == QUIT_HINT
    assert ask(keyboard, ENTER, asked) == ""
    assert asked._note == ""


def test_ctrl_c_leaves_a_script_that_is_taken_line_by_line(keyboard):
    with pytest.raises(KeyboardInterrupt):
        ask(keyboard, CTRL_C, default="/undo", interruptible=True)


def test_ctrl_d_leaves_on_an_empty_line_alone(keyboard):
    with pytest.raises(EOFError):
        ask(keyboard, CTRL_D)
    assert ask(keyboard, "ab\x1b[D" + CTRL_D + ENTER) == "a"


def test_a_default_stands_in_the_prompt(keyboard):
    assert ask(keyboard, "!" + ENTER, default="What is 2+2?") == "What is 2+2?!"


@pytest.mark.parametrize(
    ("keys", "line"), [("\x1bg", "/continue"), ("\x1br", "/regen"), ("\x1bu", "/undo"), (F1, "/help")]
)
def test_keys_send_commands_and_keep_what_was_being_typed(keyboard, keys, line):
    asked = prompt(keyboard)
    assert ask(keyboard, "ROM" + keys, asked) == line
    assert asked.take_saved_line() == "ROM"
    assert asked.take_saved_line() == ""
    assert list(asked.session.history.get_strings()) == []


def test_f4_changes_between_emacs_and_vi(keyboard):
    asked = prompt(keyboard)
    assert ask(keyboard, F4 + "ab\x1b" + "0iX" + ENTER, asked) == "Xab"
    assert asked.application.editing_mode == EditingMode.VI
    assert "vi" in asked._toolbar_line()
    assert ask(keyboard, F4 + "a" + ENTER, asked) == "a"
    assert asked.application.editing_mode == EditingMode.EMACS


def test_the_example_is_taken_with_right_and_only_in_an_empty_prompt(keyboard):
    asked = prompt(keyboard)
    asked.suggester.example = "ROMEO:"
    assert ask(keyboard, RIGHT + ENTER, asked) == "ROMEO:"
    assert ask(keyboard, "a" + RIGHT + ENTER, asked) == "a"
    assert ask(keyboard, "a\x7f" + RIGHT + ENTER, asked) == "ROMEO:"
    assert ask(keyboard, ENTER, asked) == ""


@pytest.mark.parametrize("key", [RIGHT, END])
def test_the_latest_line_that_starts_so_is_suggested(keyboard, key):
    asked = prompt(keyboard)
    for line in ("ROMEO: one", "ROMEO: two", "JULIET:"):
        assert ask(keyboard, line + ENTER, asked) == line
    assert ask(keyboard, "ROM" + key + ENTER, asked) == "ROMEO: two"


def test_alt_f_takes_a_word_of_the_suggestion(keyboard):
    asked = prompt(keyboard)
    ask(keyboard, "ROMEO: what is it" + ENTER, asked)
    assert ask(keyboard, "ROMEO:\x1bf\x1bf" + ENTER, asked) == "ROMEO: what "


def test_up_brings_earlier_lines(keyboard):
    asked = prompt(keyboard)
    ask(keyboard, "one" + ENTER, asked)
    ask(keyboard, "two" + ENTER, asked)
    assert ask(keyboard, UP + UP + ENTER, asked) == "one"


def test_ctrl_r_searches_the_history(keyboard):
    asked = prompt(keyboard)
    ask(keyboard, "ROMEO:" + ENTER, asked)
    ask(keyboard, "two" + ENTER, asked)
    assert ask(keyboard, "\x12MEO" + ENTER + ENTER, asked) == "ROMEO:"


def test_control_characters_of_a_paste_arrive_as_they_are(keyboard):
    assert ask(keyboard, "\x1b[200~a\x00\x9b\x1b]0;x\x07\x1b[201~" + ENTER) == "a\x00\x9b\x1b]0;x\x07"


def test_what_turns_a_line_around_is_not_drawn_but_is_sent(keyboard):
    from prompt_toolkit.layout.processors import TransformationInput

    asked = prompt(keyboard)
    fragments = [("", "a\u202eb\x07"), ("class:auto-suggestion", "é")]
    control = asked.session.layout.current_control
    drawn = (
        LineProcessor()
        .apply_transformation(
            TransformationInput(control, control.buffer.document, 0, lambda at: at, fragments, 80, 24)
        )
        .fragments
    )
    assert drawn == [("", "a\ufffdb\x07"), ("class:auto-suggestion", "é")]
    assert ask(keyboard, "a\u202eb" + ENTER, asked) == "a\u202eb"


def test_the_toolbar_tells_of_the_multi_line_mode(keyboard):
    asked = prompt(keyboard)
    asked.multi_line = True
    assert asked._toolbar_line() == "multi-line: Enter adds a line, Alt+Enter sends, F3 ends · tiny"


def test_the_editor_gives_the_line_back_to_the_prompt(keyboard, tmp_path, monkeypatch):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "edited\\nline" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    asked = prompt(keyboard)
    asked.session.default_buffer.on_text_changed += lambda buffer: (
        keyboard.send_text(ENTER) if buffer.text.startswith("edited") else None
    )
    assert ask(keyboard, "draft\x18\x05", asked) == "edited\nline"


# The history file


def test_lines_of_earlier_sessions_come_back_latest_first(tmp_path):
    path = tmp_path / "new" / "history"
    for line in ("one", 'two\n"""', "ü\ud800\x00"):
        LineHistory(lambda: path).append_string(line)
    assert list(LineHistory(lambda: path).load_history_strings()) == ["ü\ud800\x00", 'two\n"""', "one"]


def test_a_history_that_cannot_be_read_or_written_is_done_without(tmp_path):
    history = LineHistory(lambda: tmp_path)
    history.append_string("one")
    assert list(history.load_history_strings()) == []
    (tmp_path / "history").write_bytes(b'"good"\nnot json\n\xff\xfe\n12\n"' + b"x" * 10)
    assert list(LineHistory(lambda: tmp_path / "history").load_history_strings()) == ["good"]
