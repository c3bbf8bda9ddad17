"""The pairs that were held out when a translation model was trained."""

from __future__ import annotations

from seqshell.core.errors import UsageError
from seqshell.core.model import Model
from seqshell.training.provenance import provenance, recorded_settings
from seqshell.training.translation.data import Pairs, PairSplit, split_pairs


def held_out(model: Model, pairs: Pairs) -> PairSplit:
    """Split a model's own pairs as its training did. Raises UsageError if that is not possible."""
    share = recorded_settings(model).get("validation")
    if isinstance(share, bool) or not isinstance(share, float) or not 0 < share < 1:
        raise UsageError(
            f"--held-out: no share of the pairs was held out when {model.name} was trained; evaluate it on other pairs"
        )
    seen = provenance(model, "data")
    if not str(seen.get("sha256", "")).startswith(" ".join(pairs.digests)):  # extra pairs may follow
        names = " and ".join(pairs.names)
        raise UsageError(
            f"--held-out: {model.name} was trained on other pairs, {seen.get('name')}, or {names} has changed since"
        )
    split = split_pairs(pairs, share)
    return PairSplit(split.training.without_blank(), split.validation.without_blank())
