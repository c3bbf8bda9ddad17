"""A decoder over the weights of a module as they are now, to see what it has learnt so far."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqshell.decoder import Decoder
from seqshell.decoding.torch_decoder import TorchDecoder
from seqshell.host import resolve
from seqshell.models import Architecture


def make_decoder(architecture: Architecture, config: Any, module: nn.Module) -> Decoder:
    """The architecture's own decoder over a copy of the weights, else the module itself behind a decoder's face."""
    if architecture.decoder is None or next(module.parameters()).device.type != "cpu":
        return TorchDecoder(module)
    weights = {name: tensor.detach().cpu().float().numpy().copy() for name, tensor in module.state_dict().items()}
    decoder: Decoder = resolve(architecture.decoder)(config, weights)
    return decoder
