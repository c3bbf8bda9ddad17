"""What checkpoints/README.md shows beside its figures: how a table is understood, how models are trained and measured.

The programs and commands run as they are, on less data and with smaller models; an option that is repeated replaces the
one before it.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path
from pydoc_data import topics

import numpy as np
import pytest
from tests.code_blocks import command_lines, marked

from seqshell.cli import main
from seqshell.core import paths
from seqshell.training.data import docstrings, python_code
from seqshell.training.recipes.from_files import load_recipe

PAGE = "checkpoints/README.md"
SMALLER = [
    "--set",
    "training.epochs=1",
    "--set",
    "data.extra_copies=1",
    "--set",
    "model.hidden_size=4",
    "--set",
    "model.embed_size=4",
]


def of_page(kind):
    return [text for name, text in marked(kind) if name == PAGE]


def corpus(folder):
    """A few lines of the data of each model, where its command expects them."""
    draws = random.Random(0)
    words = ["ein", "hund", "schläft", "und", "eine", "frau", "one", "dog", "sleeps", "and", "a", "woman"]

    def lines(number):
        return ["".join(f"{draws.choice(words)} " for _ in range(5)) + ".\n" for _ in range(number)]

    for label, ends in (("Italian", ("ini", "elli", "etti", "oni")), ("Polish", ("ski", "wicz", "czyk", "ak"))):
        found = [f"{start}{end}\n" for start in ("Mor", "Ban", "Kal", "Ross", "Nov") for end in ends]
        yield f"names/{label}.txt", found
    yield "input.txt", lines(500)
    yield "english.txt", lines(500)
    yield "bible.txt", ["Ge1:1 In the beginning, 12\n", "    God (so) created.\n", "2Sa1:2 It came to pass\n"]
    yield "warandpeace.txt", ["By Tolstoy\n*** START OF IT ***\n", "  “Well, Prince—l’été œuf”\n*** END OF IT ***\n"]
    for part in ("train", "val", "test_2016_flickr", "test_2017_flickr", "test_2017_mscoco", "test_2018_flickr"):
        for language in ("de", "en"):
            yield f"{part}.{language}", lines(30)
    yield "fra.txt", [f"one {number}\tun {number}\n" for number in range(100)]
    yield "imdb.tsv", ["label\ttext\n", *(f"{number % 2}\t{line}" for number, line in enumerate(lines(60)))]
    blank = "\t_" * 6
    for name in ("wiki", "web"):
        rows = [f"1\t{words[n % 12]}\t_\tNOUN{blank}\n2\t.{n}\t_\tPUNCT{blank}\n\n" for n in range(30)]
        yield f"{name}.conllu", rows
    hours = np.datetime64("2016-07-01T00:00") + np.arange(14_500) * np.timedelta64(1, "h")
    waves = 20 + 5 * np.sin(np.arange(len(hours)) / 24 * 2 * np.pi)
    yield "ETTh1.csv", ["date,OT\n", *(f"{hour},{wave:.3f}\n" for hour, wave in zip(hours, waves, strict=True))]


@pytest.fixture
def data(folder):
    """The files of `corpus`."""
    for name, found in corpus(folder):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(found), encoding="utf-8")


@pytest.fixture
def small_python(monkeypatch):
    """A small part of what the data under python: are made of."""
    monkeypatch.setattr(python_code, "MODULES", ("heapq", "bisect"))
    monkeypatch.setattr(docstrings.sysconfig, "get_path", lambda name: str(Path(json.__file__).parent))
    monkeypatch.setattr(topics, "topics", dict(sorted(topics.topics.items())[:8]))


def test_a_table_is_understood_as_the_page_says(folder):
    rows = (f"this film is number {row},{'good' if row % 2 else 'bad'}\n" for row in range(3000))
    (folder / "reviews.csv").write_text("review,sentiment\n" + "".join(rows), encoding="utf-8")
    (shown,) = of_page("message")

    assert load_recipe("reviews.csv").understood[0] == shown.strip()


@pytest.mark.usefixtures("data")
def test_names_are_held_out_and_a_model_that_has_not_seen_them_is_evaluated(folder, capsys):
    _, _, _, program, lines, _ = of_page("smaller")
    exec(program, {})
    rest, held = ((folder / f"{name}.tsv").read_text("utf-8").splitlines()[1:] for name in ("rest", "held"))
    assert (len(rest), len(held)) == (36, 4)
    assert not set(rest) & set(held)

    for words in command_lines(lines):
        assert main([*words[1:], *(SMALLER if words[1] == "train" else [])]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"4 texts", shown)


@pytest.mark.parametrize("number", [0, 1], ids=["docstrings", "shipped"])
@pytest.mark.usefixtures("data", "small_python")
def test_models_are_trained_and_evaluated_as_the_page_says(number, folder):
    text = of_page("smaller")[number]
    for line in filter(None, text.splitlines()):
        if not line.startswith("seqshell"):
            subprocess.run(line, shell=True, cwd=folder, check=True)
            continue
        for words in command_lines(line):
            smaller = SMALLER[:-2] if "oil-temperature" in words else SMALLER  # it has no embedding
            assert main([*words[1:], *(smaller if words[1] == "train" else [])]) == 0, line
    written = text.count("seqshell train") + text.count("seqshell average")
    compared = text.count("seqshell compare")  # with one that is fitted then
    assert len(list(paths.folder("models").glob("*.safetensors"))) == written + compared


@pytest.mark.usefixtures("data")
def test_the_text_of_shakespeare_base_is_made_of_two_books(folder):
    _, _, program, *_ = of_page("smaller")
    exec(program, {})

    made = "In the beginning, \nGod so created.\nIt came to pass\nWell, Prince--l'ete oeuf\n"
    assert (folder / "english.txt").read_text("utf-8") == made


def test_the_pairs_that_english_french_holds_out_are_written(folder):
    pairs = [f"one {n}\tun {n}\n" for n in range(100)]
    (folder / "fra.txt").write_text("".join(pairs), encoding="utf-8")
    *_, program = of_page("smaller")
    exec(program, {})

    held = (folder / "held.tsv").read_text("utf-8").splitlines(keepends=True)
    assert 0 < len(held) < 50
    assert set(held) <= set(pairs)
