"""The architecture window_lstm in torch: LSTM layers over the last tokens, as in textgenrnn."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seqshell.layers.modules import initialise
from seqshell_ngram.config import WindowLSTMConfig
from seqshell_ngram.window import empty_window, windows


class WindowLSTMLanguageModel(nn.Module):
    """LSTM layers that read the last W tokens again, from a state of zeros, for each next token.

    x_t are the embedding of a token and the outputs of all layers at it, M values; logits = U sum_t a_t x_t + b, with
    a = softmax_t(w x_t). The model of textgenrnn (Woolf 2017, https://github.com/minimaxir/textgenrnn), whose attention
    is that of DeepMoji (Felbo et al. 2017, https://arxiv.org/abs/1708.00524).

    Weights: embedding.weight [V + 1, E], whose first row is for positions before the beginning of the text, or before
    the last start_token, which are read as tokens are; recurrent.{layer}.weight_ih_l0 and so on, as nn.LSTM names them;
    attention.weight (w) [1, M]; readout.weight (U) [V, M] and readout.bias (b) [V]. State: one tensor [B, W] int64, the
    last tokens, with -1 before the beginning.
    """

    def __init__(self, config: WindowLSTMConfig) -> None:
        super().__init__()
        self.config = config
        both = config.bidirectional
        sizes = [config.embed_size] + [config.hidden_size * (2 if both else 1)] * (config.num_layers - 1)
        self.embedding = nn.Embedding(config.vocab_size + 1, config.embed_size)
        self.recurrent = nn.ModuleList(
            nn.LSTM(size, config.hidden_size, batch_first=True, bidirectional=both) for size in sizes
        )
        self.attention = nn.Linear(config.seen_size, 1, bias=False)
        self.readout = nn.Linear(config.seen_size, config.vocab_size)
        for layer in self.recurrent:
            for suffix in ("", "_reverse") if both else ("",):
                initialise(layer, is_lstm=True, suffix=suffix)

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, W] of -1."""
        return empty_window(batch_size, self.config.context_length + 1, self.embedding.weight)

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, W]. Returns logits [B, T, V], state [B, W]."""
        hidden, state = self.hidden_states(tokens, state)
        return self.logits(hidden), state

    def hidden_states(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, W]. Returns the averages over the windows [B, T, M], state [B, W]."""
        contexts, state = windows(tokens, state)
        contexts = contexts.flatten(0, 1)  # [B * T, W]
        if self.config.start_token >= 0:
            starts = (contexts == self.config.start_token).long()
            later = starts.flip(1).cumsum(1).flip(1) - starts  # starts after a token
            contexts = contexts.masked_fill(later > 0, -1)
        seen = [self.embedding(contexts + 1)]
        for layer in self.recurrent:
            seen.append(layer(seen[-1])[0])
        values = torch.cat([each.float() for each in seen], -1)  # [B * T, W, M]
        averages = (self.attention(values).softmax(1) * values).sum(1)
        return averages.view(*tokens.shape, -1), state

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: [..., M]. Returns [..., V]."""
        return cast(Tensor, self.readout(hidden))
