"""Answers of models: the tokens as they are generated, and the answer of each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import Fixed, columns, fixed, in_one_line

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

LIKELY_LABEL = 0.01  # less likely labels are only in JSON


@dataclass(frozen=True, init=False)
class Token(Event):
    """A token that was committed to the session.

    text: may be empty while a UTF-8 character or a stop text is incomplete.
    outputs: the logits [V] that it was drawn from, before the sampler chain; log-probability, rank and entropy are
        computed from them only when needed.
    piece: the bytes of the token, which may be a part of a character.
    """

    text: str
    id: int = -1
    position: int = -1
    outputs: Any = field(default=None, repr=False, compare=False)
    piece: bytes = field(default=b"", repr=False, compare=False)

    def __init__(self, text: str, id: int = -1, position: int = -1, outputs: Any = None, piece: bytes = b"") -> None:
        fields = self.__dict__  # in half the time of the __init__ of a frozen dataclass
        fields["text"] = text
        fields["id"] = id
        fields["position"] = position
        fields["outputs"] = outputs
        fields["piece"] = piece

    def as_json(self) -> Mapping[str, Any]:
        """The fields of the object in a stream of tokens; what is computed from `outputs` is added there."""
        return {"pos": self.position, "id": self.id, "text": self.text, "bytes": list(self.piece)}


@dataclass(frozen=True)
class Answer(Event):
    """The answer of a model.

    In JSON it is a result of its own, under `op`. repeats_input: with the message before it. unknown: the parts of the
    message that the model's vocabulary lacks.
    """

    op: ClassVar[str] = ""
    repeats_input: ClassVar[bool] = False
    unknown: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file, which moves no session."""
        return False

    def as_line(self) -> str:
        """The answer alone, as output with one line for each message has it."""
        return in_one_line(self.as_text() or "")

    def unknown_as_json(self) -> Mapping[str, Any]:
        """The field `unknown`, if there are unknown parts."""
        return {"unknown": list(self.unknown)} if self.unknown else {}


@dataclass(frozen=True)
class Finished(Answer):
    """The end of an answer of GENERATE.

    Positions [start, end) hold its tokens. log_prob: the model's, in nats, before the chain; it includes EOS if the
    answer ended with it.
    answer: the whole text. stop: length, eos, stop, plugin (ended by one), interrupt or error. candidate: its number
    from 1 if there are several. settings: those that hold for this answer alone, e.g. temperature=0.5.
    """

    op: ClassVar[str] = "generate"
    repeats_input: ClassVar[bool] = True
    text: ClassVar[str] = ""  # its tokens hold the text: the joined texts of the events of an answer are the answer
    answer: str
    num_tokens: int
    stop: str
    log_prob: float
    start: int
    end: int
    branch: str = "main"
    candidate: int | None = None
    settings: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """The fields of an answer of tokens."""
        fields = {"text": self.answer, "n": self.num_tokens, "stop": self.stop, "logprob": self.log_prob}
        fields |= {"pos": (self.start, self.end), "branch": self.branch}
        fields |= {} if self.candidate is None else {"candidate": self.candidate}
        return {**fields, **self.unknown_as_json()}

    def as_text(self) -> str:
        """The answer, and what is printed after its tokens."""
        return "\n".join([self.as_line(), *self.lines_after_tokens()])

    def as_line(self) -> str:
        """The answer; a language model writes as many lines as it likes."""
        return self.answer

    def lines_after_tokens(self) -> list[str]:
        """What there is to print after the tokens."""
        return []


@dataclass(frozen=True)
class Candidate:
    """One of the best translations of a text. score: what the strategy ranks by; log_prob: the model's, in nats,
    including EOS.
    """

    text: str
    score: float
    log_prob: float


