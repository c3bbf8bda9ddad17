"""The strategy beam (Graves 2012; Sutskever et al. 2014, https://arxiv.org/abs/1409.3215)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from seqshell.core.decoder import Decoder
from seqshell.core.plugin_api import setting
from seqshell.core.sampling import Batch, Request, Step
from seqshell.core.search_tree import SearchNode
from seqshell.decoding.beam_search import BeamPlan, search
from seqshell.decoding.length_penalty import AVERAGE, GNMT, NONE, Scoring
from seqshell.decoding.search_record import SearchRecord


@dataclass(frozen=True)
class Beam:
    """Search with the `width` best hypotheses at once, and return the finished ones with the best scores.

    Each step keeps the `width` most likely continuations of all live hypotheses. A continuation that ends, with EOS or
    a stop text, is scored and frees its place. If two finished hypotheses have the same text in different tokens, the
    better one remains. With `require`, the places are shared among hypotheses with different numbers of these words
    (Post and Vilar 2018, https://arxiv.org/abs/1804.06609). Samplers with `about_chance` are not used. Width 1 is
    greedy decoding.
    """

    name: ClassVar[str] = "beam"
    streams: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    width: int = setting(5, low=1, high=1000, neutral=1, help="hypotheses that are continued at once; 1 is greedy")
    normalise: str = setting(
        GNMT, choices=(GNMT, AVERAGE, NONE), help="how log-probabilities of different lengths are made comparable"
    )
    length_penalty: float = setting(
        1.0, low=0, high=100, neutral=0, help="with gnmt, scores are divided by ((5 + length) / 6) to this power"
    )
    coverage_penalty: float = setting(
        0.0, low=0, high=100, neutral=0, help="penalty for source words that got no attention"
    )
    early_stop: bool = setting(True, help="stop at `width` finished answers; off: stop when no other can be better")
    require: str = setting("", neutral="", help="words that every answer contains, e.g. love,good night")

    def search(self, decoder: Decoder, start: Batch, request: Request) -> Iterator[Step]:
        """Yield the Hypotheses of each row when it is finished.

        UsageError if the width exceeds the vocabulary or is below request.num_best.
        """
        return search(decoder, start, request, self.plan())

    def tree(self, decoder: Decoder, start: Batch, request: Request) -> tuple[SearchNode, ...]:
        """All hypotheses of the search of one row."""
        record = SearchRecord()
        for _ in search(decoder, start, request, self.plan(), record):
            pass
        return record.tree()

    def plan(self) -> BeamPlan:
        """The settings in the form that the search takes."""
        return BeamPlan(
            self.width,
            Scoring(self.normalise, self.length_penalty, self.coverage_penalty),
            self.early_stop,
            require=tuple(word for part in self.require.split(",") if (word := part.strip())),
        )
