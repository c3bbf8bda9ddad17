"""/classify beside another model and as the current one, files line by line, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shell.sending import only, send

from seqshell.core.errors import CheckpointError, UsageError, VocabularyError
from seqshell.core.events import Data, Event, Label, Notice, Progress, SettingChanged, Table
from seqshell.core.json_values import tidy
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_classification_model, tiny_model

LINES = ["abc", "", "hgf", "  ", "\u4eca\u65e5\u306f", "abcabc", "abc"]


@pytest.fixture
def shell(folder):
    """A language model is current; one that labels is open in the background."""
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_classification_model(seed=3), name="sentiment"), background=True)
    return shell


@pytest.fixture(params=[True, False], ids=["causal", "whole"])
def labeller(folder, request):
    """The one that labels is the current model."""
    return shell_for(replace(tiny_classification_model(seed=3, causal=request.param), name="sentiment"))


def test_the_current_model_and_its_position_do_not_change(shell):
    send(shell, "/feed abc")
    before = (shell.workspace.current, shell.session.position, shell.session.text())
    label = only(shell, "/classify hgf", Label)

    assert (shell.workspace.current, shell.session.position, shell.session.text()) == before
    assert label.answer in ("cat", "dog", "bird")
    assert shell.workspace.sessions["sentiment"].text().text == "hgf"
    assert shell.workspace.answered == "sentiment"
    assert shell.last_result.text.startswith(f"{label.answer}\t{label.probs[0][1]:.4f}")


def test_a_message_gets_the_same_label_as_from_the_command(labeller):
    direct = only(labeller, "abc", Label)
    assert only(labeller, "/classify abc", Label).probs == direct.probs
    assert only(labeller, '/classify "a\\nbc"', Label).probs == only(labeller, "a bc", Label).probs
    send(labeller, "/undo 3")
    assert labeller.session.text().text == "abc"


@pytest.mark.parametrize(
    ("keep", "left_out", "row"),
    [
        ("head", (3, 4), "...    3 not read"),
        ("tail", (3, 0), "...    3 not read"),
        ("both", (3, 2), "...    3 not read"),
        ("none", None, ""),
    ],
)
def test_the_skipped_part_of_a_long_text_is_reported(labeller, keep, left_out, row):
    model = labeller.session.model
    config = {} if keep == "none" else {"max_length": 4, "cut": keep}
    labeller.workspace.add(replace(model, name="short", header={**model.header, "config": config}))
    Path("a.txt").write_text("abcdefg\nabc\n")

    for line in ("abcdefg", "/classify abcdefg", "/classify --explain abcdefg"):
        label = only(labeller, line, Label)
        assert label.left_out == left_out
    rows = label.as_text().splitlines()
    assert rows[-7 if keep == "none" else -5 + (left_out[1] if left_out else 0)].startswith(row)
    for words in ("", "--explain "):
        events = send(labeller, f"/classify {words}@a.txt")
        assert [event.left_out for event in events if isinstance(event, Label)] == [left_out, None]
        summary = [event.text for event in events if isinstance(event, Notice)][-1]
        assert summary == "2 lines labelled" + ("" if keep == "none" else ", 1 of them truncated")


def test_without_a_text_the_text_read_so_far_is_classified(labeller):
    send(labeller, "abcabc")
    send(labeller, "/rewind 2")
    shown = only(labeller, "/classify", Label)
    assert (shown.text, labeller.session.position) == ("ab", 2)
    assert dict(shown.probs) == pytest.approx(dict(labeller.session.classify("ab").probs), abs=1e-6)


@pytest.mark.parametrize("line", ["/classify", "/classify   ", '/classify "  "', "/classify --explain"])
def test_an_empty_text_cannot_be_classified(labeller, line):
    with pytest.raises(UsageError, match="missing argument; usage: /classify"):
        send(labeller, line)


def test_without_a_text_the_model_in_the_background_does_not_answer(shell):
    send(shell, "/classify abc")
    with pytest.raises(UsageError, match="missing argument"):
        send(shell, "/classify")


def test_the_answer_of_a_background_model_begins_with_its_name(shell):
    shell.interactive = True
    first, second = send(shell, "/classify abc")
    assert first == Notice("sentiment:", "label")
    assert isinstance(second, Label)
    shell.workspace.use("sentiment")
    assert not [event for event in send(shell, "/classify abc") if isinstance(event, Notice)]


def test_explanations_are_given_on_request(labeller):
    assert only(labeller, "/classify abc", Label).moved == ()
    label = only(labeller, "/classify --explain abc", Label)
    assert [text for text, _ in label.moved] == ["a", "b", "c"]
    rows = [line.split() for line in (label.as_text() or "").splitlines()[-3:]]
    assert rows == [[repr(text), f"{moved:+.3f}"] for text, moved in label.moved]


def test_classify_needs_a_classifier(shell):
    with pytest.raises(UsageError, match="the task of tiny is generate, not classify"):
        send(shell, "/classify -m tiny abc")
    shell.workspace.close("sentiment")
    with pytest.raises(CheckpointError) as caught:
        send(shell, "/classify -m nothing abc")
    assert caught.value.hint != "/classify -m MODEL takes another"


def test_unknown_characters_are_rejected_or_skipped(labeller):
    send(labeller, "abc")
    with pytest.raises(VocabularyError, match="sentiment's vocabulary has no part of"):
        send(labeller, "\u4eca\u65e5")
    assert labeller.session.text().text == "abc"
    assert only(labeller, "/set unknown skip", SettingChanged)
    assert only(labeller, "\u4eca\u65e5", Label).answer == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/continue", "/continue is for the task generate; sentiment has the task classify"),
        ("/feed abc", "/feed is for the task .*generate; sentiment has the task classify"),
        ("/top", "/top is for the task generate or translate; sentiment has the task classify"),
        ("/score abc", "/score is for the task generate or translate; sentiment has the task classify"),
        ("/regen", "/regen is for the task generate or translate; sentiment has the task classify"),
        ("/sampler temperature=1", "/sampler is for the task generate or translate; sentiment has the task classify"),
    ],
)
def test_a_classifier_does_not_generate(labeller, line, message):
    with pytest.raises(UsageError, match=message):
        send(labeller, line)


def test_an_empty_line_does_nothing(labeller):
    labeller.interactive = True
    assert send(labeller, "") == []


def test_settings_of_sampling_are_not_listed_for_a_classifier(labeller):
    listed = {row[0] for row in only(labeller, "/set", Table).rows}
    assert "unknown" in listed
    assert not {"max_tokens", "stop", "newline", "nbest", "horizon", "sample.temperature"} & listed


def test_a_file_gives_one_line_for_each_line(shell):
    Path("a.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    before = shell.workspace.sessions["sentiment"].position
    events = send(shell, "/classify @a.txt")
    lines = [event for event in events if isinstance(event, Label)]
    (warning,) = [event for event in events if isinstance(event, Notice) and event.level == "warning"]

    assert shell.workspace.sessions["sentiment"].position == before
    assert [event.text for event in lines] == LINES
    assert [event.item for event in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert [bool(event.answer) for event in lines] == [True, False, True, False, False, True, True]
    for event in lines:
        if event.answer:
            assert dict(event.probs) == pytest.approx(
                dict(only(shell, f"/classify {event.text}", Label).probs), abs=1e-6
            )
    assert warning.text.startswith("line 5: sentiment's vocabulary has no part of '\u4eca\u65e5\u306f'")
    assert events[-2] == Notice("6 lines labelled, 1 failed")
    assert events[-1] == Data({"lines": 7, "failed": 1}, op="classify")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'Review,stars\n"A fine, fine film.",5\nA dull film.,1\n'),
        ("a.tsv", "id\ttext\n7\tA fine, fine film.\n8\tA dull film.\n"),
        ("a.jsonl", '{"text": "A fine, fine film."}\n{"text": "A dull film."}\n'),
    ],
)
def test_of_a_table_the_texts_are_classified(shell, name, text):
    Path(name).write_text(text)
    found = [event for event in send(shell, f"/classify @{name}") if isinstance(event, Label)]

    assert [event.text for event in found] == ["A fine, fine film.", "A dull film."]


def test_a_table_with_several_columns_of_texts_is_refused(shell):
    Path("a.csv").write_text("one,two\na b c,d e f\ng h i,j k l\n")
    with pytest.raises(UsageError, match="which of the columns 'one', 'two' has the texts is in doubt"):
        send(shell, "/classify @a.csv")


def test_output_files_hold_all_lines_in_order(shell):
    Path("a.txt").write_text("\n".join(LINES), encoding="utf-8")
    shown = [event for event in send(shell, "/classify @a.txt") if isinstance(event, Label)]
    events = send(shell, "/classify @a.txt -o labels.txt")
    send(shell, "/classify --explain @a.txt -o a.json")

    assert Path("labels.txt").read_text("utf-8") == "".join(
        f"{e.answer}\t{e.probs[0][1]:.4f}\n" if e.answer else "\n" for e in shown
    )
    assert not [event for event in events if isinstance(event, Label)]
    assert any(isinstance(event, Progress) for event in events)
    assert events[-2:] == [
        Notice("6 lines labelled, 1 failed · written to labels.txt"),
        Data({"lines": 7, "failed": 1, "file": "labels.txt"}, op="classify"),
    ]
    lines = json.loads(Path("a.json").read_text())["lines"]
    assert [line["label"] for line in lines] == [event.answer for event in shown]
    tokens = ["".join(token["text"] for token in line["explain"]) for line in lines if line["label"]]
    assert tokens == ["abc", "hgf", "abcabc", "abc"]


@pytest.mark.parametrize(("text", "number"), [("", 0), ("\n", 1), ("abc", 1), ("abc\n\n", 2)])
def test_the_last_newline_of_a_file_does_not_start_a_line(shell, text, number):
    Path("a.txt").write_text(text)
    assert send(shell, "/classify @a.txt")[-1].values["lines"] == number


@pytest.mark.parametrize("num_threads", [1, 3])
def test_many_lines_are_read_in_batches_and_answered_in_order(shell, monkeypatch, num_threads):
    monkeypatch.setattr("seqshell.session.tasks.batched_lines.num_threads", lambda *parts: num_threads)
    monkeypatch.setattr("seqshell.session.tasks.batched_lines.MAX_TOKENS", 12)
    monkeypatch.setattr("seqshell.session.tasks.batched_lines.WINDOW", 7)
    texts = [letter * (1 + number % 5) for number, letter in enumerate("abcdefgh" * 4)]
    Path("a.txt").write_text("\n".join(texts))
    found = [event for event in send(shell, "/classify @a.txt") if isinstance(event, Label)]
    assert [event.text for event in found] == texts
    session = shell.workspace.sessions["sentiment"]
    assert all(event.answer == session.classify(event.text).answer for event in found)


@pytest.mark.parametrize("option", ["", "--explain "])
def test_interrupted_work_on_a_file_writes_the_answers_so_far(shell, monkeypatch, option):
    monkeypatch.setattr("seqshell.session.tasks.batched_lines.WINDOW", 10)
    Path("a.txt").write_text("abc\n" * 50)
    events: list[Event] = []
    for event in shell.handle(f"/classify {option}@a.txt -o labels.txt"):
        events.append(event)
        if isinstance(event, Progress) and event.done >= 20:
            shell.interrupt()
    lines = Path("labels.txt").read_text("utf-8").splitlines()

    assert 0 < len(lines) < 50
    assert set(lines) == {lines[0]}
    assert f"{50 - len(lines)} not processed · written to labels.txt" in events[-1].text


def test_labels_are_written_as_a_table(shell):
    Path("a.txt").write_text('abc\n\n"a" b\n')
    send(shell, "/classify @a.txt -o a.csv")
    send(shell, "/classify -o one.tsv abc")
    found = [only(shell, f"/classify {text}", Label).probs[0] for text in ("abc", '"a" b', "abc")]
    cells = [f"{label},{round(probability, 6)}" for label, probability in found]
    assert Path("a.csv").read_text() == f'text,label,probability\nabc,{cells[0]}\n,,\n"""a"" b",{cells[1]}\n'
    assert Path("one.tsv").read_text().splitlines()[:2] == ["label\tprobability", cells[2].replace(",", "\t")]


