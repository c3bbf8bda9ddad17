"""Decoders with weights in bf16 or int8, and what that costs: the difference of the logits, on a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqshell.core.errors import CheckpointError
from seqshell.core.model import Architecture, LogitError, own_method
from seqshell.core.precisions import PRECISIONS
from seqshell.core.tasks import Task
from seqshell.models.building import fitting

if TYPE_CHECKING:
    from seqshell.core.decoder import Decoder

TOKENS = 256


def in_precision(decoder: Decoder, precision: str, architecture: Architecture) -> tuple[Decoder, LogitError | None]:
    """The decoder with its weights in a precision, and the error of its logits; itself, and None, for float32.

    Raises CheckpointError if it cannot be had, with why and what to do.
    """
    if precision == PRECISIONS[0]:
        return decoder, None
    if precision not in PRECISIONS:
        raise CheckpointError(f"there are no weights in {precision!r}; there are {', '.join(PRECISIONS)}")
    change = own_method(decoder, "in_precision", "precision")
    if change is None or architecture.task != Task.GENERATE or getattr(decoder, "backend", "") != "compiled":
        why, hint = _reason(architecture)
        raise CheckpointError(
            f"its weights cannot be in {precision}, which only compiled steps read: {why}",
            hint=f"{hint}without weights={precision} it opens in float32",
        )
    with fitting(architecture):
        other: Decoder = change(precision)
        return other, logit_error(decoder, other)


def _reason(architecture: Architecture) -> tuple[str, str]:
    """Why a decoder is not compiled, and the beginning of a hint."""
    if len(architecture.decoders) < 2 or architecture.task != Task.GENERATE:
        return f"the architecture {architecture.name} has none", ""
    from seqshell.kernels.loading import kernels

    try:
        kernels()
    except ImportError as error:
        compiles = "python -m seqshell.kernels.compile compiles them; " if "not compiled" in str(error) else ""
        return str(error), compiles
    return f"the architecture {architecture.name} has none with this config", ""


def logit_error(exact: Decoder, rounded: Decoder) -> LogitError:
    """Compare two decoders on a text that the first one writes, with a fixed seed, after the token 0."""
    import numpy as np

    random = np.random.default_rng(0)
    state, other, token = exact.initial_state(1), rounded.initial_state(1), np.zeros(1, np.int64)
    largest, total, changed = 0.0, 0.0, 0
    for _ in range(TOKENS):
        logits, state = exact.step(token, state)
        found, other = rounded.step(token, other)
        differences = np.abs(found.astype(np.float64) - logits)
        largest, total = max(largest, float(differences.max())), total + float(differences.mean())
        changed += int(found.argmax() != logits.argmax())
        token = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return LogitError(largest, total / TOKENS, changed, TOKENS)
