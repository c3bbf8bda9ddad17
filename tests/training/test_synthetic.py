"""Memory exercises: correct, always the same, some held out; and a digit that only an LSTM remembers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from seqshell.core.events import Reach
from seqshell.core.paths import shipped
from seqshell.host.builtin import load_registry
from seqshell.models.saving import save_checkpoint
from seqshell.testing.shell import shell_for
from seqshell.training.data.synthetic import EXERCISES, NUM_TRAINING, NUM_UNSEEN, training_examples, unseen_examples
from seqshell.training.data.tables import read_table
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.run import Run
from seqshell.training.translation.data import read_pairs

ANSWERS = {
    "remember": lambda text: text[0],
    "recall": lambda text: text[0],
    "copy": lambda text: text,
    "reverse": lambda text: text[::-1],
    "adding": lambda text: str(sum(int(text[place - 1]) for place, letter in enumerate(text) if letter == "*")),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_answers_are_correct_and_unseen_examples_are_not_for_training(name: str) -> None:
    training, unseen = training_examples(name), unseen_examples(name)

    assert (len(training), len(unseen)) == (NUM_TRAINING, NUM_UNSEEN)
    assert len({*training, *unseen}) == NUM_TRAINING + NUM_UNSEEN
    assert all(ANSWERS[name](text) == answer for text, answer in [*training, *unseen])
    assert training == training_examples(name)


def test_the_digit_to_remember_is_a_hundred_steps_back() -> None:
    texts = [text for text, _ in training_examples("remember")]

    assert {(text[0].isdigit(), text[1:].isalpha()) for text in texts} == {(True, True)}
    assert {len(text[1:]) for text in texts} == set(range(100, 121))
    assert {len(text[1:]) for text, _ in training_examples("recall")} == set(range(65, 76))
    assert {text.count("*") for text, _ in training_examples("adding")} == {2}


def test_exercises_are_read_as_tables_and_as_pairs() -> None:
    table = read_table("generated:adding")

    assert (table.name, table.columns, list(table.rows)) == (
        "generated:adding",
        ("text", "label"),
        training_examples("adding"),
    )
    pairs = read_pairs(["generated:unseen_reverse"])
    assert list(zip(pairs.sources, pairs.targets, strict=True)) == unseen_examples("reverse")


def trained(cell: str, folder: Path) -> Run:
    """The recipe `remember` with this cell and nothing else changed."""
    run = Run(prepare(load_recipe("remember", [f"model.cell={cell}"]), load_registry()), folder)
    list(run.epochs())
    return run


@pytest.mark.slow
def test_an_lstm_remembers_a_digit_over_a_hundred_steps_where_a_plain_rnn_fails_and_reach_shows_why(
    tmp_path: Path,
) -> None:
    """Recipe, data and number of steps are the same.

    Going back, the RNN's gradient halves every few tokens, the LSTM's does not.
    """
    text = unseen_examples("remember")[0][0]
    accuracy: dict[str, float] = {}
    half_lives: dict[str, float] = {}
    digits: dict[str, float] = {}
    for cell in ("lstm", "rnn"):
        run = trained(cell, tmp_path / cell)
        accuracy[cell] = run.validate()["accuracy"]
        shell, prepared = shell_for(), run.prepared
        path = tmp_path / f"{cell}.safetensors"
        save_checkpoint(
            path,
            architecture="classifier",
            module=run.average,
            tokenizer=prepared.tokenizer,
            labels=prepared.labels,
            registry=shell.registry,
        )
        shell.open(path)
        list(shell.handle(text))
        *_, found = shell.handle(f"/reach {len(text)}")
        assert isinstance(found, Reach)
        norms = [norm for _, norm in found.tokens]
        assert len(norms) == len(text) > 100
        half_lives[cell] = found.half_life or math.inf
        digits[cell] = norms[0] / sorted(norms)[len(norms) // 2]

    assert accuracy["lstm"] >= 0.95
    assert accuracy["rnn"] <= 0.35  # one in five is correct by chance
    assert 2 * half_lives["rnn"] < half_lives["lstm"]
    # Against the letter in the middle: less, and much more.
    assert digits["rnn"] < 1 < 3 < digits["lstm"]
    assert 10 * digits["rnn"] < digits["lstm"]


@pytest.mark.parametrize("name", EXERCISES)
def test_each_exercise_has_a_recipe_with_readable_examples(name: str) -> None:
    recipe = load_recipe(name)

    assert (shipped() / "recipes" / f"{name}.toml").exists()
    assert recipe.data.validation == f"generated:unseen_{name}"
    prepared = prepare(recipe, load_registry())
    tokenizer = prepared.source_tokenizer or prepared.tokenizer
    for example in recipe.defaults.examples:
        assert tokenizer.unk not in tokenizer.encode(example)
