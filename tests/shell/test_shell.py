"""The shell: one line at a time, and what is remembered of it."""

from dataclasses import replace

import pytest
from tests.shell.sending import answer_to, plugin

import seqshell
from seqshell.core.errors import UsageError
from seqshell.core.events import Finished, LineFinished, LineStarted, Notice, Quit, Text, Token
from seqshell.shell.line import LastResult
from seqshell.testing import run, shell_for, tiny_checkpoint, tiny_model

pytestmark = pytest.mark.usefixtures("folder")


def test_a_message_is_read_and_answered():
    events = run(["/set max_tokens 4", "abc"], model=tiny_model())
    tokens = [event for event in events if isinstance(event, Token)]
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert "".join(token.text for token in tokens) == finished.answer
    assert (finished.num_tokens, finished.start, finished.end, finished.stop) == (4, 3, 7, "length")


def test_two_slashes_send_a_message_that_starts_with_one():
    shell = shell_for(tiny_model("/abc"))
    list(shell.handle("//abc"))
    assert shell.session.text().text.startswith("/abc")


def test_an_empty_line_continues_at_the_prompt_and_is_skipped_in_scripts():
    shell = shell_for(tiny_model())
    list(shell.handle("/set max_tokens 3"))
    assert list(shell.handle("")) == []
    shell.interactive = True
    assert len(answer_to(shell, "", "")) == 6
    assert next(shell.run("")) == LineStarted("/continue", 4, "", "generate")
    assert shell.history.lines == ["/set max_tokens 3", "", "", ""]


def test_an_empty_block_is_an_empty_message():
    shell = shell_for(tiny_model())
    assert list(shell.handle('""""""')) == []


@pytest.mark.parametrize("line", ["/# why", ""])
def test_comments_do_nothing_and_are_not_in_the_history(line):
    shell = shell_for(tiny_model())
    shell.interactive = line != ""
    for events in (shell.run(line), shell.handle(line)):
        assert list(events) == []
        events.close()  # a generator, as the events of every line
    assert shell.history.lines == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lod", "/load"),
        ("temp", "/set temperature 2"),
        ("temperature", "/set temperature 2"),
        ("top_p", "/set top_p 2"),
        ("model", "/load 2"),
        ("run", "/load 2"),
        ("read", "/feed @2"),
        ("edit", "Ctrl-X Ctrl-E at the prompt"),
        ("undoo", "/undo"),
        ("zzzzzz", ""),
    ],
)
def test_an_unknown_command_suggests_another(word, hint):
    shell = shell_for(tiny_model())
    with pytest.raises(UsageError, match=f"there is no command /{word}") as caught:
        list(shell.handle(f"/{word} 2"))
    assert (caught.value.code, caught.value.hint) == ("unknown_command", hint)


def test_commands_cannot_be_abbreviated():
    with pytest.raises(UsageError, match="there is no command /und"):
        run(["/und"], model=tiny_model())


def test_without_a_model_a_message_says_how_to_open_one():
    shell = shell_for()
    assert shell.task is None
    with pytest.raises(UsageError, match="no model is open; /load NAME opens one"):
        list(shell.handle("abc"))


def test_a_message_that_is_too_long_is_rejected_before_anything_changes():
    shell = shell_for(tiny_model())
    with pytest.raises(UsageError, match="a message is at most 10 MB"):
        list(shell.handle("é" * 5_000_001))
    assert shell.session.position == 0


def ending(shell, line):
    """The last event of a line, and the error that follows it."""
    events = []
    try:
        events.extend(shell.run(line))
    except seqshell.SeqshellError as error:
        return events[-1], type(error)
    return events[-1], None


def test_the_end_of_a_line_says_whether_it_changed_anything_and_whether_it_failed():
    @seqshell.command("half")
    def half(shell, arguments):
        shell.session.feed("abc")
        yield from ()
        raise UsageError("no more")

    shell = shell_for(tiny_model(), plugins=[plugin(seqshell_commands=lambda: [half])])
    assert ending(shell, "abcxyz") == (LineFinished(False, failed=True), seqshell.VocabularyError)
    assert ending(shell, "/half") == (LineFinished(False, failed=True), UsageError)
    assert ending(shell, "abc") == (LineFinished(True), None)
    assert ending(shell, "/history") == (LineFinished(False), None)


