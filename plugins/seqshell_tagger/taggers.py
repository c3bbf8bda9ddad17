"""The architectures tagger and bidirectional_tagger in torch: embedding, recurrent layers, linear read-out.

The bidirectional layers follow Schuster & Paliwal 1997, https://doi.org/10.1109/78.650093, and Graves & Schmidhuber
2005, https://doi.org/10.1016/j.neunet.2005.06.042. The decoders are in `decoders`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import init

from seqshell import PAD, UNK, State
from seqshell.layers.modules import BidirectionalLayer, Readout, RecurrentStack, sequence_dropout
from seqshell_tagger.config import CELLS, TaggerConfig


class EmbeddedTagger(nn.Module):
    """Base class of both taggers: all parts but the recurrent layers. size: of a hidden state, of all directions."""

    def __init__(self, config: TaggerConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
        # Embeddings of length about 1: a rare token has little influence before it is trained.
        init.normal_(self.embedding.weight, std=config.embed_size**-0.5)
        self.readout = Readout(size, config.num_classes)

    def embed(self, tokens: Tensor) -> Tensor:
        """The embeddings [B, T, E] of tokens [B, T].

        In training, with dropout and with word dropout, which replaces tokens by UNK, so that the tag of an unknown
        word is learned from the words around it.
        """
        config = self.config
        if self.training and config.word_dropout:
            is_dropped = torch.rand(tokens.shape, device=tokens.device) < config.word_dropout
            tokens = tokens.masked_fill(is_dropped & (tokens != PAD), UNK)
        return sequence_dropout(self.embedding(tokens), config.embed_dropout, self.training, config.locked)


class Tagger(EmbeddedTagger):
    """A causal tagger: recurrent layers in reading order. State: LSTMState or [B, L, H]."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__(config, config.hidden_size)
        sizes = CELLS[config.cell], config.embed_size, config.hidden_size, config.num_layers
        self.recurrent = RecurrentStack(*sizes, dropout=config.dropout, locked=config.locked)

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros."""
        return self.recurrent.initial_state(batch_size)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64. Returns logits [B, T, C], state."""
        hidden, state = self.recurrent(self.embed(tokens), state)
        return self.readout(hidden), state


class BidirectionalTagger(EmbeddedTagger):
    """Recurrent layers in both directions over a whole sentence.

    State: (). The logits of a row do not depend on its padding.
    """

    def __init__(self, config: TaggerConfig) -> None:
        size = 2 * config.hidden_size
        super().__init__(config, size)
        self.recurrent = nn.ModuleList(
            BidirectionalLayer(
                CELLS[config.cell], inputs, config.hidden_size, dropout=config.dropout, locked=config.locked
            )
            for inputs in [config.embed_size] + [size] * (config.num_layers - 1)
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """()."""
        return ()

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64, padded on the right. Returns logits [B, T, C], ()."""
        lengths = (tokens != PAD).sum(1).clamp_min(1)  # [B]; an empty row is read as a single PAD
        hidden = self.embed(tokens)
        for layer in self.recurrent:
            hidden = layer(hidden, lengths)
        return self.readout(hidden), ()
