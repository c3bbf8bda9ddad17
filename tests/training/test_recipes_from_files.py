"""The arguments of `train`: recipes by name, and data files with a recipe for their kind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from seqshell.cli import train
from seqshell.core import paths
from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.events import ModelOpened, Progress, Text, Translation
from seqshell.core.tasks import Task
from seqshell.host.builtin import load_registry
from seqshell.testing.shell import shell_for
from seqshell.training.data.tables import read_table
from seqshell.training.data.understanding import understand
from seqshell.training.forecasting.columns import find_series_columns
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.settings import DataSettings

LINES = "".join(f"number {number}\tnombre {number}\n" for number in range(300))
QUICK = (
    "training.epochs=1",
    "training.batch_tokens=2000",
    "training.precision=float32",
    "model.hidden_size=8",
    "model.encoder_size=4",
)


def written(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


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


def is_series(path: Path) -> bool:
    """True if a file is understood as a series; False for other tasks and files in doubt."""
    try:
        return understand(path, {}).task == Task.FORECAST
    except RecipeError:
        return False


def series(
    folder: Path, number: int = 120, season: int = 6, name: str = "my sales.csv", start: str = "month,sold\n"
) -> str:
    """Months from 2000."""
    rows = [f"{2000 + row // 12}-{row % 12 + 1:02},{10 + row % season + 0.1 * row}\n" for row in range(number)]
    return written(folder / name, start + "".join(rows))


def test_a_table_of_times_and_numbers_is_a_series_with_its_season_as_horizon(tmp_path: Path) -> None:
    made = load_recipe(series(tmp_path), ["model.hidden_size=4"])
    prepared = prepare(made, load_registry())

    assert (made.name, made.task, made.architecture) == ("my-sales", Task.FORECAST, "forecaster")
    assert (made.folder, made.data.table, made.data.time_column, made.data.columns) == (
        tmp_path,
        "my sales.csv",
        "month",
        (),
    )
    assert (made.model["horizon"], made.model["segment"], made.model["window"], made.model["hidden_size"]) == (
        6,
        6,
        12,
        4,
    )
    assert made.model["linear_window"] == 28  # a third of the training rows
    assert (made.training.epochs, made.training.batch_size, made.training.sample_every) == (100, 4, 10)
    assert made.defaults.about == "Forecasts 6 steps of sold; /forecast @my sales.csv reads your table."
    assert prepared.series.columns == ("sold",)
    assert prepared.objective.split == {"training": 84, "validation": 18, "test": 18}
    assert prepared.objective.season == 6


def test_long_series_get_fewer_epochs_and_a_longer_window(tmp_path: Path) -> None:
    made = load_recipe(series(tmp_path, 10_000, season=24))

    assert (made.training.epochs, made.training.batch_size) == (8, 64)
    assert (made.model["horizon"], made.model["window"], made.model["linear_window"]) == (24, 336, 720)


def test_settings_for_a_series_depend_only_on_its_training_rows(tmp_path: Path) -> None:
    lines = Path(series(tmp_path)).read_text().splitlines()
    other = written(
        tmp_path / "other.csv",
        "\n".join(lines[:85] + [f"{line.split(',')[0]},{5 * (row % 9)}" for row, line in enumerate(lines[85:])]),
    )

    assert load_recipe(other).model == load_recipe(series(tmp_path)).model


@pytest.mark.parametrize(
    ("name", "text", "time"),
    [
        ("a.csv", "date,x\n2020-01-01 00:00,1\n", "date"),
        ("a.csv", "x,when\n1,2020-01-01\n", "when"),
        ("a.csv", "x;when\n1;31.12.2020\n", "when"),
        ("a.csv", "\ufeffyear,x\r\n1990,1\r\n", "year"),
        ("a.csv", "x,y\n1,2\n", ""),
        ("a.tsv", "date\tx\n2020-01-01\t1\n", "date"),
        ("a.csv", "date,x\n2020-01-01,\n", "date"),
        ("a.csv", "date;x\n2020-01-01;1,5\n", "date"),
    ],
)
def test_a_series_is_recognised_by_its_cells(tmp_path: Path, name: str, text: str, time: str) -> None:
    path = Path(written(tmp_path / name, text))

    assert is_series(path)
    assert find_series_columns(read_table(str(path)), DataSettings()).time_column == time


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "date,x\n2020-01-01,1\n"),
        ("a.csv", "Dear all,\nthis is a letter, no table\n"),
        ("a.csv", "name,comment\nAnn,good\n"),
        ("a.csv", "comment,stars\ngood,5\n"),
        ("a.tsv", "one\tun\n2\tdeux\n"),
        ("a.tsv", "1\tone\n2\ttwo\n"),
        ("a.tsv", "hello\tbonjour\n"),
        ("a.csv", ""),
    ],
)
def test_other_tables_are_not_series(tmp_path: Path, name: str, text: str) -> None:
    assert not is_series(Path(written(tmp_path / name, text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,x\n", r"a\.csv has no rows below the column names"),
        ("date\n2020-01-01\n", r"a\.csv, row 1: no column of numbers besides the time"),
        (
            "date,x\n2020-01-01,5\n2020-01-02,\n2020-01-03,\n2020-01-04,\n2020-01-05,\n2020-01-06,6\n",
            r"a\.csv, row 3, column x: 4 values are missing, in 1 run of 4; the longest gap, of 4, begins here; "
            r"--set data\.fill=linear fills gaps on a straight line, --set data\.fill=previous with the value before",
        ),
        (
            "date,city\n2020-01-01,Kew\n",
            r"a\.csv: it is in doubt what to train on the columns date \(times\), city \(1 different text\): --set",
        ),
        ("date,x\n2020-01-01,5,6\n", r"a\.csv, row 2: 3 cells, but the first row names 2 columns"),
        ("date,x\n2020-01-01,5\n", r"a\.csv is too short: 0 rows for training"),
        (
            "month,x\n2020-02,5\n2020-02,6\n",
            r"a\.csv, column month: rows 2 and 3 have the same time, '2020-02'; if the table has several series, "
            r"--set data\.series_column=NAME names the column that tells them apart; else remove one of the rows",
        ),
        (
            "month,x\n01/02/2020,5\n02/02/2020,6\n",
            r"a\.csv, row 2, column month: '01/02/2020' may begin with the day or with the month, and no other date "
            r"tells; --set data\.day_first=true or --set data\.day_first=false decides",
        ),
        ("date,x\n2020-01-01,1\nsum,1\n2020-01-02,1\n", r"row 3, column date: 'sum' is not a time like '2020-01-01'"),
        ("date,x\n2020-01-01,1e200\n", r"a\.csv, row 2, column x: 1e\+200 is too large"),
    ],
)
def test_errors_in_a_series_name_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(written(tmp_path / "a.csv", text))


def test_columns_and_time_of_a_series_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "city,day,x,y\n" + "".join(f"Kew,{row},{row % 5},2\n" for row in range(60)))
    made = load_recipe(path, ["data.time_column=day", "data.columns=['x']"])

    assert (made.data.time_column, made.data.columns) == ("day", ("x",))
    assert prepare(made, load_registry()).series.columns == ("x",)


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
