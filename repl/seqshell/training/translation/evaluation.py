"""Evaluate a translation model on sentence pairs: the loss of the references, and BLEU and chrF of its translations."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from seqshell.core.decoder import SourceDecoder
from seqshell.core.errors import CheckpointError, UsageError, VocabularyError
from seqshell.core.events import Progress
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.model import Model
from seqshell.core.plugin_api import Setting, build, settings_of
from seqshell.core.sampling import Draw, Hypothesis, Request, Sampler, Stop, Strategy
from seqshell.core.text_output import cell
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK, Tokenizer
from seqshell.decoding.batched import answers
from seqshell.decoding.syntax import format_chain, known_name, parse_chain, parse_strategy, with_setting
from seqshell.host import Registry
from seqshell.models.opening import ModelOpener
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.session.cores import num_threads
from seqshell.session.given import TranslationSource
from seqshell.session.unknown_words import UnknownWords
from seqshell.training.data.batches import Ids, pair_arrays
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.optimizer import device_of, on_device
from seqshell.training.provenance import recorded_settings
from seqshell.training.translation import bleu, rouge
from seqshell.training.translation.data import Pairs
from seqshell.training.translation.loss import pair_loss
from seqshell.training.translation.metrics import baseline_metrics, text_metrics

ROWS = 64  # sentences per batch
NO_WORDS: Mapping[int, str] = MappingProxyType({})
# The shell settings that apply here, under the same names.
SHELL_SETTINGS = (
    Setting("max_tokens", int, 200, low=1, high=MAX_TOKENS),
    Setting("unk", bool, False),
    Setting("replace_unk", bool, True),
)


@dataclass(frozen=True)
class TranslationOptions:
    """How to decode and score translations.

    strategy: in the syntax of /strategy; "": the checkpoint's own, else greedy.
    settings: (name, value) pairs as for /set: max_tokens, unk, replace_unk, or a field of the strategy or a sampler.
    language: of the target, for Moses tokens; None: the ending of its file (test.fr), else the language in the
    checkpoint, else English.
    rouge: whether to score with ROUGE, too, as for models whose recipe asks for it.
    held_out: whether to evaluate on the held-out share of the training pairs, and train baselines on the rest.
    training: the pairs to train baselines on, as one file or data with a name; "": no baselines.
    """

    strategy: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    language: str | None = None
    seed: int = 0
    rouge: bool = False
    held_out: bool = False
    training: str = ""


@dataclass(frozen=True)
class Search:
    """The decoding settings.

    unk: allow UNK in translations; replace_unk: replace it by the source word with the most attention.
    """

    strategy: Strategy
    samplers: tuple[Sampler, ...]
    max_tokens: int
    unk: bool = False
    replace_unk: bool = True

    @property
    def keeps_states(self) -> bool:
        """True if the states of a translation are needed, to replace UNK by attention."""
        return self.unk and self.replace_unk


def evaluate_pairs(
    model: Model,
    module: nn.Module,
    pairs: Pairs,
    registry: Registry,
    options: TranslationOptions,
    others: Pairs | None = None,
) -> Iterator[Progress | Evaluation]:
    """Evaluate a translation model: yields progress and, last, the Evaluation.

    module: the model's torch module, in eval mode, on the device to use; on a CPU the model's own decoder translates.
    others: pairs for the baselines; None: no baselines.
    A sentence that the model cannot read gets an empty translation and is not part of the loss.
    Raises UsageError for an invalid strategy or setting and for a missing library.
    """
    bleu.check_available()
    has_rouge = options.rouge or recorded_settings(model).get("rouge") is True
    if has_rouge:
        rouge.check_available()
    languages = model.header.get("languages")  # names of source and target, if the recipe gave them
    named = str(languages[1]) if isinstance(languages, list) and len(languages) == 2 else ""
    language = bleu.find_language(options.language, pairs.names[-1].rpartition(".")[2], named)
    search = find_search(model, registry, options)
    assert model.source_tokenizer is not None  # every model for TRANSLATE has one
    sources = [_encoded(model.source_tokenizer, text) for text in pairs.sources]
    targets = [_encoded(model.tokenizer, text) for text in pairs.targets]
    decoder = cast(SourceDecoder, model.decoder) if device_of(module).type == "cpu" else TorchDecoder(module)
    found, num_tokens, start = [""] * len(pairs), 0, time.perf_counter()
    readable = sum(1 for ids in sources if ids)  # a blank source has an empty translation
    for done, (row, text, length) in enumerate(
        _translated(model, decoder, pairs.sources, sources, search, options.seed, ModelOpener(registry)), 1
    ):
        found[row], num_tokens = text, num_tokens + length
        yield Progress(done, readable, f"{done / (time.perf_counter() - start):,.1f} sentences/s", "translating")
    seconds = max(time.perf_counter() - start, 1e-9)

    yield Progress(0, len(pairs), "of the references", "loss")
    both = [
        (source, target)
        for source, target in zip(sources, targets, strict=True)
        if source is not None and target is not None
    ]
    nats = teacher_forced(module, [source for source, _ in both], [target for _, target in both])

    one = len(pairs.names) == 1
    values = {
        "model": model.name,
        "task": str(model.task),
        "data": {
            "name": pairs.names[0] if one else list(pairs.names),
            "sha256": pairs.digests[0] if one else list(pairs.digests),
            "items": len(pairs),
            **({"held_out": True} if options.held_out else {}),
        },
        "strategy": _with_all_settings(search.strategy, registry),
        "sampler": format_chain(search.samplers, registry.samplers),
        "nats": nats,
        "perplexity": math.exp(min(nats, 700.0)),
        **text_metrics(pairs.sources, found, pairs.targets, language, has_rouge),
        **({} if others is None else _baselines(others, pairs, has_rouge)),
        "failed": sum(ids is None for ids in sources),
        "sentences_per_second": readable / seconds,
        "tokens_per_second": num_tokens / seconds,
    }
    yield Evaluation(values, tuple(found))


def _baselines(others: Pairs, pairs: Pairs, has_rouge: bool) -> dict[str, Any]:
    return {"baselines": baseline_metrics(others, pairs, has_rouge), "baselines_from": len(others)}


@torch.inference_mode()
def teacher_forced(module: nn.Module, sources: Sequence[Ids], targets: Sequence[Ids], group: Group = ALONE) -> float:
    """Mean nats of a target token, EOS included, given the correct tokens before it; NaN without pairs.

    module: a Seq2Seq in eval mode, on any device. sources, targets: ids without specials. group: the processes that
    divide the pairs among them.
    """
    order = sorted(range(len(sources)), key=lambda row: (len(targets[row]), len(sources[row])))
    total, count = 0.0, 0
    for start in range(0, len(order), ROWS)[group.rows]:
        rows = order[start : start + ROWS]
        arrays = pair_arrays([sources[row] for row in rows], [targets[row] for row in rows])
        nats, number = pair_loss(module, *on_device(module, arrays))
        total, count = total + nats.item(), count + int(number)
    total, count = group.total(total), int(group.total(count))
    return total / count if count else math.nan


def find_search(model: Model, registry: Registry, options: TranslationOptions) -> Search:
    """The checkpoint's decoding settings, changed by the options. Raises UsageError for invalid options."""
    defaults = model.header.get("defaults", {})
    try:
        strategy = parse_strategy(str(defaults.get("strategy") or "greedy"), registry.strategies)
        samplers = parse_chain(str(defaults.get("sampler") or ""), registry.samplers)
        max_tokens = SHELL_SETTINGS[0].parse(defaults.get("max_tokens") or SHELL_SETTINGS[0].default)
    except UsageError as error:
        raise CheckpointError(
            f"{model.name} asks for a sampler or strategy that is not installed: {error.message}"
        ) from None
    search = Search(
        parse_strategy(options.strategy, registry.strategies) if options.strategy else strategy, samplers, max_tokens
    )
    for name, value in options.settings:
        search = _changed(search, name, value, registry)
    return search


