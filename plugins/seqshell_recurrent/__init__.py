"""Recurrent language models with decoders in numpy.

rnn, lstm and gru use torch's fast layers; elman, lstm_cell and gru_cell are written out from their equations.
"""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Task


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """Offer rnn, lstm, gru, elman, lstm_cell and gru_cell. torch and numpy are imported when one is first used."""
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
            decoder=(
                f"seqshell_recurrent.compiled_decoders:{prefix}Decoder",
                f"seqshell_recurrent.decoders:{prefix}Decoder",
            ),
            summary=summary,
            export="seqshell_recurrent.exporting:export_recurrent",
        )
    for name, prefix, model, export, summary in (
        (
            "elman",
            "Elman",
            "Elman",
            "export_elman",
            "the recurrent network of the tutorials: i2h, h2h and h2o, or i2h and i2o",
        ),
        (
            "lstm_cell",
            "LSTMCell",
            "LSTMCellLanguageModel",
            "export_cells",
            "the LSTM written out from its equations, with W, U and b of each gate",
        ),
        (
            "gru_cell",
            "GRUCell",
            "GRUCellLanguageModel",
            "export_cells",
            "the GRU written out from its equations, with W, U and b of each gate",
        ),
    ):
        yield Architecture(
            name,
            Task.GENERATE,
            config=f"seqshell_recurrent.config:{prefix}Config",
            model=f"seqshell_recurrent.cells:{model}",
            decoder=(
                f"seqshell_recurrent.compiled_decoders:{prefix}Decoder",
                f"seqshell_recurrent.cell_decoders:{prefix}Decoder",
            ),
            summary=summary,
            export=f"seqshell_recurrent.exporting:{export}",
        )
