"""Keys and suggestions of the prompt, with a pipe as the keyboard and no screen."""

import pytest
from prompt_toolkit.enums import EditingMode

from seqshell.terminal.prompt import QUIT_HINT
from seqshell.terminal.suggester import LineProcessor

ENTER, ALT_ENTER, CTRL_C, CTRL_D, CTRL_O, ESCAPE = "\r", "\x1b\r", "\x03", "\x04", "\x0f", "\x1b"
RIGHT, END, UP, DOWN, TAB = "\x1b[C", "\x1b[F", "\x1b[A", "\x1b[B", "\t"
F1, F3, F4 = "\x1bOP", "\x1bOR", "\x1bOS"


@pytest.fixture
def ask(keyboard, new_prompt):
    """Return a function that presses keys and gives the line that the prompt returns."""

    def press(keys, prompt=None, **options):
        keyboard.send_text(keys)
        return (prompt or new_prompt()).ask(**options)

    return press


def test_enter_sends_the_line_as_it_was_typed(ask):
    assert ask("  ROMEO: " + ENTER) == "  ROMEO: "
    assert ask(ENTER) == ""


def test_alt_enter_and_ctrl_o_start_a_new_line(ask):
    assert ask("a" + ALT_ENTER + "b" + CTRL_O + "c" + ENTER) == "a\nb\nc"


def test_enter_starts_a_new_line_until_the_block_is_closed(ask):
    assert ask('"""a' + ENTER + ENTER + "  b" + ENTER + '"""' + ENTER) == '"""a\n\n  b\n"""'
    assert ask('"""a"""' + ENTER) == '"""a"""'


def test_pasted_lines_are_one_message(ask):
    assert ask("\x1b[200~one\r\ntwo\nthree\x1b[201~" + ENTER) == "one\ntwo\nthree"


def paste(text):
    return f"\x1b[200~{text}\x1b[201~"


def test_pasted_commands_are_sent_line_by_line(ask, new_prompt):
    """Blank lines are skipped, a block stays one line, and each line goes to the history on its own."""
    prompt = new_prompt()
    assert (
        ask(paste('/set max_tokens 5\r\n/lod\r\n\r\nROMEO:\r\n"""\r\na\r\n"""\r\n') + ENTER, prompt)
        == "/set max_tokens 5"
    )
    assert prompt.is_waiting()
    assert [prompt.ask() for _ in range(3)] == ["/lod", "ROMEO:", '"""\na\n"""']
    assert not prompt.is_waiting()
    assert list(prompt.session.history.get_strings()) == ["/set max_tokens 5", "/lod", "ROMEO:", '"""\na\n"""']


def test_pasted_lines_that_are_still_to_be_sent_can_be_dropped(ask, new_prompt):
    prompt = new_prompt()
    assert ask(paste("/undo\n/redo\n/undo") + ENTER, prompt) == "/undo"
    assert prompt.drop_pasted() == 2
    assert ask("a" + ENTER, prompt) == "a"


@pytest.mark.parametrize("text", ["one\n/usr/bin/env is a path", "/feed a", '/undo\n"""\nopen'])
def test_a_pasted_text_without_commands_is_one_line(ask, text):
    assert ask(paste(text) + ENTER) == text


def test_a_command_of_several_typed_lines_is_one_line(ask):
    assert ask("/feed a" + CTRL_O + "/undo" + ENTER) == "/feed a\n/undo"


def test_keys_typed_ahead_are_waiting(keyboard, ask, new_prompt):
    prompt = new_prompt()
    assert ask("one" + ENTER + "two", prompt) == "one"
    assert prompt.is_waiting()
    assert ask(ENTER, prompt) == "two"
    assert not prompt.is_waiting()
    keyboard.send_text("three")
    assert prompt.is_waiting()


def test_f3_swaps_enter_and_alt_enter(ask):
    assert ask(F3 + "a" + ENTER + "b" + ALT_ENTER) == "a\nb"
    assert ask(F3 + "a" + ENTER + "b" + F3 + ENTER) == "a\nb"


def test_ctrl_c_clears_the_line(ask):
    assert ask("rubbish" + CTRL_C + "a" + ENTER) == "a"


