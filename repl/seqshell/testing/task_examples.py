"""For each task, what the contract checks need: sizes for a config, inputs, the rules of the task, and a tiny model."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.model import Model
from seqshell.core.series_tokenizer import Values
from seqshell.core.tasks import task_spec
from seqshell.core.tokenizers import BOS, EOS, PAD, SPECIALS, UNK, CharTokenizer, Tokenizer
from seqshell.host import resolve
from seqshell.testing.classification_rules import CLASSIFICATION_RULES
from seqshell.testing.decoder_rules import DRAWING_RULES
from seqshell.testing.examples import (
    BATCH,
    LENGTHS,
    NUM_CLASSES,
    NUM_FEATURES,
    SOURCE_VOCAB_SIZE,
    STEPS,
    VOCAB_SIZE,
    Example,
)
from seqshell.testing.tiny_classifier import tiny_classification_model
from seqshell.testing.tiny_forecaster import tiny_forecast_model
from seqshell.testing.tiny_language_model import tiny_model
from seqshell.testing.tiny_tagger import tiny_tagging_model
from seqshell.testing.tiny_translator import tiny_translation_model
from seqshell.testing.translation_rules import TRANSLATION_RULES

CHARACTERS = "".join(sorted("\n" + string.digits + string.ascii_letters + string.punctuation + " "))


Sizes = Mapping[str, int]


@dataclass(frozen=True)
class TaskExample:
    """What the contract checks need for one task.

    sizes: the fields of a config that the host fills in. draw: makes random inputs, for such sizes and a number of
    steps. model: makes a tiny model.
    decoder_rules, module_rules: the rules for this task only; those for torch modules are targets, imported with torch.
    tokenizers: makes the tokenizer and the source tokenizer, of such sizes. targets: the target of a function that
    gives what a module's `auxiliary` gets.
    """

    sizes: Sizes
    draw: Callable[[Sizes, int], Example]
    model: Callable[[], Model]
    tokenizers: Callable[[Sizes], tuple[Tokenizer, Tokenizer | None]]
    decoder_rules: Mapping[str, Callable[[Decoder, Example], str]] = field(default_factory=dict)
    module_rules: Mapping[str, str] = field(default_factory=dict)
    targets: str = "seqshell.testing.training_rules:next_tokens"

    def sizes_of(self, config: Any) -> Sizes:
        """The sizes in a config."""
        return {name: getattr(config, name, size) for name, size in self.sizes.items()}

    def inputs(self, config: Any = None, steps: int = STEPS) -> Example:
        """Random inputs for a model with this config."""
        return self.draw(self.sizes_of(config), steps)


def task_example(task: str) -> TaskExample:
    """Return the example of a task."""
    found: TaskExample = resolve(task_spec(task).example)
    return found


def _letters(size: int, *, specials: bool = True) -> CharTokenizer:
    first = ord("a")
    return CharTokenizer("".join(map(chr, range(first, first + size - specials * len(SPECIALS)))), specials=specials)


def _ids(low: int, size: int, steps: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(low, size, (BATCH, steps))


def _translation_inputs(sizes: Sizes, steps: int) -> Example:
    """Targets from BOS on, and sources of LENGTHS, padded right."""
    targets = _ids(UNK, sizes["target_vocab_size"], steps)
    targets[:, 0] = BOS
    lengths = np.array(LENGTHS)
    sources = _ids(UNK, sizes["source_vocab_size"], max(LENGTHS), 1)
    sources[np.arange(BATCH), lengths - 1] = EOS
    sources[np.arange(max(LENGTHS)) >= lengths[:, None]] = PAD
    return Example(targets, sources, lengths, (sizes["target_vocab_size"],))


def _values(sizes: Sizes, steps: int) -> Example:
    """Normalised values."""
    number = sizes["num_features"]
    values = np.random.default_rng(0).normal(size=(BATCH, steps, number)).astype(np.float32)
    return Example(values, output=(None, number, None), is_drawn=False)


GENERATE = TaskExample(
    sizes={"vocab_size": VOCAB_SIZE},
    draw=lambda sizes, steps: Example(_ids(0, sizes["vocab_size"], steps), output=(sizes["vocab_size"],)),
    model=partial(tiny_model, CHARACTERS),
    tokenizers=lambda sizes: (_letters(sizes["vocab_size"], specials=False), None),
    decoder_rules=DRAWING_RULES,
)
TRANSLATE = TaskExample(
    sizes={"source_vocab_size": SOURCE_VOCAB_SIZE, "target_vocab_size": VOCAB_SIZE},
    draw=_translation_inputs,
    model=tiny_translation_model,
    tokenizers=lambda sizes: (_letters(sizes["target_vocab_size"]), _letters(sizes["source_vocab_size"])),
    decoder_rules={**DRAWING_RULES, **TRANSLATION_RULES},
    module_rules={
        "padding the target changes neither earlier logits nor the loss": "seqshell.testing.module_rules:target_padding"
    },
)
CLASSIFY = TaskExample(
    sizes={"vocab_size": VOCAB_SIZE, "num_classes": NUM_CLASSES},
    draw=lambda sizes, steps: Example(
        _ids(UNK, sizes["vocab_size"], steps), output=(sizes["num_classes"],), is_drawn=False
    ),
    model=partial(tiny_classification_model, CHARACTERS),
    tokenizers=lambda sizes: (_letters(sizes["vocab_size"]), None),
    decoder_rules=CLASSIFICATION_RULES,
    targets="seqshell.testing.training_rules:labels",
)
TAG = replace(
    CLASSIFY,
    model=partial(tiny_tagging_model, CHARACTERS),
    decoder_rules=CLASSIFICATION_RULES,
    targets="seqshell.testing.training_rules:token_labels",
)
FORECAST = TaskExample(
    sizes={"num_features": NUM_FEATURES},
    draw=_values,
    model=tiny_forecast_model,
    tokenizers=lambda sizes: (Values(tuple(f"column{number}" for number in range(sizes["num_features"]))), None),
    targets="seqshell.testing.training_rules:next_values",
    module_rules={"observe gives the same state as reading": "seqshell.testing.module_rules:observes"},
)