def test_one_answer_is_written_and_shown(shell):
    label = only(shell, "/classify -o out.txt abc", Label)
    send(shell, "/classify -o out.json abc")
    assert Path("out.txt").read_text() == f"{label.answer}\t{label.probs[0][1]:.4f}\n"
    (line,) = json.loads(Path("out.json").read_text())["lines"]
    assert (line["text"], line["label"], line["probs"]) == ("abc", label.answer, tidy(dict(label.probs)))
    send(shell, "/classify --explain -o out.html abc")
    assert f"towards {label.answer}" in Path("out.html").read_text()
    send(shell, "/classify --explain -o out.tsv abc")
    assert [line.split("\t")[0] for line in Path("out.tsv").read_text().splitlines()] == ["token", "a", "b", "c"]
    explained = only(shell, "/classify --explain -o why.txt abc", Label)
    assert Path("why.txt").read_text() == explained.as_text() + "\n"
    assert [line.split()[0] for line in explained.as_text().splitlines()[-4:]] == ["token", "'a'", "'b'", "'c'"]
    Path("a.txt").write_text("abc")
    with pytest.raises(UsageError, match="a text cannot be written as a picture"):
        send(shell, "/classify -o out.png @a.txt")


def test_options_are_completed(shell):
    assert {text for text, _ in complete(shell, "/classify -").items} == {"-m", "--explain", "-o"}
