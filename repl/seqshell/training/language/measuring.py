"""Measure an opened language model on a text: with its own surprisals if it has them, else with its torch module."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.model import SURPRISALS, Model, own_method
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.host import Registry
from seqshell.session.cores import num_threads
from seqshell.training.data.text import encode, read_text
from seqshell.training.language.metrics import BLOCK, metrics_of
from seqshell.training.language.surprisal_sums import block_sum, carried_sum
from seqshell.training.provenance import file_format

OWN = ("auto", "cpu")  # devices for which a decoder's own surprisals are used


def evaluate_text(model: Model, data: str, registry: Registry, device: str) -> dict[str, Any]:
    """The object that `seqshell evaluate --json` prints. data: the name of a file."""
    name, text, digest = read_text(data, format=file_format(model))
    try:
        ids = encode(model.tokenizer, text)
    except VocabularyError as error:
        raise VocabularyError(f"{name}: {error.message}", text=error.text, positions=error.positions) from None
    if ids.size < 2:
        raise RecipeError(f"{name} is too short: {ids.size} tokens; at least 2 are needed")
    return {
        "model": model.name,
        "task": str(model.task),
        "data": {"name": name, "sha256": digest, "items": len(text), "tokens": ids.size},  # items: characters
        **measure(model, text, ids, registry, device),
    }


def measure(model: Model, text: str, ids: NDArray[Any], registry: Registry, device: str) -> dict[str, Any]:
    """The metrics of `metrics_of` on a text with these ids, and tokens_per_second.

    `blocks256` is only for models whose tokens are characters. Raises RecipeError if the device is not available.
    """
    surprisals = own_method(model.decoder, "surprisals", *SURPRISALS) if device in OWN else None
    has_blocks = model.tokenizer.name == "char"
    nats: dict[str, float] = {}
    if surprisals is not None:
        start, decoder, number = time.perf_counter(), model.decoder, ids.size - 1
        threads = num_threads(model)
        with Guard(f"the model {model.name}", Owner(str(model.header.get("owner", "")))), np.errstate(all="ignore"):
            nats["carry"] = carried_sum(decoder, surprisals, ids, threads) / number
            if has_blocks:
                nats["blocks256"] = block_sum(decoder, surprisals, ids, BLOCK, threads) / number
    else:
        from seqshell.training.language import evaluation
        from seqshell.training.torch_module import torch_module_on

        module = torch_module_on(device, model, registry)
        start = time.perf_counter()
        nats["carry"] = evaluation.carried(module, ids, model.tokenizer.size)
        if has_blocks:
            nats["blocks256"] = evaluation.cold_blocks(module, ids, model.tokenizer.size)
    seconds = time.perf_counter() - start
    sizes = len(text), len(text.encode("utf-8", "surrogatepass"))
    metrics = metrics_of(nats, model.tokenizer, int(ids[0]), ids.size, *sizes)
    return {**metrics, "tokens_per_second": (ids.size - 1) * len(nats) / seconds}
