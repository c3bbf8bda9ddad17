"""A model in one line, told from its checkpoint's header alone: `shakespeare: character LSTM 2x512, 3.4M parameters, 1.48 nats`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNITS = {"char": "character", "byte": "byte", "word": "word", "bpe": "subword"}  # what a token of each tokenizer is
PROTOCOLS = ("blocks256", "carry")  # of the figures that a language model was measured by; the first that is there is told


def title(name: str, header: Mapping[str, Any]) -> str:
    """Name, unit, architecture and size, parameters, and the figure on held-out data; what the header does not tell is left out."""
    config = header.get("config", {})
    tokenizer = header.get("tokenizer", {})
    unit = UNITS.get(str(tokenizer.get("name", "")), "")
    architecture = str(header.get("architecture", "")).rpartition("/")[2]
    layers, hidden = config.get("num_layers"), config.get("hidden_size")
    size = f"{layers}x{hidden}" if isinstance(layers, int) and isinstance(hidden, int) else ""
    what = " ".join(filter(None, (unit, architecture.upper() if len(architecture) <= 4 else architecture, size)))
    figures = (what, _parameters(header.get("parameters")), _figure(header.get("provenance", {})))
    told = ", ".join(filter(None, figures))
    return f"{name}: {told}" if told else name


def about(header: Mapping[str, Any]) -> str:
    """The sentence that says what the model does with a line; empty when the checkpoint has none."""
    text = header.get("about", "")
    return text.strip() if isinstance(text, str) else ""


def examples(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines to try, as the checkpoint gives them."""
    found = header.get("examples") or header.get("defaults", {}).get("examples") or ()
    return tuple(line for line in found if isinstance(line, str) and line)


def _parameters(number: Any) -> str:
    if not isinstance(number, int) or number <= 0:
        return ""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter} parameters"
    return f"{number} parameters"


def _figure(provenance: Mapping[str, Any]) -> str:
    metrics = provenance.get("metrics", {})
    nats = metrics.get("nats") if isinstance(metrics, Mapping) else None
    if isinstance(nats, Mapping):
        nats = next((nats[protocol] for protocol in PROTOCOLS if protocol in nats), None)
    return f"{nats:.2f} nats" if isinstance(nats, int | float) and not isinstance(nats, bool) else ""
