"""Classical language models: n-grams, maximum entropy and the neural n-gram of Bengio et al. 2003."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Task


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """Offer ngram, maxent and neural_ngram. All predict from the last n - 1 tokens, which are their state."""
    for name, prefix, summary in (
        (
            "ngram",
            "NGram",
            "n-gram counts with Witten-Bell or interpolated Kneser-Ney smoothing; one pass over the text",
        ),
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
