"""/record: a script that gives the same text again."""

from __future__ import annotations

import pytest
from tests.shell.sending import send

from seqshell import UsageError


@pytest.fixture
def shell(fresh):
    return fresh()


@pytest.mark.parametrize("before", [(), ("ROMEO:", "/regen 2", "/undo 3t")])
def test_a_recording_gives_the_same_text(fresh, before, tmp_path):
    shell = fresh()
    send(
        shell,
        "/seed 7",
        "/set max_tokens 9",
        r'/set stop ["X\n", "Q"]',
        "/sampler top_k=20 temperature=0.8",
        *before,
        "/record lesson.seq",
    )
    send(shell, "JULIET:", '"""\nline\nline\n"""', "//slash", "/regen 2", "/set max_tokens 5", "/continue")
    with pytest.raises(UsageError):
        send(shell, "/undo 99")
    send(shell, "/record off", "not recorded")
    send(shell, "/undo")
    lines = (tmp_path / "lesson.seq").read_text().splitlines()
    other = fresh()
    send(other, "/source lesson.seq")

    assert lines[1:3] == ["/load one", "/seed 7"]
    assert "/set max_tokens 9" in lines
    assert "/sampler top_k=20 temperature=0.8" in lines
    assert not any("undo 99" in line or "off" in line for line in lines)
    assert other.session.text() == shell.session.text()
    assert other.session.branch == shell.session.branch


@pytest.mark.parametrize("line", ["JULIET:", "/continue 10", "/regen"])
def test_a_recording_repeats_an_interrupted_answer_at_its_length(fresh, line, tmp_path):
    shell = fresh()
    send(shell, "/record lesson.seq", "ROMEO:")
    for number, _ in enumerate(shell.handle(line), 1):
        if number == 3:
            shell.interrupt()
    send(shell, "NURSE:", "/record off")
    other = fresh()
    send(other, "/source lesson.seq")

    assert other.session.text() == shell.session.text()
    assert other.settings.get("max_tokens") == shell.settings.get("max_tokens") == 12


def replay(fresh):
    """A shell of a script that has run the recording, with the settings that scripts begin with."""
    shell = fresh()
    send(shell, "/source lesson.seq")
    return shell


def test_a_recording_repeats_a_session_with_all_that_shapes_its_text(fresh, tmp_path):
    shell = fresh()
    shell.interactive = True
    shell.workspace.seed = 5
    send(
        shell,
        "/load two",
        "abc",
        "/load one",
        "ROMEO:",
        "/regen",
        "/undo",
        "/set temperature 0.3",
        "/record lesson.seq",
    )
    lines = ["/redo", "", "/seed random", "JULIET:", "/continue 3", "/regen 2", "/branch mine", '/set stop "e"', "What"]
    lines += ["/checkout main", "/set newline after", "NURSE:", "/sampler top_k=5", "/regen", "/load two", "def", ""]
    lines += ["/close one", "/load one", "/strategy greedy", "ROMEO:", "/save lesson", "/save lesson"]
    send(shell, *lines, "/record off")
    other = replay(fresh)

    for name, session in shell.workspace.sessions.items():
        again = other.workspace.sessions[name]
        assert (again.text(), again.branch, again.seed) == (session.text(), session.branch, session.seed)
        assert [again.text(branch.name) for branch in again.branches()] == [
            session.text(branch.name) for branch in session.branches()
        ]
    assert other.workspace.current == shell.workspace.current
    assert send(other, "/continue 5")[-1] == send(shell, "/continue 5")[-1]


def test_a_recording_without_samplers_has_none(fresh):
    shell = fresh()
    send(shell, "/sampler temperature=0.01", "/sampler -temperature", "/record lesson.seq", "ROMEO:", "/record off")
    other = fresh()
    send(other, "/sampler temperature=0.01", "/source lesson.seq")
    assert other.session.text() == shell.session.text()


def test_a_recording_restores_what_its_lines_would_not_give_again(fresh, tmp_path):
    shell = fresh()
    send(shell, "What", "/save lesson", "/reset", "/record lesson.seq", "/restore lesson", "ROMEO:")
    for number, _ in enumerate(shell.handle("/continue 9"), 1):
        if number == 3:
            shell.interrupt()
    send(shell, "/record off", "/reset", "/save lesson", "/undo")  # the file is another now
    other = replay(fresh)

    assert other.session.text() == shell.session.text()
    assert send(other, "/regen")[-1] == send(shell, "/regen")[-1]  # of nine tokens


@pytest.mark.parametrize("then", [[""], ["", "/undo"], ["/undo"], ["JULIET:"], []])
@pytest.mark.parametrize("line", ["/feed ", ""])
def test_a_recording_repeats_a_reading_that_was_stopped(fresh, line, then):
    shell = fresh()
    shell.interactive = True
    send(shell, "ROMEO:", "/record lesson.seq")
    events = iter(shell.handle(line + "ROMEO: " * 20))
    cursor = shell.session.behaviour.cursor
    read = cursor.feed

    def stopped(ids, turn, draw):
        for number in read(ids, turn, draw):
            yield number
            shell.interrupt()

    cursor.feed = stopped
    list(events)
    cursor.feed = read
    assert 18 < shell.session.position < 100
    send(shell, *then, "/record off")
    other = replay(fresh)

    assert other.session.text() == shell.session.text()
    assert other.session.undo().position == shell.session.undo().position


def test_a_recording_holds_the_line_that_runs_a_script_and_not_its_lines(shell, tmp_path):
    (tmp_path / "some.seq").write_text("ROMEO:\n")
    send(shell, "/record lesson.seq", "/source some.seq", "/record off")
    lines = (tmp_path / "lesson.seq").read_text().splitlines()

    assert lines[-1] == "/source some.seq"
    assert "ROMEO:" not in lines


def test_a_recording_replaces_a_recording_and_nothing_else(shell, tmp_path):
    (tmp_path / "notes.txt").write_text("notes")
    send(shell, "/record lesson.seq", "ROMEO:", "/record off", "/reset", "/record lesson.seq", "/record off")
    assert "ROMEO:" not in (tmp_path / "lesson.seq").read_text()

    with pytest.raises(UsageError, match=r"notes\.txt exists and is not a recording"):
        send(shell, "/record notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "notes"
