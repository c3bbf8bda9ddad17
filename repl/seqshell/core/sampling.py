"""How the next token is chosen: samplers reshape logits, a counted draw picks, a strategy makes a sequence of it. Contracts only."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer

Logits = NDArray[np.float64]

_COUNTERS = struct.Struct("<QQQ").pack


@dataclass(frozen=True, slots=True)
class Draw:
    """Randomness that is counted, not stored: the number at a position depends on seed, retry and position alone."""

    seed: int = 0
    retry: int = 0

    def uniform(self, position: int, name: str = "") -> float:
        """A number in [0, 1): the first 8 bytes of BLAKE2b over the three counters (and the name), 53 bits of them."""
        counters = _COUNTERS(self.seed, self.retry, position)
        digest = blake2b(counters + name.encode() if name else counters).digest()
        return (int.from_bytes(digest[:8], "little") >> 11) * 2.0**-53


def choose(weights: NDArray[np.float64], u: float) -> int:
    """The first id whose cumulative weight exceeds u times the total; weights [V] >= 0 need not sum to 1, only to more than a subnormal
    number, whose share for a u below 1 may round to all of it."""
    cumulative = weights.cumsum()  # the methods: np.cumsum and np.searchsorted cost two microseconds more
    return int(cumulative.searchsorted(u * cumulative[-1], "right"))


class History(Sequence[int]):
    """The first `length` ids of a list that only grows: a frozen view, cheap to make and to slice from the end."""

    __slots__ = ("_ids", "_length")

    def __init__(self, ids: list[int], length: int | None = None) -> None:
        self._ids = ids
        self._length = len(ids) if length is None else length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return self._ids[slice(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError("position outside the history")
        return self._ids[index if index >= 0 else index + self._length]


class SampleContext(NamedTuple):  # made for every token, in a third of the time of a frozen dataclass
    """What a sampler may know beside the logits.

    tokens: the ids read and generated on this branch. generated: how many of them the model made. position: where the token
    will stand. memory: what this sampler's `update` returned last on this branch, None at first.
    """

    tokens: Sequence[int] = ()
    generated: int = 0
    position: int = 0
    tokenizer: Tokenizer | None = None
    memory: Any = None
    draw: Draw = Draw()

    def uniform(self, name: str) -> float:
        """A number in [0, 1) for this position and name, repeatable like the host's own draw: the only randomness there is."""
        return self.draw.uniform(self.position, name)


class Sampler(Protocol):
    """A frozen dataclass that reshapes the next token's logits; its fields are the user's settings.

    Optional class attributes:
    stage: the part of the chain in which `/sampler +NAME` and `/set NAME` insert it: "penalty", "truncation" (the default),
        "temperature" or "last". Samplers of one stage follow the order in which they are registered: built-in ones first, then
        plugins in the order of their names, each in the order in which its hook yields them. A chain that the user writes out
        keeps the user's order.
    about_chance: True for a sampler that only changes how random the choice is, such as temperature and top_k. Strategies that do
        not sample (greedy, beam) leave it out. Default False.

    A sampler with a memory also has `update(memory, token: int, log_probs [V]) -> memory`. It is called once after each token is
    chosen, with the log-probabilities that it was chosen from; the result is `context.memory` at the next token.
    """

    name: ClassVar[str]

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits [V] -> a fresh [V] that may hold -inf, never NaN; at least one stays finite."""


@dataclass(frozen=True)
class Stop:
    """When an answer ends: after max_tokens, before one of the ids, or before one of the texts (which is neither told nor kept)."""

    max_tokens: int = 200
    ids: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Where a search starts: one row for a session, many for a file.

    state: leaves [B, ...]; outputs [B, V]: the logits for the next token; histories: the ids before it, for each row;
    memories: for each row, one memory for each sampler; positions: for each row, where the next token stands;
    generated: for each row, how many of its history the model made; source_lengths: for each row, how long its source is
    without the padding, empty where nothing is padded.
    """

    state: State
    outputs: NDArray[Any]
    histories: tuple[Sequence[int], ...]
    memories: tuple[tuple[Any, ...], ...]
    positions: tuple[int, ...]
    generated: tuple[int, ...]
    source_lengths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a search is asked for. prefix: ids that every answer starts with; excluded: ids never drawn (PAD, BOS).

    keeps_states: whether a Hypothesis carries the states and outputs that it passed; a search of many rows that nobody goes on
    from spares the memory.
    """

    stop: Stop
    samplers: tuple[Sampler, ...] = ()
    draw: Draw = Draw()
    num_best: int = 1
    prefix: tuple[int, ...] = ()
    tokenizer: Tokenizer | None = None
    excluded: frozenset[int] = frozenset()
    keeps_states: bool = True


class Advanced(NamedTuple):  # as SampleContext
    """One token further in every row: the tokens [B], the state and outputs [B, V] after them, the memories after the draw."""

    tokens: NDArray[np.int64]
    state: State
    outputs: NDArray[Any]
    memories: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Hypothesis:
    """A finished answer: ids [N] without the EOS or stop text that ended it, and the N states and outputs it passed, each of one row ([1, ...]).

    log_prob: the model's own, in nats, EOS counted; score: what the answers of one row are ordered by, higher is better.
    """

    ids: tuple[int, ...]
    log_prob: float
    score: float
    states: tuple[State, ...] = field(repr=False)
    outputs: tuple[NDArray[Any], ...] = field(repr=False)


@dataclass(frozen=True)
class Hypotheses:
    """The answers for one row, best first."""

    row: int
    best: tuple[Hypothesis, ...]


Step = Advanced | Hypotheses


class Strategy(Protocol):
    """A frozen dataclass that produces sequences; its fields are the user's settings.

    streams: it yields an Advanced for every token; else one Hypotheses for each row, at the end. A streaming search yields
    without end: the caller stops reading at max_tokens, stop ids and stop texts. One that draws nothing adds the class attribute
    `draws = False`: /sampler then tells which samplers are not in use.
    """

    name: ClassVar[str]
    streams: ClassVar[bool]

    def search(self, decoder: Decoder, start: Batch, request: Request) -> Iterator[Step]:
        """Go on from `start` as `request` wants it."""
