"""The encoder-decoder with attention: at every step the decoder looks at all tokens of the source."""

from __future__ import annotations

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


class AttentionSeq2Seq(EncoderDecoder):
    """Encoder, bridge, recurrent layers over the target, attention, attended vector tanh(W [c; h] + b), linear read-out.

    placement "after": the state h after the token looks for its context c (Luong et al. 2015, https://arxiv.org/abs/1508.04025). Without
    input feeding no step waits for the attention of the one before, and a whole target is a few large products. "before": the state
    before the token looks, and c is read with the token (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; their maxout
    layer before the read-out is the attended vector here).
    State: AttentionState, with input feeding FeedingState.
    """

    config: AttentionConfig

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__(config)
        size = config.embed_size + (
            config.encoded_size if config.placement == "before" else config.readout_size if config.input_feeding else 0
        )
        self.decoder = RecurrentStack(
            CELLS[config.cell],
            size,
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
            return FeedingState(
                recurrent, outputs, keys, mask, weights, outputs.new_zeros(len(source), self.config.readout_size)
            )
        return AttentionState(recurrent, outputs, keys, mask, weights)

    def forward(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        """target: [B, T] int64, from BOS on. Returns logits [B, T, V], state."""
        embedded = self.embed_target(target)
        if self.config.placement == "after" and not self.config.input_feeding:
            attended, state = self._all_at_once(embedded, state)
        else:
            steps = []
            for vector in torch.split(embedded, 1, 1):  # [B, 1, E]
                step, state = self._step(vector, state)
                steps.append(step)
            attended = torch.cat(steps, 1)
        attended = sequence_dropout(attended, self.config.dropout, self.training, self.config.locked)
        return self.readout(attended, self.target_embedding.weight if self.config.tied else None), state

    def _all_at_once(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        """embedded: [B, T, E]. Returns the attended vectors [B, T, R] and the state after the last step."""
        hidden, recurrent = self.decoder(embedded, state.recurrent)
        attended, weights = self._attend(hidden, hidden, state)
        return attended, state._replace(recurrent=recurrent, attention=weights)

    def _step(self, vector: Tensor, state: State) -> tuple[Tensor, State]:
        """vector: [B, 1, E]. Returns the attended vector [B, 1, R] and the state."""
        if self.config.placement == "before":
            recurrent = state.recurrent
            query = (recurrent.hidden if isinstance(recurrent, LSTMState) else recurrent)[
                :, -1:
            ]  # [B, 1, H] of the last layer
            context, weights = self.attention(query, state.keys, state.encoded, state.mask)
            hidden, recurrent = self.decoder(torch.cat((vector, context), -1), recurrent)
            attended = torch.tanh(self.attended(torch.cat((context, hidden), -1)))
            return attended, state._replace(recurrent=recurrent, attention=weights[:, -1])
        hidden, recurrent = self.decoder(torch.cat((vector, state.attended.unsqueeze(1)), -1), state.recurrent)
        attended, weights = self._attend(hidden, hidden, state)
        return attended, state._replace(recurrent=recurrent, attention=weights, attended=attended[:, -1].float())

    def _attend(self, queries: Tensor, hidden: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """queries, hidden: [B, T, H]. Returns the attended vectors [B, T, R] and the weights [B, S] of the last step."""
        contexts, weights = self.attention(queries, state.keys, state.encoded, state.mask)
        return torch.tanh(self.attended(torch.cat((contexts, hidden), -1))), weights[:, -1]
