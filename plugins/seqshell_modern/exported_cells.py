"""The PyTorch code of the cells and of the blocks around them. The equations are those of the papers, step by step."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import indented
from seqshell_modern.config import Mamba2Config, ModernConfig

Weights = Mapping[str, NDArray[Any]]
CONV = '''\
class Conv(nn.Conv1d):
    """A convolution over the last {conv_size} steps, for each channel alone."""

    def __init__(self, channels):
        super().__init__(channels, channels, {conv_size}, groups=channels)

    def forward(self, inputs, before):
        """inputs: [B, T, C]; before: the inputs before them, [B, {before}, C]. Returns outputs and the last inputs."""
        seen = torch.cat((before, inputs), 1)
        return super().forward(seen.transpose(1, 2)).transpose(1, 2), seen[:, inputs.shape[1] :]


'''
HEAD_NORM = '''\
class HeadNorm(nn.Module):
    """RMSNorm of each head."""

    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, heads):
        """[..., N, P] to [..., N P]."""
        return functional.rms_norm(heads, heads.shape[-1:], eps=1e-5).flatten(-2) * self.weight


'''
CELL = '''\
class Cell(nn.Module):
    """{about}
    """

    def __init__(self):
        super().__init__()
{init}

    def forward(self, inputs, state):
        """inputs: [B, T, {size}]. Returns outputs [B, T, {size}] and the state."""
{forward}


'''
MLP = '''\
class MLP(nn.Module):
    """GeGLU (Shazeer 2020, https://arxiv.org/abs/2002.05202)."""

    def __init__(self):
        super().__init__()
{init}

    def forward(self, inputs):
        return self.down(functional.gelu(self.gate(inputs), approximate="tanh") * self.up(inputs))


'''
BLOCK = '''\
class Block(nn.Module):
    """A cell{and_mlp}. It reads the normalised input, and its outputs are added to the input."""

    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm({size}, eps=1e-5)
{init}

    def forward(self, inputs, state):
        added, state = self.cell(self.norm(inputs), state)
{run}
        return outputs, state'''
CLASSES = {
    "mingru": ("min_cells", "MinGRU"),
    "minlstm": ("min_cells", "MinLSTM"),
    "rg_lru": ("rg_lru", "RGLRU"),
    "slstm": ("slstm", "SLSTM"),
    "mlstm": ("mlstm", "MLSTM"),
    "mamba2": ("mamba2", "Mamba2"),
}
SCAN = """\
hiddens = []
for keep, new in zip(kept.unbind(1), added.unbind(1)):
    hidden = keep * hidden + new
    hiddens.append(hidden)
"""
MINIMAL = """\
added = added * torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))  # g(c_t)
{SCAN}return self.output(torch.stack(hiddens, 1)), (hidden, conv)
"""
FORWARD = {
    "mingru": """\
hidden, conv = state
seen, conv = self.conv(inputs, conv)
update, candidate = self.gates(seen).chunk(2, -1)
kept, added = torch.sigmoid(-update), torch.sigmoid(update)  # 1 - z_t and z_t
{MINIMAL}""",
    "minlstm": """\
hidden, conv = state
seen, conv = self.conv(inputs, conv)
forget, add, candidate = self.gates(seen).chunk(3, -1)
ratio = functional.softplus(-forget) - functional.softplus(-add)  # log(i_t / f_t)
kept, added = torch.sigmoid(-ratio), torch.sigmoid(ratio)  # f_t / (f_t + i_t) and i_t / (f_t + i_t)
{MINIMAL}""",
    "rg_lru": """\
hidden, conv = state
seen, conv = self.conv(self.input(inputs), conv)  # y_t
forget, add = torch.sigmoid(self.gates(seen)).chunk(2, -1)  # r_t and i_t
log_kept = 8 * functional.logsigmoid(self.decay) * forget  # log a_t
kept = log_kept.exp()
added = (-torch.expm1(2 * log_kept)).clamp(min=1e-8).sqrt() * add * seen  # sqrt(1 - a_t^2) (i_t y_t)
{SCAN}gate = functional.gelu(self.gate(inputs), approximate="tanh")
return self.output(torch.stack(hiddens, 1) * gate), (hidden, conv)
""",
    "slstm": """\
hidden, cell, normaliser, bound, conv = state
seen, conv = self.conv(inputs, conv)
products = torch.cat((self.gates(functional.silu(seen)), self.inputs(inputs)), -1)
hiddens = []
for product in products.unbind(1):
    heads = hidden.unflatten(-1, ({num_heads}, {head_size}))
    product = product + torch.einsum("bnp,gnqp->bgnq", heads, self.recurrent).flatten(1)  # R h_{{t-1}} of each head
    log_input, forget, new, output = product.chunk(4, -1)
    carried = functional.logsigmoid(forget) + bound
    bound = torch.maximum(carried, log_input)  # m_t: c_t and n_t are divided by its exponential
    kept, added = (carried - bound).exp(), (log_input - bound).exp()
    cell = kept * cell + added * new.tanh()  # c_t
    normaliser = kept * normaliser + added  # n_t
    hidden = torch.sigmoid(output) * cell / normaliser  # h_t
    hiddens.append(hidden)
heads = torch.stack(hiddens, 1).unflatten(-1, ({num_heads}, {head_size}))
return self.output(self.norm(heads)), (hidden, cell, normaliser, bound, conv)
""",
    "mlstm": """\
memory, normaliser, bound, conv = state
seen, conv = self.conv(inputs, conv)
seen = functional.silu(seen)  # y_t
log_input, forget = self.gates(seen).chunk(2, -1)
parts = self.query(seen), self.key(seen) / {head_size} ** 0.5, self.value(inputs)
parts = [part.unflatten(-1, ({num_heads}, {head_size})) for part in parts]
steps = (part.unbind(1) for part in (*parts, log_input, functional.logsigmoid(forget)))
hiddens = []
for query, key, value, log_i, log_f in zip(*steps):
    carried = log_f + bound
    bound = torch.maximum(carried, log_i)  # m_t: C_t and n_t are divided by its exponential
    kept, added = (carried - bound).exp().unsqueeze(-1), (log_i - bound).exp().unsqueeze(-1) * key
    memory = kept.unsqueeze(-1) * memory + added.unsqueeze(-1) * value.unsqueeze(-2)  # C_t, transposed
    normaliser = kept * normaliser + added  # n_t
    scale = torch.maximum((normaliser * query).sum(-1).abs(), (-bound).clamp(max=80).exp())
    hiddens.append((query.unsqueeze(-2) @ memory).squeeze(-2) / scale.unsqueeze(-1))
hidden = self.norm(torch.stack(hiddens, 1))
return self.output(torch.sigmoid(self.output_gate(inputs)) * hidden), (memory, normaliser, bound, conv)
""",
    "mamba2": """\
memory, conv = state
gate, mixed, sizes = self.input(inputs).split([{inner_size}, {conv_channels}, {num_heads}], -1)
mixed, conv = self.conv(mixed, conv)
values, write, read = functional.silu(mixed).split([{inner_size}, {group_size}, {group_size}], -1)  # x, B and C
values = values.unflatten(-1, ({num_heads}, {head_size}))
write, read = (
    part.unflatten(-1, ({num_groups}, {state_size})).repeat_interleave({per_group}, 2) for part in (write, read)
)
sizes = functional.softplus(sizes + self.step_bias)  # d_t
outputs = []
for x, b, c, d in zip(values.unbind(1), write.unbind(1), read.unbind(1), sizes.unbind(1)):
    kept, added = (-d * self.decay.exp()).exp(), d.unsqueeze(-1) * x
    memory = kept[..., None, None] * memory + added.unsqueeze(-1) * b.unsqueeze(-2)  # S_t
    outputs.append((memory @ c.unsqueeze(-1)).squeeze(-1) + self.skip.unsqueeze(-1) * x)  # y_t
outputs = torch.stack(outputs, 1).flatten(2) * functional.silu(gate)
return self.output(self.norm(outputs)), (memory, conv)
""",
}


def block_code(name: str, config: ModernConfig, weights: Weights) -> str:
    """The code of Block, with a cell of this name, and of the classes that it needs."""
    sizes = {each: getattr(config, each) for each in dir(config) if not each.startswith("_")}
    if isinstance(config, Mamba2Config):
        sizes["group_size"] = config.num_groups * config.state_size
        sizes["per_group"] = config.num_heads // config.num_groups
    sizes["before"] = config.conv_size - 1
    has_heads = name in ("slstm", "mlstm")
    special = {"norm": f"HeadNorm({sizes['inner_size']})"} if has_heads else {}
    forward = FORWARD[name].replace("{MINIMAL}", MINIMAL).replace("{SCAN}", SCAN).format(**sizes)
    code = CONV.format(**sizes) + HEAD_NORM * has_heads
    code += CELL.format(
        about=equations(*CLASSES[name]),
        init=indented(declared(weights, "blocks.0.cell.", special), 2),
        size=config.embed_size,
        forward=indented(forward.rstrip(), 2),
    )
    init, run = ["self.cell = Cell()"], ["outputs = inputs + added"]
    if config.mlp_size:
        code += MLP.format(init=indented(declared(weights, "blocks.0.mlp."), 2))
        init += [f"self.mlp_norm = nn.RMSNorm({config.embed_size}, eps=1e-5)", "self.mlp = MLP()"]
        run.append("outputs = outputs + self.mlp(self.mlp_norm(outputs))")
    return code + BLOCK.format(
        and_mlp=" and an MLP" if config.mlp_size else "",
        size=config.embed_size,
        init=indented(init, 2),
        run=indented(run, 2),
    )


def equations(module: str, name: str) -> str:
    """The first paragraph and the equations in the docstring of a class. Its module is not imported: it needs torch."""
    tree = ast.parse(resources.files(__package__).joinpath(f"{module}.py").read_text("utf-8"))
    found = next(each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == name)
    first, *others = (ast.get_docstring(found) or "").split("\n\n")
    return "\n\n".join([first, *(indented(each, 1) for each in others if each.startswith("    "))])


def declared(weights: Weights, prefix: str, special: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """The lines of __init__ that make the members below a prefix, of the sizes of their weights.

    special: the code of members of classes of their own.
    """
    lines, done = [], set()
    for name, values in weights.items():
        member, _, part = name.removeprefix(prefix).partition(".")
        if not name.startswith(prefix) or member in done:
            continue
        done.add(member)
        if member in special:
            made = special[member]
        elif not part:
            made = f"nn.Parameter(torch.empty({', '.join(map(str, values.shape))}))"
        else:
            made = _module(weights, prefix + member)
        lines.append(f"self.{member} = {made}")
    return lines


def _module(weights: Weights, name: str) -> str:
    """The code of a convolution, a linear layer or an RMSNorm."""
    outputs, *inputs = weights[f"{name}.weight"].shape
    if not inputs:
        return f"nn.RMSNorm({outputs}, eps=1e-5)"
    if len(inputs) > 1:
        return f"Conv({outputs})"
    return f"nn.Linear({inputs[0]}, {outputs}{'' if f'{name}.bias' in weights else ', bias=False'})"
