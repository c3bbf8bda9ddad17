"""Choosing by hand: what the commands show, as text and as JSON, what they take, complete and refuse."""

from __future__ import annotations

import json

import pytest

from seqshell.core.errors import UsageError
from seqshell.core.events import Alternatives, ByHand, Moved, NextWords, Notice, Picked, Token, TokenTree
from seqshell.shell.completion import complete
from seqshell.testing import (
    shell_for,
    tiny_checkpoint,
    tiny_classification_model,
    tiny_forecast_model,
    tiny_model,
    tiny_translation_model,
)


@pytest.fixture
def shell(folder):
    shell = shell_for(tiny_model())
    list(shell.handle("/feed abcab"))
    return shell


def send(shell, *lines):
    return [event for line in lines for event in shell.handle(line)]


def place(shell):
    session = shell.session
    return session.here, session.branch, session.branches(), session.text()


def test_alt_shows_what_rewind_would_go_to(shell):
    for line, position in [("", 4), ("2", 2), ("-2", 3), ("ab", 5), ("c", 3), ('"ca"', 4), ("--show 3 ab c", None)]:
        before = place(shell)
        if position is None:
            with pytest.raises(UsageError, match="'ab c' is not in this branch's text"):
                send(shell, f"/alt {line}")
            continue
        (found,) = send(shell, f"/alt {line}")
        assert isinstance(found, Alternatives)
        assert (found.position, found.before) == (position, "abcab"[:position])
        assert place(shell) == before


def test_alt_takes_a_token_as_a_branch(shell):
    (found,) = send(shell, "/alt --show 10 ab")
    send(shell, "/feed c")
    (shown,) = send(shell, "/alt 1")
    other = next(each for each in shown.choices if not each.taken)
    (moved,) = send(shell, f"/alt 1 {other.rank}")

    assert found.taken is None
    assert moved == Moved(2, 6, "main.2", shell.session.tail, undo_path="/checkout main goes back")
    assert shell.session.text().text == "a" + other.text
    send(shell, "/undo", "/checkout main")
    assert shell.session.text().text == "abcabc"


@pytest.fixture
def translating():
    shell = shell_for(tiny_translation_model())
    list(shell.handle("/set max_tokens 6"))
    list(shell.handle("i see the cat"))
    return shell


def test_alt_in_a_translation_gives_the_events_of_another_one_on_a_branch(translating):
    session = translating.session
    first, ids = session.text().text, session.ids()
    (shown,) = send(translating, "/alt 1")
    other = next(each for each in shown.choices if not each.taken and each.id > 3)
    *tokens, finished = send(translating, f"/alt 1 {other.rank}")

    assert [type(each) for each in tokens] == [Token] * finished.num_tokens
    assert session.ids()[:2] == [ids[0], other.id]
    as_json = json.loads(json.dumps(finished.as_json()))
    assert (as_json["input"], as_json["text"], as_json["branch"]) == ("i see the cat", session.text().text, "main.2")
    words = json.dumps("".join(session.token_texts()[:2]).strip())
    send(translating, "/undo")
    assert session.text().text == first
    *_, asked = send(translating, f"/translate --prefix {words} i see the cat")
    assert (asked.answer, asked.log_prob) == (finished.answer, finished.log_prob)
    send(translating, "/checkout main")
    assert (session.text().text, session.ids()) == (first, ids)


def test_a_terminal_says_on_which_branch_the_other_translation_is(translating):
    translating.interactive = True
    (shown,) = send(translating, "/alt 1")
    other = next(each for each in shown.choices if not each.taken and each.id > 3)
    *_, notice = send(translating, f"/alt 1 {other.rank}")
    assert notice == Notice("on branch main.2 · /checkout main goes back")


def test_alt_says_that_it_is_not_about_an_answer_from_the_background(shell):
    shell.workspace.answered = "german-english"
    notice, _ = send(shell, "/alt 1")
    assert notice == Notice("the last answer came from german-english; this is about a text of tiny")


def test_a_text_before_the_number_is_that_of_rewind(shell):
    for line in ("/alt ca {}", '/alt "ca" {}', "/alt -1 {}", "/alt 4 {}"):
        rank = next(each.rank for each in send(shell, "/alt 4")[0].choices if not each.taken)
        (moved,) = send(shell, line.format(rank))
        assert moved.position == 5
        send(shell, "/checkout main")
    assert len({branch.name for branch in shell.session.branches()}) == 5


