"""From what a checkpoint says of itself to the parts of a model: architecture, config, tokenizer and a decoder that works.

Everything here comes from a file that may lie: names go through the registry, never through an import path, and nothing is allocated that
the file's weights do not account for.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from seqshell.core.errors import CheckpointError, SeqshellError, UsageError
from seqshell.core.model import Architecture, Series, Task
from seqshell.core.plugin_api import Setting, settings_of
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK
from seqshell.host import Registry, resolve
from seqshell.models.decoders import decoders_of
from seqshell.models.ownership import known_as, missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder, SourceDecoder
    from seqshell.core.tokenizers import Tokenizer

    Weights = Mapping[str, NDArray[Any]]

NUM_ROWS, NUM_STEPS = 2, 24  # over which two decoders are compared


def read_config(architecture: Architecture, values: Mapping[str, Any]) -> Any:
    """An architecture's config from JSON values, each of its field's type and in its range. CheckpointError names the field."""
    offered = resolve(architecture.config)
    known = {setting.name: setting for setting in settings_of(offered)}
    hints = typing.get_type_hints(offered)
    for key, value in values.items():
        if key not in known:
            raise CheckpointError(
                f"the architecture {architecture.name} has no setting {key!r}; a newer version of its plugin may have"
            )
        _check_value(known[key], hints[key], value)
    try:
        return offered(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the config does not fit the architecture {architecture.name}: {error}") from None


def _check_value(setting: Setting, hint: Any, value: Any) -> None:
    """Plain numbers and texts are checked; what a plugin's config makes of other types is its own affair."""
    fits = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}
    if hint in fits:
        if type(value) not in fits[hint]:
            raise CheckpointError(f"the setting {setting.name} cannot be {value!r:.60}")
        try:
            setting.parse(value)
        except UsageError as error:
            raise CheckpointError(error.message) from None


def read_tokenizer(data: Mapping[str, Any], registry: Registry, whose: Any = None) -> Tokenizer:
    """The tokenizer of a header; `whose` is its entry of tokenizer_owners. Another plugin's tokenizer of that name does where that one is not here.

    CheckpointError says which package is missing.
    """
    values, offers = dict(data), registry.tokenizers
    name = values.pop("name", None)
    said = whose if isinstance(whose, dict) else {}
    owner, distribution = (str(said.get(key, "")) for key in ("owner", "distribution"))
    known = (known_as(offers, name, owner, distribution) or name) if isinstance(name, str) else ""
    if known not in offers:
        title, reason, hint = missing(owner, distribution, registry) if owner else ("", "", "")
        installed = ", ".join(sorted(offers))
        raise CheckpointError(
            f"it needs the tokenizer {name!r}{title}, which no plugin offers; installed: {installed}{reason}", hint=hint
        )
    offered: type[Tokenizer] = offers[known]
    try:
        return offered.from_json(values)
    except SeqshellError:
        raise
    except Exception as error:
        raise CheckpointError(f"the tokenizer {name} cannot be read: {type(error).__name__}: {error}") from error


def build_decoder(architecture: Architecture, config: Any, weights: Weights) -> Decoder:
    """The architecture's preferred decoder among those that can be imported; its torch module, wrapped, if it offers no decoder."""
    with fitting(architecture):
        for _, make in decoders_of(architecture):
            return make(config, weights)
        from seqshell.models.torch_decoder import TorchDecoder

        module = build_module(architecture, config, weights)
        return TorchDecoder(module, causal=architecture.causal, is_padded=architecture.task is Task.CLASSIFY)


def build_module(architecture: Architecture, config: Any, weights: Weights) -> Any:
    """The torch module with these weights. It is measured on the meta device first: a config may claim any size, and there it costs nothing."""
    import torch

    with fitting(architecture):
        build = resolve(architecture.model)
        held = {name: tuple(values.shape) for name, values in weights.items()}
        try:
            claimed = _shapes(partial(build, config))
        except (
            Exception
        ):  # a module may need real numbers while it is built; load_state_dict checks the shapes of those
            claimed = held
        for name in sorted(claimed.keys() | held.keys()):
            if claimed.get(name) != held.get(name):
                raise CheckpointError(
                    f"the weights do not fit the architecture {architecture.name}: {name} is {held.get(name, 'missing')}, "
                    f"and the config means {claimed.get(name, 'none')}"
                )
        module = build(config)
        module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        return module


