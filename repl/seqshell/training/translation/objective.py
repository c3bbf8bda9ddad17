"""The training objective of a translation model: sentence pairs in batches of similar length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import Any

import numpy as np
import torch

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.events import Table
from seqshell.core.model import Architecture
from seqshell.core.sampling import Request, Stop
from seqshell.core.state import State
from seqshell.core.tokenizers import BOS, EOS, PAD, Tokenizer
from seqshell.decoding.batched import answers
from seqshell.decoding.strategies import Greedy
from seqshell.host import Registry
from seqshell.models.task_parts.parts import NUM_STEPS, Inputs
from seqshell.training.data.batches import Ids, LastEpoch, RowBatches, pair_arrays
from seqshell.training.data.encoded_example import encoded_example
from seqshell.training.data.late_encoding import full_batches
from seqshell.training.decoders import make_decoder
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.objective import BatchLoss, Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.parent import describe_growth
from seqshell.training.preparation import Prepared, check_config
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.stopping import CERTAIN, selected_by, without_criterion
from seqshell.training.teacher import Teacher
from seqshell.training.translation import bleu
from seqshell.training.translation.corpus import beside, read_recipe_pairs
from seqshell.training.translation.data import PairSplit
from seqshell.training.translation.encoding import LONGEST_VALIDATION, EncodedPairs, LatePairs, encode_pairs
from seqshell.training.translation.evaluation import teacher_forced, text_of
from seqshell.training.translation.loss import training_loss
from seqshell.training.translation.metrics import exact_match
from seqshell.training.translation.teacher_forcing import teacher_forcing
from seqshell.training.translation.variations import Variations, varies

VALIDATION_SENTENCES = 1000  # translated after each epoch
NUM_COMPARED = 8  # pairs that a decoder and its module are compared on


@dataclass(frozen=True)
class TranslationObjective:
    """Objective of a translation model. encoded: the pairs for training and validation, if they are in a file."""

    recipe: Recipe
    architecture: Architecture
    config: Any
    source_tokenizer: Tokenizer
    tokenizer: Tokenizer
    sentences: PairSplit
    encoded: tuple[EncodedPairs | LatePairs, EncodedPairs] | None = None
    teacher: Teacher | None = None

    num_orders = 2**31
    padded = (0, 2, 3)

    @property
    def data(self) -> dict[str, Any]:
        pairs = self.sentences.training
        return {"name": " and ".join(pairs.names), "sha256": " ".join(pairs.digests)}

    @property
    def split(self) -> dict[str, int]:
        return {"training": len(self.sentences.training), "validation": len(self.sentences.validation)}  # pairs

    @property
    def description(self) -> str:
        lines = f"{self.split['training']:,} sentence pairs for training, {self.split['validation']:,} for validation"
        if left_out := self._training.left_out(self.split["training"]):
            longest = self.recipe.training.max_length
            lines += f"\n{left_out} pairs are left out: a side has more than {longest} tokens or no known token"
        if self.sentences.validation.sources == self.sentences.training.sources:
            lines += "\nvalidated on the training pairs: the scores show only memorisation"
        return lines

    @cached_property
    def num_batches(self) -> int:
        settings = self.recipe.training
        if not settings.batch_tokens:
            return -(-len(self._training.texts) // settings.batch_size)
        return len(self._epoch(0)[1])

    def initial_state(self, module: Any) -> State:
        """(): each sentence starts from the state of its encoder."""
        return ()

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(source [B, S], lengths [B], inputs [B, T], targets [B, T]), padded right."""
        pairs, batches = self._epoch(order)
        for sources, targets in full_batches(batches, first, pairs.ids):
            yield pair_arrays(sources, targets)

    def _epoch(self, order: int) -> tuple[EncodedPairs | LatePairs, RowBatches]:
        """The pairs as they are encoded in this epoch, and the rows of each batch."""
        settings = self.recipe.training
        if not varies(settings):
            return self._training, self._batches(order)
        draws = np.random.default_rng((settings.seed, order))
        pairs = self._variations.pairs(draws)
        return pairs, pairs.group(settings.batch_size, settings.batch_tokens, draws)

    @cached_property
    def _batches(self) -> LastEpoch[RowBatches]:
        """By order: the rows of each batch of pairs that are the same in each epoch."""
        settings, group = self.recipe.training, self._training.group
        return LastEpoch(settings.seed, partial(group, settings.batch_size, settings.batch_tokens))

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(np.count_nonzero(batch[3]))

    def num_losses(self, batch: TrainingBatch) -> int:
        return self.num_tokens(batch)

    def inputs(self) -> Inputs:
        """The first pairs; each target is read over and over until the end of the longest sentence or of NUM_STEPS."""
        pairs = self._training.first(NUM_COMPARED)
        sources, targets = pairs.sources, pairs.targets
        source, lengths, *_ = pair_arrays(sources, targets)
        size = max(NUM_STEPS // len(targets), *map(len, targets))
        steps = np.stack([np.resize(np.array([BOS, *ids, EOS], np.int64), size) for ids in targets])
        return Inputs(steps, sources=source, lengths=lengths)

    def num_logits(self, batch: TrainingBatch) -> int:
        return int(batch[3].size) * self.tokenizer.size

    @property
    def validation_logits(self) -> int:
        return 0  # fewer than those of a batch

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> BatchLoss:
        settings = self.recipe.training
        return training_loss(
            module,
            *on_device(module, batch),
            label_smoothing=settings.label_smoothing,
            teacher_forcing=teacher_forcing(settings, step),
            by_batch=settings.teacher_forcing_by == "batch",
            teacher=self.teacher,
        )

    @torch.inference_mode()
    def validate(self, module: Any, group: Group = ALONE) -> Metrics:
        """Teacher-forced nats and perplexity per token, exact matches and, if sacrebleu is installed, BLEU.

        First, unless it is the nats, 1 - BLEU / 100. Exact matches (0 to 1) and BLEU are of the first sentences,
        translated greedily.
        """
        pairs = self._validation
        nats = teacher_forced(module, pairs.sources, pairs.targets, group)
        metrics = {"nats": nats, "perplexity": math.exp(min(700.0, nats))}
        expected = self._expected
        found = group.interleaved(self._translated(module, pairs.sources[:VALIDATION_SENTENCES][group.rows]))
        metrics["exact"] = exact_match(found, expected)
        if bleu.is_available():
            metrics["bleu"] = bleu.bleu(found, expected).value
        return selected_by(metrics["bleu"] / 100, metrics) if self.recipe.training.criterion == "bleu" else metrics

    @cached_property
    def _expected(self) -> Sequence[str]:
        """The targets of the first pairs for validation."""
        return self._validation.texts.targets[:VALIDATION_SENTENCES]

    def is_perfect(self, metrics: Metrics) -> bool:
        """True if every validation source gets its target, with certainty."""
        return bool(metrics["exact"] == 1 and metrics["nats"] <= CERTAIN)

    def summary(self, metrics: Metrics) -> str:
        text = (
            f"{metrics['nats']:.4f} nats, perplexity {metrics['perplexity']:.2f}, exact {100 * metrics['exact']:.1f} %"
        )
        return text + (f", BLEU {metrics['bleu']:.2f}" if "bleu" in metrics else "")

    def measure(self, module: Any) -> Metrics:
        return self.as_measured(self.validate(module))

    def as_measured(self, validation: Metrics) -> Metrics:
        return without_criterion(validation)

    def table(self, measured: Metrics) -> Table:
        titles = {
            "nats": "nats per token, teacher-forced",
            "perplexity": "perplexity per token",
            "exact": "exact translations, greedy",
            "bleu": "BLEU, greedy",
        }
        forms = {"exact": "{:.2%}", "bleu": "{:.2f}"}
        values = [forms.get(name, "{:.4f}").format(value).replace("%", " %") for name, value in measured.items()]
        return Table(("validation", "value"), tuple(zip(map(titles.__getitem__, measured), values, strict=True)))

    def first_examples(self, number: int) -> list[dict[str, Any]]:
        """The first pairs that are short enough."""
        pairs = self._training.first(number)
        texts = zip(pairs.texts.sources, pairs.texts.targets, strict=True)
        ids = zip(pairs.sources, pairs.targets, strict=True)
        return [
            {
                "source": source,
                **encoded_example(self.source_tokenizer, source_ids, "source "),
                "target": target,
                **encoded_example(self.tokenizer, target_ids, "target "),
            }
            for (source, target), (source_ids, target_ids) in zip(texts, ids, strict=True)
        ]

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the first training source."""
        return self.recipe.defaults.examples or tuple(self.sentences.training.sources[:1])

    def sample(self, module: Any, registry: Registry) -> str:
        """The first example and its greedy translation."""
        source = self.examples()[0]
        try:
            ids = self.source_tokenizer.encode(source)
            # The limit is for untrained models, whose translations would not end.
            return f"{source} -> {self._translated(module, [ids], longest=10 + 3 * len(ids))[0]}"
        except VocabularyError:
            return f"{source} ->"

    def source_ids(self) -> Iterable[Ids]:
        """The ids of the training sources."""
        return self._whole.sources

    def target_ids(self) -> Iterable[Ids]:
        """The ids of the training targets."""
        return self._whole.targets

    @cached_property
    def _training(self) -> EncodedPairs | LatePairs:
        if self.encoded is not None:
            return self.encoded[0]
        return encode_pairs(
            self.sentences.training, self.source_tokenizer, self.tokenizer, self.recipe.training.max_length
        )

    @property
    def _whole(self) -> EncodedPairs:
        """The pairs for training where all must be encoded before the training, see `LargePairs`."""
        assert isinstance(self._training, EncodedPairs)
        return self._training

    @cached_property
    def _validation(self) -> EncodedPairs:
        sides = self.sentences.validation, self.source_tokenizer, self.tokenizer
        found = self.encoded[1] if self.encoded is not None else encode_pairs(*sides, LONGEST_VALIDATION)
        if not found.sources:
            raise RecipeError(f"{' and '.join(found.texts.names)}: no validation pair has a known token on both sides")
        return found

    @cached_property
    def _variations(self) -> Variations:
        return Variations(self._whole, self.source_tokenizer, self.tokenizer, self.recipe.training)

    def _translated(self, module: Any, sources: Sequence[Ids], longest: int | None = None) -> list[str]:
        """Translate each source greedily, with at most `longest` tokens or the recipe's max_tokens."""
        decoder: Any = make_decoder(
            self.architecture, self.config, module
        )  # a SourceDecoder, since its task is TRANSLATE
        unknown = () if self.tokenizer.unk is None else (self.tokenizer.unk,)
        most = self.recipe.defaults.max_tokens
        stop = Stop(max_tokens=most if longest is None else min(longest, most), ids=frozenset((EOS,)))
        request = Request(stop, tokenizer=self.tokenizer, excluded=frozenset((PAD, BOS, *unknown)), keeps_states=False)
        found = [""] * len(sources)
        for row, best in answers(decoder, [[*ids, EOS] for ids in sources], Greedy(), request):
            found[row] = text_of(self.tokenizer, best[0].ids)
        return found


def prepare(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    """Read the sentence pairs, and train the tokenizers on them, or extend the parent's."""
    if recipe.training.criterion == "bleu" and not bleu.is_available():
        raise RecipeError(f"{recipe.name}: training.criterion=bleu needs sacrebleu: pip install sacrebleu")
    parent, (source_tokenizer, tokenizer, sentences, encoded) = read_recipe_pairs(recipe, registry)
    sizes = {"source_vocab_size": source_tokenizer.size, "target_vocab_size": tokenizer.size}
    config = check_config(recipe, architecture, sizes)
    objective = TranslationObjective(recipe, architecture, config, source_tokenizer, tokenizer, sentences, encoded)
    sides = [(source_tokenizer, objective.source_ids), (tokenizer, objective.target_ids)]
    if source_tokenizer is tokenizer:
        sides = [(tokenizer, lambda: chain(objective.source_ids(), objective.target_ids()))]
    notes = describe_growth(parent, *sides)
    encoded_beside = partial(beside, recipe, registry, parent)
    return Prepared(
        recipe,
        architecture,
        config,
        tokenizer,
        source_tokenizer,
        objective,
        parent=parent,
        notes=notes,
        beside=encoded_beside,
    )
