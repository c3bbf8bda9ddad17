"""The blocks of rwkv7 as PyTorch code, and one step of them in an ONNX graph; the equations are in `rwkv7`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqshell.exporting import Value, indented
from seqshell_modern.config import RWKV7Config
from seqshell_modern.exported_cells import declared, equations
from seqshell_modern.exported_model import Members, Part, Step, Weights
from seqshell_modern.numpy_rwkv7 import FASTEST

CODE = '''\
class LowRank(nn.Module):
    """up(f(down(x)))."""

    def __init__(self, function, bias=True):
        super().__init__()
        self.function = function
        self.down = nn.Linear({embed_size}, {rank}, bias=False)
        self.up = nn.Linear({rank}, {inner_size}, bias=bias)

    def forward(self, inputs):
        return self.up(self.function(self.down(inputs)))


class TimeMix(nn.Module):
    """{about}
    """

    def __init__(self, layer):
        super().__init__()
{cell_init}

    def forward(self, inputs, memory, shift, first):
        """inputs: [B, T, {embed_size}]. Returns outputs, memory and the values of the first layer."""
        moved = torch.cat((shift.unsqueeze(1), inputs[:, :-1]), 1) - inputs
        of_r, of_w, of_k, of_v, of_a, of_g = (inputs + moved * mix for mix in self.mix)
        receptance, key, value = self.receptance(of_r), self.key(of_k), self.value(of_v)
        kept = (-0.6065306597126334 * torch.sigmoid(self.decay(of_w))).exp()  # w_t, with e^-0.5
        rate = torch.sigmoid(self.rate(of_a))  # a_t
        if first is None:
            first = value
        else:
            value = value + (first - value) * torch.sigmoid(self.residual(of_v))
        removed = functional.normalize((key * self.removed).unflatten(-1, ({num_heads}, {head_size})), dim=-1)  # c_t
        key = key * (1 + (rate - 1) * self.replaced)
        parts = [part.unflatten(-1, ({num_heads}, {head_size})) for part in (receptance, kept, key, value, rate)]
        reads = []
        for r, w, k, v, a, c in zip(*(part.unbind(1) for part in (*parts, removed))):
            # S_t = S_{{t-1}} (diag(w_t) - c_t^T (a_t * c_t)) + v_t^T k_t
            taken = (memory @ c.unsqueeze(-1)) * (a * c).unsqueeze(-2)
            memory = memory * w.unsqueeze(-2) - taken + v.unsqueeze(-1) * k.unsqueeze(-2)
            reads.append((memory @ r.unsqueeze(-1)).flatten(1))  # S_t r_t
        reads = torch.stack(reads, 1)
        passed = self.norm(reads.flatten(0, 1)).view_as(reads).unflatten(-1, ({num_heads}, {head_size}))
        bonus = (receptance * key * self.bonus).unflatten(-1, ({num_heads}, {head_size})).sum(-1, keepdim=True)
        passed = (passed + bonus * parts[3]).flatten(-2)
        return self.output(passed * self.gate(of_g)), memory, first


class ChannelMix(nn.Module):
    """W_v relu(W_k x)^2, of a mixture of each input and the one before it."""

    def __init__(self):
        super().__init__()
{mlp_init}

    def forward(self, inputs, shift):
        moved = torch.cat((shift.unsqueeze(1), inputs[:, :-1]), 1) - inputs
        return self.value(functional.relu(self.key(inputs + moved * self.mix)).square())


class Block(nn.Module):
    """Time mix and channel mix. Each reads the normalised input, and its outputs are added to the input."""

    def __init__(self, layer):
        super().__init__()
        self.norm, self.mlp_norm = nn.LayerNorm({embed_size}), nn.LayerNorm({embed_size})
        self.cell, self.mlp = TimeMix(layer), ChannelMix()

    def forward(self, inputs, state, first):
        memory, shift, mlp_shift = state
        seen = self.norm(inputs)
        added, memory, first = self.cell(seen, memory, shift, first)
        outputs = inputs + added
        normed = self.mlp_norm(outputs)
        outputs = outputs + self.mlp(normed, mlp_shift)
        return outputs, (memory, seen[:, -1], normed[:, -1]), first'''
LOW_RANK = {
    "decay": "LowRank(torch.tanh)",
    "rate": "LowRank(nn.Identity())",
    "gate": "LowRank(torch.sigmoid, bias=False)",
}


def layer_parts(config: RWKV7Config) -> list[Part]:
    """The parts of the state of a layer."""
    shift = (config.embed_size,)
    memory = (config.num_heads, config.head_size, config.head_size)
    return [Part("memory", memory), Part("shift", shift), Part("mlp_shift", shift)]


def block_classes(config: RWKV7Config, weights: Weights) -> str:
    """The code of Block and of the classes that it needs."""
    norm = f"nn.GroupNorm({config.num_heads}, {config.inner_size}, eps={config.head_size} * 1e-5)"
    init = declared(weights, "blocks.0.cell.", {**LOW_RANK, "norm": norm})
    if config.num_layers > 1:
        init += ["if layer:", "    self.residual = LowRank(nn.Identity())"]
    sizes = {name: getattr(config, name) for name in ("embed_size", "rank", "inner_size", "num_heads", "head_size")}
    mlp = declared(weights, "blocks.0.mlp.")
    return CODE.format(
        about=equations("rwkv7", "TimeMix"), cell_init=indented(init, 2), mlp_init=indented(mlp, 2), **sizes
    )


def layer_step(config: RWKV7Config) -> Step:
    """A step of a block."""

    def step(block: Members, inputs: Value, state: Sequence[Value], first: Value | None) -> Any:
        memory, shift, mlp_shift = state
        seen = block.layer_norm(inputs, "norm")
        added, memory, first = _time_mix(config, block.below("cell"), seen, memory, shift, first)
        outputs = inputs + added
        normed, mlp = block.layer_norm(outputs, "mlp_norm"), block.below("mlp")
        key = mlp.linear(normed + (mlp_shift - normed) * mlp["mix"], "key").apply("Relu")
        return outputs + mlp.linear(key * key, "value"), (memory, seen, normed), first

    return step


def _time_mix(
    config: RWKV7Config, cell: Members, inputs: Value, memory: Value, shift: Value, first: Value | None
) -> tuple[Value, Value, Value]:
    """Returns outputs [B, D], the memory, and the values of the first layer."""
    heads = -1, config.num_heads, config.head_size
    of_r, of_w, of_k, of_v, of_a, of_g = (inputs + (shift - inputs) * mix for mix in cell["mix"])
    receptance, key, value = (
        cell.linear(each, name) for each, name in ((of_r, "receptance"), (of_k, "key"), (of_v, "value"))
    )
    decay = cell.below("decay")
    kept = (decay.linear(decay.linear(of_w, "down").tanh(), "up").sigmoid() * FASTEST).exp()
    rate = _low_rank(cell, of_a, "rate").sigmoid()
    if first is not None:
        value = value + (first - value) * _low_rank(cell, of_v, "residual").sigmoid()
    removed = (key * cell["removed"]).reshape(*heads)
    length = (removed * removed).sum(-1, keepdims=True).apply("Sqrt").apply("Max", 1e-12)
    removed = removed / length
    key = key * ((rate + -1) * cell["replaced"] + 1)
    r, w, k, v, a = (part.reshape(*heads) for part in (receptance, kept, key, value, rate))
    taken = (memory @ removed.unsqueeze(-1)) * (a * removed).unsqueeze(-2)
    memory = memory * w.unsqueeze(-2) - taken + v.unsqueeze(-1) * k.unsqueeze(-2)
    read = (memory @ r.unsqueeze(-1)).squeeze(-1)  # [B, N, P]
    centred = read - read.mean(-1, keepdims=True)
    deviation = ((centred * centred).mean(-1, keepdims=True) + config.head_size * 1e-5).apply("Sqrt")
    gain, bias, bonus = (cell[name].reshape(heads[1:]) for name in ("norm.weight", "norm.bias", "bonus"))
    passed = centred / deviation * gain + bias + (r * k * bonus).sum(-1, keepdims=True) * v
    gate = cell.below("gate")
    gated = passed.reshape(-1, config.inner_size) * gate.linear(gate.linear(of_g, "down").sigmoid(), "up")
    return cell.linear(gated, "output"), memory, value if first is None else first


def _low_rank(cell: Members, inputs: Value, name: str) -> Value:
    """up(down(x))."""
    part = cell.below(name)
    return part.linear(part.linear(inputs, "down"), "up")
