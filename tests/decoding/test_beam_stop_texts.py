"""Beam search with stop texts: they end a hypothesis, count in its score, and may begin inside a token."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.sampling import Request, Stop
from seqshell.decoding.beam import Beam
from seqshell.testing.tiny_language_model import tiny_model

TOKENIZER = tiny_model(" abcdefghi").tokenizer


def text_of(ids) -> str:
    return b"".join(map(TOKENIZER.piece, ids)).decode()


def request(max_tokens: int, *texts: str, num_best: int = 1) -> Request:
    return Request(Stop(max_tokens, texts=texts), num_best=num_best, tokenizer=TOKENIZER)


def test_a_hypothesis_ends_before_a_stop_text(language_decoder, language_batch, best_answers):
    beam, start = Beam(4), language_batch([1, 2])
    whole = text_of(best_answers(beam, start, request(12), language_decoder)[0][0].ids)
    stop = whole[4:6]
    (found,) = best_answers(beam, start, request(12, stop, num_best=4), language_decoder)

    assert any(len(each.ids) < 12 for each in found)
    for each in found:
        assert stop not in text_of(each.ids)
        assert len(each.states) == len(each.ids)


def test_the_score_includes_the_stop_text(scripted_decoder, best_answers):
    """`ab` is the stop text; a has 0.6, and b after it 0.7. The empty answer has 0.42 and a length of two."""
    decoder = scripted_decoder({(0,): [0.2, 0.7, 0.1]}, [0.6, 0.3, 0.1])
    tokenizer = tiny_model("abc").tokenizer
    stopping = Request(Stop(9, texts=("ab",)), tokenizer=tokenizer)
    (found,) = best_answers(Beam(1), decoder.start(), stopping, decoder)

    assert found[0].ids == ()
    assert found[0].log_prob == pytest.approx(np.log(0.42))
    assert found[0].score == pytest.approx(np.log(0.42) / (7 / 6))


def test_a_stop_text_can_begin_inside_a_token(scripted_decoder, best_answers):
    class WordTokenizer:
        size = 3

        def piece(self, token):
            return (b"one t", b"wo three", b"")[token]

    decoder = scripted_decoder({(0,): [0.2, 0.1, 0.7], (0, 2): [0.1, 0.8, 0.1]}, [0.6, 0.3, 0.1])
    for text, expected in [("two", ()), ("wo", (0, 2))]:
        stopping = Request(Stop(9, texts=(text,)), tokenizer=WordTokenizer())
        (found,) = best_answers(Beam(1), decoder.start(), stopping, decoder)
        assert found[0].ids == expected
