"""`seqshell train X --dry-run`: what was understood, the examples as the model reads them, sizes, memory, time."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import pytest

from seqshell.cli import main
from seqshell.core.errors import RecipeError
from seqshell.core.events import Data, Notice, Tables
from seqshell.shell.shell import Shell
from seqshell.training.dry_run import dry_run
from seqshell.training.loop import train
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run

TEXT = "the cat sat on the mat\nand the dog sat on the log\n" * 40
SMALL = ["model.hidden_size=8", "training.epochs=2", "training.precision=float32", "training.device=cpu"]
SIZES = {"epochs", "batches_per_epoch", "steps", "memory_bytes", "free_memory_bytes", "seconds_per_epoch", "seconds"}


@pytest.fixture
def files(folder):
    """A text, pairs, labelled texts and a series."""
    (folder / "t.txt").write_text(TEXT)
    lines = [f"I see {number} cats\tje vois {number} chats\n" for number in range(300)]
    (folder / "p.tsv").write_text("".join(lines))
    rows = [f"a {kind} film {number},{label}\n" for number in range(20) for kind, label in (("good", 1), ("bad", 0))]
    (folder / "c.csv").write_text("text,label\n" + "".join(rows))
    days = [f"2024-{1 + day // 28:02}-{1 + day % 28:02},{math.sin(day / 7):.3f}\n" for day in range(330)]
    (folder / "s.csv").write_text("date,load\n" + "".join(days))
    return folder


def planned(file, registry, *settings):
    return dry_run(load_recipe([file], [*SMALL, *settings]), registry).as_json()


def test_a_text_is_shown_in_tokens_with_the_sizes_of_the_training(files, registry):
    plan = planned("t.txt", registry, "training.batch_size=4", "training.sequence_length=20")
    assert (plan["recipe"], plan["task"], plan["architecture"], plan["device"]) == ("t", "generate", "gru", "cpu")
    assert plan["understood"][-1].startswith(f"{plan['data']['training']:,} tokens for training")
    assert plan["data"]["training"] + plan["data"]["validation"] == len(TEXT)
    assert plan["vocabulary"] == {"vocabulary": len(set(TEXT))}
    first = plan["examples"][0]
    assert "".join(first["tokens"]) == TEXT[:20]
    assert first["ids"] == [sorted(set(TEXT)).index(letter) for letter in TEXT[:20]]
    assert len(plan["examples"]) == 3
    assert plan["batches_per_epoch"] == (plan["data"]["training"] - 1) // 4 // 20
    assert plan["steps"] == 2 * plan["batches_per_epoch"]
    assert plan["seconds"] == 2 * plan["seconds_per_epoch"] > 0
    assert 1e6 < plan["memory_bytes"] < 1e9
    assert plan.keys() >= SIZES


def test_a_slow_first_batch_as_where_kernels_are_compiled_is_not_in_the_time(files, registry, monkeypatch):
    train_on, batches = Run.train_on, []

    def slow_at_first(run, batch):
        batches.append(batch)
        time.sleep(0.5 if len(batches) == 1 else 0)
        return train_on(run, batch)

    monkeypatch.setattr(Run, "train_on", slow_at_first)
    monkeypatch.setattr("seqshell.training.dry_run.TIMED_SECONDS", 0)
    plan = planned("t.txt", registry, "training.batch_size=4", "training.sequence_length=20")
    assert len(batches) == 2
    assert 0 < plan["seconds_per_epoch"] < 0.5 * plan["batches_per_epoch"]


def test_pairs_are_shown_with_the_tokens_of_both_sides(files, registry):
    plan = planned("p.tsv", registry, "tokenizer.name=char")
    first = plan["examples"][0]
    assert first["source"], first["target"] == ("I see 0 cats", "je vois 0 chats")
    assert "".join(first["source tokens"]) == first["source"]
    assert "".join(first["target tokens"]) == first["target"]
    assert len(first["target ids"]) == len(first["target"])
    assert plan["task"] == "translate"


def test_texts_are_shown_with_their_labels(files, registry):
    plan = planned("c.csv", registry, "tokenizer.name=word")
    first = plan["examples"][0]
    assert (first["text"], first["label"]) == ("a good film 0", "1")
    assert "".join(first["tokens"]).split() == ["a", "good", "film", "0"]
    assert plan["vocabulary"]["labels"] == 2
    assert (plan["data"]["training"], plan["data"]["validation"]) == (36, 4)


def test_rows_are_shown_with_times_and_as_the_model_reads_them(files, registry):
    plan = planned("s.csv", registry)
    first, second, _ = plan["examples"]
    assert (first["time"], first["load"]) == ("2024-01-01", 0.0)
    assert (second["time"], second["load"]) == ("2024-01-02", 0.142)
    assert first["load, normalised"] != 0
    assert plan["vocabulary"] == {"columns": 1}


def test_a_model_that_counts_is_planned_as_one_step(files, registry):
    tables = {"task": "generate", "architecture": "ngram", "data": {"text": "t.txt"}, "tokenizer": {"name": "word"}}
    plan = dry_run(recipe_from(tables, name="n", folder=files), registry).as_json()
    assert (plan["epochs"], plan["steps"], plan["batches_per_epoch"]) == (1, 1, 1)
    assert plan["seconds"] > 0
    assert "".join(plan["examples"][0]["tokens"]).startswith(" the cat sat")


@pytest.mark.parametrize("file", ["t.txt", "p.tsv", "c.csv", "s.csv"])
def test_nothing_is_written_and_json_is_one_object(files, home, capsys, file):
    before = sorted(os.listdir(files))
    settings = [word for setting in SMALL for word in ("--set", setting)]
    assert main(["train", file, "--dry-run", *settings]) == 0
    text = capsys.readouterr().out
    assert main(["train", file, "--dry-run", "--json", *settings]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    plan = json.loads(line)

    assert sorted(os.listdir(files)) == before
    assert not home.exists()
    assert plan.keys() >= SIZES
    for note in plan["understood"]:
        assert note in text
    assert "example 1\n" in text
    assert "memory      about " in text
    assert f"{plan['steps']:,} steps in all" in text


def test_the_number_of_steps_is_that_of_the_training(files, registry):
    sizes = ["training.accumulate=3", "training.batch_size=4", "training.sequence_length=40"]
    recipe = load_recipe(["t.txt"], [*SMALL, *sizes])
    plan = dry_run(recipe, registry)
    list(train(recipe, registry, files / "x.safetensors"))
    lines = [json.loads(line) for line in Path("x.run/metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == plan.steps


def test_what_training_refuses_is_refused(files, registry):
    with pytest.raises(RecipeError, match=r"of memory, and .* are free .*model\.hidden_size \(now 60000\)"):
        planned("t.txt", registry, "model.hidden_size=60000")
    with pytest.raises(RecipeError, match="defaults: no sampler 'nucleus'"):
        planned("t.txt", registry, "defaults.sampler=nucleus=3")


def test_line_ends_are_visible_in_tables_and_long_texts_are_cut(files, registry):
    (files / "long.csv").write_text("text,label\n" + "".join(f"{'word ' * 100}{n},{n % 2}\n" for n in range(20)))
    recipe = load_recipe(["t.txt"], [*SMALL, "training.sequence_length=30"])
    tokens = dict(dry_run(recipe, registry).tables()[1].rows)["tokens"]
    assert tokens == "t|h|e| |c|a|t| |s|a|t| |o|n| |t|h|e| |m|a|t|\\n|a"
    text = dict(dry_run(load_recipe(["long.csv"], SMALL), registry).tables()[1].rows)["text"]
    assert (len(text), text[-1]) == (200, "…")


def test_the_shell_shows_the_plan_and_opens_nothing(files, registry):
    shell = Shell(registry)
    events = list(shell.handle(f"/train --dry-run t.txt {' '.join(SMALL)}"))
    (tables,) = [event for event in events if isinstance(event, Tables)]
    (data,) = [event for event in events if isinstance(event, Data)]
    assert data.values["examples"][0]["tokens"][:3] == ["t", "h", "e"]
    assert "example 3" in tables.as_text()
    assert any("tokens for training" in event.text for event in events if isinstance(event, Notice))
    assert shell.workspace.sessions == {}
    assert not Path("home").exists()


def test_the_shell_takes_set_as_the_command_line_does(files, registry):
    shell, set_small = Shell(registry), " ".join(f"--set {each}" for each in SMALL)
    (data,) = [each for each in shell.handle(f"/train t.txt {set_small} --dry-run") if isinstance(each, Data)]

    assert data.values == next(
        each.values for each in shell.handle(f"/train t.txt {' '.join(SMALL)} --dry-run") if isinstance(each, Data)
    ) | {key: data.values[key] for key in ("seconds", "seconds_per_epoch", "memory_bytes", "free_memory_bytes")}
