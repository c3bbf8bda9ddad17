"""Whole conversations: each tests/transcripts/NAME.seq is run on a tiny model and compared with NAME.txt, what a script prints
with --echo (stdout, then stderr), and, where there is one, with NAME.jsonl, what it prints with --json. Other tiny models stand
for those that /translate, /classify and /forecast take.

SEQSHELL_WRITE_TRANSCRIPTS=1 writes what was printed instead; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from seqshell.cli import script
from seqshell.shell.startup import Options
from seqshell.testing import (
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_translation_checkpoint,
)

FOLDER = Path(__file__).with_name("transcripts")
LETTERS = "\n " + "".join(map(chr, range(ord("a"), ord("z") + 1)))


def printed(lines, capsys, **options):
    """What a script prints on a tiny model whose words are all made up."""
    tiny_checkpoint(
        "tiny.safetensors", LETTERS, seed=3, hidden_size=12, defaults={"max_tokens": 20, "sampler": "temperature=0.7"}
    )
    (Path("home") / "models").mkdir(parents=True)
    tiny_translation_checkpoint(
        "home/models/english-french.safetensors", seed=3, defaults={"max_tokens": 8, "strategy": "beam width=4"}
    )
    tiny_classification_checkpoint("home/models/sentiment.safetensors", LETTERS[1:], ["bad", "good"], seed=3)
    tiny_classification_checkpoint(
        "home/models/names.safetensors", LETTERS[1:], ["Czech", "Irish", "Japanese"], seed=3, causal=False
    )
    tiny_forecast_checkpoint("home/models/oil-temperature.safetensors", ["OT"], seed=3)
    script.run(Options(model="./tiny.safetensors", scripts=(lines,), on_error="continue", no_plugins=True, **options))
    out, err = capsys.readouterr()
    told = [
        line for line in out.splitlines(keepends=True) if '"type":"session"' not in line
    ]  # it tells versions and plugins
    return "".join([*told, *(f"stderr: {line}\n" for line in err.splitlines())])


NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")  # JSON tells six decimals, the last of which the kernels of BLAS decide


def compare(found, expected):
    if os.environ.get("SEQSHELL_WRITE_TRANSCRIPTS") == "1":
        expected.write_text(found, encoding="utf-8")
    told = expected.read_text(encoding="utf-8")
    assert NUMBER.sub("NUMBER", found) == NUMBER.sub("NUMBER", told)
    numbers, others = ([float(number) for number in NUMBER.findall(text)] for text in (found, told))
    assert numbers == pytest.approx(others, rel=1e-5, abs=5e-6)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """The current folder: empty but for the scripts."""
    monkeypatch.chdir(tmp_path)
    for path in (*FOLDER.glob("*.seq"), *FOLDER.glob("*.en")):
        shutil.copy(path, tmp_path)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.seq")))
def test_a_conversation_is_what_it_was(name, capsys):
    compare(printed(f"{name}.seq", capsys, echo=True), FOLDER / f"{name}.txt")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.jsonl")))
def test_a_conversation_in_json_is_what_it_was(name, capsys):
    compare(printed(f"{name}.seq", capsys, json="lines"), FOLDER / f"{name}.jsonl")
