"""One step of the cells in an ONNX graph. Their equations are in the modules of the cells, such as `rg_lru`.

A cell reads its weights, the normalised input [B, D] and its state without layers, and returns outputs [B, D] and the
state, whose parts are in the order of `state_parts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seqshell.exporting import Value
from seqshell_modern.config import Mamba2Config, ModernConfig
from seqshell_modern.exported_model import Members, Part, Step, normed
from seqshell_modern.numpy_mlstm import LARGEST
from seqshell_modern.numpy_rg_lru import LEAST, SHARPNESS

After = tuple[Value, Sequence[Value]]
ROOT = math.sqrt(2 / math.pi)


def state_parts(name: str, config: Any) -> list[Part]:
    """The parts of the state of a layer with a cell of this name, in the order of the decoder's state."""
    channels = {"rg_lru": "hidden_size", "mamba2": "conv_channels"}.get(name, "embed_size")
    conv = Part("conv", (config.conv_size - 1, getattr(config, channels)))
    if name == "slstm":
        inner = (config.inner_size,)
        zeros = [Part(each, inner) for each in ("hidden", "cell", "normaliser")]
        return [*zeros, Part("stabiliser", inner, -np.inf), conv]
    if name == "mlstm":
        heads = config.num_heads, config.head_size
        memory = Part("memory", (*heads, config.head_size))
        return [memory, Part("normaliser", heads), Part("stabiliser", heads[:1]), conv]
    if name == "mamba2":
        return [Part("memory", (config.num_heads, config.head_size, config.state_size)), conv]
    return [Part("hidden", (config.hidden_size,)), conv]


def block_step(name: str, config: ModernConfig) -> Step:
    """A step of a block with a cell of this name."""
    cell = CELLS[name]

    def step(block: Members, inputs: Value, state: Sequence[Value], _: Value | None) -> Any:
        added, after = cell(config, block.below("cell"), block.rms_norm(inputs, "norm"), state)
        outputs = inputs + added
        if config.mlp_size:
            seen, mlp = block.rms_norm(outputs, "mlp_norm"), block.below("mlp")
            outputs = outputs + mlp.linear(_gelu(mlp.linear(seen, "gate")) * mlp.linear(seen, "up"), "down")
        return outputs, after, None

    return step


