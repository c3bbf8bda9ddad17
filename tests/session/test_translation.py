"""Translations in a session: told, committed, gone back over, made again, looked at and saved."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest

from seqshell import BOS, EOS, UNK, CheckpointError, Hypotheses, Hypothesis, UsageError, VocabularyError
from seqshell.core.errors import PluginError
from seqshell.core.events import Finished, Token, Translation
from seqshell.core.state import attention_of
from seqshell.core.subword_tokenizers import BPETokenizer
from seqshell.decoding.beam import Beam
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.models import file
from seqshell.session import Session
from seqshell.session.tasks import translate
from seqshell.session.timeline import Read
from seqshell.session.word_alignment import most_attended, words_of
from seqshell.testing import tiny_model, tiny_translation_model
from seqshell.testing.tiny_models import TinyTranslator

MODEL = tiny_translation_model()


@dataclass(frozen=True)
class Firsts:
    """A search: an answer for each of the likeliest first tokens, each gone on with greedily; the best as a whole comes first."""

    name: ClassVar[str] = "firsts"
    streams: ClassVar[bool] = False
    together: bool = False  # step all of them in one batch

    def search(self, decoder, start, request):
        excluded = list(request.excluded)

        def allowed(outputs):
            logs = log_probs(outputs)
            logs[:, excluded] = -np.inf
            return logs

        found = []
        first = [request.prefix[0]] if request.prefix else np.argsort(-allowed(start.outputs)[0])[: request.num_best]
        for token in first:
            ids, states, outputs, now, log_prob = [], [], [], (start.outputs, start.state), 0.0
            for place in range(request.stop.max_tokens):
                logs = allowed(now[0])[0]
                wanted = (
                    request.prefix[place] if place < len(request.prefix) else token if place == 0 else logs.argmax()
                )
                log_prob += logs[wanted]
                if wanted in request.stop.ids:
                    break
                if self.together:  # a batch of which a view is handed on
                    two = tuple(np.concatenate([leaf, leaf]) for leaf in now[1])
                    outs, state = decoder.step(np.array([wanted, UNK]), type(now[1])(*two))
                    now = outs[:1], type(state)(*(leaf[:1] for leaf in state))
                else:
                    now = decoder.step(np.array([wanted]), now[1])
                ids.append(int(wanted))
                outputs.append(now[0])
                states.append(now[1])
            found.append(Hypothesis(tuple(ids), log_prob, log_prob / (len(ids) + 1), tuple(states), tuple(outputs)))
        yield Hypotheses(0, tuple(sorted(found, key=lambda each: -each.score)))


OFFERS = {"strategies": {"greedy": Greedy, "sample": Sample, "firsts": Firsts}}


def started(model=MODEL, **options):
    return Session(model, **OFFERS, **options)


def told(events):
    return "".join(event.text for event in events)


def done(events):
    *_, finished = events
    assert isinstance(finished, Translation)
    return finished


@pytest.fixture
def session():
    session = started()
    session.strategy = Sample()
    return session


# Told and committed


@pytest.mark.parametrize("strategy", [Greedy(), Sample(), Firsts()])
def test_what_is_told_is_the_answer_and_the_text_of_the_session(session, strategy):
    *tokens, finished = session.translate("the cat", 12, strategy=strategy)

    assert finished.answer == told(tokens) == told([*tokens, finished]) == session.text().text
    assert finished.answer[0] != " "
    assert (finished.source, finished.num_tokens, finished.start, finished.end) == (
        "the cat",
        len(tokens),
        0,
        session.position,
    )
    assert session.ids() == [token.id for token in tokens]
    assert session.text().spans == ()


def test_greedy_takes_the_likeliest_tokens_of_the_encoded_source():
    decoder, session = MODEL.decoder, started()
    ids = [*MODEL.source_tokenizer.encode("the cat"), EOS]
    state = decoder.encode(np.array([ids]), np.array([len(ids)]))
    expected, token = [], BOS
    while len(expected) < 10:
        outputs, state = decoder.step(np.array([token]), state)
        outputs[0, [0, BOS, UNK]] = -np.inf
        token = int(outputs[0].argmax())
        if token == EOS:
            break
        expected.append(token)
    list(session.translate("the cat", 10))

    assert session.ids() == expected


def test_the_session_stands_at_the_token_that_was_told_last(session):
    for token in islice(session.translate("i see the dog", 10), 4):
        assert session.position == token.position + 1
        assert session.ids()[-1] == token.id


def test_a_text_that_is_blank_is_answered_without_the_model_and_nothing_moves(session):
    done(session.translate("the cat", 5))
    before = session.here
    for blank in ("", " \n\t"):
        assert done(session.translate(blank)) == Translation(
            "", 0, "eos", 0.0, session.position, session.position, "main", source=blank
        )
    assert session.here is before
    assert session.undo().position == 0


def test_the_same_text_gives_the_same_translation_whatever_was_before(session):
    first = done(session.translate("the dog", 9)).answer
    done(session.translate("i see you", 9))

    assert done(session.translate("the dog", 9)).answer == first


def test_constant_leaves_are_one_array_in_all_moments_of_a_translation(session):
    for strategy in (Sample(), Firsts(), Firsts(together=True)):
        finished = done(session.translate("the dog", 9, strategy=strategy))
        timeline = session._cursor.timeline
        nodes = [timeline.ancestor(session.here.node, depth) for depth in range(finished.num_tokens + 1)]
        states = [session._cursor.snapshot(node).state for node in nodes]
        assert len(nodes) > 3
        assert len({id(state.encoded) for state in states}) == len({id(state.mask) for state in states}) == 1
        assert all(leaf.base is None or leaf.base.nbytes == leaf.nbytes for state in states for leaf in state)


def test_a_found_translation_is_committed_from_the_states_of_the_search():
    session = started()
    finished = done(session.translate("the dog", 9, strategy=Firsts()))
    timeline = session._cursor.timeline

    assert timeline.read[timeline.run_of(session.here.node)] == Read.FOUND
    again = started()
    done(again.translate("the dog", 9))
    assert again.ids() == session.ids()
    assert again.here.state.hidden.tobytes() == session.here.state.hidden.tobytes()
    assert [each.text for each in finished.candidates] == [finished.answer]


# Candidates and prefixes


def test_the_best_candidates_are_told_with_their_scores_and_the_first_is_the_answer():
    session = started()
    finished = done(session.translate("the dog", 6, strategy=Firsts(), nbest=3))

    assert len(finished.candidates) == 3
    assert finished.candidates[0].text == finished.answer == session.text().text
    assert [each.score for each in finished.candidates] == sorted(
        (each.score for each in finished.candidates), reverse=True
    )
    assert len({each.text for each in finished.candidates}) == 3


def test_several_candidates_of_a_strategy_that_makes_one_are_refused(session):
    with pytest.raises(
        UsageError, match="sample generates one answer; for the 5 best, use a search such as /strategy beam"
    ):
        session.translate("the dog", nbest=5)


@pytest.mark.parametrize("strategy", [Greedy(), Sample(), Firsts()])
def test_an_answer_begins_with_its_prefix(session, strategy):
    *tokens, finished = session.translate("the dog", 8, prefix="vois le", strategy=strategy)

    assert finished.answer.startswith("vois le ")
    assert finished.num_tokens == len(tokens) == session.position
    assert done(session.regenerate(1, 8)).answer.startswith("vois le ")


@pytest.mark.parametrize(
    ("prefix", "most", "message"),
    [
        ("vois nous", 9, "tiny's vocabulary has no 'nous'"),
        ("vois le", 2, "the prefix has 2 tokens, the answer at most 2; raise max_tokens"),
    ],
)
def test_a_prefix_that_cannot_be_is_refused(session, prefix, most, message):
    with pytest.raises((VocabularyError, UsageError), match=message):
        session.translate("the dog", most, prefix=prefix)
    assert session.position == 0


@dataclass(frozen=True)
class Twice:
    """A search that finds each of its answers twice, as subwords may spell one text in two ways."""

    name: ClassVar[str] = "twice"
    streams: ClassVar[bool] = False

    def search(self, decoder, start, request):
        for step in Firsts().search(decoder, start, request):
            yield replace(
                step, best=tuple(each for found in step.best for each in (found, replace(found, score=found.score - 1)))
            )


def test_candidates_that_read_alike_are_one():
    session = Session(MODEL)
    once = done(session.translate("the dog", 6, strategy=Firsts(), nbest=3)).candidates
    twice = done(session.translate("the dog", 6, strategy=Twice(), nbest=3)).candidates

    assert len({candidate.text for candidate in once}) == 3
    assert twice == once


def test_a_beam_commits_its_best_and_regenerate_gives_its_candidates():
    session = started()
    session.strategy = Beam(5)
    *tokens, finished = session.translate("the dog", 9, nbest=5)

    assert finished.answer == told(tokens) == session.text().text == finished.candidates[0].text
    assert (
        done(session.translate("the dog", 9, strategy=Beam(1))).answer
        == done(session.translate("the dog", 9, strategy="greedy")).answer
    )
    states = [
        session._cursor.snapshot(session._cursor.timeline.ancestor(session.here.node, depth)).state
        for depth in range(session.position + 1)
    ]
    assert len({id(state.encoded) for state in states}) == 1
    again = [event for event in session.regenerate(5, 9) if isinstance(event, Finished)]
    assert [each.answer for each in again] == [each.text for each in finished.candidates]
    assert all(each.candidates == () for each in again)


def test_a_search_that_cannot_be_leaves_the_session_where_it_was(session):
    answer = done(session.translate("the cat", 5)).answer
    here = session.here
    for strategy, number, message in (
        (Beam(5), 6, "cannot give the 6 best"),
        (Beam(50), 1, "wider than the vocabulary"),
    ):
        with pytest.raises(UsageError, match=message):
            next(session.translate("the dog", 9, strategy=strategy, nbest=number))
        assert session.here is here
        with pytest.raises(UsageError, match=message):
            next(session.regenerate(number, strategy=strategy))
        assert (session.here.node, session.branch, session.text().text) == (here.node, "main", answer)
    assert session.undo().position == 0


# Back and forth


def test_undo_goes_to_where_the_translation_before_ended_and_redo_comes_back(session):
    first, second = (done(session.translate(text, 9)).answer for text in ("the cat", "the dog"))
    was = session.position
    moved = session.undo()

    assert (session.text().text, moved.removed, moved.undo_path) == (first, was, "/redo restores them")
    assert session.attention().source == ("the", " cat", "<eos>")
    session.undo()
    assert session.text().text == ""
    moved = session.redo(2)
    assert (session.text().text, moved.removed, moved.undo_path) == (second, -was, "/undo removes it again")
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_a_line_of_the_user_is_one_turn(session):
    for text in ("the cat", "the dog"):
        session.begin_turn(text)
        list(session.translate(text, 5))
    session.undo()

    assert session.attention().source[1] == " cat"


def test_a_reset_leaves_the_translation_and_undo_takes_it_back(session):
    answer = done(session.translate("the cat", 5)).answer
    session.reset()

    assert session.text().text == ""
    with pytest.raises(UsageError, match="no translation yet"):
        session.attention()
    session.undo()
    assert session.text().text == answer


def test_translating_again_draws_anew_and_each_is_a_branch(session):
    first = done(session.translate("the dog", 9)).answer
    finished = [event for event in session.regenerate(3, 9) if isinstance(event, Finished)]

    assert [(each.branch, each.candidate) for each in finished] == [("main.2", 1), ("main.3", 2), ("main.4", 3)]
    assert all(isinstance(each, Translation) and each.source == "the dog" for each in finished)
    assert len({first, *(each.answer for each in finished)}) == 4
    assert session.text().text == finished[0].answer
    assert session.text("main").text == first
    assert [each.text for each in session.branches()] == [
        " ".join(text.split())[:40] for text in (first, *(each.answer for each in finished))
    ]
    session.checkout("main.3")
    assert session.text().text == finished[1].answer


def test_translating_again_goes_to_the_root_from_anywhere_in_the_answer(session):
    done(session.translate("the dog", 9))
    session.rewind(2)
    done(session.regenerate(1, 9))
    session.undo()

    assert session.position == 0
    assert session._cursor.timeline.source(session.here.node) is None


def test_a_search_that_is_asked_again_gives_its_best_answers():
    session = started()
    session.strategy = Firsts()
    best = done(session.translate("i love the dog", 6, nbest=4)).candidates
    finished = [event for event in session.regenerate(4, 6) if isinstance(event, Finished)]

    assert [each.answer for each in finished] == [each.text for each in best]
    assert session.branch == "main.2"
    assert session.text("main.5").text == best[3].text


def test_a_search_that_finds_fewer_gives_fewer():
    session = started()
    session.strategy = Firsts()
    done(session.translate("i love the dog", 6, prefix="vois"))

    assert [event.answer for event in session.regenerate(3, 6) if isinstance(event, Finished)] == [session.text().text]


def test_an_answer_that_came_out_empty_can_be_made_again(session):
    assert done(started().translate("i love you", 9)).answer == ""
    assert done(session.translate("i love you", 9, strategy="greedy")).answer == ""
    while not done(session.regenerate(1, 9)).answer:
        pass
    assert session.undo().position == 0


@pytest.mark.parametrize("strategy", [Greedy(), Firsts()])
def test_an_interrupt_ends_at_a_token_boundary(session, strategy):
    session.begin_turn()
    events = session.translate("the dog", 9, strategy=strategy)
    seen = [next(events)]
    session.interrupt()
    seen += events

    assert seen[-1].stop == "interrupt"
    assert told(seen) == session.text().text
    assert session.position == 1
    session.begin_turn()
    assert done(session.translate("the dog", 9)).num_tokens > 1


def test_an_interrupt_ends_a_search_between_two_of_its_steps(session):
    class Interrupting(Firsts):
        def search(self, decoder, start, request):
            session.interrupt()
            return super().search(decoder, start, request)

    session.begin_turn()
    finished = done(session.translate("the dog", 9, strategy=Interrupting()))

    assert (finished.answer, finished.stop, session.position) == ("", "interrupt", 0)
    session.undo()
    assert session._cursor.timeline.source(session.here.node) is None


def test_rewinding_to_a_text_counts_the_tokens_of_the_answer():
    session = started()
    done(session.translate("the cat", 9))
    words = session.text().text.split()
    last = len(words) - 1 - words[::-1].index(words[0])

    assert session.rewind_to(words[0]).position == last + 1
    assert session.tail == " ".join(words[: last + 1])


# Looking


def test_attention_shows_what_each_chosen_token_looked_at():
    decoder, session = MODEL.decoder, started()
    done(session.translate("the dog", 5))
    shown = session.attention()
    ids = [*MODEL.source_tokenizer.encode("the dog"), EOS]
    state, expected = decoder.encode(np.array([ids]), np.array([3])), []
    for token in [BOS, *session.ids()][:-1]:
        _, state = decoder.step(np.array([token]), state)
        expected.append(attention_of(state)[0])

    assert shown.source == ("the", " dog", "<eos>")
    assert "".join(shown.target) == session.text().text
    np.testing.assert_allclose(shown.weights, expected, atol=1e-6)
    np.testing.assert_allclose(shown.weights.sum(1), 1, atol=1e-6)


def test_attention_is_the_same_when_the_moments_are_gone_and_when_something_was_taken_back():
    session = started()
    done(session.translate("the dog", 5))
    before = session.attention()
    session.snapshot_mb = 0
    session._cursor.store.count()
    assert session.attention().weights.tobytes() == before.weights.tobytes()
    session.rewind(2)
    assert session.attention().weights.tobytes() == before.weights[:2].tobytes()
    session.rewind(0)
    assert session.attention().weights.shape == (0, 3)


def test_a_model_without_attention_says_so():
    class Plain(TinyTranslator):
        def encode(self, source, lengths):
            return super().encode(source, lengths).hidden

        def step(self, inputs, state):
            return self.decoder.step(inputs, state)

    session = started(replace(MODEL, decoder=Plain(MODEL.source_tokenizer.size, MODEL.tokenizer.size)))
    session.replaces_unknown = True
    done(session.translate("the dog", 5))

    assert not session.behaviour.has_attention
    assert UNK not in session.ids()
    with pytest.raises(UsageError, match="tiny has no attention"):
        session.attention()


def test_the_likeliest_next_tokens_are_those_of_the_translation():
    session = started()
    with pytest.raises(UsageError, match="no translation here yet"):
        session.top()
    done(session.translate("the dog", 5))
    drawn = session.ids()[2]
    session.rewind(2)

    assert max(session.top(20).tokens, key=lambda each: each.chain_log_prob).id == drawn


def test_a_translation_is_scored_with_its_end_and_nothing_moves():
    session = started()
    source, target = "the dog", "le chien"
    score = session.score_translation(source, target)
    ids = [*MODEL.source_tokenizer.encode(source), EOS]
    wanted = [*MODEL.tokenizer.encode(target), EOS]
    state, total = MODEL.decoder.encode(np.array([ids]), np.array([3])), 0.0
    for before, token in zip([BOS, *wanted], wanted, strict=False):
        outputs, state = MODEL.decoder.step(np.array([before]), state)
        total += log_probs(outputs[0])[token]

    assert score.log_prob == pytest.approx(total)
    assert [token.text for token in score.tokens] == [" le", " chien", ""]
    assert session._cursor.timeline.num_runs == 1
    for pair in (("", "le"), ("the", " ")):
        with pytest.raises(UsageError, match="cannot score an empty text"):
            session.score_translation(*pair)


# Unknown words


def drawing_unknown(text, replaces, **options):
    """A session on a model that draws UNK whenever it may."""

    class Eager(TinyTranslator):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return outputs + np.float32(9) * (np.arange(outputs.shape[1]) == UNK), state

    session = started(replace(MODEL, decoder=Eager(MODEL.source_tokenizer.size, MODEL.tokenizer.size)))
    session.replaces_unknown = replaces
    return session, list(session.translate(text, 4, **options))


def test_unknown_words_give_way_to_the_source_word_that_was_looked_at_most():
    session, events = drawing_unknown("i see Mr. Schmidt", True, strategy=Firsts(), nbest=2)
    shown, words = session.attention(), ["i", "see", "Mr", ".", "Schmidt"]
    expected = " ".join(words[weights[:5].argmax()] for weights in shown.weights)

    assert session.ids() == [UNK] * 4
    assert events[-1].answer == told(events) == session.text().text == expected
    assert events[-1].candidates[0].text == expected
    assert "".join(shown.target) == expected
    assert session.tail == expected
    assert session.branches()[0].text == expected
    assert session.rewind_to(expected.split()[1]).position <= 4


def test_without_replacement_unknown_words_are_not_drawn_unless_they_may_be():
    session, _ = drawing_unknown("i see Schmidt", False)
    assert UNK not in session.ids()
    assert not session.draws_unknown
    session.draws_unknown = True
    assert done(session.translate("i see Schmidt", 4)).answer == "<unk> <unk> <unk> <unk>"
    session.draws_unknown = False
    assert not session.draws_unknown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("i see Schmidt", ["i", "see", "Schmidt", ""]),
        ("Mr. Schmidt see", ["Mr", ".", "Schmidt", "see", ""]),
        ("Anna Berta  love\nCäsar!", ["Anna", "Berta", "love", "Cäsar", "!", ""]),
    ],
)
def test_each_token_of_a_source_belongs_to_a_word_of_its_text(text, words):
    tokenizer = MODEL.source_tokenizer
    ids = [*tokenizer.encode(" ".join(text.split())), EOS]

    assert words_of(text, ids, tokenizer) == words


def test_parts_of_words_belong_to_the_whole_word():
    tokenizer = BPETokenizer.train(["the dog sees the cat and the dog"] * 4, specials=True, vocab_size=30)
    text = "the dogs, and Zoë's cat"
    ids = [*tokenizer.encode(text), EOS]
    found = words_of(text, ids, tokenizer)

    assert list(dict.fromkeys(found)) == ["the", "dogs", ",", "and", "Zoë'", "s", "cat", ""]


def test_the_end_of_a_source_is_no_word_however_much_it_is_looked_at():
    assert most_attended(np.array([0.1, 0.3, 0.6]), ["the", "dog", ""]) == "dog"
    assert most_attended(np.array([1.0]), [""]) == ""


# Bad input


@pytest.mark.parametrize(
    "call", [lambda s: s.feed("je"), lambda s: s.generate(3), lambda s: s.respond("je"), lambda s: s.reseed("je")]
)
def test_what_a_language_model_does_is_refused_with_what_to_do(call):
    with pytest.raises(UsageError, match=r"tiny translates whole texts and cannot .*; write a text, or use /translate"):
        call(started())


def test_a_language_model_does_not_translate():
    with pytest.raises(UsageError, match="tiny does not translate"):
        Session(tiny_model()).translate("abc")


def test_a_source_that_is_too_long_is_one_line(session, monkeypatch):
    with pytest.raises(
        UsageError, match=r"the text has 10,000 tokens; .* so the limit is 3,999: translate it in parts"
    ):
        session.translate("cat\n" * 10_000)
    monkeypatch.setattr(translate, "MAX_SOURCE_TOKENS", 4)
    assert done(session.translate("i see you", 3))
    with pytest.raises(UsageError, match="has 4 tokens"):
        session.translate("i see the cat")


def test_a_source_in_an_unknown_script_names_it(session):
    with pytest.raises(VocabularyError, match="tiny knows nothing of 'привет'"):
        session.translate("привет")
    assert session._cursor.timeline.num_runs == 1


def test_a_fault_of_the_encoder_leaves_the_session_where_it_was(session):
    answer = done(session.translate("the cat", 5)).answer

    def failing(source, lengths):
        raise RuntimeError("broken")

    session.decoder._decoder = type("Broken", (TinyTranslator,), {"encode": staticmethod(failing)})(4, 4)
    with pytest.raises(PluginError, match="the model tiny failed: RuntimeError: broken"):
        list(session.translate("the dog", 5))
    assert session.text().text == answer
    assert session.undo().position == 0


# Files


@pytest.mark.parametrize("budget", [0, 256])
@pytest.mark.parametrize("strategy", [Sample(), Firsts()])
def test_a_restored_session_has_its_translations(tmp_path, strategy, budget):
    session = started(snapshot_mb=budget)
    session.strategy, session.replaces_unknown = strategy, True
    for text in ("i see Schmidt", "the dog", "i love the cat ."):
        done(session.translate(text, 40))
    list(session.regenerate(2, 9))
    session.save(tmp_path / "one.safetensors")
    restored = Session.restore(tmp_path / "one.safetensors", MODEL, **OFFERS, snapshot_mb=budget)
    restored.save(tmp_path / "two.safetensors")
    assert (tmp_path / "two.safetensors").read_bytes() == (tmp_path / "one.safetensors").read_bytes()

    assert restored.text() == session.text()
    assert restored.branches() == session.branches()
    for each in (session, restored):
        each.seen = []
        for _ in range(3):
            each.seen += [
                each.text(),
                each.attention(),
                each.attention().weights.tobytes(),
                each.here.outputs.tobytes(),
            ]
            each.undo()
        each.redo(2)
        each.seen += [each.attention().weights.tobytes(), each.text()]
        each.rewind(0)
        each.seen.append(each.here.state.encoded.tobytes())
        each.replaces_unknown = True
        each.seen += list(each.regenerate(2, 7))
    assert restored.seen == session.seen


def test_a_session_that_stands_at_a_source_is_restored_there(tmp_path):
    session = started()
    done(session.translate("the dog", 5))
    session.rewind(0)
    session.save(tmp_path / "one.safetensors")
    restored = Session.restore(tmp_path / "one.safetensors", MODEL, **OFFERS)

    assert restored.here.outputs.tobytes() == session.here.outputs.tobytes()
    assert restored.redo().position == session.redo().position


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sources", lambda data: [[0, *each[1:]] for each in data] + [[1, "x", [2], []]]),
        ("sources", lambda data: [[each[0], each[1], [99], []] for each in data]),
        ("sources", lambda data: [[each[0], each[1], [], []] for each in data]),
        ("words", lambda data: [[0, "word"]]),
        ("words", lambda data: [[3, 4]]),
    ],
)
def test_a_damaged_source_is_refused(tmp_path, name, change):
    session = started()
    done(session.translate("the dog", 5))
    session.save(tmp_path / "one.safetensors")
    header, tensors = file.read(tmp_path / "one.safetensors")
    tensors[name] = np.frombuffer(json.dumps(change(json.loads(tensors[name].tobytes()))).encode(), np.uint8)
    file.write(tmp_path / "one.safetensors", header, tensors)

    with pytest.raises(CheckpointError, match=r"one.safetensors is damaged"):
        Session.restore(tmp_path / "one.safetensors", MODEL, **OFFERS)


def test_sources_of_different_lengths_are_kept_with_their_states(tmp_path):
    session = started()
    for number, text in enumerate(("the dog", "i see the cat .", "you")):
        done(session.translate(text, 5))
        session.branch_off(f"b{number}")
    session.save(tmp_path / "one.safetensors")
    restored = Session.restore(tmp_path / "one.safetensors", MODEL, **OFFERS)

    for name in ("main", "b0", "b1", "b2"):
        session.checkout(name)
        restored.checkout(name)
        assert [leaf.tobytes() for leaf in restored.here.state] == [leaf.tobytes() for leaf in session.here.state]


def test_many_translations_stay_within_the_budget():
    """What a search found is no exception, nor are the encoded sources."""
    session = started(snapshot_mb=0.02)
    session.strategy = Firsts()
    for _ in range(300):
        done(session.translate("the dog i love .", 5))

    assert session._cursor.store.bytes < 25_000
    before = session.ids()
    session.undo(250)
    assert session.ids() == before
    session.redo(250)


# What a message means


PLAIN = {"max_tokens": 5, "stop": (), "unknown": "error", "nbest": 1}


def test_a_message_is_translated():
    session = started()
    *tokens, finished = session.behaviour.answer("the dog", PLAIN)

    assert all(isinstance(token, Token) for token in tokens)
    assert (finished.source, finished.num_tokens, finished.stop) == ("the dog", 5, "length")


def test_an_answer_to_a_message_has_as_many_candidates_as_are_wished_for():
    session = started()
    session.strategy = Firsts()

    assert len(done(session.behaviour.answer("the dog", PLAIN | {"nbest": 3})).candidates) == 3


def test_a_translation_is_not_gone_on_with():
    with pytest.raises(UsageError, match="cannot continue an answer; /regen translates again"):
        list(started().behaviour.continue_answer(PLAIN))
