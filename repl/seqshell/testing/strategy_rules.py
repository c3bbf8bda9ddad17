"""The rules for every strategy, with its defaults: it ends, follows the request, and yields the right states."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.model import Model
from seqshell.core.plugin_api import build
from seqshell.core.sampling import (
    ENDED,
    Advanced,
    Hypotheses,
    Hypothesis,
)
from seqshell.core.state import State, map_leaves, rows
from seqshell.decoding.features import with_features
from seqshell.testing.check import Finding, attempt
from seqshell.testing.compare import result_difference
from seqshell.testing.searches import BANNED, STOP, VOCABULARY, Case, start_of, steps_of
from seqshell.testing.tiny_language_model import tiny_model

Result = tuple[NDArray[Any], State]  # outputs, state


@dataclass(frozen=True)
class Answer:
    """The result of a search for one row: its ids, and outputs and state after each of them."""

    ids: list[int]
    results: list[Result]


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
    yield "an answer that a sampler ends has the tokens before that", partial(_ended, offered)
    if _opens(offered):
        yield (
            "a model that it opens and that has another vocabulary is refused with a message",
            partial(_refuses, offered),
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


def _ended(offered: type[Any]) -> Finding:
    """Samplers written for API 1.0 never end an answer, so a strategy that does not know END is none the worse."""
    strategy, number = build(offered, {}), 2
    for batch in (1, 3):
        case = Case(batch, 6, ends=number)
        if seen := attempt(partial(_num_before_end, strategy, case, number)):
            advice = "seqshell.Chain ends it, if SampleContext.answer is the number of tokens so far"
            return Finding(f"{seen}; {advice}", str(case), is_warning=True)
    return Finding()


def _num_before_end(strategy: Any, case: Case, number: int) -> str:
    steps = steps_of(strategy, case)
    if strategy.streams:
        sizes = [sum(int(step.tokens[row]) not in (ENDED, STOP) for step in steps) for row in range(case.batch)]
    else:
        sizes = [len(step.best[0].ids) for step in steps]
    wrong = [size for size in sizes if size > number]
    return f"an answer has {wrong[0]} tokens instead of {number}" if wrong else ""


def _opens(offered: type[Any]) -> bool:
    """True if a strategy opens another model."""
    opened: list[str] = []

    def opens(name: str) -> Model:
        opened.append(name)
        return tiny_model(VOCABULARY)

    attempt(lambda: str(steps_of(build(offered, {}), Case(1, 2, open=opens))))
    return bool(opened)


def _refuses(offered: type[Any]) -> str:
    try:
        steps_of(build(offered, {}), Case(1, 2, open=lambda name: tiny_model("xyz")))
    except PluginError:
        raise
    except SeqshellError:
        return ""
    return f"it reads the ids of {len(VOCABULARY)} tokens with a model of 3"


def _ends(strategy: Any, case: Case) -> str:
    steps = steps_of(strategy, case)
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
    steps = steps_of(strategy, case)
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
        decoder, start = start_of(case)
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
    decoder, start = start_of(case)
    before = map_leaves(np.copy, (start.outputs, start.state))
    for number, _ in enumerate(strategy.search(with_features(decoder), start, case.request()), 1):
        if number == case.max_tokens:
            break
    return result_difference((start.outputs, start.state), before, limit=0)
