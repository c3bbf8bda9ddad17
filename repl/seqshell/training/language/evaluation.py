"""How well a model does on data that it has not seen.

A language model: how it predicts a text, carried on through all of it, and in cold blocks of 256 as fixed windows see it. A translation
model is measured in pair_evaluation, a classifier in class_evaluation, a forecaster in forecast_evaluation.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.events import Table
from seqshell.core.model import Model
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry
from seqshell.training.data.text import encode, read_text
from seqshell.training.optimizer import device_of
from seqshell.training.torch_module import torch_module_on

BLOCK = 256  # targets in a cold block: nanoGPT's window on characters
CHUNK = 1024  # tokens read in one call when a state is carried


@torch.inference_mode()
def carried(module: nn.Module, ids: NDArray[np.int64], *, batch_size: int = 1) -> float:
    """Mean nats of ids[1:] in one pass, the state carried on. module: in eval mode.

    batch_size: contiguous streams read side by side, each from a cold start: quicker, and a little worse than 1, which is the protocol.
    """
    length = (ids.size - 1) // batch_size
    inputs = torch.from_numpy(ids[: length * batch_size].reshape(batch_size, length).copy())
    targets = torch.from_numpy(ids[1 : length * batch_size + 1].reshape(batch_size, length).copy())
    state: State = module.initial_state(batch_size)  # type: ignore[operator]  # a SequenceModel has it
    total = 0.0
    for start in range(0, length, CHUNK):
        nats, state = _nats(module, inputs[:, start : start + CHUNK], targets[:, start : start + CHUNK], state)
        total += nats
    return total / (length * batch_size)


@torch.inference_mode()
def cold_blocks(module: nn.Module, ids: NDArray[np.int64], *, block: int = BLOCK, batch_size: int = 64) -> float:
    """Mean nats of ids[1:] in blocks of `block` targets, each from initial_state with the token before it as first input; the last, short one counts.

    module: in eval mode. batch_size: blocks computed at once, which changes nothing but the time.
    """
    inputs, targets = torch.from_numpy(ids[:-1].copy()), torch.from_numpy(ids[1:].copy())
    whole = targets.numel() // block * block
    blocks = [torch.split(ids[:whole].view(-1, block), batch_size) for ids in (inputs, targets)]
    groups = list(zip(*blocks, strict=True))
    if whole < targets.numel():
        groups.append((inputs[None, whole:], targets[None, whole:]))
    total = 0.0
    for some, wanted in groups:
        if some.numel():
            total += _nats(module, some, wanted, module.initial_state(len(some)))[0]  # type: ignore[operator]  # a SequenceModel has it
    return total / targets.numel()


def measure(module: nn.Module, tokenizer: Tokenizer, text: str) -> dict[str, dict[str, float]]:
    """nats, bits_per_char and perplexity of a text, each by protocol: `carry`, and `blocks256` where tokens are characters. module: in eval mode."""
    ids = encode(tokenizer, text)
    nats = {"carry": carried(module, ids)}
    if tokenizer.name == "char":
        nats["blocks256"] = cold_blocks(module, ids)
    characters = len(text) - len(
        tokenizer.piece(int(ids[0])).decode("utf-8", "ignore")
    )  # the first token is not predicted
    bits = (ids.size - 1) / max(1, characters) / math.log(2)
    return {
        "nats": nats,
        "bits_per_char": {protocol: value * bits for protocol, value in nats.items()},
        "perplexity": {protocol: math.exp(min(value, 700.0)) for protocol, value in nats.items()},
    }


def evaluate_text(model: Model, data: str, registry: Registry, device: str) -> dict[str, Any]:
    name, text, digest = read_text(data)
    try:
        size = len(model.tokenizer.encode(text))
    except VocabularyError as error:
        raise VocabularyError(f"{name}: {error.message}", text=error.text, positions=error.positions) from None
    if size < 2:
        raise RecipeError(f"{name} is too short to be evaluated: {size} tokens, 2 are the least")
    module = torch_module_on(device, model, registry)
    start = time.perf_counter()
    measured = measure(module, model.tokenizer, text)
    read = (size - 1) * len(measured["nats"])
    return {
        "model": model.name,
        "task": model.task.value,
        "data": {"name": name, "sha256": digest, "items": len(text)},  # characters
        **measured,
        "tokens_per_second": read / (time.perf_counter() - start),
    }


def metrics_table(measured: dict[str, Any]) -> Table:
    """The metrics of `measure` or `evaluate_model`, one row a protocol."""
    told = {"carry": "carried through", "blocks256": "cold blocks of 256"}
    metrics = ("nats", "bits_per_char", "perplexity")
    rows = tuple(
        (told[protocol], *(f"{measured[figure][protocol]:.4f}" for figure in metrics)) for protocol in measured["nats"]
    )
    return Table(("state", "nats", "bits per character", "perplexity"), rows)


def _nats(module: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, state: State) -> tuple[float, Any]:
    """Summed nats of targets [B, T] and the state after them."""
    device = device_of(module)
    logits, state = module(inputs.to(device), state)  # [B, T, V]
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.to(device).flatten(), reduction="none")
    return losses.double().sum().item() if device.type != "mps" else losses.sum().item(), state
