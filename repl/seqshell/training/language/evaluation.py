"""Evaluate a language model on a text: nats, bits per character and per byte, and perplexity.

Two protocols: "carry" carries the state through the whole text; "blocks256" resets it every 256 characters, like models
with a fixed window.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
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
from seqshell.core.units import in_unit
from seqshell.host import Registry
from seqshell.training.chunked_loss import most_targets
from seqshell.training.data.text import encode, read_text
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.optimizer import device_of
from seqshell.training.provenance import file_format
from seqshell.training.torch_module import torch_module_on

BLOCK = 256  # targets per block, as in nanoGPT's character model
CHUNK = 1024  # tokens per call while the state is carried
STREAMS = 16  # in the validation after each epoch


def targets_together(num_tokens: int, vocab_size: int) -> int:
    """How many targets of a text a validation in STREAMS predicts in one call, at most."""
    return max(1, min(num_tokens, STREAMS * CHUNK, most_targets(vocab_size)))


@torch.inference_mode()
def carried(
    module: nn.Module, ids: NDArray[Any], vocab_size: int, *, batch_size: int = 1, group: Group = ALONE
) -> float:
    """Mean nats of ids[1:] in one pass with the state carried. module: in eval mode.

    batch_size: number of contiguous streams, each from the initial state. More are faster and slightly worse; the
    protocol is 1. group: the processes that divide the streams among them.
    """
    length = (ids.size - 1) // batch_size
    span = max(1, min(CHUNK, most_targets(vocab_size) // batch_size))
    streams = (ids[first : length * batch_size + first].reshape(batch_size, length) for first in (0, 1))
    inputs, targets = (each[group.rows] for each in streams)
    if not len(inputs):
        return group.total(0.0) / (length * batch_size)
    state: State = module.initial_state(len(inputs))  # type: ignore[operator]  # a SequenceModel has it
    total = 0.0
    for start in range(0, length, span):
        some, expected = (_tensor(each[:, start : start + span]) for each in (inputs, targets))
        nats, state = _nats(module, some, expected, state)
        total += nats
    return group.total(total) / (length * batch_size)


@torch.inference_mode()
def cold_blocks(
    module: nn.Module,
    ids: NDArray[Any],
    vocab_size: int,
    *,
    block: int = BLOCK,
    batch_size: int = 64,
    group: Group = ALONE,
) -> float:
    """Mean nats of ids[1:] in blocks of `block` targets, the last one shorter.

    Each block starts from the initial state and reads the token before its first target. module: in eval mode.
    batch_size: blocks per call, fewer if the vocabulary is large; does not change the result. group: the processes that
    divide the blocks among them.
    """
    batch_size = max(1, min(batch_size, most_targets(vocab_size) // block))
    number = ids.size - 1
    whole = number // block * block
    total = 0.0
    for start in range(0, whole, batch_size * block)[group.rows]:
        end = min(start + batch_size * block, whole)
        some, expected = (_tensor(ids[start + first : end + first]).view(-1, block) for first in (0, 1))
        total += _nats(module, some, expected, module.initial_state(len(some)))[0]  # type: ignore[operator]  # a SequenceModel has it
    if whole < number and group.is_writer:
        some, expected = (_tensor(ids[whole + first : number + first])[None] for first in (0, 1))
        total += _nats(module, some, expected, module.initial_state(1))[0]  # type: ignore[operator]  # as above
    return group.total(total) / number


def measure(module: nn.Module, tokenizer: Tokenizer, text: str) -> dict[str, dict[str, float]]:
    """nats, bits_per_char, bits_per_byte and perplexity of a text, each by protocol.

    `blocks256` is only for models whose tokens are characters. module: in eval mode.
    """
    return measure_ids(
        module, tokenizer, encode(tokenizer, text), len(text), len(text.encode("utf-8", "surrogatepass"))
    )


def measure_ids(
    module: nn.Module, tokenizer: Tokenizer, ids: NDArray[Any], characters: int, num_bytes: int
) -> dict[str, dict[str, float]]:
    """The same for the ids of a text of so many characters and bytes of UTF-8."""
    nats = {"carry": carried(module, ids, tokenizer.size)}
    if tokenizer.name == "char":
        nats["blocks256"] = cold_blocks(module, ids, tokenizer.size)
    # Bits per character or byte (of UTF-8) spread the cost of all tokens over the text, so models with different
    # tokenizers can be compared. The first token is read but not predicted: neither its cost nor its text counts.
    first = tokenizer.piece(int(ids[0]))
    characters -= len(first.decode("utf-8", "ignore"))
    num_bytes -= len(first)
    bits = {protocol: value * (ids.size - 1) / math.log(2) for protocol, value in nats.items()}  # of the whole text
    return {
        "nats": nats,
        "bits_per_char": {protocol: value / max(1, characters) for protocol, value in bits.items()},
        "bits_per_byte": {protocol: value / max(1, num_bytes) for protocol, value in bits.items()},
        "perplexity": {protocol: math.exp(min(value, 700.0)) for protocol, value in nats.items()},
    }


def evaluate_text(model: Model, data: str, registry: Registry, device: str) -> dict[str, Any]:
    name, text, digest = read_text(data, format=file_format(model))
    try:
        size = len(model.tokenizer.encode(text))
    except VocabularyError as error:
        raise VocabularyError(f"{name}: {error.message}", text=error.text, positions=error.positions) from None
    if size < 2:
        raise RecipeError(f"{name} is too short: {size} tokens; at least 2 are needed")
    module = torch_module_on(device, model, registry)
    start = time.perf_counter()
    measured = measure(module, model.tokenizer, text)
    read = (size - 1) * len(measured["nats"])
    return {
        "model": model.name,
        "task": str(model.task),
        "data": {"name": name, "sha256": digest, "items": len(text), "tokens": size},  # items: characters
        **measured,
        "tokens_per_second": read / (time.perf_counter() - start),
    }


def metrics_table(measured: Mapping[str, Any], unit: str = "nats") -> Table:
    """The metrics of `measure` or `evaluate_model`, one row per protocol."""
    titles = {"carry": "carried", "blocks256": "reset every 256"}
    metrics = ("bits_per_char", "bits_per_byte", "perplexity")
    rows = tuple(
        (titles[protocol], f"{in_unit(nats, unit):.4f}", *(f"{measured[metric][protocol]:.4f}" for metric in metrics))
        for protocol, nats in measured["nats"].items()
    )
    return Table(("state", unit, "bits per character", "bits per byte", "perplexity"), rows)


def _tensor(ids: NDArray[Any]) -> torch.Tensor:
    """A copy of ids as int64."""
    return torch.from_numpy(np.array(ids, np.int64))


def _nats(module: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, state: State) -> tuple[float, Any]:
    """Summed nats of targets [B, T] and the state after them."""
    device = device_of(module)
    logits, state = module(inputs.to(device), state)  # [B, T, V]
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.to(device).flatten(), reduction="none")
    return losses.double().sum().item() if device.type != "mps" else losses.sum().item(), state
