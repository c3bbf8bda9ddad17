"""The architecture seq2seq in torch: an encoder-decoder without attention.

Sutskever et al. 2014, https://arxiv.org/abs/1409.3215; Cho et al. 2014, https://arxiv.org/abs/1406.1078. The decoder
knows the source only by its initial state and, with feed_context, by one vector that it reads at every step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor, nn

from seqshell import EOS, State
from seqshell.layers import top_hidden
from seqshell.layers.modules import Readout, RecurrentStack, sequence_dropout
from seqshell_seq2seq.config import EncoderDecoderConfig, Seq2SeqConfig
from seqshell_seq2seq.encoders import Bridge, Encoder, make_embedding, marked, padded, reversed_rows, source_mask
from seqshell_seq2seq.states import ContextState


class EncoderDecoder(nn.Module, ABC):
    """Base class of both encoder-decoders: the embeddings of source and target, the encoder and the bridge.

    A subclass adds the decoder and the read-out.
    """

    readout: Readout

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.target_embedding = make_embedding(config.target_vocab_size, config.embed_size)
        self.source_embedding = (
            None if config.shared_embedding else make_embedding(config.source_vocab_size, config.embed_size)
        )
        self.encoder = Encoder(config)
        self.bridge = Bridge(config)

    def initial_state(self, batch_size: int = 1) -> State:
        """The encoding of an empty source, which is EOS alone."""
        source = self.target_embedding.weight.new_full((batch_size, 1), EOS, dtype=torch.int64)
        return self.encode(source, torch.ones(batch_size, dtype=torch.int64))

    @abstractmethod
    def encode(self, source: Tensor, lengths: Tensor) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""

    @abstractmethod
    def hidden_states(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        """target: [B, T] int64, beginning with BOS. Returns what the read-out reads, [B, T, R], and the state."""

    def features(self, state: State) -> Tensor:
        """[B, H]: the hidden state of the last layer over the target."""
        hidden: Tensor = top_hidden(getattr(state, "recurrent", state))
        return hidden

    def forward(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        """target: [B, T] int64, beginning with BOS. Returns logits [B, T, V], state."""
        hidden, state = self.hidden_states(target, state)
        return self.logits(hidden), state

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: [..., R]. Returns [..., V]."""
        logits: Tensor = self.readout(hidden, self.target_embedding.weight if self.config.tied else None)
        return logits

    def logit_weights(self) -> tuple[Tensor, Tensor]:
        """The matrix [V, R] and the biases [V] of the logits, so that training can compute them with their loss."""
        return self.target_embedding.weight if self.config.tied else cast(
            Tensor, self.readout.weight
        ), self.readout.bias

    def embed_source(self, source: Tensor) -> Tensor:
        """source: [B, S]. Returns [B, S, E], with dropout in training."""
        return self._dropped((self.source_embedding or self.target_embedding)(source))

    def embed_target(self, target: Tensor) -> Tensor:
        """target: [B, T]. Returns [B, T, E], with dropout in training."""
        return self._dropped(self.target_embedding(target))

    def _dropped(self, embedded: Tensor) -> Tensor:
        return sequence_dropout(
            embedded * self.config.embedding_scale, self.config.embed_dropout, self.training, self.config.locked
        )


class Seq2Seq(EncoderDecoder):
    """Encoder, bridge, recurrent layers over the target, linear read-out.

    The read-out reads the hidden state h or, with readout_inputs = all, [h; context; embedding]. If it is tied to an
    embedding of another size, a linear projection precedes it. State: that of the recurrent layers, LSTMState or [B, L,
    H]; with feed_context a ContextState.
    """

    config: Seq2SeqConfig

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config)
        size = config.embed_size + (config.encoded_size if config.feed_context else 0)
        self.decoder = RecurrentStack(
            config.cell_name,
            size,
            config.hidden_size,
            config.num_layers,
            dropout=config.dropout,
            locked=config.locked,
        )
        self.projection = (
            None if config.readout_size == config.read_size else nn.Linear(config.read_size, config.readout_size)
        )
        self.readout = Readout(config.readout_size, config.target_vocab_size, tied=config.tied)

    def encode(self, source: Tensor, lengths: Tensor) -> State:
        source, lengths = marked(source, lengths, self.config.source_marks)
        if self.config.reversed_source:
            source = reversed_rows(source, lengths)
        if self.config.padded_to:
            source, lengths = padded(source, lengths, self.config.padded_to)
        mask = source_mask(source, lengths)
        encoded = self.encoder(self.embed_source(source), lengths)
        recurrent = self.bridge(encoded, mask)
        if not self.config.feed_context:
            return recurrent
        return ContextState(recurrent, self.bridge.summary(encoded, mask).float())

    def hidden_states(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        embedded = self.embed_target(target)
        if isinstance(state, ContextState):
            context = state.context.unsqueeze(1).expand(-1, embedded.shape[1], -1)
            hidden, recurrent = self.decoder(torch.cat((embedded, context), -1), state.recurrent)
            if self.config.readout_inputs == "all":
                hidden = torch.cat((hidden, context, embedded), -1)
            state = ContextState(recurrent, state.context)
        else:
            hidden, state = self.decoder(embedded, state)
        return (hidden if self.projection is None else self.projection(hidden)), state