def _minimal(config: Any, cell: Members, inputs: Value, state: Sequence[Value]) -> After:
    """mingru, or with three gates minlstm."""
    hidden, conv = state
    seen, conv = cell.conv(inputs, conv)
    size = config.hidden_size
    *gates, candidate = cell.linear(seen, "gates").split(*[size] * (len(cell["gates.bias"]) // size))
    ratio = gates[0] if len(gates) == 1 else (-gates[0]).softplus() - (-gates[1]).softplus()
    positive = candidate.apply("Greater", 0.0).apply("Where", candidate + 0.5, candidate.sigmoid())
    hidden = (-ratio).sigmoid() * hidden + ratio.sigmoid() * positive
    return cell.linear(hidden, "output"), (hidden, conv)


def _rg_lru(config: Any, cell: Members, inputs: Value, state: Sequence[Value]) -> After:
    hidden, conv = state
    seen, conv = cell.conv(cell.linear(inputs, "input"), conv)
    forget, add = cell.linear(seen, "gates").sigmoid().split(config.hidden_size, config.hidden_size)
    log_kept = forget * (-SHARPNESS * np.logaddexp(0, -cell["decay"]))
    half = log_kept.tanh()  # 1 - exp(2 x) = -2 tanh(x) / (1 - tanh(x)), exact near 0, too
    added = (half * -2 / (-half + 1)).apply("Max", LEAST).apply("Sqrt") * add * seen
    hidden = log_kept.exp() * hidden + added
    return cell.linear(hidden * _gelu(cell.linear(inputs, "gate")), "output"), (hidden, conv)


def _slstm(config: Any, cell: Members, inputs: Value, state: Sequence[Value]) -> After:
    hidden, past, normaliser, bound, conv = state
    seen, conv = cell.conv(inputs, conv)
    heads, size, inner = config.num_heads, config.head_size, config.inner_size
    product = cell.linear(_silu(seen), "gates").apply("Concat", cell.linear(inputs, "inputs"), axis=-1)
    rows = hidden.reshape(-1, 1, heads, 1, size) @ cell["recurrent"].transpose(0, 1, 3, 2)  # [B, 4, N, 1, P]
    log_input, forget, new, out = (product + rows.reshape(-1, 4 * inner)).split(*[inner] * 4)
    carried = bound - (-forget).softplus()
    bound = carried.apply("Max", log_input)
    kept, added = (carried - bound).exp(), (log_input - bound).exp()
    past, normaliser = kept * past + added * new.tanh(), kept * normaliser + added
    hidden = out.sigmoid() * past / normaliser
    return cell.linear(_head_norm(cell, hidden, config), "output"), (hidden, past, normaliser, bound, conv)


def _mlstm(config: Any, cell: Members, inputs: Value, state: Sequence[Value]) -> After:
    memory, normaliser, bound, conv = state
    seen, conv = cell.conv(inputs, conv)
    seen, heads = _silu(seen), (-1, config.num_heads, config.head_size)
    query, key = (cell.linear(seen, name).reshape(*heads) for name in ("query", "key"))
    value = cell.linear(inputs, "value").reshape(*heads)
    log_input, forget = cell.linear(seen, "gates").split(config.num_heads, config.num_heads)
    carried = bound - (-forget).softplus()
    bound = carried.apply("Max", log_input)
    kept = (carried - bound).exp().unsqueeze(-1)
    added = (log_input - bound).exp().unsqueeze(-1) * key * config.head_size**-0.5
    memory = kept.unsqueeze(-1) * memory + added.unsqueeze(-1) * value.unsqueeze(-2)
    normaliser = kept * normaliser + added
    scale = (normaliser * query).sum(-1).apply("Abs").apply("Max", (-bound).apply("Min", LARGEST).exp())
    hidden = (query.unsqueeze(-2) @ memory).squeeze(-2) / scale.unsqueeze(-1)
    outputs = cell.linear(inputs, "output_gate").sigmoid() * _head_norm(cell, hidden, config)
    return cell.linear(outputs, "output"), (memory, normaliser, bound, conv)


def _mamba2(config: Mamba2Config, cell: Members, inputs: Value, state: Sequence[Value]) -> After:
    memory, conv = state
    inner, heads, group = config.inner_size, config.num_heads, config.num_groups * config.state_size
    gate, mixed, sizes = cell.linear(inputs, "input").split(inner, config.conv_channels, heads)
    mixed, conv = cell.conv(mixed, conv)
    values, *shared = _silu(mixed).split(inner, group, group)
    # The heads of a group are neighbours: [B, G, N / G, P], and [B, G, 1, Z] for what they share.
    values = values.reshape(-1, config.num_groups, heads // config.num_groups, config.head_size)
    write, read = (each.reshape(-1, config.num_groups, 1, config.state_size) for each in shared)
    by_group = (-1, config.num_groups, heads // config.num_groups, 1)
    sizes = (sizes + cell["step_bias"]).softplus()
    kept = (sizes * -np.exp(cell["decay"])).exp().reshape(*by_group).unsqueeze(-1)
    added = sizes.reshape(*by_group) * values
    grouped = memory.reshape(*by_group[:3], config.head_size, config.state_size)
    grouped = kept * grouped + added.unsqueeze(-1) * write.unsqueeze(-2)
    outputs = (grouped * read.unsqueeze(-2)).sum(-1) + values * cell["skip"].reshape(*by_group[1:])
    passed = cell.rms_norm(outputs.reshape(-1, inner) * _silu(gate), "norm")
    return cell.linear(passed, "output"), (grouped.reshape(-1, heads, config.head_size, config.state_size), conv)


CELLS: Mapping[str, Callable[[Any, Members, Value, Sequence[Value]], After]] = {
    "mingru": _minimal,
    "minlstm": _minimal,
    "rg_lru": _rg_lru,
    "slstm": _slstm,
    "mlstm": _mlstm,
    "mamba2": _mamba2,
}


def _head_norm(cell: Members, hidden: Value, config: Any) -> Value:
    """RMSNorm of each head: [B, N P] or [B, N, P] to [B, N P]."""
    heads = normed(hidden.reshape(-1, config.num_heads, config.head_size)).reshape(-1, config.inner_size)
    return heads * cell["norm.weight"]


def _silu(value: Value) -> Value:
    return value * value.sigmoid()


def _gelu(value: Value) -> Value:
    """By the tanh approximation."""
    return value * 0.5 * ((value * value * value * 0.044715 + value) * ROOT).tanh() + value * 0.5
