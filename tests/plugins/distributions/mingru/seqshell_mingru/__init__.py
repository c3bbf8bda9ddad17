"""minGRU language models (Feng et al. 2024, https://arxiv.org/abs/2410.01201)."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "mingru",
        seqshell.Task.GENERATE,
        config="seqshell_mingru.config:MinGRUConfig",
        model="seqshell_mingru.model:MinGRULanguageModel",
        decoder="seqshell_mingru.decoding:MinGRUDecoder",
        summary="minimal gated recurrent unit (Feng et al. 2024), trained in parallel over time",
    )
