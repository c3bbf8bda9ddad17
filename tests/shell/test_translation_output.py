"""Translations in scripts: plain text, JSON Lines, recordings and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.shell.sending import send

from seqshell.cli import script
from seqshell.core.events import (
    Finished,
    LineFinished,
    LineStarted,
    Notice,
    ResultText,
    Token,
    Translation,
)
from seqshell.shell.startup import Options
from seqshell.testing import shell_for, tiny_checkpoint, tiny_translation_checkpoint

LINES = ["i love you", "", "the cat", "  ", "\u4eca\u65e5\u306f", "i see the dog ."]


@pytest.fixture
def shell(background_translator):
    """The shell of `background_translator`."""
    return background_translator


def scripted(capsys, *lines, defaults=MappingProxyType({"max_tokens": 12}), **options):
    """(exit code, stdout, stderr) of a script on a model that translates."""
    tiny_translation_checkpoint("tiny.safetensors", seed=3, defaults=defaults)
    Path("script.seq").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    code, _ = script.run(
        Options(**{"model": "./tiny.safetensors", "scripts": ("script.seq",), "no_plugins": True, **options})
    )
    return code, *capsys.readouterr()


SEVEN = ["i love you", "", "/x the cat", '"""', "the cat .", "", "i see the dog"]


def test_seven_messages_are_seven_lines(shell, capsys):
    code, out, err = scripted(capsys, *SEVEN, messages=True)
    lines = out.removesuffix("\n").split("\n")
    assert [bool(line) for line in lines] == [True, False, True, True, True, False, True]
    notes = [f"seqshell: unknown to the model: {part}" for part in ("/x", '"""')]
    assert (code, err.splitlines()) == (0, notes)


def test_nbest_does_not_affect_output_with_one_line_per_message(shell, capsys):
    beam = {"strategy": "beam width=4", "nbest": 3, "max_tokens": 12}
    code, out, _ = scripted(capsys, *SEVEN, defaults=beam, messages=True)
    assert (code, out.count("\n")) == (0, 7)
    Path("a.en").write_text("the cat .\ni love you\n")
    code, out, _ = scripted(capsys, "/translate @a.en", "the cat .", defaults=beam)
    assert (code, out.count("\n")) == (0, 2 + 1 + 3)


def test_json_has_one_result_for_each_line_and_one_for_the_file(shell, capsys):
    Path("a.en").write_text("\n".join(LINES), encoding="utf-8")
    script_lines = ("/translate @a.en", "i love the cat .", "/attention", "/translate nonsense \u4eca")
    code, out, err = scripted(capsys, *script_lines, json="lines", on_error="continue")
    _, *lines, message, attention, error, end = map(json.loads, out.splitlines())

    assert [line["op"] for line in lines] == ["translate"] * 7
    assert [line.get("item") for line in lines] == [1, 2, 3, 4, 5, 6, None]
    assert [line["input"] for line in lines[:6]] == LINES
    assert lines[4] == {
        "type": "result", "line": 1, "op": "translate", "item": 5, "input": LINES[4], "text": "", "n": 0,
        "stop": "error", "logprob": 0.0, "nbest": [],
    }  # fmt: skip
    assert lines[6] == {"type": "result", "line": 1, "op": "translate", "lines": 6, "failed": 1}
    assert (message["op"], message["input"], message["line"]) == ("translate", "i love the cat .", 2)
    assert message["nbest"][0]["text"] == message["text"]
    assert message["pos"] == [0, message["n"]]
    assert set(attention) == {"type", "line", "op", "source", "target", "weights", "alignment"}
    assert attention["op"] == "/attention"
    assert (error["type"], error["op"], error["code"]) == ("error", "/translate", "vocabulary")
    assert (code, end["failed"]) == (1, 1)
    assert "seqshell: line 5: tiny's vocabulary has no part of" in err
    assert "seqshell: 5 lines translated, 1 failed\n" in err


def test_nbest_in_json_begins_with_the_answer(shell, capsys):
    _, out, _ = scripted(
        capsys,
        "/strategy beam width=4",
        "/set nbest 2",
        "i love the cat .",
        "/set nbest 1",
        "i love the cat .",
        json="lines",
    )
    several, _, one = [json.loads(line) for line in out.splitlines()][3:6]

    assert [set(best) for best in several["nbest"]] == [{"text", "score", "logprob"}] * 2
    assert several["nbest"][0]["text"] == several["text"] == one["text"]
    assert one["nbest"] == several["nbest"][:1]


