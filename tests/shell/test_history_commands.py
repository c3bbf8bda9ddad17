"""Text and time: /feed, /continue, /reseed, /text, and going back, forth and aside."""

from __future__ import annotations

import json

import pytest
from tests.shell.sending import send

from seqshell import UsageError
from seqshell.core.events import Branches, Data, Finished, Moved, Notice, Text
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell(folder):
    shell = shell_for(tiny_model())
    shell.settings.set("max_tokens", 5)
    return shell


def fields(events):
    """The fields of the JSON result of the one move."""
    (moved,) = [event for event in events if isinstance(event, Moved)]
    return moved.as_json()


def answers(events):
    return [event for event in events if isinstance(event, Finished)]


def test_feed_reads_without_answering(shell):
    assert send(shell, "/feed abc") == []
    assert shell.session.text() == Text("abc", ((0, 3),))


def test_feed_reads_a_file_whole_and_a_json_string_unescaped(shell, tmp_path):
    (tmp_path / "some.txt").write_text("ab\n\ncd\n")
    send(shell, "/feed @some.txt", r'/feed "\n a"')

    assert shell.session.text().text == "ab\n\ncd\n\n a"


def test_continue_takes_the_number_of_tokens(shell):
    (finished,) = answers(send(shell, "/c 3"))

    assert (finished.num_tokens, shell.session.position) == (3, 3)


def test_regen_repeats_what_the_last_answer_was_asked_for_alone(shell):
    again = answers(send(shell, "abc", "/continue 3", "/regen", "/regen 2"))
    assert [each.num_tokens for each in again] == [5, 3, 3, 3, 3]
    again = answers(send(shell, "abc", "/set max_tokens 2", "/regen", "/set temperature 1", "/regen temperature=0.1"))
    assert [each.num_tokens for each in again] == [5, 2, 2]
    (warm,) = answers(send(shell, "/regen"))
    assert warm.settings == "temperature=0.1"


def test_reseed_forgets_the_old_text(shell):
    events = send(shell, "abc", "/reseed bad", "/continue 4")
    (fresh,) = answers(send(shell_for(tiny_model()), "/feed bad", "/continue 4"))

    assert answers(events)[-1].answer == fresh.answer
    assert shell.session.text().text == "bad" + fresh.answer


def test_text_is_written_to_a_file_and_not_shown(shell, tmp_path):
    send(shell, "abc")
    whole = shell.session.text()

    assert send(shell, "/text") == [whole]
    assert send(shell, "/text -o out.txt", "/text -o out.json") == [
        Data({"text": "", "file": f"out.{kind}"}) for kind in ("txt", "json")
    ]
    assert (tmp_path / "out.txt").read_text() == whole.text
    assert json.loads((tmp_path / "out.json").read_text()) == {
        "text": whole.text,
        "spans": [list(span) for span in whole.spans],
    }


def test_undo_and_redo_move_by_turns_and_report_the_position(shell):
    (finished,) = answers(send(shell, "abc"))
    events = send(shell, "/undo")

    assert isinstance(events[0], Moved)
    assert fields(events) == {"pos": 0, "was": 8, "branch": "main", "tail": ""}
    assert fields(send(shell, "/redo")) == {"pos": 8, "was": 0, "branch": "main", "tail": shell.session.tail}
    assert shell.session.text().text == "abc" + finished.answer


def test_undo_with_a_t_undoes_tokens(shell):
    send(shell, "abc")

    assert fields(send(shell, "/undo 2t"))["pos"] == 6


def test_the_same_message_after_undo_gives_the_same_text_and_regen_another(shell):
    shell.settings.set("max_tokens", 20)
    first, again, other = (answer.answer for answer in answers(send(shell, "abc", "/undo", "abc", "/regen")))

    assert first == again != other


def test_undo_notes_that_the_last_answer_came_from_another_model(shell):
    send(shell, "abc")
    shell.workspace.add(tiny_model(seed=1))
    send(shell, "/feed abc")
    notice = send(shell, "/undo")[0]

    assert notice == Notice("the last answer came from tiny; this undoes a turn of tiny-2")


@pytest.mark.parametrize(("where", "position"), [("2", 2), ("-6", 2), ("bc", 3), ('"bc"', 3), ("0", 0)])
def test_rewind_goes_to_a_position_back_or_to_a_text(shell, where, position):
    send(shell, "abc")

    assert fields(send(shell, f"/rewind {where}"))["pos"] == position


def test_rewind_takes_a_number_in_quotes_as_a_text():
    shell = shell_for(tiny_model("0123456789"))

    assert fields(send(shell, "/feed 0123", '/rewind "12"'))["pos"] == 3


def test_reset_can_be_undone(shell):
    send(shell, "abc")

    assert fields(send(shell, "/clear")) == {"pos": 0, "was": 8, "branch": "main", "tail": ""}
    assert fields(send(shell, "/undo"))["pos"] == 8


def test_regen_makes_numbered_candidates_on_branches_and_continues_from_the_first(shell):
    found = answers(send(shell, "abc", "/regen 3"))[1:]

    assert [(answer.candidate, answer.branch, answer.start) for answer in found] == [
        (1, "main.2", 3),
        (2, "main.3", 3),
        (3, "main.4", 3),
    ]
    assert shell.session.branch == "main.2"
    assert shell.session.text().text == "abc" + found[0].answer


def test_regen_makes_one_candidate_for_each_value(shell):
    shell.settings.set("max_tokens", 20)
    found = answers(send(shell, "/feed abc", "/continue", "/retry temperature=0,5"))[1:]
    (greedy,) = answers(send(shell_for(tiny_model()), "/strategy greedy", "/feed abc", "/continue 20"))

    assert [answer.candidate for answer in found] == [1, 2]
    assert found[0].answer == greedy.answer != found[1].answer
    assert shell.session.chain == ()


def test_branches_are_created_checked_out_listed_and_dropped(shell):
    send(shell, "abc", "/branch other", "/continue 2")
    (branches,) = send(shell, "/branches")

    assert isinstance(branches, Branches)
    assert branches.as_json() == {
        "branches": [{"name": "main", "pos": 8, "current": False}, {"name": "other", "pos": 10, "current": True}]
    }
    assert fields(send(shell, "/checkout main"))["pos"] == 8
    send(shell, "/drop other")
    assert [branch.name for branch in shell.session.branches()] == ["main"]


def test_a_new_branch_draws_the_same_tokens_as_its_parent(shell):
    left, right = answers(send(shell, "/feed abc", "/branch other", "/continue", "/checkout main", "/continue"))

    assert left.answer == right.answer


def test_names_of_branches_are_completed(shell):
    send(shell, "/branch other")
    complete = shell.find_command("checkout").complete

    assert list(complete(shell, "")) == ["main", "other"]
    assert list(complete(shell, "main ")) == []


def test_regen_needs_an_answer(shell):
    with pytest.raises(UsageError, match="no answer to regenerate yet"):
        send(shell, "/regen")
