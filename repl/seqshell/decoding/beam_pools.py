"""The finished hypotheses of a beam search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.hypotheses import PathNode


class FinishedHypothesis(NamedTuple):
    """A hypothesis that has ended: its last node, and how many of the ids up to it belong to the answer.

    content: the bytes of the answer, or its ids if there is no tokenizer; answers with the same content are duplicates.
    stop: as in a Hypothesis.
    """

    score: float
    log_prob: float
    node: PathNode
    num_ids: int
    content: bytes | tuple[int, ...]
    stop: str = ""


class Pool:
    """The finished hypotheses of one group of a row. Of those with the same content, the best one."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer
        self.hypotheses: list[FinishedHypothesis] = []

    def __len__(self) -> int:
        return len(self.hypotheses)

    def add(self, score: float, log_prob: float, node: PathNode, num_ids: int, stop: str = "") -> None:
        """Add the hypothesis that consists of the first `num_ids` ids on the path to `node`."""
        ids = node.ids()[:num_ids]
        content = tuple(ids) if self._tokenizer is None else b"".join(map(self._tokenizer.piece, ids))
        new = FinishedHypothesis(score, log_prob, node, num_ids, content, stop)
        for place, old in enumerate(self.hypotheses):
            if old.content == content:
                self.hypotheses[place] = min(old, new, key=_rank)
                return
        self.hypotheses.append(new)

    def trim(self, size: int) -> float:
        """Keep the `size` best hypotheses, and return the score of the worst of them."""
        self.hypotheses.sort(key=_rank)
        del self.hypotheses[size:]
        return self.hypotheses[-1].score


def best_of(pools: Iterable[Pool]) -> Iterator[FinishedHypothesis]:
    """The hypotheses of several groups, best first, each content once."""
    seen = set()
    for hypothesis in sorted(chain.from_iterable(pool.hypotheses for pool in pools), key=_rank):
        if hypothesis.content not in seen:
            seen.add(hypothesis.content)
            yield hypothesis


def _rank(hypothesis: FinishedHypothesis) -> float:
    return -hypothesis.score
