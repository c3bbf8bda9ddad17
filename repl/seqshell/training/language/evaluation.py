"""How well a model does on data that it has not seen.

A language model: how it predicts a text, carried on through all of it, and in cold blocks of 256 as fixed windows see it. A translation
model is measured in pair_evaluation, a classifier in class_evaluation, a forecaster in forecast_evaluation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.events import Notice, Progress, Table
from seqshell.core.model import Model, Task
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry, resolve
from seqshell.models import file
from seqshell.models.building import read_config
from seqshell.models.opening import open_model
from seqshell.models.ownership import find_architecture
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.training.classification.evaluation import ClassWishes, evaluate_classes
from seqshell.training.data.text import encode, read_text
from seqshell.training.forecasting.evaluation import SeriesWishes, evaluate_series
from seqshell.training.optimizer import device_of, find_device
from seqshell.training.translation.data import read_pairs
from seqshell.training.translation.evaluation import Evaluation, Wishes, evaluate_pairs

BLOCK = 256  # targets in a cold block: nanoGPT's window on characters
PIECE = 1024  # tokens read in one call when a state is carried
NO_WISHES = Wishes()
NO_CLASS_WISHES = ClassWishes()
NO_SERIES_WISHES = SeriesWishes()
MODELS = {
    Task.GENERATE: "a language model",
    Task.TRANSLATE: "a translation model",
    Task.CLASSIFY: "a classifier",
    Task.FORECAST: "a forecaster",
}
DATA = {Task.GENERATE: "text file", Task.CLASSIFY: "table or folder", Task.FORECAST: "table"}


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
    for start in range(0, length, PIECE):
        nats, state = _nats(module, inputs[:, start : start + PIECE], targets[:, start : start + PIECE], state)
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


def evaluate_model(
    word: str | Path,
    data: str | Sequence[str],
    registry: Registry,
    *,
    device: str = "auto",
    wishes: Wishes = NO_WISHES,
    labelled: ClassWishes = NO_CLASS_WISHES,
    series: SeriesWishes = NO_SERIES_WISHES,
) -> dict[str, Any]:
    """How well a checkpoint (a name or path) does on `data`: the object that `seqshell evaluate --json` prints. Otherwise as `evaluate`."""
    files = (data,) if isinstance(data, str) else data
    *_, last = evaluate(
        open_model(word, registry), files, registry, device=device, wishes=wishes, labelled=labelled, series=series
    )
    assert isinstance(last, Evaluation)
    return last.values


def evaluate(
    model: Model,
    data: Sequence[str],
    registry: Registry,
    *,
    device: str = "auto",
    wishes: Wishes = NO_WISHES,
    labelled: ClassWishes = NO_CLASS_WISHES,
    series: SeriesWishes = NO_SERIES_WISHES,
) -> Iterator[Progress | Notice | Evaluation]:
    """How far it has come, and at last the figures of an opened checkpoint.

    data: a text file for a language model; a source and a target file, or one with a tab between the two, for a translation model, which
    alone has `wishes`; a table or a folder for a classifier, which alone has `labelled`; a table for a forecaster, which alone has `series`.
    Errors: CheckpointError of the model, RecipeError of the data, VocabularyError of characters that a language model does not know,
    UsageError of wishes that cannot be.
    """
    if (wishes.strategy or wishes.settings or wishes.language) and model.task is not Task.TRANSLATE:
        what = "text" if model.task is Task.GENERATE else "data"
        raise UsageError(
            f"{model.name} is {MODELS[model.task]}: it is measured on the {what} itself, without --strategy, --set and --language"
        )
    if labelled != NO_CLASS_WISHES and model.task is not Task.CLASSIFY:
        named = "--text-column, --label-column, --held-out and --training"
        raise UsageError(f"{model.name} is {MODELS[model.task]}: it is measured without {named}")
    if series != NO_SERIES_WISHES and model.task is not Task.FORECAST:
        raise UsageError(
            f"{model.name} is {MODELS[model.task]}: it is measured without --rows, --horizons and --columns"
        )
    if len(data) != 1 and model.task is not Task.TRANSLATE:
        raise UsageError(
            f"{model.name} is {MODELS[model.task]}: it is measured on one {DATA[model.task]}, not on {len(data)}"
        )
    if model.task is Task.TRANSLATE:
        pairs = read_pairs(data)
        yield from evaluate_pairs(model, module_on(device, model, registry), pairs, registry, wishes)
    elif model.task is Task.CLASSIFY:
        yield from evaluate_classes(model, module_on(device, model, registry), data[0], labelled)
    elif model.task is Task.GENERATE:
        yield Evaluation(_evaluate_text(model, data[0], registry, device))
    else:
        yield Evaluation(evaluate_series(model, module_on(device, model, registry), data[0], series))


def _evaluate_text(model: Model, data: str, registry: Registry, device: str) -> dict[str, Any]:
    name, text, digest = read_text(data)
    try:
        size = len(model.tokenizer.encode(text))
    except VocabularyError as error:
        raise VocabularyError(f"{name}: {error.message}", text=error.text, positions=error.positions) from None
    if size < 2:
        raise RecipeError(f"{name} is too short to be evaluated: {size} tokens, 2 are the least")
    module = module_on(device, model, registry)
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


def figures_table(measured: dict[str, Any]) -> Table:
    """The figures of `measure` or `evaluate_model`, one row a protocol."""
    told = {"carry": "carried through", "blocks256": "cold blocks of 256"}
    figures = ("nats", "bits_per_char", "perplexity")
    rows = tuple(
        (told[protocol], *(f"{measured[figure][protocol]:.4f}" for figure in figures)) for protocol in measured["nats"]
    )
    return Table(("state", "nats", "bits per character", "perplexity"), rows)


def module_on(device: str, model: Model, registry: Registry) -> nn.Module:
    """The torch module of an opened checkpoint, in eval mode. RecipeError for a device that is not there."""
    try:
        where = find_device(device)
    except ValueError as error:
        raise RecipeError(f"--device: {error}") from None
    return module_of(model, registry).to(where)


def module_of(model: Model, registry: Registry) -> nn.Module:
    """The torch module of an opened checkpoint, in eval mode."""
    if isinstance(model.decoder, TorchDecoder):
        return model.decoder.module.eval()
    assert model.path is not None  # it was opened from a file
    header, weights = file.read(model.path)
    _, architecture = find_architecture(header, registry, model.path.name)
    module: nn.Module = resolve(architecture.model)(read_config(architecture, header["config"]))
    module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return module.eval()


def _nats(module: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, state: State) -> tuple[float, Any]:
    """Summed nats of targets [B, T] and the state after them."""
    device = device_of(module)
    logits, state = module(inputs.to(device), state)  # [B, T, V]
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.to(device).flatten(), reduction="none")
    return losses.double().sum().item() if device.type != "mps" else losses.sum().item(), state
