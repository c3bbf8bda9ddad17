"""Build the parts of a model from a checkpoint: its config, and its decoder or torch module.

The file is untrusted: names go through the registry, never through an import path, and memory is allocated only for
weights that the file holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, get_origin

from seqshell.core.errors import CheckpointError, UsageError, reason_of
from seqshell.core.model import Architecture
from seqshell.core.plugin_api import Setting, settings_of
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.core.text_output import brief, quoted
from seqshell.host import resolve
from seqshell.models.decoders import decoders_of

# Limits of what a config may ask for, before it is built: calls of torch for any module, and numbers for each number of
# the checkpoint: a module may have buffers that are not saved.
MAX_UNSAVED = 1000

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder

    Weights = Mapping[str, NDArray[Any]]


def read_config(architecture: Architecture, values: Mapping[str, Any]) -> Any:
    """Build an architecture's config from JSON values.

    Raises CheckpointError if a field is unknown, of the wrong type or out of range.
    """
    offered = resolve(architecture.config)
    known = {setting.name: setting for setting in settings_of(offered)}
    for key in values:
        if key not in known:
            raise CheckpointError(
                f"the architecture {architecture.name} has no setting {quoted(key)}; "
                "a newer version of its plugin may have it"
            )
    parsed = {key: _checked(known[key], value) for key, value in values.items()}
    try:
        return offered(**parsed)
    except (TypeError, ValueError) as error:
        reason = reason_of(error).removeprefix(f"{type(error).__name__}: ")
        raise CheckpointError(f"the config does not fit the architecture {architecture.name}: {reason}") from None
    except BaseException:
        with Guard("the config", Owner(), f"does not fit the architecture {architecture.name}", raises=CheckpointError):
            raise


def _checked(setting: Setting, value: Any) -> Any:
    """A value of a config as its setting's type. A value of any other type is left to the plugin's config."""
    fits = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}
    if setting.full_type in fits and type(value) not in fits[setting.full_type]:
        raise CheckpointError(f"the setting {setting.name} cannot be {quoted(value)}")
    try:
        parsed = setting.parse(value)
    except UsageError as error:
        raise CheckpointError(error.message) from None
    if setting.full_type not in fits and _plain(parsed) != _plain(value):  # such as "5" for a number
        raise CheckpointError(f"the setting {setting.name} cannot be {quoted(value)}")
    return tuple(parsed) if isinstance(parsed, list) and get_origin(setting.full_type) is not list else parsed


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def build_decoder(architecture: Architecture, config: Any, weights: Weights, *, in_torch: bool = False) -> Decoder:
    """Build the first decoder of the architecture that can be imported.

    Wraps its torch module if it has none, or if in_torch, for a checkpoint whose decoder does not give its outputs.
    """
    with fitting(architecture):
        for _, make in () if in_torch else decoders_of(architecture):
            return make(config, weights)
        from seqshell.models.torch_decoder import wrap_module

        return wrap_module(architecture, build_module(architecture, config, weights))


def build_module(architecture: Architecture, config: Any, weights: Weights) -> Any:
    """Build the torch module with these weights. Raises CheckpointError if they do not fit.

    The config may claim any size, so the module is first built on the meta device, where it needs no memory.
    """
    import torch

    with fitting(architecture):
        build = resolve(architecture.model)
        held = {name: _described(values.shape, values.dtype.kind == "f") for name, values in weights.items()}
        try:
            claimed = _claimed(partial(build, config), held, sum(values.size for values in weights.values()))
        except CheckpointError:
            raise
        except Exception:  # the module needs real numbers while it is built; load_state_dict checks the shapes then
            claimed = held
        for name in sorted(claimed.keys() | held.keys()):
            if claimed.get(name) != held.get(name):
                raise CheckpointError(
                    f"the weights do not fit the architecture {architecture.name}: {brief(name)} is "
                    f"{held.get(name, 'missing')}, but the config implies {claimed.get(name, 'none')}"
                )
        module = build(config)
        try:
            module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        except RuntimeError as error:  # torch lists all that is wrong, one per line, after a line that says so
            first = next(iter(str(error).splitlines()[1:]), str(error)).strip()
            raise CheckpointError(
                f"the weights do not fit the architecture {architecture.name}: {first:.200}"
            ) from None
        return module


@contextmanager
def fitting(architecture: Architecture) -> Iterator[None]:
    """Turn whatever a plugin's module or decoder raises about its weights into a CheckpointError.

    Weights may be so large that their products are not finite; numpy does not warn of that.
    """
    import numpy as np

    doing = f"do not fit the architecture {architecture.name}"
    with Guard("the weights", Owner(), doing, raises=CheckpointError), np.errstate(all="ignore"):
        try:
            yield
        except MemoryError:
            raise CheckpointError(
                f"the memory is too small for the architecture {architecture.name} with the sizes of its config"
            ) from None


def _claimed(build: Callable[[], Any], held: Mapping[str, str], size: int) -> dict[str, str]:
    """Describe the weights of a module by name, without allocating memory for them.

    A buffer is described as in `held`: load_state_dict may give it any size, and checks the others.
    size: how many numbers the checkpoint holds. Raises CheckpointError if the module is much larger.
    """
    from seqshell.models.unfilled import unfilled

    with unfilled(size):
        module = build()
        parts = (*module.parameters(), *module.buffers())  # with the buffers that no checkpoint holds
        if (claimed := sum(part.numel() for part in parts)) > MAX_UNSAVED * (size + 1):
            raise CheckpointError(f"its config asks for {claimed:,} numbers, but it has {size:,}")
        buffers = {name for name, _ in module.named_buffers()}
        return {
            name: held.get(name, "there") if name in buffers else _described(value.shape, value.is_floating_point())
            for name, value in module.state_dict().items()
        }


def _described(shape: Iterable[int], has_floats: bool) -> str:
    return f"{list(shape)}{'' if has_floats else ' of integers'}"
