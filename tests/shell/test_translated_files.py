"""/translate of files and of stdin, line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.shell.sending import only, send

from seqshell.core.events import (
    Data,
    Notice,
    Progress,
    Translation,
)

LINES = ["i love you", "", "the cat", "  ", "\u4eca\u65e5\u306f", "i see the dog ."]


@pytest.fixture
def shell(background_translator):
    """The shell of `background_translator`."""
    return background_translator


def test_a_file_gives_one_line_for_each_line(shell):
    Path("a.en").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    before = shell.workspace.sessions["english-french"].position
    events = send(shell, "/translate @a.en")
    assert shell.workspace.sessions["english-french"].position == before
    lines = [event for event in events if isinstance(event, Translation)]
    warnings, notice = [event for event in events if isinstance(event, Notice)], events[-2]

    assert [event.source for event in lines] == LINES
    assert [event.item for event in lines] == [1, 2, 3, 4, 5, 6]
    assert [bool(event.answer) for event in lines] == [True, False, True, False, False, True]
    assert [event.answer for event in lines if event.answer] == [
        only(shell, f"/translate {text}", Translation).answer for text in LINES if text.isascii() and text.strip()
    ]
    assert warnings[0].level == "warning"
    assert warnings[0].text.startswith("line 5: english-french's vocabulary has no part of '\u4eca\u65e5\u306f'")
    assert notice == Notice("5 lines translated, 1 failed")
    assert events[-1] == Data({"lines": 6, "failed": 1}, op="translate")


def test_output_files_hold_all_lines_in_order(shell):
    Path("a.en").write_text("\n".join(LINES), encoding="utf-8")
    shown = [event.answer for event in send(shell, "/translate @a.en") if isinstance(event, Translation)]
    events = send(shell, "/translate @a.en -o a.fr")
    send(shell, "/translate @a.en -o a.json")

    assert Path("a.fr").read_text("utf-8") == "".join(f"{line}\n" for line in shown)
    assert not [event for event in events if isinstance(event, Translation)]
    assert any(isinstance(event, Progress) for event in events)
    assert events[-2:] == [
        Notice("5 lines translated, 1 failed · written to a.fr"),
        Data({"lines": 6, "failed": 1, "file": "a.fr"}, op="translate"),
    ]
    assert [line["text"] for line in json.loads(Path("a.json").read_text())["lines"]] == shown


@pytest.mark.parametrize(("text", "number"), [("", 0), ("\n", 1), ("the cat", 1), ("the cat\n\n", 2)])
def test_the_last_newline_of_a_file_does_not_start_a_line(shell, text, number):
    Path("a.en").write_text(text)
    assert send(shell, "/translate @a.en")[-1].values["lines"] == number


def test_stdin_is_translated_line_by_line(shell):
    shell.read_stdin = lambda: "the cat\ni love you\n"
    assert len([event for event in send(shell, "/translate @-") if isinstance(event, Translation)]) == 2


def test_interrupted_work_on_a_file_writes_the_answers_so_far(shell):
    Path("a.en").write_text("the cat\n" * 50)
    whole = only(shell, "/translate the cat", Translation).answer
    events = []
    for event in shell.handle("/translate @a.en -o a.fr"):
        events.append(event)
        if isinstance(event, Progress):
            shell.interrupt()
    lines = Path("a.fr").read_text("utf-8").splitlines()

    assert lines == [whole] * len(lines)
    assert len(lines) < 50
    assert f"{50 - len(lines)} not processed · written to a.fr" in events[-1].text


def test_translating_a_file_does_not_affect_undo(shell):
    Path("a.en").write_text("the cat\n")
    send(shell, "/feed abc")
    send(shell, "/translate @a.en")
    moved, *_ = send(shell, "/undo")
    assert shell.session.position == 0
    assert not isinstance(moved, Notice)
