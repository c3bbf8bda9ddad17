"""A maximum entropy model over hashed n-gram features, in torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell.layers.hashing import ngram_indices
from seqshell_ngram.config import MaxEntConfig
from seqshell_ngram.window import empty, windows


class MaxEntLanguageModel(nn.Module):
    """logit(w) is the sum of one weight for each n-gram that ends with w: w alone, w after the last token, ... after the last n - 1. A
    log-linear model, whose features find their weights by a hash, and may share them (the direct connections of Mikolov et al. 2011,
    https://doi.org/10.1109/ASRU.2011.6163930, section 5.2). Weight decay is its Gaussian prior.

    Reading takes n numbers for each token of the vocabulary at every step, so that large vocabularies want small batches.
    Weights: table.weight [table_size, 1], zeros at first. State: one tensor [B, n - 1] int64, the last tokens, -1 where there are none.
    """

    def __init__(self, config: MaxEntConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.table_size, 1)
        nn.init.zeros_(self.table.weight)

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, n - 1] of -1."""
        return empty(batch_size, self.config.order, self.table.weight)

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, n - 1]. Returns logits [B, T, V], state [B, n - 1]."""
        contexts, state = windows(tokens, state)
        words = torch.arange(self.config.vocab_size, device=tokens.device)
        logits = torch.zeros((), device=tokens.device)
        for first in ngram_indices(contexts, self.config.table_size):
            features = (first[..., None] + words) % self.config.table_size  # [B, T, V]
            logits = logits + functional.embedding(features, self.table.weight).squeeze(-1)
        return logits, state
