"""mingru and minlstm as plain PyTorch, which computes them step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import PlainModel
from seqshell.exporting.plain_model import indented
from seqshell_modern.config import MinimalConfig

Weights = Mapping[str, NDArray[Any]]
CODE = '''\
class Block(nn.Module):
    """A cell whose gates see only the input{about_mlp}; what it computes is added to the input."""

    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm({size}, eps=1e-5)
        self.cell = nn.ModuleDict(
            {{
                "conv": nn.Conv1d({size}, {size}, {conv_size}, groups={size}),
                "gates": nn.Linear({size}, {gates_size}),
                "output": nn.Linear({hidden_size}, {size}, bias=False),
            }}
        )
{init}

    def forward(self, inputs, hidden, conv):
        seen = torch.cat((conv, self.norm(inputs)), 1)
        gates = self.cell["gates"](self.cell["conv"](seen.transpose(1, 2)).transpose(1, 2))
{gates}
        added = added * torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        states = []
        for keep, add in zip(kept.unbind(1), added.unbind(1)):
            hidden = keep * hidden + add
            states.append(hidden)
        outputs = inputs + self.cell["output"](torch.stack(states, 1))
{mlp}
        return outputs, hidden, seen[:, inputs.shape[1] :]


class Model(nn.Module):
    """A language model: {num_layers} blocks of {name} with {hidden_size} units.

    tokens: [B, T] int64. state: hidden states [B, {num_layers}, {hidden_size}], and inputs of the convolutions.
    """

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding({vocab_size}, {size})
        self.blocks = nn.ModuleList(Block() for _ in range({num_layers}))
        self.norm = nn.RMSNorm({size}, eps=1e-5)
        self.readout = nn.Linear({size}, {vocab_size})
{tie}

    def initial_state(self, batch_size=1):
        convs = torch.zeros(batch_size, {num_layers}, {before}, {size})
        return torch.zeros(batch_size, {num_layers}, {hidden_size}), convs

    def forward(self, tokens, state):
        """Returns logits [B, T, {vocab_size}] and the state after the last token."""
        outputs, hiddens, convs = self.embedding(tokens), [], []
        for index, block in enumerate(self.blocks):
            outputs, hidden, conv = block(outputs, state[0][:, index], state[1][:, index])
            hiddens.append(hidden)
            convs.append(conv)
        return self.readout(self.norm(outputs)), (torch.stack(hiddens, 1), torch.stack(convs, 1))
'''
GATES = {
    "minGRU": (
        "update, candidate = gates.chunk(2, -1)",
        "kept, added = torch.sigmoid(-update), torch.sigmoid(update)",
    ),
    "minLSTM": (
        "forget, add, candidate = gates.chunk(3, -1)",
        "ratio = functional.softplus(-forget) - functional.softplus(-add)  # log(i / f)",
        "kept, added = torch.sigmoid(-ratio), torch.sigmoid(ratio)",
    ),
}
EXAMPLE = """\
tokens = torch.tensor([encode(" ".join(words))])
logits, state = model(tokens, model.initial_state())
for logit, token in zip(*logits[0, -1].topk(5), strict=True):
    print(f"{logit:9.4f}  {decode(int(token))!r}")
"""


def export_mingru(config: MinimalConfig, weights: Weights) -> PlainModel:
    """mingru."""
    return _exported("minGRU", config, weights)


def export_minlstm(config: MinimalConfig, weights: Weights) -> PlainModel:
    """minlstm."""
    return _exported("minLSTM", config, weights)


def _exported(name: str, config: MinimalConfig, weights: Weights) -> PlainModel:
    size, mlp_size, gates = config.embed_size, config.mlp_size, GATES[name]
    layers = [f'"{part}": nn.Linear({size}, {mlp_size}, bias=False)' for part in ("gate", "up")]
    layers.append(f'"down": nn.Linear({mlp_size}, {size}, bias=False)')
    init = [f"self.mlp_norm = nn.RMSNorm({size}, eps=1e-5)", f"self.mlp = nn.ModuleDict({{{', '.join(layers)}}})"]
    run = [
        "normed = self.mlp_norm(outputs)",
        'gated = functional.gelu(self.mlp["gate"](normed), approximate="tanh")',
        'outputs = outputs + self.mlp["down"](gated * self.mlp["up"](normed))',
    ]
    code = CODE.format(
        name=name,
        about_mlp=", and an MLP" if mlp_size else "",
        size=size,
        conv_size=config.conv_size,
        before=config.conv_size - 1,
        hidden_size=config.hidden_size,
        gates_size=len(gates[0].partition(" =")[0].split(", ")) * config.hidden_size,
        gates=indented("\n".join(gates), 2),
        init=indented("\n".join(init), 2) if mlp_size else "",
        mlp=indented("\n".join(run), 2) if mlp_size else "",
        num_layers=config.num_layers,
        vocab_size=config.vocab_size,
        tie="        self.readout.weight = self.embedding.weight" if config.tied else "",
    )
    tied = {"readout.weight": weights["embedding.weight"]} if config.tied else {}
    return PlainModel(code, {**weights, **tied}, EXAMPLE, {})
