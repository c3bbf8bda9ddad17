"""The rules for every strategy, with its defaults: it ends, follows the request, and yields the right states."""

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
from seqshell.testing.check import Finding, attempt
from seqshell.testing.compare import result_difference
from seqshell.testing.tiny_language_model import TinyDecoder

VOCABULARY = "abcdefgh"
BANNED = 0  # an excluded id, like PAD
STOP = 3
MAX_CALLS = 200  # of the decoder for one token

Result = tuple[NDArray[Any], State]  # outputs, state


@dataclass(frozen=True)
class Case:
    """A search: `batch` rows that start after one token each, and at most `max_tokens` tokens."""

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
        return ", ".join(words + ([f"a sampler that allows only {self.only}"] if self.only is not None else []))


@dataclass(frozen=True)
class Only:
    """Allow only one token."""

    name: ClassVar[str] = "only"
    token: int

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        return np.where(np.arange(logits.size) == self.token, logits, -np.inf)


@dataclass(frozen=True)
class Answer:
    """The result of a search for one row: its ids, and outputs and state after each of them."""

    ids: list[int]
    results: list[Result]


class LimitedDecoder(TinyDecoder):
    """A decoder that raises an error after `most` steps, for searches that do not end."""

    calls = 0
    most = 0

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        self.calls += 1
        if self.calls > self.most:
            raise RuntimeError(f"the search does not end: it took more than {self.most} steps")
        return super().step(inputs, state)


def strategy_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any."""
    yield "it is a frozen dataclass with a name and a boolean `streams`", partial(_declared, offered)
    yield (
        "it streams as long as it is read or, if it does not stream, yields one Hypotheses per row",
        partial(_first, offered, _ends),
    )
    yield "its tokens are in the vocabulary and not excluded", partial(_first, offered, _legal)
    yield "it respects stop: answers have at most max_tokens ids and no stop id", partial(_first, offered, _stops)
    yield "answers start with the ids of request.prefix", partial(_first, offered, _starts)
    yield "it does not choose tokens that a sampler excludes", partial(_first, offered, _obeys)
    yield "its states and outputs equal those of reading its tokens", partial(_first, offered, _states)
    yield (
        "the same request gives the same tokens; the only randomness is request.draw",
        partial(_first, offered, _repeated),
    )
    yield "it does not modify the batch that it starts from", partial(_first, offered, _unmodified)


def _declared(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    if not dataclasses.is_dataclass(offered) or not offered.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # every dataclass has it
        return "it is not a frozen dataclass"
    return "" if isinstance(getattr(offered, "streams", None), bool) else "streams is neither True nor False"


def _first(offered: type[Any], holds: Callable[[Any, Case], str]) -> Finding:
    """Find the first case that breaks a rule; the smallest are tried first."""
    strategy = build(offered, {})
    for batch, max_tokens in product((1, 3), (1, 2, 6)):
        for prefix, only in (((), None), ((5,), None), ((), 4)):
            case = Case(batch, max_tokens, prefix, only)
            if seen := attempt(partial(holds, strategy, case)):
                return Finding(seen, str(case))
    return Finding()


def _start(case: Case) -> tuple[LimitedDecoder, Batch]:
    decoder = LimitedDecoder(len(VOCABULARY), 4)
    ids = np.arange(1, case.batch + 1)
    decoder.most = 1
    outputs, state = decoder.step(ids, decoder.initial_state(case.batch))
    decoder.most = MAX_CALLS * (case.max_tokens + 1)
    nothing: tuple[tuple[Any, ...], ...] = ((None,) * (case.only is not None),) * case.batch
    return decoder, Batch(
        state, outputs, tuple((int(token),) for token in ids), nothing, (1,) * case.batch, (0,) * case.batch
    )


def _steps(strategy: Any, case: Case) -> list[Any]:
    """Return what a search yields, as far as its caller reads."""
    decoder, start = _start(case)
    found: list[Any] = []
    for step in strategy.search(decoder, start, case.request()):
        found.append(step)
        if len(found) == (case.max_tokens if strategy.streams else case.batch + 1):
            break
    return found


def _ends(strategy: Any, case: Case) -> str:
    steps = _steps(strategy, case)
    expected = Advanced if strategy.streams else Hypotheses
    for step in steps:
        if not isinstance(step, expected):
            return f"it yields {type(step).__name__} instead of {expected.__name__}"
    if strategy.streams:
        return "" if len(steps) == case.max_tokens else f"it ended after {len(steps)} of {case.max_tokens} tokens"
    found = sorted(step.row for step in steps)
    if found != list(range(case.batch)):
        return f"Hypotheses for rows {found} instead of {list(range(case.batch))}"
    empty = [step.row for step in steps if not step.best]
    return f"no answer for row {empty[0]}" if empty else ""


def _answers(strategy: Any, case: Case) -> list[Answer]:
    """Return the answer of each row."""
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
        invalid = [token for token in answer.ids if not 0 <= token < len(VOCABULARY)]
        if invalid:
            return f"row {row}: token {invalid[0]} is outside 0 to {len(VOCABULARY) - 1}"
        if BANNED in answer.ids:
            return f"row {row}: {answer.ids} contains the excluded id {BANNED}"
    return ""


def _stops(strategy: Any, case: Case) -> str:
    if strategy.streams:  # the caller stops it
        return ""
    for row, answer in enumerate(_answers(strategy, case)):
        if len(answer.ids) > case.max_tokens:
            return f"row {row}: {len(answer.ids)} ids, but max_tokens is {case.max_tokens}"
        if case.only is None and STOP in answer.ids:
            return f"row {row}: {answer.ids} contains the stop id {STOP}"
    return ""


def _starts(strategy: Any, case: Case) -> str:
    for row, answer in enumerate(_answers(strategy, case)):
        beginning = tuple(answer.ids[: len(case.prefix)])
        if beginning != case.prefix[: len(answer.ids)]:
            return f"row {row}: {answer.ids} does not start with {list(case.prefix)}"
    return ""


def _obeys(strategy: Any, case: Case) -> str:
    if case.only is None:
        return ""
    for row, answer in enumerate(_answers(strategy, case)):
        if set(answer.ids) - {case.only}:
            return f"row {row}: {answer.ids}, but only {case.only} is possible"
    return ""


def _states(strategy: Any, case: Case) -> str:
    answers = _answers(strategy, case)
    for row, answer in enumerate(answers):
        decoder, start = _start(case)
        state = rows(start.state, slice(row, row + 1))
        for number, (token, result) in enumerate(zip(answer.ids, answer.results, strict=True), 1):
            outputs, state = decoder.step(np.array([token]), state)
            if seen := result_difference(result, (outputs, state)):
                return f"row {row}, after token {number}: {seen}"
    return ""


def _repeated(strategy: Any, case: Case) -> str:
    first = [answer.ids for answer in _answers(strategy, case)]
    for _ in range(3):
        again = [answer.ids for answer in _answers(strategy, case)]
        if again != first:
            return f"{first}, then {again}"
    return ""


def _unmodified(strategy: Any, case: Case) -> str:
    decoder, start = _start(case)
    before = map_leaves(np.copy, (start.outputs, start.state))
    for number, _ in enumerate(strategy.search(decoder, start, case.request()), 1):
        if number == case.max_tokens:
            break
    return result_difference((start.outputs, start.state), before, limit=0)
