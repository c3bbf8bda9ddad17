"""Beam search over many rows at once, in one group or several: what a step chooses, what ends, and what is continued.

The idea: the best continuation need not begin with the best token, so W beginnings ("hypotheses") are kept alive. A
step takes, of the W * V continuations of a row, the W with the highest sums of log-probabilities. Invariants: all live
hypotheses of a row have the same length, so their sums can be compared without a length penalty; hypotheses of
different lengths are compared only when finished, by their scores; and a sum never grows when a hypothesis is
continued, which bounds what a live hypothesis can still score.

Diverse beam search (Vijayakumar et al. 2016) divides the W places into groups, which choose in turn at each step: a
token that an earlier group chose at the same step is less likely to be chosen again. Sums and scores do not contain
this penalty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from seqshell.core.decoder import Decoder
from seqshell.core.errors import UsageError
from seqshell.core.sampling import Batch, Hypotheses, Hypothesis, Request, SampleContext
from seqshell.core.state import attention_of
from seqshell.decoding.beam_choice import Choice, Continuations, Ids, Ranker, choose, most_likely_continuations
from seqshell.decoding.beam_pools import Pool, best_of
from seqshell.decoding.candidates import Floats, RowContext, Shaped, Shaper
from seqshell.decoding.hypotheses import ExtendedHistory, PathNode, Trail
from seqshell.decoding.length_penalty import Scoring
from seqshell.decoding.required_words import RequiredWords
from seqshell.decoding.search_record import SearchRecord
from seqshell.decoding.stop_texts import BranchingStops

# Finished sentences are removed when they are an eighth of the batch: removing them copies all others.
COMPACT_SHARE = 8


@dataclass(frozen=True)
class BeamPlan:
    """The parameters of a search. width: live hypotheses per row, divided evenly among the groups.

    diversity: nats that a token loses for each hypothesis of an earlier group that chose it at the same step.
    early_stop: a group is finished when it has as many finished hypotheses as places; otherwise, when also no live one
    can beat the worst of these. require: words that every answer contains.
    """

    width: int
    scoring: Scoring
    early_stop: bool
    groups: int = 1
    diversity: float = 0.0
    require: tuple[str, ...] = ()


def search(
    decoder: Decoder, start: Batch, request: Request, plan: BeamPlan, record: SearchRecord | None = None
) -> Iterator[Hypotheses]:
    """Yield the best answers of each row of `start` when it is finished. record: listens to the search of one row.

    UsageError if the plan does not fit the request or the model.
    """
    size = start.outputs.shape[1]
    if plan.width > size:
        raise UsageError(
            f"a beam of {plan.width:,} is wider than the vocabulary of {size:,} tokens; width={size} or less"
        )
    if request.num_best > plan.width:
        raise UsageError(
            f"a beam of {plan.width:,} has no {request.num_best:,} best answers; width={request.num_best} or more"
        )
    return _Search(decoder, start, request, plan, record).run()


def _required_words(request: Request, plan: BeamPlan) -> RequiredWords | None:
    if not plan.require:
        return None
    if request.tokenizer is None:
        raise UsageError("words can be required only with a tokenizer")
    return RequiredWords(plan.require, request.tokenizer, request.stop)


class _Search:
    """The state of a search over M sentences, each with W places for live hypotheses, in the rows m * W + w of the
    trail.

    W is 1 at first: every sentence has one beginning.
    """

    def __init__(
        self, decoder: Decoder, start: Batch, request: Request, plan: BeamPlan, record: SearchRecord | None
    ) -> None:
        self._record = record
        num_rows = len(start.histories)
        self._start, self._request, self._plan = start, request, plan
        self._share = plan.width // plan.groups  # places per group
        self._stop_ids = np.array(sorted(request.stop.ids), np.int64)
        self._shaper = Shaper(request)
        self._endings = (
            BranchingStops(request.stop.texts, request.tokenizer) if request.stop.texts and request.tokenizer else None
        )
        self._required = _required_words(request, plan)
        self._trail = Trail(decoder, start, request.keeps_states)
        # By row of the start, and by group.
        self._pools = [[Pool(request.tokenizer) for _ in range(plan.groups)] for _ in range(num_rows)]
        self._is_done = [False] * num_rows
        self._sentences = list(range(num_rows))  # rows of the start that are still in the batch
        memories = [each or self._shaper.chain.first_memories() for each in start.memories]
        self._nodes: list[PathNode | None] = [
            PathNode(None, -1, -1, row, memories[row]) for row in range(num_rows)
        ]  # [M * W]; None in an empty place
        self._sums = np.zeros((num_rows, 1))  # [M, W]
        self._log_probs = np.zeros((num_rows, 1))  # [M, W]
        self._coverage: Floats | None = None  # [M, W, S]
        if plan.scoring.coverage_penalty and (attention := attention_of(start.state)) is not None:
            self._coverage = np.zeros((num_rows, 1, attention.shape[1]))

    def run(self) -> Iterator[Hypotheses]:
        """Run step by step; hypotheses that are live at max_tokens are finished as they are."""
        max_tokens = self._request.stop.max_tokens
        for step in range(max_tokens):
            forced = self._request.prefix[step : step + 1]
            shaped = self._shaper.shape(self._trail.outputs, self._row_context)
            for row in () if forced else shaped.ended:
                self._finish_live(row, step, "plugin")
                self._nodes[row] = None
                self._sums.flat[row] = -np.inf
            choice = self._forced(shaped, forced[0]) if forced else self._chosen(shaped, step)
            coverage = self._covered(choice)
            if not forced:
                self._end(choice, coverage, step + 1)
                self._close(choice)
            yield from self._done_answers(np.flatnonzero(choice.sums.max(1) == -np.inf).tolist())
            if all(self._is_done):
                return
            self._advance(choice, coverage, None if forced else shaped)
        for row in range(len(self._nodes)):
            self._finish_live(row, max_tokens)
        yield from self._done_answers(range(len(self._sentences)))

    # What a step chooses

    def _row_context(self, row: int) -> RowContext | None:
        """The context for the samplers in a row of the trail; None in an empty place."""
        node = self._nodes[row]
        if node is None:
            return None
        start, first, ids = self._start, self._sentences[row // self._sums.shape[1]], node.ids()
        generated, position = start.generated[first] + len(ids), start.positions[first] + len(ids)
        tokens = ExtendedHistory(start.histories[first], ids)
        attention = attention_of(self._trail.state) if self._request.copying is not None else None
        answer = (start.answered[first] if start.answered else 0) + len(ids)
        request, left = self._request, self._request.stop.max_tokens - len(ids)
        context = SampleContext(tokens, generated, position, request.tokenizer, None, request.draw, answer, left)
        return context, node.memories, attention[row] if attention is not None else None

    def _forced(self, shaped: Shaped, token: int) -> Choice:
        """Continue with a token of the prefix, in the single place that each sentence has so far."""
        log_probs = self._log_probs + (self._trail.outputs[:, token] - shaped.own_totals)[:, None]
        return Choice(
            np.zeros(log_probs.shape, np.int64), np.full(log_probs.shape, token, np.int64), log_probs, log_probs
        )

    def _chosen(self, shaped: Shaped, step: int) -> Choice:
        """The best continuations of each sentence's hypotheses."""
        num_sentences, places = self._sums.shape
        shape = num_sentences, places, shaped.logits.shape[1]
        continuations = Continuations(
            shaped.logits.reshape(shape),
            self._sums - shaped.totals.reshape(num_sentences, places),
            self._trail.outputs.reshape(shape),
            self._log_probs - shaped.own_totals.reshape(num_sentences, places),
        )
        ranker: Ranker = most_likely_continuations
        if self._required is not None:
            nodes = [self._nodes[start : start + places] for start in range(0, len(self._nodes), places)]
            answers = [[node.ids() if node is not None else None for node in row] for row in nodes]
            ranker = self._required.ranker(answers, self._request.stop.max_tokens - step)
        return choose(continuations, self._plan.groups, self._share, self._plan.diversity, ranker)

    def _covered(self, choice: Choice) -> Floats | None:
        """The attention [M, W, S] that each source position got in total, for the parents of the chosen tokens."""
        if self._coverage is None:
            return None
        covered = self._coverage + attention_of(self._trail.state).reshape(self._coverage.shape)
        of_parents: Floats = covered[np.arange(len(choice.places))[:, None], choice.places]
        return of_parents

    # What ends

    def _end(self, choice: Choice, coverage: Floats | None, length: int) -> None:
        """Remove the hypotheses that end, with an id or a stop text, from the choice, and score them."""
        lives = np.isfinite(choice.sums)
        # few ids: isin would sort first, and take longer
        at_ids = (choice.tokens[..., None] == self._stop_ids).any(-1) & lives
        for index, place in np.argwhere(lives if self._endings else at_ids).tolist():
            node = self._nodes[index * self._sums.shape[1] + int(choice.places[index, place])]
            assert node is not None  # only live hypotheses are continued
            num_ids = length - 1
            if self._endings and not at_ids[index, place]:
                token = int(choice.tokens[index, place])
                num_bytes = self._endings.read(token, node.tail)[1]
                if not num_bytes:
                    continue
                num_ids = self._endings.cut([*node.ids(), token], num_bytes)
            if self._required is not None and not self._required.are_in(node.ids()[:num_ids]):
                choice.sums[index, place] = -np.inf
                continue
            score = self._score(choice.sums, coverage, index, place, length)
            self._pool(index, place).add(score, float(choice.log_probs[index, place]), node, num_ids)
            if self._record is not None:
                self._record.end(node, score)
            choice.sums[index, place] = -np.inf

    def _close(self, choice: Choice) -> None:
        """Remove the hypotheses of finished groups from the choice."""
        plan, max_tokens = self._plan, self._request.stop.max_tokens
        for index in range(len(self._sentences)):
            for place in range(0, plan.width, self._share):
                pool, live = self._pool(index, place), choice.sums[index, place : place + self._share]
                if len(pool) >= self._share:
                    worst = pool.trim(self._share)
                    if plan.early_stop or plan.scoring.bound(float(live.max()), max_tokens) <= worst:
                        live[:] = -np.inf

    def _finish_live(self, row: int, length: int, stop: str = "") -> None:
        node, (index, place) = self._nodes[row], divmod(row, self._sums.shape[1])
        if node is not None:
            score = self._score(self._sums, self._coverage, index, place, max(1, length))
            self._pool(index, place).add(score, float(self._log_probs[index, place]), node, length, stop)
            if self._record is not None:
                self._record.end(node, score)

    def _pool(self, index: int, place: int) -> Pool:
        """The finished hypotheses of the group that owns a place."""
        return self._pools[self._sentences[index]][place // self._share]

    def _score(self, sums: Floats, coverage: Floats | None, index: int, place: int, length: int) -> float:
        covered = None
        if coverage is not None:
            lengths = self._start.source_lengths
            covered = coverage[index, place, : lengths[self._sentences[index]] if lengths else None]
        return self._plan.scoring.score(float(sums[index, place]), length, covered)

    def _done_answers(self, done: Iterable[int]) -> Iterator[Hypotheses]:
        """The answers of the sentences that are finished now."""
        for index in done:
            row = self._sentences[index]
            if not self._is_done[row]:
                self._is_done[row] = True
                yield Hypotheses(row, self._best(row))

    def _best(self, row: int) -> tuple[Hypothesis, ...]:
        """The best finished hypotheses of all groups, the best of each content."""
        best = tuple(
            self._trail.hypothesis(found.node, found.num_ids, found.log_prob, found.score, found.stop)
            for found in islice(best_of(self._pools[row]), self._request.num_best)
        )
        for pool in self._pools[row]:
            pool.hypotheses.clear()
        return best

    # What is continued

    def _advance(self, choice: Choice, coverage: Floats | None, shaped: Shaped | None) -> None:
        """Read the chosen tokens.

        Removes finished sentences, if they are many, and places that are empty in every sentence.
        """
        num_sentences, places = self._sums.shape
        kept = [index for index, row in enumerate(self._sentences) if not self._is_done[row]]
        if (num_sentences - len(kept)) * COMPACT_SHARE < num_sentences:
            kept = list(range(num_sentences))
        order = np.array(kept)[:, None], self._live_places(choice.sums[kept])
        choice = Choice(*(part[order] for part in choice))
        stay = len(kept) == num_sentences and choice.sums.shape[1] == places
        parents = (np.array(kept)[:, None] * places + choice.places).ravel()
        tokens = choice.tokens.ravel()
        self._nodes = [
            self._node(int(parent), int(token), row, shaped) if lives else None
            for row, (parent, token, lives) in enumerate(
                zip(parents, tokens, np.isfinite(choice.sums).ravel(), strict=True)
            )
        ]
        if self._record is not None:
            self._record.grow(self._nodes, choice.sums.ravel().tolist())
        self._sentences = [self._sentences[index] for index in kept]
        self._sums, self._log_probs = choice.sums, choice.log_probs
        self._coverage = None if coverage is None else coverage[order]
        self._trail.advance(tokens, parents, stay=stay)
        finished = [found.node for pools in self._pools for pool in pools for found in pool.hypotheses]
        self._trail.thin([*self._nodes, *finished])

    def _live_places(self, sums: Floats) -> Ids:
        """The places to continue, [M, P]: the live ones of each sentence, filled up to the most that a sentence has;
        with groups, all [1, W].
        """
        if self._plan.groups > 1:
            return np.arange(sums.shape[1])[None]
        lives = np.isfinite(sums)
        found: Ids = np.argsort(~lives, axis=1, kind="stable")[:, : lives.sum(1).max()]
        return found

    def _node(self, parent_row: int, token: int, row: int, shaped: Shaped | None) -> PathNode:
        """The node of a chosen token.

        shaped: what it was chosen from; None for a token of the prefix, which updates no memory.
        """
        parent = self._nodes[parent_row]
        assert parent is not None  # only live hypotheses are continued
        memories, tail = parent.memories, parent.tail
        if shaped is not None and self._shaper.has_samplers:
            memories = self._shaper.chain.updated(memories, token, shaped.logits[parent_row])
        if self._endings:
            tail, _ = self._endings.read(token, tail)
        return PathNode(parent, token, self._trail.num_steps, row, memories, tail)