@contextmanager
def fitting(architecture: Architecture) -> Iterator[None]:
    """Whatever a plugin's module or decoder raises over its weights is a CheckpointError."""
    try:
        yield
    except SeqshellError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"the weights do not fit the architecture {architecture.name}: {type(error).__name__}: {error}"
        ) from error


def _shapes(build: Callable[[], Any]) -> dict[str, tuple[int, ...]]:
    """The names and shapes of a module's weights, measured without memory for them."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        """Leaves weights on the meta device as they are: filling them there would import torch's compiler, which takes seconds."""

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            first = next(iter((*args, *(kwargs or {}).values())), None)
            in_place = function.__name__.endswith("_") and not function.__name__.endswith("__")
            return (
                first
                if in_place and isinstance(first, torch.Tensor) and first.is_meta
                else function(*args, **(kwargs or {}))
            )

    with torch.device("meta"), Unfilled():
        return {name: tuple(value.shape) for name, value in build().state_dict().items()}


def read_tokenizers(
    header: Mapping[str, Any], task: Task, config: Any, registry: Registry
) -> tuple[Tokenizer, Tokenizer | None]:
    """The tokenizer of what a model writes, and for TRANSLATE that of what it reads, the same object where they are the same.

    CheckpointError when they do not fit the config.
    """
    if task is Task.FORECAST:
        from seqshell.core.series_tokenizer import Values

        return Values.from_json(header["tokenizer"]), None
    owners = header.get("tokenizer_owners", {})
    tokenizer = read_tokenizer(header["tokenizer"], registry, owners.get("tokenizer"))
    if task is Task.CLASSIFY:
        _check_tokenizer(tokenizer, config, "vocab_size", "a classification")
    if task is not Task.TRANSLATE:
        return tokenizer, None
    if "source_tokenizer" not in header:
        raise CheckpointError("it translates, and has no source_tokenizer for what it reads")
    is_same = header["source_tokenizer"] == header["tokenizer"]
    source_tokenizer = (
        tokenizer if is_same else read_tokenizer(header["source_tokenizer"], registry, owners.get("source_tokenizer"))
    )
    for each, name in ((source_tokenizer, "source_vocab_size"), (tokenizer, "target_vocab_size")):
        _check_tokenizer(each, config, name, "a translation")
    return tokenizer, source_tokenizer


def _check_tokenizer(tokenizer: Tokenizer, config: Any, name: str, what: str) -> None:
    """CheckpointError unless it has as many tokens as the config says under `name`, the specials first."""
    if tokenizer.size != getattr(config, name, tokenizer.size):
        raise CheckpointError(
            f"its config has a {name} of {getattr(config, name)}, and its tokenizer {tokenizer.size} tokens"
        )
    if (tokenizer.pad, tokenizer.bos, tokenizer.eos) != (PAD, BOS, EOS) or tokenizer.unk not in (None, UNK):
        raise CheckpointError(
            f"its {tokenizer.name} tokenizer does not begin with PAD, BOS, EOS and UNK, which {what} needs"
        )


def read_labels(header: Mapping[str, Any], task: Task, config: Any) -> tuple[str, ...]:
    """The labels of a model that classifies, by number; () for another task. CheckpointError when what the header says cannot be."""
    if task is not Task.CLASSIFY:
        return ()
    labels = header.get("labels")
    if (
        not isinstance(labels, list | tuple)
        or len(labels) < 2
        or not all(isinstance(label, str) and label.strip() for label in labels)
    ):
        raise CheckpointError("it classifies, and does not say what its labels are called, two texts at least")
    if len(set(labels)) < len(labels):
        raise CheckpointError(
            f"it has two labels called {next(label for label in labels if labels.count(label) > 1)!r:.60}"
        )
    if len(labels) != getattr(config, "num_classes", len(labels)):
        raise CheckpointError(
            f"its config has a num_classes of {config.num_classes}, and there are {len(labels)} labels"
        )
    return tuple(labels)


