"""Command lines that are known from other programs: each error suggests one, and it works as it is shown."""

from __future__ import annotations

import io
import shlex
import sys

import pytest

from seqshell.cli import main
from seqshell.cli.program import SUBCOMMANDS
from seqshell.core import paths
from seqshell.shell import foreign_words
from seqshell.testing import tiny_checkpoint
from seqshell.training.recipes.from_files import load_recipe

# The first words: what the error suggests.
SUBCOMMAND_LINES = {
    "chat": "-m NAME",
    "chat second": "-m second",
    "classify a text": "-c '/classify a text'",
    "complete abc": "-c abc",
    "convert weights.pt": "import weights.pt",
    "create notes.txt": "train notes.txt",
    "copy second third": "cp second third",
    "delete second": "rm second",
    "download second": "pull second",
    "eval second notes.txt": "evaluate second notes.txt",
    "finetune notes.txt": "train notes.txt",
    "fit notes.txt": "train notes.txt",
    "generate abc def": "-c 'abc def'",
    "help": "--help",
    "help train": "train --help",
    "info second": "show second",
    "install second": "pull second",
    "list": "models",
    "load second": "-m second",
    "ls": "models",
    "modles": "models",
    "open second": "-m second",
    "prompt abc": "-c abc",
    "ps": "models",
    "recipe": "recipes",
    "remove second": "rm second",
    "repl second": "-m second",
    "run second": "-m second",
    "run second --echo": "-m second",
    "shell": "-m NAME",
    "start second": "-m second",
    "test second notes.txt": "evaluate second notes.txt",
    "trian notes.txt --set training.epochs=1": "train notes.txt --set training.epochs=1",
    "top 3": "-c '/top 3'",
    "version": "--version",
}
# Unknown options: what the error suggests.
OPTION_LINES = {
    "--batch-size=2": "",
    "--beams 4": "-c '/strategy beam width=4'",
    "--command abc": "-c abc",
    "--debug": "SEQSHELL_DEBUG=1 seqshell",
    "--eval abc": "-c abc",
    "--execute abc": "-c abc",
    "--file notes.txt": "--prompt - < notes.txt",
    "--interactive": "-i",
    "--list": "seqshell models",
    "--load second": "-m second",
    "--max-tokens 3": "--set max_tokens=3",
    "--model second": "-m second",
    "--model=second": "-m second",
    "--no-color": "--color=never",
    "--no-colour": "--color=never",
    "--num_predict 3": "--set max_tokens=3",
    "--plugin mine.py": "-p mine.py",
    "--state": "-c /state",
    "--top 5": "-c '/top 5'",
    "--resume": "--continue",
    "--session last": "--restore last",
    "--temp 0.5": "--set temperature=0.5",
    "--temperature": "--set temperature=VALUE",
    "--top-k=3": "--set top_k=3",
    "-V": "--version",
    "-e abc": "-c abc",
    "-f notes.txt": "--prompt - < notes.txt",
    "-n 3": "--set max_tokens=3",
    "-o temperature 0.5": "--set temperature=0.5",
    "-s 4": "--seed 4",
    "-v": "--version",
    "-x": "",
    "train notes.txt --epochs 1": "--set training.epochs=1",
    "train notes.txt --lr 0.1": "--set training.learning_rate=0.1",
    "train notes.txt --zzz 1": "",
}


@pytest.fixture(autouse=True)
def _files(folder):
    models = paths.folder("models")
    models.mkdir(parents=True)
    tiny_checkpoint(models / "second.safetensors", "\n abcdefgh/")
    (folder / "notes.txt").write_text("abc abd " * 200)
    (folder / "mine.py").write_text("")


def run(capsys, line):
    """Exit code and stderr of a command line, with nothing on stdin."""
    try:
        code = main(shlex.split(line))
    except SystemExit as ended:  # of --help
        code = ended.code
    return code, capsys.readouterr().err


@pytest.fixture
def empty_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))


@pytest.mark.parametrize("line", SUBCOMMAND_LINES)
def test_a_word_that_is_no_subcommand_suggests_one(capsys, line):
    word = line.split()[0]
    message = f"seqshell: there is no subcommand or script {word!r}; use seqshell {SUBCOMMAND_LINES[line]}\n"
    assert run(capsys, line) == (2, message)


@pytest.mark.parametrize("line", OPTION_LINES)
def test_an_unknown_option_suggests_one(capsys, line):
    code, error = run(capsys, line)
    program = "seqshell train" if line.startswith("train") else "seqshell"
    hint = f"use {OPTION_LINES[line]}" if OPTION_LINES[line] else f"{program} --help lists the options"
    assert code == 2
    assert error.endswith(f"; {hint}\n")
    assert error.startswith("seqshell: unrecognized arguments: -")


