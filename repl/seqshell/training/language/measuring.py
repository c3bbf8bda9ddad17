"""Measure an opened language model on a text: with its own surprisals if it has them, else with its torch module."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.model import SURPRISALS, Model, own_method
from seqshell.core.named_files import named_path
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry
from seqshell.session.cores import num_threads
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.large_text import LargeText, cut_before_spaces, is_large
from seqshell.training.data.part_encoding import can_be_cut, part_encoder
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.text import BEGINNING, encode, read_text
from seqshell.training.language.metrics import BLOCK, metrics_of
from seqshell.training.language.surprisal_sums import block_sum, carried_sum
from seqshell.training.provenance import file_format

OWN = ("auto", "cpu")  # devices for which a decoder's own surprisals are used


def evaluate_text(model: Model, data: str, registry: Registry, device: str) -> dict[str, Any]:
    """The object that `seqshell evaluate --json` prints. data: the name of a file."""
    text = _encoded(model, data)
    if text.ids.size < 2:
        raise RecipeError(f"{text.name} is too short: {text.ids.size} tokens; at least 2 are needed")
    items = {"items": text.sizes[0], "tokens": text.ids.size}  # items: characters
    return {
        "model": model.name,
        "task": str(model.task),
        "data": {"name": text.name, "sha256": text.sha256, **items},
        **measure(model, text.ids, text.sizes, registry, device),
    }


@dataclass(frozen=True)
class EncodedText:
    """A text as ids. sizes: its characters, and its bytes of UTF-8."""

    name: str
    sha256: str
    ids: NDArray[Any]
    sizes: tuple[int, int]


def _encoded(model: Model, data: str) -> EncodedText:
    """The text of a file; a large one is read and encoded in blocks, and its ids are in small integers."""
    tokenizer, format = model.tokenizer, file_format(model)
    is_file = not isinstance(data, PluginData) and not data.startswith(NOT_FILES)
    path = named_path(data, error=RecipeError) if is_file else Path()
    if is_large(path) and can_be_cut(type(tokenizer)):
        with suppress(VocabularyError):  # whose place in the file shows when all is encoded at once
            return _encoded_in_blocks(tokenizer, _large_text(path, format))
    name, text, digest = read_text(data, format=format)
    try:
        return EncodedText(name, digest, encode(tokenizer, text), text_sizes(text))
    except VocabularyError as error:
        raise VocabularyError(f"{name}: {error.message}", text=error.text, positions=error.positions) from None


def _large_text(path: Path, format: FileFormat) -> LargeText:
    """A large text in the encoding of the format, or in its other one if its first block is not in that."""
    text = LargeText(path, format.encoding, format.key)
    try:
        next(text.blocks())
        return text
    except RecipeError:
        if not format.other:
            raise
        return LargeText(path, format.other, format.key)


def _encoded_in_blocks(tokenizer: Tokenizer, text: LargeText) -> EncodedText:
    encoder, digest, sizes, ids = None, sha256(), [0, 0], bytearray()

    def blocks() -> Iterator[str]:
        for block in text.blocks(digest=digest):
            for place, size in enumerate(text_sizes(block)):
                sizes[place] += size
            yield block

    for part in cut_before_spaces(blocks()):
        encoder = encoder or part_encoder(tokenizer, part[:BEGINNING])
        ids += encoder(part)
    found = np.frombuffer(ids, integer_type(tokenizer.size))
    return EncodedText(text.path.name, digest.hexdigest(), found, (sizes[0], sizes[1]))


def text_sizes(text: str) -> tuple[int, int]:
    """The characters of a text, and its bytes of UTF-8."""
    return len(text), len(text.encode("utf-8", "surrogatepass"))


def measure(model: Model, ids: NDArray[Any], sizes: tuple[int, int], registry: Registry, device: str) -> dict[str, Any]:
    """The metrics of `metrics_of` on a text with these ids and `text_sizes`, and tokens_per_second.

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
    metrics = metrics_of(nats, model.tokenizer, int(ids[0]), ids.size, *sizes)
    return {**metrics, "tokens_per_second": (ids.size - 1) * len(nats) / seconds}
