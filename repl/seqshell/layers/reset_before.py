"""The GRU whose reset gate acts before the recurrent product, which nn.GRU does not offer, in torch."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResetBeforeGRU(nn.Module):
    """h' = (1 - z) * n + z * h with r, z = sigmoid(W x + U h + b) and n = tanh(W x + U (r * h) + b).

    Cho et al. 2014, https://arxiv.org/abs/1406.1078. Named and called like a layer of nn.GRU with batch_first; both
    biases are added, as there.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, batch_first: bool = True, bidirectional: bool = False
    ) -> None:
        """batch_first: as in torch; there is no other order."""
        super().__init__()
        self.suffixes = ("", "_reverse") if bidirectional else ("",)
        bound = 1 / math.sqrt(hidden_size)
        for suffix in self.suffixes:
            for part, shape in {
                "weight_ih": (3 * hidden_size, input_size),
                "weight_hh": (3 * hidden_size, hidden_size),
                "bias_ih": (3 * hidden_size,),
                "bias_hh": (3 * hidden_size,),
            }.items():
                weight = torch.empty(shape).uniform_(-bound, bound)
                self.register_parameter(f"{part}_l0{suffix}", nn.Parameter(weight))

    def forward(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: [B, T, F]; hidden: [1, B, H]. Returns the hidden states [B, T, H] and the last of them [1, B, H]."""
        outputs = self._run(inputs, hidden[0])
        return outputs, outputs[:, -1].unsqueeze(0)

    def padded(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Run all directions from zeros. Returns outputs [B, T, D * H], zero at padding, and the last [D, B, H]."""
        times = torch.arange(inputs.shape[1], device=inputs.device)
        ends = lengths.to(inputs.device).unsqueeze(1)
        order = torch.where(times < ends, ends - 1 - times, times).unsqueeze(-1)  # [B, T, 1]; its own inverse
        last = (ends - 1).unsqueeze(-1)  # [B, 1, 1]
        zeros = inputs.new_zeros(len(inputs), cast(Tensor, self.weight_hh_l0).shape[1])
        directions, finals = [], []
        for suffix in self.suffixes:
            given = inputs.gather(1, order.expand_as(inputs)) if suffix else inputs
            outputs = self._run(given, zeros, suffix)
            finals.append(outputs.gather(1, last.expand(-1, -1, outputs.shape[-1]))[:, 0])
            directions.append(outputs.gather(1, order.expand_as(outputs)) if suffix else outputs)
        whole = torch.cat(directions, -1)
        return whole.masked_fill((times >= ends).unsqueeze(-1), 0), torch.stack(finals)

    def _run(self, inputs: Tensor, hidden: Tensor, suffix: str = "") -> Tensor:
        """inputs: [B, T, F]; hidden: [B, H]. Returns the hidden states of one direction, [B, T, H]."""
        weight_ih, weight_hh, bias_ih, bias_hh = (
            cast(Tensor, getattr(self, f"{part}_l0{suffix}"))
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        size, outputs = weight_hh.shape[1], []
        gate_weight, candidate_weight = weight_hh[: 2 * size], weight_hh[2 * size :]
        for product in functional.linear(inputs, weight_ih, bias_ih + bias_hh).unbind(1):  # [B, 3 H]
            reset, update = torch.sigmoid(product[:, : 2 * size] + functional.linear(hidden, gate_weight)).chunk(2, -1)
            candidate = torch.tanh(product[:, 2 * size :] + functional.linear(reset * hidden, candidate_weight))
            hidden = candidate + update * (hidden - candidate)
            outputs.append(hidden)
        return torch.stack(outputs, 1)
