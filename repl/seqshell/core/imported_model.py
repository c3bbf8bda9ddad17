"""What an importer makes of another program's file: everything that a checkpoint of one of our architectures needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqshell.core.model import Series, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.tokenizers import Tokenizer


@dataclass(frozen=True, eq=False)
class ForeignModel:
    """A model that another program trained, as `seqshell import` writes it.

    architecture: its name, or owner/name. config: the architecture's settings by name, sizes included.
    weights: name -> array, named and shaped as the state_dict of the architecture's module has them.
    tokenizer: of what it writes; source_tokenizer: of what a model that translates reads. A model that forecasts has a series instead.
    defaults: how it wants to be used ("strategy", "sampler", "max_tokens"). about: a sentence for /info. labels: the classes, by number.
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
