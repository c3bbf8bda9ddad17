"""What samplers and strategies of plugins may do since API 1.1: end an answer, and compare states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.plugins.letter_sessions import Own, answer, session_with

import seqshell
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Top
from seqshell.core.sampling import AnswerEnded
from seqshell.decoding.chain import Chain
from seqshell.decoding.features import features, with_features
from seqshell.session import Session
from seqshell.testing import check_sampler, check_strategy, failed
from seqshell.testing.tiny_language_model import TinyDecoder
from seqshell.testing.tiny_translator import tiny_translation_model


@dataclass(frozen=True)
class EndsAt:
    """End an answer of `size` tokens, and keep what it was told of the answer."""

    name: ClassVar[str] = "ends_at"
    size: int = 3

    def __call__(self, logits: Any, context: Any) -> Any:
        return seqshell.END if context.answer >= self.size else logits

    def update(self, memory: Any, token: int, log_probs: Any) -> Any:
        return (memory or 0) + 1


@dataclass(frozen=True)
class Three:
    """A strategy that ends each answer after three tokens."""

    name: ClassVar[str] = "three"
    streams: ClassVar[bool] = True

    def search(self, decoder: Any, start: Any, request: Any) -> Iterator[Any]:
        for number, step in enumerate(Own().search(decoder, start, request)):
            if number == 3:
                yield seqshell.END
            yield step


# END and context.answer


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam width=4", "diverse_beam width=4 groups=2"])
def test_end_ends_an_answer_before_the_next_token(strategy: str, registry: Any) -> None:
    session = session_with(EndsAt(), strategies=registry.strategies)

    found = answer(session, strategy=strategy)

    assert (found.num_tokens, found.stop, session.position) == (3, "plugin", 6)
    assert answer(session, strategy=strategy).num_tokens == 3  # another answer, which begins at 0 again


def test_an_answer_may_end_before_its_first_token() -> None:
    found = answer(session_with(EndsAt(0)))

    assert (found.answer, found.num_tokens, found.stop, found.log_prob) == ("", 0, "plugin", 0)


def test_an_ended_answer_has_the_log_probability_of_its_tokens(registry: Any) -> None:
    """Without an end token, whichever strategy found it."""
    for strategy in ("greedy", "beam width=1"):
        session = session_with(EndsAt(), strategies=registry.strategies)
        found = answer(session, strategy=strategy)
        session.undo()
        session.feed("abc")
        assert found.log_prob == pytest.approx(session.score(found.answer).log_prob, abs=1e-5)


def test_tokens_that_wait_for_a_stop_text_belong_to_an_ended_answer() -> None:
    session = session_with(EndsAt())
    plain = answer(session).answer
    session.undo()
    session.feed("abc")

    assert answer(session, stop=plain[-1] + "#").answer == plain


def test_a_chain_raises_an_error_that_only_the_caller_of_the_search_catches() -> None:
    with pytest.raises(AnswerEnded):
        Chain([EndsAt()]).logits(np.zeros(4), seqshell.SampleContext(answer=3))
    assert Chain([EndsAt()]).logits(np.zeros(4), seqshell.SampleContext(answer=2)).tolist() == [0, 0, 0, 0]


def test_a_strategy_of_api_1_that_uses_a_chain_is_ended_by_a_sampler() -> None:
    @dataclass(frozen=True)
    class After:
        name: ClassVar[str] = "after"

        def __call__(self, logits: Any, context: Any) -> Any:
            return seqshell.END if context.generated == 99 else logits

    found = answer(session_with(After()), strategy=Own())

    assert (found.num_tokens, found.stop) == (0, "plugin")


def test_a_strategy_may_yield_end() -> None:
    found = answer(session_with(), strategy=Three())

    assert (found.num_tokens, found.stop) == (3, "plugin")


def test_a_search_may_yield_end_instead_of_an_answer() -> None:
    @dataclass(frozen=True)
    class Nothing:
        name: ClassVar[str] = "nothing"
        streams: ClassVar[bool] = False

        def search(self, decoder: Any, start: Any, request: Any) -> Iterator[Any]:
            yield seqshell.END

    assert answer(session_with(), strategy=Nothing()).stop == "plugin"


def test_top_shows_that_no_token_follows_an_ended_answer() -> None:
    session = session_with(EndsAt(0))

    found = session.top(3)

    assert isinstance(found, Top)
    assert [token.chain_log_prob for token in found.tokens] == [-np.inf] * 3


def test_end_has_a_name() -> None:
    assert repr(seqshell.END) == "seqshell.END"


def test_the_answer_is_counted_for_samplers_of_every_strategy(registry: Any) -> None:
    """Also in a batch of translations that continues with fewer rows."""
    seen = set()

    @dataclass(frozen=True)
    class Counts:
        name: ClassVar[str] = "counts"

        def __call__(self, logits: Any, context: Any) -> Any:
            assert context.answer == context.generated
            seen.add(context.answer)
            return logits

    session = Session(tiny_translation_model(), strategies=registry.strategies)
    session.chain = (Counts(),)
    for strategy in ("greedy", "beam width=2"):
        session.strategy = registry.strategies[strategy.split()[0]]()
        settings = {"max_tokens": 9, "stop": (), "unknown": "error"}
        list(
            session.behaviour.translate_lines(
                ["i love the cat", "the", "see the dog", "i see the old dog"] * 3, settings
            )
        )

    assert seen >= {0, 1, 2, 3}


# The check


def test_samplers_that_end_answers_are_checked() -> None:
    @dataclass(frozen=True)
    class Always:
        name: ClassVar[str] = "always"

        def __call__(self, logits: Any, context: Any) -> Any:
            return seqshell.END

    @dataclass(frozen=True)
    class Neutral(EndsAt):
        size: int = seqshell.setting(3, low=1, neutral=1)

    assert not failed(check_sampler(EndsAt))
    assert failed(check_sampler(Always)) == [
        "by default: it lets an answer begin, so that not every answer ends before its first token: "
        "it returns END whatever the logits and the text"
    ]
    (line,) = failed(check_sampler(Neutral))
    assert line.startswith("size=1 (neutral) changes nothing: it ends the answer")


def test_a_strategy_that_ignores_end_passes_with_a_warning(registry: Any) -> None:
    rule = "an answer that a sampler ends has the tokens before that"
    found = {strategy: {check.rule: check for check in check_strategy(strategy)}[rule] for strategy in (Own, Three)}
    good = [registry.strategies[name] for name in ("greedy", "sample", "beam", "diverse_beam")]

    assert (found[Own].passed, found[Own].seen) == (
        True,
        "an answer has 6 tokens instead of 2; seqshell.Chain ends it, if SampleContext.answer is the number of tokens "
        "so far",
    )
    assert all({check.rule: check for check in check_strategy(each)}[rule].seen == "" for each in good)


# Features and states


class Halves(TinyDecoder):
    def features(self, state: Any) -> Any:
        return state / 2


def test_features_are_those_of_the_decoder_or_all_floats_of_its_state() -> None:
    plain, own = TinyDecoder(4, 3), Halves(4, 3)
    state = np.arange(6, dtype=np.float32).reshape(2, 3)

    assert with_features(plain).features(state).tolist() == state.tolist()
    assert with_features(own) is own
    assert features(own, state).tolist() == (state / 2).tolist()
    mixed = (state, (np.array([[1], [2]]), state[:, None]))  # integers are no features
    assert features(plain, mixed).tolist() == [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5]]
    with pytest.raises(UsageError, match="the state of this model has no features"):
        features(plain, (np.array([[1]]),))


def test_wrong_features_are_an_error_of_the_decoder() -> None:
    class Flat(TinyDecoder):
        def features(self, state: Any) -> Any:
            return state[0]

    with pytest.raises(PluginError, match=r"the decoder Flat.* returned features \[3\] instead of floats \[2, D\]"):
        features(Flat(4, 3), np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("streams", [True, False])
def test_a_strategy_is_always_given_features(streams: bool) -> None:
    seen = []

    @dataclass(frozen=True)
    class Looks(Own):
        def search(self, decoder: Any, start: Any, request: Any) -> Iterator[Any]:
            seen.append(decoder.features(start.state))
            yield seqshell.END

    Looks.streams = streams  # type: ignore[misc]
    session = session_with()
    answer(session, strategy=Looks())

    assert seen[0].tolist() == session.here.state.tolist()


def test_the_functions_on_states_are_public() -> None:
    from seqshell import state
    from seqshell.state import leaves, rows

    array = np.arange(4).reshape(2, 2)
    assert state is seqshell.state
    assert [leaf.tolist() for leaf in leaves(rows((array, (array + 1,)), [1]))] == [[[2, 3]], [[3, 4]]]
    assert [name for name, _ in seqshell.state.named_leaves((array, array))] == ["state.0", "state.1"]