def try_step(
    decoder: Decoder,
    architecture: Architecture,
    tokenizer: Tokenizer,
    series: Series | None = None,
    labels: tuple[str, ...] = (),
) -> None:
    """One step from the first state: better an error now than in the middle of an answer."""
    import numpy as np

    try:
        if architecture.task is Task.TRANSLATE:
            state = cast("SourceDecoder", decoder).encode(np.array([[EOS]]), np.ones(1, np.int64))
            outputs, _ = decoder.step(np.array([BOS]), state)
        elif architecture.task is Task.GENERATE:
            outputs, _ = decoder.step(np.zeros(1, np.int64), decoder.initial_state(1))
        elif series is not None:
            outputs, _ = decoder.step(np.zeros((1, len(series.columns)), np.float32), decoder.initial_state(1))
        elif labels:
            outputs, _ = decoder.feed(np.array([[BOS, EOS]]), decoder.initial_state(1))
        else:
            return
    except Exception as error:
        raise CheckpointError(
            f"the architecture {architecture.name} fails with these weights: {type(error).__name__}: {error}"
        ) from error
    if series is not None:
        wanted = (1, series.horizon, len(series.columns), max(1, len(series.quantiles)))
        if outputs.shape != wanted:
            raise CheckpointError(
                f"the model gives outputs of the shape {outputs.shape}, and its series needs {wanted}: steps, columns, quantiles"
            )
    elif labels:
        if outputs.shape != (1, len(labels)):
            raise CheckpointError(
                f"the model gives outputs of the shape {outputs.shape}, and there are {len(labels)} labels"
            )
    elif outputs.shape != (1, tokenizer.size):
        raise CheckpointError(
            f"the model gives outputs of the shape {outputs.shape}, and its tokenizer has {tokenizer.size} tokens"
        )
    if not np.isfinite(outputs).all():
        raise CheckpointError("the model gives outputs that are no numbers")


def difference(decoder: Decoder, reference: Decoder, architecture: Architecture, config: Any) -> float:
    """The largest difference of an output between two decoders of the same weights, read step by step and at once."""
    import numpy as np

    draws = np.random.default_rng(0)
    if architecture.task is Task.TRANSLATE:
        source, lengths = _sources(config.source_vocab_size)
        states = [cast("SourceDecoder", each).encode(source, lengths) for each in (decoder, reference)]
        tokens = draws.integers(UNK, config.target_vocab_size, (len(lengths), NUM_STEPS))
        tokens[:, 0] = BOS
    elif architecture.task is Task.FORECAST:
        tokens = draws.normal(size=(NUM_ROWS, NUM_STEPS, config.num_features)).astype(np.float32)
        states = [each.initial_state(NUM_ROWS) for each in (decoder, reference)]
    else:
        first = BOS if architecture.task is Task.CLASSIFY else 0  # no PAD within a text
        tokens = draws.integers(first, config.vocab_size, (NUM_ROWS, NUM_STEPS))
        states = [each.initial_state(NUM_ROWS) for each in (decoder, reference)]
    texts = [tokens]
    if architecture.task is Task.CLASSIFY:
        texts.append(np.where(np.arange(NUM_STEPS) < np.array([[NUM_STEPS], [1]]), tokens, PAD))
    largest = np.zeros(())
    for text in texts:
        found, expected = (each.feed(text, state)[0] for each, state in zip((decoder, reference), states, strict=True))
        largest = np.maximum(largest, np.abs(found - expected).max())
    for column in tokens.swapaxes(0, 1):
        (found, own), (expected, other) = (
            each.step(column, state) for each, state in zip((decoder, reference), states, strict=True)
        )
        largest, states = np.maximum(largest, np.abs(found - expected).max()), [own, other]  # which keeps NaN
    return float(largest)


def _sources(size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A padded batch of random sources of different lengths, the empty one among them: [B, S], [B]."""
    import numpy as np

    lengths = np.array([7, 1, 12, 3])
    source = np.random.default_rng(1).integers(UNK, size, (len(lengths), lengths.max()))
    source[np.arange(lengths.max()) >= lengths[:, None]] = PAD
    source[np.arange(len(lengths)), lengths - 1] = EOS
    return source, lengths