@dataclass(frozen=True)
class Translation(Finished):
    """The end of an answer of TRANSLATE. The tokens of a strategy that streams come before it, as Token events.

    source: the text that was translated. candidates: the requested number of results of a search, best first; the first
    is the answer. item: the number of the line, from 1, when a file is translated.
    """

    op: ClassVar[str] = "translate"
    repeats_input: ClassVar[bool] = False
    source: str = ""
    candidates: tuple[Candidate, ...] = ()
    item: int | None = None

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file."""
        return self.item is not None

    @property
    def alternatives(self) -> tuple[Candidate, ...]:
        """The candidates if there are several to show. A line of a file shows its answer alone."""
        return self.candidates if len(self.candidates) > 1 and self.item is None else ()

    def as_json(self) -> Mapping[str, Any]:
        """The fields of a translation; its source is the input. The first of nbest is the answer itself."""
        item = {} if self.item is None else {"item": self.item}
        best = [{"text": best.text, "score": best.score, "logprob": best.log_prob} for best in self.candidates]
        only = {"text": self.answer, "score": self.log_prob, "logprob": self.log_prob}
        place = ("pos", "branch") if self.is_of_file else ()
        answer = {name: value for name, value in super().as_json().items() if name not in place}
        return {**item, "input": self.source, **answer, "nbest": best or ([only] if self.answer else [])}

    def as_line(self) -> str:
        """The answer in one line, whatever the model wrote."""
        return in_one_line(self.answer)

    def lines_after_tokens(self) -> list[str]:
        """The alternatives, one a line: number, score, text."""
        return columns(
            [(index, Fixed(best.score), in_one_line(best.text)) for index, best in enumerate(self.alternatives, 1)]
        )


@dataclass(frozen=True)
class Label(Answer):
    """The answer of CLASSIFY: the most likely label of a text.

    probs: the probability of each label, most likely first; they sum to 1.
    moved: each token of the text and how much it moved the log-odds of the answer, if an explanation was requested.
    item: the number of the line, from 1, when a file is classified. left_out: for a text that was cut, how many of its
        tokens were not read, and how many of those that were read come before them.
    """

    op: ClassVar[str] = "classify"
    text: str
    answer: str
    probs: tuple[tuple[str, float], ...]
    moved: tuple[tuple[str, float], ...] = ()
    start: int = 0
    end: int = 0
    branch: str = "main"
    item: int | None = None
    left_out: tuple[int, int] | None = None

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file."""
        return self.item is not None

    def as_json(self) -> Mapping[str, Any]:
        """The fields of a label; its text is the input."""
        item = {} if self.item is None else {"item": self.item}
        moved = {"explain": [{"text": token, "moved": by} for token, by in self.moved]} if self.moved else {}
        cut = {"left_out": self.left_out[0]} if self.left_out else {}
        answer = {"input": self.text, "label": self.answer, "probs": dict(self.probs)}
        return {**item, **answer, **self.unknown_as_json(), **cut, **moved}

    def as_rows(self) -> Rows:
        """One row for each token of an explanation; without one, for each label."""
        return [("token", "moved"), *self.moved] if self.moved else [("label", "probability"), *self.probs]

    def as_text(self) -> str:
        """The likely labels, most likely first, one a line: label, tab, probability; then the explanation."""
        if self.is_of_file:
            return self.as_line()
        rows = [(repr(token), f"{by:+.3f}") for token, by in self.moved]
        if rows and self.left_out:
            rows.insert(self.left_out[1], ("...", f"{self.left_out[0]:,} not read"))
        rows = [("token", "moved"), *rows] if rows else []
        return "\n".join([*(self._likely() or [""]), *columns(rows)])

    def as_page(self) -> Page:
        """The text, with what each token counted if it is explained, and a bar for each label."""
        from seqshell.core.pictures.page import Bars, Page, Passage, Piece, Scale

        bars = Bars(tuple(label for label, _ in self.probs), tuple(prob for _, prob in self.probs), "probability")
        if not self.moved:
            return Page((Passage((Piece(self.text),)), bars))
        pieces = [Piece(token, by) for token, by in self.moved]
        if self.left_out:
            pieces.insert(self.left_out[1], Piece(f" ... {self.left_out[0]:,} not read ... "))
        most = max(abs(by) for _, by in self.moved)
        return Page((Passage(tuple(pieces), Scale(-most, most, f"towards {self.answer}")), bars))

    def as_line(self) -> str:
        """The answer, a tab and its probability; empty for a blank text."""
        return "".join(self._likely()[:1])

    def _likely(self) -> list[str]:
        likely = [pair for rank, pair in enumerate(self.probs) if rank == 0 or pair[1] >= LIKELY_LABEL]
        return [f"{in_one_line(label)}\t{fixed(prob)}" for label, prob in likely]
