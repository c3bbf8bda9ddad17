"""Beam search, in one or several groups, over many rows at once: what a step chooses, what ends, and what goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import UsageError
from seqshell.core.sampling import Batch, Hypotheses, Hypothesis, Request, SampleContext
from seqshell.core.state import attention_of
from seqshell.decoding.candidates import Floats, RowContext, Shaped, Shaper, most_likely
from seqshell.decoding.hypotheses import ExtendedHistory, PathNode, Trail
from seqshell.decoding.length_penalty import Scoring
from seqshell.decoding.stop_texts import BranchingStops

Ids = NDArray[np.int64]

COMPACT_SHARE = (
    8  # sentences that are done leave the batch when they are an eighth of it: each time, what stays is copied
)


@dataclass(frozen=True)
class BeamPlan:
    """How a search is made. width: live hypotheses of a row, shared out evenly to the groups.

    diversity: what a token loses, in nats, for each hypothesis of an earlier group that took it at the same step. early_stop: a group
    is done when it has as many finished hypotheses as it has places; else when no live one can beat the worst of these any more.
    """

    width: int
    scoring: Scoring
    early_stop: bool
    groups: int = 1
    diversity: float = 0.0


class Choice(NamedTuple):
    """For each sentence, the best continuations of its live hypotheses, each array [M, W]: from which place, with which token.

    sums: of the log-probabilities chosen by, -inf where nothing goes on; log_probs: of the same tokens by the model alone.
    """

    places: Ids
    tokens: Ids
    sums: Floats
    log_probs: Floats


class FinishedHypothesis(NamedTuple):
    """A hypothesis that ended: the last node of its way, how many of the ids on it belong to the answer, and what they read.

    reads: the bytes of the answer; its ids where there is no tokenizer.
    """

    score: float
    log_prob: float
    node: PathNode
    num_ids: int
    reads: bytes | tuple[int, ...]


def search(decoder: Decoder, start: Batch, request: Request, plan: BeamPlan) -> Iterator[Hypotheses]:
    """The best answers of each row of `start`, told when the row is done. UsageError when the plan does not fit the request or the model."""
    size = start.outputs.shape[1]
    if plan.width > size:
        raise UsageError(
            f"a beam of {plan.width:,} is wider than the vocabulary of {size:,} tokens; width={size} or less"
        )
    if request.num_best > plan.width:
        raise UsageError(
            f"a beam of {plan.width:,} cannot give the {request.num_best:,} best; width={request.num_best} or more"
        )
    return _Search(decoder, start, request, plan).run()


class _Search:
    """The sentences of a batch: [M] of them, each with [W] places for live hypotheses, in the rows m * W + w of the trail; W is 1 at first."""

    def __init__(self, decoder: Decoder, start: Batch, request: Request, plan: BeamPlan) -> None:
        num_rows = len(start.histories)
        self._start, self._request, self._plan = start, request, plan
        self._share = plan.width // plan.groups  # places of a group
        self._stop_ids = np.array(sorted(request.stop.ids), np.int64)
        self._shaper = Shaper(request)
        self._endings = (
            BranchingStops(request.stop.texts, request.tokenizer) if request.stop.texts and request.tokenizer else None
        )
        self._trail = Trail(decoder, start, request.keeps_states)
        self._finished: list[list[list[FinishedHypothesis]]] = [
            [[] for _ in range(plan.groups)] for _ in range(num_rows)
        ]  # by row of the start
        self._is_done = [False] * num_rows
        self._sentences = list(range(num_rows))  # the rows of the start that are in the batch yet
        memories = [each or self._shaper.chain.first_memories() for each in start.memories]
        self._nodes: list[PathNode | None] = [
            PathNode(None, -1, -1, row, memories[row]) for row in range(num_rows)
        ]  # [M * W], None where nothing lives
        self._sums = np.zeros((num_rows, 1))  # [M, W]
        self._log_probs = np.zeros((num_rows, 1))  # [M, W]
        self._coverage: Floats | None = None  # [M, W, S]
        if plan.scoring.coverage_penalty and (attention := attention_of(start.state)) is not None:
            self._coverage = np.zeros((num_rows, 1, attention.shape[1]))

    def run(self) -> Iterator[Hypotheses]:
        """Step by step; what lives at max_tokens is finished as it is."""
        max_tokens = self._request.stop.max_tokens
        for step in range(max_tokens):
            forced = self._request.prefix[step : step + 1]
            shaped = self._shaper.shape(self._trail.outputs, self._row_context)
            choice = self._forced(shaped, forced[0]) if forced else self._chosen(shaped)
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
        """What the samplers may know in a row of the trail; None where nothing lives."""
        node = self._nodes[row]
        if node is None:
            return None
        start, first, ids = self._start, self._sentences[row // self._sums.shape[1]], node.ids()
        generated, position = start.generated[first] + len(ids), start.positions[first] + len(ids)
        tokens = ExtendedHistory(start.histories[first], ids)
        return SampleContext(
            tokens, generated, position, self._request.tokenizer, None, self._request.draw
        ), node.memories

    def _forced(self, shaped: Shaped, token: int) -> Choice:
        """The prefix goes on in the one place that each sentence has yet."""
        log_probs = self._log_probs + (self._trail.outputs[:, token] - shaped.own_totals)[:, None]
        return Choice(
            np.zeros(log_probs.shape, np.int64), np.full(log_probs.shape, token, np.int64), log_probs, log_probs
        )

    def _chosen(self, shaped: Shaped) -> Choice:
        """The best continuations of each group's hypotheses, the groups one after the other. Of equal ones the better parent, then the smaller id."""
        num_sentences, places = self._sums.shape
        size, share = shaped.logits.shape[1], self._share
        logits, outputs = (
            shaped.logits.reshape(num_sentences, places, size),
            self._trail.outputs.reshape(num_sentences, places, size),
        )
        before = self._sums - shaped.totals.reshape(num_sentences, places)
        own_before = self._log_probs - shaped.own_totals.reshape(num_sentences, places)
        taken = np.zeros((num_sentences, size)) if self._plan.groups > 1 else None  # how many took a token at this step
        sentence = np.arange(num_sentences)[:, None]
        choices = []
        for group in range(self._plan.groups):
            first = 0 if places == 1 else group * share  # at first the groups have one place in common
            mine = slice(first, first + min(places, share))
            part = logits[:, mine]
            if taken is not None:
                part = part - self._plan.diversity * taken[:, None]
            ids = most_likely(part.reshape(-1, size), share).reshape(num_sentences, -1, share)  # [M, P, K]
            ranks = (before[:, mine, None] + np.take_along_axis(part, ids, 2)).reshape(num_sentences, -1)  # [M, P * K]
            best = np.argsort(-ranks, axis=1, kind="stable")[:, :share]
            place, token = first + best // share, np.take_along_axis(ids.reshape(num_sentences, -1), best, 1)
            parent, chosen = (sentence, place), (sentence, place, token)
            choices.append(Choice(place, token, before[parent] + logits[chosen], own_before[parent] + outputs[chosen]))
            if taken is not None:
                np.add.at(taken, (sentence, token), np.isfinite(choices[-1].sums))
        return Choice(*(np.concatenate(parts, 1) for parts in zip(*choices, strict=True)))

    def _covered(self, choice: Choice) -> Floats | None:
        """The attention [M, W, S] that each source position got for the tokens up to the chosen ones."""
        if self._coverage is None:
            return None
        covered = self._coverage + attention_of(self._trail.state).reshape(self._coverage.shape)
        of_parents: Floats = covered[np.arange(len(choice.places))[:, None], choice.places]
        return of_parents

    # What ends

    def _end(self, choice: Choice, coverage: Floats | None, length: int) -> None:
        """Take the hypotheses that end, with an id or a text, out of the choice. Only now are they compared with those of another length."""
        lives = np.isfinite(choice.sums)
        at_ids = (choice.tokens[..., None] == self._stop_ids).any(-1) & lives  # few: isin sorts first, and takes longer
        for index, place in np.argwhere(lives if self._endings else at_ids).tolist():
            node = self._nodes[index * self._sums.shape[1] + int(choice.places[index, place])]
            assert node is not None  # only what lives goes on
            num_ids = length - 1
            if self._endings and not at_ids[index, place]:
                token = int(choice.tokens[index, place])
                num_bytes = self._endings.read(token, node.tail)[1]
                if not num_bytes:
                    continue
                num_ids = self._endings.cut([*node.ids(), token], num_bytes)
            score = self._score(choice.sums, coverage, index, place, length)
            self._finish(self._pool(index, place), score, float(choice.log_probs[index, place]), node, num_ids)
            choice.sums[index, place] = -np.inf

    def _close(self, choice: Choice) -> None:
        """Take everything out of the choice that belongs to a group that is done."""
        plan, max_tokens = self._plan, self._request.stop.max_tokens
        for index in range(len(self._sentences)):
            for place in range(0, plan.width, self._share):
                pool, live = self._pool(index, place), choice.sums[index, place : place + self._share]
                if len(pool) >= self._share:
                    pool.sort(key=_by_score)
                    del pool[self._share :]
                    if plan.early_stop or plan.scoring.bound(float(live.max()), max_tokens) <= pool[-1].score:
                        live[:] = -np.inf

    def _finish_live(self, row: int, length: int) -> None:
        node, (index, place) = self._nodes[row], divmod(row, self._sums.shape[1])
        if node is not None:
            score = self._score(self._sums, self._coverage, index, place, length)
            self._finish(self._pool(index, place), score, float(self._log_probs[index, place]), node, length)

    def _finish(
        self, pool: list[FinishedHypothesis], score: float, log_prob: float, node: PathNode, num_ids: int
    ) -> None:
        """Add a hypothesis to a group's pool. Of two that read alike, in other tokens, the better one stays."""
        ids, tokenizer = node.ids()[:num_ids], self._request.tokenizer
        new = FinishedHypothesis(
            score, log_prob, node, num_ids, tuple(ids) if tokenizer is None else b"".join(map(tokenizer.piece, ids))
        )
        for place, old in enumerate(pool):
            if old.reads == new.reads:
                pool[place] = min(old, new, key=_by_score)
                return
        pool.append(new)

    def _pool(self, index: int, place: int) -> list[FinishedHypothesis]:
        """The finished hypotheses of the group that has this place."""
        return self._finished[self._sentences[index]][place // self._share]

    def _score(self, sums: Floats, coverage: Floats | None, index: int, place: int, length: int) -> float:
        covered = None
        if coverage is not None:
            lengths = self._start.source_lengths
            covered = coverage[index, place, : lengths[self._sentences[index]] if lengths else None]
        return self._plan.scoring.score(float(sums[index, place]), length, covered)

    def _done_answers(self, done: Iterable[int]) -> Iterator[Hypotheses]:
        """The answers of the sentences that are done now."""
        for index in done:
            row = self._sentences[index]
            if not self._is_done[row]:
                self._is_done[row] = True
                yield Hypotheses(row, self._best(row))

    def _best(self, row: int) -> tuple[Hypothesis, ...]:
        """The best finished hypotheses of all groups; of those that read alike the best."""
        found: dict[bytes | tuple[int, ...], Hypothesis] = {}
        for score, log_prob, node, num_ids, reads in sorted(chain.from_iterable(self._finished[row]), key=_by_score):
            if reads not in found:
                found[reads] = self._trail.hypothesis(node, num_ids, log_prob, score)
            if len(found) == self._request.num_best:
                break
        for pool in self._finished[row]:
            pool.clear()
        return tuple(found.values())

    # What goes on

    def _advance(self, choice: Choice, coverage: Floats | None, shaped: Shaped | None) -> None:
        """Step what was chosen. Sentences that are done leave the batch, and so do places in which nothing lives, where no sentence needs them."""
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
        self._sentences = [self._sentences[index] for index in kept]
        self._sums, self._log_probs = choice.sums, choice.log_probs
        self._coverage = None if coverage is None else coverage[order]
        self._trail.advance(tokens, parents, stay=stay)
        self._trail.thin([*self._nodes, *(each.node for groups in self._finished for pool in groups for each in pool)])

    def _live_places(self, sums: Floats) -> Ids:
        """The places [M, P] to go on in: of each sentence those that live, and others where a sentence beside it has more; with groups all [1, W]."""
        if self._plan.groups > 1:
            return np.arange(sums.shape[1])[None]
        lives = np.isfinite(sums)
        found: Ids = np.argsort(~lives, axis=1, kind="stable")[:, : lives.sum(1).max()]
        return found

    def _node(self, parent_row: int, token: int, row: int, shaped: Shaped | None) -> PathNode:
        """shaped: what the token was chosen from; None for one of the prefix, which no sampler remembers."""
        parent = self._nodes[parent_row]
        assert parent is not None  # only what lives goes on
        memories, tail = parent.memories, parent.tail
        if shaped is not None and self._shaper.has_samplers:
            memories = self._shaper.chain.updated(memories, token, shaped.logits[parent_row])
        if self._endings:
            tail, _ = self._endings.read(token, tail)
        return PathNode(parent, token, self._trail.num_steps, row, memories, tail)


def _by_score(finished: FinishedHypothesis) -> float:
    return -finished.score
