"""Every command that reads @FILE reads FILE.gz as well."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from seqshell.core.events import ResultText
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model, tiny_translation_model

TEXTS = {
    "abc.txt": "abc\nabc",
    "numbers.csv": "date,value\n2020-01-01,1.5\n2020-01-02,2\n",
    "english.txt": "i love you\n\nthe cat\n",
    "lesson.seq": "/feed ab\n/text\n",
}


@pytest.fixture
def shell(registry, folder):
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    shell = Shell(registry)
    for model, name in (
        (tiny_translation_model(), "english-french"),
        (tiny_classification_model(), "sentiment"),
        (tiny_forecast_model(), "oil-temperature"),
        (tiny_model(), "tiny"),
    ):
        shell.workspace.add(replace(model, name=name), background=name != "tiny")
    return shell


def result_of(shell, line):
    found = ResultText()
    for event in shell.handle(line):
        found.add(event)
    return found.text


@pytest.mark.parametrize(
    "line",
    [
        "/score @abc.txt",
        "/translate @english.txt",
        "/translate @english.txt -o french.json",
        "/classify @abc.txt",
        "/forecast 2 @numbers.csv",
        "/source lesson.seq",
    ],
)
def test_a_packed_file_gives_the_same_result(shell, folder, line):
    (name,) = (name for name in TEXTS if name in line)
    plain = result_of(shell, line)
    written = (folder / "french.json").read_bytes() if "-o" in line else b""
    shell.workspace.use("oil-temperature")
    list(shell.handle("/reset"))
    shell.workspace.use("tiny")
    list(shell.handle("/reset"))
    assert result_of(shell, line.replace(name, f"{name}.gz")) == plain
    assert plain or written
    assert written in (b"", *(path.read_bytes() for path in folder.glob("french.json")))


@pytest.mark.parametrize("command", ["/feed", "/reseed"])
def test_a_packed_text_is_read(shell, command):
    list(shell.handle(f"{command} @abc.txt.gz"))
    assert shell.session.text().text == TEXTS["abc.txt"]
