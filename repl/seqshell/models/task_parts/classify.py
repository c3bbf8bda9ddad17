"""A checkpoint of a classifier: one tokenizer, and the labels by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.errors import CheckpointError
from seqshell.core.tasks import Task, task_spec
from seqshell.core.text_output import quoted
from seqshell.core.tokenizers import BOS, EOS, PAD
from seqshell.host import Registry
from seqshell.models.task_parts.parts import NUM_ROWS, NUM_STEPS, Contents, Inputs, TaskParts
from seqshell.models.tokenizer_header import check_tokenizer, read_tokenizers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder


class ClassifyParts(TaskParts):
    """A tokenizer and at least two labels.

    task: its name, for messages.
    """

    task: ClassVar[Task] = Task.CLASSIFY
    is_padded = True
    output_field = "num_classes"

    def read(self, header: Mapping[str, Any], config: Any, registry: Registry) -> Contents:
        """Read the tokenizer and the labels."""
        tokenizer, _ = read_tokenizers(header, registry)
        check_tokenizer(tokenizer, config, self.vocab_field, task_spec(self.task).noun)
        return Contents(tokenizer, labels=read_labels(header, config, self.task))

    def output_shape(self, contents: Contents) -> tuple[tuple[int, ...], str]:
        """[C]."""
        return (len(contents.labels),), f"it has {len(contents.labels)} labels"

    def random_inputs(self, config: Any) -> Inputs:
        """Texts without PAD; then the same texts, the last one cut to one token and padded."""
        import numpy as np

        texts = np.random.default_rng(0).integers(BOS, config.vocab_size, (NUM_ROWS, NUM_STEPS))
        return Inputs(texts, np.where(np.arange(NUM_STEPS) < np.array([[NUM_STEPS], [1]]), texts, PAD))

    def try_step(self, decoder: Decoder, contents: Contents) -> NDArray[Any]:
        """Read a text at once: a model that is not causal cannot be stepped."""
        import numpy as np

        return decoder.feed(np.array([[BOS, EOS]]), decoder.initial_state(1))[0]


def read_labels(header: Mapping[str, Any], config: Any, task: str) -> tuple[str, ...]:
    """Read the labels, by number. Raises CheckpointError if they are missing, not unique or do not fit the config."""
    labels = header.get("labels")
    if (
        not isinstance(labels, list | tuple)
        or len(labels) < 2
        or not all(isinstance(label, str) and label.strip() for label in labels)
    ):
        raise CheckpointError(f"its task is {task}, but it does not have a list of at least two labels")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise CheckpointError(f"it has two labels {quoted(twice)}")
    if len(labels) != getattr(config, "num_classes", len(labels)):
        raise CheckpointError(f"its config has num_classes {config.num_classes}, but it has {len(labels)} labels")
    return tuple(labels)
