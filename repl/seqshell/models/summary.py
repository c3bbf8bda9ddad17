"""Summarise a model from its checkpoint's header: `shakespeare: character LSTM 2x512, 3.4M parameters, 1.48 nats`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqshell.core.errors import SeqshellError
from seqshell.core.units import in_unit

UNITS = {  # by tokenizer, or by the unit of a listed one
    "char": "character",
    "characters": "character",
    "byte": "byte",
    "bytes": "byte",
    "word": "word",
    "words": "word",
    "bpe": "subword",
    "whitespace": "word",
}
PROTOCOLS = ("blocks256", "carry")  # of a language model's metrics; the first one present is shown


def title(name: str, header: Mapping[str, Any], *, metric: bool = True, unit: str = "nats") -> str:
    """Return name, kind of token, architecture and size, parameters and the metric on held-out data.

    metric: False leaves it out. unit: of surprisals.
    """
    config = header.get("config", {})
    tokenizer = header.get("tokenizer", {})
    token = UNITS.get(str(tokenizer.get("unit", tokenizer.get("name", ""))), "")
    architecture = str(header.get("architecture", "")).rpartition("/")[2]
    if isinstance(config.get("cell"), str):
        *before, kind = architecture.split("_")
        architecture = " ".join(
            (*before, config["cell"].upper(), kind)
        )  # bidirectional_classifier: bidirectional GRU classifier
    layers, hidden = config.get("num_layers"), config.get("hidden_size")
    size = f"{layers}x{hidden}" if isinstance(layers, int) and isinstance(hidden, int) else ""
    what = " ".join(filter(None, (token, architecture.upper() if len(architecture) <= 4 else architecture, size)))
    quality = _metric(header.get("provenance", {}), unit) if metric else ""
    summary = ", ".join(filter(None, (what, _parameters(header.get("parameters")), quality)))
    return f"{name}: {summary}" if summary else name


def about(header: Mapping[str, Any]) -> str:
    """Return the sentence that says what the model does with a line; empty if the checkpoint has none."""
    text = header.get("about", "")
    return text.strip() if isinstance(text, str) else ""


def about_file(path: Path) -> str:
    """Return what the model in a file does, or whose session or state it holds; empty if the file is invalid.

    Reads the header only, once until the file changes.
    """
    try:
        status = path.stat()
    except OSError:
        return ""
    return _about_file(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _about_file(path: Path, modified: int, size: int) -> str:
    from seqshell.models.file import read_header

    try:
        header = read_header(path)
    except SeqshellError:
        return ""
    if header["kind"] != "model":
        model = header.get("model")
        saved = f"saved {header['kind']}"
        return f"{saved} of {model['name']}" if isinstance(model, dict) and "name" in model else saved
    return about(header) or title("", header).removeprefix(": ")


def direction(name: str, header: Mapping[str, Any]) -> str:
    """Return what a model translates, `english -> french`, from the checkpoint's languages or else from its name."""
    languages = header.get("languages")
    if (
        isinstance(languages, list)
        and len(languages) == 2
        and all(isinstance(language, str) and language.strip() for language in languages)
    ):
        return " -> ".join(language.strip() for language in languages)
    return name.replace("-", " -> ") if name.count("-") == 1 else name


def examples(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the checkpoint's example lines."""
    found = header.get("examples") or header.get("defaults", {}).get("examples") or ()
    return tuple(line for line in found if isinstance(line, str) and line)


def _parameters(number: Any) -> str:
    if not isinstance(number, int) or number <= 0:
        return ""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter} parameters"
    return f"{number} parameters"


def _metric(provenance: Mapping[str, Any], unit: str) -> str:
    metrics = provenance.get("metrics", {})
    metrics = metrics if isinstance(metrics, Mapping) else {}
    if _is_number(metrics.get("bleu")):
        return f"greedy BLEU {metrics['bleu']:.1f}"
    if isinstance(metrics.get("mse"), Mapping):
        return next(
            (
                f"MSE {value:.3f} at {horizon}"
                for horizon, value in reversed(metrics["mse"].items())
                if _is_number(value)
            ),
            "",
        )
    if _is_number(metrics.get("accuracy")):
        return f"accuracy {metrics['accuracy']:.1%}"
    nats = metrics.get("nats")
    if isinstance(nats, Mapping):
        nats = next((nats[protocol] for protocol in PROTOCOLS if protocol in nats), None)
    return f"{in_unit(nats, unit):.2f} {unit}" if isinstance(nats, int | float) and _is_number(nats) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
