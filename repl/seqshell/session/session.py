"""A live model and its hidden state, in time. Knows nothing of terminals, commands or plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from seqshell.decoding.strategies import Sample
from seqshell.decoding.words import parse_strategy, with_setting
from seqshell.errors import SeqshellError, UsageError, VocabularyError
from seqshell.events import Branch as BranchShown
from seqshell.events import Finished, Moved, Score, Text, Token, Top
from seqshell.models import Model
from seqshell.sampling import Draw, Sampler, Stop, Strategy
from seqshell.session import looking, saving
from seqshell.session.branches import Branch, Branches
from seqshell.session.generation import Plan, answer
from seqshell.session.live import Live
from seqshell.session.snapshots import Snapshot

MOST_TOKENS = 1_000_000  # of one answer
MB = 1_000_000
Answer = Iterator[Token | Finished]


class Session:
    """One model, live: it reads, answers, and goes back to any moment.

    samplers, strategies: what the words of settings mean. snapshot_mb: memory for the snapshots that going back lands on.
    seed: of the counted draws, 0 to 2**64 - 1. excluded: ids that are never drawn; at first PAD, BOS and UNK where there are any.

    What is committed between two calls of begin_turn is one turn for undo and redo. Where begin_turn is never called, a turn is what
    was fed and the answer to it.
    """

    def __init__(
        self,
        model: Model,
        *,
        samplers: Mapping[str, type[Any]] | None = None,
        strategies: Mapping[str, type[Any]] | None = None,
        seed: int = 0,
        snapshot_mb: float = 256,
    ) -> None:
        self.model = model
        self.live = Live(model, snapshot_mb * MB)
        self.line = ""  # what the user typed to begin this turn
        self._samplers = samplers or {}
        self._strategies = strategies or {}
        self._chain: tuple[Sampler, ...] = ()
        self.strategy: Strategy = Sample()
        tokenizer = model.tokenizer
        self.excluded = frozenset(special for special in (tokenizer.pad, tokenizer.bos, tokenizer.unk) if special is not None)
        self._branches = Branches()
        self._seed = self._retry = self._turn = 0
        self._has_lines = self._is_answered = False
        self.set_seed(seed)

    # Where it stands

    @property
    def here(self) -> Snapshot:
        """The live moment."""
        return self.live.here

    @property
    def position(self) -> int:
        """How many tokens the state has read."""
        return self.live.position

    @property
    def branch(self) -> str:
        """The name of the current branch."""
        return self._branches.current.name

    @property
    def seed(self) -> int:
        """The random seed."""
        return self._seed

    @property
    def retry(self) -> int:
        """Which of the draws of this seed is in use here: 0, or a number that regenerate gave."""
        return self._retry

    @property
    def chain(self) -> tuple[Sampler, ...]:
        """The samplers, in their order. What they remember is dropped when they change; the state is kept."""
        return self._chain

    @chain.setter
    def chain(self, samplers: Sequence[Sampler]) -> None:
        self._chain = tuple(samplers)

    @property
    def snapshot_mb(self) -> float:
        """MB for the snapshots that going back lands on."""
        return self.live.store.budget / MB

    @snapshot_mb.setter
    def snapshot_mb(self, budget: float) -> None:
        self.live.store.budget = budget * MB

    def set_seed(self, seed: int) -> None:
        """Draw by another seed from here on; the state is kept."""
        if not 0 <= seed < 2**64:
            raise UsageError(f"the seed must be 0 to {2**64 - 1}, not {seed}")
        self._seed, self._retry = seed, 0

    def begin_turn(self, line: str = "") -> None:
        """What is committed from now on, until the next call, is one turn. line: what the user typed."""
        self.line = line
        self.live.interrupted = False
        self._has_lines = True
        self._turn += 1

    def interrupt(self) -> None:
        """Stop what runs at the next token. Safe in a signal handler and from another thread."""
        self.live.interrupted = True

    # Reading and answering

    def feed(self, text: str, unknown: str = "error") -> int:
        """Read a text without answering; returns the number of tokens. unknown="skip" leaves out characters that the model does not know.

        VocabularyError names such characters otherwise. After an error nothing has changed.
        """
        return self.feed_ids(self._encoded(text, unknown))

    def feed_ids(self, ids: Sequence[int]) -> int:
        """Read tokens; returns how many (fewer than there are after an interrupt)."""
        size = self.model.tokenizer.size
        for token in ids:
            if not 0 <= token < size:
                raise UsageError(f"the id {token} is not in the vocabulary, which has 0 to {size - 1}")
        if not self.model.causal:
            raise UsageError(f"{self.model.name} reads a text as a whole and cannot go on from a live state")
        self._take_turn(answers=False)
        return self.live.feed(list(ids), self._turn, self._draw)

    def generate(
        self,
        max_tokens: int | None = None,
        *,
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        **settings: Any,
    ) -> Answer:
        """Answer from the live state: a Token for each token, committed before it is told, then Finished.

        stop: texts at which the answer ends; they are neither told nor kept. settings: values of samplers for this call alone
        (`temperature=0.8`). Closing the iterator leaves the session at the last token told. UsageError for what cannot be used.
        """
        return self._answer(self._plan(max_tokens, stop, strategy, settings))

    def respond(
        self,
        text: str,
        max_tokens: int | None = None,
        *,
        unknown: str = "error",
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        **settings: Any,
    ) -> Answer:
        """Feed a text, then generate."""
        plan = self._plan(max_tokens, stop, strategy, settings)
        self.feed(text, unknown)
        return self._answer(plan)

    def regenerate(
        self,
        which: int | Sequence[Mapping[str, Any]] = 1,
        max_tokens: int | None = None,
        *,
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
    ) -> Answer:
        """Answer again from before the last answer: so many candidates, or one for each mapping of settings.

        Each is a branch (main.2, main.3, ...) with a draw of its own; Finished names it. At the end the session stands on the first.
        UsageError when there is no answer yet.
        """
        variants = [{}] * which if isinstance(which, int) else which
        if not variants:
            raise UsageError("ask for at least one candidate")
        if self.live.timeline.last_answer(self.here.node) < 0:
            raise UsageError("there is no answer yet to make again; send a message first", code="no_answer")
        return self._candidates([self._plan(max_tokens, stop, strategy, settings) for settings in variants])

    # Back and forth

    def undo(self, turns: int = 1) -> Moved:
        """Go back to before the last turns. UsageError when there are fewer."""
        nodes = [self.here.node]
        while len(nodes) <= turns:
            before = self.live.timeline.before_turn(nodes[-1])
            if before < 0:
                done = len(nodes) - 1
                raise UsageError(f"only {done} {'turn' if done == 1 else 'turns'} can be taken back" if done else "there is nothing to take back")
            nodes.append(before)
        return self._back(nodes)

    def undo_tokens(self, number: int = 1) -> Moved:
        """Go back by tokens."""
        if not 0 <= number <= self.position:
            raise UsageError(f"{number} tokens cannot be taken back: {self.position} were read")
        return self.rewind(self.position - number)

    def rewind(self, position: int) -> Moved:
        """Go back to a position, 0 to where it stands, or, where it is negative, so many tokens back."""
        target = position if position >= 0 else self.position + position
        if not 0 <= target <= self.position:
            raise UsageError(f"{position} is outside of this branch, which stands at {self.position}")
        return self._back([self.here.node, self.live.timeline.ancestor(self.here.node, target)])

    def rewind_to(self, text: str) -> Moved:
        """Go back to just after the last occurrence of a text. UsageError when there is none."""
        return self.rewind(looking.find_last(self.live, text))

    def redo(self, turns: int = 1) -> Moved:
        """Bring again what the last undo or rewind took back, so many times. UsageError when something was read since then."""
        returns = self._branches.current.returns
        node, retry, left = self.here.node, self._retry, len(returns)
        for done in range(turns):
            if not left or returns[left - 1].left != node:
                raise UsageError(f"only {done} can be brought again" if done else "there is nothing to bring again")
            left -= 1
            node, retry = returns[left].node, returns[left].retry
        snapshot, was = self.live.moment(node), self.position
        del returns[left:]
        self._stand(snapshot, retry)
        forward = self.position > was
        return self._moved(was, was - self.position, f"/rewind {was} goes back" if forward else "/undo brings them again")

    def reset(self) -> Moved:
        """Back to the initial state; undo takes it back."""
        return self.reseed("")

    def reseed(self, text: str, unknown: str = "error") -> Moved:
        """Forget, then feed a text; undo takes it back. After an error nothing has changed."""
        ids, before, was = self._encoded(text, unknown), self.here, self.position
        if was or ids:
            self._is_answered = True
            self._take_turn(answers=False)
            try:
                self.live.root(before.node, self._turn, Draw(self._seed, 0))
                self.live.feed(ids, self._turn, Draw(self._seed, 0))
            except BaseException:
                self.live.here = before
                raise
            self._stand(self.here, 0)
        return self._moved(was, was, "/undo brings them again" if was else "")

    # Branches

    def branch_off(self, name: str | None = None) -> Moved:
        """Name this moment and go on there; without a name it is called main.2, main.3, ..."""
        left = self._branches.current
        branch = self._branches.add(Branch(name or self._branches.free_name(), parent=left.name, fork=self.position))
        return self._switch(branch, self.here, self._retry)

    def checkout(self, name: str) -> Moved:
        """Go to where another branch stands."""
        branch = self._branches[name]
        if branch is self._branches.current:
            return self._moved(self.position)
        return self._switch(branch, self.live.moment(branch.node), branch.retry)

    def drop(self, name: str) -> None:
        """Forget a branch that is not the current one."""
        self._branches.drop(name)

    def branches(self) -> tuple[BranchShown, ...]:
        """All branches, parents before children."""
        self._keep_place()
        depth = self.live.timeline.depth
        return tuple(
            BranchShown(
                branch.name,
                depth(branch.node),
                branch is self._branches.current,
                looking.first_words(self.live, branch.node, branch.fork),
                branch.parent,
                branch.fork,
            )
            for branch in self._branches.in_tree_order()
        )

    def candidates(self) -> tuple[str, ...]:
        """The branches with the answers that regenerate made here, the current one among them; UsageError when there is no other."""
        return tuple(branch.name for branch in self._branches.candidates())

    def next_candidate(self, step: int = 1) -> Moved:
        """Go to the next of the answers that regenerate made here (step=-1: the previous), and from the last to the first."""
        found = self._branches.candidates()
        return self.checkout(found[(found.index(self._branches.current) + step) % len(found)].name)

    # Looking

    @property
    def tail(self) -> str:
        """The last two lines of the text."""
        return looking.last_lines(self.live, self.here.node)

    def text(self, branch: str | None = None) -> Text:
        """The text of a branch as it is now, with the spans that the user wrote."""
        return looking.text_of(self.live, self._node(branch))

    def ids(self, branch: str | None = None) -> list[int]:
        """The tokens of a branch."""
        return self.live.timeline.ids_to(self._node(branch))

    def top(self, k: int = 10) -> Top:
        """The k likeliest next tokens, for the model and after the chain."""
        return looking.top(self.live, self._chain, self.excluded, self._draw, k)

    def score(self, text: str, unknown: str = "error") -> Score:
        """How likely a text would be if it came next; the state is not moved."""
        return looking.score(self.live, self._encoded(text, unknown))

    def describe(self) -> Mapping[str, Any]:
        """The state's size and norms, where it stands and the snapshots in use, in words."""
        return {**looking.describe(self.live, self.branch), "seed": self._seed, "retry": self._retry}

    # Files

    def save(self, path: str | Path) -> None:
        """Write the whole session: every token, the branches, what could be redone, and snapshots to go back to."""
        self._keep_place()
        whole = saving.Saved(self.live, self._branches, self._chain, self.strategy, self._seed, self._retry, self._turn)
        saving.write(Path(path), whole, self._samplers, self._strategies)

    @classmethod
    def restore(
        cls,
        path: str | Path,
        model: Model,
        *,
        samplers: Mapping[str, type[Any]] | None = None,
        strategies: Mapping[str, type[Any]] | None = None,
        snapshot_mb: float = 256,
    ) -> Session:
        """The session that was saved; its next tokens are those that would have come.

        CheckpointError for a file that is damaged, or that was saved with another model.
        """
        session = cls(model, samplers=samplers, strategies=strategies, snapshot_mb=snapshot_mb)
        saved = saving.read(Path(path), session.live, session._samplers, session._strategies)
        session._branches, session._chain, session.strategy = saved.branches, saved.chain, saved.strategy
        session._seed, session._retry, session._turn = saved.seed, saved.retry, saved.turn
        session._is_answered = True
        return session

    @staticmethod
    def saved_model(path: str | Path) -> saving.SavedModel:
        """The model that a saved session needs. CheckpointError when the file is none."""
        return saving.saved_model(Path(path))

    # Inside

    @property
    def _draw(self) -> Draw:
        return Draw(self._seed, self._retry)

    def _encoded(self, text: str, unknown: str) -> list[int]:
        tokenizer = self.model.tokenizer
        try:
            return tokenizer.encode(text)
        except VocabularyError as error:
            if unknown != "skip" or not error.positions:
                named = error.message.replace("the model", self.model.name, 1)
                raise VocabularyError(named, text=error.text, positions=error.positions, hint=error.hint) from None
            left_out = set(error.positions)
            return tokenizer.encode("".join(character for index, character in enumerate(text) if index not in left_out))

    def _plan(self, max_tokens: int | None, stop: str | Sequence[str], strategy: Strategy | str | None, settings: Mapping[str, Any]) -> Plan:
        number = Stop.max_tokens if max_tokens is None else max_tokens
        if not 1 <= number <= MOST_TOKENS:
            raise UsageError(f"an answer has 1 to {MOST_TOKENS:,} tokens, not {number}")
        texts = (stop,) if isinstance(stop, str) else tuple(stop)
        if "" in texts:
            raise UsageError("a stop text cannot be empty")
        chain = self._chain
        for name, value in settings.items():
            chain = with_setting(chain, name, value, self._samplers)
        eos = self.model.tokenizer.eos
        chosen = parse_strategy(strategy, self._strategies) if isinstance(strategy, str) else strategy or self.strategy
        return Plan(chosen, chain, Stop(number, frozenset() if eos is None else frozenset([eos]), texts), self.excluded)

    def _answer(self, plan: Plan) -> Answer:
        if not self.model.causal:
            raise UsageError(f"{self.model.name} reads a text as a whole and cannot go on from a live state")
        self._take_turn(answers=True)
        yield from answer(self.live, plan, self._turn, self._draw, self.branch)

    def _candidates(self, plans: list[Plan]) -> Answer:
        """Each plan's answer on a branch of its own."""
        self._keep_place()
        timeline, branches, left = self.live.timeline, self._branches, self._branches.current
        run = timeline.last_answer(self.here.node)
        point, turn = timeline.parent[run], timeline.turn[run]
        used = timeline.retries_at(point) | {branch.retry for branch in branches if branch.node == branch.point == point}
        start = self.live.moment(point)
        parent = left.parent if left.point == point else left.name
        left.point = point
        first: Branch | None = None
        for number, plan in enumerate(plans, 1):
            retry = next(retry for retry in range(len(used) + 1) if retry not in used)
            used.add(retry)
            branch = branches.add(Branch(branches.free_name(), point, retry, parent, timeline.depth(point), point))
            self._switch(branch, start, retry)
            first = first or branch
            finished = None
            try:
                for event in answer(self.live, plan, turn, self._draw, branch.name, number if len(plans) > 1 else None):
                    finished = event if isinstance(event, Finished) else None
                    yield event
            except SeqshellError:
                if self.here.node == point and self._branches.current is branch:  # nothing came of it
                    self.checkout(left.name if branch is first else first.name)
                    branches.remove(branch)
                raise
            finally:
                if branches.current is branch and branch is not first:
                    self.checkout(first.name)
            if finished is None or finished.stop == "interrupt":
                break

    def _take_turn(self, answers: bool) -> None:
        """Where nobody calls begin_turn, what follows an answer or a move begins a turn."""
        if not self._has_lines and self._is_answered:
            self._turn += 1
        self._is_answered = answers

    def _node(self, branch: str | None) -> int:
        self._keep_place()
        return self._branches[branch].node if branch else self.here.node

    def _keep_place(self) -> None:
        self._branches.current.node, self._branches.current.retry = self.here.node, self._retry

    def _stand(self, snapshot: Snapshot, retry: int) -> None:
        self.live.here, self._retry, self._is_answered = snapshot, retry, True

    def _switch(self, branch: Branch, snapshot: Snapshot, retry: int) -> Moved:
        was, left = self.position, self.branch
        self._keep_place()
        self._branches.current = branch
        self._stand(snapshot, retry)
        return self._moved(was, 0, f"/checkout {left} goes back")

    def _back(self, nodes: list[int]) -> Moved:
        """Along the nodes, from the live one; a redo for each stretch."""
        was, timeline = self.position, self.live.timeline
        if nodes[-1] == nodes[0]:
            return self._moved(was)
        snapshot = self.live.moment(nodes[-1])
        retry = self._retry
        for left, reached in pairwise(nodes):
            self._branches.current.leave(left, retry, reached)
            retry = timeline.retry[timeline.run_of(reached)]
        self._stand(snapshot, retry)
        redo = "/redo" if len(nodes) == 2 else f"/redo {len(nodes) - 1}"
        removed = was - self.position
        return self._moved(was, removed, f"{redo} {'brings them again' if removed > 0 else 'forgets them again'}")

    def _moved(self, was: int, removed: int = 0, way_back: str = "") -> Moved:
        return Moved(self.position, was, self.branch, self.tail, removed, way_back)
