"""A session and its reference, before the rules of what users do: where they are, and what must hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from tests.session.recomputed import DECODER, MODEL, SAMPLERS, STRATEGIES, Line, Place, Stretch, Weary, compute

from seqshell.core.sampling import Draw
from seqshell.session import Session
from seqshell.session.interventions import Clamp, Steering


class SessionMachine(RuleBasedStateMachine):
    """A session compared with what is recomputed. The rules, which a subclass has, do the same to both."""

    @initialize(budget=st.sampled_from([0.0, 0.0005, 0.003, 256.0]), chain=st.sampled_from([(), (Weary(),)]))
    def begin(self, budget, chain):
        self.session = Session(MODEL, samplers=SAMPLERS, strategies=STRATEGIES, snapshot_mb=budget)
        self.session.chain = self.chain = chain
        self.budget = budget
        self.lines = {"main": Line(Place())}
        self.current = "main"
        self.seed = self.turn = 0
        self.used = {}  # the retry numbers that were ever drawn, by place
        self.known = {}

    @property
    def line(self):
        return self.lines[self.current]

    def next_turn(self):
        self.turn += 1
        self.session.begin_turn()

    def read(self, stretch):
        if len(stretch):
            place = self.line.place
            self.line.place = replace(place, stretches=(*place.stretches, stretch))
            for position in range(len(place), len(self.line.place)):
                self.used.setdefault(self.line.place.until(position), set()).add(stretch.retry)

    def intervene(self, stays, *new):
        """End some interventions, and begin others, in this turn."""
        self.next_turn()
        active = self.line.place.active()
        mine, theirs = (  # a restored session has copies
            [each for each, is_kept in zip(group, stays, strict=False) if is_kept]
            for group in (self.session.interventions, active)
        )
        change = self.session.intervene((*mine, *new))
        clamped = [each.index for each in new if isinstance(each, Clamp)]  # again, which ends the clamp before
        wanted = (*(each for each in theirs if getattr(each, "index", None) not in clamped), *new)
        assert (change is None) == (wanted == active)
        if change is not None:
            self.changed(self.turn, wanted)
        names = [each.name for each in self.line.place.active()]
        assert [each.name for each in self.session.interventions] == names

    def changed(self, turn, wanted):
        place = self.line.place
        self.used.setdefault(place, set()).add(self.line.retry)
        added = tuple(each for each in wanted if isinstance(each, Steering) and each not in place.active())
        active = tuple(each for each in wanted if each not in added or not each.once)
        stretch = Stretch(turn, self.line.retry, change=active, added=added)
        self.line.place = replace(place, stretches=(*place.stretches, stretch))

    def drawn(self, count, chain=None):
        return Stretch(self.turn, self.line.retry, None, count, self.chain if chain is None else chain, self.seed)

    def go(self, places):
        line = self.line
        for place in places:
            if place == line.place:
                continue
            returns = line.returns
            while returns and returns[-1][0] != line.place:
                returns = returns[:-1]
            line.returns = (*returns, (place, line.place, line.retry))
            line.place, line.retry = place, place.retry()

    def move(self, action, *arguments):
        """Going anywhere reads at most 32 tokens again, or the stride to which the budget led."""
        before = DECODER.num_read
        moved = action(*arguments)
        stride = self.session.behaviour.cursor.store.stride
        assert DECODER.num_read - before <= stride
        assert stride == 32 or self.budget < 256
        return moved

    # What must hold

    def computed(self, line=None):
        return compute((line or self.line).place, self.known)

    @invariant()
    def the_current_snapshot_equals_the_recomputed_one(self):
        expected, here = self.computed(), self.session.here
        assert self.session.ids() == list(expected.ids)
        assert (self.session.position, self.session.branch) == (len(expected.ids), self.current)
        assert (self.session.seed, self.session.retry) == (self.seed, self.line.retry)
        assert here.state.tobytes() == expected.state.tobytes()
        assert here.outputs.tobytes() == expected.outputs.tobytes()
        assert self.session.behaviour.cursor.context(Draw()).generated == expected.generated
        memory = expected.memory if expected.chain == self.chain else (None,) * len(self.chain)
        for mine, theirs in zip(self.session.behaviour.cursor.memories(self.chain), memory, strict=True):
            assert (mine is None) == (theirs is None)
            assert mine is None or (mine[1] == theirs[1] and mine[0].tobytes() == theirs[0].tobytes())

    @invariant()
    def every_branch_is_where_it_was_left(self):
        for branch in self.session.branches():
            line = self.lines[branch.name]
            assert branch.position == len(line.place)
            assert self.session.ids(branch.name) == list(self.computed(line).ids)
