"""kill -9 at any moment of training, saving, recording, writing with -o, and of the history of lines.

A program is ended in one of three ways: after a random time, before a random operation on files, or by the kernel in
the middle of a write, when a file reaches a random size. Then what is on disk must be usable: the old or the new file,
a training that resumes and gives the bits of an uninterrupted one, whole lines of a recording and of the history.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.campaigns.campaign import Campaign
from tests.campaigns.parts.killed_programs import Kill, run

import seqshell.training.language.objective
import seqshell.training.loop
from seqshell.core.errors import SeqshellError
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.shell.shell import Shell
from seqshell.terminal.history import LineHistory
from seqshell.testing import tiny_checkpoint
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.resume import read_resume

REGISTRY = load_registry(Policy(no_plugins=True))
MOST_KILLS = 3  # of one training
WORDS = ["one", "two", "three", "four", "five"]
FRENCH = ["un", "deux", "trois", "quatre", "cinq"]
TRAINING = {"epochs": 3, "precision": "float32", "device": "cpu", "sample_every": 0}
VARIANTS: tuple[dict[str, Any], ...] = (  # of [training]
    {"learning_rate": 0.02},
    {"ema": 0.9, "optimizer": "adamw"},
    {"accumulate": 2, "optimizer": "sgd", "momentum": 0.9},
    {"average_checkpoints": 2, "schedule": "plateau", "plateau_patience": 1},
)
TASKS: dict[str, dict[str, Any]] = {
    "generate": {
        "architecture": "lstm",
        "data": {"text": "text.txt"},
        "model": {"embed_size": 4, "hidden_size": 8, "num_layers": 2, "dropout": 0.2},
        "training": {"batch_size": 4, "sequence_length": 32, "state_zeroing": 0.2},
    },
    "translate": {
        "architecture": "attention_seq2seq",
        "data": {"pairs": "pairs.tsv", "validation": 0.2},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 4, "encoder_size": 4, "hidden_size": 8},
        "training": {"batch_size": 8},
    },
    "classify": {
        "architecture": "classifier",
        "data": {"table": "labels.tsv", "validation": 0.2},
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 4, "hidden_size": 4, "cell": "gru"},
        "training": {"batch_size": 8},
    },
    "tag": {
        "architecture": "tagger",
        "data": {"tags": "tags.conll", "validation": 0.2},
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 4, "hidden_size": 4, "cell": "gru"},
        "training": {"batch_size": 8},
    },
    "forecast": {
        "architecture": "forecaster",
        "data": {"table": "wave.csv", "time_column": "hour"},
        "model": {"hidden_size": 4, "horizon": 4, "window": 8, "segment": 2, "quantiles": 3},
        "training": {"batch_size": 8, "sequence_length": 4},
    },
}
uninterrupted: dict[str, Any] = {}  # what a training gives that nobody kills, by its settings


def check(draws: random.Random, folder: Path) -> str | None:
    """Kill a program, and look at what it left."""
    kind = draws.choices(list(KINDS), weights=[4, 2, 2, 1, 1])[0]
    problem = KINDS[kind](draws)
    return f"{kind}: {problem}" if problem else None


# Training


def check_training(draws: random.Random) -> str | None:
    recipe = recipe_of(draws)
    key = json.dumps(recipe.tables(), sort_keys=True)
    if key not in uninterrupted:
        start = time.monotonic()
        if problem := run(lambda: train(recipe, "whole", False)):
            return f"an uninterrupted training: {problem}"
        uninterrupted[key] = outcome("whole"), time.monotonic() - start
    expected, seconds = uninterrupted[key]
    for _ in range(draws.randint(1, MOST_KILLS)):
        resumes = Path("killed.run/resume.safetensors").exists()
        if run(lambda resumes=resumes: train(recipe, "killed", resumes), Kill(draws, seconds, 120, 80_000)):  # type: ignore[misc]  # of a lambda
            return "it ended with an error instead of being killed"
        if problem := loads("killed.safetensors"):
            return problem
    resumes = Path("killed.run/resume.safetensors").exists()
    if problem := run(lambda: train(recipe, "killed", resumes)):
        return f"{'the resumed' if resumes else 'a new'} training: {problem}"
    found = outcome("killed")
    differing = [name for name in expected if found.get(name) != expected[name]]
    return f"the resumed training differs in {', '.join(differing)[:200]}" if differing else None


def recipe_of(draws: random.Random) -> Recipe:
    """A training of a second, and its data in the current folder."""
    Path("text.txt").write_text("the cat sat on the mat and the dog sat on the log " * 12)
    pairs = [(f"{FRENCH[i]} et {FRENCH[j]}", f"{WORDS[i]} and {WORDS[j]}") for i in range(5) for j in range(5)]
    Path("pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    rows = [
        (word * (1 + number % 3), "english" if word in WORDS else "french")
        for number in range(4)
        for word in WORDS + FRENCH
    ]
    Path("tags.conll").write_text(
        "\n".join("".join(f"{word}\t{label}\n" for word in text.split()) for text, label in rows)
    )
    Path("labels.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    Path("wave.csv").write_text("hour,x\n" + "".join(f"{row},{math.sin(row / 2):.6f}\n" for row in range(160)))
    task = draws.choice(list(TASKS))
    tables = {"task": task, **TASKS[task]}
    tables["training"] = {**TRAINING, **tables["training"], **draws.choice(VARIANTS), "seed": draws.randrange(3)}
    recipe = recipe_from(tables, name=task, folder=Path())
    return replace(recipe, training=replace(recipe.training, resume_every=0))  # it writes after every batch


def train(recipe: Recipe, name: str, resume: bool) -> None:
    for _ in seqshell.training.loop.train(recipe, REGISTRY, Path(f"{name}.safetensors"), resume):
        pass


def outcome(name: str) -> dict[str, Any]:
    """The bits of a training's files, without times."""
    header, weights = file.read(f"{name}.safetensors")
    header["provenance"].pop("seconds", None)
    record, tensors = read_resume(Path(f"{name}.run/resume.safetensors"))
    place = {key: value for key, value in record["place"].items() if key != "seconds"}
    for each in (*place["history"], place["best"] or {}):
        each.pop("seconds", None)
    found = {"header": header, "place": place, "random": record["random"], "draws": record["draws"]}
    found |= {f"checkpoint {key}": values.tobytes() for key, values in weights.items()}
    return found | {f"resume {key}": tensor.numpy().tobytes() for key, tensor in tensors.items()}


