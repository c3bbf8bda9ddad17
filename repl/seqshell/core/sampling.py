"""The contracts for choosing tokens: samplers reshape logits, a draw picks one, a strategy produces a sequence."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, NoReturn, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import UsageError
from seqshell.core.signal_handlers import HostStop
from seqshell.core.state import State
from seqshell.core.tokenizers import Tokenizer

if TYPE_CHECKING:
    from seqshell.core.model import Model

Logits = NDArray[np.float64]


class EndOfAnswer(Enum):
    """The type of END alone."""

    END = "END"

    def __repr__(self) -> str:
        return "seqshell.END"


# What a sampler returns instead of logits, and a strategy yields instead of a step, to end the answer here. The answer
# has the stop "plugin".
END: Final = EndOfAnswer.END
End: TypeAlias = Literal[EndOfAnswer.END]
ENDED = -1  # in the tokens of an Advanced: the row's answer has ended, while those of other rows have not


class AnswerEnded(HostStop):
    """A sampler or a strategy has ended the answers of all rows. It ends the search, whose caller catches it."""


_COUNTERS = struct.Struct("<QQQ").pack
_FIRST_64_BITS = struct.Struct("<Q").unpack_from


@dataclass(frozen=True, slots=True)
class Draw:
    """Random numbers that are computed from counters instead of a generator's state.

    The number for a position is a hash of seed, retry and position, so it does not depend on what was drawn before.
    Undo, branches and saved sessions need no random state: the same seed, retry and position always draw the same
    number. retry: 0 for a first answer; /regen uses other ones, which draw other numbers.
    """

    seed: int = 0
    retry: int = 0

    def uniforms(self, positions: Iterable[int]) -> list[float]:
        """The numbers of `uniform`, in half the time."""
        seed, retry = self.seed, self.retry
        return [
            (_FIRST_64_BITS(blake2b(_COUNTERS(seed, retry, position)).digest())[0] >> 11) * 2.0**-53
            for position in positions
        ]

    def uniform(self, position: int, name: str = "") -> float:
        """A number in [0, 1): 53 bits of BLAKE2b over the three counters, and the name if there is one."""
        counters = _COUNTERS(self.seed, self.retry, position)
        digest = blake2b(counters + name.encode() if name else counters).digest()
        bits: int = _FIRST_64_BITS(digest)[0]
        return (bits >> 11) * 2.0**-53


def choose(weights: NDArray[np.float64], u: float) -> int:
    """Draw by the inverse of the distribution function: the first id whose cumulative weight exceeds u times the total.

    weights [V]: not negative; they need not sum to 1, but their sum must not be a subnormal number, which would round u
    away. An id of weight 0 is never drawn, because its cumulative weight does not exceed that of the id before it.
    """
    cumulative = weights.cumsum()  # the methods: np.cumsum and np.searchsorted cost two microseconds more
    return int(cumulative.searchsorted(u * cumulative[-1], "right"))


class History(Sequence[int]):
    """A read-only view of the first `length` ids of a list that only grows. Making one copies nothing."""

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
    """What a sampler may use besides the logits.

    tokens: the ids read and generated on this branch. generated: how many of them the model generated. position: that
    of the token to be chosen. memory: the last result of this sampler's `update` on this branch; None at first.
    answer: how many of the last tokens belong to the answer that is being generated. left: how many more it may have,
    this one included; None if that is not known.
    """

    tokens: Sequence[int] = ()
    generated: int = 0
    position: int = 0
    tokenizer: Tokenizer | None = None
    memory: Any = None
    draw: Draw = Draw()
    answer: int = 0
    left: int | None = None

    def uniform(self, name: str) -> float:
        """A number in [0, 1) for this position and name: the only randomness that can be repeated."""
        return self.draw.uniform(self.position, name)


class Sampler(Protocol):
    """A frozen dataclass that reshapes the next token's logits; its fields are the user's settings.

    Optional class attributes:
    stage: the part of the chain in which `/sampler +NAME` and `/set NAME` insert it: "penalty", "truncation" (the
        default), "temperature" or "last". Samplers of one stage follow the order in which they are registered: built-in
        ones first, then plugins in the order of their names, each in the order in which its hook yields them. A chain
        that the user writes out keeps the user's order.
    about_chance: True for a sampler that only changes how random the choice is, such as temperature and top_k.
        Strategies that do not sample (greedy, beam) leave it out. Default False.

    A sampler with a memory also has `update(memory, token: int, log_probs [V]) -> memory`. It is called once after each
    token is chosen, with the log-probabilities that it was chosen from; the result is `context.memory` at the next
    token.
    """

    name: ClassVar[str]

    def __call__(self, logits: Logits, context: SampleContext) -> Logits | End:
        """logits [V] -> a new array [V], which may contain -inf but no NaN; at least one logit stays finite.

        The input is not changed. END: the answer ends before this token.
        """


class CopiesSource(Protocol):
    """Changes the logits of a translation by the attention over its source, before the samplers."""

    def logits(self, logits: Logits, context: SampleContext, attention: NDArray[Any]) -> Logits:
        """logits [V], attention [S] -> a new array [V]."""


@dataclass(frozen=True)
class Stop:
    """When an answer ends: after max_tokens, before one of the ids or before one of the texts, which is dropped.

    texts: may begin and end inside tokens. A strategy that streams need not look for them: the caller reads it up to
    the first one. A search finds them in the bytes of `request.tokenizer.piece(id)`, leaves out the ids from there on
    and ends that answer, as beam search does. A session cuts what a search leaves in; the translation of a file does
    not.
    """

    max_tokens: int = 200
    ids: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """The start of a search: one row for a session, many for a file.

    state: leaves [B, ...]. outputs [B, V]: the logits of the next token. The others have one item per row. histories:
    the ids before the next token. memories: one per sampler. positions: of the next token. generated: how many ids of
    the history the model generated. source_lengths: without padding; empty if nothing is padded. answered: how many of
    the last ids of the history belong to the answer; empty if none do.
    """

    state: State
    outputs: NDArray[Any]
    histories: tuple[Sequence[int], ...]
    memories: tuple[tuple[Any, ...], ...]
    positions: tuple[int, ...]
    generated: tuple[int, ...]
    source_lengths: tuple[int, ...] = ()
    answered: tuple[int, ...] = ()


def _opens_nothing(name: str) -> NoReturn:
    raise UsageError(f"no other model can be opened here, so not {name!r:.80} either")


@dataclass(frozen=True)
class Request:
    """What a search must produce.

    num_best: the number of answers per row. prefix: ids that every answer starts with. excluded: ids that are never
    chosen (PAD, BOS). draws: one for each row, in place of `draw`; empty if the rows draw the same.
    keeps_states: True if each Hypothesis needs the states and outputs of its tokens; without them, a search of many
    rows saves memory. copying: copies words of the source of a single row. open: opens another model by name or path,
    as `/load` does, once; its decoder and tokenizer are those of a Model. SeqshellError if it cannot be opened.
    takes_blocks: `sample` may yield a Block in place of the Advanced of several tokens.
    """

    stop: Stop
    samplers: tuple[Sampler, ...] = ()
    draw: Draw = Draw()
    num_best: int = 1
    prefix: tuple[int, ...] = ()
    tokenizer: Tokenizer | None = None
    excluded: frozenset[int] = frozenset()
    keeps_states: bool = True
    copying: CopiesSource | None = None
    open: Callable[[str], Model] = _opens_nothing
    draws: tuple[Draw, ...] = ()
    takes_blocks: bool = False


class Advanced(NamedTuple):  # as SampleContext
    """One more token in every row: tokens [B], the state and outputs [B, V] after them, the samplers' memories.

    tokens: ENDED (-1) in a row whose answer a sampler has ended; what was read there does not matter.
    """

    tokens: NDArray[np.int64]
    state: State
    outputs: NDArray[Any]
    memories: tuple[tuple[Any, ...], ...]


class Block(NamedTuple):
    """Tokens of the only row that a decoder has drawn and checked itself, with outputs and state after each."""

    tokens: Sequence[int]
    outputs: Sequence[NDArray[Any]]
    states: Sequence[State]
    memories: tuple[Any, ...]

    def steps(self) -> Iterator[Advanced]:
        """The same, token by token."""
        for token, outputs, state in zip(self.tokens, self.outputs, self.states, strict=True):
            yield Advanced(np.array([token]), state, outputs, (self.memories,))


@dataclass(frozen=True)
class Hypothesis:
    """A finished answer: its N ids, without the EOS or stop text that ended it.

    states, outputs: those after each of the N ids, each [1, ...].
    log_prob: the model's own, in nats, including EOS. score: what the answers of one row are ordered by; higher is
    better. stop: why it ended, as in Finished, such as "plugin" if a sampler ended it; empty: at EOS or at the limit.
    """

    ids: tuple[int, ...]
    log_prob: float
    score: float
    states: tuple[State, ...] = field(repr=False)
    outputs: tuple[NDArray[Any], ...] = field(repr=False)
    stop: str = ""


@dataclass(frozen=True)
class Hypotheses:
    """The answers of one row, best first."""

    row: int
    best: tuple[Hypothesis, ...]


Step = Advanced | Block | Hypotheses | End


class Strategy(Protocol):
    """A frozen dataclass that produces sequences of tokens; its fields are the user's settings.

    streams: True if the search yields an Advanced per token, without end: the caller stops reading at max_tokens, a
        stop id or a stop text. False if it yields one Hypotheses per row when the row is finished. Both may yield END,
        which ends the answers of all rows.
    draws: optional class attribute; False if the search does not sample, so that samplers with `about_chance` have no
    effect.
    """

    name: ClassVar[str]
    streams: ClassVar[bool]

    def search(self, decoder: Decoder, start: Batch, request: Request) -> Iterator[Step]:
        """Continue each row of `start` as `request` says."""
