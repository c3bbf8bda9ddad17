"""Build the parts of a model from a checkpoint: its config, and its decoder or torch module.

The file is untrusted: names go through the registry, never through an import path, and memory is allocated only for
weights that the file holds.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Architecture
from seqshell.core.plugin_api import Setting, settings_of
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.host import resolve
from seqshell.models.decoders import decoders_of

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
    hints = typing.get_type_hints(offered)
    for key, value in values.items():
        if key not in known:
            raise CheckpointError(
                f"the architecture {architecture.name} has no setting {key!r}; "
                "a newer version of its plugin may have it"
            )
        _check_value(known[key], hints[key], value)
    try:
        return offered(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the config does not fit the architecture {architecture.name}: {error}") from None
    except BaseException:
        with Guard("the config", Owner(), f"does not fit the architecture {architecture.name}", raises=CheckpointError):
            raise


def _check_value(setting: Setting, hint: Any, value: Any) -> None:
    """Check a plain number or text; values of other types are left to the plugin's config."""
    fits = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}
    if hint in fits:
        if type(value) not in fits[hint]:
            raise CheckpointError(f"the setting {setting.name} cannot be {value!r:.60}")
        try:
            setting.parse(value)
        except UsageError as error:
            raise CheckpointError(error.message) from None


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
        held = {name: tuple(values.shape) for name, values in weights.items()}
        try:
            claimed = _shapes(partial(build, config))
        except Exception:  # the module needs real numbers while it is built; load_state_dict checks the shapes then
            claimed = held
        for name in sorted(claimed.keys() | held.keys()):
            if claimed.get(name) != held.get(name):
                raise CheckpointError(
                    f"the weights do not fit the architecture {architecture.name}: "
                    f"{name} is {held.get(name, 'missing')}, but the config implies {claimed.get(name, 'none')}"
                )
        module = build(config)
        module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        return module


@contextmanager
def fitting(architecture: Architecture) -> Iterator[None]:
    """Turn whatever a plugin's module or decoder raises about its weights into a CheckpointError."""
    doing = f"do not fit the architecture {architecture.name}"
    with Guard("the weights", Owner(), doing, raises=CheckpointError):
        yield


def _shapes(build: Callable[[], Any]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a module's weights, without allocating memory for them."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        """Skips filling weights on the meta device: that would import torch's compiler, which takes seconds."""

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            first = next(iter((*args, *(kwargs or {}).values())), None)
            in_place = function.__name__.endswith("_") and not function.__name__.endswith("__")
            return (
                first
                if in_place and isinstance(first, torch.Tensor) and first.is_meta
                else function(*args, **(kwargs or {}))
            )

    with torch.device("meta"), Unfilled():
        return {name: tuple(value.shape) for name, value in build().state_dict().items()}
