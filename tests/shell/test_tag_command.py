"""/tag beside another model and as the current one, files line by line, and tags in scripts and in bulk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shell.sending import only, send

from seqshell.cli import script
from seqshell.core.errors import UsageError
from seqshell.core.events import Data, Notice, Tags
from seqshell.shell.startup import Options
from seqshell.testing import shell_for, tiny_model, tiny_tagging_checkpoint, tiny_tagging_model


@pytest.fixture
def shell(folder):
    """A language model is current; one that tags is open in the background."""
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_tagging_model(seed=1), name="python-tags"), background=True)
    return shell


@pytest.fixture
def tagger(folder):
    """The one that tags is the current model."""
    return shell_for(replace(tiny_tagging_model(seed=1), name="python-tags"))


def tagged(event):
    return " ".join(f"{word.text}/{word.tag}" for word in event.words)


def test_the_current_model_keeps_its_state(shell):
    send(shell, "/feed abc")
    found = only(shell, "/tag abc de", Tags)

    assert (shell.workspace.current, shell.session.text().text) == ("tiny", "abc")
    assert [word.text for word in found.words] == ["abc", "de"]
    assert shell.workspace.answered == "python-tags"


def test_in_a_terminal_the_name_of_another_model_comes_first(shell, tagger):
    shell.interactive = tagger.interactive = True
    notices = [event for event in send(shell, "/tag abc") if isinstance(event, Notice)]

    assert notices == [Notice("python-tags:", "label")]
    assert not [event for event in send(tagger, "/tag abc") if isinstance(event, Notice)]


def test_a_message_gets_the_tags_of_the_command(tagger):
    assert tagged(only(tagger, "abc de", Tags)) == tagged(only(tagger, "/tag abc de", Tags))


def test_each_line_of_a_file_is_tagged_and_written(shell):
    Path("a.txt").write_text("abc de\n\nfgh\n")
    events = send(shell, "/tag @a.txt")
    found = [event for event in events if isinstance(event, Tags)]

    assert [(event.item, len(event.words)) for event in found] == [(1, 2), (2, 0), (3, 1)]
    assert Data({"lines": 3, "failed": 0}, op="tag") in events
    lines = [tagged(event) for event in found]
    send(shell, "/tag @a.txt -o out.txt")
    assert Path("out.txt").read_text().split("\n") == [*lines, ""]
    send(shell, "/tag @a.txt -o out.conll")
    columns = Path("out.conll").read_text()
    assert columns.replace("\t", "/").split("\n") == [*lines[0].split(), "", "", lines[2], "", ""]
    send(shell, "/tag @a.txt -o out.tsv")
    assert Path("out.tsv").read_text().splitlines()[::3] == ["text\ttags", f"fgh\t{found[2].words[0].tag}"]
    send(shell, "/tag @a.txt -o out.json")
    written = json.loads(Path("out.json").read_text())["lines"]
    assert [each["input"] for each in written] == ["abc de", "", "fgh"]


def test_a_line_that_is_too_long_fails_alone(shell, monkeypatch):
    monkeypatch.setattr("seqshell.session.tasks.tag.MAX_TOKENS", 5)
    Path("a.txt").write_text("abc de\nab\n")
    events = send(shell, "/tag @a.txt -o out.txt")

    assert Notice("line 1: the text has 7 tokens; python-tags reads at most 5", "warning") in events
    assert Path("out.txt").read_text().split("\n")[0] == ""


def test_one_text_is_written_in_the_format_of_the_ending(shell):
    shell.interactive = True
    events = send(shell, "/tag -o a.tsv abc de")
    (found,) = (event for event in events if isinstance(event, Tags))
    rows = [line.split("\t") for line in Path("a.tsv").read_text().splitlines()]

    assert [row[:2] for row in rows] == [["word", "tag"], *([word.text, word.tag] for word in found.words)]
    assert "written to a.tsv" in [event.text for event in events if isinstance(event, Notice)]
    send(shell, "/tag -o a.conll abc de")
    assert Path("a.conll").read_text() == found.as_columns()
    send(shell, "/tag -o a.txt abc de")
    assert Path("a.txt").read_text() == f"{tagged(found)}\n"
    send(shell, "/tag -o a.html abc de")
    assert "abc" in Path("a.html").read_text()
    with pytest.raises(UsageError, match=r"unknown ending of a\.xyz"):
        send(shell, "/tag -o a.xyz abc")


def test_a_script_prints_one_line_or_one_object_for_each_text(folder, capsys):
    path = tiny_tagging_checkpoint(folder / "t.safetensors", causal=False)
    assert script.run(Options(model=str(path), lines=("abc de",)))[0] == 0
    line = capsys.readouterr().out

    assert script.run(Options(model=str(path), lines=("abc de",), json="lines"))[0] == 0
    _, answer, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (answer["op"], answer["input"]) == ("tag", "abc de")
    assert line == " ".join(f"{token['text']}/{token['tag']}" for token in answer["tokens"]) + "\n"
    assert [(token["start"], token["end"]) for token in answer["tokens"]] == [(0, 3), (4, 6)]
    assert all(0 < token["prob"] <= 1 for token in answer["tokens"])