def test_alt_as_json_names_the_position_the_token_that_was_taken_and_all_tokens(shell):
    (found,) = send(shell, "/alt --show 2 1")
    as_json = json.loads(json.dumps(found.as_json()))

    assert (as_json["pos"], as_json["taken"]) == (1, shell.session.ids()[1])
    assert [each["n"] for each in as_json["alternatives"]][:2] == [1, 2]
    assert set(as_json["alternatives"][0]) == {"n", "id", "text", "logprob", "chain_logprob", "taken", "bytes"}
    assert sum(each["taken"] for each in as_json["alternatives"]) == 1
    send(shell, "/alt -o alt.tsv 1")
    with open("alt.tsv", encoding="utf-8") as file:
        assert file.readline() == "n\tid\ttext\tlogprob\tchain_logprob\ttaken\n"


def test_alt_completes_the_last_tokens_and_the_numbers_of_others(shell):
    items = dict(complete(shell, "/alt ").items)
    assert list(items.items())[:3] == [("-1", "'b'"), ("-2", "'a'"), ("-3", "'c'")]
    taken = send(shell, "/alt -1")[0].taken
    numbers = dict(complete(shell, "/alt -1 ").items)
    assert numbers.get(str(taken.rank)) is None
    assert len(numbers) >= 8
    assert complete(shell, "/alt xyz ").items == ()


def test_words_shows_the_next_words_as_text_json_and_table(shell):
    before = place(shell)
    *_, found = send(shell, "/words 3")  # Progress before it on a slow machine
    as_json = json.loads(json.dumps(found.as_json()))
    first = found.words[0]

    assert isinstance(found, NextWords)
    assert (as_json["pos"], as_json["fragment"], len(as_json["words"])) == (5, "abcab", 3)
    assert as_json["words"][0] == {
        "text": first.text,
        "continues": first.continues,
        "prob": first.prob,
        "at_most": first.at_most,
    }
    assert as_json["covered"] + as_json["rest"] == pytest.approx(1.0)
    assert found.as_text().splitlines()[1].split() == [
        "1",
        found.name(first),
        f"{first.prob:.4f}",
        f"{first.at_most:.4f}",
    ]
    send(shell, "/words -o words.csv 2")
    with open("words.csv", encoding="utf-8") as file:
        assert file.readline() == "text,continues,prob,at_most\n"
    assert place(shell) == before
    assert [text for text, _ in complete(shell, "/words ").items] == ["5", "10", "20", "50"]


def test_tree_shows_the_tokens_that_may_follow_each_other(shell):
    before = place(shell)
    *_, found = send(shell, "/tree 2 top_p=0.6")
    as_json = json.loads(json.dumps(found.as_json()))
    top = shell.session.top(3).tokens

    assert isinstance(found, TokenTree)
    assert (as_json["pos"], as_json["depth"], as_json["top_p"], as_json["cut"]) == (5, 2, 0.6, False)
    assert [each["id"] for each in as_json["tree"]] == [each.id for each in top][: len(as_json["tree"])]
    child = as_json["tree"][0]["children"][0]
    assert child["path_logprob"] == pytest.approx(as_json["tree"][0]["logprob"] + child["logprob"])
    assert child["children"] == []
    *_, as_rows = send(shell, "/tree -o tree.tsv 2 top_p=0.6", "/tree 2 top_p=0.6")
    with open("tree.tsv", encoding="utf-8") as file:
        names, first, *_ = file.read().splitlines()
    assert names.split("\t") == ["depth", "path", "id", "text", "logprob", "path_logprob"]
    assert first.split("\t")[2] == str(top[0].id)
    assert as_rows == found
    assert place(shell) == before
    assert [text for text, _ in complete(shell, "/tree ").items] == ["2", "4", "8", "top_p="]


def test_pick_takes_tokens_by_their_ranks_in_one_turn(shell):
    ranked = [each.id for each in shell.session.top(2).tokens]
    (picked,) = send(shell, "/pick 2 0 1")
    as_json = json.loads(json.dumps(picked.as_json()))

    assert isinstance(picked, Picked)
    assert (as_json["text"], as_json["n"], as_json["pos"], as_json["branch"]) == (picked.text, 3, [5, 8], "main")
    assert (as_json["picks"][0]["n"], as_json["picks"][0]["id"]) == (2, ranked[1])
    assert [each["by_model"] for each in as_json["picks"]] == [False, True, False]
    assert set(as_json["picks"][0]) == {"n", "id", "text", "bytes", "logprob", "by_model"}
    assert picked.as_text() == shell.session.text().text[5:]
    send(shell, "/undo")
    assert shell.session.text().text == "abcab"
    items = dict(complete(shell, "/pick ").items)
    assert list(items)[:2] == ["0", "1"]
    assert complete(shell, "/pick 1 ").items == ()


