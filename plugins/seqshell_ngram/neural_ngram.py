"""The architecture neural_ngram in torch: the neural probabilistic language model of Bengio et al. 2003."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell_ngram.config import NeuralNGramConfig
from seqshell_ngram.window import empty_window, windows


class NeuralNGramLanguageModel(nn.Module):
    """logits = b + W x + U tanh(d + H x), where x are the concatenated embeddings of the last n - 1 tokens.

    Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html, equation 1. W x is left out unless `direct`.

    Weights: embedding.weight [V + 1, E], whose first row is for positions before the beginning of the text;
    hidden.weight (H) [H, (n - 1) E] and hidden.bias (d) [H]; readout.weight (U) [V, H] and readout.bias (b) [V];
    direct.weight (W) [V, (n - 1) E]. State: one tensor [B, n - 1] int64, the last tokens, with -1 before the beginning.
    """

    def __init__(self, config: NeuralNGramConfig) -> None:
        super().__init__()
        self.config = config
        size = (config.order - 1) * config.embed_size
        self.embedding = nn.Embedding(config.vocab_size + 1, config.embed_size)
        self.hidden = nn.Linear(size, config.hidden_size)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)
        self.direct = nn.Linear(size, config.vocab_size, bias=False) if config.direct else None

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, n - 1] of -1."""
        return empty_window(batch_size, self.config.order, self.embedding.weight)

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, n - 1]. Returns logits [B, T, V], state [B, n - 1]."""
        hidden, state = self.hidden_states(tokens, state)
        return self.logits(hidden), state

    def hidden_states(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, n - 1]. Returns hidden states [B, T, H], state [B, n - 1].

        With direct connections, the vectors of the context follow each hidden state: [B, T, H + (n - 1) E].
        """
        contexts, state = windows(tokens, state)
        vectors = self.embedding(contexts + 1).flatten(2)  # [B, T, (n - 1) E]
        vectors = functional.dropout(vectors, self.config.embed_dropout, self.training)
        hidden = functional.dropout(self.hidden(vectors).tanh(), self.config.dropout, self.training)  # [B, T, H]
        return (hidden if self.direct is None else torch.cat((hidden, vectors), -1)), state

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: as `hidden_states` returns them, [..., H] or wider. Returns [..., V]."""
        size = self.config.hidden_size
        logits: Tensor = self.readout(hidden[..., :size])
        return logits if self.direct is None else logits + self.direct(hidden[..., size:])
