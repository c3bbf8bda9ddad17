"""Beam search: several hypotheses at once, the best finished one wins (Graves 2012, Sutskever et al. 2014, https://arxiv.org/abs/1409.3215)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from seqshell.core.decoder import Decoder
from seqshell.core.plugin_api import setting
from seqshell.core.sampling import Batch, Request, Step
from seqshell.decoding.beam_search import BeamPlan, search
from seqshell.decoding.length_penalty import AVERAGE, GNMT, NONE, Scoring


@dataclass(frozen=True)
class Beam:
    """Go on with the `width` likeliest beginnings at once, and take the finished one with the best score.

    At each step the `width` likeliest continuations of all live hypotheses are chosen. Those that end, with EOS or a stop text,
    leave the beam with their score and take no place in it any more; of two that read alike, in other tokens, the better one counts.
    Samplers about chance are not in use. Width 1 is greedy.
    """

    name: ClassVar[str] = "beam"
    streams: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    width: int = setting(5, low=1, high=1000, neutral=1, help="hypotheses that go on at once; 1 is greedy")
    normalise: str = setting(
        GNMT, choices=(GNMT, AVERAGE, NONE), help="what a log-probability is divided by, so that lengths compare"
    )
    length_penalty: float = setting(
        1.0, low=0, high=100, neutral=0, help="with gnmt, scores are divided by ((5 + length) / 6) to this power"
    )
    coverage_penalty: float = setting(
        0.0, low=0, high=100, neutral=0, help="against source words that no attention fell on"
    )
    early_stop: bool = setting(True, help="end at `width` finished answers; off: when no other can win")

    def search(self, decoder: Decoder, start: Batch, request: Request) -> Iterator[Step]:
        """Hypotheses for each row, when it is done. UsageError for a width over the vocabulary's size or below request.num_best."""
        return search(decoder, start, request, self.plan())

    def plan(self) -> BeamPlan:
        """The settings as the search takes them."""
        return BeamPlan(
            self.width, Scoring(self.normalise, self.length_penalty, self.coverage_penalty), self.early_stop
        )
