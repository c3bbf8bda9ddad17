"""The torch module of an opened checkpoint."""

from __future__ import annotations

from torch import nn

from seqshell.core.errors import RecipeError
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.models import file
from seqshell.models.building import build_module, read_config
from seqshell.models.ownership import find_architecture
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.training.mixed_module import MixedModule
from seqshell.training.optimizer import find_device


def torch_module(model: Model, registry: Registry) -> nn.Module:
    """The torch module with the weights of `model`, on the CPU, in eval mode.

    CheckpointError if the file has other tensors than the module: a decoder may leave some unread.
    """
    if model.members:
        return MixedModule([torch_module(member, registry) for member in model.members], model.shares).eval()
    if isinstance(model.decoder, TorchDecoder):
        return model.decoder.module.eval()
    assert model.path is not None  # it was opened from a file
    header, weights = file.read(model.path)
    _, architecture = find_architecture(header, registry, model.path.name)
    module: nn.Module = build_module(architecture, read_config(architecture, header["config"]), weights)
    return module.eval()


def torch_module_on(device: str, model: Model, registry: Registry) -> nn.Module:
    """`torch_module`, moved to a device by name or to the best one for "auto".

    Raises RecipeError if the device is not available.
    """
    try:
        where = find_device(device)
    except ValueError as error:
        raise RecipeError(f"--device: {error}") from None
    return torch_module(model, registry).to(where)
