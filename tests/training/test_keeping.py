"""No work is lost: what was trained is kept somewhere, whatever fails meanwhile."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file
from tests.training.kept_trainings import TEXT, architecture, recipe, registry_with, warnings_of

from seqshell.cli import main
from seqshell.core.errors import CheckpointError, PluginError
from seqshell.core.events import Notice, Progress, Text
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.testing import shell_for
from seqshell.training import loop as training_loop
from seqshell.training import run_record
from seqshell.training.keeping import Keeper
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.run import Run
from seqshell.training.stopping import criterion
from seqshell_recurrent.language_models import GRULanguageModel


class FailingDecoder:
    def __init__(self, config, weights):
        pass

    def initial_state(self, batch_size=1):
        raise OSError("no such library")


def test_a_model_whose_decoder_fails_is_trained_and_runs_in_torch(tmp_path):
    registry = registry_with(seqshell_architectures=[architecture(GRULanguageModel, FailingDecoder)])
    out = tmp_path / "x.safetensors"
    events = list(train(recipe(tmp_path, "mine"), registry, out))

    reason = "the decoder of mine fails: OSError: no such library"
    assert warnings_of(events) == [
        f"{reason}; training and its checkpoint use the module in torch instead",
        f"{reason}; the checkpoint keeps the module, and the model runs in torch",
    ]
    model = open_model(out, registry)
    assert model.header["runs_in_torch"] == reason
    assert isinstance(model.decoder, TorchDecoder)
    assert model.header["provenance"]["metrics"]["nats"]["blocks256"] < 2.7


ERRORS = {"module": RuntimeError("out of luck"), "exit": SystemExit(4), "generator": GeneratorExit()}


@pytest.mark.parametrize("on", ["sample", *ERRORS])
def test_an_error_in_the_middle_loses_no_weights(tmp_path, on):
    """A sampler that fails costs the samples only; a module that fails ends the training with the best weights."""

    class Failing(GRULanguageModel):
        calls = 0

        def hidden_states(self, inputs, state):
            Failing.calls += self.training
            if on != "sample" and Failing.calls > 25:
                raise ERRORS[on]
            return super().hidden_states(inputs, state)

    @dataclass(frozen=True)
    class Broken:
        """It always fails."""

        name: ClassVar[str] = "broken"
        stage: ClassVar[str] = "truncation"

        def __call__(self, logits, context):
            raise ValueError("not today")

    registry = registry_with(seqshell_architectures=[architecture(Failing)], seqshell_samplers=[Broken])
    chosen = recipe(tmp_path, "mine")
    if on == "sample":
        chosen = replace(chosen, defaults=replace(chosen.defaults, sampler="broken"))
    written, events = [], []
    training = train(chosen, registry, tmp_path / "x.safetensors", written=written.append)
    if on == "sample":
        events += training
        assert "sample after training:\nno sample: " in "\n".join(
            each.text for each in events if isinstance(each, Text)
        )
        assert file.read_header(written[-1])["provenance"]["epoch"] == 3
        return
    out = tmp_path / "x.safetensors"
    errors = {"module": "RuntimeError: out of luck", "exit": "it called sys.exit", "generator": "GeneratorExit"}
    with pytest.raises(PluginError, match=f"the model mine.* failed in training: {errors[on]}") as caught:
        events += training
    assert caught.value.remains == f"the best weights so far are in {out}"
    assert file.read_header(written[-1])["provenance"]["epoch"] == 2


def replaced_by_a_file(folder):
    shutil.rmtree(folder)
    folder.write_text("")


def interfere(events, action):
    """The events, with an action after the first epoch."""
    found = []
    for event in events:
        found.append(event)
        if isinstance(event, Notice) and event.text.startswith("epoch 1:"):
            action()
    return found


def test_a_place_that_disappears_costs_the_resume_file_but_not_the_model(tmp_path, registry, home):
    place, written = tmp_path / "place", []
    place.mkdir()
    out = place / "x.safetensors"
    events = interfere(
        train(recipe(tmp_path), registry, out, written=written.append), lambda: replaced_by_a_file(place)
    )

    kept = home / "models" / "x.safetensors"
    first, second = warnings_of(events)
    assert first == f"cannot write to {place / 'x.run'}: Not a directory; training continues and tries again later"
    assert second == f"cannot write {out}: Not a directory; the model is in {kept} instead"
    assert written == [kept, kept]
    assert file.read_header(kept)["provenance"]["epoch"] == 3
    assert [event.text for event in events if isinstance(event, Text)][-1] == "seqshell -m x"
    assert os.listdir(kept.parent) == ["x.safetensors"]


def test_another_model_of_that_name_is_not_replaced(tmp_path, registry, home):
    (home / "models").mkdir(parents=True)
    (home / "models" / "x.safetensors").write_text("another")
    place, written = tmp_path / "place", []
    place.mkdir()
    events = train(recipe(tmp_path), registry, place / "x.safetensors", written=written.append)
    interfere(events, lambda: replaced_by_a_file(place))
    assert written == [home / "models" / "x-2.safetensors"] * 2
    assert (home / "models" / "x.safetensors").read_text() == "another"


def test_a_folder_that_is_deleted_is_made_again(tmp_path, registry):
    out, written = tmp_path / "place" / "x.safetensors", []
    events = train(recipe(tmp_path), registry, out, written=written.append)
    events = interfere(events, lambda: shutil.rmtree(tmp_path / "place"))
    assert warnings_of(events) == []
    assert written == [out, out]
    assert sorted(os.listdir(tmp_path / "place" / "x.run")) == ["metrics.jsonl", "resume.safetensors", "run.json"]


def test_without_a_users_folder_the_model_is_kept_among_the_temporary_files(tmp_path, registry, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", "/dev/null/home")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    place, written = tmp_path / "place", []
    place.mkdir()
    (tmp_path / "temporary").mkdir()
    events = train(recipe(tmp_path), registry, place / "x.safetensors", written=written.append)
    interfere(events, lambda: replaced_by_a_file(place))
    assert written == [tmp_path / "temporary" / "x.safetensors"] * 2


def test_a_resume_file_that_cannot_be_written_is_written_later(tmp_path, registry):
    out = tmp_path / "x.safetensors"
    resume = tmp_path / "x.run" / "resume.safetensors"
    found = []
    for event in train(recipe(tmp_path, epochs=4), registry, out):
        found.append(event)
        if isinstance(event, Notice) and event.text.startswith("epoch 1:"):
            resume.unlink()
            resume.mkdir()
        if isinstance(event, Notice) and event.text.startswith("epoch 3:"):
            resume.rmdir()
    assert warnings_of(found) == [
        f"cannot write {resume}: it is not a regular file; training continues and tries again later"
    ]
    assert resume.is_file()
    assert file.read_header(out)["provenance"]["epoch"] == 4


VANDAL = """
import os, shutil
from pathlib import Path
import seqshell
from seqshell_recurrent.config import GRUConfig
from seqshell_recurrent.language_models import GRULanguageModel

