"""The built-in samplers: the ways to reshape the next token's logits."""

from __future__ import annotations

from collections.abc import Iterable

import seqshell


@seqshell.hookimpl
def seqshell_samplers() -> Iterable[seqshell.Lazy]:
    yield seqshell.Lazy("temperature", "seqshell_samplers.temperature:Temperature")
    yield seqshell.Lazy("top_k", "seqshell_samplers.truncation:TopK")
    yield seqshell.Lazy("top_p", "seqshell_samplers.truncation:TopP")
    yield seqshell.Lazy("min_p", "seqshell_samplers.truncation:MinP")
