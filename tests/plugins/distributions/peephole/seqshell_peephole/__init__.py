"""Long short-term memory with peepholes (Gers & Schmidhuber 2000)."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "peephole",
        seqshell.Task.GENERATE,
        config="seqshell_peephole.config:PeepholeConfig",
        model="seqshell_peephole.model:PeepholeLanguageModel",
        summary="LSTM whose gates see the cell (Gers & Schmidhuber 2000)",
    )
