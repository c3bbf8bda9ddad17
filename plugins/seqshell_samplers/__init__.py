"""The built-in samplers: the ways to reshape the next token's logits."""

from __future__ import annotations

from collections.abc import Iterable

import seqshell


@seqshell.hookimpl
def seqshell_samplers() -> Iterable[seqshell.Lazy]:
    """The samplers, each imported when it is first used, in their usual order within a stage of the chain."""
    for name, target in (
        ("repeat_penalty", "penalties:RepeatPenalty"),
        ("presence_penalty", "penalties:PresencePenalty"),
        ("frequency_penalty", "penalties:FrequencyPenalty"),
        ("no_repeat_ngram", "penalties:NoRepeatNgram"),
        ("bias", "bias:Bias"),
        ("ban", "constraints:Ban"),
        ("pattern", "constraints:Pattern"),
        ("top_k", "truncation:TopK"),
        ("typical_p", "truncation:TypicalP"),
        ("top_p", "truncation:TopP"),
        ("min_p", "truncation:MinP"),
        ("temperature", "temperature:Temperature"),
        ("mirostat", "mirostat:Mirostat"),
    ):
        yield seqshell.Lazy(name, f"seqshell_samplers.{target}")
