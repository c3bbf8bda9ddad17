"""The setting `copy` of attention_seq2seq in torch: answers that copy tokens of the source.

See et al. 2017, https://arxiv.org/abs/1704.04368 (pointer-generator networks).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell import State
from seqshell.layers import top_hidden
from seqshell_seq2seq.attention_seq2seq import AttentionSeq2Seq
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.states import CopyState, CoverageState

SMALLEST = 1e-30  # a probability of copying, so that its logarithm has a gradient


def attention_model(config: AttentionConfig) -> AttentionSeq2Seq:
    """The module of a config."""
    return CopyingSeq2Seq(config) if config.copy else AttentionSeq2Seq(config)


class CopyingSeq2Seq(AttentionSeq2Seq):
    """An AttentionSeq2Seq whose answers are a mixture of its own tokens and those of the source.

        g    = sigmoid(w . [a; x] + b)                                         See et al. 2017, equation 8
        P(v) = g P_readout(v) + (1 - g) (sum of the weights of v in the source)    equation 9

    a: the attentional vector, in place of their context and hidden state; x: the embedding of the token that was read.
    The outputs are log P. Source and target share a vocabulary, so that each token of the source can be copied.

    With coverage_weight, the keys of the attention are k_s + u c_s, where the coverage c_s is the sum of the weights of
    source token s in all previous steps (equations 10 and 11), and training adds coverage_weight times the coverage
    loss, the sum over s of the smaller one of c_s and the weight of the step (equation 12).

    State: CopyState; with coverage_weight a CoverageState.
    """

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__(config)
        self.gate = nn.Linear(config.readout_size + config.embed_size, 1)
        self.covered = nn.Linear(1, config.key_size, bias=False) if config.coverage_weight else None
        self._repeated: list[Tensor] = []  # [B, T] for each call since the source was encoded, in training

    def encode(self, source: Tensor, lengths: Tensor) -> State:
        self._repeated = []
        state = super().encode(source, lengths)
        if self.covered is None:
            return CopyState(state, source)
        return CoverageState(state, source, torch.zeros_like(state.attention))

    def forward(self, target: Tensor, state: State) -> tuple[Tensor, State]:
        """target: [B, T] int64, beginning with BOS. Returns log-probabilities [B, T, V], state."""
        embedded = self.embed_target(target)
        if self.covered is None:
            attended, weights, attending = self.readings(embedded, state.attending)
            state = state._replace(attending=attending)
        else:
            attended, weights, state = self._with_coverage(self.covered, embedded, state)
        attended = self.dropped(attended)
        gate = self.gate(torch.cat((attended, embedded), -1)).float()  # [B, T, 1]
        written = self.logits(attended).float().log_softmax(-1)
        copied = torch.zeros_like(written).scatter_add_(
            2, state.source.unsqueeze(1).expand_as(weights), weights.float()
        )
        from_source = functional.logsigmoid(-gate) + copied.clamp_min(SMALLEST).log()
        return torch.logaddexp(functional.logsigmoid(gate) + written, from_source), state

    def auxiliary(self, outputs: Tensor, targets: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The coverage loss of each target token, [B, T]."""
        if self.covered is None:
            return {}
        return {"coverage": self.config.coverage_weight * torch.cat(self._repeated, 1)}

    def features(self, state: State) -> Tensor:
        """[B, H]: the hidden state of the last layer over the target."""
        hidden: Tensor = top_hidden(state.attending.recurrent)
        return hidden

    def _with_coverage(self, covered: nn.Linear, embedded: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """As `readings`, step by step, with the coverage in the keys."""
        attending, source, coverage = state
        keys, layers = attending.keys, self.decoder.one_by_one(embedded)
        vectors, of_steps, repeated = [], [], []
        for embedding in torch.split(embedded, 1, 1):  # [B, 1, E]
            attending = attending._replace(keys=keys + covered(coverage.unsqueeze(-1)).float())
            attended, weights, attending = self.reading(layers, embedding, attending)
            vectors.append(attended)
            of_steps.append(weights)
            repeated.append(torch.minimum(attending.attention, coverage).sum(1, keepdim=True))
            coverage = coverage + attending.attention
        if self.training:
            self._repeated.append(torch.cat(repeated, 1))
        state = CoverageState(attending._replace(keys=keys), source, coverage)
        return torch.cat(vectors, 1), torch.cat(of_steps, 1), state
