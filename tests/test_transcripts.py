"""Whole conversations: each tests/transcripts/NAME.seq is run on tiny models and compared with NAME.txt, what a script
prints with --echo (stdout, then stderr), and, if there is one, with NAME.jsonl, what it prints with --json.

The language model computes with small integers only, so its logits, and the text drawn from them, are the same with
every kernel of every machine. The transcripts in EXACT use no other model and must be the same to the letter. In the
others, translation, classification, tagging and forecast models with random weights answer too: what they translate is
compared by shape, and numbers with a tolerance.

SEQSHELL_WRITE_TRANSCRIPTS=1 writes what was printed instead of comparing it; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from seqshell.cli import script
from seqshell.shell.startup import Options
from seqshell.testing import (
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_tagging_checkpoint,
    tiny_translation_checkpoint,
)
from seqshell.testing.tiny_file import write_tiny
from seqshell.testing.tiny_translator import TARGET

FOLDER = Path(__file__).with_name("transcripts")
LETTERS = "\n " + "".join(map(chr, range(ord("a"), ord("z") + 1)))


EXACT = ("sessions", "time")


def exact_checkpoint(path):
    """A language model whose logits are sums of two integers: one for the last token and one for the token before it.

    The hidden state has a one for the last token in its first half and one for the token before in its second half;
    every sum in a matrix product then has at most two terms that are not zero, so no order of summation rounds.
    """
    size = len(LETTERS)
    random = np.random.default_rng(3)
    shift = np.zeros((2 * size, 2 * size))
    shift[size:, :size] = np.eye(size)  # the last token becomes the one before
    weights = {
        "embedding.weight": np.eye(size, 2 * size),
        "recurrent.0.weight_ih_l0": np.eye(2 * size),
        "recurrent.0.weight_hh_l0": shift,
        "recurrent.0.bias_ih_l0": np.zeros(2 * size),
        "recurrent.0.bias_hh_l0": np.zeros(2 * size),
        "readout.weight": random.integers(-3, 4, (size, 2 * size)),
        "readout.bias": np.zeros(size),
    }
    write_tiny(
        path,
        weights,
        architecture="rnn",
        owner="recurrent",
        task="generate",
        config={
            "vocab_size": size,
            "embed_size": 2 * size,
            "hidden_size": 2 * size,
            "num_layers": 1,
            "nonlinearity": "relu",
        },
        tokenizer={"name": "char", "vocabulary": LETTERS},
        defaults={"max_tokens": 20, "sampler": "temperature=0.7"},
    )


def printed(lines, capsys, **options):
    """What a script prints on the exact model, with tiny models of the other tasks in the user's folder."""
    exact_checkpoint("tiny.safetensors")
    (Path("home") / "models").mkdir(parents=True)
    tiny_translation_checkpoint(
        "home/models/english-french.safetensors", seed=3, defaults={"max_tokens": 8, "strategy": "beam width=4"}
    )
    tiny_classification_checkpoint("home/models/sentiment.safetensors", LETTERS[1:], ["bad", "good"], seed=3)
    tiny_classification_checkpoint(
        "home/models/names.safetensors", LETTERS[1:], ["Czech", "Irish", "Japanese"], seed=3, causal=False
    )
    tiny_tagging_checkpoint("home/models/python-tags.safetensors", LETTERS[1:], seed=3, causal=False)
    tiny_forecast_checkpoint("home/models/oil-temperature.safetensors", ["OT"], seed=3)
    script.run(Options(model="./tiny.safetensors", scripts=(lines,), on_error="continue", no_plugins=True, **options))
    out, err = (text.replace(str(Path.cwd()), "FOLDER") for text in capsys.readouterr())
    # The session object has versions and plugins.
    kept = [line for line in out.splitlines(keepends=True) if '"type":"session"' not in line]
    return "".join([*kept, *(f"stderr: {line}\n" for line in err.splitlines())])


NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
WORD = "|".join(word for word in TARGET.split() if word.isalpha())
WORDS = re.compile(rf"\b(?:{WORD})\b(?: (?:(?:{WORD})\b|\.))*")  # of a translation


def compare(found, file):
    if os.environ.get("SEQSHELL_WRITE_TRANSCRIPTS") == "1":
        file.write_text(found, encoding="utf-8")
    expected = file.read_text(encoding="utf-8")
    if file.stem in EXACT:
        assert found == expected
        return
    shapes = [WORDS.sub("WORDS", NUMBER.sub("NUMBER", text)) for text in (found, expected)]
    numbers = [[float(number) for number in NUMBER.findall(text)] for text in (found, expected)]
    assert shapes[0] == shapes[1]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-4, abs=2e-4)  # tables have four decimals


@pytest.fixture(autouse=True)
def scripts(folder):
    """The scripts in the current folder."""
    for path in (*FOLDER.glob("*.seq"), *FOLDER.glob("*.en")):
        shutil.copy(path, folder)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.seq")))
def test_a_conversation_prints_what_it_did(name, capsys):
    compare(printed(f"{name}.seq", capsys, echo=True), FOLDER / f"{name}.txt")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.jsonl")))
def test_a_conversation_prints_the_json_that_it_did(name, capsys):
    compare(printed(f"{name}.seq", capsys, json="lines"), FOLDER / f"{name}.jsonl")
