"""Whatever a plugin's module does wrong in training names the plugin, the line, and what is still valid."""

from __future__ import annotations

import importlib

import pytest

from seqshell.core.errors import PluginError
from seqshell.testing import shell_for

SOURCE = """
import dataclasses, seqshell
@dataclasses.dataclass(frozen=True)
class Config:
    vocab_size: int
def model(config):
    import torch
    from torch import nn
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.readout = nn.Embedding(config.vocab_size, config.vocab_size)
        def initial_state(self, batch_size=1):
            return torch.zeros(batch_size, 1)
        def forward(self, tokens, state):
            outputs = self.readout(tokens)
            if self.training and tokens.shape[0] > 1:
                FAULT
            return outputs, state
    return Sums()
@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture("sums", seqshell.Task.GENERATE, config=Config, model=model)
"""
FAULTS = {  # a line of forward, and what is said of it
    "raise RuntimeError('boom')": "failed in training: RuntimeError: boom (sums_ID.py, line 18)",
    "raise SystemExit": "failed in training: it called sys.exit (sums_ID.py, line 18)",
    "raise MemoryError": "failed in training: MemoryError (sums_ID.py, line 18)",
    "return outputs": "failed in training: forward must return two values, the outputs and the new state, not a Tensor"
    " (sums_ID.py, line 15)",
    "return outputs[..., 1:], state": "failed in training: forward must return outputs [4, 8, 4], not [4, 8, 3]"
    " (sums_ID.py, line 15)",
    "return outputs, (state, state)": "failed in training: forward must return a state with 1 leaf, as the state"
    " before it, not 2 leaves (sums_ID.py, line 15)",
    "outputs = outputs.detach()": "failed in training, in the gradient: RuntimeError: element 0 of tensors does not"
    " require grad and does not have a grad_fn",
}


def shell_with(name, line, precision, tmp_path, monkeypatch):
    """A shell with the model sums, whose forward has this line, and its recipe sums.toml in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text(SOURCE.replace("FAULT", line))
    (tmp_path / "input.txt").write_text("abcd" * 100)
    (tmp_path / "sums.toml").write_text(
        'task = "generate"\narchitecture = "sums"\n[data]\ntext = "input.txt"\n[training]\nepochs = 1\n'
        f'batch_size = 4\nsequence_length = 8\nprecision = "{precision}"\n'
    )
    return shell_for(plugins=[importlib.import_module(name)])


@pytest.mark.parametrize(("number", "line"), list(enumerate(FAULTS)))
def test_a_fault_in_training_is_blamed_on_the_plugin_and_its_line(number, line, tmp_path, monkeypatch):
    shell = shell_with(f"sums_{number}", line, "float32", tmp_path, monkeypatch)
    with pytest.raises(PluginError) as caught:
        list(shell.handle("/train sums.toml"))

    expected = FAULTS[line].replace("ID", str(number))
    assert caught.value.message == f"the model sums of the plugin sums_{number} {expected}"
    assert (caught.value.plugin, caught.value.remains) == (f"sums_{number}", "no checkpoint was written")
    assert caught.value.message in next(iter(shell.handle("/plugins --errors"))).text


def test_only_mixed_precision_may_make_a_state_bfloat16(tmp_path, monkeypatch):
    line = "return outputs, state.bfloat16()"
    list(shell_with("sums_mixed", line, "bf16", tmp_path, monkeypatch).handle("/train sums.toml"))
    assert (tmp_path / "home" / "models" / "sums.safetensors").exists()
    with pytest.raises(PluginError, match="forward must return a state that is not bfloat16: numpy has no such type"):
        list(shell_with("sums_plain", line, "float32", tmp_path, monkeypatch).handle("/train sums.toml"))
