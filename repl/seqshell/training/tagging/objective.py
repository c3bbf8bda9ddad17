"""The training objective of a tagger: sentences with a tag for each word, in batches of similar length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

from seqshell.core.events import Table
from seqshell.core.model import Architecture
from seqshell.core.state import State
from seqshell.core.text_output import counted
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry
from seqshell.models.task_parts.parts import Inputs
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.data.batches import RowBatches, group_by_length, pad
from seqshell.training.data.encoded_example import encoded_example
from seqshell.training.data.vocabularies import train_tokenizer
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.objective import BatchLoss, Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.parent import describe_growth, open_parent, tokenizer_of
from seqshell.training.preparation import Prepared, check_config, tokenizer_type
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.stopping import CERTAIN, selected_by, without_criterion
from seqshell.training.tagging.baseline import NAME, baseline_tags
from seqshell.training.tagging.data import TaggedText, read_recipe_tagged
from seqshell.training.tagging.encoding import NO_TAG, UNSEEN, EncodedSentences, encoded, predictions
from seqshell.training.tagging.metrics import tag_metrics
from seqshell.training.tagging.tables import metrics_table
from seqshell.training.taught_loss import SequenceAnswers, taught_nats
from seqshell.training.teacher import Teacher

NUM_EXAMPLES = 3  # examples in the checkpoint if the recipe names none
EXAMPLE_WORDS = (5, 12)  # words of such an example, at least and at most
NUM_COMPARED = 32  # sentences that a decoder and its module are compared on


@dataclass(frozen=True)
class TaggingObjective:
    """Objective of a tagger. tags: by number."""

    recipe: Recipe
    architecture: Architecture
    config: Any
    tokenizer: Tokenizer
    tags: tuple[str, ...]
    training: TaggedText
    validation: TaggedText
    teacher: Teacher | None = None

    num_orders = 2**31
    padded = (0,)

    @property
    def data(self) -> dict[str, Any]:
        """Name and sha256, and how the data is read, which `seqshell evaluate` uses, too."""
        settings = self.recipe.data
        columns = {"word_column": settings.word_column, "tag_column": settings.tag_column}
        share = {"held_out": float(settings.validation)} if isinstance(settings.validation, float | int) else {}
        return {"name": self.training.name, "sha256": self.training.digest, **columns, **share}

    @property
    def split(self) -> dict[str, int]:
        return {"training": len(self.training.sentences), "validation": len(self.validation.sentences)}

    @property
    def description(self) -> str:
        sizes = (
            f"{counted(len(text.sentences), 'sentence')} with {counted(text.num_words, 'word')}" for text in self._texts
        )
        counts = Counter(tag for sentence in self.training.sentences for tag in sentence.tags)
        (most, many), *_, (least, few) = counts.most_common()
        return (
            " for training, ".join(sizes) + " for validation"
            f"\n{len(counts)} tags, from {most} with {many:,} words to {least} with {few:,}"
        )

    @property
    def _texts(self) -> tuple[TaggedText, TaggedText]:
        return self.training, self.validation

    @cached_property
    def num_batches(self) -> int:
        return len(self._epoch(0))

    def initial_state(self, module: Any) -> State:
        """(): each sentence starts from the initial state."""
        return ()

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(inputs [B, T] padded right, targets [B, T]): the number of a tag from 1, NO_TAG where there is none."""
        for rows in self._epoch(order)[first:]:
            numbers = rows.tolist()
            yield (
                pad([self._training.ids[row] for row in numbers]),
                pad([self._training.targets(row) for row in numbers]),
            )

    def _epoch(self, order: int) -> RowBatches:
        """The rows of each batch."""
        settings = self.recipe.training
        draws = np.random.default_rng((settings.seed, order))
        lengths = [len(ids) for ids in self._training.ids]
        return group_by_length(lengths, rows=settings.batch_size, tokens=settings.batch_tokens, draws=draws)

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(np.count_nonzero(batch[0]))

    def num_losses(self, batch: TrainingBatch) -> int:
        """The number of words."""
        return int(np.count_nonzero(batch[1] != NO_TAG))

    def inputs(self) -> Inputs:
        """The tokens of the sentences one after the other, and the first sentences padded."""
        texts = self._training.ids[:NUM_COMPARED]
        return replace(
            Inputs.of_stream(np.concatenate([np.asarray(ids, np.int64) for ids in texts])), padded=pad(texts)
        )

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> BatchLoss:
        """Mean nats of the tags, and the auxiliary losses."""
        inputs, targets = on_device(module, batch)
        targets = targets[:, : inputs.shape[1]]  # a part of a batch has less padding
        logits = module(inputs, module.initial_state(len(inputs)))[0].float()
        mask, smoothing = targets != NO_TAG, self.recipe.training.label_smoothing
        if self.teacher is not None:
            answers = SequenceAnswers(self.teacher, inputs, self.teacher.module.initial_state(len(inputs)))
            numbers, ignored = targets - 1, NO_TAG - 1
            total = taught_nats(answers, logits, numbers, label_smoothing=smoothing, ignore_index=ignored)
            nats = total / mask.sum()
        else:
            nats = functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten() - 1, ignore_index=NO_TAG - 1, label_smoothing=smoothing
            )
        return BatchLoss(nats, state, auxiliary_losses(module, logits, (targets - 1).clamp_min(0), mask))

    def validate(self, module: Any, group: Group = ALONE) -> Metrics:
        """First 1 - F1 of entities, or 1 - accuracy; then the nats per word, and the shares."""
        examples = self._validation
        rows = range(len(examples.ids))[group.rows]
        found: dict[int, NDArray[Any]] = dict(
            predictions(module, [examples.ids[row] for row in rows], [examples.last[row] for row in rows])
        )
        logs = group.interleaved([found[place] for place in range(len(rows))])
        predicted = [[self.tags[number] for number in each.argmax(-1)] for each in logs]
        metrics = tag_metrics(self._true, predicted)
        return selected_by(metrics.get("f1", metrics["accuracy"]), {"nats": mean_nats(logs, examples), **metrics})

    def is_perfect(self, metrics: Metrics) -> bool:
        """True if every word of the validation gets its tag, with certainty."""
        return bool(metrics["accuracy"] == 1 and metrics["nats"] <= CERTAIN)

    def summary(self, metrics: Metrics) -> str:
        names = {"accuracy": "accuracy", "f1": "F1"}
        shares = ", ".join(f"{title} {100 * metrics[name]:.2f} %" for name, title in names.items() if name in metrics)
        return f"{metrics['nats']:.4f} nats per word, {shares}"

    def measure(self, module: Any) -> Metrics:
        """The validation metrics, with those of the baseline."""
        baseline = tag_metrics(self._true, baseline_tags(self.validation, self.training))
        return {**self.as_measured(self.validate(module)), "baselines": {NAME: baseline}}

    def as_measured(self, validation: Metrics) -> Metrics:
        return without_criterion(validation)

    def table(self, measured: Metrics) -> Table:
        return metrics_table(self.recipe.name, measured)

    def first_examples(self, number: int) -> list[dict[str, Any]]:
        """The first sentences with their tags."""
        shown = zip(self.training.sentences[:number], self._training.ids, strict=False)
        return [
            {"text": " ".join(each.words), **encoded_example(self.tokenizer, ids), "tags": " ".join(each.tags)}
            for each, ids in shown
        ]

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the first sentences of the validation that are neither short nor long."""
        low, high = EXAMPLE_WORDS
        sentences = [" ".join(each.words) for each in self.validation.sentences if low <= len(each.words) <= high]
        return (
            self.recipe.defaults.examples
            or tuple(sentences[:NUM_EXAMPLES])
            or (" ".join(self.training.sentences[0].words),)
        )

    def sample(self, module: Any, registry: Registry) -> str:
        """The first example and its tags."""
        from seqshell.core.tagged_words import encode_words, words_of

        words = [word.text for word in words_of(self.examples()[0])]
        if not words:
            return self.examples()[0]
        ids, last = encode_words(self.tokenizer, words)
        ((_, logs),) = predictions(module, [ids], [last])
        return " ".join(f"{word}/{self.tags[tag]}" for word, tag in zip(words, logs.argmax(-1), strict=True))

    @cached_property
    def _true(self) -> list[tuple[str, ...]]:
        return [sentence.tags for sentence in self.validation.sentences]

    @property
    def training_ids(self) -> Sequence[list[int]]:
        """The ids of the training sentences."""
        return self._training.ids

    @cached_property
    def _training(self) -> EncodedSentences:
        return encoded(self.training.sentences, self.tokenizer, self._numbers)

    @cached_property
    def _validation(self) -> EncodedSentences:
        return encoded(self.validation.sentences, self.tokenizer, self._numbers)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {tag: number for number, tag in enumerate(self.tags)}


def mean_nats(logs: Any, examples: EncodedSentences) -> float:
    """Mean surprisal of the true tags under log-probabilities [W, C] of each sentence, without UNSEEN tags."""
    total, number = 0.0, 0
    for each, tags in zip(logs, examples.tags, strict=True):
        seen = [place for place, tag in enumerate(tags) if tag != UNSEEN]
        total -= float(each[seen, [tags[place] for place in seen]].sum())
        number += len(seen)
    return total / max(1, number)


def prepare(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    """Read the sentences and train the tokenizer on their words, or extend the parent's tokenizer and tags."""
    (training, validation), parent = read_recipe_tagged(recipe), open_parent(recipe, registry)
    kind = tokenizer_type(registry, recipe.tokenizer)
    texts = [" ".join(sentence.words) for sentence in training.sentences]
    tokenizer = train_tokenizer(recipe, recipe.tokenizer, kind, texts, tokenizer_of(parent), specials=True)
    tags = tuple(dict.fromkeys((*(parent.model.labels if parent is not None else ()), *training.tags)))
    config = check_config(recipe, architecture, {"vocab_size": tokenizer.size, "num_classes": len(tags)})
    objective = TaggingObjective(recipe, architecture, config, tokenizer, tags, training, validation)
    notes = describe_growth(parent, (tokenizer, lambda: objective.training_ids), labels=tags)
    return Prepared(recipe, architecture, config, tokenizer, None, objective, tags, parent=parent, notes=notes)
