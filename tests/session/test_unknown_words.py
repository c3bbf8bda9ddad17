"""What a model cannot read: named in the events of an answer, and copied into translations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqshell import UNK
from seqshell.core.events import Finished, Label, Translation
from seqshell.core.subword_tokenizers import SPECIALS, BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.decoding.strategies import Greedy
from seqshell.session import Session
from seqshell.session.unknown_words import unknown_parts
from seqshell.session.word_alignment import source_words
from seqshell.testing import tiny_classification_model, tiny_translation_model
from seqshell.testing.tiny_translator import TinyTranslator

WORDS = WordTokenizer([*SPECIALS, " a", " b"], [0] * 6)


class Unaligned(WordTokenizer):
    """A tokenizer as a plugin may have it."""

    aligned = None


@pytest.mark.parametrize(
    ("tokenizer", "text", "parts"),
    [
        (CharTokenizer("ab '"), "a\u2019b \u5317\u4eac a \u5317", ("\u5317\u4eac", "\u5317")),
        (CharTokenizer("ab ", specials=True), "a \u5317\u4eacb \u5317\u4eac", ("\u5317\u4eac",)),
        (ByteTokenizer(), "a \u5317", ()),
        (WORDS, "a  c d b c", ("c", "d")),
        (Unaligned(WORDS.tokens, WORDS.counts), "a  c d b c", ("c", "d")),
        (BPETokenizer.train(["ab ba"] * 3, specials=True, vocab_size=20), "ab\u5317 \u4eac!", ("\u5317", "\u4eac!")),
        (WORDS, "", ()),
    ],
)
def test_the_unknown_parts_of_a_text_are_those_of_the_user(tokenizer, text, parts):
    assert unknown_parts(text, tokenizer) == parts


def test_a_source_knows_which_of_its_tokens_are_of_an_unknown_word():
    tokenizer = BPETokenizer.train(["the dog sees Zo"] * 4, specials=True, vocab_size=40)
    words = source_words("Zo\u5317x sees \u5317 the dog", tokenizer.encode("Zo\u5317x sees \u5317 the dog"), tokenizer)
    numbers = dict(zip(words.texts, words.unknown, strict=True))

    assert numbers == {"Zo\u5317x": 0, "sees": -1, "\u5317": 1, "the": -1, "dog": -1}
    assert all(words.spaced)


def test_the_answer_to_a_message_names_its_unknown_parts(writing):
    session = writing("ab", CharTokenizer(">ab"))
    *_, finished = session.respond("a\u5317b", 3, unknown="skip")
    assert (type(finished), finished.unknown) == (Finished, ("\u5317",))
    assert finished.as_json()["unknown"] == ["\u5317"]
    *_, finished = session.respond("ab", 3)
    assert "unknown" not in finished.as_json()


def test_a_label_names_the_unknown_parts_of_its_text():
    session = Session(tiny_classification_model(tokenizer=CharTokenizer("abc' ", specials=True)))
    label = session.classify("a\u2019\u5317", explain=True)
    assert (type(label), label.unknown) == (Label, ("\u5317",))
    assert [text for text, _ in label.moved] == ["a", "\u2019", "\u5317"]
    assert session.text().text == "a\u2019\u5317"
    (line,) = (
        event
        for event in session.behaviour.classify_lines(["a\u5317"], {"unknown": "error"})
        if isinstance(event, Label)
    )
    assert line.as_json()["unknown"] == ["\u5317"]


def never_drawing_unknown():
    """A session on a model that never writes UNK, as one whose training text had no unknown words."""

    class Sure(TinyTranslator):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return outputs - np.float32(30) * (np.arange(outputs.shape[1]) == UNK), state

    model = tiny_translation_model(seed=7)
    session = Session(replace(model, decoder=Sure(model.source_tokenizer.size, model.tokenizer.size, seed=7)))
    session.strategy = Greedy()
    return session


def test_an_unknown_word_of_the_source_comes_through_the_translation():
    session = never_drawing_unknown()
    session.replaces_unknown = True
    *tokens, finished = session.translate("i love Schmidt", 12)

    assert isinstance(finished, Translation)
    assert finished.unknown == ("Schmidt",)
    assert finished.answer.split().count("Schmidt") == 1
    assert finished.answer == "".join(token.text for token in tokens) == session.text().text
    settings = {"max_tokens": 12, "unknown": "error", "stop": ()}
    found = [
        each
        for each in session.behaviour.translate_lines(["i love Schmidt"], settings)
        if isinstance(each, Translation)
    ]
    assert [(each.answer, each.unknown) for each in found] == [(finished.answer, ("Schmidt",))]


def test_without_replacement_nothing_is_copied():
    session = never_drawing_unknown()
    *_, finished = session.translate("i love Schmidt", 12)
    assert "Schmidt" not in finished.answer
    assert finished.unknown == ("Schmidt",)
