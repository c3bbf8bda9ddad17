"""Every way into a model says which parts of the text it cannot read: a note, and `unknown` in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqshell.cli import main
from seqshell.core.text_output import unknown_note
from seqshell.testing import tiny_checkpoint, tiny_classification_checkpoint, tiny_translation_checkpoint

NOTE = "seqshell: unknown to the model: "


@pytest.fixture(autouse=True)
def models(folder):
    """A language model, a classifier and a translation model, as files."""
    tiny_checkpoint("language.safetensors", defaults={"max_tokens": 3})
    tiny_classification_checkpoint("classifier.safetensors", "abc '")
    tiny_translation_checkpoint("translator.safetensors", defaults={"max_tokens": 5})
    Path("lines.txt").write_text("i love you\nyou see Schmidt\nyou see Schmidt the Berta\n", encoding="utf-8")


def run(capsys, model, *lines, json_lines=False, **settings):
    """The results in JSON, or stdout, and the lines of stderr."""
    arguments = ["-m", f"./{model}.safetensors", "--no-plugins", *(["--json"] if json_lines else [])]
    arguments += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    main([*arguments, *(word for line in lines for word in ("-c", line))])
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()] if json_lines else out
    return [each for each in found if each["type"] == "result"] if json_lines else found, err.splitlines()


@pytest.mark.parametrize("line", ["a\u4e00b", "/feed a\u4e00b", "/reseed a\u4e00b", "/score a\u4e00b"])
def test_characters_that_are_skipped_are_named(line, capsys):
    (result,), err = run(capsys, "language", line, json_lines=True, unknown="skip")
    assert result["unknown"] == ["\u4e00"]
    assert err == [NOTE + "\u4e00"]


@pytest.mark.parametrize("line", ["a\u2019b\u4e00", "/classify a\u2019b\u4e00", "/classify --explain a\u2019b\u4e00"])
def test_a_classifier_names_what_it_cannot_read(line, capsys):
    (result,), err = run(capsys, "classifier", line, json_lines=True)
    assert (result["input"], result["unknown"]) == ("a\u2019b\u4e00", ["\u4e00"])
    assert err == [NOTE + "\u4e00"]


@pytest.mark.parametrize("line", ["you see Schmidt", "/translate you see Schmidt"])
def test_a_translation_names_what_the_model_cannot_read(line, capsys):
    (result,), err = run(capsys, "translator", line, json_lines=True)
    assert result["unknown"] == ["Schmidt"]
    assert err == [NOTE + "Schmidt"]


def test_the_lines_of_a_file_share_one_note(capsys):
    results, err = run(capsys, "translator", "/translate @lines.txt", json_lines=True)
    assert [each.get("unknown") for each in results] == [None, ["Schmidt"], ["Schmidt", "Berta"], ["Schmidt", "Berta"]]
    assert err[-1] == "seqshell: 3 lines translated \u00b7 unknown to the model: Schmidt, Berta"
    assert not any(line.startswith(NOTE) for line in err)


def test_an_output_file_has_what_is_unknown_in_each_line(capsys):
    run(capsys, "translator", "/translate @lines.txt -o out.json")
    lines = json.loads(Path("out.json").read_text())["lines"]
    assert [line.get("unknown") for line in lines] == [None, ["Schmidt"], ["Schmidt", "Berta"]]


def test_the_answer_is_printed_without_the_note(capsys):
    out, err = run(capsys, "classifier", "ab\u4e00")
    assert "unknown" not in out
    assert err == [NOTE + "\u4e00"]
    _, err = run(capsys, "classifier", "ab")
    assert err == []


def test_a_note_names_the_first_of_many_parts():
    assert unknown_note(["a", "b"]) == "unknown to the model: a, b"
    assert unknown_note("abcdefg") == "unknown to the model: a, b, c, d, e and 2 more"
    assert unknown_note(["x" * 50, "a\nb"]) == f"unknown to the model: {'x' * 40}..., a b"