def test_a_translation_is_one_line_whatever_the_model_writes(capsys, monkeypatch):
    out = []

    class Out:
        write = staticmethod(out.append)
        flush = staticmethod(lambda: None)
        isatty = staticmethod(lambda: False)

    output = script.PlainText(Out(), sys.stderr)
    output.begin(1, "", "x", None)
    answer = [*map(Token, ("a\n", "b\r\n")), Translation("a\nb\r\n", 2, "eos", -1.0, 0, 2)]
    for event in (LineStarted("translate", 1, "x", "translate"), *answer, LineFinished(True)):
        output.event(event)
    item = Translation("c\nd", 2, "eos", -1.0, 0, 2, item=1)
    for event in (LineStarted("/translate", 2, "/translate @a", "generate"), item, LineFinished(False)):
        output.event(event)
    assert "".join(out) == "a b  \nc d\n"
    shown = ResultText()
    shown.add(Translation("c\nd", 2, "eos", -1.0, 0, 2))
    shown.add(Finished("c\nd", 2, "eos", -1.0, 0, 2))
    assert shown.text == "c d\nc\nd"


def test_a_recording_gives_the_same_translations(shell, tmp_path):
    path = tiny_translation_checkpoint(tmp_path / "words.safetensors", seed=3)
    shell = shell_for()
    shell.open(path)
    for line in ("/strategy beam", "/set nbest 2"):
        send(shell, line)
    lines = ["/record one.seq", "i love the cat .", f"/translate -m {path} the dog", "/record off"]
    found = [event for line in lines for event in send(shell, line) if isinstance(event, Translation)]
    again = shell_for()
    replayed = [event for event in send(again, "/source one.seq") if isinstance(event, Translation)]
    assert [event.candidates for event in replayed] == [event.candidates for event in found]


def test_settings_for_background_models_are_recorded(shell):
    shell.open(tiny_checkpoint("letters.safetensors"))
    for line in ("/set nbest 4", "/record one.seq", "/record off"):
        send(shell, line)
    assert "/set nbest 4\n" in Path("one.seq").read_text()
    assert "replace_unk" not in Path("one.seq").read_text()


def test_an_interrupted_translation_is_recorded_at_its_length(shell, tmp_path):
    path = tiny_translation_checkpoint(tmp_path / "words.safetensors", seed=3)
    shell.open(path)
    send(shell, "/record one.seq")
    for event in shell.handle("i love the cat ."):
        if isinstance(event, Token) and event.position == 2:
            shell.interrupt()
    send(shell, "/record off")
    cut = shell.session.ids()
    again = shell_for()
    send(again, "/source one.seq")
    assert again.session.ids() == cut
    assert 2 <= len(cut) < 8


def test_sampler_notes_which_stages_a_search_ignores(translator):
    translator.interactive = True
    for line in ("/strategy beam", "/sampler top_k=3 temperature=0.5 repeat_penalty=1.2"):
        events = send(translator, line)
    assert events[-1] == Notice("beam does not sample, so top_k=3 temperature=0.5 has no effect; /strategy sample does")
    assert send(translator, "/sampler")[-1] == events[-1]
    assert len(send(translator, "/strategy sample") + send(translator, "/sampler")) == 2


def test_ctrl_c_while_translating_a_file_keeps_the_translations_so_far(shell, tmp_path):
    tiny_translation_checkpoint("words.safetensors", seed=3, defaults={"max_tokens": 100})
    Path("a.en").write_text("the cat sees i you love .\n" * 2_000)
    command = [
        sys.executable,
        "-m",
        "seqshell",
        "-m",
        "./words.safetensors",
        "--no-plugins",
        "-c",
        "/translate @a.en -o a.fr",
    ]
    environment = {**os.environ, "SEQSHELL_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    lines = Path("a.fr").read_text().splitlines()

    assert (process.returncode, out) == (130, b"")
    assert b"translating" in first
    assert b"not processed" in err
    assert b"Traceback" not in err
    assert 0 < len(lines) < 2_000
    assert len(set(lines)) == 1
