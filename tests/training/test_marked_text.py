"""Training on a text that is marked up as papers use it: it is recognised, and its tokens are counted as there."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.host import Registry
from seqshell.session.unknown_words import unknown_parts
from seqshell.training.evaluation import evaluate_model
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe

LINES = [f" The <unk> of the north @-@ west road counted {number} @,@ 204 steps . \n" for number in range(60)]


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "marked.txt"
    path.write_text("".join(LINES))
    return path


def test_a_marked_text_is_read_by_words_and_the_recipe_says_so(marked: Path) -> None:
    recipe = load_recipe(str(marked))

    assert recipe.tokenizer == {"name": "whitespace", "end_of_line": True}
    assert recipe.model["tied"] is True
    assert recipe.understood[1:] == (
        "marked.txt has words divided by spaces, and the marks <unk>, @-@ and @,@: each word or mark is one token, "
        "and so is the end of each line (--set tokenizer.name=char to read characters instead)",
    )


def test_a_text_with_its_own_marks_for_ends_of_lines_counts_no_others(tmp_path: Path) -> None:
    (tmp_path / "ends.txt").write_text("the <unk> of a b <eos>\n" * 20)

    assert load_recipe(str(tmp_path / "ends.txt")).tokenizer == {"name": "whitespace", "end_of_line": False}


@pytest.mark.parametrize(
    "text", ["the end of a line\n" * 20, "a mark such as <unk>, in a sentence\n", ("word " * 999 + "\n") * 2]
)
def test_a_text_without_marks_is_read_by_characters(tmp_path: Path, text: str) -> None:
    (tmp_path / "plain.txt").write_text(text + "a <unk> b\n" * ("word" in text))

    recipe = load_recipe(str(tmp_path / "plain.txt"))

    assert (recipe.tokenizer, recipe.understood[1:]) == ({"name": "char"}, ())


def test_a_tokenizer_that_the_user_names_is_used_with_a_note(marked: Path) -> None:
    recipe = load_recipe(str(marked), ["tokenizer.name=word"])

    assert recipe.tokenizer == {"name": "word"}
    assert recipe.model["embed_size"] == 64
    assert "--set tokenizer.name=whitespace reads each as one token" in recipe.understood[1]


def test_validation_and_training_share_no_line(marked: Path, registry: Registry) -> None:
    objective = prepare(load_recipe(str(marked)), registry).objective

    assert objective.text.training + objective.text.validation == "".join(LINES)
    assert objective.text.validation.splitlines(keepends=True) == LINES[-len(objective.text.validation.splitlines()) :]
    assert objective.tokenizer.size == len(
        {word for line in LINES[: len(objective.text.training.splitlines())] for word in line.split()} | {"\n"}
    )
    assert len(objective.streams.ids) == len(objective.text.training.split()) + objective.text.training.count("\n")


def test_the_perplexity_is_per_word_and_end_of_line(marked: Path, tmp_path: Path, registry: Registry) -> None:
    small = ["training.epochs=1", "model.hidden_size=8", "model.embed_size=8", "training.precision=float32"]
    recipe = load_recipe(str(marked), [*small, "training.sample_length=5"])
    events = list(train(recipe, registry, tmp_path / "marked.safetensors"))

    measured = evaluate_model(tmp_path / "marked.safetensors", str(marked), registry, device="cpu")

    assert events[0].text == recipe.understood[0]
    assert measured["data"]["tokens"] == 60 * 15
    nats, text = measured["nats"]["carry"], "".join(LINES)
    assert measured["perplexity"]["carry"] == pytest.approx(math.exp(nats))
    assert measured["bits_per_byte"]["carry"] == pytest.approx(nats * (60 * 15 - 1) / math.log(2) / (len(text) - 4))


def test_the_mark_for_unknown_words_is_known(marked: Path) -> None:
    tokenizer = WhitespaceTokenizer.train([marked.read_text()])

    assert unknown_parts("The <unk> of zebra", tokenizer) == ("zebra",)
    assert np.array(tokenizer.encode("The <unk>")).tolist() == [tokenizer.ids["The"], tokenizer.unk]
