"""Labels as text and as JSON, and scripts with a model that labels."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shell.sending import send

from seqshell.cli import script
from seqshell.cli.json_lines import JsonLines
from seqshell.cli.plain_text import PlainText
from seqshell.core.events import Data, Label, LineFinished, LineStarted
from seqshell.shell.startup import Options
from seqshell.testing import shell_for, tiny_classification_checkpoint


def rendered(kind, events, **options):
    """(stdout, stderr) of events of the op classify."""
    out, err = (_Stream() for _ in range(2))
    output = kind(out, err, **options)
    output.begin(1, "x", "x", None)
    for event in (LineStarted("classify", 1, "x", "classify"), *events, LineFinished(True)):
        output.event(event)
    return out.text, err.text


class _Stream:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return False


ANSWER = Label(
    "Yamamoto", "Japanese", (("Japanese", 0.97), ("Italian", 0.0212345678), ("Czech", 0.0087654322)), (("Y", 1.5),)
)


def test_labels_are_printed_with_their_probabilities():
    assert rendered(PlainText, [replace(ANSWER, moved=())])[0] == "Japanese\t0.9700\nItalian\t0.0212\n"
    assert rendered(PlainText, [ANSWER])[0] == "Japanese\t0.9700\nItalian\t0.0212\ntoken  moved\n'Y'    +1.500\n"
    assert rendered(PlainText, [ANSWER], one_to_one=True)[0] == "Japanese\t0.9700\n"
    assert rendered(PlainText, [replace(ANSWER, item=2), Label("", "", (), item=3)])[0] == "Japanese\t0.9700\n\n"
    assert rendered(PlainText, [Label(" ", "", ())])[0] == "\n"


def test_labels_are_objects_in_json():
    assert json.loads(rendered(JsonLines, [ANSWER])[0]) == {
        "type": "result",
        "line": 1,
        "op": "classify",
        "input": "Yamamoto",
        "label": "Japanese",
        "probs": {"Japanese": 0.97, "Italian": 0.021235, "Czech": 0.008765},
        "explain": [{"text": "Y", "moved": 1.5}],
    }
    lines = rendered(
        JsonLines,
        [replace(ANSWER, item=1, moved=()), replace(ANSWER, item=2, moved=()), Data({"lines": 2, "failed": 0})],
    )[0]
    found = [json.loads(line) for line in lines.splitlines()]
    assert [line.get("item") for line in found] == [1, 2, None]
    assert found[2] == {"type": "result", "line": 1, "op": "classify", "lines": 2, "failed": 0}


@pytest.fixture(params=[True, False], ids=["causal", "whole"])
def file(folder, request):
    """The model `tiny.safetensors` in an empty folder."""
    return tiny_classification_checkpoint("tiny.safetensors", causal=request.param)


def scripted(capsys, *lines, **options):
    """(exit code, stdout, stderr) of a script on a model that labels."""
    Path("script.seq").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    code, _ = script.run(
        Options(**{"model": "./tiny.safetensors", "scripts": ("script.seq",), "no_plugins": True, **options})
    )
    return code, *capsys.readouterr()


def test_there_is_one_line_for_each_message(file, capsys):
    code, out, err = scripted(capsys, "abc", "", "/x hgf", "\u4eca", "abc", messages=True, on_error="continue")
    first, blank, slashed, unknown, again = out.splitlines()

    assert code == 1
    assert first == again
    assert first.split("\t")[0] in ("cat", "dog", "bird")
    assert blank == unknown == ""
    assert slashed
    note, failed = err.splitlines()
    assert note == "seqshell: unknown to the model: /x"
    assert failed.startswith("seqshell: script.seq:4: tiny's vocabulary has no part of '\u4eca'")


def test_a_conversation_in_text(file, capsys):
    code, out, err = scripted(capsys, "abc", "/undo", "/redo", "/rewind 1", "/classify", "/classify --explain abc")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[-4:][0].split() == ["token", "moved"]
    assert [line.split()[0] for line in lines[-3:]] == ["'a'", "'b'", "'c'"]
    assert all(line.count("\t") == 1 for line in lines[:-4])


def test_a_conversation_in_json(file, capsys):
    Path("a.txt").write_text("abc\n\nhgf\n")
    code, out, _ = scripted(
        capsys, "abc", "/classify hgf", "/undo", "/classify @a.txt", "/continue", json="lines", on_error="continue"
    )
    objects = [json.loads(line) for line in out.splitlines()]
    results = [each for each in objects if each["type"] == "result"]

    assert code == 1
    assert objects[0]["task"] == "classify"
    assert [each["op"] for each in results] == [
        "classify",
        "classify",
        "/undo",
        "classify",
        "classify",
        "classify",
        "classify",
    ]
    assert list(results[0]) == ["type", "line", "op", "input", "label", "probs"]
    assert results[0]["label"] == max(results[0]["probs"], key=results[0]["probs"].get)
    assert sum(results[0]["probs"].values()) == pytest.approx(1, abs=1e-5)
    assert [each.get("item") for each in results[3:]] == [1, 2, 3, None]
    assert results[3]["label"] == results[0]["label"]
    assert (results[4]["label"], results[4]["probs"]) == ("", {})
    assert objects[-2]["code"] == "wrong_task"


def test_a_saved_session_is_restored(file, capsys):
    saved = scripted(capsys, "abcabc", "/rewind 4", "/save ./mine.safetensors", "/classify")[1].splitlines()
    code, out, _ = scripted(capsys, "hgf", "/restore ./mine.safetensors", "/classify", "/redo", "/undo")
    shown = [line for line in out.splitlines() if "\t" in line]

    assert code == 0
    assert shown[-3:] == saved[-3:]


def test_a_recording_gives_the_same_labels(file):
    shell = shell_for()
    shell.open("./tiny.safetensors")
    for line in ("/record lesson.seq", "abc", "/rewind 2", "/record off"):
        send(shell, line)
    before = shell.session.label()
    again = shell_for()
    send(again, "/source lesson.seq")
    assert again.session.label() == before


def test_classifying_does_not_import_torch(file):
    code = (
        "import sys, seqshell\n"
        "session = seqshell.open('./tiny.safetensors')\n"
        "print(session.classify('abc', explain=True).answer)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("cat", "dog", "bird")
