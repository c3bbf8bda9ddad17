"""The base class: what a checkpoint holds for its task, and how its decoder is tried and compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.model import Series
from seqshell.core.tasks import task_spec
from seqshell.host import Registry, resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder
    from seqshell.core.state import State
    from seqshell.core.tokenizers import Tokenizer

NUM_ROWS, NUM_STEPS = 2, 256  # of the inputs that a decoder is compared with its module on


@dataclass(frozen=True)
class Contents:
    """What a model has beside its decoder; each field is the one of Model with its name."""

    tokenizer: Tokenizer
    source_tokenizer: Tokenizer | None = None
    labels: tuple[str, ...] = ()
    series: Series | None = None


@dataclass(frozen=True)
class Inputs:
    """What a decoder and its module read when they are compared.

    steps: [B, T] int64 or [B, T, F] float32, read step by step and in chunks. padded: [B, T] int64, whole texts padded
    right, for tasks that pad. sources, lengths: [B, S] and [B], of a model that translates.
    """

    steps: NDArray[Any]
    padded: NDArray[Any] | None = None
    sources: NDArray[Any] | None = None
    lengths: NDArray[Any] | None = None

    @classmethod
    def of_stream(cls, values: NDArray[Any]) -> Inputs:
        """From the beginning and the middle of a text [N] or a series [N, F]; a short one is read in a circle."""
        import numpy as np

        starts = np.arange(NUM_ROWS)[:, None] * (len(values) // NUM_ROWS)
        chosen = values[(starts + np.arange(NUM_STEPS)) % len(values)]
        return cls(chosen.astype(np.int64) if values.dtype.kind == "u" else chosen)  # small integers are from a file

    def rows(self, number: int) -> Inputs:
        """The first rows."""
        others = (None if part is None else part[:number] for part in (self.padded, self.sources, self.lengths))
        return Inputs(self.steps[:number], *others)

    def first(self, number: int) -> Inputs:
        """The first steps of all rows."""
        return replace(self, steps=self.steps[:, :number])


class TaskParts(ABC):
    """What differs from task to task in a checkpoint.

    is_padded: whether the rows of a batch may be padded right, with PAD.
    is_per_token: whether a model that is not causal gives an output for every token of a text, instead of one for all.
    saved_with: the argument that save_checkpoint requires.
    vocab_field: the config's field for the size of the tokenizer's vocabulary.
    output_field: the config's field for the number of outputs of a step.
    module_methods: the methods that a torch module must have.
    """

    is_padded: ClassVar[bool] = False
    is_per_token: ClassVar[bool] = False
    saved_with: ClassVar[str] = "tokenizer"
    vocab_field: ClassVar[str] = "vocab_size"
    output_field: ClassVar[str] = "vocab_size"
    module_methods: ClassVar[tuple[str, ...]] = ("initial_state", "forward")

    @abstractmethod
    def read(self, header: Mapping[str, Any], config: Any, registry: Registry) -> Contents:
        """Read the contents from a checkpoint's header.

        Raises CheckpointError if something is missing or does not fit the config.
        """

    @abstractmethod
    def output_shape(self, contents: Contents) -> tuple[tuple[int, ...], str]:
        """Return the required shape of a row's outputs after a step, and the reason in words."""

    def module_outputs(self, config: Any) -> tuple[int | None, ...]:
        """Return the shape of a module's outputs for a row and step; None: any size."""
        return (getattr(config, self.output_field, None),)

    @abstractmethod
    def random_inputs(self, config: Any) -> Inputs:
        """Return inputs to compare a decoder and its module on, where there is no data."""

    def try_step(self, decoder: Decoder, contents: Contents) -> NDArray[Any]:
        """Return the outputs of a first step, [1, ...]. Raises whatever the decoder raises."""
        import numpy as np

        return decoder.step(np.zeros(1, np.int64), decoder.initial_state(1))[0]

    def start(self, decoder: Decoder, inputs: Inputs) -> State:
        """Return the state from which the decoder reads the steps of the inputs."""
        return decoder.initial_state(len(inputs.steps))


def parts_of(task: str) -> TaskParts:
    """Return the parts of a checkpoint for the task."""
    parts: TaskParts = resolve(task_spec(task).parts)()
    return parts
