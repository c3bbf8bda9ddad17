"""What a session shows of a translation: attention, next tokens, scores, and words for unknown tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqshell import BOS, EOS, UNK, UsageError
from seqshell.core.state import attention_of
from seqshell.decoding.probabilities import log_probs
from seqshell.testing.tiny_translator import TinyTranslator

# Looking


def test_attention_has_the_weights_of_each_chosen_token(new_translator, translated, translation_model):
    decoder, session = translation_model.decoder, new_translator()
    translated(session.translate("the dog", 5))
    shown = session.attention()
    ids = [*translation_model.source_tokenizer.encode("the dog"), EOS]
    state, expected = decoder.encode(np.array([ids]), np.array([3])), []
    for token in [BOS, *session.ids()][:-1]:
        _, state = decoder.step(np.array([token]), state)
        expected.append(attention_of(state)[0])

    assert shown.source == ("the", " dog", "<eos>")
    assert "".join(shown.target) == session.text().text
    np.testing.assert_allclose(shown.weights, expected, atol=1e-6)
    np.testing.assert_allclose(shown.weights.sum(1), 1, atol=1e-6)


def test_attention_is_the_same_without_snapshots_and_after_a_rewind(new_translator, translated):
    session = new_translator()
    translated(session.translate("the dog", 5))
    before = session.attention()
    session.snapshot_mb = 0
    session.behaviour.cursor.store.count()
    assert session.attention().weights.tobytes() == before.weights.tobytes()
    session.rewind(2)
    assert session.attention().weights.tobytes() == before.weights[:2].tobytes()
    session.rewind(0)
    assert session.attention().weights.shape == (0, 3)


def test_attention_of_a_model_without_it_is_refused(new_translator, translated, translation_model):
    class Plain(TinyTranslator):
        def encode(self, source, lengths):
            return super().encode(source, lengths).hidden

        def step(self, inputs, state):
            return self.decoder.step(inputs, state)

    session = new_translator(
        replace(
            translation_model, decoder=Plain(translation_model.source_tokenizer.size, translation_model.tokenizer.size)
        )
    )
    session.replaces_unknown = True
    translated(session.translate("the dog", 5))

    assert not session.behaviour.has_attention
    assert UNK not in session.ids()
    with pytest.raises(UsageError, match="tiny has no attention"):
        session.attention()


def test_top_shows_the_next_tokens_of_the_translation(new_translator, translated):
    session = new_translator()
    with pytest.raises(UsageError, match="no translation here yet"):
        session.top()
    translated(session.translate("the dog", 5))
    drawn = session.ids()[2]
    session.rewind(2)

    assert max(session.top(20).tokens, key=lambda each: each.chain_log_prob).id == drawn


def test_a_translation_is_scored_with_its_end_and_nothing_moves(new_translator, translation_model):
    session = new_translator()
    source, target = "the dog", "le chien"
    score = session.score_translation(source, target)
    ids = [*translation_model.source_tokenizer.encode(source), EOS]
    target_ids = [*translation_model.tokenizer.encode(target), EOS]
    state, total = translation_model.decoder.encode(np.array([ids]), np.array([3])), 0.0
    for before, token in zip([BOS, *target_ids], target_ids, strict=False):
        outputs, state = translation_model.decoder.step(np.array([before]), state)
        total += log_probs(outputs[0])[token]

    assert score.log_prob == pytest.approx(total)
    assert [token.text for token in score.tokens] == [" le", " chien", ""]
    assert session.behaviour.cursor.timeline.num_runs == 1
    for pair in (("", "le"), ("the", " ")):
        with pytest.raises(UsageError, match="cannot score an empty text"):
            session.score_translation(*pair)


# Unknown words


@pytest.fixture
def drawing_unknown(new_translator, translation_model):
    """Return a function that starts a session on a model that draws UNK whenever it may, and translates a text."""

    class Eager(TinyTranslator):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return outputs + np.float32(9) * (np.arange(outputs.shape[1]) == UNK), state

    def start(text, replaces, **options):
        sizes = translation_model.source_tokenizer.size, translation_model.tokenizer.size
        session = new_translator(replace(translation_model, decoder=Eager(*sizes)))
        session.replaces_unknown = replaces
        return session, list(session.translate(text, 4, **options))

    return start


def test_unknown_words_are_replaced_by_the_source_word_attended_to_most(joined, drawing_unknown):
    session, events = drawing_unknown("i see Mr. Schmidt", True, strategy="firsts", nbest=2)
    shown, words = session.attention(), ["i", "see", "Mr", ".", "Schmidt"]
    found = []
    for weights in shown.weights:
        unknown = [word for word in words[2:] if word not in found]  # each unknown word once, then any
        found.append(max(unknown or words, key=dict(zip(words, weights, strict=False)).get))
    expected = " ".join(found)

    assert session.ids() == [UNK] * 4
    assert events[-1].answer == joined(events) == session.text().text == expected
    assert events[-1].candidates[0].text == expected
    assert "".join(shown.target) == expected
    assert session.tail == expected
    assert session.branches()[0].text == expected
    assert session.rewind_to(expected.split()[1]).position <= 4


def test_without_replacement_unknown_words_are_drawn_only_if_allowed(translated, drawing_unknown):
    session, _ = drawing_unknown("i see Schmidt", False)
    assert UNK not in session.ids()
    assert not session.draws_unknown
    session.draws_unknown = True
    assert translated(session.translate("i see Schmidt", 4)).answer == "<unk> <unk> <unk> <unk>"
    session.draws_unknown = False
    assert not session.draws_unknown
