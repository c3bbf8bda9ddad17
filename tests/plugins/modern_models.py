"""Small models of each modern cell, with seeded weights."""

from __future__ import annotations

import torch

from seqshell.core.plugin_api import build, settings_of
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry

REGISTRY = load_registry(Policy(no_plugins=True))
SETTINGS = {
    "mingru": {"hidden_size": 7},
    "minlstm": {"hidden_size": 7},
    "rg_lru": {"hidden_size": 7},
    "mlstm": {"num_heads": 2, "head_size": 3},
    "slstm": {"num_heads": 2, "head_size": 3},
    "mamba2": {"num_heads": 4, "head_size": 2, "state_size": 3, "num_groups": 2},
    "rwkv7": {"num_heads": 2, "head_size": 3, "rank": 2},
}
SHARED = {"vocab_size": 5, "embed_size": 6, "num_layers": 2, "mlp_size": 8, "conv_size": 3}


def model(name, scale=1.0, **settings):
    """A model with seeded weights, all of them multiplied by `scale`."""
    offered = REGISTRY.architectures[name]
    torch.manual_seed(0)
    kind = resolve(offered.config)
    known = {item.name for item in settings_of(kind)}
    shared = {key: value for key, value in SHARED.items() if key in known}
    module = resolve(offered.model)(build(kind, {**shared, **SETTINGS[name], **settings})).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight)).mul_(scale)
    return module


def decoder(name, module):
    """The decoder in numpy with the weights of a module."""
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    return resolve(REGISTRY.architectures[name].decoder)(module.config, weights)
