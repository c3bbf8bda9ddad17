"""The base class: what a checkpoint holds for its task, and how its decoder is tried and compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.model import Series
from seqshell.core.tasks import task_spec
from seqshell.host import Registry, resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder
    from seqshell.core.state import State
    from seqshell.core.tokenizers import Tokenizer

NUM_ROWS, NUM_STEPS = 2, 24  # of the random inputs that two decoders are compared on


@dataclass(frozen=True)
class Contents:
    """What a model has beside its decoder; each field is the one of Model with its name."""

    tokenizer: Tokenizer
    source_tokenizer: Tokenizer | None = None
    labels: tuple[str, ...] = ()
    series: Series | None = None


class TaskParts(ABC):
    """What differs from task to task in a checkpoint.

    is_padded: whether the rows of a batch may be padded right, with PAD.
    saved_with: the argument that save_checkpoint requires.
    vocab_field: the config's field for the size of the tokenizer's vocabulary.
    """

    is_padded: ClassVar[bool] = False
    saved_with: ClassVar[str] = "tokenizer"
    vocab_field: ClassVar[str] = "vocab_size"

    @abstractmethod
    def read(self, header: Mapping[str, Any], config: Any, registry: Registry) -> Contents:
        """Read the contents from a checkpoint's header.

        Raises CheckpointError if something is missing or does not fit the config.
        """

    @abstractmethod
    def output_shape(self, contents: Contents) -> tuple[tuple[int, ...], str]:
        """Return the required shape of a row's outputs after a step, and the reason in words."""

    @abstractmethod
    def random_inputs(self, config: Any) -> tuple[NDArray[Any], ...]:
        """Return inputs to compare two decoders on, [B, T] or [B, T, F] each; the first is also read step by step."""

    def try_step(self, decoder: Decoder, contents: Contents) -> NDArray[Any]:
        """Return the outputs of a first step, [1, ...]. Raises whatever the decoder raises."""
        import numpy as np

        return decoder.step(np.zeros(1, np.int64), decoder.initial_state(1))[0]

    def start(self, decoder: Decoder, config: Any, batch_size: int) -> State:
        """Return the state from which the decoder reads the random inputs."""
        return decoder.initial_state(batch_size)


def parts_of(task: str) -> TaskParts:
    """Return the parts of a checkpoint for the task."""
    parts: TaskParts = resolve(task_spec(task).parts)()
    return parts
