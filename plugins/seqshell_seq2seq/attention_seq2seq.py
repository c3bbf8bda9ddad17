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
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.encoders import marked, source_mask
from seqshell_seq2seq.seq2seq import EncoderDecoder
from seqshell_seq2seq.states import AttentionState, FeedingState

Layers = Callable[[Tensor, State], tuple[Tensor, State]]


class AttentionSeq2Seq(EncoderDecoder):
    """Encoder, bridge, recurrent layers over the target, attention, attentional vector, linear read-out.

    With the context c from attention and the hidden state h, the read-out reads the attentional vector
    tanh(W [c; h] + b) (Luong et al. 2015, equation 5). readout_inputs "hidden": h instead, so that c acts by the
    recurrent layers alone; "all": [h; c; embedding].

    placement "after" (Luong et al.): h, the state after the token, is the query. Without input feeding, no step needs
    the attention of the previous one, so a whole target is computed in a few large products.
    placement "before" (Bahdanau et al.): the state before the token is the query, and the layers read c with the token.
    Their maxout layer is replaced by the attentional vector. With attention = position, they read relu(V [x; c] + d)
    instead of c, where x is the embedding of the token.

    State: AttentionState; with input feeding a FeedingState.
    """

    config: AttentionConfig

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__(config)
        self.decoder = RecurrentStack(
            config.cell_name,
            config.embed_size + config.extra_size,
            config.hidden_size,
            config.num_layers,
            dropout=config.dropout,
            locked=config.locked,
        )
        self.attention = Attention(config)
        self.combined = (
            nn.Linear(config.embed_size + config.encoded_size, config.embed_size)
            if config.attention == "position"
            else None
        )
        self.attended = (
            nn.Linear(config.encoded_size + config.hidden_size, config.readout_size)
            if config.readout_inputs == "attentional"
            else None
        )
        self.readout = Readout(config.readout_size, config.target_vocab_size, tied=config.tied)

    def encode(self, source: Tensor, lengths: Tensor) -> State:
        size = source.shape[1]
        source, lengths = marked(source, lengths, self.config.source_marks)
        mask = source_mask(source, lengths)
        encoded = self.encoder(self.embed_source(source), lengths)
        outputs = encoded.outputs.float()
        keys = self.attention.keys(outputs)
        keys = keys if keys is outputs else keys.float()
        weights = outputs.new_zeros(len(mask), size)
        recurrent = self.bridge(encoded, mask)
        if self.config.input_feeding:
            attended = outputs.new_zeros(len(source), self.config.readout_size)
            return FeedingState(recurrent, outputs, keys, mask, weights, attended)
        return AttentionState(recurrent, outputs, keys, mask, weights)

    def hidden_states(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        read, _, state = self.readings(self.embed_target(target), state)
        return self.dropped(read), state

    def readings(self, embedded: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """embedded: [B, T, E]. Returns what the read-out reads, [B, T, R], the weights [B, T, S], and the state."""
        if self.config.placement == "after" and not self.config.input_feeding:
            hidden, recurrent = self.decoder(embedded, state.recurrent)
            contexts, weights = self._attend(hidden, state)
            state = state._replace(recurrent=recurrent, attention=weights[:, -1])
            return self._reading(hidden, contexts, embedded), weights, state
        readings, of_steps, layers = [], [], self.decoder.one_by_one(embedded)
        for embedding in torch.split(embedded, 1, 1):  # [B, 1, E]
            read, weights, state = self.reading(layers, embedding, state)
            readings.append(read)
            of_steps.append(weights)
        return torch.cat(readings, 1), torch.cat(of_steps, 1), state

    def dropped(self, readings: Tensor) -> Tensor:
        """What the read-out reads, [B, T, R], with dropout in training."""
        return sequence_dropout(readings, self.config.dropout, self.training, self.config.locked)

    def reading(self, layers: Layers, embedding: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """One step. layers: of the decoder; embedding: [B, 1, E]. Returns [B, 1, R], the weights [B, 1, S], state."""
        recurrent = state.recurrent
        if self.config.placement == "before":
            hidden = recurrent.hidden if isinstance(recurrent, LSTMState) else recurrent  # [B, L, H]
            query = hidden[:, -1:]
            if self.combined is None:
                context, weights = self._attend(query, state)
                seen = context
            else:
                context, weights = self._attend(torch.cat((embedding, query), -1), state)
                seen = torch.relu(self.combined(torch.cat((embedding, context), -1)))
            hidden, recurrent = layers(torch.cat((embedding, seen), -1), recurrent)
        else:
            fed = (embedding, state.attended.unsqueeze(1)) if self.config.input_feeding else (embedding,)
            hidden, recurrent = layers(torch.cat(fed, -1), recurrent)
            context, weights = self._attend(hidden, state)
        read = self._reading(hidden, context, embedding)
        state = state._replace(recurrent=recurrent, attention=weights[:, -1])
        return read, weights, state._replace(attended=read[:, -1].float()) if self.config.input_feeding else state

    def _attend(self, queries: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """The contexts [B, T, M] and the weights [B, T, S] of the tokens that were given.

        queries: as Attention reads them. What BOS got, if it was added, counts as that of EOS.
        """
        contexts, weights = self.attention(queries, state.keys, state.encoded, state.mask)
        if weights.shape[2] == state.attention.shape[1]:
            return contexts, weights
        last = (state.mask.sum(1) - 2)[:, None, None].expand(-1, weights.shape[1], 1)  # the place of EOS without BOS
        return contexts, weights[..., 1:].scatter_add(2, last, weights[..., :1])

    def _reading(self, hidden: Tensor, contexts: Tensor, embedded: Tensor) -> Tensor:
        """hidden: [B, T, H]; contexts: [B, T, M]; embedded: [B, T, E]. Returns what the read-out reads, [B, T, R]."""
        if self.attended is not None:
            return torch.tanh(self.attended(torch.cat((contexts, hidden), -1)))
        return hidden if self.config.readout_inputs == "hidden" else torch.cat((hidden, contexts, embedded), -1)
