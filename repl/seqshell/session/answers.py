"""How a session answers: by which strategy and samplers, in which turn, and several times from one moment, each on a branch of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqshell.core.errors import SeqshellError, UsageError, VocabularyError
from seqshell.core.events import Finished, Token
from seqshell.core.model import Model, Task
from seqshell.core.sampling import Sampler, Stop, Strategy
from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.decoding.syntax import parse_strategy, with_setting
from seqshell.session.branches import Branch
from seqshell.session.generation import End, Plan, answer
from seqshell.session.navigation import Movable
from seqshell.session.tasks.translation import translation
from seqshell.session.timeline import Source

MOST_TOKENS = 1_000_000  # of one answer
Answer = Iterator[Token | Finished]


class Answering(Movable):
    """A movable moment from which the model answers.

    samplers, strategies: what the words of settings mean. excluded: ids that are never drawn; at first PAD, BOS and UNK where there are
    any. replaces_unknown: in a translation, UNK gives way to the source word that the model looked at most; where the model has
    attention, UNK may then be drawn.
    """

    def __init__(
        self,
        model: Model,
        samplers: Mapping[str, type[Any]],
        strategies: Mapping[str, type[Any]],
        seed: int,
        budget: float,
    ) -> None:
        super().__init__(model, seed, budget)
        self._samplers = samplers
        self._strategies = strategies
        self._chain: tuple[Sampler, ...] = ()
        self.strategy: Strategy = Greedy() if model.task is Task.TRANSLATE else Sample()
        tokenizer = model.tokenizer
        self.excluded = frozenset(
            special for special in (tokenizer.pad, tokenizer.bos, tokenizer.unk) if special is not None
        )
        self.replaces_unknown = False

    @property
    def chain(self) -> tuple[Sampler, ...]:
        """The samplers, in their order. What they remember is dropped when they change; the state is kept."""
        return self._chain

    @chain.setter
    def chain(self, samplers: Sequence[Sampler]) -> None:
        self._chain = tuple(samplers)

    @property
    def draws_unknown(self) -> bool:
        """Whether UNK, the token for what a vocabulary lacks, may be drawn."""
        return self.model.tokenizer.unk is not None and self.model.tokenizer.unk not in self.excluded

    @draws_unknown.setter
    def draws_unknown(self, draws: bool) -> None:
        if self.model.tokenizer.unk is not None:
            unknown = frozenset([self.model.tokenizer.unk])
            self.excluded = self.excluded - unknown if draws else self.excluded | unknown

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
        Where the strategy is a search, which draws nothing, they are its best answers, best first, as many as it finds.
        UsageError when there is no answer yet.
        """
        variants = [{}] * which if isinstance(which, int) else which
        if not variants:
            raise UsageError("ask for at least one candidate")
        self._last_answer()
        plans = [self._plan(max_tokens, stop, strategy, settings) for settings in variants]
        source = self.live.timeline.source(self.here.node)
        if source is not None:
            plans = [replace(plan, prefix=source.prefix) for plan in plans]
        return self._candidates(plans, of_one_search=isinstance(which, int) and not plans[0].strategy.streams)

    # Inside

    def _encoded(self, text: str, unknown: str, tokenizer: Tokenizer | None = None) -> list[int]:
        tokenizer = tokenizer or self.model.tokenizer
        try:
            return tokenizer.encode(text)
        except VocabularyError as error:
            if unknown != "skip" or not error.positions:
                named = error.message.replace("the model", self.model.name, 1)
                raise VocabularyError(named, text=error.text, positions=error.positions, hint=error.hint) from None
            left_out = set(error.positions)
            return tokenizer.encode("".join(character for index, character in enumerate(text) if index not in left_out))

    def _plan(
        self,
        max_tokens: int | None,
        stop: str | Sequence[str],
        strategy: Strategy | str | None,
        settings: Mapping[str, Any],
    ) -> Plan:
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
        return Plan(
            chosen, chain, Stop(number, frozenset() if eos is None else frozenset([eos]), texts), self._undrawn(), told
        )

    def _undrawn(self) -> frozenset[int]:
        """The ids that are not drawn in the next answer."""
        return self.excluded

    def _must_be_causal(self) -> None:
        if not self.model.causal:
            raise UsageError(f"{self.model.name} reads a text as a whole and cannot go on from a live state")

    def _must_go_on(self) -> None:
        """UsageError for a model that answers each text by itself: it neither feeds nor generates."""

    def _must_tell_tokens(self) -> None:
        """UsageError where the model does not tell what token comes next."""

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
        root = timeline.root(self.here.node)
        if root in timeline.sources:
            return root, timeline.turn[timeline.run_of(root)]
        if branch.point == self.here.node and not branch.returns:  # a candidate that came out empty
            return branch.point, branch.turn
        run = timeline.last_answer(self.here.node)
        if run < 0:
            raise UsageError("there is no answer yet to make again; send a message first", code="no_answer")
        return timeline.parent[run], timeline.turn[run]

    def _candidates(self, plans: list[Plan], *, of_one_search: bool) -> Answer:
        """Each plan's answer on a branch of its own. of_one_search: the plans are one, and its best answers are the candidates."""
        self._keep_place()
        timeline, branches, left = self.live.timeline, self._branches, self._branches.current
        point, turn = self._last_answer()
        used = timeline.retries_at(point) | {
            branch.retry for branch in branches if branch.node == branch.point == point
        }
        start, source = self.live.moment(point), timeline.source(point)
        parent = left.parent if left.point == point else left.name
        left.point, left.turn = point, turn
        first: Branch | None = None
        end = End()
        for number, plan in enumerate(plans, 1):
            if of_one_search and number == 1:
                plan = replace(plan, num_best=len(plans))
            elif of_one_search:
                if number > len(end.best):
                    break
                plan = replace(plan, found=end.best[number - 1])
            retry = next(retry for retry in range(len(used) + 1) if retry not in used)
            used.add(retry)
            branch = branches.add(
                Branch(branches.free_name(), point, retry, parent, timeline.depth(point), point, turn)
            )
            self._switch(branch, start, retry)
            first = first or branch
            finished = None
            told = number if len(plans) > 1 else None
            try:
                for event in self._events(plan, turn, told, source, end if number == 1 else End()):
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

    def _events(self, plan: Plan, turn: int, candidate: int | None, source: Source | None, end: End) -> Answer:
        """An answer from the live moment: of a language model, or a translation of `source`."""
        if source is None:
            return answer(self.live, plan, turn, self._draw, self.branch, candidate, end)
        return translation(
            self.live,
            plan,
            turn,
            self._draw,
            self.branch,
            candidate,
            end,
            source=source,
            replaces=self.replaces_unknown,
        )
