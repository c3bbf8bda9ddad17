"""`pattern` and `ban`: what may be written equals what `re` matches, for every tokenizer and in every search."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from seqshell import END, SampleContext, UsageError
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.patterns.automaton import FAR, Automaton, TokenAutomaton
from seqshell.patterns.expressions import both, derivative, negated, parse
from seqshell.session import Session
from seqshell.testing import tiny_model
from seqshell_samplers.constraints import Ban, Pattern

LETTERS = CharTokenizer("abc de.1é\n")


def texts(letters: str, most: int) -> list[str]:
    return ["".join(each) for length in range(most + 1) for each in product(letters, repeat=length)]


def matches(automaton: Automaton, text: str) -> bool:
    state = 0
    for character in text:
        if (state := automaton.step(state, character)) < 0:
            return False
    return automaton.matching[state]


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "a*", "(a|b)*c", "[ab]{2,3}c?", "a(b|c)+a|b", "(?:ab)*", "a?b?c?", "[^a]b*", ".a.", "a{0}b", r"\w+"),
        *("(a*)*b", "(|a)b", "^ab$", "a+?b", "(?P<first>a)b", "a{,2}b", "a{2,}", r"a\x62", "[]a]+", "(a?){3}c", "a|"),
    ],
)
def test_an_expression_matches_what_re_matches(pattern):
    automaton = Automaton(parse(pattern))
    assert [text for text in texts("abc", 5) if matches(automaton, text)] == [
        text for text in texts("abc", 5) if re.fullmatch(pattern, text)
    ]


def test_both_and_not_match_what_they_say():
    automaton = Automaton(both(parse("[ab]*c?"), negated(parse(".*ab.*"))))
    assert [text for text in texts("abc", 5) if matches(automaton, text)] == [
        text for text in texts("abc", 5) if re.fullmatch("[ab]*c?", text) and "ab" not in text
    ]


def test_an_expression_that_branches_without_end_has_few_states():
    """Derivatives that mean the same are the same state: else there were 2^20 of them on this way."""
    automaton = Automaton(parse("(a|b)*a(a|b){20}"))
    assert [matches(automaton, letter * 21) for letter in "ab"] == [True, False]
    assert derivative(parse("(ab|a)*"), "a") == parse("(b|)(ab|a)*")


BPE = BPETokenizer.train(["the cat sat on the mat, the other cat 1999 ate"], vocab_size=60)
WORDS = WordTokenizer.train(["on 12 may , 7 cats and 30 dogs met the cat"])


def written(sampler, tokenizer, left: int, seed: int) -> str:
    """A text of tokens that are drawn at random from those that the sampler leaves."""
    random = np.random.default_rng(seed)
    tokens: list[int] = []
    while left:
        logits = random.normal(size=tokenizer.size)
        context = SampleContext(tokens, len(tokens), len(tokens), tokenizer, answer=len(tokens), left=left)
        shaped = sampler(logits, context)
        if shaped is END:
            break
        tokens.append(int(shaped.argmax()))
        left -= 1
    return b"".join(map(tokenizer.piece, tokens)).decode()


@pytest.mark.parametrize("tokenizer", [LETTERS, ByteTokenizer(), BPE, WORDS], ids=["char", "byte", "bpe", "word"])
@pytest.mark.parametrize("pattern", [r"[ a-z]{4,}\.?|\w[^b]*1?", r"( ?(the|cat|7|12)){2,5}", r".{3,}"])
def test_every_answer_matches_however_few_tokens_it_may_have(tokenizer, pattern):
    least = int(TokenAutomaton(parse(pattern), tokenizer).costs((0, b"")).min())
    if least == FAR:
        with pytest.raises(UsageError, match="the vocabulary of this model cannot write"):
            written(Pattern(pattern), tokenizer, 50, 0)
        return
    for seed in range(12):
        text = written(Pattern(pattern), tokenizer, least + seed, seed)
        assert re.fullmatch(pattern, text, re.DOTALL), (text, least + seed)
    if least > 1:
        with pytest.raises(UsageError, match=f"needs {least} more tokens, and the answer may have {least - 1}"):
            written(Pattern(pattern), tokenizer, least - 1, 0)


def test_characters_of_several_bytes_are_completed():
    answers = {written(Pattern("[é–😀]{2}"), ByteTokenizer(), 9, seed) for seed in range(30)}
    assert all(re.fullmatch("[é–😀]{2}", text) for text in answers)
    assert {character for text in answers for character in text} == set("é–😀")


def test_a_ban_leaves_all_other_texts_and_no_other():
    sampler = Ban("c,ab")
    tokenizer = CharTokenizer("abc .")
    automaton = Automaton(sampler._expression)
    assert {text for text in texts("abc .", 4) if matches(automaton, text)} == {
        text for text in texts("abc .", 4) if "c" not in text and not re.search(r"\bab\b", text)
    }
    for seed in range(20):
        text = written(sampler, tokenizer, 12, seed)
        assert len(text) == 12
        assert not re.search(r"c|\bab\b", text)


def test_case_does_not_matter_to_a_ban_and_a_comma_can_be_banned():
    assert not matches(Automaton(Ban("THE")._expression), "a The b")
    assert matches(Automaton(Ban("THE")._expression), "then bathe")
    assert not matches(Automaton(Ban(r"e,\,")._expression), "a, b")


def test_an_answer_ends_where_it_matches_and_the_model_would_go_elsewhere():
    tokens = LETTERS.encode("ab")
    context = SampleContext(tokens, 2, 2, LETTERS, answer=2, left=9)
    likes = np.zeros(LETTERS.size)
    likes[LETTERS.encode("c")] = 1
    assert Pattern("[ab]+")(likes, context) is END
    assert Pattern("[abc]+")(likes, context).argmax() == likes.argmax()
    assert Pattern("[ab]{3,}")(likes, context).argmax() != likes.argmax()
    assert Pattern("ab")(likes, context) is END


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(", "'a(' is not a regular expression: missing ), unterminated subpattern at character 2"),
        ("[z-a]", "'[z-a]' is not a regular expression: bad character range z-a at character 2"),
        (
            r"(a)\1",
            r"a pattern of an answer cannot have \1 (character 4); characters, classes, groups, | and repetitions",
        ),
        ("a(?=b)", "a pattern of an answer cannot have what begins with (? (character 2); characters, classes"),
        (r"\ba", r"a pattern of an answer cannot have \b (character 1)"),
        ("a^b", "a pattern of an answer cannot have ^b (character 2)"),
        ("a{20000}", "{20000} repeats more than 10,000 times"),
        ("a++", "a pattern of an answer cannot have possessive repetition (character 2)"),
        ("(" * 500 + ")" * 500, f"'{'(' * 57}...' is too large for a pattern"),
    ],
)
def test_what_cannot_be_a_pattern_is_refused_when_it_is_set(pattern, message):
    with pytest.raises(UsageError) as error:
        Pattern(pattern)
    assert str(error.value).startswith(message)


def test_an_answer_that_began_otherwise_is_refused():
    context = SampleContext(LETTERS.encode("ca"), 2, 2, LETTERS, answer=2)
    with pytest.raises(UsageError, match=r"the answer begins with 'ca', which pattern='\[ab\]\+' does not allow"):
        Pattern("[ab]+")(np.zeros(LETTERS.size), context)


def test_what_other_samplers_left_must_fit():
    logits = np.full(LETTERS.size, -np.inf)
    logits[LETTERS.encode("d")] = 0
    with pytest.raises(UsageError, match="no token that the other samplers leave is possible with pattern='a'"):
        Pattern("a")(logits, SampleContext(tokenizer=LETTERS))


@pytest.mark.parametrize("strategy", ["greedy", "sample", Beam(width=3)], ids=["greedy", "sample", "beam"])
def test_undo_and_branches_keep_the_constraint(strategy):
    session = Session(
        replace(tiny_model(), name="tiny"), seed=4, strategies={"beam": Beam, "greedy": Greedy, "sample": Sample}
    )
    letters = sorted(
        {
            piece.decode()
            for token in range(session.model.tokenizer.size)
            if (piece := session.model.tokenizer.piece(token))
        }
    )
    one, two = letters[:2]
    session.chain = (Pattern(f"({one}{two})+{two}"),)

    def answer() -> str:
        before = len(session.text().text)
        list(session.generate(9, strategy=strategy))
        return session.text().text[before:]

    for _ in range(2):
        session.begin_turn()
        first = answer()
        assert re.fullmatch(f"({one}{two})+{two}", first)
        session.undo_tokens(2)
        session.branch_off()
        session.begin_turn()
        again = answer()
        assert re.fullmatch(f"({one}{two})+{two}", again) or re.fullmatch(f"({one}{two})+{two}", first[:-2] + again)
