"""Beams with required words: every answer contains them, as words, and few places suffice to find good ones."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.sampling import Request, Stop
from seqshell.core.tokenizers import EOS, CharTokenizer
from seqshell.decoding.beam import Beam
from seqshell.decoding.diverse import DiverseBeam
from seqshell.decoding.probabilities import log_probs
from seqshell.testing.tiny_language_model import TinyDecoder

LETTERS = CharTokenizer("ab c", specials=True)
EXCLUDED = frozenset(range(LETTERS.size)) - {EOS, *LETTERS.encode("ab c")}


def request(max_tokens: int, **more) -> Request:
    return Request(Stop(max_tokens, frozenset([EOS]), **more), excluded=EXCLUDED, tokenizer=LETTERS)


def text_of(hypothesis) -> str:
    return b"".join(map(LETTERS.piece, hypothesis.ids)).decode()


def texts(strategy, start, asked, best_answers, decoder) -> list[str]:
    return [text_of(row[0]) for row in best_answers(strategy, start, asked, decoder)]


@pytest.mark.parametrize("words", ["ab", "ca,b", "b a,c", "AB"])
@pytest.mark.parametrize("strategy", [Beam(4), Beam(3, early_stop=False), DiverseBeam(6, groups=2)], ids=repr)
def test_every_answer_contains_all_words(words, strategy, language_batch, best_answers):
    for seed in range(4):
        decoder = TinyDecoder(LETTERS.size, seed=seed)
        start = language_batch([5], [6, 7], decoder=decoder)
        for text in texts(
            type(strategy)(**{**vars(strategy), "require": words}), start, request(12), best_answers, decoder
        ):
            for word in words.split(","):
                assert re.search(rf"(?<!\w){word}(?!\w)", text, re.IGNORECASE), (text, word)


def test_a_wide_beam_finds_the_best_answer_of_all_that_contain_the_word(language_batch, best_answers):
    """Against all answers of up to five letters, each scored by the model alone."""
    letters = [EOS, *LETTERS.encode("ab c")]
    for seed in range(3):
        decoder = TinyDecoder(LETTERS.size, seed=seed)
        (start,) = [language_batch([5], decoder=decoder)]
        scores = {}
        for length in range(6):
            for ids in product(letters[1:], repeat=length):
                if re.search(r"(?<!\w)ab(?!\w)", b"".join(map(LETTERS.piece, ids)).decode()):
                    outputs, state, total = start.outputs, start.state, 0.0
                    for token in (*ids, EOS) if length < 5 else ids:
                        total += float(log_probs(outputs[0])[token])
                        outputs, state = decoder.step(np.array([token]), state)
                    scores[ids] = total
        strategy = Beam(8, normalise="none", early_stop=False, require="ab")
        ((best, *_),) = best_answers(strategy, start, request(5), decoder)
        assert best.log_prob == pytest.approx(max(scores.values()), abs=1e-5)


def test_rows_do_not_depend_on_each_other(language_batch, best_answers):
    decoder = TinyDecoder(LETTERS.size, seed=5)
    strategy = Beam(4, require="ca")
    alone = [
        texts(strategy, language_batch(row, decoder=decoder), request(9), best_answers, decoder)[0]
        for row in ([5], [7, 6])
    ]
    assert texts(strategy, language_batch([5], [7, 6], decoder=decoder), request(9), best_answers, decoder) == alone


def test_a_stop_text_ends_no_answer_that_lacks_a_word(language_batch, best_answers):
    decoder = TinyDecoder(LETTERS.size, seed=2)
    start = language_batch([5], decoder=decoder)
    (text,) = texts(Beam(4, require="bb"), start, request(14, texts=("c",)), best_answers, decoder)
    assert re.search(r"(?<!\w)bb(?!\w)", text)
    assert "c" not in text


@pytest.mark.parametrize(
    ("words", "most", "message"),
    [
        ("ax", 9, "the vocabulary of this model cannot write 'ax'"),
        ("abab,ca", 6, "abab, ca may need 8 tokens, and the answer has at most 6; raise max_tokens"),
    ],
)
def test_words_that_cannot_be_in_an_answer_are_refused(words, most, message, language_batch, best_answers):
    decoder = TinyDecoder(LETTERS.size)
    with pytest.raises(UsageError) as error:
        best_answers(Beam(4, require=words), language_batch([5], decoder=decoder), request(most), decoder)
    assert str(error.value) == message
