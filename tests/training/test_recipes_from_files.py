"""The arguments of `train`: recipes by name, and texts and sentence pairs with a recipe for their kind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest
from tests.training.user_files import written

from seqshell.cli import train
from seqshell.core import paths
from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.events import ModelOpened, Progress, Text, Translation
from seqshell.core.tasks import Task
from seqshell.host.builtin import load_registry
from seqshell.testing.shell import shell_for
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe

LINES = "".join(f"number {number}\tnombre {number}\n" for number in range(300))
QUICK = (
    "training.epochs=1",
    "training.batch_tokens=2000",
    "training.precision=float32",
    "model.hidden_size=8",
    "model.encoder_size=4",
)


def columns(folder: Path, endings: tuple[str, str] = (".en", ".fr")) -> list[str]:
    """LINES as two files."""
    rows = [line.split("\t") for line in LINES.splitlines()]
    return [
        written(folder / f"test{ending}", "".join(row[side] + "\n" for row in rows))
        for side, ending in enumerate(endings)
    ]


def test_a_text_file_is_a_recipe_with_more_epochs_for_a_short_text(tmp_path: Path) -> None:
    short, long = tmp_path / "my text é.txt", tmp_path / "long.txt"
    short.write_text("abc " * 100)
    long.write_text("abc " * 500_000)

    made = load_recipe(str(short), ["training.batch_size=4"])

    assert (made.name, made.architecture, made.tokenizer["name"]) == ("my-text--", "gru", "char")
    assert (made.folder, made.data.text, made.training.batch_size) == (tmp_path, short.name, 4)
    assert (made.training.epochs, load_recipe(str(long)).training.epochs) == (100, 5)


def test_a_tsv_file_with_two_columns_has_sentence_pairs(tmp_path: Path) -> None:
    made = load_recipe(written(tmp_path / "my pairs.tsv", LINES), ["training.learning_rate=0.1", "model.attention=dot"])

    assert (made.name, made.task, made.architecture) == ("my-pairs", Task.TRANSLATE, "attention_seq2seq")
    assert (made.folder, made.data.pairs, made.data.source, made.data.validation) == (
        tmp_path,
        "my pairs.tsv",
        "",
        0.05,
    )
    assert (made.training.learning_rate, made.model["attention"]) == (0.1, "dot")
    assert made.defaults.about == "Translates sentences like those in my pairs.tsv."
    prepared = prepare(load_recipe(str(tmp_path / "my pairs.tsv")), load_registry())
    assert prepared.objective.split == {"training": 285, "validation": 15}


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", "no tab here\nx\ty\n"), ("a.txt", "x\ty\nx\ty\n"), ("tsv", "x\ty\n")]
)
def test_any_other_file_is_a_text(tmp_path: Path, name: str, text: str) -> None:
    assert load_recipe(written(tmp_path / name, text)).task is Task.GENERATE


def test_two_files_are_source_and_target_and_may_name_their_languages(tmp_path: Path) -> None:
    made = load_recipe(columns(tmp_path))

    assert (made.name, made.folder) == ("test-en-fr", tmp_path)
    assert (made.data.pairs, made.data.source, made.data.target) == ("", "test.en", "test.fr")
    assert (made.data.source_language, made.data.target_language) == ("en", "fr")
    assert prepare(made, load_registry()).objective.sentences.training.targets[0].startswith("nombre ")

    other = load_recipe(columns(tmp_path, (".txt", ".fr")))
    assert (other.name, other.data.source_language, other.data.target_language) == ("test-txt-fr", "", "")


def test_two_files_may_be_in_different_folders(folder: Path) -> None:
    source, target = written(folder / "one" / "a.txt", "x\n"), written(folder / "two" / "b.txt", "y\n")
    made = load_recipe([source, target])
    assert (made.name, made.folder, made.data.source, made.data.target) == ("a-b", folder / "one", "a.txt", target)

    assert prepare(load_recipe(["one/a.txt", "two/b.txt"]), load_registry()).objective.sentences.training.targets == (
        "y",
    )


def test_few_pairs_get_many_epochs_and_validate_on_themselves(tmp_path: Path) -> None:
    few = load_recipe(written(tmp_path / "few.tsv", LINES[:100]))
    many = load_recipe(written(tmp_path / "many.tsv", LINES * 1000))

    assert (few.training.epochs, few.training.batch_tokens, few.training.sample_every) == (100, 64, 10)
    assert (many.training.epochs, many.training.batch_tokens, many.training.sample_every) == (6, 2000, 1)
    assert (few.data.validation, many.data.validation) == ("few.tsv", 0.05)
    assert "show only memorisation" in prepare(few, load_registry()).objective.description
    assert load_recipe(str(tmp_path / "few.tsv"), ["data.validation=0.2"]).data.validation == 0.2

    source, target = written(tmp_path / "a.de", "x\nz\n"), written(tmp_path / "a.en", "y\nw\n")
    sentences = prepare(load_recipe([source, target]), load_registry()).objective.sentences
    assert sentences.validation == sentences.training


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["a.txt", "nothing.txt"],
            "no file '.*nothing.txt'; train takes one recipe, one file, or a source and a target file",
        ),
        (
            ["a.txt", "b.txt", "c.txt"],
            "unexpected '.*c.txt'; train takes one recipe, one file, or a source and a target file",
        ),
        (["a.txt", "a.toml"], "'.*a.toml' is a recipe; train takes one recipe, one file"),
        (["a.txt", "."], "is a folder"),
        (["nothing"], "no recipe or file '.*nothing'"),
        (["a.txt", "longer.txt"], "a.txt has 2 lines and longer.txt has 3; they must match line by line"),
        (
            ["uneven.tsv"],
            "uneven.tsv, row 2: 1 cells, but others have 2; --set task=generate learns the file as plain text",
        ),
    ],
)
def test_mismatched_files_are_refused(tmp_path: Path, words: list[str], message: str) -> None:
    for name, text in {
        "a.txt": "x\ny\n",
        "b.txt": "x\ny\n",
        "c.txt": "",
        "a.toml": "",
        "longer.txt": "x\ny\nz\n",
        "uneven.tsv": "x\ty\nz\n",
    }.items():
        written(tmp_path / name, text)
    with pytest.raises(RecipeError, match=message):
        prepare(load_recipe([str(tmp_path / word) for word in words]), load_registry())


def test_a_recipe_cannot_be_one_of_two_files(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'numbers' is a recipe; train takes one recipe, one file"):
        load_recipe([written(tmp_path / "a.txt", "x"), "numbers"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.attention=sideways", "attention must be dot, general, additive, concat or position, not 'sideways'"),
        ("model.atention=dot", "did you mean attention"),
        ("tokenizer.vocab_size=2", "cannot train the tokenizer bpe with"),
    ],
)
def test_invalid_settings_are_reported(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        prepare(load_recipe(written(tmp_path / "a.tsv", LINES), [override]), load_registry())


# In the shell and on the command line


def test_the_shell_trains_on_two_files_and_opens_the_model(folder):
    columns(folder)
    shell = shell_for()
    events = list(shell.handle(f"/train test.en test.fr {' '.join(QUICK)} model.embed_size=8"))

    assert events[-2] == Text("seqshell -m test-en-fr")
    assert isinstance(events[-1], ModelOpened)
    assert shell.session.model.header["languages"] == ["en", "fr"]
    assert shell.session.model.header["provenance"]["split"] == {"training": 285, "validation": 15}
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[-1].done == progress[-1].total == len(progress)  # although splits of words and batches differ
    assert all(event.done <= event.total for event in progress)
    assert isinstance(list(shell.handle("number 7"))[-1], Translation)


def test_the_shell_takes_a_recipe_by_name(tmp_path):
    shell = shell_for()
    events = list(shell.handle(f"/train phrases {' '.join(QUICK)} model.embed_size=8"))

    assert events[-2] == Text("seqshell -m phrases")
    assert [event.text.partition(" -> ")[0] for event in events if isinstance(event, Text)][:2] == [
        "sample before training:\ngood morning",
        "sample after training:\ngood morning",
    ]


def train_arguments(*words: str, as_json: bool = False) -> Namespace:
    parser = ArgumentParser()
    train.add_train_arguments(parser)
    return parser.parse_args(words, Namespace(json=as_json, device="auto", seed=None, no_plugins=False, plugins=()))


def test_the_command_line_trains_on_two_files(tmp_path, capsys):
    quick = [word for override in (*QUICK, "model.embed_size=8") for word in ("--set", override)]

    assert train.train_command(train_arguments(*columns(tmp_path), *quick, as_json=True)) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["model"], output["task"], output["epoch"]) == ("test-en-fr", "translate", 1)
    assert output.keys() >= {"nats", "perplexity", "exact"}


def test_the_command_line_takes_one_or_two_files(tmp_path):
    with pytest.raises(UsageError, match="nothing to train"):
        train.train_command(train_arguments())
    with pytest.raises(RecipeError, match="unexpected 'c'"):
        train.train_command(train_arguments("a", "b", "c"))


@pytest.mark.slow
def test_ctrl_c_before_the_first_validation_writes_no_model_and_exits_with_130(folder):
    (folder / "long.txt").write_text("the cat sat on the mat. " * 20_000)
    command = [sys.executable, "-m", "seqshell", "train", "long.txt", "--json", "--set", "training.precision=float32"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("epoch 1 of"):
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate()

    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1].startswith("no model written: stopped after ")
    assert not (paths.folder("models") / "long.safetensors").exists()


@pytest.mark.parametrize("name", ["char", "byte", "whitespace"])
def test_any_tokenizer_works_for_classes_and_pairs(tmp_path: Path, name: str) -> None:
    labelled = written(tmp_path / "a.csv", "text,label\n" + "".join(f"so {row},{row % 2}\n" for row in range(20)))
    for path in (labelled, written(tmp_path / "a.tsv", LINES)):
        prepared = prepare(load_recipe(path, [f"tokenizer.name={name}"]), load_registry())
        assert prepared.tokenizer.name == name
