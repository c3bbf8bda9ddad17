"""Which of an architecture's decoders can run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError
from seqshell.core.model import Architecture
from seqshell.host import resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder


def decoders_of(
    architecture: Architecture,
) -> Iterator[tuple[str, Callable[[Any, Mapping[str, NDArray[Any]]], Decoder]]]:
    """The name and the constructor of each decoder that can be imported, in order of preference.

    A decoder whose module is not installed is left out, for example a compiled one that is not built on this machine.
    PluginError if an import fails for another reason, or if none of the decoders is installed.
    """
    missing: list[PluginError] = []
    for target in architecture.decoders:
        try:
            decoder = resolve(target)
        except PluginError as error:
            if not isinstance(error.__cause__, ImportError):
                raise
            missing.append(error)
        else:
            yield target if isinstance(target, str) else getattr(target, "__qualname__", repr(target)), decoder
    if missing and len(missing) == len(architecture.decoders):
        raise missing[0]
