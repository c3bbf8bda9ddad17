"""Attention in torch: how well each token of the source answers what the decoder looks for, and what it then sees."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seqshell_seq2seq.config import AttentionConfig


class Attention(nn.Module):
    """Scores of source tokens m_s for a decoder state h (Luong et al. 2015, https://arxiv.org/abs/1508.04025, equation 8; additive:
    Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, appendix A.1.2):

        dot        h . m_s / sqrt(H)
        general    h . W m_s / sqrt(H)
        additive   v . tanh(W h + U m_s + b)
        concat     v . tanh(W [h; m_s]): the same without the bias, W and U one matrix

    The division, which Luong et al. do not have, is that of Vaswani et al. 2017 (section 3.2.1): without it the weights come to be 1 for one
    token, the end of the source, within some hundred updates, and may stay there.
    What depends on the source alone, the keys, is computed once for a sentence. Padding gets the weight 0.
    """

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.kind = config.attention
        self.hidden_size = config.hidden_size
        self.keys_of = self.query_of = self.joint = self.vector = None
        if self.kind == "general":
            self.keys_of = nn.Linear(config.encoded_size, config.hidden_size, bias=False)
        elif self.kind == "additive":
            self.keys_of = nn.Linear(config.encoded_size, config.attention_size)
            self.query_of = nn.Linear(config.hidden_size, config.attention_size, bias=False)
        elif self.kind == "concat":
            self.joint = nn.Linear(config.hidden_size + config.encoded_size, config.attention_size, bias=False)
        if self.kind in ("additive", "concat"):
            self.vector = nn.Linear(config.attention_size, 1, bias=False)

    def keys(self, encoded: Tensor) -> Tensor:
        """encoded: [B, S, M]. Returns [B, S, K]; for dot attention the same object."""
        if self.keys_of is not None:
            return cast(Tensor, self.keys_of(encoded))
        if self.joint is not None:
            return nn.functional.linear(encoded, self.joint.weight[:, self.hidden_size :])
        return encoded

    def forward(self, queries: Tensor, keys: Tensor, encoded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """queries: [B, T, H]; keys: [B, S, K]; encoded: [B, S, M]; mask: [B, S]. Returns contexts [B, T, M] and weights [B, T, S]."""
        if self.vector is None:
            scores = (queries * self.hidden_size**-0.5) @ keys.transpose(1, 2)
        else:
            looked = self.query_of(queries) if self.query_of is not None else self._joint_queries(queries)
            scores = self.vector(torch.tanh(looked.unsqueeze(2) + keys.unsqueeze(1))).squeeze(
                -1
            )  # [B, T, S] from [B, T, S, K]
        weights = scores.float().masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(-1)
        return weights.to(encoded.dtype) @ encoded, weights

    def _joint_queries(self, queries: Tensor) -> Tensor:
        joint = cast(nn.Linear, self.joint)
        return nn.functional.linear(queries, joint.weight[:, : self.hidden_size])
