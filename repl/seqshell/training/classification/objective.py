"""The training objective of a classifier: labelled texts, in batches of similar length."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from seqshell.core.errors import RecipeError
from seqshell.core.events import Table
from seqshell.core.model import Architecture
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.host import Registry, resolve
from seqshell.models.task_parts.parts import Inputs
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.classification.corpus import beside, read_recipe_texts
from seqshell.training.classification.data import Examples, ExampleSplit, label_names
from seqshell.training.classification.encoding import EncodedExamples, LateExamples, LateTexts, encode_into, encoded
from seqshell.training.classification.evaluation import (
    baseline_metrics,
    last_logits,
    mean_nats,
    predictions,
    unit_of,
)
from seqshell.training.classification.examples import describe, shortest_texts
from seqshell.training.classification.large_examples import Encoded
from seqshell.training.classification.linear_part import FittedPart, fit_to_some, with_linear_part
from seqshell.training.classification.metrics import UNREAD, class_metrics, confusion
from seqshell.training.classification.tables import metrics_table
from seqshell.training.classification.teacher_answers import TeacherAnswers
from seqshell.training.data.batches import Ids, LastEpoch, RowBatches, pad
from seqshell.training.data.coded import counts_of, label_counts, numbers_of_labels
from seqshell.training.data.encoded_example import encoded_example
from seqshell.training.data.late_encoding import full_batches
from seqshell.training.data.token_rows import NewRows, TokenRows, items_at
from seqshell.training.data.vocabularies import every
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.objective import BatchLoss, Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.parent import describe_growth, open_parent, tokenizer_of
from seqshell.training.preparation import Prepared, check_config
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.stopping import CERTAIN, selected_by
from seqshell.training.teacher import Teacher

NUM_EXAMPLES = 3  # examples in the checkpoint if the recipe names none
SHOWN = 3  # labels in a sample
NUM_COMPARED = 32  # texts that a decoder and its module are compared on
METRICS = ("nats", "accuracy", "macro_recall", "macro_f1")


@dataclass(frozen=True)
class ClassificationObjective:
    """Objective of a classifier. labels: by number. stored: the texts of both parts, if they are in a file."""

    recipe: Recipe
    architecture: Architecture
    config: Any
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    split_of: ExampleSplit
    stored: tuple[Encoded | LateTexts, Encoded] | None = None
    teacher: Teacher | None = None

    num_orders = 2**31
    padded = (0,)

    @property
    def data(self) -> dict[str, Any]:
        """Name and sha256, and how the data is read, which `seqshell evaluate` uses as its defaults."""
        settings, examples = self.recipe.data, self.split_of.training
        columns = {"text_column": settings.text_column, "label_column": settings.label_column} if settings.table else {}
        names = {"label_names": label_names(settings)} if settings.label_names else {}
        share = {"held_out": float(settings.validation)} if isinstance(settings.validation, float | int) else {}
        return {"name": examples.name, "sha256": examples.digest, **columns, **names, **share}

    @property
    def split(self) -> dict[str, int]:
        return {"training": len(self.split_of.training), "validation": len(self.split_of.validation)}  # examples

    @property
    def description(self) -> str:
        return describe(self.split_of, unread=self._training.left_out(self.split["training"]))

    @cached_property
    def num_batches(self) -> int:
        settings = self.recipe.training
        return len(self._epoch(0)) if settings.batch_tokens else -(-len(self._training) // settings.batch_size)

    def initial_state(self, module: Any) -> State:
        """(): each text starts from the initial state."""
        return ()

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(inputs [B, T] padded right, labels [B]), and for a linear part its `FittedPart.corrections` [B, C].

        With a teacher that was asked, its probabilities [B, C] are last.
        """
        part, answers = self._linear_part, self.answers
        for ids, rows in full_batches(self._epoch(order), first, self._training.at):
            labels = self._training.labels[rows].astype(np.int64)
            corrections = () if part is None else (part.corrections_of(rows),)
            taught = () if answers is None else answers.of_rows(rows)
            yield pad(ids), labels, *corrections, *taught

    @cached_property
    def _epoch(self) -> LastEpoch[RowBatches]:
        """By order: the rows of each batch."""
        settings, group = self.recipe.training, self._training.group
        return LastEpoch(settings.seed, partial(group, settings.batch_size, settings.batch_tokens))

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(np.count_nonzero(batch[0]))

    def num_losses(self, batch: TrainingBatch) -> int:
        """The number of texts."""
        return len(batch[1])

    def inputs(self) -> Inputs:
        """The tokens of the texts one after the other, and the first texts padded."""
        texts, _ = self._training.first(NUM_COMPARED)
        return replace(
            Inputs.of_stream(np.concatenate([np.asarray(ids, np.int64) for ids in texts])), padded=pad(texts)
        )

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> BatchLoss:
        """Mean nats of the labels, each example weighted by `weights`, and the auxiliary losses.

        Label smoothing trains towards (1 - s) one-hot + s uniform, so that the model does not become overconfident.
        """
        inputs, labels, *others = on_device(module, batch)
        corrections = [] if self._linear_part is None or not others else [others.pop(0)]
        logits = sum(corrections, last_logits(module, inputs, causal=self.architecture.causal).float())
        smoothing = self.recipe.training.label_smoothing
        if self.answers is None:
            nats = functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        else:
            taught = others[0] if others else self.answers.of_batch(inputs)
            nats = self.answers.teacher.losses(logits, labels, taught, smoothing)
        weights = torch.from_numpy(self.weights).to(nats)[labels]
        auxiliary = auxiliary_losses(module, logits, labels, torch.ones_like(labels, dtype=torch.bool))
        return BatchLoss((weights * nats).mean(), state, auxiliary)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """[C]: the weight of an example by label, frequency^-class_weights, scaled to mean 1 over all examples."""
        counts = counts_of(self._training.labels, len(self.labels))
        weights = np.maximum(1, counts) ** -self.recipe.training.class_weights
        return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float32)

    @cached_property
    def answers(self) -> TeacherAnswers | None:
        """The teacher's, about the training texts."""
        return None if self.teacher is None else TeacherAnswers(self.teacher, self.training_ids)

    def fit(self, module: Any) -> str:
        """Fit the linear part of a module, if it has one, and describe it."""
        return self._linear_part.put_into(module) if self._linear_part is not None else ""

    def to_beat(self, fitted: Metrics) -> Metrics:
        """The likelihood of the validation texts must rise by more than one nat in all (Akaike 1974)."""
        return {"nats": fitted["nats"] - 1 / len(self._validation.ids)}

    @cached_property
    def _linear_part(self) -> FittedPart | None:
        """The linear part of the architecture, fitted to the training texts, if it starts from no other model."""
        if self.recipe.training.parent:
            return None
        with torch.random.fork_rng(devices=[]):
            module = with_linear_part(resolve(self.architecture.model)(self.config))
        if module is None:
            return None
        texts = self.split_of.training.texts
        return fit_to_some(
            module,
            self._training,
            texts,
            weights=self.weights,
            num_classes=len(self.labels),
            unit=unit_of(self.tokenizer),
            step=every(texts),
        )

    def validate(self, module: Any, group: Group = ALONE) -> Metrics:
        """Nats, accuracy, macro recall and macro F1; first, unless it is the nats, 1 - the recipe's criterion."""
        examples = self._validation
        own = items_at(examples.ids, np.arange(len(examples.ids))[group.rows])
        logs = np.zeros((len(own), len(self.labels)), np.float32)
        for rows, found in predictions(module, own, causal=self.architecture.causal):
            logs[rows] = found
        logs = np.asarray(group.interleaved(logs))  # type: ignore[arg-type]  # an array is a sequence of its rows
        predicted = np.full(len(self.split_of.validation), UNREAD)
        predicted[examples.rows] = logs.argmax(1)
        counts = confusion(self._label_numbers(self.split_of.validation).tolist(), predicted.tolist(), len(self.labels))
        metrics = {"nats": mean_nats(logs, examples.labels.astype(np.int64)), **class_metrics(counts)}
        criterion = self.recipe.training.criterion
        if criterion == "nats":
            return metrics
        shares = ("accuracy", "macro_recall") if criterion == "both" else (criterion,)
        return selected_by(sum(metrics[share] for share in shares) / len(shares), metrics)

    def is_perfect(self, metrics: Metrics) -> bool:
        """True if every validation text gets its label, with certainty."""
        return bool(metrics["accuracy"] == 1 and metrics["nats"] <= CERTAIN)

    def summary(self, metrics: Metrics) -> str:
        shares = ", ".join(f"{name.replace('_', ' ')} {100 * metrics[name]:.2f} %" for name in METRICS[1:3])
        return f"{metrics['nats']:.4f} nats, {shares}"

    def measure(self, module: Any) -> Metrics:
        """The validation metrics, with those of the baselines trained on the same examples."""
        return {**self.as_measured(self.validate(module)), "baselines": self._baselines}

    def as_measured(self, validation: Metrics) -> Metrics:
        return {name: validation[name] for name in METRICS}

    def table(self, measured: Metrics) -> Table:
        return metrics_table(self.recipe.name, measured, unit_of(self.tokenizer))

    def first_examples(self, number: int) -> list[dict[str, Any]]:
        """The first texts that the model can read, with their labels."""
        examples, (first, places) = self.split_of.training, self._training.first(number)
        return [
            {"text": examples.texts[row], **encoded_example(self.tokenizer, ids), "label": examples.labels[row]}
            for row, ids in zip(self._training.rows_of(places).tolist(), first, strict=True)
        ]

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the shortest training text of each of the most frequent labels."""
        if self.recipe.defaults.examples:
            return self.recipe.defaults.examples
        return self._shortest

    @cached_property
    def _shortest(self) -> tuple[str, ...]:
        return shortest_texts(self.split_of.training, NUM_EXAMPLES)

    def sample(self, module: Any, registry: Registry) -> str:
        """The first example and its most likely labels."""
        text = self.examples()[0]
        ids = encoded(self.tokenizer, self._cut, text)
        if not ids:
            return f"{text} ->"
        ((_, logs),) = predictions(module, [ids], causal=self.architecture.causal)
        best = np.argsort(-logs[0], kind="stable")[:SHOWN]
        return f"{text} -> " + ", ".join(f"{self.labels[label]} {np.exp(logs[0][label]):.2f}" for label in best)

    @property
    def training_ids(self) -> Sequence[Ids]:
        """The ids of the training texts that the model can read."""
        assert isinstance(self._training, EncodedExamples)  # see `LargeExamples`
        return self._training.ids

    @property
    def _cut(self) -> Cut:
        return Cut.of(dataclasses.asdict(self.config))

    @cached_property
    def _training(self) -> EncodedExamples | LateExamples:
        examples, stored = self.split_of.training, self.stored and self.stored[0]
        if isinstance(stored, LateTexts):
            return LateExamples(stored, self._label_numbers(examples))
        return self._encoded(examples, stored)

    @cached_property
    def _validation(self) -> EncodedExamples:
        return self._encoded(self.split_of.validation, self.stored and self.stored[1])

    @cached_property
    def _baselines(self) -> dict[str, dict[str, float]]:
        """Of very many texts, a part of both sides is used."""
        training, validation = (
            side.at(range(0, len(side), every(side.texts)))
            for side in (self.split_of.training, self.split_of.validation)
        )
        return baseline_metrics(validation, training, self._numbers, unit_of(self.tokenizer))

    def _encoded(self, examples: Examples, stored: Encoded | None) -> EncodedExamples:
        if stored is None:
            new = NewRows.of_ids(self.tokenizer)
            rows = encode_into(new, examples.texts, self.tokenizer, self._cut)
            stored = TokenRows(*new.arrays()), rows
        ids, rows = stored
        if not len(rows):
            raise RecipeError(f"{examples.name} has no text with a known token")
        return EncodedExamples(ids, self._label_numbers(examples)[rows], rows)

    def _label_numbers(self, examples: Examples) -> NDArray[Any]:
        return numbers_of_labels(examples.labels, self.labels)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.labels)}


def prepare(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    """Read the labelled texts and train the tokenizer on them, or extend the parent's tokenizer and labels."""
    parent = open_parent(recipe, registry)
    given = tokenizer_of(parent)
    tokenizer, split, stored = read_recipe_texts(recipe, registry, architecture, given)
    found = sorted(label_counts(split.training.labels))
    labels = tuple(dict.fromkeys((*(parent.model.labels if parent is not None else ()), *found)))
    config = check_config(recipe, architecture, {"vocab_size": tokenizer.size, "num_classes": len(labels)})
    objective = ClassificationObjective(recipe, architecture, config, tokenizer, labels, split, stored)
    notes = describe_growth(parent, (tokenizer, lambda: objective.training_ids), labels=labels)
    rest = partial(beside, recipe, registry, architecture, given)
    return Prepared(
        recipe, architecture, config, tokenizer, None, objective, labels, parent=parent, notes=notes, beside=rest
    )
