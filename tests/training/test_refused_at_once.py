"""What could not be kept is refused before the first update."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from tests.training.kept_trainings import TEXT, architecture, recipe, registry_with

from seqshell.core.errors import RecipeError
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.rehearsal import check_room
from seqshell.training.run import Run
from seqshell.training.run_files import RECORD_BYTES, resume_bytes
from seqshell_recurrent.language_models import GRULanguageModel


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            "/dev/null/x.safetensors",
            r"cannot write to /dev/null/x\.run: Not a directory; choose another place with --out",
        ),
        ("folder.safetensors", r"cannot write .*folder\.safetensors: it is not a regular file; choose another place"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_first_update(tmp_path, registry, out, message):
    (tmp_path / "folder.safetensors").mkdir()
    events = train(recipe(tmp_path), registry, tmp_path / out)
    with pytest.raises(RecipeError, match=message):
        next(events)
    assert sorted(os.listdir(tmp_path)) == ["folder.safetensors", "text.txt"]


@pytest.mark.parametrize(("limit", "size"), [(2_000, ""), (60_000, r"a file of \d+ kB ")])
def test_files_that_would_become_too_large_are_refused_before_the_first_update(tmp_path, limit, size):
    """The limit of the operating system, as a quota: first for the checkpoint, then for the resume file."""
    (tmp_path / "text.txt").write_text(TEXT)
    command = [sys.executable, "-m", "seqshell", "train", "text.txt", "--out", "x.safetensors"]
    small = ["model.hidden_size=8", "model.embed_size=4", "training.epochs=1"]
    done = subprocess.run(
        [*command, *(word for each in small for word in ("--set", each))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "SEQSHELL_HOME": str(tmp_path / "home")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 2
    assert re.search(rf"cannot write {size}to .*: File too large; choose another place", done.stderr)
    assert "epoch" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["text.txt"]


def test_a_disk_without_room_for_both_files_is_refused(tmp_path):
    room = shutil.disk_usage(tmp_path).free
    with pytest.raises(RecipeError, match=r"free, but checkpoint and resume file need about .*B; choose another place"):
        check_room({tmp_path / "x.safetensors": 1000, tmp_path / "resume.safetensors": room - 10_000_000})
    check_room({tmp_path / "x.safetensors": 1000})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ema": 0.0},
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "sgd", "average_checkpoints": 2},
    ],
)
def test_the_size_of_the_resume_file_is_known_before_it_is_written(tmp_path, registry, settings):
    training = recipe(tmp_path, epochs=2, **settings)
    training = replace(training, model={"hidden_size": 64, "embed_size": 32})
    list(train(training, registry, tmp_path / "x.safetensors"))
    run = Run(prepare(training, registry), tmp_path / "x.run")
    size = run.resume_file.stat().st_size
    assert size <= resume_bytes(run.module, training.training) <= size + RECORD_BYTES


class Accented(GRULanguageModel):
    """A weight whose name no checkpoint may have."""

    def __init__(self, config):
        super().__init__(config)
        self.register_parameter("poids_é", torch.nn.Parameter(torch.zeros(1)))


class Doubled(GRULanguageModel):
    """Twice as many logits as tokens."""

    def forward(self, inputs, state):
        outputs, state = super().forward(inputs, state)
        return torch.cat([outputs, outputs], -1), state


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Accented, "invalid tensor name 'poids_é'"),
        (Doubled, r"the model's outputs have the shape \(1, 26\), not \(1, 13\): its tokenizer has 13 tokens"),
    ],
)
def test_a_model_that_could_not_be_opened_is_refused_before_the_first_update(tmp_path, model, reason):
    events = train(recipe(tmp_path, "mine"), registry_with(seqshell_architectures=[architecture(model)]))
    with pytest.raises(RecipeError, match=f"^small: no checkpoint could be written of this model: {reason}$"):
        next(events)
