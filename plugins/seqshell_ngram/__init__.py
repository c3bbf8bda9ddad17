"""Language models that recurrence replaced: counted n-grams, maximum entropy, and the feed-forward network of Bengio et al. 2003."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Task


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """ngram, maxent and neural_ngram: what comes next depends on the last n - 1 tokens alone, and these are the state."""
    for name, prefix, summary in (
        ("ngram", "NGram", "counted n-grams: Witten-Bell, or interpolated Kneser-Ney; one pass over the text"),
        ("maxent", "MaxEnt", "log-linear model over hashed n-gram features (Mikolov et al. 2011)"),
        ("neural_ngram", "NeuralNGram", "feed-forward network over the last n - 1 tokens (Bengio et al. 2003)"),
    ):
        yield Architecture(
            name,
            Task.GENERATE,
            config=f"seqshell_ngram.config:{prefix}Config",
            model=f"seqshell_ngram.{name}:{prefix}LanguageModel",
            decoder=f"seqshell_ngram.decoders:{prefix}Decoder",
            summary=summary,
        )
