"""Recurrent language models: the simple recurrent network, the LSTM and the GRU, with decoders in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Task


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """rnn, lstm and gru; torch and numpy are imported when one of them is first used."""
    for name, prefix, summary in (
        ("rnn", "RNN", "simple recurrent network (Elman 1990): tanh, relu or sigmoid"),
        ("lstm", "LSTM", "long short-term memory (Hochreiter & Schmidhuber 1997) with a forget gate"),
        ("gru", "GRU", "gated recurrent unit (Cho et al. 2014)"),
    ):
        yield Architecture(
            name,
            Task.GENERATE,
            config=f"seqshell_recurrent.config:{prefix}Config",
            model=f"seqshell_recurrent.language_models:{prefix}LanguageModel",
            decoder=f"seqshell_recurrent.decoders:{prefix}Decoder",
            summary=summary,
        )
