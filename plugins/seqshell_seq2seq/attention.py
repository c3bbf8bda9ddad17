"""Attention over the source in torch: dot, general, additive, concat and position scores.

Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; Luong et al. 2015, https://arxiv.org/abs/1508.04025.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seqshell_seq2seq.config import AttentionConfig

LEAST = 1e-30  # of the sum of the weights of tokens


class Attention(nn.Module):
    """Score the encoded source tokens m_s against a decoder state h, and average them with the softmax of the scores.

        dot        h . m_s / sqrt(H)                   Luong et al. 2015, equation 8
        general    h . W m_s / sqrt(H)                 Luong et al. 2015, equation 8
        additive   v . tanh(W h + U m_s + b)           Bahdanau et al. 2015, appendix A.1.2
        concat     v . tanh(W [h; m_s])                Luong et al. 2015, equation 8: additive without b
        position   w_s . [x; h] + b_s                  the older AttnDecoderRNN of PyTorch's tutorial

    x is the embedding of the token that is read. The places s of position attention are attention_size; those after the
    source get a part of the softmax, too, but have no encoded token. Tokens after the last place get the weight 0. The
    weights that are returned are shares of those of the tokens.

    The division by sqrt(H) is not in Luong et al. but in Vaswani et al. 2017, section 3.2.1. Without it, within a few
    hundred updates the weights concentrate on one token, usually the end of the source, and may stay there.
    The keys (W m_s or U m_s + b) depend on the source alone and are computed once per source. Padding gets the weight
    0.
    """

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.kind = config.attention
        self.hidden_size = config.hidden_size
        self.keys_of = self.query_of = self.joint = self.vector = self.places = None
        if self.kind == "general":
            self.keys_of = nn.Linear(config.encoded_size, config.hidden_size, bias=False)
        elif self.kind == "additive":
            self.keys_of = nn.Linear(config.encoded_size, config.attention_size)
            self.query_of = nn.Linear(config.hidden_size, config.attention_size, bias=False)
        elif self.kind == "concat":
            self.joint = nn.Linear(config.hidden_size + config.encoded_size, config.attention_size, bias=False)
        elif self.kind == "position":
            self.places = nn.Linear(config.embed_size + config.hidden_size, config.attention_size)
        if self.kind in ("additive", "concat"):
            self.vector = nn.Linear(config.attention_size, 1, bias=False)

    def keys(self, encoded: Tensor) -> Tensor:
        """The keys [B, S, K] of encoded [B, S, M]; for dot and position attention the same object."""
        if self.keys_of is not None:
            return cast(Tensor, self.keys_of(encoded))
        if self.joint is not None:
            return nn.functional.linear(encoded, self.joint.weight[:, self.hidden_size :])
        return encoded

    def forward(self, queries: Tensor, keys: Tensor, encoded: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The contexts [B, T, M] and the weights [B, T, S].

        queries: [B, T, H], for position attention [x; h] [B, T, E + H]; keys: [B, S, K]; encoded: [B, S, M]; mask:
        [B, S], True at tokens.
        """
        if self.places is not None:
            found = self.places(queries).float().softmax(-1)  # [B, T, P]
            found = nn.functional.pad(found, (0, mask.shape[1] - found.shape[2])) * mask.unsqueeze(1)
            return found.to(encoded.dtype) @ encoded, found / found.sum(-1, keepdim=True).clamp_min(LEAST)
        if self.vector is None:
            scores = (queries * self.hidden_size**-0.5) @ keys.transpose(1, 2)
        else:
            projected = self.query_of(queries) if self.query_of is not None else self._joint_queries(queries)
            hidden = torch.tanh(projected.unsqueeze(2) + keys.unsqueeze(1))  # [B, T, S, K]
            scores = self.vector(hidden).squeeze(-1)  # [B, T, S]
        weights = scores.float().masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(-1)
        return weights.to(encoded.dtype) @ encoded, weights

    def _joint_queries(self, queries: Tensor) -> Tensor:
        joint = cast(nn.Linear, self.joint)
        return nn.functional.linear(queries, joint.weight[:, : self.hidden_size])