# Files that are written whole


def check_saving(draws: random.Random) -> str | None:
    """A saved session is the old one or the new one."""
    shell = new_shell()
    for _ in range(draws.randint(1, 4)):
        tuple(shell.handle(message(draws)))
    texts = [shell.session.text()]
    tuple(shell.handle("/save ./s.safetensors"))
    lines = [message(draws) for _ in range(draws.randint(1, 3))]

    def save() -> None:
        for line in lines:
            for each in (line, "/save --force ./s.safetensors"):
                tuple(shell.handle(each))

    if problem := run(save, Kill(draws, 0.1, 12, 40_000)):
        return problem
    restored = new_shell()
    tuple(restored.handle("/restore ./s.safetensors"))
    for line in lines:
        tuple(shell.handle(line))
        texts.append(shell.session.text())
    found = restored.session.text()
    return None if found in texts else f"it has another text: {found[:60]!r}"


def check_output(draws: random.Random) -> str | None:
    """A file of -o has the old or the new content."""
    shell = new_shell()
    line = draws.choice(["/text -o {}", "/score -o {} abcabc", "/models -o {}", "/top -o {}", "/state -o {}"])
    name = draws.choice(["a.txt", "a.json", "a.csv", "a.tsv"])
    known = []
    for place in ("old", "new"):
        tuple(shell.handle(message(draws)))
        Path(place).mkdir()
        try:
            tuple(shell.handle(line.format(f"{place}/{name}")))
        except SeqshellError:  # such as a command without this option
            return None
        known.append(Path(place, name).read_bytes())
    target = Path(name)
    if draws.random() < 0.7:
        target.write_bytes(known[0])
    else:
        known[0] = b"\0there is no file"
    if problem := run(lambda: list(shell.handle(line.format(name))), Kill(draws, 0.05, 6, 2_000)):
        return problem
    found = target.read_bytes() if target.exists() else b"\0there is no file"
    return None if found in known else f"{line.format(name)}: {found[:60]!r}"


