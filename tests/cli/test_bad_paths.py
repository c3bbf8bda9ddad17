"""Every place that takes a path gives one clear line for every path that cannot be used."""

from __future__ import annotations

import json
import os

import pytest

from seqshell.cli import main
from seqshell.core.errors import SeqshellError
from seqshell.core.named_files import MAX_SHOWN
from seqshell.testing import (
    shell_for,
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_model,
    tiny_translation_checkpoint,
)

BAD = {  # what is wrong -> the path
    "no user": "~nosuchuser/x",
    "a name of 300 bytes": "./" + "a" * 300,
    "a name of 300 bytes that is 150 characters": "empty/" + "é" * 150,
    "a path of 8,000 bytes": "./" + "abc/" * 2000,
    "a null character": "a\0b/c",
    "a surrogate": "empty/\ud800.txt",
    "a device without an end": "/dev/zero",
    "a file that fails while it is read": "/proc/self/mem",
    "a file without an end": "/proc/self/pagemap",
    "a folder": "./empty",
    "a link to itself": "circle/x",
    "a pipe": "./pipe",
    "below a file": "file/x",
    "no folder": "none/x",
}
COMMANDS = (
    *("/load {}", "/restore {}", "/source {}", "/source --step {}", "/train {}", "/train {} {}", "/train text {}"),
    *("/feed @{}", "/reseed @{}", "/score @{}", "/forecast @{}", "/translate @{}", "/classify @{}", "/tag @{}"),
    *("/translate -m {} abc", "/classify -m {} abc", "/tag -m {} abc", "/train small.toml --out {}"),
    *("/save {}", "/save --force {}", "/record {}", "/text -o {}", "/models -o {}", "/recipes -o {}"),
    *("/score -o {} abc", "/settings -o {}", "/translate -o {} abc", "/classify -o {} abc", "/forecast -o {} 3"),
    *("/attention -o {}", "/branches -o {}", "/top -o {}", "/samplers -o {}"),
)
ARGUMENTS = (
    *("-m {} -c a", "--restore {} -c a", "{}", "-p {} -m none", "-m tiny.safetensors {}", "train {}", "train {} {}"),
    *("show {}", "cp {} copied", "cp tiny.safetensors {}"),
    *("average {} tiny.safetensors -o mean", "average tiny.safetensors tiny.safetensors -o {}"),
    *("train text --from {}", "export {} --to onnx", "export tiny.safetensors --to onnx -o {}"),
    *("train small.toml --out {}", "train small.toml -o {}", "evaluate {} text", "evaluate tiny.safetensors {}"),
    *("evaluate tiny.safetensors text -o {}", "evaluate classifier.safetensors classes.tsv --training {}"),
    *("evaluate translator.safetensors text {}", "compare {}", "compare tiny.safetensors --data {}"),
    *("compare tiny.safetensors --test {}", "import {}", "import weights.safetensors --map {}"),
    *("import weights.safetensors --map ok.toml --out {}", "plugins check {}", "plugins new {}", "recipes show {}"),
)
KEYS = {  # settings of [data] that name files -> a recipe's other ones
    "generate": {"text": {}, "validation": {"text": "text"}, "vectors": {"text": "text"}},
    "translate": {"source": {"target": "text"}, "target": {"source": "text"}, "pairs": {}},
    "classify": {"table": {}, "folder": {}, "validation": {"table": "classes.tsv"}},
    "forecast": {"table": {}, "validation": {"table": "numbers.csv"}},
    "tag": {"tags": {}, "validation": {"tags": "tags.conll"}},
}
OUT = "train small.toml --out {}"
COPY = "cp tiny.safetensors {}"
ACCEPTED = {  # what is no mistake there: --out and cp add the ending .safetensors, and --out creates folders
    "./pipe": ("{}", "-m tiny.safetensors {}", OUT, COPY),  # a script: seqshell <(program)
    "./empty": (OUT, COPY),
    "/dev/zero": (OUT, COPY),
    "none/x": (OUT, f"/{OUT}"),
}


@pytest.fixture
def here(folder):
    """A folder with files and models to name beside the bad path."""
    (folder / "empty").mkdir()
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe")
    (folder / "file").write_text("a")
    (folder / "text").write_text("abc " * 200)
    (folder / "tags.conll").write_text("abc\tx\ncab\ty\n\n" * 20)
    (folder / "classes.tsv").write_text("text\tlabel\n" + "abc\tx\ncab\ty\n" * 20)
    (folder / "numbers.csv").write_text("a,b\n" + "1,2\n" * 100)
    (folder / "small.toml").write_text('task = "generate"\narchitecture = "gru"\n[data]\ntext = "text"\n')
    (folder / "ok.toml").write_text('about = "x"\n[tokenizer]\nvocabulary = "abc"\n')
    tiny_checkpoint(folder / "tiny.safetensors")
    tiny_checkpoint(folder / "weights.safetensors")
    tiny_translation_checkpoint(folder / "translator.safetensors")
    tiny_classification_checkpoint(folder / "classifier.safetensors")
    tiny_forecast_checkpoint(folder / "forecaster.safetensors")
    return folder


def check(place, message):
    assert message.strip(), place
    assert message.isprintable(), (place, message)
    assert "internal error" not in message, (place, message)
    assert len(message) < 2 * MAX_SHOWN + 300, (place, message)


@pytest.mark.parametrize("path", BAD.values(), ids=BAD)
def test_a_command_refuses_a_path_that_cannot_be_used(here, path):
    shell = shell_for(tiny_model())
    for model in ("forecaster", "classifier", "translator", "tiny"):
        shell.open(f"./{model}.safetensors")
    for line in COMMANDS:
        if line in ACCEPTED.get(path, ()):
            continue
        try:
            list(shell.handle(line.replace("{}", path)))
        except SeqshellError as error:
            check(line, error.message)
        else:
            pytest.fail(f"{line} was accepted")


@pytest.mark.parametrize("path", BAD.values(), ids=BAD)
def test_an_option_refuses_a_path_that_cannot_be_used(here, capsys, path):
    for words in ARGUMENTS:
        if words in ACCEPTED.get(path, ()):
            continue
        code = main([word.replace("{}", path) for word in words.split()])
        out, err = capsys.readouterr()
        assert code in (1, 2, 3), (words, code, out)
        assert not out or (words == "plugins check {}" and "ImportError: " in out), (words, out)
        if out:
            continue  # a report of checks, one of which failed
        assert err.count("\n") == 1, (words, err)
        check(words, err.removesuffix("\n"))


@pytest.mark.parametrize("path", BAD.values(), ids=BAD)
def test_a_recipe_refuses_a_path_that_cannot_be_used(here, capsys, path):
    for task, keys in KEYS.items():
        for key, others in keys.items():
            data = {**others, key: path}
            lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in data.items())
            if "\ud800" in path:  # which TOML cannot have, but an override can
                lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in others.items())
            recipe = f'task = "{task}"\narchitecture = "gru"\n[data]\n{lines}\n'
            (here / "bad.toml").write_text(recipe)
            code = main(["train", "bad.toml", *(["--set", f"data.{key}={path}"] if "\ud800" in path else [])])
            out, err = capsys.readouterr()
            assert (code, out, err.count("\n")) == (2, "", 1), (task, key, out, err)
            check(f"{task} {key}", err.removesuffix("\n"))
