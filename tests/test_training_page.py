"""What checkpoints/README.md shows beside its figures: how a table is understood, and how names were held out.

The programs and commands run as they are, on smaller data; an option that is repeated replaces the one before it.
"""

from __future__ import annotations

import re

import pytest
from tests.test_code_blocks import command_lines, marked

from seqshell.cli import main
from seqshell.training.recipes.from_files import load_recipe

PAGE = "checkpoints/README.md"
SMALLER = ["--set", "training.epochs=1", "--set", "model.hidden_size=4", "--set", "model.embed_size=4"]


def of_page(kind):
    return [text for name, text in marked(kind) if name == PAGE]


@pytest.fixture
def names(folder):
    """Twenty names of each of two languages, in a file for each."""
    (folder / "names").mkdir()
    for label, ends in (("Italian", ("ini", "elli", "etti", "oni")), ("Polish", ("ski", "wicz", "czyk", "ak"))):
        lines = [f"{start}{end}\n" for start in ("Mor", "Ban", "Kal", "Ross", "Nov") for end in ends]
        (folder / "names" / f"{label}.txt").write_text("".join(lines), encoding="utf-8")


def test_a_table_is_understood_as_the_page_says(folder):
    rows = (f"this film is number {row},{'good' if row % 2 else 'bad'}\n" for row in range(3000))
    (folder / "reviews.csv").write_text("review,sentiment\n" + "".join(rows), encoding="utf-8")
    (shown,) = of_page("message")

    assert load_recipe("reviews.csv").understood[0] == shown.strip()


@pytest.mark.usefixtures("names")
def test_names_are_held_out_and_a_model_that_has_not_seen_them_is_evaluated(folder, capsys):
    program, lines, _ = of_page("smaller")
    exec(program, {})
    rest, held = ((folder / f"{name}.tsv").read_text("utf-8").splitlines()[1:] for name in ("rest", "held"))
    assert (len(rest), len(held)) == (36, 4)
    assert not set(rest) & set(held)

    for words in command_lines(lines):
        assert main([*words[1:], *(SMALLER if words[1] == "train" else [])]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"4 texts", shown)


def test_the_pairs_that_english_french_holds_out_are_written(folder):
    pairs = [f"one {n}\tun {n}\n" for n in range(100)]
    (folder / "fra.txt").write_text("".join(pairs), encoding="utf-8")
    *_, program = of_page("smaller")
    exec(program, {})

    held = (folder / "held.tsv").read_text("utf-8").splitlines(keepends=True)
    assert 0 < len(held) < 50
    assert set(held) <= set(pairs)
