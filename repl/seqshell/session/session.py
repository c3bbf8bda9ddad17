"""A live model and its hidden state, in time. Knows nothing of terminals, commands or plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.decoding.strategies import Sample
from seqshell.decoding.words import parse_strategy, with_setting
from seqshell.errors import SeqshellError, UsageError, VocabularyError
from seqshell.events import Finished, Moved, Score, Text, Token, Top
from seqshell.models import Model
from seqshell.sampling import Draw, Sampler, Stop, Strategy
from seqshell.session import looking, saving
from seqshell.session.branches import Branch
from seqshell.session.generation import Plan, answer
from seqshell.session.moving import Movable

MOST_TOKENS = 1_000_000  # of one answer
MB = 1_000_000
Answer = Iterator[Token | Finished]


class Session(Movable):
    """One model, live: it reads, answers, and goes back to any moment.

    samplers, strategies: what the words of settings mean. snapshot_mb: memory for the snapshots that going back lands on.
    seed: of the counted draws, 0 to 2**64 - 1. excluded: ids that are never drawn; at first PAD, BOS and UNK where there are any.
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
        super().__init__(model, seed, snapshot_mb * MB)
        self._samplers = samplers or {}
        self._strategies = strategies or {}
        self._chain: tuple[Sampler, ...] = ()
        self.strategy: Strategy = Sample()
        tokenizer = model.tokenizer
        self.excluded = frozenset(special for special in (tokenizer.pad, tokenizer.bos, tokenizer.unk) if special is not None)

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

    # Reading and answering

    def feed(self, text: str, unknown: str = "error") -> int:
        """Read a text without answering; returns the number of tokens. unknown="skip" leaves out characters that the model does not know.

        VocabularyError names such characters otherwise. After an error nothing has changed.
        """
        return self.feed_ids(self._encoded(text, unknown))

    def feed_ids(self, ids: Sequence[int]) -> int:
        """Read tokens; returns how many (fewer than there are after an interrupt)."""
        size = self.model.tokenizer.size
        if ids and not 0 <= min(ids) <= max(ids) < size:
            raise UsageError(f"ids of this vocabulary are 0 to {size - 1}")
        self._must_be_causal()
        self._forget_interrupt()
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
        plan = self._plan(max_tokens, stop, strategy, settings)
        self._forget_interrupt()
        return self._answer(plan)

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
        self._last_answer()
        return self._candidates([self._plan(max_tokens, stop, strategy, settings) for settings in variants])

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

    # Looking

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
        self._must_be_causal()
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
        told = ", ".join(f"{name}={value}" for name, value in settings.items())
        return Plan(chosen, chain, Stop(number, frozenset() if eos is None else frozenset([eos]), texts), self.excluded, told)

    def _must_be_causal(self) -> None:
        if not self.model.causal:
            raise UsageError(f"{self.model.name} reads a text as a whole and cannot go on from a live state")

    def _forget_interrupt(self) -> None:
        """Where nobody calls begin_turn, an interrupt that came while nothing ran is over."""
        if not self._has_lines:
            self.live.interrupted = False

    def _answer(self, plan: Plan) -> Answer:
        self._take_turn(answers=True)
        yield from answer(self.live, plan, self._turn, self._draw, self.branch)

    def _last_answer(self) -> tuple[int, int]:
        """The node before the last answer, and its turn."""
        branch, timeline = self._branches.current, self.live.timeline
        if branch.point == self.here.node and not branch.returns:  # a candidate that came out empty
            return branch.point, branch.turn
        run = timeline.last_answer(self.here.node)
        if run < 0:
            raise UsageError("there is no answer yet to make again; send a message first", code="no_answer")
        return timeline.parent[run], timeline.turn[run]

    def _candidates(self, plans: list[Plan]) -> Answer:
        """Each plan's answer on a branch of its own."""
        self._keep_place()
        timeline, branches, left = self.live.timeline, self._branches, self._branches.current
        point, turn = self._last_answer()
        used = timeline.retries_at(point) | {branch.retry for branch in branches if branch.node == branch.point == point}
        start = self.live.moment(point)
        parent = left.parent if left.point == point else left.name
        left.point, left.turn = point, turn
        first: Branch | None = None
        for number, plan in enumerate(plans, 1):
            retry = next(retry for retry in range(len(used) + 1) if retry not in used)
            used.add(retry)
            branch = branches.add(Branch(branches.free_name(), point, retry, parent, timeline.depth(point), point, turn))
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

    def _node(self, branch: str | None) -> int:
        self._keep_place()
        return self._branches[branch].node if branch else self.here.node