def test_ctrl_c_on_an_empty_line_shows_how_to_quit(ask, new_prompt):
    prompt = new_prompt()
    assert ask(CTRL_C + ENTER, prompt) == ""
    assert prompt._note == QUIT_HINT
    assert ask(CTRL_C + "a" + CTRL_C + ENTER, prompt) == ""
    assert prompt._note == ""
    assert ask(ENTER, prompt) == ""
    assert prompt._note == ""


def test_ctrl_c_ends_a_script_that_runs_step_by_step(ask):
    with pytest.raises(KeyboardInterrupt):
        ask(CTRL_C, default="/undo", interruptible=True)


def test_ctrl_d_quits_only_on_an_empty_line(ask):
    with pytest.raises(EOFError):
        ask(CTRL_D)
    assert ask("ab\x1b[D" + CTRL_D + ENTER) == "a"


def test_a_default_line_can_be_edited(ask):
    assert ask("!" + ENTER, default="What is 2+2?") == "What is 2+2?!"


@pytest.mark.parametrize(
    ("keys", "line"), [("\x1bg", "/continue"), ("\x1br", "/regen"), ("\x1bu", "/undo"), (F1, "/help")]
)
def test_keys_send_commands_and_keep_what_was_being_typed(ask, new_prompt, keys, line):
    prompt = new_prompt()
    assert ask("ROM" + keys, prompt) == line
    assert prompt.take_saved_line() == "ROM"
    assert prompt.take_saved_line() == ""
    assert list(prompt.session.history.get_strings()) == []


def test_f4_switches_between_emacs_and_vi_keys(ask, new_prompt):
    prompt = new_prompt()
    assert ask(F4 + "ab\x1b" + "0iX" + ENTER, prompt) == "Xab"
    assert prompt.application.editing_mode == EditingMode.VI
    assert ask(F4 + "a" + ENTER, prompt) == "a"
    assert prompt.application.editing_mode == EditingMode.EMACS


def test_the_toolbar_shows_the_mode_of_vi_keys(keyboard, new_prompt):
    prompt, seen = new_prompt(), []
    keys = iter([F4, "\x1b", "i", ENTER])

    def press_next(application):
        seen.append(prompt._toolbar_line())
        keyboard.send_text(next(keys, ""))

    prompt.application.after_render += press_next
    prompt.ask()
    assert list(dict.fromkeys(seen)) == ["tiny", "vi insert · tiny", "vi normal · tiny"]


def test_right_accepts_the_example_only_in_an_empty_prompt(ask, new_prompt):
    prompt = new_prompt()
    prompt.suggester.example = "ROMEO:"
    assert ask(RIGHT + ENTER, prompt) == "ROMEO:"
    assert ask("a" + RIGHT + ENTER, prompt) == "a"
    assert ask("a\x7f" + RIGHT + ENTER, prompt) == "ROMEO:"


def test_enter_sends_the_example_that_an_empty_prompt_shows(ask, new_prompt):
    prompt = new_prompt()
    prompt.suggester.example = "ROMEO:"
    assert ask(ENTER, prompt) == "ROMEO:"
    assert ask("a\x7f" + ENTER, prompt) == "ROMEO:"
    assert ask("a" + CTRL_C + ENTER, prompt) == "ROMEO:"
    assert ask(CTRL_C + ENTER, prompt) == ""  # the hint how to quit has replaced the example
    assert ask(UP + UP + ENTER, prompt) == "ROMEO:"
    prompt.suggester.example = ""
    assert ask(ENTER, prompt) == ""


def test_enter_does_not_take_the_rest_of_a_suggested_line(ask, new_prompt):
    assert ask("ROM" + ENTER, new_prompt(history=["ROMEO:"])) == "ROM"


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (DOWN + ENTER + " 5" + ENTER, "/seed 5"),
        (DOWN + DOWN + ENTER + ENTER, "/set"),
        (ENTER, "/se"),  # nothing is chosen
        (DOWN + ESCAPE + "ed" + ENTER, "/seed"),  # Escape closes the menu
    ],
)
def test_enter_in_the_completion_menu_accepts_the_choice_and_the_next_one_sends_it(keyboard, new_prompt, keys, line):
    prompt = new_prompt()
    rest = iter([keys])

    def press_when_the_menu_is_open(application):
        if prompt.session.default_buffer.complete_state:
            keyboard.send_text(next(rest, ""))

    prompt.application.after_render += press_when_the_menu_is_open
    keyboard.send_text("/se" + TAB)
    assert prompt.ask() == line


