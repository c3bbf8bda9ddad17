"""Checkpoints of forecasters: the series in the header, invalid headers, and scripts that forecast."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import seqshell
from seqshell.cli import script
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Series
from seqshell.core.tasks import Task
from seqshell.host import resolve
from seqshell.models import file, opening
from seqshell.models.decoder_comparison import disagreement
from seqshell.models.saving import save_checkpoint
from seqshell.models.task_parts.parts import parts_of
from seqshell.shell.opening import start_session
from seqshell.shell.startup import Options
from seqshell.testing import tiny_checkpoint, tiny_forecast_checkpoint

SERIES = Series(("load", "OT"), (1.0, 20.0), (0.5, 3.0), "date", ((1.0, 20.0), (1.5, 23.0)), (0.1, 0.5, 0.9), 4)


@pytest.fixture
def path(tmp_path):
    return tiny_forecast_checkpoint(tmp_path / "tiny.safetensors")


def new_module(registry, **settings):
    from seqshell.host import resolve

    torch.manual_seed(0)
    architecture = registry.architectures["forecaster"]
    return resolve(architecture.model)(
        resolve(architecture.config)(num_features=2, horizon=4, quantiles=3, hidden_size=5, **settings)
    )


@pytest.mark.parametrize("settings", [{"cell": "lstm"}, {"window": 4, "segment": 2}])
def test_a_saved_module_is_opened_with_its_series_and_the_same_forecasts(registry, tmp_path, settings):
    module = new_module(registry, **settings)
    path = save_checkpoint(
        tmp_path / "mine.safetensors", architecture="forecaster", module=module, series=SERIES, registry=registry
    )
    session = seqshell.open(path, registry=registry)
    session.observe("1 20 1.5 23 0.5 17")
    inputs = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [-1.0, -1.0]]])
    with torch.inference_mode():
        outputs = module.eval()(inputs, module.initial_state(1))[0][0, -1].numpy()  # [K, F, Q]

    assert session.model.series == SERIES
    np.testing.assert_allclose(session.forecast().values, outputs[..., 1] * [0.5, 3] + [1, 20], atol=1e-5)
    np.testing.assert_allclose(session.forecast().low, outputs[..., 0] * [0.5, 3] + [1, 20], atol=1e-5)


def test_a_forecaster_is_not_saved_without_its_series(registry, tmp_path):
    with pytest.raises(UsageError, match="save_checkpoint needs series= for a model for the task forecast"):
        save_checkpoint(
            tmp_path / "mine.safetensors", architecture="forecaster", module=new_module(registry), registry=registry
        )


def test_decoder_and_module_are_compared_on_values(registry):
    module = new_module(registry)
    architecture = registry.architectures["forecaster"]
    make, weights = resolve(architecture.decoder), {name: each.numpy() for name, each in module.state_dict().items()}

    class Shifted:
        """Right when stepped, but 0.5 too high when fed."""

        def __init__(self, config, weights):
            self.right = make(config, weights)
            self.initial_state, self.step = self.right.initial_state, self.right.step

        def feed(self, inputs, state):
            outputs, state = self.right.feed(inputs, state)
            return outputs + np.float32(0.5), state

    inputs = parts_of(Task.FORECAST).random_inputs(module.config)
    assert disagreement(architecture, module.config, module, weights, inputs) == ""
    wrong = replace(architecture, decoder=Shifted)
    assert disagreement(wrong, module.config, module, weights, inputs) == (
        "an output of the decoder of forecaster differs from its module's by 0.5, and rounding explains 0.0001"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"series": None}, "'series' in the header has the wrong type"),
        ({"columns": []}, "its series has no column names"),
        ({"columns": ["OT"]}, "the columns of its series, OT, do not fit its config and its tokenizer"),
        ({"columns": ["value", "OT"]}, "the columns of its series, value, OT, do not fit"),
        ({"std": [0.0]}, "needs a mean and a standard deviation above 0 for each column"),
        ({"mean": ["10"]}, "the mean of its series must be numbers"),
        ({"mean": []}, "needs a mean and a standard deviation above 0"),
        ({"quantiles": [0.1, 0.9]}, "must be an odd number of increasing values between 0 and 1"),
        ({"quantiles": [0.9, 0.5, 0.1]}, "must be an odd number of increasing values between 0 and 1"),
        (
            {"quantiles": []},
            r"outputs have the shape \(1, 4, 1, 3\), not \(1, 4, 1, 1\): "
            "its series has 4 steps, 1 column and 1 quantile",
        ),
        ({"horizon": 3}, r"outputs have the shape \(1, 4, 1, 3\), not \(1, 3, 1, 3\): its series has 3 steps"),
        ({"horizon": True}, "the horizon of its series must be a positive integer, not True"),
        ({"example": [[1.0, 2.0]]}, "each row of the example of its series must have 1 values"),
        ({"example": 5}, "the example of its series must have at most 10,000 rows"),
    ],
)
def test_an_invalid_series_is_refused(registry, path, change, reason):
    header, tensors = file.read(path)
    series = change["series"] if "series" in change else {**header["series"], **change}
    if series is None:
        with pytest.raises(CheckpointError, match=reason):
            file.write(path, {**header, "series": series}, tensors)
        return
    file.write(path, {**header, "series": series}, tensors)
    with pytest.raises(CheckpointError, match=rf"^tiny\.safetensors: .*{reason}"):
        opening.open_model(path, registry)


def test_a_header_without_a_series_is_refused(registry, path):
    header, tensors = file.read(path)
    del header["series"]
    file.write(path, header, tensors)
    with pytest.raises(CheckpointError, match="its task is forecast, but it has no series"):
        opening.open_model(path, registry)


def test_the_fingerprint_depends_on_the_normalisation_but_not_on_the_example(registry, path):
    header, tensors = file.read(path)
    same = file.fingerprint(
        {**header, "series": {**header["series"], "example": [], "example_times": ["1", "2"]}}, tensors
    )
    other = file.fingerprint({**header, "series": {**header["series"], "mean": [11.0]}}, tensors)

    assert opening.open_model(path, registry).fingerprint == same != other


def test_a_forecaster_opens_without_torch(path):
    import subprocess

    code = (
        f"import sys, seqshell; s = seqshell.open({str(path)!r}); s.observe('9.8 9.9'); s.forecast(); "
        "assert 'torch' not in sys.modules; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_observing_the_example_does_not_change_the_tokenizer_of_the_model(registry, path):
    model = opening.open_model(path, registry)
    session = start_session(model, registry)
    session.observe(model.series.example)
    assert (model.tokenizer.size, session.model.tokenizer.size) == (0, 6)
    assert model.task is Task.FORECAST


def test_messages_print_one_line_for_each_input_line(path, tmp_path, capsys):
    (tmp_path / "lines").write_text("9.8 9.9\n\nwarm\n10.2\n")
    code, _ = script.run(
        Options(
            model=str(path), scripts=(str(tmp_path / "lines"),), messages=True, on_error="continue", no_plugins=True
        )
    )
    out, err = capsys.readouterr()
    lines = out.splitlines()

    assert code == 1
    assert [len(line.split()) for line in lines] == [4, 0, 0, 4]
    assert "lines:3: 'warm' is not a number (value 1); write values separated by spaces or commas" in err


def test_a_json_script_has_numbers_for_every_line(path, capsys):
    lines = ("9.8 9.9 10.2", "/forecast 2", "/undo", "/forecast", "/set horizon 1", "9.8 9.9 10.2")
    code, _ = script.run(Options(model=str(path), lines=lines, json="lines", on_error="continue", no_plugins=True))
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert code == 1
    assert [each["type"] for each in found] == [
        "session",
        "result",
        "result",
        "result",
        "error",
        "result",
        "result",
        "end",
    ]
    assert found[0]["task"] == "forecast"
    assert found[1]["values"][:2] == found[2]["values"]
    assert found[1]["values"][:1] == found[6]["values"]
    assert (found[4]["op"], found[4]["code"]) == ("/forecast", "empty_series")
    assert all(math.isfinite(value) for value in found[1]["low"] + found[1]["high"])


def test_forecast_opens_the_named_model_beside_a_language_model(path, tmp_path, capsys):
    tiny_checkpoint(tmp_path / "letters.safetensors")
    lines = (f"/forecast 2 --example -m {path}", f"/forecast 2 -m {path}", "/state")
    code, _ = script.run(Options(model=str(tmp_path / "letters.safetensors"), lines=lines, no_plugins=True))
    first, second, *state = capsys.readouterr().out.splitlines()

    assert code == 0
    assert first == second
    assert len(first.split()) == 2
    assert state[0].split() == ["position", "0"]
