"""How many threads may work on the lines of a file at once."""

from __future__ import annotations

from typing import Any

from seqshell.core.model import Model
from seqshell.core.plugin_guard import owner_of
from seqshell.core.threads import num_cores


def num_threads(model: Model, *parts: Any) -> int:
    """One for each core that may be used; 1 if a third-party plugin takes part, which may not allow several.

    1 also if the model runs in torch, which has threads of its own. parts: the strategy and the samplers.
    """
    used = (model.decoder, model.tokenizer, *parts)
    is_ours = all(owner_of(type(part)).builtin for part in used)
    return num_cores() if is_ours and not getattr(model.decoder, "has_threads", False) else 1
