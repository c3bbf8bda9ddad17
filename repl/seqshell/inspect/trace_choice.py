"""What to keep of a trace: some of its arrays, of all layers or of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.names import nearest
from seqshell.core.state import State, by_address
from seqshell.core.text_output import quoted
from seqshell.core.trace import Trace

SURPRISAL = "surprisal"
OUTPUTS = ("logits", "forecasts")


@dataclass(frozen=True)
class Choice:
    """The names of arrays, and a layer: the first index of arrays with several (None: all).

    names: empty for the leaves of the state and the surprisal.
    """

    names: tuple[str, ...] = ()
    layer: int | None = None

    def arrays(self, trace: Trace, state: State) -> dict[str, NDArray[Any]]:
        """The arrays [T, ...] by name. state: of the model. UsageError gives the names, or layers, that there are."""
        there = available(trace)
        names = self.names or tuple(name for name in (*by_address(state), SURPRISAL) if name in there)
        for name in names:
            if name not in there:
                known = ", ".join(there)
                raise UsageError(
                    f"no array {quoted(name)}; available: {known}", hint=nearest(name, there), code="unknown_array"
                )
        found = {name: there[name] for name in names}
        if self.layer is None:
            return found
        layered = {name: array for name, array in found.items() if has_layers(name, array)}
        if not layered:
            raise UsageError(f"{' and '.join(names)} without layers; leave out --layer", code="layer")
        for name, array in layered.items():
            if self.layer >= array.shape[1]:
                valid = f"0 to {array.shape[1] - 1}" if array.shape[1] > 1 else "0"
                raise UsageError(f"the layer of {name} must be {valid}, not {self.layer}", code="layer")
        return {name: array[:, self.layer] if name in layered else array for name, array in found.items()}

    def indices(self, trace: Trace) -> dict[str, tuple[int, ...]]:
        """The index of the layer by name of the array, if there is one."""
        if self.layer is None:
            return {}
        return {name: (self.layer,) for name, array in available(trace).items() if has_layers(name, array)}


def has_layers(name: str, array: NDArray[Any]) -> bool:
    """Whether an array [T, ...] has layers: a leaf or a gate with several axes, of which they are the first."""
    return array.ndim > 2 and name not in OUTPUTS


def outputs_name(trace: Trace) -> str:
    """What the outputs are called: logits, unless they are forecasts [K, F, Q]."""
    return OUTPUTS[0] if trace.outputs.ndim == 2 else OUTPUTS[1]


def available(trace: Trace) -> Mapping[str, NDArray[Any]]:
    """All arrays of a trace, its outputs and its surprisal included."""
    surprisal = {} if trace.surprisal is None else {SURPRISAL: trace.surprisal}
    return {**trace.arrays, outputs_name(trace): trace.outputs, **surprisal}


def parse_choice(what: str, layer: str) -> Choice:
    """The choice that a user writes: names divided by commas, and a number; empty for all. UsageError for another."""
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in what.split(",")))))
    if layer and not (layer.isascii() and layer.isdigit() and len(layer) < 10):
        raise UsageError(f"the layer must be a whole number from 0, not {layer[:40]!r}", code="layer")
    return Choice(names, int(layer) if layer else None)