def _changed(search: Search, name: str, value: str, registry: Registry) -> Search:
    """The search with one setting changed; its name is like max_tokens, temperature, repeat_penalty.window or width."""
    for setting in SHELL_SETTINGS:
        if name == setting.name:
            return replace(search, **{name: setting.parse(value)})
    stage, _, field = name.rpartition(".")
    if name in registry.samplers or stage in registry.samplers:
        return replace(search, samplers=with_setting(search.samplers, name, value, registry.samplers))
    kind = type(search.strategy)
    fields = {item.name: getattr(search.strategy, item.name) for item in settings_of(kind)}
    field = field if stage == kind.name else name
    if field not in fields:
        known = ", ".join((*(setting.name for setting in SHELL_SETTINGS), *fields))
        raise UsageError(
            f"--set: no setting {name!r} for {kind.name}; the settings are {known} and those of samplers",
            code="unknown_setting",
        )
    return replace(search, strategy=build(kind, {**fields, field: value}))


def _with_all_settings(strategy: Strategy, registry: Registry) -> str:
    """The strategy with all settings, defaults too, since whoever reads the metrics may not know the defaults."""
    settings = [f"{item.name}={cell(getattr(strategy, item.name))}" for item in settings_of(type(strategy))]
    return " ".join([known_name(strategy, registry.strategies), *settings])


