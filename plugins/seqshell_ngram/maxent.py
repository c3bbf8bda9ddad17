"""The architecture maxent in torch: a log-linear model over hashed n-gram features (Mikolov et al. 2011)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell.layers.hashing import ngram_indices
from seqshell_ngram.config import MaxEntConfig
from seqshell_ngram.window import empty_window, windows


class MaxEntLanguageModel(nn.Module):
    """logit(w) is the sum of one weight for each n-gram that ends in w: w alone, w after the last token, and so on.

    A hash of the n-gram gives the index of its weight, so that several n-grams may share one (the direct connections of
    Mikolov et al. 2011, https://doi.org/10.1109/ASRU.2011.6163930, section 5.2). Weight decay is its Gaussian prior.
    Each step needs n numbers per token of the vocabulary, so large vocabularies need small batches.

    Weights: table.weight [table_size, 1], initially zero. State: one tensor [B, n - 1] int64, the last tokens, with -1
    before the beginning of the text.
    """

    def __init__(self, config: MaxEntConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.table_size, 1)
        nn.init.zeros_(self.table.weight)

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, n - 1] of -1."""
        return empty_window(batch_size, self.config.order, self.table.weight)

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, n - 1]. Returns logits [B, T, V], state [B, n - 1]."""
        contexts, state = windows(tokens, state)
        words = torch.arange(self.config.vocab_size, device=tokens.device)
        logits = torch.zeros((), device=tokens.device)
        for first in ngram_indices(contexts, self.config.table_size):
            features = (first[..., None] + words) % self.config.table_size  # [B, T, V]
            logits = logits + functional.embedding(features, self.table.weight).squeeze(-1)
        return logits, state
