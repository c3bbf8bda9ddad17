"""A decoder over the current weights of a module, for samples and validation during training."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqshell.core.decoder import Decoder
from seqshell.core.model import Architecture
from seqshell.models.building import build_decoder
from seqshell.models.torch_decoder import wrap_module
from seqshell.training.optimizer import device_of


def make_decoder(architecture: Architecture, config: Any, module: nn.Module) -> Decoder:
    """The architecture's own decoder over a copy of the weights; a TorchDecoder if it has none or on a GPU."""
    if not architecture.decoders or device_of(module).type != "cpu":
        return wrap_module(architecture, module)
    tensors = {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}
    weights = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).numpy().copy()
        for name, tensor in tensors.items()
    }
    return build_decoder(architecture, config, weights)
