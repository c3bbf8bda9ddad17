"""The next words by search are those of an enumeration of all texts, and what a search leaves out bounds the rest."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.inspect.next_words import WordSearch, fragment_at_end, next_words
from seqshell.session import Session
from seqshell.testing import tiny_model

PIECES = [b"", b"a", b"b", b"ab", b" ", b" b", b"a. b", b"'", "é".encode()[:1], "é".encode()[1:]]
LENGTH = 4  # tokens before the text must end
WORD = re.compile(r"\w(?:['’-]?\w)*")


class Pieces(ByteTokenizer):
    """Tokens that overlap: the same text is divided in several ways. Token 0 is the end of the text."""

    eos, size = 0, len(PIECES)

    def piece(self, token):
        return PIECES[token]


class Finite:
    """Random probabilities that depend on the last token; after LENGTH tokens the text ends. State: int64 [B, 2]."""

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        self.table = random.normal(0, 1.5, (LENGTH + 1, len(PIECES), len(PIECES))).astype(np.float32)
        self.table[LENGTH, :, 1:] = -np.inf

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 2), np.int64)

    def step(self, inputs, state):
        state = np.stack([state[:, 0] + 1, inputs], 1)
        return self.table[np.minimum(state[:, 0] - 2, LENGTH), state[:, 1]], state

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


def finite(seed, before):
    """A session after two tokens."""
    model = tiny_model(tokenizer=Pieces())
    session = Session(replace(model, decoder=Finite(seed), fingerprint=f"finite {seed}"))
    session.feed_ids(before)
    return session


def all_texts(session):
    """Each text that may follow, with its probability."""
    table = session.model.decoder.table.astype(np.float64)
    probs = np.exp(table) / np.exp(table).sum(-1, keepdims=True)
    texts = [(b"", 1.0, session.ids()[-1])]
    for length in range(LENGTH + 1):
        further = []
        for text, prob, last in texts:
            for token, share in enumerate(probs[length, last]):
                if token == 0:
                    yield text.decode("utf-8", "replace"), prob * share
                elif share:
                    further.append((text + PIECES[token], prob * share, token))
        texts = further


def enumerated(session):
    """The probability of each next word, and of none, by (text, whether it continues the word before)."""
    before = session.text().text
    fragment = "" if before[-1:] in "'’-" else (re.findall(r"\w(?:['’-]?\w)*$", before) or [""])[0]
    found = {}
    for text, prob in all_texts(session):
        whole = WORD.match(fragment + text) if fragment else None
        if whole and len(whole[0]) > len(fragment):
            key = whole[0][len(fragment) :], True
        else:
            word = WORD.search(text)
            key = (word[0], False) if word else ("<eos>", False)
        found[key] = found.get(key, 0.0) + prob
    return fragment, found


@pytest.mark.parametrize("before", [[4, 1], [1, 2], [1, 7], [3, 4]])
@pytest.mark.parametrize("seed", range(2))
def test_an_unlimited_search_finds_the_words_of_an_enumeration_with_their_probabilities(seed, before):
    session = finite(seed, before)
    fragment, expected = enumerated(session)
    search = WordSearch(session, max_steps=10**6, enough=0.0, least=0.0)
    for _ in search.steps():
        pass
    found = search.found(10**6)

    assert found.fragment == fragment
    assert {(word.text, word.continues): word.prob for word in found.words} == pytest.approx(expected, abs=1e-12)
    assert len({(word.text, word.continues) for word in found.words}) == len(found.words) > 30
    assert sum(word.prob for word in found.words) == pytest.approx(1.0, abs=1e-9)
    assert (found.covered, found.rest) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    assert sorted(found.words, key=lambda word: -word.prob)[0] == found.words[0]


@pytest.mark.parametrize("max_steps", [0, 1, 5, 40])
@pytest.mark.parametrize("least", [0.0, 0.003])
def test_what_a_short_search_leaves_out_bounds_every_word(max_steps, least):
    for seed in range(2):
        session = finite(seed, [1, 2])
        _, expected = enumerated(session)
        search = WordSearch(session, max_steps=max_steps, enough=0.0, least=least)
        list(search.steps())
        found = search.found(3)
        shown = {(word.text, word.continues): word for word in found.words}

        assert found.covered + found.rest == pytest.approx(1.0)
        assert search.num_steps <= max_steps
        for key, prob in expected.items():
            if key in shown:
                assert shown[key].prob - 1e-12 <= prob <= shown[key].at_most + 1e-12
            else:
                assert prob <= found.others_at_most + 1e-12


def test_the_search_moves_nothing_and_an_interrupt_ends_it(tiny, unmoved):
    before, outputs = unmoved(tiny), tiny.here.outputs.tobytes()
    found = next_words(tiny, 5)
    assert len(found.words) == 5
    assert 0.5 < found.covered < 1
    tiny.interrupt()
    with pytest.raises(UsageError, match="interrupted before the words were found"):
        list(WordSearch(tiny).steps())

    assert (unmoved(tiny), tiny.here.outputs.tobytes()) == (before, outputs)


def test_words_of_a_model_with_leaves_of_all_kinds(odd, unmoved):
    before = unmoved(odd)
    found = next_words(odd, 3)

    assert (len(found.words), found.fragment) == (3, "abcd")
    assert unmoved(odd) == before


FRAGMENTS = {
    "": "",
    "a": "a",
    "a ": "",
    "the king's": "king's",
    "don'": "",
    "'tis": "tis",
    "well-to-do": "well-to-do",
    "a--b": "b",
    "naïve": "naïve",
    "o\u0302": "o\u0302",
    "x_1": "x_1",
    "(": "",
}


@pytest.mark.parametrize("text", FRAGMENTS)
def test_the_fragment_is_the_word_that_a_text_ends_in(text):
    assert fragment_at_end(text) == FRAGMENTS[text]
