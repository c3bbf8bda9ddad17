"""The metrics of a language model on a text: nats, bits per character and per byte, and perplexity. Without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seqshell.core.events import Table
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.units import in_unit

BLOCK = 256  # targets per block, as in nanoGPT's character model
TITLES = {"carry": "carried", "blocks256": "reset every 256"}


def metrics_of(
    nats: Mapping[str, float], tokenizer: Tokenizer, first: int, num_tokens: int, characters: int, num_bytes: int
) -> dict[str, dict[str, float]]:
    """nats, bits_per_char, bits_per_byte and perplexity, each by protocol.

    nats: the mean of all tokens but the first, by protocol. first: the id of that one. characters, num_bytes: of the
    whole text, in UTF-8. Bits per character or byte spread the cost of all tokens over the text, so models with
    different tokenizers can be compared. The first token is read but not predicted: neither its cost nor its text
    counts.
    """
    piece = tokenizer.piece(first)
    characters -= len(piece.decode("utf-8", "ignore"))
    num_bytes -= len(piece)
    bits = {protocol: value * (num_tokens - 1) / math.log(2) for protocol, value in nats.items()}  # of the whole text
    return {
        "nats": dict(nats),
        "bits_per_char": {protocol: value / max(1, characters) for protocol, value in bits.items()},
        "bits_per_byte": {protocol: value / max(1, num_bytes) for protocol, value in bits.items()},
        "perplexity": {protocol: math.exp(min(value, 700.0)) for protocol, value in nats.items()},
    }


def metrics_table(measured: Mapping[str, Any], unit: str = "nats") -> Table:
    """The metrics as a table, one row per protocol."""
    metrics = ("bits_per_char", "bits_per_byte", "perplexity")
    rows = tuple(
        (TITLES[protocol], f"{in_unit(nats, unit):.4f}", *(f"{measured[metric][protocol]:.4f}" for metric in metrics))
        for protocol, nats in measured["nats"].items()
    )
    return Table(("state", unit, "bits per character", "bits per byte", "perplexity"), rows)
