"""Models that count train, generate and undo like the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.core.events import Notice, Progress, Table, Text
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.shell.shell import Shell
from seqshell.training.evaluation import evaluate_model
from seqshell.training.loop import train
from seqshell.training.recipes.recipe import Recipe, recipe_from

REGISTRY = load_registry(Policy(no_plugins=True))
TEXT = "the cat sat on the mat and the dog sat on the log " * 40


def recipe(folder: Path, **model: Any) -> Recipe:
    (folder / "text.txt").write_text(TEXT)
    tables = {
        "task": "generate",
        "architecture": "ngram",
        "data": {"text": "text.txt"},
        "model": model,
        "training": {"sample_length": 5},
        "defaults": {"examples": ["the "]},
    }
    return recipe_from(tables, name="counted", folder=folder)


def test_counting_is_one_step_with_progress_and_metrics(tmp_path):
    out = tmp_path / "counted.safetensors"
    events = list(train(recipe(tmp_path, order=4), REGISTRY, out))

    assert [(event.done, event.total) for event in events if isinstance(event, Progress)] == [(0, 1), (1, 1)]
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices[0].startswith("counted: ngram, vocabulary")
    (table,) = [event for event in events if isinstance(event, Table)]
    texts = [event.text for event in events if isinstance(event, Text)]
    header = file.read_header(out)
    (tmp_path / "end.txt").write_text(TEXT[1800:])
    metrics = evaluate_model(out, str(tmp_path / "end.txt"), REGISTRY)
    assert metrics["nats"] == pytest.approx(header["provenance"]["metrics"]["nats"])
    assert metrics["nats"]["carry"] < 0.5
    assert table.rows[0][1] == f"{metrics['nats']['carry']:.4f}"
    assert texts[-1] == f"seqshell -m {out}"
    assert texts[-2].startswith("sample after training:\nthe ")
    assert texts[-2].removeprefix("sample after training:\n") not in notices  # the sample is shown once
    assert (tmp_path / "counted.run" / "metrics.jsonl").exists()
    assert not (tmp_path / "counted.run" / "resume.safetensors").exists()


def test_a_counting_run_cannot_be_resumed(tmp_path):
    with pytest.raises(RecipeError, match=r"nothing to resume: .* is trained in a single step"):
        list(train(recipe(tmp_path), REGISTRY, tmp_path / "counted.safetensors", resume=True))


def test_a_counted_model_generates_and_undoes_like_any_other(tmp_path):
    out = tmp_path / "counted.safetensors"
    list(train(recipe(tmp_path, order=6, smoothing="kneser_ney"), REGISTRY, out))
    session = seqshell.open(out)
    session.feed("the cat ")
    first = "".join(event.text for event in session.generate(20))
    session.undo()
    session.feed("the cat ")
    again = "".join(event.text for event in session.generate(20))
    session.save(tmp_path / "kept.safetensors")
    restored = type(session).restore(
        tmp_path / "kept.safetensors", session.model, samplers=REGISTRY.samplers, strategies=REGISTRY.strategies
    )

    assert again == first
    assert len(first) == 20
    assert (restored.position, restored.ids()) == (28, session.ids())


def test_train_in_the_shell_opens_the_counted_model(folder):
    (folder / "notes.txt").write_text(TEXT)
    shell = Shell(REGISTRY)
    events = list(shell.handle(f"/train python-docs-kneser-ney data.text={folder}/notes.txt"))
    assert shell.session.model.name == "python-docs-kneser-ney"
    assert any(isinstance(event, Table) for event in events)
    shell.session.feed("the cat")
    assert shell.session.score(" sat").nats < 1


def test_counts_stay_integers_in_half_precision(folder):
    out = folder / "counted.safetensors"
    small = recipe(folder)
    list(
        train(
            recipe_from(small.tables(), name="counted", folder=folder, overrides=["training.dtype=float16"]),
            REGISTRY,
            out,
        )
    )
    _, weights = file.read(out)
    assert all(np.issubdtype(values.dtype, np.integer) for values in weights.values())