def text_of(tokenizer: Tokenizer, ids: Sequence[int], words: Mapping[int, str] = NO_WORDS) -> str:
    """The text of a translation on one line: the tokens before EOS, without a leading space.

    words: replacements for the tokens at some positions.
    """
    end = ids.index(EOS) if EOS in ids else len(ids)
    pieces = [words[at].encode() if at in words else tokenizer.piece(token) for at, token in enumerate(ids[:end])]
    return b"".join(pieces).decode("utf-8", "replace").removeprefix(" ").replace("\n", " ")


def _translated(
    model: Model,
    decoder: SourceDecoder,
    texts: Sequence[str],
    sources: Sequence[Ids | None],
    search: Search,
    seed: int,
    opener: ModelOpener,
) -> Iterator[tuple[int, str, int]]:
    """Yield (row, translation, number of tokens) for every source with ids, in any order. texts: of the sources."""
    request = Request(
        Stop(search.max_tokens, frozenset((EOS,))),
        search.samplers,
        Draw(seed),
        tokenizer=model.tokenizer,
        excluded=frozenset((PAD, BOS) if search.unk else (PAD, BOS, UNK)),
        keeps_states=search.keeps_states,
        open=opener,
    )
    rows = [(row, [*ids, EOS]) for row, ids in enumerate(sources) if ids]
    for number, best in answers(
        decoder,
        [ids for _, ids in rows],
        search.strategy,
        request,
        bos=BOS,
        pad=PAD,
        batch_size=ROWS,
        num_threads=num_threads(replace(model, decoder=decoder), search.strategy, *search.samplers),
    ):
        row, ids = rows[number]
        words = (
            _replacements(model, decoder, texts[row], ids, best[0])
            if search.keeps_states and UNK in best[0].ids
            else {}
        )
        yield row, text_of(model.tokenizer, best[0].ids, words), len(best[0].ids)


def _replacements(
    model: Model, decoder: SourceDecoder, text: str, source: Sequence[int], found: Hypothesis
) -> dict[int, str]:
    """For the position of each UNK, the source word with the most attention, with a space before it."""
    unknown = UnknownWords(model, TranslationSource(text, tuple(source), ()), True)
    _, first = decoder.step(np.array([BOS]), decoder.encode(np.array([source]), np.array([len(source)])))
    words: dict[int, str] = {}
    used: set[int] = set()
    for position, (token, before) in enumerate(zip(found.ids, (first, *found.states), strict=False)):
        written = model.tokenizer.piece(found.ids[position - 1]).decode("utf-8", "ignore") if position else ""
        if (word := unknown.word(token, before, words.get(position - 1, written), used)) is not None:
            words[position] = word
    return words


def _encoded(tokenizer: Tokenizer, text: str) -> Ids | None:
    """The ids of a text without specials; None if the model cannot read it."""
    try:
        return tokenizer.encode(text)
    except VocabularyError:
        return None
