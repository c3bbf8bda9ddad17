"""Functions on states, for strategies, commands and decoders of plugins. A state is a leaf, or a tuple of states.

The first axis of every leaf is the batch. A leaf is an array, or an OpaqueLeaf whose numbers only its decoder reads;
`as_array` gives them. A returned state is never written to: make a new one.
"""

from seqshell.core.state import (
    OpaqueLeaf,
    State,
    as_array,
    attention_of,
    by_address,
    leaves,
    map_leaves,
    named_leaves,
    replace_leaves,
    rows,
)

__all__ = [
    "OpaqueLeaf",
    "State",
    "as_array",
    "attention_of",
    "by_address",
    "leaves",
    "map_leaves",
    "named_leaves",
    "replace_leaves",
    "rows",
]
