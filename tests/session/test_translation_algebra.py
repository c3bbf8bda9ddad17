"""Whatever is done to a translation session, it equals encoding and stepping again, to the last bit."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.session.translation_reference import DECODER, MODEL, STRATEGIES, TEXTS, Line, Place, compute, drawn

from seqshell import BOS, EOS, UNK, UsageError
from seqshell.core.events import Translation
from seqshell.core.sampling import Draw, Stop
from seqshell.core.state import attention_of, leaves
from seqshell.decoding.strategies import Sample
from seqshell.inspect.alternatives import alternatives, take
from seqshell.session import Session
from seqshell.session.given import TranslationSource
from seqshell.session.unknown_words import UnknownWords


class SessionAgainstReference(RuleBasedStateMachine):
    """A session compared with a reference that keeps only the tokens and recomputes the rest each time."""

    @initialize(budget=st.sampled_from([0.0, 0.002, 0.02, 256.0]), replaces=st.booleans())
    def begin(self, budget, replaces):
        self.session = Session(MODEL, strategies=STRATEGIES, snapshot_mb=budget)
        self.session.strategy = Sample()
        self.session.replaces_unknown = self.replaces = replaces
        self.budget = budget
        self.lines = {"main": Line(Place())}
        self.current = "main"
        self.seed = self.turn = 0
        self.used = {}  # the retry numbers that were ever drawn, by root
        self.known = {}

    @property
    def line(self):
        return self.lines[self.current]

    def next_turn(self):
        self.turn += 1
        self.session.begin_turn()

    def answer(self, root, count, found=None):
        """The place after an answer of at most `count` tokens, drawn again; found: its rank in a search."""
        draw = Draw(self.seed, self.line.retry) if found is None else Draw(100 + found)
        excluded = {0, BOS} if self.replaces else {0, BOS, UNK}
        ids = (*MODEL.source_tokenizer.encode(root.source), EOS)
        unknown = UnknownWords(MODEL, TranslationSource(root.source, ids), self.replaces)
        copying, used = unknown.copying if found is None else None, set()
        place = root
        while len(place.ids) < count:
            state, outputs = compute(place, self.known)
            if len(place.ids) < len(root.prefix):
                token = root.prefix[len(place.ids)]
            else:
                token = drawn(outputs, excluded, draw, len(place.ids), copying, place.ids, state)
            if token == EOS:
                break
            word = unknown.word(token, state, place.text[-1] if place.text else "", used)
            text = MODEL.tokenizer.piece(token).decode() if word is None else word
            place = replace(place, ids=(*place.ids, token), text=(*place.text, text), retry=self.line.retry)
        if place.ids:
            self.used.setdefault((root.turn, root.left), set()).add(self.line.retry)
        return place

    # What users do

    @rule(text=st.sampled_from(TEXTS), count=st.integers(1, 40), found=st.booleans())
    def translate(self, text, count, found):
        self.next_turn()
        *tokens, finished = self.session.translate(text, count, strategy="found" if found else "sample")
        root = Place(self.line.place, self.turn, text)
        self.line.retry = 0
        self.line.place = self.answer(root, count, 0 if found else None)
        assert (
            finished.answer
            == "".join(token.text for token in tokens)
            == "".join(self.line.place.text).removeprefix(" ")
        )
        assert tuple(token.id for token in tokens) == self.line.place.ids

    @rule(text=st.sampled_from(TEXTS), count=st.integers(1, 5))
    def translate_and_stop_iterating(self, text, count):
        self.next_turn()
        answer = self.session.translate(text, count + 1)
        tokens = [event for _, event in zip(range(count), answer, strict=False) if not isinstance(event, Translation)]
        answer.close()
        self.line.retry = 0
        self.line.place = self.answer(Place(self.line.place, self.turn, text), len(tokens))
        assert len(self.line.place.ids) == len(tokens)

    @rule()
    def translate_a_blank_text(self):
        self.next_turn()
        assert len(list(self.session.translate(" "))) == 1

    @rule(seed=st.integers(0, 3))
    def change_the_seed(self, seed):
        self.session.set_seed(seed)
        self.seed, self.line.retry = seed, 0

    @rule()
    def reset(self):
        self.next_turn()
        if self.line.place.source is not None:
            self.line.place, self.line.retry = Place(self.line.place, self.turn), 0
        self.session.reset()

    @rule(turns=st.integers(1, 3))
    def undo(self, turns):
        places, place = [], self.line.place
        for _ in range(turns):
            turn = place.turn
            while place is not None and place.turn == turn:
                place = place.left
            places.append(place)
            if place is None:
                with pytest.raises(UsageError):
                    self.session.undo(turns)
                return
        self.move(self.session.undo, turns)
        self.go(places)

    @rule(share=st.floats(0, 1))
    def rewind(self, share):
        position = round(share * len(self.line.place.ids))
        assert self.move(self.session.rewind, position).position == position
        self.go([self.line.place.until(position)])

    @rule(turns=st.integers(1, 2))
    def redo(self, turns):
        line, place, retry, returns = self.line, self.line.place, self.line.retry, self.line.returns
        for _ in range(turns):
            if not returns or returns[-1][0] != place:
                with pytest.raises(UsageError):
                    self.session.redo(turns)
                return
            _, place, retry = returns[-1]
            returns = returns[:-1]
        self.move(self.session.redo, turns)
        line.place, line.retry, line.returns = place, retry, returns

    def move(self, action, *arguments):
        """Going anywhere encodes at most one source, and reads at most 32 tokens and BOS again."""
        before = DECODER.num_steps, DECODER.num_encoded
        moved = action(*arguments)
        assert DECODER.num_steps - before[0] <= 33
        assert DECODER.num_encoded - before[1] <= 1
        return moved

    def go(self, places):
        line = self.line
        for place in places:
            if place == line.place:
                continue
            returns = line.returns
            while returns and returns[-1][0] != line.place:
                returns = returns[:-1]
            line.returns = (*returns, (place, line.place, line.retry))
            line.place, line.retry = place, place.retry

    @precondition(lambda self: len(self.lines) < 6)
    @rule()
    def branch(self):
        name = f"b{len(self.lines)}{self.turn}"
        if name not in self.lines:
            self.session.branch_off(name)
            self.lines[name] = Line(self.line.place, self.line.retry)
            self.current = name

    @rule(data=st.data())
    def checkout(self, data):
        self.current = data.draw(st.sampled_from(sorted(self.lines)))
        self.move(self.session.checkout, self.current)

    @precondition(lambda self: len(self.lines) < 6)
    @rule(number=st.integers(1, 2), count=st.integers(1, 40), found=st.booleans())
    def regenerate(self, number, count, found):
        self.next_turn()
        place = self.line.place
        if place.source is None:
            with pytest.raises(UsageError, match="no answer"):
                self.session.regenerate()
            return
        root, first = place.until(0), None
        used = self.used.setdefault((root.turn, root.left), set())
        taken = {
            line.retry for name, line in self.lines.items() if name in self.candidates_at(root) and not line.place.ids
        }
        events = self.session.regenerate(number, count, strategy="found" if found else "sample")
        for rank, finished in enumerate(event for event in events if isinstance(event, Translation)):
            free = used | taken
            retry = min(set(range(len(free) + 1)) - free)
            taken.add(retry)
            self.lines[finished.branch] = Line(root, retry)
            self.current = finished.branch
            first = first or finished.branch
            self.line.place = self.answer(root, count, rank if found else None)
            assert finished.answer == "".join(self.line.place.text).removeprefix(" ")
        self.current = first

    @precondition(lambda self: len(self.lines) < 6)
    @rule(share=st.floats(0, 1), choice=st.integers(0, 3))
    def take_another_token(self, share, choice):
        self.next_turn()
        place = self.line.place
        position = round(share * len(place.ids))
        if place.source is None:
            with pytest.raises(UsageError, match="no translation here yet"):
                take(self.session, position, choice + 1)
            return
        refused = {*place.ids[position : position + 1], 0, BOS, EOS, *(() if self.replaces else (UNK,))}
        choices = alternatives(self.session, position, MODEL.tokenizer.size).choices
        taken = [each for each in choices if each.id not in refused][choice]
        ids = (*place.ids[:position], taken.id)
        timeline, here = self.session.behaviour.cursor.timeline, self.session.here.node
        options = timeline.options_after(timeline.root(here), here)
        most = options.max_tokens or Stop.max_tokens
        if len(ids) >= most:
            with pytest.raises(UsageError, match=f"the prefix has {len(ids)} tokens"):
                take(self.session, position, taken.rank)
            return
        *_, finished = take(self.session, position, taken.rank)
        self.lines[finished.branch] = Line(place)
        self.current = finished.branch
        root = Place(place, self.turn, place.source, prefix=ids)
        self.line.place = self.answer(root, most, 0 if options.strategy == "found" else None)
        assert self.line.place.ids[: position + 1] == ids
        assert finished.answer == "".join(self.line.place.text).removeprefix(" ")

    def candidates_at(self, root):
        """The branches that hold an empty answer from a root."""
        nodes = {branch.name: branch for branch in self.session.behaviour.navigator.branches}
        return {
            name for name, branch in nodes.items() if branch.node == branch.point and self.lines[name].place == root
        }

    @rule()
    def save_and_restore(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "saved.safetensors"
            self.session.save(path)
            self.session = Session.restore(path, MODEL, strategies=STRATEGIES, snapshot_mb=self.budget)
        self.session.replaces_unknown = self.replaces
        self.next_turn()

    # What must hold

    @invariant()
    def the_current_snapshot_equals_the_recomputed_one(self):
        place, here = self.line.place, self.session.here
        state, outputs = compute(place, self.known)
        assert self.session.ids() == list(place.ids)
        assert (self.session.position, self.session.branch) == (len(place.ids), self.current)
        assert (self.session.seed, self.session.retry) == (self.seed, self.line.retry)
        assert [leaf.tobytes() for leaf in leaves(here.state)] == [leaf.tobytes() for leaf in leaves(state)]
        assert here.outputs.tobytes() == outputs.tobytes()
        assert self.session.text().text == "".join(place.text).removeprefix(" ")
        assert self.session.behaviour.cursor.context(Draw()).generated == len(place.ids)

    @invariant()
    def the_attention_equals_the_recomputed_one(self):
        place = self.line.place
        if place.source is not None:
            expected = [
                attention_of(compute(place.until(count), self.known)[0])[0].tolist() for count in range(len(place.ids))
            ]
            assert self.session.attention().weights.tolist() == expected

    @invariant()
    def every_branch_is_where_it_was_left(self):
        shown = {branch.name: branch for branch in self.session.branches()}
        assert shown.keys() == self.lines.keys()
        for name, line in self.lines.items():
            assert (shown[name].position, shown[name].current) == (len(line.place.ids), name == self.current)
            assert self.session.text(name).text == "".join(line.place.text).removeprefix(" ")


SessionAgainstReference.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_a_translation_session_equals_recomputing_everything_from_the_start = SessionAgainstReference.TestCase
