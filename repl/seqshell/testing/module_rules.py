"""Further rules for the torch module of a model. Imports torch."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from seqshell.core.decoder import Decoder
from seqshell.core.model import Architecture
from seqshell.core.state import leaves, map_leaves
from seqshell.core.tokenizers import PAD
from seqshell.host import resolve
from seqshell.models import file
from seqshell.models.decoder_comparison import nudged
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.testing.compare import SAME, difference, relative_difference, result_difference
from seqshell.testing.examples import VOCAB_SIZE, Example
from seqshell.training.checked_module import checked_module
from seqshell.training.translation.loss import pair_loss


def example_module(architecture: Architecture, config: Any) -> nn.Module:
    """Build a module with seeded weights, slightly changed so that biases initialised to zero matter."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module: nn.Module = resolve(architecture.model)(config)
        for weight in module.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
        if hasattr(module, "count"):  # without counts it gives the same output for all inputs
            module.count(torch.randint(getattr(config, "vocab_size", VOCAB_SIZE), (100,)))  # type: ignore[operator]  # a method
    return module


def weights_of(module: nn.Module) -> dict[str, NDArray[Any]]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}


def every_step(module: nn.Module, decoder: Decoder, example: Example) -> str:
    """Compare the outputs at each step with those of the wrapped module, which reads step by step."""
    outputs, state, limit = _outputs(module, example), example.start(decoder), example.allowed(SAME)
    for number, column in enumerate(example.columns):
        expected, state = decoder.step(column, state)
        if seen := difference("outputs", outputs[:, number], expected, limit):
            return f"step {number + 1}: {seen}"
    return ""


def rounding(module: nn.Module, example: Example) -> float:
    """By how much the results of reading the example move if the weights change in their last bit."""
    results = []
    for each in (module, nudged(module)):
        with torch.inference_mode():
            outputs, state = each(torch.from_numpy(example.inputs), example.module_start(each))
        results.append([leaf.numpy() for leaf in (outputs, *leaves(state))])
    return max(relative_difference(seen, expected) for expected, seen in zip(*results, strict=True))


def whole_texts(module: nn.Module, example: Example, *, is_per_token: bool = False) -> str:
    start = example.module_start(module)
    with torch.inference_mode():
        outputs, state = module(torch.from_numpy(example.inputs), start)
    expected = (example.batch, example.steps if is_per_token else 1)
    if outputs.shape[:2] != expected:
        return f"outputs {list(outputs.shape)} instead of [{expected[0]}, {expected[1]}, ...]"
    return "its state contains arrays" if list(leaves((start, state))) else ""


def saved(architecture: Architecture, config: Any, module: nn.Module, example: Example) -> str:
    header = {
        "kind": "model",
        "architecture": architecture.name,
        "task": str(architecture.task),
        "config": {},
        "tokenizer": {"name": "byte"},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        file.write(path, header, weights_of(module))
        weights = file.read(path)[1]
    again = checked_module(resolve(architecture.model)(config).eval(), architecture, config)
    again.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.items()})
    return difference("outputs", _outputs(again, example), _outputs(module, example), limit=0)


def learns(module: nn.Module, example: Example) -> str:
    module.train()
    try:
        state = example.module_start(module)
        for _ in range(2):
            outputs, state = module(torch.from_numpy(example.inputs), state)
            outputs.float().logsumexp(-1).sum().backward()
            state = map_leaves(lambda leaf: leaf.detach(), state)
    finally:
        module.eval()
    slopes = {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}
    module.zero_grad()
    wild = [name for name, slope in slopes.items() if not bool(torch.isfinite(slope).all())]
    return f"NaN or inf in the gradient of {', '.join(wild)}" if wild else "" if slopes else "no weight has a gradient"


def observes(module: Any, example: Example) -> str:
    """A module's `observe`, if it has one, gives the same state as reading."""
    if not hasattr(module, "observe"):
        return ""
    with torch.inference_mode():
        state = module.observe(torch.from_numpy(example.inputs), example.module_start(module))
    seen = map_leaves(lambda leaf: leaf.numpy(), state)
    decoder = TorchDecoder(module)
    return result_difference(
        (np.empty(0), seen), (np.empty(0), decoder.feed(example.inputs, example.start(decoder))[1])
    )


def halves(module: Any, example: Example) -> str:
    """The two halves of a module's forward, `hidden_states` and `logits`, together give its outputs and state."""
    with torch.inference_mode():
        hidden, state = module.hidden_states(torch.from_numpy(example.inputs), example.module_start(module))
        parts = [module.logits(rows) for rows in hidden.flatten(0, 1)]  # one at a time, [H] each
        _, expected = module(torch.from_numpy(example.inputs), example.module_start(module))
    outputs = torch.stack(parts).view(*hidden.shape[:2], -1).numpy()
    arrays = [map_leaves(lambda leaf: leaf.numpy(), each) for each in (state, expected)]
    return result_difference((outputs, arrays[0]), (_outputs(module, example), arrays[1]))


def counts(module: nn.Module, example: Example) -> str:
    """A module without gradients is trained by counting a text."""
    before = _nats(module, example)
    again = copy.deepcopy(module)
    again.count(torch.from_numpy(example.inputs.ravel()))  # type: ignore[operator]  # checked by the caller
    after = _nats(again, example)
    return "" if after < before else f"{after:.3f} nats per token after counting, {before:.3f} before"


def target_padding(module: nn.Module, example: Example) -> str:
    """Padding to the right of a target affects neither earlier logits nor the loss."""
    if example.steps == 1:
        return ""  # no token is predicted
    padded = replace(example, inputs=np.pad(example.inputs, ((0, 0), (0, 4)), constant_values=PAD))
    if seen := difference("logits", _outputs(module, padded)[:, : example.steps], _outputs(module, example)):
        return seen
    losses = [_loss(module, each) for each in (padded, example)]
    # A row alone needs no padding.
    lengths = [max(2, example.steps - index) for index in range(example.batch)]
    alone = sum(
        _loss(module, replace(row, inputs=row.inputs[:, :length]))
        for length, row in zip(lengths, _single_rows(example), strict=True)
    )
    ragged = example.inputs.copy()
    for index, length in enumerate(lengths):
        ragged[index, length:] = PAD
    together = _loss(module, replace(example, inputs=ragged))
    return difference("loss", np.array([losses[0], together]), np.array([losses[1], alone]))


def _single_rows(example: Example) -> Iterator[Example]:
    """Yield each row without the padding of its source."""
    for index, length in enumerate(example.lengths):
        row = example.rows(slice(index, index + 1))
        yield replace(row, sources=row.sources[:, :length])


def _loss(module: nn.Module, example: Example) -> float:
    """Return the summed loss in nats, without padding."""
    sources, lengths, inputs = (
        torch.from_numpy(values) for values in (example.sources, example.lengths, example.inputs)
    )
    with torch.inference_mode():
        return float(pair_loss(module, sources, lengths, inputs[:, :-1], inputs[:, 1:])[0])


def _nats(module: nn.Module, example: Example) -> float:
    """Return the mean loss in nats, without the first token of each row."""
    outputs = torch.from_numpy(_outputs(module, example)[:, :-1])
    return float(functional.cross_entropy(outputs.flatten(0, 1), torch.from_numpy(example.inputs[:, 1:]).flatten()))


def _outputs(module: nn.Module, example: Example) -> NDArray[Any]:
    """[B, T, V]."""
    with torch.inference_mode():
        outputs, _ = module(torch.from_numpy(example.inputs), example.module_start(module))
    array: NDArray[np.float32] = outputs.numpy()
    return array
