"""The rules that hold for the torch module of a language model beside those for decoders. Imports torch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqshell import checkpoint
from seqshell.decoder import Decoder
from seqshell.host import resolve
from seqshell.models import Architecture
from seqshell.state import map_leaves
from seqshell.testing.comparing import apart
from seqshell.testing.decoder_rules import BATCH, STEPS, Ids


def example_module(architecture: Architecture, config: Any) -> nn.Module:
    """The module with seeded weights, each of them moved a little, so that a bias that starts at zero is not overlooked."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module: nn.Module = resolve(architecture.model)(config)
        for weight in module.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return module


def weights_of(module: nn.Module) -> dict[str, NDArray[Any]]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}


def every_step(module: nn.Module, decoder: Decoder, inputs: Ids) -> str:
    """decoder: the module, wrapped."""
    outputs = _outputs(module, inputs)
    for length in range(1, STEPS + 1):
        expected, _ = decoder.feed(inputs[:, :length], decoder.initial_state(BATCH))
        if seen := apart("outputs", outputs[:, length - 1], expected):
            return f"step {length}: {seen}"
    return ""


def saved(architecture: Architecture, config: Any, module: nn.Module, inputs: Ids) -> str:
    header = {"kind": "model", "architecture": architecture.name, "task": str(architecture.task), "config": {}, "tokenizer": {"name": "byte"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        checkpoint.write(path, header, weights_of(module))
        weights = checkpoint.read(path)[1]
    again: nn.Module = resolve(architecture.model)(config).eval()
    again.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.items()})
    return apart("outputs", _outputs(again, inputs), _outputs(module, inputs), limit=0)


def learns(module: nn.Module, inputs: Ids) -> str:
    module.train()
    try:
        state = module.initial_state(BATCH)  # type: ignore[operator]  # a SequenceModel has it
        for _ in range(2):
            outputs, state = module(torch.from_numpy(inputs), state)
            outputs.float().logsumexp(-1).sum().backward()
            state = map_leaves(lambda leaf: leaf.detach(), state)
    finally:
        module.eval()
    slopes = {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}
    module.zero_grad()
    wild = [name for name, slope in slopes.items() if not bool(torch.isfinite(slope).all())]
    return f"NaN or inf in the gradient of {', '.join(wild)}" if wild else "" if slopes else "no weight has a gradient"


def _outputs(module: nn.Module, inputs: Ids) -> NDArray[Any]:
    """[B, T, V]."""
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(inputs), module.initial_state(len(inputs)))  # type: ignore[operator]  # a SequenceModel has it
    array: NDArray[np.float32] = outputs.numpy()
    return array