class Vandal(GRULanguageModel):
    calls = 0

    def hidden_states(self, inputs, state):
        Vandal.calls += self.training
        place = Path(os.environ["PLACE"])
        if Vandal.calls == 20 and place.is_dir():
            shutil.rmtree(place)
            place.write_text("")
        return super().hidden_states(inputs, state)

@seqshell.hookimpl
def seqshell_architectures():
    return [seqshell.Architecture("vandal", seqshell.Task.GENERATE, GRUConfig, Vandal)]
"""


def test_the_exit_code_and_the_path_in_json_show_that_the_model_is_elsewhere(folder, home, monkeypatch, capsys):
    (folder / "vandal.py").write_text(VANDAL)
    (folder / "text.txt").write_text(TEXT)
    settings = "[model]\nhidden_size = 8\n[training]\nepochs = 2\nbatch_size = 4\nsequence_length = 20\n"
    (folder / "r.toml").write_text(f'task = "generate"\narchitecture = "vandal"\n[data]\ntext = "text.txt"\n{settings}')
    monkeypatch.setenv("PLACE", str(folder / "place"))
    command = ["train", "r.toml", "-p", "vandal.py", "--out", "place/x.safetensors", "--json"]
    assert main(command) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["path"] == str(home / "models" / "x.safetensors")
    assert json.loads(out)["epoch"] == 2
    assert f"the model is in {home / 'models' / 'x.safetensors'} instead" in err
    (folder / "place").unlink()
    assert main(command) == 3
    (folder / "place").unlink()
    monkeypatch.setenv("PLACE", str(folder / "another"))
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["path"] == "place/x.safetensors"


def trained(folder, registry, **training):
    run = Run(prepare(recipe(folder, **training), registry), folder / "x.run")
    list(run.epochs())
    return run


def test_weights_that_no_checkpoint_can_hold_are_kept_as_tensors(tmp_path, registry):
    run = trained(tmp_path, registry, epochs=1)
    run.best_weights["readout.bias"][0] = torch.nan
    written = []
    keeper = Keeper(run, registry, tmp_path / "x.safetensors", written.append)
    path = tmp_path / "x.run" / "x-weights.safetensors"
    reason = "the weight readout.bias has values that are not finite in float32"
    with pytest.raises(CheckpointError) as error:
        keeper.keep_best()
    assert error.value.message == (
        f"no checkpoint could be written: {reason}; the best weights are in {path}, without config and tokenizer"
    )
    kept = load_file(path)
    assert kept.keys() == run.best_weights.keys()
    torch.testing.assert_close(kept["readout.weight"], run.best_weights["readout.weight"])
    assert keeper.keep_what_can_be_kept() == error.value.message.replace("x-weights", "x-weights-2")
    assert written == []


def test_weights_too_large_for_float16_are_stored_as_float32(tmp_path, registry):
    run = trained(tmp_path, registry, epochs=1, dtype="float16")
    out = tmp_path / "x.safetensors"
    keeper = Keeper(run, registry, out, lambda path: None)
    keeper.keep_best()
    assert list(keeper.take_notes()) == []
    half = out.stat().st_size
    run.best_weights["readout.bias"][0] = 70_000.0
    for _ in range(2):
        keeper.keep_best()
    assert [note.text for note in keeper.take_notes()] == [
        "the weights are stored as float32: some are too large for float16"
    ]
    assert file.read(out)[1]["readout.bias"][0] == 70_000
    assert out.stat().st_size > 1.2 * half


def test_a_validation_that_is_not_a_number_is_never_the_best(tmp_path, registry):
    assert criterion({"nats": float("nan")}) == float("inf")
    run = trained(tmp_path, registry, epochs=1)
    run.progress.best = None
    run.keep_if_best({"epoch": 1, "validation": {"nats": float("nan")}})
    run.keep_if_best({"epoch": 2, "validation": {"nats": 3.0}})
    run.keep_if_best({"epoch": 3, "validation": {"nats": float("nan")}})
    assert run.progress.best["epoch"] == 2


def test_a_training_whose_last_checkpoint_was_refused_is_kept_when_it_is_resumed(tmp_path, registry):
    """As trainings that an earlier version refused at the end."""
    list(train(recipe(tmp_path), registry, tmp_path / "x.safetensors"))
    (tmp_path / "x.safetensors").unlink()
    events = list(train(recipe(tmp_path), registry, tmp_path / "x.safetensors", resume=True))
    assert not any(isinstance(event, Progress) for event in events)
    assert file.read_header(tmp_path / "x.safetensors")["provenance"]["epoch"] == 3


def test_a_plugin_that_fails_in_the_last_evaluation_says_where_the_weights_are(tmp_path, registry, monkeypatch):
    def fail(run):
        raise PluginError("the tokenizer tt failed in piece")

    monkeypatch.setattr(training_loop, "gained_nothing", fail)
    with pytest.raises(PluginError, match="failed in piece") as caught:
        list(train(recipe(tmp_path, epochs=1), registry, tmp_path / "x.safetensors"))
    assert caught.value.remains == f"the best weights so far are in {tmp_path / 'x.safetensors'}"


def test_ctrl_c_while_a_stopped_training_writes_its_files_reaches_the_caller(folder, monkeypatch):
    def interrupted(path, content):
        raise KeyboardInterrupt

    (folder / "text.txt").write_text(TEXT)
    events = shell_for().handle("/train text.txt model.hidden_size=4 training.precision=float32")
    next(event for event in events if isinstance(event, Progress))
    monkeypatch.setattr(run_record, "write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        events.close()
