"""An imported model is checked against outputs of the original, if an importer names them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqshell.cli import main

IMPORTER = """
import json
import numpy as np
import seqshell

def read(path, options):
    if path.suffix != ".known":
        return None
    known = json.loads(path.read_text())
    weights = {
        "recurrent.0.weight_ih_l0": np.eye(2), "recurrent.0.weight_hh_l0": np.zeros((2, 2)),
        "recurrent.0.bias_ih_l0": np.zeros(2), "recurrent.0.bias_hh_l0": np.zeros(2),
        "readout.weight": np.eye(2), "readout.bias": np.array([0.0, 0.5]),
    }
    return seqshell.ForeignModel(
        seqshell.Task.GENERATE,
        "rnn",
        {"vocab_size": 2, "embed_size": 0, "hidden_size": 2, "num_layers": 1},
        {name: np.float32(value) for name, value in weights.items()},
        seqshell.CharTokenizer("ab"),
        checks=(seqshell.KnownOutputs([0, 1], np.array(known)),),
    )

@seqshell.hookimpl
def seqshell_importers():
    yield read
"""


def run(capsys: pytest.CaptureFixture[str], known: list[list[float]], *options: str) -> tuple[int, str, str]:
    Path("importer.py").write_text(IMPORTER)
    Path("a.known").write_text(json.dumps(known))
    code = main(["import", "-p", "./importer.py", "a.known", "--out", "./a.safetensors", *options])
    return code, *capsys.readouterr()


TANH = 0.7615942  # of 1


def test_equal_outputs_are_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, [[TANH, 0.5], [0, 0.5 + TANH]])
    assert (code, err) == (0, "")
    assert "its outputs are those of the original (largest difference: " in out
    code, out, _ = run(capsys, [[TANH, 0.5], [2e-5, 0.5 + TANH]], "--json")
    assert json.loads(out)["difference"] == pytest.approx(2e-5)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ([[TANH, 0.5], [0.25, 0.5]], "computes 1.2616 where the original has 0.5 (output 3 for 2 tokens); it is not"),
        ([[TANH, 0.5]], "the original has outputs [1, 2] for 2 tokens, and the imported model [2, 2]"),
        ([[float("nan")] * 2] * 2, "where the original has nan"),
    ],
    ids=["other", "shape", "nan"],
)
def test_a_model_with_other_outputs_is_not_saved(
    folder: Path, capsys: pytest.CaptureFixture[str], known: list[list[float]], message: str
) -> None:
    code, out, err = run(capsys, known)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert message in err
    assert not (folder / "a.safetensors").exists()


def test_a_classifier_is_checked_by_the_logits_of_its_classes() -> None:
    import numpy as np
    import torch

    from seqshell import KnownOutputs
    from seqshell.host import resolve
    from seqshell.host.builtin import load_registry
    from seqshell.models.building import read_config
    from seqshell.models.known_outputs import largest_difference

    architecture = load_registry().lookup("architecture", "classifier")
    config = read_config(architecture, {"vocab_size": 9, "num_classes": 3, "embed_size": 4, "hidden_size": 5})
    module = resolve(architecture.model)(config).eval()
    tokens = [1, 5, 6, 2]
    with torch.no_grad():
        logits, _ = module(torch.tensor([tokens]), module.initial_state(1))
    expected = logits.numpy()[0].reshape(-1, 3)[-1]
    assert largest_difference(architecture, module, [KnownOutputs(tokens, expected)]) < 1e-5
    with np.testing.assert_raises(Exception):
        largest_difference(architecture, module, [KnownOutputs(tokens, expected + 1)])
