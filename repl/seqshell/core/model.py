"""What a model is: tasks, architectures, and the two faces of a model, its torch module and its opened form.

Every model is `model(inputs, state) -> (outputs, state)` and `initial_state(batch_size) -> state`. Imports neither
torch nor numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from seqshell.core.state import State

if TYPE_CHECKING:
    from seqshell.core.decoder import Decoder
    from seqshell.core.tokenizers import Tokenizer


DecoderTarget: TypeAlias = "Callable[[Any, Mapping[str, Any]], Decoder] | str"


class Task(StrEnum):
    """What a model does with a message; `core.tasks` has a TaskSpec for each."""

    GENERATE = "generate"
    TRANSLATE = "translate"
    CLASSIFY = "classify"
    FORECAST = "forecast"


@dataclass(frozen=True)
class Architecture:
    """A family of models, as a plugin offers it.

    config: a dataclass. The host fills in the fields vocab_size, source_vocab_size, target_vocab_size, num_classes and
        num_features from the data; the other fields are the user's settings (`seqshell.setting` gives them ranges).
    model: `model(config)` is a SequenceModel, a torch module.
    decoder: `decoder(config, weights)` is a Decoder, which runs without torch; weights: arrays, named as in the
        module's state_dict. None: the host wraps the module. A tuple lists several in order of preference, such as a
        compiled one before one in numpy: the first that can be imported is used. Each must give the outputs of the
        module.
    config, model and decoder: the object itself, or "package.module:Name", which is imported when it is first needed.
    summary: one line for `/architectures`.
    causal: False if the model must read a whole text at once (bidirectional).
    """

    name: str
    task: Task
    config: type[Any] | str
    model: Callable[[Any], Any] | str
    decoder: DecoderTarget | tuple[DecoderTarget, ...] | None = None
    summary: str = ""
    causal: bool = True

    @property
    def decoders(self) -> tuple[DecoderTarget, ...]:
        """The decoders in order of preference; empty if there is none."""
        if self.decoder is None:
            return ()
        return self.decoder if isinstance(self.decoder, tuple) else (self.decoder,)


class SequenceModel(Protocol):
    """The torch face of a model: an nn.Module with these two methods. The shapes depend on the task.

    A model for GENERATE whose class has a method `count(ids)`, ids [N] int64, and no parameters is counted: its
    training is one call of it with all of the text, in place of descent. What it counts is in buffers, which
    load_state_dict takes in whatever size they come.
    """

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...], on the module's device."""

    def forward(self, inputs: Any, state: State) -> tuple[Any, State]:
        """GENERATE: inputs [B, T] int64 -> logits [B, T, V], state after the last.

        TRANSLATE: the same over the target, from BOS on.

        CLASSIFY: inputs [B, T] int64, padded right -> logits [B, T, C], of which those of each row's last token count;
        an architecture that is not causal gives [B, 1, C] for whole texts, and its states are ().
        """


class Seq2Seq(SequenceModel, Protocol):
    """A SequenceModel over the target whose first state comes from a source."""

    def encode(self, source: Any, lengths: Any) -> State:
        """source [B, S] int64, each ending with EOS and padded right; lengths [B] without the padding -> the state
        before BOS is read.
        """


@dataclass(frozen=True)
class Series:
    """What a model for FORECAST was trained on: the names of its columns [F], and how the host normalises them.

    A value x of column f is read as (x - mean[f]) / std[f]. time_column: of the table, "" where there was none.
    example: rows [M][F] of its data, oldest first, to begin with. quantiles: of its outputs, in (0, 1), an odd number
    of them; empty where it gives the point alone.
    horizon: how many steps it gives at once.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    time_column: str = ""
    example: tuple[tuple[float, ...], ...] = ()
    quantiles: tuple[float, ...] = ()
    horizon: int = 1


@dataclass(frozen=True, eq=False)
class Model:
    """An opened checkpoint: a decoder with its tokenizer and what the file says of itself.

    Shared by all sessions on it.

    tokenizer: of what it writes; source_tokenizer: of what it reads, where that is another text (TRANSLATE).
    labels: the classes, by number (CLASSIFY). series: what it forecasts (FORECAST), whose tokenizer is of numbers and
    belongs to a session.
    header: the JSON text of the checkpoint (architecture, owner, config, defaults, examples, provenance).
    fingerprint: a hex digest of weights, config and tokenizer; a saved session names its model by it.
    """

    name: str
    task: Task
    architecture: str
    decoder: Decoder
    tokenizer: Tokenizer
    fingerprint: str
    causal: bool = True
    path: Path | None = None
    header: Mapping[str, Any] = field(default_factory=dict, repr=False)
    num_parameters: int = 0
    source_tokenizer: Tokenizer | None = None
    labels: tuple[str, ...] = ()
    series: Series | None = None
