"""The training objective of a language model: contiguous streams of a text, with the state carried between batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.events import Table
from seqshell.core.model import Architecture
from seqshell.core.sampling import AnswerEnded, Batch, Draw, History, Hypotheses, Request, Stop
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.chain import Chain
from seqshell.decoding.guarded_search import guarded_search
from seqshell.decoding.syntax import parse_chain, parse_strategy
from seqshell.host import Registry
from seqshell.models.opening import ModelOpener
from seqshell.models.task_parts.parts import Inputs
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.chunked_loss import is_in_parts, sequence_loss, token_nats
from seqshell.training.data.encoded_example import encoded_example
from seqshell.training.data.text import SplitText, Streams, fit_sizes
from seqshell.training.decoders import make_decoder
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.language import evaluation
from seqshell.training.language.corpus import beside, read_recipe_text
from seqshell.training.language.metrics import BLOCK, metrics_table
from seqshell.training.language.section_streams import SectionStreams
from seqshell.training.language.sections import SectionTokens
from seqshell.training.language.taught import taught_loss
from seqshell.training.objective import BatchLoss, Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.parent import describe_growth, open_parent, tokenizer_of
from seqshell.training.preparation import Prepared, check_config, tokenizer_type
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.stopping import CERTAIN, criterion
from seqshell.training.teacher import Reader, Teacher


@dataclass(frozen=True)
class LanguageObjective:
    """Objective of a language model.

    streams: of the training part; validation_ids: [N] integers, of the validation part.
    """

    recipe: Recipe
    architecture: Architecture
    config: Any
    tokenizer: Tokenizer
    text: SplitText
    streams: Streams | SectionStreams
    validation_ids: NDArray[Any]
    teacher: Teacher | None = None

    padded = ()

    @property
    def data(self) -> dict[str, Any]:
        return {"name": self.text.name, "sha256": self.text.sha256}

    @property
    def split(self) -> dict[str, int]:
        return dict(zip(("training", "validation"), self.text.characters, strict=True))

    @property
    def description(self) -> str:
        lines = f"{self.streams.size} tokens for training, {self.validation_ids.size:,} for validation"
        fitted, settings = (self.streams.batch_size, self.streams.sequence_length), self.recipe.training
        if fitted != (settings.batch_size, settings.sequence_length):
            lines += f"\nthe text is short: using batches of {fitted[0]} x {fitted[1]} tokens"
        return lines

    @property
    def num_orders(self) -> int:
        return self.streams.num_orders

    @property
    def num_batches(self) -> int:
        return self.streams.num_batches

    def initial_state(self, module: Any) -> State:
        return Reader(module, self.teacher).initial_state(self.streams.batch_size)

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(inputs [B, T], targets [B, T]); row b of one batch continues in row b of the next."""
        return self.streams.batches(order, first)

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(batch[0].size)

    def num_losses(self, batch: TrainingBatch) -> int:
        return self.num_tokens(batch)

    def inputs(self) -> Inputs:
        return Inputs.of_stream(self.streams.beginning)

    def num_logits(self, batch: TrainingBatch) -> int:
        return self.num_tokens(batch) * self.tokenizer.size

    @property
    def validation_logits(self) -> int:
        size = self.tokenizer.size
        return evaluation.targets_together(self.validation_ids.size, size) * size

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> BatchLoss:
        """Mean nats of the targets, and the auxiliary losses.

        Label smoothing trains towards (1 - s) one-hot + s uniform, so that the model does not become overconfident.
        """
        inputs, targets = on_device(module, batch)
        smoothing = self.recipe.training.label_smoothing
        if self.teacher is not None:
            return taught_loss(self.teacher, module, inputs, targets, state, label_smoothing=smoothing)
        if is_in_parts(module):
            return BatchLoss(*sequence_loss(module, inputs, targets, state, label_smoothing=smoothing))
        logits, state = module(inputs, state)
        auxiliary = auxiliary_losses(module, logits, targets, torch.ones_like(targets, dtype=torch.bool))
        return BatchLoss(token_nats(logits, targets, label_smoothing=smoothing), state, auxiliary)

    def validate(self, module: Any, group: Group = ALONE) -> Metrics:
        """Nats by a usual protocol: blocks of 256 for characters, else with the state carried in a few streams."""
        ids, size = self.validation_ids, self.tokenizer.size
        if self.tokenizer.name == "char" or self.recipe.training.tune:  # each block begins in the initial state
            return {"blocks256": evaluation.cold_blocks(module, ids, size, group=group)}
        streams = max(1, min(evaluation.STREAMS, ids.size // BLOCK))
        return {"carry": evaluation.carried(module, ids, size, batch_size=streams, group=group)}

    def is_perfect(self, metrics: Metrics) -> bool:
        """True if the next token is certain everywhere, as in a periodic text."""
        return criterion(metrics) <= CERTAIN

    def summary(self, metrics: Metrics) -> str:
        return ", ".join(f"{value:.4f} nats ({name})" for name, value in metrics.items())

    def measure(self, module: Any) -> Metrics:
        text = self.text
        sizes = text.characters[1], text.validation_bytes
        return dict(evaluation.measure_ids(module, self.tokenizer, self.validation_ids, *sizes))

    def as_measured(self, validation: Metrics) -> Metrics:
        return {"nats": validation}

    def table(self, measured: Metrics) -> Table:
        return metrics_table(measured)

    def first_examples(self, number: int) -> list[dict[str, Any]]:
        """The beginnings of the first streams."""
        return [encoded_example(self.tokenizer, row) for row in next(self.batches(0))[0][:number].tolist()]

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the beginning of the training text."""
        first = self.text.beginning.lstrip().partition("\n")[0]
        words = first if len(first) <= 40 else first[:40].rpartition(" ")[0] or first[:40]
        return self.recipe.defaults.examples or (words or self.text.beginning[:1],)

    def sample(self, module: Any, registry: Registry) -> str:
        """The first example and its continuation."""
        tokenizer, defaults, settings = self.tokenizer, self.recipe.defaults, self.recipe.training
        try:
            ids = tokenizer.encode(self.examples()[0])
        except VocabularyError:
            ids = [int(self.streams.beginning[0])]
        samplers = parse_chain(defaults.sampler, registry.samplers)
        decoder = make_decoder(self.architecture, self.config, module)
        outputs, state = decoder.feed(np.asarray([ids], np.int64), decoder.initial_state(1))
        start = Batch(state, outputs, (History(ids),), (Chain(samplers).first_memories(),), (len(ids),), (0,))
        stop, draw, opener = Stop(settings.sample_length), Draw(settings.seed), ModelOpener(registry)
        request = Request(stop, samplers, draw, tokenizer=tokenizer, open=opener)
        drawn = []
        strategy = parse_strategy(defaults.strategy, registry.strategies)
        with suppress(AnswerEnded):
            for step in islice(guarded_search(strategy, decoder, start, request), settings.sample_length):
                chosen = (
                    list(step.best[0].ids) if isinstance(step, Hypotheses) else [int(token) for token in step.tokens]
                )
                drawn += chosen
                if tokenizer.eos is not None and tokenizer.eos in chosen:
                    break
        return b"".join(map(tokenizer.piece, ids + drawn)).decode("utf-8", "replace")


def make_streams(recipe: Recipe, tokens: NDArray[Any] | SectionTokens) -> Streams | SectionStreams:
    """The streams of the training text, fewer and shorter than the recipe's if the text is short."""
    sizes = recipe.training.batch_size, recipe.training.sequence_length
    if isinstance(tokens, SectionTokens):
        return SectionStreams(tokens, *fit_sizes(tokens.number, *sizes))
    return Streams(tokens, *fit_sizes(tokens.size, *sizes))


def prepare(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    """Read the text and train the tokenizer on it, or extend the parent's."""
    kind, parent = tokenizer_type(registry, recipe.tokenizer), open_parent(recipe, registry)
    given = tokenizer_of(parent)
    tokenizer, text, training_ids, validation_ids = read_recipe_text(recipe, kind, given)
    config = check_config(recipe, architecture, {"vocab_size": tokenizer.size})
    streams = make_streams(recipe, training_ids)
    objective = LanguageObjective(recipe, architecture, config, tokenizer, text, streams, validation_ids)
    beside_it = partial(beside, recipe, kind, given)
    notes = describe_growth(parent, (tokenizer, lambda: [streams.ids]))
    return Prepared(
        recipe, architecture, config, tokenizer, None, objective, parent=parent, notes=notes, beside=beside_it
    )
