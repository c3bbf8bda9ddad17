"""The conversation in the README is one that the shipped model has.

Its text is sampled from floating-point numbers, whose last bits differ between machines, so another machine may draw
another token where a draw falls on the border of two. Each documented token is therefore checked by itself: the draw
for its position must fall into its share of the probability, within a tolerance.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import seqshell
from seqshell.core.sampling import Draw

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SEED, NUM_TOKENS = 3, 40
TOLERANCE = 2e-3  # of a probability


@pytest.fixture(scope="module")
def outputs():
    """The output of each line of the conversation, without the newline at its end."""
    (transcript,) = re.findall(r"<!-- transcript -->\n```\n>>> (.*?)\n```", README, re.DOTALL)
    return dict(step.split("\n", 1) if "\n" in step else (step, "") for step in transcript.split("\n>>> "))


@pytest.fixture
def session():
    session = seqshell.open("shakespeare", seed=SEED)
    session.feed("ROMEO:")
    return session


def check_draws(session, text, retry=0):
    """Feed a text token by token. Each must be the one that the counted draw takes, within the tolerance."""
    for character in text:
        tokens = sorted(session.top(session.model.tokenizer.size).tokens, key=lambda token: token.id)
        cumulative = np.cumsum([np.exp(token.chain_log_prob) for token in tokens])
        index = [token.text for token in tokens].index(character)
        low = cumulative[index - 1] if index else 0.0
        draw = Draw(SEED, retry).uniform(session.position) * cumulative[-1]
        assert low - TOLERANCE <= draw <= cumulative[index] + TOLERANCE, f"{character!r} at {session.position}"
        session.feed(character)


def with_temperature(session, temperature):
    return tuple(type(sampler)(temperature) if sampler.name == "temperature" else sampler for sampler in session.chain)


def test_the_lines_are_those_that_the_checks_below_expect(outputs):
    assert list(outputs) == [
        f"/seed {SEED}",
        f"/set max_tokens {NUM_TOKENS}",
        "ROMEO:",
        '/rewind "the "',
        "/continue",
        "/regen temperature=0.4,1.3",
    ]


def test_the_answer_is_the_models(outputs, session):
    assert len(outputs["ROMEO:"]) == NUM_TOKENS
    check_draws(session, outputs["ROMEO:"])


def test_the_continuation_and_the_candidates_are_the_models(outputs, session):
    before, word, _ = outputs["ROMEO:"].rpartition("the ")
    session.feed(before + word)
    start = session.position
    check_draws(session, outputs["/continue"])
    assert session.position - start == NUM_TOKENS
    both = outputs["/regen temperature=0.4,1.3"] + "\n"
    first, second = both[:NUM_TOKENS], both[NUM_TOKENS:].removeprefix("\n")[:NUM_TOKENS]

    assert len(second) == NUM_TOKENS
    for retry, (text, temperature) in enumerate([(first, 0.4), (second, 1.3)], 1):
        session.rewind(start)
        session.chain = with_temperature(session, temperature)
        check_draws(session, text, retry)
