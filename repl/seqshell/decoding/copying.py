"""Copying the words of a source that its vocabulary lacks into the translation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.sampling import Logits, SampleContext
from seqshell.decoding.probabilities import log_probs

LEAST = 1e-9  # of a probability, so that its logarithm is finite
EARLY_END = 0.01  # factor for the probability that an answer ends before all unknown words were copied


@dataclass(frozen=True)
class Copying:
    """Mixes the model's probabilities with those of copying an unknown word, which is UNK in the answer.

    P(token) = (1 - c) P_model(token), and c is added for UNK, as in equation 9 of See et al. 2017,
    https://arxiv.org/abs/1704.04368. Their switch is learned. Here c is the square of the attention that the unknown
    words get, because a model whose training text had no unknown words cannot have learned to write UNK. Each unknown
    word is copied once: an answer is unlikely to end before, and a whole word is not continued.

    unk, eos: ids of the target vocabulary. words: for each token of the source, the number of the unknown word that it
    belongs to, or -1. continuing: the ids that continue a word.
    """

    unk: int
    eos: int | None
    words: tuple[int, ...]
    continuing: tuple[int, ...] = field(repr=False)

    def logits(self, logits: Logits, context: SampleContext, attention: NDArray[Any]) -> Logits:
        """logits [V]; attention [S] over the source. Returns log-probabilities [V]."""
        is_unknown = np.array(self.words) >= 0
        share = min(1.0, float(attention[: len(is_unknown)][is_unknown].sum())) ** 2
        mixed: Logits = log_probs(logits) + np.log(max(LEAST, 1 - share))
        if Counter(context.tokens)[self.unk] > max(self.words):
            mixed[self.unk] = -np.inf
        else:
            mixed[self.unk] = np.logaddexp(mixed[self.unk], np.log(max(LEAST, share)))
            if self.eos is not None:
                mixed[self.eos] += np.log(EARLY_END)
        if len(context.tokens) and context.tokens[-1] == self.unk:
            mixed[list(self.continuing)] = -np.inf
        return mixed
