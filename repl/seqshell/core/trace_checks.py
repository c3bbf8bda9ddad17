"""Check what a decoder's `trace` returns, and add the leaves that do not change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from seqshell.core.plugin_guard import WrongReturn
from seqshell.core.state import Arrays, State, as_array, by_address
from seqshell.core.state_checks import called, structure_trouble

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = re.compile(r"\w+(\.\w+)*")
Traced = tuple["NDArray[Any]", State, Arrays]


def checked_trace(found: Any, by: Any, inputs: NDArray[Any], before: State) -> Traced:
    """The outputs [B, T, V], the state, and [B, T, ...] of each leaf and gate. WrongReturn if something is wrong.

    found: what `by` returned for inputs [B, T, ...] and the state `before`.
    """
    import numpy as np

    from seqshell.core.growth import growth_axis

    if not isinstance(found, tuple) or len(found) != 3 or not isinstance(found[2], dict):
        seen = f"{len(found)} values" if isinstance(found, tuple) else called(found)
        raise WrongReturn(f"trace must return outputs, the new state and a dict of arrays, not {seen}", by)
    outputs, state, arrays = found
    if trouble := structure_trouble(state, before):
        raise WrongReturn(f"trace must return {trouble}", by)
    size = inputs.shape[:2]
    for name, array in {"the outputs": outputs, **arrays}.items():
        if not isinstance(array, np.ndarray) or array.shape[:2] != size:
            seen = f"an array {list(array.shape)}" if isinstance(array, np.ndarray) else called(array)
            raise WrongReturn(f"trace must return {name} as an array [{size[0]}, {size[1]}, ...], not {seen}", by)
        if not NAME.fullmatch(name) and name in arrays:
            raise WrongReturn(f"a name in trace must be letters, digits and dots, not {name!r:.40}", by)
    whole = dict(arrays)
    starts = by_address(before)
    for name, leaf in by_address(state).items():
        start, last = as_array(starts[name]), as_array(leaf)
        if name not in arrays:
            if leaf is not starts[name] and (start.shape != last.shape or not np.array_equal(start, last)):
                raise WrongReturn(f"trace must return the leaf {name} after each input, because it changes", by)
            whole[name] = np.broadcast_to(last[:, None], (*size, *last.shape[1:]))
            continue
        shape, axis = list(last.shape[1:]), growth_axis(start.shape, last.shape)
        if axis is not None:
            shape[axis - 1] = (last.shape[axis] - start.shape[axis]) // size[1]
        if list(arrays[name].shape[2:]) != shape or arrays[name].dtype != last.dtype:
            seen = f"{list(arrays[name].shape)} of {arrays[name].dtype}"
            expected = f"{[*size, *shape]} of {last.dtype}"
            raise WrongReturn(f"trace must return the leaf {name} as {expected}, not {seen}", by)
    return outputs, state, whole
