"""Contexts for samplers, and what they leave of the logits."""

from __future__ import annotations

import numpy as np

from seqshell import SampleContext
from seqshell.core.tokenizers import CharTokenizer

NO_CONTEXT = SampleContext()
LETTERS = CharTokenizer("abcdefghijkl")


def context_after(*tokens: int, memory=None) -> SampleContext:
    return SampleContext(tokens=list(tokens), position=len(tokens), tokenizer=LETTERS, memory=memory)


def probs(logits) -> np.ndarray:
    weights = np.exp(np.asarray(logits, float) - np.max(logits))
    return weights / weights.sum()


def kept(logits) -> set[int]:
    return {int(token) for token in np.flatnonzero(np.asarray(logits) > -np.inf)}