@pytest.mark.parametrize("key", [RIGHT, END])
def test_the_latest_line_with_the_same_start_is_suggested(ask, new_prompt, key):
    prompt = new_prompt()
    for line in ("ROMEO: one", "ROMEO: two", "JULIET:"):
        assert ask(line + ENTER, prompt) == line
    assert ask("ROM" + key + ENTER, prompt) == "ROMEO: two"


def test_alt_f_accepts_one_word_of_the_suggestion(ask, new_prompt):
    prompt = new_prompt()
    ask("ROMEO: what is it" + ENTER, prompt)
    assert ask("ROMEO:\x1bf\x1bf" + ENTER, prompt) == "ROMEO: what "


def test_up_recalls_earlier_lines(ask, new_prompt):
    prompt = new_prompt()
    ask("one" + ENTER, prompt)
    ask("two" + ENTER, prompt)
    assert ask(UP + UP + ENTER, prompt) == "one"


def test_up_after_a_prefix_goes_through_the_lines_that_start_with_it(ask, new_prompt):
    prompt = new_prompt(history=["/set seed 1", "ROMEO:", "/undo", "JULIET:"])
    assert ask("/" + UP + ENTER, prompt) == "/undo"
    assert ask("/s" + UP + ENTER, prompt) == "/set seed 1"
    assert ask("R" + UP + ENTER, prompt) == "ROMEO:"


def test_ctrl_r_searches_the_history(ask, new_prompt):
    prompt = new_prompt()
    ask("ROMEO:" + ENTER, prompt)
    ask("two" + ENTER, prompt)
    assert ask("\x12MEO" + ENTER + ENTER, prompt) == "ROMEO:"


def test_pasted_control_characters_are_kept(ask):
    assert ask("\x1b[200~a\x00\x9b\x1b]0;x\x07\x1b[201~" + ENTER) == "a\x00\x9b\x1b]0;x\x07"


def test_a_bidirectional_override_is_sent_but_drawn_as_a_replacement_character(ask, new_prompt):
    from prompt_toolkit.layout.processors import TransformationInput

    prompt = new_prompt()
    fragments = [("", "a\u202eb\x07"), ("class:auto-suggestion", "é")]
    control = prompt.session.layout.current_control
    drawn = (
        LineProcessor()
        .apply_transformation(
            TransformationInput(control, control.buffer.document, 0, lambda at: at, fragments, 80, 24)
        )
        .fragments
    )
    assert drawn == [("", "a\ufffdb\x07"), ("class:auto-suggestion", "é")]
    assert ask("a\u202eb" + ENTER, prompt) == "a\u202eb"


def test_a_default_line_on_a_dumb_terminal_is_drawn_with_visible_controls(ask, new_prompt):
    prompt = new_prompt()
    prompt.dumb = True
    ask(ENTER, prompt, default="a\u202eb\x9b")

    assert prompt.session.message()[1:] == [("", "a<U+202E>b<9b>")]


def test_the_toolbar_shows_the_multi_line_mode(new_prompt):
    prompt = new_prompt()
    prompt.multi_line = True
    assert prompt._toolbar_line() == "multi-line: Alt+Enter sends, F3 ends · tiny"


def test_the_editor_returns_its_text_to_the_prompt(keyboard, ask, new_prompt, tmp_path, monkeypatch):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "edited\\nline" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    prompt = new_prompt()
    prompt.session.default_buffer.on_text_changed += lambda buffer: (
        keyboard.send_text(ENTER) if buffer.text.startswith("edited") else None
    )
    assert ask("draft\x18\x05", prompt) == "edited\nline"


@pytest.mark.parametrize("keys", ["\x1b[31M", "\x1b[<0;1M", "\x1b[M\x00\x00\x00", "\x1b[<0;3;3M"])
def test_a_mouse_sequence_does_nothing(ask, keys):
    """No terminal sends one to the prompt, but a text that is pasted into a simple terminal may contain it."""
    assert ask("a" + keys + "b" + ENTER) == "ab"
