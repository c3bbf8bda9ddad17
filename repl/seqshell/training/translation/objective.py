"""The objective of a translation model: pairs of sentences in batches of like length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.events import Table
from seqshell.core.model import Architecture
from seqshell.core.sampling import Request, Stop
from seqshell.core.state import State
from seqshell.core.tokenizers import BOS, EOS, PAD, Tokenizer
from seqshell.decoding.batched import answers
from seqshell.decoding.strategies import Greedy
from seqshell.host import Registry
from seqshell.training.data.batches import Ids, Resplit, group, pair_arrays
from seqshell.training.data.vocabularies import train_tokenizer
from seqshell.training.decoders import make_decoder
from seqshell.training.objective import Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.translation import bleu
from seqshell.training.translation.data import Pairs, PairSplit, read_pairs, split_pairs
from seqshell.training.translation.evaluation import teacher_forced, text_of
from seqshell.training.translation.loss import pair_loss
from seqshell.training.translation.metrics import exact_match
from seqshell.training.translation.teacher_forcing import teacher_forcing

VALIDATION_SENTENCES = 1000  # that are translated after every epoch
MARKS = " .!?\u2026\u202f\xa0"  # that end a sentence, and the spaces before them
LONGEST_VALIDATION = 1000  # tokens of a sentence to validate on


def read_sentences(recipe: Recipe) -> PairSplit:
    """The pairs of a recipe. A share for validation is drawn by chance, the same at every time, and a source that stands in several pairs
    goes to one side with all of them. RecipeError when files are missing or do not belong together."""
    data = recipe.data
    pairs = read_pairs([data.pairs] if data.pairs else [data.source, data.target], recipe.folder, data.origin)
    if isinstance(data.validation, float | int):
        sentences = split_pairs(pairs, data.validation)
    else:
        files = [data.validation] if isinstance(data.validation, str) else list(data.validation)
        sentences = PairSplit(pairs, read_pairs(files, recipe.folder, data.origin))
    sides = [side.without_blank() for side in (sentences.training, sentences.validation)]
    if min(map(len, sides)) < 1:
        raise RecipeError(
            f"{' and '.join(pairs.names)} have too little to learn: {len(sides[0])} pairs to train on, {len(sides[1])} to validate"
        )
    return PairSplit(*sides)


def train_tokenizers(recipe: Recipe, sentences: PairSplit, kinds: Sequence[Any]) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of source and target; one and the same where the recipe has one [tokenizer]. kinds: their types."""
    pairs = sentences.training
    source, target = recipe.source_tokenizer, recipe.tokenizer
    texts = [pairs.sources, pairs.targets] if source is not None else [(*pairs.sources, *pairs.targets)]
    tables = [source, target] if source is not None else [target]
    of_each = zip(tables, kinds[-len(tables) :], texts, strict=True)
    found = [train_tokenizer(recipe, table, kind, some, specials=True) for table, kind, some in of_each]
    return found[0], found[-1]


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids without specials; texts: the same pairs as they were written."""

    texts: Pairs
    sources: list[Ids]
    targets: list[Ids]


@dataclass(frozen=True)
class TranslationObjective:
    """Pairs of sentences to train on and to validate on."""

    recipe: Recipe
    architecture: Architecture
    config: Any
    source_tokenizer: Tokenizer
    tokenizer: Tokenizer
    sentences: PairSplit

    num_orders = 2**31

    @property
    def data(self) -> dict[str, Any]:
        pairs = self.sentences.training
        return {"name": " and ".join(pairs.names), "sha256": " ".join(pairs.digests)}

    @property
    def split(self) -> dict[str, int]:
        return {"training": len(self.sentences.training), "validation": len(self.sentences.validation)}  # pairs

    @property
    def description(self) -> str:
        told = f"{self.split['training']:,} pairs of sentences to train on, {self.split['validation']:,} to validate"
        left_out = self.split["training"] - len(self._training.texts)
        if left_out:
            told += f"\n{left_out:,} pairs are left out: a side has more than {self.recipe.training.max_length} tokens, or nothing that is known"
        if self.sentences.validation.sources == self.sentences.training.sources:
            told += "\nthey are validated on themselves: the metrics say whether they were learnt by heart"
        return told

    @cached_property
    def num_batches(self) -> int:
        return len(self._epoch(0)[2])

    def initial_state(self, module: Any) -> State:
        """Nothing is carried: each sentence has its own beginning."""
        return ()

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(source [B, S], lengths [B], inputs [B, T], targets [B, T]), padded right."""
        sources, targets, batches = self._epoch(order)
        for numbers in batches[first:]:
            yield _arrays(sources, targets, numbers)

    def _epoch(self, order: int) -> tuple[Sequence[Ids], Sequence[Ids], list[Any]]:
        """The ids of sources and targets as this epoch has them, and the numbers of the pairs of each batch."""
        settings = self.recipe.training
        draws = np.random.default_rng((settings.seed, order))
        sources: Sequence[Ids] = self._training.sources
        targets: Sequence[Ids] = self._training.targets
        if settings.subword_dropout:
            sources, targets = (list(side.sentences(draws)) for side in self._resplit)
        if settings.plain_sources:
            chosen = draws.random(len(sources)) < settings.plain_sources
            sources = [
                plain if is_plain else ids for is_plain, plain, ids in zip(chosen, self._plain, sources, strict=True)
            ]
        return (
            sources,
            targets,
            group(sources, targets, sentences=settings.batch_size, tokens=settings.batch_tokens, draws=draws),
        )

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(np.count_nonzero(batch[3]))

    def num_losses(self, batch: TrainingBatch) -> int:
        return self.num_tokens(batch)

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> tuple[Tensor, State]:
        settings = self.recipe.training
        nats, count = pair_loss(
            module,
            *on_device(module, batch),
            label_smoothing=settings.label_smoothing,
            teacher_forcing=teacher_forcing(settings, step),
            by_batch=settings.teacher_forcing_by == "batch",
        )
        return nats / count, state

    @torch.inference_mode()
    def validate(self, module: Any) -> Metrics:
        """Teacher-forced nats of a token and perplexity. Of the first sentences, translated greedily: the share that is `exact`, the target
        but for its spaces; and BLEU, where sacrebleu is installed."""
        pairs = self._validation
        nats = teacher_forced(module, pairs.sources, pairs.targets)
        metrics = {"nats": nats, "perplexity": math.exp(min(700.0, nats))}
        wanted = pairs.texts.targets[:VALIDATION_SENTENCES]
        found = self._translated(module, pairs.sources[:VALIDATION_SENTENCES])
        metrics["exact"] = exact_match(found, wanted)
        if bleu.is_available():
            metrics["bleu"] = bleu.bleu(found, wanted).value
        return metrics

    def summary(self, metrics: Metrics) -> str:
        told = (
            f"{metrics['nats']:.4f} nats, perplexity {metrics['perplexity']:.2f}, exact {100 * metrics['exact']:.1f} %"
        )
        return told + (f", BLEU {metrics['bleu']:.2f}" if "bleu" in metrics else "")

    def measure(self, module: Any) -> Metrics:
        return self.validate(module)

    def as_measured(self, validation: Metrics) -> Metrics:
        return validation

    def table(self, measured: Metrics) -> Table:
        told = {
            "nats": "nats a token, the right ones before it",
            "perplexity": "perplexity of a token",
            "exact": "share that is translated exactly, greedily",
            "bleu": "BLEU, translated greedily",
        }
        forms = {"exact": "{:.2%}", "bleu": "{:.2f}"}
        values = [forms.get(name, "{:.4f}").format(value).replace("%", " %") for name, value in measured.items()]
        return Table(("validation", "value"), tuple(zip(map(told.__getitem__, measured), values, strict=True)))

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the first source."""
        return self.recipe.defaults.examples or self.sentences.training.sources[:1]

    def sample(self, module: Any, registry: Registry) -> str:
        """The first example with its translation, chosen greedily."""
        source = self.examples()[0]
        try:
            ids = self.source_tokenizer.encode(source)
            return f"{source} -> {self._translated(module, [ids], longest=10 + 3 * len(ids))[0]}"  # before the training it would not end
        except VocabularyError:
            return f"{source} ->"

    @cached_property
    def _training(self) -> EncodedPairs:
        return _encode(self.sentences.training, self.source_tokenizer, self.tokenizer, self.recipe.training.max_length)

    @cached_property
    def _validation(self) -> EncodedPairs:
        found = _encode(self.sentences.validation, self.source_tokenizer, self.tokenizer, LONGEST_VALIDATION)
        if not found.sources:
            raise RecipeError(
                f"{' and '.join(found.texts.names)} have no pair to validate on of which the vocabularies know something"
            )
        return found

    @cached_property
    def _resplit(self) -> tuple[Resplit, Resplit]:
        settings, texts = self.recipe.training, self._training.texts
        sides = (self.source_tokenizer, texts.sources), (self.tokenizer, texts.targets)
        first, second = (
            Resplit(tokenizer, lines, settings.subword_dropout, settings.seed) for tokenizer, lines in sides
        )
        return first, second

    @cached_property
    def _plain(self) -> list[Ids]:
        """The sources in small letters and without their last mark; those of which nothing is known then stay as they are."""
        plain: list[Ids] = []
        for text, ids in zip(self._training.texts.sources, self._training.sources, strict=True):
            try:
                plain.append(self.source_tokenizer.encode(text.lower().rstrip(MARKS)) or ids)
            except VocabularyError:
                plain.append(ids)
        return plain

    def _translated(self, module: Any, sources: Sequence[Ids], longest: int | None = None) -> list[str]:
        """Each source translated greedily, with `longest` tokens at most, or as many as the recipe allows."""
        decoder: Any = make_decoder(self.architecture, self.config, module)  # one that encodes: its task is TRANSLATE
        unknown = () if self.tokenizer.unk is None else (self.tokenizer.unk,)
        most = self.recipe.defaults.max_tokens
        stop = Stop(max_tokens=most if longest is None else min(longest, most), ids=frozenset((EOS,)))
        request = Request(stop, tokenizer=self.tokenizer, excluded=frozenset((PAD, BOS, *unknown)), keeps_states=False)
        found = [""] * len(sources)
        for row, best in answers(decoder, [[*ids, EOS] for ids in sources], Greedy(), request):
            found[row] = text_of(self.tokenizer, best[0].ids)
        return found


def _encode(pairs: Pairs, source_tokenizer: Tokenizer, tokenizer: Tokenizer, longest: int) -> EncodedPairs:
    """The pairs whose sides both have something that is known and no more than `longest` tokens."""
    kept: list[int] = []
    sources: list[Ids] = []
    targets: list[Ids] = []
    for number, (source, target) in enumerate(zip(pairs.sources, pairs.targets, strict=True)):
        try:
            ids, wanted = source_tokenizer.encode(source), tokenizer.encode(target)
        except VocabularyError:
            continue
        if 0 < len(ids) <= longest and 0 < len(wanted) <= longest:
            kept.append(number)
            sources.append(ids)
            targets.append(wanted)
    return EncodedPairs(pairs.at(kept), sources, targets)


def _arrays(sources: Sequence[Ids], targets: Sequence[Ids], numbers: Any) -> TrainingBatch:
    return pair_arrays([sources[number] for number in numbers], [targets[number] for number in numbers])
