"""How a session answers: the strategy, the sampler chain, and candidates, each on its own branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Finished, Token
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.model import Model
from seqshell.core.sampling import Draw, Request, Sampler, Stop, Strategy
from seqshell.decoding.syntax import parse_strategy, with_setting
from seqshell.session.answer_options import AnswerOptions
from seqshell.session.branches import BranchState
from seqshell.session.cursor import Cursor
from seqshell.session.generation import End, GenerationPlan, answer
from seqshell.session.intervening import change_at
from seqshell.session.navigation import Navigator, require_causal
from seqshell.session.together import together

Answer = Iterator[Token | Finished]
Generate = Callable[[GenerationPlan, int, int | None, End], Answer]  # plan, turn, number of the candidate, end


class Answers:
    """Generates answers from the current position.

    samplers, strategies: those that settings may name. open_model: opens another model for a strategy. excluded: ids
    that are never drawn; at first PAD, BOS and UNK, if the tokenizer has them. replaces_unknown: in a translation, the
    source word that the model attended to most replaces UNK; if the model has attention, UNK may then be drawn.
    """

    def __init__(
        self,
        cursor: Cursor,
        navigator: Navigator,
        samplers: Mapping[str, type[Any]],
        strategies: Mapping[str, type[Any]],
        strategy: Strategy,
        open_model: Callable[[str], Model] = Request.open,
    ) -> None:
        self.open_model = open_model
        self.cursor = cursor
        self.navigator = navigator
        self.samplers = samplers
        self.strategies = strategies
        self.chain = ()
        self.strategy = strategy
        tokenizer = cursor.model.tokenizer
        specials = (tokenizer.pad, tokenizer.bos, tokenizer.unk)
        self.excluded = frozenset(special for special in specials if special is not None)
        self.replaces_unknown = False

    @property
    def chain(self) -> tuple[Sampler, ...]:
        """The samplers, in order."""
        return self._chain

    @chain.setter
    def chain(self, samplers: Iterable[Sampler]) -> None:
        chain = tuple(samplers)
        if wrong := [each for each in chain if isinstance(each, type) or not callable(each)]:
            raise TypeError(f"{wrong[0]!r:.40} is not a sampler")
        self._chain = chain

    @property
    def strategy(self) -> Strategy:
        """How answers are searched for."""
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: Strategy) -> None:
        if isinstance(strategy, type) or not callable(getattr(strategy, "search", None)):
            raise TypeError(f"{strategy!r:.40} is not a strategy")
        self._strategy = strategy

    @property
    def excluded(self) -> frozenset[int]:
        """The ids that are never drawn."""
        return self._excluded

    @excluded.setter
    def excluded(self, ids: Iterable[int]) -> None:
        excluded = frozenset(ids)
        if wrong := [each for each in excluded if not hasattr(each, "__index__")]:
            raise TypeError(f"{wrong[0]!r:.40} is not the id of a token")
        self._excluded = excluded

    @property
    def draws_unknown(self) -> bool:
        """True if UNK, the token for text that the vocabulary lacks, may be drawn."""
        unknown = self.cursor.model.tokenizer.unk
        return unknown is not None and unknown not in self.excluded

    @draws_unknown.setter
    def draws_unknown(self, draws: bool) -> None:
        if (unknown := self.cursor.model.tokenizer.unk) is not None:
            self.excluded = self.excluded - {unknown} if draws else self.excluded | {unknown}

    def plan(self, options: AnswerOptions, defaults: AnswerOptions, excluded: frozenset[int]) -> GenerationPlan:
        """How to generate an answer with these options and, where one is missing, the defaults.

        UsageError if one of them is invalid.
        """
        require_causal(self.cursor)
        chosen = options.over(defaults)
        number = Stop.max_tokens if chosen.max_tokens is None else chosen.max_tokens
        if not 1 <= number <= MAX_TOKENS:
            raise UsageError(f"an answer has 1 to {MAX_TOKENS:,} tokens, not {number}")
        texts = chosen.stop or ()
        if "" in texts:
            raise UsageError("a stop text cannot be empty")
        chain = self.chain
        for name, value in chosen.settings.items():
            chain = with_setting(chain, name, value, self.samplers)
        eos = self.cursor.model.tokenizer.eos
        stops = Stop(number, frozenset() if eos is None else frozenset([eos]), texts)
        named = chosen.strategy
        strategy = parse_strategy(named, self.strategies) if isinstance(named, str) else named or self.strategy
        as_text = ", ".join(f"{name}={value}" for name, value in chosen.settings.items())
        return GenerationPlan(strategy, chain, stops, excluded, as_text, options, open=self.open_model)

    def generate(self, plan: GenerationPlan) -> Answer:
        """Answer from the current position; the turn begins with the first token."""
        navigator = self.navigator
        yield from answer(self.cursor, plan, navigator.use_turn(answers=True), navigator.draw, navigator.branch)

    def last_answer(self) -> tuple[int, int]:
        """The node before the last answer on this branch, and the answer's turn. UsageError if there is none."""
        branch, timeline, here = self.navigator.branches.current, self.cursor.timeline, self.cursor.here
        is_candidate = branch.point >= 0 and not branch.returns
        if is_candidate and timeline.unchanged(branch.point) == timeline.unchanged(here.node):  # without any token
            return branch.point, branch.turn
        run = timeline.last_answer(here.node)
        if run < 0:
            raise UsageError("no answer to regenerate yet; send a message first", code="no_answer")
        return timeline.parent[run], timeline.turn[run]

    def candidates(
        self, plans: list[GenerationPlan], point: int, turn: int, generate: Generate, *, of_one_search: bool
    ) -> Answer:
        """Generate one candidate per plan from the node `point`, each on a branch; the first becomes the current one.

        The interventions are those that are active here, not at the point.
        of_one_search: the plans are equal, and the candidates are the best answers of one search.
        """
        self.cursor.require_free()
        navigator, timeline = self.navigator, self.cursor.timeline
        branches, left = navigator.branches, navigator.branches.current
        navigator.keep_place()
        used = timeline.retries_at(point)
        used |= {branch.retry for branch in branches if branch.node == branch.point == point}  # without any token
        start, notes = self.cursor.snapshot(point), timeline.notes_at(point, self.cursor.here.node)
        change = change_at(self.cursor, start, self.cursor.interventions)
        parent = left.parent if left.point == point else left.name
        left.point, left.turn = point, turn
        first: BranchState | None = None
        end = End()
        unused = (number for number in range(len(used) + len(plans)) if number not in used)
        retries = list(islice(unused, len(plans)))
        if not of_one_search and change is None:
            plans = together(self.cursor, plans, [Draw(navigator.seed, retry) for retry in retries])
        for number, (plan, retry) in enumerate(zip(plans, retries, strict=True), 1):
            if of_one_search and number == 1:
                plan = replace(plan, num_best=len(plans))
            elif of_one_search:
                if number > len(end.best):
                    break
                plan = replace(plan, found=end.best[number - 1])
            fork = timeline.depth(point)
            name = branches.free_name()
            branch = branches.add(BranchState(name, point, retry, parent, fork, point, turn, notes=notes))
            navigator.switch(branch, start, retry)
            begun = start if change is None else self.cursor.change(change, turn, navigator.draw)
            first = first or branch
            finished = None
            try:
                candidate = number if len(plans) > 1 else None
                for event in generate(plan, turn, candidate, end if number == 1 else End()):
                    finished = event if isinstance(event, Finished) else None
                    yield event
            except SeqshellError:
                if self.cursor.here.node == begun.node and branches.current is branch:  # no token was committed
                    navigator.checkout(left.name if branch is first else first.name)
                    branches.remove(branch)
                raise
            finally:
                if branches.current is branch and branch is not first:
                    navigator.checkout(first.name)
            if finished is None or finished.stop == "interrupt":
                break
