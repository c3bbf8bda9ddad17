"""The nats of a text by a language model in torch. `surprisal_sums` does the same without torch.

Two protocols: "carry" carries the state through the whole text; "blocks256" resets it every 256 characters, like models
with a fixed window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer
from seqshell.training.chunked_loss import most_targets
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.language.metrics import BLOCK, metrics_of
from seqshell.training.optimizer import device_of

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


def measure_ids(
    module: nn.Module, tokenizer: Tokenizer, ids: NDArray[Any], characters: int, num_bytes: int
) -> dict[str, dict[str, float]]:
    """The metrics of `metrics_of` for the ids of a text of so many characters and bytes of UTF-8. module: in eval mode.

    `blocks256` is only for models whose tokens are characters.
    """
    nats = {"carry": carried(module, ids, tokenizer.size)}
    if tokenizer.name == "char":
        nats["blocks256"] = cold_blocks(module, ids, tokenizer.size)
    return metrics_of(nats, tokenizer, int(ids[0]), ids.size, characters, num_bytes)


def _tensor(ids: NDArray[Any]) -> torch.Tensor:
    """A copy of ids as int64."""
    return torch.from_numpy(np.array(ids, np.int64))


def _nats(module: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, state: State) -> tuple[float, Any]:
    """Summed nats of targets [B, T] and the state after them."""
    device = device_of(module)
    logits, state = module(inputs.to(device), state)  # [B, T, V]
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.to(device).flatten(), reduction="none")
    return losses.double().sum().item() if device.type != "mps" else losses.sum().item(), state
