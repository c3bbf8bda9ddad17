"""All hypotheses of a search as a tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchNode:
    """A token that a search read after those above it, and what it read after it, the most likely first.

    log_prob: of all tokens up to this one, as the search adds them up. scores: of the answers that end here.
    """

    token: int
    log_prob: float
    children: tuple[SearchNode, ...] = ()
    scores: tuple[float, ...] = ()

    @property
    def best(self) -> float | None:
        """The best score of an answer through this token; None if there is none: a dead end."""
        below = [best for child in self.children if (best := child.best) is not None]
        return max([*self.scores, *below], default=None)
