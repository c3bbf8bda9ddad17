"""The rule for decoders that have their weights in other precisions. Imports torch."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
import torch

from seqshell.core.decoder import Decoder
from seqshell.core.model import Architecture, own_method
from seqshell.core.precisions import PRECISIONS
from seqshell.models.decoder_checks import watched_decoder
from seqshell.models.torch_decoder import wrap_module
from seqshell.testing.block_rules import blocks
from seqshell.testing.compare import difference, relative_difference
from seqshell.testing.decoder_rules import EQUAL, outputs_of_states, traced
from seqshell.testing.examples import Example

# Rounding moves a weight by at most half the distance of two numbers: 2**-8 of the weight in bf16, whose fraction has
# 7 bits; 1/254 of the largest weight of its row in int8. Two modules all of whose weights
# are moved as far as that, up or down by chance, show what it does to the outputs; a decoder, most of whose weights
# move less, may be MULTIPLE times as far off, as the worst of many outputs is compared with the worst of few draws.
BF16_STEP, INT8_STEP = 2.0**-8, 1 / 254
MULTIPLE = 3.0
DRAWS = 2


def in_precisions(architecture: Architecture, decoder: Decoder, module: Any, example: Example) -> str:
    """Compare the outputs in each precision with the module's; the rounded decoder is consistent in itself."""
    change = own_method(decoder, "in_precision", "precision")
    if change is None:
        return ""
    exact = _outputs(wrap_module(architecture, module), example)
    for precision in PRECISIONS[1:]:
        rounded = watched_decoder(change(precision))
        moved = (_outputs(wrap_module(architecture, _moved(module, precision, seed)), example) for seed in range(DRAWS))
        limit = MULTIPLE * max(relative_difference(each, exact) for each in moved) + example.allowed(EQUAL)
        if seen := difference("outputs", _outputs(rounded, example), exact, limit):
            return f"{precision}: {seen}"
        rules = {
            "trace": partial(traced, rounded) if rounded.traces else None,
            "state_outputs": partial(outputs_of_states, rounded) if rounded.tells_outputs else None,
            "draw_block": partial(blocks, rounded) if rounded.draws_blocks else None,
        }
        for name, holds in rules.items():
            if holds is not None and (seen := holds(example)):
                return f"{precision}, {name}: {seen}"
    return ""


def _outputs(decoder: Decoder, example: Example) -> Any:
    """Those of the first row after each step, [T, V]."""
    one = example.rows(slice(1))
    state, outputs = one.start(decoder), []
    for column in one.columns:
        found, state = decoder.step(column, state)
        outputs.append(found[0])
    return np.stack(outputs)


def _moved(module: Any, precision: str, seed: int) -> Any:
    """A copy of a module whose matrices are moved by the largest error of rounding."""
    moved, signs = copy.deepcopy(module), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in moved.parameters():
            if weight.ndim == 2:
                largest = weight.abs() * BF16_STEP if precision == "bf16" else weight.abs().amax(1, True) * INT8_STEP
                weight += largest * (2 * torch.randint(2, weight.shape, generator=signs) - 1)
    return moved
