"""The result of an importer: everything that a checkpoint needs, read from another program's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from seqshell.core.model import Series
from seqshell.core.tasks import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.tokenizers import Tokenizer


class KnownOutputs(NamedTuple):
    """What the original computes for an input, to check an imported model with.

    tokens: the ids that it reads, from its initial state. outputs: its logits after each of them, [T, V]; of a
    classifier, the logits of the classes, [C]. source: the ids that a translator encodes first. tolerance: how far the
    imported model's outputs may be off.
    """

    tokens: Sequence[int]
    outputs: NDArray[Any]
    source: Sequence[int] = ()
    tolerance: float = 1e-4


@dataclass(frozen=True, eq=False)
class ForeignModel:
    """A model that another program trained, for `seqshell import` to save as a checkpoint.

    architecture: name, or owner/name. config: the architecture's settings by name, including sizes.
    weights: arrays by name, with the names and shapes of the state_dict of the architecture's module. Those of the
    built-in architectures are listed in docs/plugins/importers.md.
    tokenizer: for the text that the model writes; None for a forecaster, which has `series` instead.
    source_tokenizer: for the text that a translator reads.
    defaults: its default settings ("strategy", "sampler", "max_tokens"). about: one sentence for /info.
    labels: the names of the classes, by number. checks: outputs of the original, if the file has them or they are
    published; a model with other outputs is not saved.
    """

    task: Task
    architecture: str
    config: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]
    tokenizer: Tokenizer | None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    labels: tuple[str, ...] = ()
    source_tokenizer: Tokenizer | None = None
    series: Series | None = None
    checks: tuple[KnownOutputs, ...] = ()