# Files that are written line by line


def check_recording(draws: random.Random) -> str | None:
    """A recording has whole lines from its beginning; only the last may be cut."""
    lines = [message(draws) for _ in range(draws.randint(2, 8))]

    def record(path: str) -> None:
        shell = new_shell()
        for line in (f"/record {path}", *lines, "/record off"):
            tuple(shell.handle(line))

    if problem := run(lambda: record("whole.seq")) or run(lambda: record("s.seq"), Kill(draws, 0.2, 8, 400)):
        return problem
    whole = Path("whole.seq").read_text("utf-8")
    found = Path("s.seq").read_text("utf-8", "replace") if Path("s.seq").exists() else ""
    complete, newline, _ = found.rpartition("\n")
    return None if whole.startswith(complete + newline) else f"{found[:80]!r} is not how {whole[:80]!r} begins"


def check_history(draws: random.Random) -> str | None:
    """The history has the lines that were sent, except perhaps the last, and what is sent later."""
    lines = [draws.choice(["é", "ab", "x\ny"]) * draws.choice([1, 30, 3000]) + str(number) for number in range(12)]
    sent = [f"earlier {number}" for number in range(draws.randrange(4))]
    history = LineHistory(lambda: Path("home/history"))
    for line in sent:
        history.store_string(line)

    def send() -> None:
        for number, line in enumerate(lines):
            history.store_string(line)
            Path("number").write_text(str(number + 1))

    Path("number").write_text("0")
    before = Path("home/history").stat().st_size if sent else 0
    if problem := run(send, Kill(draws, 0.02, 20, before + 20_000, least=max(before, 16))):
        return problem
    stored = int(Path("number").read_text() or 0)
    LineHistory(lambda: Path("home/history")).store_string("later")
    found = list(LineHistory(lambda: Path("home/history")).load_history_strings())[::-1]
    known = [*sent, *lines]
    count = len(found) - 1
    if found != [*known[:count], "later"]:
        return f"{[line[-20:] for line in found]}"
    return None if count >= len(sent) + stored else f"{len(sent) + stored} lines were stored, and {count} are there"


# Programs and their ends


def loads(name: str) -> str | None:
    """Why a checkpoint that is there cannot be opened."""
    try:
        if Path(name).exists():
            open_model(Path(name), REGISTRY)
    except SeqshellError as error:
        return error.message
    return None


def new_shell() -> Shell:
    """A shell on a tiny model, as it was before anything was killed."""
    if not Path("tiny.safetensors").exists():
        tiny_checkpoint("tiny.safetensors")
    shell = Shell(REGISTRY, seed=1)
    shell.open("./tiny.safetensors")
    tuple(shell.handle("/set max_tokens 5"))
    return shell


def message(draws: random.Random) -> str:
    return "".join(draws.choices("abc", k=draws.choice([1, 5, 50])))


KINDS: dict[str, Callable[[random.Random], str | None]] = {
    "training": check_training,
    "saving": check_saving,
    "-o": check_output,
    "recording": check_recording,
    "history": check_history,
}
CAMPAIGN = Campaign("kills", "after kill -9, files are old or new, and trainings resume bit by bit", check, seconds=180)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