def test_with_a_terminal_the_keys_are_asked_for_and_nothing_chosen_shows_nothing(shell):
    shell.interactive = True
    for line in ("/pick", "/explore"):
        (asked,) = send(shell, line)
        assert isinstance(asked, ByHand)


def test_what_was_picked_with_keys_is_recorded_as_numbers(folder):
    shell = shell_for()
    shell.open(tiny_checkpoint(folder / "tiny.safetensors"))
    shell.interactive = True
    send(shell, "/record picked.seq", "/reset", "/feed ab")
    for event in shell.handle("/pick"):
        if isinstance(event, ByHand):
            event.chooser.take(3)
            event.chooser.take(0)
    for event in shell.handle("/explore"):
        if isinstance(event, ByHand):
            event.chooser.move(-1)
            event.chooser.fork()
    send(shell, "/pick", "/explore", "/record off")
    lines = (folder / "picked.seq").read_text(encoding="utf-8").splitlines()

    assert lines[-3:-1] == ["/feed ab", "/pick 3 0"]
    assert lines[-1].startswith("/restore ")


@pytest.mark.parametrize("line", ["/alt", "/words", "/tree", "/pick 1", "/explore"])
@pytest.mark.parametrize("make", [tiny_classification_model, tiny_forecast_model])
def test_a_model_of_another_task_is_refused_with_a_way_forward(line, make):
    with pytest.raises(UsageError) as error:
        send(shell_for(make()), line)

    assert error.value.message.startswith(f"{line.split()[0]} is for the task generate")
    assert error.value.hint == "/load shakespeare opens another model"


@pytest.mark.parametrize("line", ["/alt -o x.html 1", "/words -o x.html 2", "/tree -o x.html 2"])
def test_each_view_is_written_as_html(shell, line):
    send(shell, line)
    with open("x.html", encoding="utf-8") as file:
        text = file.read()

    assert text.startswith("<!DOCTYPE html>")
    assert "%" in text or "probability" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/alt 9", "position 9 is outside this branch, which goes from 0 to 5"),
        ("/alt -9", "position -9 is outside this branch, which goes from 0 to 5"),
        ("/alt 3 0", "the number must be 1 to 1,000,000, not 0"),
        ("/alt 3 99", "the number of the token must be 1 to 10, not 99"),
        ("/alt xyz 1", "'xyz' is not in this branch's text"),
        ("/alt --show 0 1", "--show must be 1 to 1,000, not 0"),
        ("/alt --show x 1", "--show must be a whole number from 1 to 1,000, not 'x'"),
        ("/alt -o a.tsv 1 2", "/alt takes a token or writes a table; leave out 2, or -o"),
        ("/words 0", "the number of words must be 1 to 1,000, not 0"),
        ("/words two", "the number of words must be a whole number from 1 to 1,000, not 'two'"),
        ("/words 1 2", "unexpected '2'; usage: /words [-o FILE] [K]"),
        ("/pick", "choosing with keys needs a terminal"),
        ("/explore", "choosing with keys needs a terminal"),
        ("/explore 3", "unexpected '3'; usage: /explore"),
        ("/pick 1 11", "the number of the token must be 1 to 10, not 11"),
        ("/pick 1 x", "the number of a token must be a whole number from 0 to 1,000,000, not 'x'"),
        ("/pick -1", "the number of a token must be 0 to 1,000,000, not -1"),
        ("/tree 0", "the depth must be 1 to 50, not 0"),
        ("/tree deep", "the depth must be a whole number from 1 to 50, not 'deep'"),
        ("/tree 1 2", "unexpected '2'; usage: /tree [-o FILE] [DEPTH] [top_p=P]"),
        ("/tree top_p=1.5", "top_p must be 0 to 1, not '1.5'"),
        ("/tree top_k=2", "/tree has no setting 'top_k'; it has top_p"),
        (
            "/alt -o a.gif 1",
            "unknown ending of a.gif; use .html, .svg, .png or .pdf for a picture, .json, .csv or .tsv ",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_moves(shell, line, message):
    before = place(shell)
    with pytest.raises(UsageError) as error:
        send(shell, line)

    assert error.value.message.startswith(message)
    assert "\n" not in error.value.message
    assert place(shell) == before
