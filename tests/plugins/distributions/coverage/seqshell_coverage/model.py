"""The encoder-decoder in torch (See et al. 2017, https://arxiv.org/abs/1704.04368)."""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqshell import EOS


class CoverageState(NamedTuple):
    """hidden: [B, H]; encoded: [B, S, H], keys: [B, S, K] and mask: [B, S] (True at tokens), constant; attention: [B,
    S], the weights of the last step; coverage: [B, S], the sum of the weights of all steps."""

    hidden: Any
    encoded: Any
    keys: Any
    mask: Any
    attention: Any
    coverage: Any


class CoverageSeq2Seq(nn.Module):
    """Bidirectional GRU over the source, GRU over the target, and additive attention before it with the scores

        v . tanh(W h + U m_s + w c_s + b)      (See et al. 2017, equation 11)

    where the coverage c_s is the sum of the attention weights of source token s in all previous steps. Each step needs
    the attention of the previous one, so the target is read in a loop. State: CoverageState.

    Training adds the coverage loss, the sum over s of the smaller one of c_s and the attention of the step.
    """

    def __init__(self, config):
        super().__init__()
        self.config, size = config, config.hidden_size
        self.source_embedding = nn.Embedding(config.source_vocab_size, config.embed_size)
        self.target_embedding = nn.Embedding(config.target_vocab_size, config.embed_size)
        self.encoder = nn.GRU(config.embed_size, size // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(size, size)
        self.decoder = nn.GRUCell(config.embed_size + size, size)
        self.query = nn.Linear(size, config.attention_size, bias=False)
        self.key = nn.Linear(size, config.attention_size)
        self.covered = nn.Linear(1, config.attention_size, bias=False)
        self.score = nn.Linear(config.attention_size, 1, bias=False)
        self.attended = nn.Linear(2 * size, size)
        self.readout = nn.Linear(size, config.target_vocab_size)
        self.dropout = nn.Dropout(config.dropout)
        self._repeated = []  # [B] for each step since the source was encoded, in training

    def initial_state(self, batch_size=1):
        """The encoding of an empty source, which is EOS alone."""
        device = self.readout.weight.device
        return self.encode(
            torch.full((batch_size, 1), EOS, device=device), torch.ones(batch_size, dtype=torch.int64, device=device)
        )

    def encode(self, source, lengths):
        """source: [B, S], padded on the right; lengths: [B]. Returns the state before BOS is read."""
        self._repeated = []
        embedded = self.dropout(self.source_embedding(source))
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, last = self.encoder(packed)
        encoded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=source.shape[1])
        encoded = encoded.float()  # under autocast the outputs may be bf16; a state keeps its type
        hidden = torch.tanh(self.bridge(torch.cat((last[0], last[1]), 1))).float()
        mask = torch.arange(source.shape[1], device=source.device) < lengths[:, None]
        zeros = encoded.new_zeros(mask.shape)
        return CoverageState(hidden, encoded, self.key(encoded).float(), mask, zeros, zeros)

    def forward(self, target, state):
        """target: [B, T], beginning with BOS. Returns logits [B, T, V], state."""
        attended = []
        for vector in self.dropout(self.target_embedding(target)).unbind(1):  # [B, E]
            step, state = self._step(vector, state)
            attended.append(step)
        return self.readout(self.dropout(torch.stack(attended, 1))), state

    def auxiliary(self, outputs, targets, mask):
        """The coverage loss of each target token (See et al. 2017, equation 12)."""
        return {"coverage": self.config.coverage_weight * torch.stack(self._repeated, 1)}  # [B, T]

    def _step(self, vector, state):
        """vector: [B, E]. Returns the attentional vector [B, H], state."""
        inner = self.query(state.hidden)[:, None] + state.keys + self.covered(state.coverage[..., None])  # [B, S, K]
        scores = self.score(torch.tanh(inner)).squeeze(-1).float()
        weights = scores.masked_fill(~state.mask, float("-inf")).softmax(1)
        context = (weights[:, None] @ state.encoded)[:, 0].float()
        hidden = self.decoder(torch.cat((vector, context), 1), state.hidden).float()
        attended = torch.tanh(self.attended(torch.cat((context, hidden), 1)))
        if self.training:
            self._repeated.append(torch.minimum(weights, state.coverage).sum(1))
        return attended, state._replace(hidden=hidden, attention=weights, coverage=state.coverage + weights)
