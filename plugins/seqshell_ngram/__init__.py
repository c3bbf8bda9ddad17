"""Language models of the last tokens alone: n-grams, maximum entropy, the neural n-gram, and LSTMs over a window."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Task

EXPORTED = ("neural_ngram", "window_lstm")  # the others are counts, or weights of hashed n-grams


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """Offer ngram, maxent, neural_ngram and window_lstm. Their state is the last tokens."""
    for name, prefix, summary in (
        (
            "ngram",
            "NGram",
            "n-gram counts with Witten-Bell or interpolated Kneser-Ney smoothing; one pass over the text",
        ),
        ("maxent", "MaxEnt", "log-linear model over hashed n-gram features (Mikolov et al. 2011)"),
        ("neural_ngram", "NeuralNGram", "feed-forward network over the last n - 1 tokens (Bengio et al. 2003)"),
        (
            "window_lstm",
            "WindowLSTM",
            "LSTM layers that read the last tokens again for each one, averaged by attention (textgenrnn)",
        ),
    ):
        yield Architecture(
            name,
            Task.GENERATE,
            config=f"seqshell_ngram.config:{prefix}Config",
            model=f"seqshell_ngram.{name}:{prefix}LanguageModel",
            decoder=f"seqshell_ngram.decoders:{prefix}Decoder",
            summary=summary,
            export=f"seqshell_ngram.exporting:export_{name}" if name in EXPORTED else None,
        )
