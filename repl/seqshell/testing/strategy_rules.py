"""The rules that hold for every strategy, at its defaults: it ends, obeys the request, and tells the states that its tokens lead to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.plugin_api import build
from seqshell.core.sampling import Advanced, Batch, Draw, Hypotheses, Hypothesis, Logits, Request, SampleContext, Stop
from seqshell.core.state import State, map_leaves, rows
from seqshell.core.tokenizers import CharTokenizer
from seqshell.testing.check import Found, attempt
from seqshell.testing.compare import moment_apart
from seqshell.testing.tiny_language_model import TinyDecoder

VOCABULARY = "abcdefgh"
BANNED = 0  # an id that is never drawn, as PAD is
STOP = 3
MOST_CALLS = 200  # of the decoder for one token

Moment = tuple[NDArray[Any], State]  # outputs, state


@dataclass(frozen=True)
class Case:
    """A search: so many rows that go on from one token each, so many tokens at most."""

    batch: int
    max_tokens: int
    prefix: tuple[int, ...] = ()
    only: int | None = None

    def request(self) -> Request:
        samplers = () if self.only is None else (Only(self.only),)
        stop = Stop(self.max_tokens, frozenset({STOP}) - {self.only})
        return Request(
            stop,
            samplers,
            Draw(seed=1),
            prefix=self.prefix,
            tokenizer=CharTokenizer(VOCABULARY),
            excluded=frozenset({BANNED}),
        )

    def __str__(self) -> str:
        words = [f"{self.batch} row{'s' if self.batch > 1 else ''}", f"max_tokens={self.max_tokens}"]
        words += [f"prefix={self.prefix}"] if self.prefix else []
        return ", ".join(words + ([f"a sampler that leaves {self.only} alone"] if self.only is not None else []))


@dataclass(frozen=True)
class Only:
    """Leave one token."""

    name: ClassVar[str] = "only"
    token: int

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        return np.where(np.arange(logits.size) == self.token, logits, -np.inf)


@dataclass(frozen=True)
class Answer:
    """What a search made of one row: its ids, and the moment after each of them."""

    ids: list[int]
    moments: list[Moment]


class Counted(TinyDecoder):
    """A decoder that has enough of a search without end."""

    calls = 0
    most = 0

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        self.calls += 1
        if self.calls > self.most:
            raise RuntimeError(f"the search does not end: it asked for more than {self.most} steps")
        return super().step(inputs, state)


def strategy_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str | Found]]]:
    """Each rule in words, with the function that tries it and returns how it was broken and where, or nothing."""
    yield "it is a frozen dataclass with a name, and streams or does not", partial(_declared, offered)
    yield (
        "it ends: a streaming one goes on as long as somebody reads, another gives one Hypotheses for each row",
        partial(_first, offered, _ends),
    )
    yield "its tokens are of the vocabulary, and never excluded ones", partial(_first, offered, _legal)
    yield "it respects stop: answers have at most max_tokens ids and no stop id", partial(_first, offered, _stops)
    yield "answers begin with the ids of request.prefix", partial(_first, offered, _begins)
    yield "what a sampler makes impossible is not chosen", partial(_first, offered, _obeys)
    yield "its states and outputs are those of reading its tokens", partial(_first, offered, _moments)
    yield (
        "the same request gives the same tokens; there is no chance but request.draw",
        partial(_first, offered, _repeated),
    )
    yield "what it starts from is not written to", partial(_first, offered, _unwritten)


def _declared(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    if not dataclasses.is_dataclass(offered) or not offered.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # every dataclass has it
        return "it is no frozen dataclass"
    return "" if isinstance(getattr(offered, "streams", None), bool) else "streams is neither True nor False"


def _first(offered: type[Any], holds: Callable[[Any, Case], str]) -> Found:
    """The first, smallest, of the cases that breaks a rule."""
    strategy = build(offered, {})
    for batch, max_tokens in product((1, 3), (1, 2, 6)):
        for prefix, only in (((), None), ((5,), None), ((), 4)):
            case = Case(batch, max_tokens, prefix, only)
            if seen := attempt(partial(holds, strategy, case)):
                return Found(seen, str(case))
    return Found()


def _start(case: Case) -> tuple[Counted, Batch]:
    decoder = Counted(len(VOCABULARY), 4)
    ids = np.arange(1, case.batch + 1)
    decoder.most = 1
    outputs, state = decoder.step(ids, decoder.initial_state(case.batch))
    decoder.most = MOST_CALLS * (case.max_tokens + 1)
    nothing: tuple[tuple[Any, ...], ...] = ((None,) * (case.only is not None),) * case.batch
    return decoder, Batch(
        state, outputs, tuple((int(token),) for token in ids), nothing, (1,) * case.batch, (0,) * case.batch
    )


def _steps(strategy: Any, case: Case) -> list[Any]:
    """What a search yields, as far as its caller reads."""
    decoder, start = _start(case)
    found: list[Any] = []
    for step in strategy.search(decoder, start, case.request()):
        found.append(step)
        if len(found) == (case.max_tokens if strategy.streams else case.batch + 1):
            break
    return found


def _ends(strategy: Any, case: Case) -> str:
    steps = _steps(strategy, case)
    wanted = Advanced if strategy.streams else Hypotheses
    for step in steps:
        if not isinstance(step, wanted):
            return f"it yields a {type(step).__name__} where {wanted.__name__} is needed"
    if strategy.streams:
        return "" if len(steps) == case.max_tokens else f"it ended after {len(steps)} of {case.max_tokens} tokens"
    found = sorted(step.row for step in steps)
    if found != list(range(case.batch)):
        return f"Hypotheses for the rows {found}, of {case.batch} rows"
    empty = [step.row for step in steps if not step.best]
    return f"no answer for row {empty[0]}" if empty else ""


def _answers(strategy: Any, case: Case) -> list[Answer]:
    """What a search made of each row."""
    steps = _steps(strategy, case)
    if strategy.streams:
        rows_of = [slice(row, row + 1) for row in range(case.batch)]
        return [
            Answer(
                [int(step.tokens[row.start]) for step in steps],
                [(step.outputs[row], rows(step.state, row)) for step in steps],
            )
            for row in rows_of
        ]
    best: list[Hypothesis] = [step.best[0] for step in sorted(steps, key=lambda step: int(step.row))]
    return [Answer(list(each.ids), list(zip(each.outputs, each.states, strict=True))) for each in best]


def _legal(strategy: Any, case: Case) -> str:
    for row, answer in enumerate(_answers(strategy, case)):
        strange = [token for token in answer.ids if not 0 <= token < len(VOCABULARY)]
        if strange:
            return f"row {row}: the token {strange[0]} of a vocabulary of {len(VOCABULARY)}"
        if BANNED in answer.ids:
            return f"row {row}: {answer.ids}, and {BANNED} is excluded"
    return ""


def _stops(strategy: Any, case: Case) -> str:
    if strategy.streams:  # its caller stops it
        return ""
    for row, answer in enumerate(_answers(strategy, case)):
        if len(answer.ids) > case.max_tokens:
            return f"row {row}: {len(answer.ids)} ids, where {case.max_tokens} are allowed"
        if case.only is None and STOP in answer.ids:
            return f"row {row}: {answer.ids}, where {STOP} ends the answer and is no part of it"
    return ""


def _begins(strategy: Any, case: Case) -> str:
    for row, answer in enumerate(_answers(strategy, case)):
        beginning = tuple(answer.ids[: len(case.prefix)])
        if beginning != case.prefix[: len(answer.ids)]:
            return f"row {row}: {answer.ids} does not begin with {list(case.prefix)}"
    return ""


def _obeys(strategy: Any, case: Case) -> str:
    if case.only is None:
        return ""
    for row, answer in enumerate(_answers(strategy, case)):
        if set(answer.ids) - {case.only}:
            return f"row {row}: {answer.ids}, where {case.only} alone is possible"
    return ""


def _moments(strategy: Any, case: Case) -> str:
    answers = _answers(strategy, case)
    for row, answer in enumerate(answers):
        decoder, start = _start(case)
        state = rows(start.state, slice(row, row + 1))
        for number, (token, moment) in enumerate(zip(answer.ids, answer.moments, strict=True), 1):
            outputs, state = decoder.step(np.array([token]), state)
            if seen := moment_apart(moment, (outputs, state)):
                return f"row {row}, after token {number}: {seen}"
    return ""


def _repeated(strategy: Any, case: Case) -> str:
    first = [answer.ids for answer in _answers(strategy, case)]
    for _ in range(3):
        again = [answer.ids for answer in _answers(strategy, case)]
        if again != first:
            return f"{first}, then {again}"
    return ""


def _unwritten(strategy: Any, case: Case) -> str:
    decoder, start = _start(case)
    before = map_leaves(np.copy, (start.outputs, start.state))
    for number, _ in enumerate(strategy.search(decoder, start, case.request()), 1):
        if number == case.max_tokens:
            break
    return moment_apart((start.outputs, start.state), before, limit=0)
