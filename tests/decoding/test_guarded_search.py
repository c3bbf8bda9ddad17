"""A strategy that yields something else than a step: the message names it, its line, and what it must yield."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from seqshell.core.errors import PluginError
from seqshell.core.sampling import Advanced, Draw, Hypotheses, Hypothesis, Request, Stop
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.guarded_search import guarded_search
from seqshell.testing.tiny_language_model import tiny_model

DECODER = tiny_model().decoder
FOUND = Hypothesis((3,), 0.0, 0.0, (None,), (None,))
STREAMED = "it must yield an Advanced for each token, or seqshell.END"
SEARCHED = "it must yield a Hypotheses for each row, or seqshell.END"


@dataclass(frozen=True)
class Given:
    """A strategy that yields what it is given."""

    name: ClassVar[str] = "given"
    steps: Any
    streams: bool = True

    def search(self, decoder: Any, start: Any, request: Any) -> Any:
        return None if self.steps is None else given(self.steps, start)


def given(steps: Any, start: Any) -> Iterator[Any]:
    for each in steps:
        yield each(start) if callable(each) else each


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(Path(__file__).read_text().splitlines(), 1) if text in line)


def advanced(**changed: Any) -> Any:
    """A function that makes a step of two rows with changed fields."""

    def make(start: Any) -> Advanced:
        outputs, state = DECODER.step(np.array([3, 3]), start.state)
        return Advanced(np.array([3, 3]), state, outputs, start.memories)._replace(**changed)

    return make


def searched(steps: Any, streams: bool, batch: Any) -> tuple[int, str]:
    """The number of steps before the error, and what the message says after the name of the strategy."""
    request = Request(Stop(8), (), Draw(1), tokenizer=CharTokenizer("abcdefgh"))
    found: list[Any] = []
    with pytest.raises(PluginError) as caught:
        found.extend(guarded_search(Given(steps, streams), DECODER, batch([1], [2]), request))
    before, _, message = caught.value.message.partition("the strategy given of tests ")
    assert before == ""
    return len(found), message


@pytest.mark.parametrize(
    ("streams", "step", "message"),
    [
        (True, 3, f"an int; {STREAMED}"),
        (True, None, f"None; {STREAMED}"),
        (True, Hypotheses(0, (FOUND,)), f"a Hypotheses; {STREAMED}"),
        (False, 3, f"an int; {SEARCHED}"),
        (False, advanced(), f"an Advanced; {SEARCHED}"),
        (True, advanced(tokens=np.array([3, 999])), "the id 999; each id must be in the vocabulary, 0 to 7"),
        (True, advanced(tokens=np.array([3])), "1 token for 2 rows; it must yield one for each"),
        (
            True,
            advanced(outputs=None),
            "an Advanced that cannot be read: AttributeError: 'NoneType' object has no attribute 'shape'; "
            "its fields must be as its docstring says",
        ),
        (
            True,
            advanced(outputs=np.zeros((2, 3))),
            "outputs of the shape [2, 3]; it must yield those after the tokens, of the shape [2, 10]",
        ),
        (True, advanced(memories=()), "memories of 0 rows; it must yield one tuple for each row"),
        (
            True,
            advanced(state=(1, 2, 3)),
            "a tuple as the state; it must yield a state with 1 leaf, as the state before it, not 3 leaves",
        ),
        (False, Hypotheses(2, (FOUND,)), "an answer for the row 2; it must yield answers for the rows 0 to 1"),
        (False, Hypotheses(0, ()), "a Hypotheses without an answer; `best` must have at least one Hypothesis"),
        (False, Hypotheses(0, (4,)), "an int in `best`; each answer in it must be a Hypothesis"),
        (
            False,
            Hypotheses(0, (Hypothesis((8,), 0.0, 0.0, (None,), (None,)),)),
            "the id 8; each id must be in the vocabulary, 0 to 7",
        ),
        (
            False,
            Hypotheses(0, (Hypothesis((3, 4), 0.0, 0.0, (None,), ()),)),
            "a Hypothesis with 1 states and 0 outputs for 2 tokens; it must have those after each token",
        ),
    ],
)
def test_a_step_of_no_use_names_the_line_that_yields_it_and_what_it_must_yield(streams, step, message, language_batch):
    before = advanced() if streams else Hypotheses(0, (FOUND,))
    place = f"tests/decoding/test_guarded_search.py, line {line_of('yield each(start)')}"
    seen = searched([before, step], streams, language_batch)
    assert seen == (1, f"yielded {message} ({place})")


@pytest.mark.parametrize(
    ("streams", "steps", "message"),
    [
        (True, [], f"ended after 0 steps; {STREAMED}"),
        (True, [advanced()], f"ended after 1 step; {STREAMED}"),
        (False, [], f"ended after 0 steps; {SEARCHED}"),
        (False, [Hypotheses(1, (FOUND,))], f"ended after 1 step; {SEARCHED}"),
        (True, None, "returned None; `search` must be a generator that yields an Advanced for each token"),
    ],
)
def test_a_search_that_ends_too_early_names_itself_and_what_it_must_yield(streams, steps, message, language_batch):
    place = f"tests/decoding/test_guarded_search.py, line {line_of('def search')}"
    seen = searched(steps, streams, language_batch)
    assert seen == (len(steps or ()), f"{message} ({place})")


def test_a_search_of_several_rows_ends_after_the_last_row(language_batch):
    steps = [Hypotheses(1, (FOUND,)), Hypotheses(0, (FOUND,))]
    request = Request(Stop(8), (), Draw(1), tokenizer=CharTokenizer("abcdefgh"))
    found = guarded_search(Given(steps, streams=False), DECODER, language_batch([1], [2]), request)
    assert [step.row for step in found] == [1, 0]
