"""Truncation: each sampler keeps the tokens that its rule selects and sets the logits of the others to -inf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import KeepBest, KeepMass, KeepNear, KeepTypical, Rule, SampleContext, log_probs, setting

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class TopK:
    """Keep the `k` most likely tokens (Fan et al. 2018, https://arxiv.org/abs/1805.04833)."""

    name: ClassVar[str] = "top_k"
    stage: ClassVar[str] = "truncation"
    about_chance: ClassVar[bool] = True
    k: int = setting(40, low=0, neutral=0, help="keep the k most likely tokens; 0 keeps all")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it does, for samplers that share one sort."""
        return (KeepBest(self.k),) if self.k else ()

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V] with all but the k largest at -inf; ties at the border are kept."""
        if self.k == 0 or self.k >= logits.size:
            return logits
        return np.where(logits < np.partition(logits, -self.k)[-self.k], -np.inf, logits)


@dataclass(frozen=True)
class TopP:
    """Nucleus sampling: keep the smallest set of most likely tokens whose probabilities sum to at least `p`.

    Holtzman et al. 2020, https://arxiv.org/abs/1904.09751, equation 2.
    """

    name: ClassVar[str] = "top_p"
    stage: ClassVar[str] = "truncation"
    about_chance: ClassVar[bool] = True
    p: float = setting(
        0.95,
        low=0,
        high=1,
        neutral=1.0,
        help="keep the most likely tokens that together reach this probability; 0 keeps only the best",
    )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it does, for samplers that share one sort."""
        return (KeepMass(self.p),) if self.p < 1 else ()

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V] with the tail at -inf; ties at the border are kept."""
        if self.p == 1:
            return logits
        weights = np.exp(logits - logits[logits.argmax()])
        total = weights.sum()
        # Tokens below an equal share of the tail sum to less than the tail, so the nucleus is among the others.
        head = weights[weights >= (1 - self.p) * total / weights.size]
        head.sort()
        falling = head[::-1]
        border = falling[min(int(falling.cumsum().searchsorted(self.p * total)), falling.size - 1)]
        return np.where(weights < border, -np.inf, logits)


@dataclass(frozen=True)
class MinP:
    """Keep tokens at least `p` times as likely as the best (Nguyen et al. 2024, https://arxiv.org/abs/2407.01082)."""

    name: ClassVar[str] = "min_p"
    stage: ClassVar[str] = "truncation"
    about_chance: ClassVar[bool] = True
    p: float = setting(
        0.05, low=0, high=1, neutral=0.0, help="keep tokens at least this fraction as likely as the best; 0 keeps all"
    )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it does, for samplers that share one sort."""
        return (KeepNear(math.log(self.p)),) if self.p else ()

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V] with less likely tokens at -inf."""
        if self.p == 0:
            return logits
        return np.where(logits < logits[logits.argmax()] + math.log(self.p), -np.inf, logits)


@dataclass(frozen=True)
class TypicalP:
    """Locally typical sampling: keep the tokens with surprisals nearest to the entropy that together reach `p`.

    Meister et al. 2022, https://arxiv.org/abs/2202.00666, equation 10: ordered by |H + log p_i|; H is the entropy.
    """

    name: ClassVar[str] = "typical_p"
    stage: ClassVar[str] = "truncation"
    about_chance: ClassVar[bool] = True
    p: float = setting(
        0.95, low=0, high=1, neutral=1.0, help="keep the most typical tokens that together reach this probability"
    )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it does, for samplers that share one sort."""
        return (KeepTypical(self.p),) if self.p < 1 else ()

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V] with atypical tokens, perhaps the most likely one, at -inf; ties are kept."""
        if self.p == 1:
            return logits
        logs = log_probs(logits)
        possible = logs > -np.inf
        logs = logs[possible]
        probs = np.exp(logs)
        away = np.abs(logs - probs @ logs)  # probs @ logs is -H
        order = away.argsort()
        border = away[order[min(int(probs[order].cumsum().searchsorted(self.p)), order.size - 1)]]
        kept = np.full_like(logits, -np.inf)
        possible[possible] = away <= border
        kept[possible] = logits[possible]
        return kept
