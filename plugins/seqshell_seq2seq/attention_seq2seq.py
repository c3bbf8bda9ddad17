"""The architecture attention_seq2seq in torch: an encoder-decoder with attention to all source tokens at every step.

Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; Luong et al. 2015, https://arxiv.org/abs/1508.04025.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqshell import State
from seqshell.layers import LSTMState
from seqshell.layers.modules import Readout, RecurrentStack, sequence_dropout
from seqshell_seq2seq.attention import Attention
from seqshell_seq2seq.config import CELLS, AttentionConfig
from seqshell_seq2seq.encoders import source_mask
from seqshell_seq2seq.seq2seq import EncoderDecoder
from seqshell_seq2seq.states import AttentionState, FeedingState

Layers = Callable[[Tensor, State], tuple[Tensor, State]]


class AttentionSeq2Seq(EncoderDecoder):
    """Encoder, bridge, recurrent layers over the target, attention, attentional vector, linear read-out.

    With the context c from attention and the hidden state h, the read-out reads the attentional vector
    tanh(W [c; h] + b) (Luong et al. 2015, equation 5).

    placement "after" (Luong et al.): h, the state after the token, is the query. Without input feeding, no step needs
    the attention of the previous one, so a whole target is computed in a few large products.
    placement "before" (Bahdanau et al.): the state before the token is the query, and the layers read c with the token.
    Their maxout layer is replaced by the attentional vector.

    State: AttentionState; with input feeding a FeedingState.
    """

    config: AttentionConfig

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__(config)
        self.decoder = RecurrentStack(
            CELLS[config.cell],
            config.embed_size + config.extra_size,
            config.hidden_size,
            config.num_layers,
            dropout=config.dropout,
            locked=config.locked,
        )
        self.attention = Attention(config)
        self.attended = nn.Linear(config.encoded_size + config.hidden_size, config.readout_size)
        self.readout = Readout(config.readout_size, config.target_vocab_size, tied=config.tied)

    def encode(self, source: Tensor, lengths: Tensor) -> State:
        mask = source_mask(source, lengths)
        encoded = self.encoder(self.embed_source(source), lengths)
        outputs = encoded.outputs.float()
        keys = self.attention.keys(outputs)
        keys = keys if keys is outputs else keys.float()
        weights = outputs.new_zeros(mask.shape)
        recurrent = self.bridge(encoded, mask)
        if self.config.input_feeding:
            attended = outputs.new_zeros(len(source), self.config.readout_size)
            return FeedingState(recurrent, outputs, keys, mask, weights, attended)
        return AttentionState(recurrent, outputs, keys, mask, weights)

    def hidden_states(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        attended, _, state = self.attentional_vectors(self.embed_target(target), state)
        return self.dropped(attended), state

    def attentional_vectors(self, embedded: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """embedded: [B, T, E]. Returns the attentional vectors [B, T, R], the weights [B, T, S], and the state."""
        if self.config.placement == "after" and not self.config.input_feeding:
            hidden, recurrent = self.decoder(embedded, state.recurrent)
            attended, weights = self._attend(hidden, state)
            return attended, weights, state._replace(recurrent=recurrent, attention=weights[:, -1])
        vectors, of_steps, layers = [], [], self.decoder.one_by_one(embedded)
        for embedding in torch.split(embedded, 1, 1):  # [B, 1, E]
            attended, weights, state = self.attentional_vector(layers, embedding, state)
            vectors.append(attended)
            of_steps.append(weights)
        return torch.cat(vectors, 1), torch.cat(of_steps, 1), state

    def dropped(self, attended: Tensor) -> Tensor:
        """The attentional vectors [B, T, R] with dropout in training."""
        return sequence_dropout(attended, self.config.dropout, self.training, self.config.locked)

    def attentional_vector(self, layers: Layers, embedding: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """One step. layers: of the decoder; embedding: [B, 1, E]. Returns [B, 1, R], the weights [B, 1, S], state."""
        if self.config.placement == "before":
            recurrent = state.recurrent
            hidden = recurrent.hidden if isinstance(recurrent, LSTMState) else recurrent  # [B, L, H]
            context, weights = self.attention(hidden[:, -1:], state.keys, state.encoded, state.mask)
            hidden, recurrent = layers(torch.cat((embedding, context), -1), recurrent)
            attended = torch.tanh(self.attended(torch.cat((context, hidden), -1)))
            return attended, weights, state._replace(recurrent=recurrent, attention=weights[:, -1])
        if self.config.input_feeding:
            embedding = torch.cat((embedding, state.attended.unsqueeze(1)), -1)
        hidden, recurrent = layers(embedding, state.recurrent)
        attended, weights = self._attend(hidden, state)
        state = state._replace(recurrent=recurrent, attention=weights[:, -1])
        return (
            attended,
            weights,
            state._replace(attended=attended[:, -1].float()) if self.config.input_feeding else state,
        )

    def _attend(self, hidden: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """hidden: [B, T, H]. Returns the attentional vectors [B, T, R] and the weights [B, T, S]."""
        contexts, weights = self.attention(hidden, state.keys, state.encoded, state.mask)
        return torch.tanh(self.attended(torch.cat((contexts, hidden), -1))), weights