def test_lines_of_a_script_start_and_finish_within_the_line_that_runs_it(tmp_path):
    (tmp_path / "inner.seq").write_text("/feed b\n")
    (tmp_path / "outer.seq").write_text("/# comment\n/source inner.seq\n/c 1\n")
    shell = shell_for(tiny_model())
    events = list(shell.run("/source outer.seq"))
    kinds = [(event.op, event.number) if isinstance(event, LineStarted) else type(event).__name__ for event in events]
    assert kinds == [
        ("/source", 1), ("/source", 2), ("/feed", 3), "LineFinished", "LineFinished",
        ("/continue", 4), "Token", "Finished", "LineFinished", "LineFinished",
    ]  # fmt: skip
    assert shell.line is None
    assert shell.history.lines == ["/source outer.seq", "/source inner.seq", "/feed b", "/c 1"]


def test_an_abandoned_line_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.seq").write_text("abc\n")
    shell = shell_for(tiny_model())
    events = shell.run("/source a.seq")
    [next(events) for _ in range(4)]
    events.close()
    assert shell.line is None
    answer = answer_to(shell, "/continue 5")
    assert shell.last_result.text == answer


def test_one_line_is_one_turn():
    shell = shell_for(tiny_model())
    answer_to(shell, "/set max_tokens 3", "abc", "/continue 2", "ab")
    assert shell.session.position == 3 + 3 + 2 + 2 + 3
    list(shell.handle("/undo"))
    assert shell.session.position == 8
    list(shell.handle("/undo 2"))
    assert shell.session.position == 0


def test_the_last_result_is_what_a_script_prints():
    shell = shell_for(tiny_model())
    answer = answer_to(shell, "abc")
    assert shell.last_result.text == answer
    list(shell.handle("/undo"))  # prints nothing
    assert shell.last_result.text == answer
    list(shell.handle("/set max_tokens"))
    assert "max_tokens" in shell.last_result.text


def test_an_interrupt_ends_the_answer_at_a_token_boundary_and_keeps_its_tokens():
    shell = shell_for(tiny_model())
    list(shell.handle("/set max_tokens 100"))
    whole = answer_to(shell, "abc")
    list(shell.handle("/undo"))
    events = shell.handle("abc")
    first = [next(events) for _ in range(5)]
    shell.interrupt()
    *_, finished = first + list(events)
    assert (finished.stop, finished.answer) == ("interrupt", whole[: finished.num_tokens])
    assert shell.session.position == finished.end
    assert finished.answer + answer_to(shell, f"/continue {100 - finished.num_tokens}") == whole


def test_closing_the_events_stops_at_the_last_yielded_token():
    shell = shell_for(tiny_model())
    events = shell.handle("abc")
    tokens = [next(events) for _ in range(3)]
    events.close()
    assert shell.session.position == tokens[-1].position + 1 == 6


def test_notices_between_lines_come_with_the_next_line():
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_model(), header={"defaults": {"max_tokens": -1}}))
    events = list(shell.handle("/history"))
    assert [event for event in events if isinstance(event, Notice)] == [
        Notice("tiny: max_tokens must be 1 to 1,000,000, not -1", "warning")
    ]


def test_nothing_of_a_line_runs_after_quit(tmp_path):
    (tmp_path / "a.seq").write_text("/quit 3\nabc\n")
    shell = shell_for(tiny_model())
    assert list(shell.handle("/source a.seq")) == [Quit(3)]
    assert shell.session.position == 0


def test_a_recording_omits_lines_that_failed(tmp_path):
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    shell = shell_for()
    shell.open(path)
    answer = answer_to(shell, "/set max_tokens 5", "/record a.seq", "abc\nab", "/feed ab\nc")
    with pytest.raises(seqshell.VocabularyError):
        answer_to(shell, "xyz")
    answer += answer_to(shell, "/continue")
    answer_to(shell, "/record off", "/continue")
    again = shell_for()
    assert answer_to(again, "/source a.seq") == answer
    assert "xyz" not in (tmp_path / "a.seq").read_text()


def test_a_line_that_ends_before_its_start_was_heard_leaves_the_last_result_as_it_was():
    """Ctrl-C may come in between."""
    result = LastResult()
    for event in (LineStarted("/text", 1, "/text", ""), Text("abc"), LineFinished(False), LineFinished(False, True)):
        result.hear(event)
    assert result.text == "abc"
