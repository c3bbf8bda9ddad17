"""Diverse beam search (Vijayakumar et al. 2016, https://arxiv.org/abs/1610.02424) with Hamming diversity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from seqshell.core.plugin_api import setting
from seqshell.decoding.beam import Beam
from seqshell.decoding.beam_search import BeamPlan


@dataclass(frozen=True)
class DiverseBeam(Beam):
    """A beam in groups that avoid each other's tokens.

    At each step the groups choose in turn. A token loses `diversity` nats for each hypothesis of an earlier group that
    chose it at this step. The penalty only steers the choice; the scores are those of a beam. One group is an ordinary
    beam.
    """

    name: ClassVar[str] = "diverse_beam"
    width: int = setting(
        6, low=1, high=1000, neutral=1, help="hypotheses that are continued at once, in all groups together"
    )
    groups: int = setting(3, low=1, high=1000, neutral=1, help="how many groups share the width evenly; 1 is a beam")
    diversity: float = setting(
        0.5, low=0, high=100, neutral=0, help="nats that a token loses for each earlier group that chose it"
    )

    def __post_init__(self) -> None:
        if self.width % self.groups:
            fewer = next(number for number in range(self.groups, 0, -1) if self.width % number == 0)
            raise ValueError(
                f"a width of {self.width:,} is no multiple of {self.groups:,} groups; groups={fewer} is possible"
            )

    def plan(self) -> BeamPlan:
        """The settings in the form that the search takes."""
        return replace(super().plan(), groups=self.groups, diversity=self.diversity)