NOT_RUN = (
    "import ",
    "pull ",
    "rm ",
    "SEQSHELL",
    "seqshell ",
    "--prompt - <",
    "-i",
)  # need files or a terminal


def command_lines():
    """Each suggested command line that runs here, completed by a model or something to train on."""
    for suggested in sorted({*SUBCOMMAND_LINES.values(), *OPTION_LINES.values()} - {""}):
        line = suggested.split(" to list")[0].replace("NAME", "second").replace("VALUE", "0.5")
        if line.startswith("train notes.txt"):
            yield f"{line} --dry-run"  # a training takes seconds
        elif line.startswith("--set training"):
            yield f"train notes.txt {line} --dry-run"
        elif not line.startswith(NOT_RUN):
            yield line if not line.startswith("-") or line.startswith(("-m", "--help")) else f"-m second {line}"


@pytest.mark.parametrize("line", list(command_lines()))
def test_the_suggested_command_line_runs(capsys, empty_stdin, line):
    main(["-m", "second", "-c", "/feed abc", "-c", "/save last"])
    assert run(capsys, line)[0] == 0
    load_recipe("notes.txt", [key for key in shlex.split(line) if key.startswith("training.")])


def test_every_word_known_from_elsewhere_is_tried():
    assert set(foreign_words.SUBCOMMANDS) <= {line.split()[0] for line in SUBCOMMAND_LINES}
    assert set(foreign_words.OPTIONS) <= {line.replace("=", " ").split()[0] for line in OPTION_LINES}
    assert not set(foreign_words.SUBCOMMANDS) & set(SUBCOMMANDS)


def test_a_script_whose_name_is_a_word_known_from_elsewhere_runs(capsys, empty_stdin, folder):
    (folder / "run").write_text("/text\n")
    assert run(capsys, "run -m second") == (0, "")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("second", "use -m second to open a model, -c 'second' to send a line"),
        ("secnd", "did you mean -m second? Use -c 'secnd' to send a line"),
        ("ROMEO:", "use -c 'ROMEO:' to send a line; seqshell --help lists the subcommands"),
        ("tell us more", "use -c 'tell us more' to send a line; seqshell --help lists the subcommands"),
        ("notes.txt more", "use -c 'more' to send a line; seqshell --help lists the subcommands"),
    ],
)
def test_a_script_that_does_not_exist_may_be_a_model_or_a_line(capsys, line, hint):
    code, error = run(capsys, line)
    assert code == 2
    assert error.startswith("seqshell: no script ")
    assert error.endswith(f"; {hint}\n")


def test_a_checkpoint_is_not_a_script(capsys):
    path = paths.folder("models") / "second.safetensors"
    assert run(capsys, str(path)) == (2, f"seqshell: {path} is a checkpoint, not a script; use -m {path} to open it\n")


@pytest.mark.parametrize("option", ["-C", "--continue", "--restore last"])
def test_continue_restores_the_last_session(capsys, option):
    assert run(capsys, "-m second -c '/feed abc' -c '/save last'")[0] == 0
    assert main([*option.split(), "-c", "/text"]) == 0
    assert capsys.readouterr().out == "abc\n"


def test_without_a_session_continue_says_how_to_save_one(capsys):
    message = "seqshell: no saved session 'last': none exists yet; /save NAME and leaving the shell save one\n"
    assert run(capsys, "-C -c /text") == (3, message)


def test_plugins_alone_lists_them(capsys):
    assert main(["plugins"]) == 0
    alone = capsys.readouterr().out
    assert main(["plugins", "list"]) == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()] == [
        row.split()[0] for row in alone.splitlines()
    ]


def test_recipes_takes_a_name_or_list(capsys):
    shown = {}
    for words in ("recipes", "recipes list", "recipes phrases", "recipes show phrases"):
        assert main(words.split()) == 0
        shown[words] = capsys.readouterr().out
    assert shown["recipes"] == shown["recipes list"]
    assert shown["recipes phrases"] == shown["recipes show phrases"]


def test_settings_of_a_training_are_not_files(capsys):
    assert run(capsys, "train notes.txt training.epochs=3") == (
        2,
        "seqshell: unexpected 'training.epochs=3'; use --set training.epochs=3\n",
    )


@pytest.mark.parametrize(
    ("key", "hint"),
    [("epochs", "training.epochs"), ("training.epoch", "training.epochs"), ("sampler", "defaults.sampler")],
)
def test_an_unknown_key_of_a_recipe_suggests_one_with_its_table(capsys, key, hint):
    code, error = run(capsys, f"train notes.txt --set {key}=1")
    assert code == 2
    assert error.endswith(f"has an unknown key {key}; did you mean {hint}?\n")
